/* handle_presence.c - presence without an address (RFC 6121 4.2, 4.4, 4.5): kept in the session row, where routes are
 * decided, shown to the account's own available resources, and then to the contacts that may see it.  The first one of a
 * session also asks for the presence of the contacts that it may see, and brings the requests that wait. */
#include <stdlib.h>

#include "gateway/router/presence/presence.h"
#include "gateway/router/resident.h"

/* Resources that left are remembered so long, for those who missed it (gap repair). */
enum { GONE_KEPT_MS = 3600 * 1000 };
/* What a resumed session asks its contacts about: all that may have happened since its connection was lost. */
enum { RESUMED_MS = 1800 * 1000 };

struct presence_update { /* finds the session again when Redis has answered */
    struct router *router;
    uint64_t session_number;
    struct stanza *presence; /* owned; carries the sender's address */
    struct buffer directed;  /* addresses that are told with it, a line each */
    struct text since;       /* in the presence's arena: what is asked of contacts, see struct presence_meet */
};

static void update_free(struct presence_update *update)
{
    stanza_free(&update->presence);
    buffer_fini(&update->directed);
    free(update);
}

static struct session *session_of(const struct presence_update *update)
{
    struct jid from;
    if (jid_parse(&update->presence->arena, element_get(update->presence->root, "from"), &from) < 0)
        return NULL;
    struct session *session = sessions_find(update->router->sessions, jid_bare(&from), jid_resource(&from));
    return session && session_number(session) == update->session_number ? session : NULL;
}

/* -- what the first presence brings -- */

/* The session may end over each of them. */
static void show_events(struct presence_update *update, const struct text *events, size_t count)
{
    struct router *router = update->router;
    struct session *session;
    for (size_t i = 0; i < count && (session = session_of(update)); i++) {
        struct stanza *presence = presence_read(router, events[i], jid_text(session_jid(session)));
        struct text from = presence ? element_get(presence->root, "from") : (struct text){ 0 };
        if (presence && !attendance_has_noted(attendance_of(router, session), from))
            session_send(session, presence);
        stanza_free(&presence);
    }
}

/* RFC 6121 3.1.3: a request is shown as it came, to the bare address, until it is answered.  Anybody may have made some, so
 * that there may be more than a client takes at once: those behind are shown at the next login. */
static void show_requests(struct router *router, struct session *session, const struct text *events, size_t count)
{
    for (size_t i = 0; i < count && session_has_room(session); i++) {
        struct stanza *request = presence_read(router, events[i], jid_bare(session_jid(session)));
        if (request)
            session_send(session, request);
        stanza_free(&request);
    }
}

static void spread(struct presence_update *update, struct session *session, const struct presence_answer *answer, bool is_said)
{
    bool asks = session && session_is_available(session) && (!answer->was_available || !is_said);
    struct crowd_request crowd = { .presence = is_said ? update->presence : NULL,
                                   .contacts = answer->contacts,
                                   .count = answer->contact_count,
                                   .directed = buffer_text(&update->directed),
                                   .prober = asks ? session : NULL,
                                   .since = update->since };
    if (!crowd.presence && !crowd.prober)
        return;
    if (crowd.count || crowd.directed.size) {
        if (is_said)
            update->presence = NULL;
        crowd_start(update->router, &crowd);
    }
}

/* -- the store's answers -- */

/* The row is not what it should be; the next beat of the node writes it again. */
static void leave_unsaid(struct presence_update *update, struct session *session)
{
    metric_add(update->router->parts->metrics, METRIC_PRESENCE_DROPS, 1);
    update->router->restores_again = true;
    if (session)
        attendance_of(update->router, session)->is_unsaid = true;
}

static void on_set(void *ctx, enum bus_status status, const struct presence_answer *answer)
{
    struct presence_update *update = ctx;
    struct session *session = session_of(update);

    if (status != BUS_OK) {
        leave_unsaid(update, session);
    } else if (!answer->is_own) {
        if (session) /* it lives on elsewhere, or Redis has lost the row */
            leave_unsaid(update, session), node_restore_session(update->router, session);
    } else {
        if (session && session_is_available(session))
            show_events(update, answer->own, answer->own_count);
        if ((session = session_of(update)) && session_is_available(session))
            show_requests(update->router, session, answer->requests, answer->request_count);
        if ((session = session_of(update)) && session_is_available(session) && session_priority(session) >= 0)
            account_settle(update->router, jid_bare(session_jid(session))); /* XEP-0160 */
        spread(update, session, answer, true);
    }
    update_free(update);
}

/* Written again: a presence that everyone still knows is not said, only what was missed is asked for. */
static void on_set_again(void *ctx, enum bus_status status, const struct presence_answer *answer)
{
    struct presence_update *update = ctx;
    struct session *session = session_of(update);
    if (status == BUS_OK && answer->is_own)
        spread(update, session, answer, !answer->was_available);
    else if (status != BUS_OK)
        leave_unsaid(update, session);
    update_free(update);
}

static struct presence_update *update_new(struct router *router, struct session *session, struct stanza *presence)
{
    struct presence_update *update = xcalloc(1, sizeof *update);
    update->router = router;
    update->session_number = session_number(session);
    update->presence = presence;
    return update;
}

static struct text time_before(struct router *router, struct arena *arena, int64_t ms)
{
    struct buffer time = { 0 };
    json_write_time(&time, router_wall_ms(router) - ms);
    struct text kept = arena_text(arena, buffer_text(&time));
    buffer_fini(&time);
    return kept;
}

