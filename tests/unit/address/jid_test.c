/* jid_test.c - addresses: which are valid, and what they look like when prepared (RFC 7622). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stanzabus/ip.h"
#include "stanzabus/jid.h"

struct row {
    const char *name, *input, *expected; /* expected NULL: refused */
};

typedef int (*preparer)(struct arena *arena, struct text input, struct text *out);

static int prepare_whole(struct arena *arena, struct text input, struct text *out)
{
    struct jid jid;
    if (jid_parse(arena, input, &jid) < 0)
        return -1;
    *out = jid_text(&jid);
    return 0;
}

/* The input lies in a block of exactly its size, so that reading behind it is seen. */
static void check_row(preparer prepare, const struct row *row)
{
    struct arena arena = { 0 };
    struct text out, again, input = text_of(row->input);
    char *copy = malloc(input.size ? input.size : 1);
    input.data = memcpy(copy, row->input, input.size);

    int result = prepare(&arena, input, &out);
    if (!row->expected && result == 0)
        fail_msg("%s: '%s' gave '%.*s' and should be refused", row->name, row->input, TEXT_ARGS(out));
    if (row->expected && result < 0)
        fail_msg("%s: '%s' is refused", row->name, row->input);
    if (row->expected && !text_is(out, row->expected))
        fail_msg("%s: '%s' gave '%.*s', not '%s'", row->name, row->input, TEXT_ARGS(out), row->expected);
    if (result == 0 && (prepare(&arena, out, &again) < 0 || again.data != out.data || again.size != out.size))
        fail_msg("%s: '%s' is prepared and yet changes again", row->name, row->expected);

    arena_fini(&arena);
    free(copy);
}

#define CHECK_ROWS(prepare, rows) \
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows)[0]; i++) \
    check_row(prepare, &(rows)[i])

static void test_addresses_of_the_rfc(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* RFC 7622 3.5 table 1 */
        { "1 bare", "juliet@example.com", "juliet@example.com" },
        { "2 full", "juliet@example.com/foo", "juliet@example.com/foo" },
        { "3 space in the resource", "juliet@example.com/foo bar", "juliet@example.com/foo bar" },
        { "4 at in the resource", "juliet@example.com/foo@bar", "juliet@example.com/foo@bar" },
        { "5 escaped space", "foo\\20bar@example.com", "foo\\20bar@example.com" },
        { "6 two s", "fussball@example.com", "fussball@example.com" },
        { "7 sharp s stays", "fußball@example.com", "fußball@example.com" },
        { "8 pi", "π@example.com", "π@example.com" },
        { "9 capital sigma", "Σ@example.com/foo", "σ@example.com/foo" },
        { "10 sigma", "σ@example.com/foo", "σ@example.com/foo" },
        { "11 final sigma", "ς@example.com/foo", "ς@example.com/foo" },
        { "12 symbol in the resource", "king@example.com/♚", "king@example.com/♚" },
        { "13 domain", "example.com", "example.com" },
        { "14 domain and resource", "example.com/foobar", "example.com/foobar" },
        { "15 at behind the slash", "a.example.com/b@example.net", "a.example.com/b@example.net" },
        /* table 2; its 18 is valid by erratum 4560 */
        { "16 quotes", "\"juliet\"@example.com", NULL },
        { "17 space in the localpart", "foo bar@example.com", NULL },
        { "18 space before the resource", "juliet@example.com/ foo", "juliet@example.com/ foo" },
        { "19 empty parts", "@example.com/", NULL },
        { "20 roman numeral", "henryⅣ@example.com", NULL },
        { "21 symbol in the localpart", "♚@example.com", NULL },
        { "22 no domain", "juliet@", NULL },
        { "23 no domain before the slash", "/foobar", NULL },
    };
    CHECK_ROWS(prepare_whole, rows);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "nothing", "", NULL },
        { "at alone", "@", NULL },
        { "slash alone", "/", NULL },
        { "empty localpart", "@example.com", NULL },
        { "empty resource", "juliet@example.com/", NULL },
        { "second at", "juliet@capulet@example.com", NULL },
        { "slashes in the resource", "a@b/c/d@e/", "a@b/c/d@e/" },
        { "slash first", "a/b@c", "a/b@c" },
        { "upper case", "Juliet@EXAMPLE.com/Balcony", "juliet@example.com/Balcony" },
        { "upper case only in the domain", "juliet@Example.com/Balcony", "juliet@example.com/Balcony" },
        { "final dot", "juliet@example.com./x", "juliet@example.com/x" },
        { "final dot of a bare domain", "example.com.", "example.com" },
        { "A-label", "a@xn--bcher-kva.example/x", "a@bücher.example/x" },
        { "IPv4", "a@127.0.0.1/x", "a@127.0.0.1/x" },
        { "IPv6", "a@[::1]/x", "a@[::1]/x" },
        { "fullwidth at is not a separator", "a＠example.com", NULL },
        { "NFC in the resource", "a@b/e\xcc\x81", "a@b/é" },
    };
    CHECK_ROWS(prepare_whole, rows);
}

