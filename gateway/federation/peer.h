/* peer.h - what the files of this folder share: all peers, one connection to another server or component, and the links whose
 * queues it carries.
 *
 *   accept.c ──> peer.c (one stream) ──┬─> incoming.c   they connected: headers, STARTTLS, EXTERNAL, dialback   (RFC 6120)
 *                                      ├─> outgoing.c   we connected: the same from the other side
 *                                      ├─> verify.c     asks whether a dialback key is right                    (XEP-0220)
 *                                      ├─> component.c  a component connected (share.h: on several nodes)        (XEP-0114)
 *                                      ├─> upstream.c   we are a component of another server
 *                                      └─> inbound.c    one that is ready says something ──> router
 *   transport <── outbound.c <── all of the above and queue.c.  alive.c has the timer.
 *   Who may speak: domains.c by configuration and certificate, dialback.c by keys; pairs.c keeps what was proved.
 *   router ──> peers.c ──> link.c: what waits for a domain; lease.c: which node holds it; queue.c: from Redis to the stream, and out
 *   of Redis when acknowledged; flights.c: what is between the two; piggyback.c: a further link for a stream that is there;
 *   share.c, lent.c, borrow.c: share.h */
#ifndef STANZABUS_FEDERATION_PEER_H
#define STANZABUS_FEDERATION_PEER_H

#include <sys/queue.h>

#include <uthash.h>

#include "stanzabus/handled.h"
#include "stanzabus/message.h"
#include "stanzabus/peers.h"
#include "stanzabus/store_log.h"
#include "stanzabus/store_peers.h"

#define XMLNS_BIDI "urn:xmpp:bidi"
#define XMLNS_BIDI_FEATURE "urn:xmpp:features:bidi"
#define XMLNS_DIALBACK_FEATURE "urn:xmpp:features:dialback"
#define XMLNS_SM "urn:xmpp:sm:3"

enum { PEER_ID_SIZE = 32, PEER_ID_MAX = 128, PEER_PAIRS_MAX = 50 };

enum peer_state {
    PEER_OPENING,        /* waits for the other side's header */
    PEER_NEGOTIATING,    /* features were sent, or are awaited */
    PEER_ENCRYPTING,     /* TLS handshake after <proceed/> */
    PEER_AUTHENTICATING, /* EXTERNAL, dialback or handshake is under way */
    PEER_READY,          /* stanzas flow */
    PEER_ENDED           /* waits for the transport's on_closed */
};

struct peer;
struct share;
/* What a kind of peer does with what its stream says; each may end the peer. */
struct peer_role {
    const char *name; /* for logs */
    const char *content;
    void (*on_header)(struct peer *peer, const struct stream_header *header);
    void (*on_element)(struct peer *peer, struct stanza *stanza); /* takes it; any top-level element */
    void (*on_encrypted)(struct peer *peer);
    void (*on_ended)(struct peer *peer, const char *reason); /* the memory goes behind it */
};

struct peer_pair { /* the other domain was proved for streams to the own one */
    struct peer_pair *next;
    char *other, *own; /* in one allocation */
};

struct peer_received { /* the other side's stanzas: how many are under way is bounded for every peer */
    struct handled handled;
    uint64_t before; /* those that came before acknowledgements were on: h does not count them (XEP-0198 4) */
    bool is_acknowledged, is_told; /* is_told: the last <a/> counted all that came */
    bool is_busy;                  /* some are under way */
};

/* An entry that is given to the stream and not acknowledged.  link: NULL when it has left; number: 0 when Redis has lost it. */
struct flight {
    struct link *link;
    uint64_t number;
};
struct flights { /* a ring, which grows: bounded by s2s.queue for each link */
    struct flight *ring;
    unsigned room, first, count; /* room: a power of two, or 0 */
};

