/* intake.c - what a service says on its own channel, xmpp:from:{address}.  The channel is the identity.  It is checked
 * in full and then goes the way of a client's stanza; what is refused goes back to the service's mailbox with the
 * reason. */
#include <stdio.h>

#include "gateway/router/router_internal.h"

struct said { /* the event in hand */
    struct router *router;
    struct service *service;
    struct text channel, payload;
    struct event event;
    struct refusal why;
};

static int refuse(struct said *said, const char *reason, const char *text)
{
    said->why.reason = reason;
    snprintf(said->why.text, sizeof said->why.text, "%s", text);
    struct text id = said->event.stanza ? element_get(said->event.stanza->root, "id") : (struct text){ 0 };
    if (id.data)
        snprintf(said->why.id, sizeof said->why.id, "%.*s", TEXT_ARGS(id));
    return -1;
}

static bool is_own_address(const struct service *service, const struct jid *jid)
{
    return text_equal(service->is_domain ? jid_domain(jid) : jid_bare(jid), service->address);
}

/* Prepared in place, so that what goes on is in canonical form. */
static int prepare(struct said *said, const char *attribute, struct jid *jid)
{
    struct stanza *stanza = said->event.stanza;
    struct text given = element_get(stanza->root, attribute);
    char text[128];

    if (jid_parse(&stanza->arena, given, jid) == 0) {
        element_set(&stanza->arena, stanza->root, attribute, jid_text(jid));
        return 0;
    }
    snprintf(text, sizeof text, "data.%s: not an XMPP address (RFC 7622)", attribute);
    return refuse(said, "bad-address", text);
}

static int check_addresses(struct said *said)
{
    struct stanza *stanza = said->event.stanza;
    struct jid from, to;

    if (!element_get(stanza->root, "from").data)
        element_set(&stanza->arena, stanza->root, "from", said->service->address);
    if (prepare(said, "from", &from) < 0)
        return -1;
    if (!is_own_address(said->service, &from))
        return refuse(said, "not-allowed", "data.from: not an address of this channel; leave it out, or use one of your own");
    if (!element_get(stanza->root, "to").data)
        return refuse(said, "missing-field", "data.to: whom is it for?");
    return prepare(said, "to", &to);
}

static bool is_answer(const struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    return stanza->kind == STANZA_IQ && (text_is(type, "result") || text_is(type, "error"));
}

static int check_payload(struct said *said)
{
    const char *reserved = stanza_reserved_payload(said->event.stanza, false);
    char text[200];
    if (!reserved)
        return 0;
    snprintf(text, sizeof text, "data: only a user's own server may send %s", reserved);
    return refuse(said, "not-allowed", text);
}

/* RFC 6120 8.1.3: an iq has an id; a brief one gets it here. */
static void fill_id(struct said *said)
{
    struct stanza *stanza = said->event.stanza;
    char id[EVENT_ID_SIZE];
    if (stanza->kind != STANZA_IQ || element_get(stanza->root, "id").data)
        return;
    event_id_next(&said->router->ids, router_wall_ms(said->router), id);
    element_set(&stanza->arena, stanza->root, "id", arena_text(&stanza->arena, (struct text){ id, sizeof id }));
}

/* An answer goes to who asked, not through the routing of strangers' stanzas. */
static int pass_answer(struct said *said)
{
    struct stanza *stanza = said->event.stanza;
    struct sender asker;
    const char *why = NULL;
    struct jid from;
    bool has_from = element_get(stanza->root, "from").data != NULL;

    if (has_from && prepare(said, "from", &from) < 0)
        return -1;
    if (!element_get(stanza->root, "to").data)
        return refuse(said, "missing-field", "data.to: the address that asked");
    struct jid to;
    if (prepare(said, "to", &to) < 0 || check_payload(said) < 0)
        return -1;
    if (!request_answer(said->router, stanza, said->service, &asker, &why))
        return refuse(said, "no-such-request", why);
    struct text event = router_observe(said->router, stanza, jid_text(&to));
    router_show(router_session_of(said->router, &asker, &to), said->channel, "in", event);
    router_answer(said->router, &asker, stanza);
    said->event.stanza = NULL;
    return 0;
}

static int pass(struct said *said)
{
    if (event_read(said->payload, EVENT_FROM_SERVICE, &said->router->limits, &said->event, &said->why) < 0) {
        said->event.stanza = NULL;
        return -1;
    }
    if (is_answer(said->event.stanza))
        return pass_answer(said);
    if (check_addresses(said) < 0 || check_payload(said) < 0)
        return -1;
    fill_id(said);
    struct sender sender = { .kind = SENDER_SERVICE, .service = said->service };
    struct stanza *stanza = said->event.stanza;
    said->event.stanza = NULL;
    router_route(said->router, &sender, stanza);
    return 0;
}

/* People are held back while the queue toward Redis is full, and a service that goes on and on would keep it so: what it
 * says unasked has no place in it then. */
void intake_overflow(struct router *router, struct service *service, struct text channel, struct text payload)
{
    static const struct refusal why = { "too-much", "more than Redis takes from the gateway now: say less at a time", "" };
    metric_add(router->parts->metrics, METRIC_SERVICE_DROPS, 1);
    observe_overflow(router, service, channel, payload, &why);
}

void intake(struct router *router, struct service *service, struct text channel, struct text payload)
{
    struct said said = { .router = router, .service = service, .channel = channel, .payload = payload };

    metric_add(router->parts->metrics, METRIC_SERVICE_EVENTS, 1);
    if (pass(&said) == 0)
        return;
    /* RFC 6120 8.3.1: nothing of type error is ever answered with an error. */
    bool is_error = said.event.stanza && text_is(element_get(said.event.stanza->root, "type"), "error");
    observe_refused(router, service, channel, payload, &said.why, !is_error);
    stanza_free(&said.event.stanza);
}
