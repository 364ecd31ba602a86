/* router.c - the fork of the flow: every stanza, whoever says it, is copied to the observers and goes to the server, to an
 * account, to a service, or back to its sender with an error. */
#include "gateway/router/account/ask_login.h"
#include "gateway/router/account/blocklist.h"
#include "gateway/router/pep/caps.h"
#include "gateway/router/presence/presence.h"

int64_t router_wall_ms(const struct router *router)
{
    return router->parts->wall_ms(router->parts->wall_ctx);
}

struct text router_event(struct router *router, const struct stanza *stanza, struct text subject)
{
    char id[EVENT_ID_SIZE];
    struct event_head head = { .wall_ms = router_wall_ms(router),
                               .source = element_get(stanza->root, "from"),
                               .subject = subject };
    event_id_next(&router->ids, head.wall_ms, id);
    head.id = (struct text){ id, sizeof id };
    router->event.size = 0;
    event_write(&router->event, stanza, &head);
    return buffer_text(&router->event);
}

struct text router_observe(struct router *router, const struct stanza *stanza, struct text subject)
{
    struct text event = router_event(router, stanza, subject);
    observe_stanza(router, stanza->kind, event);
    return event;
}

void router_show(struct session *session, struct text channel, const char *direction, struct text event)
{
    if (session && session_watches_events(session))
        observe_watch(session, channel, direction, event);
}

struct session *router_session_of(const struct router *router, const struct sender *sender, const struct jid *address)
{
    if (sender->kind != SENDER_CLIENT)
        return NULL;
    if (sender->session)
        return sender->session;
    struct session *session = sessions_find(router->sessions, jid_bare(address), jid_resource(address));
    return session && session_number(session) == sender->session_number ? session : NULL;
}

const struct sender sender_server = { .kind = SENDER_SERVER };

struct sender sender_of(struct session *session)
{
    return (struct sender){ .kind = SENDER_CLIENT,
                            .session = session,
                            .session_number = session_number(session),
                            .number = session_stanza_number(session) };
}

void router_keep(struct router *router, const struct sender *sender)
{
    const struct sender *in_hand = &router->in_hand;
    if (sender->number && sender->number == in_hand->number && sender->session_number == in_hand->session_number &&
        sender->kind == in_hand->kind)
        router->is_kept = true;
}

void router_handled(struct router *router, const struct sender *sender, const struct stanza *stanza)
{
    struct arena arena = { 0 };
    struct jid jid;
    if (!sender->number)
        return;
    if (sender->kind == SENDER_PEER)
        peers_handled(router->peers, sender->session_number, sender->number);
    if (jid_parse(&arena, element_get(stanza->root, "from"), &jid) == 0) {
        struct session *session = router_session_of(router, sender, &jid);
        if (session)
            session_handled(session, sender->number);
    }
    arena_fini(&arena);
}

/* -- answers -- */

static void on_answered(void *ctx, enum bus_status status, int64_t receivers)
{
    struct router *router = ctx;
    if (status != BUS_OK || receivers == 0)
        metric_add(router->parts->metrics, METRIC_UNDELIVERABLE, 1);
}

static void publish_to_service(struct router *router, struct service *service, struct stanza *stanza)
{
    struct bus *bus = router->parts->bus;
    struct text event = router_event(router, stanza, service->address);
    bus->ops->publish(bus, service->mailbox, (struct text){ 0 }, event, on_answered, router);
    stanza_free(&stanza);
}

static void answer_client(struct router *router, const struct sender *sender, struct stanza *answer)
{
    struct jid to;
    struct session *session = NULL;
    if (sender->session)
        session = sender->session;
    else if (jid_parse(&answer->arena, element_get(answer->root, "to"), &to) == 0)
        session = router_session_of(router, sender, &to);
    if (session)
        session_send(session, answer);
    stanza_free(&answer);
}

static void say(struct router *router, const struct sender *sender, struct stanza *stanza);

void router_answer(struct router *router, const struct sender *sender, struct stanza *answer)
{
    if (!answer)
        return;
    switch (sender->kind) {
    case SENDER_CLIENT:
        answer_client(router, sender, answer);
        break;
    case SENDER_SERVICE:
        publish_to_service(router, sender->service, answer);
        break;
    case SENDER_SERVER:
    case SENDER_PEER:
        say(router, sender, answer);
        break;
    case SENDER_LOGIN:
        ask_login_answered(sender, answer);
        break;
    }
}

void router_refuse(struct router *router, const struct sender *sender, const struct stanza *stanza,
                   enum stanza_condition condition, const char *text)
{
    struct stanza *error = stanza_error(stanza, condition, text);
    if (error)
        metric_add(router->parts->metrics, METRIC_STANZA_ERRORS, 1);
    router_answer(router, sender, error);
}

