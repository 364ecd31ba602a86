/* store_login.h - what a login leaves in the store, and how it is taken back: blocking, tokens, counts against floods.
 * A part of store.h; implemented by transports/redis/store_login.c. */
#ifndef STANZABUS_STORE_LOGIN_H
#define STANZABUS_STORE_LOGIN_H

#include "stanzabus/bus.h"

struct store;
struct account;

/* An account's generation grows at each of these but enabling and kicking: a login of an older one can neither bind nor
 * write its session row again, wherever it is, even if its node does not hear of it. */
enum account_block {
    BLOCK_DISABLE, /* nobody logs in any more; sessions end, tokens go */
    BLOCK_ENABLE,  /* undoes it */
    BLOCK_REVOKE,  /* sessions end, tokens go; who has the password may come again */
    BLOCK_KICK     /* sessions end; who has a token may come again */
};
/* told: sessions that were told to end, -1 when there is no such account.  generation: the account's from now on. */
typedef void store_block_fn(void *ctx, enum bus_status status, int64_t told, uint64_t generation);

/* A session that is not to end with the others of its account. */
struct staying {
    struct text node; /* empty: all end */
    uint64_t session;
};

struct login_ops {
    /* The nodes of the account's session rows are told on their channels. */
    void (*block)(struct store *store, struct text bare, enum account_block how, store_block_fn *fn, void *ctx);
    /* New keys for an account that exists; all sessions but the staying one end, tokens go. */
    void (*change_password)(struct store *store, struct text bare, const struct account *account,
                            const struct staying *staying, store_block_fn *fn, void *ctx);
};

#endif
