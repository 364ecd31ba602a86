/* blocklist.c - the blocklists of the accounts that are here, as far as they are known. */
#include "gateway/router/account/blocklist.h"

#include <stdlib.h>

#include "gateway/router/resident.h"
#include "stanzabus/store_blocklist.h"

enum { WAITING_MAX = 100 }; /* stanzas of one account, until its list was read */

struct blocked_address {
    UT_hash_handle hh;
    size_t size;
    char text[];
};

struct waiting_stanza {
    struct waiting_stanza *next;
    struct sender sender;
    struct stanza *stanza;
};

struct blocklist {
    struct router *router;
    struct blocked_address *addresses; /* uthash; all of them when is_known */
    bool is_known;
    bool is_asked;   /* the store's answer is under way */
    bool has_changed; /* since it was asked: what comes may be older */
    bool is_closed;  /* nobody is here any more: freed at the answer */
    struct waiting_stanza *waiting, **waiting_end;
    unsigned waiting_count;
    UT_hash_handle hh;
    size_t size;
    char bare[];
};

static struct blocklist *find(const struct router *router, struct text bare)
{
    struct blocklist *list;
    HASH_FIND(hh, router->blocklists, bare.data, bare.size, list);
    return list;
}

static struct blocklist *find_or_make(struct router *router, struct text bare)
{
    struct blocklist *list = find(router, bare);
    if (list)
        return list;
    list = xcalloc(1, sizeof *list + bare.size);
    list->router = router;
    list->waiting_end = &list->waiting;
    list->size = bare.size;
    memcpy(list->bare, bare.data, bare.size);
    HASH_ADD_KEYPTR(hh, router->blocklists, list->bare, list->size, list);
    return list;
}

/* -- the addresses -- */

static bool has(const struct blocklist *list, struct text address)
{
    struct blocked_address *found;
    HASH_FIND(hh, list->addresses, address.data, address.size, found);
    return found != NULL;
}

static void add(struct blocklist *list, struct text address)
{
    if (!address.size || has(list, address))
        return;
    struct blocked_address *one = xmalloc(sizeof *one + address.size);
    one->size = address.size;
    memcpy(one->text, address.data, address.size);
    HASH_ADD_KEYPTR(hh, list->addresses, one->text, one->size, one);
}

static void take_out(struct blocklist *list, struct text address)
{
    struct blocked_address *found;
    HASH_FIND(hh, list->addresses, address.data, address.size, found);
    if (!found)
        return;
    HASH_DEL(list->addresses, found);
    free(found);
}

static void clear(struct blocklist *list)
{
    struct blocked_address *one, *next;
    HASH_ITER(hh, list->addresses, one, next) {
        HASH_DEL(list->addresses, one);
        free(one);
    }
}

/* XEP-0191 5: one resource, one account, one domain with all that is in it. */
static bool matches(const struct blocklist *list, const struct jid *address)
{
    return has(list, jid_text(address)) || has(list, jid_bare(address)) || has(list, jid_domain(address));
}

static void list_free(struct blocklist *list)
{
    clear(list);
    for (struct waiting_stanza *one = list->waiting, *next; one; one = next) {
        next = one->next;
        stanza_free(&one->stanza);
        free(one);
    }
    free(list);
}

/* -- reading it -- */

static void on_address(void *ctx, struct text address)
{
    struct blocklist *list = ctx;
    add(list, address);
}

/* In their order; each goes through all that router_route asks, the list included. */
static void let_go(struct blocklist *list, enum bus_status status)
{
    struct router *router = list->router;
    struct waiting_stanza *one = list->waiting, *next;
    list->waiting = NULL;
    list->waiting_end = &list->waiting;
    list->waiting_count = 0;
    for (; one; one = next) {
        struct jid from;
        struct session *session = NULL;
        next = one->next;
        if (jid_parse(&one->stanza->arena, element_get(one->stanza->root, "from"), &from) == 0)
            session = router_session_of(router, &one->sender, &from);
        one->sender.session = session;
        if (session && status == BUS_OK) {
            router_route(router, &one->sender, one->stanza);
        } else {
            router_refuse(router, &one->sender, one->stanza, STANZA_ERROR_RESOURCE_CONSTRAINT,
                          "The server cannot reach its store now; try again in a moment.");
            stanza_free(&one->stanza);
        }
        free(one);
    }
}

static void ask(struct blocklist *list);

static void on_listed(void *ctx, enum bus_status status, int64_t count)
{
    struct blocklist *list = ctx;
    (void)count;
    list->is_asked = false;
    if (list->is_closed) {
        list_free(list);
    } else if (status == BUS_OK && list->has_changed) {
        ask(list);
    } else {
        list->is_known = status == BUS_OK;
        let_go(list, status);
    }
}

static void ask(struct blocklist *list)
{
    struct store *store = list->router->parts->store;
    if (list->is_asked)
        return;
    clear(list);
    list->is_asked = true;
    list->is_known = list->has_changed = false;
    store->blocklist->list(store, (struct text){ list->bare, list->size }, on_address, on_listed, list);
}

/* -- what the router asks -- */

