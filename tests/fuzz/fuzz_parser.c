/*
 * The law: what is read, and how it ends, does not depend on where the network
 * cuts. Whole, cut at three places and byte by byte, every version must give
 * the same frames, the same error, the same receipt and as many bytes left.
 *
 * The first four bytes say which version and where to cut; the rest is the wire.
 */
#include "base/buf.h"
#include "stomp/parser.h"

#include <assert.h>
#include <stdint.h>

enum {
	CUTS = 3
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_span(struct buf *out, struct span s)
{
	buf_printf(out, "%zu:", s.len);
	buf_put(out, s);
}

static void print_frame(struct buf *out, const struct stomp_frame *frame)
{
	buf_put(out, span_of(stomp_command_name(frame->command)));
	for (size_t i = 0; i < frame->header_count; i++) {
		print_span(out, frame->headers[i].name);
		print_span(out, frame->headers[i].value);
	}
	buf_put_byte(out, '|');
	print_span(out, frame->body);
}

static enum stomp_got feed(struct stomp_parser *p, struct span piece, struct buf *out)
{
	struct stomp_frame frame;
	enum stomp_got got;

	stomp_parser_feed(p, piece);
	while ((got = stomp_parser_next(p, &frame)) == STOMP_GOT_FRAME)
		print_frame(out, &frame);
	return got;
}

static void print_end(struct stomp_parser *p, enum stomp_got got, struct buf *out)
{
	struct span receipt;

	if (got == STOMP_GOT_MORE)
		buf_printf(out, "; %zu bytes left", stomp_parser_pending(p));
	else
		buf_printf(out, "; %d %s", (int)stomp_parser_fault(p), stomp_parser_error(p));
	if (stomp_parser_refused_receipt(p, &receipt))
		print_span(out, receipt);
}

/* Feeds the wire cut at the given places, in their order, and prints all that comes. */
static struct buf read_cut(
	enum stomp_version version, struct span wire, const size_t *cuts, size_t count)
{
	static const struct stomp_limits limits = {
		.headers = 8, .line_bytes = 100, .header_bytes = 300, .body_bytes = 500
	};
	struct stomp_parser *p = stomp_parser_new(&limits);
	struct buf out = { NULL, 0, 0 };
	enum stomp_got got;
	size_t at = 0;

	stomp_parser_set_version(p, version);
	for (size_t i = 0; i < count; i++) {
		(void)feed(p, (struct span){ wire.at + at, cuts[i] - at }, &out);
		at = cuts[i];
	}
	got = feed(p, (struct span){ wire.at + at, wire.len - at }, &out);
	print_end(p, got, &out);
	stomp_parser_free(p);
	return out;
}

static void check(enum stomp_version version, struct span wire, const size_t *cuts, size_t count)
{
	struct buf whole = read_cut(version, wire, NULL, 0);
	struct buf cut = read_cut(version, wire, cuts, count);

	assert(span_eq(buf_span(&whole), buf_span(&cut)));
	buf_fini(&whole);
	buf_fini(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static size_t everywhere[1 << 16];
	size_t cuts[CUTS];
	struct span wire;
	enum stomp_version version;

	if (size < 1 + CUTS || size > countof(everywhere))
		return 0;
	version = (enum stomp_version)(data[0] % STOMP_VERSION_COUNT);
	wire = (struct span){ (const char *)data + 1 + CUTS, size - 1 - CUTS };
	for (size_t i = 0, at = 0; i < CUTS; i++)
		cuts[i] = at += (wire.len - at) * data[1 + i] / 256;
	for (size_t i = 0; i < wire.len; i++)
		everywhere[i] = i;
	check(version, wire, cuts, CUTS);
	check(version, wire, everywhere, wire.len);
	return 0;
}
