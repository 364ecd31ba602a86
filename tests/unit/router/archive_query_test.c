/* archive_query_test.c - what a client asks of its archive, as it is read: bounds, page, ids, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/router/archive/archive_query.h"
#include "tests/unit/stream/round_trip.h"

static const struct text juliet = TEXT_INIT("juliet@example.com");
static struct archive_ids *ids;
static struct arena arena;

struct asked {
    struct stanza *stanza;
    struct archive_query query;
    enum stanza_condition condition;
    const char *text;
    bool is_read;
};

static struct asked ask(const char *inner)
{
    struct asked asked = { 0 };
    struct archive_query_terms terms = { ids, juliet, 50, 250 };
    struct buffer xml = { 0 };
    buffer_printf(&xml, "<query xmlns='urn:xmpp:mam:2'>%s</query>", inner);
    asked.stanza = parse_in_stream(xml.data, xml.size);
    buffer_fini(&xml);
    assert_non_null(asked.stanza);
    asked.is_read = archive_query_read(&asked.stanza->arena, asked.stanza->root, &terms, &asked.query, &asked.condition, &asked.text);
    return asked;
}

/* The id as juliet sees it. */
static const char *shown(const char *raw)
{
    return arena_text(&arena, archive_id_show(ids, &arena, juliet, text_of(raw))).data;
}

