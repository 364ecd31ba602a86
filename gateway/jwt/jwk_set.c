/* jwk_set.c - a JWK set (RFC 7517 5): the keys of kinds that are used here; others are passed over, as 5 wants. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

#include "gateway/jwt/jwt_inside.h"

enum { DEPTH_MAX = 8, SECRET_MIN = 32, NUMBER_MAX = 1024 };

struct jwk { /* the members that are looked at */
    struct text type, id, algorithm, use, curve, k, n, e, x, y;
};

static bool read_member(struct json_reader *r, struct text key, void *ctx)
{
    struct jwk *jwk = ctx;
    const struct {
        const char *name;
        struct text *place;
    } members[] = { { "kty", &jwk->type }, { "kid", &jwk->id }, { "alg", &jwk->algorithm }, { "use", &jwk->use },
                    { "crv", &jwk->curve }, { "k", &jwk->k },   { "n", &jwk->n },           { "e", &jwk->e },
                    { "x", &jwk->x },       { "y", &jwk->y } };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (text_is(key, members[i].name))
            return json_read_string(r, members[i].place);
    return json_skip(r);
}

static BIGNUM *number(struct text encoded)
{
    unsigned char bytes[NUMBER_MAX];
    long size = base64url_decode(bytes, sizeof bytes, encoded);
    return size > 0 ? BN_bin2bn(bytes, (int)size, NULL) : NULL;
}

static EVP_PKEY *make_public(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *made = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (parameters && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(parameters);
    return made;
}

static EVP_PKEY *make_rsa(const struct jwk *jwk)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = number(jwk->n), *e = number(jwk->e);
    EVP_PKEY *made = NULL;
    if (builder && n && e && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        made = make_public("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return made;
}

/* An uncompressed point (SEC 1 2.3.3). */
static EVP_PKEY *make_ec(const struct jwk *jwk)
{
    unsigned char point[65] = { 4 };
    EVP_PKEY *made = NULL;
    if (!text_is(jwk->curve, "P-256") || base64url_decode(point + 1, 32, jwk->x) != 32 ||
        base64url_decode(point + 33, 32, jwk->y) != 32)
        return NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1)
        made = make_public("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return made;
}

static bool take_secret(struct jwt_key *key, const struct jwk *jwk)
{
    size_t room = jwk->k.size;
    key->secret = xmalloc(room + 1);
    long size = base64url_decode(key->secret, room, jwk->k);
    key->secret_size = size < 0 ? 0 : (size_t)size;
    key->algorithm = JWT_HS256;
    return key->secret_size >= SECRET_MIN;
}

static bool take_key(struct jwt_key *key, const struct jwk *jwk)
{
    if (text_is(jwk->type, "oct"))
        return take_secret(key, jwk);
    EVP_PKEY *public = text_is(jwk->type, "RSA") ? make_rsa(jwk) : text_is(jwk->type, "EC") ? make_ec(jwk) : NULL;
    return public && key_take_public(key, public);
}

static const char *name_of(enum jwt_algorithm algorithm)
{
    static const char *const names[] = {
        [JWT_NONE] = "", [JWT_HS256] = "HS256", [JWT_RS256] = "RS256", [JWT_ES256] = "ES256"
    };
    return names[algorithm];
}

static void clear(struct jwt_key *key)
{
    if (key->secret)
        OPENSSL_cleanse(key->secret, key->secret_size);
    free(key->secret);
    EVP_PKEY_free(key->public);
    *key = (struct jwt_key){ 0 };
}

static bool read_item(struct json_reader *r, void *ctx)
{
    struct jwt_keys *keys = ctx;
    struct jwk jwk = { 0 };
    if (!json_read_object(r, read_member, &jwk))
        return false;
    if (jwk.use.data && !text_is(jwk.use, "sig"))
        return true;
    struct jwt_key *key = keys_add(keys);
    if (!key)
        return json_refuse(r, "too-big", "more than %d keys", JWT_KEYS_MAX);
    if (!take_key(key, &jwk) || (jwk.algorithm.data && !text_is(jwk.algorithm, name_of(key->algorithm)))) {
        clear(key);
        keys->count--;
        return true;
    }
    key->id = jwk.id.data ? text_dup(jwk.id) : NULL;
    return true;
}

static bool read_set(struct json_reader *r, struct text key, void *ctx)
{
    return text_is(key, "keys") ? json_read_array(r, read_item, ctx) : json_skip(r);
}

bool jwk_set_read(struct jwt_keys *keys, struct text set, char *error, size_t size)
{
    struct arena arena = { 0 };
    struct json_reader reader;
    struct refusal why = { 0 };
    size_t before = keys->count;
    char *copy = json_copy(&arena, set);

    json_reader_init(&reader, copy, set.size, DEPTH_MAX, &arena, &why);
    bool is_read = json_read_object(&reader, read_set, keys) && json_read_end(&reader);
    OPENSSL_cleanse(copy, set.size);
    arena_fini(&arena);
    if (!is_read)
        snprintf(error, size, "is no JWK set: %s", why.text);
    else if (keys->count == before)
        snprintf(error, size, "holds no key for HS256, RS256 or ES256");
    return is_read && keys->count > before;
}
