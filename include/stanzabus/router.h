/* router.h - where a stanza goes: to the server itself, to an account's mailbox, to a service, back to its sender.
 * Stanzas come from sessions (router_from_session), and from services over the bus; what is for a session of this node
 * comes off the bus too (hand out). */
#ifndef STANZABUS_ROUTER_H
#define STANZABUS_ROUTER_H

#include "stanzabus/message.h"
#include "stanzabus/peers.h"
#include "stanzabus/session.h"

struct router;

struct router *router_new(struct parts *parts);
void router_free(struct router **router);
void router_set_sessions(struct router *router, struct sessions *sessions);
void router_set_peers(struct router *router, struct peers *peers); /* NULL: nobody but the own domains is reached */

extern const struct session_callbacks router_session_callbacks; /* ctx = struct router * */
extern const struct peers_callbacks router_peers_callbacks;     /* ctx = struct router * */
extern const struct bus_callbacks router_bus_callbacks;         /* ctx = struct router * */

/* Subscribes the node's own channels, takes leases, starts beating. on_ready once all of it stands. */
void router_start(struct router *router, void (*on_ready)(void *ctx), void *ctx);
/* Gives leases back so that other nodes take them at once. */
void router_stop(struct router *router);

#endif
