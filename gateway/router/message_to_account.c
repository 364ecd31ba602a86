/* message_to_account.c - a message for an account of this server: to whom, by RFC 6121 8.5; what becomes of it beside, by
 * keeping.c.  The store decides, keeps and publishes in one step (store_log.h). */
#include "gateway/router/keeping.h"
#include "gateway/router/resident.h"

enum nobody { NOBODY_ERROR, NOBODY_SILENT };

/* RFC 6121 8.5.2 and 8.5.3, table 1.  Where it says "silently ignore or return an error", what somebody wrote is answered. */
static const struct message_row {
    const char *type; /* NULL: any other */
    bool is_full;     /* to a full JID */
    bool is_for_nobody; /* not even for those who are there */
    enum route_audience audience;
    enum nobody nobody;
} rows[] = {
    { "chat", true, false, ROUTE_RESOURCE_OR_NON_NEGATIVE, NOBODY_ERROR },
    { "headline", true, false, ROUTE_RESOURCE, NOBODY_SILENT },
    { "error", true, false, ROUTE_RESOURCE, NOBODY_SILENT },
    { NULL, true, false, ROUTE_RESOURCE, NOBODY_ERROR },
    { "headline", false, false, ROUTE_NON_NEGATIVE, NOBODY_SILENT },
    { "groupchat", false, true, ROUTE_NON_NEGATIVE, NOBODY_ERROR },
    { "error", false, true, ROUTE_NON_NEGATIVE, NOBODY_SILENT },
    { NULL, false, false, ROUTE_NON_NEGATIVE, NOBODY_ERROR },
};

static const struct message_row *find_row(struct text type, bool is_full)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].is_full == is_full && (!rows[i].type || text_is(type, rows[i].type)))
            return &rows[i];
    return NULL; /* never: the last row of each is for any type */
}

static void count(const struct delivery *delivery, enum metric which)
{
    metric_add(delivery->router->parts->metrics, which, 1);
}

static void for_nobody(struct delivery *delivery)
{
    if (delivery->answer == NOBODY_ERROR) {
        delivery_fail(delivery, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    count(delivery, METRIC_MESSAGES_DROPPED);
    delivery_free(delivery);
}

static void settle_recipient(struct delivery *delivery)
{
    struct jid to;
    if (jid_parse(&delivery->stanza->arena, element_get(delivery->stanza->root, "to"), &to) == 0)
        account_settle(delivery->router, jid_bare(&to));
}

static void on_taken(void *ctx, enum bus_status status, int64_t result)
{
    struct delivery *delivery = ctx;
    if (status != BUS_OK) {
        delivery_away(delivery, status);
        return;
    }
    switch (result) {
    case DELIVER_NOBODY:
    case DELIVER_NO_ACCOUNT:
        for_nobody(delivery);
        return;
    case DELIVER_BLOCKED: /* XEP-0191 3.3: as if nobody were there */
        count(delivery, METRIC_BLOCKED);
        delivery_fail(delivery, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL);
        return;
    case DELIVER_FULL:
        count(delivery, METRIC_MESSAGES_REFUSED_FULL);
        delivery_fail(delivery, STANZA_ERROR_RESOURCE_CONSTRAINT, "Too many messages wait for this address already.");
        return;
    case DELIVER_BACKLOG:
        settle_recipient(delivery);
        count(delivery, METRIC_MESSAGES_STORED);
        break;
    case DELIVER_STORED:
        count(delivery, METRIC_MESSAGES_STORED);
        break;
    case DELIVER_DOUBLE:
        count(delivery, METRIC_MESSAGES_AGAIN);
        break;
    default:
        break;
    }
    delivery_free(delivery);
}

void message_to_account(struct router *router, const struct sender *sender, struct stanza *stanza, const struct jid *to,
                        struct text event, unsigned hops)
{
    const struct message_row *row = find_row(element_get(stanza->root, "type"), !jid_is_bare(to));
    struct delivery *delivery = delivery_new(router, sender, stanza);
    struct keeping keeping = keeping_of(stanza, SIDE_RECIPIENT);
    struct archive_settings archive = archive_settings(router);
    struct deliver deliver = { .bare = jid_bare(to),
                               .resource = jid_resource(to),
                               .audience = row->audience,
                               .keep = hops ? 0 : keeping.keep, /* what comes again was not one to keep */
                               .hops = hops,
                               .from = element_get(stanza->root, "from"),
                               .waiting = router->parts->config->limits_waiting,
                               .waiting_bytes = router->parts->config->limits_waiting_bytes,
                               .is_trusted = sender->kind == SENDER_SERVICE || sender->kind == SENDER_SERVER,
                               .beginning = (uint64_t)router_wall_ms(router),
                               .archive = &archive,
                               .event = event };
    delivery->answer = keeping.is_fleeting ? NOBODY_SILENT : (uint8_t)row->nobody;
    if (row->is_for_nobody) {
        for_nobody(delivery);
        return;
    }
    if (text_equal(jid_domain(to), router->parts->config->auth_anonymous_domain))
        deliver.keep &= ~(unsigned)KEEP_ARCHIVE; /* guests have none: nobody would ever read or delete it */
    if (deliver.keep & (KEEP_LOG | KEEP_ARCHIVE))
        sending_number(router, sender, &deliver);
    struct store *store = router->parts->store;
    store->log->deliver(store, &deliver, on_taken, delivery);
    sending_note(delivery, sender, event);
}
