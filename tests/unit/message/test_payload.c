/* test_payload.c - who may send which payload, and the events that are no stanzas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stanzabus/message.h"
#include "xml_load.h"

struct row {
    const char *name, *xml;
    bool service, client; /* refused when it says so */
};

#define SID "urn:xmpp:sid:0"
#define IQ(attributes, payload) "<iq from='romeo@example.com/a' id='1' " attributes ">" payload "</iq>"
#define MESSAGE(payload) "<message from='evil.example.org' to='juliet@example.com/b'>" payload "</message>"
#define ROSTER "<query xmlns='jabber:iq:roster'><item jid='x@y'/></query>"
#define FORWARDED "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='x@y'/></forwarded>"

/* clang-format off */
static const struct row rows[] = {
    { "a message", MESSAGE("<body>hi</body>"), false, false },
    { "a roster push", IQ("type='set' to='juliet@example.com/b'", ROSTER), true, true },
    { "a roster push to an account", IQ("type='set' to='juliet@example.com'", ROSTER), true, true },
    { "a change of the own roster", IQ("type='set'", ROSTER), true, false },
    { "the same, to the own account", IQ("type='set' to='romeo@example.com'", ROSTER), true, false },
    { "the same, to the own server", IQ("type='set' to='example.com'", ROSTER), true, false },
    { "the same, to another server", IQ("type='set' to='example.org'", ROSTER), true, true },
    { "the same, to the own resource", IQ("type='set' to='romeo@example.com/a'", ROSTER), true, true },
    { "asking for a roster", IQ("type='get'", ROSTER), false, false },
    { "a roster as an answer", IQ("type='result' to='juliet@example.com/b'", ROSTER), false, false },
    { "an error about a roster", IQ("type='error' to='juliet@example.com/b'", ROSTER), false, false },
    { "a blocklist push", IQ("type='set' to='juliet@example.com/b'", "<block xmlns='urn:xmpp:blocking'><item jid='x'/></block>"), true, true },
    { "an unblock push", IQ("type='set' to='juliet@example.com/b'", "<unblock xmlns='urn:xmpp:blocking'/>"), true, true },
    { "blocking somebody", IQ("type='set'", "<block xmlns='urn:xmpp:blocking'><item jid='x'/></block>"), true, false },
    { "a privacy list push", IQ("type='set' to='juliet@example.com/b'", "<query xmlns='jabber:iq:privacy'/>"), true, true },
    { "a carbon of what came", MESSAGE("<received xmlns='urn:xmpp:carbons:2'>" FORWARDED "</received>"), true, true },
    { "a carbon of what went", MESSAGE("<sent xmlns='urn:xmpp:carbons:2'>" FORWARDED "</sent>"), true, true },
    { "a carbon of an older kind", MESSAGE("<sent xmlns='urn:xmpp:carbons:1'>" FORWARDED "</sent>"), true, true },
    { "a carbon behind a body", MESSAGE("<body/><sent xmlns='urn:xmpp:carbons:2'>" FORWARDED "</sent>"), true, true },
    { "private", MESSAGE("<private xmlns='urn:xmpp:carbons:2'/>"), false, false },
    { "carbons please", IQ("type='set'", "<enable xmlns='urn:xmpp:carbons:2'/>"), false, false },
    { "a forwarded message", MESSAGE(FORWARDED), false, false },
    { "an archive result", MESSAGE("<result xmlns='urn:xmpp:mam:2' id='1'>" FORWARDED "</result>"), true, true },
    { "the end of an archive query", IQ("type='result' to='juliet@example.com/b'", "<fin xmlns='urn:xmpp:mam:2'/>"), true, true },
    { "asking an archive", IQ("type='set'", "<query xmlns='urn:xmpp:mam:2'/>"), false, false },
    { "a stanza-id of the recipient", MESSAGE("<stanza-id xmlns='" SID "' id='1' by='juliet@example.com'/>"), true, false },
    { "the same, spelt otherwise", MESSAGE("<stanza-id xmlns='" SID "' id='1' by='Juliet@EXAMPLE.com'/>"), true, false },
    { "a stanza-id of the recipient's server", MESSAGE("<stanza-id xmlns='" SID "' id='1' by='example.com'/>"), true, false },
    { "a stanza-id of nobody", MESSAGE("<stanza-id xmlns='" SID "' id='1'/>"), true, false },
    { "a stanza-id of the sender", MESSAGE("<stanza-id xmlns='" SID "' id='1' by='evil.example.org'/>"), false, false },
    { "an origin-id", MESSAGE("<origin-id xmlns='" SID "' id='1'/>"), false, false },
    { "a delay by the recipient's server", MESSAGE("<delay xmlns='urn:xmpp:delay' from='example.com' stamp='2002-09-10T23:08:25Z'/>"), true, true },
    { "a delay by the recipient", MESSAGE("<delay xmlns='urn:xmpp:delay' from='juliet@example.com' stamp='2002-09-10T23:08:25Z'/>"), true, true },
    { "a delay by the sender", MESSAGE("<delay xmlns='urn:xmpp:delay' from='evil.example.org' stamp='2002-09-10T23:08:25Z'/>"), false, false },
    { "a delay by nobody", MESSAGE("<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>"), false, false },
};
/* clang-format on */

static void test_reserved_payloads(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stanza *stanza = xml_load(text_of(rows[i].xml));
        assert_non_null(stanza);
        const char *service = stanza_reserved_payload(stanza, false), *client = stanza_reserved_payload(stanza, true);
        if ((!service == rows[i].service || !client == rows[i].client) && ++failed)
            printf("%s: from a service: %s; from a client: %s\n", rows[i].name, service ? service : "taken",
                   client ? client : "taken");
        stanza_free(&stanza);
    }
    assert_int_equal(failed, 0);
}

