/* url.h - where Redis is and who we are there, out of redis.url.  Touches no socket. */
#ifndef STANZABUS_TRANSPORTS_REDIS_URL_H
#define STANZABUS_TRANSPORTS_REDIS_URL_H

#include "stanzabus/memory.h"

struct redis_url {
    bool is_unix;
    char *host, *port;     /* TCP; an IPv6 address without its brackets */
    char *path;            /* Unix socket */
    char *user, *password; /* NULL when not given */
    int db;
    char *shown; /* for people: without user and password */
};

/* 0, or -1 with a sentence in why; then url is empty. */
int redis_url_parse(struct redis_url *url, struct text text, char *why, size_t why_size);
void redis_url_fini(struct redis_url *url);

/* Appends text with %XX decoded; false when a % is not followed by two hex digits, or gives a NUL. */
bool percent_decode(struct buffer *out, struct text text);

#endif
