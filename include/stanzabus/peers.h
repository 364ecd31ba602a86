/* peers.h - other servers (RFC 6120, dialback XEP-0220), and components both ways (XEP-0114): who may speak for a domain, what
 * waits for it, and the one connection that carries it.
 *
 *   router ── peers_send ──> queue in Redis ──> the node that holds the link ──> stream ──> connection
 *   connection ──> stream ──> checked by domain ──> on_stanza ──> router */
#ifndef STANZABUS_PEERS_H
#define STANZABUS_PEERS_H

#include "stanzabus/dialer.h"
#include "stanzabus/parts.h"

struct peers;

struct peers_callbacks {
    /* from belongs to a domain that was proved, to to one of ours; both are prepared.  The callee owns the stanza.  When
     * all that is promised holds, it says so by peers_handled with the same two numbers: the other side's acknowledgement waits
     * for that, and a stream with many stanzas under way is not read. */
    void (*on_stanza)(void *ctx, struct stanza *stanza, uint64_t peer, uint64_t number);
    /* It could not be delivered; the callee owns it, and answers its sender. */
    void (*on_undelivered)(void *ctx, struct stanza *stanza, enum stanza_condition condition, const char *text);
};

/* dialer may be NULL: nobody is called.  Everything is borrowed. */
struct peers *peers_new(struct parts *parts, struct dialer *dialer, const struct peers_callbacks *callbacks, void *ctx);
void peers_free(struct peers **peers);
void peers_start(struct peers *peers); /* Redis answers: links to upstream servers are made */
void peers_back(struct peers *peers);  /* Redis is back, and may have lost what was in it */
void peers_stop(struct peers *peers); /* streams are ended, links given back */
size_t peers_count(const struct peers *peers); /* connections */

extern const struct connection_callbacks peers_server_callbacks;    /* listen.s2s and outgoing; ctx = struct peers * */
extern const struct connection_callbacks peers_component_callbacks; /* listen.component */

/* Whether stanzas from one address to another domain have a way here: federation is on and the domain is not blocked, or a
 * component or an upstream server carries it. */
bool peers_reach(const struct peers *peers, struct text from_domain, struct text to_domain);
bool peers_is_component(const struct peers *peers, struct text domain);

/* Queues a stanza for another domain, as its event; the stanza is borrowed until fn.  stream and number name it for ever (store_peers.h).  result: enum peers_put_result;
 * PEERS_FULL may come from inside. */
void peers_send(struct peers *peers, const struct stanza *stanza, struct text from_domain, struct text to_domain, struct text event,
                struct text stream, uint64_t number, store_done_fn *fn, void *ctx);
/* A stanza of on_stanza is done with: stored, routed, or answered with an error. */
void peers_handled(struct peers *peers, uint64_t peer, uint64_t number);

/* Another node's lines about links, off this node's channel: the first, and the rest.  Unknown words are nobody's. */
void peers_command(struct peers *peers, struct text word, struct text payload);
void peers_turn(struct peers *peers); /* once a loop turn, before what was asked of Redis in it is written */

#endif
