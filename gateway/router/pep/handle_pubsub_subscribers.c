/* handle_pubsub_subscribers.c - explicit subscriptions (XEP-0060 6.1, 6.2, 5.6), for who does not share presence with the
 * account: contacts are told by their presence, and need none (XEP-0163 3). */
#include "gateway/router/pep/pubsub.h"

enum { SUBSCRIBERS_MAX = 1000 }; /* of a node */

/* XEP-0060 6.1.3.1: one subscribes oneself, by bare JID or by the resource that asks.  False: refused. */
static bool is_own_jid(struct pubsub *pubsub, struct text *subscriber)
{
    struct jid jid, *from = &pubsub->request->from;
    struct text given = element_get(pubsub->verb, "jid");
    if (given.data && jid_parse(&pubsub->request->stanza->arena, given, &jid) == 0 &&
        (text_equal(jid_text(&jid), jid_bare(from)) || text_equal(jid_text(&jid), jid_text(from)))) {
        *subscriber = jid_text(&jid);
        return true;
    }
    pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, given.data ? "invalid-jid" : "jid-required", NULL, NULL);
    return false;
}

static void add_subscription(struct arena *arena, struct element *parent, struct text node, struct text jid)
{
    struct element *subscription = element_add(arena, parent, TEXT("subscription"), TEXT(XMLNS_PUBSUB));
    if (node.data)
        element_set(arena, subscription, "node", arena_text(arena, node));
    element_set(arena, subscription, "jid", arena_text(arena, jid));
    element_set(arena, subscription, "subscription", TEXT("subscribed"));
}

/* XEP-0163 4.3.4: what was published last, to who has just subscribed. */
static void send_last(const struct pubsub *pubsub, const struct pep_answer *answer)
{
    struct router *router = pubsub->request->router;
    struct arena *arena = &pubsub->request->stanza->arena;
    struct pep_config config;
    struct element *items, *event = pubsub_event_items(arena, pubsub->node, &items), *item = NULL;
    if (answer->row_count)
        item = pubsub_item_read(router, arena, answer->rows[0].item, XMLNS_PUBSUB_EVENT, NULL);
    if (!item)
        return;
    pep_config_read(arena, answer->rows[0].config, &config);
    if (pep_config_is(&config, PEP_SEND_LAST_PUBLISHED_ITEM, "never") || pep_config_is(&config, PEP_DELIVER_NOTIFICATIONS, "0"))
        return;
    element_append(arena, items, item);
    router_say(router, pubsub_notification(router, pubsub->bare, element_get(pubsub->verb, "jid"), event));
}

static void on_last(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    if (status == BUS_OK)
        send_last(pubsub, answer);
    pubsub_done(pubsub);
}

static void on_subscribed(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct store *store = pubsub->request->router->parts->store;
    if (pubsub_fails(pubsub, status, answer))
        return;
    struct stanza *reply = stanza_reply(pubsub->request->stanza);
    struct element *outer = element_add(&reply->arena, reply->root, TEXT("pubsub"), TEXT(XMLNS_PUBSUB));
    for (size_t i = 0; i < answer->row_count; i++)
        add_subscription(&reply->arena, outer, pubsub->node, answer->rows[i].id);
    iq_answer(pubsub->request, reply);
    store->pep->last(store, pubsub->bare, jid_bare(&pubsub->request->from),
                     arena_printf(&pubsub->request->stanza->arena, "%.*s\n", TEXT_ARGS(pubsub->node)), on_last, pubsub);
}

static void change(struct pubsub *pubsub, struct text subscriber, int change, store_pep_fn *fn)
{
    struct store *store = pubsub->request->router->parts->store;
    store->pep->subscriber(store, pubsub->bare, pubsub->node, jid_bare(&pubsub->request->from), subscriber, change,
                           SUBSCRIBERS_MAX, fn, pubsub);
}

static void on_may_subscribe(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct pep_config config;
    struct text subscriber;
    if (pubsub_fails(pubsub, status, answer))
        return;
    pep_config_read(&pubsub->request->stanza->arena, answer->config, &config);
    if (!pubsub_is_closed(pubsub, answer, &config) && is_own_jid(pubsub, &subscriber))
        change(pubsub, subscriber, 1, on_subscribed);
}

void pubsub_subscribe(struct pubsub *pubsub)
{
    struct text subscriber;
    if (is_own_jid(pubsub, &subscriber))
        change(pubsub, subscriber, 0, on_may_subscribe);
}

static void on_unsubscribed(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    if (status == BUS_OK && answer->result == PEP_NO_ITEM)
        pubsub_refuse(pubsub, STANZA_ERROR_UNEXPECTED_REQUEST, "not-subscribed", NULL, NULL); /* XEP-0060 6.2.3.2 */
    else if (!pubsub_fails(pubsub, status, answer))
        pubsub_answer(pubsub, NULL);
}

void pubsub_unsubscribe(struct pubsub *pubsub)
{
    struct text subscriber;
    if (is_own_jid(pubsub, &subscriber))
        change(pubsub, subscriber, -1, on_unsubscribed);
}

static void on_subscriptions(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    if (pubsub_fails(pubsub, status, answer))
        return;
    struct stanza *reply = stanza_reply(pubsub->request->stanza);
    struct element *outer = element_add(&reply->arena, reply->root, TEXT("pubsub"), TEXT(XMLNS_PUBSUB));
    struct element *list = element_add(&reply->arena, outer, TEXT("subscriptions"), TEXT(XMLNS_PUBSUB));
    element_set(&reply->arena, list, "node", arena_text(&reply->arena, pubsub->node));
    for (size_t i = 0; i < answer->row_count; i++)
        add_subscription(&reply->arena, list, (struct text){ NULL, 0 }, answer->rows[i].id);
    pubsub_answer(pubsub, reply);
}

/* Of one node: of all nodes at once nothing is kept that would tell it. */
void pubsub_subscriptions(struct pubsub *pubsub)
{
    if (pubsub->node.size)
        change(pubsub, jid_bare(&pubsub->request->from), 0, on_subscriptions);
    else
        pubsub_refuse(pubsub, STANZA_ERROR_FEATURE_NOT_IMPLEMENTED, "unsupported", "retrieve-subscriptions", "Name the node.");
}
