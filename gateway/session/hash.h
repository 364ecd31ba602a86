/* hash.h - the hashes of SCRAM by number: digest and HMAC over whole texts. */
#ifndef STANZABUS_SESSION_HASH_H
#define STANZABUS_SESSION_HASH_H

#include "stanzabus/credential.h"

enum { HASH_MAX = 32 };

size_t hash_size(enum credential_hash hash);
const char *hash_name(enum credential_hash hash); /* as in the names of SASL mechanisms */
void hash_digest(enum credential_hash hash, const void *data, size_t size, unsigned char out[HASH_MAX]);
void hash_mac(enum credential_hash hash, const unsigned char *key, size_t key_size, struct text data,
              unsigned char out[HASH_MAX]);
/* PBKDF2, RFC 5802's Hi(): hash_size(hash) bytes.  0, or -1. */
int hash_pbkdf2(enum credential_hash hash, struct text password, const unsigned char *salt, size_t salt_size,
                unsigned iterations, unsigned char out[HASH_MAX]);

#endif
