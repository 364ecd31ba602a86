/* node.c - other nodes, and the rest of this one. */
#include <assert.h>
#include <string.h>

#include "tests/fuzz/sessions/world.h"

struct text node_next_bare(void)
{
    return script_next(2) ? TEXT("b@one.example") : TEXT("a@one.example");
}

/* It goes on at another node. */
void node_take_away(struct session *session)
{
    struct row *row = row_find_uid(session_uid(session));
    if (row && row->state == ROW_LIVE) {
        strcpy(row->node, "n2");
        row->session = 1;
    }
    session_drop(session, "resumed by another connection");
}

void node_block(void)
{
    static const char *const whys[] = { "password", "disabled", "revoked", "kicked", "deleted", "new" };
    struct text bare = node_next_bare();
    struct account_of *account = account_find(bare);
    unsigned why = script_next(6);
    if (account && why != 3)
        account->account.generation++;
    if (account)
        account->account.is_disabled = why == 1;
    sessions_block(world.sessions, bare, script_next(2) ? TEXT("n1/1") : TEXT(""), text_of(whys[why]));
}

void node_give_back(void)
{
    static const struct text texts[] = { TEXT_INIT("<message from='b@one.example' to='a@one.example'><body>x</body></message>"),
                                         TEXT_INIT("<iq xmlns='jabber:client' type='get' id='1'/>") };
    sessions_undelivered(world.sessions, texts, 2);
}

void node_stop(void)
{
    if (world.is_stopping)
        return;
    world.is_stopping = true;
    sessions_stop_accepting(world.sessions);
    sessions_end_all(world.sessions, STREAM_ERROR_SYSTEM_SHUTDOWN, "the server is stopping");
    for (unsigned i = 0; i < world.bound_count; i++) { /* those that are left to be resumed go without a word */
        const struct jid *jid = session_jid(world.bound[i].session);
        assert(!sessions_find(world.sessions, jid_bare(jid), jid_resource(jid)));
    }
    world.bound_count = 0;
}

void node_change_presence(struct session *session)
{
    session_set_presence(session, script_next(2), 1);
    session_set_carbons(session, script_next(2));
    session_set_interested(session, true);
    session_set_outlives_block(session, script_next(2));
}

void node_pass_time(void)
{
    world.now_ms += 50 << script_next(13);
    timers_advance(world.parts.timers, world.now_ms);
}

void node_change_bus(unsigned how)
{
    if (how < 2)
        world.is_away = world.bus.is_away = how == 1;
    else if (how == 2)
        world.is_away = true; /* nobody has noticed yet */
    else if (how == 3)
        sessions_pause_reading(world.sessions);
    else if (how == 5)
        world.fills = true;
    else
        sessions_resume_reading(world.sessions);
}
