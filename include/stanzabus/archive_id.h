/* archive_id.h - the ids of messages in an archive, as clients see them (XEP-0359 3: nobody learns from one how large the
 * archive is, or when something was written).  Inside they are ids of a Redis Stream, in the order of the messages; outside
 * they are these 128 bits enciphered for their account, so that ids of two accounts have nothing in common.  Pure. */
#ifndef STANZABUS_ARCHIVE_ID_H
#define STANZABUS_ARCHIVE_ID_H

#include <stdint.h>

#include "stanzabus/memory.h"

struct archive_id { /* in the order of the archive: by ms, then by sequence */
    int64_t ms; /* when it was archived, Unix milliseconds by the clock of Redis */
    uint64_t sequence;
};

/* "ms-sequence", as Redis writes it; false when it is not that. */
bool archive_id_parse(struct text raw, struct archive_id *out);
enum { ARCHIVE_ID_RAW = 48 };
struct text archive_id_print(const struct archive_id *id, char out[ARCHIVE_ID_RAW]);
int archive_id_compare(const struct archive_id *a, const struct archive_id *b); /* below, at or above 0 */

struct archive_ids; /* the keys */
struct archive_ids *archive_ids_new(const unsigned char secret[32]); /* the secret that all nodes share */
void archive_ids_free(struct archive_ids **ids);

/* The raw id as the owner of the archive sees it; in the arena.  Empty when raw is no id. */
struct text archive_id_show(const struct archive_ids *ids, struct arena *arena, struct text bare, struct text raw);
/* What a client gave as an id of this account's archive.  False when it cannot be one; one that can need not be there. */
bool archive_id_read(const struct archive_ids *ids, struct text bare, struct text shown, struct archive_id *out);

#endif
