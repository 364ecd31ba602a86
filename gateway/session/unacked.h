/* unacked.h - what a client was sent and has not acknowledged (XEP-0198 4): entries of its account's log by number, where
 * they stay readable there, and stanzas whole.  Entries with consecutive numbers that were sent one behind the other are
 * one run, until it is noted: then it grows no more.  Stanzas are counted from 1 on; numbers do not wrap.
 *
 *   runs:  | acknowledged, gone | noted in Redis | not noted |
 *                               ^ acked + 1                  ^ sent
 */
#ifndef STANZABUS_SESSION_UNACKED_H
#define STANZABUS_SESSION_UNACKED_H

#include "stanzabus/memory.h"

struct run {
    uint64_t entry; /* the log's number of its first, LOG_SHARED included; 0: a stanza */
    char *xml;      /* owned: the stanza */
    uint32_t size;  /* of xml */
    uint32_t count; /* of entries; 1 with xml */
    uint64_t line;  /* the number under which it is noted; 0: it is not */
    bool is_answered; /* a request whose answer came: the client had it, whatever it acknowledges */
};

struct unacked {
    struct run *runs;  /* owned ring; first at [begin] */
    uint32_t room;     /* a power of two */
    uint32_t begin, run_count;
    uint64_t acked;    /* the client has this one and all below */
    uint64_t sent;     /* the number of the last */
    size_t bytes;      /* of all xml */
    uint64_t *gone;    /* owned: lines of runs that were acknowledged whole, until they are taken */
    size_t gone_count, gone_room;
};

void unacked_fini(struct unacked *unacked);
void unacked_add_entry(struct unacked *unacked, uint64_t entry);
void unacked_add_stanza(struct unacked *unacked, struct text xml); /* copied */
/* A run as it was noted, behind all others. */
void unacked_add_run(struct unacked *unacked, uint64_t entry, uint32_t count);
static inline uint64_t unacked_count(const struct unacked *unacked)
{
    return unacked->sent - unacked->acked;
}

/* The run at index, counted from the oldest; borrowed until the next call that is not const. */
static inline struct run *unacked_run(const struct unacked *unacked, uint32_t index)
{
    return &unacked->runs[(unacked->begin + index) & (unacked->room - 1)];
}

/* The number of the stanza that a client means by h: the one nearest above acked.  False when it is more than upto (the
 * last that was written).  An h from before, up to half of the circle, is acked itself. */
bool unacked_find(const struct unacked *unacked, uint32_t h, uint64_t upto, uint64_t *number);

/* Everything up to number is acknowledged.  each (may be NULL) gets the log's numbers that were in it. */
void unacked_ack(struct unacked *unacked, uint64_t number, void (*each)(void *ctx, uint64_t entry), void *ctx);
/* The client has answered the request with this id from this address: marks it, among the newest. */
void unacked_answered(struct unacked *unacked, struct text from, struct text id);
bool unacked_has_entry(const struct unacked *unacked, uint64_t entry);
/* Takes out an entry that the log has lost; those behind it count one less.  False when it was not in. */
bool unacked_drop_entry(struct unacked *unacked, uint64_t entry);

#endif
