/* person.c - what people say to them. */
#include <stdlib.h>

#include "tests/fuzz/peers/world.h"

struct sent {
    struct stanza *stanza;
};

static void on_sent(void *ctx, enum bus_status status, int64_t result)
{
    struct sent *sent = ctx;
    (void)status;
    (void)result;
    stanza_free(&sent->stanza);
    free(sent);
}

void person_send(void)
{
    const char *from = world_next_domain(), *to = world_next_domain();
    struct text from_text = text_of(from), to_text = text_of(to);
    if (!peers_reach(world.peers, from_text, to_text) || world.entry_count == ENTRIES_MAX)
        return;
    struct sent *sent = xmalloc(sizeof *sent);
    struct refusal why = { 0 };
    struct event read = { 0 };
    if (event_read(event_text, EVENT_FROM_NODE, &world.peers->limits, &read, &why))
        abort();
    sent->stanza = read.stanza;
    peers_send(world.peers, sent->stanza, from_text, to_text, event_text, TEXT("s"), 1, on_sent, sent);
}
