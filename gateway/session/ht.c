/* ht.c - HT-SHA-256-*: one message each way with a token instead of a password (draft-schmaus-kitten-sasl-ht, XEP-0484).
 *   client  name NUL HMAC(token, "Initiator" binding)
 *   server  HMAC(token, "Responder" binding)           with <success/> */
#include "gateway/session/login.h"
#include "gateway/session/token.h"

enum { PROOF_SIZE = 32 };

struct ht {
    unsigned char proof[PROOF_SIZE];
    struct text token; /* the one that fits */
};

static void make_proof(const struct login *login, struct text token, const char *who, unsigned char out[HASH_MAX])
{
    const struct login_binding *binding = login->mechanism->binding < 0 ? NULL : &login->binding[login->mechanism->binding];
    char message[16 + sizeof binding->bytes];
    size_t size = strlen(who);
    memcpy(message, who, size);
    if (binding) {
        memcpy(message + size, binding->bytes, (size_t)binding->size);
        size += (size_t)binding->size;
    }
    hash_mac(HASH_SHA256, (const unsigned char *)token.data, token.size, (struct text){ message, size }, out);
}

/* Guests have no account. */
static enum login_step answer(struct login *login, struct text input)
{
    const char *end = input.size ? memchr(input.data, '\0', input.size) : NULL;
    struct ht *ht = arena_alloc(&login->arena, sizeof *ht);

    if (!end || (size_t)(input.data + input.size - end - 1) != PROOF_SIZE)
        return login_fail(login, SASL_ERROR_MALFORMED_REQUEST, "malformed-request");
    if (login->mechanism->binding >= 0 && login->binding[login->mechanism->binding].size < 0)
        return login_fail(login, SASL_ERROR_INVALID_MECHANISM, "unknown-channel-binding");
    memcpy(ht->proof, end + 1, PROOF_SIZE);
    ht->token = (struct text){ NULL, 0 };
    login->state = ht;
    if (!login_set_name(login, (struct text){ input.data, (size_t)(end - input.data) }))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "not-a-name");
    return login->is_for_guests ? LOGIN_TOKENS : LOGIN_ACCOUNT;
}

static enum login_step found(struct login *login)
{
    (void)login;
    return LOGIN_TOKENS;
}

/* Both are tried whatever the first gives, so that the time tells nothing. */
static bool fits(struct login *login, const struct login_token *token)
{
    struct ht *ht = login->state;
    unsigned char expected[HASH_MAX];
    struct text text = token_text(&login->arena, login->secret, login->bare, login->client, token);
    make_proof(login, text, "Initiator", expected);
    if (!login_is_same(expected, ht->proof, PROOF_SIZE) || strcmp(token->mechanism, login->mechanism->name) != 0)
        return false;
    ht->token = text;
    login->token = *token;
    return true;
}

static enum login_step tokens(struct login *login, const struct login_token *fresh, const struct login_token *current)
{
    static const struct login_token none = { .mechanism = "" };
    bool is_current = fits(login, current ? current : &none), is_fresh = fits(login, fresh ? fresh : &none);
    if (!is_current && !is_fresh)
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "wrong-token");
    if (login->token.expires_ms <= login->wall_ms)
        return login_fail(login, SASL_ERROR_CREDENTIALS_EXPIRED, "token-expired");
    if (!login->is_for_guests && login_succeed(login) != LOGIN_SUCCESS)
        return LOGIN_FAILURE;
    return LOGIN_USE;
}

static enum login_step used(struct login *login, bool is_done)
{
    const struct ht *ht = login->state;
    unsigned char proof[HASH_MAX];
    if (!is_done)
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "token-used-before");
    make_proof(login, ht->token, "Responder", proof);
    login->output = arena_text(&login->arena, (struct text){ (const char *)proof, PROOF_SIZE });
    return LOGIN_SUCCESS;
}

#define HT(binding_kind) \
    .binding = binding_kind, .is_token = true, .hash = HASH_SHA256, .answer = answer, .found = found, .tokens = tokens, \
    .used = used

const struct mechanism mechanism_ht_none = { .name = "HT-SHA-256-NONE", HT(-1) };
const struct mechanism mechanism_ht_expr = { .name = "HT-SHA-256-EXPR", HT(BINDING_TLS_EXPORTER) };
const struct mechanism mechanism_ht_endp = { .name = "HT-SHA-256-ENDP", HT(BINDING_TLS_SERVER_END_POINT) };