struct peer {
    struct peers *peers;
    const struct peer_role *role;
    struct connection *connection; /* NULL once the transport reported its end */
    struct stream *stream;
    struct peer *next, **place;
    UT_hash_handle hh;
    struct timer timer; /* to be ready in time; later: silence */
    struct log_subject subject;
    char *own, *other;          /* of the stream; NULL until known */
    char id[PEER_ID_MAX + 1];  /* of the stream: given by the side that was called */
    uint64_t number;
    char uid[96];               /* names the stream for ever */
    enum peer_state state;
    struct peer_pair *pairs;    /* who may speak; outgoing: for whom we may, and they where there is bidi */
    unsigned pair_count, verifying;
    struct proof *proof;        /* incoming: DNS is asked about its certificate, and features wait for that */
    char *proof_domain;         /* about which it was asked; once a stream */
    bool is_proved;             /* the certificate is one of that domain's */
    LIST_HEAD(, link) links;    /* whose queues it carries, or will when it is ready */
    struct flights flights;
    struct verify *verify;      /* verifier */
    struct peer_received received;
    bool sends_acks;            /* our stanzas are acknowledged */
    bool is_header_sent, has_bidi, is_ending, has_external, has_tried_external, is_paused, is_overflowing;
    bool knows_dialback, takes_dialback_errors; /* outgoing: the other side, XEP-0220 2.3 and 2.4 */
    uint32_t sent, acknowledged; /* our stanzas */
    int64_t heard_ms, asked_ms; /* asked_ms: an <r/> or ping is unanswered since; 0: none */
    int64_t spaced_ms, took_ms; /* of the last white space; when it last took some of what is queued for it */
    uint64_t written, taken;    /* bytes: in all, and those that the kernel had taken when it was last looked at */
};

enum link_state { LINK_LEASING, LINK_DIALING, LINK_ASKING, LINK_READY, LINK_BROKEN };
struct link {
    UT_hash_handle hh;
    LIST_ENTRY(link) beside; /* on the same stream */
    struct peers *peers;
    char *key, *own, *other; /* owned; other is NULL on an upstream link: the whole world */
    enum link_state state;
    struct timer timer;
    struct dial *dial;
    struct peer *peer;
    uint64_t sent;           /* highest number given to the stream */
    unsigned flying_count;   /* its entries among the flights of the stream */
    uint64_t *over;          /* delivered or bounced, to be removed */
    unsigned over_count;
    struct page *reading;    /* queue.c's, under way; NULL: none */
    bool has_more, is_leased, is_lease_asked;
    unsigned puts;           /* under way from this node: the link stays for them */
    unsigned failures;
    int64_t waiting_since_ms, used_ms, retry_ms, leased_ms; /* retry_ms: when to dial again, to ask no longer, or be mended */
    enum stanza_condition condition; /* while broken: what senders hear */
    char reason[160];
    struct shares *shares;       /* share.c; NULL: no other node shares */
    struct borrowing *borrowing; /* borrow.c; NULL: nothing is carried for another node */
};

struct peers {
    struct parts *parts;
    struct dialer *dialer;
    const struct peers_callbacks *callbacks;
    void *ctx;
    struct peer *first;
    struct peer *by_number;   /* uthash */
    unsigned busy;            /* peers with stanzas under way */
    size_t count;
    uint64_t last_number;
    struct link *links;       /* uthash by key */
    size_t link_count;
    struct borrowing *borrowings; /* those that have something to say at the end of the turn */
    struct alone *alone;      /* uthash by link key: piggyback.c */
    struct verify *verifies;
    unsigned verify_count;
    struct buffer out;        /* scratch for what is written */
    struct event_limits limits;
    struct timer orphan_timer; /* looks for what nobody carries any more */
    bool is_stopping;
};

static inline const struct config *peer_config(const struct peer *peer)
{
    return peer->peers->parts->config;
}
static inline int64_t peers_now(const struct peers *peers)
{
    return timers_now(peers->parts->timers);
}

/* -- peer.c: one stream -- */
struct peer *peer_new(struct peers *peers, const struct peer_role *role, struct connection *connection);
struct peer *peer_find(const struct peers *peers, uint64_t number); /* NULL: it has ended */
bool peer_is_called(const struct peer *peer); /* the other side has connected */
void peer_restart(struct peer *peer);                                  /* a new header is awaited */
void peer_set_domains(struct peer *peer, struct text own, struct text other); /* empty: as before */
void peer_end(struct peer *peer, enum stream_condition condition, const char *text); /* with a stream error */
void peer_close(struct peer *peer, const char *reason);                /* without one */
void peer_finish(struct peer *peer, const char *reason);               /* without a word: all that an end means but writing */
void peer_free(struct peer *peer);                                     /* its connection has gone */

