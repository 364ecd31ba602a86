/* reply.h - the answers of Redis (RESP2), read by hiredis's reader into flat memory that is used again for each: no
 * allocation per reply. */
#ifndef STANZABUS_TRANSPORTS_REDIS_REPLY_H
#define STANZABUS_TRANSPORTS_REDIS_REPLY_H

#include "stanzabus/memory.h"

enum reply_type { REPLY_STRING, REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_NIL, REPLY_ARRAY };

/* One value.  An array's members stand behind it, each followed by its own: [1, [2, 3], 4] is array 3, 1, array 2,
 * 2, 3, 4. */
struct reply {
    enum reply_type type;
    int64_t integer;  /* REPLY_INTEGER, or an array's number of members */
    struct text text; /* REPLY_STRING, _STATUS, _ERROR; borrowed until the next reply is read */
};

struct redisReader;
struct reply_reader {
    struct redisReader *parser; /* owned */
    struct reply *values;       /* owned; the reply being read */
    size_t count, capacity;
    struct buffer bytes; /* of its texts, one behind the other */
};

void reply_reader_init(struct reply_reader *reader);
void reply_reader_fini(struct reply_reader *reader);
void reply_reader_reset(struct reply_reader *reader); /* for a new connection */

void reply_reader_feed(struct reply_reader *reader, const char *data, size_t size);
/* The next whole reply: its values, count of them.  NULL when more bytes are needed, or when the bytes are no RESP:
 * then wrong is a sentence, else NULL. */
const struct reply *reply_reader_next(struct reply_reader *reader, size_t *count, const char **wrong);
/* Bytes held for a reply that is not complete. */
size_t reply_reader_held(const struct reply_reader *reader);

#endif
