/* pubsub_disco.c - XEP-0030 about accounts: what one can do there (XEP-0163 7), and which resources and nodes there are for
 * the asker to see.  Who sees neither the account's presence nor a node of it is answered as if there were no such account. */
#include "gateway/router/pep/pubsub.h"

#include <stdlib.h>

#include "gateway/router/presence/sight.h"

static const char *const features[] = {
    XMLNS_PUBSUB,
    XMLNS_PUBSUB "#access-open",
    XMLNS_PUBSUB "#access-presence",
    XMLNS_PUBSUB "#access-roster",
    XMLNS_PUBSUB "#access-whitelist",
    XMLNS_PUBSUB "#auto-create",
    XMLNS_PUBSUB "#auto-subscribe",
    XMLNS_PUBSUB "#config-node",
    XMLNS_PUBSUB "#config-node-max",
    XMLNS_PUBSUB "#create-and-configure",
    XMLNS_PUBSUB "#create-nodes",
    XMLNS_PUBSUB "#delete-items",
    XMLNS_PUBSUB "#delete-nodes",
    XMLNS_PUBSUB "#filtered-notifications",
    XMLNS_PUBSUB "#item-ids",
    XMLNS_PUBSUB "#last-published",
    XMLNS_PUBSUB "#multi-items",
    XMLNS_PUBSUB "#persistent-items",
    XMLNS_PUBSUB "#publish",
    XMLNS_PUBSUB "#publish-options",
    XMLNS_PUBSUB "#purge-nodes",
    XMLNS_PUBSUB "#retrieve-affiliations",
    XMLNS_PUBSUB "#retrieve-default",
    XMLNS_PUBSUB "#retrieve-items",
    XMLNS_PUBSUB "#rsm",
    XMLNS_PUBSUB "#subscribe",
    "urn:xmpp:bookmarks:1#compat", /* XEP-0402: bookmarks.h */
    "urn:xmpp:bookmarks:1#compat-pep",
    "urn:xmpp:pep-vcard-conversion:0", /* XEP-0398: avatar.h */
};

struct asked { /* what a request wants to know, until the store has answered */
    struct iq_request *request; /* kept */
    bool wants_items;
    struct text *resources; /* that are items too; in the request's arena */
    size_t resource_count;
};

static bool may_read(struct arena *arena, const struct pep_row *row, const struct pep_contact *contact)
{
    struct pep_config config;
    pep_config_read(arena, row->config, &config);
    return pep_config_access(&config, contact) == PEP_MAY_READ;
}

static void answer_info(const struct iq_request *request, bool has_pep)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = disco_add_query(request, answer);
    disco_add_identity(answer, query, "account", "registered", NULL);
    if (has_pep)
        disco_add_identity(answer, query, "pubsub", "pep", NULL);
    disco_add_features(answer, query, request->scope);
    for (size_t i = 0; has_pep && i < sizeof features / sizeof *features; i++)
        disco_add_feature(answer, query, features[i]);
    iq_answer(request, answer);
}

/* XEP-0030: the available resources; XEP-0163 7.2: the nodes that one may read. */
static void answer_items(const struct asked *asked, const struct pep_answer *nodes, const struct pep_contact *contact)
{
    const struct iq_request *request = asked->request;
    struct stanza *answer = stanza_reply(request->stanza);
    struct arena *arena = &answer->arena;
    struct element *query = disco_add_query(request, answer);
    struct text bare = arena_text(arena, iq_account(request));
    for (size_t i = 0; i < asked->resource_count; i++)
        disco_add_item(answer, query, arena_printf(arena, "%.*s/%.*s", TEXT_ARGS(bare), TEXT_ARGS(asked->resources[i])));
    for (size_t i = 0; i < nodes->row_count; i++)
        if (may_read(arena, &nodes->rows[i], contact))
            element_set(arena, disco_add_item(answer, query, bare), "node", arena_text(arena, nodes->rows[i].node));
    iq_answer(request, answer);
}

/* -- one node (XEP-0060 5.3, 5.5) -- */

static void answer_leaf(const struct iq_request *request)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = disco_add_query(request, answer);
    element_set(&answer->arena, query, "node", arena_text(&answer->arena, element_get(request->payload, "node")));
    disco_add_identity(answer, query, "pubsub", "leaf", NULL);
    disco_add_feature(answer, query, XMLNS_PUBSUB);
    iq_answer(request, answer);
}

