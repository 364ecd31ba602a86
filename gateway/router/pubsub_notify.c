/* pubsub_notify.c - who hears of what happens on a node (XEP-0163 4): the account's own resources and those of its contacts
 * that wish for it (pubsub_wish.c), each addressed by its full JID; and explicit subscribers.  It goes through the mailboxes,
 * so it does not matter at which node anybody is. */
#include "pubsub.h"

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

/* To those resources of the account who that wish for the node. */
static void tell(struct router *router, struct text publisher, struct text who, struct text node, const struct element *event)
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

void pubsub_notify(struct router *router, struct text bare, struct text node, const struct pep_config *config,
                   const struct pep_answer *answer, const struct element *event)
{
    if (pep_config_is(config, PEP_DELIVER_NOTIFICATIONS, "0"))
        return;
    tell(router, bare, bare, node, event);
    for (size_t i = 0; i < answer->row_count; i++)
        router_say(router, pubsub_notification(router, bare, answer->rows[i].id, event));
}
