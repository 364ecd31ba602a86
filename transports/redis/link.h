/* link.h - one connection to Redis: connect, greeting (greeting.c), commands out once a loop turn, replies in; made
 * again with growing pauses when it was lost. */
#ifndef STANZABUS_TRANSPORTS_REDIS_LINK_H
#define STANZABUS_TRANSPORTS_REDIS_LINK_H

#include <ev.h>

#include "command_queue.h"

enum link_state {
    LINK_DOWN,       /* waits for its pause to end, or for an address */
    LINK_CONNECTING, /* the socket is on its way */
    LINK_GREETING,   /* who we are, what Redis is: only the greeting's commands are sent */
    LINK_READY
};

struct link_events {
    /* Writes the greeting's commands into link->greeting; the answer of the last one calls link_is_ready, or any
     * of them link_is_refused. */
    void (*on_connected)(struct redis *redis);
    void (*on_ready)(struct redis *redis);
    /* True: the reply is not the answer of the oldest command, and was dealt with. */
    bool (*on_unasked)(struct redis *redis, const struct reply *reply, size_t count);
    /* A connection that was ready is gone; its queue is as it was. */
    void (*on_lost)(struct redis *redis, const char *reason);
};

struct link {
    struct redis *redis;
    const char *name;
    const struct link_events *events;
    enum link_state state;
    int fd; /* -1 while LINK_DOWN */
    struct ev_io readable, writable;
    struct ev_timer deadline; /* for being ready */
    struct ev_timer pause;    /* before the next try */
    unsigned tries;           /* since it last was ready for a while */
    unsigned epoch;           /* counts connections, so that a loop over replies notices that its own is gone */
    double ready_at, read_at, waiting_since; /* loop time in seconds */
    struct reply_reader reader;
    struct command_queue greeting, queue;
};

void link_init(struct link *link, struct redis *redis, const char *name, const struct link_events *events);
void link_stop(struct link *link); /* for good: closes, and does not try again */
void link_fini(struct link *link); /* stopped, and nothing pending in queue */

void link_open(struct link *link);  /* tries now; again and again until link_stop */
void link_pause(struct link *link); /* tries after a pause */
void link_flush(struct link *link); /* writes what is queued; an error shows in the next read */

void link_is_ready(struct link *link);
/* The greeting ended in a refusal; the next try comes slowly. */
void link_is_refused(struct link *link, const char *reason);
/* Closes, tells, and tries again. */
void link_lose(struct link *link, const char *reason);
/* Seconds that a sent command has waited since anything last came from Redis; 0 when none waits. */
double link_waits(const struct link *link, double now);

#endif
