/* handle_blocking.c - XEP-0191: the account's own blocklist, read and changed.  What it stops is stopped in blocklist.c (what
 * the account sends) and in the store's routing scripts (what comes for it). */
#include <stdlib.h>

#include "gateway/router/account/blocklist.h"
#include "stanzabus/store_blocklist.h"

/* -- the list -- */

struct listing {
    struct iq_request *request; /* kept */
    struct stanza *answer;
    struct element *list;
};

static void on_address(void *ctx, struct text address)
{
    struct listing *listing = ctx;
    struct arena *arena = &listing->answer->arena;
    struct element *item = element_add(arena, listing->list, TEXT("item"), listing->list->xmlns);
    element_set(arena, item, "jid", arena_text(arena, address));
}

static void on_listed(void *ctx, enum bus_status status, int64_t count)
{
    struct listing *listing = ctx;
    (void)count;
    if (status == BUS_OK) {
        iq_answer(listing->request, listing->answer);
        iq_done(&listing->request);
    } else {
        stanza_free(&listing->answer);
        iq_fail(&listing->request, status);
    }
    free(listing);
}

void handle_blocking_list(const struct iq_request *request)
{
    struct store *store = request->router->parts->store;
    struct listing *listing = xmalloc(sizeof *listing);
    listing->request = iq_keep(request);
    listing->answer = stanza_reply(request->stanza);
    listing->list = element_add(&listing->answer->arena, listing->answer->root, TEXT("blocklist"), TEXT("urn:xmpp:blocking"));
    if (request->sender->kind == SENDER_CLIENT)
        session_set_asked_blocklist(request->sender->session);
    store->blocklist->list(store, iq_account(listing->request), on_address, on_listed, listing);
}

/* -- changing it -- */

struct change {
    struct iq_request *request; /* kept */
    bool is_block;
    struct text *addresses; /* of the request, prepared; in its arena */
    size_t count;
    struct buffer changed; /* those that were not before, a line each */
};

static void change_free(struct change *change)
{
    buffer_fini(&change->changed);
    free(change);
}

static void on_address_changed(void *ctx, struct text address)
{
    struct change *change = ctx;
    buffer_append_text(&change->changed, address);
    buffer_append_char(&change->changed, '\n');
}

static void on_changed(void *ctx, enum bus_status status, int64_t result)
{
    struct change *change = ctx;
    if (status != BUS_OK) {
        iq_fail(&change->request, status);
    } else if (result == BLOCK_DONE) {
        iq_answer(change->request, stanza_reply(change->request->stanza));
        if (change->changed.size)
            blocked_presence(change->request->router, iq_account(change->request), buffer_text(&change->changed), change->is_block);
    } else if (result == BLOCK_TOO_MANY) {
        iq_refuse(change->request, STANZA_ERROR_RESOURCE_CONSTRAINT, "The account has blocked as many as it may.");
    } else {
        iq_refuse(change->request, STANZA_ERROR_NOT_ALLOWED, "Only accounts have a blocklist.");
    }
    iq_done(&change->request);
    change_free(change);
}

/* False: what came is no address, or too many. */
static bool read_items(struct change *change, unsigned max, enum stanza_condition *condition)
{
    struct arena *arena = &change->request->stanza->arena;
    size_t room = 0;
    for (const struct node *child = change->request->payload->children; child; child = child->next)
        room += child->element != NULL;
    *condition = STANZA_ERROR_RESOURCE_CONSTRAINT;
    if (room > max)
        return false;
    change->addresses = arena_alloc(arena, room * sizeof *change->addresses);
    for (const struct node *child = change->request->payload->children; child; child = child->next) {
        struct jid address;
        if (!child->element || !element_is(child->element, "item", "urn:xmpp:blocking"))
            continue;
        *condition = STANZA_ERROR_JID_MALFORMED;
        if (jid_parse(arena, element_get(child->element, "jid"), &address) < 0)
            return false;
        change->addresses[change->count++] = jid_text(&address);
    }
    *condition = STANZA_ERROR_BAD_REQUEST; /* XEP-0191 3.3: at least one to block; none to unblock: all */
    return change->count > 0 || (!change->is_block && room == 0);
}

static void handle_change(const struct iq_request *request, bool is_block)
{
    struct store *store = request->router->parts->store;
    unsigned max = request->router->parts->config->limits_blocked;
    struct change *change = xcalloc(1, sizeof *change);
    enum stanza_condition condition;

    change->request = iq_keep(request);
    change->is_block = is_block;
    if (!read_items(change, max, &condition)) {
        iq_refuse(change->request, condition, NULL);
        iq_done(&change->request);
        change_free(change);
        return;
    }
    struct blocklist_change asked = { iq_account(change->request), change->addresses, change->count, max };
    (is_block ? store->blocklist->add : store->blocklist->remove)(store, &asked, on_address_changed, on_changed, change);
}

void handle_blocking_block(const struct iq_request *request)
{
    handle_change(request, true);
}

void handle_blocking_unblock(const struct iq_request *request)
{
    handle_change(request, false);
}
