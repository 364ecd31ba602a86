/* handle_subscription.c - requests for subscription and what answers and ends them (RFC 6121 3): a step of the sender's
 * roster, then the stanza to the contact, then a step of the contact's roster, each step by the table of
 * subscription_state.c and in one piece where the roster is. */
#include <stdlib.h>

#include "gateway/router/presence/presence.h"
#include "gateway/router/pep/pubsub.h"

enum { AGAIN_MS = 2000, TRIES_MAX = 15 };

struct step {
    LIST_ENTRY(step) entry; /* router->steps */
    struct router *router;
    struct timer timer; /* inbound: runs between two tries */
    struct stanza *stanza;
    struct sender sender; /* who said it */
    struct text asker;    /* outbound: its address, for an error */
    struct jid from, to;  /* bare; in the stanza's arena */
    enum subscription_kind kind;
    enum subscription_side side;
    unsigned tries;
};

static void step_free(struct step *step)
{
    timer_stop(&step->timer);
    LIST_REMOVE(step, entry);
    stanza_free(&step->stanza);
    free(step);
}

void subscriptions_free(struct router *router)
{
    while (!LIST_EMPTY(&router->steps))
        step_free(LIST_FIRST(&router->steps));
}

/* RFC 6121 3.1.2: both addresses are bare from here on. */
static struct step *step_new(struct router *router, struct stanza *stanza, enum subscription_side side)
{
    struct arena *arena = &stanza->arena;
    struct step *step = xcalloc(1, sizeof *step);
    *step = (struct step){ .router = router, .stanza = stanza, .side = side };
    LIST_INSERT_HEAD(&router->steps, step, entry);
    int kind = subscription_kind_of(element_get(stanza->root, "type"));
    if (kind < 0 || jid_parse(arena, element_get(stanza->root, "from"), &step->from) < 0 ||
        jid_parse(arena, element_get(stanza->root, "to"), &step->to) < 0) {
        step_free(step);
        return NULL;
    }
    step->kind = (enum subscription_kind)kind;
    element_set(arena, stanza->root, "from", arena_text(arena, jid_bare(&step->from)));
    element_set(arena, stanza->root, "to", arena_text(arena, jid_bare(&step->to)));
    return step;
}

struct text roster_push_event(struct router *router, struct text bare)
{
    struct stanza *push = stanza_make("iq", XMLNS_CLIENT);
    char id[EVENT_ID_SIZE];
    struct event_head head = { .id = { id, sizeof id }, .wall_ms = router_wall_ms(router), .source = bare, .subject = bare };
    event_id_next(&router->ids, head.wall_ms, id);
    router->push.size = 0;
    event_write(&router->push, push, &head);
    stanza_free(&push);
    return buffer_text(&router->push);
}

/* Requests are kept and shown at each login, and anybody may make one: what is added to it is kept as long as it is no
 * longer than what one may keep about a contact (RFC 6121 3.1.3 has no bound). */
static struct text request_event(struct step *step)
{
    struct router *router = step->router;
    struct element *root = step->stanza->root;
    struct text event = router_event(router, step->stanza, jid_bare(&step->to));
    if (step->side == OUTBOUND || step->kind != SUBSCRIBE || event.size <= router->parts->config->limits_roster_item_bytes)
        return event;
    while (root->children) {
        if (root->children->element)
            element_remove(root, root->children->element);
        else
            root->children = root->children->next;
    }
    root->children_end = &root->children;
    metric_add(router->parts->metrics, METRIC_SUBSCRIPTION_DROPS, 1);
    return router_event(router, step->stanza, jid_bare(&step->to));
}

static void ask(struct step *step, store_subscription_fn *fn)
{
    struct router *router = step->router;
    struct store *store = router->parts->store;
    bool is_inbound = step->side == INBOUND;
    char table[SUBSCRIPTION_TABLE_SIZE];
    subscription_table(step->side, step->kind, table);
    struct subscription_request request = { .bare = jid_bare(is_inbound ? &step->to : &step->from),
                                            .contact = jid_bare(is_inbound ? &step->from : &step->to),
                                            .table = { table, sizeof table },
                                            .is_inbound = is_inbound,
                                            .is_subscribe = step->kind == SUBSCRIBE,
                                            .max_items = router->parts->config->limits_roster_items,
                                            .max_requests = router->parts->config->limits_roster_requests };
    request.push = roster_push_event(router, request.bare);
    request.event = request_event(step);
    store->roster->subscription(store, &request, fn, step);
}

static void tell_contact(struct step *step, const struct subscription_answer *answer, bool is_unavailable)
{
    struct text contact = jid_bare(step->side == INBOUND ? &step->from : &step->to);
    presence_tell(step->router, answer->presences, answer->count, contact, is_unavailable);
}

