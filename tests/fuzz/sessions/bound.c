/* bound.c - what the router knows of a session, and what it says to one when the script says so. */
#include <assert.h>

#include "tests/fuzz/sessions/world.h"

struct bound *bound_find(const struct session *session)
{
    for (unsigned i = 0; i < world.bound_count; i++)
        if (world.bound[i].session == session)
            return &world.bound[i];
    return NULL;
}

struct bound *bound_know(const struct session *session)
{
    struct bound *bound = bound_find(session);
    assert(bound); /* the router is told nothing of sessions that are not bound */
    return bound;
}

void bound_begin(struct session *session)
{
    const struct jid *jid = session_jid(session);
    assert(!bound_find(session) && world.bound_count < BOUND_MAX);
    assert(sessions_find(world.sessions, jid_bare(jid), jid_resource(jid)) == session);
    for (unsigned i = 0; i < world.bound_count; i++) /* its forerunner was said to have ended or moved */
        assert(!text_equal(jid_text(session_jid(world.bound[i].session)), jid_text(jid)));
    world.bound[world.bound_count++] = (struct bound){ .session = session, .last_number = session_stanza_number(session) };
}

void bound_end(struct session *session)
{
    struct bound *bound = bound_know(session);
    *bound = world.bound[--world.bound_count];
}

/* h grows, and counts nothing that the router still has. */
void bound_check_h(struct session *session, uint64_t h)
{
    struct bound *bound = bound_know(session);
    struct row *row = row_find_uid(session_uid(session));
    for (unsigned i = 0; i < bound->open_count; i++)
        assert(bound->open[i] > h);
    assert(h >= bound->told && h <= session_stanza_number(session));
    bound->told = h;
    if (!row || !row->has_stream)
        return;
    assert(h >= row->told);
    row->told = h;
}

struct bound *bound_next(void)
{
    unsigned chosen = script_next(LINES_MAX);
    return chosen < world.bound_count ? &world.bound[chosen] : NULL;
}

void bound_handle_one(void)
{
    struct bound *bound = bound_next();
    unsigned chosen = script_next(256);
    if (!bound || chosen >= bound->open_count)
        return;
    uint64_t number = bound->open[chosen];
    bound->open[chosen] = bound->open[--bound->open_count];
    session_handled(bound->session, number);
}

/* The last one first. */
void bound_handle_all(struct bound *bound)
{
    while (bound->open_count)
        session_handled(bound->session, bound->open[--bound->open_count]);
}

void bound_change_request(struct bound *bound)
{
    struct session *session = bound->session;
    unsigned count = script_next(32);
    for (; count > 15; count--) {
        bound->requests++;
        session_request_begins(session);
    }
    for (; count > 0 && (bound = bound_find(session)) && bound->requests > 0; count--) {
        bound->requests--;
        session_request_ends(session); /* what waited is read inside */
    }
}
