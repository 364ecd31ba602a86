/* sm_catch_up.c - a resumed session is sent again what its client did not acknowledge, in order: stanzas from the notes,
 * entries from the log; then entries of the log that came for it and were never noted.  What comes meanwhile waits:
 * stanzas are kept, entries stay in the log, where they are found in their turn. */
#include <stdlib.h>

#include "gateway/session/sm.h"
#include "stanzabus/store_log.h"

enum { AGAIN_MS = 1000, PACE_MS = 50, LATE_MAX = 1024 * 1024 };

struct catch_up {
    struct session *session;
    struct timer timer;
    uint64_t next, upto; /* stanza numbers: the next one of those that were noted, and the last */
    uint64_t at;         /* the reading of the log has come to this entry */
    uint64_t missed;     /* the highest entry that came meanwhile */
    struct buffer late;  /* pieces that came meanwhile */
    bool has_lost;       /* entries are gone from the log: later ones are counted anew */
};

static struct run *run_of(const struct unacked *unacked, uint64_t number, uint32_t *offset)
{
    uint64_t first = unacked->acked + 1;
    for (uint32_t i = 0; i < unacked->run_count; i++) {
        struct run *run = unacked_run(unacked, i);
        if (number < first + run->count) {
            *offset = (uint32_t)(number - first);
            return run;
        }
        first += run->count;
    }
    return NULL;
}

static void again(struct catch_up *catch_up, int64_t ms);

/* -- reading the log -- */

static void read_log(struct catch_up *catch_up, uint64_t after)
{
    struct sessions *sessions = catch_up->session->sessions;
    catch_up->at = after;
    sessions->callbacks->on_read_log(sessions->ctx, catch_up->session, after);
}

static void append(struct catch_up *catch_up, struct text xml)
{
    struct sessions *sessions = catch_up->session->sessions;
    struct buffer *out = &sessions->out;
    out->size = 0;
    sm_write_scoped(out, xml, session_scope(catch_up->session));
    sm_append(&catch_up->session->sm->waiting, buffer_text(out));
    catch_up->next++;
}

/* The next entry that is to be read again; stanzas in front of it are taken.  0: there is none. */
static uint64_t next_entry(struct catch_up *catch_up)
{
    const struct unacked *unacked = &catch_up->session->sm->unacked;
    if (catch_up->next <= unacked->acked)
        catch_up->next = unacked->acked + 1;
    while (catch_up->next <= catch_up->upto) {
        uint32_t offset;
        const struct run *run = run_of(unacked, catch_up->next, &offset);
        if (!run->xml)
            return run->entry + offset;
        append(catch_up, (struct text){ run->xml, run->size });
    }
    return 0;
}

static void lose(struct catch_up *catch_up, uint64_t entry)
{
    metric_add(catch_up->session->sessions->parts->metrics, METRIC_SM_UNDELIVERED, 1);
    unacked_drop_entry(&catch_up->session->sm->unacked, entry);
    catch_up->upto--;
    catch_up->has_lost = true;
}

static void proceed(struct catch_up *catch_up)
{
    uint64_t entry = next_entry(catch_up);
    read_log(catch_up, entry ? (entry & ~LOG_SHARED) - 1 : catch_up->session->sm->entry);
}

void session_log_entry(struct session *session, uint64_t number, struct text xml)
{
    struct catch_up *catch_up = session->sm ? session->sm->catch_up : NULL;
    uint64_t entry, plain = number & ~LOG_SHARED;
    if (!catch_up || session->state == STATE_ENDED)
        return;
    while ((entry = next_entry(catch_up)) && (entry & ~LOG_SHARED) > catch_up->at && (entry & ~LOG_SHARED) < plain)
        lose(catch_up, entry); /* it would have come before */
    if (entry && (entry & ~LOG_SHARED) == plain && xml.size)
        append(catch_up, xml);
    else if (!entry && xml.size && plain > session->sm->entry)
        sm_push(session, xml, number);
    catch_up->at = plain;
}

