/* handle_pubsub_items.c - items of a node: publish (XEP-0060 7.1), retract (7.2), and reading them (6.5) in pages
 * (XEP-0059). */
#include "gateway/router/pep/avatar.h"
#include "gateway/router/pep/bookmarks.h"
#include "stanzabus/result_set.h"

#include <stdlib.h>

enum { PAGE_ITEMS = 500, PAGE_BYTES = 1024 * 1024 }; /* of one answer; more is asked for with XEP-0059 */

/* -- publish -- */

/* XEP-0060 7.1.3.5: exactly one item with exactly one payload.  NULL: refused. */
static struct element *find_item(struct pubsub *pubsub)
{
    struct element *item = element_child(pubsub->verb, "item", XMLNS_PUBSUB);
    unsigned items = 0, payloads = 0;
    for (const struct node *n = pubsub->verb->children; n; n = n->next)
        items += n->element != NULL;
    for (const struct node *n = item ? item->children : NULL; n; n = n->next)
        payloads += n->element != NULL;
    if (!item || items > 1)
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, "item-required", NULL, "One item at a time.");
    else if (payloads != 1)
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, payloads ? "invalid-payload" : "payload-required", NULL, NULL);
    else if (element_get(item, "id").size > PUBSUB_ITEM_ID_BYTES)
        pubsub_refuse(pubsub, STANZA_ERROR_NOT_ACCEPTABLE, NULL, NULL, "An item's id has at most 1023 bytes.");
    else
        return item;
    return NULL;
}

/* XEP-0060 7.1.5.  False: refused. */
static bool read_options(struct pubsub *pubsub, struct pep_config *config, struct buffer *preconditions)
{
    struct arena *arena = &pubsub->request->stanza->arena;
    const struct element *options = element_child(pubsub->request->payload, "publish-options", XMLNS_PUBSUB);
    const struct element *form = options ? data_form_find(arena, options, "submit", PUBSUB_PUBLISH_OPTIONS) : NULL;
    struct pep_fault fault;
    pep_config_default(config);
    if (!options)
        return true;
    if (!form) {
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, "invalid-options", NULL, "A form of FORM_TYPE " PUBSUB_PUBLISH_OPTIONS " expected.");
        return false;
    }
    unsigned most = pubsub->request->router->parts->config->limits_pep_items;
    if (pep_config_submit(arena, form, most, config, preconditions, &fault))
        return true;
    pubsub_refuse(pubsub, STANZA_ERROR_CONFLICT, "precondition-not-met", NULL, fault.text);
    return false;
}

static void tell_published(struct pubsub *pubsub, const struct pep_answer *answer, const struct pep_config *config)
{
    struct arena *arena = &pubsub->request->stanza->arena;
    struct element *items, *event = pubsub_event_items(arena, pubsub->node, &items);
    struct element *item = element_copy(arena, element_child(pubsub->verb, "item", XMLNS_PUBSUB));
    item->xmlns = TEXT(XMLNS_PUBSUB_EVENT);
    if (pep_config_is(config, PEP_DELIVER_PAYLOADS, "0"))
        item->children = NULL;
    element_append(arena, items, item);
    pubsub_notify(pubsub->request->router, pubsub->bare, pubsub->node, config, answer, event);
}

void pubsub_answer_published(struct pubsub *pubsub, struct text id)
{
    struct stanza *reply = stanza_reply(pubsub->request->stanza);
    struct arena *arena = &reply->arena;
    struct element *outer = element_add(arena, reply->root, TEXT("pubsub"), TEXT(XMLNS_PUBSUB));
    struct element *publish = element_add(arena, outer, TEXT("publish"), TEXT(XMLNS_PUBSUB));
    struct element *item = element_add(arena, publish, TEXT("item"), TEXT(XMLNS_PUBSUB));
    element_set(arena, publish, "node", arena_text(arena, pubsub->node));
    element_set(arena, item, "id", arena_text(arena, id));
    pubsub_answer(pubsub, reply);
}

static void on_published(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct pep_config config;
    if (pubsub_fails(pubsub, status, answer))
        return;
    pep_config_read(&pubsub->request->stanza->arena, answer->config, &config);
    tell_published(pubsub, answer, &config);
    if (text_is(pubsub->node, BOOKMARKS))
        bookmarks_changed(pubsub->request->router, pubsub->bare);
    if (text_is(pubsub->node, AVATAR_METADATA))
        avatar_published(pubsub->request->router, pubsub->bare, element_child(pubsub->verb, "item", XMLNS_PUBSUB), &config);
    pubsub_answer_published(pubsub, element_get(element_child(pubsub->verb, "item", XMLNS_PUBSUB), "id"));
}

