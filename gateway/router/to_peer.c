/* to_peer.c - a stanza for another server or a component: queued in Redis, where it waits for the connection (peers.h); and
 * what those say, which goes the way of everybody's stanzas. */
#include "gateway/router/pep/caps.h"
#include "gateway/router/resident.h"

/* -- out -- */

static struct text domain_of(struct stanza *stanza, const char *attribute)
{
    struct jid jid;
    if (jid_parse(&stanza->arena, element_get(stanza->root, attribute), &jid) < 0)
        return (struct text){ 0 };
    return jid_domain(&jid);
}

bool peer_is_reached(struct router *router, struct stanza *stanza)
{
    return router->peers && peers_reach(router->peers, domain_of(stanza, "from"), domain_of(stanza, "to"));
}

static void on_queued(void *ctx, enum bus_status status, int64_t result)
{
    struct delivery *delivery = ctx;
    if (status == BUS_OK && (result == PEERS_FULL || result == PEERS_NOBODY))
        caps_abroad_missed(delivery->router, delivery->stanza);
    if (status != BUS_OK)
        delivery_away(delivery, status);
    else if (result == PEERS_FULL)
        delivery_fail(delivery, STANZA_ERROR_RESOURCE_CONSTRAINT, "Too much waits for that server already; try again later.");
    else if (result == PEERS_NOBODY)
        delivery_fail(delivery, STANZA_ERROR_SERVICE_UNAVAILABLE, "The component of this address is not connected now.");
    else
        delivery_free(delivery);
}

void to_peer(struct router *router, const struct sender *sender, struct stanza *stanza, struct text event)
{
    struct text from = domain_of(stanza, "from"), to = domain_of(stanza, "to");
    struct delivery *delivery = delivery_new(router, sender, stanza);
    struct deliver numbered = { .number = 0 };
    sending_number(router, sender, &numbered);
    sending_note(delivery, sender, event); /* first: a refusal may come from inside the next call */
    peers_send(router->peers, stanza, from, to, event, numbered.stream, numbered.number, on_queued, delivery);
}

/* -- in -- */

static void on_stanza(void *ctx, struct stanza *stanza, uint64_t peer, uint64_t number)
{
    struct router *router = ctx;
    struct sender sender = { .kind = SENDER_PEER, .session_number = peer, .number = number };
    struct jid to;

    if (stanza_reserved_payload(stanza, false)) {
        router_refuse(router, &sender, stanza, STANZA_ERROR_NOT_ALLOWED, "Only a user's own server may send this.");
        stanza_free(&stanza);
        peers_handled(router->peers, peer, number);
        return;
    }
    if (stanza->kind == STANZA_MESSAGE && jid_parse(&stanza->arena, element_get(stanza->root, "to"), &to) == 0) {
        stanza_remove_ids_by(stanza, jid_bare(&to)); /* XEP-0359 4, rule 2 */
        if (to.local && jid_is_bare(&to) && text_is(element_get(stanza->root, "type"), "error"))
            caps_abroad_bounced(router, stanza, &to);
    }
    router_route(router, &sender, stanza);
}

static void on_undelivered(void *ctx, struct stanza *stanza, enum stanza_condition condition, const char *text)
{
    struct router *router = ctx;
    caps_abroad_missed(router, stanza);
    struct stanza *error = stanza->kind == STANZA_PRESENCE ? NULL : stanza_error(stanza, condition, text);
    if (error)
        metric_add(router->parts->metrics, METRIC_STANZA_ERRORS, 1);
    router_say(router, error);
    stanza_free(&stanza);
}

const struct peers_callbacks router_peers_callbacks = {
    .on_stanza = on_stanza,
    .on_undelivered = on_undelivered,
};

void router_set_peers(struct router *router, struct peers *peers)
{
    router->peers = peers;
}
