/* scram_client.c - see scram_client.h. */
#include "scram_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NONCE "rOprNGfwEbeRWgbNEkqO"

static void base64(char *out, const void *data, size_t size)
{
    EVP_EncodeBlock((unsigned char *)out, data, (int)size);
}

void scram_client_first(struct scram_client *client)
{
    snprintf(client->first, sizeof client->first, "%sn=%s,r=" NONCE, client->gs2, client->name);
}

static void parse_server_first(const char *message, char *nonce, unsigned char *salt, int *salt_size, int *iterations)
{
    char encoded[128];
    if (sscanf(message, "r=%255[^,],s=%127[^,],i=%d", nonce, encoded, iterations) != 3)
        abort();
    *salt_size = EVP_DecodeBlock(salt, (const unsigned char *)encoded, (int)strlen(encoded));
    for (size_t size = strlen(encoded); size && encoded[size - 1] == '='; size--)
        (*salt_size)--;
}

void scram_client_final(struct scram_client *client, const char *server_first)
{
    const EVP_MD *md = EVP_get_digestbyname(client->hash);
    int size = EVP_MD_get_size(md), salt_size, iterations;
    unsigned char salt[96], salted[32], key[32], stored[32], signature[32], server_key[32];
    char nonce[256], header[512], header64[768], without_proof[1100], message[2048], encoded[64];
    size_t gs2_size = strlen(client->gs2);

    parse_server_first(server_first, nonce, salt, &salt_size, &iterations);
    PKCS5_PBKDF2_HMAC(client->password, (int)strlen(client->password), salt, salt_size, iterations, md, size, salted);
    HMAC(md, salted, size, (const unsigned char *)"Client Key", 10, key, NULL);
    HMAC(md, salted, size, (const unsigned char *)"Server Key", 10, server_key, NULL);
    EVP_Digest(key, (size_t)size, stored, NULL, md, NULL);

    memcpy(header, client->gs2, gs2_size);
    if (client->binding)
        memcpy(header + gs2_size, client->binding, client->binding_size);
    base64(header64, header, gs2_size + (client->binding ? client->binding_size : 0));
    snprintf(without_proof, sizeof without_proof, "c=%s,r=%s", header64, client->nonce ? client->nonce : nonce);
    snprintf(message, sizeof message, "%s,%s,%s", client->first + gs2_size, server_first, without_proof);
    HMAC(md, stored, size, (const unsigned char *)message, strlen(message), signature, NULL);
    for (int i = 0; i < size; i++)
        key[i] ^= signature[i];
    base64(encoded, key, (size_t)size);
    snprintf(client->final, sizeof client->final, "%s,p=%s", without_proof, encoded);

    HMAC(md, server_key, size, (const unsigned char *)message, strlen(message), signature, NULL);
    base64(encoded, signature, (size_t)size);
    snprintf(client->expected, sizeof client->expected, "v=%s", encoded);
}
