/* lent.c - what the holder of a component's link has lent to other nodes, what came back of it, and what goes again. */
#include <stdlib.h>

#include "gateway/federation/share.h"

struct lent *lent_find(const struct link *link, uint64_t number)
{
    struct lent *lent = NULL;
    if (link->shares)
        HASH_FIND(hh, link->shares->lent, &number, sizeof number, lent);
    return lent;
}

void lent_remove(struct link *link, struct lent *lent)
{
    struct shares *shares = link->shares;
    if (lent->share) {
        lent->share->lent_bytes -= lent->size;
        shares->lent_count--;
    } else {
        shares->again_count--;
    }
    shares->carried_count -= lent->is_carried;
    HASH_DEL(shares->lent, lent);
    free(lent);
}

struct lent *lent_add(struct link *link, uint64_t number)
{
    struct shares *shares = shares_of(link);
    struct lent *lent = lent_find(link, number);
    if (lent)
        lent_remove(link, lent);
    lent = xcalloc(1, sizeof *lent);
    lent->number = number;
    lent->since_ms = peers_now(link->peers);
    HASH_ADD(hh, shares->lent, number, sizeof lent->number, lent);
    return lent;
}

void lent_go_again(struct link *link, struct lent *lent)
{
    struct shares *shares = link->shares;
    if (lent->is_carried)
        return;
    lent->share->lent_bytes -= lent->size;
    lent->share = NULL;
    shares->lent_count--;
    shares->again_count++;
    metric_add(link->peers->parts->metrics, METRIC_PEER_STANZAS_AGAIN, 1);
}

void share_again(struct link *link, uint64_t number)
{
    lent_add(link, number);
    link->shares->again_count++;
    metric_add(link->peers->parts->metrics, METRIC_PEER_STANZAS_AGAIN, 1);
}

bool share_has_lent(const struct link *link, uint64_t number)
{
    const struct lent *lent = lent_find(link, number);
    return lent && (lent->share || lent->is_carried);
}

/* Redis may have answered before it was taken out, and the answer come later than the word that it was carried. */
void share_written(struct link *link, uint64_t number)
{
    struct lent *lent = lent_find(link, number);
    if (!lent || lent->is_carried)
        return;
    if (!link->reading) {
        lent_remove(link, lent);
        return;
    }
    lent->is_carried = true;
    link->shares->carried_count++;
}

void share_page_over(struct link *link)
{
    struct lent *lent, *next;
    if (!link->shares || !link->shares->carried_count)
        return;
    HASH_ITER(hh, link->shares->lent, lent, next)
        if (lent->is_carried)
            lent_remove(link, lent);
}

bool share_waits(const struct link *link)
{
    return link->shares && link->shares->again_count > 0;
}

bool share_is_due(const struct link *link, uint64_t number)
{
    const struct lent *lent = lent_find(link, number);
    return lent && !lent->share && !lent->is_carried;
}

void share_taken(struct link *link, uint64_t number)
{
    struct lent *lent = lent_find(link, number);
    if (lent)
        lent_remove(link, lent);
}

uint64_t share_before(const struct link *link)
{
    uint64_t before = link->sent;
    if (share_waits(link))
        for (const struct lent *lent = link->shares->lent; lent; lent = lent->hh.next)
            if (!lent->share && lent->number <= before)
                before = lent->number - 1;
    return before;
}

void share_passed(struct link *link, uint64_t after, uint64_t last)
{
    struct lent *lent, *next;
    if (!share_waits(link))
        return;
    HASH_ITER(hh, link->shares->lent, lent, next)
        if (!lent->share && lent->number > after && lent->number <= last)
            lent_remove(link, lent);
}
