/* sessions.c - all sessions of a node: made and freed, found by address, read or not. */
#include <assert.h>
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

/* -- steps and pauses -- */

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

/* -- what others ask -- */

void session_renumber(struct session *session)
{
    session->subject.session = ++session->sessions->last_number;
}

const struct jid *session_jid(const struct session *session)
{
    return &session->jid;
}

uint64_t session_number(const struct session *session)
{
    return session->subject.session;
}

uint64_t session_generation(const struct session *session)
{
    return session->generation;
}

struct text session_uid(const struct session *session)
{
    return text_of(session->uid);
}

struct session_row session_row(const struct session *session)
{
    return (struct session_row){ .bare = jid_bare(&session->jid),
                                 .resource = jid_resource(&session->jid),
                                 .node = session->sessions->parts->node,
                                 .session = session->subject.session,
                                 .uid = text_of(session->uid),
                                 .is_available = session->is_available,
                                 .has_carbons = session->has_carbons,
                                 .is_resumable = session->sm && session->sm->is_resumable,
                                 .is_interested = session->is_interested,
                                 .priority = session->priority,
                                 .generation = session->generation };
}

void session_set_generation(struct session *session, uint64_t generation)
{
    session->generation = generation;
}

void session_set_outlives_block(struct session *session, bool outlives)
{
    session->outlives_block = outlives;
}

bool session_is_guest(const struct session *session)
{
    return session->is_guest;
}

struct text session_lang(const struct session *session)
{
    return text_of(session->lang);
}

const struct log_subject *session_subject(const struct session *session)
{
    return &session->subject;
}

const char *session_mechanism(const struct session *session)
{
    return session->mechanism;
}

void session_set_presence(struct session *session, bool is_available, int8_t priority)
{
    session->is_available = is_available;
    session->priority = priority;
}

bool session_is_available(const struct session *session)
{
    return session->is_available;
}

int8_t session_priority(const struct session *session)
{
    return session->priority;
}

bool session_has_carbons(const struct session *session)
{
    return session->has_carbons;
}

void session_set_carbons(struct session *session, bool has_carbons)
{
    session->has_carbons = has_carbons;
}

bool session_is_interested(const struct session *session)
{
    return session->is_interested;
}

void session_set_interested(struct session *session, bool is_interested)
{
    session->is_interested = is_interested;
}

bool session_has_asked_blocklist(const struct session *session)
{
    return session->has_asked_blocklist;
}

void session_set_asked_blocklist(struct session *session)
{
    session->has_asked_blocklist = true;
}

struct attendance *session_attendance(const struct session *session)
{
    return session->attendance;
}

void session_set_attendance(struct session *session, struct attendance *attendance)
{
    session->attendance = attendance;
}

struct text session_archive_read(const struct session *session)
{
    return text_of(session->archive_read);
}

void session_set_archive_read(struct session *session, struct text id)
{
    free(session->archive_read);
    session->archive_read = text_dup(id);
}

bool session_is_full(const struct session *session)
{
    return session->paused & PAUSE_QUEUE;
}

bool session_watches_events(const struct session *session)
{
    return session->watches_events;
}

void session_set_watches_events(struct session *session, bool watches)
{
    session->watches_events = watches;
}
