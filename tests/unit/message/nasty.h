/* nasty.h - stanzas that nobody would write by hand, made from a seed. */
#ifndef TESTS_MESSAGE_NASTY_H
#define TESTS_MESSAGE_NASTY_H

#include "stanzabus/stanza.h"

struct dice {
    uint64_t state; /* not 0 */
};
unsigned dice_roll(struct dice *dice, unsigned sides); /* 0 .. sides-1 */

/* A message, presence or iq in jabber:client (or, seldom, jabber:server); owned by the caller. */
struct stanza *nasty_stanza(struct dice *dice);
/* Text of about so many bytes that XML can carry. */
struct text nasty_text(struct dice *dice, struct arena *arena, size_t size);

#endif
