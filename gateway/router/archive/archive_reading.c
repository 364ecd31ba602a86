/* archive_reading.c - one query of an archive, from the request to <fin/>.
 * First the ids of the page are looked for, in the direction in which the client pages: then it is known whether there are
 * more, and which are the first and the last.  Then the messages between these two are read in the order in which they are
 * sent, a piece at a time, and the next piece only when the client has taken most of what was written to it.  Queries of one
 * session are answered one after the other. */
#include <stdlib.h>

#include "gateway/router/archive/archive.h"
#include "gateway/router/resident.h"

enum {
    PIECE_BYTES = 64 * 1024,
    PIECE_MESSAGES = 50,
    PAGE = 50,            /* messages, when the client does not say */
    OPEN_MAX = 8,         /* readings of one session that wait for their turn, and the one that has it */
    LOOK_AGAIN_MS = 50    /* whether a client that is slow has room again */
};

struct archive_reader { /* a session that reads */
    uint64_t session;
    unsigned open;
    TAILQ_HEAD(reading_queue, archive_reading) readings; /* the first is under way */
    UT_hash_handle hh;
};

struct archive_reading {
    struct router *router;
    struct iq_request *request; /* owned */
    struct archive_query query; /* its texts live in the request */
    struct text bare;           /* so does this */
    struct archive_reader *reader;
    LIST_ENTRY(archive_reading) link;
    TAILQ_ENTRY(archive_reading) turn;
    struct timer timer;
    struct text *known, *ids; /* those of the query as the store knows them; they live in the request too */
    struct archive_bound lower, upper; /* of what is still to be looked at */
    struct archive_id first, last;     /* of the page, in the direction of paging */
    unsigned found, sent;              /* messages of the page */
    bool has_asked, is_located, is_complete;
    int64_t total; /* as the store counts; -1: not known */
};

/* -- beginning and end -- */

static struct archive_reader *reader_of(struct router *router, uint64_t session)
{
    struct archive_reader *reader;
    HASH_FIND(hh, router->archive_readers, &session, sizeof session, reader);
    if (!reader) {
        reader = xcalloc(1, sizeof *reader);
        reader->session = session;
        TAILQ_INIT(&reader->readings);
        HASH_ADD(hh, router->archive_readers, session, sizeof reader->session, reader);
    }
    return reader;
}

static void go_on(struct archive_reading *reading);

/* The next of the session has its turn, unless this one never had it. */
static void reading_free(struct archive_reading *reading)
{
    struct archive_reader *reader = reading->reader;
    bool had_turn = TAILQ_FIRST(&reader->readings) == reading;
    timer_stop(&reading->timer);
    LIST_REMOVE(reading, link);
    TAILQ_REMOVE(&reader->readings, reading, turn);
    if (--reader->open == 0) {
        HASH_DEL(reading->router->archive_readers, reader);
        free(reader);
    } else if (had_turn) {
        go_on(TAILQ_FIRST(&reader->readings));
    }
    iq_done(&reading->request);
    free(reading);
}

/* The newest first, so that none gets its turn. */
void archive_readings_free(struct router *router)
{
    struct archive_reading *reading;
    while ((reading = LIST_FIRST(&router->archive_readings)))
        reading_free(reading);
}

static void refuse(struct archive_reading *reading, enum stanza_condition condition, const char *text)
{
    iq_refuse(reading->request, condition, text);
    reading_free(reading);
}

static struct session *session_of(const struct archive_reading *reading)
{
    return router_session_of(reading->router, reading->request->sender, &reading->request->from);
}

/* -- asking the store -- */

static struct text print_bound(const struct archive_bound *bound, char out[ARCHIVE_ID_RAW + 1])
{
    struct text id = archive_id_print(&bound->id, out + 1);
    out[0] = '(';
    return bound->is_exclusive ? (struct text){ out, id.size + 1 } : id;
}

static bool is_within(const struct archive_reading *reading, const struct archive_id *id)
{
    int above = archive_id_compare(id, &reading->lower.id), below = archive_id_compare(id, &reading->upper.id);
    return (above > 0 || (above == 0 && !reading->lower.is_exclusive)) &&
           (below < 0 || (below == 0 && !reading->upper.is_exclusive));
}

/* Those of the ids that were asked for which are still to be looked at. */
static void list_ids(const struct archive_reading *reading, struct archive_page *page)
{
    const struct archive_query *query = &reading->query;
    page->ids = reading->ids;
    for (unsigned i = 0; query->ids && i < query->id_count; i++) {
        if (!is_within(reading, &query->ids[i]))
            continue;
        if (page->id_count == 0)
            page->ids = &reading->ids[i];
        page->id_count++;
    }
}

