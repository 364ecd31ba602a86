/* avatar_vcard.c - the picture in a vCard (XEP-0398 3).  It is kept on the nodes of XEP-0084 only: what a vCard brings is
 * published there, and who reads the vCard and may read the nodes finds it in it. */
#include "gateway/router/pep/avatar.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "stanzabus/credential.h"

#define XMLNS_VCARD "vcard-temp"

static bool is_picture(const struct element *photo)
{
    return element_child(photo, "BINVAL", XMLNS_VCARD) != NULL;
}

static struct element *find_picture(const struct element *vcard)
{
    for (const struct node *n = vcard->children; n; n = n->next)
        if (n->element && element_is(n->element, "PHOTO", XMLNS_VCARD) && is_picture(n->element))
            return n->element;
    return NULL;
}

static void remove_pictures(struct element *vcard)
{
    for (struct element *photo = find_picture(vcard); photo; photo = find_picture(vcard))
        element_remove(vcard, photo);
}

/* The payload of a request that was kept: its own copy. */
static struct element *own_payload(struct iq_request *request)
{
    return element_first(request->stanza->root);
}

/* -- from the nodes into the vCard -- */

struct reading {
    struct iq_request *request; /* kept */
    document_found_fn *found;
    struct element *photo;      /* in the request's arena; NULL: none */
    struct text type;
};

/* The picture travels in the request's own payload, which is otherwise empty, until the vCard is there. */
static void read_vcard(struct reading *reading)
{
    struct iq_request *request = reading->request;
    struct element *payload = own_payload(request);
    payload->children = NULL;
    payload->children_end = &payload->children;
    if (reading->photo)
        element_append(&request->stanza->arena, payload, reading->photo);
    document_get(request, VCARD_DOCUMENT, TEXT(VCARD_FIELD), reading->found);
    iq_done(&reading->request);
    free(reading);
}

static bool may_read(const struct iq_request *request, const struct pep_answer *answer, struct text lines)
{
    struct arena *arena = &request->stanza->arena;
    struct pep_config config;
    struct pep_contact contact = pubsub_contact_of(arena, iq_account(request), jid_bare(&request->from), answer->contact);
    pep_config_read(arena, lines, &config);
    return pep_config_access(&config, &contact) == PEP_MAY_READ;
}

static void make_photo(struct reading *reading, const struct element *data)
{
    struct arena *arena = &reading->request->stanza->arena;
    struct element *photo = element_new(arena, TEXT("PHOTO"), TEXT(XMLNS_VCARD));
    struct element *type = element_add(arena, photo, TEXT("TYPE"), TEXT(XMLNS_VCARD));
    struct element *binval = element_add(arena, photo, TEXT("BINVAL"), TEXT(XMLNS_VCARD));
    element_add_text(arena, type, reading->type.size ? reading->type : TEXT("image/png"));
    element_add_text(arena, binval, element_text(arena, data));
    reading->photo = photo;
}

static void on_data(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct reading *reading = ctx;
    struct iq_request *request = reading->request;
    if (status == BUS_OK && answer->row_count && may_read(request, answer, answer->config)) {
        struct element *item =
            pubsub_item_read(request->router, &request->stanza->arena, answer->rows[0].item, XMLNS_PUBSUB, NULL);
        const struct element *data = item ? element_child(item, "data", AVATAR_DATA) : NULL;
        if (data)
            make_photo(reading, data);
    }
    read_vcard(reading);
}

static void on_metadata(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct reading *reading = ctx;
    struct iq_request *request = reading->request;
    struct store *store = request->router->parts->store;
    struct avatar_info info = { { "", 0 }, { NULL, 0 } };
    if (status == BUS_OK && answer->row_count && may_read(request, answer, answer->rows[0].config))
        info = avatar_read(
            pubsub_item_read(request->router, &request->stanza->arena, answer->rows[0].item, XMLNS_PUBSUB, NULL));
    if (!info.id.size) {
        read_vcard(reading);
        return;
    }
    reading->type = info.type;
    struct pep_read read = { .bare = iq_account(request),
                             .node = TEXT(AVATAR_DATA),
                             .requester = jid_bare(&request->from),
                             .which = PEP_BY_ID,
                             .ids = &info.id,
                             .id_count = 1 };
    store->pep->read(store, &read, on_data, reading);
}

void avatar_vcard_get(const struct iq_request *request, document_found_fn *found)
{
    struct store *store = request->router->parts->store;
    struct reading *reading = xcalloc(1, sizeof *reading);
    reading->request = iq_keep(request);
    reading->found = found;
    store->pep->last(store, iq_account(reading->request), jid_bare(&request->from), TEXT(AVATAR_METADATA "\n"), on_metadata,
                     reading);
}

struct element *avatar_vcard_compose(struct arena *arena, const struct element *asked, const struct element *vcard)
{
    const struct element *photo = find_picture(asked);
    if (!vcard && !photo)
        return NULL;
    struct element *composed =
        vcard ? element_copy(arena, vcard) : element_new(arena, TEXT("vCard"), TEXT(XMLNS_VCARD));
    if (photo) {
        remove_pictures(composed);
        element_append(arena, composed, element_copy(arena, photo));
    }
    return composed;
}

/* -- from the vCard to the nodes -- */

struct writing {
    struct iq_request *request; /* kept */
    void (*next)(const struct iq_request *request);
    struct element *data, *metadata; /* items, in the request's arena; data is NULL when there is no picture any more */
    struct text id;
};

