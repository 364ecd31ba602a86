/* detach.c - a resumable session whose connection is lost (XEP-0198 5, 8): it stays, with its row and its mailbox, and what
 * comes for it is noted, until its client resumes it, here or at another node, or the time for that is over. */
#include <stdlib.h>

#include "gateway/session/csi.h"
#include "gateway/session/sm.h"
#include "stanzabus/store_sm.h"

/* -- told by the store -- */

struct making_room { /* until the store has said who had to go */
    struct sessions *sessions;
    struct text bare;
    void (*then)(void *ctx);
    void *ctx;
    char text[];
};

static void on_dropped(void *ctx, const struct sm_dropped *dropped)
{
    struct making_room *room = ctx;
    struct sessions *sessions = room->sessions;
    metric_add(sessions->parts->metrics, METRIC_SM_DROPPED, 1);
    if (sessions->callbacks->on_dropped)
        sessions->callbacks->on_dropped(sessions->ctx, dropped->node, dropped->session, room->bare, dropped->resource);
}

static void on_room_made(void *ctx, enum bus_status status, int64_t result)
{
    struct making_room *room = ctx;
    (void)status;
    (void)result;
    if (room->then)
        room->then(room->ctx);
    free(room);
}

static struct making_room *room_new(struct sessions *sessions, struct text bare)
{
    struct making_room *room = xcalloc(1, sizeof *room + bare.size);
    memcpy(room->text, bare.data, bare.size);
    room->sessions = sessions;
    room->bare = (struct text){ room->text, bare.size };
    return room;
}

void detach_make_room(struct session *session, int most, void (*then)(void *ctx), void *ctx)
{
    struct store *store = session->sessions->parts->store;
    struct session_row row = session_row(session);
    struct making_room *room = room_new(session->sessions, row.bare);
    room->then = then;
    room->ctx = ctx;
    row.resource = (struct text){ 0 };
    store->sm->detach(store, &row, 0, most, on_dropped, on_room_made, room);
}

/* -- the connection is lost -- */

static bool may_stay(const struct session *session)
{
    return session->state == STATE_BOUND && session->sm && session->sm->is_resumable && !session->is_ending &&
           !session->sessions->is_stopping;
}

bool detach(struct session *session, const char *reason)
{
    struct sessions *sessions = session->sessions;
    struct store *store = sessions->parts->store;
    struct sm *sm = session->sm;
    if (!may_stay(session))
        return false;
    log_info(sessions->parts->log, &session->subject, "detached", "seconds=%u reason=%s", sm->resume_ms / 1000,
             log_quote(reason, strlen(reason)));
    csi_wake(session); /* what was held back is noted with the rest */
    session->state = STATE_DETACHED;
    session->paused = 0;
    session->is_lost = session->is_overflowing = false;
    stream_free(&session->stream);
    sm->waiting.size = 0; /* it is in unacked */
    sm->is_asked = false;
    sm->ask_ms = 0;
    sm->tried_ms = 0;
    sm->lost_ms = timers_now(sessions->parts->timers) + sm->resume_ms;
    sm_turn_add(sm);
    alive_schedule(session);
    metric_add(sessions->parts->metrics, METRIC_SM_DETACHED, 1);
    struct session_row row = session_row(session);
    store->sm->detach(store, &row, sm->resume_ms, (int)config_of(session)->limits_detached_sessions, on_dropped,
                      on_room_made, room_new(sessions, row.bare));
    return true;
}

/* A client that does not answer has lost its connection, whatever the kernel thinks. */
void detach_lose(struct session *session, enum stream_condition condition, const char *text)
{
    if (!may_stay(session)) {
        session_end(session, condition, text);
        return;
    }
    if (session->is_lost)
        return;
    session->is_lost = true;
    alive_schedule(session);
    session->connection->ops->close(session->connection); /* and what it reports then, detaches */
}

void detach_timer(struct session *session)
{
    if (timers_now(session->sessions->parts->timers) >= session->sm->lost_ms)
        session_finish(session, "not resumed in time");
}

/* -- it goes on elsewhere -- */

void session_drop(struct session *session, const char *reason)
{
    struct sessions *sessions = session->sessions;
    if (session->state != STATE_BOUND && session->state != STATE_DETACHED)
        return;
    if (session->state == STATE_BOUND && !session->is_ending)
        session_write_error(session, STREAM_ERROR_CONFLICT, reason, NULL);
    session->is_ending = true;
    session_retire(session, reason);
    if (sessions->callbacks->on_moved)
        sessions->callbacks->on_moved(sessions->ctx, session);
    bind_unsubscribe(sessions, jid_bare(&session->jid));
    if (sessions->callbacks->on_unbound)
        sessions->callbacks->on_unbound(sessions->ctx, jid_bare(&session->jid), false);
    if (session->sm && session->sm->is_resumable) {
        session->sm->is_moved = true;
        detach_hand_over(session);
    }
}

/* -- this node stops -- */

