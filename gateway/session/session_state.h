/* session_state.h - one session and all of them, as the files of this folder share them.
 *
 *   transport ──> accept.c ──> stream ──> session.c (the life, a table) ──┬─> negotiate.c: header, STARTTLS ──> features.c
 *                                                                         ├─> sasl.c, sasl2.c, legacy_auth.c ──> attempt.c
 *                                                                         ├─> bind.c, bind2.c ──> bus, store     └─> login.h
 *                                                                         └─> inbound.c ──> router
 *   transport <── outbound.c <── router, and all of the above.  ending.c is the one way out; alive.c has the timer; steps.c waits
 *   for answers; facts.c is what the router asks.  sessions.c keeps them all.  detach.c and sm.h: the connection is lost. */
#ifndef STANZABUS_SESSION_STATE_H
#define STANZABUS_SESSION_STATE_H

#include <sys/queue.h>

#include <uthash.h>

#include "gateway/session/login.h"
#include "gateway/session/login_guard.h"
#include "stanzabus/session.h"

#define XMLNS_BIND2 "urn:xmpp:bind:0"
#define XMLNS_FAST "urn:xmpp:fast:0"

enum session_state {
    STATE_CONNECTED,      /* waits for a stream header */
    STATE_NEGOTIATING,    /* header answered: STARTTLS, SASL, or XEP-0078 */
    STATE_ENCRYPTING,     /* TLS handshake after <proceed/> */
    STATE_AUTHENTICATING, /* a login is under way */
    STATE_REGISTERING,    /* an account is being made */
    STATE_ACCEPTED,       /* logged in by SASL2: what was asked with it is being done */
    STATE_AUTHENTICATED,  /* waits for the header of the new stream */
    STATE_READY,          /* header answered: waits for the binding */
    STATE_BINDING,        /* bus and store are asked */
    STATE_BOUND,
    STATE_DETACHED, /* bound, without a connection: may be resumed (XEP-0198) */
    STATE_ENDED /* waits for the transport, and for answers that are still under way */
};

/* Why a session is not read; several may hold at once. */
enum { PAUSE_STEP = 1, PAUSE_QUEUE = 2, PAUSE_REDIS = 4, PAUSE_OPEN = 8 /* too many of its stanzas are not done */,
       PAUSE_REQUESTS = 16 /* too many of its requests wait */ };

struct negotiation;

/* How an attempt to log in is spoken: SASL, SASL2, XEP-0078. */
struct login_profile {
    void (*challenge)(struct session *session, const struct login *login);
    void (*success)(struct session *session, struct login *login); /* the session has its JID; goes on with it */
    void (*failure)(struct session *session, const struct login *login);
};
extern const struct login_profile profile_sasl, profile_sasl2, profile_legacy;

/* How a binding is asked for and answered: RFC 6120 7, XEP-0386, XEP-0078. */
struct bind_profile {
    void (*answer)(struct session *session, const struct negotiation *negotiation); /* it is bound */
    /* The client may try again, as what it was before; request is borrowed. */
    void (*refuse)(struct session *session, const struct stanza *request, enum stanza_condition condition, const char *text);
};
extern const struct bind_profile binding_iq, binding_bind2, binding_legacy;

/* What only a login needs; freed when the session is bound. */
struct negotiation {
    struct login *login;    /* NULL between attempts */
    char *domain;           /* of the stream, prepared; owned */
    char *claimed;          /* the bare JID in the header's from; owned, NULL when none */
    struct stanza *request; /* owned: what the binding answers, an iq or <authenticate/> */
    const struct bind_profile *binding;
    struct sasl2 *sasl2;    /* owned: after a success of SASL2, until it is told */
    struct resumption *resumption; /* owned: under way, else NULL */
    int64_t deadline_ms;    /* to be bound by then */
    int64_t answer_ms;      /* a failure waits until then to be told; 0 = none */
    uint8_t failures;       /* attempts on this connection */
    bool has_tried_sasl, has_made_room;
    bool offers[2]; /* by enum channel_binding: in the features sent last */
};

struct address_count { /* open connections of one client address */
    UT_hash_handle hh;
    unsigned connections;
    char address[];
};