static void put(struct presence_update *update, struct session *session, enum presence_how how, store_presence_fn *fn)
{
    struct router *router = update->router;
    struct store *store = router->parts->store;
    struct session_row row = session_row(session);
    struct presence_put request = { .row = &row,
                                    .event = session_attendance(session)->event,
                                    .how = how,
                                    .forget_before = time_before(router, &update->presence->arena, GONE_KEPT_MS) };
    store->presence->set(store, &request, fn, update);
}

/* -- from the session -- */

/* RFC 6121 4.7.2.3: -128 to 127. False when it is something else. */
static bool read_priority(struct stanza *presence, int8_t *priority)
{
    const struct element *element = element_child(presence->root, "priority", XMLNS_CLIENT);
    *priority = 0;
    if (!element)
        return true;
    struct text digits = element_text(&presence->arena, element);
    const char *string = arena_text(&presence->arena, digits).data;
    char *end;
    long value = strtol(string, &end, 10);
    if (digits.size == 0 || *end || value < -128 || value > 127)
        return false;
    *priority = (int8_t)value;
    return true;
}

/* RFC 6121 4.6.3: who got directed presence gets the unavailable one too. */
static void take_directed(struct presence_update *update, struct attendance *attendance)
{
    attendance_addresses(attendance, &update->directed);
    attendance_forget_directed(attendance);
}

void handle_presence(struct router *router, struct session *session, struct stanza *stanza)
{
    struct sender sender = sender_of(session);
    struct text type = element_get(stanza->root, "type");
    int8_t priority;

    if (type.data && !text_is(type, "unavailable")) {
        /* RFC 6121 4.7.1: no other type is broadcast; an error is never answered. */
        router_refuse(router, &sender, stanza, STANZA_ERROR_BAD_REQUEST, "presence of this type needs a 'to' address");
        stanza_free(&stanza);
        return;
    }
    if (!read_priority(stanza, &priority)) {
        router_refuse(router, &sender, stanza, STANZA_ERROR_BAD_REQUEST, "priority is a whole number from -128 to 127");
        stanza_free(&stanza);
        return;
    }
    struct attendance *attendance = attendance_of(router, session);
    struct presence_update *update = update_new(router, session, stanza);
    struct text bare = jid_bare(session_jid(session));
    bool is_unsaid = attendance->is_unsaid;
    session_set_presence(session, !type.data, priority);
    element_set(&stanza->arena, stanza->root, "to", arena_text(&stanza->arena, bare));
    attendance_set_event(attendance, router_event(router, stanza, bare));
    if (type.data)
        take_directed(update, attendance);
    attendance->is_unsaid = false;
    put(update, session, is_unsaid ? PRESENCE_ANEW : PRESENCE_SET, on_set);
}

static void compare(struct router *router, struct session *session, int64_t since_ms)
{
    struct attendance *attendance = session_attendance(session);
    if (!attendance || !attendance->event.size || (!session_is_available(session) && !attendance->is_unsaid))
        return;
    struct stanza *presence = presence_read(router, attendance->event, jid_bare(session_jid(session)));
    if (!presence)
        return;
    struct presence_update *update = update_new(router, session, presence);
    bool is_unsaid = attendance->is_unsaid;
    attendance->is_unsaid = false;
    if (!is_unsaid)
        update->since = time_before(router, &presence->arena, router_wall_ms(router) - since_ms);
    put(update, session, is_unsaid ? PRESENCE_ANEW : PRESENCE_AGAIN, is_unsaid ? on_set : on_set_again);
}

void presence_restore(struct router *router, struct session *session)
{
    compare(router, session, router->sure_ms);
}

/* -- a session that another node had -- */

struct recall {
    struct router *router;
    uint64_t session_number;
    struct jid jid;
    char text[];
};

static void take_event(struct router *router, struct session *session, struct attendance *attendance, struct text event)
{
    struct stanza *presence = presence_read(router, event, jid_bare(session_jid(session)));
    int8_t priority = 0;
    if (!presence)
        return;
    read_priority(presence, &priority);
    session_set_presence(session, true, priority);
    attendance_set_event(attendance, event);
    stanza_free(&presence);
}

static void on_recalled(void *ctx, enum bus_status status, bool is_interested, struct text presence, struct text directed)
{
    struct recall *recall = ctx;
    struct router *router = recall->router;
    struct session *session = sessions_find(router->sessions, jid_bare(&recall->jid), jid_resource(&recall->jid));
    bool is_here = session && session_number(session) == recall->session_number;
    free(recall);
    if (!is_here || status != BUS_OK)
        return;
    struct attendance *attendance = attendance_of(router, session);
    if (is_interested)
        session_set_interested(session, true);
    attendance_take_directed(attendance, directed);
    if (presence.size && !attendance->event.size) /* what the client has said since is newer */
        take_event(router, session, attendance, presence);
    compare(router, session, router_wall_ms(router) - RESUMED_MS);
}

void presence_resume(struct router *router, struct session *session)
{
    struct store *store = router->parts->store;
    const struct jid *jid = session_jid(session);
    struct recall *recall = xmalloc(sizeof *recall + jid->size);
    *recall = (struct recall){ router, session_number(session), *jid };
    memcpy(recall->text, jid->text, jid->size);
    recall->jid.text = recall->text;
    store->presence->recall(store, jid_bare(&recall->jid), jid_resource(&recall->jid), on_recalled, recall);
}
