/* queue.c - from Redis to the stream: entries in their order, as many under way as may be, and out of Redis when they are
 * acknowledged, or written where nothing is; or back to their senders. */
#include <stdlib.h>

#include "gateway/federation/share.h"

enum { OVER_MAX = 256, ASK_EVERY = 16 };

struct page { /* one read under way; finds the link again */
    struct peers *peers;
    bool bounces, is_cut; /* is_cut: not all that is due could be sent */
    bool is_stale;        /* the link began again meanwhile, in front of it */
    unsigned count;
    uint64_t after, last; /* from, and as far as it was looked at */
    char key[];
};

/* -- out of Redis -- */

void queue_flush(struct link *link)
{
    struct store *store = link->peers->parts->store;
    if (link->over_count)
        store->log->done(store, text_of(link->key), link->peers->parts->node, link->over, link->over_count, NULL, NULL);
    link->over_count = 0;
}

void queue_over(struct link *link, uint64_t number)
{
    if (!number)
        return;
    if (!link->over)
        link->over = xcalloc(OVER_MAX, sizeof *link->over);
    link->over[link->over_count++] = number;
    if (link->over_count == OVER_MAX)
        queue_flush(link);
}

/* -- onto the stream -- */

struct stanza *queue_stanza(const struct link *link, struct text event)
{
    struct event read = { 0 };
    struct refusal why = { 0 };
    if (event_read(event, EVENT_FROM_NODE, &link->peers->limits, &read, &why) == 0)
        return read.stanza;
    log_warning(link->peers->parts->log, NULL, "queue-unreadable", "link=%s reason=%s", link->key, why.reason);
    metric_add(link->peers->parts->metrics, METRIC_UNDELIVERABLE, 1);
    return NULL;
}

static void fly(struct link *link, struct peer *peer, uint64_t number)
{
    if (!peer->sends_acks) {
        queue_over(link, number);
        return;
    }
    flights_add(&peer->flights, link, number);
    peer->sent++;
    if (peer->sent % ASK_EVERY == 0)
        peer_write(peer, TEXT("<r xmlns='" XMLNS_SM "'/>"));
}

/* What is not taken any more goes again: by another connection of the component, or when the link has a new one. */
static void write_stanza(struct link *link, struct peer *peer, uint64_t number, const struct stanza *stanza)
{
    if (peer_write_element(peer, stanza->root)) {
        metric_add(link->peers->parts->metrics, METRIC_PEER_STANZAS_OUT, 1);
        fly(link, peer, number);
    } else if (peer != link->peer) {
        share_again(link, number);
    }
}

/* RFC 6120 4.8.3: between servers the content namespace is another, which the stream's default says. */
static void send_stanza(struct link *link, uint64_t number, const struct stanza *stanza, struct text event)
{
    struct share *share;
    struct peer *peer = component_choose(link, stanza, &share);
    if (number > link->sent)
        link->sent = number;
    share_taken(link, number);
    link->used_ms = peers_now(link->peers);
    if (peer)
        write_stanza(link, peer, number, stanza);
    else
        share_lend(link, share, number, event);
}

static void send_entry(struct link *link, uint64_t number, struct text event)
{
    struct stanza *stanza = queue_stanza(link, event);
    if (stanza) {
        send_stanza(link, number, stanza, event);
        stanza_free(&stanza);
    } else {
        link->sent = number > link->sent ? number : link->sent;
        share_taken(link, number);
        queue_over(link, number);
    }
}

static bool may_send(const struct link *link)
{
    const struct config *config = link->peers->parts->config;
    const struct peer *peer = link->peer;
    return link->state == LINK_READY && peer && peer->connection && !peer->is_overflowing && link->flying_count < config->s2s_queue &&
           peer->connection->queued <= config->limits_client_queue && component_has_room(link);
}

void queue_missed(struct link *link)
{
    if (link->state == LINK_BROKEN) {
        queue_bounce(link);
    } else if (link->state == LINK_READY) {
        link->has_more = true;
        queue_read(link);
    }
}

/* It may go as it is, unless something before it has not gone yet. */
static bool is_next(const struct link *link, uint64_t number)
{
    return link->state == LINK_READY && !link->reading && link->sent && number == link->sent + 1 && !share_waits(link) && may_send(link);
}

void queue_pushed(struct link *link, uint64_t number, struct text event)
{
    if (is_next(link, number))
        send_entry(link, number, event);
    else
        queue_missed(link);
}

/* Others are lent the event, which is read then. */
void queue_put(struct link *link, uint64_t number, const struct stanza *stanza)
{
    if (is_next(link, number) && share_count(link) == 0)
        send_stanza(link, number, stanza, (struct text){ 0 });
    else
        queue_missed(link);
}

void queue_acknowledged(struct peer *peer, unsigned count)
{
    for (; count > 0 && peer->flights.count > 0; count--) {
        struct flight flight = flights_take(&peer->flights);
        if (flight.link)
            queue_over(flight.link, flight.number);
    }
    queue_go_on(peer);
}

