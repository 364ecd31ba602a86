/* sessions.c - all sessions of a node: made and freed, found by address, read or not. */
#include <stdlib.h>

#include "gateway/session/csi.h"
#include "gateway/session/sm.h"
#include "gateway/session/sm_resume.h"

enum { RESUME_STEPS = 20 }; /* of TIMER_TICK_MS: a second */

/* -- life -- */

void session_link(struct session *session)
{
    struct sessions *sessions = session->sessions;
    session->next = sessions->first;
    session->link = &sessions->first;
    if (session->next)
        session->next->link = &session->next;
    sessions->first = session;
    sessions->count++;
    metric_add(sessions->parts->metrics, METRIC_CONNECTIONS, 1);
}

void session_unlink(struct session *session)
{
    struct sessions *sessions = session->sessions;
    if (sessions->resume_next == session)
        sessions->resume_next = session->next;
    *session->link = session->next;
    if (session->next)
        session->next->link = session->link;
    session->link = NULL;
    sessions->count--;
    metric_add(sessions->parts->metrics, METRIC_CONNECTIONS, -1);
}

struct session *session_new(struct sessions *sessions, struct connection *connection)
{
    const struct parts *parts = sessions->parts;
    struct session *session = xcalloc(1, sizeof *session);
    session->sessions = sessions;
    session->connection = connection;
    session->subject = (struct log_subject){ .session = ++sessions->last_number, .peer = connection->peer };
    session->mechanism = "";
    session->negotiation = xcalloc(1, sizeof *session->negotiation);
    session->negotiation->domain = text_dup(parts->config->domains.items[0]);
    return session;
}

void negotiation_free(struct negotiation **pointer)
{
    struct negotiation *negotiation = *pointer;
    *pointer = NULL;
    if (!negotiation)
        return;
    login_free(&negotiation->login);
    stanza_free(&negotiation->request);
    sasl2_free(&negotiation->sasl2);
    resumption_free(&negotiation->resumption);
    free(negotiation->domain);
    free(negotiation->claimed);
    free(negotiation);
}

void session_free(struct session *session)
{
    stream_free(&session->stream);
    negotiation_free(&session->negotiation);
    sm_free(session);
    csi_free(session);
    free((char *)session->jid.text);
    free(session->uid);
    free(session->archive_read);
    free(session->lang);
    free(session);
}

void session_set_jid(struct session *session, const struct jid *jid)
{
    char *text = jid->text ? text_dup(jid_text(jid)) : NULL;
    free((char *)session->jid.text);
    session->jid = *jid;
    session->jid.text = session->subject.jid = text;
}

struct sessions *sessions_new(const struct parts *parts, const struct session_callbacks *callbacks, void *ctx)
{
    struct sessions *sessions = xcalloc(1, sizeof *sessions);
    sessions->parts = parts;
    sessions->callbacks = callbacks;
    sessions->ctx = ctx;
    TAILQ_INIT(&sessions->turn);
    TAILQ_INIT(&sessions->notes);
    sessions->guard = login_guard_new(parts->config->limits_login_failures);
    return sessions;
}

static void free_detached(struct sessions *sessions)
{
    struct session *session, *next;
    HASH_ITER (hh, sessions->bound, session, next) {
        if (session->state != STATE_DETACHED)
            continue;
        HASH_DEL(sessions->bound, session);
        timer_stop(&session->timer);
        session_free(session);
    }
    sessions_release(sessions);
}

void sessions_free(struct sessions **pointer)
{
    struct sessions *sessions = *pointer;
    *pointer = NULL;
    if (!sessions)
        return;
    timer_stop(&sessions->resume_timer);
    timer_stop(&sessions->unwritten_timer);
    bind_forget_undone(sessions);
    timer_stop(&sessions->note_timer);
    free_detached(sessions);
    HASH_CLEAR(hh, sessions->bound);
    while (sessions->first) {
        struct session *session = sessions->first;
        timer_stop(&session->timer);
        accept_release(session);
        unwritten_drop(session);
        session_unlink(session);
        session_free(session);
    }
    login_guard_free(&sessions->guard);
    buffer_fini(&sessions->out);
    buffer_fini(&sessions->numbers);
    buffer_fini(&sessions->lines);
    free(sessions);
}

/* -- reading, all of them -- */

void sessions_pause_reading(struct sessions *sessions)
{
    timer_stop(&sessions->resume_timer);
    sessions->resume_next = NULL;
    sessions->is_reading_paused = true;
    for (struct session *session = sessions->first; session; session = session->next)
        session_pause(session, PAUSE_REDIS);
}

static void on_resume_timer(struct timer *timer)
{
    struct sessions *sessions = container_of(timer, struct sessions, resume_timer);
    for (size_t i = 0, some = sessions->count / RESUME_STEPS + 1; i < some && sessions->resume_next; i++) {
        struct session *session = sessions->resume_next;
        sessions->resume_next = session->next;
        session_unpause(session, PAUSE_REDIS);
    }
    if (sessions->resume_next)
        timer_start(sessions->parts->timers, timer, TIMER_TICK_MS, on_resume_timer);
}

void sessions_resume_reading(struct sessions *sessions)
{
    if (!sessions->is_reading_paused)
        return;
    sessions->is_reading_paused = false;
    sessions->resume_next = sessions->first;
    timer_start(sessions->parts->timers, &sessions->resume_timer, 1, on_resume_timer);
}

/* -- the index -- */

void session_add_bound(struct session *session)
{
    struct sessions *sessions = session->sessions;
    HASH_ADD_KEYPTR(hh, sessions->bound, session->jid.text, session->jid.size, session);
    metric_set(sessions->parts->metrics, METRIC_SESSIONS, (int64_t)HASH_COUNT(sessions->bound));
}

void session_remove_bound(struct session *session)
{
    struct sessions *sessions = session->sessions;
    HASH_DEL(sessions->bound, session);
    metric_set(sessions->parts->metrics, METRIC_SESSIONS, (int64_t)HASH_COUNT(sessions->bound));
}

struct session *sessions_find(const struct sessions *sessions, struct text bare, struct text resource)
{
    char full[JID_MAX];
    struct session *session;
    size_t size = bare.size + 1 + resource.size;

    if (!bare.size || !resource.size || size > sizeof full)
        return NULL;
    memcpy(full, bare.data, bare.size);
    full[bare.size] = '/';
    memcpy(full + bare.size + 1, resource.data, resource.size);
    HASH_FIND(hh, sessions->bound, full, size, session);
    return session;
}

void sessions_each(struct sessions *sessions, void (*each)(void *ctx, struct session *session), void *ctx)
{
    struct session *session, *next;
    HASH_ITER (hh, sessions->bound, session, next) {
        each(ctx, session);
    }
}

void sessions_end_all(struct sessions *sessions, enum stream_condition condition, const char *text)
{
    struct session *session, *next;
    for (session = sessions->first; session; session = session->next)
        detach_leave(session, condition, text);
    HASH_ITER (hh, sessions->bound, session, next) {
        detach_leave(session, condition, text);
    }
}

void sessions_stop_accepting(struct sessions *sessions)
{
    sessions->is_stopping = true;
}

size_t sessions_count(const struct sessions *sessions)
{
    return sessions->count;
}
