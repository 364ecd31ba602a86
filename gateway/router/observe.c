/* observe.c - copies for those who watch: the observer channels, the session channel, the dead-letter channel, and the
 * page that shows a session its own traffic.  Best effort: a copy that cannot be published is counted and gone. */
#include "gateway/router/router_internal.h"

enum { REFUSALS_LOGGED_MS = 1000 };

static void on_copied(void *ctx, enum bus_status status, int64_t receivers)
{
    struct router *router = ctx;
    (void)receivers;
    if (status != BUS_OK)
        metric_add(router->parts->metrics, METRIC_OBSERVER_DROPS, 1);
}

static void publish_copy(struct router *router, struct text channel, struct text event)
{
    struct bus *bus = router->parts->bus;
    bus->ops->publish_copy(bus, channel, event, on_copied, router);
}

bool observe_wants(const struct router *router, enum stanza_kind kind)
{
    static const unsigned bits[] = { OBSERVE_MESSAGE, OBSERVE_PRESENCE, OBSERVE_IQ };
    return kind < STANZA_NONE && (router->parts->config->bus_observe & bits[kind]);
}

void observe_stanza(struct router *router, enum stanza_kind kind, struct text event)
{
    if (observe_wants(router, kind))
        publish_copy(router, router->channel_observe[kind], event);
}

/* A fresh head, with its id in the caller's room. */
static struct event_head make_head(struct router *router, char id[EVENT_ID_SIZE], struct text subject)
{
    struct event_head head = { .wall_ms = router_wall_ms(router),
                               .id = { id, EVENT_ID_SIZE },
                               .source = router->parts->config->domains.items[0],
                               .subject = subject };
    event_id_next(&router->ids, head.wall_ms, id);
    router->event.size = 0;
    return head;
}

static void publish_session_event(struct router *router, const struct event_session *what)
{
    char id[EVENT_ID_SIZE];
    struct event_head head = make_head(router, id, (struct text){ 0 });
    event_write_session(&router->event, &head, what);
    publish_copy(router, router->channel_session, buffer_text(&router->event));
}

static struct event_session describe(struct router *router, const struct session *session, enum session_event event,
                                     const char *reason)
{
    return (struct event_session){ .event = event,
                                   .node = router->parts->node,
                                   .mechanism = text_of(session_mechanism(session)),
                                   .peer = text_of(session_subject(session)->peer),
                                   .reason = text_of(reason) };
}

void observe_session(struct router *router, const struct session *session, enum session_event event, const char *reason)
{
    struct event_session what = describe(router, session, event, reason);
    what.jid = jid_text(session_jid(session));
    publish_session_event(router, &what);
}

void observe_login_failed(struct router *router, const struct session *session, struct text user, const char *reason)
{
    struct event_session what = describe(router, session, SESSION_LOGIN_FAILED, reason);
    what.jid = user;
    publish_session_event(router, &what);
}

static void tell_sender(struct router *router, struct service *service, struct text channel, const struct refusal *why)
{
    char id[EVENT_ID_SIZE];
    struct event_head head = make_head(router, id, service->address);
    struct event_refused refused = { why->reason, text_of(why->text), text_of(why->id), channel };
    event_write_refused(&router->event, &head, &refused);
    struct bus *bus = router->parts->bus;
    bus->ops->publish(bus, service->mailbox, (struct text){ 0 }, buffer_text(&router->event), on_copied, router);
}

static void tell_operators(struct router *router, struct service *service, struct text channel, struct text payload,
                           const struct refusal *why)
{
    char id[EVENT_ID_SIZE];
    struct event_head head = make_head(router, id, (struct text){ 0 });
    struct event_dead dead = { .reason = why->reason,
                               .text = text_of(why->text),
                               .channel = channel,
                               .address = service->address,
                               .id = text_of(why->id),
                               .size = payload.size };
    if (router->parts->config->bus_dead_payload)
        dead.payload = payload;
    event_write_dead(&router->event, &head, &dead);
    publish_copy(router, router->channel_dead, buffer_text(&router->event));
}

/* A service that floods must not flood the log: a line a second, with what was left out since the one before. */
static bool log_refusal(struct router *router, const struct service *service, struct tally *tally, const struct refusal *why)
{
    int64_t now = timers_now(router->parts->timers);
    if (tally->logged_ms && now - tally->logged_ms < REFUSALS_LOGGED_MS) {
        tally->unlogged++;
        return false;
    }
    log_info(router->parts->log, NULL, "refused", "service=%.*s reason=%s text=%s unlogged=%u",
             TEXT_ARGS(service->address), why->reason, log_quote(why->text, strlen(why->text)), tally->unlogged);
    *tally = (struct tally){ .logged_ms = now };
    return true;
}

void observe_overflow(struct router *router, struct service *service, struct text channel, struct text payload,
                      const struct refusal *why)
{
    if (!log_refusal(router, service, &service->overflows, why))
        return;
    tell_sender(router, service, channel, why);
    tell_operators(router, service, channel, payload, why);
}

/* To the service's own mailbox, known from the channel and never from the event; and to xmpp:dead for operators. */
void observe_refused(struct router *router, struct service *service, struct text channel, struct text payload,
                     const struct refusal *why, bool may_answer)
{
    metric_add(router->parts->metrics, METRIC_SERVICE_REFUSALS, 1);
    log_refusal(router, service, &service->refusals, why);
    if (may_answer)
        tell_sender(router, service, channel, why);
    tell_operators(router, service, channel, payload, why);
}

/* A headline from the server, with the event as text inside. */
void observe_watch(struct session *session, struct text channel, const char *direction, struct text event)
{
    struct stanza *shown = stanza_make("message", XMLNS_CLIENT);
    struct arena *arena = &shown->arena;
    const struct jid *jid = session_jid(session);
    struct element *element = element_add(arena, shown->root, TEXT("event"), TEXT("urn:stanzabus:watch:0"));

    element_set(arena, shown->root, "type", TEXT("headline"));
    element_set(arena, shown->root, "from", jid_domain(jid));
    element_set(arena, shown->root, "to", jid_text(jid));
    element_set(arena, element, "channel", channel);
    element_set(arena, element, "direction", text_of(direction));
    element_add_text(arena, element, event);
    session_send(session, shown);
    stanza_free(&shown);
}
