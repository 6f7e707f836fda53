/* The configuration, the sample file and the JSON Schema: the table as nested JSON objects. */
#include "base/json.h"
#include "config/options.h"

#include <assert.h>
#include <string.h>

enum {
	SAMPLE_COLUMNS = 80,
	REMARK_COLUMN = 48,
};

/* How one of the three is printed. */
struct form {
	bool has_secrets; /* are secrets members, or remarks only? */
	unsigned step;    /* levels of indentation that an object adds */
	void (*open)(FILE *out, unsigned indent, struct span name);
	void (*put)(FILE *out, unsigned indent, const struct config *c, const struct option *o,
		bool last);
	void (*close)(FILE *out, unsigned indent, bool last);
};

static void put_indent(FILE *out, unsigned indent)
{
	fprintf(out, "%*s", (int)(2 * indent), "");
}

static const char *last_name(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

static bool starts_with(const char *text, struct span start)
{
	return strncmp(text, start.at, start.len) == 0;
}

/* Is there no member of the group among the options from that index on? */
static bool is_last(const struct form *form, size_t from, struct span group)
{
	const struct option *o;

	for (; (o = options_get(from)); from++) {
		if (starts_with(o->path, group) && (form->has_secrets || !o->type->is_secret ||
							   strchr(o->path + group.len, '.')))
			return false;
	}
	return true;
}

/* Length of the path's next group, with its dot; 0 when there is none. */
static size_t next_group(const char *path, size_t from)
{
	const char *dot = strchr(path + from, '.');

	return dot ? (size_t)(dot + 1 - path) : 0;
}

static struct span parent_of(struct span group)
{
	assert(group.len > 0);
	for (group.len--; group.len > 0 && group.at[group.len - 1] != '.'; group.len--)
		;
	return group;
}

/* Prints every option, and opens and closes the objects between them. */
static void walk(FILE *out, const struct form *form, const struct config *c)
{
	struct span group = { "", 0 };
	unsigned indent = form->step;
	const struct option *o;
	size_t i;

	for (i = 0; (o = options_get(i)); i++) {
		size_t len;

		while (!starts_with(o->path, group)) {
			group = parent_of(group);
			indent -= form->step;
			form->close(out, indent, is_last(form, i, group));
		}
		for (; (len = next_group(o->path, group.len)) > 0;
			group = (struct span){ o->path, len }) {
			form->open(out, indent,
				(struct span){ o->path + group.len, len - group.len - 1 });
			indent += form->step;
		}
		form->put(out, indent, c, o, is_last(form, i + 1, group));
	}
	while (group.len > 0) {
		group = parent_of(group);
		indent -= form->step;
		form->close(out, indent, is_last(form, i, group));
	}
}

static void open_object(FILE *out, unsigned indent, struct span name)
{
	put_indent(out, indent);
	fprintf(out, "\"%.*s\": {\n", (int)name.len, name.at);
}

static void close_object(FILE *out, unsigned indent, bool last)
{
	put_indent(out, indent);
	fputs(last ? "}\n" : "},\n", out);
}

static void put_buf(FILE *out, const struct buf *b)
{
	if (b->len > 0)
		(void)fwrite(b->at, 1, b->len, out);
}

/* Appends what a comment can hold: the file's name may have a line end in it. */
static void put_remark(const struct config *c, const struct option *o, struct buf *line)
{
	size_t from = line->len;

	options_put_origin(c, o, *options_origin_of(c, o), line);
	for (size_t i = from; i < line->len; i++) {
		if ((unsigned char)line->at[i] < 0x20)
			line->at[i] = '?';
	}
}

static void put_value(
	FILE *out, unsigned indent, const struct config *c, const struct option *o, bool last)
{
	struct buf line = { NULL, 0, 0 };

	buf_printf(&line, "%*s%s\"%s\": ", (int)(2 * indent), "", o->type->is_secret ? "// " : "",
		last_name(o->path));
	o->type->write(o, options_value(c, o), &line);
	if (!last && !o->type->is_secret)
		buf_put_byte(&line, ',');
	do
		buf_put_byte(&line, ' ');
	while (line.len < REMARK_COLUMN);
	buf_put(&line, SPAN("// "));
	put_remark(c, o, &line);
	buf_put_byte(&line, '\n');
	put_buf(out, &line);
	buf_fini(&line);
}

void config_print(const struct config *c, FILE *out)
{
	static const struct form form = { false, 1, open_object, put_value, close_object };

	fputs("{\n", out);
	walk(out, &form, c);
	fputs("}\n", out);
}

static void open_sample(FILE *out, unsigned indent, struct span name)
{
	fputc('\n', out);
	open_object(out, indent, name);
}

static void put_sample(
	FILE *out, unsigned indent, const struct config *c, const struct option *o, bool last)
{
	struct buf text = { NULL, 0, 0 };
	char lead[32];

	buf_put(&text, span_of(o->help));
	if (o->least) {
		buf_put_byte(&text, ' ');
		options_put_bounds(o, &text);
		buf_put_byte(&text, '.');
	}
	(void)snprintf(lead, sizeof(lead), "%*s// ", (int)(2 * indent), "");
	options_print_wrapped(out, lead, buf_span(&text), SAMPLE_COLUMNS);
	text.len = 0;
	if (o->type->is_secret)
		json_quote(span_of(o->dflt), &text);
	else
		o->type->write(o, options_value(c, o), &text);
	put_indent(out, indent);
	fprintf(out, "%s\"%s\": %.*s%s\n", o->type->is_secret ? "// " : "", last_name(o->path),
		(int)text.len, text.at, last && !o->type->is_secret ? "" : ",");
	buf_fini(&text);
}

void config_print_sample(FILE *out)
{
	static const struct form form = { false, 1, open_sample, put_sample, close_object };
	struct config c;

	config_init(&c);
	fputs("// Every option of stompbox with its default. Keep what you change, drop the rest.\n"
	      "{\n",
		out);
	walk(out, &form, &c);
	fputs("}\n", out);
	config_fini(&c);
}

static void open_schema(FILE *out, unsigned indent, struct span name)
{
	put_indent(out, indent);
	fprintf(out, "\"%.*s\": {\n", (int)name.len, name.at);
	put_indent(out, indent + 1);
	fputs("\"type\": \"object\",\n", out);
	put_indent(out, indent + 1);
	fputs("\"additionalProperties\": false,\n", out);
	put_indent(out, indent + 1);
	fputs("\"properties\": {\n", out);
}

static void close_schema(FILE *out, unsigned indent, bool last)
{
	put_indent(out, indent + 1);
	fputs("}\n", out);
	close_object(out, indent, last);
}

/* Appends the bounds in the schema's words, where it has any. */
static void put_schema_bounds(const struct option *o, struct buf *out)
{
	if (o->type == &options_count) {
		buf_printf(out, ", \"minimum\": %s, \"maximum\": %s", o->least, o->most);
	} else if (o->type == &options_choice) {
		buf_put(out, SPAN(", \"enum\": [\""));
		for (const char *c = o->least; c && *c; c++) {
			if (*c == ' ')
				buf_put(out, SPAN("\", \""));
			else
				buf_put_byte(out, *c);
		}
		buf_put(out, SPAN("\"]"));
	}
}

static void put_schema(
	FILE *out, unsigned indent, const struct config *c, const struct option *o, bool last)
{
	struct buf help = { NULL, 0, 0 }, line = { NULL, 0, 0 };

	buf_put(&help, span_of(o->help));
	if (o->least && o->most) {
		buf_put_byte(&help, ' ');
		options_put_bounds(o, &help);
		buf_put_byte(&help, '.');
	}
	buf_printf(&line, "%*s\"%s\": {\n%*s\"description\": ", (int)(2 * indent), "",
		last_name(o->path), (int)(2 * indent + 2), "");
	json_quote(buf_span(&help), &line);
	buf_printf(&line, ",\n%*s%s", (int)(2 * indent + 2), "", o->type->schema);
	put_schema_bounds(o, &line);
	if (!o->type->is_secret) {
		buf_put(&line, SPAN(", \"default\": "));
		o->type->write(o, options_value(c, o), &line);
	}
	buf_put_byte(&line, '\n');
	put_buf(out, &line);
	close_object(out, indent, last);
	buf_fini(&help);
	buf_fini(&line);
}

void config_print_schema(FILE *out)
{
	static const struct form form = { true, 2, open_schema, put_schema, close_schema };
	struct config c;

	config_init(&c);
	fputs("{\n"
	      "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	      "  \"title\": \"stompbox.json\",\n"
	      "  \"type\": \"object\",\n"
	      "  \"additionalProperties\": false,\n"
	      "  \"properties\": {\n",
		out);
	walk(out, &form, &c);
	fputs("  }\n}\n", out);
	config_fini(&c);
}