struct session {
    struct sessions *sessions;
    struct connection *connection; /* NULL once the transport reported its end */
    struct stream *stream;         /* NULL once the session ended */
    struct negotiation *negotiation;
    struct session *next, **link;  /* all connections */
    struct address_count *address; /* NULL when its connections are not counted */
    struct timer timer;            /* alive.c */
    UT_hash_handle hh;             /* bound ones, by full address */
    struct jid jid;                /* text owned, NUL-terminated; bare from login to binding */
    char *lang;                    /* owned; NULL when the stream has none */
    const char *mechanism;
    char *uid; /* owned; NULL until it is bound */
    char *archive_read; /* owned; NULL: none */
    struct log_subject subject;
    uint64_t generation; /* of the account (store_login.h); 0 for guests */
    struct attendance *attendance; /* the router's */
    uint64_t early;      /* the first entry of the log that came for it before it was bound; 0: none */
    int64_t heard_ms;    /* last sign of life */
    int64_t expires_ms;  /* the token that it logged in with ends; 0: none */
    int64_t stall_ms;    /* with PAUSE_QUEUE: ends when still full then */
    int64_t pinged_ms;   /* 0: no ping is unanswered */
    struct sm *sm;       /* sm.h; NULL without stream management */
    struct csi *csi;     /* csi.c; NULL while the client is active */
    uint16_t open_notes; /* notes in Redis that will be answered: they keep the memory too */
    uint16_t open_steps; /* answers of bus, store and pool that will still come: keeps the memory */
    uint8_t state;       /* enum session_state */
    uint8_t paused;      /* PAUSE_ bits */
    unsigned open_requests; /* that wait for the store */
    int8_t priority;
    bool is_header_sent, is_ending, is_lost /* its connection is closed, and may be resumed */, is_overflowing /* its client reads too little: nothing is written any more, and it ends soon */, is_asleep, is_guest, is_available, watches_events, has_asked_blocklist, has_carbons, is_interested, outlives_block, is_row_open /* being written by a binding */;
    struct unwritten *unwritten; /* unwritten.c; NULL when there is nothing */
};

struct sessions {
    const struct parts *parts;
    const struct session_callbacks *callbacks;
    void *ctx;
    struct session *first;
    struct session *bound; /* uthash by full address */
    struct address_count *addresses;
    size_t count; /* connections */
    size_t open_rows; /* sessions with is_row_open */
    uint64_t last_number;
    struct login_guard *guard;
    LIST_HEAD(, unbinding) unbindings; /* rows that are to go */
    LIST_HEAD(, unwritten) unwritten; /* log entries that wait for their socket */
    struct timer unwritten_timer;
    unsigned delayed; /* failures that wait to be told */
    bool is_stopping, is_reading_paused;
    struct timer resume_timer;
    struct session *resume_next; /* sessions_resume_reading goes on here */
    struct buffer out;           /* scratch for what is written */
    TAILQ_HEAD(, sm) turn;       /* with something to do at the end of the turn */
    TAILQ_HEAD(, note) notes;    /* on their way, oldest first */
    struct timer note_timer;
    struct buffer numbers, lines; /* scratch of sm.c and sm_note.c */
    struct session *dead;        /* ended without a connection: freed at the end of the turn */
};

static inline const struct config *config_of(const struct session *session)
{
    return session->sessions->parts->config;
}

static inline bool is_websocket(const struct session *session)
{
    return session->connection && session->connection->framing == FRAMING_WEBSOCKET;
}

static inline struct text session_domain(const struct session *session)
{
    return text_of(session->negotiation->domain);
}

/* -- session.c -- */
enum session_event {
    /* what the client sends */
    EVENT_HEADER,
    EVENT_STARTTLS,
    EVENT_AUTH,
    EVENT_RESPONSE,
    EVENT_ABORT,
    EVENT_AUTHENTICATE, /* SASL2 */
    EVENT_RESPONSE2,
    EVENT_ABORT2,
    EVENT_REGISTER, /* iq with a query in jabber:iq:register */
    EVENT_OLD_AUTH, /* iq with a query in jabber:iq:auth */
    EVENT_IQ,
    EVENT_STANZA,  /* message, presence */
    EVENT_MANAGEMENT,   /* XEP-0198 */
    EVENT_CLIENT_STATE, /* XEP-0352 */
    EVENT_FOREIGN, /* a stanza by its name, in a namespace that is not the client's */
    EVENT_UNKNOWN, /* any other element */
    /* what was waited for */
    EVENT_ENCRYPTED,
    EVENT_LOGIN_OVER, /* without success */
    EVENT_LOGGED_IN,
    EVENT_REGISTERED, /* or refused */
    EVENT_LOGGED_IN2,
    EVENT_OLD_LOGGED_IN,
    EVENT_NOT_BOUND2, /* SASL2 without a binding: it comes as an iq */
    EVENT_BINDS2,
    EVENT_UNDONE2, /* what was asked with SASL2 cannot be done */
    EVENT_BOUND,
    EVENT_BIND_REFUSED,
    EVENT_OLD_BIND_REFUSED
};
extern const struct stream_callbacks session_stream_callbacks;            /* ctx = struct session * */
void session_happened(struct session *session, enum session_event event); /* one of the second kind */

/* -- accept.c -- */
void accept_release(struct session *session); /* its connection is not counted for its address any more */

