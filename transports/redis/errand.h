/* errand.h - what a short command (user, tail, send) needs of the outside: a loop, Redis, a thread pool.  The functions are
 * those of struct command_env (command.h); their ctx is a struct errand. */
#ifndef STANZABUS_TRANSPORTS_ERRAND_H
#define STANZABUS_TRANSPORTS_ERRAND_H

#include <ev.h>

#include "stanzabus/command.h"
#include "stanzabus/metrics.h"

struct redis;

struct errand { /* zeroed by the caller */
    void *serve_ctx; /* the caller's own */
    struct ev_loop *loop;
    struct log log;
    struct metrics metrics;
    struct redis *redis;
    struct work_pool *work;
    ev_async wake;
    ev_signal on_term, on_int;
    bool is_stopped;
};

int errand_open(void *ctx, const struct config *config, struct command_parts *parts);
void errand_run(void *ctx);
void errand_stop(void *ctx);
void errand_close(void *ctx);

#endif
