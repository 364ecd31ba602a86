/* event_id.c - UUIDv7 (RFC 9562 5.7): 48 bits of milliseconds, 12 of a counter that keeps the ids of one millisecond in
 * order (6.2, method 1), 62 of randomness. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/message.h"

enum {
    COUNTER_MAX = 0xfff,
    COUNTER_START = 0x3ff, /* a millisecond begins at a random number up to this, so that 3,000 more fit */
    CLOCK_BACK_MS = 10000 /* back further, the clock was set: ids follow it, to agree with time */
};

static const unsigned char *take_random(struct event_ids *ids, size_t size)
{
    if (ids->random_left < size) {
        if (RAND_bytes(ids->random, sizeof ids->random) != 1) { /* never guessable ids instead of unguessable ones */
            fprintf(stderr, "stanzabus: no random numbers\n");
            abort();
        }
        ids->random_left = sizeof ids->random;
    }
    ids->random_left -= size;
    return ids->random + ids->random_left;
}

static void advance(struct event_ids *ids, int64_t wall_ms)
{
    bool is_new = wall_ms > ids->last_ms || wall_ms + CLOCK_BACK_MS < ids->last_ms;
    if (is_new)
        ids->last_ms = wall_ms;
    else if (ids->counter++ < COUNTER_MAX)
        return;
    else
        ids->last_ms++; /* the counter is used up: borrowed from the next millisecond */
    const unsigned char *seed = take_random(ids, 2);
    ids->counter = ((unsigned)seed[0] << 8 | seed[1]) & COUNTER_START;
}

static char *put_hex(char *out, uint64_t value, unsigned count)
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = count; i-- > 0; value >>= 4)
        out[i] = hex[value & 15];
    return out + count;
}

void event_id_next(struct event_ids *ids, int64_t wall_ms, char out[EVENT_ID_SIZE])
{
    uint64_t rest;
    advance(ids, wall_ms);
    memcpy(&rest, take_random(ids, sizeof rest), sizeof rest);
    rest = (rest & UINT64_C(0x3fffffffffffffff)) | UINT64_C(0x8000000000000000); /* variant 10 */
    uint64_t ms = (uint64_t)ids->last_ms & UINT64_C(0xffffffffffff);

    char *at = put_hex(out, ms >> 16, 8);
    *at++ = '-';
    at = put_hex(at, ms & 0xffff, 4);
    *at++ = '-';
    at = put_hex(at, 0x7000u | ids->counter, 4);
    *at++ = '-';
    at = put_hex(at, rest >> 48, 4);
    *at++ = '-';
    put_hex(at, rest & UINT64_C(0xffffffffffff), 12);
}
