/*
 * One growing buffer holds what was fed and not yet taken:
 *
 *     | given out | command LF header LF header LF LF body ... |      |
 *     0           taken                   at                   filled size
 *
 * A frame is read line by line and every byte is looked at once, however the
 * network cuts it: `at` is where the unfinished line or the body begins,
 * `scanned` how much of that line is known to hold no line end, `nul_scanned`
 * how much of the frame is known to hold no NUL. All three count from `taken`.
 *
 * What needs a look at single bytes (UTF-8, carriage returns, escapes) is done
 * for the header block as a whole when its blank line has come. Headers are
 * unescaped in place: undoing an escape never makes a value longer.
 *
 * Whether bytes are refused, and why, depends on the bytes alone and never on
 * where the network cut them.
 */
#include "stomp/parser.h"

#include "base/digits.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>

enum {
	COMMAND_MOST = 32, /* bytes; ours are at most 11 */
	BYTES_LEAST = 256,
	BYTES_KEPT = 4096, /* what a parser keeps while it holds no unfinished frame */
	HEADERS_LEAST = 16,
	HEADERS_KEPT = 32,
};

#define NOWHERE SIZE_MAX

enum stage {
	STAGE_COMMAND, /* between frames, or inside the command line */
	STAGE_HEADERS,
	STAGE_BODY, /* headers are checked and unescaped */
};

struct rules {
	struct stomp_limits limits;
	enum stomp_version version;
};

struct stomp_parser {
	struct rules next_rules; /* for frames whose command has not been read */
	struct rules rules;      /* for the frame being read */

	enum stomp_fault fault;
	const char *error;   /* NULL while the peer behaves */
	struct span receipt; /* of the refused frame; at NULL: none */

	char *bytes;   /* owned */
	size_t taken;  /* [0, taken): given out already */
	size_t filled; /* [taken, filled): to be read */
	size_t size;

	enum stage stage;
	enum stomp_command command;
	size_t at;          /* from `taken`: begin of the line being read, or of the body */
	size_t scanned;     /* from `at` */
	size_t nul_scanned; /* from `taken` */
	size_t nul;         /* from `taken`: the frame's first NUL, or NOWHERE yet */
	size_t body_len;    /* as announced, or NOWHERE */

	struct stomp_header *headers; /* owned; views of `bytes` */
	size_t header_count;          /* 0 in STAGE_COMMAND */
	size_t header_room;
};

enum line {
	LINE_READ,
	LINE_PARTIAL,
	LINE_TOO_LONG,
	LINE_NUL,
};

/* What stands for `\letter`; NUL when the version does not define that escape. */
static char unescaped(char letter, enum stomp_version version)
{
	switch (letter) {
	case 'n':
		return '\n';
	case 'c':
		return ':';
	case '\\':
		return '\\';
	case 'r':
		return version == STOMP_VERSION_1_2 ? '\r' : '\0';
	default:
		return '\0';
	}
}

static bool is_well_escaped(struct span s, enum stomp_version version)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] != '\\')
			continue;
		if (++i == s.len || unescaped(s.at[i], version) == '\0')
			return false;
	}
	return true;
}

/* Undoes the escapes of a well escaped view of the buffer, in place. */
static void unescape(struct stomp_parser *p, struct span *s)
{
	char *out = p->bytes + (s->at - p->bytes); /* the same place, but ours to write */
	const char *end = s->at + s->len;

	for (const char *in = s->at; in < end; in++) {
		if (*in == '\\')
			*out++ = unescaped(*++in, p->rules.version);
		else
			*out++ = *in;
	}
	s->len = (size_t)(out - s->at);
}

/* CONNECT and CONNECTED are never escaped, to stay readable by STOMP 1.0. */
static bool is_escaped(const struct stomp_parser *p)
{
	return p->rules.version != STOMP_VERSION_1_0 && p->command != STOMP_CONNECT &&
	       p->command != STOMP_STOMP && p->command != STOMP_CONNECTED;
}

static bool may_have_body(enum stomp_command command)
{
	return command == STOMP_SEND || command == STOMP_MESSAGE || command == STOMP_ERROR;
}

/*
 * Keeps the refused frame's receipt header for the ERROR. A value that is not
 * well escaped stays as it came; one that is not UTF-8 could not be sent back.
 */
static void keep_receipt(struct stomp_parser *p)
{
	const struct stomp_frame frame = { .headers = p->headers, .header_count = p->header_count };
	struct span receipt;

	if (!stomp_frame_header(&frame, SPAN("receipt"), &receipt) || !utf8_is_valid(receipt))
		return;
	if (p->stage == STAGE_HEADERS && is_escaped(p) &&
		is_well_escaped(receipt, p->rules.version))
		unescape(p, &receipt);
	p->receipt = receipt;
}

