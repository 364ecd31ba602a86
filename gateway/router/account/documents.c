/* documents.c - payloads that an account keeps, between a handler and the store. */
#include <stdlib.h>

#include "gateway/router/account/documents.h"

struct waiting { /* for the store's answer */
    struct iq_request *request; /* kept */
    document_found_fn *found;
    void (*stored)(const struct iq_request *request);
};

static struct waiting *waiting_new(const struct iq_request *request)
{
    struct waiting *waiting = xcalloc(1, sizeof *waiting);
    waiting->request = iq_keep(request);
    return waiting;
}

static struct document document_of(const struct waiting *waiting, const char *name, struct text field)
{
    return (struct document){ iq_account(waiting->request), name, field };
}

/* -- reading -- */

static void give_found(struct waiting *waiting, struct text value)
{
    struct router *router = waiting->request->router;
    struct event event = { 0 };
    struct refusal why = { 0 };
    if (!value.data) {
        waiting->found(waiting->request, NULL);
        return;
    }
    if (event_read(value, EVENT_FROM_NODE, &router->limits, &event, &why) < 0) {
        log_warning(router->parts->log, NULL, "document-unreadable", "reason=%s text=%s", why.reason,
                    log_quote(why.text, strlen(why.text)));
        waiting->found(waiting->request, NULL);
        return;
    }
    waiting->found(waiting->request, element_first(event.stanza->root));
    stanza_free(&event.stanza);
}

static void on_document(void *ctx, enum bus_status status, struct text value)
{
    struct waiting *waiting = ctx;
    if (status == BUS_OK) {
        give_found(waiting, value);
        iq_done(&waiting->request);
    } else {
        iq_fail(&waiting->request, status);
    }
    free(waiting);
}

void document_get(const struct iq_request *request, const char *name, struct text field, document_found_fn *found)
{
    struct store *store = request->router->parts->store;
    struct waiting *waiting = waiting_new(request);
    struct document document = document_of(waiting, name, field);
    waiting->found = found;
    store->documents->get(store, &document, on_document, waiting);
}

/* -- writing -- */

static void answer_put(struct waiting *waiting, int64_t result)
{
    const struct iq_request *request = waiting->request;
    switch (result) {
    case DOCUMENT_STORED:
        if (waiting->stored)
            waiting->stored(request);
        iq_answer(request, stanza_reply(request->stanza));
        return;
    case DOCUMENT_TOO_MANY:
        iq_refuse(request, STANZA_ERROR_RESOURCE_CONSTRAINT, "The account keeps as many of these as it may.");
        return;
    case DOCUMENT_TOO_BIG:
        iq_refuse(request, STANZA_ERROR_RESOURCE_CONSTRAINT, "The account would keep more bytes of these than it may.");
        return;
    default:
        iq_refuse(request, STANZA_ERROR_NOT_ALLOWED, "Only accounts keep things here.");
        return;
    }
}

static void on_put(void *ctx, enum bus_status status, int64_t result)
{
    struct waiting *waiting = ctx;
    if (status == BUS_OK) {
        answer_put(waiting, result);
        iq_done(&waiting->request);
    } else {
        iq_fail(&waiting->request, status);
    }
    free(waiting);
}

void document_put(const struct iq_request *request, const char *name, struct text field, struct document_limits limits,
                  void (*stored)(const struct iq_request *request))
{
    struct store *store = request->router->parts->store;
    struct waiting *waiting = waiting_new(request);
    struct document document = document_of(waiting, name, field);
    waiting->stored = stored;
    store->documents->put(store, &document, router_event(request->router, request->stanza, document.bare), &limits, on_put,
                          waiting);
}

static void on_removed(void *ctx, enum bus_status status, int64_t result)
{
    (void)result; /* gone is gone */
    on_put(ctx, status, DOCUMENT_STORED);
}

void document_remove(const struct iq_request *request, const char *name, struct text field,
                     void (*stored)(const struct iq_request *request))
{
    struct store *store = request->router->parts->store;
    struct waiting *waiting = waiting_new(request);
    struct document document = document_of(waiting, name, field);
    waiting->stored = stored;
    store->documents->remove(store, &document, on_removed, waiting);
}
