#include "auth/principal.h"

#include "base/mem.h"

#include <stdlib.h>

static struct span put(char **to, struct span from)
{
	struct span copy = { *to, from.len };

	if (from.len > 0)
		memcpy(*to, from.at, from.len);
	*to += from.len;
	return copy;
}

struct principal *principal_new(const struct principal *from)
{
	size_t bytes = from->id.len + from->name.len + from->claims.len;
	struct principal *p;
	struct span *roles;
	char *text;

	for (size_t i = 0; i < from->role_count; i++)
		bytes += from->roles[i].len;
	p = mem_zalloc(sizeof(*p) + from->role_count * sizeof(*roles) + bytes);
	roles = (struct span *)(p + 1);
	text = (char *)(roles + from->role_count);
	p->id = put(&text, from->id);
	p->name = put(&text, from->name);
	for (size_t i = 0; i < from->role_count; i++)
		roles[i] = put(&text, from->roles[i]);
	p->roles = roles;
	p->role_count = from->role_count;
	p->expires_s = from->expires_s;
	p->claims = put(&text, from->claims);
	return p;
}

void principal_free(struct principal *p)
{
	free(p);
}

bool principal_has_role(const struct principal *p, struct span role)
{
	for (size_t i = 0; p && i < p->role_count; i++) {
		if (span_eq(p->roles[i], role))
			return true;
	}
	return false;
}
