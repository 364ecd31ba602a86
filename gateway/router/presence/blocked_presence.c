/* blocked_presence.c - XEP-0191 3.3 and 3.4: who is blocked sees the account go, who is not any more sees it again; but only
 * those who may see its presence. */
#include <stdlib.h>

#include "gateway/router/account/blocklist.h"
#include "gateway/router/presence/presence.h"

struct shift { /* of whom sees the account; two reads, answered in this order */
    struct router *router;
    struct arena arena;
    struct text bare, addresses; /* those that were blocked or unblocked, a line each */
    bool is_block;
    struct buffer viewers; /* struct text, each an address to tell */
};

static void shift_free(struct shift *shift)
{
    buffer_fini(&shift->viewers);
    arena_fini(&shift->arena);
    free(shift);
}

/* A contact is concerned when it, one resource of it, or its domain was named. */
static bool concerns(struct text address, struct text contact)
{
    const char *at = memchr(contact.data, '@', contact.size);
    struct text domain = contact;
    if (at)
        domain = (struct text){ at + 1, contact.size - (size_t)(at + 1 - contact.data) };
    if (text_equal(address, contact) || text_equal(address, domain))
        return true;
    return text_starts_with(address, contact) && address.data[contact.size] == '/';
}

static void add_viewers(struct shift *shift, struct text contact)
{
    struct text lines = shift->addresses;
    while (lines.size) {
        struct text address = text_take_line(&lines);
        if (!concerns(address, contact))
            continue;
        bool is_resource = address.size > contact.size && text_starts_with(address, contact);
        struct text viewer = arena_text(&shift->arena, is_resource ? address : contact);
        buffer_append(&shift->viewers, (const char *)&viewer, sizeof viewer);
        if (!is_resource)
            return; /* all of it */
    }
}

static void on_roster(void *ctx, enum bus_status status, const struct roster *roster)
{
    struct shift *shift = ctx;
    if (status != BUS_OK)
        return; /* the second answer frees it */
    for (size_t i = 0; i < roster->count; i++)
        if (roster->items[i].state & SUBSCRIPTION_FROM)
            add_viewers(shift, roster->items[i].contact);
}

static void on_presences(void *ctx, enum bus_status status, int result, const struct text *presences, size_t count)
{
    struct shift *shift = ctx;
    (void)result;
    if (status != BUS_OK)
        metric_add(shift->router->parts->metrics, METRIC_PRESENCE_DROPS, 1);
    for (size_t at = 0; status == BUS_OK && at < shift->viewers.size; at += sizeof(struct text)) {
        struct text viewer;
        memcpy(&viewer, shift->viewers.data + at, sizeof viewer);
        presence_tell(shift->router, presences, count, viewer, shift->is_block);
    }
    shift_free(shift);
}

void blocked_presence(struct router *router, struct text bare, struct text addresses, bool is_block)
{
    struct store *store = router->parts->store;
    struct shift *shift = xcalloc(1, sizeof *shift);
    shift->router = router;
    shift->bare = arena_text(&shift->arena, bare);
    shift->addresses = arena_text(&shift->arena, addresses);
    shift->is_block = is_block;
    struct roster_request all = { .bare = shift->bare };
    struct presence_meet list = { .bare = shift->bare, .what = MEET_LIST };
    store->roster->get(store, &all, on_roster, shift);
    store->presence->meet(store, &list, on_presences, shift);
}
