/* pubsub_last.c - the last items of nodes, for resources that become available, or begin to wish for them (XEP-0163 4.3.4):
 * what all who send them have in common, and the way to other servers. */
#include <stdlib.h>

#include "gateway/router/pep/pubsub.h"

bool pubsub_is_sent_on_presence(const struct pep_config *config)
{
    return pep_config_is(config, PEP_SEND_LAST_PUBLISHED_ITEM, "on_sub_and_presence") &&
           pep_config_is(config, PEP_DELIVER_NOTIFICATIONS, "1");
}

static struct stanza *make_notification(struct router *router, struct arena *arena, struct text owner, struct text to,
                                        const struct pep_row *row)
{
    struct element *items, *event = pubsub_event_items(arena, row->node, &items);
    struct text time;
    struct element *item = pubsub_item_read(router, arena, row->item, XMLNS_PUBSUB_EVENT, &time);
    if (!item)
        return NULL;
    element_append(arena, items, item);
    struct stanza *message = pubsub_notification(router, owner, to, event);
    struct element *delay = element_add(&message->arena, message->root, TEXT("delay"), TEXT("urn:xmpp:delay"));
    element_set(&message->arena, delay, "stamp", arena_text(&message->arena, time));
    return message;
}

void pubsub_last_each(struct router *router, struct text owner, struct text requester, struct text to,
                      const struct pep_answer *answer, pubsub_last_fn *fn, void *ctx)
{
    struct arena arena = { 0 };
    for (size_t i = 0; i < answer->row_count; i++) {
        struct pep_config config;
        struct pep_contact contact = pubsub_contact_of(&arena, owner, requester, answer->contact);
        pep_config_read(&arena, answer->rows[i].config, &config);
        struct stanza *message = NULL;
        if (pubsub_is_sent_on_presence(&config) && pep_config_access(&config, &contact) == PEP_MAY_READ)
            message = make_notification(router, &arena, owner, to, &answer->rows[i]);
        if (message)
            fn(ctx, message);
    }
    arena_fini(&arena);
}

static bool has_line(struct text lines, struct text line)
{
    while (lines.size)
        if (text_equal(text_take_line(&lines), line))
            return true;
    return false;
}

void pubsub_append_new(struct buffer *out, struct text nodes, struct text before)
{
    while (nodes.size) {
        struct text node = text_take_line(&nodes);
        if (has_line(before, node))
            continue;
        buffer_append_text(out, node);
        buffer_append_char(out, '\n');
    }
}

/* -- other servers -- */

struct last { /* until the store has answered */
    struct router *router;
    struct arena arena; /* owns the texts */
    struct text owner;
    struct jid to;
};

static void say(void *ctx, struct stanza *message)
{
    router_say(ctx, message);
}

/* A node that is open to all is still only told to those who see the account's presence. */
static void on_last(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct last *last = ctx;
    if (status != BUS_OK)
        metric_add(last->router->parts->metrics, METRIC_PEP_NOTICE_DROPS, 1);
    else if (answer->contact && (answer->contact->state & SUBSCRIPTION_FROM))
        pubsub_last_each(last->router, last->owner, jid_bare(&last->to), jid_text(&last->to), answer, say, last->router);
    arena_fini(&last->arena);
    free(last);
}

void pubsub_last_abroad(struct router *router, struct text owner, struct text address, struct text nodes)
{
    struct store *store = router->parts->store;
    struct last *last = xcalloc(1, sizeof *last);
    last->router = router;
    last->owner = arena_text(&last->arena, owner);
    if (jid_parse(&last->arena, arena_text(&last->arena, address), &last->to) < 0) {
        arena_fini(&last->arena);
        free(last);
        return;
    }
    store->pep->last(store, last->owner, jid_bare(&last->to), nodes, on_last, last);
}
