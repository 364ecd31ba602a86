/* store_sight.h - what somebody may see of an account: who is there, and since when nobody is.  Calls and answers as in
 * store.h. */
#ifndef STANZABUS_STORE_SIGHT_H
#define STANZABUS_STORE_SIGHT_H

#include "stanzabus/store.h"

/* Borrowed until the callback returns. */
struct sight {
    bool may_see;     /* its own account, or one whose presence it is subscribed to and that has not blocked it; else the
                         rest is empty */
    bool is_connected; /* a session is bound, available or not */
    const struct text *resources; /* available ones */
    size_t count;
    struct text gone; /* event of the latest presence of a resource that has gone; empty: nothing is known */
};
typedef void store_sight_fn(void *ctx, enum bus_status status, const struct sight *sight); /* NULL unless BUS_OK */

struct sight_ops {
    /* address: who looks; prepared. */
    void (*look)(struct store *store, struct text bare, struct text address, store_sight_fn *fn, void *ctx);
};

#endif
