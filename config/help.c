/* The option table for readers: --help and docs/options.md. */
#include "config/options.h"

#include <string.h>

enum {
	HELP_COLUMNS = 80
};

void options_print_wrapped(FILE *out, const char *lead, struct span text, size_t columns)
{
	size_t room = columns - strlen(lead);

	while (text.len > 0) {
		size_t len = text.len;

		if (len > room) {
			for (len = room; len > 0 && text.at[len] != ' '; len--)
				;
			if (len == 0) /* a word that is longer than a line */
				len = room;
		}
		fprintf(out, "%s%.*s\n", lead, (int)len, text.at);
		while (len < text.len && text.at[len] == ' ')
			len++;
		text = (struct span){ text.at + len, text.len - len };
	}
}

static void print_option(FILE *out, const struct option *o)
{
	bool is_flag = o->type == &options_flag;
	struct buf line = { NULL, 0, 0 };
	char flag[OPTION_NAME_BYTES];

	options_flag_name(o, flag);
	fprintf(out, "  %s%s%s%s\n", flag, is_flag ? "[=<" : "=<", o->type->name,
		is_flag ? ">]" : ">");
	options_print_wrapped(out, "      ", span_of(o->help), HELP_COLUMNS);
	buf_printf(&line, "Default %s", *o->dflt ? o->dflt : "none");
	if (o->least) {
		buf_put(&line, SPAN("; "));
		options_put_bounds(o, &line);
	}
	buf_put_byte(&line, '.');
	options_print_wrapped(out, "      ", buf_span(&line), HELP_COLUMNS);
	buf_fini(&line);
}

void config_print_help(FILE *out, const char *program)
{
	const struct option *o;

	fprintf(out,
		"usage: %s [option...]\n"
		"\n"
		"A STOMP broker over WebSocket; nodes are joined by Redis.\n"
		"\n"
		"  -c, --config=<file>  read options from this file: JSON with comments\n"
		"  -t, --test           check the configuration, say the verdict and end\n"
		"  -h, --help           print this and end\n"
		"  -V, --version        print the version and end\n"
		"  --print-config       print each option, its value and where it came from\n"
		"  --print-sample       print a file of every option with its default\n"
		"  --print-schema       print the JSON Schema of the file\n"
		"  --print-options      print the options as Markdown\n"
		"\n"
		"Defaults are overridden by the file, it by the environment (STOMPBOX_REDIS_URL),\n"
		"and that by the command line (--redis-url). STOMPBOX_CONFIG names the file too.\n"
		"Durations are 500ms, 10s, 5m, 1h; sizes 512b, 64k, 16M, 1G; lists a,b,c.\n"
		"\n"
		"Ends with 0; 1 when running failed; 64 when the command line, and 78 when the\n"
		"configuration is wrong.\n"
		"\n"
		"options:\n",
		program);
	for (size_t i = 0; (o = options_get(i)); i++)
		print_option(out, o);
}

/* What Markdown would take for its own is escaped. */
static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\`*_[]<>|", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void print_markdown(FILE *out, const struct option *o)
{
	struct buf bounds = { NULL, 0, 0 };
	char flag[OPTION_NAME_BYTES], variable[OPTION_NAME_BYTES];

	options_flag_name(o, flag);
	options_variable(o, variable);
	options_put_bounds(o, &bounds);
	fprintf(out, "\n## %s\n\n", o->path);
	print_escaped(out, o->help);
	fprintf(out, "\n\n- `%s`, `%s`\n- %s, default ", flag, variable, o->type->name);
	if (*o->dflt)
		fprintf(out, "`%s`", o->dflt);
	else
		fputs("empty", out);
	if (bounds.len > 0)
		fprintf(out, ", %.*s", (int)bounds.len, bounds.at);
	fputc('\n', out);
	buf_fini(&bounds);
}

void config_print_options(FILE *out)
{
	const struct option *o;

	fputs("# Options\n"
	      "\n"
	      "Made from `config/options.def` by `stompbox --print-options`.\n"
	      "\n"
	      "An option has its default, unless the file sets it (`--config`, `-c` or\n"
	      "`STOMPBOX_CONFIG`), the environment, or the command line; each overrides those\n"
	      "before it. The file is JSON with `//` and `/* */` comments, in which each dot of a\n"
	      "name is an object: `redis.url` is `{ \"redis\": { \"url\": ... } }`. An unknown name,\n"
	      "in any of the three, stops the start.\n"
	      "\n"
	      "| type | in the file | on the command line and in the environment |\n"
	      "| --- | --- | --- |\n"
	      "| text | `\"text\"` | `text` |\n"
	      "| secret | `\"text\"`; never printed | `text` |\n"
	      "| duration | `\"500ms\"`, `\"10s\"`, `\"5m\"`, `\"1h\"`, `\"0\"` | `10s` |\n"
	      "| size | `\"512b\"`, `\"64k\"`, `\"16M\"`, `\"1G\"`, `\"0\"` (k is 1024 bytes) | `64k` |\n"
	      "| count | `4` or `\"4\"` | `4` |\n"
	      "| flag | `true` or `false` | `true` or `false`; the bare `--flag` is true |\n"
	      "| choice | `\"word\"` | `word` |\n"
	      "| list | `[\"a\", \"b\"]`; `[]` is empty | `a,b`; a comma inside `[ ]` does not part "
	      "items; empty text is an empty list |\n"
	      "\n"
	      "A list that is set replaces its default. Given several times on the command line,\n"
	      "its items add up; of any other option the last one counts.\n",
		out);
	for (size_t i = 0; (o = options_get(i)); i++)
		print_markdown(out, o);
}
