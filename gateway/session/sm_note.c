/* sm_note.c - what a turn of the loop brought to a resumable session, noted in Redis (stanzabus/store_sm.h): one command a
 * session a turn.  What waits for it is written when Redis has it.  A Redis that does not answer is not waited for long:
 * then the notes are broken, nobody can resume by them, and they are written anew when it is back. */
#include <stdlib.h>

#include "gateway/session/sm.h"
#include "stanzabus/store_sm.h"

enum { PATIENCE_MS = 1000 };

struct note { /* on its way; its session's memory stays until it is answered */
    TAILQ_ENTRY(note) entry;
    struct session *session;
    struct buffer pieces; /* written when it is answered */
    uint64_t sent, handled;
    int64_t made_ms;
    bool is_whole;
};

static int64_t now_of(const struct session *session)
{
    return timers_now(session->sessions->parts->timers);
}

bool sm_must_note(const struct sm *sm)
{
    uint64_t handled = sm->handled.done - sm->noted.handled;
    return sm->noted.sent < sm->unacked.sent || sm->unacked.gone_count > 0 || handled >= SM_NOTE_HANDLED ||
           (handled > 0 && sm->told < sm->asked);
}

static void add_line(struct buffer *lines, struct run *run, uint64_t number)
{
    struct sm_line line = {
        .number = number, .entry = run->entry, .count = run->count, .xml = { run->xml, run->size }
    };
    run->line = number;
    buffer_append(lines, (const char *)&line, sizeof line);
}

/* Those that are not noted stand at the end. */
static void collect_lines(struct buffer *lines, struct unacked *unacked, bool is_whole)
{
    uint32_t first = unacked->run_count;
    uint64_t number = unacked->sent + 1;
    while (first > 0 && (is_whole || !unacked_run(unacked, first - 1)->line))
        number -= unacked_run(unacked, --first)->count;
    for (uint32_t i = first; i < unacked->run_count; i++) {
        add_line(lines, unacked_run(unacked, i), number);
        number += unacked_run(unacked, i)->count;
    }
}

static timer_fn on_timer;

static void start_timer(struct sessions *sessions)
{
    if (!timer_is_running(&sessions->note_timer))
        timer_start(sessions->parts->timers, &sessions->note_timer, PATIENCE_MS / 4, on_timer);
}

static void flush(struct note *note)
{
    if (note->pieces.size)
        sm_write(note->session, &note->pieces, note->sent);
}

static void on_noted(void *ctx, enum bus_status status, int64_t result)
{
    struct note *note = ctx;
    struct session *session = note->session;
    struct sessions *sessions = session->sessions;
    struct sm *sm = session->sm;

    TAILQ_REMOVE(&sessions->notes, note, entry);
    session->open_notes--;
    if (status == BUS_OK && result == 1 && note->sent > sm->kept)
        sm->kept = note->sent;
    if (note->is_whole)
        sm->is_mending = false;
    if (session->state == STATE_ENDED) {
        detach_hand_over(session);
        session_release(session);
    } else if (status == BUS_OK && result == 1) {
        if (note->is_whole)
            sm->is_broken = false;
        if (note->handled > sm->safe)
            sm->safe = note->handled;
        flush(note);
        if (sm_must_note(sm) || sm->told < sm->asked)
            sm_turn_add(sm);
    } else {
        flush(note);
        sm_break(session);
        if (status == BUS_OK && sessions->callbacks->on_fenced)
            sessions->callbacks->on_fenced(sessions->ctx, session);
    }
    buffer_fini(&note->pieces);
    free(note);
}

static void write_note(struct session *session, bool is_whole)
{
    struct sessions *sessions = session->sessions;
    struct store *store = sessions->parts->store;
    struct session_row row = session_row(session);
    struct sm *sm = session->sm;
    struct buffer *lines = &sessions->lines;
    struct note *note = xcalloc(1, sizeof *note);

    lines->size = 0;
    collect_lines(lines, &sm->unacked, is_whole);
    *note = (struct note){ .session = session,
                           .sent = sm->unacked.sent,
                           .handled = sm->handled.done,
                           .made_ms = now_of(session),
                           .is_whole = is_whole };
    if (!is_whole) {
        note->pieces = sm->waiting;
        sm->waiting = (struct buffer){ 0 };
    }
    struct sm_notes notes = { .bare = row.bare,
                              .uid = row.uid,
                              .node = row.node,
                              .session = row.session,
                              .handled = note->handled,
                              .sent = note->sent,
                              .entry = sm->entry,
                              .gone = sm->unacked.gone,
                              .gone_count = is_whole ? 0 : sm->unacked.gone_count,
                              .lines = (const struct sm_line *)(const void *)lines->data,
                              .line_count = lines->size / sizeof(struct sm_line) };
    sm->noted.sent = note->sent;
    sm->noted.handled = note->handled;
    session->open_notes++;
    TAILQ_INSERT_TAIL(&sessions->notes, note, entry);
    start_timer(sessions);
    if (is_whole)
        store->sm->start(store, &row, sm->resume_ms, &notes, on_noted, note); /* Redis may have lost all of it */
    else
        store->sm->note(store, &notes, on_noted, note);
    sm->unacked.gone_count = 0;
}

void sm_note(struct session *session)
{
    write_note(session, false);
}

/* -- when Redis does not answer -- */

void sm_break(struct session *session)
{
    struct note *note;
    if (session->sm->is_broken)
        return;
    session->sm->is_broken = true;
    TAILQ_FOREACH(note, &session->sessions->notes, entry)
    if (note->session == session && session->state == STATE_BOUND)
        flush(note);
    alive_schedule(session);
}

void sm_mend(struct session *session)
{
    struct sm *sm = session->sm;

    if (sm->tried_ms && now_of(session) < sm->tried_ms + SM_MEND_MS)
        return;
    sm->tried_ms = now_of(session);
    if (sm->is_mending || session->sessions->parts->bus->is_away)
        return;
    sm->is_mending = true;
    write_note(session, true);
}

static void on_timer(struct timer *timer)
{
    struct sessions *sessions = container_of(timer, struct sessions, note_timer);
    struct note *note;
    TAILQ_FOREACH(note, &sessions->notes, entry)
    if (!note->session->sm->is_broken && note->session->state != STATE_ENDED &&
        timers_now(sessions->parts->timers) >= note->made_ms + PATIENCE_MS)
        sm_break(note->session);
    if (!TAILQ_EMPTY(&sessions->notes))
        start_timer(sessions);
}
