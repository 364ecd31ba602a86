/* stanza_test.c - answers: replies and errors, parsed from and written as XML (RFC 6120 8.2.3, 8.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "round_trip.h"

static struct stanza *parse(const char *xml)
{
    struct stanza *stanza = parse_in_stream(xml, strlen(xml));
    assert_non_null(stanza);
    return stanza;
}

static void assert_xml(const char *name, const struct stanza *stanza, const char *expected)
{
    struct buffer out = { 0 };
    if (!stanza || !expected) {
        if (stanza || expected)
            fail_msg("%s: %s answer", name, stanza ? "an" : "no");
        return;
    }
    element_write(&out, stanza->root, SCOPE_STREAM);
    buffer_append_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buffer_fini(&out);
}

static void test_replies(void **state)
{
    (void)state;
    static const struct {
        const char *name, *request, *reply;
    } rows[] = {
        { "iq get", "<iq type='get' id='1' from='a@b/c' to='d' xml:lang='de'><query xmlns='urn:x'/></iq>",
          "<iq from='d' to='a@b/c' id='1' type='result'/>" },
        { "iq without addresses", "<iq type='set' id='1'/>", "<iq id='1' type='result'/>" },
        { "iq without id", "<iq type='get' to='d'/>", "<iq from='d' type='result'/>" },
        { "message keeps its type", "<message type='chat' id='1' from='a' to='b'><body>x</body></message>",
          "<message from='b' to='a' id='1' type='chat'/>" },
        { "message without type", "<message from='a' to='b'/>", "<message from='b' to='a'/>" },
        { "iq in jabber:server", "<iq xmlns='jabber:server' type='get' id='1' from='a' to='b'/>",
          "<iq xmlns='jabber:server' from='b' to='a' id='1' type='result'/>" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stanza *request = parse(rows[i].request), *reply = stanza_reply(request);
        stanza_free(&request); /* the reply shares nothing with it */
        assert_xml(rows[i].name, reply, rows[i].reply);
        stanza_free(&reply);
    }
}

static void test_errors(void **state)
{
    (void)state;
#define NS_ERRORS " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
    static const struct {
        const char *name, *stanza;
        enum stanza_condition condition;
        const char *text, *error;
    } rows[] = {
        { "iq get", "<iq type='get' id='1' from='a@b/c' to='d'><query xmlns='urn:x'/></iq>",
          STANZA_ERROR_SERVICE_UNAVAILABLE, NULL,
          "<iq from='d' to='a@b/c' id='1' type='error'><error type='cancel'>"
          "<service-unavailable" NS_ERRORS "/></error></iq>" },
        { "with text", "<message type='chat' from='a' to='b'/>", STANZA_ERROR_RESOURCE_CONSTRAINT, "too <much>",
          "<message from='b' to='a' type='error'><error type='wait'><resource-constraint" NS_ERRORS "/>"
          "<text" NS_ERRORS " xml:lang='en'>too &lt;much&gt;</text></error></message>" },
        { "presence", "<presence to='b'/>", STANZA_ERROR_JID_MALFORMED, NULL,
          "<presence from='b' type='error'><error type='modify'><jid-malformed" NS_ERRORS "/></error></presence>" },
        { "jabber:server", "<message xmlns='jabber:server' to='b'/>", STANZA_ERROR_GONE, NULL,
          "<message xmlns='jabber:server' from='b' type='error'><error type='cancel'><gone" NS_ERRORS
          "/></error></message>" },
        { "an error has none", "<message type='error' from='a' to='b'/>", STANZA_ERROR_GONE, NULL, NULL },
        { "an error presence has none", "<presence type='error'/>", STANZA_ERROR_GONE, NULL, NULL },
        { "an error iq has none", "<iq type='error' id='1'/>", STANZA_ERROR_GONE, NULL, NULL },
        { "a result has none", "<iq type='result' id='1'/>", STANZA_ERROR_GONE, NULL, NULL },
        { "what is no stanza has none", "<a xmlns='urn:xmpp:sm:3' h='1'/>", STANZA_ERROR_GONE, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stanza *stanza = parse(rows[i].stanza);
        struct stanza *error = stanza_error(stanza, rows[i].condition, rows[i].text);
        stanza_free(&stanza);
        assert_xml(rows[i].name, error, rows[i].error);
        if (error) {
            assert_null(stanza_error(error, STANZA_ERROR_BAD_REQUEST, NULL));
            stanza_free(&error);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
