/* store_presence.h - who is there: the last presence of each resource, and whom it was shown to beyond the roster
 * (RFC 6121 4). */
#ifndef STANZABUS_STORE_PRESENCE_H
#define STANZABUS_STORE_PRESENCE_H

#include "stanzabus/store.h"

struct contact {
    struct text bare;
    unsigned state; /* SUBSCRIPTION_TO and _FROM of store_roster.h; _OUT: it is to be asked again (RFC 6121 3.1.2) */
};

/* Borrowed until the callback returns. */
struct presence_answer {
    bool must_wait;            /* end: ask again in a moment */
    bool is_own;               /* false: the row is another's or gone, and nothing was done */
    bool was_available;
    const struct contact *contacts;
    size_t contact_count;
    const struct text *requests; /* events of subscription requests that wait */
    size_t request_count;
    const struct text *own; /* events: last presence of the account's other available resources */
    size_t own_count;
    struct text directed; /* addresses that got directed presence, a line each */
};
typedef void store_presence_fn(void *ctx, enum bus_status status, const struct presence_answer *answer); /* NULL unless BUS_OK */

enum presence_how {
    PRESENCE_SET,
    PRESENCE_AGAIN, /* the row was written again: without a word if the presence is still known, and contacts are those that it sees */
    PRESENCE_ANEW   /* the row was written again, but what was set last may be known to nobody */
};
struct presence_put {
    const struct session_row *row; /* as it is from now on */
    struct text event;             /* of the presence, complete */
    enum presence_how how;
    struct text forget_before; /* time, as events have it: resources that left before are forgotten */
};

struct presence_end {
    const struct session_row *row; /* bare, resource, node, session */
    struct text event;             /* of unavailable presence, complete; the same when it is asked again after BUS_AWAY */
    bool is_swept;                 /* the session ended with its node, and its row was removed */
    bool may_wait;                 /* for a session that has taken the resource over on another node */
};

enum { MEET_SHOW = 1, MEET_PROBE = 2, MEET_LIST = 4 };
struct presence_meet {
    struct text bare;               /* the account */
    unsigned what;                  /* MEET_ bits */
    struct text from, from_full, from_domain; /* who comes: bare, whole, domain; empty with MEET_LIST */
    struct text event;              /* MEET_SHOW: of the presence, complete */
    struct text since;              /* only what changed at this time or later, unavailable ones too; empty: all available */
};
/* result: to how many it was shown, or enum meet_result. presences: events. */
enum meet_result { MEET_UNSEEN = -1 /* the account's presence is not from's to see */, MEET_BLOCKED = -2 };
typedef void store_meet_fn(void *ctx, enum bus_status status, int result, const struct text *presences, size_t count);

/* presence: event of its last presence, empty when it is not available; directed: addresses, a line each. */
typedef void store_recall_fn(void *ctx, enum bus_status status, bool is_interested, struct text presence, struct text directed);

struct presence_ops {
    /* Kept, written into the row, and shown to the account's own available resources.  The answer says who else is to be
     * told: contacts that see it; when it was not available before also contacts that it sees, requests and own. */
    void (*set)(struct store *store, const struct presence_put *put, store_presence_fn *fn, void *ctx);
    /* The session has ended.  The answer is as above; is_own is false when another session of the resource is available
     * already. */
    void (*end)(struct store *store, const struct presence_end *end, store_presence_fn *fn, void *ctx);
    /* Somebody's presence comes to an account, somebody asks for the account's, or both in one step. */
    void (*meet)(struct store *store, const struct presence_meet *meet, store_meet_fn *fn, void *ctx);
    /* addresses: a line each; empty: none. */
    void (*directed)(struct store *store, struct text bare, struct text resource, struct text addresses);
    /* What is known of a session that another node had (XEP-0198). */
    void (*recall)(struct store *store, struct text bare, struct text resource, store_recall_fn *fn, void *ctx);
};

#endif
