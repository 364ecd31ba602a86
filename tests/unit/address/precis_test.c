/* precis_test.c - the table of PRECIS classes against a second derivation, and the rules that look at neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <idn2.h>
#include <unictype.h>
#include <unigbrk.h>
#include <uninorm.h>
#include <unistr.h>
#include <unistring/version.h>

#include "gateway/address/precis.h"

static bool is_one_of(uint32_t c, const uint32_t *points, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (points[i] == c)
            return true;
    return false;
}

/* RFC 5892 2.6; -1 when c is none. */
static int exception(uint32_t c)
{
    static const uint32_t valid[] = { 0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007 };
    static const uint32_t context[] = { 0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB };
    static const uint32_t disallowed[] = {
        0x640, 0x7FA, 0x302E, 0x302F, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303B
    };
    if (is_one_of(c, valid, sizeof valid / sizeof valid[0]))
        return CODEPOINT_PVALID;
    if (is_one_of(c, context, sizeof context / sizeof context[0]) || (c >= 0x660 && c <= 0x669) ||
        (c >= 0x6F0 && c <= 0x6F9))
        return CODEPOINT_CONTEXTO;
    return is_one_of(c, disallowed, sizeof disallowed / sizeof disallowed[0]) ? CODEPOINT_DISALLOWED : -1;
}

static bool has_compatibility_form(uint32_t c)
{
    ucs4_t normal[32];
    size_t room = 32;
    if (c >= 0xD800 && c <= 0xDFFF)
        return false;
    assert_ptr_equal(u32_normalize(UNINORM_NFKC, &c, 1, normal, &room), normal);
    return room != 1 || normal[0] != c;
}

static bool is_old_jamo(uint32_t c)
{
    int kind = uc_graphemeclusterbreak_property(c);
    return kind == GBP_L || kind == GBP_V || kind == GBP_T;
}

/* RFC 8264 8 once more, from libunistring's properties; the table was made from Python's. */
static enum codepoint_class derive(uint32_t c)
{
    uc_general_category_t free = uc_general_category_or(
        uc_general_category_or(UC_SYMBOL, UC_PUNCTUATION),
        uc_general_category_or(
            uc_general_category_or(UC_SPACE_SEPARATOR, UC_TITLECASE_LETTER),
            uc_general_category_or(uc_general_category_or(UC_LETTER_NUMBER, UC_OTHER_NUMBER), UC_ENCLOSING_MARK)));
    if (exception(c) >= 0)
        return (enum codepoint_class)exception(c);
    if (uc_is_general_category(c, UC_UNASSIGNED) && !uc_is_property_not_a_character(c))
        return CODEPOINT_UNASSIGNED;
    if (c >= 0x21 && c <= 0x7E)
        return CODEPOINT_PVALID;
    if (uc_is_property_join_control(c))
        return CODEPOINT_CONTEXTJ;
    if (is_old_jamo(c) || uc_is_property_default_ignorable_code_point(c) || uc_is_property_not_a_character(c) ||
        uc_is_general_category(c, UC_CONTROL))
        return CODEPOINT_DISALLOWED;
    if (has_compatibility_form(c))
        return CODEPOINT_FREE_PVAL;
    if (uc_is_general_category(c, free))
        return CODEPOINT_FREE_PVAL;
    return uc_is_general_category(c, UC_LETTER) || uc_is_general_category(c, UC_MARK) ||
                   uc_is_general_category(c, UC_DECIMAL_DIGIT_NUMBER)
               ? CODEPOINT_PVALID
               : CODEPOINT_DISALLOWED;
}

static void test_table_agrees_with_libunistring(void **state)
{
    (void)state;
    unsigned wrong = 0, valid = 0;
    bool library_is_newer = _libunistring_version > 0x0100; /* 1.0 has the table's Unicode 14 */
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        enum codepoint_class class = codepoint_class(c);
        valid += class == CODEPOINT_PVALID;
        if (class == CODEPOINT_UNASSIGNED && library_is_newer)
            continue;
        if (class != derive(c) && wrong++ < 10)
            print_error("U+%04X is %d, not %d\n", c, class, derive(c));
    }
    assert_int_equal(wrong, 0);
    assert_true(valid > 100000);
}

static void test_classes_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        uint32_t c;
        enum codepoint_class class;
    } rows[] = {
        { 0x0000, CODEPOINT_DISALLOWED }, { ' ', CODEPOINT_FREE_PVAL },       { '!', CODEPOINT_PVALID },
        { '~', CODEPOINT_PVALID },        { 0x7F, CODEPOINT_DISALLOWED },     { 0xA0, CODEPOINT_FREE_PVAL },
        { 0xAD, CODEPOINT_DISALLOWED },   { 0xB7, CODEPOINT_CONTEXTO },       { 0xDF, CODEPOINT_PVALID },
        { 0x378, CODEPOINT_UNASSIGNED },  { 0x3C2, CODEPOINT_PVALID },        { 0x640, CODEPOINT_DISALLOWED },
        { 0x1100, CODEPOINT_DISALLOWED }, { 0x200C, CODEPOINT_CONTEXTJ },     { 0x2163, CODEPOINT_FREE_PVAL },
        { 0x265A, CODEPOINT_FREE_PVAL },  { 0x3007, CODEPOINT_PVALID },       { 0xAC00, CODEPOINT_PVALID },
        { 0xD800, CODEPOINT_DISALLOWED }, { 0xE000, CODEPOINT_DISALLOWED },   { 0xFEFF, CODEPOINT_DISALLOWED },
        { 0xFFFF, CODEPOINT_DISALLOWED }, { 0x10FFFF, CODEPOINT_DISALLOWED }, { 0x110000, CODEPOINT_DISALLOWED },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (codepoint_class(rows[i].c) != rows[i].class)
            fail_msg("U+%04X is %d, not %d", rows[i].c, codepoint_class(rows[i].c), rows[i].class);
}