static void on_items(void *ctx, enum bus_status status, const struct pep_answer *items)
{
    struct iq_request *request = ctx;
    if (status != BUS_OK) {
        iq_fail(&request, status);
        return;
    }
    struct stanza *answer = stanza_reply(request->stanza);
    struct arena *arena = &answer->arena;
    struct element *query = disco_add_query(request, answer);
    element_set(arena, query, "node", arena_text(arena, element_get(request->payload, "node")));
    struct text bare = arena_text(arena, iq_account(request));
    for (size_t i = 0; i < items->row_count; i++)
        element_set(arena, disco_add_item(answer, query, bare), "name", arena_text(arena, items->rows[i].id));
    iq_answer(request, answer);
    iq_done(&request);
}

/* True: the request goes on to the items. */
static bool about_node(struct asked *asked, struct text node, const struct pep_answer *nodes, const struct pep_contact *contact)
{
    struct iq_request *request = asked->request;
    struct store *store = request->router->parts->store;
    struct pep_read read = { .bare = iq_account(request), .node = node, .requester = jid_bare(&request->from), .which = PEP_LAST };
    bool is_there = false;
    for (size_t i = 0; i < nodes->row_count; i++)
        is_there = is_there || (text_equal(nodes->rows[i].node, node) && may_read(&request->stanza->arena, &nodes->rows[i], contact));
    if (is_there && asked->wants_items) {
        store->pep->read(store, &read, on_items, request);
        return true;
    }
    if (is_there)
        answer_leaf(request);
    else
        iq_refuse(request, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
    return false;
}

static bool is_visible(struct arena *arena, const struct pep_answer *nodes, const struct pep_contact *contact)
{
    bool is_seen = contact->is_owner || (contact->is_subscribed && nodes->result == PEP_DONE);
    for (size_t i = 0; !is_seen && i < nodes->row_count; i++)
        is_seen = may_read(arena, &nodes->rows[i], contact);
    return is_seen;
}

static bool give_answer(struct asked *asked, const struct pep_answer *nodes)
{
    struct iq_request *request = asked->request;
    struct arena *arena = &request->stanza->arena;
    struct text node = element_get(request->payload, "node");
    struct pep_contact contact = pubsub_contact_of(arena, iq_account(request), jid_bare(&request->from), nodes->contact);
    if (!is_visible(arena, nodes, &contact))
        iq_refuse(request, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
    else if (node.data)
        return about_node(asked, node, nodes, &contact);
    else if (asked->wants_items)
        answer_items(asked, nodes, &contact);
    else
        answer_info(request, nodes->result == PEP_DONE);
    return false;
}

static void on_nodes(void *ctx, enum bus_status status, const struct pep_answer *nodes)
{
    struct asked *asked = ctx;
    if (status != BUS_OK)
        iq_fail(&asked->request, status);
    else if (!give_answer(asked, nodes))
        iq_done(&asked->request);
    free(asked);
}

static void ask_nodes(struct asked *asked)
{
    struct store *store = asked->request->router->parts->store;
    store->pep->nodes(store, iq_account(asked->request), jid_bare(&asked->request->from), on_nodes, asked);
}

static struct asked *asked_new(const struct iq_request *request, bool wants_items)
{
    struct asked *asked = xcalloc(1, sizeof *asked);
    asked->request = iq_keep(request);
    asked->wants_items = wants_items;
    return asked;
}

void pubsub_disco_info(const struct iq_request *request)
{
    ask_nodes(asked_new(request, false));
}

static void on_sight(const struct iq_request *request, const struct sight *sight)
{
    struct asked *asked = asked_new(request, true);
    struct arena *arena = &asked->request->stanza->arena;
    if (sight->may_see && sight->count) {
        asked->resources = arena_alloc(arena, sight->count * sizeof *asked->resources);
        for (size_t i = 0; i < sight->count; i++)
            asked->resources[asked->resource_count++] = arena_text(arena, sight->resources[i]);
    }
    ask_nodes(asked);
}

void pubsub_disco_items(const struct iq_request *request)
{
    sight_take(request, on_sight);
}
