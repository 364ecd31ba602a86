/* steps.c - answers that a session waits for: between the question and the answer it is not read, and its memory stays.  And the
 * other reasons not to read it. */
#include <assert.h>

#include "gateway/session/session_state.h"

void session_step_begin(struct session *session)
{
    session->open_steps++;
    session_pause(session, PAUSE_STEP);
}

void session_step_done(struct session *session)
{
    assert(session->open_steps > 0);
    session->open_steps--;
    if (session->state == STATE_ENDED)
        session_release(session);
    else
        session_unpause(session, PAUSE_STEP);
}

static bool is_over(const struct session *session)
{
    return session->state == STATE_ENDED && !session->connection && session->open_steps == 0 && session->open_notes == 0;
}

static bool is_dead(const struct session *session)
{
    for (const struct session *dead = session->sessions->dead; dead; dead = dead->next)
        if (dead == session)
            return true;
    return false;
}

void session_release(struct session *session)
{
    if (is_over(session) && !is_dead(session))
        session_free(session);
}

void sessions_release(struct sessions *sessions)
{
    for (struct session **link = &sessions->dead, *session = *link; session; session = *link) {
        if (is_over(session)) {
            *link = session->next;
            session_free(session);
        } else {
            link = &session->next;
        }
    }
}

void session_pause(struct session *session, unsigned why)
{
    bool was_paused = session->paused;
    session->paused |= (uint8_t)why;
    if (was_paused || session->state == STATE_ENDED || session->state == STATE_DETACHED)
        return;
    stream_pause(session->stream);
    session->connection->ops->pause(session->connection);
}

static bool waits_for_step(const struct session *session)
{
    return session->open_steps > 0 || (session->negotiation && session->negotiation->answer_ms);
}

/* Resuming the stream reads at once what has waited, and may pause or end the session again: it comes last. */
void session_unpause(struct session *session, unsigned why)
{
    if (session->state == STATE_ENDED || session->state == STATE_DETACHED || !(session->paused & why) || (why == PAUSE_STEP && waits_for_step(session)))
        return;
    session->paused &= (uint8_t)~why;
    if (session->paused)
        return;
    alive_heard(session);
    session->connection->ops->resume(session->connection);
    stream_resume(session->stream);
}
