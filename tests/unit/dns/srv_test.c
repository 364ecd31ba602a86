/* srv_test.c - SRV records: their bytes, and the order of RFC 2782. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "transports/dns/srv.h"

#define BYTES(literal) (const unsigned char *)(literal), sizeof(literal) - 1

static void test_read(void **state)
{
    struct srv srv;
    (void)state;
    assert_true(srv_read(BYTES("\0\5\0\12\x14\x95\4xmpp\7example\3com\0"), &srv));
    assert_int_equal(srv.priority, 5);
    assert_int_equal(srv.weight, 10);
    assert_int_equal(srv.port, 5269);
    assert_string_equal(srv.host, "xmpp.example.com");
    assert_true(srv_read(BYTES("\0\0\0\0\0\0\0"), &srv)); /* the root: no such service */
    assert_string_equal(srv.host, "");
}

static void test_malformed(void **state)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t size;
    } rows[] = {
        { "nothing", "", 0 },
        { "no host", "\0\0\0\0\0\0", 6 },
        { "no end", "\0\0\0\0\0\0\3com", 10 },
        { "a label longer than the rest", "\0\0\0\0\0\0\77com\0", 11 },
        { "a compressed name", "\0\0\0\0\0\0\300\14", 8 },
        { "bytes behind the end", "\0\0\0\0\0\0\3com\0x", 12 },
        { "a sign that no host has", "\0\0\0\0\0\0\3c/m\0", 11 },
    };
    struct srv srv;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (srv_read((const unsigned char *)rows[i].bytes, rows[i].size, &srv))
            fail_msg("%s was read", rows[i].name);
}

static uint32_t lowest(void *ctx, uint32_t bound)
{
    (void)ctx;
    (void)bound;
    return 0;
}

static uint32_t highest(void *ctx, uint32_t bound)
{
    (void)ctx;
    return bound;
}

static void assert_order(uint32_t (*random)(void *, uint32_t), const char *expected)
{
    struct srv records[] = { { .priority = 20, .weight = 0, .host = "d" },
                             { .priority = 10, .weight = 5, .host = "b" },
                             { .priority = 10, .weight = 60, .host = "c" },
                             { .priority = 10, .weight = 0, .host = "a" } };
    char order[8] = "";
    srv_order(records, 4, random, NULL);
    for (int i = 0; i < 4; i++)
        strcat(order, records[i].host);
    assert_string_equal(order, expected);
}

static void test_order(void **state)
{
    (void)state;
    assert_order(lowest, "abcd");  /* weight 0 has its chance, and priorities never mix */
    assert_order(highest, "cbad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
