/* web_rules_test.c - the pure rules around a WebSocket: UTF-8, networks and hops, origins, request heads, metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transports/http/metrics_text.h"
#include "transports/websocket/http_head.h"
#include "transports/websocket/network.h"
#include "transports/websocket/origin.h"
#include "transports/websocket/utf8.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void test_utf8(void **state)
{
    static const struct {
        struct text input;
        bool expected;
    } rows[] = {
        { TEXT_INIT(""), true },
        { TEXT_INIT("plain"), true },
        { TEXT_INIT("exactly8"), true },
        { TEXT_INIT("\x7f"), true },
        { TEXT_INIT("\xc2\x80 \xdf\xbf"), true },
        { TEXT_INIT("\xe0\xa0\x80\xef\xbf\xbf"), true },
        { TEXT_INIT("\xed\x9f\xbf\xee\x80\x80"), true },
        { TEXT_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true },
        { TEXT_INIT("sixteen bytes of\xe2\x82\xac and then more ASCII"), true },
        { TEXT_INIT("\x80"), false },
        { TEXT_INIT("\xc0\x80"), false },
        { TEXT_INIT("\xc1\xbf"), false },
        { TEXT_INIT("\xc2"), false },
        { TEXT_INIT("\xc2\x41"), false },
        { TEXT_INIT("\xe0\x9f\xbf"), false },
        { TEXT_INIT("\xe2\x82"), false },
        { TEXT_INIT("\xe2\x82\x41"), false },
        { TEXT_INIT("\xed\xa0\x80"), false },
        { TEXT_INIT("\xf0\x8f\xbf\xbf"), false },
        { TEXT_INIT("\xf4\x90\x80\x80"), false },
        { TEXT_INIT("\xf5\x80\x80\x80"), false },
        { TEXT_INIT("\xf0\x9f\x98"), false },
        { TEXT_INIT("12345678\xff"), false },
        { TEXT_INIT("1234567\xff"), false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (utf8_is_valid(rows[i].input.data, rows[i].input.size) != rows[i].expected)
            fail_msg("row %zu", i);
}

static void test_networks(void **state)
{
    static const struct {
        const char *network, *address;
        int expected; /* 1 in it, 0 not, -1 no network */
    } rows[] = {
        { "192.0.2.0/24", "192.0.2.255", 1 },
        { "192.0.2.0/24", "192.0.3.0", 0 },
        { "192.0.2.128/25", "192.0.2.127", 0 },
        { "192.0.2.128/25", "192.0.2.128", 1 },
        { "192.0.2.7", "192.0.2.7", 1 },
        { "192.0.2.7", "192.0.2.6", 0 },
        { "0.0.0.0/0", "203.0.113.1", 1 },
        { "0.0.0.0/0", "2001:db8::1", 0 },
        { "::/0", "203.0.113.1", 1 },
        { "2001:db8::/32", "2001:db8:1::1", 1 },
        { "2001:db8::/32", "2001:db9::1", 0 },
        { "2001:db8::/33", "2001:db8:8000::1", 0 },
        { "::1", "[::1]:80", 1 },
        { "127.0.0.0/8", "127.1.2.3:80", 1 },
        { "10.0.0.0/8", "::ffff:10.1.2.3", 1 },
        { "10.0.0.0/33", "10.0.0.1", -1 },
        { "10.0.0.0/", "10.0.0.1", -1 },
        { "10.0.0.0/x", "10.0.0.1", -1 },
        { "10.0.0.0/-1", "10.0.0.1", -1 },
        { "2001:db8::/129", "2001:db8::1", -1 },
        { "10.0.0", "10.0.0.1", -1 },
        { "", "10.0.0.1", -1 },
        { "host.example", "10.0.0.1", -1 },
        { "10.0.0.0/8/8", "10.0.0.1", -1 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct network network;
        struct ip_address address;
        assert_int_equal(ip_address_parse(text_of(rows[i].address), &address), 0);
        int result = network_parse(text_of(rows[i].network), &network);
        if (result == 0)
            result = networks_have(&(struct networks){ &network, 1 }, &address);
        if (result != rows[i].expected)
            fail_msg("%s %s: %d", rows[i].network, rows[i].address, result);
    }
}

static void test_hops(void **state)
{
    static const struct {
        const char *header, *expected;
    } rows[] = {
        { "", "" },
        { "192.0.2.1", "192.0.2.1" },
        { "192.0.2.1, 10.0.0.1", "192.0.2.1" },
        { "203.0.113.5,192.0.2.1 ,\t10.0.0.1,10.0.0.2", "192.0.2.1" },
        { "10.0.0.1, 10.0.0.2", "10.0.0.1" },
        { "unknown, 10.0.0.1", "" },
        { "192.0.2.1, unknown", "" },
        { "192.0.2.1:4711", "192.0.2.1" },
        { "[2001:db8::1]:4711, 10.0.0.1", "2001:db8::1" },
        { "2001:db8::1", "2001:db8::1" },
        { ",", "" },
    };
    struct network inner;
    (void)state;
    assert_int_equal(network_parse(TEXT("10.0.0.0/8"), &inner), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text hop = network_client_hop(&(struct networks){ &inner, 1 }, text_of(rows[i].header));
        if (!text_is(hop, rows[i].expected))
            fail_msg("%s: %.*s", rows[i].header, TEXT_ARGS(hop));
    }
}

