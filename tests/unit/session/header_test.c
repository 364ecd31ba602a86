/* header_test.c - stream headers, features and STARTTLS: dialogues of a client that has not logged in. */
#include "stage.h"

#define STREAM "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM "' "
#define HEADER_OF(from, rest) \
    "<?xml version='1.0'?>" STREAM "from='" from "' id='[0-9a-f]*[0-9a-f]'" rest " xml:lang='en'>"
#define HEADER HEADER_OF("example.com", " version='1.0'")
#define ERROR(condition) \
    "<stream:error><" condition " xmlns='" XMLNS_STREAM_ERRORS "'/>*</stream:error></stream:stream>"
#define FEATURES "<stream:features>*</stream:features>"
#define OPENED "<open xmlns='" XMLNS_FRAMING "' from='example.com' id='[0-9a-f]*[0-9a-f]' version='1.0' xml:lang='en'/>"
#define WS_ERROR(condition) \
    "<stream:error xmlns:stream='" XMLNS_STREAM "'><" condition " xmlns='" XMLNS_STREAM_ERRORS \
    "'/>*</stream:error>\n<close xmlns='" XMLNS_FRAMING "'/>"

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *attributes, *answer;
        bool ends;
    } rows[] = {
        { "usual", "to='example.com' version='1.0'", HEADER FEATURES, false },
        { "the host is prepared", "to='EXAMPLE.com' version='1.0'", HEADER FEATURES, false },
        { "from is answered", "to='example.com' from='romeo@example.com/x' version='1.0'",
          HEADER_OF("example.com", " to='romeo@example.com' version='1.0'") FEATURES, false },
        { "from is nonsense", "to='example.com' from='@' version='1.0'", HEADER FEATURES, false },
        { "no host: the only one", "version='1.0'", HEADER FEATURES, false },
        { "newer minor", "to='example.com' version='1.10'", HEADER FEATURES, false },
        { "newer major", "to='example.com' version='2.0'", HEADER FEATURES, false },
        { "major zero", "to='example.com' version='0.9'", HEADER ERROR("unsupported-version"), true },
        { "version is nonsense", "to='example.com' version='one'", HEADER ERROR("unsupported-version"), true },
        { "version is half", "to='example.com' version='1.'", HEADER ERROR("unsupported-version"), true },
        { "before 1.0", "to='example.com'", HEADER_OF("example.com", ""), false },
        { "unknown host", "to='example.net' version='1.0'", HEADER ERROR("host-unknown"), true },
        { "host is nonsense", "to='exa mple' version='1.0'", HEADER ERROR("host-unknown"), true },
        { "unknown host before 1.0", "to='example.net'", HEADER_OF("example.com", "") ERROR("host-unknown"), true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_new(NULL);
        struct client *client = client_open(stage, FRAMING_TCP);
        print_message("%s\n", rows[i].name);
        says(client, "<?xml version='1.0'?>" STREAM "%s>", rows[i].attributes);
        hears(client, rows[i].answer);
        assert_int_equal(client->wants_close, rows[i].ends);
        assert_int_equal(stage->metrics.value[METRIC_STREAM_ERRORS], rows[i].ends);
        client_free(client);
        stage_free(stage);
    }
}

static void test_several_hosts(void **state)
{
    (void)state;
    struct stage *stage = stage_new("domain=example.com,example.org", NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client, STREAM "to='example.org' version='1.0'>");
    hears(client, HEADER_OF("example.org", " version='1.0'") FEATURES);
    client_free(client);
    client = client_open(stage, FRAMING_TCP);
    says(client, STREAM "version='1.0'>");
    hears(client, HEADER ERROR("improper-addressing"));
    client_free(client);
    stage_free(stage);
}

