/* pubsub_put.c - an item that the server itself publishes, or takes back, in an account's name: what came in another way
 * (vCard, private XML) and is to be found on a node. */
#include <stdlib.h>

#include "gateway/router/pep/pubsub.h"

struct put {
    struct router *router;
    struct arena arena; /* owns the texts and the item */
    struct text bare, node;
    struct element *item; /* NULL: it was taken back; then id says which */
    struct text id;
    pubsub_put_fn *fn;
    void *ctx;
};

static struct put *put_new(struct router *router, struct text bare, struct text node, pubsub_put_fn *fn, void *ctx)
{
    struct put *put = xcalloc(1, sizeof *put);
    put->router = router;
    put->bare = arena_text(&put->arena, bare);
    put->node = arena_text(&put->arena, node);
    put->fn = fn;
    put->ctx = ctx;
    return put;
}

static void tell(struct put *put, const struct pep_answer *answer)
{
    struct pep_config config;
    struct element *items, *event = pubsub_event_items(&put->arena, put->node, &items);
    pep_config_read(&put->arena, answer->config, &config);
    if (put->item) {
        put->item->xmlns = TEXT(XMLNS_PUBSUB_EVENT);
        element_append(&put->arena, items, put->item);
    } else {
        struct element *retract = element_add(&put->arena, items, TEXT("retract"), TEXT(XMLNS_PUBSUB_EVENT));
        element_set(&put->arena, retract, "id", put->id);
    }
    pubsub_notify(put->router, put->bare, put->node, &config, answer, event);
}

static void on_put(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct put *put = ctx;
    if (status == BUS_OK && answer->result == PEP_DONE)
        tell(put, answer);
    if (put->fn)
        put->fn(put->ctx, status, status == BUS_OK ? answer->result : PEP_DONE, status == BUS_OK ? answer->config : TEXT(""));
    arena_fini(&put->arena);
    free(put);
}

void pubsub_put(struct router *router, struct text bare, struct text node, const struct pep_config *config,
                const struct element *item, pubsub_put_fn *fn, void *ctx)
{
    struct store *store = router->parts->store;
    struct pep_limits limits = pubsub_limits(router);
    struct buffer lines = { 0 };
    struct put *put = put_new(router, bare, node, fn, ctx);
    put->item = element_copy(&put->arena, item);
    pep_config_write(&lines, config);
    struct pep_publish publish = { .bare = put->bare,
                                   .node = put->node,
                                   .id = element_get(put->item, "id"),
                                   .item = pubsub_item_write(router, put->bare, put->item),
                                   .config = buffer_text(&lines) };
    store->pep->publish(store, &publish, &limits, on_put, put);
    buffer_fini(&lines);
}

void pubsub_take_back(struct router *router, struct text bare, struct text node, struct text id, pubsub_put_fn *fn, void *ctx)
{
    struct store *store = router->parts->store;
    struct put *put = put_new(router, bare, node, fn, ctx);
    put->id = arena_text(&put->arena, id);
    store->pep->retract(store, put->bare, put->node, put->id, on_put, put);
}
