/* credential_test.c - keys from passwords against RFC 5802 5, RFC 7677 3 and RFC 6070; base64 as strict as RFC 4648. */
#include "stage.h"

static const struct {
    const char *name, *in;
    const char *out; /* NULL: refused */
} rows[] = {
    { "nothing", "", "" },
    { "one byte", "Zg==", "f" },
    { "two bytes", "Zm8=", "fo" },
    { "three bytes", "Zm9v", "foo" },
    { "four bytes", "Zm9vYg==", "foob" },
    { "all signs", "+/+/", "\xfb\xff\xbf" },
    { "no padding", "Zg", NULL },
    { "half the padding", "Zg=", NULL },
    { "too much padding", "Z===", NULL },
    { "only padding", "====", NULL },
    { "padding inside", "Zg==Zm9v", NULL },
    { "stray bits, one byte", "Zh==", NULL },
    { "stray bits, two bytes", "Zm9=", NULL },
    { "white space", "Zm9v\n", NULL },
    { "white space inside", "Zm 9", NULL },
    { "the other alphabet", "-_-_", NULL },
    { "not ASCII", "\xc3\xa4\xc3\xa4", NULL },
};

static void test_base64_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char out[16];
        long size = credential_base64_decode(out, sizeof out, text_of(rows[i].in));
        if (size != (rows[i].out ? (long)strlen(rows[i].out) : -1))
            fail_msg("%s: size %ld", rows[i].name, size);
        if (rows[i].out)
            assert_memory_equal(out, rows[i].out, (size_t)size);
    }
}

static void test_base64_room(void **state)
{
    (void)state;
    unsigned char out[3];
    assert_int_equal(credential_base64_decode(out, 3, TEXT("Zm9v")), 3);
    assert_int_equal(credential_base64_decode(out, 2, TEXT("Zm9v")), -1);
}

static void test_base64_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[32];
        if (!rows[i].out)
            continue;
        size_t size = credential_base64(out, sizeof out, rows[i].out, strlen(rows[i].out));
        assert_int_equal(size, strlen(rows[i].in));
        assert_string_equal(out, rows[i].in);
    }
}

/* The keys that belong to the exchange of the RFC: made from its password, they must take the proof (mechanisms_test)
 * and here equal what an independent implementation (Python's hashlib) makes. */
static void test_derive_keys(void **state)
{
    (void)state;
    static const struct {
        enum credential_hash hash;
        const char *salt, *stored, *server;
    } vectors[] = {
        { HASH_SHA1, "QSXCR+Q6sek8bf92", "6dlGYMOdZcOPutkcNY8U2g7vK9Y=", "D+CSWLOshSulAsxiupA+qs2/fTE=" },
        { HASH_SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==", "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
          "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=" },
    };
    for (size_t i = 0; i < 2; i++) {
        struct scram_keys keys = { .iterations = 4096 };
        char encoded[64];
        keys.salt_size = (unsigned)credential_base64_decode(keys.salt, sizeof keys.salt, text_of(vectors[i].salt));
        assert_int_equal(credential_derive_keys(&keys, vectors[i].hash, TEXT("pencil")), 0);
        credential_base64(encoded, sizeof encoded, keys.stored_key, vectors[i].hash == HASH_SHA1 ? 20 : 32);
        assert_string_equal(encoded, vectors[i].stored);
        credential_base64(encoded, sizeof encoded, keys.server_key, vectors[i].hash == HASH_SHA1 ? 20 : 32);
        assert_string_equal(encoded, vectors[i].server);
    }
}

static void test_derive(void **state)
{
    (void)state;
    struct account one = { .is_disabled = true }, other = { 0 };
    assert_int_equal(credential_derive(&one, TEXT("secret"), 4096), 0);
    assert_int_equal(credential_derive(&other, TEXT("secret"), 5000), 0);
    assert_true(one.is_disabled);
    assert_int_equal(one.sha1.iterations, 4096);
    assert_int_equal(other.sha256.iterations, 5000);
    assert_memory_not_equal(one.sha1.salt, one.sha256.salt, 16);
    assert_memory_not_equal(one.sha1.salt, other.sha1.salt, 16);

    struct scram_keys again = one.sha256;
    assert_int_equal(credential_derive_keys(&again, HASH_SHA256, TEXT("secret")), 0);
    assert_memory_equal(again.stored_key, one.sha256.stored_key, 32);
    assert_int_equal(credential_derive(&one, TEXT(""), 4096), -1);
    assert_int_equal(credential_derive(&one, TEXT("tab\tinside"), 4096), -1);
}

/* U+00A0 is mapped to a space (RFC 8265 4.2.1): both are one password. */
static void test_prepared(void **state)
{
    (void)state;
    struct account account = { 0 };
    assert_int_equal(credential_derive(&account, TEXT("my\xc2\xa0secret"), 4096), 0);
    struct scram_keys again = account.sha1;
    assert_int_equal(credential_derive_keys(&again, HASH_SHA1, TEXT("my secret")), 0);
    assert_memory_equal(again.stored_key, account.sha1.stored_key, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_decode), cmocka_unit_test(test_base64_room), cmocka_unit_test(test_base64_encode),
        cmocka_unit_test(test_derive_keys),   cmocka_unit_test(test_derive),      cmocka_unit_test(test_prepared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
