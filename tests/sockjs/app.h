/*
 * What the endpoints of the SockJS test server do with their sessions: the
 * three applications that public conformance tests expect.
 */
#ifndef TESTS_SOCKJS_APP_H
#define TESTS_SOCKJS_APP_H

#include "transport/server.h"

enum {
	APP_ENDPOINTS = 5
};

/* Describes the endpoints; `client_url` is borrowed by them. */
void app_describe(struct endpoint endpoints[APP_ENDPOINTS], const char *client_url);

/* As in struct server_events; `owner` is not looked at. */
void *app_on_open(void *owner, struct conn *c, const struct request *request);
void app_on_bytes(void *session, struct span bytes);
void app_on_end(void *session);
void app_on_pong(void *session);
void app_on_room(void *session);
void app_on_close(void *session);

#endif