/* sender: whom it answers.  What another server asked is done with when the answer is in its queue, so that one that asks
 * faster than it is answered waits. */
static void say(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    struct service *service;
    struct jid to;

    if (jid_parse(&stanza->arena, element_get(stanza->root, "to"), &to) < 0) {
        stanza_free(&stanza);
        return;
    }
    switch (router_place(router, &to, &service)) {
    case PLACE_ACCOUNT:
        to_account(router, &sender_server, stanza, &to, router_event(router, stanza, jid_text(&to)));
        break;
    case PLACE_SERVICE:
        publish_to_service(router, service, stanza);
        break;
    case PLACE_ELSEWHERE:
        if (peer_is_reached(router, stanza))
            to_peer(router, sender, stanza, router_event(router, stanza, jid_text(&to)));
        else
            stanza_free(&stanza);
        break;
    case PLACE_SERVER:
        stanza_free(&stanza);
        break;
    }
}

void router_say(struct router *router, struct stanza *stanza)
{
    if (stanza)
        say(router, &sender_server, stanza);
}

/* -- the fork -- */

struct way { /* where the stanza in hand goes */
    enum place place;
    struct jid to;           /* zeroed when there is no 'to' */
    struct service *service; /* PLACE_SERVICE */
    bool is_routed;          /* by services.routes: for the service, though addressed to the server */
    enum scope scope;        /* PLACE_SERVER, and an account's bare address */
};

/* services.routes: an iq to the server whose payload belongs to a service (an API over XMPP). */
static struct service *routed_service(const struct router *router, const struct stanza *stanza)
{
    const struct config *config = router->parts->config;
    struct text type = element_get(stanza->root, "type");
    const struct element *payload = element_first(stanza->root);

    if (!config->services_route_count || stanza->kind != STANZA_IQ || !payload)
        return NULL;
    if (!text_is(type, "get") && !text_is(type, "set"))
        return NULL;
    for (size_t i = 0; i < config->services_route_count; i++)
        if (text_equal(config->services_routes[i].xmlns, payload->xmlns))
            return router_find_service(router, config->services_routes[i].domain);
    return NULL;
}

static bool is_own_account(const struct stanza *stanza, const struct jid *to)
{
    struct text from = element_get(stanza->root, "from"), bare = jid_bare(to);
    return text_starts_with(from, bare) && (from.size == bare.size || from.data[bare.size] == '/');
}

static struct way find_way(struct router *router, struct stanza *stanza)
{
    struct way way = { .place = PLACE_SERVER, .scope = SCOPE_OWN_ACCOUNT };
    struct text to = element_get(stanza->root, "to");

    if (to.data && jid_parse(&stanza->arena, to, &way.to) == 0) {
        way.place = router_place(router, &way.to, &way.service);
        way.scope = SCOPE_SERVER;
    }
    if (way.place == PLACE_ACCOUNT && stanza->kind == STANZA_IQ && jid_is_bare(&way.to)) {
        way.place = PLACE_SERVER; /* RFC 6121 8.5.2.1.3: the server answers on the account's behalf */
        way.scope = is_own_account(stanza, &way.to) ? SCOPE_OWN_ACCOUNT : SCOPE_OTHER_ACCOUNT;
    }
    if (way.place == PLACE_SERVER && way.scope != SCOPE_OTHER_ACCOUNT) {
        way.service = routed_service(router, stanza);
        way.is_routed = way.service != NULL;
        if (way.is_routed)
            way.place = PLACE_SERVICE;
    }
    return way;
}

/* NULL data: the stanza may go on. */
static bool may_go(struct router *router, const struct sender *sender, struct stanza *stanza, const struct way *way,
                   enum stanza_condition *condition, const char **text)
{
    *text = NULL;
    if (way->place == PLACE_ELSEWHERE && !peer_is_reached(router, stanza)) {
        *condition = STANZA_ERROR_REMOTE_SERVER_NOT_FOUND;
        *text = "This server does not talk to that one.";
        return false;
    }
    if ((way->place == PLACE_ACCOUNT || way->scope == SCOPE_OTHER_ACCOUNT) && sender->kind == SENDER_CLIENT &&
        session_is_guest(sender->session) &&
        router->parts->config->auth_anonymous_reach == GUESTS_REACH_SERVICES && !is_own_account(stanza, &way->to)) {
        *condition = STANZA_ERROR_FORBIDDEN;
        *text = "Guests may write to services only.";
        return false;
    }
    if (stanza->kind == STANZA_PRESENCE && sender->kind == SENDER_CLIENT && text_is(element_get(stanza->root, "type"), "probe")) {
        *condition = STANZA_ERROR_NOT_ALLOWED; /* RFC 6121 4.3: probes are the servers' */
        return false;
    }
    return true;
}

