/* resumption.h - what the router does about sessions that may be resumed (XEP-0198 5). */
#ifndef STANZABUS_ROUTER_RESUMPTION_H
#define STANZABUS_ROUTER_RESUMPTION_H

#include "gateway/router/router_internal.h"
#include "stanzabus/store_sm.h"

/* Callbacks of sessions. */
void resumption_resumed(struct router *router, struct session *session, const struct sm_taken *taken);
void resumption_moved(struct router *router, struct session *session);
void resumption_lost(struct router *router, const struct session *session);
void resumption_dropped(struct router *router, struct text node, uint64_t number, struct text bare, struct text resource);
void resumption_undelivered(struct router *router, struct stanza *stanza); /* takes it */
void resumption_left_behind(struct router *router, const struct session *session, struct stanza *stanza); /* takes it */
void resumption_read_log(struct router *router, struct session *session, uint64_t after);
/* The row of a session is gone, and nobody was told: its node died, or it gave way to newer ones. */
void resumption_row_gone(struct router *router, const struct session_gone *gone);

#endif
