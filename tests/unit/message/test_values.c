/* test_values.c - ids, times, URIs, strings and names: the small parts of an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <expat.h>

#include "gateway/message/json_write.h"
#include "gateway/message/words.h"
#include "gateway/message/xml_name.h"

/* -- ids -- */

static int64_t id_ms(const char *id)
{
    char digits[13];
    memcpy(digits, id, 8);
    memcpy(digits + 8, id + 9, 4);
    digits[12] = '\0';
    return strtoll(digits, NULL, 16);
}

static void test_ids_have_the_form(void **state)
{
    (void)state;
    struct event_ids ids = { 0 };
    char id[EVENT_ID_SIZE];
    for (int i = 0; i < 1000; i++) {
        event_id_next(&ids, 1795358400123 + i, id);
        for (int k = 0; k < EVENT_ID_SIZE; k++)
            assert_true(k == 8 || k == 13 || k == 18 || k == 23 ? id[k] == '-'
                                                                : strchr("0123456789abcdef", id[k]) != NULL);
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_true(id_ms(id) == 1795358400123 + i);
    }
}

/* Far more in one millisecond than the counter holds. */
static void test_ids_sort_in_the_order_they_were_made(void **state)
{
    (void)state;
    struct event_ids ids = { 0 };
    char last[EVENT_ID_SIZE], id[EVENT_ID_SIZE];
    event_id_next(&ids, 1000000, last);
    for (int i = 0; i < 20000; i++) {
        event_id_next(&ids, 1000000 + i / 15000, id);
        assert_true(memcmp(last, id, EVENT_ID_SIZE) < 0);
        memcpy(last, id, EVENT_ID_SIZE);
    }
    assert_true(ids.last_ms >= 1000000 && ids.last_ms < 1000010);
}

static void test_ids_and_a_clock_that_goes_back(void **state)
{
    (void)state;
    struct event_ids ids = { 0 };
    char first[EVENT_ID_SIZE], second[EVENT_ID_SIZE], third[EVENT_ID_SIZE];
    event_id_next(&ids, 1795358400123, first);
    event_id_next(&ids, 1795358400123 - 9000, second); /* a small step: order is kept */
    assert_true(memcmp(first, second, EVENT_ID_SIZE) < 0);
    event_id_next(&ids, 1795358400123 - 3600000, third); /* an hour: the clock was wrong before */
    assert_true(id_ms(third) == 1795358400123 - 3600000);
}

/* -- times -- */

static void test_times(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { -5, "1970-01-01T00:00:00.000Z" },
        { 951782399999, "2000-02-28T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { 4107542400000, "2100-03-01T00:00:00.000Z" },
        { 1795358400123, "2026-11-22T14:40:00.123Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
        { 253402300800000, "9999-12-31T23:59:59.999Z" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = { 0 };
        json_write_time(&out, rows[i].ms);
        buffer_append_char(&out, '\0');
        assert_string_equal(out.data, rows[i].text);
        buffer_fini(&out);
    }
}

static void test_every_day_for_a_thousand_years(void **state)
{
    (void)state;
    for (time_t day = 0; day < 365250; day++) {
        time_t now = day * 86400 + (day * 7919) % 86400;
        struct buffer out = { 0 };
        struct tm tm;
        char expected[64];
        gmtime_r(&now, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        json_write_time(&out, (int64_t)now * 1000);
        if (!text_is(buffer_text(&out), expected))
            fail_msg("%s: got %.*s", expected, TEXT_ARGS(buffer_text(&out)));
        buffer_fini(&out);
    }
}

static void test_date_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } rows[] = {
        { "2002-09-10T23:08:25Z", true },      { "2002-09-10T23:08:25.123456Z", true },
        { "2002-09-10T23:08:25+01:00", true }, { "2002-09-10T23:08:25.1-11:30", true },
        { "2002-09-10T23:08:25", false },      { "2002-09-10", false },
        { "2002-09-10T23:08:25.Z", false },    { "2002-09-10T23:08:25ZZ", false },
        { "20020910T23:08:25", false },        { "2002-09-10 23:08:25Z", false },
        { "2002-09-10T23:08:25+0100", false }, { "", false },
        { "x002-09-10T23:08:25Z", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_date_time(text_of(rows[i].text)) != rows[i].is)
            fail_msg("%s", rows[i].text);
}

static void test_canonical_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } rows[] = {
        { "0", true },     { "-1", true },  { "127", true },          { "-128", true }, { "128", false },
        { "-129", false }, { "-0", false }, { "+1", false },          { "01", false },  { "", false },
        { "-", false },    { "1 ", false }, { "99999999999", false }, { "1e1", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_canonical_integer(text_of(rows[i].text), -128, 127) != rows[i].is)
            fail_msg("%s", rows[i].text);
}

/* -- URIs -- */

static void test_uris(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct { const char *address, *uri; } rows[] = {
        { "example.com", "xmpp:example.com" },
        { "juliet@example.com", "xmpp:juliet@example.com" },
        { "juliet@example.com/balcony", "xmpp:juliet@example.com/balcony" },
        { "example.com/a/b@c", "xmpp:example.com/a%2Fb%40c" },
        { "nasty!#$%()*+,-.;=?[\\]^_`{|}~node@example.com", /* RFC 5122 2.7.2, but for the quotes */
          "xmpp:nasty!%23$%25()*+,-.;=%3F%5B%5C%5D%5E_%60%7B%7C%7D~node@example.com" },
        { "node@example.com/repulsive !#\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~resource",
          "xmpp:node@example.com/repulsive%20!%23%22$%25&'()*+,-.%2F:;%3C=%3E%3F%40%5B%5C%5D%5E_%60%7B%7C%7D~resource" },
        { "ji\xc5\x99i@\xc4\x8d" "echy.example/v Praze", "xmpp:ji%C5%99i@%C4%8Dechy.example/v%20Praze" }, /* 2.7.3 */
        { "a@[::1]/b", "xmpp:a@%5B::1%5D/b" },
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = { 0 };
        uri_write(&out, text_of(rows[i].address));
        buffer_append_char(&out, '\0');
        assert_string_equal(out.data, rows[i].uri);
        buffer_fini(&out);
    }
}

/* -- strings -- */

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } rows[] = {
        { "", "\"\"" },
        { "plain, and longer than eight bytes", "\"plain, and longer than eight bytes\"" },
        { "\"\\/\n\r\t\x01\x1f\x7f", "\"\\\"\\\\/\\n\\r\\t\\u0001\\u001f\x7f\"" },
        { "12345678\"12345678\\1234567\n", "\"12345678\\\"12345678\\\\1234567\\n\"" },
        { "\xe2\x80\xa8\xf0\x9f\x92\x98\xc3\xa9", "\"\xe2\x80\xa8\xf0\x9f\x92\x98\xc3\xa9\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = { 0 };
        json_write_string(&out, text_of(rows[i].text));
        buffer_append_char(&out, '\0');
        assert_string_equal(out.data, rows[i].json);
        buffer_fini(&out);
    }
}

