/* to_account.c - a stanza for an account of this server that is no message (those: message_to_account.c): the store decides
 * from the session table whom it is for, and publishes it on the account's mailbox in the same step.  RFC 6121 8.5 as a
 * table: what to try, and what to say when nobody is there. */
#include "gateway/router/router_internal.h"

enum nobody { NOBODY_ERROR, NOBODY_SILENT };

struct routing_row {
    enum stanza_kind kind;
    const char *type; /* NULL: any other */
    bool full;        /* to a full JID */
    enum route_audience audience;
    enum nobody nobody;
};

static const struct routing_row routing_table[] = {
    /* RFC 6121 8.5.3: to a full JID */
    { STANZA_PRESENCE, NULL, true, ROUTE_RESOURCE, NOBODY_SILENT },
    { STANZA_IQ, "result", true, ROUTE_RESOURCE, NOBODY_SILENT },
    { STANZA_IQ, "error", true, ROUTE_RESOURCE, NOBODY_SILENT },
    { STANZA_IQ, NULL, true, ROUTE_RESOURCE, NOBODY_ERROR },
    /* RFC 6121 8.5.2: to a bare JID (an iq to a bare JID never comes here: the server answers it) */
    { STANZA_PRESENCE, NULL, false, ROUTE_AVAILABLE, NOBODY_SILENT },
};

static const struct routing_row *find_row(enum stanza_kind kind, struct text type, bool full)
{
    for (size_t i = 0; i < sizeof routing_table / sizeof routing_table[0]; i++) {
        const struct routing_row *row = &routing_table[i];
        if (row->kind == kind && row->full == full && (!row->type || text_is(type, row->type)))
            return row;
    }
    return NULL;
}

/* XEP-0191 3.3: presence is dropped without a word, the rest is answered as if nobody were there. */
static void blocked(struct delivery *delivery)
{
    metric_add(delivery->router->parts->metrics, METRIC_BLOCKED, 1);
    if (delivery->stanza->kind == STANZA_PRESENCE)
        delivery_free(delivery);
    else
        delivery_fail(delivery, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
}

static void on_routed(void *ctx, enum bus_status status, int64_t resources)
{
    struct delivery *delivery = ctx;
    if (status != BUS_OK)
        delivery_away(delivery, status);
    else if (resources == ROUTE_BLOCKED)
        blocked(delivery);
    else if (resources == 0 && delivery->answer == NOBODY_ERROR)
        delivery_fail(delivery, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
    else
        delivery_free(delivery);
}

static void route(struct delivery *delivery, const struct routing_row *row, const struct jid *to, struct text event, unsigned hops)
{
    struct store *store = delivery->router->parts->store;
    struct route request = { .bare = jid_bare(to),
                             .resource = jid_resource(to),
                             .audience = row->audience,
                             .hops = hops,
                             .from = element_get(delivery->stanza->root, "from"),
                             .event = event };
    delivery->answer = (uint8_t)row->nobody;
    store->ops->route(store, &request, on_routed, delivery);
}

void to_account(struct router *router, const struct sender *sender, struct stanza *stanza, const struct jid *to, struct text event)
{
    struct text type = element_get(stanza->root, "type");
    if (stanza->kind == STANZA_MESSAGE) {
        message_to_account(router, sender, stanza, to, event, 0);
        return;
    }
    const struct routing_row *row = find_row(stanza->kind, type, !jid_is_bare(to));
    if (!row) {
        stanza_free(&stanza);
        return;
    }
    route(delivery_new(router, sender, stanza), row, to, event, 0);
}

void to_account_again(struct router *router, struct stanza *stanza, const struct jid *to, struct text event, unsigned hops)
{
    if (stanza->kind == STANZA_MESSAGE) {
        message_to_account(router, &sender_server, stanza, to, event, hops);
        return;
    }
    const struct routing_row *row = find_row(stanza->kind, element_get(stanza->root, "type"), !jid_is_bare(to));
    if (!row) {
        stanza_free(&stanza);
        return;
    }
    route(delivery_new(router, &sender_server, stanza), row, to, event, hops);
}
