/* handle_roster.c - contact lists (RFC 6121 2): jabber:iq:roster get and set.  Pushes are made by the store, in the step
 * that writes. */
#include <stdlib.h>

#include "gateway/router/presence/presence.h"

#define XMLNS_ROSTER "jabber:iq:roster"

enum { GROUPS_MAX = 64, REREADS_MAX = 5 };

/* RFC 6121 2.1.5, 2.3.3: nobody but the user; guests and services have none. */
static bool refuse_stranger(const struct iq_request *request)
{
    bool is_own = request->scope == SCOPE_OWN_ACCOUNT && request->sender->kind == SENDER_CLIENT;
    if (!is_own)
        iq_refuse(request, STANZA_ERROR_FORBIDDEN, "A roster is its owner's only.");
    return !is_own;
}

static bool asker_is_guest(const struct iq_request *request)
{
    return session_is_guest(request->sender->session);
}

/* -- as XML -- */

static struct text version_text(struct arena *arena, const struct roster *roster, uint64_t number)
{
    return arena_printf(arena, "%.*s-%llu", TEXT_ARGS(roster->epoch), (unsigned long long)number);
}

static const char *subscription_name(const struct roster_item *item)
{
    static const char *const names[] = { "none", "to", "from", "both" };
    return item->is_removed ? "remove" : names[item->state & (SUBSCRIPTION_TO | SUBSCRIPTION_FROM)];
}

static void add_item(struct arena *arena, struct element *query, const struct roster_item *roster_item)
{
    struct text groups = roster_item->groups, group;
    struct element *item = element_add(arena, query, TEXT("item"), query->xmlns);
    element_set(arena, item, "jid", roster_item->contact);
    if (roster_item->name.size)
        element_set(arena, item, "name", roster_item->name);
    element_set(arena, item, "subscription", text_of(subscription_name(roster_item)));
    if (roster_item->state & SUBSCRIPTION_OUT)
        element_set(arena, item, "ask", TEXT("subscribe"));
    if (roster_item->state & SUBSCRIPTION_APPROVED)
        element_set(arena, item, "approved", TEXT("true"));
    while (roster_next_group(&groups, &group))
        element_add_text(arena, element_add(arena, item, TEXT("group"), query->xmlns), group);
}

static void send_whole(const struct iq_request *request, const struct roster *roster)
{
    struct stanza *answer = stanza_reply(request->stanza);
    struct element *query = element_add(&answer->arena, answer->root, TEXT("query"), TEXT(XMLNS_ROSTER));
    element_set(&answer->arena, query, "ver", version_text(&answer->arena, roster, roster->number));
    for (size_t i = 0; i < roster->count; i++)
        add_item(&answer->arena, query, &roster->items[i]);
    iq_answer(request, answer);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = (*(const struct roster_item *const *)a)->number, right = (*(const struct roster_item *const *)b)->number;
    return left < right ? -1 : left > right;
}

/* RFC 6121 2.6.3: an empty result, and what has changed as pushes in the order of the changes. */
static void send_changes(const struct iq_request *request, struct session *session, const struct roster *roster)
{
    const struct roster_item **sorted = roster->count ? xmalloc(roster->count * sizeof *sorted) : NULL;
    iq_answer(request, stanza_reply(request->stanza));
    for (size_t i = 0; i < roster->count; i++)
        sorted[i] = &roster->items[i];
    if (roster->count)
        qsort(sorted, roster->count, sizeof *sorted, compare_numbers);
    for (size_t i = 0; i < roster->count; i++) {
        struct stanza *push = stanza_make("iq", XMLNS_CLIENT);
        struct arena *arena = &push->arena;
        element_set(arena, push->root, "type", TEXT("set"));
        element_set(arena, push->root, "id", arena_printf(arena, "push-%llu", (unsigned long long)sorted[i]->number));
        element_set(arena, push->root, "to", arena_text(arena, jid_text(session_jid(session))));
        struct element *query = element_add(arena, push->root, TEXT("query"), TEXT(XMLNS_ROSTER));
        element_set(arena, query, "ver", version_text(arena, roster, sorted[i]->number));
        add_item(arena, query, sorted[i]);
        session_send(session, push);
        stanza_free(&push);
    }
    free(sorted);
}

/* -- get -- */

struct roster_query {
    struct iq_request *request; /* kept */
    unsigned reads;
};

static void read_roster(struct roster_query *query, struct session *session);

static struct session *asker_of(const struct roster_query *query)
{
    const struct iq_request *request = query->request;
    return router_session_of(request->router, request->sender, &request->from);
}

