/* http_head.h - the head of an HTTP/1.1 request (RFC 9112), as far as this server has use for it.  Pure and strict: what
 * other servers might read in another way is refused. */
#ifndef STANZABUS_TRANSPORTS_HTTP_HEAD_H
#define STANZABUS_TRANSPORTS_HTTP_HEAD_H

#include "stanzabus/memory.h"

enum { HTTP_HEAD_MAX = 8 * 1024 };

/* The fields that are read; those that are lists may come several times and are joined with ", ". */
#define HTTP_FIELDS(X) \
    X(HOST, "host", false) \
    X(UPGRADE, "upgrade", true) \
    X(CONNECTION, "connection", true) \
    X(ORIGIN, "origin", false) \
    X(KEY, "sec-websocket-key", false) \
    X(VERSION, "sec-websocket-version", false) \
    X(PROTOCOL, "sec-websocket-protocol", true) \
    X(CONTENT_LENGTH, "content-length", false) \
    X(TRANSFER_ENCODING, "transfer-encoding", true) \
    X(FORWARDED_FOR, "x-forwarded-for", true) \
    X(FORWARDED_PROTO, "x-forwarded-proto", true) \
    X(FORWARDED_HOST, "x-forwarded-host", true)

enum http_field {
#define HTTP_FIELD_MEMBER(id, name, is_list) HTTP_##id,
    HTTP_FIELDS(HTTP_FIELD_MEMBER)
#undef HTTP_FIELD_MEMBER
        HTTP_FIELD_COUNT
};

struct http_head {
    struct text method;
    struct text path;                     /* decoded, without arguments; begins with '/' */
    struct text fields[HTTP_FIELD_COUNT]; /* NULL data: not there; without spaces around */
    bool is_old;                          /* HTTP/1.0 */
    bool has_body;                        /* something follows that belongs to the request */
};

/* Bytes of the head at the front of input, its empty line included; 0 when it is not whole. */
size_t http_head_size(struct text input);

/* Parses a whole head; texts point into it or into the arena.  0, or the status to answer with. */
int http_head_parse(struct arena *arena, struct text input, struct http_head *head);

/* Is word an item of a comma-separated list?  Case matters only where the list's items are names of somebody's choice. */
bool http_list_has(struct text list, const char *word, bool ignores_case);

#endif