static bool begins_to_see(const struct subscription_answer *answer)
{
    return !(answer->before & SUBSCRIPTION_FROM) && (answer->now & SUBSCRIPTION_FROM);
}

static bool ceases_to_see(const struct subscription_answer *answer)
{
    return (answer->before & SUBSCRIPTION_FROM) && !(answer->now & SUBSCRIPTION_FROM);
}

/* -- the contact's side -- */

static void take_inbound(struct step *step, const struct subscription_answer *answer)
{
    struct router *router = step->router;
    if (answer->result < 0)
        metric_add(router->parts->metrics, METRIC_SUBSCRIPTION_DROPS, 1);
    if (answer->result != 1)
        return; /* RFC 6121 8.5.1: silence about accounts that are not there */
    if (ceases_to_see(answer))
        tell_contact(step, answer, true); /* RFC 6121 3.3.3 */
    if (answer->actions & SUBSCRIPTION_REPLY)
        subscription_forward(router, presence_make(jid_bare(&step->to), jid_bare(&step->from), "subscribed"));
    if (begins_to_see(answer)) {
        tell_contact(step, answer, false);
        pubsub_met(router, jid_bare(&step->to), jid_bare(&step->from));
    }
}

static timer_fn on_again;

static void on_inbound(void *ctx, enum bus_status status, const struct subscription_answer *answer)
{
    struct step *step = ctx;
    if (status != BUS_OK && ++step->tries < TRIES_MAX) {
        timer_start(step->router->parts->timers, &step->timer, AGAIN_MS, on_again);
        return;
    }
    if (status == BUS_OK)
        take_inbound(step, answer);
    else
        metric_add(step->router->parts->metrics, METRIC_SUBSCRIPTION_DROPS, 1);
    router_handled(step->router, &step->sender, step->stanza);
    step_free(step);
}

static void on_again(struct timer *timer)
{
    ask(container_of(timer, struct step, timer), on_inbound);
}

void subscription_forward(struct router *router, struct stanza *stanza)
{
    subscription_in(router, &sender_server, stanza);
}

void subscription_in(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    struct service *service;
    struct step *step = step_new(router, stanza, INBOUND);
    if (!step)
        return;
    if (router_place(router, &step->to, &service) == PLACE_ACCOUNT) {
        step->sender = *sender;
        router_keep(router, sender);
        ask(step, on_inbound);
        return;
    }
    step->stanza = NULL;
    step_free(step);
    router_say(router, stanza);
}

/* -- the sender's side -- */

static void pass_on(struct step *step, const struct subscription_answer *answer)
{
    struct stanza *stanza = stanza_copy(step->stanza);
    if (ceases_to_see(answer))
        tell_contact(step, answer, true); /* RFC 6121 3.2.2: while the contact is still subscribed */
    subscription_forward(step->router, stanza);
    if (begins_to_see(answer)) {
        tell_contact(step, answer, false); /* RFC 6121 3.1.5 */
        pubsub_met(step->router, jid_bare(&step->from), jid_bare(&step->to));
    }
}

/* Back to the session that said it, not to its account. */
static void refuse(struct step *step, enum stanza_condition condition, const char *text)
{
    element_set(&step->stanza->arena, step->stanza->root, "from", step->asker);
    router_refuse(step->router, &step->sender, step->stanza, condition, text);
}

static void on_outbound(void *ctx, enum bus_status status, const struct subscription_answer *answer)
{
    struct step *step = ctx;
    if (status != BUS_OK)
        refuse(step, STANZA_ERROR_RESOURCE_CONSTRAINT, "The server cannot reach its store now; try again in a moment.");
    else if (answer->result < 0)
        refuse(step, STANZA_ERROR_RESOURCE_CONSTRAINT, "The contact list is full.");
    else if (answer->result == 1 && (answer->actions & SUBSCRIPTION_PASS))
        pass_on(step, answer);
    step_free(step);
}

void subscription_out(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    struct text asker = arena_text(&stanza->arena, element_get(stanza->root, "from"));
    struct step *step = step_new(router, stanza, OUTBOUND);
    if (!step)
        return;
    step->sender = *sender;
    step->sender.session = NULL; /* it may end meanwhile */
    step->asker = asker;
    if (session_is_guest(sender->session)) {
        refuse(step, STANZA_ERROR_NOT_ALLOWED, "Guests have no contacts.");
        step_free(step);
    } else if (text_equal(jid_bare(&step->from), jid_bare(&step->to))) {
        refuse(step, STANZA_ERROR_NOT_ALLOWED, "Nobody is a contact of oneself.");
        step_free(step);
    } else {
        ask(step, on_outbound);
    }
}
