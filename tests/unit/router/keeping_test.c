/* keeping_test.c - what is logged, archived and copied, for the sender's side and the recipient's: rows of messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/router/keeping.h"
#include "tests/unit/stream/round_trip.h"

enum { L = KEEP_LOG, A = KEEP_ARCHIVE, C = KEEP_CARBON };
#define HINT(name) "<" name " xmlns='urn:xmpp:hints'/>"
#define STATE "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
#define MUC "<x xmlns='http://jabber.org/protocol/muc#user'/>"
#define BODY "<body>b</body>"
#define ECHO "<error type='cancel'/>"

static const struct {
    const char *type, *payload;
    unsigned to_me, by_me;
    bool is_fleeting;
} rows[] = {
    { "chat", BODY, L | A | C, L | A | C, false },
    { "normal", BODY, L | A | C, L | A | C, false },
    { "nonsense", BODY, L | A | C, L | A | C, false }, /* RFC 6121 5.2.2 */
    { "chat", "", C, C, false },
    { "normal", "", 0, 0, false },
    { "headline", BODY, 0, 0, false },
    { "groupchat", BODY, 0, 0, false },
    { "error", ECHO, 0, 0, false },
    { "error", ECHO BODY, C, 0, false },

    { "chat", STATE, C, C, true },
    { "normal", STATE, C, C, true },
    { "chat", BODY STATE, L | A | C, L | A | C, false },
    { "chat", "<body xmlns='http://www.w3.org/1999/xhtml'>b</body>", C, C, false },
    { "chat", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>", L | A | C, L | A | C, false },
    { "normal", "<encrypted xmlns='urn:xmpp:omemo:2'/>", L | A | C, L | A | C, false },
    { "normal", "<received xmlns='urn:xmpp:receipts' id='1'/>", L | A | C, L | A | C, false },
    { "normal", "<request xmlns='urn:xmpp:receipts'/>", 0, 0, false },
    { "normal", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", L | A | C, L | A | C, false },
    { "normal", "<markable xmlns='urn:xmpp:chat-markers:0'/>", 0, 0, false },
    { "chat", "<replace xmlns='urn:xmpp:message-correct:0' id='1'/>", L | A | C, L | A | C, false },
    { "chat", "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>", L | A | C, L | A | C, false },
    { "chat", "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>", L | A | C, L | A | C, false },
    { "normal", "<x xmlns='jabber:x:conference' jid='r@x'/>", L | A | C, L | A | C, false },
    { "normal", "<x xmlns='http://jabber.org/protocol/muc#user'><invite/></x>", L | A | C, L | A | C, false },

    { "chat", BODY HINT("no-store"), C, C, false },
    { "chat", BODY HINT("no-permanent-store"), L | C, L | C, false },
    { "chat", BODY HINT("no-copy"), L | A, L | A, false },
    { "chat", BODY "<private xmlns='urn:xmpp:carbons:2'/>", L | A, L | A, false },
    { "chat", STATE HINT("store"), L | A | C, L | A | C, false },
    { "headline", BODY HINT("store"), 0, 0, false },
    { "chat", HINT("store") HINT("no-store"), C, C, false },
    { "chat", BODY "<store xmlns='urn:example:other'/>" HINT("no-store"), C, C, false },

    { "chat", BODY MUC, L | A, L | A | C, false }, /* by an occupant of a room; to one */
    { "chat", BODY MUC HINT("no-copy"), L | A, L | A, false },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer xml = { 0 };
        buffer_printf(&xml, "<message xmlns='jabber:client' type='%s'>%s</message>", rows[i].type, rows[i].payload);
        buffer_append_char(&xml, '\0');
        struct stanza *message = parse_in_stream(xml.data, xml.size - 1);
        struct keeping to_me = keeping_of(message, SIDE_RECIPIENT), by_me = keeping_of(message, SIDE_SENDER);
        if (to_me.keep != rows[i].to_me || by_me.keep != rows[i].by_me || to_me.is_fleeting != rows[i].is_fleeting)
            fail_msg("%s: %u %u %d", xml.data, to_me.keep, by_me.keep, to_me.is_fleeting);
        stanza_free(&message);
        buffer_fini(&xml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
