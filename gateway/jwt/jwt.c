/* jwt.c - one token: header.claims.signature, each in base64url.  The signature comes first: what is not ours is not looked
 * at any further. */

#include "gateway/jwt/jwt_inside.h"

enum { DEPTH_MAX = 16, SIGNATURE_MAX = 1024 };

static enum jwt_verdict refuse(struct jwt *out, enum jwt_verdict verdict, const char *why)
{
    out->why = why;
    return verdict;
}

/* -- the three parts -- */

struct parts {
    struct text header, claims, signature, signed_part;
};

static bool take_parts(struct text token, struct parts *parts)
{
    const char *first = memchr(token.data, '.', token.size);
    const char *end = token.data + token.size;
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    parts->header = (struct text){ token.data, (size_t)(first - token.data) };
    parts->claims = (struct text){ first + 1, (size_t)(second - first - 1) };
    parts->signature = (struct text){ second + 1, (size_t)(end - second - 1) };
    parts->signed_part = (struct text){ token.data, (size_t)(second - token.data) };
    return true;
}

/* Reads the object that base64url holds. */
static bool read_object(struct arena *arena, struct text encoded, json_member_fn *member, void *ctx)
{
    unsigned char *json = arena_alloc(arena, encoded.size + JSON_PADDING);
    long size = base64url_decode(json, encoded.size, encoded);
    struct json_reader reader;
    struct refusal why = { 0 };
    if (size < 0)
        return false;
    memset(json + size, 0, JSON_PADDING);
    json_reader_init(&reader, (char *)json, (size_t)size, DEPTH_MAX, arena, &why);
    return json_read_object(&reader, member, ctx) && json_read_end(&reader);
}

/* -- header -- */

struct header {
    struct text algorithm, id;
    bool is_critical; /* names extensions that must be understood (RFC 7515 4.1.11): none is here */
};

static bool read_header(struct json_reader *r, struct text key, void *ctx)
{
    struct header *header = ctx;
    if (text_is(key, "alg"))
        return json_read_string(r, &header->algorithm);
    if (text_is(key, "kid"))
        return json_read_string(r, &header->id);
    header->is_critical |= text_is(key, "crit");
    return json_skip(r);
}

static enum jwt_algorithm algorithm_of(struct text name)
{
    return text_is(name, "HS256")   ? JWT_HS256
           : text_is(name, "RS256") ? JWT_RS256
           : text_is(name, "ES256") ? JWT_ES256
                                    : JWT_NONE;
}

/* A token that names its key is checked by that one alone; a key without a name fits every name. */
static bool is_signed(const struct jwt_keys *keys, const struct header *header, const struct parts *parts)
{
    enum jwt_algorithm algorithm = algorithm_of(header->algorithm);
    unsigned char signature[SIGNATURE_MAX];
    long size = base64url_decode(signature, sizeof signature, parts->signature);

    if (algorithm == JWT_NONE || size <= 0 || header->is_critical)
        return false;
    for (size_t i = 0; i < keys->count; i++) {
        const struct jwt_key *key = &keys->keys[i];
        if (key->algorithm != algorithm || (header->id.data && key->id && !text_is(header->id, key->id)))
            continue;
        if (key_is_signer(key, parts->signed_part, signature, (size_t)size))
            return true;
    }
    return false;
}

/* -- claims -- */

struct claims {
    const struct jwt_rules *rules;
    struct text issuer, name;
    bool has_audience, is_for_us;
    int64_t expires_ms, not_before_ms, issued_ms; /* 0: absent */
};

/* NumericDate (RFC 7519 2): seconds, perhaps with a fraction. */
static bool read_date(struct json_reader *r, int64_t *out)
{
    double seconds;
    if (!json_read_number(r, &seconds))
        return false;
    if (!(seconds > 0 && seconds < 1e12))
        return json_refuse(r, "bad-value", "a time expected");
    *out = (int64_t)(seconds * 1000);
    return true;
}

static bool read_one_audience(struct json_reader *r, void *ctx)
{
    struct claims *claims = ctx;
    struct text audience;
    if (!json_read_string(r, &audience))
        return false;
    claims->has_audience = true;
    claims->is_for_us |= text_equal(audience, claims->rules->audience);
    return true;
}

static bool read_claim(struct json_reader *r, struct text key, void *ctx)
{
    struct claims *claims = ctx;
    if (text_is(key, "exp"))
        return read_date(r, &claims->expires_ms);
    if (text_is(key, "nbf"))
        return read_date(r, &claims->not_before_ms);
    if (text_is(key, "iat"))
        return read_date(r, &claims->issued_ms);
    if (text_is(key, "aud"))
        return json_peek(r) == '[' ? json_read_array(r, read_one_audience, claims) : read_one_audience(r, claims);
    if (text_equal(key, claims->rules->claim)) {
        bool is_read = json_read_string(r, &claims->name);
        if (is_read && text_is(key, "iss"))
            claims->issuer = claims->name;
        return is_read;
    }
    return text_is(key, "iss") ? json_read_string(r, &claims->issuer) : json_skip(r);
}

/* NULL: all is well with them, but for the time. */
static const char *claims_problem(const struct claims *claims)
{
    const struct jwt_rules *rules = claims->rules;
    if (rules->issuer.size && !text_equal(claims->issuer, rules->issuer))
        return "token-issuer";
    if (rules->audience.size || claims->has_audience)
        if (!rules->audience.size || !claims->is_for_us)
            return "token-audience";
    if (!claims->name.size)
        return "token-without-name";
    return claims->expires_ms ? NULL : "token-without-expiry";
}

enum jwt_verdict jwt_check(const struct jwt_keys *keys, const struct jwt_rules *rules, struct text token, int64_t wall_ms,
                           struct arena *arena, struct jwt *out)
{
    struct parts parts;
    struct header header = { 0 };
    struct claims claims = { .rules = rules };

    *out = (struct jwt){ .why = NULL };
    if (token.size == 0 || token.size > JWT_MAX || !take_parts(token, &parts))
        return refuse(out, JWT_BAD, "token-malformed");
    if (!read_object(arena, parts.header, read_header, &header))
        return refuse(out, JWT_BAD, "token-malformed");
    if (!is_signed(keys, &header, &parts))
        return refuse(out, JWT_BAD, "token-signature");
    if (!read_object(arena, parts.claims, read_claim, &claims))
        return refuse(out, JWT_BAD, "token-malformed");
    const char *problem = claims_problem(&claims);
    if (problem)
        return refuse(out, JWT_BAD, problem);
    if (claims.not_before_ms > wall_ms + rules->skew_ms || claims.issued_ms > wall_ms + rules->skew_ms)
        return refuse(out, JWT_BAD, "token-not-yet-good");
    if (claims.expires_ms + rules->skew_ms <= wall_ms)
        return refuse(out, JWT_EXPIRED, "token-expired");
    out->name = claims.name;
    out->expires_ms = claims.expires_ms + rules->skew_ms;
    return JWT_GOOD;
}
