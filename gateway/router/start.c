/* start.c - the router's own life: the names it uses, what it subscribes, and the two doors through which everything
 * comes in (sessions, bus). */
#include <stdlib.h>

#include "gateway/router/account/ask_login.h"
#include "gateway/router/account/blocklist.h"
#include "gateway/router/pep/avatar.h"
#include "gateway/router/pep/caps.h"
#include "gateway/router/presence/presence.h"
#include "gateway/router/resident.h"
#include "gateway/router/resumption.h"

enum { START_AGAIN_MS = 500 };
enum { EVENT_BYTES_FACTOR = 8 }; /* JSON of a stanza may grow: control characters and quotes are escaped */

/* -- making -- */

static struct text keep_name(struct router *router, struct buffer *name)
{
    struct text kept = arena_text(&router->arena, buffer_text(name));
    name->size = 0;
    return kept;
}

static void add_service(struct router *router, struct text address, bool is_domain)
{
    struct text prefix = router->parts->config->bus_prefix;
    struct buffer *name = &router->channel;
    struct service *service = xcalloc(1, sizeof *service);

    service->router = router;
    service->address = address;
    service->is_domain = is_domain;
    channel_to(name, prefix, address);
    service->mailbox = keep_name(router, name);
    channel_from(name, prefix, address);
    service->said = keep_name(router, name);
    channel_from_node(name, prefix, address, router->parts->node);
    service->replyto = keep_name(router, name);
    BUFFER_LITERAL(name, "{\"replyto\":");
    json_write_string(name, service->replyto);
    BUFFER_LITERAL(name, ",");
    service->replyto_head = keep_name(router, name);
    HASH_ADD_KEYPTR(hh, router->services, service->address.data, service->address.size, service);
}

static struct text plain_channel(struct router *router, const char *name)
{
    return arena_printf(&router->arena, "%.*s%s", TEXT_ARGS(router->parts->config->bus_prefix), name);
}

struct router *router_new(struct parts *parts)
{
    const struct config *config = parts->config;
    struct router *router = xcalloc(1, sizeof *router);

    router->parts = parts;
    TAILQ_INIT(&router->crowds);
    TAILQ_INIT(&router->checks);
    router->limits = (struct event_limits){ config->limits.stanza_bytes * EVENT_BYTES_FACTOR, config->limits.depth * 4 + 16 };
    router->channel_observe[STANZA_MESSAGE] = plain_channel(router, "stanza:message");
    router->channel_observe[STANZA_PRESENCE] = plain_channel(router, "stanza:presence");
    router->channel_observe[STANZA_IQ] = plain_channel(router, "stanza:iq");
    router->channel_session = plain_channel(router, "session");
    router->channel_dead = plain_channel(router, "dead");
    router->channel_node = arena_printf(&router->arena, "%.*snode:{%.*s}", TEXT_ARGS(config->bus_prefix), TEXT_ARGS(parts->node));
    for (size_t i = 0; i < config->services_domains.count; i++)
        add_service(router, config->services_domains.items[i], true);
    for (size_t i = 0; i < config->services_accounts.count; i++)
        add_service(router, config->services_accounts.items[i], false);
    return router;
}

void router_set_sessions(struct router *router, struct sessions *sessions)
{
    router->sessions = sessions;
}

void router_free(struct router **pointer)
{
    struct router *router = *pointer;
    struct service *service, *next;
    if (!router)
        return;
    node_stop(router);
    crowds_free(router);
    farewells_free(router);
    subscriptions_free(router);
    attendances_free(router);
    timer_stop(&router->start_timer);
    timer_stop(&router->retention.timer);
    requests_free(router);
    caps_free(router);
    avatars_free(router);
    blocklists_free(router);
    settlings_free(router);
    residents_free(router);
    HASH_ITER(hh, router->services, service, next) {
        timer_stop(&service->lease_timer);
        HASH_DEL(router->services, service);
        free(service);
    }
    for (struct delivery *delivery = router->free_deliveries, *after; delivery; delivery = after) {
        after = delivery->next;
        free(delivery);
    }
    buffer_fini(&router->channel);
    buffer_fini(&router->event);
    buffer_fini(&router->push);
    buffer_fini(&router->xml[0]);
    buffer_fini(&router->xml[1]);
    archive_readings_free(router);
    archive_ids_free(&router->archive_ids);
    arena_fini(&router->arena);
    free(router);
    *pointer = NULL;
}

/* -- starting and stopping -- */

static void set_ready(struct router *router, bool ready)
{
    __atomic_store_n(&router->parts->metrics->ready, ready, __ATOMIC_RELAXED);
}

