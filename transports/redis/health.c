/* health.c - is Redis there?  A heartbeat is published on a channel of our own and must come back through the
 * subscriber: that proves both connections, and that both end at the same Redis.
 *
 *   up ──(a link is lost, or nothing comes for 3 s)──> down: commands wait ──(redis.wait)──> away: answered BUS_AWAY
 *   ^──────────────(links ready, all subscribed, a heartbeat came back)─────────┴────────────┘ */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "redis_inside.h"

static const double TICK = 0.5, STALLED = 3.0, LOG_AGAIN = 30.0;

static void on_beat_answered(struct redis *redis, const struct pending *pending, const struct reply *reply,
                             size_t count);

/* -- the heartbeat -- */

static void send_beat(struct redis *redis)
{
    struct health *health = &redis->health;
    struct command_queue *queue = &redis->commands.queue;
    health->beat_asked++;
    command_begin(queue, health->is_unheard ? 1 : 3);
    command_word(queue, health->is_unheard ? "PING" : "PUBLISH");
    if (!health->is_unheard) {
        command_word(queue, health->channel);
        command_integer(queue, (int64_t)health->beat_asked);
    }
    command_end(queue, (struct pending){ .answer = on_beat_answered, .ctx = (void *)(uintptr_t)health->beat_asked });
}

static bool both_ready(const struct redis *redis)
{
    return redis->commands.state == LINK_READY && redis->subscriber.state == LINK_READY && redis->health.is_listening;
}

static void come_up(struct redis *redis);

static void beat_is_back(struct redis *redis, uint64_t beat)
{
    struct health *health = &redis->health;
    health->beat_back = beat;
    if (!health->is_up && both_ready(redis) && beat > health->beat_floor)
        come_up(redis);
}

static void on_beat_answered(struct redis *redis, const struct pending *pending, const struct reply *reply,
                             size_t count)
{
    char reason[160];
    (void)count;
    if (!reply)
        return;
    redis->health.beat_answered = (uint64_t)(uintptr_t)pending->ctx;
    redis->health.beat_answered_at = redis_now(redis);
    if (reply->type != REPLY_ERROR && redis->health.is_unheard)
        beat_is_back(redis, redis->health.beat_answered);
    if (reply->type != REPLY_ERROR)
        return;
    snprintf(reason, sizeof reason, "%.*s", reply->text.size < 159 ? (int)reply->text.size : 159, reply->text.data);
    health_unreachable(redis, reason, "give the user of redis.url the rights of deploy/redis.acl");
}

static void answer_listening(struct redis *redis, const struct pending *pending, const struct reply *reply,
                             size_t count)
{
    char reason[160];
    (void)pending;
    (void)count;
    redis->health.is_unheard = redis->settings.is_errand && reply->type == REPLY_ERROR &&
                               text_starts_with(reply->text, TEXT("NOPERM"));
    if (reply->type == REPLY_ERROR && !redis->health.is_unheard) {
        snprintf(reason, sizeof reason, "%.*s", reply->text.size < 159 ? (int)reply->text.size : 159, reply->text.data);
        health_unreachable(redis, reason, "give the user of redis.url the rights of deploy/redis.acl");
        link_lose(&redis->subscriber, reason);
        return;
    }
    redis->health.is_listening = true;
    health_check(redis);
}

void health_listen(struct redis *redis)
{
    struct command_queue *queue = &redis->subscriber.queue;
    command_begin(queue, 2);
    command_word(queue, "SUBSCRIBE");
    command_word(queue, redis->health.channel);
    command_end(queue, (struct pending){ .answer = answer_listening,
                                         .flags = redis->settings.is_errand ? PENDING_MAY_FAIL : 0 });
}

/* -- up and away -- */

static void tell_back(struct redis *redis, bool subscriptions_lost)
{
    redis->bus.is_away = false;
    if (redis->bus.callbacks)
        redis->bus.callbacks->on_back(redis->bus.ctx, subscriptions_lost);
}

static void come_up(struct redis *redis)
{
    struct health *health = &redis->health;
    bool had_gap = health->has_gap, was_away = redis->bus.is_away;
    double now = redis_now(redis);

    log_info(redis->settings.log, NULL, "redis-up", "url=%s down_ms=%.0f", redis->url.shown,
             health->was_up ? (now - health->down_since) * 1000 : 0.);
    ev_timer_stop(redis->loop, &health->away);
    metric_set(redis->settings.metrics, METRIC_REDIS_UP, 1);
    health->is_up = health->was_up = health->has_failed = true;
    health->up_since = now;
    health->has_gap = false;
    health->reason[0] = '\0';
    if (had_gap) {
        metric_add(redis->settings.metrics, METRIC_BUS_GAPS, 1);
        log_warning(redis->settings.log, NULL, "redis-gap",
                    "ms=%.0f text=\"what was published meanwhile was not received\"", (now - health->gap_since) * 1000);
    }
    if (had_gap || was_away)
        tell_back(redis, had_gap);
}

