/* store_sm_expire.c - the rows of sessions that nobody resumed in time and whose nodes did not end them, because they are dead
 * (stanzabus/store_sm.h).  Whoever takes one has a while; then it is another's turn, unless all was told. */
#include <stdlib.h>

#include "store_parts.h"

enum { EXPIRE_BATCH = 64, EXPIRE_GRACE_MS = 5000 /* for the node that holds it to end it itself */, TAKEN_MS = 60000 };

struct expire {
    store_gone_fn *each;
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

static struct text bare_of(struct text full)
{
    const char *slash = memchr(full.data, '/', full.size);
    return (struct text){ full.data, slash ? (size_t)(slash - full.data) : full.size };
}

static struct text resource_of(struct text full)
{
    struct text bare = bare_of(full);
    return (struct text){ full.data + bare.size + 1, bare.size < full.size ? full.size - bare.size - 1 : 0 };
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

void session_tell_gone(store_gone_fn *each, void *ctx, struct text full, struct text mark, const struct reply *reply, size_t count)
{
    struct text *stanzas = xcalloc(count, sizeof *stanzas);
    for (size_t i = 2; i < count; i++)
        stanzas[i - 2] = reply[i].text;
    struct session_gone gone = { .full = full, .mark = mark, .stanzas = stanzas, .stanza_count = count - 2 };
    if (each)
        each(ctx, &gone);
    free(stanzas);
}

static void write_told(struct redis *redis, struct text mark)
{
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    command_begin(queue, 3);
    command_word(queue, "ZREM");
    command_text(queue, sm_detached_key(redis));
    command_text(queue, mark);
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

static void answer_expired(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct expired *expired = pending->ctx;
    struct expire *expire = expired->expire;
    enum bus_status status = reply_status(reply);
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2))
        status = BUS_FAILED;
    if (status != BUS_OK) {
        expire->status = status;
    } else if (reply[1].integer > 0) {
        expire->removed++;
        session_tell_gone(expire->each, expire->ctx, expired->full, expired->member, reply, count);
    } else {
        write_told(redis, expired->member);
    }
    free(expired);
    expire_step_done(expire);
}

static void remove_expired(struct redis *redis, struct expire *expire, struct text member)
{
    struct expired *expired = expired_new(expire, member);
    struct text bare = bare_of(expired->full), resource = resource_of(expired->full);
    expire->open++;
    struct command_queue *queue = redis_take(redis, answer_expired, NULL, expired);
    if (queue)
        session_write_sweep(redis, queue, bare, resource, expired->session, expired->node, -1,
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

void store_sm_expire(struct store *store, store_gone_fn *each, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct expire *expire = xmalloc(sizeof *expire);
    *expire = (struct expire){ .each = each, .fn = fn, .ctx = ctx, .open = 1 };
    struct command_queue *queue = redis_take(redis, answer_due, NULL, expire);
    if (!queue)
        return;
    int64_t due = sm_unix_ms() - EXPIRE_GRACE_MS;
    script_begin(queue, &redis->scripts, SCRIPT_SM_DUE, sm_detached_key(redis), 3);
    command_integer(queue, due);
    command_integer(queue, due + TAKEN_MS);
    command_integer(queue, EXPIRE_BATCH);
    script_end(queue, SCRIPT_SM_DUE, (struct pending){ .answer = answer_due, .ctx = expire });
}

void store_session_told(struct store *store, struct text mark)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct text rest = mark, node = text_take_line(&rest);
    uint64_t session = sm_number_of(text_take_line(&rest));
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_SESSION_TOLD, redis_key(redis, bare_of(rest), "sessions"), 1);
    redis->row.size = 0;
    session_owner(&redis->row, session, node);
    command_text(queue, buffer_text(&redis->row));
    script_end(queue, SCRIPT_SESSION_TOLD, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    write_told(redis, mark);
}
