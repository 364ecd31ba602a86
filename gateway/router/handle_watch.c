/* handle_watch.c - a session asks to see the neutral messages of its own traffic (http.demo only): the page shows them.
 * They come over the session's own connection, so nobody sees another's. */
#include "gateway/router/router_internal.h"

void handle_watch(const struct iq_request *request)
{
    if (!request->router->parts->config->http_demo || request->sender->kind != SENDER_CLIENT) {
        iq_refuse(request, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    session_set_watches_events(request->sender->session, true);
    iq_answer(request, stanza_reply(request->stanza));
}
