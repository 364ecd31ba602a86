/* handle_pubsub_nodes.c - nodes and their configuration: create (XEP-0060 8.1), configure (8.2), default (8.3), delete (8.4),
 * purge (8.5), and what the owner is there (5.7). */
#include "gateway/router/pep/avatar.h"
#include "gateway/router/pep/bookmarks.h"

/* -- create, configure -- */

/* The form in <configure/>, over what the configuration is now.  False: refused. */
static bool read_form(struct pubsub *pubsub, const struct element *configure, struct pep_config *config)
{
    struct arena *arena = &pubsub->request->stanza->arena;
    const struct element *form = configure ? data_form_find(arena, configure, "submit", NULL) : NULL;
    struct pep_fault fault;
    if (!form)
        return true;
    struct text form_type = data_form_value(arena, form, "FORM_TYPE");
    if (form_type.data && !text_is(form_type, PUBSUB_NODE_CONFIG)) {
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, NULL, NULL, "A form of FORM_TYPE " PUBSUB_NODE_CONFIG " expected.");
        return false;
    }
    if (pep_config_submit(arena, form, pubsub->request->router->parts->config->limits_pep_items, config, NULL, &fault))
        return true;
    pubsub_refuse(pubsub, STANZA_ERROR_NOT_ACCEPTABLE, fault.is_access_model ? "unsupported-access-model" : NULL, NULL,
                  fault.text);
    return false;
}

static void on_created(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    if (!pubsub_fails(pubsub, status, answer))
        pubsub_answer(pubsub, NULL);
}

static void write_config(struct pubsub *pubsub, bool is_new, const struct pep_config *config, store_pep_fn *fn)
{
    struct store *store = pubsub->request->router->parts->store;
    struct pep_limits limits = pubsub_limits(pubsub->request->router);
    struct buffer lines = { 0 };
    pep_config_write(&lines, config);
    store->pep->configure(store, pubsub->bare, pubsub->node, is_new, buffer_text(&lines), &limits, fn, pubsub);
    buffer_fini(&lines);
}

void pubsub_create(struct pubsub *pubsub)
{
    struct pep_config config;
    pep_config_default(&config);
    if (read_form(pubsub, element_child(pubsub->request->payload, "configure", XMLNS_PUBSUB), &config))
        write_config(pubsub, true, &config, on_created);
}

static void on_configured(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct pep_config config;
    if (pubsub_fails(pubsub, status, answer))
        return;
    struct arena *arena = &pubsub->request->stanza->arena;
    pep_config_read(arena, answer->config, &config);
    if (pep_config_is(&config, PEP_NOTIFY_CONFIG, "1")) { /* XEP-0060 8.2.5.1 */
        struct element *event = element_new(arena, TEXT("event"), TEXT(XMLNS_PUBSUB_EVENT));
        struct element *told = element_add(arena, event, TEXT("configuration"), TEXT(XMLNS_PUBSUB_EVENT));
        element_set(arena, told, "node", pubsub->node);
        if (pep_config_is(&config, PEP_DELIVER_PAYLOADS, "1"))
            pep_config_form(arena, told, "result", PUBSUB_NODE_CONFIG, &config);
        pubsub_notify(pubsub->request->router, pubsub->bare, pubsub->node, &config, answer, event);
    }
    pubsub_answer(pubsub, NULL);
}

/* The configuration as it is; what the form leaves out stays. */
static void on_found(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct pep_config config;
    if (pubsub_fails(pubsub, status, answer))
        return;
    pep_config_read(&pubsub->request->stanza->arena, answer->config, &config);
    if (read_form(pubsub, pubsub->verb, &config))
        write_config(pubsub, false, &config, on_configured);
}

static void find_node(struct pubsub *pubsub, store_pep_fn *fn)
{
    struct store *store = pubsub->request->router->parts->store;
    store->pep->subscriber(store, pubsub->bare, pubsub->node, jid_bare(&pubsub->request->from), TEXT(""), 0, 0, fn, pubsub);
}

void pubsub_configure_set(struct pubsub *pubsub)
{
    struct arena *arena = &pubsub->request->stanza->arena;
    if (data_form_find(arena, pubsub->verb, "cancel", NULL))
        pubsub_answer(pubsub, NULL); /* XEP-0060 8.2.4.3 */
    else if (!data_form_find(arena, pubsub->verb, "submit", NULL))
        pubsub_refuse(pubsub, STANZA_ERROR_BAD_REQUEST, NULL, NULL, "A submitted form expected.");
    else
        find_node(pubsub, on_found);
}

