/* store_pep.c - personal pubsub: each operation is one script on the keys of one account, and all of them answer in one
 * form: {result, configuration, roster item, total, first, then node, configuration, id, item for each row}. */
#include <stdlib.h>

#include "stanzabus/channel.h"
#include "stanzabus/store_pep.h"
#include "store_parts.h"

enum { HEAD_VALUES = 6 /* with the array's own */, ROW_VALUES = 4, CAPS_SECONDS = 30 * 24 * 3600, ABROAD_BYTES = 16 * 1024 /* of one contact */ };

static struct text text_at(const struct reply *reply)
{
    return reply->type == REPLY_STRING ? reply->text : (struct text){ NULL, 0 };
}

static bool is_answer(const struct reply *reply, size_t count)
{
    return reply->type == REPLY_ARRAY && count >= HEAD_VALUES && (count - HEAD_VALUES) % ROW_VALUES == 0 &&
           reply[1].type == REPLY_INTEGER && reply[4].type == REPLY_INTEGER && reply[5].type == REPLY_INTEGER;
}

static void answer_pep(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_pep_fn *fn = (store_pep_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    (void)redis;
    if (status == BUS_OK && !is_answer(reply, count))
        status = BUS_FAILED;
    if (!fn)
        return;
    if (status != BUS_OK) {
        fn(pending->ctx, status, NULL);
        return;
    }
    size_t row_count = (count - HEAD_VALUES) / ROW_VALUES;
    struct pep_row *rows = row_count ? xcalloc(row_count, sizeof *rows) : NULL;
    for (size_t i = 0; i < row_count; i++) {
        const struct reply *row = reply + HEAD_VALUES + i * ROW_VALUES;
        rows[i] = (struct pep_row){ text_at(row), text_at(row + 1), text_at(row + 2), text_at(row + 3) };
    }
    struct roster_item contact = roster_item_read((struct text){ NULL, 0 }, text_at(reply + 3));
    struct pep_answer answer = { .result = (enum pep_result)reply[1].integer,
                                 .config = text_at(reply + 2),
                                 .contact = text_at(reply + 3).size ? &contact : NULL,
                                 .total = (long)reply[4].integer,
                                 .first = (long)reply[5].integer,
                                 .rows = rows,
                                 .row_count = row_count };
    fn(pending->ctx, status, &answer);
    free(rows);
}

/* The queue, with the call begun; NULL when it was refused, and is answered later. */
static struct command_queue *begin(struct store *store, enum script script, struct text bare, const char *key,
                                   unsigned arguments, store_pep_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_pep, (any_fn *)fn, ctx);
    if (queue)
        script_begin(queue, &redis->scripts, script, redis_key(redis, bare, key), arguments);
    return queue;
}

static void end(struct command_queue *queue, enum script script, store_pep_fn *fn, void *ctx, unsigned flags)
{
    script_end(queue, script,
               (struct pending){ .answer = answer_pep, .fn = (any_fn *)fn, .ctx = ctx, .flags = (uint8_t)flags });
}

static void pep_publish(struct store *store, const struct pep_publish *publish, const struct pep_limits *limits,
                        store_pep_fn *fn, void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_PUBLISH, publish->bare, "pep", 8, fn, ctx);
    if (!queue)
        return;
    command_text(queue, publish->node);
    command_text(queue, publish->id);
    command_text(queue, publish->item);
    command_text(queue, publish->preconditions);
    command_text(queue, publish->config);
    command_integer(queue, limits->nodes);
    command_integer(queue, limits->items);
    command_integer(queue, (int64_t)limits->bytes);
    end(queue, SCRIPT_PEP_PUBLISH, fn, ctx, PENDING_REPEATABLE);
}

static void pep_read(struct store *store, const struct pep_read *read, store_pep_fn *fn, void *ctx)
{
    static const char *const which[] = {
        [PEP_LAST] = "l", [PEP_BY_ID] = "i", [PEP_AFTER] = "a", [PEP_BEFORE] = "b", [PEP_BY_INDEX] = "n"
    };
    struct command_queue *queue =
        begin(store, SCRIPT_PEP_READ, read->bare, "pep", 6 + (unsigned)read->id_count, fn, ctx);
    if (!queue)
        return;
    command_text(queue, read->node);
    command_text(queue, read->requester);
    command_word(queue, which[read->which]);
    command_integer(queue, read->count);
    command_integer(queue, read->index);
    command_integer(queue, (int64_t)read->bytes);
    for (size_t i = 0; i < read->id_count; i++)
        command_text(queue, read->ids[i]);
    end(queue, SCRIPT_PEP_READ, fn, ctx, PENDING_REPEATABLE);
}

