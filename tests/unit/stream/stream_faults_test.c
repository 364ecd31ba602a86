/* stream_faults_test.c - bad input on TCP: which stream error it ends in (RFC 6120 4.9.3, 11), however it is cut, and
 * that nothing a peer can make big costs memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "recorder.h"

#define XMLNS_BOTH " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
#define HEADER TCP_HEADER

static const struct row {
    const char *name, *input, *condition; /* one error at the end, after whatever else */
} rows[] = {
    { "not XML", "GET / HTTP/1.1\r\n", "not-well-formed" },
    { "TLS", "\x16\x03\x01\x02", "not-well-formed" },
    { "UTF-16, marked", "\xFE\xFF<", "unsupported-encoding" },
    { "UTF-16, other order", "\xFF\xFE<", "unsupported-encoding" },
    { "UTF-8, marked", "\xEF\xBB\xBF" HEADER, "not-well-formed" },
    { "declared encoding", "<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "unsupported-encoding" },
    { "declared UTF-16", "<?xml version='1.0' encoding='UTF-16'?><a/>", "unsupported-encoding" },
    { "broken declaration", "<?xml encoding='UTF-8'?><a/>", "not-well-formed" },
    { "stream namespace", "<stream:stream xmlns='jabber:client' xmlns:stream='urn:wrong'>", "invalid-namespace" },
    { "no stream namespace", "<stream xmlns='jabber:client'>", "invalid-namespace" },
    { "prefix not declared", "<stream:stream xmlns='jabber:client'>", "bad-namespace-prefix" },
    { "content namespace", "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
      "invalid-namespace" },
    { "no content namespace", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", "invalid-namespace" },
    { "content namespace undone", "<stream:stream xmlns='' xmlns:stream='http://etherx.jabber.org/streams'>",
      "invalid-namespace" },
    { "stanza for a header", "<iq type='get' xmlns='jabber:client'/>", "invalid-namespace" },
    { "other root", "<stream:features" XMLNS_BOTH ">", "bad-format" },
    { "empty root", "<stream:stream" XMLNS_BOTH "/>", "bad-format" },
    { "text before the root", "<?xml version='1.0'?>x y", "not-well-formed" },
    { "second header", HEADER "<stream:stream" XMLNS_BOTH " to='a'>", "bad-format" },
    { "second header with declaration", HEADER HEADER, "not-well-formed" },
    { "text between stanzas", HEADER "<a/>x", "bad-format" },
    { "text for a stanza", HEADER "hello", "bad-format" },
    { "CDATA between stanzas", HEADER "<![CDATA[x]]>", "bad-format" },
    { "empty CDATA between stanzas", HEADER "<![CDATA[]]>", "bad-format" },
    { "doctype", "<!DOCTYPE a>", "restricted-xml" },
    { "doctype behind a declaration", "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY b 'c'>", "restricted-xml" },
    { "entity bomb", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>",
      "restricted-xml" },
    { "external entity", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", "restricted-xml" },
    { "doctype inside", HEADER "<!DOCTYPE a>", "not-well-formed" },
    { "comment before the root", "<!-- x --><a/>", "restricted-xml" },
    { "comment between stanzas", HEADER "<!-- x -->", "restricted-xml" },
    { "comment in a stanza", HEADER "<a><!-- x --></a>", "restricted-xml" },
    { "instruction before the root", "<?a b?><a/>", "restricted-xml" },
    { "instruction between stanzas", HEADER "<?a b?>", "restricted-xml" },
    { "instruction in a stanza", HEADER "<a><?a b?></a>", "restricted-xml" },
    { "entity", HEADER "<a>&nbsp;</a>", "restricted-xml" },
    { "entity in a value", HEADER "<a b='&c;'/>", "restricted-xml" },
    { "namespace with a space", HEADER "<a xmlns='a b'/>", "not-well-formed" },
    { "namespace with a brace", HEADER "<a xmlns:p='a}b'/>", "not-well-formed" },
    { "wrong nesting", HEADER "<a><b></a></b>", "not-well-formed" },
    { "wrong end of the stream", HEADER "</stream>", "not-well-formed" },
    { "value without quotes", HEADER "<a b=c/>", "not-well-formed" },
    { "double attribute", HEADER "<a b='1' b='2'/>", "not-well-formed" },
    { "double attribute by namespace", HEADER "<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>", "not-well-formed" },
    { "bare ampersand", HEADER "<a>b & c</a>", "not-well-formed" },
    { "end of CDATA in text", HEADER "<a>]]></a>", "not-well-formed" },
    { "prefix of an element", HEADER "<x:a/>", "bad-namespace-prefix" },
    { "prefix of an attribute", HEADER "<a x:b=''/>", "bad-namespace-prefix" },
    { "prefix undone", HEADER "<a xmlns:x=''/>", "not-well-formed" },
    { "two colons", HEADER "<a:b:c xmlns:a='u'/>", "not-well-formed" },
    { "control character", HEADER "<a>\x01</a>", "not-well-formed" },
    { "control character by number", HEADER "<a>&#1;</a>", "not-well-formed" },
    { "surrogate by number", HEADER "<a>&#xD800;</a>", "not-well-formed" },
    { "U+FFFE", HEADER "<a>\xEF\xBF\xBE</a>", "not-well-formed" },
    { "U+FFFF", HEADER "<a>\xEF\xBF\xBF</a>", "not-well-formed" },
    { "U+FFFF by number", HEADER "<a b='&#xFFFF;'/>", "not-well-formed" },
    { "Latin-1", HEADER "<a>\xE4</a>", "unsupported-encoding" },
    { "Latin-1 in a value", HEADER "<a b='\xE4\xF6'/>", "unsupported-encoding" },
    { "lone continuation", HEADER "<a>\x80</a>", "unsupported-encoding" },
    { "overlong", HEADER "<a>\xC0\xBC</a>", "unsupported-encoding" },
    { "overlong, three bytes", HEADER "<a>\xE0\x9F\xBF</a>", "unsupported-encoding" },
    { "surrogate in UTF-8", HEADER "<a>\xED\xA0\x80</a>", "unsupported-encoding" },
    { "beyond Unicode", HEADER "<a>\xF4\x90\x80\x80</a>", "unsupported-encoding" },
    { "eleven attributes", HEADER "<a b1='' b2='' b3='' b4='' b5='' b6='' b7='' b8='' b9='' b10='' b11=''/>",
      "policy-violation" },
    { "declarations count", HEADER "<a xmlns:c='u' b2='' b3='' b4='' b5='' b6='' b7='' b8='' b9='' b10='' b11=''/>",
      "policy-violation" },
    { "depth 11", HEADER "<a><a><a><a><a><a><a><a><a><a><a>", "policy-violation" },
};

static bool ends_with(const char *lines, const char *condition)
{
    char expected[64];
    int size = snprintf(expected, sizeof expected, "error %s\n", condition);
    size_t length = strlen(lines);
    return length >= (size_t)size && strcmp(lines + length - (size_t)size, expected) == 0;
}

static void test_conditions(void **state)
{
    (void)state;
    static const size_t steps[] = { 1, 2, 5, 10000 };
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
        for (size_t i = 0; i < 4; i++) {
            struct recorder r;
            recorder_init(&r, FRAMING_TCP);
            recorder_feed(&r, row->input, strlen(row->input), steps[i]);
            if (!ends_with(recorder_lines(&r), row->condition))
                fail_msg("%s, in pieces of %zu: %s, expected %s", row->name, steps[i], recorder_lines(&r),
                         row->condition);
            recorder_feed(&r, "<a/>", 4, 1); /* the error was the last call */
            assert_true(ends_with(recorder_lines(&r), row->condition));
            assert_true(r.error_text && *r.error_text);
            recorder_fini(&r);
        }
    }
}

/* UTF-16 without a mark begins with a zero byte, or with '<' and one. */
static void test_zero_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *input, *condition;
    } zeros[] = { { "\0<\0s", "unsupported-encoding" }, { "<\0s\0", "unsupported-encoding" } };
    for (size_t i = 0; i < 2; i++) {
        struct recorder r;
        recorder_init(&r, FRAMING_TCP);
        recorder_feed(&r, zeros[i].input, 4, 4);
        assert_true(ends_with(recorder_lines(&r), zeros[i].condition));
        recorder_fini(&r);
    }
}

