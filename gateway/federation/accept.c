/* accept.c - the door to the transports: who is let in, and what a connection reports afterwards. */
#include "gateway/federation/peer.h"

static bool accept_as(struct peers *peers, const struct peer_role *role, struct connection *connection)
{
    const struct config *config = peers->parts->config;
    if (peers->is_stopping || peers->count >= config->limits_peers) {
        metric_add(peers->parts->metrics, METRIC_CONNECTIONS_REFUSED, 1);
        return false;
    }
    struct peer *peer = peer_new(peers, role, connection);
    peer_make_id(peer);
    peer_expect(peer, config->limits_login_ms);
    return true;
}

static bool on_accept_server(void *ctx, struct connection *connection)
{
    return accept_as(ctx, &role_incoming, connection);
}

static bool on_accept_component(void *ctx, struct connection *connection)
{
    return accept_as(ctx, &role_component, connection);
}

static struct peer *peer_of(const struct connection *connection)
{
    return (struct peer *)connection->session;
}

static void on_bytes(void *ctx, struct connection *connection, const char *data, size_t size)
{
    struct peer *peer = peer_of(connection);
    struct peers *peers = ctx;
    metric_add(peers->parts->metrics, METRIC_BYTES_IN, (int64_t)size);
    if (peer->state == PEER_ENDED)
        return;
    peer->heard_ms = peers_now(peers);
    stream_feed(peer->stream, data, size);
}

static void on_encrypted(void *ctx, struct connection *connection)
{
    struct peer *peer = peer_of(connection);
    (void)ctx;
    if (peer->state == PEER_ENCRYPTING)
        peer->role->on_encrypted(peer);
}

static void on_drained(void *ctx, struct connection *connection)
{
    struct peer *peer = peer_of(connection);
    (void)ctx;
    if (peer->state == PEER_READY)
        queue_go_on(peer);
    if (peer->state == PEER_READY && peer->role == &role_component)
        component_drained(peer);
}

static void on_closed(void *ctx, struct connection *connection, const char *reason)
{
    struct peer *peer = peer_of(connection);
    (void)ctx;
    connection->session = NULL;
    peer_finish(peer, reason);
    peer->connection = NULL;
    peer_free(peer);
}

const struct connection_callbacks peers_server_callbacks = {
    .on_accept = on_accept_server,
    .on_bytes = on_bytes,
    .on_encrypted = on_encrypted,
    .on_drained = on_drained,
    .on_closed = on_closed,
};
const struct connection_callbacks peers_component_callbacks = {
    .on_accept = on_accept_component,
    .on_bytes = on_bytes,
    .on_encrypted = on_encrypted,
    .on_drained = on_drained,
    .on_closed = on_closed,
};
