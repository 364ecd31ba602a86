/* dispatch.c - an iq that the server answers itself: a table of (type, namespace, name, scope) -> handler.
 * To add an extension: write handle_<name>.c, declare its function in router_internal.h, add a row here. */
#include <stdlib.h>

#include "gateway/router/archive/archive_query.h"
#include "gateway/router/presence/presence.h"
#include "gateway/router/pep/caps.h"
#include "stanzabus/store_blocklist.h"

const struct handler router_handlers[] = {
    { "get", "http://jabber.org/protocol/disco#info", "query", SCOPE_SERVER | SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT,
      "http://jabber.org/protocol/disco#info", handle_disco_info },
    { "get", "http://jabber.org/protocol/disco#items", "query", SCOPE_SERVER | SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT,
      "http://jabber.org/protocol/disco#items", handle_disco_items },
    { "get", "jabber:iq:roster", "query", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_roster_get },
    { "set", "jabber:iq:roster", "query", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_roster_set },
    { "set", "urn:xmpp:carbons:2", "enable", SCOPE_OWN_ACCOUNT, NULL, handle_carbons },
    { "set", "urn:xmpp:carbons:2", "disable", SCOPE_OWN_ACCOUNT, NULL, handle_carbons },
    { "get", "jabber:iq:register", "query", SCOPE_SERVER | SCOPE_OWN_ACCOUNT, "jabber:iq:register", handle_register_get },
    { "set", "jabber:iq:register", "query", SCOPE_SERVER | SCOPE_OWN_ACCOUNT, NULL, handle_register_set },
    { "get", "urn:xmpp:ping", "ping", SCOPE_SERVER | SCOPE_OWN_ACCOUNT, "urn:xmpp:ping", handle_ping },
    { "get", "urn:xmpp:time", "time", SCOPE_SERVER, "urn:xmpp:time", handle_time },
    { "get", "urn:xmpp:blocking", "blocklist", SCOPE_OWN_ACCOUNT, NULL, handle_blocking_list },
    { "set", "urn:xmpp:blocking", "block", SCOPE_OWN_ACCOUNT, NULL, handle_blocking_block },
    { "set", "urn:xmpp:blocking", "unblock", SCOPE_OWN_ACCOUNT, NULL, handle_blocking_unblock },
    { "set", XMLNS_MAM, "query", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_archive_query },
    { "get", XMLNS_MAM, "query", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_archive_form },
    { "get", XMLNS_MAM, "metadata", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_archive_metadata },
    { "get", XMLNS_MAM, "prefs", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_archive_preferences_get },
    { "set", XMLNS_MAM, "prefs", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_archive_preferences_set },
    { "get", "jabber:iq:private", "query", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_private_get },
    { "set", "jabber:iq:private", "query", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_private_set },
    { "get", "jabber:iq:last", "query", SCOPE_SERVER | SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, "jabber:iq:last", handle_last },
    { "get", "jabber:iq:version", "query", SCOPE_SERVER, "jabber:iq:version", handle_version },
    { "get", "vcard-temp", "vCard", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_vcard_get },
    { "set", "vcard-temp", "vCard", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_vcard_set },
    { "get", "http://jabber.org/protocol/pubsub", "pubsub", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_pubsub },
    { "get", "http://jabber.org/protocol/pubsub#owner", "pubsub", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_pubsub },
    { "set", "http://jabber.org/protocol/pubsub", "pubsub", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_pubsub },
    { "set", "http://jabber.org/protocol/pubsub#owner", "pubsub", SCOPE_OWN_ACCOUNT | SCOPE_OTHER_ACCOUNT, NULL, handle_pubsub },
    { "set", "urn:stanzabus:watch:0", "watch", SCOPE_SERVER | SCOPE_OWN_ACCOUNT, NULL, handle_watch },
};
const size_t router_handler_count = sizeof router_handlers / sizeof router_handlers[0];

static const struct handler *find_handler(struct text type, const struct element *payload, enum scope scope)
{
    for (size_t i = 0; i < router_handler_count; i++) {
        const struct handler *h = &router_handlers[i];
        if ((h->scopes & scope) && text_is(type, h->type) && element_is(payload, h->name, h->xmlns))
            return h;
    }
    return NULL;
}

/* -- another's account: only for those whom it has not blocked -- */

struct asking {
    struct iq_request *request; /* kept */
    const struct handler *handler;
};

static void on_asked(void *ctx, enum bus_status status, int64_t is_blocked)
{
    struct asking *asking = ctx;
    if (status != BUS_OK) {
        iq_fail(&asking->request, status);
    } else {
        if (is_blocked) {
            metric_add(asking->request->router->parts->metrics, METRIC_BLOCKED, 1);
            iq_refuse(asking->request, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL); /* XEP-0191 3.3 */
        } else {
            asking->handler->handle(asking->request);
        }
        iq_done(&asking->request);
    }
    free(asking);
}

