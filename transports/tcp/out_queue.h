/* out_queue.h - bytes that wait to be sent on one connection.  Empty, it owns nothing: its room goes back to a small
 * pool from which the next busy connection takes it, so that idle ones cost no memory and busy ones no malloc. */
#ifndef STANZABUS_TRANSPORTS_TCP_OUT_QUEUE_H
#define STANZABUS_TRANSPORTS_TCP_OUT_QUEUE_H

#include "stanzabus/memory.h"

enum {
    OUT_QUEUE_MIN = 4 * 1024,         /* bytes of the smallest room */
    OUT_POOL_ROOM_MAX = 16 * 1024,    /* larger rooms are freed at once */
    OUT_POOL_ROOMS = 256,             /* kept at most */
    OUT_QUEUE_MAX = 256 * 1024 * 1024 /* far above every limit of the core; a queue never grows beyond */
};

struct out_queue {
    char *data;     /* NULL when empty */
    uint32_t start; /* first byte that was not consumed */
    uint32_t end;
    uint32_t capacity;
};

struct out_room;
struct out_pool { /* zeroed = empty */
    struct out_room *rooms;
    unsigned count;
};

void out_pool_fini(struct out_pool *pool);
/* 0, or -1 when the queue would grow beyond OUT_QUEUE_MAX; nothing was added then. */
int out_queue_append(struct out_pool *pool, struct out_queue *queue, const char *data, size_t size);
void out_queue_consume(struct out_pool *pool, struct out_queue *queue, size_t size);
void out_queue_clear(struct out_pool *pool, struct out_queue *queue);

static inline uint32_t out_queue_size(const struct out_queue *queue)
{
    return queue->end - queue->start;
}

static inline const char *out_queue_front(const struct out_queue *queue)
{
    return queue->data + queue->start;
}

#endif
