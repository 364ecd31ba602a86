/* token.c - login tokens given out: when a client asks, and again when the one that it has gets old (XEP-0484 3.3, 3.5). */
#include <openssl/rand.h>

#include "gateway/session/hash.h"
#include "gateway/session/session_state.h"
#include "gateway/session/token.h"

static void append_hex(struct buffer *out, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buffer_printf(out, "%02x", bytes[i]);
}

struct text token_text(struct arena *arena, const unsigned char secret[32], struct text bare, struct text client,
                       const struct login_token *token)
{
    struct buffer made = { 0 };
    unsigned char mac[HASH_MAX];

    buffer_printf(&made, "login token\n%.*s\n%.*s\n%s\n%lld\n", TEXT_ARGS(bare), TEXT_ARGS(client), token->mechanism,
                  (long long)token->expires_ms);
    buffer_append(&made, (const char *)token->nonce, sizeof token->nonce);
    hash_mac(HASH_SHA256, secret, 32, buffer_text(&made), mac);
    made.size = 0;
    append_hex(&made, mac, sizeof mac);
    struct text text = arena_text(arena, buffer_text(&made));
    buffer_fini(&made);
    return text;
}

/* The mechanism of the token that is to be given, or NULL.  A client that ends its token gets none unasked.  A login that
 * has an end of its own is not prolonged so. */
static const struct mechanism *wanted(struct session *session, const struct login *login, const struct element *request)
{
    const struct element *asked = element_child(request, "request-token", XMLNS_FAST);
    const struct mechanism *mechanism = asked ? negotiate_find_fast(element_get(asked, "mechanism")) : NULL;
    int64_t left_ms = login->token.expires_ms - login->wall_ms;

    if (!asked && login->mechanism->is_token && !login->ends_token && left_ms < config_of(session)->auth_fast_ms / 2)
        mechanism = login->mechanism;
    return mechanism && login->client.size && !login->expires_ms && negotiate_offers(session, mechanism) ? mechanism : NULL;
}

/* Without the token the login is as good. */
static void on_put(void *ctx, enum bus_status status, int64_t result)
{
    struct session *session = ctx;
    if (session->state != STATE_ENDED) {
        if (status != BUS_OK || result != 1)
            session->negotiation->sasl2->token.size = 0;
        sasl2_go_on(session);
    }
    session_step_done(session);
}

void token_give(struct session *session, const struct login *login, const struct element *request)
{
    const struct config *config = config_of(session);
    struct store *store = session->sessions->parts->store;
    struct sasl2 *sasl2 = session->negotiation->sasl2;
    const struct mechanism *mechanism = wanted(session, login, request);
    struct login_token token = { .expires_ms = login->wall_ms + config->auth_fast_ms };

    if (!mechanism || RAND_bytes(token.nonce, sizeof token.nonce) != 1) {
        sasl2_go_on(session);
        return;
    }
    memcpy(token.mechanism, mechanism->name, strlen(mechanism->name));
    sasl2->token = token_text(&sasl2->arena, login->secret, login->bare, login->client, &token);
    sasl2->token_ends_ms = token.expires_ms;
    session_step_begin(session);
    store->login->token_put(store, login->bare, login->client, &token, session->generation, config->auth_fast_clients,
                            on_put, session);
}
