/* delivery.c - what the router has for a session. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/sessions/world.h"

static const struct text self_contained = TEXT_INIT("<message xmlns='jabber:client' from='b@one.example/x' to='a@one.example'/>"),
                         in_stream = TEXT_INIT("<message from='b@one.example/x' to='a@one.example'/>");

struct text delivery_xml(const struct session *session)
{
    return session_scope(session) == SCOPE_STREAM ? in_stream : self_contained;
}

void delivery_send_one(struct session *session)
{
    unsigned kind = script_next(6);
    if (kind == 5) {
        struct stanza *presence = stanza_make("presence", XMLNS_CLIENT);
        element_set(&presence->arena, presence->root, "from", TEXT("b@one.example/x"));
        session_send(session, presence);
        stanza_free(&presence);
    } else if (kind == 4) {
        session_send_xml(session, delivery_xml(session));
    } else {
        struct stanza *message = stanza_make(kind == 3 ? "iq" : "message", XMLNS_CLIENT);
        char *body = xcalloc(1, 60000 + 1);
        memset(body, 'x', kind == 2 ? 60000 : 1);
        element_set(&message->arena, message->root, "from", TEXT("b@one.example/x"));
        element_set(&message->arena, message->root, "type", kind == 3 ? TEXT("get") : TEXT("chat"));
        element_set(&message->arena, message->root, "id", TEXT("i1"));
        element_add_text(&message->arena, element_add(&message->arena, message->root, TEXT("body"), TEXT(XMLNS_CLIENT)), text_of(body));
        session_send(session, message);
        stanza_free(&message);
        free(body);
    }
}

void delivery_send_many(struct session *session)
{
    for (unsigned i = script_next(128); i > 0 && bound_find(session) && session_has_room(session); i--)
        session_send_xml(session, delivery_xml(session));
    for (unsigned i = script_next(32); i > 0 && bound_find(session); i--)
        entry_send(session);
}
