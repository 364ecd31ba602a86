/* jwt_keys.c - the keys that sign tokens, from files; and whether one of them signed this. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>

#include "gateway/jwt/jwt_inside.h"

enum { SECRET_MIN = 32 /* RFC 7518 3.2 */, RSA_BITS_MIN = 2048 /* 3.3 */, ES256_SIZE = 64 /* 3.4 */ };

struct jwt_key *keys_add(struct jwt_keys *keys)
{
    return keys->count < JWT_KEYS_MAX ? &keys->keys[keys->count++] : NULL;
}

static bool is_p256(EVP_PKEY *public)
{
    char group[64];
    size_t size;
    return EVP_PKEY_get_group_name(public, group, sizeof group, &size) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

bool key_take_public(struct jwt_key *key, EVP_PKEY *public)
{
    key->algorithm = JWT_NONE;
    if (EVP_PKEY_is_a(public, "RSA") && EVP_PKEY_get_bits(public) >= RSA_BITS_MIN)
        key->algorithm = JWT_RS256;
    else if (EVP_PKEY_is_a(public, "EC") && is_p256(public))
        key->algorithm = JWT_ES256;
    if (key->algorithm == JWT_NONE)
        EVP_PKEY_free(public);
    else
        key->public = public;
    return key->algorithm != JWT_NONE;
}

/* -- a single key -- */

static bool read_pem(struct jwt_key *key, struct text pem, char *error, size_t size)
{
    EVP_PKEY *public = NULL;
    const unsigned char *data = (const unsigned char *)pem.data;
    size_t left = pem.size;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&public, "PEM", "SubjectPublicKeyInfo", NULL, EVP_PKEY_PUBLIC_KEY, NULL, NULL);
    int done = decoder ? OSSL_DECODER_from_data(decoder, &data, &left) : 0;
    OSSL_DECODER_CTX_free(decoder);
    if (done != 1 || !public) {
        snprintf(error, size, "holds no public key (PEM, BEGIN PUBLIC KEY)");
        return false;
    }
    if (key_take_public(key, public))
        return true;
    snprintf(error, size, "holds neither an RSA key of at least %d bits nor one on P-256", RSA_BITS_MIN);
    return false;
}

static bool read_key(struct jwt_keys *keys, struct text text, char *error, size_t size)
{
    struct jwt_key *key = keys_add(keys);
    if (memmem(text.data, text.size, "-----BEGIN", 10))
        return read_pem(key, text, error, size);
    while (text.size && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    if (text.size < SECRET_MIN) {
        snprintf(error, size, "holds a secret of %zu bytes; %d at least are needed (RFC 7518 3.2)", text.size, SECRET_MIN);
        return false;
    }
    key->algorithm = JWT_HS256;
    key->secret = xmalloc(text.size);
    key->secret_size = text.size;
    memcpy(key->secret, text.data, text.size);
    return true;
}

struct jwt_keys *jwt_keys_read(struct text key, struct text set, char *error, size_t size)
{
    struct jwt_keys *keys = xcalloc(1, sizeof *keys);
    if ((key.size && !read_key(keys, key, error, size)) || (set.size && !jwk_set_read(keys, set, error, size)))
        jwt_keys_free(&keys);
    return keys;
}

/* -- files -- */

static bool read_file(struct text name, struct buffer *out, char *error, size_t size)
{
    FILE *file;
    if (name.size == 0)
        return true;
    file = fopen(name.data, "rb");
    if (!file) {
        snprintf(error, size, "cannot read %s: %s", name.data, strerror(errno));
        return false;
    }
    out->size = fread(buffer_reserve(out, JWT_FILE_MAX + 1), 1, JWT_FILE_MAX + 1, file);
    bool is_read = !ferror(file) && out->size > 0 && out->size <= JWT_FILE_MAX;
    fclose(file);
    if (!is_read)
        snprintf(error, size, "%s is empty, or more than %d bytes", name.data, JWT_FILE_MAX);
    return is_read;
}

struct jwt_keys *jwt_keys_load(struct text key_file, struct text set_file, char *error, size_t size)
{
    struct buffer key = { 0 }, set = { 0 };
    struct jwt_keys *keys = NULL;
    char what[256] = "";
    if (read_file(key_file, &key, error, size) && read_file(set_file, &set, error, size)) {
        keys = jwt_keys_read(buffer_text(&key), (struct text){ NULL, 0 }, what, sizeof what);
        if (!keys)
            snprintf(error, size, "%s %s", key_file.data, what);
        else if (set.size && !jwk_set_read(keys, buffer_text(&set), what, sizeof what)) {
            snprintf(error, size, "%s %s", set_file.data, what);
            jwt_keys_free(&keys);
        }
    }
    if (key.size)
        OPENSSL_cleanse(key.data, key.size);
    if (set.size)
        OPENSSL_cleanse(set.data, set.size);
    buffer_fini(&key);
    buffer_fini(&set);
    return keys;
}

void jwt_keys_free(struct jwt_keys **pointer)
{
    struct jwt_keys *keys = *pointer;
    *pointer = NULL;
    for (size_t i = 0; keys && i < keys->count; i++) {
        if (keys->keys[i].secret)
            OPENSSL_cleanse(keys->keys[i].secret, keys->keys[i].secret_size);
        free(keys->keys[i].secret);
        free(keys->keys[i].id);
        EVP_PKEY_free(keys->keys[i].public);
    }
    free(keys);
}

/* -- signatures -- */

static bool is_mac(const struct jwt_key *key, struct text part, const unsigned char *signature, size_t size)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;
    if (!HMAC(EVP_sha256(), key->secret, (int)key->secret_size, (const unsigned char *)part.data, part.size, mac, &mac_size))
        return false;
    return size == mac_size && CRYPTO_memcmp(mac, signature, size) == 0;
}

/* RFC 7518 3.4: r and s, 32 bytes each; OpenSSL wants them as DER. */
static unsigned char *to_der(const unsigned char *signature, size_t size, int *der_size)
{
    unsigned char *der = NULL;
    if (size != ES256_SIZE)
        return NULL;
    ECDSA_SIG *both = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    if (both && r && s && ECDSA_SIG_set0(both, r, s) == 1) {
        *der_size = i2d_ECDSA_SIG(both, &der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(both);
    return der;
}

static bool verifies(EVP_PKEY *public, struct text part, const unsigned char *signature, size_t size)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_good = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, public) == 1 &&
                   EVP_DigestVerify(ctx, signature, size, (const unsigned char *)part.data, part.size) == 1;
    EVP_MD_CTX_free(ctx);
    return is_good;
}

bool key_is_signer(const struct jwt_key *key, struct text part, const unsigned char *signature, size_t size)
{
    int der_size = 0;
    if (key->algorithm == JWT_HS256)
        return is_mac(key, part, signature, size);
    if (key->algorithm == JWT_RS256)
        return verifies(key->public, part, signature, size);
    unsigned char *der = to_der(signature, size, &der_size);
    bool is_good = der && verifies(key->public, part, der, (size_t)der_size);
    OPENSSL_free(der);
    return is_good;
}