enum blocked blocklist_find(const struct router *router, struct text bare, const struct jid *address)
{
    const struct blocklist *list = router->blocklists ? find(router, bare) : NULL;
    if (!list || text_equal(jid_bare(address), bare)) /* XEP-0191 5: own resources are never blocked */
        return BLOCKED_NOT;
    if (!list->is_known)
        return BLOCKED_UNKNOWN;
    return matches(list, address) ? BLOCKED_YES : BLOCKED_NOT;
}

/* XEP-0191 3.3: not-acceptable, and why. */
void blocklist_refuse(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    struct stanza *answer = stanza_error(stanza, STANZA_ERROR_NOT_ACCEPTABLE, NULL);
    metric_add(router->parts->metrics, METRIC_BLOCKED, 1);
    if (answer) {
        struct element *error = element_child(answer->root, "error", NULL);
        element_set(&answer->arena, error, "type", TEXT("cancel"));
        element_add(&answer->arena, error, TEXT("blocked"), TEXT("urn:xmpp:blocking:errors"));
        metric_add(router->parts->metrics, METRIC_STANZA_ERRORS, 1);
    }
    router_answer(router, sender, answer);
    stanza_free(&stanza);
}

void blocklist_wait(struct router *router, struct text bare, const struct sender *sender, struct stanza *stanza)
{
    struct blocklist *list = find(router, bare);
    if (list->waiting_count >= WAITING_MAX) {
        router_refuse(router, sender, stanza, STANZA_ERROR_RESOURCE_CONSTRAINT,
                      "The server reads your blocklist; try again in a moment.");
        stanza_free(&stanza);
        return;
    }
    struct waiting_stanza *one = xmalloc(sizeof *one);
    router_keep(router, sender);
    *one = (struct waiting_stanza){ .sender = *sender, .stanza = stanza };
    one->sender.session = NULL; /* it may end meanwhile */
    *list->waiting_end = one;
    list->waiting_end = &one->next;
    list->waiting_count++;
    ask(list);
}

/* -- the life of an entry -- */

void blocklist_open(struct router *router, struct text bare, struct text flags)
{
    if (flags.size && memchr(flags.data, 'b', flags.size) && !find(router, bare))
        ask(find_or_make(router, bare));
}

static bool is_anybody_else_here(const struct router *router, struct text bare, const struct session *but)
{
    const struct resident *resident = resident_find(router, bare);
    for (unsigned i = 0; resident && i < resident->count; i++)
        if (resident->sessions[i] != but)
            return true;
    return false;
}

void blocklist_close(struct router *router, const struct session *session)
{
    struct text bare = jid_bare(session_jid(session));
    struct blocklist *list = router->blocklists ? find(router, bare) : NULL;
    if (!list || is_anybody_else_here(router, bare, session))
        return;
    HASH_DEL(router->blocklists, list);
    list->is_closed = true;
    if (!list->is_asked)
        list_free(list);
    else
        let_go(list, BUS_AWAY);
}

void blocklists_forget(struct router *router)
{
    struct blocklist *list, *next;
    HASH_ITER(hh, router->blocklists, list, next) {
        list->is_known = false;
        list->has_changed = true;
    }
}

void blocklists_free(struct router *router)
{
    struct blocklist *list, *next;
    HASH_ITER(hh, router->blocklists, list, next) {
        HASH_DEL(router->blocklists, list);
        list_free(list);
    }
}

/* -- changes -- */

static void push(struct router *router, struct session *session, struct text verb, struct text addresses)
{
    struct stanza *iq = stanza_make("iq", XMLNS_CLIENT);
    struct arena *arena = &iq->arena;
    char id[EVENT_ID_SIZE];
    event_id_next(&router->ids, router_wall_ms(router), id);
    element_set(arena, iq->root, "to", jid_text(session_jid(session)));
    element_set(arena, iq->root, "id", (struct text){ id, sizeof id });
    element_set(arena, iq->root, "type", TEXT("set"));
    struct element *list = element_add(arena, iq->root, verb, TEXT("urn:xmpp:blocking"));
    while (addresses.size) {
        struct element *item = element_add(arena, list, TEXT("item"), list->xmlns);
        element_set(arena, item, "jid", text_take_line(&addresses));
    }
    session_send(session, iq);
    stanza_free(&iq);
}

static void push_to_all(struct router *router, struct text bare, struct text verb, struct text addresses)
{
    const struct resident *resident = resident_find(router, bare);
    for (unsigned i = resident ? resident->count : 0; i-- > 0;) /* one that ends over it leaves the list */
        if (session_has_asked_blocklist(resident->sessions[i]))
            push(router, resident->sessions[i], verb, addresses);
}

void blocklist_changed(struct router *router, struct text bare, struct text payload)
{
    struct text rest = payload, verb = text_take_line(&rest);
    struct text addresses = rest;
    struct blocklist *list = find(router, bare);
    bool is_block = text_is(verb, "block");

    if (!list && is_block) {
        ask(find_or_make(router, bare));
    } else if (list && list->is_asked) {
        list->has_changed = true;
    } else if (list && list->is_known) {
        if (!rest.size)
            clear(list);
        while (rest.size) {
            struct text address = text_take_line(&rest);
            if (is_block)
                add(list, address);
            else
                take_out(list, address);
        }
    }
    push_to_all(router, bare, verb, addresses);
}
