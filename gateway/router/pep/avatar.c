/* avatar.c - which picture an account shows, by its metadata item (XEP-0084 4.2). */
#include "gateway/router/pep/avatar.h"

static bool is_id(struct text id)
{
    if (id.size != AVATAR_ID_SIZE)
        return false;
    for (size_t i = 0; i < id.size; i++)
        if (!((id.data[i] >= '0' && id.data[i] <= '9') || (id.data[i] >= 'a' && id.data[i] <= 'f')))
            return false;
    return true;
}

struct avatar_info avatar_read(const struct element *item)
{
    const struct element *metadata = item ? element_child(item, "metadata", AVATAR_METADATA) : NULL;
    for (const struct node *n = metadata ? metadata->children : NULL; n; n = n->next)
        if (n->element && element_is(n->element, "info", AVATAR_METADATA) && !element_get(n->element, "url").data &&
            is_id(element_get(n->element, "id")))
            return (struct avatar_info){ element_get(n->element, "id"), element_get(n->element, "type") };
    return (struct avatar_info){ { "", 0 }, { NULL, 0 } };
}

/* Who sees the presence may see the node, or it is not said. */
void avatar_published(struct router *router, struct text bare, const struct element *item, const struct pep_config *config)
{
    struct store *store = router->parts->store;
    bool is_shown = pep_config_is(config, PEP_ACCESS_MODEL, "open") || pep_config_is(config, PEP_ACCESS_MODEL, "presence");
    struct avatar_info info = avatar_read(item);
    store->pep->avatar_set(store, bare, is_shown ? info.id : TEXT(""));
}