/* Exactly at a limit all is well, one more is too much. */
static void test_at_the_limits(void **state)
{
    (void)state;
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    r.is_counting = true;
    static const char fine[] = HEADER "<a b1='' b2='' b3='' b4='' b5='' b6='' b7='' b8='' b9='' b10=''/>"
                                      "<a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a>";
    recorder_feed(&r, fine, strlen(fine), 1000);
    assert_int_equal(r.stanzas, 2);

    char *stanza = xmalloc(10001);
    memset(stanza, 'x', 10001);
    memcpy(stanza, "<a>", 3);
    memcpy(stanza + 10000 - 4, "</a>", 4);
    recorder_feed(&r, stanza, 10000, 10000);
    assert_int_equal(r.stanzas, 3);
    assert_string_equal(recorder_lines(&r), TCP_OPENED);
    memcpy(stanza + 10001 - 5, "x</a>", 5);
    recorder_feed(&r, stanza, 10001, 10001);
    assert_int_equal(r.stanzas, 3);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "error policy-violation\n");
    free(stanza);
    recorder_fini(&r);
}

/* A prefix of one letter stands for a namespace of 3,000: the tenth element in it would be 30,000 bytes of tree and JSON. */
static void test_namespaces_that_multiply(void **state)
{
    (void)state;
    struct recorder r;
    struct buffer stanza = { 0 };
    recorder_init(&r, FRAMING_TCP);
    BUFFER_LITERAL(&stanza, HEADER "<a xmlns:p='urn:");
    for (int i = 0; i < 3000; i++)
        buffer_append_char(&stanza, 'n');
    BUFFER_LITERAL(&stanza, "'>");
    for (int i = 0; i < 10; i++)
        BUFFER_LITERAL(&stanza, "<p:b/>");
    BUFFER_LITERAL(&stanza, "</a>");
    recorder_feed(&r, stanza.data, stanza.size, stanza.size);
    assert_true(ends_with(recorder_lines(&r), "policy-violation"));
    buffer_fini(&stanza);
    recorder_fini(&r);
}