/* -- sessions.c -- */
struct session *session_new(struct sessions *sessions, struct connection *connection);
void session_link(struct session *session); /* into the list of all, and out */
void session_unlink(struct session *session);
void session_add_bound(struct session *session);
void session_remove_bound(struct session *session);
void session_set_jid(struct session *session, const struct jid *jid); /* copied; {0}: nobody any more */
void negotiation_free(struct negotiation **negotiation);
void session_free(struct session *session);

/* -- steps.c -- */
/* Brackets an answer that will come later: between the two the session is not read, and its memory stays even when it
 * ends.  step_done comes last in the answer's callback: what the client sent meanwhile is read inside, and afterwards
 * the session may be gone. */
void session_step_begin(struct session *session);
void session_step_done(struct session *session);
void session_pause(struct session *session, unsigned why);
void session_unpause(struct session *session, unsigned why);
void session_release(struct session *session); /* frees one that ended, when nothing will come for it any more */
void sessions_release(struct sessions *sessions); /* the same for those of sessions->dead */

/* -- facts.c -- */
void session_renumber(struct session *session); /* a row of it may go later: the next must not be taken for it */

/* -- negotiate.c -- */
void negotiate_header(struct session *session, const struct stream_header *header);
void negotiate_start_tls(struct session *session, struct stanza *stanza); /* takes it */
/* Appends the header that answers to; from is one of this server's domains. */
void negotiate_write_header(struct buffer *out, enum stream_framing framing, struct text from, struct text to,
                            bool with_version);

/* -- features.c -- */
void negotiate_send_features(struct session *session);
/* XEP-0474 4.1: the mechanisms and bindings that the client saw announced, by SASL and SASL2 the same. */
struct text negotiate_advertised(struct session *session, struct arena *arena);

/* -- mechanisms.c -- */
bool negotiate_may_log_in(const struct session *session);                 /* encrypted, or allowed without */
bool negotiate_is_for_guests(const struct session *session);        /* the stream's domain is auth.anonymous_domain */
const struct mechanism *negotiate_find_mechanism(struct text name); /* any known one of SASL */
const struct mechanism *negotiate_find_fast(struct text name);      /* ... of XEP-0484 */
bool negotiate_offers(struct session *session, const struct mechanism *mechanism);

/* -- sasl.c -- */
void sasl_auth(struct session *session, struct stanza *stanza); /* each takes it */
void sasl_response(struct session *session, struct stanza *stanza);
void sasl_abort(struct session *session, struct stanza *stanza);

/* -- sasl2.c -- */
struct sasl2 { /* a success that is not told yet */
    struct arena arena;
    struct text data;      /* additional data of the mechanism */
    struct text client;    /* the id of the client's installation; empty: none */
    struct text token;     /* given out with the success; empty: none */
    struct text resumption; /* <resumed/> or <failed/>; empty: not asked for */
    int64_t token_ends_ms; /* Unix time */
};
void sasl2_authenticate(struct session *session, struct stanza *stanza); /* each takes it */
void sasl2_response(struct session *session, struct stanza *stanza);
void sasl2_abort(struct session *session, struct stanza *stanza);
void sasl2_go_on(struct session *session); /* the token is there, or none: bind, or tell the success */
/* The login came to nothing after all: the client is told so, and may log in again. */
void sasl2_undo(struct session *session, enum stanza_condition condition, const char *text);
void sasl2_free(struct sasl2 **sasl2);
/* Sends <success/> with what inner holds, and the features that follow (XEP-0388 2.6.1). */
void sasl2_tell_success(struct session *session, const struct negotiation *negotiation, struct text inner);

/* -- bind2.c -- */
void bind2_start(struct session *session, const struct element *bind);
void bind2_write_feature(struct buffer *out);

/* -- register.c -- */
bool register_is_offered(const struct session *session);
bool register_is_request(const struct stanza *stanza);
void register_request(struct session *session, struct stanza *stanza); /* takes it */

/* -- ask.c -- */
void ask_begin(struct session *session);

/* -- token.c -- */
/* Gives a token if the client asked for one, or has one that gets old; sasl2_go_on follows. */
void token_give(struct session *session, const struct login *login, const struct element *request);

/* -- attempt.c: drives negotiation->login, for all profiles -- */
struct login *attempt_open(struct session *session, const struct mechanism *mechanism,
                           const struct login_profile *profile);
/* Hands base64 to the mechanism. */
void attempt_answer(struct session *session, struct text encoded);
void attempt_step(struct session *session, enum login_step step); /* does what the mechanism wants next */
void attempt_tell_failure(struct session *session);               /* the delay is over */
void attempt_count_failure(struct session *session);              /* too many end the stream */
void attempt_drop_delay(struct session *session);
void attempt_fail(struct session *session, enum sasl_condition condition, const char *reason);

