/* handled.h - which stanzas of a client or a peer are done with (XEP-0198 4): numbered as they come, done in any order, counted
 * only up to the first that is still open.  Numbers do not wrap; what is told is their low 32 bits.  A zeroed struct has
 * seen none, and costs no memory of its own as long as stanzas are done in their order. */
#ifndef STANZABUS_HANDLED_H
#define STANZABUS_HANDLED_H

#include <stdbool.h>
#include <stdint.h>

enum { HANDLED_OPEN_MAX = 1024 }; /* between the first open stanza and the last that came; a power of two */

struct handled {
    uint64_t received; /* the number of the last one that came */
    uint64_t done;     /* it and all below are done with */
    uint64_t *ahead;   /* owned: a bit for each that is done ahead of its turn, at its number modulo room; or NULL */
    uint32_t room;     /* bits, a power of two */
};

void handled_fini(struct handled *handled);
/* The number of one that came.  Not to be called while handled_is_full: who brings them has to wait then. */
uint64_t handled_begin(struct handled *handled);
/* True when the count rose.  A number that is not open is let pass. */
bool handled_end(struct handled *handled, uint64_t number);

static inline bool handled_is_full(const struct handled *handled)
{
    return handled->received - handled->done >= HANDLED_OPEN_MAX;
}

#endif