static void on_entry(void *ctx, struct text id, struct text event);
static void on_page(void *ctx, enum bus_status status, const struct archive_page_end *end);

static void ask(struct archive_reading *reading)
{
    struct store *store = reading->router->parts->store;
    const struct archive_query *query = &reading->query;
    char lower[ARCHIVE_ID_RAW + 1], upper[ARCHIVE_ID_RAW + 1];
    unsigned left = reading->found - reading->sent;
    struct archive_page page = { .bare = reading->bare,
                                 .lower = print_bound(&reading->lower, lower),
                                 .upper = print_bound(&reading->upper, upper),
                                 .keep_ms = archive_settings(reading->router).keep_ms };
    if (query->with.domain) {
        page.partner = jid_bare(&query->with);
        page.resource = jid_resource(&query->with);
    }
    list_ids(reading, &page);
    if (reading->is_located) {
        page.is_backwards = query->is_flipped;
        page.max = left < PIECE_MESSAGES ? left : PIECE_MESSAGES;
        page.bytes = PIECE_BYTES;
    } else {
        page.is_backwards = query->is_backwards;
        page.max = query->max + 1 - reading->found; /* one more tells that there are more */
    }
    if (!reading->has_asked) {
        page.known = reading->known;
        page.known_count = query->known_count;
    }
    store->archive->page(store, &page, on_entry, on_page, reading);
}

/* Goes on behind this id. */
static void move_on(struct archive_reading *reading, struct text next, bool is_backwards)
{
    struct archive_bound *bound = is_backwards ? &reading->upper : &reading->lower;
    archive_id_parse(next, &bound->id);
    bound->is_exclusive = true;
}

/* -- the end: <fin/> (XEP-0313 4.2, 4.3) -- */

/* The size of the whole set is known when nothing but the partner chose it, or when this page is all of it. */
static int64_t count_of(const struct archive_reading *reading)
{
    const struct archive_query *query = &reading->query;
    if (!query->is_bounded && !query->ids && reading->total >= 0)
        return reading->total;
    return reading->is_complete && !query->is_paged ? (int64_t)reading->found : -1;
}

static struct text show_id(const struct archive_reading *reading, struct arena *arena, const struct archive_id *id)
{
    char raw[ARCHIVE_ID_RAW];
    return archive_id_show(reading->router->archive_ids, arena, reading->bare, archive_id_print(id, raw));
}

/* 6.1.1: what a session has read here is not handed out to it once more as offline messages.  Only of queries for everybody's
 * messages: they are read in the order of time, from either end, so that a client that has seen this one finds those before. */
static void note_read(const struct archive_reading *reading)
{
    const struct archive_query *query = &reading->query;
    const struct archive_id *newest = query->is_backwards ? &reading->first : &reading->last;
    struct session *session = session_of(reading);
    struct archive_id before;
    char raw[ARCHIVE_ID_RAW];
    if (!session || !reading->found || query->with.domain || query->ids)
        return;
    if (!archive_id_parse(session_archive_read(session), &before) || archive_id_compare(newest, &before) > 0)
        session_set_archive_read(session, archive_id_print(newest, raw));
}

static void finish(struct archive_reading *reading)
{
    bool is_backwards = reading->query.is_backwards;
    struct stanza *answer = stanza_reply(reading->request->stanza);
    struct arena *arena = &answer->arena;
    struct element *fin = element_add(arena, answer->root, TEXT("fin"), TEXT(XMLNS_MAM));
    struct result_page page = { .index = -1, .count = count_of(reading) };

    if (reading->is_complete)
        element_set(arena, fin, "complete", TEXT("true"));
    if (reading->found) {
        page.first = show_id(reading, arena, is_backwards ? &reading->last : &reading->first);
        page.last = show_id(reading, arena, is_backwards ? &reading->first : &reading->last);
        /* Of the last page it is not said, though it could be: slixmpp 1.8, paging backwards, takes it for the end of all. */
        page.index = reading->query.is_paged || is_backwards ? -1 : 0;
    }
    result_set_write(arena, fin, &page);
    note_read(reading);
    iq_answer(reading->request, answer);
    reading_free(reading);
}

/* -- results -- */

static void send_result(struct archive_reading *reading, struct text raw, struct text json)
{
    struct router *router = reading->router;
    struct session *session = session_of(reading);
    struct event event = { 0 };
    struct refusal why = { 0 };
    if (!session)
        return;
    if (event_read(json, EVENT_FROM_NODE, &router->limits, &event, &why) < 0) {
        log_warning(router->parts->log, session_subject(session), "archive-unreadable", "reason=%s text=%s", why.reason,
                    log_quote(why.text, strlen(why.text)));
        metric_add(router->parts->metrics, METRIC_ARCHIVE_UNREADABLE, 1);
        return;
    }
    struct archive_result result = { reading->bare, jid_text(&reading->request->from), reading->query.queryid, raw };
    archive_result_wrap(router->archive_ids, event.stanza, &result);
    session_send(session, event.stanza);
    metric_add(router->parts->metrics, METRIC_ARCHIVE_RESULTS, 1);
    stanza_free(&event.stanza);
}

