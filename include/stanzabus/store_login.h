/* store_login.h - what a login leaves in the store, and how it is taken back: blocking, tokens, counts against floods.
 * A part of store.h; implemented by transports/redis/store_login.c. */
#ifndef STANZABUS_STORE_LOGIN_H
#define STANZABUS_STORE_LOGIN_H

#include "stanzabus/bus.h"

struct store;
struct account;
typedef void store_done_fn(void *ctx, enum bus_status status, int64_t result);

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

/* A token with which a client comes again (XEP-0484).  What is stored is not the token: gateway/session/token.c makes it
 * from this and the nodes' secret. */
enum { TOKEN_NONCE = 16, TOKEN_MECHANISM_MAX = 24 };
struct login_token {
    char mechanism[TOKEN_MECHANISM_MAX]; /* the only one that it is good for */
    unsigned char nonce[TOKEN_NONCE];
    int64_t expires_ms; /* Unix time */
    int64_t count;      /* the highest count that the client has said with it (XEP-0484 3.4) */
};
/* fresh: given out, and not used yet.  current: used before.  NULL: there is none. */
typedef void store_tokens_fn(void *ctx, enum bus_status status, const struct login_token *fresh,
                             const struct login_token *current);

struct login_ops {
    /* The nodes of the account's session rows are told on their channels. */
    void (*block)(struct store *store, struct text bare, enum account_block how, store_block_fn *fn, void *ctx);
    /* New keys for an account that exists; all sessions but the staying one end, tokens go. */
    void (*change_password)(struct store *store, struct text bare, const struct account *account,
                            const struct staying *staying, store_block_fn *fn, void *ctx);

    /* client: the id of the client's installation, without colons and spaces. */
    void (*tokens_get)(struct store *store, struct text bare, struct text client, store_tokens_fn *fn, void *ctx);
    /* Puts it as the client's fresh one.  The account's generation must be this.  Of more than max_clients, the one whose
     * token ends first loses it.  result: 1, or 0: the login is not valid any more. */
    void (*token_put)(struct store *store, struct text bare, struct text client, const struct login_token *token,
                      uint64_t generation, unsigned max_clients, store_done_fn *fn, void *ctx);
    /* The token was proved.  It is the client's only one from now on, or with ends none is left.  count: what the client
     * said, -1 without.  result: 1, or 0: it has gone, or the count was said before. */
    void (*token_use)(struct store *store, struct text bare, struct text client, const struct login_token *token,
                      int64_t count, bool ends, store_done_fn *fn, void *ctx);

    /* result: how often this happened within the window, which begins with the first; this one included. */
    void (*count)(struct store *store, const char *what, struct text who, int64_t window_ms, store_done_fn *fn, void *ctx);
    /* What is kept of a guest goes after keep_ms, unless there is a session; 0: the guest is here again. */
    void (*guest_keep)(struct store *store, struct text bare, int64_t keep_ms);
};

#endif
