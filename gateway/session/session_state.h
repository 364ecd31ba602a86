/* session_state.h - one session and all of them, as the files of this folder share them.
 *
 *   transport ──> sessions.c ──> stream ──> session.c (the life as a table) ──┬─> negotiate.c    header, features, STARTTLS
 *                                                                             ├─> sasl.c ──> login.h: mechanisms
 *                                                                             ├─> legacy_auth.c
 *                                                                             ├─> bind.c ──> bus, store
 *                                                                             └─> inbound.c ──> router
 *   transport <── outbound.c <── router, and all of the above.  ending.c is the one way out; alive.c has the timer. */
#ifndef STANZABUS_SESSION_STATE_H
#define STANZABUS_SESSION_STATE_H

#include <uthash.h>

#include "gateway/session/login.h"
#include "gateway/session/login_guard.h"
#include "stanzabus/session.h"

enum session_state {
    STATE_CONNECTED,      /* waits for a stream header */
    STATE_NEGOTIATING,    /* header answered: STARTTLS, SASL, or XEP-0078 */
    STATE_ENCRYPTING,     /* TLS handshake after <proceed/> */
    STATE_AUTHENTICATING, /* a login is under way */
    STATE_AUTHENTICATED,  /* waits for the header of the new stream */
    STATE_READY,          /* header answered: waits for the binding */
    STATE_BINDING,        /* bus and store are asked */
    STATE_BOUND,
    STATE_ENDED           /* waits for the transport, and for answers that are still under way */
};

/* Why a session is not read; several may hold at once. */
enum { PAUSE_STEP = 1, PAUSE_QUEUE = 2, PAUSE_REDIS = 4 };

/* What only a login needs; freed when the session is bound. */
struct negotiation {
    struct login *login;    /* NULL between attempts */
    char *domain;           /* of the stream, prepared; owned */
    struct stanza *request; /* owned: the iq that the binding answers */
    int64_t deadline_ms;    /* to be bound by then */
    int64_t answer_ms;      /* a failure waits until then to be told; 0 = none */
    uint8_t failures;       /* attempts on this connection */
    bool has_tried_sasl;
    bool is_old;            /* a stream without version: RFC 3920 had not been written */
    bool offers[2];         /* by enum channel_binding: in the features sent last */
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
    struct session *next, **link; /* all connections */
    struct address_count *address; /* NULL when its connections are not counted */
    struct timer timer;           /* alive.c */
    UT_hash_handle hh;            /* bound ones, by full address */
    struct jid jid;               /* text owned, NUL-terminated; bare from login to binding */
    char *lang;                   /* owned; NULL when the stream has none */
    const char *mechanism;
    struct log_subject subject;
    int64_t heard_ms;  /* last sign of life */
    int64_t stall_ms;  /* with PAUSE_QUEUE: ends when still full then */
    int64_t pinged_ms; /* 0: no ping is unanswered */
    uint16_t open_steps; /* answers of bus, store and pool that will still come: keeps the memory */
    uint8_t state;       /* enum session_state */
    uint8_t paused;      /* PAUSE_ bits */
    int8_t priority;
    bool is_header_sent, is_asleep, is_guest, is_available, watches_events, is_row_written;
};

struct sessions {
    const struct parts *parts;
    const struct session_callbacks *callbacks;
    void *ctx;
    struct session *first;
    struct session *bound;  /* uthash by full address */
    struct address_count *addresses;
    size_t count;           /* connections */
    uint64_t last_number;
    struct login_guard *guard;
    unsigned delayed;       /* failures that wait to be told */
    bool is_stopping, is_reading_paused;
    struct timer resume_timer;
    struct session *resume_next; /* sessions_resume_reading goes on here */
    struct buffer out;      /* scratch for what is written */
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
extern const struct stream_callbacks session_stream_callbacks; /* ctx = struct session * */
void session_on_encrypted(struct session *session);
/* Another state after something that was waited for; never to STATE_ENDED. */
void session_enter(struct session *session, enum session_state state);

/* -- sessions.c -- */
void session_add_bound(struct session *session);
void session_remove_bound(struct session *session);
/* Brackets an answer that will come later: between the two the session is not read, and its memory stays.  After
 * session_step_done the session may be gone; it returns false when it has ended, and the caller lets go. */
void session_step_begin(struct session *session);
bool session_step_done(struct session *session);
void session_pause(struct session *session, unsigned why);
void session_unpause(struct session *session, unsigned why);
void session_set_jid(struct session *session, const char *text, const struct jid *jid);

/* -- negotiate.c -- */
void negotiate_header(struct session *session, const struct stream_header *header);
void negotiate_start_tls(struct session *session);
bool negotiate_may_log_in(const struct session *session);      /* encrypted, or allowed without */
bool negotiate_is_for_guests(const struct session *session);   /* the stream's domain is auth.anonymous_domain */
const struct mechanism *negotiate_find_mechanism(struct text name); /* any known one */
bool negotiate_offers(struct session *session, const struct mechanism *mechanism);
/* Appends the header that answers to; from is one of this server's domains. */
void negotiate_write_header(struct buffer *out, enum stream_framing framing, struct text from, struct text to, bool with_version);

/* -- sasl.c -- */
void sasl_auth(struct session *session, struct stanza *stanza);
void sasl_response(struct session *session, struct stanza *stanza);
void sasl_abort(struct session *session, struct stanza *stanza);
void sasl_tell_failure(struct session *session); /* now: the delay, if any, is over */
/* What a mechanism wants next; also for legacy_auth.c. */
void sasl_step(struct session *session, enum login_step step);

/* -- legacy_auth.c: all take nothing; the stanza is borrowed -- */
bool legacy_is_request(const struct stanza *stanza);
void legacy_request(struct session *session, struct stanza *stanza); /* takes it */
void legacy_tell_failure(struct session *session, struct login *login);
void legacy_logged_in(struct session *session, struct login *login);
void legacy_mark(struct stanza *error, enum stanza_condition condition); /* adds code= (XEP-0086) */

/* -- bind.c -- */
void bind_request(struct session *session, struct stanza *stanza); /* takes it */
/* resource empty: the server chooses.  Takes request, which is answered with the result or an error. */
void bind_start(struct session *session, struct text resource, struct stanza *request);
void bind_undo(struct session *session); /* row removed, then unsubscribed */

/* -- inbound.c -- */
void inbound_stanza(struct session *session, struct stanza *stanza); /* takes it */

/* -- outbound.c -- */
/* sessions->out, emptied. */
struct buffer *outbound_begin(struct session *session);
/* Sends what is in it: on WebSocket one message. */
void outbound_send(struct session *session);
void outbound_drained(struct session *session);

/* -- ending.c -- */
/* The client closed its stream. */
void session_close(struct session *session);
/* Without a word to the client: everything that an end means but writing. */
void session_finish(struct session *session, const char *reason);

/* -- alive.c -- */
void alive_start(struct session *session);
void alive_heard(struct session *session);
void alive_schedule(struct session *session); /* after something changed that the timer is about */
bool alive_is_pong(const struct session *session, const struct stanza *stanza);

#endif
