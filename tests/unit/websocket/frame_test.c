/* frame_test.c - frames written and read: headers of every size, every rule of RFC 6455 5, any chunking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stanzabus/memory.h"
#include "transports/websocket/frame.h"

static void test_header_out(void **state)
{
    static const struct {
        enum frame_opcode opcode;
        size_t size;
        const char *expected;
        size_t expected_size;
    } rows[] = {
        { FRAME_TEXT, 0, "\x81\x00", 2 },
        { FRAME_TEXT, 5, "\x81\x05", 2 },
        { FRAME_TEXT, 125, "\x81\x7d", 2 },
        { FRAME_TEXT, 126, "\x81\x7e\x00\x7e", 4 },
        { FRAME_TEXT, 65535, "\x81\x7e\xff\xff", 4 },
        { FRAME_TEXT, 65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10 },
        { FRAME_CLOSE, 2, "\x88\x02", 2 },
        { FRAME_PONG, 125, "\x8a\x7d", 2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[FRAME_OUT_HEADER_MAX];
        size_t size = frame_header(out, rows[i].opcode, rows[i].size);
        assert_int_equal(size, rows[i].expected_size);
        assert_memory_equal(out, rows[i].expected, size);
    }
}

#define MASK "\x11\x22\x33\x44"

static void test_header_in(void **state)
{
    static const struct {
        const char *name;
        struct text input;
        bool is_in_message;
        enum frame_result expected;
        uint64_t left;
    } rows[] = {
        { "nothing", TEXT_INIT(""), false, FRAME_MORE, 0 },
        { "one byte", TEXT_INIT("\x81"), false, FRAME_MORE, 0 },
        { "without the mask", TEXT_INIT("\x81\x85\x11\x22\x33"), false, FRAME_MORE, 0 },
        { "text", TEXT_INIT("\x81\x85" MASK), false, FRAME_PAYLOAD, 5 },
        { "empty", TEXT_INIT("\x81\x80" MASK), false, FRAME_PAYLOAD, 0 },
        { "two bytes of size", TEXT_INIT("\x81\xfe\x01\x02" MASK), false, FRAME_PAYLOAD, 0x102 },
        { "eight bytes of size", TEXT_INIT("\x81\xff\x00\x00\x00\x01\x00\x00\x00\x02" MASK), false, FRAME_PAYLOAD,
          0x100000002 },
        { "the highest bit", TEXT_INIT("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" MASK), false, FRAME_BAD, 0 },
        { "binary", TEXT_INIT("\x82\x81" MASK), false, FRAME_PAYLOAD, 1 },
        { "ping", TEXT_INIT("\x89\xfd" MASK), false, FRAME_PAYLOAD, 125 },
        { "ping inside a message", TEXT_INIT("\x89\x80" MASK), true, FRAME_PAYLOAD, 0 },
        { "a ping that is too long", TEXT_INIT("\x89\xfe\x00\x7e" MASK), false, FRAME_BAD, 0 },
        { "a ping in pieces", TEXT_INIT("\x09\x80" MASK), false, FRAME_BAD, 0 },
        { "continuation", TEXT_INIT("\x80\x81" MASK), true, FRAME_PAYLOAD, 1 },
        { "continuation of nothing", TEXT_INIT("\x80\x81" MASK), false, FRAME_BAD, 0 },
        { "text inside a message", TEXT_INIT("\x81\x81" MASK), true, FRAME_BAD, 0 },
        { "not masked", TEXT_INIT("\x81\x01\x61"), false, FRAME_BAD, 0 },
        { "reserved bit 1", TEXT_INIT("\xc1\x81" MASK), false, FRAME_BAD, 0 },
        { "reserved bit 3", TEXT_INIT("\x91\x81" MASK), false, FRAME_BAD, 0 },
        { "opcode 3", TEXT_INIT("\x83\x81" MASK), false, FRAME_BAD, 0 },
        { "opcode 7", TEXT_INIT("\x87\x81" MASK), false, FRAME_BAD, 0 },
        { "opcode 11", TEXT_INIT("\x8b\x81" MASK), false, FRAME_BAD, 0 },
        { "opcode 15", TEXT_INIT("\x8f\x81" MASK), false, FRAME_BAD, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct frame_in frame = { .is_in_message = rows[i].is_in_message };
        struct text input = rows[i].input;
        const char *why = NULL;
        enum frame_result result = frame_read_header(&frame, &input, &why);
        if (result != rows[i].expected || (result == FRAME_PAYLOAD && frame.left != rows[i].left))
            fail_msg("%s: result %d, left %llu", rows[i].name, (int)result, (unsigned long long)frame.left);
        assert_int_equal(why != NULL, result == FRAME_BAD);
    }
}

static void add_masked(struct buffer *wire, unsigned char first, const char *payload, size_t size)
{
    unsigned char mask[4] = { (unsigned char)rand(), (unsigned char)rand(), (unsigned char)rand(),
                              (unsigned char)rand() };
    char header[FRAME_OUT_HEADER_MAX];
    size_t header_size = frame_header(header, FRAME_TEXT, size);
    header[0] = (char)first;
    header[1] = (char)(header[1] | 0x80);
    buffer_append(wire, header, header_size);
    buffer_append(wire, (const char *)mask, sizeof mask);
    for (size_t i = 0; i < size; i++)
        buffer_append_char(wire, (char)((unsigned char)payload[i] ^ mask[i % 4]));
}

/* Reads all payload of wire, fed in pieces of at most step bytes. */
static void read_all(struct buffer *out, const struct buffer *wire, size_t step)
{
    struct frame_in frame = { 0 };
    for (size_t at = 0; at < wire->size;) {
        size_t piece = 1 + (size_t)rand() % step;
        struct text input = { wire->data + at, piece < wire->size - at ? piece : wire->size - at };
        at += input.size;
        while (input.size > 0 || (frame.has_header && frame.left == 0)) {
            const char *why;
            if (!frame.has_header && frame_read_header(&frame, &input, &why) == FRAME_MORE)
                break;
            assert_true(frame.has_header);
            size_t size = frame.left < input.size ? (size_t)frame.left : input.size;
            frame_read_payload(&frame, buffer_reserve(out, size + 1), input.data, size);
            out->size += size;
            input.data += size;
            input.size -= size;
        }
    }
    assert_false(frame.has_header);
    assert_false(frame.is_in_message);
}

static void test_any_chunking(void **state)
{
    static const size_t sizes[] = { 0, 1, 3, 4, 5, 7, 8, 9, 125, 126, 127, 1000, 65535, 65536, 70001 };
    struct buffer wire = { 0 }, expected = { 0 };
    char *payload = malloc(70001);
    (void)state;
    srand(7395);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            payload[j] = (char)rand();
        add_masked(&wire, 0x81, payload, sizes[i]);
        add_masked(&wire, 0x01, payload, sizes[i]);
        add_masked(&wire, 0x80, payload, sizes[i]);
        for (int times = 0; times < 3; times++)
            buffer_append(&expected, payload, sizes[i]);
    }
    for (size_t step = 1; step <= wire.size; step *= 3) {
        struct buffer out = { 0 };
        read_all(&out, &wire, step);
        assert_int_equal(out.size, expected.size);
        assert_memory_equal(out.data, expected.data, out.size);
        buffer_fini(&out);
    }
    free(payload);
    buffer_fini(&wire);
    buffer_fini(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_out),
        cmocka_unit_test(test_header_in),
        cmocka_unit_test(test_any_chunking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