void router_step_done(struct router *router)
{
    if (--router->starting > 0)
        return;
    void (*on_ready)(void *ctx) = router->on_ready;
    router->on_ready = NULL;
    if (on_ready)
        on_ready(router->ready_ctx);
    else if (!router->parts->bus->is_away && !router->is_stopping)
        set_ready(router, true);
}

static void on_subscribed(void *ctx, enum bus_status status)
{
    (void)status; /* a lost subscription is made again by the bus */
    router_step_done(ctx);
}

static void subscribe(struct router *router, struct text channel)
{
    struct bus *bus = router->parts->bus;
    router->starting++;
    bus->ops->subscribe(bus, channel, on_subscribed, router);
}

static void on_secret(void *ctx, enum bus_status status, struct text secret);

static void ask_secret(struct timer *timer)
{
    struct router *router = container_of(timer, struct router, start_timer);
    struct store *store = router->parts->store;
    store->ops->secret_get(store, TEXT("server"), on_secret, router);
}

static void on_secret(void *ctx, enum bus_status status, struct text secret)
{
    struct router *router = ctx;
    struct service *service, *next;

    if (status != BUS_OK || secret.size != sizeof router->parts->secret) {
        timer_start(router->parts->timers, &router->start_timer, START_AGAIN_MS, ask_secret);
        return;
    }
    memcpy(router->parts->secret, secret.data, secret.size);
    router->archive_ids = archive_ids_new(router->parts->secret);
    archive_retention_start(router);
    node_start(router);
    subscribe(router, router->channel_node);
    HASH_ITER(hh, router->services, service, next) {
        subscribe(router, service->replyto);
        lease_start(service);
    }
    router_step_done(router);
}

void router_start(struct router *router, void (*on_ready)(void *ctx), void *ctx)
{
    router->on_ready = on_ready;
    router->ready_ctx = ctx;
    router->starting = 1;
    ask_secret(&router->start_timer);
}

void router_stop(struct router *router)
{
    struct parts *parts = router->parts;
    struct service *service, *next;
    router->is_stopping = true;
    node_stop(router);
    archive_retention_stop(router);
    HASH_ITER(hh, router->services, service, next)
        lease_stop(service);
    if (sessions_are_unbound(router->sessions)) /* else the others sweep up after this node */
        parts->store->ops->node_gone(parts->store, parts->node, NULL, NULL);
}

/* -- the door from the sessions -- */

static void on_bound(void *ctx, struct session *session, const struct bind_answer *answer)
{
    resident_open(ctx, session, answer);
    blocklist_open(ctx, jid_bare(session_jid(session)), answer->flags);
    avatar_open(ctx, session);
    observe_session(ctx, session, SESSION_STARTED, NULL);
}

static void on_ended(void *ctx, struct session *session, const char *reason)
{
    struct router *router = ctx;
    avatar_close(router, session);
    caps_left(router, session);
    resident_close(router, session);
    blocklist_close(router, session);
    farewell_say(router, session);
    attendance_free(session);
    observe_session(router, session, SESSION_ENDED, reason);
}

static void on_delivered(void *ctx, struct session *session, const uint64_t *numbers, size_t count)
{
    resident_delivered(ctx, session, numbers, count);
}

/* What the session had been given, and had not acknowledged, is routed again. */
static void on_unbound(void *ctx, struct text bare, bool may_wait)
{
    if (may_wait)
        account_settle(ctx, bare);
}

static void on_early(void *ctx, struct session *session, uint64_t entry)
{
    struct resident *resident = resident_find(ctx, jid_bare(session_jid(session)));
    if (resident)
        catch_up_early(resident, entry);
}

static void on_login_failed(void *ctx, struct session *session, struct text user, const char *reason)
{
    observe_login_failed(ctx, session, user, reason);
}

/* XEP-0359 4, rule 2: ids that claim to be by the sender's or the recipient's server are not the client's to give. */
static void remove_spoofed_ids(const struct session *session, struct stanza *stanza)
{
    struct jid to;
    stanza_remove_ids_by(stanza, jid_bare(session_jid(session)));
    if (jid_parse(&stanza->arena, element_get(stanza->root, "to"), &to) == 0)
        stanza_remove_ids_by(stanza, jid_bare(&to));
}

static void on_stanza(void *ctx, struct session *session, struct stanza *stanza)
{
    struct router *router = ctx;
    struct sender sender = sender_of(session);

    if (stanza_reserved_payload(stanza, true)) {
        router_refuse(router, &sender, stanza, STANZA_ERROR_NOT_ALLOWED, "Only your own server may send this.");
        router_handled(router, &sender, stanza);
        stanza_free(&stanza);
        return;
    }
    if (stanza->kind == STANZA_MESSAGE)
        remove_spoofed_ids(session, stanza);
    if (stanza->kind == STANZA_PRESENCE && !avatar_stamp(router, &sender, stanza))
        return;
    router_route(router, &sender, stanza);
}

