/* delivery.c - a stanza that waits for Redis to say what became of it.  Kept whole, so that an error answer can be made;
 * bounded by limits.redis_queue, because each waits for one command of that queue. */
#include <stdlib.h>

#include "gateway/router/router_internal.h"

struct delivery *delivery_new(struct router *router, const struct sender *sender, struct stanza *stanza)
{
    struct delivery *delivery = router->free_deliveries;
    if (delivery)
        router->free_deliveries = delivery->next;
    else
        delivery = xmalloc(sizeof *delivery);
    *delivery = (struct delivery){ .router = router, .stanza = stanza, .sender = *sender };
    delivery->sender.session = NULL; /* it may end while the stanza waits */
    delivery->open = 1;
    router_keep(router, sender);
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    if (--delivery->open > 0)
        return;
    router_handled(delivery->router, &delivery->sender, delivery->stanza);
    stanza_free(&delivery->stanza);
    delivery->next = delivery->router->free_deliveries;
    delivery->router->free_deliveries = delivery;
}

void delivery_fail(struct delivery *delivery, enum stanza_condition condition, const char *text)
{
    router_refuse(delivery->router, &delivery->sender, delivery->stanza, condition, text);
    delivery_free(delivery);
}

void delivery_away(struct delivery *delivery, enum bus_status status)
{
    if (delivery->stanza->kind == STANZA_PRESENCE) {
        metric_add(delivery->router->parts->metrics, METRIC_PRESENCE_DROPS, 1);
        delivery_free(delivery);
        return;
    }
    delivery_fail(delivery, STANZA_ERROR_RESOURCE_CONSTRAINT,
                  status == BUS_AWAY ? "The server cannot reach its store now; try again in a moment."
                                     : "The server's store refused this; its log says why.");
}
