/* sm.h - stream management (XEP-0198) of one session; made when its client enables it.
 *
 *   client ── stanza ──> handled (numbers) ──> router ── session_handled ──> <a h/>
 *   router ── session_send ──> unacked ──> note in Redis (if resumable) ──> connection
 *   client ── <a h/> ──> unacked ──> on_delivered; the notes leave with the next turn's
 *
 * sm.c what the client says, enabling, counting.  sm_out.c what is written, and when.  sm_note.c a turn's notes.
 * detach.c the connection is lost: the session waits.  sm_resume.c and sm_catch_up.c: it goes on. */
#ifndef STANZABUS_SESSION_SM_H
#define STANZABUS_SESSION_SM_H

#include "gateway/session/session_state.h"
#include "gateway/session/unacked.h"
#include "stanzabus/handled.h"

#define XMLNS_SM "urn:xmpp:sm:3"

struct catch_up;
struct note;

struct sm {
    struct session *session;
    struct handled handled;
    struct unacked unacked;
    struct buffer waiting;     /* not written yet: pieces of a uint32_t size and so many bytes */
    TAILQ_ENTRY(sm) turn;      /* of sessions->turn, when is_in_turn */
    struct catch_up *catch_up; /* what it missed is still being read; NULL when nothing is */
    uint64_t written;          /* the number of the last stanza that the connection was given */
    uint64_t entry;            /* the highest entry of the log that was sent, without LOG_SHARED */
    uint64_t told;             /* h as it was told last */
    uint64_t asked;            /* stanzas received when the client last asked for h */
    uint64_t kept;             /* the number of the last stanza that Redis is known to have noted */
    uint64_t safe;             /* what Redis has of h: no more is told to a client that may resume */
    struct {
        uint64_t handled, acked, sent;
    } noted;          /* as last noted, or on the way */
    int64_t ask_ms;   /* when an <r/> is due; 0: none */
    int64_t tried_ms; /* when broken notes were last written anew */
    int64_t lost_ms;  /* detached: too late to resume from then on */
    uint32_t resume_ms;
    uint8_t held_turns; /* nothing is written for so many turns, after <enabled/> */
    const char *too_much; /* why the timer ends the session; NULL: it does not */
    bool is_resumable;
    bool is_asked;   /* an <r/> is out */
    bool is_broken;  /* Redis does not have all notes: nothing waits for them, they are written anew */
    bool is_mending; /* ... and are on the way */
    bool is_moved;   /* it goes on elsewhere; what was not noted follows it */
    bool is_in_turn;
};

/* -- sm.c -- */
struct sm *sm_new(struct session *session);
void sm_tell_handled(struct session *session);
void sm_read_max(struct sm *sm, const struct element *enable);
bool sm_read_h(const struct element *element, uint32_t *h); /* false: not there, or no xs:unsignedInt */
void sm_write_failed(struct buffer *out, const char *condition, const uint64_t *handled); /* handled may be NULL */
/* The client has all up to number: what is logged of it was delivered. */
void sm_acked(struct session *session, uint64_t number);

/* -- sm_out.c -- */
/* The session ends soon, by its timer: who writes to it need not look whether it is still there.  text is a literal. */
void sm_give_up(struct session *session, const char *text);
/* xml is in the session's scope; entry as in session_send_logged, 0: it is in no log. */
void sm_send(struct session *session, struct text xml, uint64_t entry);
bool sm_has_room(const struct session *session); /* less than half of what may be unacknowledged is */
void sm_push(struct session *session, struct text xml, uint64_t entry); /* the same, past catch_up */
/* Appends stanzas that were written for the scope of any session so that they stand in this one. */
void sm_write_scoped(struct buffer *out, struct text xml, enum stanza_scope scope);
void sm_append(struct buffer *pieces, struct text xml);
void sm_write(struct session *session, struct buffer *pieces, uint64_t number); /* empties it; number: of its last stanza */
void sm_turn_add(struct sm *sm);
void sm_ask(struct session *session);
int64_t sm_deadline(const struct session *session); /* INT64_MAX: none */
void sm_timer(struct session *session);
void sm_ping(struct session *session);

/* -- sm_note.c -- */
enum { SM_MEND_MS = 1000 }; /* between two tries to write broken notes anew */
enum { SM_NOTE_HANDLED = 64 }; /* h is noted after so many stanzas, though nobody asked */
bool sm_must_note(const struct sm *sm);
void sm_note(struct session *session); /* with what waits */
void sm_break(struct session *session); /* Redis does not take them: what waits for them is written */
void sm_mend(struct session *session); /* notes that are broken are written anew, at a pace */

/* -- sm_catch_up.c -- */
/* Reads what the client missed: what is in unacked, then entries of the log above sm->entry. */
void catch_up_start(struct session *session);
void catch_up_stop(struct session *session); /* it ended: nothing more is read */
void catch_up_free(struct session *session);
bool catch_up_keeps(struct session *session, struct text xml, uint64_t entry); /* true: taken, it comes later */

#endif
