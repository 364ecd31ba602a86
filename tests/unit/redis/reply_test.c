/* reply_test.c - replies in any pieces, and the queue of commands that wait for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "transports/redis/command_queue.h"

/* -- replies -- */

/* The reply in a line: +status -error :integer $"string" nil *count, blank-separated. */
static void describe(struct buffer *out, const struct reply *reply, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        switch (reply[i].type) {
        case REPLY_STRING:
            buffer_printf(out, "$\"%.*s\" ", TEXT_ARGS(reply[i].text));
            break;
        case REPLY_STATUS:
            buffer_printf(out, "+%.*s ", TEXT_ARGS(reply[i].text));
            break;
        case REPLY_ERROR:
            buffer_printf(out, "-%.*s ", TEXT_ARGS(reply[i].text));
            break;
        case REPLY_INTEGER:
            buffer_printf(out, ":%lld ", (long long)reply[i].integer);
            break;
        case REPLY_NIL:
            buffer_printf(out, "nil ");
            break;
        case REPLY_ARRAY:
            buffer_printf(out, "*%lld ", (long long)reply[i].integer);
        }
    }
    BUFFER_LITERAL(out, "| ");
}

static void test_replies(void **state)
{
    static const struct {
        const char *bytes, *expected;
    } rows[] = {
        { "+OK\r\n", "+OK | " },
        { "-ERR no\r\n:-7\r\n", "-ERR no | :-7 | " },
        { "$5\r\na\r\nbc\r\n$0\r\n\r\n$-1\r\n", "$\"a\r\nbc\" | $\"\" | nil | " },
        { "*3\r\n$7\r\nmessage\r\n$4\r\nchan\r\n$3\r\nabc\r\n+x\r\n", "*3 $\"message\" $\"chan\" $\"abc\" | +x | " },
        { "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2 $\"0\" *2 $\"a\" $\"b\" | " },
        { "*0\r\n*-1\r\n*1\r\n*0\r\n", "*0 | nil | *1 *0 | " },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t piece = 1; piece < 32; piece += 3) {
            struct text rest = text_of(rows[i].bytes);
            struct reply_reader reader;
            struct buffer seen = { 0 };
            const struct reply *reply;
            const char *wrong = NULL;
            size_t count;
            reply_reader_init(&reader);
            while (rest.size) {
                size_t size = rest.size < piece ? rest.size : piece;
                reply_reader_feed(&reader, rest.data, size);
                rest = (struct text){ rest.data + size, rest.size - size };
                while ((reply = reply_reader_next(&reader, &count, &wrong)))
                    describe(&seen, reply, count);
                assert_null(wrong);
            }
            if (!text_is(buffer_text(&seen), rows[i].expected))
                fail_msg("row %zu in pieces of %zu: %.*s", i, piece, TEXT_ARGS(buffer_text(&seen)));
            buffer_fini(&seen);
            reply_reader_fini(&reader);
        }
    }
}

static void test_no_resp(void **state)
{
    struct reply_reader reader;
    const char *wrong;
    size_t count;
    (void)state;
    reply_reader_init(&reader);
    reply_reader_feed(&reader, "HTTP/1.1 400\r\n", 14);
    assert_null(reply_reader_next(&reader, &count, &wrong));
    assert_non_null(wrong);
    reply_reader_reset(&reader);
    reply_reader_feed(&reader, "+OK\r\n", 5);
    assert_non_null(reply_reader_next(&reader, &count, &wrong));
    reply_reader_fini(&reader);
}

/* -- the queue -- */

static void no_answer(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count)
{
    (void)redis;
    (void)pending;
    (void)reply;
    (void)count;
}

static void add(struct command_queue *queue, const char *word, int flags)
{
    command_begin(queue, 1);
    command_word(queue, word);
    command_end(queue,
                (struct pending){ .answer = no_answer, .ctx = (void *)(uintptr_t)word, .flags = (uint8_t)flags });
}

static void drop(struct pending_ring *ring, struct buffer *names)
{
    while (ring->count)
        buffer_printf(names, "%s ", (const char *)pending_pop(ring).ctx);
    free(ring->items);
    *ring = (struct pending_ring){ 0 };
}

