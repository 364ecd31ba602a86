/* crowd.c - many clients log in, a bounded number at a time. */
#include <stdio.h>

#include "bench.h"

enum { STUCK_SECONDS = 20 };

void crowd_ready(struct crowd *crowd)
{
    crowd->ready++;
}

void crowd_closed(struct crowd *crowd, const struct client *client, const char *reason)
{
    if (crowd->failed++ < 5)
        fprintf(stderr, "load: client %u: %s\n", client->number, reason);
}

static const struct client_settings *settings_of(const struct bench *bench, unsigned number)
{
    return bench->other.domain && number % 2 ? &bench->other : &bench->client;
}

bool crowd_open(struct crowd *crowd, const struct client_events *events)
{
    struct bench *bench = crowd->bench;
    uint64_t moved_at = loop_now();
    while (crowd->ready + crowd->failed < bench->connections && !bench_stopped) {
        while (crowd->begun < bench->connections &&
               crowd->begun - crowd->ready - crowd->failed < bench->parallel_logins) {
            client_open(crowd->clients[crowd->begun], &bench->loop, settings_of(bench, crowd->begun), events,
                        bench->first + crowd->begun);
            crowd->begun++;
        }
        unsigned before = crowd->ready + crowd->failed;
        loop_turn(&bench->loop, loop_now() + SECOND_NS / 10);
        if (crowd->ready + crowd->failed > before)
            moved_at = loop_now();
        if (loop_now() - moved_at > STUCK_SECONDS * SECOND_NS || crowd->failed > 100)
            break;
    }
    if (crowd->ready < bench->connections)
        fprintf(stderr, "load: only %u of %u clients are logged in\n", crowd->ready, bench->connections);
    return crowd->ready == bench->connections && !crowd->failed;
}

bool bench_run_for(struct bench *bench, double seconds, const bool *stop)
{
    uint64_t end = loop_now() + (uint64_t)(seconds * 1e9);
    while (loop_now() < end && !bench_stopped && !(stop && *stop)) {
        uint64_t slice = loop_now() + SECOND_NS / 10;
        loop_turn(&bench->loop, slice < end ? slice : end);
    }
    return !bench_stopped && !(stop && *stop);
}
