/* stage.h - sessions on a stage: a connection that records what is written, a bus and a store that answer when told. */
#ifndef STANZABUS_TEST_SESSION_STAGE_H
#define STANZABUS_TEST_SESSION_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>

#include "stanzabus/credential.h"
#include "stanzabus/session.h"

enum { STAGE_ROWS = 16, STAGE_STANZAS = 16, STAGE_ACCOUNTS = 4, STAGE_TOKENS = 4 };

struct stage_answer; /* something the bus or the store will say */

struct stage {
    struct parts parts;
    struct metrics metrics;
    struct log log;
    struct config *config;
    struct bus bus;
    struct store store;
    int64_t now_ms;
    struct sessions *sessions;

    struct stage_account {
        char bare[64];
        struct account account;
    } accounts[STAGE_ACCOUNTS];
    size_t account_count;
    struct stage_row {
        bool is_used;
        char bare[64], resource[64], node[64];
        uint64_t session;
    } rows[STAGE_ROWS];
    struct stage_tokens { /* of one client of an account */
        char bare[64], client[64];
        struct login_token fresh, current; /* mechanism "": none */
    } tokens[STAGE_TOKENS];
    size_t token_count;
    char counted[64]; /* the address of the guest that was counted last */
    unsigned guests;
    enum bus_status token_status; /* what the next answers about them say */
    int subscriptions;
    char last_channel[128];
    char steps[512]; /* order of what was asked: "subscribe bind remove unsubscribe " */
    enum bus_status account_status, bind_status, subscribe_status; /* what the next answers say */
    struct stage_answer *first, **last;
    sem_t hashed;
    bool is_held;     /* answers are kept until stage_settle */
    bool is_stepping; /* stage_settle gives one */
    enum bus_status note_status; /* of what is noted of streams (XEP-0198) ... */
    int64_t note_result;         /* ... and what is answered */
    struct buffer notes;         /* what was noted, a line each */
    struct buffer delivered;     /* numbers */
    struct buffer undelivered;   /* stanzas, a line each */
    bool is_handling; /* the router is done with each stanza at once */

    /* what the router would have seen */
    struct buffer seen; /* each stanza as XML, a line each */
    char ended[256], failed_user[64], failed_reason[64], replaced[256];
    unsigned bound_count, ended_count, failed_count;
    struct session *last_session;
};

/* sets: "key=value", ended by NULL; domain is example.com, plain-text logins are allowed. */
struct stage *stage_new(const char *first_set, ...);
void stage_free(struct stage *stage);
void stage_add_account(struct stage *stage, const char *bare, const char *password);
void stage_settle(struct stage *stage);     /* gives all answers of bus and store */
void stage_await_hash(struct stage *stage); /* waits for the one password that is being hashed */
void stage_pass(struct stage *stage, int64_t ms);

struct client {
    struct connection connection; /* first: the transport contract */
    struct stage *stage;
    struct buffer out;
    bool is_refused, wants_close, is_closed, is_paused, has_started_tls;
    uint32_t queued_per_write; /* what a write adds to the queue, if the client does not read */
    int binding_size[2];
    const char *certificate[4]; /* ended by NULL; none = no certificate */
    unsigned pauses;
};

struct client *client_open(struct stage *stage, enum stream_framing framing);
struct client *client_open_from(struct stage *stage, enum stream_framing framing, const char *peer);
void client_free(struct client *client);                        /* reports its end, if that was not done */
void client_drop(struct client *client);                        /* the transport reports its end */
void client_encrypt(struct client *client, bool with_bindings); /* as after start_tls, or with direct TLS */
/* Feeds the text, then settles unless the stage is held.  On WebSocket it is one message. */
void says(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Fails unless all that was written since the last call matches the pattern (fnmatch: * and ?). */
#define hears(client, pattern) hears_at(client, pattern, __FILE__, __LINE__)
void hears_at(struct client *client, const char *pattern, const char *file, int line);
const char *heard(struct client *client); /* what was written since the last call; valid until the next */

/* The usual ways. */
void client_header(struct client *client); /* says it and forgets the answer */
void client_says_plain(struct client *client, const char *name, const char *password);
void client_log_in(struct client *client, const char *name, const char *password); /* header, PLAIN, header */
void client_bind(struct client *client, const char *resource);                     /* NULL: none */
struct client *client_bound(struct stage *stage, enum stream_framing framing, const char *name, const char *resource);
void base64_of(char *out, size_t room, const char *data, size_t size);

#endif
