/* unwritten.c - log entries that were written to a client without XEP-0198: they count as delivered once the kernel has taken
 * all that was queued for it.  Looked at once a tick, and the queue of a client is bounded, so these lists are too. */
#include <stdlib.h>

#include "gateway/session/session_state.h"

struct unwritten {
    LIST_ENTRY(unwritten) entry;
    struct session *session;
    uint64_t *numbers; /* owned */
    size_t count, room;
};

static void report(struct session *session, const uint64_t *numbers, size_t count)
{
    struct sessions *sessions = session->sessions;
    if (sessions->callbacks->on_delivered)
        sessions->callbacks->on_delivered(sessions->ctx, session, numbers, count);
}

static bool is_written(const struct session *session)
{
    return session->connection && session->connection->queued == 0;
}

void unwritten_drop(struct session *session)
{
    struct unwritten *unwritten = session->unwritten;
    if (!unwritten)
        return;
    session->unwritten = NULL;
    LIST_REMOVE(unwritten, entry);
    if (is_written(session))
        report(session, unwritten->numbers, unwritten->count);
    free(unwritten->numbers);
    free(unwritten);
}

static void on_tick(struct timer *timer)
{
    struct sessions *sessions = container_of(timer, struct sessions, unwritten_timer);
    struct unwritten *next;
    for (struct unwritten *unwritten = LIST_FIRST(&sessions->unwritten); unwritten; unwritten = next) {
        next = LIST_NEXT(unwritten, entry);
        if (is_written(unwritten->session))
            unwritten_drop(unwritten->session);
    }
    if (!LIST_EMPTY(&sessions->unwritten))
        timer_start(sessions->parts->timers, timer, TIMER_TICK_MS, on_tick);
}

static struct unwritten *begin(struct session *session)
{
    struct sessions *sessions = session->sessions;
    struct unwritten *unwritten = xcalloc(1, sizeof *unwritten);
    unwritten->session = session;
    session->unwritten = unwritten;
    if (LIST_EMPTY(&sessions->unwritten))
        timer_start(sessions->parts->timers, &sessions->unwritten_timer, TIMER_TICK_MS, on_tick);
    LIST_INSERT_HEAD(&sessions->unwritten, unwritten, entry);
    return unwritten;
}

void unwritten_add(struct session *session, uint64_t number)
{
    if (!session->unwritten && is_written(session)) {
        report(session, &number, 1);
        return;
    }
    struct unwritten *unwritten = session->unwritten ? session->unwritten : begin(session);
    if (unwritten->count == unwritten->room) {
        unwritten->room = unwritten->room ? unwritten->room * 2 : 8;
        unwritten->numbers = xrealloc(unwritten->numbers, unwritten->room * sizeof *unwritten->numbers);
    }
    unwritten->numbers[unwritten->count++] = number;
}
