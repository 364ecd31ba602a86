/* documents.h - payloads that an account keeps: stored as the event of the iq that brought them, so that nothing is lost,
 * and given back as the same tree. */
#ifndef STANZABUS_ROUTER_DOCUMENTS_H
#define STANZABUS_ROUTER_DOCUMENTS_H

#include "gateway/router/router_internal.h"
#include "stanzabus/store_documents.h"

/* request is the handler's, or one that was kept; it is gone after the call.  payload is NULL when there is none, and
 * borrowed. */
typedef void document_found_fn(struct iq_request *request, const struct element *payload);
/* Reads a document of the account that the request is about.  found must answer. */
void document_get(const struct iq_request *request, const char *name, struct text field, document_found_fn *found);
/* Keeps the request's payload, and answers.  stored (may be NULL) is told when it stands. */
void document_put(const struct iq_request *request, const char *name, struct text field, struct document_limits limits,
                  void (*stored)(const struct iq_request *request));
/* Takes it away, and answers. */
void document_remove(const struct iq_request *request, const char *name, struct text field,
                     void (*stored)(const struct iq_request *request));

#endif
