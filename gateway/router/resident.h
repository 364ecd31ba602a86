/* resident.h - an account that has sessions on this node: what the node knows of it, so that it need not ask for each message. */
#ifndef STANZABUS_ROUTER_RESIDENT_H
#define STANZABUS_ROUTER_RESIDENT_H

#include "gateway/router/router_internal.h"
#include "stanzabus/store_log.h"

enum { FLAGS_MAX = 15 };
struct resident {
    UT_hash_handle hh;
    struct router *router;
    struct text bare; /* behind the struct */
    struct session **sessions; /* owned; borrowed members */
    unsigned count, room;
    unsigned carbons;          /* the account's sessions, on any node, that want copies */
    char flags[FLAGS_MAX + 1]; /* store_log.h */
    uint64_t last;             /* highest number of the log that was handed out, or passed; 0: none yet */
    uint64_t ahead;            /* highest that was seen while catching up */
    uint64_t early;            /* first entry that is to be read again for sessions that it came too early for; 0: none */
    uint64_t again;            /* entries up to this one are for those alone */
    bool is_catching_up;
    bool has_gap;              /* it could not be read: when Redis is back */
    bool must_settle;          /* the same for settle */
    bool must_reach;           /* Redis was away while it was read */
    uint64_t *done;            /* owned: delivered, and not yet taken out of the log */
    size_t done_count, done_room;
    struct resident *next_done; /* of router->residents_done */
    bool is_in_done;
};

/* A session was bound, or taken over from another node; answer is NULL when nothing new is known of the account. */
void resident_open(struct router *router, struct session *session, const struct bind_answer *answer);
void resident_close(struct router *router, struct session *session); /* it ended */
struct resident *resident_find(const struct router *router, struct text bare); /* NULL: no session of it is here */
struct session *resident_session(const struct resident *resident, struct text uid); /* NULL: not here */
void resident_told(struct router *router, struct text bare, struct text line); /* a control line of its mailbox */
/* Another session than this one wants copies of what the account sends. */
bool resident_wants_copies(const struct resident *resident, const struct session *session);
bool resident_has_flag(const struct resident *resident, char flag);
void residents_free(struct router *router);

/* Entries were delivered to the session: they leave the log, those of a loop turn together. */
void resident_delivered(struct router *router, struct session *session, const uint64_t *numbers, size_t count);
void resident_take_out(struct router *router, struct text bare); /* at once, what the account has */
void residents_turn(struct router *router); /* the turn ends */

/* -- catch_up.c: what was published while nobody here listened is read from the log -- */
/* May this number be handed out now?  False: it was before, or comes by catching up. */
bool resident_takes(struct resident *resident, uint64_t number);
void catch_up(struct resident *resident);
/* The same from this entry on, for sessions that were being bound when it came (session_early). */
void catch_up_early(struct resident *resident, uint64_t entry);
void residents_back(struct router *router, bool subscriptions_lost); /* Redis is back */

/* -- settle.c -- */
/* Routes again what waits for this account: when a session of it became available, or ended.  Asking often is cheap. */
void account_settle(struct router *router, struct text bare);
void settlings_free(struct router *router);

/* -- sending.c: the sender's side of a message -- */
/* Its archive, and copies for its other resources.  Before anything else may free the delivery. */
void sending_note(struct delivery *delivery, const struct sender *sender, struct text event);
struct archive_settings archive_settings(const struct router *router); /* of accounts that have not chosen themselves */
/* Names the stanza for good, so that it is stored once however often it is asked for. */
void sending_number(struct router *router, const struct sender *sender, struct deliver *deliver);

#endif
