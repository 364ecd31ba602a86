/* pubsub.h - personal pubsub (XEP-0163) on the subset of XEP-0060 that it needs: every account is a service, its owner the
 * one publisher.  The way of a request:
 *
 *   dispatch.c ─> handle_pubsub.c ──┬─> handle_pubsub_items.c  publish, retract, items
 *                 which verb, may   ├─> handle_pubsub_nodes.c  create, configure, delete, purge
 *                 they              └─> handle_pubsub_subscribers.c
 *                                       └─> store ─> pubsub_notify.c ─> xmpp:to:{who wants to hear of it}
 */
#ifndef STANZABUS_ROUTER_PUBSUB_H
#define STANZABUS_ROUTER_PUBSUB_H

#include "gateway/router/pep/pep_config.h"
#include "gateway/router/router_internal.h"
#include "stanzabus/store_pep.h"

enum { PUBSUB_NODE_BYTES = 1023, PUBSUB_ITEM_ID_BYTES = 1023 };

/* -- handle_pubsub.c -- */
/* A request in hand: kept, so that it can wait for the store; pubsub_done frees it. */
struct pubsub {
    struct iq_request *request;
    const struct element *verb; /* publish, items ...: the first child of <pubsub/> */
    struct text bare;           /* the account */
    struct text node;           /* NULL data: none was named */
};
void pubsub_done(struct pubsub *pubsub);
void pubsub_answer(struct pubsub *pubsub, struct stanza *answer); /* NULL: an empty result.  Takes it; frees pubsub */
/* An error with a condition of XEP-0060's own (NULL: none); feature: what is not supported, or NULL.  Frees pubsub. */
void pubsub_refuse(struct pubsub *pubsub, enum stanza_condition condition, const char *own, const char *feature,
                   const char *text);
/* The store's result is an error: answered.  Frees pubsub, and is true, if so. */
bool pubsub_fails(struct pubsub *pubsub, enum bus_status status, const struct pep_answer *answer);
/* The same when the requester may not read the node. */
bool pubsub_is_closed(struct pubsub *pubsub, const struct pep_answer *answer, const struct pep_config *config);
struct pep_limits pubsub_limits(const struct router *router);
/* The requester, as the account's roster has it. */
struct pep_contact pubsub_contact_of(struct arena *arena, struct text owner, struct text requester,
                                     const struct roster_item *item);

void pubsub_answer_published(struct pubsub *pubsub, struct text id); /* frees pubsub */
void pubsub_publish(struct pubsub *pubsub);
void pubsub_retract(struct pubsub *pubsub);
void pubsub_items(struct pubsub *pubsub);
void pubsub_create(struct pubsub *pubsub);
void pubsub_configure_get(struct pubsub *pubsub);
void pubsub_configure_set(struct pubsub *pubsub);
void pubsub_default(struct pubsub *pubsub);
void pubsub_delete(struct pubsub *pubsub);
void pubsub_purge(struct pubsub *pubsub);
void pubsub_subscribe(struct pubsub *pubsub);
void pubsub_unsubscribe(struct pubsub *pubsub);
void pubsub_subscriptions(struct pubsub *pubsub);
void pubsub_affiliations(struct pubsub *pubsub);

/* -- pubsub_item.c: an item as the store keeps it, an event -- */
/* item is <item id='...'>payload</item> in any namespace.  Borrowed until router->event is written again. */
struct text pubsub_item_write(struct router *router, struct text bare, const struct element *item);
/* The item, in the arena and in the namespace; NULL when it cannot be read (logged).  time (may be NULL): when it was
 * published, RFC 3339. */
struct element *pubsub_item_read(struct router *router, struct arena *arena, struct text event, const char *xmlns,
                                 struct text *time);

/* -- pubsub_disco.c -- */
/* disco#info or disco#items about an account, or a node of it. */
void pubsub_disco_info(const struct iq_request *request);
void pubsub_disco_items(const struct iq_request *request);

/* -- pubsub_notify.c -- */
/* Tells who wants to hear of the node: own resources, contacts, explicit subscribers.  event is <event/>, in the namespace
 * XMLNS_PUBSUB_EVENT; it is copied. */
void pubsub_notify(struct router *router, struct text bare, struct text node, const struct pep_config *config,
                   const struct pep_answer *answer, const struct element *event);
/* To those resources of who that wish for the node. */
void pubsub_tell(struct router *router, struct text publisher, struct text who, struct text node, const struct element *event);
/* <message type='headline'> with a copy of the event, from the account. */
struct stanza *pubsub_notification(struct router *router, struct text bare, struct text to, const struct element *event);
/* <event><items node='...'/></event> in the arena; *items is what the items go into. */
struct element *pubsub_event_items(struct arena *arena, struct text node, struct element **items);

/* -- pubsub_last.c: last items, for resources that become available -- */
/* The node's last item goes to them. */
bool pubsub_is_sent_on_presence(const struct pep_config *config);
/* Of each row that the requester (bare) may have so, a notification to the address, with its time: given to fn, which takes
 * it. */
typedef void pubsub_last_fn(void *ctx, struct stanza *message);
void pubsub_last_each(struct router *router, struct text owner, struct text requester, struct text to,
                      const struct pep_answer *answer, pubsub_last_fn *fn, void *ctx);
/* Appends those lines of nodes that are not among before. */
void pubsub_append_new(struct buffer *out, struct text nodes, struct text before);
/* The last items of the owner's nodes (lines) go to an address at another server. */
void pubsub_last_abroad(struct router *router, struct text owner, struct text address, struct text nodes);

/* -- pubsub_put.c -- */
/* result, and the node's configuration, are only said with BUS_OK. */
typedef void pubsub_put_fn(void *ctx, enum bus_status status, enum pep_result result, struct text config);
/* The server itself publishes for an account; config: of the node if it is made now.  item (<item id='...'>) is copied;
 * fn may be NULL. */
void pubsub_put(struct router *router, struct text bare, struct text node, const struct pep_config *config,
                const struct element *item, pubsub_put_fn *fn, void *ctx);
void pubsub_take_back(struct router *router, struct text bare, struct text node, struct text id, pubsub_put_fn *fn, void *ctx);

/* -- pubsub_met.c -- */
/* The contact (bare) sees the owner's presence from now on. */
void pubsub_met(struct router *router, struct text owner, struct text contact);

#endif