void queue_go_on(struct peer *peer)
{
    struct link *link;
    LIST_FOREACH(link, &peer->links, beside)
        if (link->has_more && may_send(link))
            queue_read(link);
}

/* -- reading -- */

static void bounce_entry(struct link *link, uint64_t number, struct text event)
{
    struct stanza *stanza = queue_stanza(link, event);
    queue_over(link, number);
    if (stanza)
        link->peers->callbacks->on_undelivered(link->peers->ctx, stanza, link->condition, link->reason);
}

/* Not what another node was lent; but what came back from it. */
static bool is_due(const struct link *link, uint64_t number)
{
    return share_is_due(link, number) || (number > link->sent && !share_has_lent(link, number));
}

static void on_entry(void *ctx, const struct log_entry *entry)
{
    struct page *page = ctx;
    struct link *link = link_find(page->peers, text_of(page->key));
    page->count++;
    if (!link || link->reading != page)
        return;
    if (page->is_stale) {
        page->is_cut = link->has_more = true;
    } else if (page->bounces) {
        if (link->state == LINK_BROKEN)
            bounce_entry(link, entry->number, entry->event);
        page->last = entry->number;
    } else if (!is_due(link, entry->number)) {
        page->last = entry->number;
    } else if (!page->is_cut && may_send(link)) {
        page->last = entry->number;
        send_entry(link, entry->number, entry->event);
    } else {
        page->is_cut = link->has_more = true;
    }
}

static void wait_for_room(struct link *link)
{
    link->has_more = true;
    if (link->peer)
        peer_want_drained(link->peer);
    if (!link->own)
        component_wait_for_room(link);
}

static void on_page(void *ctx, enum bus_status status, int64_t result);

static void read_page(struct link *link, bool bounces, uint64_t after)
{
    struct store *store = link->peers->parts->store;
    size_t size = strlen(link->key) + 1;
    struct page *page = xcalloc(1, sizeof *page + size);
    page->peers = link->peers;
    page->bounces = bounces;
    page->after = page->last = after;
    memcpy(page->key, link->key, size);
    link->reading = page;
    link->has_more = false;
    store->log->read(store, text_of(link->key), after + 1, 0, on_entry, on_page, page);
}

static void on_page(void *ctx, enum bus_status status, int64_t result)
{
    struct page *page = ctx;
    struct link *link = link_find(page->peers, text_of(page->key));
    bool is_full = page->count >= LOG_PAGE, bounces = page->bounces;
    uint64_t after = page->after, last = page->last, looked = is_full || page->is_cut ? last : UINT64_MAX;
    bool is_ours = link && link->reading == page; /* else the link was made anew */
    (void)result;
    free(page);
    if (!is_ours)
        return;
    link->reading = NULL;
    if (status == BUS_OK && !bounces)
        share_passed(link, after, looked);
    share_page_over(link);
    if (status != BUS_OK) {
        link->has_more = true; /* read again when something comes */
    } else if (bounces && link->state == LINK_BROKEN) {
        queue_flush(link);
        if (is_full || link->has_more)
            read_page(link, true, is_full ? last : 0);
    } else if ((is_full || link->has_more || bounces) && may_send(link)) {
        queue_read(link);
    } else {
        if (is_full || link->has_more)
            wait_for_room(link);
        if (link->peer && link->peer->sends_acks && link->flying_count)
            peer_write(link->peer, TEXT("<r xmlns='" XMLNS_SM "'/>"));
    }
}

void queue_read(struct link *link)
{
    if (!link->reading && may_send(link))
        read_page(link, false, share_before(link));
    else
        wait_for_room(link);
}

/* A page that is being read begins behind what went with the last connection, and may go again. */
void queue_begin_again(struct link *link)
{
    link->sent = 0;
    if (link->reading)
        link->reading->is_stale = true;
    queue_read(link);
}

/* -- Redis is back -- */

struct reaching { /* finds the link again */
    struct peers *peers;
    char key[];
};

/* It has lost entries, and what it has got since may have any number: all that is there goes.  Those under way are still
 * counted by the other side's acknowledgements. */
static void begin_again(struct link *link)
{
    if (link->peer)
        flights_lose(&link->peer->flights, link);
    share_forget(link);
    queue_begin_again(link);
}

static void on_reached(void *ctx, enum bus_status status, int64_t result)
{
    struct reaching *reaching = ctx;
    struct link *link = link_find(reaching->peers, text_of(reaching->key));
    if (link && link->sent && status == BUS_OK && result == 1)
        begin_again(link);
    else if (link && link->has_more)
        queue_read(link);
    free(reaching);
}

void queue_look_again(struct link *link)
{
    struct store *store = link->peers->parts->store;
    size_t size = strlen(link->key) + 1;
    if (!link->sent)
        return;
    struct reaching *reaching = xmalloc(sizeof *reaching + size);
    reaching->peers = link->peers;
    memcpy(reaching->key, link->key, size);
    store->log->reach(store, text_of(link->key), link->sent, on_reached, reaching);
}

void queue_bounce(struct link *link)
{
    queue_flush(link);
    if (link->reading)
        link->has_more = true;
    else
        read_page(link, true, 0);
}