static void test_removing_stanza_ids(void **state)
{
    (void)state;
    struct stanza *stanza =
        xml_load(TEXT("<message><stanza-id xmlns='" SID "' id='1' by='juliet@example.com'/><body>hi</body>"
                      "<stanza-id xmlns='" SID "' id='2' by='room@example.com'/><stanza-id xmlns='" SID
                      "' id='3' by='JULIET@example.com'/></message>"));
    struct buffer xml = { 0 };
    assert_int_equal(stanza_remove_ids_by(stanza, TEXT("juliet@example.com")), 2);
    assert_int_equal(stanza_remove_ids_by(stanza, TEXT("juliet@example.com")), 0);
    element_write(&xml, stanza->root, SCOPE_STREAM);
    buffer_append_char(&xml, '\0');
    assert_string_equal(xml.data,
                        "<message><body>hi</body><stanza-id xmlns='" SID "' id='2' by='room@example.com'/></message>");
    buffer_fini(&xml);
    stanza_free(&stanza);
}

static void test_secrets(void **state)
{
    (void)state;
    assert_true(payload_is_secret(TEXT("jabber:iq:auth")));
    assert_true(payload_is_secret(TEXT("jabber:iq:register")));
    assert_false(payload_is_secret(TEXT("jabber:iq:roster")));
    assert_false(payload_is_secret(TEXT("")));
}

/* -- events that are no stanzas -- */

static const struct event_head head = { .id = TEXT_INIT("ID"), .wall_ms = 0, .source = TEXT_INIT("example.com") };
#define HEAD(kind) \
    "{\"specversion\":\"1.0\",\"id\":\"ID\",\"source\":\"xmpp:example.com\",\"type\":\"xmpp." kind "\"," \
    "\"time\":\"1970-01-01T00:00:00.000Z\",\"datacontenttype\":\"application/json\",\"data\":{\"kind\":\"" kind "\""

static void expect(struct buffer *out, const char *expected)
{
    buffer_append_char(out, '\0');
    assert_string_equal(out->data, expected);
    buffer_fini(out);
}

static void test_session_events(void **state)
{
    (void)state;
    struct buffer out = { 0 };
    struct event_session session = { .event = SESSION_STARTED,
                                     .jid = TEXT("a@b/c"),
                                     .node = TEXT("n1"),
                                     .mechanism = TEXT("PLAIN"),
                                     .peer = TEXT("127.0.0.1:5") };
    event_write_session(&out, &head, &session);
    expect(&out, HEAD("session") ",\"event\":\"started\",\"jid\":\"a@b/"
                                 "c\",\"node\":\"n1\",\"mechanism\":\"PLAIN\",\"peer\":\"127.0.0.1:5\"}}");
    session = (struct event_session){ .event = SESSION_LOGIN_FAILED, .reason = TEXT("not-authorized") };
    event_write_session(&out, &head, &session);
    expect(&out, HEAD("session") ",\"event\":\"login-failed\",\"reason\":\"not-authorized\"}}");
}

static void test_refused_events(void **state)
{
    (void)state;
    struct buffer out = { 0 };
    struct event_refused refused = { .reason = "not-utf-8",
                                     .text = TEXT("data.body: not UTF-8"),
                                     .id = TEXT("7"),
                                     .channel = TEXT("xmpp:from:{a\xff}") };
    event_write_refused(&out, &head, &refused);
    expect(&out, HEAD("refused") ",\"reason\":\"not-utf-8\",\"text\":\"data.body: not "
                                 "UTF-8\",\"id\":\"7\",\"channel\":\"xmpp:from:{a\xef\xbf\xbd}\"}}");
}

static void test_dead_events(void **state)
{
    (void)state;
    struct buffer out = { 0 };
    struct event_dead dead = { .reason = "not-json",
                               .text = TEXT("t"),
                               .channel = TEXT("c"),
                               .address = TEXT("a"),
                               .size = 3,
                               .payload = TEXT("\x01\xff\"") };
    event_write_dead(&out, &head, &dead);
    expect(&out, HEAD("dead") ",\"reason\":\"not-json\",\"text\":\"t\",\"channel\":\"c\",\"address\":\"a\",\"size\":3,"
                              "\"payload\":\"\\u0001\xef\xbf\xbd\\\"\"}}");
    dead.payload = TEXT("{\"password\":\"x\",\"xmlns\":\"jabber:iq:auth\"}");
    dead.size = 18446744073709551615u;
    event_write_dead(&out, &head, &dead);
    expect(&out, HEAD("dead") ",\"reason\":\"not-json\",\"text\":\"t\",\"channel\":\"c\",\"address\":\"a\",\"size\":"
                              "18446744073709551615}}");
}

/* Only the beginning is shown, and no half character at its end. */
static void test_dead_events_are_cut(void **state)
{
    (void)state;
    struct buffer out = { 0 }, payload = { 0 };
    for (int i = 0; i < 3000; i++)
        BUFFER_LITERAL(&payload, "\xe2\x82\xac");
    struct event_dead dead = {
        .reason = "too-big", .text = TEXT(""), .size = payload.size, .payload = buffer_text(&payload)
    };
    event_write_dead(&out, &head, &dead);
    buffer_append_char(&out, '\0');
    const char *shown = strstr(out.data, "\"payload\":\"") + strlen("\"payload\":\"");
    assert_int_equal(strcspn(shown, "\""), 4095);
    assert_null(strstr(shown, "\xef\xbf\xbd"));
    buffer_fini(&out);
    buffer_fini(&payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserved_payloads),
        cmocka_unit_test(test_removing_stanza_ids),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_session_events),
        cmocka_unit_test(test_refused_events),
        cmocka_unit_test(test_dead_events),
        cmocka_unit_test(test_dead_events_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
