/*
 * The law: any text either loads, or is refused with one line that names the
 * file and a line within it. What loads, printed and loaded again, is the same
 * configuration; only secrets, which are never printed, go back to their default.
 */
#include "base/mem.h"
#include "config/config.h"
#include "config/options.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BYTES_MOST = 1 << 16
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct config_error *error, const char *text, size_t size)
{
	unsigned long lines = 1, line;
	char *end;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	assert(strncmp(error->text, "fuzz:", 5) == 0);
	line = strtoul(error->text + 5, &end, 10);
	assert(*end == ':' && line >= 1 && line <= lines);
	for (const char *c = error->text; *c; c++)
		assert((unsigned char)*c >= 0x20 && *c != 0x7f);
}

/* Every value but the secrets. */
static struct buf values_of(const struct config *c)
{
	struct buf out = { NULL, 0, 0 };
	const struct option *o;

	for (size_t i = 0; (o = options_get(i)); i++) {
		if (!o->type->is_secret)
			o->type->write(o, options_value(c, o), &out);
		buf_put_byte(&out, '\n');
	}
	return out;
}

static void check_again(const struct config *c)
{
	struct config_error error;
	struct config again;
	struct buf before, after;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert(out);
	config_print(c, out);
	(void)fclose(out);
	config_init(&again);
	if (!config_load_text(&again, "again", text, len, &error)) {
		fprintf(stderr, "%s\n%s", error.text, text);
		abort();
	}
	before = values_of(c);
	after = values_of(&again);
	assert(span_eq(buf_span(&before), buf_span(&after)));
	buf_fini(&before);
	buf_fini(&after);
	config_fini(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_error error = { "" };
	struct config c;
	char *text;

	if (size > BYTES_MOST)
		return 0;
	text = mem_dup((const char *)data, size);
	config_init(&c);
	if (config_load_text(&c, "fuzz", text, size, &error))
		check_again(&c);
	else
		check_error(&error, text, size);
	config_fini(&c);
	free(text);
	return 0;
}
