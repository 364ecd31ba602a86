/* jwt_test.c - tokens: whose word is taken, and whose is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "signer.h"
#include "stanzabus/jwt.h"

#define NOW_S 1795000000
#define HS "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD "{\"sub\":\"juliet\",\"exp\":1795003600}"

static EVP_PKEY *rsa, *other_rsa, *ec;

static const struct jwt_rules no_rules = { .claim = TEXT_INIT("sub"), .skew_ms = 30000 };

static struct jwt_keys *keys_of(const char *key, const char *set)
{
    char error[256] = "";
    struct jwt_keys *keys = jwt_keys_read(text_of(key), text_of(set), error, sizeof error);
    if (!keys)
        print_error("%s\n", error);
    assert_non_null(keys);
    return keys;
}

/* The verdict; why or the name into out. */
static enum jwt_verdict check(const struct jwt_keys *keys, const struct jwt_rules *rules, struct text token, char out[128])
{
    struct arena arena = { 0 };
    struct jwt jwt;
    enum jwt_verdict verdict = jwt_check(keys, rules, token, NOW_S * 1000ll, &arena, &jwt);
    if (verdict == JWT_GOOD)
        snprintf(out, 128, "%.*s", TEXT_ARGS(jwt.name));
    else
        snprintf(out, 128, "%s", jwt.why);
    arena_fini(&arena);
    return verdict;
}

static void test_claims(void **state)
{
    (void)state;
    static const struct {
        const char *claims, *issuer, *audience, *claim;
        enum jwt_verdict verdict;
        const char *out;
    } rows[] = {
        { GOOD, "", "", "sub", JWT_GOOD, "juliet" },
        { "{\"sub\":\"x\",\"user\":\"romeo\",\"exp\":1795003600.5,\"more\":{\"a\":[1,null,true]}}", "", "", "user",
          JWT_GOOD, "romeo" },
        { "{\"sub\":\"juliet\"}", "", "", "sub", JWT_BAD, "token-without-expiry" },
        { "{\"exp\":1795003600}", "", "", "sub", JWT_BAD, "token-without-name" },
        { "{\"sub\":\"\",\"exp\":1795003600}", "", "", "sub", JWT_BAD, "token-without-name" },
        { "{\"sub\":7,\"exp\":1795003600}", "", "", "sub", JWT_BAD, "token-malformed" },
        { "{\"sub\":\"a\",\"exp\":\"1795003600\"}", "", "", "sub", JWT_BAD, "token-malformed" },
        { "{\"sub\":\"a\",\"exp\":-1}", "", "", "sub", JWT_BAD, "token-malformed" },
        { "{\"sub\":\"a\",\"exp\":1e999}", "", "", "sub", JWT_BAD, "token-malformed" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"sub\":\"b\"}", "", "", "sub", JWT_BAD, "token-malformed" },
        { "{\"sub\":\"a\",\"exp\":1795003600}x", "", "", "sub", JWT_BAD, "token-malformed" },
        { "[]", "", "", "sub", JWT_BAD, "token-malformed" },
        { "{\"sub\":\"a\",\"exp\":1794999980}", "", "", "sub", JWT_GOOD, "a" }, /* 20 s ago: clocks differ */
        { "{\"sub\":\"a\",\"exp\":1794999960}", "", "", "sub", JWT_EXPIRED, "token-expired" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"nbf\":1795000020}", "", "", "sub", JWT_GOOD, "a" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"nbf\":1795000040}", "", "", "sub", JWT_BAD, "token-not-yet-good" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"iat\":1795000040}", "", "", "sub", JWT_BAD, "token-not-yet-good" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"iss\":\"me\"}", "me", "", "sub", JWT_GOOD, "a" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"iss\":\"you\"}", "me", "", "sub", JWT_BAD, "token-issuer" },
        { GOOD, "me", "", "sub", JWT_BAD, "token-issuer" },
        { "{\"exp\":1795003600,\"iss\":\"me\"}", "me", "", "iss", JWT_GOOD, "me" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"aud\":\"chat\"}", "", "chat", "sub", JWT_GOOD, "a" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"aud\":[\"x\",\"chat\"]}", "", "chat", "sub", JWT_GOOD, "a" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"aud\":[\"x\",\"y\"]}", "", "chat", "sub", JWT_BAD, "token-audience" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"aud\":[]}", "", "chat", "sub", JWT_BAD, "token-audience" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"aud\":{}}", "", "chat", "sub", JWT_BAD, "token-malformed" },
        { GOOD, "", "chat", "sub", JWT_BAD, "token-audience" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"aud\":\"\"}", "", "", "sub", JWT_BAD, "token-audience" },
        { "{\"sub\":\"a\",\"exp\":1795003600,\"aud\":\"x\"}", "", "", "sub", JWT_BAD, "token-audience" },
    };
    struct jwt_keys *keys = keys_of(SIGNER_SECRET, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct jwt_rules rules = { text_of(rows[i].issuer), text_of(rows[i].audience), text_of(rows[i].claim), 30000 };
        struct buffer token = { 0 };
        char out[128];
        signer_token(&token, HS, rows[i].claims, NULL, TEXT(SIGNER_SECRET));
        print_message("%s\n", rows[i].claims);
        assert_int_equal(check(keys, &rules, buffer_text(&token), out), rows[i].verdict);
        assert_string_equal(out, rows[i].out);
        buffer_fini(&token);
    }
    jwt_keys_free(&keys);
}

