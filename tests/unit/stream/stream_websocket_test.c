/* stream_websocket_test.c - WebSocket framing (RFC 7395): messages in, callbacks out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "recorder.h"

#define OPEN WEBSOCKET_OPEN
#define CLOSE "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"
#define OPENED TCP_OPENED
#define IQ "<iq xmlns='jabber:client' type='get'/>"

static const struct row {
    const char *name, *messages[6], *lines;
} rows[] = {
    { "open, stanza, close", { OPEN, IQ, CLOSE }, OPENED "stanza <iq type='get'/>\nclose\n" },
    { "close names another place",
      { OPEN, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://other.example'/>" },
      OPENED "close\n" },
    { "nothing after close", { OPEN, CLOSE, IQ, "<" }, OPENED "close\n" },
    { "prefixed framing", { "<f:open xmlns:f='urn:ietf:params:xml:ns:xmpp-framing' to='a'/>" }, "open a \n" },
    { "white space around", { " \n" OPEN "\r\n", "\t" IQ " " }, OPENED "stanza <iq type='get'/>\n" },
    { "white space alone", { " ", OPEN, "\n", "", IQ }, OPENED "stanza <iq type='get'/>\n" },
    { "declaration",
      { "<?xml version='1.0'?>" OPEN, "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n" IQ },
      OPENED "stanza <iq type='get'/>\n" },
    { "declaration of another encoding",
      { OPEN, "<?xml version='1.0' encoding='latin1'?>" IQ },
      OPENED "error unsupported-encoding\n" },
    { "no declaration but an instruction", { OPEN, "<?xmlx y?>" IQ }, OPENED "error restricted-xml\n" },
    { "declaration without end", { OPEN, "<?xml version='1.0'" }, OPENED "error not-well-formed\n" },
    { "only a declaration", { OPEN, "<?xml version='1.0'?>" }, OPENED "error not-well-formed\n" },
    { "restart",
      { OPEN, "<restart/>", OPEN, IQ, CLOSE },
      OPENED "stanza <restart xmlns=''/>\n" OPENED "stanza <iq type='get'/>\nclose\n" },
    { "restart, then close", { OPEN, "<restart/>", CLOSE }, OPENED "stanza <restart xmlns=''/>\nclose\n" },
    { "no restart, open again", { OPEN, OPEN, IQ }, OPENED "error bad-format\n" },
    { "stanza before open", { IQ, OPEN }, "error invalid-namespace\n" },
    { "close before open", { CLOSE }, "error bad-format\n" },
    { "open in no namespace", { "<open to='a'/>" }, "error invalid-namespace\n" },
    { "a TCP header", { TCP_HEADER }, "error invalid-namespace\n" },
    { "a TCP header, later", { OPEN, TCP_HEADER }, OPENED "error invalid-namespace\n" },
    { "a TCP header, alone and whole",
      { OPEN, "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'></stream:stream>" },
      OPENED "error invalid-namespace\n" },
    { "other elements of framing",
      { OPEN, "<ping xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>" },
      OPENED "error unsupported-stanza-type\n" },
    { "an error of the peer",
      { OPEN, "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>" },
      OPENED "stanza <stream:error/>\n" },
    { "two elements", { OPEN, IQ IQ }, OPENED "error bad-format\n" },
    { "half an element", { OPEN, "<iq xmlns='jabber:client'>" }, OPENED "error not-well-formed\n" },
    { "half a tag", { OPEN, "<iq xmlns='jabber:client'" }, OPENED "error not-well-formed\n" },
    { "half a second tag", { OPEN, IQ "<" }, OPENED "error not-well-formed\n" },
    { "an end too many", { OPEN, IQ "</messages>" }, OPENED "error not-well-formed\n" },
    { "nothing but an end", { OPEN, "</messages>" }, OPENED "error not-well-formed\n" },
    { "out of the root and in again", { OPEN, "</messages><messages>" }, OPENED "error not-well-formed\n" },
    { "text before", { OPEN, "x" IQ }, OPENED "error bad-format\n" },
    { "text behind", { OPEN, IQ "x" }, OPENED "error bad-format\n" },
    { "text alone", { OPEN, "ping" }, OPENED "error bad-format\n" },
    { "half a reference behind", { OPEN, IQ "&am" }, OPENED "error not-well-formed\n" },
    { "half a CDATA section behind", { OPEN, IQ "]]" }, OPENED "error not-well-formed\n" },
    { "an open CDATA section behind", { OPEN, IQ "<![CDATA[" }, OPENED "error bad-format\n" },
    { "an empty CDATA section before", { OPEN, "<![CDATA[]]>" IQ }, OPENED "error bad-format\n" },
    { "half a character behind", { OPEN, IQ "\xE2\x82" }, OPENED "error not-well-formed\n" },
    { "undeclared prefix", { OPEN, "<stream:error/>" }, OPENED "error bad-namespace-prefix\n" },
    { "messages share no prefixes",
      { OPEN, "<x:a xmlns:x='urn:x'/>", "<x:a/>" },
      OPENED "stanza <a xmlns='urn:x'/>\nerror bad-namespace-prefix\n" },
    { "nor defaults",
      { OPEN, "<a xmlns='urn:x'/>", "<a/>" },
      OPENED "stanza <a xmlns='urn:x'/>\nstanza <a xmlns=''/>\n" },
    { "doctype", { OPEN, "<!DOCTYPE a []><a/>" }, OPENED "error not-well-formed\n" },
    { "comment", { OPEN, "<!-- --><a/>" }, OPENED "error restricted-xml\n" },
    { "pause", { OPEN, "<pause/>", IQ }, OPENED "stanza <pause xmlns=''/>\n" },
    { "free", { OPEN, "<free/>", IQ }, OPENED "stanza <free xmlns=''/>\n" },
    { "drop and restart", { OPEN, "<drop/>", OPEN }, OPENED "stanza <drop xmlns=''/>\n" OPENED },
};

static void feed(struct recorder *r, const char *message)
{
    size_t size = strlen(message);
    recorder_feed(r, message, size, size + 1);
    if (size == 0 && r->stream)
        stream_feed(r->stream, message, 0);
}

static void assert_lines(const char *name, struct recorder *r, const char *expected)
{
    const char *lines = recorder_lines(r);
    if (strcmp(lines, expected) != 0)
        fail_msg("%s:\n%sexpected\n%s%s", name, lines, expected, r->error_text ? r->error_text : "");
}

static void test_rows(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
        struct recorder r;
        recorder_init(&r, FRAMING_WEBSOCKET);
        for (size_t i = 0; i < 6 && row->messages[i]; i++)
            feed(&r, row->messages[i]);
        assert_lines(row->name, &r, row->lines);
        recorder_fini(&r);
    }
}

/* Every bad message of the table, and right after it a good one of somebody else on the same parser. */
static void test_neighbours_notice_nothing(void **state)
{
    (void)state;
    struct recorder good;
    recorder_init(&good, FRAMING_WEBSOCKET);
    good.is_counting = true;
    feed(&good, OPEN);
    unsigned expected = 0;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
        struct recorder bad;
        recorder_init_beside(&bad, &good);
        for (size_t i = 0; i < 6 && row->messages[i]; i++) {
            feed(&bad, row->messages[i]);
            feed(&good, IQ);
            expected++;
        }
        assert_lines(row->name, &bad, row->lines);
        recorder_fini(&bad);
        assert_int_equal(good.stanzas, expected);
    }
    assert_string_equal(recorder_lines(&good), OPENED);
    recorder_fini(&good);
}

