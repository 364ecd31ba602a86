/* archive_query.h - what a client asks of its archive (XEP-0313 4): the form, the page, the order.  Pure. */
#ifndef STANZABUS_ROUTER_ARCHIVE_QUERY_H
#define STANZABUS_ROUTER_ARCHIVE_QUERY_H

#include "stanzabus/archive_id.h"
#include "stanzabus/jid.h"
#include "stanzabus/result_set.h"

#define XMLNS_MAM "urn:xmpp:mam:2"
#define XMLNS_MAM_EXTENDED "urn:xmpp:mam:2#extended"
#define XMLNS_MAM_GROUPCHAT "urn:xmpp:mam:2#groupchat-field"

struct archive_bound { /* of the messages that are asked for */
    struct archive_id id;
    bool is_exclusive;
};

struct archive_query { /* texts live in the arena, or in the payload */
    struct text queryid; /* NULL data: none */
    struct jid with;     /* zeroed: everybody */
    struct archive_bound lower, upper;
    bool is_bounded;     /* by start, end, before-id, after-id: not the whole of what is there */
    bool is_paged;       /* from somewhere in the middle on (XEP-0059 before, after) */
    bool is_backwards;   /* the last of these messages, not the first */
    bool is_flipped;     /* newest first on the wire (XEP-0313 4.3.4) */
    unsigned max;        /* messages of the page; 0: only the count */
    struct archive_id *known; /* what the client named must be there (4.1.3, 4.3.2) */
    unsigned known_count;
    struct archive_id *ids; /* only these, in the order of the archive; NULL: not said */
    unsigned id_count;
};

struct archive_query_terms { /* how a query is read */
    const struct archive_ids *ids;
    struct text bare;      /* whose archive */
    unsigned page, most;   /* messages of a page when nothing is said, and at most */
};
enum { ARCHIVE_QUERY_IDS = 1000 }; /* that one query may name, and never more than a page */

/* True, or condition and text (NULL: none) say why not. */
bool archive_query_read(struct arena *arena, const struct element *payload, const struct archive_query_terms *terms,
                        struct archive_query *out, enum stanza_condition *condition, const char **text);
/* The fields that a query may have (4.1.5). */
void archive_query_write_form(struct arena *arena, struct element *payload);

#endif
