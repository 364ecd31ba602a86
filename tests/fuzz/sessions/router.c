/* router.c - the router: holds the sessions to what session.h says of the callbacks. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/sessions/world.h"

static void on_bound(void *ctx, struct session *session, const struct bind_answer *answer)
{
    (void)ctx;
    assert(answer->result > 0);
    bound_begin(session);
}

static void on_stanza(void *ctx, struct session *session, struct stanza *stanza)
{
    struct bound *bound = bound_know(session);
    uint64_t number = session_stanza_number(session);
    (void)ctx;
    assert(text_equal(element_get(stanza->root, "from"), jid_text(session_jid(session))));
    stanza_free(&stanza);
    if (!number)
        return;
    assert(number > bound->last_number);
    bound->last_number = number;
    if (bound->open_count == OPEN_MAX)
        session_handled(session, number);
    else
        bound->open[bound->open_count++] = number;
}

static void on_ended(void *ctx, struct session *session, const char *reason)
{
    const struct jid *jid = session_jid(session);
    (void)ctx;
    assert(reason && !sessions_find(world.sessions, jid_bare(jid), jid_resource(jid)));
    bound_end(session);
}

static void on_login_failed(void *ctx, struct session *session, struct text user, const char *reason)
{
    (void)ctx;
    (void)user;
    assert(*session_mechanism(session) && reason);
}

static void on_login_asked(void *ctx, struct session *session, const struct login_question *question)
{
    (void)ctx;
    assert(question->secret.size && world.asked_count < sizeof world.asked / sizeof world.asked[0]);
    world.asked[world.asked_count++] = session;
}

static void on_other_node(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    (void)ctx;
    (void)number;
    assert(bare.size && resource.size && !text_is(node, "n1"));
}

static void on_delivered(void *ctx, struct session *session, const uint64_t *numbers, size_t count)
{
    struct bound *bound = bound_find(session);
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        for (unsigned j = 0; bound && j < bound->given_count; j++)
            assert(bound->given[j] != numbers[i]);
        if (bound && bound->given_count < GIVEN_MAX)
            bound->given[bound->given_count++] = numbers[i];
        for (unsigned j = 0; j < world.entry_count; j++)
            if (world.entries[j].number == (numbers[i] & ~LOG_SHARED)) {
                memmove(&world.entries[j], &world.entries[j + 1], (--world.entry_count - j) * sizeof world.entries[0]);
                break;
            }
    }
}

static void on_unbinding(void *ctx, struct text bare)
{
    (void)ctx;
    assert(bare.size);
}

static void on_unbound(void *ctx, struct text bare, bool may_wait)
{
    (void)ctx;
    (void)may_wait;
    assert(bare.size);
}

static void on_early(void *ctx, struct session *session, uint64_t entry)
{
    (void)ctx;
    bound_know(session);
    assert(entry == session_early(session));
    if (script_next(2))
        session_caught_up(session);
}

static void on_resumed(void *ctx, struct session *session, const struct sm_taken *taken)
{
    (void)ctx;
    assert(taken->is_whole && taken->answer.result == BIND_REPLACED);
    bound_begin(session);
}

static void on_read_log(void *ctx, struct session *session, uint64_t after)
{
    const struct jid *jid = session_jid(session);
    (void)ctx;
    bound_know(session);
    if (world.reading_count == WAITING_MAX)
        abort(); /* one a session is enough */
    struct reading *reading = &world.readings[world.reading_count++];
    *reading = (struct reading){ .session = session_number(session), .after = after };
    copy_text(reading->bare, sizeof reading->bare, jid_bare(jid));
    copy_text(reading->resource, sizeof reading->resource, jid_resource(jid));
}

static void on_moved(void *ctx, struct session *session)
{
    (void)ctx;
    bound_end(session);
}

static void on_lost(void *ctx, struct session *session)
{
    (void)ctx;
    assert(!bound_find(session) && session_jid(session)->resource);
}

static void on_dropped(void *ctx, struct text node, uint64_t number, struct text bare, struct text resource)
{
    struct session *session = sessions_find(world.sessions, bare, resource);
    (void)ctx;
    if (text_is(node, "n1") && session && session_number(session) == number)
        session_drop(session, "gave way to newer sessions");
}

static void on_undelivered(void *ctx, struct session *session, struct stanza *stanza)
{
    (void)ctx;
    (void)session;
    stanza_free(&stanza);
}

static void on_fenced(void *ctx, struct session *session)
{
    (void)ctx;
    session_end(session, STREAM_ERROR_CONFLICT, "the row is another's");
}

const struct session_callbacks router_callbacks = {
    .on_bound = on_bound,
    .on_stanza = on_stanza,
    .on_ended = on_ended,
    .on_login_failed = on_login_failed,
    .on_login_asked = on_login_asked,
    .on_replaced = on_other_node,
    .on_delivered = on_delivered,
    .on_unbinding = on_unbinding,
    .on_unbound = on_unbound,
    .on_early = on_early,
    .on_resumed = on_resumed,
    .on_read_log = on_read_log,
    .on_moved = on_moved,
    .on_taken = on_other_node,
    .on_lost = on_lost,
    .on_dropped = on_dropped,
    .on_undelivered = on_undelivered,
    .on_fenced = on_fenced,
};

void router_answer_login(enum login_verdict verdict, struct text user)
{
    if (world.asked_count == 0)
        return;
    struct session *session = world.asked[0];
    memmove(world.asked, world.asked + 1, --world.asked_count * sizeof world.asked[0]);
    session_login_answered(session, &(struct login_ruling){ verdict, user, verdict == LOGIN_ALLOWED ? script_next(2) * 60 : 0 });
}
