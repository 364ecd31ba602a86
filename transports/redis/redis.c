/* redis.c - start and end, and the way of a command: taken into the queue, written at the end of the loop turn,
 * answered. */
#include <assert.h>
#include <stdlib.h>

#include "redis_inside.h"
#include "stanzabus/channel.h"
#include "store_parts.h"

enum { LAST_ROUNDS = 16 };
/* Who asks again at once after BUS_AWAY, asks so often and does not keep the loop busy. */
static const double AWAY_ANSWER_AFTER = 0.005;

/* -- the way of a command -- */

bool redis_may_take(struct redis *redis)
{
    size_t held = command_queue_held(&redis->commands.queue) + redis->copies.bytes.size +
                  redis->deliveries.batch.arguments.bytes.size + redis->sent.batch.arguments.bytes.size +
                  redis->puts.batch.arguments.bytes.size;
    health_watch_full(redis, held);
    return !redis->bus.is_away && held < 2 * redis->settings.queue_bytes;
}

struct command_queue *redis_take(struct redis *redis, answer_fn *answer, any_fn *fn, void *ctx)
{
    log_batch_close(redis, &redis->deliveries);
    if (redis_may_take(redis))
        return &redis->commands.queue;
    redis_answer_later(redis, answer, fn, ctx, true);
    return NULL;
}

void redis_close_turn(struct redis *redis)
{
    log_batch_close(redis, &redis->deliveries);
    log_batch_close(redis, &redis->sent);
    put_batch_close(redis, &redis->puts);
    command_queue_append(&redis->commands.queue, &redis->copies);
}

enum bus_status reply_status(const struct reply *reply)
{
    if (!reply)
        return BUS_AWAY;
    return reply->type == REPLY_ERROR ? BUS_FAILED : BUS_OK;
}

static void log_failure(struct redis *redis, struct text error)
{
    struct failures *failures = &redis->failures;
    double now = redis_now(redis);
    metric_add(redis->settings.metrics, METRIC_BUS_COMMANDS_FAILED, 1);
    if (now - failures->logged_at < 1) {
        failures->unlogged++;
        return;
    }
    log_error(redis->settings.log, NULL, "redis-command-failed", "error=%s unlogged=%u",
              log_quote(error.data, error.size), failures->unlogged);
    *failures = (struct failures){ .logged_at = now };
}

/* Errors that say that this Redis is not the one to talk to now: a replica after a failover, one that was restarted
 * behind a proxy. */
static bool ends_link(struct text error)
{
    static const struct text words[] = { TEXT_INIT("READONLY "), TEXT_INIT("LOADING "), TEXT_INIT("NOAUTH "),
                                         TEXT_INIT("MASTERDOWN ") };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (text_starts_with(error, words[i]))
            return true;
    return false;
}

