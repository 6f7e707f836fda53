/*
 * The demo chat page, at / and below /web/. Its files lie in web/; they are part
 * of the program (tools/embed.sh makes the table from them).
 */
#ifndef BROKER_PAGE_H
#define BROKER_PAGE_H

#include "base/span.h"

struct answer;
struct config;

/*
 * Nothing comes from elsewhere, nothing stands in the page itself: no text that
 * somebody says in a room can become a script.
 */
#define PAGE_HEADERS                                                                         \
	"Cache-Control: no-cache\r\n"                                                        \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; " \
	"img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "          \
	"frame-ancestors 'none'\r\n"                                                         \
	"Referrer-Policy: no-referrer\r\n"                                                   \
	"X-Content-Type-Options: nosniff\r\n"

struct page_file {
	const char *name; /* below /web/ */
	const char *type; /* content type */
	const char *etag; /* with its quotes; by the content */
	struct span body;
};

extern const struct page_file page_files[];
extern const size_t page_file_count;

/* "/" is index.html, "/web/NAME" is NAME; NULL for other paths. */
const struct page_file *page_find(struct span path);

/* Any shard's thread. Leaves paths alone that do not belong to the page. */
void page_answer(const struct config *config, struct span path, struct answer *answer);

#endif
