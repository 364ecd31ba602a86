/* store_peers.c - {prefix}{link}:log (stream) and :lease (string, store_nodes.c): what waits for other servers. */
#include "stanzabus/store_peers.h"
#include "store_parts.h"

static void peers_put(struct store *store, const struct peers_put *put, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_PEERS_PUT, redis_key(redis, put->key, "log"), 9);
    command_text(queue, put->key);
    command_text(queue, put->event);
    command_text(queue, put->stream);
    command_integer(queue, (int64_t)put->number);
    command_integer(queue, put->bound);
    command_word(queue, put->needs_holder ? "1" : "0");
    redis->row.size = 0;
    buffer_append_text(&redis->row, redis->settings.prefix);
    BUFFER_LITERAL(&redis->row, "node:{");
    command_text(queue, buffer_text(&redis->row));
    command_word(queue, "}");
    command_text(queue, put->node);
    script_end(queue, SCRIPT_PEERS_PUT,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx,
                                 .flags = put->stream.size ? PENDING_REPEATABLE : 0 });
}

const struct peers_ops redis_peers_ops = {
    .put = peers_put,
};
