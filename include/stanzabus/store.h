/* store.h - what outlives a node: accounts, session rows, leases.  Implemented by transports/redis (Lua scripts, each
 * on the keys of one address).  Every call is asynchronous and answered exactly once, never
 * from inside; all texts are copied.  Keys are named in channel.h's way: {prefix}{bare-jid}:account and so on. */
#ifndef STANZABUS_STORE_H
#define STANZABUS_STORE_H

#include "stanzabus/bus.h"
#include "stanzabus/store_login.h"

struct store;
struct log_ops; /* store_log.h */
struct archive_ops; /* store_archive.h */
struct sm_ops;  /* store_sm.h */
struct log_ops;   /* store_log.h */
struct peers_ops; /* store_peers.h */

/* -- accounts -- */
enum { SCRAM_SALT_MAX = 64 };
struct scram_keys { /* RFC 5802 3; 20 bytes used for SHA-1, 32 for SHA-256 */
    unsigned iterations; /* 0: this hash is not stored */
    unsigned salt_size;
    unsigned char salt[SCRAM_SALT_MAX];
    unsigned char stored_key[32], server_key[32];
};
struct account {
    struct scram_keys sha1, sha256;
    bool is_disabled;
    uint64_t generation; /* store_login.h; written by the store alone */
};
typedef void store_account_fn(void *ctx, enum bus_status status, const struct account *account); /* NULL: no such account */
enum account_put { ACCOUNT_CREATE, ACCOUNT_REPLACE, ACCOUNT_CREATE_OR_REPLACE };
typedef void store_each_fn(void *ctx, struct text bare);
typedef void store_secret_fn(void *ctx, enum bus_status status, struct text secret);

/* -- session rows: one hash an account, a field a resource -- */
struct session_row {
    struct text bare, resource;
    struct text node;     /* the owner; every later write for this session fails when the row names another */
    uint64_t session;     /* number of the session in its node */
    struct text uid;      /* names the session for ever: it stays when another node takes it over (XEP-0198) */
    bool is_available;    /* has sent presence without type (RFC 6121 4.2) */
    bool has_carbons;     /* wants copies of what other resources send and get (XEP-0280) */
    bool is_resumable;    /* the row outlives its connection (XEP-0198 5) */
    bool is_interested;   /* has asked for the roster (RFC 6121 2.2) */
    int8_t priority;
    uint64_t generation; /* of the account at login; 0 for guests */
};
enum bind_conflict { BIND_REFUSE, BIND_REPLACE }; /* RFC 6120 7.7.2.2 */
enum bind_result { BIND_DONE = 1, BIND_REPLACED = 2, BIND_CONFLICT = -1, BIND_TOO_MANY = -2, BIND_BLOCKED = -3,
                   BIND_MOVED = -4 /* with BIND_REFUSE: this session goes on at another node */ };
struct bind_answer {
    int result; /* enum bind_result */
    struct text replaced_node; /* with BIND_REPLACED: whose row it was */
    uint64_t replaced_session;
    struct text flags; /* of the account: its letters are in store_log.h */
    unsigned carbons;  /* rows of the account that want carbon copies, this one included */
};
typedef void store_bind_fn(void *ctx, enum bus_status status, const struct bind_answer *answer);

/* -- routing: decided once, from the rows, in the same step that publishes -- */
enum route_audience {
    ROUTE_RESOURCE,     /* this resource, whatever its presence */
    ROUTE_NON_NEGATIVE, /* all available resources of non-negative priority (RFC 6121 8.5.2.1) */
    ROUTE_AVAILABLE,    /* all available resources (presence) */
    ROUTE_RESOURCE_OR_NON_NEGATIVE /* the resource if it is there, else as to the bare JID (RFC 6121 8.5.3.2.1) */
};
enum { ROUTE_BLOCKED = -1 }; /* by the account (XEP-0191) */
struct route {
    struct text bare, resource;
    enum route_audience audience;
    unsigned hops;     /* times this event was routed before */
    struct text from;  /* the sender's prepared address, for the blocklist; may be empty */
    struct text event; /* the JSON event, complete.  Published on xmpp:to:{bare} with "edge":"..." put in as its first member */
};

