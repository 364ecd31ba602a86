/* handle_disco.c - XEP-0030: what the server is and can do; about accounts pubsub_disco.c knows.  The features are those of
 * the table in dispatch.c, so that nothing is announced that has no handler, and those of the table here: for features
 * that are no handler's, or are to be looked for elsewhere than at their handler's address. */
#include "gateway/router/archive/archive_query.h"
#include "gateway/router/pep/pubsub.h"
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
    { "urn:xmpp:carbons:2", SCOPE_SERVER | SCOPE_OWN_ACCOUNT },
    { "urn:xmpp:carbons:rules:0", SCOPE_SERVER | SCOPE_OWN_ACCOUNT },
    { "msgoffline", SCOPE_SERVER },
    { "urn:xmpp:blocking", SCOPE_SERVER | SCOPE_OWN_ACCOUNT },
    { "vcard-temp", SCOPE_SERVER | SCOPE_OWN_ACCOUNT },
};

struct element *disco_add_query(const struct iq_request *request, struct stanza *answer)
{
    return element_add(&answer->arena, answer->root, TEXT("query"), request->payload->xmlns);
}

void disco_add_identity(struct stanza *answer, struct element *query, const char *category, const char *type, const char *name)
{
    struct element *identity = element_add(&answer->arena, query, TEXT("identity"), query->xmlns);
    element_set(&answer->arena, identity, "category", text_of(category));
    element_set(&answer->arena, identity, "type", text_of(type));
    if (name)
        element_set(&answer->arena, identity, "name", text_of(name));
}

void disco_add_feature(struct stanza *answer, struct element *query, const char *var)
{
    struct element *feature = element_add(&answer->arena, query, TEXT("feature"), query->xmlns);
    element_set(&answer->arena, feature, "var", text_of(var));
}

void disco_add_features(struct stanza *answer, struct element *query, enum scope scope)
{
    for (size_t i = 0; i < router_handler_count; i++)
        if (router_handlers[i].feature && (router_handlers[i].scopes & (unsigned)scope))
            disco_add_feature(answer, query, router_handlers[i].feature);
    for (size_t i = 0; i < sizeof more_features / sizeof more_features[0]; i++)
        if (more_features[i].scopes & (unsigned)scope)
            disco_add_feature(answer, query, more_features[i].feature);
}

struct element *disco_add_item(struct stanza *answer, struct element *query, struct text jid)
{
    struct element *item = element_add(&answer->arena, query, TEXT("item"), query->xmlns);
    element_set(&answer->arena, item, "jid", jid);
    return item;
}

/* XEP-0030 3.2: no node of the server is known, so a query for one finds nothing. */
static bool refuse_node(const struct iq_request *request)
{
    if (!element_get(request->payload, "node").data)
        return false;
    iq_refuse(request, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
    return true;
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

void handle_disco_info(const struct iq_request *request)
{
    if (request->scope != SCOPE_SERVER) {
        pubsub_disco_info(request);
        return;
    }
    if (refuse_node(request))
        return;
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = disco_add_query(request, answer);
    disco_add_identity(answer, query, "server", "im", "stanzabus");
    disco_add_features(answer, query, request->scope);
    add_contacts(answer, query, &request->router->parts->config->contacts);
    iq_answer(request, answer);
}

/* The server's items are the service domains: that is how a client finds whom it can write to. */
void handle_disco_items(const struct iq_request *request)
{
    if (request->scope != SCOPE_SERVER) {
        pubsub_disco_items(request);
        return;
    }
    if (refuse_node(request))
        return;
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = disco_add_query(request, answer);
    const struct text_list *domains = &request->router->parts->config->services_domains;
    for (size_t i = 0; i < domains->count; i++)
        disco_add_item(answer, query, domains->items[i]);
    iq_answer(request, answer);
}
