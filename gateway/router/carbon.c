/* carbon.c - the copy of a message for another resource of the same account (XEP-0280 7, 8; XEP-0297). */
#include "gateway/router/mailbox.h"

#define XMLNS_CARBONS "urn:xmpp:carbons:2"
#define XMLNS_FORWARD "urn:xmpp:forward:0"

struct stanza *carbon_make(const struct stanza *message, const struct session *session, bool is_sent)
{
    struct stanza *copy = stanza_make("message", XMLNS_CLIENT);
    struct arena *arena = &copy->arena;
    const struct jid *jid = session_jid(session);
    struct text type = element_get(message->root, "type");
    struct element *direction = element_add(arena, copy->root, is_sent ? TEXT("sent") : TEXT("received"), TEXT(XMLNS_CARBONS));
    struct element *forwarded = element_add(arena, direction, TEXT("forwarded"), TEXT(XMLNS_FORWARD));

    element_set(arena, copy->root, "from", jid_bare(jid));
    element_set(arena, copy->root, "to", jid_text(jid));
    if (type.data)
        element_set(arena, copy->root, "type", arena_text(arena, type));
    element_append(arena, forwarded, element_copy(arena, message->root));
    return copy;
}
