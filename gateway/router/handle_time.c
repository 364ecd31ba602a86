/* handle_time.c - XEP-0202: the server's time, in UTC. */
#include "gateway/router/router_internal.h"

void handle_time(const struct iq_request *request)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct arena *arena = &answer->arena;
    struct text xmlns = TEXT("urn:xmpp:time");
    struct buffer utc = { 0 };

    struct element *time = element_add(arena, answer->root, TEXT("time"), xmlns);
    element_add_text(arena, element_add(arena, time, TEXT("tzo"), xmlns), TEXT("Z"));
    json_write_time(&utc, router_wall_ms(request->router));
    element_add_text(arena, element_add(arena, time, TEXT("utc"), xmlns), arena_text(arena, buffer_text(&utc)));
    buffer_fini(&utc);
    iq_answer(request, answer);
}
