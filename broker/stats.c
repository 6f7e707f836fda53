#include "broker/stats.h"

const struct stats_row stats_rows[] = {
#define COUNTER(name_, help_) { #name_, help_, offsetof(struct stats, name_) },
#include "broker/stats.def"
#undef COUNTER
};

const size_t stats_row_count = countof(stats_rows);

uint64_t stats_read_at(const struct stats *stats, size_t offset)
{
	const char *at = (const char *)stats + offset;

	return stats_read((const _Atomic uint64_t *)(const void *)at);
}

#define ROW(kind, field)                                          \
	[CONN_##kind] = { offsetof(struct stats, field##_opened), \
		offsetof(struct stats, field##_closed) }

static const struct {
	size_t opened;
	size_t closed;
} kinds[CONN_KINDS] = {
	ROW(WEBSOCKET, websocket),
	ROW(HTTP_STREAM, http_stream),
	ROW(HTTP_POLL, http_poll),
	ROW(TCP, tcp),
};

static _Atomic uint64_t *counter_at(struct stats *stats, size_t offset)
{
	return (_Atomic uint64_t *)(void *)((char *)stats + offset);
}

_Atomic uint64_t *stats_opened(struct stats *stats, enum conn_kind kind)
{
	return counter_at(stats, kinds[kind].opened);
}

_Atomic uint64_t *stats_closed(struct stats *stats, enum conn_kind kind)
{
	return counter_at(stats, kinds[kind].closed);
}
