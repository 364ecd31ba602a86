/* signer.c - see signer.h. */
#include "signer.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

EVP_PKEY *signer_rsa(int bits)
{
    return EVP_RSA_gen((unsigned)bits);
}

EVP_PKEY *signer_ec(const char *curve)
{
    return EVP_EC_gen(curve);
}

void signer_pem(struct buffer *out, EVP_PKEY *key)
{
    char *data;
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key);
    long size = BIO_get_mem_data(bio, &data);
    buffer_append(out, data, (size_t)size);
    BIO_free(bio);
}

void signer_base64url(struct buffer *out, const void *data, size_t size)
{
    unsigned char *encoded = xmalloc(size / 3 * 4 + 8);
    int made = EVP_EncodeBlock(encoded, data, (int)size);
    for (int i = 0; i < made && encoded[i] != '='; i++)
        buffer_append_char(out, (char)(encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : encoded[i]));
    free(encoded);
}

static void number_member(struct buffer *out, EVP_PKEY *key, const char *member, const char *parameter, int size)
{
    BIGNUM *number = NULL;
    unsigned char bytes[1024];
    int done = EVP_PKEY_get_bn_param(key, parameter, &number);
    assert(done == 1);
    (void)done;
    if (size == 0)
        size = BN_num_bytes(number);
    BN_bn2binpad(number, bytes, size);
    BN_free(number);
    buffer_printf(out, ",\"%s\":\"", member);
    signer_base64url(out, bytes, (size_t)size);
    buffer_append_char(out, '"');
}

void signer_jwk(struct buffer *out, EVP_PKEY *key, const char *kid)
{
    bool is_rsa = EVP_PKEY_is_a(key, "RSA");
    buffer_printf(out, "{\"kty\":\"%s\",\"kid\":\"%s\",\"use\":\"sig\"", is_rsa ? "RSA" : "EC", kid);
    if (is_rsa) {
        number_member(out, key, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        number_member(out, key, "e", OSSL_PKEY_PARAM_RSA_E, 0);
    } else {
        buffer_printf(out, ",\"crv\":\"P-256\"");
        number_member(out, key, "x", OSSL_PKEY_PARAM_EC_PUB_X, 32);
        number_member(out, key, "y", OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    }
    buffer_append_char(out, '}');
}

/* RFC 7518 3.4 */
static size_t from_der(unsigned char *signature, size_t size)
{
    const unsigned char *at = signature;
    ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &at, (long)size);
    BN_bn2binpad(ECDSA_SIG_get0_r(both), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(both), signature + 32, 32);
    ECDSA_SIG_free(both);
    return 64;
}

void signer_token(struct buffer *out, const char *header, const char *claims, EVP_PKEY *key, struct text secret)
{
    unsigned char signature[1024];
    size_t size = sizeof signature;
    unsigned mac_size = 0;
    size_t start = out->size;

    signer_base64url(out, header, strlen(header));
    buffer_append_char(out, '.');
    signer_base64url(out, claims, strlen(claims));
    const unsigned char *part = (const unsigned char *)out->data + start;
    if (key) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key);
        EVP_DigestSign(ctx, signature, &size, part, out->size - start);
        EVP_MD_CTX_free(ctx);
        if (EVP_PKEY_is_a(key, "EC"))
            size = from_der(signature, size);
    } else {
        HMAC(EVP_sha256(), secret.data, (int)secret.size, part, out->size - start, signature, &mac_size);
        size = mac_size;
    }
    buffer_append_char(out, '.');
    signer_base64url(out, signature, size);
}