/* RFC 6120 4.9.1.2: what is wrong before the header is answered has a header too. */
static void test_errors_before_a_header(void **state)
{
    (void)state;
    static const struct {
        const char *name, *input, *condition;
    } rows[] = {
        { "no XML", "GET / HTTP/1.1\r\n", "not-well-formed" },
        { "wrong namespace", "<stream:stream xmlns='jabber:client' xmlns:stream='x' to='example.com' version='1.0'>",
          "invalid-namespace" },
        { "wrong default namespace",
          "<stream:stream xmlns='jabber:server' xmlns:stream='" XMLNS_STREAM "' to='example.com' version='1.0'>",
          "invalid-namespace" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_new(NULL);
        struct client *client = client_open(stage, FRAMING_TCP);
        char pattern[1024];
        says(client, "%s", rows[i].input);
        snprintf(pattern, sizeof pattern, HEADER "<stream:error><%s xmlns='*", rows[i].condition);
        hears(client, pattern);
        assert_true(client->wants_close);
        client_free(client);
        stage_free(stage);
    }
}

static void test_ids_differ(void **state)
{
    (void)state;
    struct stage *stage = stage_new(NULL);
    char first[2048];
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client, STREAM "to='example.com' version='1.0'>");
    snprintf(first, sizeof first, "%s", heard(client));
    assert_int_equal(strspn(strstr(first, " id='") + 5, "0123456789abcdef"), 32); /* 128 bits */
    client_free(client);
    client = client_open(stage, FRAMING_TCP);
    says(client, STREAM "to='example.com' version='1.0'>");
    assert_string_not_equal(first, heard(client));
    client_free(client);
    stage_free(stage);
}

/* -- features -- */

#define OFFERED(list, fast) \
    "<mechanisms xmlns='" XMLNS_SASL "'>" list "</mechanisms>" \
    "<authentication xmlns='" XMLNS_SASL2 "'>" list "<inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline>*</inline></bind>" fast \
    "</inline></authentication>"
#define MECHANISMS(list) OFFERED(list, "")
#define BOUND(list) \
    OFFERED(list, "<fast xmlns='urn:xmpp:fast:0'>" M("HT-SHA-256-EXPR") M("HT-SHA-256-ENDP") "</fast>") BINDINGS
#define M(name) "<mechanism>" name "</mechanism>"
#define LIMITS "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes></limits>"
#define USUAL M("SCRAM-SHA-256") M("SCRAM-SHA-1") M("PLAIN")
#define PLUS M("SCRAM-SHA-256-PLUS") M("SCRAM-SHA-1-PLUS")
#define BINDINGS \
    "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-server-end-point'/>" \
    "<channel-binding type='tls-exporter'/></sasl-channel-binding>"

static void test_features(void **state)
{
    (void)state;
    enum { PLAIN_TCP, TLS, TLS_BOUND, TLS_CERTIFICATE };
    static const struct {
        const char *name, *set;
        int connection;
        const char *to, *features;
    } rows[] = {
        { "TLS is required", "auth.allow_plaintext=off", PLAIN_TCP, "example.com",
          "<starttls xmlns='" XMLNS_TLS "'><required/></starttls>" LIMITS },
        { "TLS is offered", "auth.allow_plaintext=on", PLAIN_TCP, "example.com",
          "<starttls xmlns='" XMLNS_TLS "'></starttls>" MECHANISMS(USUAL) LIMITS },
        { "behind a proxy", "auth.allow_plaintext=off", TLS, "example.com", MECHANISMS(USUAL) LIMITS },
        { "with binding", "auth.allow_plaintext=off", TLS_BOUND, "example.com",
          BOUND(PLUS USUAL) LIMITS },
        { "with certificate", "auth.allow_plaintext=off", TLS_CERTIFICATE, "example.com",
          BOUND(PLUS USUAL M("EXTERNAL")) LIMITS },
        { "fewer mechanisms, own order", "auth.mechanisms=PLAIN,SCRAM-SHA-1-PLUS", TLS_BOUND, "example.com",
          BOUND(M("PLAIN") M("SCRAM-SHA-1-PLUS")) LIMITS },
        { "binding of tokens only", "auth.mechanisms=SCRAM-SHA-1", TLS_BOUND, "example.com",
          BOUND(M("SCRAM-SHA-1")) LIMITS },
        { "no tokens", "auth.fast=0", TLS_BOUND, "example.com",
          OFFERED(PLUS USUAL, "") BINDINGS LIMITS },
        { "unbound tokens", "auth.fast_unbound=on", TLS, "example.com",
          OFFERED(USUAL, "<fast xmlns='urn:xmpp:fast:0'>" M("HT-SHA-256-NONE") "</fast>") LIMITS },
        { "guests", "auth.anonymous_domain=guest.example.com", TLS_BOUND, "guest.example.com",
          BOUND(M("ANONYMOUS")) LIMITS },
        { "no guest here", "auth.anonymous_domain=guest.example.com", TLS, "example.com", MECHANISMS(USUAL) LIMITS },
        { "old clients", "auth.legacy=on", TLS, "example.com",
          MECHANISMS(USUAL) "<auth xmlns='http://jabber.org/features/iq-auth'/>" LIMITS },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_new(rows[i].set, NULL);
        struct client *client = client_open(stage, FRAMING_TCP);
        char pattern[4096];
        print_message("%s\n", rows[i].name);
        if (rows[i].connection != PLAIN_TCP)
            client_encrypt(client, rows[i].connection >= TLS_BOUND);
        if (rows[i].connection == TLS_CERTIFICATE)
            client->certificate[0] = "romeo@example.com";
        says(client, STREAM "to='%s' version='1.0'>", rows[i].to);
        snprintf(pattern, sizeof pattern, "<?xml version='1.0'?>" STREAM "from='*<stream:features>%s</stream:features>",
                 rows[i].features);
        hears(client, pattern);
        client_free(client);
        stage_free(stage);
    }
}