static enum stomp_got fail(struct stomp_parser *p, enum stomp_fault fault, const char *why)
{
	p->fault = fault;
	p->error = why;
	keep_receipt(p);
	return STOMP_GOT_ERROR;
}

static enum stomp_got refuse(struct stomp_parser *p, const char *why)
{
	return fail(p, STOMP_FAULT_SYNTAX, why);
}

/* Sets p->nul when the frame's first NUL is there. */
static void find_nul(struct stomp_parser *p)
{
	const char *frame = p->bytes + p->taken;
	size_t held = p->filled - p->taken;
	const char *nul;

	if (p->nul != NOWHERE || p->nul_scanned == held)
		return;
	nul = memchr(frame + p->nul_scanned, '\0', held - p->nul_scanned);
	p->nul_scanned = held;
	if (nul)
		p->nul = (size_t)(nul - frame);
}

/*
 * Reads the line at p->at up to its LF or CR LF. Looks no further than a line
 * of `longest` bytes can reach, so that the answer does not depend on how much
 * of what follows has arrived.
 */
static enum line read_line(struct stomp_parser *p, size_t longest, struct span *line)
{
	const char *start = p->bytes + p->taken + p->at;
	size_t held = p->filled - p->taken - p->at;
	bool is_long = held > longest && held - longest >= 2; /* 2: CR LF */
	size_t reach = is_long ? longest + 2 : held;
	bool has_nul = p->nul - p->at < reach;
	const char *lf = NULL;

	if (has_nul)
		reach = p->nul - p->at;
	if (p->scanned < reach)
		lf = memchr(start + p->scanned, '\n', reach - p->scanned);
	if (!lf) {
		p->scanned = reach;
		if (has_nul)
			return LINE_NUL;
		return is_long ? LINE_TOO_LONG : LINE_PARTIAL;
	}
	*line = (struct span){ start, (size_t)(lf - start) };
	p->at += line->len + 1;
	p->scanned = 0;
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	return line->len > longest ? LINE_TOO_LONG : LINE_READ;
}

/*
 * Passes over what may stand between frames: line ends, which are heart-beats,
 * and NULs, which some clients put there. True when a command begins.
 */
static bool skip_noise(struct stomp_parser *p)
{
	for (; p->taken < p->filled; p->taken++) {
		switch (p->bytes[p->taken]) {
		case '\n':
		case '\0':
			break;
		case '\r':
			if (p->taken + 1 == p->filled)
				return false;
			if (p->bytes[p->taken + 1] != '\n')
				return true;
			break;
		default:
			return true;
		}
	}
	return false;
}

static enum stomp_got read_command(struct stomp_parser *p)
{
	struct span line;

	if (!skip_noise(p))
		return STOMP_GOT_MORE;
	find_nul(p);
	switch (read_line(p, COMMAND_MOST, &line)) {
	case LINE_PARTIAL:
		return STOMP_GOT_MORE;
	case LINE_TOO_LONG:
		return refuse(p, "command line too long");
	case LINE_NUL:
		return refuse(p, "NUL before the end of the headers");
	case LINE_READ:
		break;
	}
	p->command = stomp_command_of(line);
	if (p->command == STOMP_NO_COMMAND)
		return refuse(p, "unknown command");
	p->rules = p->next_rules;
	p->stage = STAGE_HEADERS;
	return STOMP_GOT_FRAME;
}

static enum stomp_got add_header(struct stomp_parser *p, struct span line)
{
	const char *colon = memchr(line.at, ':', line.len);

	if (!colon || colon == line.at)
		return refuse(p, "header without a name or a colon");
	if (p->header_count == p->rules.limits.headers)
		return fail(p, STOMP_FAULT_HEADERS, "too many headers");
	if (p->header_count == p->header_room) {
		p->header_room = p->header_room ? p->header_room * 2 : HEADERS_LEAST;
		p->headers = mem_realloc(p->headers, p->header_room * sizeof(*p->headers));
	}
	p->headers[p->header_count++] = (struct stomp_header){
		.name = { line.at, (size_t)(colon - line.at) },
		.value = { colon + 1, line.len - (size_t)(colon - line.at) - 1 },
	};
	return STOMP_GOT_FRAME;
}

/* In 1.2 a CR belongs to a line end or nowhere; before, it was a byte like others. */
static bool has_bare_cr(struct span block)
{
	const char *end = block.at + block.len; /* behind an LF */
	const char *cr = block.at;

	while ((cr = memchr(cr, '\r', (size_t)(end - cr)))) {
		if (*++cr != '\n')
			return true;
	}
	return false;
}

