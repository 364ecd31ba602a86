/* store_log.c - the log of an account, over the scripts deliver, sent, log_done, log_reach and settle. */
#include "stanzabus/store_log.h"

#include <assert.h>
#include <stdlib.h>

#include "store_parts.h"

enum { SETTLE_BYTES = 256 * 1024 };

static struct text without_brace(struct text event)
{
    assert(event.size > 2 && event.data[0] == '{');
    return (struct text){ event.data + 1, event.size - 1 };
}

/* -- batches: what is asked for one account, one behind the other, is one call of the script -- */

enum { DELIVER_ARGUMENTS = 11, SENT_ARGUMENTS = 7 }; /* of each message, as the scripts say */

static void write_settings(struct redis *redis, struct command_queue *queue, const struct archive_settings *archive)
{
    redis->row.size = 0;
    buffer_printf(&redis->row, "%c %lld %u %zu", archive->preference, (long long)archive->keep_ms, archive->count, archive->bytes);
    command_text(queue, buffer_text(&redis->row));
}

void log_batch_close(struct redis *redis, struct log_batch *log)
{
    struct command_queue *queue = &redis->commands.queue;
    struct text bare = buffer_text(&log->batch.key);
    unsigned count = batch_count(&log->batch);
    if (count == 0)
        return;
    bool is_deliver = log == &redis->deliveries;
    enum script script = is_deliver ? SCRIPT_DELIVER : SCRIPT_SENT;
    unsigned arguments = is_deliver ? 6 + DELIVER_ARGUMENTS * count : 2 + SENT_ARGUMENTS * count;
    script_begin(queue, &redis->scripts, script, redis_key(redis, bare, "sessions"), arguments);
    command_text(queue, mailbox_of(redis, bare));
    if (is_deliver) {
        command_integer(queue, log->stream_seconds);
        command_integer(queue, log->waiting);
        command_integer(queue, (int64_t)log->waiting_bytes);
        command_integer(queue, (int64_t)log->beginning);
    }
    write_settings(redis, queue, &log->archive);
    batch_end(&log->batch, queue, script);
}

static void log_batch_open(struct log_batch *log, const struct deliver *deliver)
{
    batch_open(&log->batch, deliver->bare, deliver->stream.size > 0);
    log->stream_seconds = deliver->stream_seconds;
    log->waiting = deliver->waiting;
    log->waiting_bytes = deliver->waiting_bytes;
    log->beginning = deliver->beginning;
    log->archive = deliver->archive ? *deliver->archive : (struct archive_settings){ .preference = 'N' };
}

/* The arguments to write the message into; NULL when it is refused, and then it is answered BUS_AWAY later. */
static struct command_queue *log_batch_take(struct redis *redis, struct log_batch *log, const struct deliver *deliver,
                                            store_done_fn *fn, void *ctx)
{
    if (!redis_may_take(redis)) {
        redis_answer_later(redis, answer_done, (any_fn *)fn, ctx, true);
        return NULL;
    }
    if (log != &redis->sent && batch_count(&redis->sent.batch) && text_equal(buffer_text(&redis->sent.batch.key), deliver->bare))
        log_batch_close(redis, &redis->sent); /* to oneself: its number is behind theirs */
    if (!batch_fits(&log->batch, deliver->bare, deliver->stream.size > 0)) {
        log_batch_close(redis, log);
        log_batch_open(log, deliver);
    }
    return batch_add(&log->batch, fn, ctx);
}

/* The sender's bare address; empty when it is the account itself. */
static struct text sender_bare(const struct deliver *deliver)
{
    struct text from = deliver->from;
    const char *slash = from.size ? memchr(from.data, '/', from.size) : NULL;
    if (slash)
        from.size = (size_t)(slash - from.data);
    return text_equal(from, deliver->bare) ? (struct text){ 0 } : from;
}

