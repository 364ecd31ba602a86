/* store_retention.c - a walk over the archives of all accounts, a step at a time: SCAN finds some, and each of them is
 * trimmed. */
#include <stdlib.h>

#include "store_parts.h"

enum { LOOK_COUNT = 500, CURSOR_MAX = 24 };

struct retaining { /* one step */
    struct archive_settings bounds;
    store_retained_fn *fn;
    void *ctx;
    enum bus_status status;
    unsigned open; /* archives whose trimming is under way, and 1 while they are being asked for */
    int64_t removed;
    char next[CURSOR_MAX];
};

static void step_done(struct retaining *retaining)
{
    if (--retaining->open > 0)
        return;
    retaining->fn(retaining->ctx, retaining->status, text_of(retaining->next), retaining->removed);
    free(retaining);
}

static void answer_trimmed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct retaining *retaining = pending->ctx;
    (void)redis;
    (void)count;
    if (reply_status(reply) == BUS_OK)
        retaining->removed += reply->integer;
    else
        retaining->status = reply_status(reply);
    step_done(retaining);
}

static void trim(struct redis *redis, struct retaining *retaining, struct text key)
{
    retaining->open++;
    struct command_queue *queue = redis_take(redis, answer_trimmed, NULL, retaining);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_ARCHIVE_RETAIN, key, 3);
    command_integer(queue, retaining->bounds.keep_ms);
    command_integer(queue, retaining->bounds.count);
    command_integer(queue, (int64_t)retaining->bounds.bytes);
    script_end(queue, SCRIPT_ARCHIVE_RETAIN,
               (struct pending){ .answer = answer_trimmed, .ctx = retaining, .flags = PENDING_REPEATABLE });
}

static void answer_found(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct retaining *retaining = pending->ctx;
    retaining->status = reply_status(reply);
    if (retaining->status == BUS_OK && (reply->type != REPLY_ARRAY || count < 3 || reply[1].text.size >= CURSOR_MAX))
        retaining->status = BUS_FAILED;
    if (retaining->status == BUS_OK)
        memcpy(retaining->next, reply[1].text.data, reply[1].text.size);
    for (size_t i = 3; retaining->status == BUS_OK && i < count; i++)
        trim(redis, retaining, reply[i].text);
    step_done(retaining);
}

void store_archive_retain(struct store *store, struct text cursor, const struct archive_settings *bounds, store_retained_fn *fn,
                          void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct retaining *retaining = xcalloc(1, sizeof *retaining);
    *retaining = (struct retaining){ .bounds = *bounds, .fn = fn, .ctx = ctx, .open = 1 };
    struct command_queue *queue = redis_take(redis, answer_found, NULL, retaining);
    if (!queue)
        return;
    redis->row.size = 0;
    pattern_literal(&redis->row, redis->settings.prefix);
    BUFFER_LITERAL(&redis->row, "{*}:archive");
    command_begin(queue, 6);
    command_word(queue, "SCAN");
    command_text(queue, cursor);
    command_word(queue, "MATCH");
    command_text(queue, buffer_text(&redis->row));
    command_word(queue, "COUNT");
    command_integer(queue, LOOK_COUNT);
    command_end(queue, (struct pending){ .answer = answer_found, .ctx = retaining, .flags = PENDING_REPEATABLE });
}