/* -- outbound.c -- */
/* False: it has ended, or will, and nothing more is written to it.  A write never ends it itself. */
bool peer_write(struct peer *peer, struct text xml);
bool peer_write_element(struct peer *peer, const struct element *element);
void peer_want_drained(struct peer *peer); /* what waits for room is to hear when there is some again */
/* The header of RFC 6120 4.7; id only on the side that was called. */
void peer_write_header(struct peer *peer, const char *from, const char *to, bool with_version);
void peer_make_id(struct peer *peer);
void peer_set_other_id(struct peer *peer, struct text id);                /* at most PEER_ID_MAX bytes */

/* -- alive.c -- */
void peer_overflow(struct peer *peer);                                 /* the other side does not read: it ends soon */
void peer_expect(struct peer *peer, int64_t ms);                       /* ends it when it is not ready by then */
void peer_ready(struct peer *peer);                                    /* it is: silence ends it from now on */

/* -- domains.c -- */
bool peer_is_allowed(const struct peers *peers, struct text domain);   /* s2s.allow and s2s.block */
bool peer_is_authority(const struct peers *peers, struct text domain); /* one that this server speaks for */
/* NULL when the certificate proves the domain. */
const char *peer_certificate_fault(const struct peer *peer, struct text domain);

/* -- peers.c -- */
/* The other domain has connected, and is proved: the link to it, whichever node holds it, need not wait any more. */
void peers_mend(struct peers *peers, struct text own, struct text other);

/* -- pairs.c: who may speak -- */
bool peer_has_pair(const struct peer *peer, struct text other, struct text own);
bool peer_add_pair(struct peer *peer, struct text other, struct text own); /* false: too many */
void peer_free_pairs(struct peer *peer);

/* -- inbound.c: stanzas of a peer that is ready -- */
void peer_take_stanza(struct peer *peer, struct stanza *stanza); /* takes it; checks the addresses against the pairs */
/* <enable/>, <r/>, <a/>; true: it was one, and is freed. */
bool peer_take_management(struct peer *peer, struct stanza *stanza);
void peer_forget_received(struct peer *peer); /* it ends */
void peer_begin_acknowledging(struct peer *peer); /* what comes from now on */
void peer_acknowledge(struct peer *peer);

/* -- dialback.c -- */
/* XEP-0185: the key for a stream id, as hex; out holds 65 bytes. */
void dialback_key(struct text shared, struct text receiving, struct text originating, struct text id, char out[65]);
void dialback_show(struct peer *peer, struct text own, struct text other); /* a key of ours, on a stream that we opened */
/* A key of the other side, or its question about one that claims to be ours; true: it was one.  Borrows the stanza. */
bool dialback_take(struct peer *peer, struct stanza *stanza);
void dialback_result(struct peer *peer, struct text own, struct text other, const char *type, const char *condition);

extern const struct peer_role role_incoming, role_outgoing, role_verifier, role_component, role_upstream;

static inline struct text peers_secret(const struct peers *peers)
{
    return (struct text){ (const char *)peers->parts->secret, sizeof peers->parts->secret };
}

/* -- outgoing.c, verify.c, component.c, upstream.c -- */
void outgoing_start(struct link *link, struct connection *connection);
void incoming_ready(struct peer *peer); /* its first pair is proved */
void incoming_proved(struct peer *peer, struct text own, struct text other); /* one more pair of an incoming stream */
/* Has the key of a dialback checked by who is asked for it (XEP-0220 2.4), and answers the incoming peer. */
void verify_start(struct peer *incoming, struct text own, struct text other, struct text key);
void verify_forget(struct peer *incoming); /* it ends */
void verify_free(struct peers *peers);
void upstream_start(struct peers *peers);
bool upstream_has(const struct peers *peers, struct text domain);
struct dial *upstream_dial(struct link *link, dialed_fn *fn);
void upstream_connected(struct link *link, struct connection *connection);
void component_hash(struct text id, struct text secret, char out[41]); /* XEP-0114 3, as hex */
void component_gone(struct link *link); /* its stream ended: another takes over, or the link goes */
unsigned component_count(const struct link *link); /* connections of this node */
struct peer *component_own(const struct link *link, const struct stanza *stanza); /* one of them; stanza may be NULL */
/* link->peer, or one that shares with it; NULL: a share of another node does (share.h). */
struct peer *component_choose(const struct link *link, const struct stanza *stanza, struct share **share);
bool component_has_room(const struct link *link); /* none of those that share has enough for now */
void component_wait_for_room(const struct link *link);
void component_drained(struct peer *peer);

