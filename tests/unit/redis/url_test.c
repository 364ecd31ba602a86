/* url_test.c - redis.url, taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "transports/redis/redis.h"
#include "transports/redis/url.h"

static void test_good(void **state)
{
    static const struct {
        const char *url, *host, *port, *path, *user, *password;
        int db;
        const char *shown;
    } rows[] = {
        { "redis://127.0.0.1:6379", "127.0.0.1", "6379", NULL, NULL, NULL, 0, "redis://127.0.0.1:6379" },
        { "redis://redis", "redis", "6379", NULL, NULL, NULL, 0, "redis://redis:6379" },
        { "redis://redis/", "redis", "6379", NULL, NULL, NULL, 0, "redis://redis:6379" },
        { "redis://redis:7000/3", "redis", "7000", NULL, NULL, NULL, 3, "redis://redis:7000/3" },
        { "redis://stanzabus:secret@redis:6379", "redis", "6379", NULL, "stanzabus", "secret", 0,
          "redis://redis:6379" },
        { "redis://:secret@redis", "redis", "6379", NULL, NULL, "secret", 0, "redis://redis:6379" },
        { "redis://secret@redis", "redis", "6379", NULL, NULL, "secret", 0, "redis://redis:6379" },
        { "redis://u%40x:p%3a%2F%20@redis", "redis", "6379", NULL, "u@x", "p:/ ", 0, "redis://redis:6379" },
        { "redis://u:p@ss@redis", "redis", "6379", NULL, "u", "p@ss", 0, "redis://redis:6379" },
        { "redis://[::1]:7000", "::1", "7000", NULL, NULL, NULL, 0, "redis://[::1]:7000" },
        { "redis://u:p@[fe80::1%25eth0]/1", "fe80::1%eth0", "6379", NULL, "u", "p", 1,
          "redis://[fe80::1%eth0]:6379/1" },
        { "unix:///run/redis/redis.sock", NULL, NULL, "/run/redis/redis.sock", NULL, NULL, 0,
          "unix:///run/redis/redis.sock" },
        { "redis+unix:///run/a%20b?db=2", NULL, NULL, "/run/a b", NULL, NULL, 2, "unix:///run/a b?db=2" },
        { "unix://u:p@/run/redis.sock", NULL, NULL, "/run/redis.sock", "u", "p", 0, "unix:///run/redis.sock" },
        { "unix:///run/a@b", NULL, NULL, "/run/a@b", NULL, NULL, 0, "unix:///run/a@b" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_url url;
        char why[256] = "";
        if (redis_url_parse(&url, text_of(rows[i].url), why, sizeof why) < 0)
            fail_msg("%s: %s", rows[i].url, why);
        const char *const found[] = { url.host, url.port, url.path, url.user, url.password, url.shown };
        const char *const wanted[] = { rows[i].host, rows[i].port,     rows[i].path,
                                       rows[i].user, rows[i].password, rows[i].shown };
        for (size_t f = 0; f < sizeof found / sizeof *found; f++)
            if (!found[f] != !wanted[f] || (found[f] && strcmp(found[f], wanted[f]) != 0))
                fail_msg("%s: field %zu is %s, not %s", rows[i].url, f, found[f] ? found[f] : "NULL",
                         wanted[f] ? wanted[f] : "NULL");
        assert_int_equal(url.db, rows[i].db);
        redis_url_fini(&url);
    }
}

static void test_bad(void **state)
{
    static const struct {
        const char *url, *part;
    } rows[] = {
        { "", "begins with" },
        { "http://redis", "begins with" },
        { "rediss://redis", "TLS" },
        { "redis://", "host is missing" },
        { "redis://u:p@", "host is missing" },
        { "redis://redis:", "port" },
        { "redis://redis:0", "port" },
        { "redis://redis:65536", "port" },
        { "redis://redis:12x", "port" },
        { "redis://redis/x", "database" },
        { "redis://[::1", "IPv6" },
        { "redis://[::1]x", "behind ]" },
        { "redis://u:%zz@redis", "password" },
        { "redis://%0:p@redis", "user" },
        { "redis://u:%00@redis", "password" },
        { "unix://run/redis.sock", "begins with /" },
        { "unix://", "begins with /" },
        { "unix:///run/redis.sock?x=1", "db=number" },
        { "unix:///"
          "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
          "8",
          "too long" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[256] = "";
        if (redis_url_is_valid(text_of(rows[i].url), why, sizeof why))
            fail_msg("taken: %s", rows[i].url);
        if (!strstr(why, rows[i].part))
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].url, why, rows[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
