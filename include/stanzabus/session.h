/* session.h - who is this, may they speak.  A session is one client stream from its first byte to its end: header,
 * features, TLS, SASL, binding; then its stanzas go to the router, and what is for it is written to its connection.
 * The life of a session is the table in gateway/session/session.c. */
#ifndef STANZABUS_SESSION_H
#define STANZABUS_SESSION_H

#include "stanzabus/parts.h"
#include "stanzabus/transport.h"

struct session;
struct sessions; /* all sessions of a node, and the index by address */

/* A login that a service is to decide (auth.service); all borrowed. */
struct login_question {
    struct text domain, user; /* user: bare; empty when only the secret says who it is */
    const char *mechanism;
    struct text secret; /* never to be seen but by that service */
    bool is_token;      /* else a password */
    const char *peer;
};
enum login_verdict { LOGIN_ALLOWED, LOGIN_DENIED, LOGIN_UNKNOWN /* no answer, or none that decides */ };
struct login_ruling {
    enum login_verdict verdict;
    struct text user;  /* who it is; may be empty when that was asked */
    int64_t expires_s; /* the session ends after so many seconds; 0: it does not */
};
struct sm_taken; /* store_sm.h */

/* What a session tells the stage behind it (the router). */
struct session_callbacks {
    /* The bind result goes out right after. */
    void (*on_bound)(void *ctx, struct session *session, const struct bind_answer *answer);
    void (*on_stanza)(void *ctx, struct session *session, struct stanza *stanza); /* bound; callee owns; from is stamped, to is checked and prepared */
    void (*on_ended)(void *ctx, struct session *session, const char *reason);     /* it was bound; still readable */
    /* user: the bare JID that was tried, empty when it was none; session_mechanism says how. */
    void (*on_login_failed)(void *ctx, struct session *session, struct text user, const char *reason);
    /* Only with auth.service; session_login_answered has to follow, once. */
    void (*on_login_asked)(void *ctx, struct session *session, const struct login_question *question);
    /* A binding here took the resource over from a session of another node: that node is to end it (conflict). */
    void (*on_replaced)(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource);
    /* What session_send_logged gave it has reached the client, or (without XEP-0198) its socket. */
    void (*on_delivered)(void *ctx, struct session *session, const uint64_t *numbers, size_t count);
    /* A row is about to go, or to be kept for a resumption: what was delivered is taken out of the log before, so that nothing
     * seems to wait. */
    void (*on_unbinding)(void *ctx, struct text bare);
    /* The row of a session that ended is gone, and its mailbox unsubscribed.  may_wait: the log holds messages that may have been
     * for it (store_log.h: settle). */
    void (*on_unbound)(void *ctx, struct text bare, bool may_wait);
    /* Entries of the log from this one on came while its row was being written, and may be for it: session_early. */
    void (*on_early)(void *ctx, struct session *session, uint64_t entry);

    /* -- XEP-0198 -- */
    /* A session was taken over, from this node or another: in place of on_bound. */
    void (*on_resumed)(void *ctx, struct session *session, const struct sm_taken *taken);
    /* Reads the account's log above this entry for a session that was resumed: session_log_entry for each entry of a page, then
     * session_log_read.  Not from inside. */
    void (*on_read_log)(void *ctx, struct session *session, uint64_t after);
    /* The session goes on elsewhere: in place of on_ended, but nothing of it ends. */
    void (*on_moved)(void *ctx, struct session *session);
    /* A session of another node was resumed here: that node is to let go of it. */
    void (*on_taken)(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource);
    /* Taken over, but its notes are not whole: it ends.  Nobody had been told so; only jid and presence are there. */
    void (*on_lost)(void *ctx, struct session *session);
    /* A session without a connection lost its row to newer ones; its node, if it lives, is to let go of it. */
    void (*on_dropped)(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource);
    /* It ended, and its client had not acknowledged this stanza, which is in no log.  The callee owns it.  session is NULL when it
     * was another node's. */
    void (*on_undelivered)(void *ctx, struct session *session, struct stanza *stanza);
    /* It goes on elsewhere (on_moved), where nobody knows of this stanza.  The callee owns it. */
    void (*on_left_behind)(void *ctx, struct session *session, struct stanza *stanza);
    /* The store says that the session is another's, or has lost it. */
    void (*on_fenced)(void *ctx, struct session *session);
};

struct sessions *sessions_new(const struct parts *parts, const struct session_callbacks *callbacks, void *ctx);
void sessions_free(struct sessions **sessions);
extern const struct connection_callbacks sessions_connection_callbacks; /* ctx = struct sessions * */

/* The one way to end a session: with a stream error (text may be NULL), logged.  Safe from inside any callback; the
 * memory goes when the transport reports on_closed. */
void session_end(struct session *session, enum stream_condition condition, const char *text);
void sessions_end_all(struct sessions *sessions, enum stream_condition condition, const char *text);
/* No new connection is accepted any more; open ones stay. */
void sessions_stop_accepting(struct sessions *sessions);
/* The account was blocked, or has another password: its sessions end, bound or not.  why: password, disabled, revoked,
 * kicked or deleted.  stays: node/number of one that does not, or empty. */
void sessions_block(struct sessions *sessions, struct text bare, struct text stays, struct text why);
size_t sessions_count(const struct sessions *sessions); /* connections of any state */
/* The row of a session has gone; if it was a guest's, what is kept of the guest goes after auth.anonymous_keep. */
void session_guest_left(const struct parts *parts, const struct jid *jid);
bool sessions_are_unbound(const struct sessions *sessions); /* no row of a session that has ended is left in Redis */
/* Stops and resumes reading from all clients (Redis is full); resuming is spread over about a second. */
void sessions_pause_reading(struct sessions *sessions);
void sessions_resume_reading(struct sessions *sessions);