enum signer { BY_SECRET, BY_RSA, BY_OTHER_RSA, BY_EC, BY_PEM /* HMAC with the text of the public key */ };

static void sign(struct buffer *token, const char *header, enum signer signer, struct text pem)
{
    EVP_PKEY *keys[] = { NULL, rsa, other_rsa, ec, NULL };
    signer_token(token, header, GOOD, keys[signer], signer == BY_PEM ? pem : TEXT(SIGNER_SECRET));
}

/* Which header and signer which key takes: no token chooses its algorithm against the key. */
static void test_signatures(void **state)
{
    (void)state;
    enum key { SECRET, PEM_RSA, PEM_EC, SET };
    static const struct {
        enum key key;
        const char *header;
        enum signer signer;
        bool is_good;
    } rows[] = {
        { SECRET, HS, BY_SECRET, true },
        { SECRET, "{\"alg\":\"HS256\",\"kid\":\"any\"}", BY_SECRET, true },
        { SECRET, "{\"alg\":\"hs256\"}", BY_SECRET, false },
        { SECRET, "{\"alg\":\"none\"}", BY_SECRET, false },
        { SECRET, "{\"alg\":\"HS512\"}", BY_SECRET, false },
        { SECRET, "{}", BY_SECRET, false },
        { SECRET, "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", BY_SECRET, false },
        { SECRET, "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", BY_SECRET, false },
        { SECRET, "{\"alg\":\"RS256\"}", BY_RSA, false },
        { PEM_RSA, "{\"alg\":\"RS256\"}", BY_RSA, true },
        { PEM_RSA, "{\"alg\":\"RS256\"}", BY_OTHER_RSA, false },
        { PEM_RSA, "{\"alg\":\"HS256\"}", BY_PEM, false }, /* the public key as a secret: everybody has it */
        { PEM_RSA, "{\"alg\":\"ES256\"}", BY_EC, false },
        { PEM_EC, "{\"alg\":\"ES256\"}", BY_EC, true },
        { PEM_EC, "{\"alg\":\"HS256\"}", BY_PEM, false },
        { PEM_EC, "{\"alg\":\"RS256\"}", BY_RSA, false },
        { SET, "{\"alg\":\"RS256\",\"kid\":\"r\"}", BY_RSA, true },
        { SET, "{\"alg\":\"RS256\"}", BY_RSA, true },
        { SET, "{\"alg\":\"ES256\",\"kid\":\"e\"}", BY_EC, true },
        { SET, "{\"alg\":\"ES256\",\"kid\":\"r\"}", BY_EC, false },
        { SET, "{\"alg\":\"RS256\",\"kid\":\"unknown\"}", BY_RSA, false },
        { SET, "{\"alg\":\"RS256\",\"kid\":\"r\"}", BY_OTHER_RSA, false },
        { SET, "{\"alg\":\"HS256\",\"kid\":\"s\"}", BY_SECRET, true },
    };
    struct buffer pem_rsa = { 0 }, pem_ec = { 0 }, set = { 0 };
    struct jwt_keys *keys[4];
    signer_pem(&pem_rsa, rsa);
    signer_pem(&pem_ec, ec);
    BUFFER_LITERAL(&set, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"},");
    signer_jwk(&set, rsa, "r");
    buffer_append_char(&set, ',');
    signer_jwk(&set, ec, "e");
    BUFFER_LITERAL(&set, ",{\"kty\":\"oct\",\"kid\":\"s\",\"alg\":\"HS256\",\"k\":\"");
    signer_base64url(&set, SIGNER_SECRET, 32);
    BUFFER_LITERAL(&set, "\"}],\"more\":1}");
    buffer_append_char(&pem_rsa, '\0');
    buffer_append_char(&pem_ec, '\0');
    buffer_append_char(&set, '\0');
    keys[SECRET] = keys_of(SIGNER_SECRET "\n", "");
    keys[PEM_RSA] = keys_of(pem_rsa.data, "");
    keys[PEM_EC] = keys_of(pem_ec.data, "");
    keys[SET] = keys_of("", set.data);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer token = { 0 };
        char out[128];
        print_message("%zu %s\n", i, rows[i].header);
        sign(&token, rows[i].header, rows[i].signer, text_of(rows[i].key == PEM_EC ? pem_ec.data : pem_rsa.data));
        assert_int_equal(check(keys[rows[i].key], &no_rules, buffer_text(&token), out), rows[i].is_good ? JWT_GOOD : JWT_BAD);
        /* One bit of it changed, anywhere but in what base64 leaves unused: nobody's. */
        for (size_t at = 0; at < token.size; at += 7) {
            token.data[at] ^= 1;
            assert_int_not_equal(check(keys[rows[i].key], &no_rules, buffer_text(&token), out), JWT_GOOD);
            token.data[at] ^= 1;
        }
        buffer_fini(&token);
    }
    for (int i = 0; i < 4; i++)
        jwt_keys_free(&keys[i]);
    buffer_fini(&pem_rsa);
    buffer_fini(&pem_ec);
    buffer_fini(&set);
}

