/* store_pep.h - the personal pubsub of an account (XEP-0163): nodes with their configuration, items in the order they were
 * published, and which of its resources want to hear of which nodes.  Kept under {prefix}{bare}:pep: a hash node ->
 * configuration; :pep:items:{node} (hash id -> item), :pep:order:{node} (sorted set), :pep:subscribers:{node} (set),
 * :pep:avatar (string), :pep:usage (bytes and the number of the last item), :pep:wishes (hash resource -> uid, LF, nodes, a line each),
 * :pep:abroad (hash contact -> its resources and what they wish for, parts/abroad.lua; at most 16 kB of a contact, and only
 * of contacts in the roster).
 * A configuration is text, "field=value" LF, which the store only compares line by line; it reads persist_items and
 * max_items.  Who may read is the caller's to judge, by the answer's contact.  Calls and answers as in store.h. */
#ifndef STANZABUS_STORE_PEP_H
#define STANZABUS_STORE_PEP_H

#include "stanzabus/store_roster.h"

enum pep_result {
    PEP_DONE = 1,
    PEP_KNOWN = 2,    /* abroad: nothing is new */
    PEP_TO_LEARN = 3, /* abroad: what its kind wishes for */
    PEP_NO_ACCOUNT = 0,
    PEP_NO_NODE = -1,
    PEP_NO_ITEM = -2,
    PEP_EXISTS = -3,         /* the node to be created */
    PEP_PRECONDITION = -4,   /* the node's configuration differs; nothing was published */
    PEP_TOO_MANY_NODES = -5,
    PEP_TOO_MANY_BYTES = -6, /* of the account's items together */
    PEP_TOO_MANY_SUBSCRIBERS = -7
};

struct pep_row { /* texts are empty where an operation does not give them */
    struct text node, config, id, item;
};
struct pep_answer { /* borrowed until the callback returns */
    enum pep_result result;
    struct text config;   /* of the node that was asked for */
    const struct roster_item *contact; /* that the account has for the requester; NULL: none */
    long total, first;    /* items(): how many the node has, and the index of the first that is given */
    const struct pep_row *rows;
    size_t row_count;
};
typedef void store_pep_fn(void *ctx, enum bus_status status, const struct pep_answer *answer); /* NULL unless BUS_OK */

struct pep_limits {
    unsigned nodes;
    unsigned items; /* of a node; "max" in its configuration means this */
    size_t bytes;   /* of all items of an account, with their ids */
};

struct pep_publish {
    struct text bare, node, id, item;
    struct text preconditions; /* lines that an existing node's configuration must have */
    struct text config;        /* of the node, if it is made now */
};
enum pep_which { PEP_LAST, PEP_BY_ID, PEP_AFTER, PEP_BEFORE, PEP_BY_INDEX };
struct pep_read {
    struct text bare, node;
    struct text requester; /* bare */
    enum pep_which which;
    long count;            /* at most; 0 with PEP_LAST: all */
    size_t bytes;          /* of items: one more than fits is not given, but one always is; 0: no bound.  Left out are those
                            * furthest from where the page begins: with PEP_LAST and PEP_BEFORE the oldest. */
    long index;            /* PEP_BY_INDEX: of the first, 0 is the oldest */
    const struct text *ids; /* PEP_BY_ID: those; PEP_AFTER, PEP_BEFORE: one, PEP_NO_ITEM when it is not there */
    size_t id_count;
};
struct pep_wish { /* what a session wants to hear of */
    struct text bare, resource;
    struct text uid;   /* the session's: a wish of an older session counts for nothing */
    struct text nodes; /* a line each; empty: nothing any more */
};
/* What became known of a resource at another server. */
enum pep_abroad_how {
    PEP_ABROAD_SAID,    /* it is available, and of this kind */
    PEP_ABROAD_CAME,    /* it probes, as those do that have just come: PEP_TO_LEARN, with its kind as config, if it is known from before */
    PEP_ABROAD_MISSED,  /* it could not be told something: it is told all when it is there, or when there is more to tell */
    PEP_ABROAD_LEARNED, /* its kind wishes for these nodes */
    PEP_ABROAD_GONE     /* with an empty resource: all of the contact's */
};
struct pep_abroad {
    struct text bare;              /* the account */
    struct text contact, resource; /* bare JID; may be empty */
    enum pep_abroad_how how;
    struct text kind;  /* its capabilities, as text */
    struct text nodes; /* a line each; PEP_ABROAD_LEARNED */
};
struct pep_notice { /* a notification for those available resources of an account that wish for the node */
    struct text bare;
    struct text node;
    struct text sender;   /* bare JID of the publisher: nothing is sent to who blocks it */
    struct text resource; /* only this one; empty: all */
    struct text marker;   /* stands in the event for the recipient's resource */
    struct text event;    /* as in struct route */
};