void health_check(struct redis *redis)
{
    struct health *health = &redis->health;
    if (both_ready(redis) && !health->is_up && health->beat_asked == health->beat_floor)
        send_beat(redis);
}

bool health_take_message(struct redis *redis, struct text channel, struct text payload)
{
    struct health *health = &redis->health;
    char digits[24];
    if (!text_is(channel, health->channel))
        return false;
    snprintf(digits, sizeof digits, "%.*s", payload.size < sizeof digits ? (int)payload.size : 0, payload.data);
    beat_is_back(redis, strtoull(digits, NULL, 10));
    return true;
}

static void go_away(struct redis *redis, const char *why)
{
    struct health *health = &redis->health;
    struct pending_ring lost = { 0 };
    bool is_first = !health->has_failed;

    redis->bus.is_away = true;
    health->is_full = false;
    health->has_failed = true;
    log_error(redis->settings.log, NULL, "redis-away", "url=%s reason=%s", redis->url.shown,
              log_quote(why, strlen(why)));
    if (is_first && redis->settings.on_first_failure)
        redis->settings.on_first_failure(redis->settings.ctx, why);
    if (redis->bus.callbacks)
        redis->bus.callbacks->on_away(redis->bus.ctx);
    redis_close_turn(redis);
    command_queue_cut(&redis->commands.queue, &lost);
    redis_give_up_all(redis, &lost);
    subscriptions_give_up(redis);
    if (redis->bus.callbacks)
        redis->bus.callbacks->on_drained(redis->bus.ctx);
}

static void on_away(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct redis *redis = timer->data;
    char why[160];
    (void)loop;
    (void)events;
    snprintf(why, sizeof why, "cannot reach %s (no answer): is it running? set redis.url", redis->url.shown);
    if (!redis->bus.is_away)
        go_away(redis, redis->health.reason[0] ? redis->health.reason : why);
}

static void start_waiting(struct redis *redis, double since)
{
    struct health *health = &redis->health;
    double rest = since + (double)redis->settings.wait_ms / 1000 - redis_now(redis);
    health->down_since = since;
    ev_timer_stop(redis->loop, &health->away);
    ev_timer_set(&health->away, rest > 0 ? rest : 0., 0.);
    ev_timer_start(redis->loop, &health->away);
}

/* One that is made again and again and lost for the same reason is logged once in a while. */
static void log_lost(struct redis *redis, const struct link *link, const char *reason)
{
    struct health *health = &redis->health;
    double now = redis_now(redis);
    char text[sizeof health->lost];
    snprintf(text, sizeof text, "%s %s", link->name, reason);
    if (!health->is_up && strcmp(text, health->lost) == 0 && now - health->lost_at < LOG_AGAIN)
        return;
    memcpy(health->lost, text, sizeof text);
    health->lost_at = now;
    log_warning(redis->settings.log, NULL, "redis-lost", "url=%s link=%s reason=%s", redis->url.shown, link->name,
                log_quote(reason, strlen(reason)));
}

void health_lost(struct redis *redis, const struct link *link, const char *reason)
{
    struct health *health = &redis->health;
    log_lost(redis, link, reason);
    health->beat_floor = health->beat_asked;
    if (link == &redis->subscriber) {
        health->is_listening = false;
        if (health->was_up && !health->has_gap) {
            health->has_gap = true;
            health->gap_since = link->read_at;
        }
    }
    if (!health->is_up) {
        health_check(redis);
        return;
    }
    health->is_up = false;
    metric_set(redis->settings.metrics, METRIC_REDIS_UP, 0);
    start_waiting(redis, link->read_at);
}

void health_unreachable(struct redis *redis, const char *reason, const char *advice)
{
    struct health *health = &redis->health;
    double now = redis_now(redis);
    char text[sizeof health->reason];
    snprintf(text, sizeof text, "cannot reach %s (%s): %s", redis->url.shown, reason, advice);
    if (strcmp(text, health->reason) == 0 && now - health->reason_at < LOG_AGAIN)
        return;
    memcpy(health->reason, text, sizeof text);
    health->reason_at = now;
    log_error(redis->settings.log, NULL, "redis-unreachable", "text=%s", log_quote(text, strlen(text)));
}