/* -- link.c -- */
struct link *link_find(struct peers *peers, struct text key);
struct link *link_of_key(struct peers *peers, struct text key); /* the same by its key; components are only found */
struct link *link_get(struct peers *peers, struct text own, struct text other); /* made if need be; NULL: too many */
void link_key(struct buffer *out, struct text own, struct text other);
void link_release(struct link *link);                   /* a put is over: it goes, when nothing else keeps it */
void link_join(struct link *link, struct peer *peer);   /* the stream is to carry it */
void link_leave(struct link *link);                     /* not any more */
void link_attach(struct link *link, struct peer *peer); /* the stream is ready; it joins if it has not */
/* XEP-0288: what waits for the other domain may go this way too, unless it has a stream already. */
void link_offer(struct peer *peer, struct text own, struct text other);
void link_mend(struct link *link); /* its other side is there: what waits for a later try is tried now */
void link_dial(struct link *link);
void link_detach(struct link *link, const char *reason); /* its stream ended */
/* This try failed; it is tried again for s2s.wait, unless it is for good. */
void link_failed(struct link *link, bool is_for_good, enum stanza_condition condition, const char *reason);
void link_start_tick(struct link *link); /* what it does every half second, unless it does already */
void link_free(struct link *link);
void links_free(struct peers *peers);

/* -- lease.c: which node holds the link -- */
enum { LINK_LEASE_MS = 15000 };
void link_want(struct link *link);            /* something waits, and nobody holds it */
void link_ask_lease(struct link *link);       /* takes it, or keeps it; unless that is being asked */
void link_give_lease_back(struct link *link); /* if it is held: to a node that has connections of the component, or nobody */
void link_give_back(struct link *link);       /* the lease, so that another node takes it; the link may go */

/* -- piggyback.c -- */
/* True: a stream that is ready carries the link now, or was asked whether it may; else it has to dial. */
bool piggyback_start(struct link *link);
void piggyback_failed(struct link *link, const char *reason);             /* while it is asked; the link dials */
void piggyback_answered(struct peer *peer, const struct element *root); /* <db:result/> */
void piggyback_free(struct peers *peers);

/* -- flights.c -- */
void flights_add(struct flights *flights, struct link *link, uint64_t number);
struct flight flights_take(struct flights *flights); /* the oldest; there is one */
void flights_leave(struct flights *flights, struct link *link);      /* its entries are nobody's now */
void flights_lose(struct flights *flights, const struct link *link); /* Redis has lost its entries */

/* -- queue.c -- */
void queue_read(struct link *link);   /* what waits above link->sent goes to the stream */
void queue_begin_again(struct link *link); /* all that waits does: the stream is another, or the numbers are */
void queue_pushed(struct link *link, uint64_t number, struct text event); /* by another node */
void queue_put(struct link *link, uint64_t number, const struct stanza *stanza); /* by this one */
void queue_missed(struct link *link); /* something may be in it that was not told */
void queue_acknowledged(struct peer *peer, unsigned count); /* so many of those that fly */
void queue_go_on(struct peer *peer);  /* there may be room on the stream again */
struct stanza *queue_stanza(const struct link *link, struct text event); /* NULL: it cannot be read, and is counted */
void queue_over(struct link *link, uint64_t number); /* it is done with; 0: Redis has lost it */
void queue_flush(struct link *link);  /* takes out of Redis what is over */
void queue_bounce(struct link *link); /* all that waits goes back to who sent it */
void queue_look_again(struct link *link); /* Redis is back */

#endif
