/* router_internal.h - what the files of this folder and of its rooms share.  The way of a stanza through them:
 *
 *   session ──> router.c ──┬─> dispatch.c ──> handle_*.c           it is for the server, or an account that the server answers for
 *   peers ──> to_peer.c ──>├─> message_to_account.c ──> store      log, archive and xmpp:to:{account} in one step (keeping.c, sending.c)
 *   intake.c ─> (service)  ├─> to_account.c ──> store              xmpp:to:{account}: presence, iq
 *                          ├─> to_service.c ──> bus                xmpp:to:{service}   (requests.c waits for the answer)
 *                          ├─> to_peer.c ──> peers                 other servers, components
 *                          └─> observe.c ──> bus                   xmpp:stanza:*
 *   bus ──> mailbox.c ──> session                                  hand out; settle.c and catch_up.c bring what waited
 *
 * Doors: from_sessions.c ──> router.c; from_bus.c ──> intake.c, mailbox.c, node.c; to_peer.c has the one from the peers.  start.c
 * opens them, and has the router's own life.
 *
 * Rooms: presence/ rosters, subscriptions, presence; archive/ XEP-0313; pep/ XEP-0163 and what stands on it; account/ vCards,
 * private XML, blocking, registration. */
#ifndef STANZABUS_ROUTER_INTERNAL_H
#define STANZABUS_ROUTER_INTERNAL_H

#include <sys/queue.h>

#include <uthash.h>

#include "stanzabus/archive_id.h"
#include "stanzabus/channel.h"
#include "stanzabus/router.h"
#include "stanzabus/store_peers.h"

/* A service that this configuration names: a domain, or an account (bot). */
struct service {
    struct router *router;
    struct text address;       /* borrowed from the configuration */
    bool is_domain;            /* all addresses of the domain, else one bare JID */
    bool holds_lease;          /* this node listens on xmpp:from:{address} */
    struct text mailbox;       /* xmpp:to:{address} */
    struct text said;          /* xmpp:from:{address} */
    struct text replyto;       /* xmpp:from:{address}:node */
    struct text replyto_head;  /* {"replyto":"...", - the first bytes of every event for it */
    bool is_asking;
    bool is_step; /* its next answer is one of router->starting */
    int64_t asked_ms, confirmed_ms; /* when the last answer, and the last good one, was asked for */
    struct tally {
        int64_t logged_ms; /* when one was logged last */
        unsigned unlogged; /* since then */
    } refusals, overflows;
    struct timer lease_timer;
    UT_hash_handle hh;
};

/* Who says a stanza.  Answers and errors go back there. */
enum sender_kind { SENDER_CLIENT, SENDER_SERVICE, SENDER_SERVER, SENDER_PEER, SENDER_LOGIN };
struct sender {
    enum sender_kind kind;
    struct session *session; /* SENDER_CLIENT; only valid while the stanza is being handled */
    uint64_t session_number; /* SENDER_CLIENT: finds the session again later; SENDER_PEER: its stream */
    struct service *service; /* SENDER_SERVICE */
    struct session *login;   /* SENDER_LOGIN: waits for the answer, and stays until then */
    uint64_t number; /* SENDER_CLIENT, SENDER_PEER: of the stanza in its stream; 0: a client's, not counted (XEP-0198) */
};

struct kind;     /* caps_kinds.h; and who says one: caps.c, caps_abroad.c */
struct speaker;
struct abroad;
struct portrait; /* avatar.h */

struct router {
    struct parts *parts;
    struct sessions *sessions;
    struct peers *peers;       /* NULL: nobody else is reached */
    struct arena arena;        /* owns the names below */
    struct service *services;  /* uthash by address */
    struct event_ids ids;
    struct event_limits limits;
    struct archive_ids *archive_ids; /* NULL until the secret is known */
    LIST_HEAD(, archive_reading) archive_readings; /* archive_reading.c: queries under way */
    struct archive_reader *archive_readers;        /* uthash: the sessions that they are of */
    struct archive_retention {
        struct timer timer;
        char cursor[24]; /* where the walk is */
    } retention;         /* archive_retention.c */

