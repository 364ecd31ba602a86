/* archive.h - the files that answer about an account's archive (XEP-0313):
 *
 *   handle_archive.c ──> archive_query.c (what is asked) ──> archive_reading.c ──> store ──> archive_result.c, one by
 *                                                                                one, then <fin/>
 *   handle_archive_preferences.c ──> store
 */
#ifndef STANZABUS_ROUTER_ARCHIVE_H
#define STANZABUS_ROUTER_ARCHIVE_H

#include "gateway/router/archive/archive_query.h"
#include "gateway/router/router_internal.h"
#include "stanzabus/store_archive.h"

/* Reads what the request asks for and sends it, at the pace at which the client takes it. */
void archive_reading_start(const struct iq_request *request);

struct archive_result { /* texts are borrowed by the stanza's life */
    struct text bare;    /* whose archive */
    struct text to;      /* the session that asked */
    struct text queryid; /* NULL data: none */
    struct text raw;     /* the message's id */
};
/* Puts the wrapping of a result around an archived message: the stanza is the result then.  No copy is made. */
void archive_result_wrap(const struct archive_ids *ids, struct stanza *stanza, const struct archive_result *what);

#endif
