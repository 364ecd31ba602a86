/* handle_archive.c - requests about an account's archive (XEP-0313): queries, the form for them, where it begins and ends.
 * Its owner asks; nobody else may (8.1). */
#include <stdlib.h>

#include "gateway/router/archive/archive.h"
#include "gateway/router/resident.h"

static bool may_ask(const struct iq_request *request)
{
    if (request->scope == SCOPE_OWN_ACCOUNT && request->sender->kind == SENDER_CLIENT)
        return true;
    iq_refuse(request, STANZA_ERROR_FORBIDDEN, NULL);
    return false;
}

void handle_archive_query(const struct iq_request *request)
{
    if (may_ask(request))
        archive_reading_start(request);
}

void handle_archive_form(const struct iq_request *request)
{
    if (!may_ask(request))
        return;
    struct stanza *answer = stanza_reply(request->stanza);
    archive_query_write_form(&answer->arena, element_add(&answer->arena, answer->root, TEXT("query"), TEXT(XMLNS_MAM)));
    iq_answer(request, answer);
}

/* -- where it begins and ends (5) -- */

struct ends {
    struct iq_request *request; /* owned */
    struct archive_id id[2];    /* of the first and of the last message */
    unsigned count;             /* found so far */
};

static void ask_end(struct ends *ends, bool is_last);

static void add_end(const struct ends *ends, struct stanza *answer, struct element *metadata, unsigned which)
{
    static const char *const names[] = { "start", "end" };
    const struct iq_request *request = ends->request;
    struct arena *arena = &answer->arena;
    struct element *end = element_add(arena, metadata, text_of(names[which]), TEXT(XMLNS_MAM));
    struct buffer time = { 0 };
    char raw[ARCHIVE_ID_RAW];

    json_write_time(&time, ends->id[which].ms);
    element_set(arena, end, "id",
                archive_id_show(request->router->archive_ids, arena, iq_account(request), archive_id_print(&ends->id[which], raw)));
    element_set(arena, end, "timestamp", arena_text(arena, buffer_text(&time)));
    buffer_fini(&time);
}

static void tell_ends(struct ends *ends)
{
    struct stanza *answer = stanza_reply(ends->request->stanza);
    struct element *metadata = element_add(&answer->arena, answer->root, TEXT("metadata"), TEXT(XMLNS_MAM));
    for (unsigned i = 0; i < 2 && ends->count == 2; i++)
        add_end(ends, answer, metadata, i);
    iq_answer(ends->request, answer);
    iq_done(&ends->request);
    free(ends);
}

static void on_end(void *ctx, struct text id, struct text event)
{
    struct ends *ends = ctx;
    (void)event;
    if (archive_id_parse(id, &ends->id[ends->count]))
        ends->count++;
}

static void on_end_page(void *ctx, enum bus_status status, const struct archive_page_end *end)
{
    struct ends *ends = ctx;
    (void)end;
    if (status != BUS_OK) {
        iq_fail(&ends->request, status);
        free(ends);
    } else if (ends->count == 1) {
        ask_end(ends, true);
    } else {
        tell_ends(ends);
    }
}

static void on_last_page(void *ctx, enum bus_status status, const struct archive_page_end *end)
{
    struct ends *ends = ctx;
    if (status == BUS_OK && ends->count == 1)
        ends->count = 0; /* it has been emptied in between */
    on_end_page(ctx, status, end);
}

static void ask_end(struct ends *ends, bool is_last)
{
    const struct router *router = ends->request->router;
    struct store *store = router->parts->store;
    struct archive_page page = { .bare = iq_account(ends->request),
                                 .lower = TEXT("-"),
                                 .upper = TEXT("+"),
                                 .is_backwards = is_last,
                                 .max = 1,
                                 .keep_ms = archive_settings(router).keep_ms };
    store->archive->page(store, &page, on_end, is_last ? on_last_page : on_end_page, ends);
}

void handle_archive_metadata(const struct iq_request *request)
{
    if (!may_ask(request))
        return;
    struct ends *ends = xcalloc(1, sizeof *ends);
    ends->request = iq_keep(request);
    ask_end(ends, false);
}