    struct text channel_observe[3]; /* by enum stanza_kind: xmpp:stanza:message ... */
    struct text channel_session, channel_dead, channel_node;
    struct buffer channel;          /* scratch for a name */
    struct buffer event;            /* scratch for the event of the stanza in hand */
    struct buffer push;             /* scratch for the event that a roster push is made from */
    struct buffer xml[2];           /* scratch by enum stanza_scope, for hand out to several */

    struct delivery *free_deliveries; /* recycled; bounded by what was in flight at once */
    struct blocklist *blocklists;     /* uthash by bare JID: blocklist.c */
    struct resident *residents;       /* uthash by bare JID: resident.c */
    struct done_batch *undone;        /* taken out of the log when Redis is back (resident.c) */
    struct resident *residents_done;  /* those with entries to take out of the log at the end of the turn */
    struct settling *settlings;       /* uthash by bare JID: settle.c */
    uint64_t said;                    /* messages numbered by this node itself */
    struct sender in_hand;            /* whose stanza is being routed; compared only */
    bool is_kept;                     /* the stanza in hand waits for Redis: it is handled when that is over */
    struct request *requests;         /* uthash: requests to services that wait */
    size_t request_count;
    struct portrait *portraits;       /* uthash: the picture of the accounts of the sessions here */
    uint64_t logins_asked;
    struct kind *caps_kinds;          /* uthash: what is known of kinds of client */
    struct speaker *caps_speakers;    /* uthash by session */
    struct abroad *caps_abroad;       /* uthash: resources at other servers whose kind is being learned */

    struct timer start_timer, beat_timer;
    bool is_stopping;
    struct restore *restore;          /* rows being written again after a loss; NULL when none */
    bool restores_again;              /* at the next beat */
    int64_t sure_ms;                  /* wall time at which Redis was surely there, and heard, last */
    LIST_HEAD(, attendance) attendances; /* of presence.h, like the next three */
    LIST_HEAD(, farewell) farewells;
    LIST_HEAD(, step) steps;
    TAILQ_HEAD(crowds, crowd) crowds; /* that wait for room in the queue toward Redis */
    struct crowds checks;             /* that are in no hurry */
    bool is_leaving;                  /* the contacts of a deleted account are being told */
    unsigned open_checks;             /* their questions under way */
    bool is_full;                     /* the queue toward Redis, between on_full and on_drained */

    unsigned starting;                /* steps of router_start, or of the way back after Redis was away, still open */
    void (*on_ready)(void *ctx);
    void *ready_ctx;
};

/* -- router.c: the fork -- */
/* Takes the stanza; from is stamped, to prepared; everything was checked. */
void router_route(struct router *router, const struct sender *sender, struct stanza *stanza);
/* Sends an answer back to who asked. Takes the stanza; NULL is fine. */
void router_answer(struct router *router, const struct sender *sender, struct stanza *answer);
/* Answers with an error if the stanza may be answered so (RFC 6120 8.3.1).  Borrows the stanza. */
void router_refuse(struct router *router, const struct sender *sender, const struct stanza *stanza,
                   enum stanza_condition condition, const char *text);
/* Something the server itself says to an address: routed like anything, not observed. Takes the stanza. */
void router_say(struct router *router, struct stanza *stanza);
/* Writes the stanza's event into router->event with a fresh id; valid until the next one is written. */
struct text router_event(struct router *router, const struct stanza *stanza, struct text subject);
/* The same, and publishes the observers' copy. */
struct text router_observe(struct router *router, const struct stanza *stanza, struct text subject);
/* Shows the event to the session if it watches; NULL is fine. */
void router_show(struct session *session, struct text channel, const char *direction, struct text event);
/* The sender's stanza, if it is the one in hand, waits for something, and router_handled is called for it later. */
void router_keep(struct router *router, const struct sender *sender);
/* The sender's stanza is done with (XEP-0198: its number is). */
void router_handled(struct router *router, const struct sender *sender, const struct stanza *stanza);
struct sender sender_of(struct session *session);
extern const struct sender sender_server; /* the server itself */
/* The sender's session, found again by its address; NULL when it has ended or was no client. */
struct session *router_session_of(const struct router *router, const struct sender *sender, const struct jid *address);
int64_t router_wall_ms(const struct router *router);

