/* errors_test.c - the condition tables against RFC 6120 and XEP-0086. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stanzabus/errors.h"

static void test_stanza_conditions(void **state)
{
    (void)state;
    static const struct {
        enum stanza_condition condition;
        const char *name, *type;
        int code;
    } rows[] = {
        { STANZA_ERROR_BAD_REQUEST, "bad-request", "modify", 400 },
        { STANZA_ERROR_FORBIDDEN, "forbidden", "auth", 403 },
        { STANZA_ERROR_NOT_AUTHORIZED, "not-authorized", "auth", 401 },
        { STANZA_ERROR_REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait", 504 },
        { STANZA_ERROR_SERVICE_UNAVAILABLE, "service-unavailable", "cancel", 503 },
        { STANZA_ERROR_UNEXPECTED_REQUEST, "unexpected-request", "wait", 400 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(stanza_condition_name(rows[i].condition), rows[i].name);
        assert_string_equal(stanza_condition_type(rows[i].condition), rows[i].type);
        assert_int_equal(stanza_condition_code(rows[i].condition), rows[i].code);
    }
    assert_int_equal(STANZA_ERROR_COUNT, 22); /* RFC 6120 8.3.3.1 to .22 */
}

static void test_find(void **state)
{
    (void)state;
    for (int i = 0; i < STANZA_ERROR_COUNT; i++)
        assert_int_equal(stanza_condition_find(text_of(stanza_condition_name((enum stanza_condition)i))), i);
    assert_int_equal(stanza_condition_find(TEXT("conflic")), -1);
    assert_int_equal(stanza_condition_find(TEXT("")), -1);
    assert_int_equal(stanza_condition_find((struct text){ NULL, 0 }), -1);
}

static void test_stream_and_sasl(void **state)
{
    (void)state;
    assert_string_equal(stream_condition_name(STREAM_ERROR_BAD_FORMAT), "bad-format");
    assert_string_equal(stream_condition_name(STREAM_ERROR_UNSUPPORTED_VERSION), "unsupported-version");
    assert_int_equal(STREAM_ERROR_COUNT, 25); /* RFC 6120 4.9.3.1 to .25 */
    assert_string_equal(sasl_condition_name(SASL_ERROR_ABORTED), "aborted");
    assert_string_equal(sasl_condition_name(SASL_ERROR_TEMPORARY_AUTH_FAILURE), "temporary-auth-failure");
    assert_int_equal(SASL_ERROR_COUNT, 11); /* RFC 6120 6.5.1 to .11 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stanza_conditions),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_stream_and_sasl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
