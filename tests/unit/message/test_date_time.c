/* Dates and times as XEP-0082 writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stanzabus/message.h"

static void test_read(void **state)
{
    static const struct {
        const char *text;
        bool is_time;
        int64_t ms;
    } rows[] = {
        { "1970-01-01T00:00:00Z", true, 0 },
        { "2002-09-10T23:08:25Z", true, 1031699305000 },
        { "2002-09-10T23:08:25.5Z", true, 1031699305500 },
        { "2002-09-10T23:08:25.123456789Z", true, 1031699305123 },
        { "2002-09-10T18:08:25-05:00", true, 1031699305000 },
        { "2002-09-11T04:38:25.001+05:30", true, 1031699305001 },
        { "2024-02-29T12:00:00Z", true, 1709208000000 },
        { "2000-03-01T00:00:00Z", true, 951868800000 },
        { "1969-12-31T23:59:59Z", true, -1000 },
        { "2016-12-31T23:59:60Z", true, 1483228800000 }, /* a leap second */
        { "9999-12-31T23:59:59Z", true, 253402300799000 },
        { "2023-02-29T12:00:00Z", false, 0 },
        { "2100-02-29T12:00:00Z", false, 0 },
        { "2024-04-31T12:00:00Z", false, 0 },
        { "2024-00-01T12:00:00Z", false, 0 },
        { "2024-13-01T12:00:00Z", false, 0 },
        { "2024-01-00T12:00:00Z", false, 0 },
        { "2024-01-01T24:00:00Z", false, 0 },
        { "2024-01-01T12:60:00Z", false, 0 },
        { "2024-01-01T12:00:61Z", false, 0 },
        { "2024-01-01T12:00:00+24:00", false, 0 },
        { "2024-01-01T12:00:00", false, 0 },
        { "2024-01-01", false, 0 },
        { "", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = 0;
        if (date_time_read(text_of(rows[i].text), &ms) != rows[i].is_time || ms != rows[i].ms)
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
    }
}

/* What is written is read as the same. */
static void test_written(void **state)
{
    (void)state;
    for (int64_t ms = 1; ms < 4102444800000; ms = ms * 7 / 5 + 12345) {
        struct buffer text = { 0 };
        int64_t again;
        json_write_time(&text, ms);
        assert_true(date_time_read(buffer_text(&text), &again));
        assert_int_equal(again, ms);
        buffer_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_read), cmocka_unit_test(test_written) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