/* Bound sessions by address. */
struct session *sessions_find(const struct sessions *sessions, struct text bare, struct text resource); /* NULL: not here */
/* on_undelivered for stanzas that the store has kept as text for a session of a node that died. */
void sessions_undelivered(struct sessions *sessions, const struct text *stanzas, size_t count);
void sessions_each(struct sessions *sessions, void (*each)(void *ctx, struct session *session), void *ctx); /* bound ones */
/* An entry of the log has come for a resource, or for the holder with this uid (either may be empty).  True: a session is being
 * bound here whose row may be the one that it is for; on_early follows. */
bool sessions_came_early(struct sessions *sessions, struct text bare, struct text resource, struct text uid, uint64_t entry);
/* The first such entry, until session_caught_up; 0: none. */
uint64_t session_early(const struct session *session);
void session_caught_up(struct session *session);

const struct jid *session_jid(const struct session *session); /* full; valid until the session is freed */
uint64_t session_number(const struct session *session);
void session_set_generation(struct session *session, uint64_t generation); /* it changed the password itself */
/* sessions_block passes it over: it is to hear first that its own request is done. */
void session_set_outlives_block(struct session *session, bool outlives);
/* Perhaps from inside on_login_asked.  The session may be gone afterwards. */
void session_login_answered(struct session *session, const struct login_ruling *ruling);
uint64_t session_generation(const struct session *session); /* of its account at the login (store_login.h) */
/* Names the session for ever, over resumptions too: id of the node where it was bound first, a dot, its number there. */
struct text session_uid(const struct session *session);
struct session_row session_row(const struct session *session); /* as it should be in the store; borrowed texts */
bool session_is_guest(const struct session *session); /* logged in by ANONYMOUS */
struct text session_lang(const struct session *session); /* of the stream; empty when none */
const struct log_subject *session_subject(const struct session *session);
const char *session_mechanism(const struct session *session);

/* Presence as written in the session row. */
void session_set_presence(struct session *session, bool is_available, int8_t priority);
bool session_is_available(const struct session *session);
int8_t session_priority(const struct session *session);
bool session_has_carbons(const struct session *session); /* XEP-0280; in the row too */
void session_set_carbons(struct session *session, bool has_carbons);
bool session_is_interested(const struct session *session); /* RFC 6121 2.2; in the row too */
void session_set_interested(struct session *session, bool is_interested);

/* Room for the stage behind (the router's own per-session flags). */
bool session_has_asked_blocklist(const struct session *session); /* XEP-0191 3.2: it is told of changes */
void session_set_asked_blocklist(struct session *session);
/* What the router keeps of a session for rosters and presence; made and freed by it. */
struct attendance;
struct attendance *session_attendance(const struct session *session);
void session_set_attendance(struct session *session, struct attendance *attendance);
struct text session_archive_read(const struct session *session); /* XEP-0313: the newest id that it was given, as the store has it; NUL-terminated, or empty */
void session_set_archive_read(struct session *session, struct text id);
bool session_watches_events(const struct session *session);
void session_set_watches_events(struct session *session, bool watches);

bool session_is_full(const struct session *session); /* its client has more than limits.client_queue to read */
/* Writes a stanza.  Bounded: at limits.client_queue the session stops being read, and ends if its client does not
 * read for limits.client_stall. */
void session_send(struct session *session, const struct stanza *stanza);
/* The same for XML that is already written in the session's scope (session_scope): one serialisation, many sessions. */
void session_send_xml(struct session *session, struct text xml);
/* The same, and stanza says what it is: an inactive client (XEP-0352) may get it later. */
void session_send_written(struct session *session, const struct stanza *stanza, struct text xml);
/* The same for an entry of the account's log, by its number and LOG_SHARED (store_log.h): on_delivered says when it has
 * arrived, by the same number.  It stays in the log until then. */
void session_send_logged(struct session *session, struct text xml, uint64_t number);
/* Less than half of limits.client_queue waits for the client, and of what it may leave unacknowledged (XEP-0198): who has
 * much to send goes on only then. */
bool session_has_room(const struct session *session);
enum stanza_scope session_scope(const struct session *session);

/* XEP-0198: the number of the client's stanza that on_stanza hands over (0: they are not counted), never given twice in the
 * life of the session's uid but to the same stanza, sent again.  And what the router says when it is done with one: all that the
 * guarantee asks holds, or an error was answered.  In any order, each once. */
uint64_t session_stanza_number(const struct session *session);
void session_handled(struct session *session, uint64_t number);
/* A request of the session's client waits for the store, or no more.  When many do, the client is not read until half of them
 * are answered: what it asks for in a few bytes may be much. */
void session_request_begins(struct session *session);
void session_request_ends(struct session *session);
/* The end of a turn of the loop: what it brought to sessions with XEP-0198 is noted in the store, and written. */
void sessions_turn(struct sessions *sessions);
/* The session goes on elsewhere: here it ends without a trace; a connection that is open hears of a conflict. */
void session_drop(struct session *session, const char *reason);

/* on_read_log's answers: an entry (number with LOG_SHARED) of which the session is a holder, in its scope; xml is empty when
 * it is none.  Then the end of the page; is_end: there are no more. */
void session_log_entry(struct session *session, uint64_t number, struct text xml);
void session_log_read(struct session *session, bool is_fine, bool is_end);

#endif
