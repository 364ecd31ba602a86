/* node.c - this node among the others: it says that it lives, sweeps up after those that died, ends sessions that were
 * replaced elsewhere, and writes its session rows again after Redis lost them. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/router/pep/caps.h"
#include "gateway/router/presence/presence.h"
#include "gateway/router/resident.h"
#include "gateway/router/resumption.h"

/* SURE_MS: a loss of what was published shows within that time. */
enum { SURE_MS = 60000, BEAT_MS = 5000, BEAT_TTL_MS = 15000, RESTORE_TICK_MS = 50, RESTORE_PER_TICK = 100 };

/* -- rows written again -- */

struct restore { /* the addresses of all sessions at the time of the loss, worked through at a pace */
    struct router *router;
    struct timer timer;
    struct arena arena;
    struct restore_row {
        struct text bare, resource;
    } *rows;
    size_t count, room, next;
};

static void collect_row(void *ctx, struct session *session)
{
    struct restore *restore = ctx;
    const struct jid *jid = session_jid(session);
    if (restore->count == restore->room) {
        restore->room = restore->room ? restore->room * 2 : 64;
        restore->rows = xrealloc(restore->rows, restore->room * sizeof *restore->rows);
    }
    restore->rows[restore->count].bare = arena_text(&restore->arena, jid_bare(jid));
    restore->rows[restore->count++].resource = arena_text(&restore->arena, jid_resource(jid));
}

static void restore_free(struct router *router)
{
    struct restore *restore = router->restore;
    if (!restore)
        return;
    timer_stop(&restore->timer);
    arena_fini(&restore->arena);
    free(restore->rows);
    free(restore);
    router->restore = NULL;
}

struct restored { /* one row under way */
    struct router *router;
    uint64_t session_number;
    struct text bare, resource;
    char text[];
};

static struct restored *restored_new(struct router *router, const struct session *session)
{
    const struct jid *jid = session_jid(session);
    struct restored *restored = xmalloc(sizeof *restored + jid->size);
    *restored = (struct restored){ .router = router, .session_number = session_number(session) };
    memcpy(restored->text, jid->text, jid->size);
    restored->bare = (struct text){ restored->text, jid_bare(jid).size };
    restored->resource = (struct text){ restored->text + jid->size - jid->resource, jid->resource };
    return restored;
}

/* NULL: it has ended. */
static struct session *session_of(const struct restored *restored)
{
    struct session *session = sessions_find(restored->router->sessions, restored->bare, restored->resource);
    return session && session_number(session) == restored->session_number ? session : NULL;
}

static void on_restored(void *ctx, enum bus_status status, const struct bind_answer *answer)
{
    struct restored *restored = ctx;
    struct session *session = session_of(restored);
    if (session && status == BUS_OK && answer->result == BIND_BLOCKED)
        session_end(session, STREAM_ERROR_NOT_AUTHORIZED, "the login is not valid any more");
    else if (session && status == BUS_OK && answer->result == BIND_MOVED)
        session_drop(session, "resumed by another connection");
    else if (session && status == BUS_OK && answer->result < 0)
        session_end(session, STREAM_ERROR_CONFLICT, "this session was taken over by another");
    else if (session && status == BUS_OK) {
        presence_restore(restored->router, session);
        caps_restore(restored->router, session);
        if (memchr(answer->flags.data ? answer->flags.data : "", 'q', answer->flags.size))
            account_settle(restored->router, restored->bare);
    }
    free(restored);
}

static void restore_row(struct router *router, const struct session *session)
{
    struct restored *restored = restored_new(router, session);
    struct store *store = router->parts->store;
    struct session_row row = session_row(session);
    store->ops->session_bind(store, &row, BIND_REFUSE, router->parts->config->limits_sessions_per_account, on_restored, restored);
}

static void on_restore_tick(struct timer *timer)
{
    struct restore *restore = container_of(timer, struct restore, timer);
    struct router *router = restore->router;
    for (int i = 0; i < RESTORE_PER_TICK && restore->next < restore->count; i++, restore->next++) {
        const struct restore_row *row = &restore->rows[restore->next];
        struct session *session = sessions_find(router->sessions, row->bare, row->resource);
        if (session)
            restore_row(router, session);
    }
    if (restore->next < restore->count)
        timer_start(router->parts->timers, timer, RESTORE_TICK_MS, on_restore_tick);
    else
        restore_free(router);
}

void node_restore(struct router *router)
{
    restore_free(router);
    router->restore = xcalloc(1, sizeof *router->restore);
    router->restore->router = router;
    sessions_each(router->sessions, collect_row, router->restore);
    log_info(router->parts->log, NULL, "rows-restored", "sessions=%zu", router->restore->count);
    timer_start(router->parts->timers, &router->restore->timer, 0, on_restore_tick);
}

static void on_account(void *ctx, enum bus_status status, const struct account *account)
{
    struct restored *restored = ctx;
    struct session *session = session_of(restored);
    if (session && status == BUS_OK && account)
        restore_row(restored->router, session);
    else if (session && status == BUS_OK)
        session_end(session, STREAM_ERROR_NOT_AUTHORIZED, "there is no such account any more");
    free(restored);
}