/* -- what the store answers -- */

static void on_entry(void *ctx, struct text id, struct text event)
{
    struct archive_reading *reading = ctx;
    if (reading->is_located) {
        reading->sent++;
        send_result(reading, id, event);
    } else if (reading->found == reading->query.max) {
        reading->is_complete = false;
    } else {
        archive_id_parse(id, &reading->last);
        if (reading->found++ == 0)
            reading->first = reading->last;
    }
}

static void on_timer(struct timer *timer);

static void go_on(struct archive_reading *reading)
{
    struct session *session = session_of(reading);
    if (!session)
        reading_free(reading); /* nobody is there to be answered */
    else if (session_has_room(session))
        ask(reading);
    else
        timer_start(reading->router->parts->timers, &reading->timer, LOOK_AGAIN_MS, on_timer);
}

static void on_timer(struct timer *timer)
{
    go_on(container_of(timer, struct archive_reading, timer));
}

static void begin_sending(struct archive_reading *reading)
{
    bool is_backwards = reading->query.is_backwards;
    reading->is_located = true;
    reading->lower = (struct archive_bound){ is_backwards ? reading->last : reading->first, false };
    reading->upper = (struct archive_bound){ is_backwards ? reading->first : reading->last, false };
    if (reading->found)
        ask(reading);
    else
        finish(reading);
}

static void on_page(void *ctx, enum bus_status status, const struct archive_page_end *end)
{
    struct archive_reading *reading = ctx;
    if (status != BUS_OK) {
        iq_fail(&reading->request, status);
        reading_free(reading);
        return;
    }
    if (end->is_unknown) {
        refuse(reading, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
        return;
    }
    if (!reading->has_asked)
        reading->total = end->total;
    reading->has_asked = true;
    if (end->next.size)
        move_on(reading, end->next, reading->is_located ? reading->query.is_flipped : reading->query.is_backwards);
    if (!reading->is_located && reading->is_complete && end->next.size)
        ask(reading);
    else if (!reading->is_located)
        begin_sending(reading);
    else if (reading->sent < reading->found && end->next.size)
        go_on(reading);
    else
        finish(reading);
}

static struct text *print_ids(struct arena *arena, const struct archive_id *ids, unsigned count)
{
    struct text *texts = arena_alloc(arena, (count + 1) * sizeof *texts);
    char raw[ARCHIVE_ID_RAW];
    for (unsigned i = 0; i < count; i++)
        texts[i] = arena_text(arena, archive_id_print(&ids[i], raw));
    return texts;
}

void archive_reading_start(const struct iq_request *request)
{
    struct router *router = request->router;
    struct archive_reading *reading = xcalloc(1, sizeof *reading);
    enum stanza_condition condition;
    const char *text;

    reading->router = router;
    reading->reader = reader_of(router, request->sender->session_number);
    reading->reader->open++;
    LIST_INSERT_HEAD(&router->archive_readings, reading, link);
    TAILQ_INSERT_TAIL(&reading->reader->readings, reading, turn);
    reading->request = iq_keep(request);
    reading->bare = iq_account(reading->request);
    reading->is_complete = true;
    reading->total = -1;
    struct archive_query_terms terms = { .ids = router->archive_ids,
                                         .bare = reading->bare,
                                         .page = PAGE,
                                         .most = router->parts->config->archive_page };
    if (reading->reader->open > OPEN_MAX) {
        refuse(reading, STANZA_ERROR_RESOURCE_CONSTRAINT, "Too many queries at once.");
        return;
    }
    if (!archive_query_read(&reading->request->stanza->arena, reading->request->payload, &terms, &reading->query, &condition,
                            &text)) {
        refuse(reading, condition, text);
        return;
    }
    metric_add(router->parts->metrics, METRIC_ARCHIVE_QUERIES, 1);
    struct arena *arena = &reading->request->stanza->arena;
    reading->known = print_ids(arena, reading->query.known, reading->query.known_count);
    if (reading->query.ids)
        reading->ids = print_ids(arena, reading->query.ids, reading->query.id_count);
    reading->lower = reading->query.lower;
    reading->upper = reading->query.upper;
    if (TAILQ_FIRST(&reading->reader->readings) == reading)
        ask(reading);
}
