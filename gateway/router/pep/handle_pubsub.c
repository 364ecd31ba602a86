/* handle_pubsub.c - XEP-0060 requests to an account: a table of (type, namespace, verb) -> what does it, and who may ask. */
#include "gateway/router/pep/pubsub.h"

#include <stdlib.h>

enum asker { BY_OWNER, BY_ANYBODY };

struct verb {
    const char *type, *xmlns, *name;
    enum asker by;
    bool needs_node;
    void (*handle)(struct pubsub *pubsub);
};

static const struct verb verbs[] = {
    { "set", XMLNS_PUBSUB, "publish", BY_OWNER, true, pubsub_publish },
    { "set", XMLNS_PUBSUB, "retract", BY_OWNER, true, pubsub_retract },
    { "get", XMLNS_PUBSUB, "items", BY_ANYBODY, true, pubsub_items },
    { "set", XMLNS_PUBSUB, "create", BY_OWNER, true, pubsub_create },
    { "set", XMLNS_PUBSUB, "subscribe", BY_ANYBODY, true, pubsub_subscribe },
    { "set", XMLNS_PUBSUB, "unsubscribe", BY_ANYBODY, true, pubsub_unsubscribe },
    { "get", XMLNS_PUBSUB, "subscriptions", BY_ANYBODY, false, pubsub_subscriptions },
    { "get", XMLNS_PUBSUB, "affiliations", BY_OWNER, false, pubsub_affiliations },
    { "get", XMLNS_PUBSUB, "default", BY_OWNER, false, pubsub_default },
    { "get", XMLNS_PUBSUB_OWNER, "configure", BY_OWNER, true, pubsub_configure_get },
    { "set", XMLNS_PUBSUB_OWNER, "configure", BY_OWNER, true, pubsub_configure_set },
    { "get", XMLNS_PUBSUB_OWNER, "default", BY_OWNER, false, pubsub_default },
    { "set", XMLNS_PUBSUB_OWNER, "delete", BY_OWNER, true, pubsub_delete },
    { "set", XMLNS_PUBSUB_OWNER, "purge", BY_OWNER, true, pubsub_purge },
};

/* What there is in XEP-0060 and not here: named in the refusal as 6.1.3.13 and its like ask. */
static const struct {
    const char *name, *feature;
} unsupported[] = {
    { "options", "subscription-options" },
    { "affiliations", "modify-affiliations" },
    { "subscriptions", "manage-subscriptions" },
};

/* -- answering -- */

void pubsub_done(struct pubsub *pubsub)
{
    iq_done(&pubsub->request);
    free(pubsub);
}

void pubsub_answer(struct pubsub *pubsub, struct stanza *answer)
{
    iq_answer(pubsub->request, answer ? answer : stanza_reply(pubsub->request->stanza));
    pubsub_done(pubsub);
}

void pubsub_refuse(struct pubsub *pubsub, enum stanza_condition condition, const char *own, const char *feature,
                   const char *text)
{
    const struct iq_request *request = pubsub->request;
    struct stanza *error = stanza_error(request->stanza, condition, text);
    struct element *inside = error ? element_child(error->root, "error", NULL) : NULL;
    if (inside && own) {
        struct element *element = element_add(&error->arena, inside, text_of(own), TEXT(XMLNS_PUBSUB_ERRORS));
        if (feature)
            element_set(&error->arena, element, "feature", text_of(feature));
    }
    metric_add(request->router->parts->metrics, METRIC_STANZA_ERRORS, 1);
    iq_answer(request, error);
    pubsub_done(pubsub);
}

static const struct {
    enum pep_result result;
    enum stanza_condition condition;
    const char *own, *text;
} failures[] = {
    { PEP_NO_ACCOUNT, STANZA_ERROR_ITEM_NOT_FOUND, NULL, NULL }, /* like one without the node: who has an account is nobody's to ask */
    { PEP_NO_NODE, STANZA_ERROR_ITEM_NOT_FOUND, NULL, NULL },
    { PEP_NO_ITEM, STANZA_ERROR_ITEM_NOT_FOUND, NULL, NULL },
    { PEP_EXISTS, STANZA_ERROR_CONFLICT, NULL, "There is a node of this name." },
    { PEP_PRECONDITION, STANZA_ERROR_CONFLICT, "precondition-not-met",
      "The node is configured otherwise than the publish-options say." },
    { PEP_TOO_MANY_NODES, STANZA_ERROR_RESOURCE_CONSTRAINT, "max-nodes-exceeded",
      "The account has as many nodes as it may (limits.pep_nodes)." },
    { PEP_TOO_MANY_BYTES, STANZA_ERROR_RESOURCE_CONSTRAINT, "max-items-exceeded",
      "The account's items would be more bytes than they may (limits.pep_bytes)." },
    { PEP_TOO_MANY_SUBSCRIBERS, STANZA_ERROR_RESOURCE_CONSTRAINT, "too-many-subscriptions", "The node has as many as it may." },
};