static void test_localparts(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "all ASCII that is allowed", "!#$%()*+,-.0;=?[\\]^_`az{|}~", "!#$%()*+,-.0;=?[\\]^_`az{|}~" },
        { "ASCII upper case", "JuLiEt", "juliet" },
        { "empty", "", NULL },
        { "ampersand", "a&b", NULL },
        { "apostrophe", "a'b", NULL },
        { "colon", "a:b", NULL },
        { "less", "a<b", NULL },
        { "greater", "a>b", NULL },
        { "slash", "a/b", NULL },
        { "at", "a@b", NULL },
        { "tab", "a\tb", NULL },
        { "DEL", "a\x7f", NULL },
        { "fullwidth letters", "ＡＢ", "ab" },
        { "fullwidth less", "a＜b", NULL },
        { "fullwidth colon", "a：b", NULL },
        { "halfwidth katakana", "ｶﾀ", "カタ" },
        { "halfwidth katakana composes", "ｶﾞ", "ガ" },
        { "decomposed", "A\xcc\x8a", "å" },
        { "angstrom sign, canonically the same", "Å", "å" },
        { "capital sharp s", "ẞ", "ß" },
        { "capital I with dot", "İ", "i\xcc\x87" },
        { "capital sigma at the end", "ΒΟΛΟΣ", "βολοσ" },
        { "ligature", "ﬀ", NULL },
        { "titlecase digraph", "ǅ", NULL },
        { "superscript", "²", NULL },
        { "emoji", "🙂", NULL },
        { "no-break space",
          "a\xc2\xa0"
          "b",
          NULL },
        { "zero width no-break space",
          "\xef\xbb\xbf"
          "a",
          NULL },
        { "soft hyphen",
          "a\xc2\xad"
          "b",
          NULL },
        { "private use", "\xee\x80\x80", NULL },
        { "unassigned U+0378", "\xcd\xb8", NULL },
        { "noncharacter U+FFFF", "\xef\xbf\xbf", NULL },
        { "Hangul jamo compose", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "한" },
        { "lone jamo", "\xe1\x84\x92", NULL },
        { "Hebrew", "שלום", "שלום" },
        { "Hebrew with Latin", "שa", NULL },
        { "Latin with Hebrew", "aש", NULL },
        { "Hebrew with a number", "ש1", "ש1" },
        { "number before Hebrew", "1ש", NULL },
        { "Hebrew ending in punctuation", "ש-", NULL },
        { "Hebrew ending in a mark", "ש\xd6\xb0", "ש\xd6\xb0" },
        { "Arabic with European digits", "ب1", "ب1" },
        { "Arabic with Arabic digits", "ب١", "ب١" },
        { "Arabic with both digits", "ب١1", NULL },
        { "Catalan middle dot", "col·la", "col·la" },
        { "Catalan middle dot, capitals", "COL·LA", "col·la" },
        { "lone middle dot", "a·b", NULL },
        { "joiner after virama", "क्‍ष", "क्‍ष" },
        { "joiner after a letter", "a‍b", NULL },
        { "not UTF-8", "a\xff", NULL },
        { "cut UTF-8", "a\xc3", NULL },
        { "overlong slash", "a\xc0\xaf", NULL },
        { "surrogate", "\xed\xa0\x80", NULL },
        { "beyond Unicode", "\xf4\x90\x80\x80", NULL },
    };
    CHECK_ROWS(jid_prepare_local, rows);
}

