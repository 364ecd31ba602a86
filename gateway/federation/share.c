/* share.c - the holder of a component's link: which other nodes have connections of it, which of them is chosen, and
 * what is lent to it.  What was lent is kept in lent.c. */
#include <stdlib.h>

#include "gateway/federation/share.h"

/* A node tells every half second that it is there.  What is lent for long was lost on its way, or said to be carried when
 * nobody heard it: Redis knows whether it was. */
enum { SHARES_MAX = 64, SHARE_MAX = 256, LENT_MS = 5000 };
/* Of limits.client_queue may be lent and not said to be carried; that is when half of it is left (borrow.c).  XML may be a few
 * times as long as the event, and twice the queue ends a connection. */
enum { LENT_PART = 8 };

struct shares *shares_of(struct link *link)
{
    if (!link->shares)
        link->shares = xcalloc(1, sizeof *link->shares);
    return link->shares;
}

static struct share *find_share(const struct link *link, struct text node)
{
    struct share *share = link->shares ? link->shares->first : NULL;
    while (share && !text_is(node, share->node))
        share = share->next;
    return share;
}

/* -- the choice -- */

unsigned share_count(const struct link *link)
{
    unsigned count = 0;
    for (const struct share *share = link->shares ? link->shares->first : NULL; share; share = share->next)
        count += share->count;
    return count;
}

struct share *share_choose(const struct link *link, uint64_t sender, uint64_t best)
{
    struct share *chosen = NULL;
    for (struct share *share = link->shares ? link->shares->first : NULL; share; share = share->next)
        for (unsigned place = 0; place < share->count; place++) {
            uint64_t score = component_score(sender, share->hash, place);
            if (score <= best)
                continue;
            best = score;
            chosen = share;
        }
    return chosen;
}

struct text share_heir(const struct link *link)
{
    for (const struct share *share = link->shares ? link->shares->first : NULL; share; share = share->next)
        if (share->told)
            return text_of(share->node);
    return (struct text){ 0 };
}

/* Nobody is overtaken: while one of them has enough, all wait. */
bool share_has_room(const struct link *link)
{
    const struct shares *shares = link->shares;
    const struct config *config = link->peers->parts->config;
    if (shares && shares->lent_count >= config->s2s_queue)
        return false;
    for (const struct share *share = shares ? shares->first : NULL; share; share = share->next)
        if (share->told != share->count || share->lent_bytes > config->limits_client_queue / LENT_PART)
            return false;
    return true;
}

/* -- who shares -- */

static struct share *add_share(struct link *link, struct text node)
{
    struct shares *shares = shares_of(link);
    if (shares->count >= SHARES_MAX)
        return NULL; /* it stands by */
    struct share *share = xcalloc(1, sizeof *share + node.size + 1);
    memcpy(share->node, node.data, node.size);
    share->hash = component_hash_of(node);
    share->next = shares->first;
    shares->first = share;
    shares->count++;
    return share;
}

static void take_counts(struct shares *shares)
{
    for (struct share **place = &shares->first, *share; (share = *place) != NULL;) {
        share->count = share->told;
        if (share->count) {
            place = &share->next;
        } else {
            *place = share->next;
            shares->count--;
            free(share);
        }
    }
}

/* Something came back, was carried, or was said of who shares. */
static void go_on(struct link *link)
{
    struct shares *shares = link->shares;
    if (shares->lent_count == 0)
        take_counts(shares);
    if (link->has_more || share_waits(link))
        queue_read(link);
}

/* It has no connection any more, or is no more. */
static void leave(struct link *link, struct share *share, const char *reason)
{
    struct shares *shares = link->shares;
    log_info(link->peers->parts->log, NULL, "share-left", "link=%s node=%s reason=%s", link->key, share->node, reason);
    for (struct lent *lent = shares->lent; lent; lent = lent->hh.next)
        if (lent->share == share)
            lent_go_again(link, lent);
    share->told = 0;
}

void share_tick(struct link *link)
{
    struct shares *shares = link->shares;
    int64_t now = peers_now(link->peers);
    bool is_away = link->peers->parts->bus->is_away; /* then nobody is heard */
    if (!shares)
        return;
    for (struct lent *lent = shares->lent; lent && now - lent->since_ms > LENT_MS; lent = lent->hh.next)
        if (lent->share)
            lent_go_again(link, lent);
    for (struct share *share = shares->first; share; share = share->next) {
        if (is_away)
            share->heard_ms = now;
        else if (now - share->heard_ms > SHARE_SILENT_MS + SHARE_MARGIN_MS && share->told)
            leave(link, share, "silent");
    }
    go_on(link);
}

void share_forget(struct link *link)
{
    struct shares *shares = link->shares;
    struct lent *lent, *next_lent;
    if (!shares)
        return;
    HASH_ITER(hh, shares->lent, lent, next_lent)
        lent_remove(link, lent);
    for (struct share *share = shares->first; share; share = share->next)
        share->told = 0;
    take_counts(shares);
    free(shares);
    link->shares = NULL;
}

