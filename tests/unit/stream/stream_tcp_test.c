/* stream_tcp_test.c - TCP framing: what a stream calls back, and in which order, however its bytes are cut, and when it
 * is paused, restarted, put to sleep or freed, from inside its callbacks and from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "recorder.h"

#define PLAIN_HEADER \
    "<stream:stream to='example.com' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
    "version='1.0'>"

static const struct row {
    const char *name, *input, *lines;
} rows[] = {
    { "header", TCP_HEADER, TCP_OPENED },
    { "no declaration", PLAIN_HEADER, TCP_OPENED },
    { "declared encoding", "<?xml version='1.0' encoding='utf-8'?>" PLAIN_HEADER, TCP_OPENED },
    { "white space before", "\n \t\r\n" TCP_HEADER, TCP_OPENED },
    { "no version, no to", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>",
      "open  \n" },
    { "other prefix",
      "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' to='a'><r/></s:stream>",
      "open a \nstanza <r/>\nclose\n" },
    { "stream namespace as the default",
      "<stream xmlns='http://etherx.jabber.org/streams' to='a'><iq xmlns='jabber:client'/></stream>",
      "open a \nstanza <iq/>\nclose\n" },
    { "stream namespace as the default, and with a prefix",
      "<stream xmlns='http://etherx.jabber.org/streams' xmlns:stream='http://etherx.jabber.org/streams'>"
      "<error/></stream>",
      "open  \nstanza <stream:error/>\nclose\n" },
    { "stanzas, keepalives, end", TCP_HEADER "<a/> \n<b>x</b>\r\n\t<c><d/></c></stream:stream>",
      TCP_OPENED "stanza <a/>\nstanza <b>x</b>\nstanza <c><d/></c>\nclose\n" },
    { "what follows the end is not read", TCP_HEADER "</stream:stream><a/>\x01&", TCP_OPENED "close\n" },
    { "an error of the peer is a stanza", TCP_HEADER "<stream:error><x xmlns='urn:x'/></stream:error>",
      TCP_OPENED "stanza <stream:error><x xmlns='urn:x'/></stream:error>\n" },
    { "prefix from the header",
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:x='urn:x&amp;y'>"
      "<x:a x:b='1'/>",
      "open  \nstanza <a xmlns='urn:x&amp;y' xmlns:ns0='urn:x&amp;y' ns0:b='1'/>\n" },
    { "pause holds the rest", TCP_HEADER "<pause/><a/>", TCP_OPENED "stanza <pause/>\n" },
    { "pause and resume at once", TCP_HEADER "<pause-resume/><a/>",
      TCP_OPENED "stanza <pause-resume/>\nstanza <a/>\n" },
    { "restart, all pipelined", TCP_HEADER "<restart/>" TCP_HEADER "<a/></stream:stream>",
      TCP_OPENED "stanza <restart/>\n" TCP_OPENED "stanza <a/>\nclose\n" },
    { "restart with white space before the declaration", TCP_HEADER "<restart></restart>\r\n\n" TCP_HEADER "<a/>",
      TCP_OPENED "stanza <restart/>\n" TCP_OPENED "stanza <a/>\n" },
    { "restart twice", TCP_HEADER "<restart/>" PLAIN_HEADER "<restart/>" PLAIN_HEADER "<a/>",
      TCP_OPENED "stanza <restart/>\n" TCP_OPENED "stanza <restart/>\n" TCP_OPENED "stanza <a/>\n" },
    { "a restart forgets prefixes",
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:x='urn:x'>"
      "<restart/>" TCP_HEADER "<x:a/>",
      "open  \nstanza <restart/>\n" TCP_OPENED "error bad-namespace-prefix\n" },
    { "after a restart only a header will do", TCP_HEADER "<restart/><iq type='get'/>",
      TCP_OPENED "stanza <restart/>\nerror invalid-namespace\n" },
    { "freed inside", TCP_HEADER "<a/><free/><b/>", TCP_OPENED "stanza <a/>\nstanza <free/>\n" },
    { "no sleep inside a callback", TCP_HEADER "<sleep/><a/>", TCP_OPENED "stanza <sleep/>\nsleep 0\nstanza <a/>\n" },
};

static void assert_lines(const char *name, size_t step, struct recorder *r, const char *expected)
{
    const char *lines = recorder_lines(r);
    if (strcmp(lines, expected) != 0)
        fail_msg("%s, in pieces of %zu:\n%sexpected\n%s%s", name, step, lines, expected,
                 r->error_text ? r->error_text : "");
}

static const size_t steps[] = { 1, 2, 3, 7, 61, 100000 };
#define EACH_STEP(s) for (const size_t *s = steps; s < steps + sizeof steps / sizeof steps[0]; s++)

static void test_rows(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
        EACH_STEP(step)
        {
            struct recorder r;
            recorder_init(&r, FRAMING_TCP);
            recorder_feed(&r, row->input, strlen(row->input), *step);
            assert_lines(row->name, *step, &r, row->lines);
            recorder_fini(&r);
        }
    }
}

/* The same rows with the parser taken away after every piece: a stream that slept is the same stream. */
static void test_sleeping_changes_nothing(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
        struct recorder r;
        unsigned slept = 0;
        recorder_init(&r, FRAMING_TCP);
        for (const char *p = row->input; *p && r.stream; p++) {
            recorder_feed(&r, p, 1, 1);
            slept += r.stream && stream_sleep(r.stream);
        }
        assert_lines(row->name, 1, &r, row->lines);
        assert_true(slept > 0);
        recorder_fini(&r);
    }
}