static void test_origins(void **state)
{
    static struct text two[] = { TEXT_INIT("https://chat.example.com"), TEXT_INIT("http://localhost:8080") };
    static struct text any[] = { TEXT_INIT("*") };
    const struct text_list own = { NULL, 0 }, list = { two, 2 }, all = { any, 1 };
    const struct {
        const struct text_list *allowed;
        const char *origin, *host;
        bool expected;
    } rows[] = {
        { &own, "https://a.example", "a.example", true },
        { &own, "https://A.example:443", "a.Example", true },
        { &own, "https://a.example", "a.example:443", true },
        { &own, "http://a.example", "a.example:80", true },
        { &own, "http://a.example:5280", "a.example:5280", true },
        { &own, "http://a.example:5280", "a.example", false },
        { &own, "http://b.example", "a.example", false },
        { &own, "null", "a.example", false },
        { &own, "null", "null", false },
        { &own, "", "", false },
        { &own, "https://", "", false },
        { &own, "ftp://a.example", "a.example", false },
        { &list, "https://chat.example.com", "x", true },
        { &list, "http://localhost:8080", "x", true },
        { &list, "https://chat.example.com:443", "x", false },
        { &list, "https://chat.example.com.evil", "x", false },
        { &list, "https://x", "x", false },
        { &all, "https://x", "y", true },
        { &all, "null", "y", true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (origin_is_allowed(rows[i].allowed, text_of(rows[i].origin), text_of(rows[i].host)) != rows[i].expected)
            fail_msg("row %zu: %s at %s", i, rows[i].origin, rows[i].host);
}

static void test_request_head(void **state)
{
    struct arena arena = { 0 };
    struct http_head head;
    struct text request = TEXT("GET /a%20b/%c3%a9?x=%zz HTTP/1.1\r\nHOST:  example.com \t\r\nX-Other: 1\r\n"
                               "Connection: keep-alive\r\nconnection:Upgrade\r\nContent-Length: 0\r\n\r\nrest");
    (void)state;
    size_t size = http_head_size(request);
    assert_int_equal(size, request.size - 4);
    assert_int_equal(http_head_size((struct text){ request.data, size - 1 }), 0);
    assert_int_equal(http_head_parse(&arena, (struct text){ request.data, size }, &head), 0);
    assert_true(text_is(head.method, "GET"));
    assert_true(text_is(head.path, "/a b/\xc3\xa9"));
    assert_true(text_is(head.fields[HTTP_HOST], "example.com"));
    assert_true(text_is(head.fields[HTTP_CONNECTION], "keep-alive, Upgrade"));
    assert_null(head.fields[HTTP_ORIGIN].data);
    assert_false(head.is_old || head.has_body);
    assert_true(http_list_has(head.fields[HTTP_CONNECTION], "UPGRADE", true));
    assert_false(http_list_has(head.fields[HTTP_CONNECTION], "UPGRADE", false));
    assert_false(http_list_has(head.fields[HTTP_CONNECTION], "keep", true));
    assert_false(http_list_has(TEXT(" , ,"), "x", true));
    arena_fini(&arena);
}

static void test_metrics(void **state)
{
    struct metrics slots[2] = { { .started_ms = 1, .ready = 1 }, { .started_ms = 0 } };
    struct buffer out = { 0 };
    (void)state;
    slots[0].value[METRIC_STANZAS_IN] = 1000000000000;
    slots[1].value[METRIC_STANZAS_IN] = 5;
    slots[0].value[METRIC_CONNECTIONS] = 3;
    slots[1].value[METRIC_CONNECTIONS] = -1;
    metrics_write(&out, slots, 2);
    buffer_append_char(&out, '\0');
    assert_non_null(
        strstr(out.data, "# TYPE stanzabus_stanzas_in_total counter\nstanzabus_stanzas_in_total 1000000000005\n"));
    assert_non_null(strstr(out.data, "# TYPE stanzabus_connections gauge\nstanzabus_connections 2\n"));
    assert_non_null(strstr(out.data, "stanzabus_worker_up{worker=\"0\"} 1\nstanzabus_worker_up{worker=\"1\"} 0\n"));
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),    cmocka_unit_test(test_networks),     cmocka_unit_test(test_hops),
        cmocka_unit_test(test_origins), cmocka_unit_test(test_request_head), cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
