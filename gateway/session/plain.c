/* plain.c - PLAIN (RFC 4616): authzid NUL name NUL password.  The password is hashed as it was when the account was
 * made, off the loop, and compared with the stored key. */
#include "gateway/session/bearer.h"

static bool take_part(struct text *rest, struct text *part)
{
    const char *end = rest->size ? memchr(rest->data, '\0', rest->size) : NULL;
    if (!end)
        return false;
    *part = (struct text){ rest->data, (size_t)(end - rest->data) };
    rest->size -= part->size + 1;
    rest->data = end + 1;
    return true;
}

/* The token names the account; the name that was typed has to be that one. */
static enum login_step begin_by_token(struct login *login, struct text name, struct text token)
{
    struct text typed;
    if (!login_set_name(login, name))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "not-a-name");
    typed = login->bare;
    enum login_step step = bearer_begin(login, token);
    if (step == LOGIN_ACCOUNT && !text_equal(typed, login->bare))
        step = login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "token-names-another-account");
    login->bare = typed;
    return step;
}

enum login_step plain_begin(struct login *login, struct text name, struct text password)
{
    struct text prepared;
    if (login->takes_jwt_for_password && bearer_is_token(password))
        return begin_by_token(login, name, password);
    if (!login_set_name(login, name))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "not-a-name");
    if (jid_prepare_password(&login->arena, password, &prepared) < 0)
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "not-a-password");
    login->password = arena_text(&login->arena, prepared); /* a copy of its own, to be wiped */
    login->asked_secret = login->password;
    return login->asks_service ? LOGIN_ASK : LOGIN_ACCOUNT;
}

static enum login_step answer(struct login *login, struct text input)
{
    struct text rest = input, authzid, name;
    if (!take_part(&rest, &authzid) || !take_part(&rest, &name) || name.size == 0 || rest.size == 0 ||
        memchr(rest.data, '\0', rest.size))
        return login_fail(login, SASL_ERROR_MALFORMED_REQUEST, "malformed-request");
    enum login_step step = plain_begin(login, name, rest);
    if (step != LOGIN_FAILURE && !login_may_act_as(login, authzid))
        return login_fail(login, SASL_ERROR_INVALID_AUTHZID, "invalid-authzid");
    return step;
}

static enum login_step found(struct login *login)
{
    const struct scram_keys *keys = login_keys(login, login->derived_hash);
    if (login->by_token)
        return bearer_found(login);
    login->derived = (struct scram_keys){ .iterations = keys->iterations, .salt_size = keys->salt_size };
    memcpy(login->derived.salt, keys->salt, keys->salt_size);
    return LOGIN_HASH;
}

static enum login_step hashed(struct login *login)
{
    const struct scram_keys *keys = login_keys(login, login->derived_hash);
    if (!login_is_same(login->derived.stored_key, keys->stored_key, hash_size(login->derived_hash)))
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, login->is_known ? "wrong-password" : "unknown-account");
    return login_succeed(login);
}

const struct mechanism mechanism_plain = { .name = "PLAIN", .answer = answer, .found = found, .hashed = hashed };
