/* link.c - what waits for one other domain, and who carries it: the node that holds the link's lease.
 *
 *   leasing ──> dialing ──> ready ──> (idle: given back)       dialing: or asking a stream that is there (piggyback.c)
 *      ^           │          │ lost
 *      │           v          v
 *      └── broken: what waits is sent back, new things too, until it is tried again */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "gateway/federation/share.h"

enum { TICK_MS = 500, LEASE_AGAIN_MS = 5000, RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 60000 };
enum { BROKEN_FIRST_MS = 5000, BROKEN_MOST_MS = 300000 };

static int64_t now_of(const struct link *link)
{
    return peers_now(link->peers);
}

/* -- making -- */

void link_key(struct buffer *out, struct text own, struct text other)
{
    buffer_append_text(out, own);
    if (own.size)
        buffer_append_char(out, '>');
    buffer_append_text(out, other);
}

struct link *link_find(struct peers *peers, struct text key)
{
    struct link *link;
    HASH_FIND(hh, peers->links, key.data, key.size, link);
    return link;
}

struct link *link_get(struct peers *peers, struct text own, struct text other)
{
    struct buffer key = { 0 };
    link_key(&key, own, other);
    struct link *link = link_find(peers, buffer_text(&key));
    if (!link && peers->link_count < peers->parts->config->limits_peers) {
        link = xcalloc(1, sizeof *link);
        link->peers = peers;
        link->key = text_dup(buffer_text(&key));
        link->own = own.size ? text_dup(own) : NULL;
        link->other = other.size ? text_dup(other) : NULL;
        link->used_ms = peers_now(peers);
        HASH_ADD_KEYPTR(hh, peers->links, link->key, strlen(link->key), link);
        peers->link_count++;
        metric_set(peers->parts->metrics, METRIC_PEER_LINKS, (int64_t)peers->link_count);
    }
    buffer_fini(&key);
    return link;
}

void link_free(struct link *link)
{
    struct peers *peers = link->peers;
    timer_stop(&link->timer);
    if (link->dial)
        peers->dialer->ops->cancel(peers->dialer, &link->dial);
    bool is_on_its_way = link->state == LINK_DIALING || link->state == LINK_ASKING;
    bool waits = link->has_more || link->flying_count || link->reading || is_on_its_way;
    link_leave(link);
    borrow_free(link);
    queue_flush(link);
    if (link->is_leased && !waits && link->own && link->other)
        peers->parts->store->peers->forget(peers->parts->store, text_of(link->key));
    link_give_lease_back(link);
    HASH_DEL(peers->links, link);
    peers->link_count--;
    metric_set(peers->parts->metrics, METRIC_PEER_LINKS, (int64_t)peers->link_count);
    free(link->over);
    free(link->key);
    free(link->own);
    free(link->other);
    free(link);
}

void links_free(struct peers *peers)
{
    struct link *link, *next;
    HASH_ITER(hh, peers->links, link, next)
        link_free(link);
}

/* What was pushed to this node, or is nobody's: of a link between servers. */
struct link *link_of_key(struct peers *peers, struct text key)
{
    const char *sign = memchr(key.data, '>', key.size);
    size_t own = sign ? (size_t)(sign - key.data) : 0;
    if (own == 0 || own + 1 == key.size)
        return link_find(peers, key);
    return link_get(peers, (struct text){ key.data, own }, (struct text){ key.data + own + 1, key.size - own - 1 });
}

void link_release(struct link *link)
{
    bool is_idle = link->puts == 0 && !link->is_leased && !link->is_lease_asked && !link->peer && !link->dial;
    if (is_idle && !timer_is_running(&link->timer))
        link_free(link);
}

/* -- dialing -- */

static void on_dialed(void *ctx, enum dial_result result, struct connection *connection, const char *reason)
{
    struct link *link = ctx;
    link->dial = NULL;
    if (result == DIAL_NOT_THERE) {
        link_failed(link, true, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND, reason);
    } else if (result == DIAL_FAILED) {
        link_failed(link, false, STANZA_ERROR_REMOTE_SERVER_TIMEOUT, reason);
    } else if (link->other) {
        outgoing_start(link, connection);
    } else {
        upstream_connected(link, connection);
    }
}

void link_dial(struct link *link)
{
    struct peers *peers = link->peers;
    if (link->own == NULL)
        return; /* a component comes by itself */
    link->state = LINK_DIALING;
    if (!peers->dialer)
        link_failed(link, true, STANZA_ERROR_REMOTE_SERVER_NOT_FOUND, "this server does not talk to other servers");
    else if (piggyback_start(link))
        return;
    else if (link->other)
        link->dial = peers->dialer->ops->dial(peers->dialer, text_of(link->other), text_of(link->own), on_dialed, link);
    else
        link->dial = upstream_dial(link, on_dialed);
}

/* -- ready, and lost -- */

void link_join(struct link *link, struct peer *peer)
{
    link->peer = peer;
    LIST_INSERT_HEAD(&peer->links, link, beside);
}

