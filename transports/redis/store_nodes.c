/* store_nodes.c - leases on the channels of services, and the beats of the nodes. */
#include <stdlib.h>

#include "store_parts.h"

struct text nodes_key(struct redis *redis)
{
    redis->key.size = 0;
    buffer_printf(&redis->key, "%snodes", redis->prefix);
    return buffer_text(&redis->key);
}

struct text node_index_key(struct redis *redis, struct text node)
{
    redis->key.size = 0;
    buffer_append_text(&redis->key, redis->settings.prefix);
    BUFFER_LITERAL(&redis->key, "node:{");
    buffer_append_text(&redis->key, node);
    BUFFER_LITERAL(&redis->key, "}:sessions");
    return buffer_text(&redis->key);
}

/* -- leases -- */

void store_lease_take(struct store *store, struct text address, struct text node, int64_t ttl_ms, store_done_fn *fn,
                      void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_LEASE_TAKE, redis_key(redis, address, "lease"), 2);
    command_text(queue, node);
    command_integer(queue, ttl_ms);
    script_end(queue, SCRIPT_LEASE_TAKE,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

void store_lease_release(struct store *store, struct text address, struct text node)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_LEASE_RELEASE, redis_key(redis, address, "lease"), 1);
    command_text(queue, node);
    script_end(queue, SCRIPT_LEASE_RELEASE, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

/* -- beats -- */

/* The first one finds no entry, as it should: only a later one that finds none was taken for dead. */
static void answer_beat(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    enum bus_status status = reply_status(reply);
    bool is_first = !redis->beats.is_known;
    (void)count;
    if (status == BUS_OK)
        redis->beats.is_known = true;
    if (pending->fn)
        ((store_done_fn *)pending->fn)(pending->ctx, status, status == BUS_OK ? is_first || reply->integer : 0);
}

static void remember(struct own_beats *beats, struct text node, int64_t ttl_ms)
{
    beats->ttl_ms = ttl_ms;
    if (beats->node && text_is(node, beats->node))
        return;
    free(beats->node);
    beats->node = text_dup(node);
    beats->is_known = false;
}

void store_node_beat(struct store *store, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_beat, (any_fn *)fn, ctx);
    remember(&redis->beats, node, ttl_ms);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_NODE_BEAT, nodes_key(redis), 2);
    command_text(queue, node);
    command_integer(queue, ttl_ms);
    script_end(queue, SCRIPT_NODE_BEAT,
               (struct pending){ .answer = answer_beat, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

void store_node_gone(struct store *store, struct text node, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "DEL");
    command_text(queue, node_index_key(redis, node));
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    command_begin(queue, 3);
    command_word(queue, "HDEL");
    command_text(queue, nodes_key(redis));
    command_text(queue, node);
    command_end(queue,
                (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}
