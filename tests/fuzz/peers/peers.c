/* peers.c - other servers and components that say anything at any time, while dials, Redis, TLS and the clock do what they like:
 * the whole of gateway/federation over connections, a store and a dialer in memory.  The input is a script: a byte for what
 * happens next, bytes for the details. */
#include "tests/fuzz/peers/world.h"

static void pass_time(void)
{
    world.now_ms += 100 << script_next(12);
    timers_advance(world.parts.timers, world.now_ms);
}

static void step(void)
{
    switch (script_next(16)) {
    case 0:
        line_accept(true);
        break;
    case 1:
        line_accept(false);
        break;
    case 2:
        dialer_end_dial();
        break;
    case 3:
        dialer_end_proof();
        break;
    case 4:
        answer_one(BUS_OK);
        break;
    case 5:
        answer_one(script_next(4) ? BUS_OK : BUS_AWAY);
        break;
    case 6:
        router_handle_one();
        break;
    case 7:
        line_encrypt();
        break;
    case 8:
        person_send();
        break;
    case 9:
        node_speak();
        break;
    case 10:
        pass_time();
        break;
    case 11: {
        struct line *line = &world.lines[script_next(CONNECTIONS_MAX)];
        if (line->is_used)
            line_end(line);
        break;
    }
    case 12:
        line_fill_or_drain();
        break;
    case 13:
        world.is_held_elsewhere = script_next(2);
        if (script_next(2))
            peers_back(world.peers);
        break;
    default:
        speech_say();
    }
    peers_turn(world.peers);
    line_end_those_that_close();
    while (world.answer_count > ANSWERS_MAX / 4)
        answer_one(BUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_begin();
    script = (struct script){ data, size };
    peers_start(world.peers);
    while (script.size)
        step();
    world_end();
    return 0;
}
