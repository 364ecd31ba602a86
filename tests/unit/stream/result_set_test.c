/* result_set_test.c - result set management (XEP-0059), read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "round_trip.h"
#include "stanzabus/result_set.h"

#define SET(inner) "<iq><set xmlns='http://jabber.org/protocol/rsm'>" inner "</set></iq>"

static const struct row {
    const char *name, *xml;
    bool is_set; /* false: refused */
    bool is_given;
    int64_t max;
    bool is_backwards;
    const char *after, *before;
    int64_t index;
} rows[] = {
    { "none", "<iq><set xmlns='urn:other'><max>1</max></set></iq>", true, false, -1, false, NULL, NULL, -1 },
    { "empty", SET(""), true, true, -1, false, NULL, NULL, -1 },
    { "a limit", SET("<max>10</max>"), true, true, 10, false, NULL, NULL, -1 },
    { "only the count", SET("<max>0</max>"), true, true, 0, false, NULL, NULL, -1 },
    { "white space", SET("\n<max>\n 7 </max>\n"), true, true, 7, false, NULL, NULL, -1 },
    { "a limit of limits", SET("<max>99999999999999999999999</max>"), true, true, 1000000000, false, NULL, NULL, -1 },
    { "forwards", SET("<after>peter@pixyland.org</after>"), true, true, -1, false, "peter@pixyland.org", NULL, -1 },
    { "backwards", SET("<before>a</before><max>2</max>"), true, true, 2, true, NULL, "a", -1 },
    { "the last page", SET("<before/>"), true, true, -1, true, NULL, NULL, -1 },
    { "both", SET("<before>b</before><after>a</after>"), true, true, -1, true, "a", "b", -1 },
    { "by index", SET("<index>371</index>"), true, true, -1, false, NULL, NULL, 371 },
    { "an extension", SET("<max>1</max><max xmlns='urn:other'>x</max><colour>red</colour>"), true, true, 1, false, NULL, NULL, -1 },
    { "no number", SET("<max>ten</max>"), false, true, 0, false, NULL, NULL, 0 },
    { "a negative number", SET("<max>-1</max>"), false, true, 0, false, NULL, NULL, 0 },
    { "nothing", SET("<max/>"), false, true, 0, false, NULL, NULL, 0 },
    { "white space only", SET("<max> </max>"), false, true, 0, false, NULL, NULL, 0 },
    { "a number and more", SET("<index>1 2</index>"), false, true, 0, false, NULL, NULL, 0 },
    { "behind nothing", SET("<after/>"), false, true, 0, false, NULL, NULL, 0 },
};

static bool is_same(struct text text, const char *expected)
{
    return expected ? text_is(text, expected) : !text.data;
}

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct stanza *iq = parse_in_stream(row->xml, strlen(row->xml));
        struct result_set set;
        assert_non_null(iq);
        if (result_set_read(&iq->arena, iq->root, &set) != row->is_set)
            fail_msg("%s: %s", row->name, row->is_set ? "refused" : "not refused");
        if (row->is_set && (set.is_given != row->is_given || set.max != row->max || set.is_backwards != row->is_backwards ||
                            !is_same(set.after, row->after) || !is_same(set.before, row->before) || set.index != row->index))
            fail_msg("%s: read otherwise", row->name);
        stanza_free(&iq);
    }
}

static void test_write(void **state)
{
    static const struct {
        struct result_page page;
        const char *xml;
    } pages[] = {
        { { TEXT_INIT("a"), TEXT_INIT("b"), 10, 800 }, SET("<first index='10'>a</first><last>b</last><count>800</count>") },
        { { TEXT_INIT("a"), TEXT_INIT("a"), 0, 1 }, SET("<first index='0'>a</first><last>a</last><count>1</count>") },
        { { TEXT_INIT("a"), TEXT_INIT("b"), -1, -1 }, SET("<first>a</first><last>b</last>") },
        { { { 0 }, { 0 }, 0, 790 }, SET("<count>790</count>") },
        { { { 0 }, { 0 }, -1, -1 }, SET("") },
    };
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct stanza *expected = parse_in_stream(pages[i].xml, strlen(pages[i].xml));
        struct stanza *iq = stanza_make("iq", XMLNS_CLIENT);
        result_set_write(&iq->arena, iq->root, &pages[i].page);
        if (!element_equal(iq->root, expected->root))
            fail_msg("%s", pages[i].xml);
        stanza_free(&iq);
        stanza_free(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_read), cmocka_unit_test(test_write) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
