/* ending.c - the one way in which sessions end: told, logged, taken out of the tables, closed. */
#include "gateway/session/csi.h"
#include "gateway/session/sm.h"

static void write_message(struct session *session, const char *websocket, const char *tcp)
{
    struct buffer *out = outbound_begin(session);
    const char *text = is_websocket(session) ? websocket : tcp;
    buffer_append(out, text, strlen(text));
    outbound_send(session);
}

static void write_end(struct session *session)
{
    write_message(session, "<close xmlns='" XMLNS_FRAMING "'/>", "</stream:stream>");
}

static void write_header(struct session *session)
{
    struct buffer *out = outbound_begin(session);
    negotiate_write_header(out, session->connection->framing, session_domain(session), (struct text){ NULL, 0 }, true);
    session->is_header_sent = true;
    outbound_send(session);
}

/* RFC 6120 4.9.1.2: an error before the header was answered has a header all the same. */
void session_write_error(struct session *session, enum stream_condition condition, const char *text,
                         const struct element *detail)
{
    struct stanza *error = stanza_make("error", XMLNS_STREAM);
    struct arena *arena = &error->arena;

    element_add(arena, error->root, text_of(stream_condition_name(condition)), TEXT(XMLNS_STREAM_ERRORS));
    if (text) {
        struct element *described = element_add(arena, error->root, TEXT("text"), TEXT(XMLNS_STREAM_ERRORS));
        element_set_ns(arena, described, TEXT(XMLNS_XML), TEXT("lang"), TEXT("en"));
        element_add_text(arena, described, text_of(text));
    }
    if (detail)
        element_append(arena, error->root, element_copy(arena, detail));
    if (!session->is_header_sent)
        write_header(session);
    element_write(outbound_begin(session), error->root, session_scope(session));
    outbound_send(session);
    stanza_free(&error);
    write_end(session);
    metric_add(session->sessions->parts->metrics, METRIC_STREAM_ERRORS, 1);
}

static void log_end(const struct session *session, bool was_bound, const char *reason)
{
    const struct log *log = session->sessions->parts->log;
    log_at(log, was_bound ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, &session->subject, "ended", "reason=%s",
           log_quote(reason, strlen(reason)));
}

void session_retire(struct session *session, const char *reason)
{
    struct sessions *sessions = session->sessions;
    bool was_detached = session->state == STATE_DETACHED, was_bound = was_detached || session->state == STATE_BOUND;

    session->state = STATE_ENDED;
    log_end(session, was_bound, reason);
    attempt_drop_delay(session);
    timer_stop(&session->timer);
    catch_up_stop(session);
    unwritten_drop(session);
    csi_free(session);
    stream_free(&session->stream);
    if (session->connection && !session->is_lost)
        session->connection->ops->close(session->connection);
    if (was_bound)
        session_remove_bound(session);
    if (!was_detached)
        return;
    session->next = sessions->dead;
    sessions->dead = session;
    metric_add(sessions->parts->metrics, METRIC_SM_DETACHED, -1);
}

void session_finish(struct session *session, const char *reason)
{
    struct sessions *sessions = session->sessions;
    bool was_bound = session->state == STATE_BOUND || session->state == STATE_DETACHED;

    if (session->state == STATE_ENDED)
        return;
    session_retire(session, reason);
    if (!was_bound)
        return;
    bind_undo(session); /* first, so that what is said of its end is not routed to itself */
    if (sessions->callbacks->on_ended)
        sessions->callbacks->on_ended(sessions->ctx, session, reason);
    if (session->sm)
        detach_give_back(session);
}

void session_end_with(struct session *session, enum stream_condition condition, const char *text,
                      const struct element *detail)
{
    char reason[256];
    if (session->state == STATE_ENDED || session->is_ending)
        return;
    session->is_ending = true;
    snprintf(reason, sizeof reason, "%s%s%s", stream_condition_name(condition), text ? ": " : "", text ? text : "");
    if (session->connection)
        session_write_error(session, condition, text, detail);
    session_finish(session, reason);
}

void session_end(struct session *session, enum stream_condition condition, const char *text)
{
    session_end_with(session, condition, text, NULL);
}

void session_close(struct session *session, const char *reason)
{
    if (session->state == STATE_ENDED || session->is_ending)
        return;
    session->is_ending = true;
    if (session->is_header_sent || is_websocket(session))
        write_end(session);
    session_finish(session, reason);
}
