/* jwt.c - fuzzes tokens and key sets.  The first byte chooses: a whole token, claims that are signed here (so that what
 * stands behind the signature is reached), or a set of keys. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/jwt.h"
#include "tests/unit/jwt/signer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static void check_token(const struct jwt_keys *keys, struct text token)
{
    static const struct jwt_rules rules = { .claim = TEXT_INIT("sub"), .skew_ms = 30000 };
    struct arena arena = { 0 };
    struct jwt jwt;
    enum jwt_verdict verdict = jwt_check(keys, &rules, token, 1795000000000, &arena, &jwt);
    must((verdict == JWT_GOOD) == (jwt.why == NULL), "a reason, or good");
    if (verdict == JWT_GOOD)
        must(jwt.name.size > 0 && jwt.expires_ms > 1795000000000, "a good token has a name and an end to come");
    arena_fini(&arena);
}

static void check_claims(const struct jwt_keys *keys, const char *claims)
{
    struct buffer token = { 0 };
    signer_token(&token, "{\"alg\":\"HS256\"}", claims, NULL, TEXT(SIGNER_SECRET));
    check_token(keys, buffer_text(&token));
    buffer_fini(&token);
}

static void check_keys(struct text set)
{
    char error[256] = "";
    struct jwt_keys *keys = jwt_keys_read((struct text){ NULL, 0 }, set, error, sizeof error);
    must(set.size == 0 || (keys == NULL) == (*error != '\0'), "keys, or a reason");
    jwt_keys_free(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[256];
    struct jwt_keys *keys = jwt_keys_read(TEXT(SIGNER_SECRET), (struct text){ NULL, 0 }, error, sizeof error);
    if (size > 0 && size < JWT_FILE_MAX) {
        char *rest = xmalloc(size);
        memcpy(rest, data + 1, size - 1);
        rest[size - 1] = '\0';
        if (data[0] == 't')
            check_token(keys, (struct text){ rest, size - 1 });
        else if (data[0] == 'c')
            check_claims(keys, rest);
        else
            check_keys((struct text){ rest, size - 1 });
        free(rest);
    }
    jwt_keys_free(&keys);
    return 0;
}
