/* from_sessions.c - the door from the sessions: what they report, and to whom it goes. */
#include "gateway/router/account/ask_login.h"
#include "gateway/router/account/blocklist.h"
#include "gateway/router/pep/avatar.h"
#include "gateway/router/pep/caps.h"
#include "gateway/router/presence/presence.h"
#include "gateway/router/resident.h"
#include "gateway/router/resumption.h"

static void on_bound(void *ctx, struct session *session, const struct bind_answer *answer)
{
    resident_open(ctx, session, answer);
    blocklist_open(ctx, jid_bare(session_jid(session)), answer->flags);
    avatar_open(ctx, session);
    observe_session(ctx, session, SESSION_STARTED, NULL);
}

static void on_ended(void *ctx, struct session *session, const char *reason)
{
    struct router *router = ctx;
    avatar_close(router, session);
    caps_left(router, session);
    resident_close(router, session);
    blocklist_close(router, session);
    farewell_say(router, session);
    attendance_free(session);
    observe_session(router, session, SESSION_ENDED, reason);
}

static void on_delivered(void *ctx, struct session *session, const uint64_t *numbers, size_t count)
{
    resident_delivered(ctx, session, numbers, count);
}

static void on_unbinding(void *ctx, struct text bare)
{
    resident_take_out(ctx, bare);
}

/* What the session had been given, and had not acknowledged, is routed again. */
static void on_unbound(void *ctx, struct text bare, bool may_wait)
{
    if (may_wait)
        account_settle(ctx, bare);
}

static void on_early(void *ctx, struct session *session, uint64_t entry)
{
    struct resident *resident = resident_find(ctx, jid_bare(session_jid(session)));
    if (resident)
        catch_up_early(resident, entry);
}

static void on_login_failed(void *ctx, struct session *session, struct text user, const char *reason)
{
    observe_login_failed(ctx, session, user, reason);
}

/* XEP-0359 4, rule 2: ids that claim to be by the sender's or the recipient's server are not the client's to give. */
static void remove_spoofed_ids(const struct session *session, struct stanza *stanza)
{
    struct jid to;
    stanza_remove_ids_by(stanza, jid_bare(session_jid(session)));
    if (jid_parse(&stanza->arena, element_get(stanza->root, "to"), &to) == 0)
        stanza_remove_ids_by(stanza, jid_bare(&to));
}

static void on_stanza(void *ctx, struct session *session, struct stanza *stanza)
{
    struct router *router = ctx;
    struct sender sender = sender_of(session);

    if (stanza_reserved_payload(stanza, true)) {
        router_refuse(router, &sender, stanza, STANZA_ERROR_NOT_ALLOWED, "Only your own server may send this.");
        router_handled(router, &sender, stanza);
        stanza_free(&stanza);
        return;
    }
    if (stanza->kind == STANZA_MESSAGE)
        remove_spoofed_ids(session, stanza);
    if (stanza->kind == STANZA_PRESENCE && !avatar_stamp(router, &sender, stanza))
        return;
    router_route(router, &sender, stanza);
}

static void on_login_asked(void *ctx, struct session *session, const struct login_question *question)
{
    ask_login(ctx, session, question);
}

static void on_replaced(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    node_tell(ctx, node, "replaced", number, bare, resource);
}

/* -- sessions that may be resumed: resumption.c -- */

static void on_resumed(void *ctx, struct session *session, const struct sm_taken *taken)
{
    resumption_resumed(ctx, session, taken);
}

static void on_read_log(void *ctx, struct session *session, uint64_t after)
{
    resumption_read_log(ctx, session, after);
}

static void on_moved(void *ctx, struct session *session)
{
    resumption_moved(ctx, session);
}

static void on_taken(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    node_tell(ctx, node, "resumed", number, bare, resource);
}

static void on_lost(void *ctx, struct session *session)
{
    resumption_lost(ctx, session);
}

static void on_dropped(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    resumption_dropped(ctx, node, number, bare, resource);
}

static void on_undelivered(void *ctx, struct session *session, struct stanza *stanza)
{
    (void)session;
    resumption_undelivered(ctx, stanza);
}

static void on_left_behind(void *ctx, struct session *session, struct stanza *stanza)
{
    resumption_left_behind(ctx, session, stanza);
}

static void on_fenced(void *ctx, struct session *session)
{
    node_restore_session(ctx, session);
}

const struct session_callbacks router_session_callbacks = {
    .on_bound = on_bound,
    .on_stanza = on_stanza,
    .on_ended = on_ended,
    .on_login_failed = on_login_failed,
    .on_replaced = on_replaced,
    .on_login_asked = on_login_asked,
    .on_delivered = on_delivered,
    .on_unbinding = on_unbinding,
    .on_unbound = on_unbound,
    .on_early = on_early,
    .on_resumed = on_resumed,
    .on_read_log = on_read_log,
    .on_moved = on_moved,
    .on_taken = on_taken,
    .on_lost = on_lost,
    .on_dropped = on_dropped,
    .on_undelivered = on_undelivered,
    .on_left_behind = on_left_behind,
    .on_fenced = on_fenced,
};
