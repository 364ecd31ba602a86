/* presence.h - rosters, subscriptions and presence, as the files that do them share them.  The way of a presence:
 *
 *   session ──> handle_presence.c ──> store: own row, own resources ──> crowd.c ──> each contact, in one batch
 *               handle_subscription.c ──> store: one step (subscription_state.h) ──> the contact's account, a service, elsewhere
 *   session ends, node dies ──> farewell.c ──> crowd.c
 *   what the router remembers of a session meanwhile: attendance.c */
#ifndef STANZABUS_PRESENCE_H
#define STANZABUS_PRESENCE_H

#include <sys/queue.h>

#include "gateway/router/router_internal.h"
#include "stanzabus/store_presence.h"
#include "stanzabus/store_roster.h"
#include "gateway/router/presence/subscription_state.h"

/* -- attendance.c: what is remembered of a session while it lives -- */
struct address; /* one that got directed presence */
struct attendance {
    LIST_ENTRY(attendance) entry; /* router->attendances */
    struct text event;            /* last presence that was broadcast; owned, empty before */
    struct address *directed;     /* uthash */
    unsigned directed_count;
    unsigned open_probes;         /* answers to probes that will still come */
    struct noted *noted;          /* whose presence came by itself since the first of them was asked */
    unsigned noted_count;
    unsigned open_gets;           /* roster queries under way */
    uint64_t push_number;         /* of the latest push that was kept back meanwhile */
    bool is_unsaid;               /* what was set last may not have reached Redis */
};
struct attendance *attendance_of(struct router *router, struct session *session); /* made when there is none */
void attendance_free(struct session *session);
void attendances_free(struct router *router);
void attendance_set_event(struct attendance *attendance, struct text event);
/* Directed presence (RFC 6121 4.6): remembered until unavailable is sent there.  False: too many are remembered. */
bool attendance_direct(struct router *router, struct session *session, const struct jid *to, bool is_available);
/* The addresses, a line each, appended. */
void attendance_addresses(const struct attendance *attendance, struct buffer *out);
void attendance_take_directed(struct attendance *attendance, struct text addresses); /* a line each, as they were kept */
void attendance_forget_directed(struct attendance *attendance);
/* Around probes: an older answer must not overwrite what came by itself. */
void attendance_probes_begin(struct attendance *attendance, unsigned count);
void attendance_probe_done(struct attendance *attendance);
bool attendance_has_noted(const struct attendance *attendance, struct text full);

/* What hand out asks before it gives a stanza to a session; false: it is not for it now. */
bool presence_may_give(struct session *session, const struct stanza *stanza);

/* -- crowd.c: one presence for many, and the questions for theirs -- */
struct crowd_request {
    struct stanza *presence;         /* owned by the crowd from now on; NULL: only probes */
    const struct contact *contacts;
    size_t count;
    struct text directed;            /* more addresses, a line each, that are told */
    const struct session *prober;    /* NULL: nobody is asked */
    struct text since;               /* probes: see struct presence_meet */
};
void crowd_start(struct router *router, const struct crowd_request *request);
void crowds_go_on(struct router *router); /* the queue toward Redis has room again */
void crowds_free(struct router *router);

/* -- farewell.c: the unavailable presence of sessions that have ended -- */
void farewell_say(struct router *router, struct session *session); /* it has just ended */
/* Its node died, its row was removed.  mark, when there is one: of store.h, it is told when it is done. */
void farewell_swept(struct router *router, struct text full, struct text mark);
void farewells_free(struct router *router);

/* -- leaving.c -- */
void leaving_look(struct router *router); /* is there a deleted account whose contacts have not been told? */

/* -- presence_tell.c: presence said on somebody's behalf, one by one -- */
/* Makes the stanza of an event of a presence, for to; NULL when it cannot be read. */
struct stanza *presence_read(struct router *router, struct text event, struct text to);
/* The presences (events) of an account's resources to one address: as they are, or unavailable. */
void presence_tell(struct router *router, const struct text *presences, size_t count, struct text to, bool is_unavailable);
struct stanza *presence_make(struct text from, struct text to, const char *type);
/* What the server has to do with presence for an address but pass it on: subscriptions, probes, and to remember who got
 * directed presence.  True: it took the stanza. */
bool presence_take(struct router *router, const struct sender *sender, struct stanza *stanza, const struct jid *to,
                   enum place place);

/* -- handle_presence.c -- */
/* The row was written again: presence follows, and what was missed is asked for. */
void presence_restore(struct router *router, struct session *session);
/* The session was taken over from another node (XEP-0198): what it was is read, and what it missed is asked for. */
void presence_resume(struct router *router, struct session *session);

/* -- handle_subscription.c -- */
/* Said by a client: a step of its own roster first. Takes the stanza. */
void subscription_out(struct router *router, const struct sender *sender, struct stanza *stanza);
/* Goes to whom it is addressed: an account here takes its step, others get the stanza.  Takes it; from and to are bare. */
void subscription_forward(struct router *router, struct stanza *stanza);
/* The same, said by another server or a service: it is done with when the contact's roster knows. */
void subscription_in(struct router *router, const struct sender *sender, struct stanza *stanza);
void subscriptions_free(struct router *router);
/* An event of an empty iq by the account, of which the store makes pushes; valid until the next one. */
struct text roster_push_event(struct router *router, struct text bare);

/* -- handle_roster.c -- */
void handle_roster_get(const struct iq_request *request);
void handle_roster_set(const struct iq_request *request);

#endif
