/* tail_test.c - watching: which channels, which events, and how a line looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "fake.h"
#include "gateway/command/event_line.h"

#define MESSAGE \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"xmpp:juliet@example.com/balcony\",\"type\":\"xmpp.message\"," \
    "\"time\":\"2026-11-22T14:40:00.123Z\",\"data\":{\"kind\":\"message\",\"type\":\"chat\",\"id\":\"a1\"," \
    "\"from\":\"juliet@example.com/balcony\",\"to\":\"echo.example.com\",\"body\":\"Art thou not " \
    "Romeo?\",\"thread\":\"t-1\"," \
    "\"extensions\":[{\"name\":\"request\",\"xmlns\":\"urn:xmpp:receipts\"}]}}"
#define PRESENCE \
    "{\"time\":\"2026-11-22T14:40:01Z\",\"data\":{\"kind\":\"presence\",\"from\":\"romeo@example.net/" \
    "orchard\",\"show\":\"away\"}}"
#define SESSION \
    "{\"time\":\"2026-11-22T14:40:02.5Z\",\"type\":\"xmpp.session\",\"data\":{\"event\":\"started\"," \
    "\"jid\":\"juliet@example.com/balcony\",\"mechanism\":\"PLAIN\"}}"

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *json, *line;
    } rows[] = {
        { "message", MESSAGE,
          "14:40:00.123 message  juliet@example.com/balcony → echo.example.com  chat \"Art thou not Romeo?\" "
          "thread=t-1 "
          "<request urn:xmpp:receipts>" },
        { "presence", PRESENCE, "14:40:01     presence romeo@example.net/orchard show=away" },
        { "session", SESSION, "14:40:02.5   session  juliet@example.com/balcony  started mechanism=PLAIN" },
        { "iq",
          "{\"time\":\"2026-11-22T14:40:00Z\",\"data\":{\"type\":\"error\",\"error\":{\"type\":\"cancel\","
          "\"condition\":\"gone\"},\"from\":\"a\",\"to\":\"b\"}}",
          "14:40:00     iq       a → b  error error={ type=cancel condition=gone }" },
        { "dead",
          "{\"time\":\"2026-11-22T14:40:00Z\",\"data\":{\"reason\":\"not-json\",\"text\":\"a "
          "\\\"b\\\"\",\"address\":\"echo.x\",\"size\":12}}",
          "14:40:00     dead     echo.x reason=not-json text=\"a \"b\"\" size=12" },
        { "message", "{\"time\":\"2026-11-22T14:40:00Z\",\"data\":{\"from\":\"a\",\"body\":\"x\\ny\\u0085z\\u001b\"}}",
          NULL },
        { "message",
          "{\"time\":\"2026-11-22T14:40:00Z\",\"data\":{\"from\":\"a\",\"body\":\"x\\ny\\u0085z\xc2\x9b\xc3\xa4\"}}",
          "14:40:00     message  a \"x\\ny\\x85z\\x9bä\"" },
        { "message", "{\"time\":\"2026-11-22T14:40:00Z\",\"data\":{\"flags\":[1,true],\"n\":-1.5e3}}",
          "14:40:00     message   flags=[1,true] n=-1.5e3" },
    };
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = { 0 };
        struct event_line line;
        event_line_make(&line, &arena, rows[i].kind, text_of(rows[i].json), false);
        char *made = text_dup(buffer_text(&line.line));
        assert_null(strchr(made, '\x1b'));
        if (rows[i].line)
            assert_string_equal(made, rows[i].line);
        else
            assert_non_null(strstr(made, "no event"));
        free(made);
        event_line_fini(&line);
        arena_fini(&arena);
    }
}

static void test_no_event(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "hello", "[1]", "{\"data\":", "{} {}", "\"x\"", "{\"data\":{\"from\":\"\xff\"}}"
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = { 0 };
        struct event_line line;
        event_line_make(&line, &arena, "dead", text_of(rows[i]), true);
        assert_non_null(memmem(line.line.data, line.line.size, "no event", 8));
        event_line_fini(&line);
        arena_fini(&arena);
    }
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    struct event_line line;
    struct buffer json = { 0 };
    buffer_printf(&json, "{\"data\":{\"body\":\"");
    for (int i = 0; i < 400; i++)
        buffer_printf(&json, "ä");
    buffer_printf(&json, "\"}}");
    event_line_make(&line, &arena, "message", buffer_text(&json), false);
    assert_in_range(line.line.size, 300, 400);
    assert_non_null(memmem(line.line.data, line.line.size, "ä…\"", 6)); /* not inside a character */
    event_line_fini(&line);
    arena_fini(&arena);
    buffer_fini(&json);
}

static void say_all_and_end(struct fake *fake)
{
    fake_say(fake, "xmpp:stanza:message", MESSAGE);
    fake_say(fake, "xmpp:stanza:presence", PRESENCE);
    fake_say(fake, "xmpp:session", SESSION);
    fake_say(fake, "xmpp:to:{juliet@example.com}", MESSAGE);
    fake->is_stopped = true; /* Ctrl-C */
}

static unsigned count_lines(const char *text)
{
    unsigned lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void test_filters(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        unsigned lines, channels;
        const char *first;
    } rows[] = {
        { "tail", 3, 5, "message" },
        { "tail --observe message,dead", 3, 2,
          "message" }, /* the bus gives only what was subscribed; here it says all */
        { "tail --from juliet@example.com", 2, 5, "message" },
        { "tail --from juliet@example.com/balcony", 2, 5, "message" },
        { "tail --from juliet@example.com/garden", 0, 5, NULL },
        { "tail --from example.net", 1, 5, "presence" },
        { "tail --from example.co", 0, 5, NULL },
        { "tail --to echo.example.com", 1, 5, "message" },
        { "tail --from Juliet@EXAMPLE.com --to echo.example.com", 1, 5, "message" },
        { "tail --json --to echo.example.com", 1, 5, MESSAGE "\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.on_idle = say_all_and_end;
        assert_int_equal(fake_run(&fake, rows[i].words, ""), 0);
        if (count_lines(fake.out) != rows[i].lines)
            fail_msg("%s: %s", rows[i].words, fake.out);
        assert_int_equal(fake.subscribe_count, rows[i].channels);
        if (rows[i].first)
            assert_non_null(strstr(fake.out, rows[i].first));
        assert_null(strchr(fake.out, '\x1b')); /* no terminal, no colour */
        fake_fini(&fake);
    }
}

static void test_channels_by_name(void **state)
{
    (void)state;
    static const char *const wanted[] = { "my:stanza:message", "my:stanza:presence", "my:stanza:iq", "my:session",
                                          "my:dead" };
    struct fake fake;
    fake_init(&fake);
    fake.on_idle = say_all_and_end;
    assert_int_equal(fake_run(&fake, "tail --set bus.prefix=my:", ""), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(fake.subscribed[i], wanted[i]);
    assert_string_equal(fake.out, ""); /* another prefix's events are not ours */
    fake_fini(&fake);
}

static void go_and_come(struct fake *fake)
{
    fake->bus.callbacks->on_away(fake->bus.ctx);
    fake->bus.callbacks->on_back(fake->bus.ctx, true);
    fake->is_stopped = true;
}

static void test_away_and_back(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake.on_idle = go_and_come;
    assert_int_equal(fake_run(&fake, "tail", ""), 0);
    assert_non_null(strstr(fake.err, "watching"));
    assert_non_null(strstr(fake.err, "Redis is away"));
    assert_non_null(strstr(fake.err, "is not shown"));
    fake_fini(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_no_event),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_channels_by_name),
        cmocka_unit_test(test_away_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
