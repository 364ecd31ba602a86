/* fixture.h - a private redis-server (own folder, own socket and port), and a bus and store on it with everything that
 * their callbacks said. */
#ifndef STANZABUS_TESTS_REDIS_FIXTURE_H
#define STANZABUS_TESTS_REDIS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <ev.h>
#include <sys/types.h>

#include "transports/redis/redis.h"

struct redisContext;

enum { MESSAGES_MAX = 65536 };

struct server {
    char folder[64], socket[96];
    int port;
    pid_t pid;
    const char *options[16]; /* more of the command line, NULL-ended */
};

void server_make(struct server *server);   /* the folder and a free port */
void server_start(struct server *server);  /* ... and waits until it answers */
void server_kill(struct server *server);   /* SIGKILL */
void server_remove(struct server *server); /* kills, removes the folder */
struct redisContext *server_admin(struct server *server, const char *user, const char *password);
void fixture_disconnect(struct redisContext *context);
/* One command by a blocking connection of its own; the reply as text: integers as digits, arrays one member a line,
 * errors with "ERR:" before them.  In one of some rotating buffers. */
const char *server_ask(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct node { /* one bus and store */
    struct ev_loop *loop;
    struct redis *redis;
    struct bus *bus;
    struct store *store;
    struct metrics metrics;
    struct log log;
    char url[256];
    int away, back, full, drained, failures;
    bool lost_at_back;
    char failure[512];
    size_t messages;
    char *channel[MESSAGES_MAX], *payload[MESSAGES_MAX];
    bool keeps_messages;
    double away_at, back_at;
};

/* Settings may be NULL for the defaults: wait 1 s, 1 MB.  Not started yet. */
void node_open(struct node *node, struct server *server, struct ev_loop *loop, const char *url,
               const struct redis_settings *settings);
void node_close(struct node *node);

/* Runs the loop until the condition holds; false after so many seconds. */
bool run_until(struct ev_loop *loop, bool (*is_met)(void *ctx), void *ctx, double seconds);
void run_for(struct ev_loop *loop, double seconds);
bool node_is_up(void *node);
void node_wait_up(struct node *node);
double clock_now(void);

/* An answer: of any of the contracts' callbacks. */
struct answer {
    int count;
    enum bus_status status;
    int64_t result;
    uint64_t session;
    unsigned carbons;
    char flags[16];
    char text[4096]; /* secret, replaced node, or the names from each, one a line */
    struct account account;
    bool has_account;
};
bool is_answered(void *answer);
void on_published(void *ctx, enum bus_status status, int64_t receivers);
void on_subscribed(void *ctx, enum bus_status status);
void on_done(void *ctx, enum bus_status status, int64_t result);
void on_bound(void *ctx, enum bus_status status, const struct bind_answer *bound);
void on_account(void *ctx, enum bus_status status, const struct account *account);
void on_secret(void *ctx, enum bus_status status, struct text secret);
void on_each(void *ctx, struct text name);
void on_gone(void *ctx, const struct session_gone *gone); /* the full address, then a line for each stanza */
#define WAIT_ANSWER(node, answer) assert_true(run_until((node)->loop, is_answered, (answer), 10))

#endif
