/* json_reader.h - reads JSON (RFC 8259) in place, strictly, and builds nothing: it calls back for each member and item.
 * The text is a copy that the reader may change: strings lose their escapes where they stand, so every struct text
 * that comes out points into it.  Refused: what is not UTF-8, duplicate keys, characters that XML 1.0 cannot carry,
 * lone surrogates, too much depth, anything behind the end. */
#ifndef STANZABUS_JSON_READER_H
#define STANZABUS_JSON_READER_H

#include "stanzabus/message.h"

enum { JSON_PADDING = 8 }; /* zero bytes that must follow the text: strings are read eight bytes at a time */

struct json_place { /* where in the document: the way up from a value, for the text of a refusal */
    const struct json_place *up;
    struct text key; /* of a member; NULL data for an item */
    size_t index;    /* of an item */
};

struct json_reader {
    char *start, *at, *end;
    unsigned depth, depth_max;
    struct arena *arena; /* for the keys of large objects */
    const struct json_place *place;
    struct refusal *why;
};

/* text[size] is followed by JSON_PADDING zero bytes. */
void json_reader_init(struct json_reader *r, char *text, size_t size, unsigned depth_max, struct arena *arena,
                      struct refusal *why);

/* All return false after json_refuse(). */
typedef bool json_member_fn(struct json_reader *r, struct text key, void *ctx); /* must read the value */
typedef bool json_item_fn(struct json_reader *r, void *ctx);                    /* must read the item */
bool json_read_object(struct json_reader *r, json_member_fn *member, void *ctx);
bool json_read_array(struct json_reader *r, json_item_fn *item, void *ctx);
bool json_read_string(struct json_reader *r, struct text *out); /* out->data is never NULL */
bool json_read_integer(struct json_reader *r, long least, long most, long *out);
bool json_read_number(struct json_reader *r, double *out);
bool json_read_true(struct json_reader *r);
bool json_skip(struct json_reader *r); /* any value, checked like the rest */
bool json_read_end(struct json_reader *r);

/* The first byte of the next value, white space skipped; 0 at the end. */
char json_peek(struct json_reader *r);

/* Fills why with the reason and the place; always false. */
bool json_refuse(struct json_reader *r, const char *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a member of the object that was read last at this place. */
bool json_refuse_member(struct json_reader *r, const char *member, const char *reason, const char *text);

#endif