static void test_forms(void **state)
{
    (void)state;
    struct jwt_keys *keys = keys_of(SIGNER_SECRET, "");
    struct buffer token = { 0 }, changed = { 0 };
    char out[128], *long_claims = xmalloc(JWT_MAX);
    static const char *const rows[] = { "", ".", "..", "...", "a.b.c", "eyJ", "a.b", "e30.e30.", "e30.e30.AA", ".e30.AA" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(check(keys, &no_rules, text_of(rows[i]), out), JWT_BAD);

    signer_token(&token, HS, GOOD, NULL, TEXT(SIGNER_SECRET));
    assert_int_equal(check(keys, &no_rules, buffer_text(&token), out), JWT_GOOD);
    static const char *const endings[] = { "=", ".", " ", ".x", "\n" };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        changed.size = 0;
        buffer_append(&changed, token.data, token.size);
        buffer_append(&changed, endings[i], strlen(endings[i]));
        assert_int_equal(check(keys, &no_rules, buffer_text(&changed), out), JWT_BAD);
    }
    for (size_t size = 0; size < token.size; size++)
        assert_int_equal(check(keys, &no_rules, (struct text){ token.data, size }, out), JWT_BAD);

    /* A good one, but for its size. */
    token.size = 0;
    int start = snprintf(long_claims, JWT_MAX, "{\"sub\":\"a\",\"exp\":1795003600,\"x\":\"");
    memset(long_claims + start, 'x', (size_t)(JWT_MAX - start));
    strcpy(long_claims + JWT_MAX - 3, "\"}");
    signer_token(&token, HS, long_claims, NULL, TEXT(SIGNER_SECRET));
    assert_int_equal(check(keys, &no_rules, buffer_text(&token), out), JWT_BAD);
    assert_string_equal(out, "token-malformed");
    free(long_claims);
    buffer_fini(&token);
    buffer_fini(&changed);
    jwt_keys_free(&keys);
}

