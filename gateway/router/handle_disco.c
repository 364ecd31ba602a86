/* handle_disco.c - XEP-0030: what the server and the own account are and can do.  The features are those of the table in
 * dispatch.c, so that nothing is announced that has no handler, and those of the table here: for features that are no
 * handler's, or are to be looked for elsewhere than at their handler's address. */
#include "archive_query.h"
#include "sight.h"
#include "stanzabus/data_form.h"

static const struct {
    const char *feature;
    unsigned scopes;
} more_features[] = {
    { XMLNS_MAM, SCOPE_OWN_ACCOUNT },
    { XMLNS_MAM_EXTENDED, SCOPE_OWN_ACCOUNT },
    { XMLNS_MAM_GROUPCHAT, SCOPE_OWN_ACCOUNT },
    { XMLNS_RSM, SCOPE_OWN_ACCOUNT },
    { "urn:xmpp:sid:0", SCOPE_OWN_ACCOUNT },
    { "jabber:iq:private", SCOPE_SERVER | SCOPE_OWN_ACCOUNT }, /* XEP-0049 is silent; clients ask both */
    { "urn:xmpp:blocking", SCOPE_SERVER | SCOPE_OWN_ACCOUNT },
    { "vcard-temp", SCOPE_SERVER | SCOPE_OWN_ACCOUNT },
};

static struct element *add_query(const struct iq_request *request, struct stanza *answer)
{
    return element_add(&answer->arena, answer->root, TEXT("query"), request->payload->xmlns);
}

/* XEP-0030 3.2: no node is known here, so a query for one finds nothing. */
static bool refuse_node(const struct iq_request *request)
{
    if (!element_get(request->payload, "node").data)
        return false;
    iq_refuse(request, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
    return true;
}

static void add_identity(struct stanza *answer, struct element *query, const char *category, const char *type, const char *name)
{
    struct element *identity = element_add(&answer->arena, query, TEXT("identity"), query->xmlns);
    element_set(&answer->arena, identity, "category", text_of(category));
    element_set(&answer->arena, identity, "type", text_of(type));
    if (name)
        element_set(&answer->arena, identity, "name", text_of(name));
}

static void add_feature(struct stanza *answer, struct element *query, const char *name)
{
    struct element *feature = element_add(&answer->arena, query, TEXT("feature"), query->xmlns);
    element_set(&answer->arena, feature, "var", text_of(name));
}

/* XEP-0157: a form with a field for each kind of contact that is set. */
static void add_contacts(struct stanza *answer, struct element *query, const struct text_list *contacts)
{
    struct arena *arena = &answer->arena;
    struct element *form = NULL;
    for (size_t i = 0; i < contacts->count; i++) {
        struct text item = contacts->items[i];
        size_t kind = (size_t)((const char *)memchr(item.data, '=', item.size) - item.data);
        struct text uri = { item.data + kind + 1, item.size - kind - 1 };
        const char *var = arena_printf(arena, "%.*s-addresses", (int)kind, item.data).data;
        if (!form)
            form = data_form_add(arena, query, "result", "http://jabber.org/network/serverinfo");
        struct element *field = (struct element *)data_form_field(form, var);
        if (field)
            data_field_add_value(arena, field, uri);
        else
            data_form_add_field(arena, form, "list-multi", var, NULL, uri);
    }
}

static void answer_info(const struct iq_request *request)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = add_query(request, answer);

    if (request->scope == SCOPE_SERVER)
        add_identity(answer, query, "server", "im", "stanzabus");
    else
        add_identity(answer, query, "account", "registered", NULL);
    for (size_t i = 0; i < router_handler_count; i++)
        if (router_handlers[i].feature && (router_handlers[i].scopes & (unsigned)request->scope))
            add_feature(answer, query, router_handlers[i].feature);
    for (size_t i = 0; i < sizeof more_features / sizeof more_features[0]; i++)
        if (more_features[i].scopes & (unsigned)request->scope)
            add_feature(answer, query, more_features[i].feature);
    if (request->scope == SCOPE_SERVER)
        add_contacts(answer, query, &request->router->parts->config->contacts);
    iq_answer(request, answer);
}

/* XEP-0030 8: strangers learn nothing of an account, not even that it is there. */
static void give_info(const struct iq_request *request, const struct sight *sight)
{
    if (sight->may_see)
        answer_info(request);
    else
        iq_refuse(request, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
}

void handle_disco_info(const struct iq_request *request)
{
    if (refuse_node(request))
        return;
    if (request->scope == SCOPE_OTHER_ACCOUNT)
        sight_take(request, give_info);
    else
        answer_info(request);
}

static struct element *add_item(struct stanza *answer, struct element *query, struct text jid)
{
    struct element *item = element_add(&answer->arena, query, TEXT("item"), query->xmlns);
    element_set(&answer->arena, item, "jid", jid);
    return item;
}

/* An account's items are its available resources. */
static void give_items(const struct iq_request *request, const struct sight *sight)
{
    if (!sight->may_see) {
        iq_refuse(request, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = add_query(request, answer);
    struct text bare = iq_account(request);
    for (size_t i = 0; i < sight->count; i++)
        add_item(answer, query, arena_printf(&answer->arena, "%.*s/%.*s", TEXT_ARGS(bare), TEXT_ARGS(sight->resources[i])));
    iq_answer(request, answer);
}

/* The server's items are the service domains: that is how a client finds whom it can write to. */
void handle_disco_items(const struct iq_request *request)
{
    if (refuse_node(request))
        return;
    if (request->scope != SCOPE_SERVER) {
        sight_take(request, give_items);
        return;
    }
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = add_query(request, answer);
    const struct text_list *domains = &request->router->parts->config->services_domains;
    for (size_t i = 0; i < domains->count; i++)
        add_item(answer, query, domains->items[i]);
    iq_answer(request, answer);
}