static void test_header_fields(void **state)
{
    (void)state;
    static const char input[] = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
                                "from='a&amp;b' xml:lang='de' id='' version='1.0'>";
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    r.wants_all_fields = true;
    recorder_feed(&r, input, strlen(input), 1000);
    assert_string_equal(recorder_lines(&r), "to - from a&b id  version 1.0 lang de xmlns jabber:client\n");
    recorder_fini(&r);
}

static void test_pause_and_resume_outside(void **state)
{
    (void)state;
    static const char input[] = TCP_HEADER "<a/><pause/><b/><pause/><c/></stream:stream>";
    EACH_STEP(step)
    {
        struct recorder r;
        recorder_init(&r, FRAMING_TCP);
        stream_pause(r.stream);
        recorder_feed(&r, input, strlen(input), *step);
        assert_int_equal(r.lines.size, 0);
        assert_false(stream_sleep(r.stream)); /* bytes wait */
        stream_resume(r.stream);
        assert_lines("first resume", *step, &r, TCP_OPENED "stanza <a/>\nstanza <pause/>\n");
        stream_resume(r.stream);
        assert_lines("second resume", *step, &r,
                     TCP_OPENED "stanza <a/>\nstanza <pause/>\nstanza <b/>\nstanza <pause/>\n");
        stream_resume(r.stream);
        assert_lines("third resume", *step, &r,
                     TCP_OPENED "stanza <a/>\nstanza <pause/>\nstanza <b/>\nstanza <pause/>\nstanza <c/>\nclose\n");
        stream_resume(r.stream);
        recorder_fini(&r);
    }
}

static void test_pause_within_a_stanza(void **state)
{
    (void)state;
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    recorder_feed(&r, TCP_HEADER "<a>half", sizeof TCP_HEADER - 1 + 7, 1000);
    assert_false(stream_sleep(r.stream));
    stream_pause(r.stream);
    recorder_feed(&r, " and half</a><b/>", 17, 1);
    assert_string_equal(recorder_lines(&r), TCP_OPENED);
    stream_resume(r.stream);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "stanza <a>half and half</a>\nstanza <b/>\n");
    recorder_fini(&r);
}

/* The usual way of a login: the stanza pauses, the answer comes later and restarts. */
static void test_restart_while_paused(void **state)
{
    (void)state;
    static const char input[] = TCP_HEADER "<pause/>\n" TCP_HEADER "<a/>";
    EACH_STEP(step)
    {
        struct recorder r;
        recorder_init(&r, FRAMING_TCP);
        recorder_feed(&r, input, strlen(input), *step);
        stream_restart(r.stream);
        assert_lines("paused", *step, &r, TCP_OPENED "stanza <pause/>\n");
        stream_resume(r.stream);
        assert_lines("resumed", *step, &r, TCP_OPENED "stanza <pause/>\n" TCP_OPENED "stanza <a/>\n");
        recorder_fini(&r);
    }
}

