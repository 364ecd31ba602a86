/* share.h - connections of one component on several nodes share its load (components.share).  The queue and its one holder stay
 * as they are; the holder lends the others what they carry:
 *
 *   node B ── share: so many connections, stamp ──> the holder ── choice by the sender's hash ──> a connection of its own
 *   node B <── lent: stamp, number, event ──────────────┘
 *     └──> its connection, out of Redis ── carried: numbers ──> the holder
 *          or its connection has gone ──── returned: numbers ─> the holder, for whom they go again
 *
 * What is lent stays in Redis until it is written, so that it goes again when either node dies: nothing is lost then, and a
 * stanza may come twice that was written just before.  A node that was silent for SHARE_SILENT_MS gets back nothing of what it
 * was lent: it sees by the stamp, which is of its own clock, that it is not to write it any more, and the holder gives it to
 * another when it hears of that node again, or SHARE_MARGIN_MS later: so long may what the node has written be on its way out of
 * Redis.  A change of who shares waits until nothing is lent, so that what one
 * person says keeps its order. */
#ifndef STANZABUS_FEDERATION_SHARE_H
#define STANZABUS_FEDERATION_SHARE_H

#include "gateway/federation/peer.h"

enum { SHARE_SILENT_MS = 3000, SHARE_MARGIN_MS = 1000 };

/* Another node that has connections of a component. */
struct share {
    struct share *next;
    unsigned count;    /* connections that are chosen from */
    unsigned told;     /* what it said last: the count when nothing is lent any more */
    size_t lent_bytes;
    int64_t heard_ms;
    uint64_t stamp;    /* of what it said last */
    uint64_t hash;     /* of its name */
    char node[];
};

/* An entry of the link's queue that another node is to write, or that came back from it. */
struct lent {
    UT_hash_handle hh; /* in the order of their times */
    uint64_t number;
    struct share *share; /* NULL: it goes again */
    size_t size;
    int64_t since_ms;
    bool is_carried; /* written, and out of Redis; but a page that is being read may still hold it */
};

struct shares { /* of one link */
    struct share *first;
    unsigned count;    /* nodes */
    struct lent *lent; /* uthash by number */
    unsigned lent_count, again_count, carried_count;
};

/* -- share.c: the holder's side -- */
struct shares *shares_of(struct link *link);                   /* made if need be */
unsigned share_count(const struct link *link);                 /* connections of other nodes */
struct share *share_choose(const struct link *link, uint64_t sender, uint64_t best); /* NULL: none scores better */
bool share_has_room(const struct link *link);
void share_lend(struct link *link, struct share *share, uint64_t number, struct text event);
struct text share_heir(const struct link *link);               /* a node that should hold the link next; empty: none */
void share_tick(struct link *link);                            /* those that fell silent */
void share_forget(struct link *link);                          /* all of them: the lease or the numbers have gone */
/* The rests of lines off the node's channel. */
void share_heard(struct peers *peers, struct text payload);
void share_carried(struct peers *peers, struct text payload);
void share_returned(struct peers *peers, struct text payload);

/* -- lent.c: what the holder has lent -- */
struct lent *lent_find(const struct link *link, uint64_t number); /* NULL: neither lent nor to go again */
struct lent *lent_add(struct link *link, uint64_t number);     /* the caller says to whom, and counts it */
void lent_remove(struct link *link, struct lent *lent);        /* frees it */
void lent_go_again(struct link *link, struct lent *lent);      /* of one that is lent */
bool share_has_lent(const struct link *link, uint64_t number);
void share_written(struct link *link, uint64_t number);        /* it was carried: forgotten when no page is being read */
void share_page_over(struct link *link);                       /* none is any more */
/* What goes again: it was lent and came back, or could not be written. */
void share_again(struct link *link, uint64_t number);
bool share_waits(const struct link *link);                     /* something does */
bool share_is_due(const struct link *link, uint64_t number);   /* this one does */
void share_taken(struct link *link, uint64_t number);          /* it is on its way again, or will be */
uint64_t share_before(const struct link *link);                /* the number before the first that is to be read */
/* A page was read: those above after and up to last that were not in it have left Redis. */
void share_passed(struct link *link, uint64_t after, uint64_t last);

/* -- borrow.c: the other node's side -- */
void borrow_tell(struct link *link, unsigned count); /* the holder: this node has so many connections */
void borrow_tick(struct link *link);                 /* the same, again and again */
void borrow_take(struct peers *peers, struct text payload);
void borrow_turn(struct peers *peers);               /* once a loop turn: what was carried is said */
void borrow_drained(struct link *link);              /* one of its connections has room again */
void borrow_peer_gone(struct link *link);            /* one of its connections: what that has not written goes back */
void borrow_own(struct link *link);                  /* this node holds the link from now on */
void borrow_free(struct link *link);                 /* the last connection has gone: all goes back */
void borrow_forget(struct link *link);               /* Redis may have lost what the numbers mean */

/* -- component.c: the choice -- */
uint64_t component_hash_of(struct text text);
uint64_t component_score(uint64_t sender, uint64_t node, unsigned place); /* of a connection: the highest is chosen */

/* Both: to another node.  head and tail are one payload. */
void share_publish(struct peers *peers, struct text node, struct text head, struct text tail, bus_published_fn *fn, void *ctx);
/* The numbers of a payload, one a line: takes the next.  false: there is none. */
bool share_next_number(struct text *payload, uint64_t *number);

#endif
