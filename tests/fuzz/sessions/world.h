/* world.h - what the files of this folder share: a world in memory around gateway/session, and what they do for each other.
 *
 *   script ──> sessions.c ──┬─> speech.c (words.c)          what clients say ──> line.c ──> gateway/session
 *      (../script.c)        ├─> line.c                      connections come, stall, drain, get TLS, go
 *                           ├─> bound.c delivery.c entry.c  what the router handles, has for a session, reads of the log
 *                           ├─> answer.c pool.c             what Redis and the pool of threads owe comes
 *                           └─> node.c                      other nodes, the clock, Redis away, the end of this node
 *
 *   gateway/session ──┬─> account.c token.c row.c sm.c channel.c   asks Redis: done at once, then owed (answer.c)
 *                     ├─> pool.c                                   has a password hashed
 *                     ├─> line.c                                   writes, pauses, closes
 *                     └─> router.c (bound.c)                       reports: held to what session.h says
 *   world.c: begins and ends it all, for each input. */
#ifndef TESTS_FUZZ_SESSIONS_WORLD_H
#define TESTS_FUZZ_SESSIONS_WORLD_H

#include "stanzabus/session.h"
#include "stanzabus/store_log.h"
#include "stanzabus/store_sm.h"
#include "tests/fuzz/script.h"
#include "tests/unit/session/scram_client.h"

#define BINDING "what the two ends of TLS know .." /* 32 bytes */

enum { LINES_MAX = 8, ACCOUNTS_MAX = 6, ROWS_MAX = 16, TOKENS_MAX = 8, CHANNELS_MAX = 32, BOUND_MAX = 32, OPEN_MAX = 1100 };
enum { GIVEN_MAX = 64, ENTRIES_MAX = 64, WAITING_MAX = 64, DROPPED_MAX = 8, JOBS_MAX = 3, UIDS_MAX = 4, TEXT_MAX = 80 };

struct line { /* a connection */
    struct connection connection;
    bool is_used, is_closing, was_closing, is_paused, is_stuck, is_encrypting, owes_drained, has_certificate;
    struct scram_client scram;
    char challenge[512];
    char success[256];
};

struct account_of {
    char bare[TEXT_MAX];
    struct account account;
};

struct noted { /* a line of a stream's notes */
    uint64_t number, entry;
    uint32_t count;
    char *xml; /* owned; NULL: an entry */
};

struct row {
    enum { ROW_FREE, ROW_LIVE, ROW_ENDED } state;
    char bare[TEXT_MAX], resource[TEXT_MAX], node[8], uid[TEXT_MAX];
    uint64_t session;
    bool has_stream, is_detached;
    uint64_t handled, sent, entry;
    uint64_t told; /* the highest h that the client was told */
    uint32_t resume_ms;
    struct noted *lines; /* owned */
    size_t line_count;
};

struct tokens {
    char bare[TEXT_MAX], client[40];
    struct login_token fresh, current; /* mechanism "": none */
};

enum answer_kind { ANSWER_DONE, ANSWER_ACCOUNT, ANSWER_BIND, ANSWER_SUBSCRIBED, ANSWER_TOKENS, ANSWER_FOUND, ANSWER_TAKEN };
struct answer { /* that Redis owes */
    struct answer *next;
    enum answer_kind kind;
    bool is_away; /* it was not done */
    void *ctx;
    int64_t result;
    bool is_there;
    store_done_fn *done;
    store_account_fn *account_fn;
    store_bind_fn *bind_fn;
    bus_subscribed_fn *subscribed_fn;
    store_tokens_fn *tokens_fn;
    store_sm_found_fn *found_fn;
    store_sm_taken_fn *taken_fn;
    store_sm_dropped_fn *each;
    struct account account;
    struct tokens tokens;
    struct row row; /* as it was; its lines are owned */
    struct row dropped[DROPPED_MAX];
    unsigned dropped_count;
};

struct bound { /* what the router knows of a session */
    struct session *session;
    uint64_t last_number, told;
    uint64_t open[OPEN_MAX];
    unsigned open_count;
    uint64_t given[GIVEN_MAX]; /* entries that were delivered */
    unsigned given_count, requests;
};

struct reading {
    uint64_t session, after;
    char bare[TEXT_MAX], resource[TEXT_MAX];
};

struct entry { /* of the log */
    char bare[TEXT_MAX], uid[TEXT_MAX];
    uint64_t number;
    bool is_shared;
};

/* Makes the next thing that is asked of the store come out otherwise. */
enum twist { NO_TWIST, TWIST_REFUSED, TWIST_ELSEWHERE, TWIST_TOO_MANY, TWIST_BLOCKED, TWIST_TORN, TWIST_COUNT };

