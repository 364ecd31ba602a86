/* pubsub_item.c - an item between the store and the wire: kept as an event that holds nothing but <item/>, so that nothing
 * of it is lost, and it comes back as the same tree. */
#include "gateway/router/pep/pubsub.h"

struct text pubsub_item_write(struct router *router, struct text bare, const struct element *item)
{
    struct stanza *holder = stanza_make("iq", XMLNS_CLIENT);
    struct element *copy = element_copy(&holder->arena, item);
    copy->xmlns = TEXT(XMLNS_PUBSUB);
    element_set(&holder->arena, holder->root, "from", arena_text(&holder->arena, bare));
    element_set(&holder->arena, holder->root, "id", TEXT("item"));
    element_set(&holder->arena, holder->root, "type", TEXT("set"));
    element_append(&holder->arena, holder->root, copy);
    struct text event = router_event(router, holder, bare);
    stanza_free(&holder);
    return event;
}

struct element *pubsub_item_read(struct router *router, struct arena *arena, struct text event, const char *xmlns,
                                 struct text *time)
{
    struct event read = { 0 };
    struct refusal why = { 0 };
    if (event_read(event, EVENT_FROM_NODE, &router->limits, &read, &why) < 0) {
        log_warning(router->parts->log, NULL, "pep-item-unreadable", "reason=%s text=%s", why.reason,
                    log_quote(why.text, strlen(why.text)));
        return NULL;
    }
    const struct element *item = element_first(read.stanza->root);
    struct element *copy = item ? element_copy(arena, item) : NULL;
    if (copy)
        copy->xmlns = text_of(xmlns);
    if (time)
        *time = arena_text(arena, read.time);
    stanza_free(&read.stanza);
    return copy;
}