static void on_login_asked(void *ctx, struct session *session, const struct login_question *question)
{
    ask_login(ctx, session, question);
}

static void on_replaced(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    node_tell(ctx, node, "replaced", number, bare, resource);
}

/* -- sessions that may be resumed: resumption.c -- */

static void on_resumed(void *ctx, struct session *session, const struct sm_taken *taken)
{
    resumption_resumed(ctx, session, taken);
}

static void on_read_log(void *ctx, struct session *session, uint64_t after)
{
    resumption_read_log(ctx, session, after);
}

static void on_moved(void *ctx, struct session *session)
{
    resumption_moved(ctx, session);
}

static void on_taken(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    node_tell(ctx, node, "resumed", number, bare, resource);
}

static void on_lost(void *ctx, struct session *session)
{
    resumption_lost(ctx, session);
}

static void on_dropped(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    resumption_dropped(ctx, node, number, bare, resource);
}

static void on_undelivered(void *ctx, struct session *session, struct stanza *stanza)
{
    (void)session;
    resumption_undelivered(ctx, stanza);
}

static void on_left_behind(void *ctx, struct session *session, struct stanza *stanza)
{
    resumption_left_behind(ctx, session, stanza);
}

static void on_fenced(void *ctx, struct session *session)
{
    node_restore_session(ctx, session);
}

const struct session_callbacks router_session_callbacks = {
    .on_bound = on_bound,
    .on_stanza = on_stanza,
    .on_ended = on_ended,
    .on_login_failed = on_login_failed,
    .on_replaced = on_replaced,
    .on_login_asked = on_login_asked,
    .on_delivered = on_delivered,
    .on_unbound = on_unbound,
    .on_early = on_early,
    .on_resumed = on_resumed,
    .on_read_log = on_read_log,
    .on_moved = on_moved,
    .on_taken = on_taken,
    .on_lost = on_lost,
    .on_dropped = on_dropped,
    .on_undelivered = on_undelivered,
    .on_left_behind = on_left_behind,
    .on_fenced = on_fenced,
};

/* -- the door from the bus -- */

static void on_message(void *ctx, struct text channel, struct text payload)
{
    struct router *router = ctx;
    struct arena arena = { 0 };
    struct text address, node;
    struct service *service;

    switch (channel_parse(&arena, router->parts->config->bus_prefix, channel, &address, &node)) {
    case CHANNEL_TO:
        mailbox_hand_out(router, address, channel, payload);
        break;
    case CHANNEL_FROM:
    case CHANNEL_FROM_NODE:
        service = router_find_service(router, address);
        if (!service || (!node.size && !service->holds_lease))
            metric_add(router->parts->metrics, METRIC_SERVICE_STRAYS, 1); /* it lay in our socket while the lease ended */
        else if (!node.size && router->is_full)
            intake_overflow(router, service, channel, payload);
        else
            intake(router, service, channel, payload);
        break;
    case CHANNEL_NODE:
        node_command(router, payload);
        break;
    case CHANNEL_OTHER:
        break;
    }
    arena_fini(&arena);
}

static void on_away(void *ctx)
{
    struct router *router = ctx;
    if (router->on_ready)
        return; /* nobody is served yet */
    log_error(router->parts->log, NULL, "redis-away", "text=%s",
              log_quote("stanzas that need Redis are answered with resource-constraint until it is back", 78));
    set_ready(router, false);
}

/* Ready again once the leases are taken or known to be another's: until then a service may speak to nobody. */
static void on_back(void *ctx, bool subscriptions_lost)
{
    struct router *router = ctx;
    struct service *service, *next;
    if (router->on_ready)
        return;
    router->starting++;
    HASH_ITER(hh, router->services, service, next)
        lease_start(service);
    residents_back(router, subscriptions_lost);
    if (subscriptions_lost) {
        blocklists_forget(router);
        avatars_forget(router);
        node_restore(router);
        if (router->peers)
            peers_back(router->peers);
    }
    router_step_done(router);
}

static void on_turn(void *ctx)
{
    struct router *router = ctx;
    sessions_turn(router->sessions);
    residents_turn(router);
    if (router->peers)
        peers_turn(router->peers);
}

static void on_full(void *ctx)
{
    struct router *router = ctx;
    router->is_full = true;
    sessions_pause_reading(router->sessions);
}

static void on_drained(void *ctx)
{
    struct router *router = ctx;
    router->is_full = false;
    crowds_go_on(router);
    sessions_resume_reading(router->sessions);
}

const struct bus_callbacks router_bus_callbacks = {
    .on_message = on_message,
    .on_away = on_away,
    .on_back = on_back,
    .on_turn = on_turn,
    .on_full = on_full,
    .on_drained = on_drained,
};
