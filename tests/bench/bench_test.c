/* bench_test.c - the parts of the generator that its figures hang on: percentiles, and cutting a stream into stanzas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "histogram.h"
#include "websocket.h"
#include "xml.h"

static void test_percentiles(void **state)
{
    (void)state;
    static struct histogram h;
    assert_int_equal(histogram_at(&h, 0.5), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_add(&h, i * 1000);
    static const struct {
        double share;
        uint64_t wanted;
    } rows[] = { { 0.001, 1000 }, { 0.5, 500000 }, { 0.99, 990000 }, { 1, 1000000 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_in_range(histogram_at(&h, rows[i].share), rows[i].wanted, rows[i].wanted + rows[i].wanted / 60);
    assert_int_equal(histogram_at(&h, 1), 1000000);
    histogram_clear(&h);
    histogram_add(&h, UINT64_MAX);
    assert_true(histogram_at(&h, 0.5) == UINT64_MAX);
}

static const char stream[] =
    "<?xml version='1.0'?><stream:stream id='x>y' xmlns='jabber:client'>"
    "<stream:features><a/><b>t</b></stream:features> \n <message from='a@b/c' id=\"1\"><body>hi</body></message>"
    "<iq/><presence><show>away</show></presence></stream:stream>";

/* In pieces of any size, with what is used dropped in between. */
static void test_cutting(void **state)
{
    (void)state;
    static const char *const wanted[] = { "features", "message", "iq", "presence" };
    for (size_t piece = 1; piece < sizeof stream; piece++) {
        struct xml_cutter cutter = { 0 };
        struct buffer in = { 0 };
        struct text element;
        size_t found = 0;
        for (size_t at = 0; at < sizeof stream - 1; at += piece) {
            buffer_append(&in, stream + at, piece < sizeof stream - 1 - at ? piece : sizeof stream - 1 - at);
            while (xml_next(&cutter, buffer_text(&in), &element)) {
                assert_true(found < 4 && xml_is(element, wanted[found]));
                if (found++ == 1) {
                    assert_true(text_is(xml_attribute(element, "from"), "a@b/c"));
                    assert_true(text_is(xml_attribute(element, "id"), "1"));
                    assert_null(xml_attribute(element, "to").data);
                    assert_true(text_is(xml_child_text(element, "body"), "hi"));
                    assert_null(xml_child_text(element, "bod").data);
                }
            }
            size_t used = cutter.start;
            buffer_consume(&in, used);
            xml_dropped(&cutter, used);
        }
        assert_int_equal(found, 4);
        assert_true(cutter.is_over);
        buffer_fini(&in);
    }
}

static void test_frames(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buffer out = { 0 };
        struct frame frame;
        char *payload = malloc(sizes[i] + 1);
        memset(payload, 'x', sizes[i] + 1);
        websocket_write_frame(&out, FRAME_TEXT, (struct text){ payload, sizes[i] });
        /* The reader takes a server's frames, which have no mask: cut it out, and clear its bit. */
        size_t head = out.size - sizes[i] - 4;
        char mask[4];
        memcpy(mask, out.data + head, 4);
        memmove(out.data + head, out.data + head + 4, sizes[i]);
        out.size -= 4;
        for (size_t j = 0; j < sizes[i]; j++)
            out.data[head + j] = (char)(out.data[head + j] ^ mask[j % 4]);
        out.data[1] = (char)(out.data[1] & 0x7f);
        assert_int_equal(websocket_read_frame((struct text){ out.data, out.size - 1 }, &frame), 0);
        assert_int_equal(websocket_read_frame(buffer_text(&out), &frame), out.size);
        assert_int_equal(frame.kind, FRAME_TEXT);
        assert_true(frame.is_final);
        assert_int_equal(frame.payload.size, sizes[i]);
        assert_memory_equal(frame.payload.data, payload, sizes[i]);
        buffer_fini(&out);
        free(payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_cutting),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