void node_restore_session(struct router *router, struct session *session)
{
    struct store *store = router->parts->store;
    if (session_is_guest(session)) {
        restore_row(router, session);
        return;
    }
    struct restored *restored = restored_new(router, session);
    store->ops->account_get(store, restored->bare, on_account, restored);
}

/* -- beats and sweeps -- */

static void on_swept_row(void *ctx, const struct session_gone *gone)
{
    struct router *router = ctx;
    struct text full = gone->full;
    log_info(router->parts->log, NULL, "swept", "session=%s", log_quote(full.data, full.size));
    resumption_row_gone(router, gone);
    struct arena arena = { 0 };
    struct jid jid;
    if (jid_parse(&arena, full, &jid) == 0)
        session_guest_left(router->parts, &jid);
    arena_fini(&arena);
}

static void on_swept(void *ctx, enum bus_status status, int64_t result)
{
    (void)ctx;
    (void)status;
    (void)result;
}

/* Taken for dead: the rows are written again, and once more at the next beat, because a sweep that was under way may
 * still have taken some out of those. */
static void on_beat(void *ctx, enum bus_status status, int64_t result)
{
    struct router *router = ctx;
    struct store *store = router->parts->store;
    if (status != BUS_OK || router->is_stopping)
        return;
    if (!router->restore)
        router->sure_ms = router_wall_ms(router) - SURE_MS;
    if (result == 0 || router->restores_again)
        node_restore(router);
    router->restores_again = result == 0;
    leaving_look(router);
    store->ops->node_sweep(store, on_swept_row, on_swept, router);
    store->sm->expire(store, on_swept_row, on_swept, router);
}

static void on_first_beat(void *ctx, enum bus_status status, int64_t result)
{
    (void)status;
    (void)result;
    router_step_done(ctx);
}

static void on_beat_timer(struct timer *timer)
{
    struct router *router = container_of(timer, struct router, beat_timer);
    struct store *store = router->parts->store;
    timer_start(router->parts->timers, timer, BEAT_MS, on_beat_timer);
    store->ops->node_beat(store, router->parts->node, BEAT_TTL_MS, on_beat, router);
}

void node_start(struct router *router)
{
    struct store *store = router->parts->store;
    router->starting++;
    router->sure_ms = router_wall_ms(router);
    store->ops->node_beat(store, router->parts->node, BEAT_TTL_MS, on_first_beat, router);
    timer_start(router->parts->timers, &router->beat_timer, BEAT_MS, on_beat_timer);
}

void node_stop(struct router *router)
{
    timer_stop(&router->beat_timer);
    restore_free(router);
}

/* -- xmpp:node:{id}: lines of text between nodes -- */

void node_tell(struct router *router, struct text node, const char *word, uint64_t number, struct text bare,
               struct text resource)
{
    struct bus *bus = router->parts->bus;
    struct arena arena = { 0 };
    struct text channel = arena_printf(&arena, "%.*snode:{%.*s}", TEXT_ARGS(router->parts->config->bus_prefix), TEXT_ARGS(node));
    struct text command = arena_printf(&arena, "%s\n%llu\n%.*s\n%.*s", word, (unsigned long long)number, TEXT_ARGS(bare),
                                       TEXT_ARGS(resource));
    bus->ops->publish(bus, channel, (struct text){ 0 }, command, NULL, NULL);
    arena_fini(&arena);
}

/* session number, bare, resource; NULL: it is not here any more */
static struct session *named_session(struct router *router, struct text rest)
{
    struct text number = text_take_line(&rest), bare = text_take_line(&rest);
    char digits[24];

    if (number.size >= sizeof digits)
        return NULL;
    snprintf(digits, sizeof digits, "%.*s", TEXT_ARGS(number));
    struct session *session = sessions_find(router->sessions, bare, rest);
    return session && session_number(session) == strtoull(digits, NULL, 10) ? session : NULL;
}

static void on_replaced(struct router *router, struct text rest)
{
    struct session *session = named_session(router, rest);
    if (session)
        session_end(session, STREAM_ERROR_CONFLICT, "replaced by a new session of the same resource");
}

static void on_resumed(struct router *router, struct text rest)
{
    struct session *session = named_session(router, rest);
    if (session)
        session_drop(session, "resumed by another connection");
}

static void on_dropped(struct router *router, struct text rest)
{
    struct session *session = named_session(router, rest);
    if (session)
        session_drop(session, "gave way to newer sessions");
}

/* the session that stays, why, bare */
static void on_blocked(struct router *router, struct text rest)
{
    struct text stays = text_take_line(&rest), why = text_take_line(&rest);
    sessions_block(router->sessions, rest, stays, why);
}

static const struct node_word {
    const char *word; /* the first line */
    void (*handle)(struct router *router, struct text rest);
} node_words[] = {
    { "replaced", on_replaced },
    { "resumed", on_resumed },
    { "dropped", on_dropped },
    { "blocked", on_blocked },
};

void node_command(struct router *router, struct text payload)
{
    struct text word = text_take_line(&payload);
    for (size_t i = 0; i < sizeof node_words / sizeof node_words[0]; i++)
        if (text_is(word, node_words[i].word))
            node_words[i].handle(router, payload);
    if (router->peers)
        peers_command(router->peers, word, payload);
    /* else a newer node's word */
}
