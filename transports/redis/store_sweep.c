/* store_sweep.c - clears up after nodes that died: claims them (scripts/node_sweep.lua says when that is safe), takes
 * some sessions at a time out of the dead node's index, removes those rows that are still its own and not resumable, and is
 * done when the index is empty.  A sweeper that dies itself leaves a claim that ends, and an index that still names what is left. */
#include <stdlib.h>

#include "store_parts.h"

enum { DEAD_MAX = 8, BATCH = 64, CLAIM_MS = 60000, KEPT_MIN_MS = 1000 /* session_sweep.lua */ };

struct swept { /* one session of a dead node */
    struct sweep *sweep;
    struct text member; /* "session bare/resource" */
    struct text full;   /* the part behind the blank; empty when the member is not of this form */
    struct text bare, resource;
    uint64_t session;
};

struct sweep {
    store_gone_fn *each;
    store_done_fn *fn;
    void *ctx;
    struct arena arena; /* the names of the dead */
    struct text dead[DEAD_MAX];
    size_t dead_count, now; /* now: the one in hand */
    struct arena batch_arena;
    struct swept batch[BATCH];
    size_t batch_count, answered;
    enum bus_status status; /* of the batch */
    int64_t removed;
};

static void next_batch(struct redis *redis, struct sweep *sweep);

static void finish(struct redis *redis, struct sweep *sweep, enum bus_status status)
{
    if (redis->sweep == sweep)
        redis->sweep = NULL;
    if (sweep->fn)
        sweep->fn(sweep->ctx, status, sweep->removed);
    arena_fini(&sweep->batch_arena);
    arena_fini(&sweep->arena);
    free(sweep);
}

static void next_dead(struct redis *redis, struct sweep *sweep)
{
    if (++sweep->now < sweep->dead_count)
        next_batch(redis, sweep);
    else
        finish(redis, sweep, BUS_OK);
}

/* -- the rows of a batch -- */

static void end_batch(struct redis *redis, struct sweep *sweep)
{
    if (sweep->status != BUS_OK) {
        finish(redis, sweep, sweep->status);
        return;
    }
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (queue) {
        command_begin(queue, 2 + (unsigned)sweep->batch_count);
        command_word(queue, "SREM");
        command_text(queue, node_index_key(redis, sweep->dead[sweep->now]));
        for (size_t i = 0; i < sweep->batch_count; i++)
            command_text(queue, sweep->batch[i].member);
        command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
    }
    next_batch(redis, sweep);
}

/* It leaves the index of the dead for the list of those that wait for their clients, because it may still be resumed, or for
 * the word that all is told. */
static void keep_row(struct redis *redis, const struct swept *swept, int64_t resume_ms)
{
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (queue)
        sm_write_deadline(redis, queue, swept->sweep->dead[swept->sweep->now], swept->session, swept->bare,
                          swept->resource, resume_ms);
    else
        swept->sweep->status = BUS_AWAY;
}

static void answer_removed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct swept *swept = pending->ctx;
    struct sweep *sweep = swept->sweep;
    enum bus_status status = reply_status(reply);
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 2))
        status = BUS_FAILED;
    int64_t result = status == BUS_OK ? reply[1].integer : 0;
    if (status != BUS_OK) {
        sweep->status = status;
    } else if (result >= KEPT_MIN_MS) {
        keep_row(redis, swept, result);
    } else if (result > 0) {
        sweep->removed++;
        keep_row(redis, swept, CLAIM_MS);
        struct text mark = arena_printf(&sweep->batch_arena, "%.*s\n%llu\n%.*s", TEXT_ARGS(sweep->dead[sweep->now]),
                                        (unsigned long long)swept->session, TEXT_ARGS(swept->full));
        session_tell_gone(sweep->each, sweep->ctx, swept->full, mark, reply, count);
    }
    if (++sweep->answered == sweep->batch_count)
        end_batch(redis, sweep);
}

/* "session bare/resource"; what has another form is some other version's: it leaves the index, its row stays fenced. */
static struct swept swept_of(struct sweep *sweep, struct text member)
{
    struct text kept = arena_text(&sweep->batch_arena, member);
    const char *blank = memchr(kept.data, ' ', kept.size);
    const char *slash = blank ? memchr(blank, '/', kept.size - (size_t)(blank - kept.data)) : NULL;
    struct swept swept = { .sweep = sweep, .member = kept };
    if (!slash)
        return swept;
    const char *end = kept.data + kept.size;
    swept.session = strtoull(kept.data, NULL, 10);
    swept.full = (struct text){ blank + 1, (size_t)(end - blank - 1) };
    swept.bare = (struct text){ blank + 1, (size_t)(slash - blank - 1) };
    swept.resource = (struct text){ slash + 1, (size_t)(end - slash - 1) };
    return swept;
}

static void remove_row(struct redis *redis, struct swept *swept)
{
    struct command_queue *queue = redis_take(redis, answer_removed, NULL, swept);
    if (queue)
        session_write_sweep(redis, queue, swept->bare, swept->resource, swept->session,
                            swept->sweep->dead[swept->sweep->now], sm_unix_ms(),
                            (struct pending){ .answer = answer_removed, .ctx = swept });
}

