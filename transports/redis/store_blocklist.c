/* store_blocklist.c - blocklists: a set an account. */
#include <stdlib.h>

#include "stanzabus/channel.h"
#include "stanzabus/store_blocklist.h"
#include "store_parts.h"

struct listing { /* what waits for an answer with names in it */
    store_each_fn *each;
    store_done_fn *fn;
    void *ctx;
};

static struct listing *listing_new(store_each_fn *each, store_done_fn *fn, void *ctx)
{
    struct listing *listing = xmalloc(sizeof *listing);
    *listing = (struct listing){ each, fn, ctx };
    return listing;
}

static void finish(struct listing *listing, enum bus_status status, int64_t result)
{
    if (listing->fn)
        listing->fn(listing->ctx, status, result);
    free(listing);
}

static void give_names(const struct listing *listing, const struct reply *names, size_t count)
{
    for (size_t i = 0; listing->each && i < count; i++)
        listing->each(listing->ctx, names[i].text);
}

static void answer_listed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct listing *listing = pending->ctx;
    enum bus_status status = reply_status(reply);
    (void)redis;
    if (status == BUS_OK)
        give_names(listing, reply + 1, count - 1);
    finish(listing, status, status == BUS_OK ? (int64_t)count - 1 : 0);
}

static void blocklist_list(struct store *store, struct text bare, store_each_fn *each, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct listing *listing = listing_new(each, fn, ctx);
    struct command_queue *queue = redis_take(redis, answer_listed, NULL, listing);
    if (!queue)
        return;
    command_begin(queue, 2);
    command_word(queue, "SMEMBERS");
    command_text(queue, redis_key(redis, bare, "blocked"));
    command_end(queue, (struct pending){ .answer = answer_listed, .ctx = listing, .flags = PENDING_REPEATABLE });
}

static void answer_changed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct listing *listing = pending->ctx;
    enum bus_status status = reply_status(reply);
    (void)redis;
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2 || reply[1].type != REPLY_INTEGER))
        status = BUS_FAILED;
    if (status == BUS_OK)
        give_names(listing, reply + 2, count - 2);
    finish(listing, status, status == BUS_OK ? reply[1].integer : 0);
}

static void change(struct store *store, const char *verb, const struct blocklist_change *change, store_each_fn *each,
                   store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct listing *listing = listing_new(each, fn, ctx);
    struct command_queue *queue = redis_take(redis, answer_changed, NULL, listing);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_BLOCKLIST_CHANGE, redis_key(redis, change->bare, "account"),
                 3 + (unsigned)change->count);
    redis->row.size = 0;
    channel_to(&redis->row, redis->settings.prefix, change->bare);
    command_text(queue, buffer_text(&redis->row));
    command_word(queue, verb);
    command_integer(queue, change->max);
    for (size_t i = 0; i < change->count; i++)
        command_text(queue, change->addresses[i]);
    script_end(queue, SCRIPT_BLOCKLIST_CHANGE, (struct pending){ .answer = answer_changed, .ctx = listing });
}

static void blocklist_add(struct store *store, const struct blocklist_change *added, store_each_fn *each, store_done_fn *fn,
                          void *ctx)
{
    change(store, "block", added, each, fn, ctx);
}

static void blocklist_remove(struct store *store, const struct blocklist_change *removed, store_each_fn *each,
                             store_done_fn *fn, void *ctx)
{
    change(store, "unblock", removed, each, fn, ctx);
}

static void blocklist_has(struct store *store, struct text bare, struct text address, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_BLOCKLIST_HAS, redis_key(redis, bare, "sessions"), 3);
    sender_parts(queue, bare, address);
    script_end(queue, SCRIPT_BLOCKLIST_HAS,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

const struct blocklist_ops redis_blocklist_ops = {
    .list = blocklist_list,
    .add = blocklist_add,
    .remove = blocklist_remove,
    .has = blocklist_has,
};