/* False when an escape is not defined; then nothing has been changed. */
static bool unescape_headers(struct stomp_parser *p)
{
	for (size_t i = 0; i < p->header_count; i++) {
		if (!is_well_escaped(p->headers[i].name, p->rules.version) ||
			!is_well_escaped(p->headers[i].value, p->rules.version))
			return false;
	}
	for (size_t i = 0; i < p->header_count; i++) {
		unescape(p, &p->headers[i].name);
		unescape(p, &p->headers[i].value);
	}
	return true;
}

/* A number that size_t cannot hold is NOWHERE, above any limit. */
static bool read_size(struct span text, size_t *value)
{
	uint64_t n;

	if (!digits_read(text, &n))
		return false;
	*value = n < NOWHERE ? (size_t)n : NOWHERE;
	return true;
}

/* Refuses a body as soon as it is announced, before any of it is held. */
static enum stomp_got expect_body(struct stomp_parser *p)
{
	const struct stomp_frame frame = { .headers = p->headers, .header_count = p->header_count };
	struct span length;

	p->body_len = NOWHERE;
	if (!stomp_frame_header(&frame, SPAN("content-length"), &length))
		return STOMP_GOT_FRAME;
	if (!read_size(length, &p->body_len))
		return refuse(p, "content-length is not a number");
	if (p->body_len > p->rules.limits.body_bytes)
		return fail(p, STOMP_FAULT_BODY_BYTES, "body too long");
	return STOMP_GOT_FRAME;
}

/* The blank line has come: the block is checked and unescaped as a whole. */
static enum stomp_got end_headers(struct stomp_parser *p)
{
	struct span block = { p->bytes + p->taken, p->at };

	if (!utf8_is_valid(block))
		return refuse(p, "header is not UTF-8");
	if (p->rules.version == STOMP_VERSION_1_2 && has_bare_cr(block))
		return refuse(p, "carriage return in a header");
	if (is_escaped(p) && memchr(block.at, '\\', block.len) && !unescape_headers(p))
		return refuse(p, "undefined escape in a header");
	p->stage = STAGE_BODY;
	return expect_body(p);
}

static enum stomp_got read_headers(struct stomp_parser *p)
{
	const struct stomp_limits *limits = &p->rules.limits;
	enum stomp_got got = STOMP_GOT_FRAME;
	struct span line;

	find_nul(p);
	while (got == STOMP_GOT_FRAME) {
		size_t left = limits->header_bytes - p->at;
		bool by_line;

		if (p->at > limits->header_bytes)
			left = 0;
		by_line = limits->line_bytes <= left;
		switch (read_line(p, by_line ? limits->line_bytes : left, &line)) {
		case LINE_PARTIAL:
			return STOMP_GOT_MORE;
		case LINE_NUL:
			return refuse(p, "NUL before the end of the headers");
		case LINE_TOO_LONG:
			return by_line ? fail(p, STOMP_FAULT_LINE_BYTES, "header line too long")
				       : fail(p, STOMP_FAULT_HEADER_BYTES, "headers too long");
		case LINE_READ:
			break;
		}
		if (line.len == 0)
			return end_headers(p);
		got = add_header(p, line);
	}
	return got;
}

/* The body's length once all of it and its NUL are there. */
static enum stomp_got measure_body(struct stomp_parser *p, size_t *len)
{
	const char *body = p->bytes + p->taken + p->at;
	size_t held = p->filled - p->taken - p->at;

	if (p->rules.version != STOMP_VERSION_1_0 && !may_have_body(p->command) &&
		(p->body_len == NOWHERE ? held > 0 && body[0] != '\0' : p->body_len > 0))
		return refuse(p, "body not allowed");
	if (p->body_len != NOWHERE) {
		*len = p->body_len;
		if (held <= *len)
			return STOMP_GOT_MORE;
		return body[*len] == '\0' ? STOMP_GOT_FRAME : refuse(p, "no NUL after the body");
	}
	find_nul(p);
	*len = p->nul != NOWHERE ? p->nul - p->at : held;
	if (*len > p->rules.limits.body_bytes)
		return fail(p, STOMP_FAULT_BODY_BYTES, "body too long");
	return p->nul != NOWHERE ? STOMP_GOT_FRAME : STOMP_GOT_MORE;
}

static void begin_frame(struct stomp_parser *p)
{
	p->stage = STAGE_COMMAND;
	p->at = 0;
	p->scanned = 0;
	p->nul_scanned = 0;
	p->nul = NOWHERE;
	p->header_count = 0;
}

static enum stomp_got read_body(struct stomp_parser *p, struct stomp_frame *frame)
{
	size_t len;
	enum stomp_got got = measure_body(p, &len);

	if (got != STOMP_GOT_FRAME)
		return got;
	*frame = (struct stomp_frame){
		.command = p->command,
		.headers = p->headers,
		.header_count = p->header_count,
		.body = { p->bytes + p->taken + p->at, may_have_body(p->command) ? len : 0 },
	};
	p->taken += p->at + len + 1;
	begin_frame(p);
	return STOMP_GOT_FRAME;
}

