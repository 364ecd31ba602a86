/* store_log.h - the messages that are for an account: the log holds each until it was delivered, the archive keeps them
 * (XEP-0313).  Two Redis Streams an account, {prefix}{bare}:log and {prefix}{bare}:archive.
 *
 *   deliver ──> rows say for whom (RFC 6121 8.5) ──> log: number n, held by those sessions ──> xmpp:to:{bare}
 *                                       nobody there ──> log: it waits
 *   a session that acknowledged (XEP-0198), or was written to ──> done ──> it leaves the log
 *   a session ended, one became available ──> settle ──> what is held by nobody any more is routed again, in order
 *
 * An entry is held by the sessions that it was routed to, until they are done with it, or have no row any more: their uids
 * are with it.  When nobody holds it, it leaves the log if one of them was done with it; else it waits.  One that was routed
 * to several sessions is *shared*: who of them was done with it is noted in the hash {bare}:acked.
 *
 * The account's flags, letters in the field "" of its session rows:
 *   q  something in the log may wait: what comes goes behind it, and settle delivers both in order
 *   r  beside q: some of it may be for a resource that is bound, but not available: what comes for such a one goes behind it, too
 *   s  the same, while it is settled
 *   b  has a blocklist, the set {bare}:blocked
 *   A N R  the archive keeps always, never, or what is exchanged with people of the roster; none of them: the default
 *   o  the streams that came in are remembered in two generations
 *   p  has exceptions to that by address, the hash {bare}:prefs: address -> a or n
 *
 * What a node publishes on a mailbox begins with "edge", texts for nodes only:
 *   hops n archive-id flags LF target LF target ...
 * n is 0 when it is not in the log, archive-id - when it is not in the archive; flags are letters or -: d it waited, and says
 * when it was sent (XEP-0203), s all targets get a copy of what their own account sent (XEP-0280).  A target is
 * node/resource, with + in front when it gets a copy of what another resource got.  A payload that is no JSON is a control
 * line: "account carbons flags" (rows with carbons, flags as above or -), or "log n" (n was given to an entry that waits). */
#ifndef STANZABUS_STORE_LOG_H
#define STANZABUS_STORE_LOG_H

#include "stanzabus/store.h"

enum keep { /* what may become of a message, by its type and payload (gateway/router/keeping.c) */
    KEEP_LOG = 1,     /* it waits for its recipient, and is kept until delivered */
    KEEP_ARCHIVE = 2, /* the archives of both sides keep it, if their owners want */
    KEEP_CARBON = 4   /* other resources get copies */
};

struct archive_settings { /* of accounts that have not chosen themselves, and bounds; 0: none */
    char preference;      /* A, N or R */
    int64_t keep_ms;
    unsigned count;
    size_t bytes;
};

struct deliver {
    struct text bare, resource; /* of the recipient; resource may be empty */
    enum route_audience audience;
    unsigned keep;     /* enum keep bits */
    unsigned hops;     /* times it was routed before */
    struct text from;  /* the sender's address, prepared: for blocklist and archive */
    struct text stream; /* names the stream that it came in, for ever; empty: doubles are not looked for */
    uint64_t number;    /* in that stream, rising */
    unsigned stream_seconds; /* how long the number is remembered */
    unsigned waiting;   /* most entries of the log when one more is to wait */
    size_t waiting_bytes; /* and about the bytes of them in memory */
    bool is_trusted; /* else, when the sender is not in the roster, a tenth of that must suffice (but at least 100, and 256 kB) */
    uint64_t beginning; /* number of the first entry of a log that is not there: above all that Redis may have forgotten (Unix ms) */
    const struct archive_settings *archive; /* with KEEP_ARCHIVE */
    struct text event;  /* the JSON event, complete */
};

enum deliver_result { /* above 0: sessions that it was published for */
    DELIVER_STORED = 0,      /* nobody is there: it waits in the log */
    DELIVER_BACKLOG = -1,    /* it waits behind others, though somebody is there: settle */
    DELIVER_NOBODY = -2,     /* nobody is there, and it is not one to keep */
    DELIVER_NO_ACCOUNT = -3,
    DELIVER_BLOCKED = -4,    /* the account has blocked the sender (XEP-0191) */
    DELIVER_FULL = -5,       /* the log is at its bound */
    DELIVER_DOUBLE = -6      /* this number of this stream was taken before */
};

struct settled {
    unsigned moved; /* entries routed now */
    uint64_t next;  /* go on with this one; 0: the end was reached */
    bool waits;     /* some of those so far wait on */
};
typedef void store_settled_fn(void *ctx, enum bus_status status, const struct settled *settled);

#define LOG_SHARED ((uint64_t)1 << 63) /* beside the number of a shared entry, where the contracts say so */

struct log_entry { /* borrowed until the callback returns */
    uint64_t number;
    struct text event;
    struct text holders;    /* uids, a blank between */
    struct text archive_id; /* empty: not in the archive */
    bool is_late;
};
typedef void store_entry_fn(void *ctx, const struct log_entry *entry);
enum { LOG_PAGE = 100 }; /* entries of one settle or read */

struct log_ops {
    /* Those for one account that are asked one behind the other go together.
     * result: enum deliver_result, or how many it was published for */
    void (*deliver)(struct store *store, const struct deliver *deliver, store_done_fn *fn, void *ctx);
    /* The sender's side: its archive, and the copies for its other resources.  bare and resource are the sender's own, from is the
     * recipient (the partner in the archive).  In the order of the calls among themselves; what is asked later in the same
     * turn of the loop may come before.  result: 1, or DELIVER_DOUBLE */
    void (*sent)(struct store *store, const struct deliver *deliver, store_done_fn *fn, void *ctx);
    /* These numbers (with LOG_SHARED) were delivered to the session of this uid.  result: how many left the log */
    void (*done)(struct store *store, struct text bare, struct text uid, const uint64_t *numbers, size_t count,
                 store_done_fn *fn, void *ctx);
    /* Routes what waits by today's rows: the next page after what is settled (all zero: the first).  What is in the archive up to
     * the id archive_read (may be empty) was read there, and leaves the log instead. */
    void (*settle)(struct store *store, struct text bare, const struct settled *settled, struct text archive_read,
                   store_settled_fn *fn, void *ctx);
    /* A page of the entries first to last (0: to the end).  result: entries given; fewer than LOG_PAGE: there are no more */
    void (*read)(struct store *store, struct text bare, uint64_t first, uint64_t last, store_entry_fn *each, store_done_fn *fn,
                 void *ctx);
    /* New entries have numbers above this one, which is not 0.  result: 1 when Redis had lost entries, so that it would have given
     * lower numbers again, else 0.  Then they are above Unix ms, too: others may have seen higher ones than the asker. */
    void (*reach)(struct store *store, struct text bare, uint64_t number, store_done_fn *fn, void *ctx);
};

#endif