static void deliver_to(struct store *store, const struct deliver *deliver, store_done_fn *fn, void *ctx)
{
    static const char *const audiences[] = { [ROUTE_RESOURCE] = "r",
                                             [ROUTE_NON_NEGATIVE] = "n",
                                             [ROUTE_RESOURCE_OR_NON_NEGATIVE] = "o" };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = log_batch_take(redis, &redis->deliveries, deliver, fn, ctx);
    if (!queue)
        return;
    command_word(queue, audiences[deliver->audience]);
    command_text(queue, deliver->resource);
    command_word(queue, !(deliver->keep & KEEP_LOG) ? "" : deliver->is_trusted ? "L" : "l");
    command_word(queue, deliver->keep & KEEP_ARCHIVE ? "a" : "");
    command_word(queue, deliver->keep & KEEP_CARBON ? "c" : "");
    command_integer(queue, deliver->hops);
    command_text(queue, deliver->from);
    command_text(queue, sender_bare(deliver));
    command_text(queue, deliver->stream);
    command_integer(queue, (int64_t)deliver->number);
    command_text(queue, without_brace(deliver->event));
}

static void log_sent(struct store *store, const struct deliver *deliver, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = log_batch_take(redis, &redis->sent, deliver, fn, ctx);
    if (!queue)
        return;
    command_text(queue, deliver->resource);
    command_word(queue, deliver->keep & KEEP_ARCHIVE ? "a" : "");
    command_word(queue, deliver->keep & KEEP_CARBON ? "c" : "");
    command_text(queue, deliver->from);
    command_text(queue, deliver->stream);
    command_integer(queue, (int64_t)deliver->number);
    command_text(queue, without_brace(deliver->event));
}

/* -- done -- */

struct done { /* two commands, one answer */
    store_done_fn *fn;
    void *ctx;
    unsigned open;
    enum bus_status status;
    int64_t left;
};

static void answer_one_done(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct done *done = pending->ctx;
    (void)redis;
    (void)count;
    if (reply_status(reply) != BUS_OK)
        done->status = reply_status(reply);
    else
        done->left += reply->integer;
    if (--done->open > 0)
        return;
    if (done->fn)
        done->fn(done->ctx, done->status, done->left);
    free(done);
}

static unsigned count_shared(const uint64_t *numbers, size_t count)
{
    unsigned shared = 0;
    for (size_t i = 0; i < count; i++)
        shared += (numbers[i] & LOG_SHARED) != 0;
    return shared;
}

static void write_shared(struct redis *redis, struct text bare, struct text uid, const uint64_t *numbers, size_t count,
                         unsigned shared, struct done *done)
{
    struct command_queue *queue = redis_take(redis, answer_one_done, NULL, done);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_LOG_DONE, redis_key(redis, bare, "sessions"), 1 + shared);
    command_text(queue, uid);
    for (size_t i = 0; i < count; i++)
        if (numbers[i] & LOG_SHARED)
            command_integer(queue, (int64_t)(numbers[i] & ~LOG_SHARED));
    script_end(queue, SCRIPT_LOG_DONE, (struct pending){ .answer = answer_one_done, .ctx = done, .flags = PENDING_REPEATABLE });
}

static void write_sole(struct redis *redis, struct text bare, const uint64_t *numbers, size_t count, unsigned sole, struct done *done)
{
    struct command_queue *queue = redis_take(redis, answer_one_done, NULL, done);
    if (!queue)
        return;
    command_begin(queue, 2 + sole);
    command_word(queue, "XDEL");
    command_text(queue, redis_key(redis, bare, "log"));
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] & LOG_SHARED)
            continue;
        redis->row.size = 0;
        buffer_printf(&redis->row, "0-%llu", (unsigned long long)numbers[i]);
        command_text(queue, buffer_text(&redis->row));
    }
    command_end(queue, (struct pending){ .answer = answer_one_done, .ctx = done, .flags = PENDING_REPEATABLE });
}

static void log_done(struct store *store, struct text bare, struct text uid, const uint64_t *numbers, size_t count,
                     store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    unsigned shared = count_shared(numbers, count), sole = (unsigned)count - shared;
    struct done *done = xcalloc(1, sizeof *done);
    assert(count > 0);
    *done = (struct done){ .fn = fn, .ctx = ctx, .open = (shared > 0) + (sole > 0) };
    if (shared)
        write_shared(redis, bare, uid, numbers, count, shared, done);
    if (sole)
        write_sole(redis, bare, numbers, count, sole, done);
}

/* -- settle -- */

static void answer_settled(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    enum bus_status status = reply_status(reply);
    struct settled settled = { 0 };
    if (status == BUS_OK && (reply->type != REPLY_ARRAY || count < 4))
        status = BUS_FAILED;
    if (status == BUS_OK)
        settled = (struct settled){ (unsigned)reply[1].integer, (uint64_t)reply[2].integer, reply[3].integer != 0 };
    metric_add(redis->settings.metrics, METRIC_BUS_PUBLISHED, settled.moved);
    ((store_settled_fn *)pending->fn)(pending->ctx, status, &settled);
}

