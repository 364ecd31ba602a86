/* to_service.c - a stanza for a service: published on its mailbox while Redis counts a subscriber, or answered with an
 * error that says so.  Requests (iq get, set) wait for their answer in requests.c. */
#include "gateway/router/resident.h"

static bool is_request(const struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    return stanza->kind == STANZA_IQ && (text_is(type, "get") || text_is(type, "set"));
}

static void on_published(void *ctx, enum bus_status status, int64_t receivers)
{
    struct delivery *delivery = ctx;
    if (status == BUS_OK && receivers > 0) {
        delivery_free(delivery);
        return;
    }
    if (is_request(delivery->stanza))
        request_cancel(delivery->router, delivery->stanza, delivery->service);
    if (status != BUS_OK) {
        delivery_away(delivery, status);
    } else if (delivery->stanza->kind == STANZA_PRESENCE) {
        metric_add(delivery->router->parts->metrics, METRIC_PRESENCE_DROPS, 1);
        delivery_free(delivery);
    } else {
        delivery_fail(delivery, STANZA_ERROR_SERVICE_UNAVAILABLE, "No service listens at this address now.");
    }
}

void to_service(struct router *router, const struct sender *sender, struct stanza *stanza, struct service *service, struct text event)
{
    if (is_request(stanza)) {
        enum request_result result = request_open(router, sender, stanza, service);
        if (result != REQUEST_WAITS) {
            router_refuse(router, sender, stanza,
                          result == REQUEST_DUPLICATE ? STANZA_ERROR_CONFLICT : STANZA_ERROR_RESOURCE_CONSTRAINT,
                          result == REQUEST_DUPLICATE ? "A request with this id already waits for its answer."
                                                      : "Too many requests wait for answers; try again in a moment.");
            stanza_free(&stanza);
            return;
        }
    }
    struct delivery *delivery = delivery_new(router, sender, stanza);
    struct bus *bus = router->parts->bus;
    struct text behind_brace = { event.data + 1, event.size - 1 };
    delivery->service = service;
    bus->ops->publish(bus, service->mailbox, service->replyto_head, behind_brace, on_published, delivery);
    sending_note(delivery, sender, event);
}
