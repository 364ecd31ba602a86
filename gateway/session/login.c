/* login.c - what all mechanisms share: accounts and their stand-ins, names, the end of an attempt. */
#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "gateway/session/login.h"

struct login *login_new(const struct mechanism *mechanism, struct text domain)
{
    struct login *login = xcalloc(1, sizeof *login);
    login->mechanism = mechanism;
    login->domain = arena_text(&login->arena, domain);
    login->count = -1;
    login->binding[0].size = login->binding[1].size = -1;
    return login;
}

void login_free(struct login **pointer)
{
    struct login *login = *pointer;
    *pointer = NULL;
    if (!login)
        return;
    if (login->password.size)
        OPENSSL_cleanse((char *)login->password.data, login->password.size);
    if (login->request)
        stanza_free(&login->request);
    arena_fini(&login->arena);
    free(login);
}

/* A different salt for each name and hash, the same at each try, on every node. */
static void stand_in(struct scram_keys *keys, enum credential_hash hash, struct text bare,
                     const unsigned char secret[32], unsigned iterations)
{
    struct arena arena = { 0 };
    unsigned char made[HASH_MAX];
    hash_mac(HASH_SHA256, secret, 32, arena_printf(&arena, "%s %.*s", hash_name(hash), TEXT_ARGS(bare)), made);
    arena_fini(&arena);
    *keys = (struct scram_keys){ .iterations = iterations, .salt_size = 16 };
    memcpy(keys->salt, made, 16);
    memcpy(keys->stored_key, made + 16, 16);
    hash_mac(HASH_SHA256, secret, 32, (struct text){ (const char *)made, sizeof made }, keys->server_key);
}

void login_set_account(struct login *login, const struct account *account, const unsigned char secret[32],
                       unsigned iterations)
{
    login->has_account = account != NULL;
    login->account = account ? *account : (struct account){ 0 };
    login->is_known = account != NULL;
    /* An imported account may have keys of one hash only. */
    login->derived_hash = account && !account->sha256.iterations ? HASH_SHA1 : HASH_SHA256;
    if (!login->account.sha1.iterations)
        stand_in(&login->account.sha1, HASH_SHA1, login->bare, secret, iterations);
    if (!login->account.sha256.iterations)
        stand_in(&login->account.sha256, HASH_SHA256, login->bare, secret, iterations);
}

const struct scram_keys *login_keys(const struct login *login, enum credential_hash hash)
{
    return hash == HASH_SHA1 ? &login->account.sha1 : &login->account.sha256;
}

enum login_step login_fail(struct login *login, enum sasl_condition condition, const char *reason)
{
    login->condition = condition;
    login->reason = reason;
    return LOGIN_FAILURE;
}

enum login_step login_succeed(struct login *login)
{
    if (!login->is_known)
        return login_fail(login, SASL_ERROR_NOT_AUTHORIZED, "unknown-account");
    if (login->account.is_disabled)
        return login_fail(login, SASL_ERROR_ACCOUNT_DISABLED, "account-disabled");
    return LOGIN_SUCCESS;
}

bool login_set_name(struct login *login, struct text name)
{
    struct text local;
    if (name.size == 0 || jid_prepare_local(&login->arena, name, &local) < 0 || local.size == 0)
        return false;
    struct jid jid = jid_make(&login->arena, local, login->domain, (struct text){ NULL, 0 });
    login->bare = arena_text(&login->arena, jid_text(&jid));
    return true;
}

bool login_may_act_as(struct login *login, struct text authzid)
{
    struct jid jid;
    if (authzid.size == 0)
        return true;
    return jid_parse(&login->arena, authzid, &jid) == 0 && text_equal(jid_text(&jid), login->bare) &&
           (!login->claimed.size || text_equal(login->claimed, login->bare));
}

bool login_is_same(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