/* -- the end of a page -- */

static void finish(struct session *session)
{
    struct catch_up *catch_up = session->sm->catch_up;
    struct buffer late = catch_up->late;
    catch_up->late = (struct buffer){ 0 };
    catch_up_free(session);
    for (size_t at = 0; at < late.size && session->state != STATE_ENDED;) {
        uint32_t size;
        memcpy(&size, late.data + at, sizeof size);
        sm_push(session, (struct text){ late.data + at + sizeof size, size }, 0);
        at += sizeof size + size;
    }
    buffer_fini(&late);
}

static bool must_wait(const struct session *session)
{
    return session->connection && session->connection->queued > config_of(session)->limits_client_queue / 2;
}

static void go_on(struct catch_up *catch_up, bool is_end)
{
    uint64_t entry = next_entry(catch_up);
    if (entry && (entry & ~LOG_SHARED) <= catch_up->at)
        read_log(catch_up, (entry & ~LOG_SHARED) - 1); /* it stands further in front */
    else if (!is_end || (!entry && catch_up->missed > catch_up->at))
        read_log(catch_up, catch_up->at);
    else
        finish(catch_up->session);
}

void session_log_read(struct session *session, bool is_fine, bool is_end)
{
    struct catch_up *catch_up = session->sm ? session->sm->catch_up : NULL;
    uint64_t entry;
    if (!catch_up || session->state == STATE_ENDED)
        return;
    sm_turn_add(session->sm);
    if (!is_fine) {
        again(catch_up, AGAIN_MS);
        return;
    }
    while (is_end && (entry = next_entry(catch_up)) && (entry & ~LOG_SHARED) > catch_up->at)
        lose(catch_up, entry);
    if (catch_up->has_lost) {
        catch_up->has_lost = false;
        session->sm->noted.sent = session->sm->written = session->sm->unacked.sent;
        sm_break(session); /* writes, and may end it so */
    }
    if (session->state == STATE_ENDED)
        return;
    if (must_wait(session))
        again(catch_up, PACE_MS);
    else
        go_on(catch_up, is_end);
}

static void on_timer(struct timer *timer)
{
    struct catch_up *catch_up = container_of(timer, struct catch_up, timer);
    if (must_wait(catch_up->session))
        again(catch_up, PACE_MS);
    else
        go_on(catch_up, false);
}

static void again(struct catch_up *catch_up, int64_t ms)
{
    timer_start(catch_up->session->sessions->parts->timers, &catch_up->timer, ms, on_timer);
}

/* -- from the session -- */

void catch_up_start(struct session *session)
{
    struct sm *sm = session->sm;
    struct catch_up *catch_up = xcalloc(1, sizeof *catch_up);
    catch_up->session = session;
    catch_up->next = sm->unacked.acked + 1;
    catch_up->upto = sm->unacked.sent;
    sm->catch_up = catch_up;
    sm_turn_add(sm);
    if (session->sessions->callbacks->on_read_log)
        proceed(catch_up);
    else
        finish(session);
}

void catch_up_stop(struct session *session)
{
    if (session->sm && session->sm->catch_up)
        timer_stop(&session->sm->catch_up->timer);
}

void catch_up_free(struct session *session)
{
    struct catch_up *catch_up = session->sm->catch_up;
    if (!catch_up)
        return;
    timer_stop(&catch_up->timer);
    buffer_fini(&catch_up->late);
    free(catch_up);
    session->sm->catch_up = NULL;
}

bool catch_up_keeps(struct session *session, struct text xml, uint64_t entry)
{
    struct catch_up *catch_up = session->sm->catch_up;
    if (!catch_up)
        return false;
    if (entry) {
        if ((entry & ~LOG_SHARED) > catch_up->missed)
            catch_up->missed = entry & ~LOG_SHARED;
    } else {
        sm_append(&catch_up->late, xml);
        if (catch_up->late.size > LATE_MAX)
            sm_give_up(session, "too much comes while the session is resumed");
    }
    return true;
}
