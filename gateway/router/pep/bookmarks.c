/* bookmarks.c - between the items of XEP-0402 and the list of XEP-0048: the same rooms, in either form. */
#include "gateway/router/pep/bookmarks.h"

#include <stdlib.h>

/* -- forms -- */

static void copy_text(struct arena *arena, struct element *to, const struct element *from, const char *name)
{
    const struct element *child = element_child(from, name, NULL);
    if (child)
        element_add_text(arena, element_add(arena, to, text_of(name), to->xmlns), arena_text(arena, element_text(arena, child)));
}

/* <conference/> in the other form: name, autojoin, nick and password, always written alike. */
static struct element *make_conference(struct arena *arena, const struct element *from, const char *xmlns)
{
    struct element *conference = element_new(arena, TEXT("conference"), text_of(xmlns));
    struct text name = element_get(from, "name"), autojoin = element_get(from, "autojoin");
    if (name.data)
        element_set(arena, conference, "name", arena_text(arena, name));
    if (text_is(autojoin, "true") || text_is(autojoin, "1"))
        element_set(arena, conference, "autojoin", TEXT("true"));
    copy_text(arena, conference, from, "nick");
    copy_text(arena, conference, from, "password");
    return conference;
}

static struct element *to_old(struct arena *arena, const struct element *conference, struct text room)
{
    struct element *old = make_conference(arena, conference, BOOKMARKS_OLD);
    element_set(arena, old, "jid", arena_text(arena, room));
    return old;
}

void bookmarks_list(struct router *router, struct arena *arena, const struct pep_answer *items, struct element *storage)
{
    for (size_t i = 0; i < items->row_count; i++) {
        const struct element *item = pubsub_item_read(router, arena, items->rows[i].item, XMLNS_PUBSUB, NULL);
        const struct element *conference = item ? element_child(item, "conference", BOOKMARKS) : NULL;
        if (conference)
            element_append(arena, storage, to_old(arena, conference, items->rows[i].id));
    }
}

void bookmarks_read(struct router *router, struct text bare, store_pep_fn *fn, void *ctx)
{
    struct store *store = router->parts->store;
    struct pep_read read = { .bare = bare, .node = TEXT(BOOKMARKS), .requester = bare, .which = PEP_LAST };
    store->pep->read(store, &read, fn, ctx);
}

/* -- writing -- */

struct writing {
    struct router *router;
    struct arena arena;
    struct text bare;
    const struct element *storage; /* borrowed from the caller */
    bookmarks_done_fn *done;
    void *ctx;
    unsigned open; /* items under way, and one for the start */
    bool has_changed;
    enum bus_status status;
    const char *problem;
};

static void step_done(struct writing *writing)
{
    if (--writing->open > 0)
        return;
    if (writing->has_changed)
        bookmarks_changed(writing->router, writing->bare);
    writing->done(writing->ctx, writing->status, writing->problem);
    arena_fini(&writing->arena);
    free(writing);
}

static void on_put(void *ctx, enum bus_status status, enum pep_result result, struct text config)
{
    struct writing *writing = ctx;
    (void)config;
    if (status != BUS_OK)
        writing->status = status;
    else if (result != PEP_DONE && result != PEP_NO_ITEM && result != PEP_NO_NODE)
        writing->problem = "The account's nodes have no room for these bookmarks (limits.pep_bytes, limits.pep_nodes).";
    step_done(writing);
}

/* XEP-0402 3: for the owner's eyes only. */
static void put(struct writing *writing, struct text room, struct element *conference)
{
    struct pep_config config;
    struct element *item = element_new(&writing->arena, TEXT("item"), TEXT(XMLNS_PUBSUB));
    pep_config_default(&config);
    config.value[PEP_ACCESS_MODEL] = TEXT("whitelist");
    config.value[PEP_MAX_ITEMS] = TEXT("max");
    config.value[PEP_SEND_LAST_PUBLISHED_ITEM] = TEXT("never");
    element_set(&writing->arena, item, "id", room);
    element_append(&writing->arena, item, conference);
    writing->open++;
    writing->has_changed = true;
    pubsub_put(writing->router, writing->bare, TEXT(BOOKMARKS), &config, item, on_put, writing);
}

struct known { /* an item that is there */
    struct text room;
    const struct element *conference; /* NULL: it holds none */
    bool is_listed;
};

