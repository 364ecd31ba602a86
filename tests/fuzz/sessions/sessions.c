/* sessions.c - clients that say anything at any time, while Redis, other nodes, TLS, the pool of threads and the clock do what
 * they like: the whole of gateway/session over connections, a store and a router in memory.  The input is a script: a byte for
 * what happens next, bytes for the details.  The contracts of session.h are held to: who breaks one is aborted. */
#include "tests/fuzz/sessions/world.h"

enum {
    STEP_ACCEPT, STEP_SAY, STEP_SAY_TWO, STEP_SAY_SPLIT, STEP_ANSWER, STEP_ANSWER_ALL, STEP_AWAY, STEP_JOB, STEP_HANDLE, STEP_ENCRYPT,
    STEP_TIME, STEP_CLOSE, STEP_DRAIN, STEP_STUCK, STEP_SEND, STEP_LOG, STEP_READ, STEP_RULE, STEP_TWIST, STEP_BUS, STEP_BLOCK,
    STEP_TAKE, STEP_EARLY, STEP_END, STEP_VIOLATE, STEP_STOP, STEP_PRESENCE, STEP_REQUEST, STEP_GIVE_BACK, STEP_SAY_MANY,
    STEP_SEND_MANY, STEP_HANDLE_ALL, STEP_RETIRE, STEP_COUNT
};

static void step_of_line(unsigned what)
{
    struct line *line = line_next();
    if (!line)
        return;
    if (what == STEP_SAY || what == STEP_SAY_SPLIT)
        speech_say(line, 1, what == STEP_SAY_SPLIT);
    else if (what == STEP_SAY_TWO)
        speech_say(line, 2, false);
    else if (what == STEP_SAY_MANY)
        speech_say_many(line);
    else if (what == STEP_ENCRYPT)
        line_encrypt(line);
    else if (what == STEP_CLOSE)
        line_end(line);
    else if (what == STEP_DRAIN)
        line_drain(line);
    else if (what == STEP_STUCK)
        line->is_stuck = true;
    else if (line_is_heard(line))
        sessions_connection_callbacks.on_violation(world.sessions, &line->connection, STREAM_ERROR_NOT_WELL_FORMED, "binary");
}

static void step_of_bound(unsigned what)
{
    struct bound *bound = bound_next();
    if (!bound)
        return;
    struct session *session = bound->session;
    if (what == STEP_SEND)
        delivery_send_one(session);
    else if (what == STEP_LOG)
        entry_send(session);
    else if (what == STEP_SEND_MANY)
        delivery_send_many(session);
    else if (what == STEP_HANDLE_ALL)
        bound_handle_all(bound);
    else if (what == STEP_TAKE)
        node_take_away(session);
    else if (what == STEP_END)
        session_end(session, STREAM_ERROR_CONFLICT, NULL);
    else if (what == STEP_PRESENCE)
        node_change_presence(session);
    else
        bound_change_request(bound);
}

static void step(void)
{
    unsigned what = script_next(STEP_COUNT);
    switch (what) {
    case STEP_ACCEPT:
        line_accept();
        break;
    case STEP_ANSWER:
        answer_one(BUS_OK);
        break;
    case STEP_ANSWER_ALL:
        answer_all();
        break;
    case STEP_AWAY:
        answer_one(script_next(4) ? BUS_AWAY : BUS_FAILED);
        break;
    case STEP_JOB:
        pool_end_job(true);
        break;
    case STEP_HANDLE:
        bound_handle_one();
        break;
    case STEP_TIME:
        node_pass_time();
        break;
    case STEP_READ:
        entry_read();
        break;
    case STEP_RULE: {
        enum login_verdict verdict = (enum login_verdict)script_next(3);
        router_answer_login(verdict, script_next(2) ? TEXT("a") : TEXT(""));
        break;
    }
    case STEP_TWIST:
        world.twist = (enum twist)script_next(TWIST_COUNT);
        break;
    case STEP_BUS:
        node_change_bus(script_next(6));
        break;
    case STEP_BLOCK:
        node_block();
        break;
    case STEP_EARLY: {
        struct text bare = node_next_bare();
        sessions_came_early(world.sessions, bare, text_of(resources[script_next(3)]), TEXT(""), ++world.last_entry);
        break;
    }
    case STEP_STOP:
        if (script_next(4) == 3)
            node_stop();
        break;
    case STEP_GIVE_BACK:
        node_give_back();
        break;
    case STEP_RETIRE:
        entry_retire();
        break;
    case STEP_SAY: case STEP_SAY_MANY: case STEP_SAY_TWO: case STEP_SAY_SPLIT: case STEP_ENCRYPT: case STEP_CLOSE: case STEP_DRAIN: case STEP_STUCK:
    case STEP_VIOLATE:
        step_of_line(what);
        break;
    default:
        step_of_bound(what);
    }
    sessions_turn(world.sessions);
    line_end_those_that_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned kind = size ? *data : 0;
    world_begin(kind & 1);
    script = (struct script){ data + (size > 0), size - (size > 0) };
    while (script.size)
        step();
    world_end(kind & 2);
    return 0;
}
