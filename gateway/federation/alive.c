/* alive.c - the one timer of a peer: ready in time, and later silence, stalls, idleness. */
#include "gateway/federation/peer.h"

/* A server that does not read is let go: what waits for it waits in Redis. */
static void end_unread(struct peer *peer)
{
    metric_add(peer->peers->parts->metrics, METRIC_CLIENT_QUEUE_OVERFLOWS, 1);
    peer_end(peer, STREAM_ERROR_RESOURCE_CONSTRAINT, "the other side does not read");
}

static void on_overflow(struct timer *timer)
{
    end_unread(container_of(timer, struct peer, timer));
}

void peer_overflow(struct peer *peer)
{
    peer->is_overflowing = true;
    timer_start(peer->peers->parts->timers, &peer->timer, 1, on_overflow);
}

/* From then on there is nothing else to wait for. */
static void watch(struct peer *peer, int64_t ms, timer_fn *fn)
{
    if (!peer->is_overflowing)
        timer_start(peer->peers->parts->timers, &peer->timer, ms, fn);
}

static void on_late(struct timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, timer);
    peer_end(peer, STREAM_ERROR_CONNECTION_TIMEOUT, "not ready in time");
}

void peer_expect(struct peer *peer, int64_t ms)
{
    watch(peer, ms, on_late);
}

/* It has much, and took nothing of it for limits.client_stall: what waits for it goes another way, or waits in Redis. */
static bool is_stalled(struct peer *peer, int64_t now)
{
    const struct config *config = peer_config(peer);
    uint64_t taken = peer->written - peer->connection->queued;
    if (peer->connection->queued <= config->limits_client_queue / 2 || taken != peer->taken)
        peer->took_ms = now;
    peer->taken = taken;
    return now - peer->took_ms >= config->limits_client_stall_ms;
}

/* Silence is asked about, and silence after that ends the stream; an idle one is closed (RFC 6120 4.6).  One that is not read
 * says nothing that could be heard. */
static void on_silence(struct timer *timer)
{
    struct peer *peer = container_of(timer, struct peer, timer);
    const struct config *config = peer_config(peer);
    int64_t now = peers_now(peer->peers);

    if (peer->is_paused) {
        peer->heard_ms = now;
        peer->asked_ms = peer->asked_ms ? now : 0;
    }
    if (peer->asked_ms && now - peer->asked_ms >= config->ping_timeout_ms) {
        peer_end(peer, STREAM_ERROR_CONNECTION_TIMEOUT, "silence");
        return;
    }
    if (is_stalled(peer, now)) {
        end_unread(peer);
        return;
    }
    if (peer->role != &role_component && peer->role != &role_upstream && now - peer->heard_ms >= config->s2s_idle_ms &&
        peer->flights.count == 0) {
        peer_close(peer, "idle");
        return;
    }
    if (peer->sends_acks && !peer->asked_ms && peer->sent != peer->acknowledged) {
        peer->asked_ms = now;
        peer_write(peer, TEXT("<r xmlns='" XMLNS_SM "'/>"));
    } else if (config->ping_interval_ms > 0 && now - peer->heard_ms >= config->ping_interval_ms &&
               now - peer->spaced_ms >= config->ping_interval_ms) {
        peer->spaced_ms = now;
        peer_write(peer, TEXT(" ")); /* the kernel finds out whether anybody is there */
    }
    watch(peer, 1000, on_silence);
}

void peer_ready(struct peer *peer)
{
    peer->state = PEER_READY;
    stream_set_limits(peer->stream, &peer_config(peer)->limits);
    log_info(peer->peers->parts->log, &peer->subject, "peer-ready", "role=%s own=%s other=%s tls=%s", peer->role->name,
             peer->own ? peer->own : "-", peer->other ? peer->other : "-", peer->connection->is_encrypted ? "yes" : "no");
    peer->took_ms = peers_now(peer->peers);
    watch(peer, 1000, on_silence);
}