static void test_bad_keys(void **state)
{
    (void)state;
    struct buffer weak = { 0 }, curve = { 0 }, many = { 0 };
    EVP_PKEY *weak_key = signer_rsa(1024), *other_curve = signer_ec("P-384");
    signer_pem(&weak, weak_key);
    signer_pem(&curve, other_curve);
    BUFFER_LITERAL(&many, "{\"keys\":[");
    for (int i = 0; i <= JWT_KEYS_MAX; i++)
        buffer_printf(&many, "%s{\"kty\":\"oct\",\"k\":\"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyAuLi4\"}", i ? "," : "");
    BUFFER_LITERAL(&many, "]}");
    const struct {
        struct text key, set;
        const char *error;
    } rows[] = {
        { TEXT_INIT("too short"), TEXT_INIT(""), "holds a secret of 9 bytes" },
        { TEXT_INIT("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), TEXT_INIT(""), "holds no public key" },
        { buffer_text(&weak), TEXT_INIT(""), "holds neither an RSA key" },
        { buffer_text(&curve), TEXT_INIT(""), "holds neither an RSA key" },
        { TEXT_INIT(""), TEXT_INIT("no JSON"), "is no JWK set" },
        { TEXT_INIT(""), TEXT_INIT("{\"keys\":[]}"), "holds no key" },
        { TEXT_INIT(""), TEXT_INIT("{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}"), "holds no key" },
        { TEXT_INIT(""), TEXT_INIT("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}"), "holds no key" },
        { TEXT_INIT(""), TEXT_INIT("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}"), "holds no key" },
        { TEXT_INIT(""),
          TEXT_INIT("{\"keys\":[{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyAuLi4\"}]}"),
          "holds no key" },
        { TEXT_INIT(""),
          TEXT_INIT("{\"keys\":[{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyAuLi4\"}]}"),
          "holds no key" },
        { TEXT_INIT(""), buffer_text(&many), "is no JWK set: keys[32]: more than 32 keys" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[256] = "";
        struct jwt_keys *keys = jwt_keys_read(rows[i].key, rows[i].set, error, sizeof error);
        if (keys || strncmp(error, rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("row %zu: %s", i, keys ? "was taken" : error);
    }
    EVP_PKEY_free(weak_key);
    EVP_PKEY_free(other_curve);
    buffer_fini(&weak);
    buffer_fini(&curve);
    buffer_fini(&many);
}

static void test_files(void **state)
{
    (void)state;
    char name[] = "/tmp/stanzabus-jwt-XXXXXX", error[512];
    int file = mkstemp(name);
    assert_int_equal(write(file, SIGNER_SECRET "\n", 33), 33);
    close(file);
    struct jwt_keys *keys = jwt_keys_load(text_of(name), TEXT(""), error, sizeof error);
    assert_non_null(keys);
    jwt_keys_free(&keys);
    keys = jwt_keys_load(TEXT(""), text_of(name), error, sizeof error);
    assert_null(keys);
    assert_non_null(strstr(error, "is no JWK set"));
    assert_null(jwt_keys_load(TEXT("/nowhere/key"), TEXT(""), error, sizeof error));
    assert_string_equal(error, "cannot read /nowhere/key: No such file or directory");
    unlink(name);
}

static int start(void **state)
{
    (void)state;
    rsa = signer_rsa(2048);
    other_rsa = signer_rsa(2048);
    ec = signer_ec("P-256");
    return rsa && other_rsa && ec ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other_rsa);
    EVP_PKEY_free(ec);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),   cmocka_unit_test(test_signatures), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_bad_keys), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
