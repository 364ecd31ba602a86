/* dialback.c - the keys of XEP-0220, made by XEP-0185 from the secret that all nodes share: any of them can say whether one
 * is right. */
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "gateway/federation/peer.h"

static void write_hex(char *out, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* XEP-0185 3: HMAC-SHA256 under the hash of the secret, in hexadecimal, of "receiving originating id". */
void dialback_key(struct text shared, struct text receiving, struct text originating, struct text id, char out[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH], mac[SHA256_DIGEST_LENGTH];
    char secret[2 * SHA256_DIGEST_LENGTH + 1];
    struct buffer data = { 0 };

    SHA256((const unsigned char *)shared.data, shared.size, digest);
    write_hex(secret, digest, sizeof digest);
    buffer_append_text(&data, receiving);
    buffer_append_char(&data, ' ');
    buffer_append_text(&data, originating);
    buffer_append_char(&data, ' ');
    buffer_append_text(&data, id);
    HMAC(EVP_sha256(), secret, sizeof secret - 1, (const unsigned char *)data.data, data.size, mac, NULL);
    buffer_fini(&data);
    write_hex(out, mac, sizeof mac);
}
