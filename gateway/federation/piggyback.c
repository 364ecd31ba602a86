/* piggyback.c - before a link has a connection made, a stream that is there already is asked to carry it (XEP-0220 2.5 and 2.6
 * call it multiplexing): its pair of domains is shown to the other side by a dialback key on that stream.
 *
 *   dialing ──> asking ── valid ──> ready, on the other links' stream
 *                  └──── anything else, or nothing: a connection of its own, and no stream is asked for a while
 *
 * Whether s2s.dialback is on or off: that says whom this server believes.  How the other side checks our key is its own affair
 * (XEP-0344), and the other domain is one that the stream was opened to, or that its certificate names. */
#include <stdlib.h>

#include "gateway/federation/peer.h"

enum { ALONE_MS = 3600 * 1000, CERTIFICATES_MAX = 64 };

/* -- whose pair was refused -- */

struct alone {
    UT_hash_handle hh;
    int64_t until_ms;
    char key[]; /* of the link */
};

static void forget(struct peers *peers, struct alone *alone)
{
    HASH_DEL(peers->alone, alone);
    free(alone);
}

/* At the bound the oldest goes: uthash keeps them in the order in which they came. */
static void remember(struct link *link)
{
    struct peers *peers = link->peers;
    size_t size = strlen(link->key);
    struct alone *alone;
    HASH_FIND(hh, peers->alone, link->key, size, alone);
    if (!alone) {
        if (HASH_COUNT(peers->alone) >= peers->parts->config->limits_peers)
            forget(peers, peers->alone);
        alone = xcalloc(1, sizeof *alone + size + 1);
        memcpy(alone->key, link->key, size);
        HASH_ADD(hh, peers->alone, key, size, alone);
    }
    alone->until_ms = peers_now(peers) + ALONE_MS;
}

static bool is_alone(const struct link *link)
{
    struct peers *peers = link->peers;
    struct alone *alone;
    HASH_FIND(hh, peers->alone, link->key, strlen(link->key), alone);
    if (alone && alone->until_ms <= peers_now(peers)) {
        forget(peers, alone);
        return false;
    }
    return alone != NULL;
}

void piggyback_free(struct peers *peers)
{
    while (peers->alone)
        forget(peers, peers->alone);
}

/* -- which stream -- */

/* XEP-0220 2.6: another sender may be shown to anybody who knows dialback, another target only where a refusal is no stream
 * error.  Where the target's own DNS may name its certificate, it has to be asked. */
static bool may_ask(const struct peer *peer, const struct link *link, unsigned *certificates)
{
    if (!peer->knows_dialback || peer->pair_count >= PEER_PAIRS_MAX)
        return false;
    if (strcmp(peer->other, link->other) == 0)
        return true;
    if (!peer->takes_dialback_errors || peer_config(peer)->dns_trust_anchor.size || *certificates >= CERTIFICATES_MAX)
        return false;
    ++*certificates;
    return peer_certificate_fault(peer, text_of(link->other)) == NULL;
}

static bool has_pair(const struct peer *peer, const struct link *link)
{
    return peer_has_pair(peer, text_of(link->other), text_of(link->own));
}

static struct peer *find_stream(const struct link *link)
{
    unsigned certificates = 0;
    for (struct peer *peer = link->peers->first; peer; peer = peer->next)
        if (peer->role == &role_outgoing && peer->state == PEER_READY && !peer->is_ending &&
            (has_pair(peer, link) || may_ask(peer, link, &certificates)))
            return peer;
    return NULL;
}

bool piggyback_start(struct link *link)
{
    struct peer *peer = link->own && link->other && !is_alone(link) ? find_stream(link) : NULL;
    if (!peer)
        return false;
    if (has_pair(peer, link)) {
        link_attach(link, peer);
        return true;
    }
    link->state = LINK_ASKING;
    link->retry_ms = peers_now(link->peers) + peer_config(peer)->s2s_timeout_ms;
    link_join(link, peer);
    dialback_show(peer, text_of(link->own), text_of(link->other));
    return true;
}

/* -- what became of it -- */

void piggyback_failed(struct link *link, const char *reason)
{
    log_info(link->peers->parts->log, &link->peer->subject, "piggyback-failed", "link=%s reason=%s", link->key,
             log_quote(reason, strlen(reason)));
    metric_add(link->peers->parts->metrics, METRIC_PEER_PIGGYBACKS_FAILED, 1);
    remember(link);
    link->retry_ms = 0;
    link_leave(link);
    link_dial(link);
}

static struct link *find_asking(const struct peer *peer, struct text own, struct text other)
{
    struct link *link;
    LIST_FOREACH(link, &peer->links, beside)
        if (link->state == LINK_ASKING && text_is(own, link->own) && text_is(other, link->other))
            return link;
    return NULL;
}

/* XEP-0220 2.1.1: an answer to what was not asked, or not any more, means nothing.  Behind "invalid" the other side is
 * expected to end the stream, and nothing more should be said on it. */
void piggyback_answered(struct peer *peer, const struct element *root)
{
    struct text type = element_get(root, "type");
    struct link *link = find_asking(peer, element_get(root, "to"), element_get(root, "from"));
    if (link && text_is(type, "valid") && peer_add_pair(peer, text_of(link->other), text_of(link->own))) {
        log_info(peer->peers->parts->log, &peer->subject, "piggyback", "link=%s", link->key);
        metric_add(peer->peers->parts->metrics, METRIC_PEER_PIGGYBACKS, 1);
        link->retry_ms = 0;
        link_attach(link, peer);
    } else if (link) {
        piggyback_failed(link, "the other server refuses the pair on this stream");
        if (text_is(type, "invalid"))
            peer_close(peer, "a key of ours was called wrong");
    }
}
