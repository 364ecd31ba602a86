/* start.c - the router's own life: the names it uses, what it subscribes, its start and its stop. */
#include <stdlib.h>

#include "gateway/router/account/blocklist.h"
#include "gateway/router/pep/avatar.h"
#include "gateway/router/pep/caps.h"
#include "gateway/router/presence/presence.h"
#include "gateway/router/resident.h"

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

void router_set_ready(struct router *router, bool ready)
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
        router_set_ready(router, true);
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