void pubsub_publish(struct pubsub *pubsub)
{
    struct router *router = pubsub->request->router;
    struct arena *arena = &pubsub->request->stanza->arena;
    struct buffer preconditions = { 0 }, lines = { 0 };
    struct pep_config config;
    struct element *item = find_item(pubsub);
    if (!item)
        return;
    if (text_is(pubsub->node, BOOKMARKS_OLD)) {
        bookmarks_publish(pubsub);
        return;
    }
    if (!read_options(pubsub, &config, &preconditions)) {
        buffer_fini(&preconditions);
        return;
    }
    if (!element_get(item, "id").size) {
        char id[EVENT_ID_SIZE];
        event_id_next(&router->ids, router_wall_ms(router), id);
        element_set(arena, item, "id", arena_text(arena, (struct text){ id, sizeof id }));
    }
    pep_config_write(&lines, &config);
    struct text written = pubsub_item_write(router, pubsub->bare, item);
    struct pep_publish publish = { .bare = pubsub->bare,
                                   .node = pubsub->node,
                                   .id = element_get(item, "id"),
                                   .item = written,
                                   .preconditions = buffer_text(&preconditions),
                                   .config = buffer_text(&lines) };
    struct pep_limits limits = pubsub_limits(router);
    if (written.size > router->parts->config->limits_pep_item_bytes)
        pubsub_refuse(pubsub, STANZA_ERROR_NOT_ACCEPTABLE, "payload-too-big", NULL, "The item has more bytes than one may (limits.pep_item_bytes).");
    else
        router->parts->store->pep->publish(router->parts->store, &publish, &limits, on_published, pubsub);
    buffer_fini(&preconditions);
    buffer_fini(&lines);
}

/* -- retract -- */

static void on_retracted(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct pep_config config;
    bool is_told = false;
    if (pubsub_fails(pubsub, status, answer))
        return;
    struct arena *arena = &pubsub->request->stanza->arena;
    struct text notify = element_get(pubsub->verb, "notify");
    pep_config_read(arena, answer->config, &config);
    /* XEP-0060 7.2.2.1: the request's wish; without one the node's configuration says. */
    if (!notify.data || !data_value_is_boolean(notify, &is_told))
        is_told = pep_config_is(&config, PEP_NOTIFY_RETRACT, "1");
    if (text_is(pubsub->node, BOOKMARKS))
        bookmarks_changed(pubsub->request->router, pubsub->bare);
    if (text_is(pubsub->node, AVATAR_METADATA))
        avatar_published(pubsub->request->router, pubsub->bare, NULL, &config);
    if (is_told) {
        struct element *items, *event = pubsub_event_items(arena, pubsub->node, &items);
        struct element *retract = element_add(arena, items, TEXT("retract"), TEXT(XMLNS_PUBSUB_EVENT));
        element_set(arena, retract, "id", element_get(element_child(pubsub->verb, "item", XMLNS_PUBSUB), "id"));
        pubsub_notify(pubsub->request->router, pubsub->bare, pubsub->node, &config, answer, event);
    }
    pubsub_answer(pubsub, NULL);
}

void pubsub_retract(struct pubsub *pubsub)
{
    struct store *store = pubsub->request->router->parts->store;
    const struct element *item = element_child(pubsub->verb, "item", XMLNS_PUBSUB);
    struct text id = item ? element_get(item, "id") : (struct text){ NULL, 0 };
    if (!id.size)
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, "item-required", NULL, NULL);
    else
        store->pep->retract(store, pubsub->bare, pubsub->node, id, on_retracted, pubsub);
}

/* -- items -- */

static bool read_number(struct text text, long *number)
{
    *number = 0;
    if (!text.size || text.size > 9)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *number = *number * 10 + (text.data[i] - '0');
    }
    return true;
}

static bool wants_page(const struct pubsub *pubsub)
{
    return element_child(pubsub->request->payload, "set", XMLNS_RSM) != NULL;
}

