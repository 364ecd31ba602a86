/* scram.c - RFC 5802 3 and 5. */
#include "scram.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>

void base64_write(struct buffer *out, const unsigned char *data, size_t size)
{
    char *to = buffer_reserve(out, size * 4 / 3 + 8);
    out->size += (size_t)EVP_EncodeBlock((unsigned char *)to, data, (int)size);
}

bool base64_read(struct buffer *out, struct text in)
{
    char *to = buffer_reserve(out, in.size + 4);
    int size = EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)in.data, (int)in.size);
    if (size < 0)
        return false;
    while (in.size && in.data[in.size - 1] == '=') {
        in.size--;
        size--;
    }
    out->size += (size_t)size;
    return true;
}

void scram_first(struct scram *scram, struct buffer *out)
{
    unsigned char random[12];
    RAND_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        sprintf(scram->nonce + 2 * i, "%02x", random[i]);
    buffer_printf(out, "n,,n=%s,r=%s", scram->user, scram->nonce);
}

/* The value of "x=..." in a comma-separated message. */
static struct text value_of(struct text message, char name)
{
    for (size_t i = 0; i + 1 < message.size; i++)
        if (message.data[i] == name && message.data[i + 1] == '=' && (i == 0 || message.data[i - 1] == ',')) {
            const char *start = message.data + i + 2;
            const char *end = memchr(start, ',', (size_t)(message.data + message.size - start));
            return (struct text){ start, (size_t)((end ? end : message.data + message.size) - start) };
        }
    return (struct text){ 0 };
}

static unsigned number_of(struct text digits)
{
    unsigned number = 0;
    for (size_t i = 0; i < digits.size && digits.data[i] >= '0' && digits.data[i] <= '9'; i++)
        number = number * 10 + (unsigned)(digits.data[i] - '0');
    return number;
}

static void hmac(const struct scram *scram, const unsigned char *key, struct text text, unsigned char *out)
{
    HMAC(scram->hash, key, EVP_MD_size(scram->hash), (const unsigned char *)text.data, text.size, out, NULL);
}

static bool salt_password(struct scram *scram, struct text salt, unsigned iterations)
{
    struct scram_salted *salted = scram->salted;
    struct buffer raw = { 0 };
    if (scram->last_salted->iterations == iterations && text_is(salt, scram->last_salted->salt))
        *salted = *scram->last_salted;
    if (salted->iterations == iterations && text_is(salt, salted->salt))
        return true;
    if (salt.size >= sizeof salted->salt || !base64_read(&raw, salt))
        return false;
    PKCS5_PBKDF2_HMAC(scram->password, (int)strlen(scram->password), (const unsigned char *)raw.data, (int)raw.size,
                      (int)iterations, scram->hash, EVP_MD_size(scram->hash), salted->password);
    buffer_fini(&raw);
    snprintf(salted->salt, sizeof salted->salt, "%.*s", TEXT_ARGS(salt));
    salted->iterations = iterations;
    *scram->last_salted = *salted;
    return true;
}

static void prove(struct scram *scram, struct text auth, unsigned char *proof)
{
    unsigned char client_key[SCRAM_HASH_MAX], stored_key[SCRAM_HASH_MAX], signature[SCRAM_HASH_MAX],
        server_key[SCRAM_HASH_MAX];
    size_t size = (size_t)EVP_MD_size(scram->hash);
    struct buffer expected = { 0 };
    hmac(scram, scram->salted->password, TEXT("Client Key"), client_key);
    EVP_Digest(client_key, size, stored_key, NULL, scram->hash, NULL);
    hmac(scram, stored_key, auth, signature);
    for (size_t i = 0; i < size; i++)
        proof[i] = client_key[i] ^ signature[i];
    hmac(scram, scram->salted->password, TEXT("Server Key"), server_key);
    hmac(scram, server_key, auth, signature);
    base64_write(&expected, signature, size);
    snprintf(scram->server_signature, sizeof scram->server_signature, "%.*s", (int)expected.size, expected.data);
    buffer_fini(&expected);
}

bool scram_final(struct scram *scram, struct text server_first, struct buffer *out)
{
    struct text nonce = value_of(server_first, 'r'), salt = value_of(server_first, 's'),
                rounds = value_of(server_first, 'i');
    unsigned char proof[SCRAM_HASH_MAX];
    struct buffer auth = { 0 };
    if (!text_starts_with(nonce, text_of(scram->nonce)) || !salt.size || !rounds.size ||
        !salt_password(scram, salt, number_of(rounds)))
        return false;
    buffer_printf(&auth, "n=%s,r=%s,%.*s,c=biws,r=%.*s", scram->user, scram->nonce, TEXT_ARGS(server_first),
                  TEXT_ARGS(nonce));
    prove(scram, buffer_text(&auth), proof);
    buffer_printf(out, "c=biws,r=%.*s,p=", TEXT_ARGS(nonce));
    base64_write(out, proof, (size_t)EVP_MD_size(scram->hash));
    buffer_fini(&auth);
    return true;
}

bool scram_verify(const struct scram *scram, struct text server_final)
{
    return text_is(value_of(server_final, 'v'), scram->server_signature);
}