static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *json;
    } rows[] = {
        { "a\xff\xfe"
          "b",
          "\"a\xef\xbf\xbd\xef\xbf\xbd"
          "b\"" },
        { "caf\xc3\xa9 \xe2\x82", "\"caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xed\xa0\x80\x07", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u0007\"" },
        { "\xf0\x9f\x92\x98", "\"\xf0\x9f\x92\x98\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = { 0 };
        size_t size = strlen(rows[i].bytes);
        char *exact = xmalloc(size); /* so that reading one byte too far is seen */
        memcpy(exact, rows[i].bytes, size);
        json_write_bytes(&out, (struct text){ exact, size });
        buffer_append_char(&out, '\0');
        assert_string_equal(out.data, rows[i].json);
        buffer_fini(&out);
        free(exact);
    }
}

/* -- names: the same as expat, for each character of the Basic Multilingual Plane and some beyond -- */

static size_t put_utf8(char *out, unsigned c)
{
    if (c < 0x80)
        return out[0] = (char)c, 1;
    if (c < 0x800)
        return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63)),
               3;
    out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63));
    return out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63)), 4;
}

/* What expat took to be the name of the element. */
static void keep_name(void *ctx, const char *name, const char **attributes)
{
    (void)attributes;
    struct buffer *out = ctx;
    buffer_append(out, name, strlen(name));
}

static bool expat_takes(XML_Parser parser, struct text name)
{
    char xml[32];
    struct buffer got = { 0 };
    int size = snprintf(xml, sizeof xml, "<%.*s/>", TEXT_ARGS(name));
    XML_ParserReset(parser, "UTF-8");
    XML_SetUserData(parser, &got);
    XML_SetStartElementHandler(parser, keep_name);
    bool takes = XML_Parse(parser, xml, size, 1) == XML_STATUS_OK && text_equal(buffer_text(&got), name);
    buffer_fini(&got);
    return takes;
}

static void test_names(void **state)
{
    (void)state;
    XML_Parser parser = XML_ParserCreateNS("UTF-8", '\1');
    unsigned letters = 0, followers = 0;
    for (unsigned c = 1; c < 0x10400; c++) {
        char name[8] = "a";
        if (c >= 0xd800 && c < 0xe000)
            continue;
        size_t size = put_utf8(name + 1, c);
        struct text alone = { name + 1, size }, behind = { name, size + 1 };
        bool begins = xml_name_is_valid(alone), follows = xml_name_is_valid(behind);
        if (begins != expat_takes(parser, alone) || follows != expat_takes(parser, behind))
            fail_msg("U+%04X: begins %d, follows %d", c, begins, follows);
        letters += begins;
        followers += follows;
    }
    XML_ParserFree(parser);
    assert_true(letters > 30000 && followers > letters);
    assert_false(xml_name_is_valid(TEXT("")));
    assert_false(xml_name_is_valid(TEXT("\xf0\x9f\x92\x98")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_have_the_form),
        cmocka_unit_test(test_ids_sort_in_the_order_they_were_made),
        cmocka_unit_test(test_ids_and_a_clock_that_goes_back),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_every_day_for_a_thousand_years),
        cmocka_unit_test(test_date_times),
        cmocka_unit_test(test_canonical_integers),
        cmocka_unit_test(test_uris),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