/* -- attempt_store.c, attempt_hash.c: one for each enum login_step that is such a question; attempt_step follows -- */
void attempt_get_account(struct session *session);
void attempt_create_account(struct session *session);
void attempt_get_tokens(struct session *session);
void attempt_use_token(struct session *session);
void attempt_keep_token(struct session *session);
void attempt_count_guest(struct session *session);
void attempt_start_hash(struct session *session);

/* -- legacy_auth.c -- */
bool legacy_is_request(const struct stanza *stanza);
void legacy_request(struct session *session, struct stanza *stanza); /* takes it */

/* -- bind.c -- */
void bind_request(struct session *session, struct stanza *stanza); /* takes it */
/* Takes request, which is answered by the profile. */
void bind_start(struct session *session, struct text resource, struct stanza *request,
                const struct bind_profile *profile);
struct text bind_choose_resource(struct arena *arena);

/* -- unbind.c -- */
void bind_undo(struct session *session); /* row removed, then unsubscribed; the session may go before it is done */
void bind_leave(struct session *session, uint32_t resume_ms); /* unsubscribed; the row stays, to be resumed */
void bind_unsubscribe(struct sessions *sessions, struct text bare);
void bind_forget_undone(struct sessions *sessions); /* nobody is asked any more */

/* -- inbound.c -- */
void inbound_stanza(struct session *session, struct stanza *stanza); /* takes it */

/* -- outbound.c -- */
/* sessions->out, emptied. */
struct buffer *outbound_begin(struct session *session);
/* Sends what is in it: on WebSocket one message. */
void outbound_send(struct session *session);
void outbound_write(struct session *session, struct text xml); /* at once */
/* A stanza; entry 0: it is in no log. */
void outbound_stanza(struct session *session, struct text xml, uint64_t entry);
void outbound_drained(struct session *session);
void outbound_overflow(struct session *session); /* ends it: its client does not read */

/* -- unwritten.c: log entries on their way to a client that does not acknowledge -- */
void unwritten_add(struct session *session, uint64_t number);
void unwritten_drop(struct session *session); /* it ends: what its socket has taken was delivered, the rest was not */

/* -- ending.c -- */
/* The client closed its stream, or we do without an error. */
void session_close(struct session *session, const char *reason);
/* Header if none was sent, stream error, end of the stream. */
void session_write_error(struct session *session, enum stream_condition condition, const char *text,
                         const struct element *detail);
void session_end_with(struct session *session, enum stream_condition condition, const char *text,
                      const struct element *detail); /* beside the condition; may be NULL */
/* Leaves the tables and closes the connection; the row, if it has one, is the caller's to remove. */
void session_retire(struct session *session, const char *reason);
/* Without a word to the client: everything that an end means but writing. */
void session_finish(struct session *session, const char *reason);

/* -- sm.c, sm_resume.c -- */
/* The session is bound: appends <enabled/>; what is sent from now on is counted, and waits for the next turns. */
void stream_management_enable(struct session *session, const struct element *enable, struct buffer *out);
/* answer is <resumed/> or <failed/>: fn sends it.  With is_resumed the session is bound now, and the rest follows in later
 * turns; negotiation is freed after fn. */
typedef void stream_resumed_fn(struct session *session, const struct negotiation *negotiation, bool is_resumed,
                               struct text answer);
/* The session is logged in, its address bare, its state STATE_BINDING. */
void stream_management_resume(struct session *session, const struct element *resume, stream_resumed_fn *fn);
void sm_element(struct session *session, struct stanza *stanza);           /* each takes it */
void sm_element_unbound(struct session *session, struct stanza *stanza);   /* after the login */
void sm_element_too_early(struct session *session, struct stanza *stanza);
void sm_stanza_begins(struct session *session);
void sm_free(struct session *session);

/* -- detach.c -- */
/* The connection is lost.  True: the session stays, and waits for its client; false: it has to end. */
bool detach(struct session *session, const char *reason);
/* We take it for lost: closes the connection, or ends the session. */
void detach_lose(struct session *session, enum stream_condition condition, const char *text);
void detach_timer(struct session *session);
/* This node stops: with a stream error, and what is needed to resume the session elsewhere stays. */
void detach_leave(struct session *session, enum stream_condition condition, const char *text);
/* What the client did not acknowledge, and no log has, is given back to the router. */
void detach_give_back(struct session *session);
void detach_hand_over(struct session *session); /* of one that has moved, when no note is under way any more */
/* Of the account's sessions without a connection the oldest are dropped until there are no more than most. */
/* ... below zero: so many of them. */
void detach_make_room(struct session *session, int most, void (*then)(void *ctx), void *ctx);

/* -- alive.c -- */
void alive_start(struct session *session);
void alive_heard(struct session *session);
void alive_schedule(struct session *session); /* after something changed that the timer is about */
bool alive_is_pong(const struct session *session, const struct stanza *stanza);

#endif
