/* handled.c - a ring of bits for those that are done ahead of their turn. */
#include "stanzabus/handled.h"

#include <assert.h>
#include <stdlib.h>

#include "stanzabus/memory.h"

enum { ROOM_FIRST = 64 };

void handled_fini(struct handled *handled)
{
    free(handled->ahead);
    *handled = (struct handled){ 0 };
}

uint64_t handled_begin(struct handled *handled)
{
    assert(!handled_is_full(handled));
    return ++handled->received;
}

static uint64_t *word_of(const struct handled *handled, uint64_t number, uint64_t *bit)
{
    uint32_t place = (uint32_t)number & (handled->room - 1);
    *bit = (uint64_t)1 << (place & 63);
    return &handled->ahead[place >> 6];
}

static bool take_ahead(struct handled *handled, uint64_t number)
{
    uint64_t bit;
    if (!handled->ahead)
        return false;
    uint64_t *word = word_of(handled, number, &bit);
    bool was_set = *word & bit;
    *word &= ~bit;
    return was_set;
}

static void set_ahead(struct handled *handled, uint64_t number)
{
    uint64_t bit;
    uint64_t *word = word_of(handled, number, &bit);
    *word |= bit;
}

/* Bits are placed by number modulo room: in a bigger ring they stand elsewhere. */
static void make_room(struct handled *handled)
{
    struct handled bigger = *handled;
    uint64_t span = handled->received - handled->done;
    if (span < handled->room)
        return;
    bigger.room = handled->room ? handled->room : ROOM_FIRST;
    while (bigger.room <= span)
        bigger.room *= 2;
    bigger.ahead = xcalloc(bigger.room / 64, sizeof *bigger.ahead);
    for (uint64_t number = handled->done + 1; handled->ahead && number <= handled->done + handled->room; number++)
        if (take_ahead(handled, number))
            set_ahead(&bigger, number);
    free(handled->ahead);
    *handled = bigger;
}

bool handled_end(struct handled *handled, uint64_t number)
{
    if (number <= handled->done || number > handled->received)
        return false;
    if (number > handled->done + 1) {
        make_room(handled);
        set_ahead(handled, number);
        return false;
    }
    handled->done = number;
    while (handled->done < handled->received && take_ahead(handled, handled->done + 1))
        handled->done++;
    return true;
}
