/* store_login.c - an account's logins: blocked, and what they leave behind. */
#include "store_parts.h"

/* -- {prefix}{bare}:account, and the channels of the nodes that hold its sessions -- */

uint64_t text_number(struct text digits)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size; i++)
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
    return number;
}

void account_change_begin(struct redis *redis, struct command_queue *queue, struct text bare, const char *how,
                          const struct staying *staying, unsigned fields)
{
    struct buffer *out = &redis->row;
    script_begin(queue, &redis->scripts, SCRIPT_ACCOUNT_CHANGE, redis_key(redis, bare, "account"), 4 + fields);
    command_word(queue, how);
    out->size = 0;
    buffer_append_text(out, redis->settings.prefix);
    BUFFER_LITERAL(out, "node:");
    command_text(queue, buffer_text(out));
    command_text(queue, bare);
    out->size = 0;
    if (staying && staying->node.size)
        buffer_printf(out, "%.*s/%llu", TEXT_ARGS(staying->node), (unsigned long long)staying->session);
    command_text(queue, buffer_text(out));
}

static void answer_changed(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_block_fn *fn = (store_block_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    (void)redis;
    if (status == BUS_OK && count != 3)
        status = BUS_FAILED;
    if (!fn)
        return;
    if (status == BUS_OK)
        fn(pending->ctx, status, reply[1].integer, (uint64_t)reply[2].integer);
    else
        fn(pending->ctx, status, 0, 0);
}

static void block(struct store *store, struct text bare, enum account_block how, store_block_fn *fn, void *ctx)
{
    static const char *const words[] = { [BLOCK_DISABLE] = "disabled",
                                         [BLOCK_ENABLE] = "enabled",
                                         [BLOCK_REVOKE] = "revoked",
                                         [BLOCK_KICK] = "kicked" };
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_changed, (any_fn *)fn, ctx);
    if (!queue)
        return;
    account_change_begin(redis, queue, bare, words[how], NULL, 0);
    script_end(queue, SCRIPT_ACCOUNT_CHANGE,
               (struct pending){ .answer = answer_changed, .fn = (any_fn *)fn, .ctx = ctx });
}

static void change_password(struct store *store, struct text bare, const struct account *account,
                            const struct staying *staying, store_block_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_changed, (any_fn *)fn, ctx);
    if (!queue)
        return;
    account_change_begin(redis, queue, bare, "replace", staying, ACCOUNT_FIELDS);
    account_write_fields(redis, queue, account);
    script_end(queue, SCRIPT_ACCOUNT_CHANGE,
               (struct pending){ .answer = answer_changed, .fn = (any_fn *)fn, .ctx = ctx });
}

/* -- {prefix}count:what:who -- */

static void count(struct store *store, const char *what, struct text who, int64_t window_ms, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    redis->key.size = 0;
    buffer_printf(&redis->key, "%scount:%s:%.*s", redis->prefix, what, TEXT_ARGS(who));
    script_begin(queue, &redis->scripts, SCRIPT_COUNTER, buffer_text(&redis->key), 1);
    command_integer(queue, window_ms);
    script_end(queue, SCRIPT_COUNTER, (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx });
}

const struct login_ops redis_login_ops = {
    .block = block,
    .change_password = change_password,
    .tokens_get = store_tokens_get,
    .token_put = store_token_put,
    .token_use = store_token_use,
    .count = count,
    .guest_keep = store_guest_keep,
};