static void log_settle(struct store *store, struct text bare, const struct settled *settled, struct text archive_read,
                       store_settled_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_settled, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_SETTLE, redis_key(redis, bare, "sessions"), 6);
    command_text(queue, mailbox_of(redis, bare));
    command_integer(queue, (int64_t)settled->next);
    command_word(queue, settled->waits ? "1" : "0");
    command_text(queue, archive_read);
    command_integer(queue, LOG_PAGE);
    command_integer(queue, SETTLE_BYTES);
    script_end(queue, SCRIPT_SETTLE,
               (struct pending){ .answer = answer_settled, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- read -- */

struct reading {
    store_entry_fn *each;
    store_done_fn *fn;
    void *ctx;
    struct buffer event; /* the one in hand */
};

static uint64_t number_of(struct text id) /* 0-n */
{
    return id.size > 2 ? text_number((struct text){ id.data + 2, id.size - 2 }) : 0;
}

/* One entry of XRANGE: an array of id and fields; the values lie flat, one behind the other.  Gives the index behind it. */
static size_t read_entry(const struct reply *reply, size_t at, size_t count, struct reading *reading)
{
    struct log_entry entry = { .number = number_of(reply[at + 1].text) };
    size_t fields = (size_t)reply[at + 2].integer, next = at + 3 + fields;
    struct buffer *event = &reading->event;
    event->size = 0;
    for (size_t i = at + 3; i + 1 < next && i + 1 < count; i += 2) {
        struct text name = reply[i].text, value = reply[i + 1].text;
        if (text_is(name, "e")) {
            buffer_append_char(event, '{');
            buffer_append_text(event, value);
        } else if (text_is(name, "t")) {
            entry.holders = value;
        } else if (text_is(name, "x")) {
            entry.archive_id = value;
        } else if (text_is(name, "l")) {
            entry.is_late = true;
        }
    }
    entry.event = buffer_text(event);
    if (entry.event.size > 2)
        reading->each(reading->ctx, &entry);
    return next;
}

static void answer_read(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    struct reading *reading = pending->ctx;
    enum bus_status status = reply_status(reply);
    int64_t given = 0;
    (void)redis;
    if (status == BUS_OK && reply->type == REPLY_ARRAY) {
        given = reply->integer;
        for (size_t at = 1; at + 2 < count;)
            at = read_entry(reply, at, count, reading);
    }
    reading->fn(reading->ctx, status, given);
    buffer_fini(&reading->event);
    free(reading);
}

static void write_bound(struct redis *redis, struct command_queue *queue, uint64_t number, const char *none)
{
    redis->row.size = 0;
    if (number)
        buffer_printf(&redis->row, "0-%llu", (unsigned long long)number);
    command_text(queue, number ? buffer_text(&redis->row) : text_of(none));
}

static void log_read(struct store *store, struct text bare, uint64_t first, uint64_t last, store_entry_fn *each,
                     store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct reading *reading = xmalloc(sizeof *reading);
    *reading = (struct reading){ .each = each, .fn = fn, .ctx = ctx };
    struct command_queue *queue = redis_take(redis, answer_read, NULL, reading);
    if (!queue)
        return;
    command_begin(queue, 6);
    command_word(queue, "XRANGE");
    command_text(queue, redis_key(redis, bare, "log"));
    write_bound(redis, queue, first, "-");
    write_bound(redis, queue, last, "+");
    command_word(queue, "COUNT");
    command_integer(queue, LOG_PAGE);
    command_end(queue, (struct pending){ .answer = answer_read, .ctx = reading, .flags = PENDING_REPEATABLE });
}

/* Not asked again by itself: the second answer would be another. */
static void log_reach(struct store *store, struct text bare, uint64_t number, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_LOG_REACH, redis_key(redis, bare, "log"), 2);
    command_integer(queue, (int64_t)number);
    command_integer(queue, sm_unix_ms());
    script_end(queue, SCRIPT_LOG_REACH, (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx });
}

const struct log_ops redis_log_ops = {
    .deliver = deliver_to,
    .sent = log_sent,
    .done = log_done,
    .settle = log_settle,
    .read = log_read,
    .reach = log_reach,
};