/* -- the queue's bounds -- */

/* Clients are held back by the command that fills the queue, not at the turn's end: one turn may bring megabytes. */
void health_watch_full(struct redis *redis, size_t held)
{
    struct health *health = &redis->health;
    if (health->is_full || redis->bus.is_away || held < redis->settings.queue_bytes)
        return;
    health->is_full = true;
    health->full_since = redis_now(redis);
    if (health->full_since - health->full_logged_at >= 1) {
        health->full_logged_at = health->full_since;
        log_warning(redis->settings.log, NULL, "redis-queue-full", "bytes=%zu", held);
    }
    if (redis->bus.callbacks)
        redis->bus.callbacks->on_full(redis->bus.ctx);
}

void health_watch_queue(struct redis *redis)
{
    struct health *health = &redis->health;
    size_t held = command_queue_held(&redis->commands.queue);
    metric_set(redis->settings.metrics, METRIC_REDIS_QUEUE_BYTES,
               (int64_t)command_queue_unsent(&redis->commands.queue));
    health_watch_full(redis, held);
    if (health->is_full && held <= redis->settings.queue_bytes / 2) {
        health->is_full = false;
        if (redis->bus.callbacks)
            redis->bus.callbacks->on_drained(redis->bus.ctx);
    }
}

/* Redis answers, but so slowly that clients would wait longer than for one that is gone. */
static void check_overload(struct redis *redis, double now)
{
    struct health *health = &redis->health;
    if (!health->is_up)
        return;
    if (health->is_full && (now - health->full_since) * 1000 >= (double)redis->settings.wait_ms)
        go_away(redis, "it answers too slowly");
    else if (redis->bus.is_away && command_queue_held(&redis->commands.queue) <= redis->settings.queue_bytes / 2)
        tell_back(redis, false);
}

/* -- the tick -- */

static void check_links(struct redis *redis, double now)
{
    struct health *health = &redis->health;
    struct link *subscriber = &redis->subscriber;
    double quiet =
        now - (subscriber->read_at > health->beat_answered_at ? subscriber->read_at : health->beat_answered_at);
    bool is_owed =
        both_ready(redis) && health->beat_answered > health->beat_back && health->beat_answered > health->beat_floor;

    if (link_waits(&redis->commands, now) > STALLED)
        link_lose(&redis->commands, "no answer for 3 seconds");
    if (link_waits(subscriber, now) > STALLED)
        link_lose(subscriber, "no answer for 3 seconds");
    else if (is_owed && (quiet > STALLED || now - health->beat_answered_at > 5 * STALLED))
        link_lose(subscriber, "what is published does not come back");
}

/* This process itself did not run: what came meanwhile is not read yet, and says nothing about Redis. */
static void forgive(struct redis *redis, double now)
{
    redis->commands.read_at = redis->subscriber.read_at = redis->health.beat_answered_at = now;
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct redis *redis = timer->data;
    struct health *health = &redis->health;
    double now = redis_now(redis);
    (void)loop;
    (void)events;
    if (now - health->ticked_at > 3 * TICK)
        forgive(redis, now);
    health->ticked_at = now;
    check_links(redis, now);
    if (both_ready(redis) && (health->beat_back == health->beat_asked || health->beat_asked == health->beat_floor))
        send_beat(redis);
    check_overload(redis, now);
}

void health_init(struct redis *redis)
{
    struct health *health = &redis->health;
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) < 0)
        random = (uint64_t)(uintptr_t)redis;
    snprintf(health->channel, sizeof health->channel, "%.64sbeat:%016llx", redis->prefix, (unsigned long long)random);
    ev_timer_init(&health->tick, on_tick, TICK, TICK);
    ev_timer_init(&health->away, on_away, 0., 0.);
    health->tick.data = health->away.data = redis;
}

void health_start(struct redis *redis)
{
    struct health *health = &redis->health;
    if (health->is_started)
        return;
    health->is_started = true;
    health->ticked_at = redis_now(redis);
    ev_timer_start(redis->loop, &health->tick);
    start_waiting(redis, redis_now(redis));
}

void health_fini(struct redis *redis)
{
    ev_timer_stop(redis->loop, &redis->health.tick);
    ev_timer_stop(redis->loop, &redis->health.away);
}
