/* credential.c - SCRAM keys from passwords, and strict base64. */
#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "gateway/session/hash.h"
#include "stanzabus/jid.h"

enum { SALT_SIZE = 16 };

/* RFC 5802 3: ClientKey, StoredKey, ServerKey. */
int credential_derive_keys(struct scram_keys *keys, enum credential_hash hash, struct text password)
{
    unsigned char salted[HASH_MAX], client_key[HASH_MAX];
    size_t size = hash_size(hash);

    if (hash_pbkdf2(hash, password, keys->salt, keys->salt_size, keys->iterations, salted) < 0)
        return -1;
    hash_mac(hash, salted, size, TEXT("Client Key"), client_key);
    hash_digest(hash, client_key, size, keys->stored_key);
    hash_mac(hash, salted, size, TEXT("Server Key"), keys->server_key);
    OPENSSL_cleanse(salted, sizeof salted);
    OPENSSL_cleanse(client_key, sizeof client_key);
    return 0;
}

static int derive(struct scram_keys *keys, enum credential_hash hash, struct text password, unsigned iterations)
{
    *keys = (struct scram_keys){ .iterations = iterations, .salt_size = SALT_SIZE };
    if (RAND_bytes(keys->salt, SALT_SIZE) != 1)
        return -1;
    return credential_derive_keys(keys, hash, password);
}

int credential_derive(struct account *account, struct text password, unsigned iterations)
{
    struct arena arena = { 0 };
    struct text prepared;
    int result = jid_prepare_password(&arena, password, &prepared);

    if (result == 0)
        result = derive(&account->sha1, HASH_SHA1, prepared, iterations);
    if (result == 0)
        result = derive(&account->sha256, HASH_SHA256, prepared, iterations);
    if (arena.chunks && prepared.data != password.data)
        OPENSSL_cleanse((char *)prepared.data, prepared.size);
    arena_fini(&arena);
    return result;
}

size_t credential_base64(char *out, size_t room, const void *data, size_t size)
{
    assert(room >= credential_base64_room(size));
    (void)room;
    return (size_t)EVP_EncodeBlock((unsigned char *)out, data, (int)size);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* OpenSSL's decoder skips white space and takes padding anywhere at the end for zero bytes; RFC 6120 13.9.1 wants
 * such input refused, so this is done by hand. */
long credential_base64_decode(unsigned char *out, size_t room, struct text in)
{
    size_t padding = 0, made = 0;
    uint32_t bits = 0;

    if (in.size % 4 != 0)
        return -1;
    while (padding < 2 && padding < in.size && in.data[in.size - 1 - padding] == '=')
        padding++;
    size_t size = in.size / 4 * 3 - padding;
    if (size > room)
        return -1;
    for (size_t i = 0; i < in.size - padding; i++) {
        int value = base64_value(in.data[i]);
        if (value < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)value) & 0xFFFFFF;
        if (i % 4 != 0)
            out[made++] = (unsigned char)(bits >> (6 - i % 4 * 2));
    }
    return padding && bits & ((1u << padding * 2) - 1) ? -1 : (long)size;
}
