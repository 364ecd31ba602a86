/* handle_ping.c - XEP-0199: the server answers pings. */
#include "gateway/router/router_internal.h"

void handle_ping(const struct iq_request *request)
{
    iq_answer(request, stanza_reply(request->stanza));
}
