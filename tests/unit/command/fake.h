/* fake.h - a command_env from memory: accounts, channels and a loop that runs what is due; all output is kept. */
#ifndef TEST_COMMAND_FAKE_H
#define TEST_COMMAND_FAKE_H

#include "stanzabus/command.h"

enum { FAKE_ACCOUNTS = 32768, FAKE_TEXTS = 64 };

struct fake_account {
    char *bare;
    struct account account;
};

struct fake_due { /* an answer that the loop gives later */
    struct fake_due *next;
    void (*give)(struct fake_due *due);
    void *fn, *ctx;
    enum bus_status status;
    int64_t result;
    char *text;
};

struct fake {
    struct command_env env;
    struct bus bus;
    struct store store;
    struct work_pool *work;
    char *environment[8];
    /* the world */
    struct fake_account *accounts;
    size_t account_count;
    bool is_away, is_failing, is_open;
    int64_t receivers;   /* of every publish */
    unsigned away_after; /* answers until Redis goes away; 0: never */
    int http_status;
    char http_body[128];
    void (*on_idle)(struct fake *fake); /* nothing is left to do: the test goes on here, or a signal ends the loop */
    /* what happened */
    char *published[FAKE_TEXTS], *channels[FAKE_TEXTS], *subscribed[FAKE_TEXTS];
    unsigned publish_count, subscribe_count;
    unsigned open_puts, most_open_puts;
    int64_t sessions; /* of every account */
    enum account_block blocked_how;
    char asked[128]; /* host:port/path of http_get */
    unsigned serve_count;
    char served_domain[64];
    /* the loop */
    struct fake_due *due, **due_end;
    bool is_stopped;
    /* output, valid after fake_run */
    char *out, *err;
    size_t out_size, err_size;
};

void fake_init(struct fake *fake);
void fake_fini(struct fake *fake);
/* Runs "stanzabus <words>"; words are split at spaces, but not within '...'.  in: what stdin holds. */
int fake_run(struct fake *fake, const char *words, const char *in);
struct fake_account *fake_find(struct fake *fake, const char *bare);
void fake_say(struct fake *fake, const char *channel, const char *payload); /* to the bus's callbacks, at once */

#endif