static void finish(struct writing *writing)
{
    writing->next(writing->request);
    iq_done(&writing->request);
    free(writing);
}

static bool fails(struct writing *writing, enum bus_status status, enum pep_result result)
{
    if (status == BUS_OK && result == PEP_DONE)
        return false;
    if (status != BUS_OK)
        iq_fail(&writing->request, status);
    else
        iq_refuse(writing->request, STANZA_ERROR_RESOURCE_CONSTRAINT,
                  "The picture does not fit into what the account may keep on its nodes (limits.pep_bytes, limits.pep_nodes).");
    iq_done(&writing->request);
    free(writing);
    return true;
}

static void on_metadata_put(void *ctx, enum bus_status status, enum pep_result result, struct text lines)
{
    struct writing *writing = ctx;
    struct pep_config config;
    if (fails(writing, status, result))
        return;
    pep_config_read(&writing->request->stanza->arena, lines, &config);
    avatar_published(writing->request->router, iq_account(writing->request), writing->metadata, &config);
    finish(writing);
}

static void on_data_put(void *ctx, enum bus_status status, enum pep_result result, struct text lines);

/* What strangers could read in the vCard, they can read on the node (XEP-0398 8). */
static void put(struct writing *writing, const char *node, const struct element *item, pubsub_put_fn *fn)
{
    struct pep_config config;
    pep_config_default(&config);
    config.value[PEP_ACCESS_MODEL] = TEXT("open");
    pubsub_put(writing->request->router, iq_account(writing->request), text_of(node), &config, item, fn, writing);
}

static void on_data_put(void *ctx, enum bus_status status, enum pep_result result, struct text lines)
{
    struct writing *writing = ctx;
    (void)lines;
    if (!fails(writing, status, result))
        put(writing, AVATAR_METADATA, writing->metadata, on_metadata_put);
}

/* The hash that the account shows now: the same picture again is not published again. */
static void on_known(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct writing *writing = ctx;
    if (fails(writing, status, PEP_DONE))
        return;
    struct text now = answer->row_count ? answer->rows[0].item : TEXT("");
    if (text_equal(now, writing->id))
        finish(writing);
    else if (writing->data)
        put(writing, AVATAR_DATA, writing->data, on_data_put);
    else
        put(writing, AVATAR_METADATA, writing->metadata, on_metadata_put);
}

static struct text strip_space(struct arena *arena, struct text text)
{
    char *out = arena_alloc(arena, text.size + 1), *end = out;
    for (size_t i = 0; i < text.size; i++)
        if (!strchr(" \t\r\n", text.data[i]))
            *end++ = text.data[i];
    return (struct text){ out, (size_t)(end - out) };
}

static struct element *new_item(struct arena *arena, struct text id, const char *name, const char *xmlns)
{
    struct element *item = element_new(arena, TEXT("item"), TEXT(XMLNS_PUBSUB));
    element_set(arena, item, "id", id);
    element_add(arena, item, text_of(name), text_of(xmlns));
    return item;
}

/* XEP-0398 3.2.  False: the bytes are none, and the vCard is kept as it is. */
static bool make_items(struct writing *writing, const struct element *photo)
{
    struct arena *arena = &writing->request->stanza->arena;
    const struct element *type = element_child(photo, "TYPE", XMLNS_VCARD);
    struct text encoded = strip_space(arena, element_text(arena, element_child(photo, "BINVAL", XMLNS_VCARD)));
    unsigned char *bytes = arena_alloc(arena, encoded.size + 1), digest[EVP_MAX_MD_SIZE];
    long size = credential_base64_decode(bytes, encoded.size + 1, encoded);
    unsigned digest_size = 0;
    char *id = arena_alloc(arena, AVATAR_ID_SIZE);
    if (size <= 0 || EVP_Digest(bytes, (size_t)size, digest, &digest_size, EVP_sha1(), NULL) != 1)
        return false;
    for (unsigned i = 0; i < AVATAR_ID_SIZE; i++)
        id[i] = "0123456789abcdef"[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    writing->id = (struct text){ id, AVATAR_ID_SIZE };
    writing->data = new_item(arena, writing->id, "data", AVATAR_DATA);
    element_add_text(arena, element_first(writing->data), encoded);
    writing->metadata = new_item(arena, writing->id, "metadata", AVATAR_METADATA);
    struct element *info = element_add(arena, element_first(writing->metadata), TEXT("info"), TEXT(AVATAR_METADATA));
    element_set(arena, info, "bytes", arena_printf(arena, "%ld", size));
    element_set(arena, info, "id", writing->id);
    element_set(arena, info, "type", type ? element_text(arena, type) : TEXT("image/png"));
    return true;
}

void avatar_vcard_set(const struct iq_request *request, void (*next)(const struct iq_request *request))
{
    struct store *store = request->router->parts->store;
    struct writing *writing = xcalloc(1, sizeof *writing);
    writing->request = iq_keep(request);
    writing->next = next;
    struct element *vcard = own_payload(writing->request);
    const struct element *photo = find_picture(vcard);
    writing->id = TEXT("");
    writing->metadata = new_item(&writing->request->stanza->arena, TEXT("none"), "metadata", AVATAR_METADATA);
    if ((photo && !make_items(writing, photo)) || (!photo && element_child(vcard, "PHOTO", XMLNS_VCARD))) {
        finish(writing); /* elsewhere (EXTVAL), or no picture */
        return;
    }
    remove_pictures(vcard);
    store->pep->avatar_get(store, iq_account(writing->request), on_known, writing);
}
