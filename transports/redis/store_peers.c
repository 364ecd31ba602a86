/* store_peers.c - {prefix}{link}:log (stream) and :lease (string, store_nodes.c): what waits for other servers; {prefix}links
 * (set): for which something may. */
#include <stdlib.h>

#include "stanzabus/store_peers.h"
#include "store_parts.h"

/* -- putting -- */

enum { CALL_ARGUMENTS = 7, PUT_ARGUMENTS = 3 }; /* of the call and of each event, as the script says */

static struct text node_channels(struct redis *redis)
{
    redis->row.size = 0;
    buffer_printf(&redis->row, "%snode:{", redis->prefix);
    return buffer_text(&redis->row);
}

void put_batch_close(struct redis *redis, struct put_batch *puts)
{
    struct command_queue *queue = &redis->commands.queue;
    struct text key = buffer_text(&puts->batch.key);
    unsigned count = batch_count(&puts->batch);
    if (count == 0)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_PEERS_PUT, redis_key(redis, key, "log"), CALL_ARGUMENTS + PUT_ARGUMENTS * count);
    command_text(queue, key);
    command_integer(queue, puts->bound);
    command_integer(queue, (int64_t)puts->bound_bytes);
    command_word(queue, puts->needs_holder ? "1" : "0");
    command_text(queue, node_channels(redis));
    command_word(queue, "}");
    command_text(queue, buffer_text(&puts->node));
    batch_end(&puts->batch, queue, SCRIPT_PEERS_PUT);
}

static void peers_put(struct store *store, const struct peers_put *put, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct put_batch *puts = &redis->puts;
    if (!redis_may_take(redis)) {
        redis_answer_later(redis, answer_done, (any_fn *)fn, ctx, true);
        return;
    }
    if (!batch_fits(&puts->batch, put->key, put->stream.size > 0)) {
        put_batch_close(redis, puts);
        batch_open(&puts->batch, put->key, put->stream.size > 0);
        puts->bound = put->bound;
        puts->bound_bytes = put->bound_bytes;
        puts->needs_holder = put->needs_holder;
        puts->node.size = 0;
        buffer_append_text(&puts->node, put->node);
    }
    struct command_queue *queue = batch_add(&puts->batch, fn, ctx);
    command_text(queue, put->stream);
    command_integer(queue, (int64_t)put->number);
    command_text(queue, put->event);
}

/* -- the holder of a link -- */

static void peers_tell_holder(struct store *store, struct text key, struct text node, struct text what, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_PEERS_TELL, redis_key(redis, key, "lease"), 4);
    command_text(queue, node);
    command_text(queue, node_channels(redis));
    command_word(queue, "}");
    command_text(queue, what);
    script_end(queue, SCRIPT_PEERS_TELL, (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx });
}

static void peers_hand_over(struct store *store, struct text key, struct text node, struct text heir, int64_t ttl_ms)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_LEASE_HAND, redis_key(redis, key, "lease"), 3);
    command_text(queue, node);
    command_text(queue, heir);
    command_integer(queue, ttl_ms);
    script_end(queue, SCRIPT_LEASE_HAND, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

/* -- the set of links -- */

static struct text links_key(struct redis *redis)
{
    redis->key.size = 0;
    buffer_printf(&redis->key, "%slinks", redis->prefix);
    return buffer_text(&redis->key);
}

static void write_link(struct store *store, const char *verb, struct text key)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    command_begin(queue, 3);
    command_word(queue, verb);
    command_text(queue, links_key(redis));
    command_text(queue, key);
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

static void peers_note(struct store *store, struct text key)
{
    write_link(store, "SADD", key);
}

static void peers_forget(struct store *store, struct text key)
{
    write_link(store, "SREM", key);
}

struct orphans { /* shared by the questions, one a link */
    peers_each_fn *each;
    store_done_fn *fn;
    void *ctx;
    enum bus_status status;
    int64_t count;
    size_t open;
};

struct orphan {
    struct orphans *all;
    size_t size;
    char key[];
};

static void close_one(struct orphans *all)
{
    if (--all->open > 0)
        return;
    all->fn(all->ctx, all->status, all->count);
    free(all);
}

static void answer_lease(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct orphan *orphan = pending->ctx;
    enum bus_status status = reply_status(reply);
    (void)redis;
    (void)count;
    if (status != BUS_OK)
        orphan->all->status = status;
    else if (reply->type == REPLY_INTEGER && reply->integer == 0)
        orphan->all->each(orphan->all->ctx, (struct text){ orphan->key, orphan->size });
    close_one(orphan->all);
    free(orphan);
}

static void ask_lease(struct redis *redis, struct orphans *all, struct text key)
{
    struct orphan *orphan = xmalloc(sizeof *orphan + key.size);
    orphan->all = all;
    orphan->size = key.size;
    memcpy(orphan->key, key.data, key.size);
    all->open++;
    struct command_queue *queue = redis_take(redis, answer_lease, NULL, orphan);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "EXISTS");
    command_text(queue, redis_key(redis, (struct text){ orphan->key, orphan->size }, "lease"));
    command_end(queue, (struct pending){ .answer = answer_lease, .ctx = orphan, .flags = PENDING_REPEATABLE });
}

static void answer_links(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct orphans *all = pending->ctx;
    all->status = reply_status(reply);
    for (size_t i = 1; all->status == BUS_OK && i < count; i++, all->count++)
        ask_lease(redis, all, reply[i].text);
    close_one(all);
}

static void peers_orphans(struct store *store, peers_each_fn *each, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct orphans *all = xcalloc(1, sizeof *all);
    *all = (struct orphans){ .each = each, .fn = fn, .ctx = ctx, .open = 1 };
    struct command_queue *queue = redis_take(redis, answer_links, NULL, all);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "SMEMBERS");
    command_text(queue, links_key(redis));
    command_end(queue, (struct pending){ .answer = answer_links, .ctx = all, .flags = PENDING_REPEATABLE });
}

const struct peers_ops redis_peers_ops = {
    .note = peers_note,
    .forget = peers_forget,
    .orphans = peers_orphans,
    .put = peers_put,
    .tell_holder = peers_tell_holder,
    .hand_over = peers_hand_over,
};
