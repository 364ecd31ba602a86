/* answer.c - what Redis owes: answered when the script says so. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/peers/world.h"

struct answer *answer_owe(store_done_fn *fn, void *ctx, int64_t result)
{
    if (world.answer_count == ANSWERS_MAX)
        abort(); /* nothing here may ask so much without an answer */
    struct answer *answer = &world.answers[world.answer_count++];
    *answer = (struct answer){ .fn = fn, .ctx = ctx, .result = result };
    return answer;
}

/* Those of the log that were asked for, in order; the callback may take some out. */
static void give_entries(const struct answer *answer)
{
    for (uint64_t number = answer->first; number <= world.last_number; number++)
        for (unsigned i = 0; i < world.entry_count; i++)
            if (world.entries[i].number == number && strcmp(world.entries[i].key, answer->key) == 0) {
                answer->each(answer->ctx, &(struct log_entry){ .number = number, .event = event_text });
                break;
            }
}

void answer_one(enum bus_status status)
{
    if (world.answer_count == 0)
        return;
    struct answer answer = world.answers[0];
    memmove(world.answers, world.answers + 1, --world.answer_count * sizeof answer);
    if (answer.each && status == BUS_OK)
        give_entries(&answer);
    answer.fn(answer.ctx, status, answer.result);
}
