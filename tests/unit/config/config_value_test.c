/* config_value_test.c - what each kind of value takes and refuses, the defaults, and how settings must fit together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/config/loading.h"

static void test_defaults(void **state)
{
    (void)state;
    struct loading loading = load("", NULL, NULL, 0);
    const struct config *c = loading.config;
    assert_non_null(c);
    assert_int_equal(c->domains.count, 1);
    assert_true(text_is(c->domains.items[0], "localhost"));
    assert_true(text_is(c->redis_url, "redis://127.0.0.1:6379"));
    assert_int_equal(c->redis_wait_ms, 10000);
    assert_true(text_is(c->bus_prefix, "xmpp:"));
    assert_int_equal(c->bus_observe, OBSERVE_MESSAGE | OBSERVE_PRESENCE | OBSERVE_IQ);
    assert_true(c->listen_tcp.is_on && c->listen_http.is_on && c->listen_admin.is_on);
    assert_false(c->listen_tls.is_on || c->listen_https.is_on);
    assert_string_equal(c->listen_admin.host, "127.0.0.1");
    assert_int_equal(c->listen_admin.port, 5281);
    assert_int_equal(c->auth_mechanisms.count, 7);
    assert_true(text_is(c->auth_mechanisms.items[0], "SCRAM-SHA-256-PLUS"));
    assert_false(c->auth_allow_plaintext || c->auth_legacy || c->http_demo || c->bus_dead_payload);
    assert_int_equal(c->auth_iterations, 10000);
    assert_int_equal(c->auth_anonymous_domain.size, 0);
    assert_int_equal(c->auth_anonymous_reach, GUESTS_REACH_SERVICES);
    assert_int_equal(c->services_domains.count + c->services_accounts.count + c->services_route_count, 0);
    assert_int_equal(c->services_timeout_ms, 30000);
    assert_int_equal(c->services_pending, 10000);
    assert_int_equal(c->limits.stanza_bytes, 262144);
    assert_int_equal(c->login_limits.stanza_bytes, 10000);
    assert_int_equal(c->limits.depth, 100);
    assert_int_equal(c->login_limits.depth, 100);
    assert_int_equal(c->login_limits.attributes, 100);
    assert_int_equal(c->limits_login_ms, 30000);
    assert_int_equal(c->limits_login_failures, 5);
    assert_int_equal(c->limits_connections, 0);
    assert_int_equal(c->limits_connections_per_address, 5000);
    assert_int_equal(c->limits_sessions_per_account, 50);
    assert_int_equal(c->limits_redis_queue, 16 << 20);
    assert_int_equal(c->limits_client_queue, 1 << 20);
    assert_int_equal(c->limits_client_stall_ms, 30000);
    assert_int_equal(c->ping_interval_ms, 180000);
    assert_int_equal(c->ping_timeout_ms, 30000);
    assert_true(c->node_name.size > 0);
    assert_int_equal(c->workers, 1);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->log_format, LOG_FORMAT_TEXT);
    loading_fini(&loading);
}

static const struct row {
    const char *content;
    const char *error; /* behind "test.conf:1: ", whole; NULL: accepted */
} values[] = {
    { "http.demo = on", NULL },
    { "http.demo = true", NULL },
    { "http.demo = yes", NULL },
    { "http.demo = no", NULL },
    { "http.demo = ON", "http.demo: 'ON' is neither on nor off" },
    { "http.demo =", "http.demo: '' is neither on nor off" },
    { "limits.depth = 1000", NULL },
    { "limits.depth = 1001", "limits.depth: '1001' is not a number from 8 to 1000" },
    { "limits.depth = 7", "limits.depth: '7' is not a number from 8 to 1000" },
    { "limits.depth = -9", "limits.depth: '-9' is not a number from 8 to 1000" },
    { "limits.depth = 9x", "limits.depth: '9x' is not a number from 8 to 1000" },
    { "limits.depth = 0x9", "limits.depth: '0x9' is not a number from 8 to 1000" },
    { "limits.depth = 10k", "limits.depth: '10k' is not a number from 8 to 1000" },
    { "limits.depth = 99999999999999999999", "limits.depth: '99999999999999999999' is not a number from 8 to 1000" },
    { "limits.depth = 000000000000099", "limits.depth: '000000000000099' is not a number from 8 to 1000" },
    { "limits.client_queue = 2M", NULL },
    { "limits.client_queue = 1024 k", NULL },
    { "limits.client_queue = 1G",
      "limits.client_queue: '1G' is not a size from 65536 to 1073741824 bytes (k or M may follow the number)" },
    { "limits.client_queue = 999999999999M", "limits.client_queue: '999999999999M' is not a size from 65536 to "
                                             "1073741824 bytes (k or M may follow the number)" },
    { "redis.wait = 0", NULL },
    { "redis.wait = 500ms", NULL },
    { "redis.wait = 1h", NULL },
    { "redis.wait = 61m",
      "redis.wait: '61m' is not a time from 0 to 3600 seconds (ms, s, m or h may follow the number)" },
    { "redis.wait = 1.5",
      "redis.wait: '1.5' is not a time from 0 to 3600 seconds (ms, s, m or h may follow the number)" },
    { "log.level = debug", NULL },
    { "log.level = loud", "log.level: 'loud' is none of error, warning, info, debug" },
    { "bus.prefix = chat/", NULL },
    { "bus.prefix =", "bus.prefix: '' is not 1 to 64 visible ASCII characters without { } * ? [ ] \\ %" },
    { "bus.prefix = a*", "bus.prefix: 'a*' is not 1 to 64 visible ASCII characters without { } * ? [ ] \\ %" },
    { "bus.prefix = a b", "bus.prefix: 'a b' is not 1 to 64 visible ASCII characters without { } * ? [ ] \\ %" },
    { "bus.observe = off", NULL },
    { "bus.observe = iq", NULL },
    { "bus.observe = iq,messages", "bus.observe: 'messages' is none of message, presence, iq (or off alone)" },
    { "node.name = a-1.b_c", NULL },
    { "node.name = a:b", "node.name: 'a:b' is not at most 63 letters, digits, dots, hyphens and underscores" },

    { "redis.url = redis://localhost", NULL },
    { "redis.url = redis://:p%40ss@127.0.0.1:6379/15", NULL },
    { "redis.url = redis://user:pw@[::1]:6380/", NULL },
    { "redis.url = redis://redis_1:6379", NULL },
    { "redis.url = unix:///run/redis.sock", NULL },
    { "redis.url = redis+unix:///run/redis.sock?db=2", NULL },
    { "redis.url = unix://user:pw@/run/redis.sock", NULL },
    { "redis.url = localhost:6379", "redis.url: it must begin with redis:// or unix://" },
    { "redis.url = rediss://h",
      "redis.url: TLS toward Redis is not built in; use redis:// over a trusted network, or a Unix socket" },
    { "redis.url =", "redis.url: it must begin with redis:// or unix://" },
    { "redis.url = redis://", "redis.url: behind redis:// stands [user:password@]host[:port][/db]" },
    { "redis.url = redis://:sec%@h", "redis.url: a character is special in URLs: write it as % and two hex digits" },
    { "redis.url = redis://:sec ret@h", "redis.url: a character is special in URLs: write it as % and two hex digits" },
    { "redis.url = redis://:secret@h:0", "redis.url: the port is not a number from 1 to 65535" },
    { "redis.url = redis://:secret@h:99999", "redis.url: the port is not a number from 1 to 65535" },
    { "redis.url = redis://:secret@h/x", "redis.url: behind the / stands the number of a database" },
    { "redis.url = redis://::1", "redis.url: behind redis:// stands [user:password@]host[:port][/db]" },
    { "redis.url = unix://run/x", "redis.url: the path of a Unix socket begins with / (unix:///run/redis.sock)" },
    { "redis.url = unix:///x?base=1", "redis.url: behind the ? stands db=NUMBER" },

    { "listen.tcp = off", NULL },
    { "listen.tcp = [::]:5222", NULL },
    { "listen.tcp = localhost:5222", NULL },
    { "listen.tcp = 5222", "listen.tcp: '5222' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222) or off" },
    { "listen.tcp = :5222", "listen.tcp: ':5222' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222) or off" },
    { "listen.tcp = 0.0.0.0:", "listen.tcp: '0.0.0.0:' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222) or off" },
    { "listen.tcp = 0.0.0.0:0", "listen.tcp: '0.0.0.0:0' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222) or off" },
    { "listen.tcp = 0.0.0.0:65536",
      "listen.tcp: '0.0.0.0:65536' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222) or off" },
    { "listen.tcp = ::1:5222", "listen.tcp: '::1:5222' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222) or off" },
    { "listen.tcp = auto", "listen.tcp: 'auto' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222) or off" },
    { "listen.tls = auto", NULL },
    { "listen.tls = off", NULL },
    { "listen.tls = x", "listen.tls: 'x' is not ADDRESS:PORT (as 0.0.0.0:5222 or [::]:5222), auto or off" },

    { "domain = Example.COM., bücher.example", NULL },
    { "domain = a, b,", NULL },
    { "domain = a_b", "domain: 'a_b' is not a domain" },
    { "domain = a, A", "domain: 'A' is named twice" },
    { "auth.mechanisms = PLAIN, SCRAM-SHA-256", NULL },
    { "auth.mechanisms = plain", "auth.mechanisms: 'plain' is none of SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, "
                                 "SCRAM-SHA-256, SCRAM-SHA-1, OAUTHBEARER, PLAIN, EXTERNAL" },
    { "auth.mechanisms = PLAIN,ANONYMOUS",
      "auth.mechanisms: 'ANONYMOUS' is not set here: it is on when auth.anonymous_domain is set" },
    { "auth.mechanisms = PLAIN,PLAIN", "auth.mechanisms: 'PLAIN' is named twice" },
    { "http.origins = https://a.example, http://[::1]:8080, *", NULL },
    { "http.origins = a.example",
      "http.origins: 'a.example' is not an origin (as https://chat.example.com or http://localhost:8080), nor *" },
    { "http.origins = https://a.example/", "http.origins: 'https://a.example/' is not an origin (as "
                                           "https://chat.example.com or http://localhost:8080), nor *" },
    { "http.trusted_proxies = 10.0.0.0/8, ::1, fd00::/8, 127.0.0.1", NULL },
    { "http.trusted_proxies = 10.0.0.0/33", "http.trusted_proxies: '10.0.0.0/33' does not end in /0 to /32" },
    { "http.trusted_proxies = ::/129", "http.trusted_proxies: '::/129' does not end in /0 to /128" },
    { "http.trusted_proxies = ::/", "http.trusted_proxies: '::/' does not end in /0 to /128" },
    { "http.trusted_proxies = proxy",
      "http.trusted_proxies: 'proxy' is not an address or a network (as 127.0.0.1, 10.0.0.0/8 or fd00::/8)" },
    { "services.accounts = Bot@localhost", NULL },
    { "services.accounts = localhost",
      "services.accounts: 'localhost' has no name before an @; whole domains are for services.domains" },
    { "services.accounts = bot@localhost/x",
      "services.accounts: 'bot@localhost/x' has a resource; leave out the / and what follows" },
    { "services.accounts = @", "services.accounts: '@' is not an address" },
    { "contacts = boss=mailto:a@b", "contacts: 'boss=mailto:a@b' is not KIND=URI (as abuse=mailto:abuse@example.com)" },
    { "contacts = abuse=a", "contacts: 'abuse=a' is not KIND=URI (as abuse=mailto:abuse@example.com)" },
    { "services.routes = urn:x",
      "services.routes: 'urn:x' is not NAMESPACE=DOMAIN (as urn:example:order=orders.example.com)" },
    { "services.routes = =a.b",
      "services.routes: '=a.b' is not NAMESPACE=DOMAIN (as urn:example:order=orders.example.com)" },
    { "services.routes = a=",
      "services.routes: 'a=' is not NAMESPACE=DOMAIN (as urn:example:order=orders.example.com)" },
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct loading loading = load(values[i].content, NULL, NULL, 0);
        struct buffer expected = { 0 };
        if (values[i].error)
            buffer_printf(&expected, "test.conf:1: %s\n", values[i].error);
        buffer_append_char(&expected, '\0');
        /* the first line only: a value that is left out may break a check as well */
        if (!loading.config != (values[i].error != NULL) ||
            strncmp(loading.errors.data, expected.data, expected.size - 1) != 0)
            fail_msg("%s: '%s', not '%s'", values[i].content, loading.errors.data, expected.data);
        buffer_fini(&expected);
        loading_fini(&loading);
    }
}

