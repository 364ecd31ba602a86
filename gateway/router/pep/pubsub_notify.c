/* pubsub_notify.c - who hears of what happens on a node (XEP-0163 4): the account's own resources and those of its contacts
 * that wish for it (pubsub_wish.c), each addressed by its full JID; and explicit subscribers that share no presence.  It
 * goes through the mailboxes, so it does not matter at which node anybody is; the roster is read once, and all that is said
 * then goes to Redis in one batch. */
#include "gateway/router/pep/pubsub.h"

#include <stdlib.h>

#include "gateway/router/account/blocklist.h"

struct element *pubsub_event_items(struct arena *arena, struct text node, struct element **items)
{
    struct element *event = element_new(arena, TEXT("event"), TEXT(XMLNS_PUBSUB_EVENT));
    *items = element_add(arena, event, TEXT("items"), TEXT(XMLNS_PUBSUB_EVENT));
    element_set(arena, *items, "node", arena_text(arena, node));
    return event;
}

struct stanza *pubsub_notification(struct router *router, struct text bare, struct text to, const struct element *event)
{
    struct stanza *message = stanza_make("message", XMLNS_CLIENT);
    struct arena *arena = &message->arena;
    char id[EVENT_ID_SIZE];
    event_id_next(&router->ids, router_wall_ms(router), id);
    element_set(arena, message->root, "from", arena_text(arena, bare));
    element_set(arena, message->root, "to", arena_text(arena, to));
    element_set(arena, message->root, "id", arena_text(arena, (struct text){ id, sizeof id }));
    element_set(arena, message->root, "type", TEXT("headline"));
    element_append(arena, message->root, element_copy(arena, event));
    return message;
}

bool pubsub_is_sent_on_presence(const struct pep_config *config)
{
    return pep_config_is(config, PEP_SEND_LAST_PUBLISHED_ITEM, "on_sub_and_presence") &&
           pep_config_is(config, PEP_DELIVER_NOTIFICATIONS, "1");
}

/* Unique, and nothing that a pattern of Lua would read otherwise: an id without its dashes. */
static struct text make_marker(struct router *router, struct arena *arena)
{
    char id[EVENT_ID_SIZE], *out = arena_alloc(arena, EVENT_ID_SIZE), *end = out;
    event_id_next(&router->ids, router_wall_ms(router), id);
    for (size_t i = 0; i < sizeof id; i++)
        if (id[i] != '-')
            *end++ = id[i];
    return (struct text){ out, (size_t)(end - out) };
}

void pubsub_tell(struct router *router, struct text publisher, struct text who, struct text node, const struct element *event)
{
    struct store *store = router->parts->store;
    struct arena arena = { 0 };
    struct text marker = make_marker(router, &arena);
    struct text to = arena_printf(&arena, "%.*s/%.*s", TEXT_ARGS(who), TEXT_ARGS(marker));
    struct stanza *message = pubsub_notification(router, publisher, to, event);
    struct pep_notice notice = { .bare = who,
                                 .node = node,
                                 .sender = publisher,
                                 .marker = marker,
                                 .event = router_event(router, message, who) };
    store->pep->notify(store, &notice, NULL, NULL);
    stanza_free(&message);
    arena_fini(&arena);
}

/* -- contacts and subscribers -- */

struct telling { /* until the roster is read */
    struct router *router;
    struct arena arena; /* owns all that follows */
    struct text bare, node;
    struct pep_config config;
    struct element *event;
    struct text *subscribers;
    size_t subscriber_count;
};

static struct telling *telling_new(struct router *router, struct text bare, struct text node, const struct pep_config *config,
                                   const struct pep_answer *answer, const struct element *event)
{
    struct telling *telling = xcalloc(1, sizeof *telling);
    struct arena *arena = &telling->arena;
    telling->router = router;
    telling->bare = arena_text(arena, bare);
    telling->node = arena_text(arena, node);
    for (int i = 0; i < PEP_FIELD_COUNT; i++)
        telling->config.value[i] = arena_text(arena, config->value[i]);
    telling->event = element_copy(arena, event);
    telling->subscribers = arena_alloc(arena, (answer->row_count + 1) * sizeof *telling->subscribers);
    for (size_t i = 0; i < answer->row_count; i++)
        telling->subscribers[telling->subscriber_count++] = arena_text(arena, answer->rows[i].id);
    return telling;
}

/* A contact that sees the account's presence, may read, and is not blocked (XEP-0163 4.3.3).  Of one at another server it
 * is not known here which resource wishes for what: then one goes to the bare JID (4.3.1, 4.3.2). */
static void tell_contact(struct telling *telling, const struct roster_item *item)
{
    struct router *router = telling->router;
    struct jid jid;
    struct service *service;
    struct pep_contact contact = pubsub_contact_of(&telling->arena, telling->bare, item->contact, item);
    if (!contact.is_subscribed || pep_config_access(&telling->config, &contact) != PEP_MAY_READ ||
        jid_parse(&telling->arena, item->contact, &jid) < 0 ||
        blocklist_find(router, telling->bare, &jid) != BLOCKED_NOT)
        return;
    enum place place = router_place(router, &jid, &service);
    if (place == PLACE_ACCOUNT)
        pubsub_tell(router, telling->bare, item->contact, telling->node, telling->event);
    else if (place == PLACE_ELSEWHERE)
        router_say(router, pubsub_notification(router, telling->bare, item->contact, telling->event));
}

static const struct roster_item *find_item(const struct roster *roster, struct text bare)
{
    for (size_t i = 0; i < roster->count; i++)
        if (text_equal(roster->items[i].contact, bare))
            return &roster->items[i];
    return NULL;
}

/* Who sees the account's presence is told by that, or not at all (XEP-0163 4.3.2). */
static void tell_subscriber(struct telling *telling, const struct roster *roster, struct text subscriber)
{
    struct jid jid;
    if (jid_parse(&telling->arena, subscriber, &jid) < 0)
        return;
    struct pep_contact contact =
        pubsub_contact_of(&telling->arena, telling->bare, jid_bare(&jid), find_item(roster, jid_bare(&jid)));
    if (!contact.is_owner && !contact.is_subscribed && pep_config_access(&telling->config, &contact) == PEP_MAY_READ &&
        blocklist_find(telling->router, telling->bare, &jid) == BLOCKED_NOT)
        router_say(telling->router, pubsub_notification(telling->router, telling->bare, subscriber, telling->event));
}

static void on_roster(void *ctx, enum bus_status status, const struct roster *roster)
{
    struct telling *telling = ctx;
    for (size_t i = 0; status == BUS_OK && i < roster->count; i++)
        tell_contact(telling, &roster->items[i]);
    for (size_t i = 0; status == BUS_OK && i < telling->subscriber_count; i++)
        tell_subscriber(telling, roster, telling->subscribers[i]);
    if (status != BUS_OK)
        metric_add(telling->router->parts->metrics, METRIC_PEP_NOTICE_DROPS, 1);
    arena_fini(&telling->arena);
    free(telling);
}

void pubsub_notify(struct router *router, struct text bare, struct text node, const struct pep_config *config,
                   const struct pep_answer *answer, const struct element *event)
{
    struct store *store = router->parts->store;
    struct roster_request request = { .bare = bare };
    if (pep_config_is(config, PEP_DELIVER_NOTIFICATIONS, "0"))
        return;
    pubsub_tell(router, bare, bare, node, event);
    if (!pep_config_is(config, PEP_ACCESS_MODEL, "whitelist"))
        store->roster->get(store, &request, on_roster, telling_new(router, bare, node, config, answer, event));
}
