#include "broker/page.h"

#include "auth/words.h"
#include "base/json.h"
#include "config/config.h"
#include "transport/server.h"

/* The first header in which a CONNECT frame may bring a token; both empty when there is none. */
static void find_token_header(const struct config *c, struct span *name, struct span *scheme)
{
	*name = *scheme = SPAN("");
	for (size_t i = 0; i < c->auth_token.count; i++) {
		struct span rest = span_of(c->auth_token.items[i]);

		if (!span_eq(words_take(&rest, SPAN(" \t")), SPAN("header")))
			continue;
		*name = words_take(&rest, SPAN(" \t"));
		*scheme = words_take(&rest, SPAN(" \t"));
		return;
	}
}

static struct span first_of(const struct config_list *list)
{
	return list->count > 0 ? span_of(list->items[0]) : SPAN("");
}

static void put_text(struct buf *out, const char *name, struct span text)
{
	buf_printf(out, "\"%s\":", name);
	json_quote(text, out);
	buf_put_byte(out, ',');
}

/* What the page must know of this node's configuration to be a client of it. */
static void answer_settings(const struct config *c, struct answer *answer)
{
	struct buf *out = &answer->body;
	struct span name, scheme;

	find_token_header(c, &name, &scheme);
	buf_put_byte(out, '{');
	put_text(out, "endpoint", span_of(c->endpoint));
	put_text(out, "app", first_of(&c->prefixes_app));
	put_text(out, "broker", first_of(&c->prefixes_broker));
	put_text(out, "tokenHeader", name);
	put_text(out, "tokenScheme", scheme);
	buf_printf(out, "\"anonymous\":%s,", c->auth_anonymous == 0 ? "true" : "false");
	buf_printf(out, "\"version\":\"%s\"}\n", VERSION);
	answer->type = "application/json";
	answer->headers = PAGE_HEADERS;
}

const struct page_file *page_find(struct span path)
{
	const struct span folder = SPAN("/web/");
	struct span name;

	if (span_eq(path, SPAN("/")))
		name = SPAN("index.html");
	else if (path.len > folder.len && memcmp(path.at, folder.at, folder.len) == 0)
		name = (struct span){ path.at + folder.len, path.len - folder.len };
	else
		return NULL;
	for (size_t i = 0; i < page_file_count; i++) {
		if (span_eq(name, span_of(page_files[i].name)))
			return &page_files[i];
	}
	return NULL;
}

void page_answer(const struct config *config, struct span path, struct answer *answer)
{
	const struct page_file *file = page_find(path);

	if (file) {
		answer->type = file->type;
		answer->headers = PAGE_HEADERS;
		answer->etag = file->etag;
		buf_put(&answer->body, file->body);
	} else if (span_eq(path, SPAN("/web/settings.json"))) {
		answer_settings(config, answer);
	} else {
		return;
	}
	answer->status = 200;
}