/* XEP-0191 3.3, the account's own side: nothing goes to whom it has blocked.  The server itself is nobody's to block. */
static enum blocked find_blocked(const struct router *router, const struct sender *sender, const struct way *way)
{
    bool is_to_server = way->place == PLACE_SERVER && way->scope != SCOPE_OTHER_ACCOUNT;
    if (sender->kind != SENDER_CLIENT || !way->to.domain || is_to_server || way->is_routed)
        return BLOCKED_NOT;
    return blocklist_find(router, jid_bare(session_jid(sender->session)), &way->to);
}

/* The recipient; for a routed request, which keeps its 'to', the service that it goes to. */
static struct text way_subject(const struct way *way)
{
    return way->is_routed ? way->service->address : jid_text(&way->to);
}

static void show_out(struct router *router, const struct sender *sender, const struct stanza *stanza, const struct way *way,
                     struct text event)
{
    if (sender->kind != SENDER_CLIENT || !session_watches_events(sender->session))
        return;
    struct text channel = router->channel_observe[stanza->kind];
    if (way->place == PLACE_SERVICE) {
        channel = way->service->mailbox;
    } else if (way->place == PLACE_ACCOUNT) {
        router->channel.size = 0;
        channel_to(&router->channel, router->parts->config->bus_prefix, jid_bare(&way->to));
        channel = buffer_text(&router->channel);
    }
    router_show(sender->session, channel, "out", event);
}

static void to_server(struct router *router, const struct sender *sender, struct stanza *stanza, const struct way *way)
{
    switch (stanza->kind) {
    case STANZA_IQ:
        dispatch_iq(router, sender, stanza, way->scope);
        return;
    case STANZA_PRESENCE:
        if (sender->kind == SENDER_CLIENT && !way->to.domain) {
            caps_presence(router, sender->session, stanza);
            handle_presence(router, sender->session, stanza);
        } else {
            stanza_free(&stanza);
        }
        return;
    case STANZA_MESSAGE:
    case STANZA_NONE:
        router_refuse(router, sender, stanza, STANZA_ERROR_SERVICE_UNAVAILABLE, "Nobody reads messages at this address.");
        stanza_free(&stanza);
        return;
    }
}

/* RFC 6120 8.1.1.1: a message without 'to' is for the sender's own account. */
static void address_to_self(struct stanza *stanza)
{
    struct jid from;
    if (stanza->kind != STANZA_MESSAGE || element_get(stanza->root, "to").data)
        return;
    if (jid_parse(&stanza->arena, element_get(stanza->root, "from"), &from) == 0)
        element_set(&stanza->arena, stanza->root, "to", jid_bare(&from));
}

static void route(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    enum stanza_condition condition;
    const char *text;

    address_to_self(stanza);
    struct way way = find_way(router, stanza);
    enum blocked blocked = find_blocked(router, sender, &way);
    if (blocked == BLOCKED_UNKNOWN) {
        blocklist_wait(router, jid_bare(session_jid(sender->session)), sender, stanza);
        return;
    }
    struct text event = { 0 };
    if (way.place != PLACE_SERVER || observe_wants(router, stanza->kind) ||
        (sender->kind == SENDER_CLIENT && session_watches_events(sender->session)))
        event = router_observe(router, stanza, way_subject(&way));
    if (!may_go(router, sender, stanza, &way, &condition, &text)) {
        router_refuse(router, sender, stanza, condition, text);
        stanza_free(&stanza);
        return;
    }
    if (blocked == BLOCKED_YES) {
        blocklist_refuse(router, sender, stanza);
        return;
    }
    show_out(router, sender, stanza, &way, event);
    if (stanza->kind == STANZA_PRESENCE && way.to.domain && presence_take(router, sender, stanza, &way.to, way.place))
        return;
    switch (way.place) {
    case PLACE_SERVER:
        to_server(router, sender, stanza, &way);
        break;
    case PLACE_ACCOUNT:
        to_account(router, sender, stanza, &way.to, event);
        break;
    case PLACE_SERVICE:
        to_service(router, sender, stanza, way.service, event);
        break;
    case PLACE_ELSEWHERE:
        to_peer(router, sender, stanza, event);
        break;
    }
}

/* What waits for Redis is handled when its delivery, or its kept request, is over; anything else is now. */
void router_route(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    router->in_hand = *sender;
    router->is_kept = false;
    route(router, sender, stanza);
    if (router->is_kept || !sender->number)
        return;
    if (sender->session)
        session_handled(sender->session, sender->number);
    else if (sender->kind == SENDER_PEER)
        peers_handled(router->peers, sender->session_number, sender->number);
}
