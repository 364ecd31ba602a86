/* store_sm_expire.c - the rows of sessions that nobody resumed in time and whose nodes did not end them, because they are dead
 * (stanzabus/store_sm.h). */
#include <stdlib.h>

#include "store_parts.h"

enum { EXPIRE_BATCH = 64, EXPIRE_GRACE_MS = 5000 /* for the node that holds it to end it itself */ };

struct expire {
    store_each_fn *each;
    store_done_fn *fn;
    void *ctx;
    size_t open; /* answers that will come */
    int64_t removed;
    enum bus_status status;
};

struct expired { /* one that is removed */
    struct expire *expire;
    struct text member, node, full;
    uint64_t session;
    char text[];
};

static void expire_step_done(struct expire *expire)
{
    if (--expire->open > 0)
        return;
    if (expire->fn)
        expire->fn(expire->ctx, expire->status, expire->removed);
    free(expire);
}

static struct expired *expired_new(struct expire *expire, struct text member)
{
    struct expired *expired = xmalloc(sizeof *expired + member.size);
    memcpy(expired->text, member.data, member.size);
    struct text rest = { expired->text, member.size };
    expired->expire = expire;
    expired->member = rest;
    expired->node = text_take_line(&rest);
    expired->session = sm_number_of(text_take_line(&rest));
    expired->full = rest;
    return expired;
}

static void answer_expired(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct expired *expired = pending->ctx;
    struct expire *expire = expired->expire;
    enum bus_status status = reply_status(reply);
    (void)count;
    if (status != BUS_OK) {
        expire->status = status;
    } else if (reply->integer > 0) {
        expire->removed++;
        if (expire->each)
            expire->each(expire->ctx, expired->full);
    }
    struct command_queue *queue = status == BUS_OK ? redis_take(redis, answer_nobody, NULL, NULL) : NULL;
    if (queue) {
        command_begin(queue, 3);
        command_word(queue, "ZREM");
        command_text(queue, sm_detached_key(redis));
        command_text(queue, expired->member);
        command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    }
    free(expired);
    expire_step_done(expire);
}

static void remove_expired(struct redis *redis, struct expire *expire, struct text member)
{
    struct expired *expired = expired_new(expire, member);
    const char *slash = memchr(expired->full.data, '/', expired->full.size);
    struct text bare = { expired->full.data, slash ? (size_t)(slash - expired->full.data) : expired->full.size };
    struct text resource = { bare.data + bare.size + 1, slash ? expired->full.size - bare.size - 1 : 0 };
    expire->open++;
    struct command_queue *queue = redis_take(redis, answer_expired, NULL, expired);
    if (queue)
        session_write_remove(redis, queue, bare, resource, expired->session, expired->node, -1,
                             (struct pending){ .answer = answer_expired, .ctx = expired });
}

static void answer_due(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct expire *expire = pending->ctx;
    expire->status = reply_status(reply);
    for (size_t i = 1; expire->status == BUS_OK && i < count; i++)
        remove_expired(redis, expire, reply[i].text);
    expire_step_done(expire);
}

void store_sm_expire(struct store *store, store_each_fn *each, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct expire *expire = xmalloc(sizeof *expire);
    *expire = (struct expire){ .each = each, .fn = fn, .ctx = ctx, .open = 1 };
    struct command_queue *queue = redis_take(redis, answer_due, NULL, expire);
    if (!queue)
        return;
    command_begin(queue, 7);
    command_word(queue, "ZRANGEBYSCORE");
    command_text(queue, sm_detached_key(redis));
    command_word(queue, "-inf");
    command_integer(queue, sm_unix_ms() - EXPIRE_GRACE_MS);
    command_word(queue, "LIMIT");
    command_word(queue, "0");
    command_integer(queue, EXPIRE_BATCH);
    command_end(queue, (struct pending){ .answer = answer_due, .ctx = expire });
}
