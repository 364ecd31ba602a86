/* batch.c - askers of one key, and the array that answers them. */
#include "batch.h"

#include <stdlib.h>

#include "redis_inside.h"

enum { BATCH_MAX = 64, BATCH_BYTES = 64 * 1024 };

struct batch_asker {
    store_done_fn *fn;
    void *ctx;
};

struct batch_answers {
    unsigned count;
    struct batch_asker askers[BATCH_MAX];
};

/* What the scripts say of a stanza that they have published themselves. */
static bool was_published(const struct pending *pending, int64_t result)
{
    return (pending->script == SCRIPT_DELIVER + 1 && result > 0) || (pending->script == SCRIPT_PEERS_PUT + 1 && result == PEERS_PUSHED);
}

static void answer_batch(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct batch_answers *answers = pending->ctx;
    enum bus_status status = reply_status(reply);
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count != answers->count + 1))
        status = BUS_FAILED;
    for (unsigned i = 0; i < answers->count; i++) {
        int64_t result = status == BUS_OK ? reply[i + 1].integer : 0;
        if (status == BUS_OK && was_published(pending, result))
            metric_add(redis->settings.metrics, METRIC_BUS_PUBLISHED, 1);
        if (answers->askers[i].fn)
            answers->askers[i].fn(answers->askers[i].ctx, status, result);
    }
    free(answers);
}

bool batch_fits(const struct batch *batch, struct text key, bool is_numbered)
{
    return batch->answers && batch->answers->count < BATCH_MAX && batch->arguments.bytes.size <= BATCH_BYTES &&
           batch->is_numbered == is_numbered && text_equal(buffer_text(&batch->key), key);
}

void batch_open(struct batch *batch, struct text key, bool is_numbered)
{
    batch->answers = xmalloc(sizeof *batch->answers);
    batch->answers->count = 0;
    batch->key.size = 0;
    buffer_append_text(&batch->key, key);
    batch->is_numbered = is_numbered;
}

struct command_queue *batch_add(struct batch *batch, store_done_fn *fn, void *ctx)
{
    batch->answers->askers[batch->answers->count++] = (struct batch_asker){ fn, ctx };
    return &batch->arguments;
}

unsigned batch_count(const struct batch *batch)
{
    return batch->answers ? batch->answers->count : 0;
}

void batch_end(struct batch *batch, struct command_queue *queue, enum script script)
{
    buffer_append_text(&queue->bytes, buffer_text(&batch->arguments.bytes));
    script_end(queue, script,
               (struct pending){ .answer = answer_batch, .ctx = batch->answers, .flags = batch->is_numbered ? PENDING_REPEATABLE : 0 });
    batch->arguments.bytes.size = 0;
    batch->answers = NULL;
}

void batch_fini(struct batch *batch)
{
    free(batch->answers);
    buffer_fini(&batch->key);
    buffer_fini(&batch->arguments.bytes);
    *batch = (struct batch){ 0 };
}
