/* leaving.c - an account was deleted: its contacts see it go, and neither side is left with a subscription.  A node that
 * dies over it leaves the name to the others; what is said twice says nothing new. */
#include <stdlib.h>

#include "gateway/router/presence/presence.h"

struct leaving {
    struct router *router;
    size_t size;
    char bare[];
};

static void tell_unavailable(struct router *router, struct text bare, struct text resources, struct text contact)
{
    struct arena arena = { 0 };
    while (resources.size) {
        struct text resource = text_take_line(&resources);
        struct text full = arena_printf(&arena, "%.*s/%.*s", TEXT_ARGS(bare), TEXT_ARGS(resource));
        router_say(router, presence_make(full, contact, "unavailable"));
    }
    arena_fini(&arena);
}

static void tell(struct router *router, struct text bare, struct text resources, const struct contact_leaving *contact)
{
    if (contact->state & SUBSCRIPTION_FROM)
        tell_unavailable(router, bare, resources, contact->contact);
    if (contact->state & (SUBSCRIPTION_TO | SUBSCRIPTION_OUT))
        subscription_forward(router, presence_make(bare, contact->contact, "unsubscribe"));
    if (contact->state & (SUBSCRIPTION_FROM | SUBSCRIPTION_IN))
        subscription_forward(router, presence_make(bare, contact->contact, "unsubscribed"));
}

static void on_read(void *ctx, enum bus_status status, const struct contact_leaving *contacts, size_t count, struct text resources)
{
    struct leaving *leaving = ctx;
    struct router *router = leaving->router;
    struct store *store = router->parts->store;
    struct text bare = { leaving->bare, leaving->size };
    for (size_t i = 0; status == BUS_OK && i < count; i++)
        tell(router, bare, resources, &contacts[i]);
    if (status == BUS_OK)
        store->roster->leaving_done(store, bare);
    router->is_leaving = false;
    free(leaving);
    if (status == BUS_OK)
        leaving_look(router);
}

static void on_name(void *ctx, struct text bare)
{
    struct router *router = ctx;
    struct store *store = router->parts->store;
    if (!bare.size || router->is_full) {
        router->is_leaving = false;
        return;
    }
    struct leaving *leaving = xmalloc(sizeof *leaving + bare.size);
    leaving->router = router;
    leaving->size = bare.size;
    memcpy(leaving->bare, bare.data, bare.size);
    store->roster->leaving_read(store, bare, on_read, leaving);
}

void leaving_look(struct router *router)
{
    struct store *store = router->parts->store;
    if (router->is_leaving || router->is_stopping)
        return;
    router->is_leaving = true;
    store->roster->leaving_next(store, on_name, router);
}