static uint32_t left_ms(const struct session *session)
{
    const struct sm *sm = session->sm;
    int64_t left = sm->lost_ms - timers_now(session->sessions->parts->timers);
    return session->state != STATE_DETACHED ? sm->resume_ms : left > 0 ? (uint32_t)left : 1;
}

/* The row stays, and the notes: another node goes on with it.  Redis is told that nobody is connected even if it was told so when
 * the connection was lost: it may have been away then, and a row of which it does not know that stays for ever. */
void detach_leave(struct session *session, enum stream_condition condition, const char *text)
{
    struct sm *sm = session->sm;
    bool is_detached = session->state == STATE_DETACHED;
    if (!is_detached && (session->state != STATE_BOUND || !sm || !sm->is_resumable || sm->is_broken)) {
        session_end(session, condition, text);
        return;
    }
    csi_wake(session);
    if (sm_must_note(sm))
        sm_note(session);
    if (!is_detached && !session->is_ending)
        session_write_error(session, condition, text, NULL);
    uint32_t resume_ms = left_ms(session);
    session->is_ending = true;
    session_retire(session, "left to be resumed");
    bind_leave(session, resume_ms);
}

/* -- the end -- */

struct giving { /* parses what was noted as text */
    struct sessions *sessions;
    struct session *session; /* NULL: it was another node's */
    void (*give)(void *ctx, struct session *session, struct stanza *stanza);
    enum metric metric;
    struct stream *stream;
    struct buffer xml;
};

static void on_given_open(void *ctx, const struct stream_header *header)
{
    (void)ctx;
    (void)header;
}

static void on_given(void *ctx, struct stanza *stanza)
{
    struct giving *giving = ctx;
    struct sessions *sessions = giving->sessions;
    metric_add(sessions->parts->metrics, giving->metric, 1);
    if (giving->give)
        giving->give(sessions->ctx, giving->session, stanza);
    else
        stanza_free(&stanza);
}

static void on_given_close(void *ctx)
{
    (void)ctx;
}

static void on_given_error(void *ctx, enum stream_condition condition, const char *text)
{
    (void)ctx;
    (void)condition;
    (void)text;
}

/* Written by this server: whatever it is, it was let pass before. */
static const struct stream_limits own_limits = { 64 << 20, 4096, 4096 };
static const struct stream_callbacks giving_callbacks = { on_given_open, on_given, on_given_close, on_given_error };

static void giving_begin(struct giving *giving, enum metric metric,
                         void (*fn)(void *ctx, struct session *session, struct stanza *stanza))
{
    giving->metric = metric;
    giving->give = fn;
    const struct text open = TEXT("<open xmlns='" XMLNS_FRAMING "' version='1.0'/>");
    giving->stream = stream_new(giving->sessions->parts->streams, FRAMING_WEBSOCKET, &own_limits, &giving_callbacks, giving);
    stream_feed(giving->stream, open.data, open.size);
}

static void give(struct giving *giving, struct text xml)
{
    giving->xml.size = 0;
    sm_write_scoped(&giving->xml, xml, SCOPE_SELF_CONTAINED);
    stream_feed(giving->stream, giving->xml.data, giving->xml.size);
}

static void giving_end(struct giving *giving)
{
    buffer_fini(&giving->xml);
    stream_free(&giving->stream);
}

/* What is logged, the log has. */
static void give_those_after(struct giving *giving, uint64_t after)
{
    struct unacked *unacked = &giving->session->sm->unacked;
    uint64_t number = unacked->acked;
    for (uint32_t i = 0; i < unacked->run_count; i++) {
        const struct run *run = unacked_run(unacked, i);
        number += run->count;
        if (run->xml && !run->is_answered && number > after)
            give(giving, (struct text){ run->xml, run->size });
    }
    giving_end(giving);
}

/* XEP-0198 4: what a client did not acknowledge is treated as if it had not been there. */
void detach_give_back(struct session *session)
{
    struct giving giving = { .sessions = session->sessions, .session = session };
    giving_begin(&giving, METRIC_SM_UNDELIVERED, session->sessions->callbacks->on_undelivered);
    give_those_after(&giving, 0);
}

void detach_hand_over(struct session *session)
{
    struct giving giving = { .sessions = session->sessions, .session = session };
    struct sm *sm = session->sm;
    if (!sm->is_moved || session->open_notes > 0)
        return;
    sm->is_moved = false;
    if (sm->kept >= sm->unacked.sent)
        return;
    giving_begin(&giving, METRIC_SM_HANDED_OVER, session->sessions->callbacks->on_left_behind);
    give_those_after(&giving, sm->kept);
}

void sessions_undelivered(struct sessions *sessions, const struct text *stanzas, size_t count)
{
    struct giving giving = { .sessions = sessions };
    if (count == 0)
        return;
    giving_begin(&giving, METRIC_SM_UNDELIVERED, sessions->callbacks->on_undelivered);
    for (size_t i = 0; i < count; i++)
        give(&giving, stanzas[i]);
    giving_end(&giving);
}
