/* peers.c - all peers of a node: made and freed, and the two doors of the router. */
#include <stdlib.h>

#include "gateway/federation/share.h"

enum { ORPHANS_MS = 15000, EVENT_BYTES_FACTOR = 8 }; /* JSON of a stanza may grow, as in the router */

struct peers *peers_new(struct parts *parts, struct dialer *dialer, const struct peers_callbacks *callbacks, void *ctx)
{
    const struct config *config = parts->config;
    struct peers *peers = xcalloc(1, sizeof *peers);
    peers->parts = parts;
    peers->dialer = dialer;
    peers->callbacks = callbacks;
    peers->ctx = ctx;
    peers->limits = (struct event_limits){ config->limits.stanza_bytes * EVENT_BYTES_FACTOR, config->limits.depth * 4 + 16 };
    return peers;
}

/* -- what a node left behind -- */

static void on_orphan(void *ctx, struct text key)
{
    struct peers *peers = ctx;
    struct link *link = peers->is_stopping ? NULL : link_of_key(peers, key);
    if (link)
        link_want(link);
}

static void on_orphans(void *ctx, enum bus_status status, int64_t count)
{
    (void)ctx;
    (void)status;
    (void)count;
}

static void look_for_orphans(struct timer *timer)
{
    struct peers *peers = container_of(timer, struct peers, orphan_timer);
    struct store *store = peers->parts->store;
    timer_start(peers->parts->timers, timer, ORPHANS_MS, look_for_orphans);
    store->peers->orphans(store, on_orphan, on_orphans, peers);
}

void peers_start(struct peers *peers)
{
    upstream_start(peers);
    if (peers->dialer && peers->parts->config->listen_s2s.is_on)
        look_for_orphans(&peers->orphan_timer);
}

void peers_back(struct peers *peers)
{
    struct link *link, *next;
    HASH_ITER(hh, peers->links, link, next) {
        borrow_forget(link);
        queue_look_again(link);
    }
}

void peers_stop(struct peers *peers)
{
    peers->is_stopping = true;
    timer_stop(&peers->orphan_timer);
    links_free(peers);
    for (struct peer *peer = peers->first, *next; peer; peer = next) {
        next = peer->next;
        peer_end(peer, STREAM_ERROR_SYSTEM_SHUTDOWN, "the server is stopping");
    }
}

void peers_free(struct peers **owned)
{
    struct peers *peers = *owned;
    if (!peers)
        return;
    *owned = NULL;
    timer_stop(&peers->orphan_timer);
    verify_free(peers);
    piggyback_free(peers);
    links_free(peers);
    buffer_fini(&peers->out);
    free(peers);
}

size_t peers_count(const struct peers *peers)
{
    return peers->count;
}

bool peers_reach(const struct peers *peers, struct text from_domain, struct text to_domain)
{
    if (peers_is_component(peers, to_domain) || upstream_has(peers, from_domain))
        return true;
    return peers->dialer && peers->parts->config->listen_s2s.is_on && peer_is_authority(peers, from_domain) &&
           peer_is_allowed(peers, to_domain);
}

/* -- sending -- */

struct sending { /* until Redis has answered */
    struct peers *peers;
    const struct stanza *stanza;
    store_done_fn *fn;
    void *ctx;
    char key[]; /* finds the link again */
};

/* It stays for its puts, but not beyond the end of all peers.  A put that was taken before, and whose answer was lost, may be in
 * the queue and nobody was told. */
static void link_has_got(struct link *link, enum bus_status status, int64_t result, const struct stanza *stanza)
{
    bool is_taken = status == BUS_OK && !link->peers->is_stopping;
    link->puts--;
    if (is_taken && result >= PEERS_OWN)
        queue_put(link, (uint64_t)(result - PEERS_OWN), stanza);
    else if (is_taken && result == PEERS_DOUBLE && link->is_leased)
        queue_missed(link);
    else if (is_taken && (result == PEERS_QUEUED || result == PEERS_DOUBLE))
        link_want(link);
    else
        link_release(link);
}

static void on_put(void *ctx, enum bus_status status, int64_t result)
{
    struct sending *sending = ctx;
    struct link *link = link_find(sending->peers, text_of(sending->key));
    if (link)
        link_has_got(link, status, result, sending->stanza);
    sending->fn(sending->ctx, status, result);
    free(sending);
}

void peers_send(struct peers *peers, const struct stanza *stanza, struct text from_domain, struct text to_domain, struct text event,
                struct text stream, uint64_t number, store_done_fn *fn, void *ctx)
{
    struct store *store = peers->parts->store;
    bool is_component = peers_is_component(peers, to_domain);
    struct text own = is_component ? (struct text){ 0 } : from_domain;
    struct text other = !is_component && upstream_has(peers, from_domain) ? (struct text){ 0 } : to_domain;
    struct link *link = link_get(peers, own, other);
    if (!link) {
        fn(ctx, BUS_OK, PEERS_FULL); /* nobody here could carry it */
        return;
    }
    size_t size = strlen(link->key) + 1;
    struct sending *sending = xmalloc(sizeof *sending + size);
    *sending = (struct sending){ peers, stanza, fn, ctx };
    memcpy(sending->key, link->key, size);
    link->puts++;
    struct peers_put put = { .key = text_of(link->key),
                             .event = event,
                             .stream = stream,
                             .number = number,
                             .node = peers->parts->node,
                             .bound = peers->parts->config->s2s_queue,
                             .bound_bytes = peers->parts->config->s2s_queue_bytes,
                             .needs_holder = is_component };
    store->peers->put(store, &put, on_put, sending);
}

/* -- pushed by another node, or by this one -- */

static void pushed(struct peers *peers, struct text payload)
{
    struct text key = text_take_line(&payload), digits = text_take_line(&payload);
    struct link *link = peers->is_stopping ? NULL : link_of_key(peers, key);
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size && digits.data[i] >= '0' && digits.data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    if (link && link->is_leased)
        queue_pushed(link, number, payload);
    else if (link)
        link_want(link); /* it was given back while this was on its way */
}

/* -- the other side is there again -- */

static void mend(struct peers *peers, struct text key)
{
    struct link *link = link_find(peers, key);
    if (link)
        link_mend(link);
}

static void on_told(void *ctx, enum bus_status status, int64_t result)
{
    (void)ctx;
    (void)status;
    (void)result;
}

void peers_mend(struct peers *peers, struct text own, struct text other)
{
    struct store *store = peers->parts->store;
    struct buffer key = { 0 }, what = { 0 };
    link_key(&key, own, other);
    struct link *link = link_find(peers, buffer_text(&key));
    buffer_printf(&what, "mend\n%.*s", TEXT_ARGS(buffer_text(&key)));
    if (link && link->is_leased)
        link_mend(link);
    else
        store->peers->tell_holder(store, buffer_text(&key), peers->parts->node, buffer_text(&what), on_told, NULL);
    buffer_fini(&key);
    buffer_fini(&what);
}

static const struct peers_word {
    const char *word;
    void (*take)(struct peers *peers, struct text payload);
} peers_words[] = {
    { "queued", pushed },          { "share", share_heard },       { "lent", borrow_take },
    { "carried", share_carried }, { "returned", share_returned }, { "mend", mend },
};

void peers_command(struct peers *peers, struct text word, struct text payload)
{
    for (size_t i = 0; i < sizeof peers_words / sizeof peers_words[0]; i++)
        if (text_is(word, peers_words[i].word))
            peers_words[i].take(peers, payload);
}

void peers_turn(struct peers *peers)
{
    borrow_turn(peers);
}
