/* store_documents.c - the documents of an account: one hash a name, one field a document. */
#include "stanzabus/store_documents.h"
#include "store_parts.h"

static void answer_document(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_document_fn *fn = (store_document_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    struct text value = { 0 };
    (void)redis;
    (void)count;
    if (status == BUS_OK && reply->type == REPLY_STRING)
        value = reply->text.size ? reply->text : TEXT("");
    fn(pending->ctx, status, value);
}

static void document_get(struct store *store, const struct document *document, store_document_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_document, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 3);
    command_word(queue, "HGET");
    command_text(queue, redis_key(redis, document->bare, document->name));
    command_text(queue, document->field);
    command_end(queue, (struct pending){
                           .answer = answer_document, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

static void document_put(struct store *store, const struct document *document, struct text value,
                         const struct document_limits *limits, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_DOCUMENT_PUT, redis_key(redis, document->bare, "account"), 5);
    command_word(queue, document->name);
    command_text(queue, document->field);
    command_text(queue, value);
    command_integer(queue, limits->fields);
    command_integer(queue, (int64_t)limits->bytes);
    script_end(queue, SCRIPT_DOCUMENT_PUT,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

static void document_remove(struct store *store, const struct document *document, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 3);
    command_word(queue, "HDEL");
    command_text(queue, redis_key(redis, document->bare, document->name));
    command_text(queue, document->field);
    command_end(queue, (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx });
}

const struct documents_ops redis_documents_ops = {
    .get = document_get,
    .put = document_put,
    .remove = document_remove,
};
