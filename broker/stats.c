#include "broker/stats.h"

const struct stats_row stats_rows[] = {
#define COUNTER(name_, help_) { #name_, help_, offsetof(struct stats, name_) },
#include "broker/stats.def"
#undef COUNTER
};

const size_t stats_row_count = countof(stats_rows);

uint64_t stats_row_read(const struct stats *stats, const struct stats_row *row)
{
	const char *at = (const char *)stats + row->offset;

	return stats_read((const _Atomic uint64_t *)(const void *)at);
}