/* XEP-0059 2: one of <after/>, <before/>, <index/>, and <max/>.  False: refused. */
static bool read_page(struct pubsub *pubsub, struct pep_read *read, struct text *reference)
{
    struct result_set set;
    if (!result_set_read(&pubsub->request->stanza->arena, pubsub->request->payload, &set)) {
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, NULL, NULL, NULL);
        return false;
    }
    read->which = PEP_BY_INDEX;
    read->index = set.index > 0 ? (long)set.index : 0;
    read->count = set.max >= 0 && set.max < PAGE_ITEMS ? (long)set.max : PAGE_ITEMS;
    *reference = set.after.size ? set.after : set.before;
    if (reference->size) {
        read->which = set.after.size ? PEP_AFTER : PEP_BEFORE;
        read->ids = reference;
        read->id_count = 1;
    } else if (set.is_backwards && read->count > 0) {
        read->which = PEP_LAST; /* an empty <before/>: the last page */
    }
    return true;
}

static void add_page(struct arena *arena, struct element *pubsub, const struct pep_answer *answer)
{
    struct result_page page = { .index = answer->row_count ? answer->first : -1, .count = answer->total };
    if (answer->row_count) {
        page.first = arena_text(arena, answer->rows[0].id);
        page.last = arena_text(arena, answer->rows[answer->row_count - 1].id);
    }
    result_set_write(arena, pubsub, &page);
}

static void on_items(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct pep_config config;
    if (status == BUS_OK && answer->config.size)
        pep_config_read(&pubsub->request->stanza->arena, answer->config, &config);
    if (status == BUS_OK && answer->config.size && pubsub_is_closed(pubsub, answer, &config))
        return;
    if (pubsub_fails(pubsub, status, answer))
        return;
    struct stanza *reply = stanza_reply(pubsub->request->stanza);
    struct arena *arena = &reply->arena;
    struct element *outer = element_add(arena, reply->root, TEXT("pubsub"), TEXT(XMLNS_PUBSUB));
    struct element *items = element_add(arena, outer, TEXT("items"), TEXT(XMLNS_PUBSUB));
    element_set(arena, items, "node", arena_text(arena, pubsub->node));
    for (size_t i = 0; i < answer->row_count; i++) {
        struct element *item = pubsub_item_read(pubsub->request->router, arena, answer->rows[i].item, XMLNS_PUBSUB, NULL);
        if (item)
            element_append(arena, items, item);
    }
    if (wants_page(pubsub) || (size_t)answer->total > answer->row_count)
        add_page(arena, outer, answer);
    pubsub_answer(pubsub, reply);
}

static size_t collect_ids(const struct pubsub *pubsub, struct text *ids, size_t most)
{
    size_t count = 0;
    for (const struct node *n = pubsub->verb->children; n && count < most; n = n->next)
        if (n->element && element_is(n->element, "item", XMLNS_PUBSUB))
            ids[count++] = element_get(n->element, "id");
    return count;
}

/* XEP-0060 6.5.7: the last so many.  False: refused. */
static bool read_most(struct pubsub *pubsub, struct pep_read *read)
{
    struct text max = element_get(pubsub->verb, "max_items");
    read->count = PAGE_ITEMS;
    if (!max.data)
        return true;
    if (!read_number(max, &read->count) || read->count < 1) {
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, NULL, NULL, "max_items is a number from 1.");
        return false;
    }
    read->count = read->count < PAGE_ITEMS ? read->count : PAGE_ITEMS;
    return true;
}

void pubsub_items(struct pubsub *pubsub)
{
    struct store *store = pubsub->request->router->parts->store;
    struct text ids[64], reference;
    struct pep_read read = { .bare = pubsub->bare,
                             .node = pubsub->node,
                             .requester = jid_bare(&pubsub->request->from),
                             .which = PEP_LAST,
                             .bytes = PAGE_BYTES,
                             .ids = ids };
    if (text_is(pubsub->node, BOOKMARKS_OLD) && text_equal(read.requester, pubsub->bare)) {
        bookmarks_items(pubsub);
        return;
    }
    read.id_count = collect_ids(pubsub, ids, sizeof ids / sizeof *ids);
    if (read.id_count)
        read.which = PEP_BY_ID;
    else if (wants_page(pubsub) ? !read_page(pubsub, &read, &reference) : !read_most(pubsub, &read))
        return;
    store->pep->read(store, &read, on_items, pubsub);
}
