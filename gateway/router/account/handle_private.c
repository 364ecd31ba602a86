/* handle_private.c - XEP-0049: XML that a client keeps in its own account, by the namespace of what is in it. */
#include "gateway/router/pep/bookmarks.h"

static const char name[] = "private";

/* The namespace of all that is in the query; false when there is nothing, or several (XEP-0049 2.3). */
static bool read_namespace(const struct element *query, struct text *xmlns)
{
    const struct element *first = element_first(query);
    if (!first || !first->xmlns.size || text_equal(first->xmlns, query->xmlns))
        return false;
    for (const struct node *child = query->children; child; child = child->next)
        if (child->element && !text_equal(child->element->xmlns, first->xmlns))
            return false;
    *xmlns = first->xmlns;
    return true;
}

/* What was never kept comes back as it was asked: empty. */
static void give_private(struct iq_request *request, const struct element *query)
{
    struct stanza *answer = stanza_reply(request->stanza);
    element_append(&answer->arena, answer->root, element_copy(&answer->arena, query ? query : request->payload));
    iq_answer(request, answer);
}

void handle_private_get(const struct iq_request *request)
{
    struct text xmlns;
    if (request->scope != SCOPE_OWN_ACCOUNT)
        iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL);
    else if (!read_namespace(request->payload, &xmlns))
        iq_refuse(request, STANZA_ERROR_NOT_ACCEPTABLE, "Ask for one element of a namespace of its own.");
    else if (text_is(xmlns, BOOKMARKS_OLD) && element_child(request->payload, "storage", BOOKMARKS_OLD))
        bookmarks_private_get(request, name);
    else
        document_get(request, name, xmlns, give_private);
}

void handle_private_set(const struct iq_request *request)
{
    const struct config *config = request->router->parts->config;
    struct document_limits limits = { config->limits_private_items, config->limits_private_bytes };
    struct text xmlns;
    if (request->scope != SCOPE_OWN_ACCOUNT)
        iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL);
    else if (!read_namespace(request->payload, &xmlns))
        iq_refuse(request, STANZA_ERROR_NOT_ACCEPTABLE, "Keep elements of one namespace of their own.");
    else if (text_is(xmlns, BOOKMARKS_OLD) && element_child(request->payload, "storage", BOOKMARKS_OLD))
        bookmarks_private_set(request, name, limits);
    else
        document_put(request, name, xmlns, limits, NULL);
}