static void test_what_values_become(void **state)
{
    (void)state;
    struct loading loading = load("domain = Example.COM., xn--bcher-kva.example\n"
                                  "bus.observe = iq, message\n"
                                  "http.demo = yes\n"
                                  "tls.certificate = /etc/stanzabus/{domain}.pem\n"
                                  "listen.tcp = [::1]:15222\n"
                                  "listen.https = off\n"
                                  "redis.wait = 1500ms\n"
                                  "ping.interval = 2m\n"
                                  "limits.redis_queue = 512k\n"
                                  "log.format = json\n"
                                  "log.level = error\n"
                                  "auth.anonymous_domain = Guest.localhost\n"
                                  "auth.anonymous_reach = accounts\n"
                                  "services.domains = echo.example.com,orders.example.com\n"
                                  "services.accounts = Bot@example.com\n"
                                  "services.routes = urn:a=b:order = Orders.example.com\n",
                                  NULL, NULL, 0);
    const struct config *c = loading.config;
    if (!c)
        fail_msg("%s", loading.errors.data);
    assert_int_equal(c->domains.count, 2);
    assert_true(config_has_domain(c, TEXT("example.com")));
    assert_true(config_has_domain(c, TEXT("bücher.example")));
    assert_true(config_has_domain(c, TEXT("guest.localhost")));
    assert_false(config_has_domain(c, TEXT("localhost")));
    assert_false(config_has_domain(c, TEXT("echo.example.com")));
    assert_true(config_is_service_domain(c, TEXT("echo.example.com")));
    assert_false(config_is_service_domain(c, TEXT("example.com")));
    assert_true(config_is_service_account(c, TEXT("bot@example.com")));
    assert_false(config_is_service_account(c, TEXT("juliet@example.com")));
    assert_true(config_has_mechanism(c, "SCRAM-SHA-1"));
    assert_true(config_has_mechanism(c, "ANONYMOUS"));
    assert_false(config_has_mechanism(c, "DIGEST-MD5"));
    assert_int_equal(c->bus_observe, OBSERVE_MESSAGE | OBSERVE_IQ);
    assert_true(c->http_demo);
    assert_string_equal(c->listen_tcp.host, "::1");
    assert_int_equal(c->listen_tcp.port, 15222);
    assert_true(c->listen_tls.is_on); /* by the certificate */
    assert_int_equal(c->listen_tls.port, 5223);
    assert_false(c->listen_https.is_on);
    assert_int_equal(c->redis_wait_ms, 1500);
    assert_int_equal(c->ping_interval_ms, 120000);
    assert_int_equal(c->limits_redis_queue, 512 * 1024);
    assert_int_equal(c->log_format, LOG_FORMAT_JSON);
    assert_int_equal(c->log_level, LOG_LEVEL_ERROR);
    assert_int_equal(c->auth_anonymous_reach, GUESTS_REACH_ACCOUNTS);
    assert_int_equal(c->services_route_count, 1);
    assert_true(text_is(c->services_routes[0].xmlns, "urn:a=b:order"));
    assert_true(text_is(c->services_routes[0].domain, "orders.example.com"));
    loading_fini(&loading);
}