static void load_and_repeat(struct redis *redis, struct command_queue *queue, size_t begin, struct pending pending)
{
    log_warning(redis->settings.log, NULL, "redis-script-reloaded", "script=%s",
                script_sources[pending.script - 1].name);
    script_load(queue, pending.script - 1, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    pending.flags |= PENDING_RELOADED;
    command_queue_again(queue, begin, pending);
}

void redis_answer(struct redis *redis, struct command_queue *queue, const struct reply *reply, size_t count)
{
    size_t begin;
    struct pending pending = command_queue_answered(queue, &begin);
    if (pending.script && !(pending.flags & PENDING_RELOADED) && script_is_missing(reply)) {
        load_and_repeat(redis, queue, begin, pending);
        return;
    }
    bool is_failed = reply->type == REPLY_ERROR && queue == &redis->commands.queue;
    bool is_wrong_redis = is_failed && ends_link(reply->text);
    if (reply->type == REPLY_ERROR && !(pending.flags & PENDING_MAY_FAIL) &&
        (is_failed || queue == &redis->subscriber.queue))
        log_failure(redis, reply->text);
    pending.answer(redis, &pending, reply, count);
    if (is_wrong_redis && redis->commands.state == LINK_READY)
        link_lose(&redis->commands, "Redis says that it cannot be used now");
}

void redis_give_up(struct redis *redis, const struct pending *pending)
{
    metric_add(redis->settings.metrics, METRIC_BUS_COMMANDS_FAILED, 1);
    pending->answer(redis, pending, NULL, 0);
}

void redis_give_up_all(struct redis *redis, struct pending_ring *lost)
{
    while (lost->count) {
        struct pending pending = pending_pop(lost);
        redis_give_up(redis, &pending);
    }
    free(lost->items);
    *lost = (struct pending_ring){ 0 };
}

void answer_done(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    enum bus_status status = reply_status(reply);
    (void)redis;
    (void)count;
    if (pending->fn)
        ((store_done_fn *)pending->fn)(pending->ctx, status, status == BUS_OK ? reply->integer : 0);
}

void answer_nobody(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    (void)redis;
    (void)pending;
    (void)reply;
    (void)count;
}

struct text redis_key(struct redis *redis, struct text address, const char *name)
{
    redis->key.size = 0;
    channel_key(&redis->key, redis->settings.prefix, address, name);
    return buffer_text(&redis->key);
}

void redis_script_begin(struct redis *redis, enum script script, struct text bare, const char *const *names, unsigned arguments)
{
    struct command_queue *queue = &redis->commands.queue;
    unsigned count = 0;
    while (names[count])
        count++;
    command_begin(queue, 3 + count + arguments);
    command_text(queue, TEXT("EVALSHA"));
    command_text(queue, (struct text){ redis->scripts.digest[script], SCRIPT_DIGEST });
    command_integer(queue, count);
    for (unsigned i = 0; i < count; i++)
        command_text(queue, redis_key(redis, bare, names[i]));
}

/* -- answers that need no Redis -- */

void redis_answer_later(struct redis *redis, answer_fn *answer, any_fn *fn, void *ctx, bool is_away)
{
    struct pending pending = { .answer = answer, .fn = fn, .ctx = ctx };
    pending_push(&redis->later, &pending);
    if (is_away) {
        metric_add(redis->settings.metrics, METRIC_BUS_COMMANDS_FAILED, 1);
        if (!ev_is_active(&redis->later_timer)) {
            ev_timer_set(&redis->later_timer, AWAY_ANSWER_AFTER, 0.);
            ev_timer_start(redis->loop, &redis->later_timer);
        }
    } else {
        ev_idle_start(redis->loop, &redis->later_idle);
    }
}

/* Those of now; who asks again in its callback comes with the next turn. */
static void answer_those_of_now(struct redis *redis)
{
    for (uint32_t left = redis->later.count; left > 0; left--) {
        struct pending pending = pending_pop(&redis->later);
        pending.answer(redis, &pending, NULL, 0);
    }
}

static void on_later_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    answer_those_of_now(timer->data);
}

static void on_later_idle(struct ev_loop *loop, struct ev_idle *idle, int events)
{
    (void)events;
    ev_idle_stop(loop, idle);
    answer_those_of_now(idle->data);
}

/* -- the loop -- */

/* In front of whatever writes out what the turn has brought, to Redis or to clients. */
static void on_core_turn(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct redis *redis = prepare->data;
    (void)loop;
    (void)events;
    if (redis->bus.callbacks && redis->bus.callbacks->on_turn)
        redis->bus.callbacks->on_turn(redis->bus.ctx);
    redis_close_turn(redis);
}

static void on_turn_end(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct redis *redis = prepare->data;
    (void)loop;
    (void)events;
    link_flush(&redis->subscriber);
    link_flush(&redis->commands);
    health_watch_queue(redis);
}

static void on_resolved(void *ctx, const char *error)
{
    struct redis *redis = ctx;
    if (error) {
        health_unreachable(redis, error, "does the host's name exist? set redis.url");
        struct link *const links[] = { &redis->commands, &redis->subscriber };
        for (size_t i = 0; i < 2; i++)
            if (links[i]->state == LINK_DOWN && !ev_is_active(&links[i]->pause))
                link_pause(links[i]);
        return;
    }
    if (!ev_is_active(&redis->commands.pause))
        link_open(&redis->commands);
    if (!ev_is_active(&redis->subscriber.pause))
        link_open(&redis->subscriber);
}

static void init_watchers(struct redis *redis)
{
    ev_prepare_init(&redis->core_turn, on_core_turn);
    ev_set_priority(&redis->core_turn, EV_MINPRI + 1);
    ev_prepare_init(&redis->turn_end, on_turn_end);
    ev_set_priority(&redis->turn_end, EV_MINPRI); /* behind all that may still publish in this turn */
    ev_timer_init(&redis->later_timer, on_later_timer, 0., 0.);
    ev_idle_init(&redis->later_idle, on_later_idle);
    ev_set_priority(&redis->later_idle, EV_MAXPRI); /* every turn, not only when nothing else is to do */
    redis->core_turn.data = redis->turn_end.data = redis->later_timer.data = redis->later_idle.data = redis;
    ev_prepare_start(redis->loop, &redis->core_turn);
    ev_prepare_start(redis->loop, &redis->turn_end);
}