static void ask_blocked(const struct iq_request *request, const struct handler *handler)
{
    struct store *store = request->router->parts->store;
    struct asking *asking = xmalloc(sizeof *asking);
    *asking = (struct asking){ iq_keep(request), handler };
    store->blocklist->has(store, jid_bare(&asking->request->to), jid_text(&asking->request->from), on_asked, asking);
}

/* RFC 6120 8.2.3: a result or an error needs no answer; 8.4: what nobody understands is service-unavailable. */
void dispatch_iq(struct router *router, const struct sender *sender, struct stanza *stanza, enum scope scope)
{
    struct text type = element_get(stanza->root, "type");
    struct iq_request request = { .router = router, .sender = sender, .stanza = stanza, .payload = element_first(stanza->root),
                                  .scope = scope };

    if (text_is(type, "get") || text_is(type, "set")) {
        const struct handler *handler = request.payload ? find_handler(type, request.payload, scope) : NULL;
        jid_parse(&stanza->arena, element_get(stanza->root, "from"), &request.from);
        jid_parse(&stanza->arena, element_get(stanza->root, "to"), &request.to);
        if (handler && scope == SCOPE_OTHER_ACCOUNT)
            ask_blocked(&request, handler);
        else if (handler)
            handler->handle(&request);
        else
            iq_refuse(&request, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
    } else if (scope == SCOPE_SERVER) {
        caps_answer(router, sender, stanza);
    } else if (scope == SCOPE_OTHER_ACCOUNT && sender->kind == SENDER_PEER) {
        caps_abroad_answer(router, stanza);
    }
    stanza_free(&stanza);
}

void iq_answer(const struct iq_request *request, struct stanza *answer)
{
    router_answer(request->router, request->sender, answer);
}

void iq_refuse(const struct iq_request *request, enum stanza_condition condition, const char *text)
{
    router_refuse(request->router, request->sender, request->stanza, condition, text);
}

struct text iq_account(const struct iq_request *request)
{
    return request->to.local ? jid_bare(&request->to) : jid_bare(&request->from);
}

/* -- kept requests: bounded by limits.redis_queue, because each waits for commands of that queue -- */

struct kept_request {
    struct iq_request request;
    struct sender sender;
    bool is_counted; /* by its session */
};

/* Queries of the archive are paced, and wait for the client: they have their own bounds. */
static bool is_counted(const struct iq_request *request)
{
    return request->payload && !text_is(request->payload->xmlns, XMLNS_MAM);
}

static struct session *asker_of(const struct kept_request *kept)
{
    return kept->is_counted ? router_session_of(kept->request.router, &kept->sender, &kept->request.from) : NULL;
}

struct iq_request *iq_keep(const struct iq_request *request)
{
    struct kept_request *kept = xmalloc(sizeof *kept);
    struct stanza *stanza = stanza_copy(request->stanza);
    router_keep(request->router, request->sender);
    kept->sender = *request->sender;
    kept->sender.session = NULL; /* it may end meanwhile */
    if (request->own_sender)
        request->own_sender->number = 0; /* kept again: the stanza is handled when the last one is done */
    kept->request = *request;
    kept->request.sender = kept->request.own_sender = &kept->sender;
    kept->request.stanza = stanza;
    kept->request.payload = element_first(stanza->root);
    kept->request.from = kept->request.to = (struct jid){ 0 };
    jid_parse(&stanza->arena, element_get(stanza->root, "from"), &kept->request.from);
    jid_parse(&stanza->arena, element_get(stanza->root, "to"), &kept->request.to);
    kept->is_counted = is_counted(request);
    struct session *session = asker_of(kept);
    if (session)
        session_request_begins(session);
    return &kept->request;
}

void iq_done(struct iq_request **request)
{
    if (!*request)
        return;
    struct kept_request *kept = container_of(*request, struct kept_request, request);
    router_handled(kept->request.router, &kept->sender, kept->request.stanza);
    struct session *session = asker_of(kept);
    stanza_free(&kept->request.stanza);
    free(kept);
    *request = NULL;
    if (session)
        session_request_ends(session); /* last: it may read on */
}

void iq_fail(struct iq_request **request, enum bus_status status)
{
    iq_refuse(*request, STANZA_ERROR_RESOURCE_CONSTRAINT,
              status == BUS_AWAY ? "The server cannot reach its store now; try again in a moment."
                                 : "The server's store refused this; its log says why.");
    iq_done(request);
}
