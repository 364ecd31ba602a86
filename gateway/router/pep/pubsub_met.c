/* pubsub_met.c - a contact begins to see an account's presence, and with it the account's nodes: its resources get the last
 * items of those they wish for (XEP-0163 4.3.4, "new subscribers"). */
#include <stdlib.h>

#include "gateway/router/pep/caps.h"
#include "gateway/router/pep/pubsub.h"

struct met {
    struct router *router;
    struct text owner, contact; /* behind the struct */
};

static void tell_row(struct met *met, struct arena *arena, const struct pep_row *row)
{
    struct element *items, *event = pubsub_event_items(arena, row->node, &items);
    struct element *item = pubsub_item_read(met->router, arena, row->item, XMLNS_PUBSUB_EVENT, NULL);
    if (!item)
        return;
    element_append(arena, items, item);
    pubsub_tell(met->router, met->owner, met->contact, row->node, event);
}

static void on_last(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct met *met = ctx;
    struct arena arena = { 0 };
    for (size_t i = 0; status == BUS_OK && i < answer->row_count; i++) {
        struct pep_config config;
        struct pep_contact contact = pubsub_contact_of(&arena, met->owner, met->contact, answer->contact);
        pep_config_read(&arena, answer->rows[i].config, &config);
        if (pubsub_is_sent_on_presence(&config) && pep_config_access(&config, &contact) == PEP_MAY_READ)
            tell_row(met, &arena, &answer->rows[i]);
    }
    arena_fini(&arena);
    free(met);
}

static void on_nodes(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct met *met = ctx;
    struct store *store = met->router->parts->store;
    struct buffer nodes = { 0 };
    for (size_t i = 0; status == BUS_OK && i < answer->row_count; i++) {
        buffer_append_text(&nodes, answer->rows[i].node);
        buffer_append_char(&nodes, '\n');
    }
    if (nodes.size)
        store->pep->last(store, met->owner, met->contact, buffer_text(&nodes), on_last, met);
    else
        free(met);
    buffer_fini(&nodes);
}

/* At another server: those resources of it that are known already; the others get theirs when their presence comes. */
static void on_audience(void *ctx, enum bus_status status, const struct pep_answer *answer)
{
    struct met *met = ctx;
    for (size_t i = 0; status == BUS_OK && i < answer->row_count; i++) {
        const struct pep_row *row = &answer->rows[i];
        if (row->node.size)
            pubsub_last_abroad(met->router, met->owner, row->id, row->node);
        if (row->config.size)
            caps_abroad_learn(met->router, met->owner, row->id, row->config);
    }
    free(met);
}

static bool is_here(const struct router *router, struct text contact)
{
    struct arena arena = { 0 };
    struct service *service;
    struct jid jid;
    bool is = jid_parse(&arena, contact, &jid) == 0 && router_place(router, &jid, &service) != PLACE_ELSEWHERE;
    arena_fini(&arena);
    return is;
}

void pubsub_met(struct router *router, struct text owner, struct text contact)
{
    struct store *store = router->parts->store;
    struct met *met = xmalloc(sizeof *met + owner.size + contact.size);
    char *place = (char *)(met + 1);
    memcpy(place, owner.data, owner.size);
    memcpy(place + owner.size, contact.data, contact.size);
    *met = (struct met){ router, { place, owner.size }, { place + owner.size, contact.size } };
    if (is_here(router, met->contact))
        store->pep->nodes(store, met->owner, met->contact, on_nodes, met);
    else
        store->pep->audience(store, met->owner, met->contact, TEXT(""), on_audience, met);
}
