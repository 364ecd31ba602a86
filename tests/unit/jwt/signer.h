/* signer.h - makes keys and signs tokens, for tests: OpenSSL alone, none of the code that is tested. */
#ifndef STANZABUS_TEST_JWT_SIGNER_H
#define STANZABUS_TEST_JWT_SIGNER_H

#include <openssl/evp.h>

#include "stanzabus/memory.h"

#define SIGNER_SECRET "a secret of thirty-two bytes ..." /* 32 of them */

EVP_PKEY *signer_rsa(int bits);
EVP_PKEY *signer_ec(const char *curve);
/* Appends the public half as PEM, or as a JWK with this kid. */
void signer_pem(struct buffer *out, EVP_PKEY *key);
void signer_jwk(struct buffer *out, EVP_PKEY *key, const char *kid);
void signer_base64url(struct buffer *out, const void *data, size_t size);
/* The token of these two JSON texts.  key NULL: HMAC with the secret. */
void signer_token(struct buffer *out, const char *header, const char *claims, EVP_PKEY *key, struct text secret);

#endif
