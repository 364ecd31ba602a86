/* jwt_inside.h - what the files of this folder share. */
#ifndef STANZABUS_JWT_INSIDE_H
#define STANZABUS_JWT_INSIDE_H

#include <openssl/evp.h>

#include "stanzabus/jwt.h"
#include "stanzabus/json_reader.h"

enum jwt_algorithm { JWT_NONE, JWT_HS256, JWT_RS256, JWT_ES256 };

struct jwt_key {
    enum jwt_algorithm algorithm;
    char *id;               /* owned; NULL: fits every kid */
    unsigned char *secret;  /* owned; HS256 */
    size_t secret_size;
    EVP_PKEY *public;       /* owned; the others */
};

struct jwt_keys {
    struct jwt_key keys[JWT_KEYS_MAX];
    size_t count;
};

/* RFC 4648 5 without padding, strict; -1 also when it is more than room. */
long base64url_decode(unsigned char *out, size_t room, struct text in);
/* A copy that json_reader may work in. */
char *json_copy(struct arena *arena, struct text text);

bool key_is_signer(const struct jwt_key *key, struct text signed_part, const unsigned char *signature, size_t size);
/* jwk_set.c: adds the keys of a JWK set; false after error was filled. */
bool jwk_set_read(struct jwt_keys *keys, struct text set, char *error, size_t size);
struct jwt_key *keys_add(struct jwt_keys *keys); /* NULL: no room */
bool key_take_public(struct jwt_key *key, EVP_PKEY *public); /* takes it; false (and freed): not a kind that is used here */

#endif
