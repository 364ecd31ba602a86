/* handle_presence.c - presence without an address (RFC 6121 4.2, 4.4, 4.5): kept in the session row, where routes are
 * decided, and shown to the account's own available resources. */
#include <stdlib.h>

#include "router_internal.h"

struct presence_update { /* finds the session again when Redis has answered */
    struct router *router;
    uint64_t session_number;
    struct stanza *presence; /* owned; carries the sender's address */
};

/* RFC 6121 4.2.2: also to the resource that sent it. */
static void show_own_resources(struct router *router, struct stanza *presence)
{
    struct jid from;
    if (jid_parse(&presence->arena, element_get(presence->root, "from"), &from) == 0)
        element_set(&presence->arena, presence->root, "to", jid_bare(&from));
    router_say(router, presence);
}

/* A row that names another owner, or none: this session lives on elsewhere, or Redis has lost the row. */
static void on_updated(void *ctx, enum bus_status status, int64_t result)
{
    struct presence_update *update = ctx;
    struct jid from;

    if (status == BUS_OK && result == 0 &&
        jid_parse(&update->presence->arena, element_get(update->presence->root, "from"), &from) == 0) {
        struct session *session = sessions_find(update->router->sessions, jid_bare(&from), jid_resource(&from));
        if (session && session_number(session) == update->session_number)
            node_restore_session(update->router, session);
    }
    if (status != BUS_OK) {
        metric_add(update->router->parts->metrics, METRIC_PRESENCE_DROPS, 1);
        update->router->restores_again = true; /* the row is not what it should be */
    }
    stanza_free(&update->presence);
    free(update);
}

static void store_presence(struct router *router, struct session *session, struct stanza *presence)
{
    struct presence_update *update = xmalloc(sizeof *update);
    struct session_row row = session_row(session);
    *update = (struct presence_update){ router, session_number(session), presence };
    router->parts->store->ops->session_update(router->parts->store, &row, on_updated, update);
}

/* RFC 6121 4.7.2.3: -128 to 127. False when it is something else. */
static bool read_priority(struct stanza *presence, int8_t *priority)
{
    const struct element *element = element_child(presence->root, "priority", XMLNS_CLIENT);
    *priority = 0;
    if (!element)
        return true;
    struct text digits = element_text(&presence->arena, element);
    const char *string = arena_text(&presence->arena, digits).data;
    char *end;
    long value = strtol(string, &end, 10);
    if (digits.size == 0 || *end || value < -128 || value > 127)
        return false;
    *priority = (int8_t)value;
    return true;
}

void handle_presence(struct router *router, struct session *session, struct stanza *stanza)
{
    struct sender sender = { SENDER_CLIENT, session, session_number(session), NULL };
    struct text type = element_get(stanza->root, "type");
    int8_t priority;

    if (type.data && !text_is(type, "unavailable")) {
        /* RFC 6121 4.7.1: no other type is broadcast; an error is never answered. */
        router_refuse(router, &sender, stanza, STANZA_ERROR_BAD_REQUEST, "presence of this type needs a 'to' address");
        stanza_free(&stanza);
        return;
    }
    if (!read_priority(stanza, &priority)) {
        router_refuse(router, &sender, stanza, STANZA_ERROR_BAD_REQUEST, "priority is a whole number from -128 to 127");
        stanza_free(&stanza);
        return;
    }
    session_set_presence(session, !type.data, priority);
    store_presence(router, session, stanza_copy(stanza));
    show_own_resources(router, stanza);
}

void handle_presence_lost(struct router *router, struct text full)
{
    struct stanza *presence = stanza_make("presence", XMLNS_CLIENT);
    element_set(&presence->arena, presence->root, "from", arena_text(&presence->arena, full));
    element_set(&presence->arena, presence->root, "type", TEXT("unavailable"));
    show_own_resources(router, presence);
}

/* RFC 6121 4.5.2: a stream that ends without unavailable presence is unavailable all the same. */
void handle_presence_ended(struct router *router, struct session *session)
{
    if (session_is_available(session))
        handle_presence_lost(router, jid_text(session_jid(session)));
}
