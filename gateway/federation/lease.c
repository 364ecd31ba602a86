/* lease.c - which node holds a link: asked for, lost to another node, given back. */
#include <stdlib.h>

#include "gateway/federation/share.h"

/* To a node that has connections of the component, if there is one. */
void link_give_lease_back(struct link *link)
{
    struct store *store = link->peers->parts->store;
    struct text node = link->peers->parts->node, heir = share_heir(link);
    if (link->is_leased && heir.size)
        store->peers->hand_over(store, text_of(link->key), node, heir, LINK_LEASE_MS);
    else if (link->is_leased)
        store->ops->lease_release(store, text_of(link->key), node);
    link->is_leased = false;
    share_forget(link);
}

void link_give_back(struct link *link)
{
    timer_stop(&link->timer);
    borrow_free(link);
    link_give_lease_back(link);
    link->state = LINK_LEASING;
    link_release(link);
}

/* Another node holds it now: what waits is that one's. */
static void lost_lease(struct link *link)
{
    struct peer *peer = link->peer;
    link->is_leased = false;
    link->state = LINK_LEASING;
    link->used_ms = peers_now(link->peers);
    share_forget(link);
    if (link->dial)
        link->peers->dialer->ops->cancel(link->peers->dialer, &link->dial);
    if (peer && peer->role != &role_component) {
        link_leave(link);
        if (LIST_EMPTY(&peer->links))
            peer_close(peer, "another node holds this link now");
    }
}

struct asked { /* finds the link again */
    struct peers *peers;
    char key[];
};

static void on_leased(void *ctx, enum bus_status status, int64_t result)
{
    struct asked *asked = ctx;
    struct link *link = link_find(asked->peers, text_of(asked->key));
    free(asked);
    if (!link)
        return;
    link->is_lease_asked = false;
    if (status != BUS_OK)
        return; /* asked again by the tick */
    if (result == 1) {
        bool is_new = !link->is_leased;
        link->is_leased = true;
        link->leased_ms = peers_now(link->peers);
        if (is_new && link->own && link->other)
            link->peers->parts->store->peers->note(link->peers->parts->store, text_of(link->key));
        if (is_new && link->state == LINK_LEASING && link->peer)
            link_attach(link, link->peer);
        else if (is_new && link->state == LINK_LEASING)
            link_dial(link);
    } else if (link->is_leased) {
        lost_lease(link);
    }
}

void link_ask_lease(struct link *link)
{
    struct store *store = link->peers->parts->store;
    size_t size = strlen(link->key) + 1;
    if (link->is_lease_asked)
        return;
    struct asked *asked = xmalloc(sizeof *asked + size);
    asked->peers = link->peers;
    memcpy(asked->key, link->key, size);
    link->is_lease_asked = true;
    link->leased_ms = peers_now(link->peers);
    store->ops->lease_take(store, text_of(link->key), link->peers->parts->node, LINK_LEASE_MS, on_leased, asked);
}

void link_want(struct link *link)
{
    if (!link->own && !link->peer) { /* who has a connection of the component takes it */
        link_release(link);
        return;
    }
    if (link->state != LINK_LEASING && link->is_leased)
        return;
    link->used_ms = peers_now(link->peers);
    link_ask_lease(link);
    link_start_tick(link);
}
