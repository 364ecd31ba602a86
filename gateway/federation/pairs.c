/* pairs.c - the pairs of domains that a stream was proved for: one by its certificate, more by dialback (XEP-0220 2.5). */
#include <stdlib.h>

#include "gateway/federation/peer.h"

bool peer_has_pair(const struct peer *peer, struct text other, struct text own)
{
    for (const struct peer_pair *pair = peer->pairs; pair; pair = pair->next)
        if (text_is(other, pair->other) && text_is(own, pair->own))
            return true;
    return false;
}

bool peer_add_pair(struct peer *peer, struct text other, struct text own)
{
    if (peer_has_pair(peer, other, own))
        return true;
    if (peer->pair_count >= PEER_PAIRS_MAX)
        return false;
    struct peer_pair *pair = xmalloc(sizeof *pair + other.size + own.size + 2);
    pair->other = (char *)(pair + 1);
    pair->own = pair->other + other.size + 1;
    memcpy(pair->other, other.data, other.size);
    memcpy(pair->own, own.data, own.size);
    pair->other[other.size] = pair->own[own.size] = '\0';
    pair->next = peer->pairs;
    peer->pairs = pair;
    peer->pair_count++;
    return true;
}

void peer_free_pairs(struct peer *peer)
{
    while (peer->pairs) {
        struct peer_pair *pair = peer->pairs;
        peer->pairs = pair->next;
        free(pair);
    }
}
