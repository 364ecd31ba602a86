/* accept.c - the door to the transports: who is let in, and what a connection reports afterwards. */
#include <stdlib.h>

#include "gateway/session/session_state.h"

/* -- addresses of clients -- */

static struct address_count *count_address(struct sessions *sessions, const char *peer)
{
    char address[64];
    struct address_count *entry;
    login_guard_address(address, peer);
    HASH_FIND_STR(sessions->addresses, address, entry);
    if (!entry) {
        size_t size = strlen(address) + 1;
        entry = xcalloc(1, sizeof *entry + size);
        memcpy(entry->address, address, size);
        HASH_ADD_STR(sessions->addresses, address, entry);
    }
    entry->connections++;
    return entry;
}

void accept_release(struct session *session)
{
    struct address_count *entry = session->address;
    session->address = NULL;
    if (!entry || --entry->connections > 0)
        return;
    HASH_DEL(session->sessions->addresses, entry);
    free(entry);
}

/* -- from the transport -- */

/* NULL: there is room. */
static const char *no_room(const struct sessions *sessions, const struct session *session)
{
    const struct config *config = sessions->parts->config;
    if (config->limits_connections && sessions->count >= config->limits_connections)
        return "too many connections";
    if (config->limits_connections_per_address &&
        session->address->connections > config->limits_connections_per_address)
        return "too many connections from this address";
    return NULL;
}

/* RFC 6120 4.9.3.17: refused with words. */
static bool refuse(struct session *session, enum stream_condition condition, const char *why)
{
    struct sessions *sessions = session->sessions;
    metric_add(sessions->parts->metrics, METRIC_CONNECTIONS_REFUSED, 1);
    log_debug(sessions->parts->log, &session->subject, "refused", "reason=%s", log_quote(why, strlen(why)));
    session->is_ending = true;
    session_write_error(session, condition, why, NULL);
    accept_release(session);
    session_free(session);
    return false;
}

static bool on_accept(void *ctx, struct connection *connection)
{
    struct sessions *sessions = ctx;
    const struct parts *parts = sessions->parts;
    struct session *session = session_new(sessions, connection);

    session->address = count_address(sessions, connection->peer);
    const char *why = no_room(sessions, session);
    if (sessions->is_stopping)
        return refuse(session, STREAM_ERROR_SYSTEM_SHUTDOWN, "the server is stopping");
    if (why)
        return refuse(session, STREAM_ERROR_RESOURCE_CONSTRAINT, why);

    session->stream = stream_new(parts->streams, connection->framing, &parts->config->login_limits,
                                 &session_stream_callbacks, session);
    connection->session = session;
    session_link(session);
    alive_start(session);
    metric_add(parts->metrics, METRIC_CONNECTIONS_ACCEPTED, 1);
    log_debug(parts->log, &session->subject, "accepted", "transport=%s", is_websocket(session) ? "websocket" : "tcp");
    if (sessions->is_reading_paused)
        session_pause(session, PAUSE_REDIS);
    return true;
}

static void on_bytes(void *ctx, struct connection *connection, const char *data, size_t size)
{
    struct sessions *sessions = ctx;
    struct session *session = connection->session;
    metric_add(sessions->parts->metrics, METRIC_BYTES_IN, (int64_t)size);
    if (session->state == STATE_ENDED)
        return;
    alive_heard(session);
    stream_feed(session->stream, data, size);
}

static void on_violation(void *ctx, struct connection *connection, enum stream_condition condition, const char *text)
{
    (void)ctx;
    session_end(connection->session, condition, text);
}

static void on_encrypted(void *ctx, struct connection *connection)
{
    (void)ctx;
    session_happened(connection->session, EVENT_ENCRYPTED);
}

static void on_drained(void *ctx, struct connection *connection)
{
    (void)ctx;
    outbound_drained(connection->session);
}

static void on_closed(void *ctx, struct connection *connection, const char *reason)
{
    struct session *session = connection->session;
    (void)ctx;
    unwritten_drop(session);
    connection->session = NULL;
    session->connection = NULL;
    bool stays = detach(session, reason);
    if (!stays)
        session_finish(session, reason);
    session->subject.peer = NULL; /* it was the connection's */
    accept_release(session);
    session_unlink(session);
    if (!stays)
        session_release(session);
}

const struct connection_callbacks sessions_connection_callbacks = {
    .on_accept = on_accept,
    .on_bytes = on_bytes,
    .on_violation = on_violation,
    .on_encrypted = on_encrypted,
    .on_drained = on_drained,
    .on_closed = on_closed,
};
