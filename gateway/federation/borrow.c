/* borrow.c - a node that has connections of a component whose link another one holds: it tells the holder so, writes what it is
 * lent to them, takes that out of Redis, and says which. */
#include <stdlib.h>

#include "gateway/federation/share.h"

struct borrowed {
    UT_hash_handle hh;
    uint64_t number;
    uint64_t mark;     /* of the event: a Redis that forgot counts from 1 again */
    struct peer *peer; /* which it was given to */
};

struct borrowing {
    struct borrowing *next; /* in the turn */
    struct link *link;
    struct borrowed *held; /* uthash by number: not said yet */
    char *lender;          /* node */
    unsigned told;         /* connections, what the holder heard last */
    bool is_in_turn;
};

static struct borrowing *borrowing_of(struct link *link)
{
    if (!link->borrowing) {
        link->borrowing = xcalloc(1, sizeof *link->borrowing);
        link->borrowing->link = link;
    }
    return link->borrowing;
}

static void enter_turn(struct borrowing *borrowing)
{
    struct peers *peers = borrowing->link->peers;
    if (borrowing->is_in_turn)
        return;
    borrowing->is_in_turn = true;
    borrowing->next = peers->borrowings;
    peers->borrowings = borrowing;
}

static void leave_turn(struct borrowing *borrowing)
{
    struct borrowing **place = &borrowing->link->peers->borrowings;
    if (!borrowing->is_in_turn)
        return;
    while (*place != borrowing)
        place = &(*place)->next;
    *place = borrowing->next;
    borrowing->is_in_turn = false;
}

static void drop(struct borrowing *borrowing, struct borrowed *borrowed)
{
    HASH_DEL(borrowing->held, borrowed);
    free(borrowed);
}

/* -- how many connections are here -- */

static uint64_t stamp(const struct peers *peers)
{
    return (uint64_t)peers->parts->wall_ms(peers->parts->wall_ctx);
}

struct telling { /* finds the link again */
    struct peers *peers;
    char key[];
};

/* Nobody holds the link, or this node does: it was handed over. */
static void on_told(void *ctx, enum bus_status status, int64_t result)
{
    struct telling *telling = ctx;
    struct link *link = link_find(telling->peers, text_of(telling->key));
    if (link && status == BUS_OK && result != PEERS_TOLD && !telling->peers->is_stopping)
        link_want(link);
    free(telling);
}

void borrow_tell(struct link *link, unsigned count)
{
    struct peers *peers = link->peers;
    struct store *store = peers->parts->store;
    struct buffer what = { 0 };
    size_t size = strlen(link->key) + 1;
    if (!peers->parts->config->components_share || link->is_leased || (count == 0 && (!link->borrowing || !link->borrowing->told)))
        return;
    struct telling *telling = xmalloc(sizeof *telling + size);
    telling->peers = peers;
    memcpy(telling->key, link->key, size);
    borrowing_of(link)->told = count;
    buffer_printf(&what, "share\n%s\n%.*s\n%u\n%llu", link->key, TEXT_ARGS(peers->parts->node), count, (unsigned long long)stamp(peers));
    store->peers->tell_holder(store, text_of(link->key), peers->parts->node, buffer_text(&what), on_told, telling);
    buffer_fini(&what);
}

/* -- what is carried, and what is not -- */

static void say(struct peers *peers, struct text key, struct text node, const char *word, struct text numbers)
{
    struct buffer head = { 0 };
    buffer_printf(&head, "%s\n%.*s\n", word, TEXT_ARGS(key));
    share_publish(peers, node, buffer_text(&head), numbers, NULL, NULL);
    buffer_fini(&head);
}

static void say_numbers(struct borrowing *borrowing, const char *word, const struct buffer *numbers)
{
    if (numbers->size)
        say(borrowing->link->peers, text_of(borrowing->link->key), text_of(borrowing->lender), word, buffer_text(numbers));
}

/* What a connection still has much of is not said yet, so that no more is lent than it takes.  One that is ended in order takes
 * what it has got; one that broke may not have. */
static bool is_written(const struct peer *peer)
{
    bool takes = peer->state == PEER_READY || peer->is_ending;
    return takes && peer->connection && peer->connection->queued <= peer_config(peer)->limits_client_queue / 2;
}

/* First out of Redis, then said: the holder never finds there what it is told to forget. */
static void settle(struct borrowing *borrowing)
{
    struct link *link = borrowing->link;
    struct buffer carried = { 0 }, returned = { 0 };
    struct borrowed *borrowed, *next;
    HASH_ITER(hh, borrowing->held, borrowed, next) {
        bool is_carried = is_written(borrowed->peer);
        if (!is_carried && borrowed->peer->state != PEER_ENDED) {
            peer_want_drained(borrowed->peer);
            continue;
        }
        buffer_printf(is_carried ? &carried : &returned, "%llu\n", (unsigned long long)borrowed->number);
        if (is_carried)
            queue_over(link, borrowed->number);
        drop(borrowing, borrowed);
    }
    queue_flush(link);
    say_numbers(borrowing, "carried", &carried);
    say_numbers(borrowing, "returned", &returned);
    buffer_fini(&carried);
    buffer_fini(&returned);
}