/* 10 MB of each: refused when the limit of 10,000 bytes is passed, and before that it costs no more than a few times the
 * limit; for empty elements that is a tree of 112 bytes for 4 of input. */
static void test_big_things_cost_no_memory(void **state)
{
    (void)state;
    enum { BIG = 10 * 1024 * 1024, STEP = 16384 };
    static const struct {
        const char *name, *beginning, *repeated;
    } big[] = {
        { "attribute", HEADER "<a b='", "x" },
        { "attribute full of '>'", HEADER "<a b='", ">" },
        { "element name", HEADER "<a", "x" },
        { "attribute name", HEADER "<a b", "x" },
        { "attributes", HEADER "<a ", "b='' " },
        { "namespace", HEADER "<a xmlns='", "u" },
        { "end tag", HEADER "<a></", "a" },
        { "text", HEADER "<a>", "x" },
        { "lines", HEADER "<a>", "\n" },
        { "references", HEADER "<a>", "&amp;" },
        { "CDATA", HEADER "<a><![CDATA[", "x" },
        { "comment", HEADER "<a><!--", "x" },
        { "instruction", HEADER "<a><?b ", "x" },
        { "reference name", HEADER "<a>&", "x" },
        { "children", HEADER "<a>", "<b/>" },
        { "depth", HEADER, "<a>" },
        { "header attribute", "<stream:stream a='", "x" },
        { "declaration", "<?xml version='", "1" },
        { "white space in the prolog", "<?xml version='1.0'?>", " " },
        { "doctype", "<!DOCTYPE ", "x" },
    };
    char piece[STEP];
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) {
        struct recorder r;
        size_t fed = 0, unit = strlen(big[i].repeated), before, most = 0;
        for (size_t j = 0; j + unit <= STEP; j += unit)
            memcpy(piece + j, big[i].repeated, unit);
        recorder_init(&r, FRAMING_TCP);
        before = heap_bytes();
        recorder_feed(&r, big[i].beginning, strlen(big[i].beginning), 10000);
        while (fed < BIG && !strstr(recorder_lines(&r), "error")) {
            size_t size = 997 / unit * unit;
            stream_feed(r.stream, piece, size);
            fed += size;
            most = heap_bytes() > most ? heap_bytes() : most;
        }
        if (!ends_with(recorder_lines(&r), "policy-violation") || fed > 12000 || most > before + 400000)
            fail_msg("%s: %s after %zu bytes, %zu bytes of memory", big[i].name, recorder_lines(&r), fed,
                     most - before);
        recorder_fini(&r);
    }
}