static void test_features_after_login(void **state)
{
    (void)state;
    struct stage *stage = stage_new(NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    stage_add_account(stage, "romeo@example.com", "secret");
    client_header(client);
    client_says_plain(client, "romeo", "secret");
    heard(client);
    says(client, STREAM "to='example.com' version='1.0'>");
    hears(client, HEADER
          "<stream:features><bind xmlns='" XMLNS_BIND "'/><session xmlns='" XMLNS_SESSION "'><optional/></session>"
          "<sm xmlns='urn:xmpp:sm:3'/><csi xmlns='urn:xmpp:csi:0'/>"
          "<ver xmlns='urn:xmpp:features:rosterver'/><sub xmlns='urn:xmpp:features:pre-approval'/>"
          "<limits "
          "xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes><idle-seconds>180</idle-seconds></limits>"
          "</stream:features>");
    client_free(client);
    stage_free(stage);
}

/* -- STARTTLS -- */

static void test_start_tls(void **state)
{
    (void)state;
    struct stage *stage = stage_new("auth.allow_plaintext=off", NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    client_header(client);
    /* What stands behind the request was not protected, and is not read (RFC 6120 5.4.3.3). */
    says(client, "<starttls xmlns='" XMLNS_TLS "'/><iq type='set' id='injected'><bind xmlns='" XMLNS_BIND "'/></iq>");
    hears(client, "<proceed xmlns='" XMLNS_TLS "'/>");
    assert_true(client->has_started_tls);
    client_encrypt(client, true);
    says(client, STREAM "to='example.com' version='1.0'>");
    hears(client, HEADER "<stream:features><mechanisms*</stream:features>");
    says(client, "<starttls xmlns='" XMLNS_TLS "'/>");
    hears(client, "<failure xmlns='" XMLNS_TLS "'/></stream:stream>");
    assert_true(client->wants_close);
    client_free(client);
    stage_free(stage);
}

/* -- WebSocket -- */

static void test_websocket(void **state)
{
    (void)state;
    struct stage *stage = stage_new(NULL);
    struct client *client = client_open(stage, FRAMING_WEBSOCKET);
    says(client, "<open xmlns='" XMLNS_FRAMING "' to='example.com' version='1.0'/>");
    hears(client,
          OPENED "\n<stream:features xmlns:stream='" XMLNS_STREAM "'>" MECHANISMS(USUAL) LIMITS "</stream:features>");
    says(client, "<close xmlns='" XMLNS_FRAMING "'/>");
    hears(client, "<close xmlns='" XMLNS_FRAMING "'/>");
    assert_true(client->wants_close);
    client_free(client);
    stage_free(stage);
}

static void test_websocket_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name, *first, *answer;
    } rows[] = {
        { "TCP's header", STREAM "to='example.com' version='1.0'>", OPENED "\n" WS_ERROR("invalid-namespace") },
        { "a stanza first", "<message xmlns='jabber:client'/>", OPENED "\n" WS_ERROR("invalid-namespace") },
        { "unknown host", "<open xmlns='" XMLNS_FRAMING "' to='example.net' version='1.0'/>",
          OPENED "\n" WS_ERROR("host-unknown") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_new(NULL);
        struct client *client = client_open(stage, FRAMING_WEBSOCKET);
        print_message("%s\n", rows[i].name);
        says(client, "%s", rows[i].first);
        hears(client, rows[i].answer);
        assert_true(client->wants_close);
        client_free(client);
        stage_free(stage);
    }
}

static void test_violation(void **state)
{
    (void)state;
    struct stage *stage = stage_new(NULL);
    struct client *client = client_open(stage, FRAMING_WEBSOCKET);
    sessions_connection_callbacks.on_violation(stage->sessions, &client->connection, STREAM_ERROR_BAD_FORMAT,
                                               "a binary <frame>");
    hears(client,
          OPENED "\n<stream:error xmlns:stream='" XMLNS_STREAM "'><bad-format xmlns='" XMLNS_STREAM_ERRORS "'/>"
                 "<text xmlns='" XMLNS_STREAM_ERRORS "' xml:lang='en'>a binary &lt;frame&gt;</text></stream:error>\n"
                 "<close xmlns='" XMLNS_FRAMING "'/>");
    client_free(client);
    stage_free(stage);
}

/* No STARTTLS on WebSocket (RFC 7395 3.9). */
static void test_websocket_has_no_starttls(void **state)
{
    (void)state;
    struct stage *stage = stage_new("auth.allow_plaintext=off", NULL);
    struct client *client = client_open(stage, FRAMING_WEBSOCKET);
    says(client, "<open xmlns='" XMLNS_FRAMING "' to='example.com' version='1.0'/>");
    hears(client, OPENED "\n<stream:features xmlns:stream='" XMLNS_STREAM "'>" LIMITS "</stream:features>");
    says(client, "<starttls xmlns='" XMLNS_TLS "'/>");
    hears(client, "<failure xmlns='" XMLNS_TLS "'/>\n<close xmlns='" XMLNS_FRAMING "'/>");
    client_free(client);
    stage_free(stage);
}

/* -- what must wait for the login -- */

static void test_not_yet(void **state)
{
    (void)state;
    static const struct {
        const char *element, *condition;
    } rows[] = {
        { "<message to='a@example.com'><body>x</body></message>", "not-authorized" },
        { "<presence/>", "not-authorized" },
        { "<iq type='get' id='1' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>", "not-authorized" },
        { "<iq type='set' id='1'><bind xmlns='" XMLNS_BIND "'/></iq>", "not-authorized" },
        { "<what/>", "not-authorized" },
        { "<what xmlns='else'/>", "not-authorized" },
        { "<message xmlns='jabber:server'/>", "invalid-namespace" },
        { "<response xmlns='" XMLNS_SASL "'/>", "policy-violation" },
        { "<abort xmlns='" XMLNS_SASL "'/>", "policy-violation" },
        { "<success xmlns='" XMLNS_SASL "'/>", "not-authorized" },
        { "<proceed xmlns='" XMLNS_TLS "'/>", "not-authorized" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_new(NULL);
        struct client *client = client_open(stage, FRAMING_TCP);
        char pattern[512];
        client_header(client);
        says(client, "%s", rows[i].element);
        snprintf(pattern, sizeof pattern, "<stream:error><%s xmlns='*</stream:stream>", rows[i].condition);
        hears(client, pattern);
        assert_true(client->wants_close);
        client_free(client);
        stage_free(stage);
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char text[] = "<?xml version='1.0'?>" STREAM "to='example.com' version='1.0'> <presence/>";
    struct stage *stage = stage_new(NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    for (size_t i = 0; i + 1 < sizeof text; i++)
        says(client, "%c", text[i]);
    hears(client, HEADER FEATURES ERROR("not-authorized"));
    says(client, "<presence/>"); /* after the end nothing is heard */
    hears(client, "");
    client_free(client);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_several_hosts),
        cmocka_unit_test(test_errors_before_a_header),
        cmocka_unit_test(test_ids_differ),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_features_after_login),
        cmocka_unit_test(test_start_tls),
        cmocka_unit_test(test_websocket),
        cmocka_unit_test(test_websocket_errors),
        cmocka_unit_test(test_violation),
        cmocka_unit_test(test_websocket_has_no_starttls),
        cmocka_unit_test(test_not_yet),
        cmocka_unit_test(test_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
