/* bytes.h - what each byte of an address may be, so that ASCII in prepared form passes in one look at each byte. */
#ifndef STANZABUS_ADDRESS_BYTES_H
#define STANZABUS_ADDRESS_BYTES_H

#include "stanzabus/memory.h"

enum byte_class {
    BYTE_NOT_LOCAL = 1,    /* control, space, or one of RFC 7622 3.3.1 */
    BYTE_NOT_DOMAIN = 2,   /* neither letter, digit, hyphen nor dot */
    BYTE_NOT_RESOURCE = 4, /* control */
    BYTE_UPPER = 8,        /* A-Z */
    BYTE_HIGH = 16         /* part of something beyond ASCII */
};

extern const unsigned char byte_classes[256];

/* The classes of all bytes, or-ed. */
static inline unsigned bytes_seen(struct text t)
{
    unsigned seen = 0;
    for (size_t i = 0; i < t.size; i++)
        seen |= byte_classes[(unsigned char)t.data[i]];
    return seen;
}

struct text bytes_lower(struct arena *arena, struct text t); /* a copy with A-Z in lower case */

#endif
