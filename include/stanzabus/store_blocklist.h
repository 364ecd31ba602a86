/* store_blocklist.h - whom an account has blocked (XEP-0191): a set of addresses, {prefix}{bare}:blocked, and the letter b
 * among the account's flags while it is not empty.  Scripts that route to the account look at both.  Calls and answers as
 * in store.h. */
#ifndef STANZABUS_STORE_BLOCKLIST_H
#define STANZABUS_STORE_BLOCKLIST_H

#include "stanzabus/store.h"

enum block_result { BLOCK_DONE = 1, BLOCK_NO_ACCOUNT = 0, BLOCK_TOO_MANY = -1 };

struct blocklist_change {
    struct text bare;
    const struct text *addresses; /* prepared */
    size_t count;                 /* at least 1; or 0 with remove: all of them */
    unsigned max;                 /* with add: addresses that the account may have then */
};

struct blocklist_ops {
    /* each (in no order) for every address.  result: how many */
    void (*list)(struct store *store, struct text bare, store_each_fn *each, store_done_fn *fn, void *ctx);
    /* result: enum block_result.  each for every address that was not there (add), or was (remove).  Told to the account's
     * nodes on its mailbox, in a line "block" or "unblock" and a line for each address; "unblock" alone: all. */
    void (*add)(struct store *store, const struct blocklist_change *change, store_each_fn *each, store_done_fn *fn, void *ctx);
    void (*remove)(struct store *store, const struct blocklist_change *change, store_each_fn *each, store_done_fn *fn, void *ctx);
    /* Has bare blocked this prepared address?  result: 1 or 0 */
    void (*has)(struct store *store, struct text bare, struct text address, store_done_fn *fn, void *ctx);
};

#endif
