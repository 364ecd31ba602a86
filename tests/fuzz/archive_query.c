/* archive_query.c - a query of an archive from anywhere: whatever is read stays within what a query may ask, and a refusal
 * has a condition that a client can be told. */
#include <stdlib.h>

#include "gateway/router/archive/archive_query.h"
#include "tests/unit/stream/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = 50, MOST = 100 };

static bool is_rising(const struct archive_query *query)
{
    for (unsigned i = 1; i < query->id_count; i++)
        if (archive_id_compare(&query->ids[i - 1], &query->ids[i]) >= 0)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive_ids *ids;
    struct archive_query query;
    enum stanza_condition condition = STANZA_ERROR_COUNT;
    const char *text;
    if (!ids)
        ids = archive_ids_new((const unsigned char[32]){ 1 });
    struct stanza *stanza = parse_in_stream((const char *)data, size);
    if (!stanza)
        return 0;
    struct archive_query_terms terms = { ids, TEXT("juliet@example.com"), PAGE, MOST };
    if (!archive_query_read(&stanza->arena, stanza->root, &terms, &query, &condition, &text)) {
        if (!stanza_condition_name(condition))
            abort();
    } else if (query.max > MOST || query.id_count > MOST || query.known_count < query.id_count || !is_rising(&query) ||
               query.with.size > JID_MAX) {
        abort();
    }
    stanza_free(&stanza);
    return 0;
}
