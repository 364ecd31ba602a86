/* store_archive.h - reading an account's archive of messages (XEP-0313), and its owner's wishes about it (XEP-0441).  What is
 * written there is written by the scripts that deliver (parts/archive_write.lua): a Redis Stream {prefix}{bare}:archive in the
 * order of the messages, and {prefix}{bare}:with:partner, a stream of the same ids for each partner.  Ids are raw here. */
#ifndef STANZABUS_STORE_ARCHIVE_H
#define STANZABUS_STORE_ARCHIVE_H

#include "stanzabus/store_log.h"

struct archive_page {
    struct text bare;
    struct text partner;  /* bare JID; empty: everybody */
    struct text resource; /* of the partner; empty: any */
    struct text lower, upper; /* ids, "(" in front: without it; "-" and "+": no bound */
    bool is_backwards;    /* newest first */
    unsigned max;         /* entries that are wanted */
    size_t bytes;         /* of events, about: one more than fits is not given; 0: ids only, no events */
    int64_t keep_ms;      /* what is older is not there any more; 0: no bound */
    const struct text *known; /* ids: each must be there */
    unsigned known_count;
    const struct text *ids;   /* only these, rising; NULL: all */
    unsigned id_count;
};

/* One entry; texts are borrowed until the callback returns.  event is empty when only ids were asked for. */
typedef void store_archived_fn(void *ctx, struct text id, struct text event);
struct archive_page_end {
    bool is_unknown;   /* one of the known is not there: nothing was given */
    int64_t total;     /* entries of this partner, or of all; may count some that are too old; -1: not known */
    struct text next;  /* go on behind this id, in the same direction; empty: there are no more */
};
typedef void store_archive_page_fn(void *ctx, enum bus_status status, const struct archive_page_end *end);

struct archive_preferences {
    char keeps;           /* A always, R what is exchanged with people of the roster, N never; 0: as archive.default says */
    struct text *always, *never; /* addresses, prepared */
    unsigned always_count, never_count;
};
typedef void store_preferences_fn(void *ctx, enum bus_status status, const struct archive_preferences *preferences);

/* next: the cursor of the next step; "0" when all archives were seen.  removed: messages that went in this one. */
typedef void store_retained_fn(void *ctx, enum bus_status status, struct text next, int64_t removed);

struct archive_ops {
    /* Gives the entries in their order, then the end.  A call looks at a bounded number of entries: there may be fewer than
     * max though next is not empty. */
    void (*page)(struct store *store, const struct archive_page *page, store_archived_fn *each, store_archive_page_fn *fn, void *ctx);
    void (*preferences_get)(struct store *store, struct text bare, store_preferences_fn *fn, void *ctx);
    /* Replaces all of them.  result: 1, or 0: there is no such account */
    void (*preferences_set)(struct store *store, struct text bare, const struct archive_preferences *preferences,
                            store_done_fn *fn, void *ctx);
    /* One step of a walk over all archives, from the cursor ("0": the start): what is out of bounds goes, also of accounts for
     * which nothing is written any more. */
    void (*retain)(struct store *store, struct text cursor, const struct archive_settings *bounds, store_retained_fn *fn, void *ctx);
};

#endif