void borrow_turn(struct peers *peers)
{
    struct borrowing *borrowing;
    while ((borrowing = peers->borrowings) != NULL) {
        leave_turn(borrowing);
        settle(borrowing);
    }
}

void borrow_tick(struct link *link)
{
    if (!link->own)
        borrow_tell(link, component_count(link));
}

/* -- lent -- */

static uint64_t mark_of(struct text event)
{
    uint64_t mark = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < event.size; i++)
        mark = (mark ^ (unsigned char)event.data[i]) * 1099511628211u;
    return mark;
}

static void hold(struct borrowing *borrowing, uint64_t number, uint64_t mark, struct peer *peer)
{
    struct borrowed *borrowed = xcalloc(1, sizeof *borrowed);
    *borrowed = (struct borrowed){ .number = number, .mark = mark, .peer = peer };
    HASH_ADD(hh, borrowing->held, number, sizeof borrowed->number, borrowed);
    enter_turn(borrowing);
}

/* It came before, and its connection is slow. */
static bool is_held(struct borrowing *borrowing, uint64_t number, uint64_t mark)
{
    struct borrowed *borrowed;
    HASH_FIND(hh, borrowing->held, &number, sizeof number, borrowed);
    if (borrowed && borrowed->mark != mark) {
        drop(borrowing, borrowed);
        borrowed = NULL;
    }
    return borrowed != NULL;
}

static void set_lender(struct borrowing *borrowing, struct text lender)
{
    if (borrowing->lender && text_is(lender, borrowing->lender))
        return;
    free(borrowing->lender);
    borrowing->lender = text_dup(lender);
}

static void give_back(struct peers *peers, struct text key, struct text lender, uint64_t number)
{
    struct buffer numbers = { 0 };
    buffer_printf(&numbers, "%llu\n", (unsigned long long)number);
    say(peers, key, lender, "returned", buffer_text(&numbers));
    buffer_fini(&numbers);
}

/* What cannot be read is counted, and done with. */
static void take(struct link *link, struct text key, struct text lender, uint64_t number, struct text event)
{
    struct peers *peers = link->peers;
    struct stanza *stanza = queue_stanza(link, event);
    struct peer *peer = component_own(link, stanza);
    bool is_taken = !stanza || peer_write_element(peer, stanza->root);
    if (stanza && is_taken)
        metric_add(peers->parts->metrics, METRIC_PEER_STANZAS_OUT, 1);
    stanza_free(&stanza);
    if (is_taken)
        hold(borrowing_of(link), number, mark_of(event), peer);
    else
        give_back(peers, key, lender, number);
}

/* This node has no connection (any more). */
static void refuse(struct peers *peers, struct text key, struct text lender, uint64_t number)
{
    struct buffer none = { 0 };
    buffer_printf(&none, "%.*s\n0\n0\n", TEXT_ARGS(peers->parts->node));
    say(peers, key, lender, "share", buffer_text(&none));
    buffer_fini(&none);
    give_back(peers, key, lender, number);
}

void borrow_take(struct peers *peers, struct text payload)
{
    struct text key = text_take_line(&payload), lender = text_take_line(&payload);
    struct link *link = peers->is_stopping ? NULL : link_find(peers, key);
    uint64_t said, number;
    if (!share_next_number(&payload, &said) || !share_next_number(&payload, &number))
        return;
    if (link && link->is_leased)
        return; /* the lender does not know yet that it holds the link no more */
    if (stamp(peers) - said > SHARE_SILENT_MS)
        return; /* the lender has taken it back, or will when it is not carried */
    if (!link || component_count(link) == 0) {
        refuse(peers, key, lender, number);
        return;
    }
    set_lender(borrowing_of(link), lender);
    if (!is_held(link->borrowing, number, mark_of(payload)))
        take(link, key, lender, number, payload);
}

void borrow_drained(struct link *link)
{
    if (link->borrowing && link->borrowing->held)
        enter_turn(link->borrowing);
}

/* -- ends -- */

void borrow_peer_gone(struct link *link)
{
    if (!link->borrowing)
        return;
    borrow_tell(link, component_count(link));
    settle(link->borrowing);
}

void borrow_forget(struct link *link)
{
    struct borrowed *borrowed, *next;
    if (!link->borrowing)
        return;
    HASH_ITER(hh, link->borrowing->held, borrowed, next)
        drop(link->borrowing, borrowed);
}

/* What it was given counts as written, as what it gives itself. */
void borrow_own(struct link *link)
{
    if (!link->borrowing)
        return;
    for (struct borrowed *borrowed = link->borrowing->held; borrowed; borrowed = borrowed->hh.next)
        queue_over(link, borrowed->number);
    queue_flush(link);
    borrow_forget(link);
    link->borrowing->told = 0;
}

void borrow_free(struct link *link)
{
    struct borrowing *borrowing = link->borrowing;
    if (!borrowing)
        return;
    borrow_tell(link, 0);
    settle(borrowing);
    borrow_forget(link);
    leave_turn(borrowing);
    free(borrowing->lender);
    free(borrowing);
    link->borrowing = NULL;
}