/* By way of OpaqueString, which has no other rule that could refuse these. */
static void test_contextual_rules(void **state)
{
    (void)state;
    static const struct {
        const char *name, *input;
        bool is_valid;
    } rows[] = {
        { "A.1 nothing around", "\u200c", false },
        { "A.1 between Latin", "a\u200cb", false },
        { "A.1 D and R", "\u062c\u200c\u0627", true },
        { "A.1 L and D", "\ua872\u200c\u062c", true },
        { "A.1 transparent between", "\u062c\u0610\u0610\u200c\u0610\u0627", true },
        { "A.1 nothing to the left", "\u0610\u200c\u0610\u0627", false },
        { "A.1 nothing to the right", "\u062c\u0610\u200c\u0610", false },
        { "A.1 R to the left", "\u0627\u200c\u0627", false },
        { "A.1 virama", "\u0915\u094d\u200c", true },
        { "A.1 virama further away", "\ua872\u0a4d\u0610\u200c", false },
        { "A.2 virama", "\u0915\u094d\u200d\u0937", true },
        { "A.2 between joining letters", "\u062c\u200d\u0627", false },
        { "A.2 first", "\u200d\u0937", false },
        { "A.3 between l", "l\u00b7l", true },
        { "A.3 capital L", "L\u00b7L", false },
        { "A.3 first", "\u00b7l", false },
        { "A.3 last", "l\u00b7", false },
        { "A.4 before Greek", "\u0375\u03b1", true },
        { "A.4 before Latin", "\u0375a", false },
        { "A.4 last", "\u03b1\u0375", false },
        { "A.5 after Hebrew", "\u05e9\u05f3", true },
        { "A.5 first", "\u05f3\u05e9", false },
        { "A.5 after Latin", "a\u05f3", false },
        { "A.6 after Hebrew", "\u05e9\u05f4", true },
        { "A.6 first", "\u05f4\u05e9", false },
        { "A.7 with Katakana", "a\u30fb\u30c5", true },
        { "A.7 with Hiragana", "\u3076\u30fba", true },
        { "A.7 with Han", "\u4e00\u30fb", true },
        { "A.7 with Latin", "abc\u30fbdef", false },
        { "A.8 alone", "\u0661\u0662", true },
        { "A.8 mixed", "\u0661\u06f1", false },
        { "A.9 alone", "\u06f1\u06f2", true },
        { "A.9 mixed", "\u06f1a\u0669", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = { 0 };
        struct text out;
        if ((precis_opaque(&arena, text_of(rows[i].input), &out) == 0) != rows[i].is_valid)
            fail_msg("%s: '%s'", rows[i].name, rows[i].input);
        arena_fini(&arena);
    }
}

static void test_every_code_point_settles(void **state)
{
    (void)state;
    unsigned accepted = 0;
    for (uint32_t c = 0x80; c <= 0x10FFFF; c++) {
        struct arena arena = { 0 };
        struct text once, twice;
        char utf8[4];
        int size = u8_uctomb((uint8_t *)utf8, c, sizeof utf8);
        if (size > 0 && precis_username(&arena, (struct text){ utf8, (size_t)size }, &once) == 0) {
            accepted++;
            if (precis_username(&arena, once, &twice) < 0 || !text_equal(once, twice))
                fail_msg("U+%04X changes again", c);
        }
        arena_fini(&arena);
    }
    assert_true(accepted > 100000);
}

/* A label around every code point: as it is, and by way of its A-label.  What is taken stays as it is. */
static void test_every_domain_settles(void **state)
{
    (void)state;
    unsigned accepted = 0;
    for (uint32_t c = 0x80; c <= 0x10FFFF; c++) {
        struct arena arena = { 0 };
        struct text forms[2] = { { 0 } }, once, twice;
        char label[8] = "l";
        uint8_t *ascii = NULL;
        if (codepoint_class(c) == CODEPOINT_UNASSIGNED)
            continue;
        int size = u8_uctomb((uint8_t *)label + 1, c, 4);
        if (size <= 0)
            continue;
        label[size + 1] = 'l';
        forms[0] = text_of(label);
        if (idn2_lookup_u8((uint8_t *)label, &ascii, IDN2_NO_TR46) == IDN2_OK)
            forms[1] = text_of((char *)ascii);
        for (int i = 0; i < 2; i++) {
            if (!forms[i].data || jid_prepare_domain(&arena, forms[i], &once) < 0)
                continue;
            accepted++;
            if (jid_prepare_domain(&arena, once, &twice) < 0 || !text_equal(once, twice))
                fail_msg("U+%04X: '%.*s' changes again", c, TEXT_ARGS(once));
        }
        idn2_free(ascii);
        arena_fini(&arena);
    }
    assert_true(accepted > 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_agrees_with_libunistring),
        cmocka_unit_test(test_classes_of_the_rfc),
        cmocka_unit_test(test_contextual_rules),
        cmocka_unit_test(test_every_code_point_settles),
        cmocka_unit_test(test_every_domain_settles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
