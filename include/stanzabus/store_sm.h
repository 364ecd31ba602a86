/* store_sm.h - what is known of resumable streams (XEP-0198 5), so that any node can go on with one.
 *
 * {prefix}{bare}:sm:uid, a hash a stream, beside the row of its session:
 *   r  resource     o  owner ("session LF node/", as in the row): who may note; the others are refused
 *   h  the client's stanzas that are handled     s  number of the last stanza sent     e  highest entry of the log sent
 *   t  for how long it may be resumed, ms        d  when its connection was lost, Unix ms (not there: it is connected)
 *   p  "node LF session" that it was taken from last
 *   <number>  from this number on the client was sent:  "e entry count" entries of the log, or
 *             "s xml" a stanza
 * What the client acknowledged leaves.  When the row goes, h stays for an hour: a client that comes too late hears it.  So do
 * stanzas, until it is known what became of them: {prefix}{bare}:ended, a hash owner -> uid, names those streams.
 *
 * {prefix}detached, sorted by the time at which nobody will come any more, or is to be asked again whether all is told:
 * "node LF session LF full address". */
#ifndef STANZABUS_STORE_SM_H
#define STANZABUS_STORE_SM_H

#include "stanzabus/store.h"

struct sm_line { /* one note */
    uint64_t number;
    uint64_t entry;  /* of the log, LOG_SHARED included; 0: a stanza */
    uint32_t count;  /* of entries; 1 with xml */
    struct text xml; /* the stanza */
};

struct sm_notes { /* what one turn of the loop brings */
    struct text bare, uid, node;
    uint64_t session; /* node and session: the owner */
    uint64_t handled, sent, entry;
    const uint64_t *gone; /* numbers whose lines go */
    size_t gone_count;
    const struct sm_line *lines;
    size_t line_count;
};

struct sm_found {
    bool is_there;        /* it may be resumed */
    bool has_handled;     /* it ended; handled is still known */
    struct text resource; /* with is_there */
    uint64_t handled;
};
typedef void store_sm_found_fn(void *ctx, enum bus_status status, const struct sm_found *found);

struct sm_taken {
    struct bind_answer answer; /* result BIND_REPLACED with whose it was; 0: it is not there any more */
    bool is_available, has_carbons, is_interested;
    int8_t priority;
    struct text presence; /* event of the last one that was broadcast; empty: none */
    struct text directed; /* addresses that got directed presence, a line each */
    uint64_t handled, sent, entry;
    uint32_t resume_ms;
    bool is_whole; /* the lines go on without a gap up to sent */
    const struct sm_line *lines; /* by number */
    size_t line_count;
};
typedef void store_sm_taken_fn(void *ctx, enum bus_status status, const struct sm_taken *taken);

/* A session that was given up for others: its row is gone. */
struct sm_dropped {
    struct text resource, node;
    uint64_t session;
};
typedef void store_sm_dropped_fn(void *ctx, const struct sm_dropped *dropped);

struct sm_ops {
    /* The row becomes resumable, and its hash begins, anew when there was one: with all lines there are, nothing of notes goes.
     * result: 1, or 0 when the row is another's or gone */
    void (*start)(struct store *store, const struct session_row *row, uint32_t resume_ms, const struct sm_notes *notes,
                  store_done_fn *fn, void *ctx);
    /* result: 1, or 0 when it is another's or gone: this session must end (fencing) */
    void (*note)(struct store *store, const struct sm_notes *notes, store_done_fn *fn, void *ctx);
    void (*find)(struct store *store, struct text bare, struct text uid, store_sm_found_fn *fn, void *ctx);
    /* row: bare, resource, node, session and uid say who takes it; the rest stays as it is. */
    void (*take)(struct store *store, const struct session_row *row, store_sm_taken_fn *fn, void *ctx);
    /* The connection was lost: from now on until resume_ms is over it may be resumed, also when this node dies.  Of
     * more than most such sessions of the account the oldest are dropped; most below zero: so many of them.  With an empty
     * resource only that.  result: 1, or 0 when the row is another's or gone */
    void (*detach)(struct store *store, const struct session_row *row, uint32_t resume_ms, int most,
                   store_sm_dropped_fn *each, store_done_fn *fn, void *ctx);
    /* Removes the rows of those that nobody resumed in time, but which their nodes did not end: they are dead.  each gets them, and
     * those that gave way to others; and again those that another node was told of, when it did not say session_told in a
     * minute.  result: how many */
    void (*expire)(struct store *store, store_gone_fn *each, store_done_fn *fn, void *ctx);
};

#endif
