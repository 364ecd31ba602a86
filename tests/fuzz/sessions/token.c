/* token.c - tokens of clients (XEP-0484), and counts, in memory. */
#include <string.h>

#include "tests/fuzz/sessions/world.h"

static struct tokens *find_tokens(struct text bare, struct text client)
{
    for (int i = 0; i < TOKENS_MAX; i++)
        if (text_is(bare, world.tokens[i].bare) && text_is(client, world.tokens[i].client))
            return &world.tokens[i];
    return NULL;
}

static void tokens_get(struct store *store, struct text bare, struct text client, store_tokens_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe(ANSWER_TOKENS, ctx);
    struct tokens *tokens = find_tokens(bare, client);
    (void)store;
    answer->tokens_fn = fn;
    if (tokens)
        answer->tokens = *tokens;
}

static void token_put(struct store *store, struct text bare, struct text client, const struct login_token *token,
                      uint64_t generation, unsigned max_clients, store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe_done(fn, ctx);
    struct tokens *tokens = find_tokens(bare, client);
    (void)store;
    (void)generation;
    (void)max_clients;
    if (!tokens)
        tokens = find_tokens(TEXT(""), TEXT(""));
    if (answer->is_away || !tokens || world_take_twist() != NO_TWIST)
        return;
    copy_text(tokens->bare, sizeof tokens->bare, bare);
    copy_text(tokens->client, sizeof tokens->client, client);
    tokens->fresh = *token;
    answer->result = 1;
}

static void token_use(struct store *store, struct text bare, struct text client, const struct login_token *token, int64_t count,
                      bool ends, store_done_fn *fn, void *ctx)
{
    struct answer *answer = answer_owe_done(fn, ctx);
    struct tokens *tokens = find_tokens(bare, client);
    (void)store;
    if (answer->is_away || !tokens || world_take_twist() != NO_TWIST)
        return;
    if (*tokens->fresh.mechanism && memcmp(tokens->fresh.nonce, token->nonce, TOKEN_NONCE) == 0) {
        tokens->current = tokens->fresh;
        tokens->fresh = (struct login_token){ 0 };
    }
    answer->result = memcmp(tokens->current.nonce, token->nonce, TOKEN_NONCE) == 0 && (count < 0 || count > tokens->current.count);
    if (answer->result && count >= 0)
        tokens->current.count = count;
    if (answer->result && ends)
        *tokens = (struct tokens){ 0 };
}

static void count_one(struct store *store, const char *what, struct text who, int64_t window_ms, store_done_fn *fn, void *ctx)
{
    (void)store;
    (void)what;
    (void)who;
    (void)window_ms;
    answer_owe_done(fn, ctx)->result = (int64_t)(++world.counted);
}

static void guest_keep(struct store *store, struct text bare, int64_t keep_ms)
{
    (void)store;
    (void)bare;
    (void)keep_ms;
}

const struct login_ops login_ops = {
    .tokens_get = tokens_get, .token_put = token_put, .token_use = token_use, .count = count_one, .guest_keep = guest_keep
};