/* The session may have ended over its answer, and its attendance with it. */
static void query_free(struct roster_query *query)
{
    struct session *session = asker_of(query);
    struct attendance *attendance = session ? session_attendance(session) : NULL;
    if (attendance && --attendance->open_gets == 0)
        attendance->push_number = 0;
    iq_done(&query->request);
    free(query);
}

/* Pushes that came meanwhile were kept back: an answer that does not have them yet is read again. */
static bool is_old(const struct roster_query *query, const struct attendance *attendance, const struct roster *roster)
{
    return attendance->push_number > roster->number && query->reads < REREADS_MAX;
}

static void on_roster(void *ctx, enum bus_status status, const struct roster *roster)
{
    struct roster_query *query = ctx;
    struct iq_request *request = query->request;
    struct session *session = asker_of(query);

    if (session && status == BUS_OK && is_old(query, session_attendance(session), roster)) {
        read_roster(query, session);
        return;
    }
    if (session && status != BUS_OK)
        iq_refuse(request, STANZA_ERROR_RESOURCE_CONSTRAINT, "The server cannot reach its store now; try again in a moment.");
    else if (session && roster->answer == ROSTER_WHOLE)
        send_whole(request, roster);
    else if (session)
        send_changes(request, session, roster);
    query_free(query);
}

static void read_roster(struct roster_query *query, struct session *session)
{
    struct store *store = query->request->router->parts->store;
    struct session_row row = session_row(session);
    struct roster_request request = { .bare = row.bare,
                                      .asker = &row,
                                      .version = element_get(query->request->payload, "ver") };
    query->reads++;
    store->roster->get(store, &request, on_roster, query);
}

void handle_roster_get(const struct iq_request *request)
{
    if (refuse_stranger(request))
        return;
    struct session *session = request->sender->session;
    if (asker_is_guest(request)) {
        struct stanza *answer = stanza_reply(request->stanza);
        element_add(&answer->arena, answer->root, TEXT("query"), TEXT(XMLNS_ROSTER));
        iq_answer(request, answer);
        return;
    }
    struct roster_query *query = xcalloc(1, sizeof *query);
    query->request = iq_keep(request);
    attendance_of(request->router, session)->open_gets++;
    session_set_interested(session, true); /* RFC 6121 2.2 */
    read_roster(query, session);
}

/* -- set -- */

struct wanted { /* the one item of a set */
    const struct element *item;
    struct jid contact;
    struct text name;
    struct buffer groups; /* each with ROSTER_SEPARATOR before it */
    unsigned group_count;
    size_t bytes;
};

struct fault {
    enum stanza_condition condition;
    const char *text;
};

static const struct element *only_item(const struct element *query)
{
    const struct element *item = NULL;
    for (const struct node *node = query->children; node; node = node->next) {
        if (!node->element)
            continue;
        if (item || !element_is(node->element, "item", XMLNS_ROSTER))
            return NULL;
        item = node->element;
    }
    return item;
}

static bool has_group(const struct wanted *wanted, struct text name)
{
    struct text groups = buffer_text(&wanted->groups), group;
    while (roster_next_group(&groups, &group))
        if (text_equal(group, name))
            return true;
    return false;
}

/* RFC 6121 2.3.3: names and groups that are too long, groups without a name: not-acceptable; one twice: bad-request. */
static bool read_groups(const struct iq_request *request, struct wanted *wanted, struct fault *fault)
{
    size_t max = request->router->parts->config->limits_roster_item_bytes;
    wanted->bytes = wanted->name.size;
    for (const struct node *node = wanted->item->children; node; node = node->next) {
        if (!node->element || !element_is(node->element, "group", XMLNS_ROSTER))
            continue;
        struct text name = element_text(&request->stanza->arena, node->element);
        wanted->bytes += name.size;
        if (name.size == 0 || wanted->bytes > max || ++wanted->group_count > GROUPS_MAX) {
            *fault = (struct fault){ STANZA_ERROR_NOT_ACCEPTABLE, name.size ? "the name and the groups of a contact are too long, or too many"
                                                                            : "a group has a name" };
            return false;
        }
        if (has_group(wanted, name)) {
            *fault = (struct fault){ STANZA_ERROR_BAD_REQUEST, "a group is named twice" };
            return false;
        }
        buffer_append_char(&wanted->groups, ROSTER_SEPARATOR);
        buffer_append_text(&wanted->groups, name);
    }
    if (wanted->bytes > max) {
        *fault = (struct fault){ STANZA_ERROR_NOT_ACCEPTABLE, "the name of a contact is too long" };
        return false;
    }
    return true;
}

