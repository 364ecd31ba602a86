/* resumption.c - sessions that wait without a connection, go on elsewhere, or are given up (XEP-0198 5, 8). */
#include "gateway/router/resumption.h"

#include <stdlib.h>

#include "gateway/router/pep/avatar.h"
#include "gateway/router/account/blocklist.h"
#include "gateway/router/pep/caps.h"
#include "gateway/router/mailbox.h"
#include "gateway/router/presence/presence.h"
#include "gateway/router/resident.h"

/* -- from here to there -- */

void resumption_resumed(struct router *router, struct session *session, const struct sm_taken *taken)
{
    struct text bare = jid_bare(session_jid(session));
    struct attendance *attendance = attendance_of(router, session);
    if (taken->presence.size)
        attendance_set_event(attendance, taken->presence);
    attendance_take_directed(attendance, taken->directed);
    resident_open(router, session, &taken->answer);
    blocklist_open(router, bare, taken->answer.flags);
    avatar_open(router, session);
    if (taken->presence.size)
        caps_resumed(router, session, taken->presence);
    session_set_asked_blocklist(session); /* it may have; one that has not can do with a push too many */
    observe_session(router, session, SESSION_RESUMED, NULL);
    if (!text_equal(taken->answer.replaced_node,
                    router->parts->node)) /* which may have died, and have missed something */
        presence_resume(router, session);
}

void resumption_moved(struct router *router, struct session *session)
{
    resident_close(router, session);
    blocklist_close(router, session);
    attendance_free(session);
    avatar_close(router, session);
    caps_moved(router, session);
}

/* -- given up -- */

void resumption_row_gone(struct router *router, const struct session_gone *gone)
{
    struct text full = gone->full;
    const char *slash = memchr(full.data, '/', full.size);
    sessions_undelivered(router->sessions, gone->stanzas, gone->stanza_count);
    farewell_swept(router, full, gone->mark);
    if (slash)
        account_settle(router, (struct text){ full.data, (size_t)(slash - full.data) });
}

/* Its row is on its way out: what waits is settled then. */
void resumption_lost(struct router *router, const struct session *session)
{
    farewell_swept(router, jid_text(session_jid(session)), (struct text){ 0 });
}

void resumption_dropped(struct router *router, struct text node, uint64_t number, struct text bare,
                        struct text resource)
{
    struct arena arena = { 0 };
    struct session *session = sessions_find(router->sessions, bare, resource);
    if (!text_equal(node, router->parts->node))
        node_tell(router, node, "dropped", number, bare, resource);
    else if (session && session_number(session) == number)
        session_drop(session, "gave way to newer sessions");
    struct session_gone gone = { .full = arena_printf(&arena, "%.*s/%.*s", TEXT_ARGS(bare), TEXT_ARGS(resource)) };
    resumption_row_gone(router, &gone); /* what it did not acknowledge comes by a beat */
    arena_fini(&arena);
}

static bool has_content(const struct stanza *message)
{
    struct text type = element_get(message->root, "type");
    return element_child(message->root, "body", NULL) && !text_is(type, "error") && !text_is(type, "headline") &&
           !text_is(type, "groupchat");
}

/* As if it had come when nobody was there (XEP-0198 4, RFC 6121 8.5.3.2): a request is answered with an error, a message
 * with something to read goes to other sessions of the account, the rest is best effort. */
void resumption_undelivered(struct router *router, struct stanza *stanza)
{
    struct text type = element_get(stanza->root, "type");
    struct jid to;
    if (stanza->kind == STANZA_IQ && (text_is(type, "get") || text_is(type, "set"))) {
        metric_add(router->parts->metrics, METRIC_STANZA_ERRORS, 1);
        router_say(router, stanza_error(stanza, STANZA_ERROR_SERVICE_UNAVAILABLE, NULL));
    } else if (stanza->kind == STANZA_MESSAGE && has_content(stanza) &&
               jid_parse(&stanza->arena, element_get(stanza->root, "to"), &to) == 0) {
        metric_add(router->parts->metrics, METRIC_REROUTED, 1);
        to_account_again(router, stanza_copy(stanza), &to, router_event(router, stanza, jid_text(&to)), 1);
    }
    stanza_free(&stanza);
}

/* Routed again to the full address, whatever it is: there the session goes on. */
void resumption_left_behind(struct router *router, const struct session *session, struct stanza *stanza)
{
    const struct jid *to = session_jid(session);
    struct stanza *again = stanza_copy(stanza);
    to_account_again(router, again, to, router_event(router, stanza, jid_text(to)), 1);
    stanza_free(&stanza);
}

/* -- what it missed -- */

struct reading { /* finds the session again when Redis has answered */
    struct router *router;
    uint64_t session_number;
    struct text bare, resource;
    char text[];
};

static struct session *session_of(const struct reading *reading)
{
    struct session *session = sessions_find(reading->router->sessions, reading->bare, reading->resource);
    return session && session_number(session) == reading->session_number ? session : NULL;
}

static bool is_holder(struct text holders, struct text uid)
{
    while (holders.size) {
        const char *blank = memchr(holders.data, ' ', holders.size);
        size_t size = blank ? (size_t)(blank - holders.data) : holders.size;
        if (text_equal((struct text){ holders.data, size }, uid))
            return true;
        size += blank ? 1 : 0;
        holders = (struct text){ holders.data + size, holders.size - size };
    }
    return false;
}

static void on_entry(void *ctx, const struct log_entry *entry)
{
    struct reading *reading = ctx;
    struct session *session = session_of(reading);
    struct text xml = { 0 };
    if (!session)
        return;
    if (is_holder(entry->holders, session_uid(session)))
        xml = mailbox_write_entry(reading->router, reading->bare, entry, session_scope(session));
    bool is_shared = entry->holders.size && memchr(entry->holders.data, ' ', entry->holders.size);
    session_log_entry(session, entry->number | (is_shared ? LOG_SHARED : 0), xml);
}

static void on_page(void *ctx, enum bus_status status, int64_t given)
{
    struct reading *reading = ctx;
    struct session *session = session_of(reading);
    if (session)
        session_log_read(session, status == BUS_OK, given < LOG_PAGE);
    free(reading);
}

void resumption_read_log(struct router *router, struct session *session, uint64_t after)
{
    struct store *store = router->parts->store;
    const struct jid *jid = session_jid(session);
    struct reading *reading = xmalloc(sizeof *reading + jid->size);
    *reading = (struct reading){ .router = router, .session_number = session_number(session) };
    memcpy(reading->text, jid->text, jid->size);
    reading->bare = (struct text){ reading->text, jid_bare(jid).size };
    reading->resource = (struct text){ reading->text + jid->size - jid->resource, jid->resource };
    store->log->read(store, reading->bare, after + 1, 0, on_entry, on_page, reading);
}
