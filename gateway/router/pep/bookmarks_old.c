/* bookmarks_old.c - requests in the older ways: private XML, and the node with one item. */
#include <stdlib.h>

#include "gateway/router/pep/bookmarks.h"

/* -- private XML (XEP-0049) -- */

struct asked {
    struct iq_request *request; /* kept */
    const char *name;
    struct document_limits limits;
};

static struct asked *asked_new(const struct iq_request *request, const char *name, struct document_limits limits)
{
    struct asked *asked = xmalloc(sizeof *asked);
    *asked = (struct asked){ iq_keep(request), name, limits };
    return asked;
}

/* <query><storage/></query>: the payload of a request that was kept is its own copy. */
static struct element *own_storage(struct iq_request *request)
{
    return element_child(element_first(request->stanza->root), "storage", BOOKMARKS_OLD);
}

/* What is in the list and no room (XEP-0048 <url/>) is kept as private XML. */
static void give_list(struct iq_request *request, const struct element *kept)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct arena *arena = &answer->arena;
    struct element *query = element_copy(arena, request->payload);
    struct element *storage = element_child(query, "storage", BOOKMARKS_OLD);
    const struct element *kept_storage = kept ? element_child(kept, "storage", BOOKMARKS_OLD) : NULL;
    for (const struct node *n = kept_storage ? kept_storage->children : NULL; n; n = n->next)
        if (n->element && !element_is(n->element, "conference", BOOKMARKS_OLD))
            element_append(arena, storage, element_copy(arena, n->element));
    element_append(arena, answer->root, query);
    iq_answer(request, answer);
}

static void on_read(void *ctx, enum bus_status status, const struct pep_answer *items)
{
    struct asked *asked = ctx;
    struct iq_request *request = asked->request;
    if (status != BUS_OK) {
        iq_fail(&asked->request, status);
    } else {
        struct element *storage = own_storage(request);
        storage->children = NULL;
        storage->children_end = &storage->children;
        bookmarks_list(request->router, &request->stanza->arena, items, storage);
        document_get(request, asked->name, TEXT(BOOKMARKS_OLD), give_list);
        iq_done(&asked->request);
    }
    free(asked);
}

void bookmarks_private_get(const struct iq_request *request, const char *name)
{
    struct asked *asked = asked_new(request, name, (struct document_limits){ 0 });
    bookmarks_read(request->router, iq_account(asked->request), on_read, asked);
}

static void on_written(void *ctx, enum bus_status status, const char *problem)
{
    struct asked *asked = ctx;
    if (status != BUS_OK)
        iq_fail(&asked->request, status);
    else if (problem)
        iq_refuse(asked->request, STANZA_ERROR_NOT_ACCEPTABLE, problem);
    else
        document_put(asked->request, asked->name, TEXT(BOOKMARKS_OLD), asked->limits, NULL);
    iq_done(&asked->request);
    free(asked);
}

void bookmarks_private_set(const struct iq_request *request, const char *name, struct document_limits limits)
{
    struct asked *asked = asked_new(request, name, limits);
    bookmarks_write(request->router, iq_account(asked->request), own_storage(asked->request), on_written, asked);
}

/* -- the node with one item -- */

static void on_items(void *ctx, enum bus_status status, const struct pep_answer *items)
{
    struct pubsub *pubsub = ctx;
    if (pubsub_fails(pubsub, status, items))
        return;
    struct stanza *reply = stanza_reply(pubsub->request->stanza);
    struct arena *arena = &reply->arena;
    struct element *outer = element_add(arena, reply->root, TEXT("pubsub"), TEXT(XMLNS_PUBSUB));
    struct element *list = element_add(arena, outer, TEXT("items"), TEXT(XMLNS_PUBSUB));
    struct element *item = element_add(arena, list, TEXT("item"), TEXT(XMLNS_PUBSUB));
    element_set(arena, list, "node", TEXT(BOOKMARKS_OLD));
    element_set(arena, item, "id", TEXT("current"));
    bookmarks_list(pubsub->request->router, arena, items, element_add(arena, item, TEXT("storage"), TEXT(BOOKMARKS_OLD)));
    pubsub_answer(pubsub, reply);
}

void bookmarks_items(struct pubsub *pubsub)
{
    bookmarks_read(pubsub->request->router, pubsub->bare, on_items, pubsub);
}

static void on_published(void *ctx, enum bus_status status, const char *problem)
{
    struct pubsub *pubsub = ctx;
    if (status != BUS_OK) {
        iq_fail(&pubsub->request, status);
        pubsub_done(pubsub);
    } else if (problem) {
        pubsub_refuse(pubsub, STANZA_ERROR_NOT_ACCEPTABLE, NULL, NULL, problem);
    } else {
        pubsub_answer_published(pubsub, TEXT("current"));
    }
}

void bookmarks_publish(struct pubsub *pubsub)
{
    const struct element *item = element_child(pubsub->verb, "item", XMLNS_PUBSUB);
    const struct element *storage = item ? element_child(item, "storage", BOOKMARKS_OLD) : NULL;
    if (storage)
        bookmarks_write(pubsub->request->router, pubsub->bare, storage, on_published, pubsub);
    else
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, "invalid-payload", NULL, NULL);
}
