/* lease.c - a service speaks unasked on xmpp:from:{its address}, and exactly one node listens there: the holder of the
 * address's lease.  Every node asks for the lease again and again, and at once when Redis is back, which may have
 * forgotten it; the one that gets it subscribes.  A holder that could not renew in time stops listening by itself,
 * because another node may have the lease by then. */
#include "gateway/router/router_internal.h"

enum { LEASE_TTL_MS = 6000, LEASE_ASK_MS = 1500, LEASE_MARGIN_MS = 1000 };

static void on_listening(void *ctx, enum bus_status status)
{
    struct service *service = ctx;
    (void)status;
    router_step_done(service->router);
}

static void listen(struct service *service)
{
    struct router *router = service->router;
    log_info(router->parts->log, NULL, "lease-taken", "service=%.*s", TEXT_ARGS(service->address));
    service->holds_lease = true;
    router->starting++;
    router->parts->bus->ops->subscribe(router->parts->bus, service->said, on_listening, service);
}

static void stop_listening(struct service *service, const char *why)
{
    struct router *router = service->router;
    log_info(router->parts->log, NULL, "lease-lost", "service=%.*s reason=%s", TEXT_ARGS(service->address), why);
    service->holds_lease = false;
    router->parts->bus->ops->unsubscribe(router->parts->bus, service->said);
}

/* Counted from the asking, so that Redis ends the lease later than this. */
static bool is_over(const struct service *service, int64_t since_ms)
{
    return timers_now(service->router->parts->timers) - since_ms > LEASE_TTL_MS - LEASE_MARGIN_MS;
}

static void ask(struct service *service);

static void take_answer(struct service *service, int64_t result)
{
    bool is_mine = result == 1 && !is_over(service, service->asked_ms);
    if (is_mine)
        service->confirmed_ms = service->asked_ms;
    if (is_mine && !service->holds_lease)
        listen(service);
    else if (result != 1 && service->holds_lease)
        stop_listening(service, "taken");
    if (result == 1 && !is_mine)
        ask(service); /* the answer took too long to count */
}

static void on_answer(void *ctx, enum bus_status status, int64_t result)
{
    struct service *service = ctx;
    struct router *router = service->router;
    bool is_step = service->is_step;

    service->is_asking = service->is_step = false;
    if (status == BUS_OK && !router->is_stopping)
        take_answer(service, result);
    if (is_step)
        router_step_done(router);
}

static void ask(struct service *service)
{
    struct parts *parts = service->router->parts;
    if (service->is_asking)
        return;
    service->is_asking = true;
    service->asked_ms = timers_now(parts->timers);
    parts->store->ops->lease_take(parts->store, service->address, parts->node, LEASE_TTL_MS, on_answer, service);
}

static void on_timer(struct timer *timer)
{
    struct service *service = container_of(timer, struct service, lease_timer);

    timer_start(service->router->parts->timers, timer, LEASE_ASK_MS, on_timer);
    if (service->holds_lease && is_over(service, service->confirmed_ms))
        stop_listening(service, "not-renewed");
    ask(service);
}

void lease_confirm(struct service *service)
{
    ask(service);
}

/* The answer is a step of the start, or of the way back: ready means that somebody listens to the services. */
void lease_start(struct service *service)
{
    if (!service->is_step)
        service->router->starting++;
    service->is_step = true;
    timer_start(service->router->parts->timers, &service->lease_timer, LEASE_ASK_MS, on_timer);
    if (!service->is_asking)
        ask(service);
}

void lease_stop(struct service *service)
{
    struct parts *parts = service->router->parts;
    timer_stop(&service->lease_timer);
    if (!service->holds_lease)
        return;
    service->holds_lease = false;
    parts->bus->ops->unsubscribe(parts->bus, service->said);
    parts->store->ops->lease_release(parts->store, service->address, parts->node);
}