/* STARTTLS: nothing that came in plain text lives on (RFC 6120 5.4.3.3). */
static void test_drop_input(void **state)
{
    (void)state;
    static const char input[] = TCP_HEADER "<drop/>" TCP_HEADER "<injected/>";
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    recorder_feed(&r, input, strlen(input), 100000);
    recorder_feed(&r, TCP_HEADER "<a/>", strlen(TCP_HEADER "<a/>"), 100000);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "stanza <drop/>\n" TCP_OPENED "stanza <a/>\n");
    recorder_fini(&r);

    static const char paused[] = TCP_HEADER "<pause/><injected/><inj";
    recorder_init(&r, FRAMING_TCP);
    recorder_feed(&r, paused, strlen(paused), 100000);
    stream_drop_input(r.stream);
    stream_resume(r.stream);
    recorder_feed(&r, "<a/>", 4, 4); /* no restart: the same stream goes on */
    assert_string_equal(recorder_lines(&r), TCP_OPENED "stanza <pause/>\nstanza <a/>\n");
    recorder_fini(&r);
}

static void test_pause_and_free_at_open(void **state)
{
    (void)state;
    static const char input[] = TCP_HEADER "<a/>";
    EACH_STEP(step)
    {
        struct recorder r;
        recorder_init(&r, FRAMING_TCP);
        r.pauses_at_open = true;
        recorder_feed(&r, input, strlen(input), *step);
        assert_lines("pause", *step, &r, TCP_OPENED);
        stream_resume(r.stream);
        assert_lines("resume", *step, &r, TCP_OPENED "stanza <a/>\n");
        recorder_fini(&r);

        recorder_init(&r, FRAMING_TCP);
        r.frees_at_open = true;
        recorder_feed(&r, input, strlen(input), *step);
        assert_null(r.stream);
        assert_lines("free", *step, &r, TCP_OPENED);
        recorder_fini(&r);
    }
}

static void test_free_while_resuming(void **state)
{
    (void)state;
    static const char input[] = TCP_HEADER "<free/><a/>";
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    stream_pause(r.stream);
    recorder_feed(&r, input, strlen(input), 100000);
    stream_resume(r.stream);
    assert_null(r.stream);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "stanza <free/>\n");
    recorder_fini(&r);
}

static void test_too_much_waits(void **state)
{
    (void)state;
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    recorder_feed(&r, TCP_HEADER "<pause/>", strlen(TCP_HEADER "<pause/>"), 1000);
    for (int i = 0; i < 100; i++)
        recorder_feed(&r, "<a/>                                    ", 40, 40);
    for (int i = 0; i < 100000; i++)
        stream_feed(r.stream, "                                        ", 40);
    assert_true(heap_bytes() < 10 * 1024 * 1024);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "stanza <pause/>\n");
    r.is_counting = true;
    stream_resume(r.stream);
    assert_int_equal(r.stanzas, 1 + 100);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "stanza <pause/>\nerror resource-constraint\n");
    recorder_fini(&r);
}

static void test_stanza_bytes(void **state)
{
    (void)state;
    static const char stanza[] = "<a>\xC3\xA4&amp;</a>";
    struct recorder r;
    EACH_STEP(step)
    {
        recorder_init(&r, FRAMING_TCP);
        r.is_counting = true;
        recorder_feed(&r, TCP_HEADER " ", strlen(TCP_HEADER " "), 1000);
        recorder_feed(&r, stanza, strlen(stanza), *step);
        recorder_feed(&r, " \n<b/>", 6, *step);
        assert_int_equal(r.stanzas, 2);
        assert_int_equal(r.bytes, strlen(stanza) + 4);
        recorder_fini(&r);
    }
}

/* Sleeping costs the struct, whatever was read before; unusual declarations cost their own length. */
static void test_sleep_is_cheap(void **state)
{
    (void)state;
    enum { STREAMS = 400, HEAP_KEEPS = 40000 }; /* malloc counts a few freed pieces as used */
    static struct recorder r[STREAMS];
    for (int i = 0; i < STREAMS; i++)
        recorder_init(&r[i], FRAMING_TCP);
    size_t before = heap_bytes();
    for (int i = 0; i < STREAMS; i++) {
        r[i].is_counting = true;
        recorder_feed(&r[i], TCP_HEADER "<a>x</a><b/>", strlen(TCP_HEADER "<a>x</a><b/>"), 1000);
        buffer_fini(&r[i].lines);
    }
    size_t awake = heap_bytes();
    for (int i = 0; i < STREAMS; i++)
        assert_true(stream_sleep(r[i].stream));
    size_t asleep = heap_bytes();
    assert_true(awake > before + STREAMS * 1000);
    assert_true(asleep < before + HEAP_KEEPS);
    for (int i = 0; i < STREAMS; i++) {
        recorder_feed(&r[i], "<c/></stream:stream>", 20, 1000);
        assert_int_equal(r[i].stanzas, 3);
        assert_string_equal(recorder_lines(&r[i]), "close\n");
        recorder_fini(&r[i]);
    }
}

