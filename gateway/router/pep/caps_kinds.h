/* caps_kinds.h - kinds of client, by the hash in their presence (XEP-0115), and what is known of each.  A kind that nobody here
 * has met is looked up in Redis; one that nobody at all has met is asked of one of those that say it, once.  What does not
 * fit its hash is nothing: then the next one is asked.
 *
 *   caps.c (sessions) ────────────┬─ caps_learn ──> caps_kinds.c ──> store; question ──> a client
 *   caps_abroad.c (other servers) ┘  told, or no help <──┘ */
#ifndef STANZABUS_ROUTER_CAPS_KINDS_H
#define STANZABUS_ROUTER_CAPS_KINDS_H

#include "gateway/router/pep/caps.h"

struct kind; /* router->caps_kinds, uthash by key, in the order they were met */

/* What presence says of its client; borrowed. */
struct caps_said {
    struct text name, ver, node; /* of the hash, the hash, the client's URI */
};
/* False: nothing, or a legacy one without hash, or something too long: as good as nothing. */
bool caps_read(const struct stanza *presence, struct caps_said *said);
/* "name:ver:node" and back. */
void caps_said_write(struct buffer *out, const struct caps_said *said);
bool caps_said_read(struct text written, struct caps_said *said);

struct caps_waiter;
struct caps_waiter_ops {
    /* Sends the question, an iq whose addresses are still to be set; borrowed.  False: it is not there any more. */
    bool (*ask)(struct router *router, struct caps_waiter *waiter, struct stanza *question);
    /* What the kind wishes for, lines.  It does not wait any more, and may go. */
    void (*told)(struct router *router, struct caps_waiter *waiter, struct text wishes);
    /* It does not wait any more, for it did not answer, or not rightly; it may go. */
    void (*dropped)(struct router *router, struct caps_waiter *waiter);
};
struct caps_waiter { /* one that says a kind; embedded by its owner */
    const struct caps_waiter_ops *ops;
    struct kind *waits_for; /* NULL: it does not */
    struct caps_waiter *next;
};

/* Told at once, or it waits.  False: neither, for all the room is taken by kinds that are waited for. */
bool caps_learn(struct router *router, const struct caps_said *said, struct caps_waiter *waiter);
void caps_wait_no_more(struct caps_waiter *waiter); /* if it does */
/* Lines of what a kind wishes for; NULL data: not known here. */
struct text caps_known(struct router *router, const struct caps_said *said);
/* The one that this kind was asked of; NULL: nobody is asked now. */
struct caps_waiter *caps_asked(struct router *router, const struct caps_said *said);
/* The id of a question about the kind says what was asked, so that any node knows its answer. */
bool caps_question_read(struct text id, struct caps_said *said); /* without node */
/* An answer fits its hash: what is wished for is appended, lines.  False: not so, and counted. */
bool caps_check(struct router *router, struct stanza *answer, const struct caps_said *said, struct buffer *wishes);
/* So it is known from now on, here and in Redis. */
void caps_put(struct router *router, const struct caps_said *said, struct text wishes);
void caps_ask_another(struct caps_waiter *asked); /* it was of no help */
void caps_kinds_free(struct router *router);

#endif