static void test_pause_keeps_messages(void **state)
{
    (void)state;
    struct recorder r;
    recorder_init(&r, FRAMING_WEBSOCKET);
    stream_pause(r.stream);
    feed(&r, OPEN);
    feed(&r, "<pause/>");
    feed(&r, IQ);
    feed(&r, "<free/>");
    feed(&r, IQ);
    assert_false(stream_sleep(r.stream));
    assert_int_equal(r.lines.size, 0);
    stream_resume(r.stream);
    assert_string_equal(recorder_lines(&r), OPENED "stanza <pause xmlns=''/>\n");
    stream_resume(r.stream);
    assert_string_equal(recorder_lines(&r),
                        OPENED "stanza <pause xmlns=''/>\nstanza <iq type='get'/>\nstanza <free xmlns=''/>\n");
    assert_null(r.stream);
    recorder_fini(&r);
}

static void test_drop_while_paused(void **state)
{
    (void)state;
    struct recorder r;
    recorder_init(&r, FRAMING_WEBSOCKET);
    feed(&r, OPEN);
    stream_pause(r.stream);
    feed(&r, "<drop/>");
    feed(&r, IQ);
    stream_resume(r.stream); /* the first of the two drops the second */
    feed(&r, OPEN);
    assert_string_equal(recorder_lines(&r), OPENED "stanza <drop xmlns=''/>\n" OPENED);
    assert_true(stream_sleep(r.stream));
    recorder_fini(&r);
}