/* Moves what is held to `to`, which is p->bytes or a new block that is taken over. */
static void move(struct stomp_parser *p, char *to, size_t size)
{
	size_t held = p->filled - p->taken;
	const char *from = held > 0 ? p->bytes + p->taken : to;

	for (size_t i = 0; i < p->header_count; i++) {
		p->headers[i].name.at = to + (p->headers[i].name.at - from);
		p->headers[i].value.at = to + (p->headers[i].value.at - from);
	}
	memmove(to, from, held);
	if (to != p->bytes)
		free(p->bytes);
	p->bytes = to;
	p->size = size;
	p->filled = held;
	p->taken = 0;
}

/*
 * Moves only what is shorter than the gap it fills, and doubles otherwise, so
 * that a byte is moved a bounded number of times however small the pieces are.
 */
static void make_room(struct stomp_parser *p, size_t more)
{
	size_t held = p->filled - p->taken;
	size_t size = p->size * 2 > BYTES_LEAST ? p->size * 2 : BYTES_LEAST;

	if (p->size - held >= more && held <= p->taken) {
		move(p, p->bytes, p->size);
		return;
	}
	if (size < held + more)
		size = held + more;
	move(p, mem_realloc(NULL, size), size);
}

/* Returns memory that a larger frame, or many at once, have needed. */
static void give_back(struct stomp_parser *p)
{
	size_t held = p->filled - p->taken;

	if (p->size > BYTES_KEPT && held == 0) {
		free(p->bytes);
		p->bytes = NULL;
		p->size = p->filled = p->taken = 0;
	} else if (p->size > BYTES_KEPT && held < p->size / 4) {
		size_t size = held * 2 > BYTES_KEPT ? held * 2 : BYTES_KEPT;

		move(p, mem_realloc(NULL, size), size);
	}
	if (p->header_room > HEADERS_KEPT && p->header_count <= HEADERS_KEPT / 2) {
		p->header_room = HEADERS_KEPT;
		p->headers = mem_realloc(p->headers, p->header_room * sizeof(*p->headers));
	}
}

struct stomp_parser *stomp_parser_new(const struct stomp_limits *limits)
{
	struct stomp_parser *p = mem_zalloc(sizeof(*p));

	stomp_parser_reset(p, limits);
	return p;
}

void stomp_parser_free(struct stomp_parser *p)
{
	if (!p)
		return;
	free(p->headers);
	free(p->bytes);
	free(p);
}

void stomp_parser_reset(struct stomp_parser *p, const struct stomp_limits *limits)
{
	p->next_rules = (struct rules){ *limits, STOMP_VERSION_1_2 };
	p->fault = STOMP_FAULT_NONE;
	p->error = NULL;
	p->receipt = (struct span){ NULL, 0 };
	p->taken = p->filled = 0;
	begin_frame(p);
	give_back(p);
}

void stomp_parser_set_version(struct stomp_parser *p, enum stomp_version version)
{
	p->next_rules.version = version;
}

void stomp_parser_set_limits(struct stomp_parser *p, const struct stomp_limits *limits)
{
	p->next_rules.limits = *limits;
}

void stomp_parser_feed(struct stomp_parser *p, struct span bytes)
{
	if (p->error || bytes.len == 0)
		return;
	if (p->taken == p->filled)
		p->taken = p->filled = 0;
	if (p->size - p->filled < bytes.len)
		make_room(p, bytes.len);
	memcpy(p->bytes + p->filled, bytes.at, bytes.len);
	p->filled += bytes.len;
}

enum stomp_got stomp_parser_next(struct stomp_parser *p, struct stomp_frame *frame)
{
	enum stomp_got got = STOMP_GOT_FRAME;

	if (p->error)
		return STOMP_GOT_ERROR;
	if (p->stage == STAGE_COMMAND)
		got = read_command(p);
	if (p->stage == STAGE_HEADERS && got == STOMP_GOT_FRAME)
		got = read_headers(p);
	if (got == STOMP_GOT_FRAME)
		got = read_body(p, frame);
	if (got == STOMP_GOT_MORE)
		give_back(p);
	return got;
}

const char *stomp_parser_error(const struct stomp_parser *p)
{
	return p->error ? p->error : "no error";
}

enum stomp_fault stomp_parser_fault(const struct stomp_parser *p)
{
	return p->fault;
}

bool stomp_parser_refused_receipt(const struct stomp_parser *p, struct span *receipt)
{
	if (!p->receipt.at)
		return false;
	*receipt = p->receipt;
	return true;
}

size_t stomp_parser_pending(const struct stomp_parser *p)
{
	return p->filled - p->taken;
}