static void pep_retract(struct store *store, struct text bare, struct text node, struct text id, store_pep_fn *fn,
                        void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_RETRACT, bare, "pep", 2, fn, ctx);
    if (!queue)
        return;
    command_text(queue, node);
    command_text(queue, id);
    end(queue, SCRIPT_PEP_RETRACT, fn, ctx, 0);
}

static void pep_remove(struct store *store, struct text bare, struct text node, bool is_node, store_pep_fn *fn,
                       void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_REMOVE, bare, "pep", 2, fn, ctx);
    if (!queue)
        return;
    command_text(queue, node);
    command_word(queue, is_node ? "1" : "0");
    end(queue, SCRIPT_PEP_REMOVE, fn, ctx, 0);
}

static void pep_configure(struct store *store, struct text bare, struct text node, bool is_new, struct text config,
                          const struct pep_limits *limits, store_pep_fn *fn, void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_CONFIGURE, bare, "pep", 5, fn, ctx);
    if (!queue)
        return;
    command_text(queue, node);
    command_word(queue, is_new ? "1" : "0");
    command_text(queue, config);
    command_integer(queue, limits->nodes);
    command_integer(queue, limits->items);
    end(queue, SCRIPT_PEP_CONFIGURE, fn, ctx, 0);
}

static void pep_nodes(struct store *store, struct text bare, struct text requester, store_pep_fn *fn, void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_NODES, bare, "pep", 1, fn, ctx);
    if (!queue)
        return;
    command_text(queue, requester);
    end(queue, SCRIPT_PEP_NODES, fn, ctx, PENDING_REPEATABLE);
}

static void pep_last(struct store *store, struct text bare, struct text requester, struct text nodes, store_pep_fn *fn,
                     void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_LAST, bare, "pep", 2, fn, ctx);
    if (!queue)
        return;
    command_text(queue, requester);
    command_text(queue, nodes);
    end(queue, SCRIPT_PEP_LAST, fn, ctx, PENDING_REPEATABLE);
}

static void pep_subscriber(struct store *store, struct text bare, struct text node, struct text requester,
                           struct text subscriber, int change, unsigned most, store_pep_fn *fn, void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_SUBSCRIBER, bare, "pep", 5, fn, ctx);
    if (!queue)
        return;
    command_text(queue, node);
    command_text(queue, requester);
    command_text(queue, subscriber);
    command_integer(queue, change);
    command_integer(queue, most);
    end(queue, SCRIPT_PEP_SUBSCRIBER, fn, ctx, change < 0 ? 0 : PENDING_REPEATABLE);
}

static void pep_wish(struct store *store, const struct pep_wish *wish, store_pep_fn *fn, void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_WISH, wish->bare, "pep:wishes", 3, fn, ctx);
    if (!queue)
        return;
    command_text(queue, wish->resource);
    command_text(queue, wish->uid);
    command_text(queue, wish->nodes);
    end(queue, SCRIPT_PEP_WISH, fn, ctx, 0);
}

static void pep_abroad(struct store *store, const struct pep_abroad *abroad, store_pep_fn *fn, void *ctx)
{
    static const char *const how[] = { [PEP_ABROAD_SAID] = "s",
                                       [PEP_ABROAD_CAME] = "c",
                                       [PEP_ABROAD_LEARNED] = "l",
                                       [PEP_ABROAD_MISSED] = "m",
                                       [PEP_ABROAD_GONE] = "g" };
    struct command_queue *queue = begin(store, SCRIPT_PEP_ABROAD, abroad->bare, "pep:abroad", 6, fn, ctx);
    if (!queue)
        return;
    command_text(queue, abroad->contact);
    command_text(queue, abroad->resource);
    command_word(queue, how[abroad->how]);
    command_text(queue, abroad->kind);
    command_text(queue, abroad->nodes);
    command_integer(queue, ABROAD_BYTES);
    end(queue, SCRIPT_PEP_ABROAD, fn, ctx, 0);
}

