/* handle_carbons.c - XEP-0280: a session wants copies of what the account's other resources send and get, or no more.  The
 * wish is in its row, where messages are routed by it; it is answered once it is there. */
#include "gateway/router/router_internal.h"

static void on_written(void *ctx, enum bus_status status, int64_t result)
{
    struct iq_request *request = ctx;
    struct jid from = request->from;
    if (status != BUS_OK) {
        iq_fail(&request, status);
        return;
    }
    struct session *session = router_session_of(request->router, request->sender, &from);
    if (result == 0 && session)
        node_restore_session(request->router, session); /* with the wish in it */
    iq_answer(request, stanza_reply(request->stanza));
    iq_done(&request);
}

void handle_carbons(const struct iq_request *request)
{
    struct router *router = request->router;
    struct store *store = router->parts->store;
    struct session *session = request->sender->session;
    if (request->sender->kind != SENDER_CLIENT) {
        iq_refuse(request, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    session_set_carbons(session, text_is(request->payload->name, "enable"));
    struct session_row row = session_row(session);
    store->ops->session_update(store, &row, on_written, iq_keep(request));
}