static void test_format(void **state)
{
    struct command_queue queue = { 0 };
    (void)state;
    command_begin(&queue, 4);
    command_word(&queue, "PUBLISH");
    command_text(&queue, (struct text){ 0 });
    command_joined(&queue, TEXT("0123456789"), TEXT("a\r\nb"));
    command_integer(&queue, -1234567890123);
    command_end(&queue, (struct pending){ .answer = no_answer });
    static const char expected[] =
        "*4\r\n$7\r\nPUBLISH\r\n$0\r\n\r\n$14\r\n0123456789a\r\nb\r\n$14\r\n-1234567890123\r\n";
    assert_true(text_is(buffer_text(&queue.bytes), expected));
    assert_int_equal(pending_at(&queue.ring, 0)->size, sizeof expected - 1);
    pending_pop(&queue.ring);
    command_queue_fini(&queue);
}

/* Each command of one letter takes 11 bytes: what is kept, and what is lost, by how much was sent and answered. */
static void test_losses(void **state)
{
    static const struct {
        const char *name;
        size_t sent;
        int answered;
        bool is_cut; /* command_queue_cut instead of _lose */
        const char *lost, *kept;
    } rows[] = {
        { "nothing was sent", 0, 0, false, "", "a b C d " },
        { "one was sent in part", 5, 0, false, "", "a b C d " },
        { "one was sent", 11, 0, false, "a ", "b C d " },
        { "all were sent, one may be repeated", 44, 0, false, "a b d ", "C " },
        { "two were answered", 44, 2, false, "d ", "C " },
        { "all is sent: nothing to cut", 44, 1, true, "", "b C d " },
        { "nothing is sent: all is cut", 0, 0, true, "a b C d ", "" },
        { "what is sent in part stays whole", 12, 0, true, "C d ", "a b " },
        { "behind an answer", 22, 2, true, "C d ", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct command_queue queue = { 0 };
        struct pending_ring lost = { 0 };
        struct buffer names = { 0 };
        size_t begin;
        add(&queue, "a", 0);
        add(&queue, "b", 0);
        add(&queue, "C", PENDING_REPEATABLE);
        add(&queue, "d", 0);
        assert_int_equal(command_queue_held(&queue), 44);
        queue.sent = rows[i].sent;
        for (int n = 0; n < rows[i].answered; n++)
            command_queue_answered(&queue, &begin);
        (rows[i].is_cut ? command_queue_cut : command_queue_lose)(&queue, &lost);
        drop(&lost, &names);
        if (!text_is(buffer_text(&names), rows[i].lost))
            fail_msg("%s: lost %.*s", rows[i].name, TEXT_ARGS(buffer_text(&names)));
        names.size = 0;
        assert_int_equal(command_queue_held(&queue), 11 * queue.ring.count);
        for (uint32_t n = 0; n < queue.ring.count; n++)
            assert_memory_equal(queue.bytes.data + queue.answered + 11 * n + 8, pending_at(&queue.ring, n)->ctx, 1);
        drop(&queue.ring, &names);
        if (!text_is(buffer_text(&names), rows[i].kept))
            fail_msg("%s: kept %.*s", rows[i].name, TEXT_ARGS(buffer_text(&names)));
        buffer_fini(&names);
        command_queue_fini(&queue);
    }
}

/* Under a steady stream the bytes of what was answered are forgotten, and the order holds. */
static void test_steady(void **state)
{
    struct command_queue queue = { 0 };
    size_t begin, biggest = 0;
    char payload[1000];
    (void)state;
    memset(payload, 'x', sizeof payload);
    for (uintptr_t i = 0; i < 20000; i++) {
        command_begin(&queue, 1);
        command_text(&queue, (struct text){ payload, sizeof payload });
        command_end(&queue, (struct pending){ .answer = no_answer, .ctx = (void *)i });
        queue.sent = queue.bytes.size;
        if (i >= 100)
            assert_int_equal((uintptr_t)command_queue_answered(&queue, &begin).ctx, i - 100);
        biggest = queue.bytes.capacity > biggest ? queue.bytes.capacity : biggest;
    }
    assert_true(biggest <= 512 * 1024);
    while (queue.ring.count)
        command_queue_answered(&queue, &begin);
    assert_int_equal(command_queue_held(&queue), 0);
    command_queue_fini(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies), cmocka_unit_test(test_no_resp), cmocka_unit_test(test_format),
        cmocka_unit_test(test_losses),  cmocka_unit_test(test_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