/* -- to the others -- */

void share_publish(struct peers *peers, struct text node, struct text head, struct text tail, bus_published_fn *fn, void *ctx)
{
    struct bus *bus = peers->parts->bus;
    struct buffer channel = { 0 };
    buffer_append_text(&channel, peers->parts->config->bus_prefix);
    BUFFER_LITERAL(&channel, "node:{");
    buffer_append_text(&channel, node);
    buffer_append_char(&channel, '}');
    bus->ops->publish(bus, buffer_text(&channel), head, tail, fn, ctx);
    buffer_fini(&channel);
}

struct lending { /* finds it again */
    struct peers *peers;
    uint64_t number;
    const char *node; /* behind the key */
    char key[];
};

static void on_published(void *ctx, enum bus_status status, int64_t receivers)
{
    struct lending *lending = ctx;
    struct link *link = link_find(lending->peers, text_of(lending->key));
    struct share *share = link ? find_share(link, text_of(lending->node)) : NULL;
    struct lent *lent = share ? lent_find(link, lending->number) : NULL;
    if (share && status == BUS_OK && receivers == 0) {
        leave(link, share, "not there");
        go_on(link);
    } else if (lent && lent->share == share && status != BUS_OK) {
        lent_go_again(link, lent);
        go_on(link);
    }
    free(lending);
}

static struct lending *lending_new(const struct link *link, const struct share *share, uint64_t number)
{
    size_t key = strlen(link->key) + 1, node = strlen(share->node) + 1;
    struct lending *lending = xmalloc(sizeof *lending + key + node);
    *lending = (struct lending){ link->peers, number, lending->key + key };
    memcpy(lending->key, link->key, key);
    memcpy(lending->key + key, share->node, node);
    return lending;
}

void share_lend(struct link *link, struct share *share, uint64_t number, struct text event)
{
    struct buffer head = { 0 };
    struct lent *lent = lent_add(link, number);
    lent->share = share;
    lent->size = event.size;
    share->lent_bytes += event.size;
    link->shares->lent_count++;
    metric_add(link->peers->parts->metrics, METRIC_PEER_STANZAS_LENT, 1);
    buffer_printf(&head, "lent\n%s\n%.*s\n%llu\n%llu\n", link->key, TEXT_ARGS(link->peers->parts->node), (unsigned long long)share->stamp,
                  (unsigned long long)number);
    share_publish(link->peers, text_of(share->node), buffer_text(&head), event, on_published, lending_new(link, share, number));
    buffer_fini(&head);
}

/* -- from the others -- */

bool share_next_number(struct text *payload, uint64_t *number)
{
    struct text digits = text_take_line(payload);
    *number = 0;
    for (size_t i = 0; i < digits.size && digits.data[i] >= '0' && digits.data[i] <= '9'; i++)
        *number = *number * 10 + (uint64_t)(digits.data[i] - '0');
    return digits.size > 0;
}

/* The link that this node holds, by the first line of a payload; NULL: another does. */
static struct link *held_link(struct peers *peers, struct text *payload)
{
    struct link *link = peers->is_stopping ? NULL : link_find(peers, text_take_line(payload));
    bool is_held = link && link->is_leased && link->state == LINK_READY && peers->parts->config->components_share;
    return is_held ? link : NULL;
}

void share_heard(struct peers *peers, struct text payload)
{
    struct link *link = held_link(peers, &payload);
    struct text node = text_take_line(&payload);
    uint64_t count, stamp;
    if (!link || !share_next_number(&payload, &count) || count > SHARE_MAX || !share_next_number(&payload, &stamp))
        return;
    struct share *share = find_share(link, node);
    if (!share && count)
        share = add_share(link, node);
    if (!share)
        return;
    if (share->told && peers_now(peers) - share->heard_ms > SHARE_SILENT_MS)
        leave(link, share, "was silent");
    share->heard_ms = peers_now(peers);
    share->stamp = stamp;
    if (share->told != (unsigned)count)
        log_info(peers->parts->log, NULL, "share", "link=%s node=%s connections=%u", link->key, share->node, (unsigned)count);
    share->told = (unsigned)count;
    go_on(link);
}

void share_carried(struct peers *peers, struct text payload)
{
    struct link *link = held_link(peers, &payload);
    uint64_t number;
    if (!link || !link->shares)
        return;
    while (share_next_number(&payload, &number))
        share_written(link, number);
    go_on(link);
}

void share_returned(struct peers *peers, struct text payload)
{
    struct link *link = held_link(peers, &payload);
    uint64_t number;
    if (!link || !link->shares)
        return;
    while (share_next_number(&payload, &number)) {
        struct lent *lent = lent_find(link, number);
        if (lent && lent->share)
            lent_go_again(link, lent);
    }
    go_on(link);
}