static struct known *read_known(struct writing *writing, const struct pep_answer *items)
{
    struct known *known = arena_alloc(&writing->arena, (items->row_count + 1) * sizeof *known);
    for (size_t i = 0; i < items->row_count; i++) {
        const struct element *item =
            pubsub_item_read(writing->router, &writing->arena, items->rows[i].item, XMLNS_PUBSUB, NULL);
        known[i] = (struct known){ arena_text(&writing->arena, items->rows[i].id),
                                   item ? element_child(item, "conference", BOOKMARKS) : NULL, false };
    }
    return known;
}

static struct known *find_known(struct known *known, size_t count, struct text room)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(known[i].room, room))
            return &known[i];
    return NULL;
}

/* What the old form cannot say, the item keeps (XEP-0402 4.4: clients must preserve extensions; so does this). */
static void write_one(struct writing *writing, const struct element *listed, struct known *known, size_t count)
{
    struct arena *arena = &writing->arena;
    struct jid jid = { 0 };
    jid_parse(arena, element_get(listed, "jid"), &jid);
    struct text room = jid_text(&jid);
    struct known *there = find_known(known, count, room);
    if (there && there->is_listed)
        return;
    if (there) {
        there->is_listed = true;
        if (there->conference && element_equal(to_old(arena, there->conference, room), to_old(arena, listed, room)))
            return;
    }
    struct element *conference = make_conference(arena, listed, BOOKMARKS);
    const struct element *extensions =
        there && there->conference ? element_child(there->conference, "extensions", BOOKMARKS) : NULL;
    if (extensions)
        element_append(arena, conference, element_copy(arena, extensions));
    put(writing, room, conference);
}

/* All of a list or nothing of it. */
static bool is_good(struct writing *writing)
{
    struct jid jid;
    for (const struct node *n = writing->storage->children; n; n = n->next)
        if (n->element && element_is(n->element, "conference", BOOKMARKS_OLD) &&
            jid_parse(&writing->arena, element_get(n->element, "jid"), &jid) < 0) {
            writing->problem = "A bookmark's jid is no address.";
            return false;
        }
    return true;
}

static void on_known(void *ctx, enum bus_status status, const struct pep_answer *items)
{
    struct writing *writing = ctx;
    writing->status = status;
    if (status == BUS_OK && is_good(writing)) {
        struct known *known = read_known(writing, items);
        for (const struct node *n = writing->storage->children; n; n = n->next)
            if (n->element && element_is(n->element, "conference", BOOKMARKS_OLD))
                write_one(writing, n->element, known, items->row_count);
        for (size_t i = 0; i < items->row_count; i++) {
            if (known[i].is_listed || !known[i].conference)
                continue;
            writing->open++;
            writing->has_changed = true;
            pubsub_take_back(writing->router, writing->bare, TEXT(BOOKMARKS), known[i].room, on_put, writing);
        }
    }
    step_done(writing);
}

void bookmarks_write(struct router *router, struct text bare, const struct element *storage, bookmarks_done_fn *done, void *ctx)
{
    struct writing *writing = xcalloc(1, sizeof *writing);
    writing->router = router;
    writing->bare = arena_text(&writing->arena, bare);
    writing->storage = storage;
    writing->done = done;
    writing->ctx = ctx;
    writing->open = 1;
    bookmarks_read(router, writing->bare, on_known, writing);
}

/* -- telling -- */

struct telling {
    struct router *router;
    struct arena arena;
    struct text bare;
};

static void on_changed(void *ctx, enum bus_status status, const struct pep_answer *items)
{
    struct telling *telling = ctx;
    struct arena *arena = &telling->arena;
    if (status == BUS_OK) {
        struct element *list, *event = pubsub_event_items(arena, TEXT(BOOKMARKS_OLD), &list);
        struct element *item = element_add(arena, list, TEXT("item"), TEXT(XMLNS_PUBSUB_EVENT));
        element_set(arena, item, "id", TEXT("current"));
        bookmarks_list(telling->router, arena, items, element_add(arena, item, TEXT("storage"), TEXT(BOOKMARKS_OLD)));
        pubsub_tell(telling->router, telling->bare, telling->bare, TEXT(BOOKMARKS_OLD), event);
    }
    arena_fini(arena);
    free(telling);
}

void bookmarks_changed(struct router *router, struct text bare)
{
    struct telling *telling = xcalloc(1, sizeof *telling);
    telling->router = router;
    telling->bare = arena_text(&telling->arena, bare);
    bookmarks_read(router, telling->bare, on_changed, telling);
}
