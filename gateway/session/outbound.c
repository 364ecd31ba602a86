/* outbound.c - what is written to a client, and how much may wait for it. */
#include <stdlib.h>

#include "gateway/session/csi.h"
#include "gateway/session/sm.h"

struct buffer *outbound_begin(struct session *session)
{
    struct buffer *out = &session->sessions->out;
    out->size = 0;
    return out;
}

void outbound_overflow(struct session *session)
{
    metric_add(session->sessions->parts->metrics, METRIC_CLIENT_QUEUE_OVERFLOWS, 1);
    detach_lose(session, STREAM_ERROR_RESOURCE_CONSTRAINT, "the client does not read");
}

/* Above the bound the client is not heard until it reads: who does not take answers gives no questions.  The transport
 * marks by the pause how much was queued, so it is told even when it does not read already.  At twice the bound nothing more is
 * written, and the timer ends it: who writes to a session need not look whether it is still there. */
static void check_queue(struct session *session)
{
    size_t queued = session->connection->queued, bound = config_of(session)->limits_client_queue;
    int64_t now = timers_now(session->sessions->parts->timers);
    if (queued <= bound || session->is_ending)
        return;
    if (!(session->paused & PAUSE_QUEUE)) {
        session_pause(session, PAUSE_QUEUE);
        session->connection->ops->pause(session->connection);
        session->stall_ms = now + config_of(session)->limits_client_stall_ms;
        alive_schedule(session);
    }
    if (queued > 2 * bound) {
        session->is_overflowing = true;
        session->stall_ms = now;
        alive_schedule(session);
    }
}

static void write_bytes(struct session *session, const char *data, size_t size)
{
    metric_add(session->sessions->parts->metrics, METRIC_BYTES_OUT, (int64_t)size);
    session->connection->ops->write(session->connection, data, size);
    check_queue(session);
}

static bool takes_bytes(const struct session *session)
{
    return session->state != STATE_ENDED && session->connection && !session->is_lost &&
           (!session->is_overflowing || session->is_ending);
}

void outbound_write(struct session *session, struct text xml)
{
    if (takes_bytes(session))
        write_bytes(session, xml.data, xml.size);
}

void outbound_send(struct session *session)
{
    outbound_write(session, buffer_text(&session->sessions->out));
}

void outbound_drained(struct session *session)
{
    if (session->paused & PAUSE_QUEUE && !session->is_overflowing && session->connection->queued <= config_of(session)->limits_client_queue)
        session_unpause(session, PAUSE_QUEUE);
}

void outbound_stanza(struct session *session, struct text xml, uint64_t entry)
{
    if (session->state == STATE_ENDED)
        return;
    metric_add(session->sessions->parts->metrics, METRIC_STANZAS_OUT, 1);
    if (session->sm) {
        sm_send(session, xml, entry);
        return;
    }
    if (!takes_bytes(session))
        return; /* an entry of the log stays there */
    outbound_write(session, xml);
    if (entry)
        unwritten_add(session, entry);
}

void session_send(struct session *session, const struct stanza *stanza)
{
    if (session->state == STATE_ENDED)
        return;
    element_write(outbound_begin(session), stanza->root, session_scope(session));
    struct text xml = buffer_text(&session->sessions->out);
    if (session->csi) {
        char *copy = text_dup(xml); /* what is held back comes first, through the same buffer */
        session_send_written(session, stanza, (struct text){ copy, xml.size });
        free(copy);
    } else {
        outbound_stanza(session, xml, 0);
    }
}

void session_send_xml(struct session *session, struct text xml)
{
    csi_flush(session);
    outbound_stanza(session, xml, 0);
}

void session_send_written(struct session *session, const struct stanza *stanza, struct text xml)
{
    if (session->state != STATE_ENDED && !csi_holds(session, stanza, xml))
        outbound_stanza(session, xml, 0);
}

void session_send_logged(struct session *session, struct text xml, uint64_t number)
{
    csi_flush(session);
    outbound_stanza(session, xml, number);
}

bool session_has_room(const struct session *session)
{
    return session->connection && session->connection->queued < config_of(session)->limits_client_queue / 2 &&
           (!session->sm || sm_has_room(session));
}

enum stanza_scope session_scope(const struct session *session)
{
    return is_websocket(session) ? SCOPE_SELF_CONTAINED : SCOPE_STREAM;
}