/* The same when all of it comes in one read, or byte by byte. */
static void test_big_reads(void **state)
{
    (void)state;
    char *text = xmalloc(4 * 1024 * 1024);
    memset(text, 'x', 4 * 1024 * 1024);
    memcpy(text, HEADER "<a b='", strlen(HEADER "<a b='"));
    static const size_t steps[] = { 1, 4 * 1024 * 1024 };
    for (size_t i = 0; i < 2; i++) {
        struct recorder r;
        recorder_init(&r, FRAMING_TCP);
        stream_feed(r.stream, text, strlen(HEADER));
        recorder_feed(&r, text + strlen(HEADER), i ? 4000000 : 20000, steps[i]);
        assert_string_equal(recorder_lines(&r), TCP_OPENED "error policy-violation\n");
        recorder_fini(&r);
    }
    free(text);
}

/* A big tag in tiny pieces, each of which could end it: looked at again and again, but not without end. */
static void test_small_pieces_of_a_big_tag(void **state)
{
    (void)state;
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    r.limits.stanza_bytes = 100000;
    recorder_feed(&r, HEADER "<a b='", strlen(HEADER "<a b='"), 1000);
    unsigned fed = 0;
    while (!strstr(recorder_lines(&r), "error") && fed < 100000) {
        stream_feed(r.stream, ">", 1);
        fed++;
    }
    assert_string_equal(recorder_lines(&r), TCP_OPENED "error policy-violation\n");
    assert_in_range(fed, 1000, 10000); /* 64 times the limit is about fed squared by two */
    recorder_fini(&r);

    /* pieces that cannot end it cost nothing */
    recorder_init(&r, FRAMING_TCP);
    r.is_counting = true;
    r.limits.stanza_bytes = 100000;
    recorder_feed(&r, HEADER "<a b='", strlen(HEADER "<a b='"), 1000);
    for (fed = 0; fed < 90000; fed++)
        stream_feed(r.stream, "x", 1);
    stream_feed(r.stream, "'/>", 3);
    assert_string_equal(recorder_lines(&r), TCP_OPENED);
    assert_int_equal(r.stanzas, 1);
    recorder_fini(&r);
}

/* That bound is on one stanza at a time, however many there are. */
static void test_many_tags_in_pieces(void **state)
{
    (void)state;
    char tag[2900];
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    r.is_counting = true;
    r.limits.stanza_bytes = 3000;
    recorder_feed(&r, HEADER, strlen(HEADER), 1000);
    memset(tag, '>', sizeof tag);
    memcpy(tag, "<a b='", 6);
    memcpy(tag + sizeof tag - 3, "'/>", 3);
    for (int i = 0; i < 300; i++)
        recorder_feed(&r, tag, sizeof tag, 100);
    assert_string_equal(recorder_lines(&r), TCP_OPENED);
    assert_int_equal(r.stanzas, 300);
    recorder_fini(&r);
}

static void test_endless_white_space(void **state)
{
    (void)state;
    char white[4096];
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    memset(white, ' ', sizeof white);
    for (size_t i = 0; i < sizeof white; i += 3)
        white[i] = "\n\r\t"[i / 3 % 3];
    for (int i = 0; i < 100; i++)
        stream_feed(r.stream, white, sizeof white);
    recorder_feed(&r, HEADER, strlen(HEADER), 1000);
    size_t before = heap_bytes();
    for (int i = 0; i < 1000; i++) {
        stream_feed(r.stream, white, sizeof white);
        stream_feed(r.stream, white, 1);
    }
    assert_true(heap_bytes() < before + 100000);
    recorder_feed(&r, "<a/>", 4, 1);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "stanza <a/>\n");
    recorder_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),          cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_at_the_limits),
        cmocka_unit_test(test_namespaces_that_multiply),       cmocka_unit_test(test_big_things_cost_no_memory),
        cmocka_unit_test(test_big_reads),           cmocka_unit_test(test_small_pieces_of_a_big_tag),
        cmocka_unit_test(test_many_tags_in_pieces), cmocka_unit_test(test_endless_white_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