/* What the client says of subscription, ask and approved is not its to say, but for remove (RFC 6121 2.1.2). */
static bool read_item(const struct iq_request *request, struct wanted *wanted, struct fault *fault)
{
    wanted->item = only_item(request->payload);
    if (!wanted->item) {
        *fault = (struct fault){ STANZA_ERROR_BAD_REQUEST, "a roster set has exactly one item" };
        return false;
    }
    struct text jid = element_get(wanted->item, "jid");
    if (!jid.size) {
        *fault = (struct fault){ STANZA_ERROR_BAD_REQUEST, "an item has a jid" };
        return false;
    }
    if (jid_parse(&request->stanza->arena, jid, &wanted->contact) < 0) {
        *fault = (struct fault){ STANZA_ERROR_JID_MALFORMED, NULL };
        return false;
    }
    if (!jid_is_bare(&wanted->contact)) {
        *fault = (struct fault){ STANZA_ERROR_BAD_REQUEST, "a contact's jid has no resource" };
        return false;
    }
    if (text_equal(jid_text(&wanted->contact), jid_bare(&request->from))) {
        *fault = (struct fault){ STANZA_ERROR_NOT_ALLOWED, "nobody is a contact of oneself" };
        return false;
    }
    wanted->name = element_get(wanted->item, "name");
    return text_is(element_get(wanted->item, "subscription"), "remove") || read_groups(request, wanted, fault);
}

static void on_put(void *ctx, enum bus_status status, int64_t result)
{
    struct iq_request *request = ctx;
    if (status != BUS_OK) {
        iq_fail(&request, status);
        return;
    }
    if (result == 1)
        iq_answer(request, stanza_reply(request->stanza));
    else
        iq_refuse(request, STANZA_ERROR_RESOURCE_CONSTRAINT, "The contact list is full.");
    iq_done(&request);
}

/* RFC 6121 2.5.3: removal cancels both ways; so it does with what was only asked. */
static void cancel_both_ways(const struct iq_request *request, const struct subscription_answer *answer)
{
    struct router *router = request->router;
    struct arena *arena = &request->stanza->arena;
    struct text account = jid_bare(&request->from);
    struct jid contact;
    if (jid_parse(arena, element_get(element_first(request->payload), "jid"), &contact) < 0)
        return;
    if (answer->before & SUBSCRIPTION_FROM)
        presence_tell(router, answer->presences, answer->count, jid_text(&contact), true);
    if (answer->before & (SUBSCRIPTION_TO | SUBSCRIPTION_OUT))
        subscription_forward(router, presence_make(account, jid_text(&contact), "unsubscribe"));
    if (answer->before & (SUBSCRIPTION_FROM | SUBSCRIPTION_IN))
        subscription_forward(router, presence_make(account, jid_text(&contact), "unsubscribed"));
}

static void on_removed(void *ctx, enum bus_status status, const struct subscription_answer *answer)
{
    struct iq_request *request = ctx;
    if (status != BUS_OK) {
        iq_fail(&request, status);
        return;
    }
    if (answer->result == 1) {
        iq_answer(request, stanza_reply(request->stanza));
        cancel_both_ways(request, answer);
    } else {
        iq_refuse(request, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
    }
    iq_done(&request);
}

static void change(const struct iq_request *request, const struct wanted *wanted)
{
    struct router *router = request->router;
    struct store *store = router->parts->store;
    struct text bare = jid_bare(&request->from), push = roster_push_event(router, bare);
    struct roster_put put = { .bare = bare,
                              .contact = jid_text(&wanted->contact),
                              .name = wanted->name,
                              .groups = buffer_text(&wanted->groups),
                              .push = push,
                              .max_items = router->parts->config->limits_roster_items };
    if (text_is(element_get(wanted->item, "subscription"), "remove"))
        store->roster->remove(store, bare, put.contact, push, on_removed, iq_keep(request));
    else
        store->roster->put(store, &put, on_put, iq_keep(request));
}

void handle_roster_set(const struct iq_request *request)
{
    struct wanted wanted = { 0 };
    struct fault fault = { STANZA_ERROR_BAD_REQUEST, NULL };
    if (refuse_stranger(request))
        return;
    if (asker_is_guest(request))
        iq_refuse(request, STANZA_ERROR_NOT_ALLOWED, "Guests have no contacts.");
    else if (!read_item(request, &wanted, &fault))
        iq_refuse(request, fault.condition, fault.text);
    else
        change(request, &wanted);
    buffer_fini(&wanted.groups);
}
