/* command_test.c - the command line as a person meets it: words in; exit code, output and effect out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "fake.h"

static void check_contains(const char *name, const char *where, const char *text, const char *wanted)
{
    if (wanted && !strstr(text, wanted))
        fail_msg("%s: %s lacks \"%s\":\n%s", name, where, wanted, text);
    if (!wanted && *text)
        fail_msg("%s: %s should be empty:\n%s", name, where, text);
}

static void test_usage(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        int exit_code;
        const char *out, *err; /* what must be in it; NULL: it must be empty */
    } rows[] = {
        { "", 2, NULL, "usage: stanzabus COMMAND" },
        { "--help", 0, "user import", NULL },
        { "-h", 0, "usage:", NULL },
        { "help", 0, "usage:", NULL },
        { "--version", 0, "stanzabus " STANZABUS_VERSION "\n", NULL },
        { "sevre", 2, NULL, "there is no command 'sevre'" },
        { "user", 2, NULL, "'user' needs to be told what to do" },
        { "user frob", 2, NULL, "there is no command 'user frob'" },
        { "serve --help", 0, "--set KEY=VALUE", NULL },
        { "config --help", 0, "--check", NULL },
        { "user add --help", 0, "usage: stanzabus user add [OPTION]... JID", NULL },
        { "user import --help", 0, "SCRAM-SHA-256$iterations:salt$stored-key:server-key", NULL },
        { "tail -h", 0, "--observe KINDS", NULL },
        { "send --help", 0, "--from ADDRESS", NULL },
        { "health --help", 0, "listen.admin", NULL },
        { "serve --sett a=b", 2, NULL, "there is no option --sett" },
        { "serve -x", 2, NULL, "there is no option -x" },
        { "serve --config", 2, NULL, "--config needs a value" },
        { "serve extra", 2, NULL, "'extra' is one argument too many" },
        { "serve --set depth=1", 1, NULL, "unknown key" },
        { "user add", 2, NULL, "JID is missing" },
        { "user add a@localhost b@localhost", 2, NULL, "one argument too many" },
        { "config --check=yes", 2, NULL, "--check takes no value" },
        { "tail --observe messages", 2, NULL, "not 'messages'" },
        { "tail --observe ,", 2, NULL, "not ''" },
        { "tail --from @", 2, NULL, "--from @ is no address" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        int exit_code = fake_run(&fake, rows[i].words, "");
        if (exit_code != rows[i].exit_code)
            fail_msg("stanzabus %s: exit code %d: %s", rows[i].words, exit_code, fake.err);
        check_contains(rows[i].words, "stdout", fake.out, rows[i].out);
        check_contains(rows[i].words, "stderr", fake.err, rows[i].err);
        fake_fini(&fake);
    }
}

static void test_serve_loads_the_settings(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake.environment[0] = (char *)"STANZABUS_DOMAIN=environment.example";
    assert_int_equal(fake_run(&fake, "serve", ""), 0);
    assert_string_equal(fake.served_domain, "environment.example");
    assert_int_equal(fake_run(&fake, "serve --set domain=a.example --set=domain=b.example", ""), 0);
    assert_string_equal(fake.served_domain, "b.example");
    assert_int_equal(fake.serve_count, 2);
    fake_fini(&fake);
}

static void test_config(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(fake_run(&fake, "config", ""), 0);
    check_contains("config", "stdout", fake.out, "redis.url");
    assert_int_equal(fake_run(&fake, "config --check", ""), 0);
    check_contains("check", "stdout", fake.out, "ok: ");
    assert_int_equal(fake_run(&fake, "config --check --set limits.depth=x --set workers=none", ""), 1);
    check_contains("both mistakes", "stderr", fake.err, "limits.depth");
    check_contains("both mistakes", "stderr", fake.err, "workers");
    assert_int_equal(fake_run(&fake, "config --check --config /nowhere/stanzabus.conf", ""), 1);
    check_contains("no file", "stderr", fake.err, "/nowhere/stanzabus.conf");
    fake.environment[0] = (char *)"STANZABUS_CONFIG=/nowhere/else.conf";
    assert_int_equal(fake_run(&fake, "config --check", ""), 1);
    check_contains("file of the environment", "stderr", fake.err, "/nowhere/else.conf");
    fake_fini(&fake);
}