static void test_domains(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "one label", "localhost", "localhost" },
        { "upper case", "LocalHost", "localhost" },
        { "digits and hyphens", "a-1.2b", "a-1.2b" },
        { "dot alone", ".", NULL },
        { "dot first", ".example.com", NULL },
        { "two dots", "a..b", NULL },
        { "two final dots", "a..", NULL },
        { "hyphen first", "-a.b", NULL },
        { "hyphen last", "a-.b", NULL },
        { "reserved hyphens", "ab--c.d", NULL },
        { "underscore", "a_b", NULL },
        { "space", "a b", NULL },
        { "wildcard", "*.example.com", NULL },
        { "port", "example.com:5222", NULL },
        { "U-label", "bücher.example", "bücher.example" },
        { "capital U-label", "BÜCHER.Example", "bücher.example" },
        { "decomposed",
          "bu\xcc\x88"
          "cher.example",
          "bücher.example" },
        { "A-label", "xn--bcher-kva.example", "bücher.example" },
        { "capital A-label", "XN--BCHER-KVA.example.", "bücher.example" },
        { "both kinds", "bücher.xn--bcher-kva", "bücher.bücher" },
        { "sharp s stays", "faß.example", "faß.example" },
        { "its A-label", "xn--fa-hia.example", "faß.example" },
        { "fullwidth", "ｅｘａｍｐｌｅ．ｃｏｍ", "example.com" },
        { "ideographic dots", "例え。テスト。", "例え.テスト" },
        { "A-label of nothing", "xn--", NULL },
        { "A-label of ASCII", "xn--abc-", NULL },
        { "A-label of a symbol", "xn--g6h.example", NULL },
        { "A-label of a capital", "xn--bcher-2pa.example", NULL },
        { "A-label of no Punycode", "xn--a\x7e", NULL },
        { "symbol", "♥.example", NULL },
        { "emoji", "🙂.example", NULL },
        { "underscore beside a U-label", "a_b.bücher", NULL },
        { "hyphen last in a U-label", "ü-.example", NULL },
        { "reserved hyphens in a U-label", "ab--ü.example", NULL },
        { "leading mark",
          "\xcc\x88"
          "a.example",
          NULL },
        { "right-to-left", "שלום.com", "שלום.com" },
        { "mixed label", "שa.com", NULL },
        { "right-to-left beside a label that starts with a digit", "9abc.שלום", NULL },
        { "digits first are fine elsewhere", "9abc.ü", "9abc.ü" },
        { "Catalan", "l·l.example", "l·l.example" },
        { "middle dot", "a·b.example", NULL },
        { "its A-label", "xn--ab-0ea.example", NULL },
        { "Cherokee capitals", "ᏻ.example", "Ᏻ.example" },
        { "its A-label", "xn--bce.example", "Ꮻ.example" },
        { "IPv4", "192.0.2.1", "192.0.2.1" },
        { "IPv6", "[2001:DB8::1]", "[2001:db8::1]" },
        { "IPv6 with IPv4", "[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]" },
        { "IPv6 without brackets", "2001:db8::1", NULL },
        { "IPv6 with a zone", "[fe80::1%25eth0]", NULL },
        { "IPv6 open", "[::1", NULL },
        { "nothing in brackets", "[]", NULL },
        { "IPvFuture", "[v1.a]", NULL },
    };
    CHECK_ROWS(jid_prepare_domain, rows);
}