static void test_settings_fit_together(void **state)
{
    (void)state;
    static const struct {
        const char *name, *content, *errors; /* all of them; "" means that it loads */
    } rows[] = {
        { "no domain", "domain =", "test.conf:1: domain: names no domain; give one at least\n" },
        { "service domain is an own domain", "services.domains = localhost",
          "test.conf:1: services.domains: 'localhost' is also in domain; a domain is either this server's or a "
          "service's\n" },
        { "guests in an own domain", "auth.anonymous_domain = localhost",
          "test.conf:1: auth.anonymous_domain: 'localhost' is also in domain; guests need a domain of their own\n" },
        { "guests in a service domain", "services.domains = e.x\nauth.anonymous_domain = e.x",
          "test.conf:2: auth.anonymous_domain: 'e.x' is also in services.domains; guests need a domain of their "
          "own\n" },
        { "guests below an own domain", "auth.anonymous_domain = guest.localhost", "" },
        { "a bot elsewhere", "services.accounts = bot@example.com",
          "test.conf:1: services.accounts: 'bot@example.com' is not in a domain of this server; add its domain to "
          "domain\n" },
        { "a route to no service", "services.routes = urn:x=a.b",
          "test.conf:1: services.routes: 'a.b' is no service domain; add it to services.domains\n" },
        { "a route twice", "services.domains = a.b\nservices.routes = urn:x=a.b, urn:x=a.b",
          "test.conf:2: services.routes: the namespace 'urn:x' is named twice\n" },
        { "a key alone", "tls.key = k.pem", "test.conf:1: tls.key: is of no use alone: set tls.certificate too\n" },
        { "authorities alone", "tls.client_ca = ca.pem",
          "test.conf:1: tls.client_ca: is of no use without TLS: set tls.certificate too\n" },
        { "direct TLS without a certificate", "listen.tls = 0.0.0.0:5223",
          "test.conf:1: listen.tls: needs a certificate: set tls.certificate, or listen.tls to off\n" },
        { "https without a certificate", "listen.https = 0.0.0.0:5443",
          "test.conf:1: listen.https: needs a certificate: set tls.certificate, or listen.https to off\n" },
        { "direct TLS with one", "listen.tls = 0.0.0.0:5223\ntls.certificate = c.pem", "" },
        { "two listeners on a port", "listen.http = 127.0.0.1:5222",
          "test.conf:1: listen.http: has the port of listen.tcp (5222); give each its own\n" },
        { "two listeners on a port of two addresses", "listen.tcp = 127.0.0.1:5222\nlisten.http = 127.0.0.2:5222", "" },
        { "one of two is off", "listen.tcp = off\nlisten.http = 127.0.0.1:5222", "" },
        { "more before login than after", "limits.stanza_bytes = 10000\nlimits.login_bytes = 20000",
          "test.conf:2: limits.login_bytes: is more than limits.stanza_bytes (10000); set one of the two\n" },
        { "queues below a stanza", "limits.stanza_bytes = 1M\nlimits.client_queue = 512k\nlimits.redis_queue = 512k",
          "test.conf:2: limits.client_queue: holds no stanza of limits.stanza_bytes (1048576); raise it\n"
          "test.conf:3: limits.redis_queue: holds no stanza of limits.stanza_bytes (1048576); raise it\n" },
        { "nobody could log in", "auth.mechanisms =",
          "test.conf:1: auth.mechanisms: is empty, so that nobody could log in; name one at least\n" },
        { "guests only", "auth.mechanisms =\nauth.anonymous_domain = g.x", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loading loading = load(rows[i].content, NULL, NULL, 0);
        if (strcmp(loading.errors.data, rows[i].errors) != 0 || !loading.config != (rows[i].errors[0] != '\0'))
            fail_msg("%s: '%s'", rows[i].name, loading.errors.data);
        loading_fini(&loading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_values_become),
        cmocka_unit_test(test_settings_fit_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
