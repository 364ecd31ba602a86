/* archive_id.c - stream ids enciphered: one block of AES-128 with a mask of the account before and behind it (XEX), in
 * base64url.  A block is 8 bytes of milliseconds and 8 of sequence, most of them zero in every id that is true, so that a
 * made-up one is refused here but for one in 2^40. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/archive_id.h"

enum { BLOCK = 16, SHOWN = 22 };
enum { MS_BITS = 48, SEQUENCE_BITS = 40 };

struct archive_ids {
    EVP_CIPHER_CTX *encipher, *decipher;
    unsigned char mask_key[SHA256_DIGEST_LENGTH];
};

/* -- raw ids -- */

static bool take_number(struct text *rest, uint64_t *out)
{
    size_t i = 0;
    *out = 0;
    for (; i < rest->size && rest->data[i] >= '0' && rest->data[i] <= '9'; i++)
        if (__builtin_mul_overflow(*out, (uint64_t)10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(rest->data[i] - '0'), out))
            return false;
    rest->data += i;
    rest->size -= i;
    return i > 0;
}

bool archive_id_parse(struct text raw, struct archive_id *out)
{
    uint64_t ms;
    if (!take_number(&raw, &ms) || ms > INT64_MAX || raw.size == 0 || raw.data[0] != '-')
        return false;
    raw = (struct text){ raw.data + 1, raw.size - 1 };
    out->ms = (int64_t)ms;
    return take_number(&raw, &out->sequence) && raw.size == 0;
}

struct text archive_id_print(const struct archive_id *id, char out[ARCHIVE_ID_RAW])
{
    int size = snprintf(out, ARCHIVE_ID_RAW, "%lld-%llu", (long long)id->ms, (unsigned long long)id->sequence);
    return (struct text){ out, (size_t)size };
}

int archive_id_compare(const struct archive_id *a, const struct archive_id *b)
{
    if (a->ms != b->ms)
        return a->ms < b->ms ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

/* -- keys -- */

static void derive(const unsigned char secret[32], const char *purpose, unsigned char out[SHA256_DIGEST_LENGTH])
{
    unsigned char input[64] = { 0 };
    memcpy(input, secret, 32);
    snprintf((char *)input + 32, 32, "%s", purpose);
    SHA256(input, sizeof input, out);
}

static EVP_CIPHER_CTX *make_cipher(const unsigned char *key, int is_enciphering)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context || EVP_CipherInit_ex(context, EVP_aes_128_ecb(), NULL, key, NULL, is_enciphering) != 1)
        abort();
    EVP_CIPHER_CTX_set_padding(context, 0);
    return context;
}

struct archive_ids *archive_ids_new(const unsigned char secret[32])
{
    struct archive_ids *ids = xmalloc(sizeof *ids);
    unsigned char key[SHA256_DIGEST_LENGTH];
    derive(secret, "archive id", key);
    ids->encipher = make_cipher(key, 1);
    ids->decipher = make_cipher(key, 0);
    derive(secret, "archive id of an account", ids->mask_key);
    return ids;
}

void archive_ids_free(struct archive_ids **pointer)
{
    struct archive_ids *ids = *pointer;
    if (!ids)
        return;
    EVP_CIPHER_CTX_free(ids->encipher);
    EVP_CIPHER_CTX_free(ids->decipher);
    free(ids);
    *pointer = NULL;
}

/* -- shown ids -- */

/* The account's mask, put on what is enciphered and taken off again. */
static void apply_mask(const struct archive_ids *ids, struct text bare, EVP_CIPHER_CTX *cipher, unsigned char block[BLOCK])
{
    unsigned char input[SHA256_DIGEST_LENGTH + 3071], mask[SHA256_DIGEST_LENGTH];
    size_t size = bare.size < 3071 ? bare.size : 3071; /* RFC 7622 3: no address is longer */
    int written = 0;
    memcpy(input, ids->mask_key, SHA256_DIGEST_LENGTH);
    memcpy(input + SHA256_DIGEST_LENGTH, bare.data, size);
    SHA256(input, SHA256_DIGEST_LENGTH + size, mask);
    for (int i = 0; i < BLOCK; i++)
        block[i] ^= mask[i];
    if (EVP_CipherUpdate(cipher, block, &written, block, BLOCK) != 1 || written != BLOCK)
        abort();
    for (int i = 0; i < BLOCK; i++)
        block[i] ^= mask[i];
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write_letters(const unsigned char block[BLOCK], char out[SHOWN])
{
    for (int i = 0; i < SHOWN; i++) {
        int bit = i * 6, byte = bit / 8;
        unsigned two = (unsigned)block[byte] << 8 | (byte + 1 < BLOCK ? block[byte + 1] : 0u);
        out[i] = letters[two >> (10 - bit % 8) & 63];
    }
}

static bool read_letters(struct text shown, unsigned char block[BLOCK])
{
    char again[SHOWN];
    memset(block, 0, BLOCK);
    if (shown.size != SHOWN)
        return false;
    for (int i = 0; i < SHOWN; i++) {
        const char *letter = shown.data[i] ? strchr(letters, shown.data[i]) : NULL;
        int bit = i * 6, byte = bit / 8;
        if (!letter)
            return false;
        unsigned two = (unsigned)(letter - letters) << (10 - bit % 8);
        block[byte] |= (unsigned char)(two >> 8);
        if (byte + 1 < BLOCK)
            block[byte + 1] |= (unsigned char)two;
    }
    write_letters(block, again); /* the last letter has bits to spare: only one of its forms is taken */
    return memcmp(again, shown.data, SHOWN) == 0;
}

struct text archive_id_show(const struct archive_ids *ids, struct arena *arena, struct text bare, struct text raw)
{
    unsigned char block[BLOCK];
    struct archive_id id;
    if (!archive_id_parse(raw, &id))
        return (struct text){ 0 };
    for (int i = 0; i < 8; i++) {
        block[i] = (unsigned char)((uint64_t)id.ms >> (56 - 8 * i));
        block[8 + i] = (unsigned char)(id.sequence >> (56 - 8 * i));
    }
    apply_mask(ids, bare, ids->encipher, block);
    char *out = arena_alloc(arena, SHOWN);
    write_letters(block, out);
    return (struct text){ out, SHOWN };
}

bool archive_id_read(const struct archive_ids *ids, struct text bare, struct text shown, struct archive_id *out)
{
    unsigned char block[BLOCK];
    uint64_t ms = 0, sequence = 0;
    if (!read_letters(shown, block))
        return false;
    apply_mask(ids, bare, ids->decipher, block);
    for (int i = 0; i < 8; i++) {
        ms = ms << 8 | block[i];
        sequence = sequence << 8 | block[8 + i];
    }
    *out = (struct archive_id){ (int64_t)ms, sequence };
    return ms >> MS_BITS == 0 && sequence >> SEQUENCE_BITS == 0;
}
