/* handle_vcard.c - XEP-0054: the vCard of an account, written by its owner, read by everybody. */
#include "gateway/router/pep/avatar.h"

static const char name[] = VCARD_DOCUMENT;
static const struct text field = TEXT_INIT(VCARD_FIELD);

/* Others must not see who exists: no vCard and no account are the same (XEP-0054 3.3). */
static void give_vcard(struct iq_request *request, const struct element *vcard)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *composed = avatar_vcard_compose(&answer->arena, request->payload, vcard);
    if (composed) {
        element_append(&answer->arena, answer->root, composed);
        iq_answer(request, answer);
        return;
    }
    stanza_free(&answer);
    iq_refuse(request, request->scope == SCOPE_OWN_ACCOUNT ? STANZA_ERROR_ITEM_NOT_FOUND : STANZA_ERROR_SERVICE_UNAVAILABLE,
              NULL);
}

void handle_vcard_get(const struct iq_request *request)
{
    avatar_vcard_get(request, give_vcard);
}

/* What is left once the picture is on its node; an empty one is none. */
static void keep_vcard(const struct iq_request *request)
{
    if (!element_first(request->payload))
        document_remove(request, name, field, NULL);
    else
        document_put(request, name, field, (struct document_limits){ 1, request->router->parts->config->limits_vcard_bytes }, NULL);
}

void handle_vcard_set(const struct iq_request *request)
{
    if (request->scope != SCOPE_OWN_ACCOUNT)
        iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL); /* XEP-0054 3.2 */
    else
        avatar_vcard_set(request, keep_vcard);
}
