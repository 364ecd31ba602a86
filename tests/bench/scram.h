/* scram.h - the client's side of SCRAM (RFC 5802) with SHA-1 or SHA-256, without channel binding. */
#ifndef BENCH_SCRAM_H
#define BENCH_SCRAM_H

#include <openssl/evp.h>

#include "stanzabus/memory.h"

enum { SCRAM_HASH_MAX = 32 };

/* What a password became, kept for the next login of the same account: hashing is the client's cost, not measured. */
struct scram_salted {
    unsigned char password[SCRAM_HASH_MAX];
    char salt[128]; /* as the server said it, base64; empty: nothing kept */
    unsigned iterations;
};

struct scram {
    const EVP_MD *hash;
    const char *user, *password;
    struct scram_salted *salted, *last_salted; /* borrowed: of this account, and of the account hashed last */
    char nonce[32];
    char server_signature[64]; /* base64, what the server must say */
};

/* All texts are the messages themselves; base64 around them is the caller's. */
void scram_first(struct scram *scram, struct buffer *out);
/* false: the server's message is no good. */
bool scram_final(struct scram *scram, struct text server_first, struct buffer *out);
bool scram_verify(const struct scram *scram, struct text server_final);

void base64_write(struct buffer *out, const unsigned char *data, size_t size);
bool base64_read(struct buffer *out, struct text in);

#endif
