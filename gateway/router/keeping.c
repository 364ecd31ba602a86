/* keeping.c - the one table of what is logged, archived and copied.  XEP-0313 5.1.1 (archives), XEP-0280 6.1 (copies),
 * XEP-0160 3 (what waits), XEP-0334 (hints: they weigh more). */
#include "gateway/router/keeping.h"

/* -- what a message carries -- */

enum carries {
    BODY = 1,
    ENCRYPTED = 2,
    RECEIPT = 4,
    MARKER = 8,
    CHANGE = 16, /* correction, reaction, retraction */
    INVITATION = 32,
    STATE = 64,
    ROOM = 128, /* by or to an occupant of a room */
    STORE = 256,
    NO_STORE = 512,
    NO_PERMANENT_STORE = 1024,
    NO_COPY = 2048
};
enum { CONTENT = BODY | ENCRYPTED | RECEIPT | MARKER | CHANGE | INVITATION | STORE, ANYTHING = 0 };

static const struct payload {
    struct text name; /* empty: any of the namespace */
    struct text xmlns;
    unsigned carries;
} payloads[] = {
    { TEXT_INIT("body"), TEXT_INIT(XMLNS_CLIENT), BODY },
    { TEXT_INIT("encrypted"), TEXT_INIT("eu.siacs.conversations.axolotl"), ENCRYPTED },
    { TEXT_INIT("encrypted"), TEXT_INIT("urn:xmpp:omemo:2"), ENCRYPTED },
    { TEXT_INIT("openpgp"), TEXT_INIT("urn:xmpp:openpgp:0"), ENCRYPTED },
    { TEXT_INIT("x"), TEXT_INIT("jabber:x:encrypted"), ENCRYPTED },
    { TEXT_INIT("received"), TEXT_INIT("urn:xmpp:receipts"), RECEIPT },
    { TEXT_INIT("received"), TEXT_INIT("urn:xmpp:chat-markers:0"), MARKER },
    { TEXT_INIT("displayed"), TEXT_INIT("urn:xmpp:chat-markers:0"), MARKER },
    { TEXT_INIT("acknowledged"), TEXT_INIT("urn:xmpp:chat-markers:0"), MARKER },
    { TEXT_INIT("replace"), TEXT_INIT("urn:xmpp:message-correct:0"), CHANGE },
    { TEXT_INIT("reactions"), TEXT_INIT("urn:xmpp:reactions:0"), CHANGE },
    { TEXT_INIT("retract"), TEXT_INIT("urn:xmpp:message-retract:0"), CHANGE },
    { TEXT_INIT("retract"), TEXT_INIT("urn:xmpp:message-retract:1"), CHANGE },
    { TEXT_INIT("apply-to"), TEXT_INIT("urn:xmpp:fasten:0"), CHANGE },
    { TEXT_INIT("x"), TEXT_INIT("jabber:x:conference"), INVITATION },
    { TEXT_INIT("x"), TEXT_INIT("http://jabber.org/protocol/muc#user"), ROOM },
    { { NULL, 0 }, TEXT_INIT("http://jabber.org/protocol/chatstates"), STATE },
    { TEXT_INIT("store"), TEXT_INIT("urn:xmpp:hints"), STORE },
    { TEXT_INIT("no-store"), TEXT_INIT("urn:xmpp:hints"), NO_STORE },
    { TEXT_INIT("no-storage"), TEXT_INIT("urn:xmpp:hints"), NO_STORE }, /* as some older clients say it */
    { TEXT_INIT("no-permanent-store"), TEXT_INIT("urn:xmpp:hints"), NO_PERMANENT_STORE },
    { TEXT_INIT("no-permanent-storage"), TEXT_INIT("urn:xmpp:hints"), NO_PERMANENT_STORE },
    { TEXT_INIT("no-copy"), TEXT_INIT("urn:xmpp:hints"), NO_COPY },
    { TEXT_INIT("private"), TEXT_INIT("urn:xmpp:carbons:2"), NO_COPY },
};

static unsigned carries_of(const struct element *element)
{
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        const struct payload *payload = &payloads[i];
        if (!text_equal(payload->xmlns, element->xmlns) || (payload->name.size && !text_equal(payload->name, element->name)))
            continue;
        if (payload->carries == ROOM && element_child(element, "invite", NULL))
            return ROOM | INVITATION; /* XEP-0045 7.8.2 */
        return payload->carries;
    }
    return 0;
}

static unsigned look(const struct stanza *message)
{
    unsigned carries = 0;
    for (const struct node *node = message->root->children; node; node = node->next)
        if (node->element)
            carries |= carries_of(node->element);
    return carries;
}

/* -- what becomes of it -- */

enum { NORMAL = 1, CHAT = 2, OTHER = 4, ERROR = 8 };
enum { TO_ME = 1, BY_ME = 2, BOTH = 3 };

static const struct rule {
    unsigned types;
    unsigned sides;
    unsigned needs;   /* one of these, ANYTHING: none */
    unsigned forbids; /* any of these */
    unsigned keep;
} rules[] = {
    { NORMAL | CHAT, BOTH, CONTENT, NO_STORE, KEEP_LOG },
    { NORMAL | CHAT, BOTH, CONTENT, NO_STORE | NO_PERMANENT_STORE, KEEP_ARCHIVE },
    { CHAT, BOTH, ANYTHING, NO_COPY | ROOM, KEEP_CARBON },
    { NORMAL, BOTH, CONTENT | STATE, NO_COPY | ROOM, KEEP_CARBON },
    { NORMAL | CHAT, BOTH, INVITATION, NO_COPY, KEEP_CARBON },
    { CHAT, BY_ME, ROOM, NO_COPY, KEEP_CARBON },                      /* a private message to an occupant; what comes from one */
                                                                      /* reaches each resource in the room by itself */
    { ERROR, TO_ME, CONTENT | STATE, NO_COPY | ROOM, KEEP_CARBON },   /* it carries what it answers */
};

static unsigned type_of(const struct stanza *message)
{
    struct text type = element_get(message->root, "type");
    if (text_is(type, "chat"))
        return CHAT;
    if (text_is(type, "error"))
        return ERROR;
    return text_is(type, "groupchat") || text_is(type, "headline") ? OTHER : NORMAL; /* RFC 6121 5.2.2: unknown is normal */
}

struct keeping keeping_of(const struct stanza *message, enum keeping_side side)
{
    unsigned carries = look(message), type = type_of(message), at = side == SIDE_SENDER ? BY_ME : TO_ME;
    struct keeping keeping = { .is_fleeting = (carries & STATE) && !(carries & CONTENT) };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        if ((rule->types & type) && (rule->sides & at) && (!rule->needs || (rule->needs & carries)) && !(rule->forbids & carries))
            keeping.keep |= rule->keep;
    }
    return keeping;
}
