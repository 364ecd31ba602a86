/* handle_vcard.c - XEP-0054: the vCard of an account, written by its owner, read by everybody. */
#include "documents.h"

static const char name[] = "vcard";
static const struct text field = TEXT_INIT("xml");

/* Others must not see who exists: no vCard and no account are the same (XEP-0054 3.3). */
static void give_vcard(struct iq_request *request, const struct element *vcard)
{
    if (!vcard) {
        iq_refuse(request, request->scope == SCOPE_OWN_ACCOUNT ? STANZA_ERROR_ITEM_NOT_FOUND : STANZA_ERROR_SERVICE_UNAVAILABLE,
                  NULL);
        return;
    }
    struct stanza *answer = stanza_reply(request->stanza);
    element_append(&answer->arena, answer->root, element_copy(&answer->arena, vcard));
    iq_answer(request, answer);
}

void handle_vcard_get(const struct iq_request *request)
{
    document_get(request, name, field, give_vcard);
}

void handle_vcard_set(const struct iq_request *request)
{
    if (request->scope != SCOPE_OWN_ACCOUNT)
        iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL); /* XEP-0054 3.2 */
    else if (!element_first(request->payload))
        document_remove(request, name, field, NULL); /* an empty one is none */
    else
        document_put(request, name, field, (struct document_limits){ 1, request->router->parts->config->limits_vcard_bytes }, NULL);
}