bool pubsub_fails(struct pubsub *pubsub, enum bus_status status, const struct pep_answer *answer)
{
    if (status != BUS_OK) {
        iq_fail(&pubsub->request, status);
        free(pubsub);
        return true;
    }
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (failures[i].result != answer->result)
            continue;
        pubsub_refuse(pubsub, failures[i].condition, failures[i].own, NULL, failures[i].text);
        return true;
    }
    return false;
}

bool pubsub_is_closed(struct pubsub *pubsub, const struct pep_answer *answer, const struct pep_config *config)
{
    struct pep_contact contact = pubsub_contact_of(&pubsub->request->stanza->arena, pubsub->bare,
                                                   jid_bare(&pubsub->request->from), answer->contact);
    switch (pep_config_access(config, &contact)) { /* XEP-0060 6.5.9 */
    case PEP_MAY_READ:
        return false;
    case PEP_NEEDS_PRESENCE:
        pubsub_refuse(pubsub, STANZA_ERROR_NOT_AUTHORIZED, "presence-subscription-required", NULL, NULL);
        return true;
    case PEP_NEEDS_GROUP:
        pubsub_refuse(pubsub, STANZA_ERROR_NOT_AUTHORIZED, "not-in-roster-group", NULL, NULL);
        return true;
    case PEP_CLOSED:
        pubsub_refuse(pubsub, STANZA_ERROR_NOT_ALLOWED, "closed-node", NULL, NULL);
        return true;
    }
    return true;
}

struct pep_limits pubsub_limits(const struct router *router)
{
    const struct config *config = router->parts->config;
    return (struct pep_limits){ config->limits_pep_nodes, config->limits_pep_items, config->limits_pep_bytes };
}

struct pep_contact pubsub_contact_of(struct arena *arena, struct text owner, struct text requester,
                                     const struct roster_item *item)
{
    struct pep_contact contact = { .is_owner = text_equal(owner, requester) };
    struct text groups, group;
    struct buffer lines = { 0 };
    if (!item || item->is_removed)
        return contact;
    contact.is_subscribed = (item->state & SUBSCRIPTION_FROM) != 0;
    groups = item->groups;
    while (roster_next_group(&groups, &group)) {
        buffer_append_text(&lines, group);
        buffer_append_char(&lines, '\n');
    }
    contact.groups = arena_text(arena, buffer_text(&lines));
    buffer_fini(&lines);
    return contact;
}

/* -- the fork -- */

static const struct verb *find_verb(const struct iq_request *request, const struct element *verb)
{
    struct text type = element_get(request->stanza->root, "type");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (text_is(type, verbs[i].type) && element_is(verb, verbs[i].name, verbs[i].xmlns))
            return &verbs[i];
    return NULL;
}

static void refuse_unsupported(struct pubsub *pubsub)
{
    for (size_t i = 0; pubsub->verb && i < sizeof unsupported / sizeof *unsupported; i++) {
        if (!text_is(pubsub->verb->name, unsupported[i].name))
            continue;
        pubsub_refuse(pubsub, STANZA_ERROR_FEATURE_NOT_IMPLEMENTED, "unsupported", unsupported[i].feature, NULL);
        return;
    }
    pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, NULL, NULL, "This server knows nothing of this kind to do.");
}

/* The node's name becomes part of a key and a line. */
static bool is_node_name(struct text node)
{
    return node.size > 0 && node.size <= PUBSUB_NODE_BYTES && !memchr(node.data, '\n', node.size);
}

void handle_pubsub(const struct iq_request *request)
{
    struct pubsub *pubsub = xcalloc(1, sizeof *pubsub);
    pubsub->request = iq_keep(request);
    pubsub->bare = iq_account(pubsub->request);
    pubsub->verb = element_first(pubsub->request->payload);
    const struct verb *verb = pubsub->verb ? find_verb(pubsub->request, pubsub->verb) : NULL;
    if (!verb) {
        refuse_unsupported(pubsub);
        return;
    }
    pubsub->node = element_get(pubsub->verb, "node");
    if (verb->by == BY_OWNER && !text_equal(jid_bare(&pubsub->request->from), pubsub->bare))
        pubsub_refuse(pubsub, STANZA_ERROR_FORBIDDEN, NULL, NULL, NULL);
    else if (verb->needs_node && !pubsub->node.size)
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, "nodeid-required", NULL, NULL);
    else if (pubsub->node.size && !is_node_name(pubsub->node))
        pubsub_refuse(pubsub, STANZA_ERROR_NOT_ACCEPTABLE, NULL, NULL, "A node's name is one line of at most 1023 bytes.");
    else
        verb->handle(pubsub);
}
