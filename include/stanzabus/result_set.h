/* result_set.h - result set management (XEP-0059): which page a client asks for, and what a page is said to be.
 * Pure: elements in, elements out; whoever has something to page through reads the one and writes the other. */
#ifndef STANZABUS_RESULT_SET_H
#define STANZABUS_RESULT_SET_H

#include <stdint.h>

#include "stanzabus/stanza.h"

#define XMLNS_RSM "http://jabber.org/protocol/rsm"

struct result_set { /* what is asked; texts live in the arena or the element */
    bool is_given;      /* there is a <set/> */
    int64_t max;        /* -1: not said; 0: only the count is wanted (2.7) */
    bool is_backwards;  /* <before/>: the last page before that item, or of all when it is empty (2.3, 2.5) */
    struct text after;  /* items behind this one; NULL data: not said */
    struct text before; /* items in front of this one; NULL data: not said, or empty */
    int64_t index;      /* -1: not said (2.6) */
};
/* Reads the <set/> of a request's payload.  False when it is no such set: bad-request. */
bool result_set_read(struct arena *arena, const struct element *payload, struct result_set *out);

struct result_page { /* what is answered */
    struct text first, last; /* ids of the first and the last item of the page; empty: the page is empty */
    int64_t index;           /* of the first item in the whole set; -1: not known */
    int64_t count;           /* items of the whole set; -1: not known */
};
/* Adds a <set/>; the texts are borrowed by the arena's life. */
void result_set_write(struct arena *arena, struct element *payload, const struct result_page *page);

#endif
