/* store_roster.h - contact lists, and the requests for subscription that wait for an answer (RFC 6121 2 and 3).
 * Every change is written, numbered and pushed to the sessions that have asked for the roster in one step, so that pushes
 * come in the order of their versions. */
#ifndef STANZABUS_STORE_ROSTER_H
#define STANZABUS_STORE_ROSTER_H

#include "stanzabus/store.h"

enum subscription_bit {
    SUBSCRIPTION_TO = 1,       /* the account sees the contact's presence */
    SUBSCRIPTION_FROM = 2,     /* the contact sees the account's */
    SUBSCRIPTION_OUT = 4,      /* the account has asked (ask='subscribe') */
    SUBSCRIPTION_IN = 8,       /* the contact has asked */
    SUBSCRIPTION_APPROVED = 16 /* the account has approved what the contact has not asked yet (RFC 6121 3.4) */
};

struct roster_item {
    struct text contact, name; /* bare JID, prepared; name may be empty */
    struct text groups;        /* see roster_next_group */
    unsigned state;            /* subscription_bits without SUBSCRIPTION_IN */
    bool is_removed;
    uint64_t number; /* of its last change */
};
/* A sign that no name and no address can hold: it separates them in the store. */
enum { ROSTER_SEPARATOR = 0x1f };
/* Takes the next group's name off groups; false when there is none. */
static inline bool roster_next_group(struct text *groups, struct text *group)
{
    if (!groups->size)
        return false;
    const char *start = groups->data + 1, *end = memchr(start, ROSTER_SEPARATOR, groups->size - 1);
    *group = (struct text){ start, end ? (size_t)(end - start) : groups->size - 1 };
    groups->data += 1 + group->size;
    groups->size -= 1 + group->size;
    return true;
}

enum roster_answer { ROSTER_UNCHANGED, ROSTER_CHANGES, ROSTER_WHOLE };
struct roster {
    enum roster_answer answer;
    struct text epoch; /* a version is epoch-number (RFC 6121 2.6: opaque to clients) */
    uint64_t number;
    const struct roster_item *items; /* removed ones only with ROSTER_CHANGES */
    size_t count;
};
typedef void store_roster_fn(void *ctx, enum bus_status status, const struct roster *roster); /* NULL unless BUS_OK */

struct roster_request {
    struct text bare;
    const struct session_row *asker; /* as it is from now on, interested; NULL: only read */
    struct text version;             /* that the client has; empty: all is asked for */
};

struct roster_put {
    struct text bare, contact, name;
    struct text groups; /* each with ROSTER_SEPARATOR before it */
    struct text push;   /* an event of an empty iq, complete: the push is made from it */
    unsigned max_items;
};

/* presences: last presence of each available resource of the account, as events; only when the contact begins or ceases
 * to see them. */
struct subscription_answer {
    int result; /* 1 done, 0 no such account or item, -1 too many items or requests */
    unsigned before, now, actions;
    const struct text *presences;
    size_t count;
};
typedef void store_subscription_fn(void *ctx, enum bus_status status, const struct subscription_answer *answer);

struct subscription_request {
    struct text bare, contact;
    struct text table; /* of gateway/router/subscription_state.h */
    bool is_inbound, is_subscribe;
    struct text push;
    struct text event; /* of the stanza, complete; inbound: shown to clients, and kept while it waits */
    unsigned max_items, max_requests;
};

/* What a contact of a deleted account has to hear; resources: those that were available, a line each. */
struct contact_leaving {
    struct text contact;
    unsigned state; /* subscription_bits */
};
typedef void store_leaving_fn(void *ctx, enum bus_status status, const struct contact_leaving *contacts, size_t count,
                              struct text resources);

struct roster_ops {
    void (*get)(struct store *store, const struct roster_request *request, store_roster_fn *fn, void *ctx);
    /* result: 1 done, 0 too many items */
    void (*put)(struct store *store, const struct roster_put *put, store_done_fn *fn, void *ctx);
    /* answer->before has SUBSCRIPTION_IN too; all that there was is gone. */
    void (*remove)(struct store *store, struct text bare, struct text contact, struct text push, store_subscription_fn *fn,
                   void *ctx);
    void (*subscription)(struct store *store, const struct subscription_request *request, store_subscription_fn *fn, void *ctx);
    /* Some account that was deleted and whose contacts have not been told; empty when there is none, or Redis is away. */
    void (*leaving_next)(struct store *store, store_each_fn *fn, void *ctx);
    void (*leaving_read)(struct store *store, struct text bare, store_leaving_fn *fn, void *ctx);
    void (*leaving_done)(struct store *store, struct text bare);
};

#endif
