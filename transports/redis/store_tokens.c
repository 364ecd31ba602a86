/* store_tokens.c - {prefix}{bare}:tokens, a hash: what login tokens are made of (token_put.lua says in which form). */
#include <stdio.h>
#include <stdlib.h>

#include "store_parts.h"

static void write_token(struct buffer *out, const struct login_token *token)
{
    buffer_printf(out, "%s %lld ", token->mechanism, (long long)token->expires_ms);
    hex_write(out, token->nonce, sizeof token->nonce);
    buffer_printf(out, " %lld", (long long)token->count);
}

static struct text take_word(struct text *rest)
{
    const char *end = rest->size ? memchr(rest->data, ' ', rest->size) : NULL;
    struct text word = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
    size_t used = word.size + (end ? 1 : 0);
    rest->data += used;
    rest->size -= used;
    return word;
}

/* NULL when it cannot be read: a newer version's, which is no use here. */
static const struct login_token *read_token(struct text text, struct login_token *token)
{
    struct text mechanism = take_word(&text), expires = take_word(&text), nonce = take_word(&text);
    if (mechanism.size == 0 || mechanism.size >= sizeof token->mechanism)
        return NULL;
    *token = (struct login_token){ .expires_ms = (int64_t)text_number(expires), .count = (int64_t)text_number(text) };
    memcpy(token->mechanism, mechanism.data, mechanism.size);
    return hex_read(nonce, token->nonce, sizeof token->nonce) == TOKEN_NONCE ? token : NULL;
}

static void answer_tokens(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    store_tokens_fn *fn = (store_tokens_fn *)pending->fn;
    enum bus_status status = reply_status(reply);
    struct login_token fresh, current;
    (void)redis;
    if (status == BUS_OK && count != 3)
        status = BUS_FAILED;
    if (status == BUS_OK)
        fn(pending->ctx, status, read_token(reply[1].text, &fresh), read_token(reply[2].text, &current));
    else
        fn(pending->ctx, status, NULL, NULL);
}

static void client_field(struct redis *redis, struct command_queue *queue, struct text client, const char *which)
{
    redis->row.size = 0;
    buffer_append_text(&redis->row, client);
    buffer_append(&redis->row, which, strlen(which));
    command_text(queue, buffer_text(&redis->row));
}

void store_tokens_get(struct store *store, struct text bare, struct text client, store_tokens_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_tokens, (any_fn *)fn, ctx);
    if (!queue)
        return;
    command_begin(queue, 4);
    command_word(queue, "HMGET");
    command_text(queue, redis_key(redis, bare, "tokens"));
    client_field(redis, queue, client, ":fresh");
    client_field(redis, queue, client, ":current");
    command_end(queue, (struct pending){
                           .answer = answer_tokens, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

void store_token_put(struct store *store, struct text bare, struct text client, const struct login_token *token,
                     uint64_t generation, unsigned max_clients, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_TOKEN_PUT, redis_key(redis, bare, "tokens"), 4);
    command_text(queue, client);
    redis->row.size = 0;
    write_token(&redis->row, token);
    command_text(queue, buffer_text(&redis->row));
    command_integer(queue, (int64_t)generation);
    command_integer(queue, max_clients);
    script_end(queue, SCRIPT_TOKEN_PUT,
               (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx, .flags = PENDING_REPEATABLE });
}

void store_token_use(struct store *store, struct text bare, struct text client, const struct login_token *token,
                     int64_t count, bool ends, store_done_fn *fn, void *ctx)
{
    struct redis *redis = REDIS_OF_STORE(store);
    struct command_queue *queue = redis_take(redis, answer_done, (any_fn *)fn, ctx);
    if (!queue)
        return;
    script_begin(queue, &redis->scripts, SCRIPT_TOKEN_USE, redis_key(redis, bare, "tokens"), 4);
    command_text(queue, client);
    redis->row.size = 0;
    hex_write(&redis->row, token->nonce, sizeof token->nonce);
    command_text(queue, buffer_text(&redis->row));
    command_integer(queue, count);
    command_word(queue, ends ? "1" : "0");
    script_end(queue, SCRIPT_TOKEN_USE, (struct pending){ .answer = answer_done, .fn = (any_fn *)fn, .ctx = ctx });
}
