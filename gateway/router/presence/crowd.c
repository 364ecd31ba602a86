/* crowd.c - one presence for many, the question for theirs, and the request that was not answered, in one batch: each account
 * here is one call of the store that does both, so that a login costs the same few round trips whatever the roster's size.  A
 * batch that fills the queue toward Redis waits for room; crowds keep their order. */
#include <stdlib.h>

#include "gateway/router/account/blocklist.h"
#include "gateway/router/presence/presence.h"

struct target {
    struct text address;
    bool is_told, is_asked;
    bool is_requested; /* to let its presence be seen, once more */
};

struct crowd {
    TAILQ_ENTRY(crowd) entry;
    struct router *router;
    struct arena arena;
    struct stanza *presence; /* owned; NULL: only probes */
    struct jid from;         /* who comes: full when a session does */
    struct text since;
    uint64_t prober; /* number of the session that asks */
    struct target *targets;
    size_t count, next;
    size_t open;     /* answers that will still come */
    bool is_check;   /* in no hurry: some questions at a time */
};

enum { CHECKS_MAX = 500 }; /* questions at a time of all crowds that are in no hurry */

struct question { /* one account that was asked; lives in the crowd's arena */
    struct crowd *crowd;
    struct text contact;
    bool is_asked;
};

static struct attendance *attendance_of_prober(const struct crowd *crowd, struct session **session)
{
    *session = sessions_find(crowd->router->sessions, jid_bare(&crowd->from), jid_resource(&crowd->from));
    if (!*session || session_number(*session) != crowd->prober)
        return NULL;
    return session_attendance(*session);
}

static void release(struct crowd *crowd)
{
    stanza_free(&crowd->presence);
    arena_fini(&crowd->arena);
    free(crowd);
}

static void release_when_done(struct crowd *crowd)
{
    if (crowd->next == crowd->count && crowd->open == 0)
        release(crowd);
}

static void checks_go_on(struct router *router);

/* -- answers -- */

/* What came by itself since the question is newer.  The session may have ended over the one before: it has no attendance then. */
static void show(struct crowd *crowd, struct text event)
{
    struct session *session;
    struct attendance *attendance = attendance_of_prober(crowd, &session);
    if (!attendance)
        return;
    struct stanza *presence = presence_read(crowd->router, event, jid_text(session_jid(session)));
    if (presence && !attendance_has_noted(attendance, element_get(presence->root, "from")))
        session_send(session, presence);
    stanza_free(&presence);
}

static void probe_done(struct crowd *crowd)
{
    struct session *session;
    struct attendance *attendance = attendance_of_prober(crowd, &session);
    if (attendance)
        attendance_probe_done(attendance);
}

static void on_met(void *ctx, enum bus_status status, int result, const struct text *presences, size_t count)
{
    struct question *question = ctx;
    struct crowd *crowd = question->crowd;

    if (status != BUS_OK)
        metric_add(crowd->router->parts->metrics, METRIC_PRESENCE_DROPS, 1);
    for (size_t i = 0; question->is_asked && i < count; i++)
        show(crowd, presences[i]);
    /* RFC 6121 4.3.2: the contact says that there is no subscription, or there is no contact. */
    if (question->is_asked && status == BUS_OK && result == MEET_UNSEEN)
        subscription_forward(crowd->router, presence_make(question->contact, jid_bare(&crowd->from), "unsubscribed"));
    if (question->is_asked)
        probe_done(crowd);
    struct router *router = crowd->router;
    router->open_checks -= crowd->is_check;
    crowd->open--;
    release_when_done(crowd);
    checks_go_on(router);
}

/* -- sending -- */

static void meet_account(struct crowd *crowd, const struct target *target)
{
    struct router *router = crowd->router;
    struct store *store = router->parts->store;
    struct question *question = arena_alloc(&crowd->arena, sizeof *question);
    struct presence_meet meet = { .bare = target->address,
                                  .what = (target->is_told ? MEET_SHOW : 0) | (target->is_asked ? MEET_PROBE : 0),
                                  .from = jid_bare(&crowd->from),
                                  .from_full = jid_text(&crowd->from),
                                  .from_domain = jid_domain(&crowd->from),
                                  .since = crowd->since };
    *question = (struct question){ crowd, target->address, target->is_asked };
    if (target->is_told) {
        element_set(&crowd->presence->arena, crowd->presence->root, "to", target->address);
        meet.event = router_event(router, crowd->presence, target->address);
    }
    crowd->open++;
    router->open_checks += crowd->is_check;
    store->presence->meet(store, &meet, on_met, question);
}

/* RFC 6121 3.1.2: what was asked may have got lost on the way.  The id tells that it is the server's own. */
static void request_again(struct crowd *crowd, const struct target *target)
{
    struct router *router = crowd->router;
    struct stanza *request = presence_make(jid_bare(&crowd->from), target->address, "subscribe");
    char id[EVENT_ID_SIZE];
    event_id_next(&router->ids, router_wall_ms(router), id);
    element_set(&request->arena, request->root, "id", arena_text(&request->arena, (struct text){ id, sizeof id }));
    router_say(router, request);
}

