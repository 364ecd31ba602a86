/* jwt.h - JSON Web Tokens (RFC 7519) in their signed, compact form (RFC 7515 7.1): who one is about and until when, if a key
 * of ours signed it.  HS256, RS256 and ES256 (RFC 7518 3.1).  A key says itself for which algorithm it is, so no token can
 * choose another.  Pure functions but for jwt_keys_load. */
#ifndef STANZABUS_JWT_H
#define STANZABUS_JWT_H

#include "stanzabus/memory.h"

enum {
    JWT_MAX = 8192,      /* bytes of a token */
    JWT_KEYS_MAX = 32,   /* keys of a set */
    JWT_FILE_MAX = 65536 /* bytes of a file of keys */
};

struct jwt_keys; /* opaque */

/* key_file: a secret of at least 32 bytes (HS256; a line end behind it does not count), or a public key as PEM (RSA of at
 * least 2048 bits: RS256, P-256: ES256).  set_file: a JWK set (RFC 7517 5).  Either may be empty.  NULL, and a sentence in
 * error, when one cannot be used. */
struct jwt_keys *jwt_keys_load(struct text key_file, struct text set_file, char *error, size_t size);
/* The same from what is in the files. */
struct jwt_keys *jwt_keys_read(struct text key, struct text set, char *error, size_t size);
void jwt_keys_free(struct jwt_keys **keys);

struct jwt_rules {
    struct text issuer;   /* iss must be this; empty: any */
    struct text audience; /* aud must be or hold this; empty: a token that has an aud is not for us (RFC 7519 4.1.3) */
    struct text claim;    /* the claim that names the account */
    int64_t skew_ms;      /* how far the clocks may be apart */
};

enum jwt_verdict { JWT_GOOD, JWT_EXPIRED, JWT_BAD };
struct jwt {
    struct text name;   /* of the claim, as it was; in the arena */
    int64_t expires_ms; /* Unix time, skew included; always there: a token without exp is bad */
    const char *why;    /* a stable word, when it is not good */
};
enum jwt_verdict jwt_check(const struct jwt_keys *keys, const struct jwt_rules *rules, struct text token, int64_t wall_ms,
                           struct arena *arena, struct jwt *out);

#endif