extern struct world {
    struct config *config;
    struct sessions *sessions;
    struct parts parts;
    struct bus bus;
    struct store store;
    struct metrics metrics;
    struct log log;
    int64_t now_ms;
    bool is_away, is_stopping, fills; /* fills: what is asked next fills the queue toward Redis, which is told from inside */
    enum twist twist;
    struct line lines[LINES_MAX];
    struct account_of accounts[ACCOUNTS_MAX];
    struct row rows[ROWS_MAX];
    struct tokens tokens[TOKENS_MAX];
    struct {
        char name[128];
        int count;
    } channels[CHANNELS_MAX];
    struct answer *first, **last;
    struct work_job *jobs[JOBS_MAX];
    unsigned job_count;
    struct bound bound[BOUND_MAX];
    unsigned bound_count;
    struct session *asked[LINES_MAX * 4]; /* of the service that decides logins */
    unsigned asked_count;
    struct reading readings[WAITING_MAX];
    unsigned reading_count;
    struct entry entries[ENTRIES_MAX];
    unsigned entry_count;
    uint64_t last_entry, counted;
    char uids[UIDS_MAX][TEXT_MAX]; /* that were told with <enabled/>, the newest first */
    char token[80];                 /* that was told last */
} world;

/* -- world.c -- */
extern struct buffer jwts[2]; /* tokens of "a" and of "new" */
void world_begin(bool asks_service);
/* As main.c ends a node.  is_well: Redis is there to the end. */
void world_end(bool is_well);
enum twist world_take_twist(void); /* it twists one answer only */
void copy_text(char *out, size_t room, struct text text);

/* -- line.c -- */
void line_accept(void);
struct line *line_next(void); /* that the script chooses; NULL: none */
bool line_is_heard(const struct line *line);
void line_drain(struct line *line);
void line_encrypt(struct line *line);
void line_end(struct line *line);
void line_end_those_that_close(void); /* a step after they were told to */

/* -- speech.c, words.c -- */
extern const char *const names[4], *const resources[3];
void speech_say(struct line *line, unsigned count, bool is_split);
void speech_say_many(struct line *line);
void words_fill(struct buffer *out, const char *template, struct line *line); /* for that client; speech.c lists the words */

/* -- answer.c: what Redis owes; pool.c -- */
/* Owned by the world until it is given. */
struct answer *answer_owe(enum answer_kind kind, void *ctx);
struct answer *answer_owe_done(store_done_fn *fn, void *ctx);
bool answer_one(enum bus_status status); /* false: nothing is owed */
void answer_all(void); /* until nothing is asked any more */
void pool_end_job(bool is_run); /* the oldest one */

/* -- account.c, token.c, row.c, sm.c, channel.c: what Redis is asked -- */
extern const struct store_ops store_ops;
extern const struct login_ops login_ops;
extern const struct sm_ops sm_ops;
extern const struct bus_ops bus_ops;
struct account_of *account_find(struct text bare);
void account_get(struct store *store, struct text bare, store_account_fn *fn, void *ctx);
void account_put(struct store *store, struct text bare, const struct account *account, enum account_put how,
                 store_done_fn *fn, void *ctx);
struct row *row_find_uid(struct text uid);
struct row *row_find_own(const struct session_row *asked);
void row_end(struct row *row);
void row_free_lines(struct row *row);

/* -- bound.c -- */
void bound_begin(struct session *session);
void bound_end(struct session *session);
struct bound *bound_find(const struct session *session);
struct bound *bound_know(const struct session *session); /* aborts when there is none */
struct bound *bound_next(void); /* that the script chooses; NULL: none */
void bound_check_h(struct session *session, uint64_t h);
void bound_handle_one(void);
void bound_handle_all(struct bound *bound);
void bound_change_request(struct bound *bound);

/* -- router.c -- */
extern const struct session_callbacks router_callbacks;
void router_answer_login(enum login_verdict verdict, struct text user);

/* -- delivery.c, entry.c -- */
struct text delivery_xml(const struct session *session); /* a message, as its framing wants it */
void delivery_send_one(struct session *session);
void delivery_send_many(struct session *session);
void entry_send(struct session *session); /* adds one for it */
void entry_read(void); /* for the session that asked first */
void entry_retire(void); /* one is there no more */

/* -- node.c -- */
struct text node_next_bare(void); /* an account that the script chooses */
void node_take_away(struct session *session);
void node_block(void);
void node_give_back(void);
void node_stop(void);
void node_change_presence(struct session *session);
void node_pass_time(void);
void node_change_bus(unsigned how);

#endif