/* -- address.c: whose is it -- */
enum place { PLACE_SERVER, PLACE_ACCOUNT, PLACE_SERVICE, PLACE_ELSEWHERE };
enum place router_place(const struct router *router, const struct jid *address, struct service **service);
struct service *router_find_service(const struct router *router, struct text address);

/* -- delivery.c: a stanza that waits for Redis -- */
struct delivery {
    struct delivery *next; /* while free */
    struct router *router;
    struct stanza *stanza; /* owned: the error answer is made from it */
    struct sender sender;
    struct service *service; /* to_service */
    uint8_t answer;        /* to_account: what the routing table says when nobody is there */
    uint8_t open;          /* answers that it waits for */
};
struct delivery *delivery_new(struct router *router, const struct sender *sender, struct stanza *stanza);
void delivery_free(struct delivery *delivery);
void delivery_fail(struct delivery *delivery, enum stanza_condition condition, const char *text); /* answers, frees */
/* Redis could not take it: resource-constraint (wait); best-effort stanzas are counted. Frees. */
void delivery_away(struct delivery *delivery, enum bus_status status);

/* -- to_account.c, to_service.c -- */
/* Both take the stanza; event is borrowed. */
void to_account(struct router *router, const struct sender *sender, struct stanza *stanza, const struct jid *to, struct text event);
void to_service(struct router *router, const struct sender *sender, struct stanza *stanza, struct service *service, struct text event);
/* The same for a message; hops as below. */
void message_to_account(struct router *router, const struct sender *sender, struct stanza *stanza, const struct jid *to,
                        struct text event, unsigned hops);
/* Whether the stanza's domains have a way to each other (peers.h). */
bool peer_is_reached(struct router *router, struct stanza *stanza);
/* Takes the stanza; event is borrowed. */
void to_peer(struct router *router, const struct sender *sender, struct stanza *stanza, struct text event);
/* Routes an event once more (hops > 0) because its resource had gone. Takes the stanza. */
void to_account_again(struct router *router, struct stanza *stanza, const struct jid *to, struct text event, unsigned hops);

/* -- requests.c: iq get and set to services -- */
enum request_result { REQUEST_WAITS, REQUEST_DUPLICATE, REQUEST_TOO_MANY };
enum request_result request_open(struct router *router, const struct sender *sender, const struct stanza *stanza,
                                 const struct service *service);
void request_cancel(struct router *router, const struct stanza *stanza, const struct service *service);
/* An answer by a service.  True: it matches, its from is set to what was asked, and the request is closed.
 * False: why says what does not fit. */
bool request_answer(struct router *router, struct stanza *answer, const struct service *service, struct sender *asker,
                    const char **why);
void requests_free(struct router *router);

/* -- intake.c: xmpp:from:*, mailbox.c: xmpp:to:*, node.c: xmpp:node:* -- */
void intake(struct router *router, struct service *service, struct text channel, struct text payload);
void intake_overflow(struct router *router, struct service *service, struct text channel, struct text payload);
void mailbox_hand_out(struct router *router, struct text bare, struct text channel, struct text payload);
void node_command(struct router *router, struct text payload);
/* Tells another node of a session that it has, or had. */
void node_tell(struct router *router, struct text node, const char *word, uint64_t number, struct text bare,
               struct text resource);
void node_start(struct router *router);
void node_stop(struct router *router);
void node_restore(struct router *router); /* writes the rows of all bound sessions again, paced */
/* The session's row has gone, or is another's: it is written again, unless the account went with it; if it is another's
 * the session ends (fencing). */
void node_restore_session(struct router *router, struct session *session);

/* -- lease.c -- */
void lease_start(struct service *service);
void lease_confirm(struct service *service); /* Redis is back */
void lease_stop(struct service *service);

/* -- observe.c -- */
bool observe_wants(const struct router *router, enum stanza_kind kind);
void observe_stanza(struct router *router, enum stanza_kind kind, struct text event);
void observe_session(struct router *router, const struct session *session, enum session_event event, const char *reason);
void observe_login_failed(struct router *router, const struct session *session, struct text user, const char *reason);
void observe_refused(struct router *router, struct service *service, struct text channel, struct text payload,
                     const struct refusal *why, bool may_answer);