static const char *form(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *form(const char *format, ...)
{
    static char out[8192];
    char fields[7000];
    va_list list;
    va_start(list, format);
    vsnprintf(fields, sizeof fields, format, list);
    va_end(list);
    snprintf(out, sizeof out,
             "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>%s</x>", fields);
    return out;
}
#define FIELD(name) "<field var='" name "'><value>%s</value></field>"
#define RSM(inner) "<set xmlns='http://jabber.org/protocol/rsm'>" inner "</set>"

static void assert_bound(const struct archive_bound *bound, const char *raw, bool is_exclusive)
{
    char out[ARCHIVE_ID_RAW];
    struct text actual = archive_id_print(&bound->id, out);
    if (!text_is(actual, raw) || bound->is_exclusive != is_exclusive)
        fail_msg("%s%.*s in place of %s", bound->is_exclusive ? "(" : "", TEXT_ARGS(actual), raw);
}

#define LEAST "0-0"
#define MOST "9223372036854775807-18446744073709551615"

static void test_bounds(void **state)
{
    static const struct {
        const char *start, *end, *after_id, *before_id; /* NULL: not there */
        const char *lower;
        bool is_lower_exclusive;
        const char *upper;
        bool is_upper_exclusive;
    } rows[] = {
        { NULL, NULL, NULL, NULL, LEAST, false, MOST, false },
        { "1970-01-01T00:00:05Z", NULL, NULL, NULL, "5000-0", false, MOST, false },
        { NULL, "1970-01-01T00:00:05.250Z", NULL, NULL, LEAST, false, "5250-18446744073709551615", false },
        { "1969-12-31T23:59:59Z", NULL, NULL, NULL, "0-0", false, MOST, false },
        { NULL, NULL, "5000-3", "7000-1", "5000-3", true, "7000-1", true },
        { "1970-01-01T00:00:05Z", "1970-01-01T00:00:09Z", "4000-3", "10000-1", "5000-0", false, "9000-18446744073709551615", false },
        { "1970-01-01T00:00:05Z", "1970-01-01T00:00:09Z", "6000-3", "8000-1", "6000-3", true, "8000-1", true },
        { "1970-01-01T00:00:05Z", NULL, "5000-0", NULL, "5000-0", true, MOST, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer fields = { 0 };
        const char *const values[] = { rows[i].start, rows[i].end, rows[i].after_id, rows[i].before_id };
        static const char *const names[] = { "start", "end", "after-id", "before-id" };
        for (int f = 0; f < 4; f++)
            if (values[f])
                buffer_printf(&fields, "<field var='%s'><value>%s</value></field>", names[f], f < 2 ? values[f] : shown(values[f]));
        struct asked asked = ask(form("%.*s", (int)fields.size, fields.data ? fields.data : ""));
        assert_true(asked.is_read);
        assert_bound(&asked.query.lower, rows[i].lower, rows[i].is_lower_exclusive);
        assert_bound(&asked.query.upper, rows[i].upper, rows[i].is_upper_exclusive);
        assert_int_equal(asked.query.known_count, (rows[i].after_id != NULL) + (rows[i].before_id != NULL));
        assert_int_equal(asked.query.is_bounded, fields.size > 0);
        stanza_free(&asked.stanza);
        buffer_fini(&fields);
    }
}

static void test_pages(void **state)
{
    static const struct {
        const char *inner;
        unsigned max;
        bool is_backwards, is_flipped;
    } rows[] = {
        { "", 50, false, false },
        { RSM("<max>10</max>"), 10, false, false },
        { RSM("<max>0</max>"), 0, false, false },
        { RSM("<max>251</max>"), 250, false, false },
        { RSM("<before/>"), 50, true, false },
        { RSM("<before/><max>3</max>") "<flip-page/>", 3, true, true },
        { "<flip-page xmlns='urn:other'/>", 50, false, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked asked = ask(rows[i].inner);
        assert_true(asked.is_read);
        if (asked.query.max != rows[i].max || asked.query.is_backwards != rows[i].is_backwards ||
            asked.query.is_flipped != rows[i].is_flipped || asked.query.is_paged || asked.query.is_bounded)
            fail_msg("%s", rows[i].inner);
        stanza_free(&asked.stanza);
    }
    char inner[256];
    snprintf(inner, sizeof inner, RSM("<after>%s</after><before>%s</before>"), shown("5-1"), shown("9-0"));
    struct asked asked = ask(inner);
    assert_true(asked.is_read && asked.query.is_paged && asked.query.is_backwards && !asked.query.is_bounded);
    assert_bound(&asked.query.lower, "5-1", true);
    assert_bound(&asked.query.upper, "9-0", true);
    assert_int_equal(asked.query.known_count, 2);
    stanza_free(&asked.stanza);
}

/* In the order of the archive, each once. */
static void test_ids(void **state)
{
    (void)state;
    struct asked asked = ask(form("<field var='ids'><value>%s</value><value>%s</value><value>%s</value></field>" FIELD("with"),
                                  shown("9-1"), shown("5-0"), shown("9-1"), "ROMEO@example.com/orchard"));
    assert_true(asked.is_read);
    assert_int_equal(asked.query.id_count, 2);
    assert_int_equal(asked.query.ids[0].ms, 5);
    assert_int_equal(asked.query.ids[1].ms, 9);
    assert_true(text_is(jid_text(&asked.query.with), "romeo@example.com/orchard"));
    stanza_free(&asked.stanza);
    struct asked none = ask(form("<field var='ids'/>"));
    assert_true(none.is_read && none.query.ids && none.query.id_count == 0);
    stanza_free(&none.stanza);
}

static void test_refused(void **state)
{
    static const struct {
        const char *field, *value;
        enum stanza_condition condition;
    } rows[] = {
        { "with", "", STANZA_ERROR_BAD_REQUEST },
        { "with", "a@b@c", STANZA_ERROR_BAD_REQUEST },
        { "start", "2026-13-01T00:00:00Z", STANZA_ERROR_BAD_REQUEST },
        { "end", "2026-11-28", STANZA_ERROR_BAD_REQUEST },
        { "before-id", "", STANZA_ERROR_ITEM_NOT_FOUND },
        { "after-id", "123", STANZA_ERROR_ITEM_NOT_FOUND },
        { "ids", "AAAAAAAAAAAAAAAAAAAAAA", STANZA_ERROR_ITEM_NOT_FOUND },
        { "include-groupchat", "yes", STANZA_ERROR_BAD_REQUEST },
        { "{http://example.com/}free-text-search", "love", STANZA_ERROR_FEATURE_NOT_IMPLEMENTED },
        { "FORM_TYPE", "urn:xmpp:mam:2", STANZA_ERROR_BAD_REQUEST }, /* twice */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked asked = ask(form("<field var='%s'><value>%s</value></field>", rows[i].field, rows[i].value));
        if (asked.is_read || asked.condition != rows[i].condition)
            fail_msg("%s '%s'", rows[i].field, rows[i].value);
        stanza_free(&asked.stanza);
    }
}

static int start(void **state)
{
    (void)state;
    ids = archive_ids_new((const unsigned char[32]){ 7 });
    return 0;
}

static int stop(void **state)
{
    (void)state;
    archive_ids_free(&ids);
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
