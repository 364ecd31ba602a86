/* caps.h - what a client can do, by the hash in its presence (XEP-0115): only which pubsub nodes it wants to hear of is of
 * interest here ("node+notify", XEP-0060 9.2).  The hash is verified, so that what one client says holds for all that say
 * the same hash; it is kept in Redis for all nodes, and for some thousand hashes in memory. */
#ifndef STANZABUS_ROUTER_CAPS_H
#define STANZABUS_ROUTER_CAPS_H

#include "gateway/router/router_internal.h"

#define XMLNS_CAPS "http://jabber.org/protocol/caps"
#define XMLNS_DISCO_INFO "http://jabber.org/protocol/disco#info"

/* -- caps.c -- */
void caps_free(struct router *router);
/* A session's presence without an address: available or not.  Borrowed. */
void caps_presence(struct router *router, struct session *session, const struct stanza *presence);
void caps_left(struct router *router, struct session *session); /* unavailable, or ended */
/* It goes on elsewhere; here, with the presence (event) that it said last: it wishes for what it wished for. */
void caps_moved(struct router *router, struct session *session);
void caps_resumed(struct router *router, struct session *session, struct text presence);
/* Its row was written again: what it wishes for may be lost with the row. */
void caps_restore(struct router *router, struct session *session);
/* An iq result or error that came to the server: true when it was an answer about capabilities. */
bool caps_answer(struct router *router, const struct sender *sender, struct stanza *stanza);

/* -- caps_abroad.c: contacts at other servers, and of components -- */
/* Presence of one for an account here (to); borrowed. */
void caps_abroad_presence(struct router *router, const struct stanza *presence, const struct jid *to);
/* Its probe. */
void caps_abroad_probe(struct router *router, const struct stanza *probe, const struct jid *to);
/* A stanza that did not reach the other server: whom a notification was for is told all again when its server is there. */
void caps_abroad_missed(struct router *router, const struct stanza *stanza);
/* An error about a notification: when it says that the resource has gone, it is forgotten (XEP-0163 4.3.1). */
void caps_abroad_bounced(struct router *router, const struct stanza *error, const struct jid *to);
/* An iq result or error for an account: true when it was an answer about capabilities. */
bool caps_abroad_answer(struct router *router, struct stanza *stanza);
/* What the kind of this resource wishes for is to be learned; then it gets the last items that are new to it.  kind: as the
 * store has it. */
void caps_abroad_learn(struct router *router, struct text bare, struct text address, struct text kind);

/* -- caps_hash.c: pure -- */
/* Appends the verification string S (5.1) of a disco#info query.  False: ill-formed (5.4). */
bool caps_string(struct arena *arena, const struct element *query, struct buffer *out);
bool caps_hash_is_known(struct text name);
/* The query is well-formed and has this hash. */
bool caps_verify(struct arena *arena, const struct element *query, struct text name, struct text ver);
/* Appends the nodes of its features "node+notify", a line each, up to most bytes. */
void caps_wishes(const struct element *query, struct buffer *out, size_t most);

/* -- pubsub_wish.c -- */
/* The session wants to hear of these nodes (lines) from now on: said to the store, and the last items of those that it did
 * not wish for before are sent (XEP-0163 4.3.4). */
void pubsub_wish(struct router *router, struct session *session, struct text nodes);

#endif
