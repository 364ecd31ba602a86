/* channel_test.c - the names on the bus, written and taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stanzabus/channel.h"

#define PREFIX TEXT("xmpp:")

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *address, *inside;
    } rows[] = {
        { "romeo@example.com", "romeo@example.com" },
        { "example.com/a", "example.com/a" },
        { "{}*?[]\\%@b", "%7B%7D%2A%3F%5B%5D%5C%25@b" },
        { "a%b@c", "a%25b@c" },
        { "*", "%2A" },
        { "é@ü", "é@ü" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer to = { 0 }, from = { 0 }, node = { 0 }, key = { 0 }, expected = { 0 };
        struct text address = text_of(rows[i].address);
        channel_to(&to, PREFIX, address);
        channel_from(&from, PREFIX, address);
        channel_from_node(&node, PREFIX, address, TEXT("n7"));
        channel_key(&key, PREFIX, address, "sessions");
        buffer_printf(&expected, "xmpp:to:{%s}xmpp:from:{%s}xmpp:from:{%s}:n7xmpp:{%s}:sessions", rows[i].inside,
                      rows[i].inside, rows[i].inside, rows[i].inside);
        buffer_append_text(&to, buffer_text(&from));
        buffer_append_text(&to, buffer_text(&node));
        buffer_append_text(&to, buffer_text(&key));
        if (!text_equal(buffer_text(&to), buffer_text(&expected)))
            fail_msg("%s: %.*s", rows[i].address, TEXT_ARGS(buffer_text(&to)));
        buffer_fini(&to);
        buffer_fini(&from);
        buffer_fini(&node);
        buffer_fini(&key);
        buffer_fini(&expected);
    }
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *channel;
        enum channel_kind kind;
        const char *address, *node;
    } rows[] = {
        { "xmpp:to:{romeo@example.com}", CHANNEL_TO, "romeo@example.com", "" },
        { "xmpp:from:{echo.example.com}", CHANNEL_FROM, "echo.example.com", "" },
        { "xmpp:from:{echo.example.com}:n7-1-ab", CHANNEL_FROM_NODE, "echo.example.com", "n7-1-ab" },
        { "xmpp:node:{n7-1-ab}", CHANNEL_NODE, "", "n7-1-ab" },
        { "xmpp:to:{a%25%7B%7D@b}", CHANNEL_TO, "a%{}@b", "" },
        { "xmpp:from:{%2A}:n", CHANNEL_FROM_NODE, "*", "n" },
        /* every name below is no name of ours, or not the one way to write it */
        { "xmpp:to:{a%2a@b}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a%41@b}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a%00@b}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a%2}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a%}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a%zz}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a*b}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a{b}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a}b}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{}", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{", CHANNEL_OTHER, "", "" },
        { "xmpp:to:a", CHANNEL_OTHER, "", "" },
        { "xmpp:to:", CHANNEL_OTHER, "", "" },
        { "xmpp:to:{a}:n", CHANNEL_OTHER, "", "" },
        { "xmpp:from:{a}:", CHANNEL_OTHER, "", "" },
        { "xmpp:from:{a}n", CHANNEL_OTHER, "", "" },
        { "xmpp:node:{}", CHANNEL_OTHER, "", "" },
        { "xmpp:node:{a}b", CHANNEL_OTHER, "", "" },
        { "xmpp:stanza:message", CHANNEL_OTHER, "", "" },
        { "xmpp:{a}:sessions", CHANNEL_OTHER, "", "" },
        { "xmpq:to:{a}", CHANNEL_OTHER, "", "" },
        { "xmpp", CHANNEL_OTHER, "", "" },
        { "", CHANNEL_OTHER, "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = { 0 };
        struct text address, node, channel = text_of(rows[i].channel);
        char *copy = malloc(channel.size + 1); /* exactly as long as it is, for the address sanitizer */
        copy = realloc(copy, channel.size ? channel.size : 1);
        channel.data = memcpy(copy, rows[i].channel, channel.size);
        enum channel_kind kind = channel_parse(&arena, PREFIX, channel, &address, &node);
        if (kind != rows[i].kind || !text_is(address, rows[i].address) || !text_is(node, rows[i].node))
            fail_msg("%s: kind %d, address '%.*s', node '%.*s'", rows[i].channel, kind, TEXT_ARGS(address),
                     TEXT_ARGS(node));
        free(copy);
        arena_fini(&arena);
    }
}

static void test_every_byte_comes_back(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        struct buffer name = { 0 };
        struct arena arena = { 0 };
        struct text address, node, given = { (char[]){ 'a', (char)c, 'b' }, 3 };
        channel_from_node(&name, PREFIX, given, TEXT("n"));
        assert_int_equal(channel_parse(&arena, PREFIX, buffer_text(&name), &address, &node), CHANNEL_FROM_NODE);
        assert_true(text_equal(address, given));
        buffer_fini(&name);
        arena_fini(&arena);
    }
}

static void test_plain_address_is_borrowed(void **state)
{
    (void)state;
    struct arena arena = { 0 };
    struct text address, node, channel = TEXT("xmpp:to:{a@b}");
    assert_int_equal(channel_parse(&arena, PREFIX, channel, &address, &node), CHANNEL_TO);
    assert_ptr_equal(address.data, channel.data + strlen("xmpp:to:{"));
    assert_int_equal(arena.total, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_every_byte_comes_back),
        cmocka_unit_test(test_plain_address_is_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