static void pep_audience(struct store *store, struct text bare, struct text contact, struct text node, store_pep_fn *fn, void *ctx)
{
    struct command_queue *queue = begin(store, SCRIPT_PEP_AUDIENCE, bare, "pep:abroad", 2, fn, ctx);
    if (!queue)
        return;
    command_text(queue, contact);
    command_text(queue, node);
    end(queue, SCRIPT_PEP_AUDIENCE, fn, ctx, PENDING_REPEATABLE);
}

static void pep_notify(struct store *store, const struct pep_notice *notice, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_PEP_NOTIFY, redis_key(redis, notice->bare, "sessions"), 6);
    redis->row.size = 0;
    channel_to(&redis->row, redis->settings.prefix, notice->bare);
    command_text(queue, buffer_text(&redis->row));
    command_text(queue, notice->sender);
    command_text(queue, notice->node);
    command_text(queue, notice->resource);
    command_text(queue, notice->marker);
    command_text(queue, (struct text){ notice->event.data + 1, notice->event.size - 1 });
    script_end(queue, SCRIPT_PEP_NOTIFY, (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx });
}

/* -- single strings -- */

static void answer_string(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    enum bus_status status = reply_status(reply);
    (void)redis;
    (void)count;
    if (status != BUS_OK) {
        ((store_pep_fn *)pending->fn)(pending->ctx, status, NULL);
        return;
    }
    struct pep_row row = { .item = text_at(reply) };
    struct pep_answer answer = { .result = PEP_DONE, .rows = &row, .row_count = reply->type == REPLY_STRING ? 1 : 0 };
    ((store_pep_fn *)pending->fn)(pending->ctx, status, &answer);
}

static void get_string(struct command_queue *queue, struct text key, store_pep_fn *fn, void *ctx)
{
    command_begin(queue, 2);
    command_word(queue, "GET");
    command_text(queue, key);
    command_end(queue, (struct pending){
                           .answer = answer_string, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

/* -- the picture's hash -- */

static void pep_avatar_get(struct store *store, struct text bare, store_pep_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_string, (any_fn *)fn, ctx);
    if (queue)
        get_string(queue, redis_key(redis, bare, "pep:avatar"), fn, ctx);
}

static void pep_avatar_set(struct store *store, struct text bare, struct text hash)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_PEP_AVATAR, redis_key(redis, bare, "pep:avatar"), 2);
    command_text(queue, hash);
    redis->row.size = 0;
    channel_to(&redis->row, redis->settings.prefix, bare);
    command_text(queue, buffer_text(&redis->row));
    script_end(queue, SCRIPT_PEP_AVATAR, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

/* -- capabilities: {prefix}caps:{hash}:{ver} -- */

static struct text caps_key(struct redis *redis, struct text hash, struct text ver)
{
    redis->key.size = 0;
    buffer_printf(&redis->key, "%scaps:%.*s:%.*s", redis->prefix, TEXT_ARGS(hash), TEXT_ARGS(ver));
    return buffer_text(&redis->key);
}

static void pep_caps_get(struct store *store, struct text hash, struct text ver, store_pep_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_string, (any_fn *)fn, ctx);
    if (queue)
        get_string(queue, caps_key(redis, hash, ver), fn, ctx);
}

static void pep_caps_put(struct store *store, struct text hash, struct text ver, struct text nodes)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_nobody, NULL, NULL);
    if (!queue)
        return;
    command_begin(queue, 5);
    command_word(queue, "SET");
    command_text(queue, caps_key(redis, hash, ver));
    command_text(queue, nodes);
    command_word(queue, "EX");
    command_integer(queue, CAPS_SECONDS);
    command_end(queue, (struct pending){ .answer = answer_nobody, .flags = PENDING_REPEATABLE });
}

const struct pep_ops redis_pep_ops = {
    .publish = pep_publish,
    .read = pep_read,
    .retract = pep_retract,
    .remove = pep_remove,
    .configure = pep_configure,
    .nodes = pep_nodes,
    .last = pep_last,
    .subscriber = pep_subscriber,
    .wish = pep_wish,
    .abroad = pep_abroad,
    .audience = pep_audience,
    .notify = pep_notify,
    .avatar_set = pep_avatar_set,
    .avatar_get = pep_avatar_get,
    .caps_get = pep_caps_get,
    .caps_put = pep_caps_put,
};