/* A session that its node did not end: its row is gone, and whoever is told of it sees to the rest. */
struct session_gone {
    struct text full, mark;     /* mark: for session_told */
    const struct text *stanzas; /* sent and not acknowledged (XEP-0198), but for entries of the log: as XML, in order */
    size_t stanza_count;
};
typedef void store_gone_fn(void *ctx, const struct session_gone *gone);

struct store_ops {
    void (*account_get)(struct store *store, struct text bare, store_account_fn *fn, void *ctx);
    /* result: 1 written, 0 not (exists already, or does not exist).  When it existed, its sessions end and its tokens go. */
    void (*account_put)(struct store *store, struct text bare, const struct account *account, enum account_put how,
                        store_done_fn *fn, void *ctx);
    /* All keys of the account; result 1 or 0.  Its sessions end. */
    void (*account_delete)(struct store *store, struct text bare, store_done_fn *fn, void *ctx);
    /* In no order; a name may come twice while accounts are written at the same time.  result: names given */
    void (*account_list)(struct store *store, struct text domain, store_each_fn *each, store_done_fn *fn, void *ctx);
    /* A random secret that all nodes share, made by the first that asks; 32 bytes. */
    void (*secret_get)(struct store *store, struct text name, store_secret_fn *fn, void *ctx);

    /* At most max_sessions rows an account. */
    void (*session_bind)(struct store *store, const struct session_row *row, enum bind_conflict conflict, unsigned max_sessions,
                         store_bind_fn *fn, void *ctx);
    /* result: 1 done, 0 the row names another node or session, or is gone: this session must end (fencing) */
    void (*session_update)(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx);
    /* result: 0 as above; 1 removed; 2 removed, and the log holds messages that may have been for it: they are to be
     * settled (store_log.h) */
    void (*session_remove)(struct store *store, const struct session_row *row, store_done_fn *fn, void *ctx);
    /* result: resources that it was published for; 0 = nobody is there, nothing was published; ROUTE_BLOCKED */
    void (*route)(struct store *store, const struct route *route, store_done_fn *fn, void *ctx);

    /* A lease on an address's channel xmpp:from:{address}: held by one node, taken again before ttl_ms ends.
     * result: 1 this node holds it now, 0 another does */
    void (*lease_take)(struct store *store, struct text address, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx);
    void (*lease_release)(struct store *store, struct text address, struct text node);

    /* The node says that it lives; again every third of ttl_ms.  result: 1 fine, 0 its entry had gone (others have taken its
     * sessions for dead). */
    void (*node_beat)(struct store *store, struct text node, int64_t ttl_ms, store_done_fn *fn, void *ctx);
    void (*node_gone)(struct store *store, struct text node, store_done_fn *fn, void *ctx); /* at a clean stop, rows removed before */
    /* Finds nodes whose beats ended, and removes the rows that they left.  each gets every session whose row was removed.
     * Only a node whose own beats came promptly for a whole ttl_ms may: else nothing is swept.  result: rows removed */
    void (*node_sweep)(struct store *store, store_gone_fn *each, store_done_fn *fn, void *ctx);
    /* All is said and done about a session that has gone.  Else some node is told of it again in a minute (sm->expire). */
    void (*session_told)(struct store *store, struct text mark);
};

struct documents_ops; /* store_documents.h */
struct blocklist_ops; /* store_blocklist.h */
struct sight_ops; /* store_sight.h */
struct pep_ops;       /* store_pep.h */
struct roster_ops;    /* store_roster.h */
struct presence_ops;  /* store_presence.h */

struct store {
    const struct store_ops *ops;
    const struct documents_ops *documents;
    const struct login_ops *login;
    const struct log_ops *log;
    const struct archive_ops *archive;
    const struct blocklist_ops *blocklist;
    const struct sight_ops *sight;
    const struct sm_ops *sm;
    const struct pep_ops *pep;
    const struct roster_ops *roster;
    const struct presence_ops *presence;
    const struct peers_ops *peers;
};

#endif
