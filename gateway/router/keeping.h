/* keeping.h - what may become of a message beside being handed to those who are there: is it kept until somebody comes, does
 * it go into archives, do other resources get copies?  By its type and what it carries: one table, in keeping.c. */
#ifndef STANZABUS_ROUTER_KEEPING_H
#define STANZABUS_ROUTER_KEEPING_H

#include "stanzabus/stanza.h"
#include "stanzabus/store_log.h"

enum keeping_side { SIDE_RECIPIENT, SIDE_SENDER };
struct keeping {
    unsigned keep;    /* enum keep bits, for this side */
    bool is_fleeting; /* says nothing that anybody would miss: when nobody is there, no one is told */
};
struct keeping keeping_of(const struct stanza *message, enum keeping_side side);

#endif