static void test_resources(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "all printable ASCII", " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
          " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~" },
        { "case stays", "Balcony", "Balcony" },
        { "width stays", "ＡＢ", "ＡＢ" },
        { "spaces become one kind", "a\xc2\xa0\xe1\x9a\x80\xe3\x80\x80z", "a   z" },
        { "compatibility characters stay", "Ⅳ", "Ⅳ" },
        { "NFC", "A\xcc\x8a", "Å" },
        { "direction is free", "שa", "שa" },
        { "emoji", "📱", "📱" },
        { "emoji joined by ZWJ", "👩‍💻", NULL },
        { "tab", "a\tb", NULL },
        { "line feed", "a\nb", NULL },
        { "C1 control", "\xc2\x85", NULL },
        { "unassigned", "\xcd\xb8", NULL },
        { "left-to-right mark", "a\xe2\x80\x8e", NULL },
        { "not UTF-8", "\x80", NULL },
        { "empty", "", NULL },
    };
    CHECK_ROWS(jid_prepare_resource, rows);
    CHECK_ROWS(jid_prepare_password, rows);
}

/* RFC 8265 4.3 */
static void test_passwords(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "1 spaces", "correct horse battery staple", "correct horse battery staple" },
        { "2 case", "Correct Horse Battery Staple", "Correct Horse Battery Staple" },
        { "3 Greek", "πßå", "πßå" },
        { "4 symbol", "Jack of ♦s", "Jack of ♦s" },
        { "5 Ogham space", "foo bar", "foo bar" },
        { "6 empty", "", NULL },
        { "7 tab", "my cat is a \tby", NULL },
    };
    CHECK_ROWS(jid_prepare_password, rows);
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *name, *unit;
        size_t count;
        preparer prepare;
        bool is_valid;
    } rows[] = {
        { "longest localpart", "a", 1023, jid_prepare_local, true },
        { "too long", "a", 1024, jid_prepare_local, false },
        { "longest in two bytes", "é", 511, jid_prepare_local, true },
        { "too long in two bytes", "é", 512, jid_prepare_local, false },
        { "longest that shrinks by width", "ａ", 1023, jid_prepare_local, true },
        { "too long though it shrinks", "ａ", 1024, jid_prepare_local, false },
        { "long and too long at once", "é", 100000, jid_prepare_local, false },
        { "grows by lower case", "İ", 341, jid_prepare_local, true },
        { "grows beyond the bound", "İ", 342, jid_prepare_local, false },
        { "longest resource", " ", 1023, jid_prepare_resource, true },
        { "too long", " ", 1024, jid_prepare_resource, false },
        { "grows by NFC", "\xf0\x9d\x85\xa0", 85, jid_prepare_resource, true }, /* U+1D160, 12 bytes in NFC */
        { "grows by NFC beyond the bound", "\xf0\x9d\x85\xa0", 86, jid_prepare_resource, false },
        { "marks without end", "\xcc\x81", 511, jid_prepare_resource, true },
        { "too many marks", "\xcc\x81", 1500, jid_prepare_resource, false },
        { "longest label", "a", 63, jid_prepare_domain, true },
        { "too long", "a", 64, jid_prepare_domain, false },
        { "longest name", "abcdefghijk.", 21, jid_prepare_domain, true }, /* 251 without the final dot */
        { "too long", "abcdefghijk.", 22, jid_prepare_domain, false },
        { "longest U-label", "ü", 56, jid_prepare_domain, true },
        { "too long as A-label", "ü", 63, jid_prepare_domain, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = { 0 };
        struct buffer input = { 0 };
        struct text out;
        for (size_t n = 0; n < rows[i].count; n++)
            buffer_append_text(&input, text_of(rows[i].unit));
        if ((rows[i].prepare(&arena, buffer_text(&input), &out) == 0) != rows[i].is_valid)
            fail_msg("%s: %zu times '%s'", rows[i].name, rows[i].count, rows[i].unit);
        if (rows[i].is_valid)
            assert_true(out.size <= JID_PART_MAX);
        buffer_fini(&input);
        arena_fini(&arena);
    }
}

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        const char *input, *local, *domain, *resource, *bare;
    } rows[] = {
        { "juliet@example.com/balcony", "juliet", "example.com", "balcony", "juliet@example.com" },
        { "Juliet@Example.com./Balcony", "juliet", "example.com", "Balcony", "juliet@example.com" },
        { "juliet@example.com", "juliet", "example.com", "", "juliet@example.com" },
        { "example.com/r", "", "example.com", "r", "example.com" },
        { "EXAMPLE.com", "", "example.com", "", "example.com" },
        { "Φ@ΒΊΒΛΟΣ.gr/ΣΣ", "φ", "βίβλοσ.gr", "ΣΣ", "φ@βίβλοσ.gr" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = { 0 };
        struct jid jid;
        assert_int_equal(jid_parse(&arena, text_of(rows[i].input), &jid), 0);
        assert_true(text_is(jid_local(&jid), rows[i].local));
        assert_true(text_is(jid_domain(&jid), rows[i].domain));
        assert_true(text_is(jid_resource(&jid), rows[i].resource));
        assert_true(text_is(jid_bare(&jid), rows[i].bare));
        assert_int_equal(jid_is_bare(&jid), rows[i].resource[0] == '\0');
        struct jid made = jid_make(&arena, jid_local(&jid), jid_domain(&jid), jid_resource(&jid));
        assert_true(text_equal(jid_text(&made), jid_text(&jid)));
        arena_fini(&arena);
    }
}

