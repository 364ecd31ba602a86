/* farewell.c - a session has ended, or was lost with its node: everyone who had seen it sees that it is unavailable
 * (RFC 6121 4.5.2, 4.6.4).  What Redis could not do now is tried again until it is done. */
#include <stdlib.h>

#include "gateway/router/presence/presence.h"

enum { AGAIN_MS = 2000, WAIT_MS = 1000 };

struct farewell { /* outlives its session; no more of them than there were sessions when Redis went away */
    LIST_ENTRY(farewell) entry;
    struct router *router;
    struct timer timer; /* runs between two tries */
    struct stanza *presence;
    struct jid jid;      /* in the presence's arena */
    struct buffer event; /* of it: the same at each try, so that the store knows it again */
    uint64_t session;
    bool is_swept, has_waited;
    struct buffer directed; /* addresses, a line each */
    struct buffer mark;     /* the store is told that it is done; empty: nobody waits for that */
};

static void end_farewell(struct farewell *farewell)
{
    timer_stop(&farewell->timer);
    LIST_REMOVE(farewell, entry);
    stanza_free(&farewell->presence);
    buffer_fini(&farewell->event);
    buffer_fini(&farewell->directed);
    buffer_fini(&farewell->mark);
    free(farewell);
}

static void ask(struct farewell *farewell);

static void on_again(struct timer *timer)
{
    ask(container_of(timer, struct farewell, timer));
}

static void on_ended(void *ctx, enum bus_status status, const struct presence_answer *answer)
{
    struct farewell *farewell = ctx;
    if (status != BUS_OK) {
        timer_start(farewell->router->parts->timers, &farewell->timer, AGAIN_MS, on_again);
        return;
    }
    if (answer->must_wait) {
        farewell->has_waited = true;
        timer_start(farewell->router->parts->timers, &farewell->timer, WAIT_MS, on_again);
        return;
    }
    struct router *router = farewell->router;
    struct store *store = router->parts->store;
    struct crowd_request crowd = { .presence = farewell->presence,
                                   .contacts = answer->contacts,
                                   .count = answer->contact_count,
                                   .directed = farewell->is_swept ? answer->directed : buffer_text(&farewell->directed) };
    if (answer->directed.size)
        store->presence->directed(store, jid_bare(&farewell->jid), jid_resource(&farewell->jid), (struct text){ 0 });
    if (crowd.count || crowd.directed.size) {
        farewell->presence = NULL;
        crowd_start(router, &crowd);
    }
    if (farewell->mark.size)
        store->ops->session_told(store, buffer_text(&farewell->mark));
    end_farewell(farewell);
}

static void ask(struct farewell *farewell)
{
    struct router *router = farewell->router;
    struct store *store = router->parts->store;
    struct session_row row = { .bare = jid_bare(&farewell->jid),
                               .resource = jid_resource(&farewell->jid),
                               .node = router->parts->node,
                               .session = farewell->session };
    struct presence_end end = { .row = &row,
                                .event = buffer_text(&farewell->event),
                                .is_swept = farewell->is_swept,
                                .may_wait = !farewell->has_waited };
    store->presence->end(store, &end, on_ended, farewell);
}

static struct farewell *farewell_new(struct router *router, struct text full)
{
    struct farewell *farewell = xcalloc(1, sizeof *farewell);
    farewell->router = router;
    farewell->presence = presence_make(full, full, "unavailable");
    LIST_INSERT_HEAD(&router->farewells, farewell, entry);
    if (jid_parse(&farewell->presence->arena, element_get(farewell->presence->root, "from"), &farewell->jid) < 0) {
        end_farewell(farewell);
        return NULL;
    }
    struct text bare = jid_bare(&farewell->jid);
    element_set(&farewell->presence->arena, farewell->presence->root, "to", bare);
    buffer_append_text(&farewell->event, router_event(router, farewell->presence, bare));
    return farewell;
}

void farewell_say(struct router *router, struct session *session)
{
    struct attendance *attendance = session_attendance(session);
    if (!session_is_available(session) && !(attendance && attendance->directed_count))
        return;
    struct farewell *farewell = farewell_new(router, jid_text(session_jid(session)));
    if (!farewell)
        return;
    farewell->session = session_number(session);
    attendance_addresses(attendance, &farewell->directed);
    ask(farewell);
}

void farewell_swept(struct router *router, struct text full, struct text mark)
{
    struct farewell *farewell = farewell_new(router, full);
    if (!farewell)
        return;
    farewell->is_swept = true;
    buffer_append_text(&farewell->mark, mark);
    ask(farewell);
}

void farewells_free(struct router *router)
{
    while (!LIST_EMPTY(&router->farewells))
        end_farewell(LIST_FIRST(&router->farewells));
}