/* Expat keeps all names it has seen; a stream that uses a new one for each stanza must not grow with them. */
static void test_many_names_do_not_stay(void **state)
{
    (void)state;
    struct recorder r;
    size_t most = 0;
    recorder_init(&r, FRAMING_TCP);
    r.is_counting = true;
    recorder_feed(&r, TCP_HEADER, strlen(TCP_HEADER), 1000);
    size_t before = heap_bytes();
    for (unsigned i = 0; i < 20000; i++) {
        char stanza[64];
        int size = snprintf(stanza, sizeof stanza, "<a%u b%u='' c%u=''/>", i, i, i);
        stream_feed(r.stream, stanza, (size_t)size);
        if (i % 64 == 0 && heap_bytes() > most)
            most = heap_bytes();
    }
    assert_int_equal(r.stanzas, 20000);
    assert_true(most - before < 512 * 1024);
    recorder_fini(&r);
}

/* A big stanza stretches the parser's buffers: they must not stay stretched. */
static void test_big_stanzas_do_not_stay(void **state)
{
    (void)state;
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    r.is_counting = true;
    r.limits.stanza_bytes = 300000;
    recorder_feed(&r, TCP_HEADER, strlen(TCP_HEADER), 1000);
    size_t before = heap_bytes();
    char *big = xmalloc(250000);
    memset(big, 'x', 250000);
    memcpy(big, "<a b='", 6);
    memcpy(big + 250000 - 3, "'/>", 3);
    recorder_feed(&r, big, 250000, 1000);
    free(big);
    assert_int_equal(r.stanzas, 1);
    assert_true(heap_bytes() < before + 16 * 1024);
    recorder_feed(&r, "<a/></stream:stream>", 20, 1);
    assert_int_equal(r.stanzas, 2);
    assert_string_equal(recorder_lines(&r), TCP_OPENED "close\n");
    recorder_fini(&r);
}

/* Nor does what a text was gathered in, when the stanza was not big enough for a new parser. */
static void test_long_texts_do_not_stay(void **state)
{
    (void)state;
    static char white[4096], text[9000];
    struct recorder r;
    recorder_init(&r, FRAMING_TCP);
    r.is_counting = true;
    memset(white, ' ', sizeof white);
    memset(text, 'x', sizeof text);
    recorder_feed(&r, TCP_HEADER "<a>x</a>", strlen(TCP_HEADER "<a>x</a>"), 1000);
    stream_feed(r.stream, white, sizeof white); /* expat's own buffer is as big as it gets */
    size_t before = heap_bytes();
    memcpy(text, "<a>", 3);
    memcpy(text + sizeof text - 4, "</a>", 4);
    stream_feed(r.stream, text, sizeof text);
    assert_int_equal(r.stanzas, 2);
    assert_true(heap_bytes() < before + 4096);
    recorder_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_sleeping_changes_nothing),
        cmocka_unit_test(test_header_fields),
        cmocka_unit_test(test_pause_and_resume_outside),
        cmocka_unit_test(test_pause_within_a_stanza),
        cmocka_unit_test(test_restart_while_paused),
        cmocka_unit_test(test_drop_input),
        cmocka_unit_test(test_pause_and_free_at_open),
        cmocka_unit_test(test_free_while_resuming),
        cmocka_unit_test(test_too_much_waits),
        cmocka_unit_test(test_stanza_bytes),
        cmocka_unit_test(test_sleep_is_cheap),
        cmocka_unit_test(test_many_names_do_not_stay),
        cmocka_unit_test(test_big_stanzas_do_not_stay),
        cmocka_unit_test(test_long_texts_do_not_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
