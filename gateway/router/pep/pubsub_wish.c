/* pubsub_wish.c - a session says which nodes it wants to hear of, and gets the last items of those that are new to it: of
 * its own account, and of the contacts whose presence it sees (XEP-0163 4.3.4).  They are sent by the node that the session
 * is at. */
#include "gateway/router/pep/caps.h"

#include <stdlib.h>

#include "gateway/router/pep/pubsub.h"

struct wish { /* until the store has answered */
    struct router *router;
    uint64_t session;
    struct text bare, resource, nodes, owner; /* behind the struct */
};

static struct text keep(char **place, struct text text)
{
    struct text kept = { *place, text.size };
    if (text.size)
        *place = mempcpy(*place, text.data, text.size);
    return kept;
}

static struct wish *wish_new(struct router *router, uint64_t session, struct text bare, struct text resource, struct text nodes,
                             struct text owner)
{
    struct wish *wish = xmalloc(sizeof *wish + bare.size + resource.size + nodes.size + owner.size);
    char *place = (char *)(wish + 1);
    *wish = (struct wish){ .router = router, .session = session };
    wish->bare = keep(&place, bare);
    wish->resource = keep(&place, resource);
    wish->nodes = keep(&place, nodes);
    wish->owner = keep(&place, owner);
    return wish;
}

static struct session *session_of(const struct wish *wish)
{
    struct session *session = sessions_find(wish->router->sessions, wish->bare, wish->resource);
    return session && session_number(session) == wish->session ? session : NULL;
}

/* -- the last items -- */

static void give(void *ctx, struct stanza *message)
{
    session_send(ctx, message);
    stanza_free(&message);
}

static void on_last(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct wish *wish = ctx;
    struct session *session = session_of(wish);
    if (status == BUS_OK && session)
        pubsub_last_each(wish->router, wish->owner, wish->bare, jid_text(session_jid(session)), answer, give, session);
    free(wish);
}

static void ask_last(const struct wish *wish, struct text nodes, struct text owner)
{
    struct store *store = wish->router->parts->store;
    store->pep->last(store, owner, wish->bare, nodes, on_last,
                     wish_new(wish->router, wish->session, wish->bare, wish->resource, TEXT(""), owner));
}

/* -- the wish -- */

/* All contacts whose presence the session sees: one batch. */
static void on_roster(void *ctx, enum bus_status status, const struct roster *roster)
{
    struct wish *wish = ctx;
    struct arena arena = { 0 };
    for (size_t i = 0; status == BUS_OK && i < roster->count; i++) {
        const struct roster_item *item = &roster->items[i];
        struct service *service;
        struct jid jid;
        if (!item->is_removed && (item->state & SUBSCRIPTION_TO) && jid_parse(&arena, item->contact, &jid) == 0 &&
            router_place(wish->router, &jid, &service) == PLACE_ACCOUNT)
            ask_last(wish, wish->nodes, item->contact);
    }
    arena_fini(&arena);
    free(wish);
}

static void on_wished(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct wish *wish = ctx;
    struct store *store = wish->router->parts->store;
    struct roster_request request = { .bare = wish->bare };
    struct buffer nodes = { 0 };
    if (status == BUS_OK)
        pubsub_append_new(&nodes, wish->nodes, answer->config);
    if (nodes.size) {
        ask_last(wish, buffer_text(&nodes), wish->bare);
        store->roster->get(store, &request, on_roster,
                           wish_new(wish->router, wish->session, wish->bare, wish->resource, buffer_text(&nodes), TEXT("")));
    }
    buffer_fini(&nodes);
    free(wish);
}

void pubsub_wish(struct router *router, struct session *session, struct text nodes)
{
    struct store *store = router->parts->store;
    const struct jid *jid = session_jid(session);
    struct pep_wish wish = {
        .bare = jid_bare(jid), .resource = jid_resource(jid), .uid = session_uid(session), .nodes = nodes
    };
    store->pep->wish(store, &wish, on_wished,
                     wish_new(router, session_number(session), wish.bare, wish.resource, nodes, TEXT("")));
}
