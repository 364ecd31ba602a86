/* handle_version.c - XEP-0092: what runs here.  The operating system is nobody's business (XEP-0092 5). */
#include "gateway/router/router_internal.h"

void handle_version(const struct iq_request *request)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct text xmlns = TEXT("jabber:iq:version");
    struct element *query = element_add(&answer->arena, answer->root, TEXT("query"), xmlns);

    element_add_text(&answer->arena, element_add(&answer->arena, query, TEXT("name"), xmlns), TEXT("stanzabus"));
    element_add_text(&answer->arena, element_add(&answer->arena, query, TEXT("version"), xmlns), TEXT(STANZABUS_VERSION));
    iq_answer(request, answer);
}
