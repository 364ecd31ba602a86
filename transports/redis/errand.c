/* errand.c - one loop with Redis and a thread pool on it, for as long as a command takes. */
#include "transports/redis/errand.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "transports/redis/redis.h"

enum { WORK_QUEUE_BOUND = 1000 }; /* passwords that wait to be hashed */

static void on_wake(struct ev_loop *loop, ev_async *async, int revents)
{
    struct errand *errand = async->data;
    (void)loop;
    (void)revents;
    work_collect(errand->work);
}

static void wake_loop(void *ctx)
{
    struct errand *errand = ctx;
    ev_async_send(errand->loop, &errand->wake);
}

void errand_stop(void *ctx)
{
    struct errand *errand = ctx;
    errand->is_stopped = true;
    ev_break(errand->loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    (void)loop;
    (void)revents;
    errand_stop(watcher->data);
}

static void on_unreachable(void *ctx, const char *text)
{
    struct command_parts *parts = ctx;
    snprintf(parts->redis_problem, sizeof parts->redis_problem, "%s", text);
}

int errand_open(void *ctx, const struct config *config, struct command_parts *parts)
{
    struct errand *errand = ctx;
    struct redis_settings redis = { .url = config->redis_url,
                                    .prefix = config->bus_prefix,
                                    .wait_ms = config->redis_wait_ms,
                                    .is_errand = true,
                                    .queue_bytes = config->limits_redis_queue,
                                    .log = &errand->log,
                                    .metrics = &errand->metrics,
                                    .on_first_failure = on_unreachable,
                                    .ctx = parts };
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    signal(SIGPIPE, SIG_IGN);
    errand->log = (struct log){ LOG_LEVEL_ERROR, config->log_format, stderr, NULL };
    errand->loop = ev_default_loop(EVFLAG_AUTO | EVFLAG_NOENV);
    ev_async_init(&errand->wake, on_wake);
    errand->wake.data = errand;
    ev_async_start(errand->loop, &errand->wake);
    ev_signal_init(&errand->on_term, on_signal, SIGTERM);
    ev_signal_init(&errand->on_int, on_signal, SIGINT);
    errand->on_term.data = errand->on_int.data = errand;
    ev_signal_start(errand->loop, &errand->on_term);
    ev_signal_start(errand->loop, &errand->on_int);
    errand->work = work_pool_new(processors > 0 ? (unsigned)processors : 1, WORK_QUEUE_BOUND, wake_loop, errand);
    errand->redis = redis_new(errand->loop, &redis);
    if (!errand->redis || !errand->work)
        return -1;
    parts->bus = redis_bus(errand->redis);
    parts->store = redis_store(errand->redis);
    parts->work = errand->work;
    redis_start(errand->redis);
    return 0;
}

void errand_run(void *ctx)
{
    struct errand *errand = ctx;
    if (!errand->is_stopped)
        ev_run(errand->loop, 0);
    errand->is_stopped = false; /* one stop ends one run: some commands ask twice */
}

void errand_close(void *ctx)
{
    struct errand *errand = ctx;
    work_pool_free(&errand->work);
    if (errand->redis)
        redis_free(&errand->redis);
}