/* -- a batch of the index, under a claim that still holds -- */

static void answer_node_done(struct redis *redis, const struct pending *pending, const struct reply *reply,
                             size_t count)
{
    enum bus_status status = reply_status(reply);
    (void)count;
    if (status == BUS_OK)
        next_dead(redis, pending->ctx);
    else
        finish(redis, pending->ctx, status);
}

/* Prolongs the claim; with 0 milliseconds the node's entry goes. */
static void claim(struct redis *redis, struct sweep *sweep, int64_t ms, answer_fn *answer)
{
    struct command_queue *queue = redis_take(redis, answer, NULL, sweep);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_NODE_CLAIM, nodes_key(redis), 3);
    command_text(queue, sweep->dead[sweep->now]);
    command_word(queue, redis->beats.node);
    command_integer(queue, ms);
    script_end(queue, SCRIPT_NODE_CLAIM, (struct pending){ .answer = answer, .ctx = sweep });
}

static void answer_members(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct sweep *sweep = pending->ctx;
    if (reply_status(reply) != BUS_OK) {
        finish(redis, sweep, reply_status(reply));
        return;
    }
    if (count < 2) {
        claim(redis, sweep, 0, answer_node_done);
        return;
    }
    for (size_t i = 1; i < count && sweep->batch_count < BATCH; i++)
        sweep->batch[sweep->batch_count++] = swept_of(sweep, reply[i].text);
    for (size_t i = 0; i < sweep->batch_count; i++)
        if (!sweep->batch[i].full.size)
            sweep->answered++;
    if (sweep->answered == sweep->batch_count) {
        end_batch(redis, sweep);
        return;
    }
    for (size_t i = 0; i < sweep->batch_count; i++)
        if (sweep->batch[i].full.size)
            remove_row(redis, &sweep->batch[i]);
}

static void answer_claimed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct sweep *sweep = pending->ctx;
    (void)count;
    if (reply_status(reply) != BUS_OK) {
        finish(redis, sweep, reply_status(reply));
        return;
    }
    if (reply->integer != 1) { /* the node is back, or another sweeper has it */
        next_dead(redis, sweep);
        return;
    }
    struct command_queue *queue = redis_take(redis, answer_members, NULL, sweep);
    if (!queue)
        return;
    command_begin(queue, 3);
    command_word(queue, "SRANDMEMBER");
    command_text(queue, node_index_key(redis, sweep->dead[sweep->now]));
    command_integer(queue, BATCH);
    command_end(queue, (struct pending){ .answer = answer_members, .ctx = sweep });
}

static void next_batch(struct redis *redis, struct sweep *sweep)
{
    arena_fini(&sweep->batch_arena);
    sweep->batch_count = sweep->answered = 0;
    sweep->status = BUS_OK;
    claim(redis, sweep, CLAIM_MS, answer_claimed);
}

/* -- the sweep -- */

static void answer_dead(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct sweep *sweep = pending->ctx;
    if (reply_status(reply) != BUS_OK || count < 2) {
        finish(redis, sweep, reply_status(reply));
        return;
    }
    for (size_t i = 1; i < count && sweep->dead_count < DEAD_MAX; i++) {
        sweep->dead[sweep->dead_count++] = arena_text(&sweep->arena, reply[i].text);
        log_warning(redis->settings.log, NULL, "node-dead", "dead=%s",
                    log_quote(reply[i].text.data, reply[i].text.size));
    }
    next_batch(redis, sweep);
}

static void answer_nothing_swept(struct redis *redis, const struct pending *pending, const struct reply *reply,
                                 size_t count)
{
    (void)redis;
    (void)reply;
    (void)count;
    if (pending->fn)
        ((store_done_fn *)pending->fn)(pending->ctx, BUS_OK, 0);
}

/* After this node itself lost Redis, the others may have lost it too and need the time of a life to show up again. */
static bool may_sweep(const struct redis *redis)
{
    return !redis->sweep && redis->beats.is_known && redis->health.is_up &&
           (redis_now(redis) - redis->health.up_since) * 1000 >= (double)redis->beats.ttl_ms;
}

void store_node_sweep(struct store *store, store_gone_fn *each, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    if (!redis->bus.is_away && !may_sweep(redis)) {
        redis_answer_later(redis, answer_nothing_swept, (any_fn *)fn, ctx, false);
        return;
    }
    struct sweep *sweep = xcalloc(1, sizeof *sweep);
    sweep->each = each;
    sweep->fn = fn;
    sweep->ctx = ctx;
    struct command_queue *queue = redis_take(redis, answer_dead, NULL, sweep);
    if (!queue)
        return;
    redis->sweep = sweep;
    script_begin(queue, &redis->scripts, SCRIPT_NODE_SWEEP, nodes_key(redis), 4);
    command_word(queue, redis->beats.node);
    command_integer(queue, redis->beats.ttl_ms);
    command_integer(queue, CLAIM_MS);
    command_integer(queue, DEAD_MAX);
    script_end(queue, SCRIPT_NODE_SWEEP, (struct pending){ .answer = answer_dead, .ctx = sweep });
}
