/* import_line.c - JID, tab, password; or JID, tab, keys, and the other hash's keys behind a further tab:
 *   juliet@example.com<tab>R0m30
 *   juliet@example.com<tab>SCRAM-SHA-256$10000:c2FsdA==$<stored key>:<server key><tab>SCRAM-SHA-1$...
 * The form of the keys is that of RFC 5803 3, with everything binary in base64. */
#include "gateway/command/import_line.h"
#include "stanzabus/credential.h"

enum { SHA1_BYTES = 20, SHA256_BYTES = 32, ITERATIONS_MIN = 1, ITERATIONS_MAX = 10 * 1000 * 1000 };

/* Takes what stands before the separator off the front; false when there is none. */
static bool take_until(struct text *rest, char separator, struct text *part)
{
    const char *end = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
    if (!end)
        return false;
    *part = (struct text){ rest->data, (size_t)(end - rest->data) };
    rest->data = end + 1;
    rest->size -= part->size + 1;
    return true;
}

static bool parse_iterations(struct text digits, unsigned *iterations)
{
    unsigned long value = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9' || i > 8)
            return false;
        value = value * 10 + (unsigned long)(digits.data[i] - '0');
    }
    *iterations = (unsigned)value;
    return value >= ITERATIONS_MIN && value <= ITERATIONS_MAX;
}

/* iterations:salt$stored:server */
static const char *parse_keys(struct text text, int hash_size, struct scram_keys *keys)
{
    struct text iterations, salt, stored;
    if (!take_until(&text, ':', &iterations) || !take_until(&text, '$', &salt) || !take_until(&text, ':', &stored))
        return "keys look like SCRAM-SHA-256$iterations:salt$stored:server";
    if (!parse_iterations(iterations, &keys->iterations))
        return "the number of iterations is not from 1 to 10000000";
    long salt_size = credential_base64_decode(keys->salt, sizeof keys->salt, salt);
    if (salt_size < 1)
        return "the salt is not base64 of 1 to 64 bytes";
    keys->salt_size = (unsigned)salt_size;
    if (credential_base64_decode(keys->stored_key, sizeof keys->stored_key, stored) != hash_size)
        return "the stored key is not base64 of as many bytes as the hash has";
    if (credential_base64_decode(keys->server_key, sizeof keys->server_key, text) != hash_size)
        return "the server key is not base64 of as many bytes as the hash has";
    return NULL;
}

static const struct {
    struct text prefix;
    int size;
} hashes[] = {
    { TEXT_INIT("SCRAM-SHA-1$"), SHA1_BYTES },
    { TEXT_INIT("SCRAM-SHA-256$"), SHA256_BYTES },
};

static int find_hash(struct text field)
{
    for (int i = 0; i < 2; i++)
        if (text_starts_with(field, hashes[i].prefix))
            return i;
    return -1;
}

static const char *parse_field(struct text field, struct account *account)
{
    int hash = find_hash(field);
    if (hash < 0)
        return "behind keys there can only be further keys (SCRAM-SHA-1$... or SCRAM-SHA-256$...)";
    struct scram_keys *keys = hash == 0 ? &account->sha1 : &account->sha256;
    if (keys->iterations)
        return "the keys of one hash are given twice";
    struct text prefix = hashes[hash].prefix;
    return parse_keys((struct text){ field.data + prefix.size, field.size - prefix.size }, hashes[hash].size, keys);
}

const char *import_line_parse(struct text line, struct import_line *out)
{
    *out = (struct import_line){ 0 };
    if (line.size && line.data[line.size - 1] == '\r')
        line.size--;
    if (!take_until(&line, '\t', &out->address))
        return "there is no tab behind the address";
    if (!line.size)
        return "there is nothing behind the tab";
    out->password = line;
    out->has_keys = find_hash(line) >= 0;
    if (!out->has_keys)
        return NULL;
    struct text field;
    const char *wrong = NULL;
    while (!wrong && take_until(&line, '\t', &field))
        wrong = parse_field(field, &out->account);
    return wrong ? wrong : parse_field(line, &out->account);
}
