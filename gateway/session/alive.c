/* alive.c - the one timer of a session: time to log in, answers that wait, pings, stalls, sleep.  Input only notes when
 * it came; the timer looks at that when it fires. */
#include "gateway/session/sm.h"

#define XMLNS_PING "urn:xmpp:ping"
#define PING_ID "server-ping"

enum { SLEEP_MS = 5000 }; /* after this silence the parser is given back */

static timer_fn on_timer;

static int64_t now_of(const struct session *session)
{
    return timers_now(session->sessions->parts->timers);
}

static void earliest(int64_t *deadline, int64_t other)
{
    if (other < *deadline)
        *deadline = other;
}

static int64_t next_deadline(const struct session *session)
{
    const struct config *config = config_of(session);
    int64_t deadline = INT64_MAX;

    if (session->sm)
        earliest(&deadline, sm_deadline(session));
    if (session->expires_ms)
        earliest(&deadline, session->expires_ms);
    if (session->state == STATE_DETACHED || session->is_lost)
        return deadline;
    if (session->negotiation) {
        earliest(&deadline, session->negotiation->deadline_ms);
        if (session->negotiation->answer_ms)
            earliest(&deadline, session->negotiation->answer_ms);
    } else if (config->ping_interval_ms > 0) {
        earliest(&deadline, session->pinged_ms ? session->pinged_ms + config->ping_timeout_ms
                                               : session->heard_ms + config->ping_interval_ms);
    }
    if (session->paused & PAUSE_QUEUE)
        earliest(&deadline, session->stall_ms);
    if (!session->negotiation && !session->is_asleep && !is_websocket(session))
        earliest(&deadline, session->heard_ms + SLEEP_MS);
    return deadline;
}

void alive_schedule(struct session *session)
{
    int64_t deadline = next_deadline(session), now = now_of(session);
    if (session->state == STATE_ENDED)
        return;
    if (deadline == INT64_MAX)
        timer_stop(&session->timer);
    else
        timer_start(session->sessions->parts->timers, &session->timer, deadline > now ? deadline - now : 1, on_timer);
}

void alive_start(struct session *session)
{
    session->heard_ms = now_of(session);
    session->negotiation->deadline_ms = session->heard_ms + config_of(session)->limits_login_ms;
    alive_schedule(session);
}

/* Any byte is a sign of life, white space too (RFC 6120 4.6.1). */
void alive_heard(struct session *session)
{
    session->heard_ms = now_of(session);
    session->pinged_ms = 0;
    if (session->is_asleep) {
        session->is_asleep = false;
        alive_schedule(session);
    }
}

static void ping(struct session *session)
{
    session->pinged_ms = now_of(session);
    if (session->sm) {
        sm_ping(session);
        return;
    }
    struct stanza *iq = stanza_make("iq", XMLNS_CLIENT);
    element_set(&iq->arena, iq->root, "from", jid_domain(&session->jid));
    element_set(&iq->arena, iq->root, "to", jid_text(&session->jid));
    element_set(&iq->arena, iq->root, "id", TEXT(PING_ID));
    element_set(&iq->arena, iq->root, "type", TEXT("get"));
    element_add(&iq->arena, iq->root, TEXT("ping"), TEXT(XMLNS_PING));
    session_send(session, iq);
    stanza_free(&iq);
}

bool alive_is_pong(const struct session *session, const struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type"), to = element_get(stanza->root, "to");
    return text_is(element_get(stanza->root, "id"), PING_ID) && (text_is(type, "result") || text_is(type, "error")) &&
           (!to.data || text_equal(to, jid_domain(&session->jid)));
}

/* A session that is not read cannot be heard. */
static void check_silence(struct session *session)
{
    const struct config *config = config_of(session);
    int64_t now = now_of(session);

    if (session->paused)
        session->heard_ms = now;
    if (session->paused || config->ping_interval_ms <= 0) {
        session->pinged_ms = 0;
    } else if (session->pinged_ms && now >= session->pinged_ms + config->ping_timeout_ms) {
        detach_lose(session, STREAM_ERROR_CONNECTION_TIMEOUT, "no answer to a ping");
        return;
    } else if (!session->pinged_ms && now >= session->heard_ms + config->ping_interval_ms) {
        ping(session);
    }
    /* What is half read stays as it is: it goes on soon, or the ping finds out. */
    if (session->state != STATE_ENDED && !session->is_asleep && !is_websocket(session) &&
        now >= session->heard_ms + SLEEP_MS) {
        stream_sleep(session->stream);
        session->is_asleep = true;
    }
}

static void on_timer(struct timer *timer)
{
    struct session *session = container_of(timer, struct session, timer);
    const struct negotiation *negotiation = session->negotiation;
    int64_t now = now_of(session);

    if (session->sm)
        sm_timer(session);
    if (session->state == STATE_ENDED)
        return;
    if (session->expires_ms && now >= session->expires_ms) {
        session_end(session, STREAM_ERROR_RESET, "the token of the login has expired"); /* RFC 6120 4.9.3.16 */
    } else if (session->state == STATE_DETACHED) {
        detach_timer(session);
    } else if (session->is_lost) {
        return;
    } else if ((session->paused & PAUSE_QUEUE) && now >= session->stall_ms) {
        outbound_overflow(session);
    } else if (negotiation && now >= negotiation->deadline_ms) {
        session_end(session, STREAM_ERROR_CONNECTION_TIMEOUT, "not logged in in time");
    } else if (negotiation && negotiation->answer_ms && now >= negotiation->answer_ms) {
        attempt_tell_failure(session);
    } else if (!negotiation) {
        check_silence(session);
    }
    alive_schedule(session);
}