struct pep_ops {
    /* PEP_DONE: rows are the explicit subscribers (id), config the node's; rows_count 0 otherwise. */
    void (*publish)(struct store *store, const struct pep_publish *publish, const struct pep_limits *limits, store_pep_fn *fn,
                    void *ctx);
    /* Rows: id, item; the oldest first. */
    void (*read)(struct store *store, const struct pep_read *read, store_pep_fn *fn, void *ctx);
    /* PEP_NO_ITEM, PEP_NO_NODE; rows as of publish. */
    void (*retract)(struct store *store, struct text bare, struct text node, struct text id, store_pep_fn *fn, void *ctx);
    /* All items, and with is_node the node too; rows as of publish. */
    void (*remove)(struct store *store, struct text bare, struct text node, bool is_node, store_pep_fn *fn, void *ctx);
    /* Makes the node (PEP_EXISTS), or changes its configuration (PEP_NO_NODE); superfluous items go. */
    void (*configure)(struct store *store, struct text bare, struct text node, bool is_new, struct text config,
                      const struct pep_limits *limits, store_pep_fn *fn, void *ctx);
    /* Rows: node, config; in no order. */
    void (*nodes)(struct store *store, struct text bare, struct text requester, store_pep_fn *fn, void *ctx);
    /* The last item of each of these nodes (lines) that exists and has one; rows: node, config, id, item. */
    void (*last)(struct store *store, struct text bare, struct text requester, struct text nodes, store_pep_fn *fn, void *ctx);
    /* subscriber: a JID.  Rows: id = the subscriber when it is subscribed (after the call).  add: 1 adds, -1 removes, 0 asks */
    void (*subscriber)(struct store *store, struct text bare, struct text node, struct text requester, struct text subscriber,
                       int change, unsigned most, store_pep_fn *fn, void *ctx);
    /* The answer's config is what the same session wished for before. */
    void (*wish)(struct store *store, const struct pep_wish *wish, store_pep_fn *fn, void *ctx);
    /* PEP_DONE: config is what it wished for before, total how many resources of the contact were forgotten for it; PEP_KNOWN,
     * PEP_TO_LEARN; PEP_NO_NODE: it is no contact's, or nobody waits for it. */
    void (*abroad)(struct store *store, const struct pep_abroad *abroad, store_pep_fn *fn, void *ctx);
    /* Resources at other servers: of one contact those that wish for anything, or (contact empty) of all those that wish for the
     * node.  Rows: node: what of it it wishes for, a line each; config: its kind, if that has to be learned first, and it may
     * wish for more; id: its address; item: the contact. */
    void (*audience)(struct store *store, struct text bare, struct text contact, struct text node, store_pep_fn *fn, void *ctx);
    /* result: resources that it was published for.  fn may be NULL. */
    void (*notify)(struct store *store, const struct pep_notice *notice, store_done_fn *fn, void *ctx);
    /* The hash of the account's picture (XEP-0153), kept beside the nodes; set: told on the account's mailbox when it is
     * another, as "avatar HASH".  get: rows: 1 with item (may be empty: there was one), or 0. */
    void (*avatar_set)(struct store *store, struct text bare, struct text hash);
    void (*avatar_get)(struct store *store, struct text bare, store_pep_fn *fn, void *ctx);
    /* What is known of a client by its capabilities (XEP-0115): lines of nodes it wants; kept for all nodes. */
    void (*caps_get)(struct store *store, struct text hash, struct text ver, store_pep_fn *fn, void *ctx); /* rows: 1 with item, or 0 */
    void (*caps_put)(struct store *store, struct text hash, struct text ver, struct text nodes);
};

#endif