static void test_health(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        int status;
        const char *body, *asked;
        int exit_code;
        const char *out, *err;
    } rows[] = {
        { "health", 200, "ready\n", "127.0.0.1:5281/readyz", 0, "ready", NULL },
        { "health --set listen.admin=0.0.0.0:99", 200, "", "127.0.0.1:99/readyz", 0, "ready", NULL },
        { "health --set listen.admin=[::]:99", 200, "", "::1:99/readyz", 0, "ready", NULL },
        { "health", 503, "Redis is away\r\nmore", "127.0.0.1:5281/readyz", 1, NULL,
          "not ready: Redis is away (HTTP 503)" },
        { "health", -1, "Connection refused", "127.0.0.1:5281/readyz", 1, NULL,
          "127.0.0.1:5281 (Connection refused): is it running?" },
        { "health --set listen.admin=off", 200, "", "", 1, NULL, "listen.admin is off" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.http_status = rows[i].status;
        strcpy(fake.http_body, rows[i].body);
        assert_int_equal(fake_run(&fake, rows[i].words, ""), rows[i].exit_code);
        assert_string_equal(fake.asked, rows[i].asked);
        check_contains(rows[i].words, "stdout", fake.out, rows[i].out);
        check_contains(rows[i].words, "stderr", fake.err, rows[i].err);
        fake_fini(&fake);
    }
}

static void test_send(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
        int64_t receivers;
        int exit_code;
        const char *out, *err, *channel, *event; /* event NULL: nothing may be published */
    } rows[] = {
        { "a message", "send --from Echo.example --to juliet@example.com --body 'say \"hi\"'", 1, 0,
          "taken by 1 gateway\n", NULL, "xmpp:from:{echo.example}",
          "{\"data\":{\"kind\":\"message\",\"to\":\"juliet@example.com\",\"body\":\"say \\\"hi\\\"\"}}" },
        { "with a type", "send --from bot@example.com --to a@b --body x --type headline", 2, 0, "taken by 2 gateways\n",
          NULL, "xmpp:from:{bot@example.com}",
          "{\"data\":{\"kind\":\"message\",\"type\":\"headline\",\"to\":\"a@b\",\"body\":\"x\"}}" },
        { "data as it is", "send --from echo.example --json '{\"kind\":\"presence\",\"to\":\"a@b\"}'", 1, 0, "taken",
          NULL, "xmpp:from:{echo.example}", "{\"data\":{\"kind\":\"presence\",\"to\":\"a@b\"}}" },
        { "other prefix", "send --set bus.prefix=my: --from echo.example --to a@b --body x", 1, 0, "taken", NULL,
          "my:from:{echo.example}", "{\"data\":{\"kind\":\"message\",\"to\":\"a@b\",\"body\":\"x\"}}" },
        { "nobody listens", "send --from echo.example --to a@b --body x", 0, 1, NULL,
          "no gateway listens on xmpp:from:{echo.example}: is it running", "xmpp:from:{echo.example}",
          "{\"data\":{\"kind\":\"message\",\"to\":\"a@b\",\"body\":\"x\"}}" },
        { "no sender", "send --to a@b --body x", 1, 2, NULL, "--from is missing", NULL, NULL },
        { "no body", "send --from echo.example --to a@b", 1, 2, NULL, "--to and --body, or --json", NULL, NULL },
        { "both forms", "send --from echo.example --json '{}' --to a@b", 1, 2, NULL,
          "leave --to, --body and --type out", NULL, NULL },
        { "full address", "send --from echo.example/x --to a@b --body x", 1, 2, NULL, "must be a service's domain",
          NULL, NULL },
        { "a mistake", "send --from echo.example --json '{\"kind\":\"message\",\"to\":\"a@b\",\"boddy\":\"x\"}'", 1, 1,
          NULL, "boddy", NULL, NULL },
        { "no JSON", "send --from echo.example --json '{'", 1, 1, NULL, "no gateway would take this", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.receivers = rows[i].receivers;
        int exit_code = fake_run(&fake, rows[i].words, "");
        if (exit_code != rows[i].exit_code)
            fail_msg("%s: exit code %d: %s", rows[i].name, exit_code, fake.err);
        check_contains(rows[i].name, "stdout", fake.out, rows[i].out);
        check_contains(rows[i].name, "stderr", fake.err, rows[i].err);
        assert_int_equal(fake.publish_count, rows[i].event ? 1 : 0);
        if (rows[i].event) {
            assert_string_equal(fake.channels[0], rows[i].channel);
            assert_string_equal(fake.published[0], rows[i].event);
        }
        assert_false(fake.is_open);
        fake_fini(&fake);
    }
}

static void test_redis_away(void **state)
{
    (void)state;
    static const char *const words[] = {
        "user add juliet@localhost --password x",
        "user passwd juliet@localhost --password x",
        "user del juliet@localhost",
        "user list",
        "send --from echo.example --to a@b --body x",
        "tail",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        fake.is_away = true;
        fake.environment[0] = (char *)"STANZABUS_REDIS_URL=redis://joe:secret@redis.example:6379";
        assert_int_equal(fake_run(&fake, words[i], ""), 1);
        check_contains(words[i], "stderr", fake.err,
                       "cannot reach Redis at redis://***@redis.example:6379: is it running? set redis.url");
        assert_null(strstr(fake.err, "secret"));
        fake_fini(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),  cmocka_unit_test(test_serve_loads_the_settings),
        cmocka_unit_test(test_config), cmocka_unit_test(test_health),
        cmocka_unit_test(test_send),   cmocka_unit_test(test_redis_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
