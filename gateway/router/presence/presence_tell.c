/* presence_tell.c - presence said on somebody's behalf: by an account that begins or ceases to be seen by somebody, and in
 * answer to probes from outside; and what presence for an address means to the server beside passing it on. */
#include <stdlib.h>

#include "gateway/router/pep/caps.h"
#include "gateway/router/presence/presence.h"

struct stanza *presence_make(struct text from, struct text to, const char *type)
{
    struct stanza *presence = stanza_make("presence", XMLNS_CLIENT);
    struct arena *arena = &presence->arena;
    element_set(arena, presence->root, "from", arena_text(arena, from));
    element_set(arena, presence->root, "to", arena_text(arena, to));
    if (type)
        element_set(arena, presence->root, "type", text_of(type));
    return presence;
}

struct stanza *presence_read(struct router *router, struct text event, struct text to)
{
    struct event read = { 0 };
    struct refusal why = { 0 };
    if (event_read(event, EVENT_FROM_NODE, &router->limits, &read, &why) < 0) {
        log_warning(router->parts->log, NULL, "presence-unreadable", "reason=%s text=%s", why.reason,
                    log_quote(why.text, strlen(why.text)));
        return NULL;
    }
    element_set(&read.stanza->arena, read.stanza->root, "to", arena_text(&read.stanza->arena, to));
    return read.stanza;
}

void presence_tell(struct router *router, const struct text *presences, size_t count, struct text to, bool is_unavailable)
{
    for (size_t i = 0; i < count; i++) {
        struct stanza *presence = presence_read(router, presences[i], to);
        if (presence && is_unavailable) {
            struct stanza *gone = presence_make(element_get(presence->root, "from"), to, "unavailable");
            stanza_free(&presence);
            presence = gone;
        }
        router_say(router, presence);
    }
}

/* -- probes from outside -- */

struct probe {
    struct router *router;
    struct sender sender;
    struct stanza *stanza; /* owned */
};

/* RFC 6121 4.3.2; XEP-0191 3.3: who is blocked gets no answer. */
static void on_met(void *ctx, enum bus_status status, int result, const struct text *presences, size_t count)
{
    struct probe *probe = ctx;
    struct text prober = element_get(probe->stanza->root, "from"), asked = element_get(probe->stanza->root, "to");
    struct jid to;
    if (status != BUS_OK)
        metric_add(probe->router->parts->metrics, METRIC_PRESENCE_DROPS, 1);
    else if (result != MEET_BLOCKED && count == 0 && jid_parse(&probe->stanza->arena, asked, &to) == 0)
        router_say(probe->router, presence_make(jid_bare(&to), prober, result == MEET_UNSEEN ? "unsubscribed" : "unavailable"));
    else
        presence_tell(probe->router, presences, count, prober, false);
    router_handled(probe->router, &probe->sender, probe->stanza);
    stanza_free(&probe->stanza);
    free(probe);
}

static void answer_probe(struct router *router, const struct sender *sender, struct stanza *stanza, const struct jid *to)
{
    struct store *store = router->parts->store;
    struct probe *probe = xmalloc(sizeof *probe);
    struct jid from;
    *probe = (struct probe){ router, *sender, stanza };
    router_keep(router, sender);
    jid_parse(&stanza->arena, element_get(stanza->root, "from"), &from);
    struct presence_meet meet = { .bare = jid_bare(to),
                                  .what = MEET_PROBE,
                                  .from = jid_bare(&from),
                                  .from_full = jid_text(&from),
                                  .from_domain = jid_domain(&from) };
    store->presence->meet(store, &meet, on_met, probe);
}

/* -- presence for an address -- */

static bool is_own_address(const struct session *session, const struct jid *to)
{
    return text_equal(jid_bare(session_jid(session)), jid_bare(to));
}

/* RFC 6121 4.6.3. */
static bool remember_directed(struct router *router, const struct sender *sender, const struct stanza *stanza, const struct jid *to)
{
    struct text type = element_get(stanza->root, "type");
    if ((type.data && !text_is(type, "unavailable")) || is_own_address(sender->session, to) ||
        attendance_direct(router, sender->session, to, !type.data))
        return true;
    router_refuse(router, sender, stanza, STANZA_ERROR_RESOURCE_CONSTRAINT,
                  "This session's presence is shown to too many addresses by name.");
    return false;
}

bool presence_take(struct router *router, const struct sender *sender, struct stanza *stanza, const struct jid *to,
                   enum place place)
{
    struct text type = element_get(stanza->root, "type");
    bool is_client = sender->kind == SENDER_CLIENT;

    if (subscription_kind_of(type) >= 0) {
        if (is_client)
            subscription_out(router, sender, stanza);
        else
            subscription_in(router, sender, stanza);
        return true;
    }
    if (place == PLACE_ACCOUNT && text_is(type, "probe")) {
        if (sender->kind == SENDER_PEER)
            caps_abroad_probe(router, stanza, to);
        answer_probe(router, sender, stanza, to);
        return true;
    }
    if (place == PLACE_ACCOUNT && sender->kind == SENDER_PEER)
        caps_abroad_presence(router, stanza, to);
    if (is_client && place != PLACE_SERVER && !remember_directed(router, sender, stanza, to)) {
        stanza_free(&stanza);
        return true;
    }
    return false;
}