/* The same for what comes in a flood: told once a second at most. */
void observe_overflow(struct router *router, struct service *service, struct text channel, struct text payload,
                      const struct refusal *why);
/* Shows a session that asked for it (handle_watch.c) what passes on the bus for it. */
void observe_watch(struct session *session, struct text channel, const char *direction, struct text event);

/* -- start.c -- */
void router_step_done(struct router *router); /* one open step of router_start is over */
void router_set_ready(struct router *router, bool ready); /* as the parent and the probes see it */

/* -- dispatch.c and the handlers: one file an extension -- */
enum scope { SCOPE_SERVER = 1, SCOPE_OWN_ACCOUNT = 2, SCOPE_OTHER_ACCOUNT = 4 };
struct iq_request {
    struct router *router;
    const struct sender *sender;
    struct stanza *stanza;         /* borrowed */
    const struct element *payload; /* the one child */
    enum scope scope;
    struct jid from;
    struct jid to; /* zeroed when there is none: for the sender's own account */
    struct sender *own_sender; /* of a kept request; NULL else */
};
struct handler {
    const char *type;    /* get or set */
    const char *xmlns;
    const char *name;
    unsigned scopes;
    const char *feature; /* announced in disco#info of these scopes; NULL: not announced */
    void (*handle)(const struct iq_request *request);
};
extern const struct handler router_handlers[];
extern const size_t router_handler_count;
void dispatch_iq(struct router *router, const struct sender *sender, struct stanza *stanza, enum scope scope);
void iq_answer(const struct iq_request *request, struct stanza *answer); /* takes it */
void iq_refuse(const struct iq_request *request, enum stanza_condition condition, const char *text);
/* -- a request that waits for Redis: kept by its handler, which returns; answered or refused later, and then done. -- */
struct iq_request *iq_keep(const struct iq_request *request); /* a request of its own, whose sender has no session */
void iq_done(struct iq_request **request);                    /* frees it */
void iq_fail(struct iq_request **request, enum bus_status status); /* Redis could not take it: refuses, frees */
/* The account that the request is about: the address that was asked, or the sender's own. */
struct text iq_account(const struct iq_request *request);

void archive_readings_free(struct router *router); /* archive_reading.c */
void archive_retention_start(struct router *router); /* archive_retention.c */
void archive_retention_stop(struct router *router);

void handle_archive_form(const struct iq_request *request);
void handle_archive_metadata(const struct iq_request *request);
void handle_archive_preferences_get(const struct iq_request *request);
void handle_archive_preferences_set(const struct iq_request *request);
void handle_archive_query(const struct iq_request *request);
void handle_carbons(const struct iq_request *request);
void handle_blocking_block(const struct iq_request *request);
void handle_blocking_list(const struct iq_request *request);
void handle_blocking_unblock(const struct iq_request *request);
/* handle_disco.c: the parts of an answer */
struct element *disco_add_query(const struct iq_request *request, struct stanza *answer);
void disco_add_identity(struct stanza *answer, struct element *query, const char *category, const char *type, const char *name);
void disco_add_feature(struct stanza *answer, struct element *query, const char *var);
struct element *disco_add_item(struct stanza *answer, struct element *query, struct text jid);
void disco_add_features(struct stanza *answer, struct element *query, enum scope scope); /* of the handlers there are */
void handle_disco_info(const struct iq_request *request);
void handle_disco_items(const struct iq_request *request);
void handle_pubsub(const struct iq_request *request); /* pubsub.h */
void handle_last(const struct iq_request *request);
void handle_register_get(const struct iq_request *request);
void handle_register_set(const struct iq_request *request);
void handle_ping(const struct iq_request *request);
void handle_private_get(const struct iq_request *request);
void handle_private_set(const struct iq_request *request);
void handle_time(const struct iq_request *request);
void handle_vcard_get(const struct iq_request *request);
void handle_vcard_set(const struct iq_request *request);
void handle_version(const struct iq_request *request);
void handle_watch(const struct iq_request *request);
void handle_presence(struct router *router, struct session *session, struct stanza *stanza); /* broadcast: no to; takes it */

#endif