/* Services, and whoever is elsewhere, answer for themselves. */
static void tell_others(struct crowd *crowd, const struct target *target)
{
    if (target->is_told) {
        struct stanza *copy = stanza_copy(crowd->presence);
        element_set(&copy->arena, copy->root, "to", arena_text(&copy->arena, target->address));
        router_say(crowd->router, copy);
    }
    if (target->is_asked)
        router_say(crowd->router, presence_make(jid_text(&crowd->from), target->address, "probe"));
    if (target->is_requested)
        request_again(crowd, target);
}

static void answer_nothing(struct crowd *crowd, const struct target *target)
{
    if (target->is_asked)
        probe_done(crowd);
}

static void send_to(struct crowd *crowd, const struct target *target)
{
    struct service *service;
    struct arena arena = { 0 };
    struct jid to;
    bool is_address = jid_parse(&arena, target->address, &to) == 0 &&
                      blocklist_find(crowd->router, jid_bare(&crowd->from), &to) != BLOCKED_YES;
    if (is_address && jid_is_bare(&to) && router_place(crowd->router, &to, &service) == PLACE_ACCOUNT) {
        if (target->is_told || target->is_asked)
            meet_account(crowd, target); /* of a request nothing gets lost here */
    } else {
        if (is_address)
            tell_others(crowd, target);
        answer_nothing(crowd, target);
    }
    arena_fini(&arena);
}

/* True when all is sent; answers may still come. */
static bool go_on(struct crowd *crowd)
{
    const struct router *router = crowd->router;
    while (crowd->next < crowd->count && !router->is_full && (!crowd->is_check || router->open_checks < CHECKS_MAX))
        send_to(crowd, &crowd->targets[crowd->next++]);
    return crowd->next == crowd->count;
}

static void queue_goes_on(struct crowds *queue)
{
    struct crowd *crowd;
    while ((crowd = TAILQ_FIRST(queue)) && go_on(crowd)) {
        TAILQ_REMOVE(queue, crowd, entry);
        release_when_done(crowd);
    }
}

static void checks_go_on(struct router *router)
{
    if (router->open_checks < CHECKS_MAX / 2)
        queue_goes_on(&router->checks);
}

void crowds_go_on(struct router *router)
{
    queue_goes_on(&router->crowds);
    checks_go_on(router);
}

static void queue_free(struct crowds *queue)
{
    struct crowd *crowd;
    while ((crowd = TAILQ_FIRST(queue))) {
        TAILQ_REMOVE(queue, crowd, entry);
        release(crowd);
    }
}

void crowds_free(struct router *router)
{
    queue_free(&router->crowds);
    queue_free(&router->checks);
}

/* -- making -- */

static void add_target(struct crowd *crowd, struct target target)
{
    if (!target.is_told && !target.is_asked && !target.is_requested)
        return;
    target.address = arena_text(&crowd->arena, target.address);
    crowd->targets[crowd->count++] = target;
}

static size_t count_lines(struct text lines)
{
    size_t count = 0;
    while (lines.size) {
        text_take_line(&lines);
        count++;
    }
    return count;
}

static bool is_told_already(const struct crowd *crowd, struct text address)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->targets[i].is_told && text_starts_with(address, crowd->targets[i].address) &&
            (address.size == crowd->targets[i].address.size || address.data[crowd->targets[i].address.size] == '/'))
            return true;
    return false;
}

static unsigned collect(struct crowd *crowd, const struct crowd_request *request)
{
    struct text lines = request->directed;
    unsigned asked = 0;
    crowd->targets = arena_alloc(&crowd->arena, (request->count + count_lines(lines)) * sizeof *crowd->targets);
    for (size_t i = 0; i < request->count; i++) {
        const struct contact *contact = &request->contacts[i];
        struct target target = { .address = contact->bare,
                                 .is_told = request->presence && (contact->state & SUBSCRIPTION_FROM),
                                 .is_asked = request->prober && (contact->state & SUBSCRIPTION_TO),
                                 .is_requested = request->prober && (contact->state & SUBSCRIPTION_OUT) };
        add_target(crowd, target);
        asked += target.is_asked;
    }
    while (lines.size) {
        struct text address = text_take_line(&lines);
        if (!is_told_already(crowd, address))
            add_target(crowd, (struct target){ .address = address, .is_told = request->presence != NULL });
    }
    return asked;
}

void crowd_start(struct router *router, const struct crowd_request *request)
{
    struct crowd *crowd = xcalloc(1, sizeof *crowd);
    struct text from = request->prober ? jid_text(session_jid(request->prober)) : element_get(request->presence->root, "from");

    crowd->router = router;
    crowd->presence = request->presence;
    crowd->since = arena_text(&crowd->arena, request->since);
    unsigned asked = collect(crowd, request);
    if (request->prober) {
        struct session *session = (struct session *)request->prober;
        crowd->prober = session_number(session);
        attendance_probes_begin(attendance_of(router, session), asked);
    }
    if (jid_parse(&crowd->arena, arena_text(&crowd->arena, from), &crowd->from) < 0)
        crowd->next = crowd->count;
    crowd->is_check = request->since.size > 0 && !request->presence;
    struct crowds *queue = crowd->is_check ? &router->checks : &router->crowds;
    crowd->open++; /* this function */
    if (TAILQ_EMPTY(queue) ? !go_on(crowd) : crowd->next < crowd->count)
        TAILQ_INSERT_TAIL(queue, crowd, entry);
    crowd->open--;
    release_when_done(crowd);
}