/* What is prepared already costs no memory: the address points into the input, and the arena stays empty. */
static void test_prepared_ascii_is_borrowed(void **state)
{
    (void)state;
    static const char *const inputs[] = { "juliet@example.com/balcony", "juliet@example.com", "example.com",
                                          "[::1]/a" };
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        struct arena arena = { 0 };
        struct jid jid;
        assert_int_equal(jid_parse(&arena, text_of(inputs[i]), &jid), 0);
        assert_ptr_equal(jid.text, inputs[i]);
        assert_int_equal(jid.size, strlen(inputs[i]));
        assert_int_equal(arena.total, 0);
    }
}

static void test_nul_is_no_end(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct text input;
    } rows[] = {
        { "localpart", TEXT_INIT("a\0b@example.com") },     { "domain", TEXT_INIT("a@example.com\0.evil") },
        { "resource", TEXT_INIT("a@example.com/x\0") },     { "domain with U-label", TEXT_INIT("a@ü.com\0.evil") },
        { "resource beyond ASCII", TEXT_INIT("a@b/é\0é") }, { "localpart beyond ASCII", TEXT_INIT("é\0é@b") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = { 0 };
        struct jid jid;
        if (jid_parse(&arena, rows[i].input, &jid) == 0)
            fail_msg("%s: a NUL passes", rows[i].name);
        arena_fini(&arena);
    }
}

static void test_ip_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        int version; /* 0: no address */
    } rows[] = {
        { "0.0.0.0", 4 },
        { "255.255.255.255", 4 },
        { "256.0.0.1", 0 },
        { "1.2.3", 0 },
        { "1.2.3.4.5", 0 },
        { "1.2.3.", 0 },
        { "01.2.3.4", 0 },
        { "1..2.3", 0 },
        { "", 0 },
        { "::", 6 },
        { "::1", 6 },
        { "1::", 6 },
        { "1:2:3:4:5:6:7:8", 6 },
        { "1:2:3:4:5:6:7", 0 },
        { "1:2:3:4:5:6:7:8:9", 0 },
        { "1::2::3", 0 },
        { ":1::2", 0 },
        { "1:2:3:4:5:6:7::", 6 },
        { "1:2:3:4:5:6:7:8::", 0 },
        { ":", 0 },
        { "1:", 0 },
        { ":::", 0 },
        { "12345::", 0 },
        { "g::", 0 },
        { "::1.2.3.4", 6 },
        { "1:2:3:4:5:6:1.2.3.4", 6 },
        { "1:2:3:4:5:6:7:1.2.3.4", 0 },
        { "::1.2.3", 0 },
        { "1.2.3.4::", 0 },
        { "fe80::1%eth0", 0 },
        { "FE80::a", 6 },
        { "1:::2", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text t = text_of(rows[i].input);
        int version = ip_is_v4(t) ? 4 : ip_is_v6(t) ? 6 : 0;
        if (version != rows[i].version || (ip_is_v4(t) && ip_is_v6(t)))
            fail_msg("'%s' is %d, not %d", rows[i].input, version, rows[i].version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_of_the_rfc),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_localparts),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_prepared_ascii_is_borrowed),
        cmocka_unit_test(test_nul_is_no_end),
        cmocka_unit_test(test_ip_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