static void test_sizes(void **state)
{
    (void)state;
    struct recorder r;
    char *message = xmalloc(20001);
    memset(message, 'x', 20000);
    message[20000] = '\0';
    memcpy(message, "<a>", 3);

    recorder_init(&r, FRAMING_WEBSOCKET);
    r.is_counting = true;
    feed(&r, OPEN);
    memcpy(message + 10000 - 4, "</a>", 5);
    feed(&r, message); /* as big as may be */
    assert_int_equal(r.stanzas, 1);
    assert_int_equal(r.bytes, 10000);
    memcpy(message + 10000 - 4, "x</a>", 6);
    feed(&r, message);
    assert_string_equal(recorder_lines(&r), OPENED "error policy-violation\n");
    recorder_fini(&r);
    free(message);
}

/* A message comes whole, so its size is the only bound on one tag. */
static void test_big_tag(void **state)
{
    (void)state;
    enum { SIZE = 1000 * 1000 };
    struct recorder r;
    char *message = xmalloc(SIZE + 1);
    memset(message, '>', SIZE);
    memcpy(message, "<a b='", 6);
    memcpy(message + SIZE - 3, "'/>", 4);
    recorder_init(&r, FRAMING_WEBSOCKET);
    r.is_counting = true;
    r.limits.stanza_bytes = SIZE;
    feed(&r, OPEN);
    feed(&r, message);
    assert_string_equal(recorder_lines(&r), OPENED);
    assert_int_equal(r.stanzas, 1);
    recorder_fini(&r);
    free(message);
}

static void test_shared_parser_stays_small(void **state)
{
    (void)state;
    struct recorder r;
    size_t most = 0;
    recorder_init(&r, FRAMING_WEBSOCKET);
    r.is_counting = true;
    feed(&r, OPEN);
    size_t before = heap_bytes();
    for (unsigned i = 0; i < 20000; i++) {
        char stanza[80];
        snprintf(stanza, sizeof stanza, "<p%u:a%u xmlns:p%u='urn:%u' p%u:b%u=''/>", i, i, i, i, i, i);
        feed(&r, stanza);
        if (i % 64 == 0 && heap_bytes() > most)
            most = heap_bytes();
    }
    assert_int_equal(r.stanzas, 20000);
    assert_true(most - before < 512 * 1024);

    r.limits.stanza_bytes = 300000;
    char *big = xmalloc(250001);
    memset(big, 'x', 250000);
    memcpy(big, "<a b='", 6);
    memcpy(big + 250000 - 3, "'/>", 4);
    before = heap_bytes();
    feed(&r, big);
    assert_int_equal(r.stanzas, 20001);
    assert_true(heap_bytes() < before + 64 * 1024);
    free(big);
    recorder_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_neighbours_notice_nothing),
        cmocka_unit_test(test_pause_keeps_messages),
        cmocka_unit_test(test_drop_while_paused),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_big_tag),
        cmocka_unit_test(test_shared_parser_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
