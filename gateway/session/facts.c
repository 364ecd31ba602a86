/* facts.c - what the router asks about a session, and has it remember. */
#include <stdlib.h>

#include "gateway/session/sm.h"

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
