/* store_peers.h - what waits for another server or a component: a bounded log each, in Redis, so that the sender's
 * acknowledgement may stand before a connection does, and another node can take over.
 *
 *   any node ── put ──> {prefix}{key}:log ── pushed to ──> xmpp:node:{holder of the lease {key}} ──> its connection
 *
 * The key is "own domain>other domain" between servers, the domain itself for a component.  Entries are read and removed by
 * store_log.h's read and done, the lease by store.h's lease_take and lease_release. */
#ifndef STANZABUS_STORE_PEERS_H
#define STANZABUS_STORE_PEERS_H

#include "stanzabus/store.h"

struct peers_put {
    struct text key;
    struct text event;  /* the JSON event, complete */
    struct text stream; /* of the sender, with number: no doubles (store_log.h); empty: not looked for */
    uint64_t number;
    unsigned bound;     /* most entries */
    size_t bound_bytes; /* and about the bytes of them in memory */
    struct text node;   /* that asks */
    bool needs_holder;  /* refused when nobody holds the lease */
};
enum peers_put_result {
    PEERS_OWN = 16, /* and above, by the entry's number: the asking node holds the link, and has the event already */
    PEERS_PUSHED = 1,  /* the holder got it */
    PEERS_QUEUED = 0,  /* it waits, and no living node holds the lease: somebody should take it */
    PEERS_NOBODY = -2, /* needs_holder, and there is none */
    PEERS_FULL = -5,
    PEERS_DOUBLE = -6 /* this number of this stream was taken before */
};

enum peers_told_result {
    PEERS_NOT_TOLD = 0, /* nobody holds it, or its node does not listen */
    PEERS_TOLD = 1,
    PEERS_IS_HOLDER = 2 /* the telling node holds it itself */
};

typedef void peers_each_fn(void *ctx, struct text key);

struct peers_ops {
    /* Links whose queue may hold something are in one set, {prefix}links, so that another node finds those of one that died. */
    void (*note)(struct store *store, struct text key);
    void (*forget)(struct store *store, struct text key);
    /* each gets those of the set that nobody holds.  result: how many there were in all */
    void (*orphans)(struct store *store, peers_each_fn *each, store_done_fn *fn, void *ctx);
    /* Those for one link that are asked in one turn of the loop, with none for another between them, go together; other things asked in
     * that turn may come before them.  result: enum peers_put_result.  What is pushed comes to the holder's node channel as "queued LF key LF number LF event". */
    void (*put)(struct store *store, const struct peers_put *put, store_done_fn *fn, void *ctx);
    /* The holder of the link's lease is told on its node channel.  result: enum peers_told_result */
    void (*tell_holder)(struct store *store, struct text key, struct text node, struct text what, store_done_fn *fn, void *ctx);
    /* The lease of the link, if the node holds it, is the heir's from now on, for ttl_ms. */
    void (*hand_over)(struct store *store, struct text key, struct text node, struct text heir, int64_t ttl_ms);
};

#endif
