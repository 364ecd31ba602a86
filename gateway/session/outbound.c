/* outbound.c - what is written to a client, and how much may wait for it. */
#include "gateway/session/session_state.h"

struct buffer *outbound_begin(struct session *session)
{
    struct buffer *out = &session->sessions->out;
    out->size = 0;
    return out;
}

void outbound_overflow(struct session *session)
{
    metric_add(session->sessions->parts->metrics, METRIC_CLIENT_QUEUE_OVERFLOWS, 1);
    session_end(session, STREAM_ERROR_RESOURCE_CONSTRAINT, "the client does not read");
}

/* Above the bound the client is not heard until it reads: who does not take answers gives no questions.  The transport
 * marks by the pause how much was queued, so it is told even when it does not read already. */
static void check_queue(struct session *session)
{
    size_t queued = session->connection->queued, bound = config_of(session)->limits_client_queue;
    if (queued <= bound || session->is_ending)
        return;
    if (queued > 2 * bound) {
        outbound_overflow(session);
    } else if (!(session->paused & PAUSE_QUEUE)) {
        session_pause(session, PAUSE_QUEUE);
        session->connection->ops->pause(session->connection);
        session->stall_ms = timers_now(session->sessions->parts->timers) + config_of(session)->limits_client_stall_ms;
        alive_schedule(session);
    }
}

static void write_bytes(struct session *session, const char *data, size_t size)
{
    metric_add(session->sessions->parts->metrics, METRIC_BYTES_OUT, (int64_t)size);
    session->connection->ops->write(session->connection, data, size);
    check_queue(session);
}

void outbound_send(struct session *session)
{
    const struct buffer *out = &session->sessions->out;
    if (session->state != STATE_ENDED)
        write_bytes(session, out->data, out->size);
}

void outbound_drained(struct session *session)
{
    if (session->paused & PAUSE_QUEUE && session->connection->queued <= config_of(session)->limits_client_queue)
        session_unpause(session, PAUSE_QUEUE);
}

void session_send(struct session *session, const struct stanza *stanza)
{
    if (session->state == STATE_ENDED)
        return;
    element_write(outbound_begin(session), stanza->root, session_scope(session));
    metric_add(session->sessions->parts->metrics, METRIC_STANZAS_OUT, 1);
    outbound_send(session);
}

void session_send_xml(struct session *session, struct text xml)
{
    if (session->state == STATE_ENDED)
        return;
    metric_add(session->sessions->parts->metrics, METRIC_STANZAS_OUT, 1);
    write_bytes(session, xml.data, xml.size);
}

void session_send_logged(struct session *session, struct text xml, uint64_t number)
{
    session_send_xml(session, xml);
    if (session->state != STATE_ENDED)
        unwritten_add(session, number);
}

bool session_has_room(const struct session *session)
{
    return session->connection && session->connection->queued < config_of(session)->limits_client_queue / 2;
}

enum stanza_scope session_scope(const struct session *session)
{
    return is_websocket(session) ? SCOPE_SELF_CONTAINED : SCOPE_STREAM;
}
