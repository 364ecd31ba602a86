/* csi_test.c - what an inactive client (XEP-0352) is not woken for, and when it gets it. */
#include "stage.h"

#define CSI "xmlns='urn:xmpp:csi:0'"
#define STATE "xmlns='http://jabber.org/protocol/chatstates'"

static struct stage *stage;
static struct client *client;

/* As the router would: from its tree and its text. */
static void sends(const char *name, const char *type, const char *from, const char *child, const char *xmlns)
{
    struct stanza *stanza = stanza_make(name, XMLNS_CLIENT);
    if (type)
        element_set(&stanza->arena, stanza->root, "type", text_of(type));
    element_set(&stanza->arena, stanza->root, "from", text_of(from));
    if (child)
        element_add(&stanza->arena, stanza->root, text_of(child), text_of(xmlns));
    session_send(stage->last_session, stanza);
    stanza_free(&stanza);
}

static void begin(void)
{
    stage = stage_new(NULL);
    stage_add_account(stage, "romeo@example.com", "secret");
    client = client_bound(stage, FRAMING_TCP, "romeo", "r");
    heard(client);
}

static void end(void)
{
    client_free(client);
    stage_free(stage);
}

static void test_held(void **state)
{
    (void)state;
    begin();
    sends("presence", NULL, "a@b/1", NULL, NULL);
    hears(client, "<presence from='a@b/1'/>");
    says(client, "<inactive " CSI "/>");
    sends("presence", NULL, "a@b/1", "show", XMLNS_CLIENT);
    sends("presence", "unavailable", "c@d/1", NULL, NULL);
    sends("presence", "unavailable", "a@b/1", NULL, NULL); /* in place of the first */
    sends("message", "chat", "a@b/1", "composing", "http://jabber.org/protocol/chatstates");
    sends("message", "chat", "a@b/1", "paused", "http://jabber.org/protocol/chatstates");
    hears(client, "");
    says(client, "<active " CSI "/>");
    hears(client, "<presence type='unavailable' from='c@d/1'/><presence type='unavailable' from='a@b/1'/>"
                  "<message type='chat' from='a@b/1'><paused " STATE "/></message>");
    sends("presence", NULL, "a@b/1", NULL, NULL);
    hears(client, "<presence from='a@b/1'/>");
    end();
}

static void test_woken(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type, *child, *xmlns;
    } rows[] = {
        { "message", "chat", "body", XMLNS_CLIENT },
        { "message", "error", "composing", "http://jabber.org/protocol/chatstates" },
        { "message", NULL, "event", "http://jabber.org/protocol/pubsub#event" },
        { "presence", "subscribe", NULL, NULL },
        { "presence", "error", NULL, NULL },
        { "iq", "result", NULL, NULL },
    };
    begin();
    says(client, "<inactive " CSI "/>");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[256];
        sends("presence", NULL, "a@b/1", NULL, NULL);
        hears(client, "");
        sends(rows[i].name, rows[i].type, "c@d", rows[i].child, rows[i].xmlns);
        snprintf(expected, sizeof expected, "<presence from='a@b/1'/><%s*", rows[i].name);
        hears(client, expected);
    }
    sends("presence", NULL, "a@b/1", NULL, NULL);
    session_send_logged(stage->last_session, TEXT("<message/>"), 1);
    hears(client, "<presence from='a@b/1'/><message/>");
    end();
}

static void test_bounded(void **state)
{
    (void)state;
    char from[32];
    begin();
    says(client, "<inactive " CSI "/>");
    for (int i = 0; i < 1000; i++) {
        snprintf(from, sizeof from, "u%d@b/1", i);
        sends("presence", NULL, from, NULL, NULL);
    }
    hears(client, "");
    sends("presence", NULL, "last@b/1", NULL, NULL);
    hears(client, "<presence from='u0@b/1'/>*<presence from='last@b/1'/>");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_woken),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