void link_leave(struct link *link)
{
    if (!link->peer)
        return;
    flights_leave(&link->peer->flights, link);
    LIST_REMOVE(link, beside);
    link->peer = NULL;
}

void link_attach(struct link *link, struct peer *peer)
{
    if (link->peer != peer)
        link_join(link, peer);
    if (!link->is_leased) {
        link->state = LINK_LEASING;
        link_want(link);
        return;
    }
    borrow_own(link);
    link->state = LINK_READY;
    link->failures = 0;
    link->waiting_since_ms = 0;
    flights_leave(&peer->flights, link);
    queue_begin_again(link);
    link_start_tick(link);
}

void link_offer(struct peer *peer, struct text own, struct text other)
{
    struct link *link = link_get(peer->peers, own, other);
    if (link && !link->peer && !link->dial && !link->is_leased)
        link_attach(link, peer);
    else if (link)
        link_release(link);
}

static int64_t with_jitter(int64_t ms)
{
    uint32_t random;
    RAND_bytes((unsigned char *)&random, sizeof random);
    return ms / 2 + (int64_t)(random % (uint32_t)(ms / 2 + 1));
}

static int64_t grown(int64_t first, int64_t most, unsigned times)
{
    while (times-- > 0 && first < most)
        first *= 2;
    return first < most ? first : most;
}

static void break_link(struct link *link)
{
    link->state = LINK_BROKEN;
    link->retry_ms = now_of(link) + with_jitter(grown(BROKEN_FIRST_MS, BROKEN_MOST_MS, link->failures));
    metric_add(link->peers->parts->metrics, METRIC_PEER_LINKS_BROKEN, 1);
    queue_bounce(link);
}

void link_failed(struct link *link, bool is_for_good, enum stanza_condition condition, const char *reason)
{
    struct parts *parts = link->peers->parts;
    int64_t now = now_of(link);

    if (!link->waiting_since_ms)
        link->waiting_since_ms = now;
    snprintf(link->reason, sizeof link->reason, "%s", reason);
    link->condition = condition;
    log_info(parts->log, NULL, "link-failed", "link=%s reason=%s", link->key, log_quote(reason, strlen(reason)));
    link->failures++;
    if (!link->is_leased) {
        link->state = LINK_LEASING;
    } else if (is_for_good || now - link->waiting_since_ms >= parts->config->s2s_wait_ms) {
        break_link(link);
    } else {
        link->state = LINK_DIALING; /* again, by the tick */
        link->retry_ms = now + with_jitter(grown(RETRY_FIRST_MS, RETRY_MOST_MS, link->failures - 1));
    }
    link_start_tick(link);
}

/* What was not acknowledged is still in Redis, and goes again. */
void link_detach(struct link *link, const char *reason)
{
    if (link->state == LINK_ASKING) {
        piggyback_failed(link, reason);
        return;
    }
    bool is_component = link->peer->role == &role_component;
    bool waits = link->puts || link->flying_count || link->has_more || link->reading;
    link_leave(link);
    queue_flush(link);
    if (is_component)
        component_gone(link);
    else if (link->state == LINK_READY && link->is_leased && link->other && !waits)
        link_free(link); /* the next stanza dials */
    else
        link_failed(link, false, STANZA_ERROR_REMOTE_SERVER_TIMEOUT, reason);
}

void link_mend(struct link *link)
{
    if (link->is_leased && link->retry_ms)
        link->retry_ms = now_of(link);
}

/* -- once every half second, while it is there -- */

static void try_again(struct link *link)
{
    if (link->state == LINK_DIALING && !link->dial && !link->peer)
        link_dial(link);
    else if (link->state == LINK_ASKING)
        piggyback_failed(link, "no answer in time");
    else if (link->state == LINK_BROKEN && link->other)
        link->used_ms = 0; /* mended by being forgotten: the next stanza dials */
    else if (link->state == LINK_BROKEN)
        link_dial(link);
}

static bool is_idle(const struct link *link)
{
    if (link->own == NULL || link->other == NULL || link->puts)
        return false; /* components stay */
    if (link->state == LINK_BROKEN)
        return link->used_ms == 0;
    if (link->state == LINK_LEASING)
        return now_of(link) - link->used_ms > 2 * LINK_LEASE_MS; /* its holder lives */
    return false;
}

static void on_tick(struct timer *timer)
{
    struct link *link = container_of(timer, struct link, timer);
    int64_t now = now_of(link);

    queue_flush(link);
    share_tick(link);
    borrow_tick(link);
    if (now - link->leased_ms >= LEASE_AGAIN_MS || (link->state == LINK_LEASING && now - link->leased_ms >= TICK_MS * 4))
        link_ask_lease(link);
    if (link->is_leased && link->retry_ms && now >= link->retry_ms) {
        link->retry_ms = 0;
        try_again(link);
    }
    if (is_idle(link)) {
        link_free(link);
        return;
    }
    timer_start(link->peers->parts->timers, timer, TICK_MS, on_tick);
}

void link_start_tick(struct link *link)
{
    if (!timer_is_running(&link->timer))
        timer_start(link->peers->parts->timers, &link->timer, TICK_MS, on_tick);
}