static void answer_form(struct pubsub *pubsub, const char *name, const char *xmlns, const struct pep_config *config)
{
    struct stanza *reply = stanza_reply(pubsub->request->stanza);
    struct arena *arena = &reply->arena;
    struct element *outer = element_add(arena, reply->root, TEXT("pubsub"), text_of(xmlns));
    struct element *inner = element_add(arena, outer, text_of(name), text_of(xmlns));
    if (pubsub->node.data)
        element_set(arena, inner, "node", arena_text(arena, pubsub->node));
    pep_config_form(arena, inner, "form", PUBSUB_NODE_CONFIG, config);
    pubsub_answer(pubsub, reply);
}

static void on_configuration(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    struct pep_config config;
    if (pubsub_fails(pubsub, status, answer))
        return;
    pep_config_read(&pubsub->request->stanza->arena, answer->config, &config);
    answer_form(pubsub, "configure", XMLNS_PUBSUB_OWNER, &config);
}

void pubsub_configure_get(struct pubsub *pubsub)
{
    find_node(pubsub, on_configuration);
}

void pubsub_default(struct pubsub *pubsub)
{
    struct pep_config config;
    pep_config_default(&config);
    answer_form(pubsub, "default", element_is(pubsub->verb, NULL, XMLNS_PUBSUB) ? XMLNS_PUBSUB : XMLNS_PUBSUB_OWNER, &config);
}

/* -- delete, purge -- */

static void on_removed(struct pubsub *pubsub, enum bus_status status, const struct pep_answer *answer, const char *what)
{
    struct pep_config config;
    if (pubsub_fails(pubsub, status, answer))
        return;
    struct arena *arena = &pubsub->request->stanza->arena;
    pep_config_read(arena, answer->config, &config);
    if (text_is(pubsub->node, BOOKMARKS))
        bookmarks_changed(pubsub->request->router, pubsub->bare);
    if (text_is(pubsub->node, AVATAR_METADATA))
        avatar_published(pubsub->request->router, pubsub->bare, NULL, &config);
    if (pep_config_is(&config, what[0] == 'd' ? PEP_NOTIFY_DELETE : PEP_NOTIFY_RETRACT, "1")) {
        struct element *event = element_new(arena, TEXT("event"), TEXT(XMLNS_PUBSUB_EVENT));
        element_set(arena, element_add(arena, event, text_of(what), TEXT(XMLNS_PUBSUB_EVENT)), "node", pubsub->node);
        pubsub_notify(pubsub->request->router, pubsub->bare, pubsub->node, &config, answer, event);
    }
    pubsub_answer(pubsub, NULL);
}

static void on_deleted(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    on_removed(ctx, status, answer, "delete");
}

static void on_purged(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    on_removed(ctx, status, answer, "purge");
}

void pubsub_delete(struct pubsub *pubsub)
{
    struct store *store = pubsub->request->router->parts->store;
    store->pep->remove(store, pubsub->bare, pubsub->node, true, on_deleted, pubsub);
}

void pubsub_purge(struct pubsub *pubsub)
{
    struct store *store = pubsub->request->router->parts->store;
    store->pep->remove(store, pubsub->bare, pubsub->node, false, on_purged, pubsub);
}

/* -- affiliations: the owner owns every node -- */

static void on_nodes(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct pubsub *pubsub = ctx;
    if (pubsub_fails(pubsub, status, answer))
        return;
    struct stanza *reply = stanza_reply(pubsub->request->stanza);
    struct arena *arena = &reply->arena;
    struct element *outer = element_add(arena, reply->root, TEXT("pubsub"), TEXT(XMLNS_PUBSUB));
    struct element *list = element_add(arena, outer, TEXT("affiliations"), TEXT(XMLNS_PUBSUB));
    for (size_t i = 0; i < answer->row_count; i++) {
        if (pubsub->node.size && !text_equal(pubsub->node, answer->rows[i].node))
            continue;
        struct element *item = element_add(arena, list, TEXT("affiliation"), TEXT(XMLNS_PUBSUB));
        element_set(arena, item, "node", arena_text(arena, answer->rows[i].node));
        element_set(arena, item, "affiliation", TEXT("owner"));
    }
    pubsub_answer(pubsub, reply);
}

void pubsub_affiliations(struct pubsub *pubsub)
{
    struct store *store = pubsub->request->router->parts->store;
    store->pep->nodes(store, pubsub->bare, jid_bare(&pubsub->request->from), on_nodes, pubsub);
}
