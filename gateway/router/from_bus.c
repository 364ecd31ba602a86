/* from_bus.c - the door from the bus: messages of its channels, Redis away and back, the queue toward it full and drained, and
 * the end of each turn of the loop. */
#include "gateway/router/account/blocklist.h"
#include "gateway/router/pep/avatar.h"
#include "gateway/router/presence/presence.h"
#include "gateway/router/resident.h"

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
    router_set_ready(router, false);
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
