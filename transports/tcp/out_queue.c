/* out_queue.c - bytes that wait to be sent, in recycled rooms. */
#include <stdlib.h>

#include "transports/tcp/out_queue.h"

/* A free room holds the link in its own first bytes. */
struct out_room {
    struct out_room *next;
    uint32_t capacity;
};

void out_pool_fini(struct out_pool *pool)
{
    while (pool->rooms) {
        struct out_room *room = pool->rooms;
        pool->rooms = room->next;
        free(room);
    }
    pool->count = 0;
}

static void take_room(struct out_pool *pool, struct out_queue *queue)
{
    struct out_room *room = pool->rooms;
    if (room) {
        pool->rooms = room->next;
        pool->count--;
        queue->capacity = room->capacity;
        queue->data = (char *)room;
    } else {
        queue->capacity = OUT_QUEUE_MIN;
        queue->data = xmalloc(OUT_QUEUE_MIN);
    }
    queue->start = queue->end = 0;
}

static void give_room_back(struct out_pool *pool, struct out_queue *queue)
{
    if (queue->capacity > OUT_POOL_ROOM_MAX || pool->count >= OUT_POOL_ROOMS) {
        free(queue->data);
    } else {
        struct out_room *room = (struct out_room *)(void *)queue->data;
        room->capacity = queue->capacity;
        room->next = pool->rooms;
        pool->rooms = room;
        pool->count++;
    }
    *queue = (struct out_queue){ 0 };
}

/* Room for size more at the end: what was consumed at the front is reclaimed first when that is at least half. */
static void make_room(struct out_queue *queue, size_t size)
{
    uint32_t used = out_queue_size(queue);
    if (queue->start >= queue->capacity / 2) {
        memmove(queue->data, queue->data + queue->start, used);
        queue->start = 0;
        queue->end = used;
    }
    size_t capacity = queue->capacity;
    while (capacity - queue->end < size)
        capacity *= 2;
    if (capacity != queue->capacity)
        queue->data = xrealloc(queue->data, capacity);
    queue->capacity = (uint32_t)capacity;
}

int out_queue_append(struct out_pool *pool, struct out_queue *queue, const char *data, size_t size)
{
    if (size > OUT_QUEUE_MAX - out_queue_size(queue))
        return -1;
    if (size == 0)
        return 0;
    if (!queue->data)
        take_room(pool, queue);
    if (queue->capacity - queue->end < size)
        make_room(queue, size);
    memcpy(queue->data + queue->end, data, size);
    queue->end += (uint32_t)size;
    return 0;
}

void out_queue_consume(struct out_pool *pool, struct out_queue *queue, size_t size)
{
    queue->start += (uint32_t)size;
    if (queue->start == queue->end && queue->data)
        give_room_back(pool, queue);
}

void out_queue_clear(struct out_pool *pool, struct out_queue *queue)
{
    if (queue->data)
        give_room_back(pool, queue);
}
