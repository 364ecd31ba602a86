/* bus.c - bus.h over the two connections: PUBLISH on one, SUBSCRIBE on the other. */
#include "redis_inside.h"

static void answer_published(struct redis *redis, const struct pending *pending, const struct reply *reply,
                             size_t count)
{
    enum bus_status status = reply_status(reply);
    (void)count;
    if (status == BUS_OK)
        metric_add(redis->settings.metrics, METRIC_BUS_PUBLISHED, 1);
    if (pending->fn)
        ((bus_published_fn *)pending->fn)(pending->ctx, status, status == BUS_OK ? reply->integer : 0);
}

static void publish(struct bus *bus, struct text channel, struct text head, struct text tail, bus_published_fn *fn,
                    void *ctx)
{
    struct redis *redis = REDIS_OF_BUS(bus);
    struct command_queue *queue = redis_take(redis, answer_published, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 3);
    command_text(queue, TEXT("PUBLISH"));
    command_text(queue, channel);
    command_joined(queue, head, tail);
    command_end(queue, (struct pending){ .answer = answer_published, .fn = (any_fn *)fn, .ctx = ctx });
}

static void publish_copy(struct bus *bus, struct text channel, struct text payload, bus_published_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_BUS(bus);
    struct command_queue *copies = &redis->copies;
    if (!redis_may_take(redis)) {
        redis_answer_later(redis, answer_published, (any_fn *)fn, ctx, true);
        return;
    }
    command_begin(copies, 3);
    command_text(copies, TEXT("PUBLISH"));
    command_text(copies, channel);
    command_text(copies, payload);
    command_end(copies, (struct pending){ .answer = answer_published, .fn = (any_fn *)fn, .ctx = ctx });
}

static void subscribe(struct bus *bus, struct text channel, bus_subscribed_fn *fn, void *ctx)
{
    subscription_add(REDIS_OF_BUS(bus), channel, fn, ctx);
}

static void unsubscribe(struct bus *bus, struct text channel)
{
    subscription_drop(REDIS_OF_BUS(bus), channel);
}

const struct bus_ops redis_bus_ops = { publish, publish_copy, subscribe, unsubscribe };