struct redis *redis_new(struct ev_loop *loop, const struct redis_settings *settings)
{
    char why[256];
    struct redis_url url;
    if (redis_url_parse(&url, settings->url, why, sizeof why) < 0) {
        log_error(settings->log, NULL, "redis-url", "text=%s", log_quote(why, strlen(why)));
        return NULL;
    }
    struct redis *redis = xcalloc(1, sizeof *redis);
    redis->loop = loop;
    redis->url = url;
    redis->settings = *settings;
    redis->prefix = text_dup(settings->prefix);
    redis->settings.prefix = text_of(redis->prefix);
    redis->settings.url = (struct text){ 0 }; /* redis->url has it */
    redis->bus.ops = &redis_bus_ops;
    redis->store.ops = &redis_store_ops;
    redis->store.archive = &redis_archive_ops;
    redis->store.documents = &redis_documents_ops;
    redis->store.log = &redis_log_ops;
    redis->store.peers = &redis_peers_ops;
    redis->store.login = &redis_login_ops;
    redis->store.blocklist = &redis_blocklist_ops;
    redis->store.sight = &redis_sight_ops;
    redis->store.sm = &redis_sm_ops;
    redis->store.pep = &redis_pep_ops;
    redis->store.roster = &redis_roster_ops;
    redis->store.presence = &redis_presence_ops;
    redis->resolver = resolver_new(loop, &redis->url, on_resolved, redis);
    scripts_init(&redis->scripts);
    subscriptions_init(&redis->subscriptions);
    link_init(&redis->commands, redis, "commands", &commands_events);
    link_init(&redis->subscriber, redis, "subscriber", &subscriber_events);
    health_init(redis);
    init_watchers(redis);
    return redis;
}

struct bus *redis_bus(struct redis *redis)
{
    return &redis->bus;
}

struct store *redis_store(struct redis *redis)
{
    return &redis->store;
}

void redis_start(struct redis *redis)
{
    ev_now_update(redis->loop); /* the loop may not have run yet, and the waits begin now */
    health_start(redis);
    link_open(&redis->commands);
    link_open(&redis->subscriber);
}

bool redis_is_idle(const struct redis *redis)
{
    bool is_gathering = batch_count(&redis->deliveries.batch) || batch_count(&redis->sent.batch) || batch_count(&redis->puts.batch);
    return !is_gathering && redis->copies.ring.count == 0 && redis->commands.queue.ring.count == 0 &&
           redis->subscriber.queue.ring.count == 0 && redis->later.count == 0;
}

/* Each asker gets its one answer; those that ask again get BUS_AWAY too, some times. */
static void answer_all(struct redis *redis)
{
    struct pending_ring lost = { 0 };
    redis->bus.is_away = true;
    redis_close_turn(redis);
    while (redis->commands.queue.ring.count) {
        struct pending pending = pending_pop(&redis->commands.queue.ring);
        pending_push(&lost, &pending);
    }
    redis_give_up_all(redis, &lost);
    subscriptions_lost(redis);
    subscriptions_give_up(redis);
    for (int round = 0; round < LAST_ROUNDS && redis->later.count; round++)
        answer_those_of_now(redis);
}

void redis_free(struct redis **pointer)
{
    struct redis *redis = *pointer;
    if (!redis)
        return;
    health_fini(redis);
    link_stop(&redis->commands);
    link_stop(&redis->subscriber);
    answer_all(redis);
    ev_prepare_stop(redis->loop, &redis->core_turn);
    ev_prepare_stop(redis->loop, &redis->turn_end);
    ev_timer_stop(redis->loop, &redis->later_timer);
    ev_idle_stop(redis->loop, &redis->later_idle);
    link_fini(&redis->commands);
    link_fini(&redis->subscriber);
    resolver_free(&redis->resolver);
    subscriptions_fini(&redis->subscriptions);
    free(redis->later.items);
    free(redis->beats.node);
    free(redis->prefix);
    buffer_fini(&redis->key);
    buffer_fini(&redis->row);
    batch_fini(&redis->deliveries.batch);
    batch_fini(&redis->sent.batch);
    batch_fini(&redis->puts.batch);
    buffer_fini(&redis->puts.node);
    command_queue_fini(&redis->copies);
    redis_url_fini(&redis->url);
    free(redis);
    *pointer = NULL;
}
