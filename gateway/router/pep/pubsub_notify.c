/* pubsub_notify.c - who hears of what happens on a node (XEP-0163 4): the account's own resources and those of its contacts
 * that wish for it (pubsub_wish.c; at other servers caps_abroad.c), each addressed by its full JID; and explicit subscribers
 * that share no presence.  It goes through the mailboxes, so it does not matter at which node anybody is; the roster is read
 * once, and all that is said then goes to Redis in one batch. */
#include "gateway/router/pep/caps.h"
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

struct telling { /* until the roster is read; before it, who of other servers wishes for the node */
    struct router *router;
    struct arena arena; /* owns all that follows */
    struct text bare, node;
    struct pep_config config;
    struct element *event;
    struct text *subscribers;
    size_t subscriber_count;
    struct abroad_row {
        struct text address, contact, kind; /* kind: its wishes are not known yet */
        bool is_wishing;
    } *abroad;
    size_t abroad_count;
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

static int compare_contacts(const void *a, const void *b)
{
    const struct text *one = &((const struct abroad_row *)a)->contact, *other = &((const struct abroad_row *)b)->contact;
    if (one->size != other->size)
        return one->size < other->size ? -1 : 1;
    return memcmp(one->data, other->data, one->size);
}

static const struct abroad_row *first_of(const struct telling *telling, struct text contact)
{
    struct abroad_row key = { .contact = contact };
    if (!telling->abroad_count)
        return NULL;
    const struct abroad_row *row =
        bsearch(&key, telling->abroad, telling->abroad_count, sizeof *telling->abroad, compare_contacts);
    while (row && row > telling->abroad && text_equal(row[-1].contact, contact))
        row--;
    return row;
}

/* Of one whose presence comes here it is known which resources wish for what; what is not known yet is learned, and then the
 * last item sent.  Of one whose presence does not come, one goes to the bare JID (4.3.2): its own server knows who is there. */
static void tell_abroad(struct telling *telling, const struct roster_item *item)
{
    struct router *router = telling->router;
    const struct abroad_row *row = first_of(telling, item->contact), *end = telling->abroad + telling->abroad_count;
    bool is_known = row != NULL || (item->state & SUBSCRIPTION_TO);
    for (; row && row < end && text_equal(row->contact, item->contact); row++) {
        if (row->is_wishing)
            router_say(router, pubsub_notification(router, telling->bare, row->address, telling->event));
        if (row->kind.size)
            caps_abroad_learn(router, telling->bare, row->address, row->kind);
    }
    if (!is_known)
        router_say(router, pubsub_notification(router, telling->bare, item->contact, telling->event));
}

/* A contact that sees the account's presence, may read, and is not blocked (XEP-0163 4.3.3). */
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
        tell_abroad(telling, item);
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

static void on_audience(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct telling *telling = ctx;
    struct arena *arena = &telling->arena;
    if (status != BUS_OK)
        return; /* the second answer frees it, and is no better */
    telling->abroad = arena_alloc(arena, (answer->row_count + 1) * sizeof *telling->abroad);
    telling->abroad_count = answer->row_count;
    for (size_t i = 0; i < answer->row_count; i++) {
        const struct pep_row *row = &answer->rows[i];
        telling->abroad[i] = (struct abroad_row){ .address = arena_text(arena, row->id),
                                                  .contact = arena_text(arena, row->item),
                                                  .kind = arena_text(arena, row->config),
                                                  .is_wishing = row->node.size > 0 };
    }
    qsort(telling->abroad, telling->abroad_count, sizeof *telling->abroad, compare_contacts);
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
    if (pep_config_is(config, PEP_ACCESS_MODEL, "whitelist"))
        return;
    struct telling *telling = telling_new(router, bare, node, config, answer, event);
    store->pep->audience(store, telling->bare, TEXT(""), telling->node, on_audience, telling);
    store->roster->get(store, &request, on_roster, telling);
}
