/* queue.c - what came and nobody has looked at. */
#include <stdlib.h>

#include "play.h"

struct queued *queue_add(struct queue *queue)
{
    struct queued *item = xcalloc(1, sizeof *item);
    if (!queue->first)
        queue->last = &queue->first;
    *queue->last = item;
    queue->last = &item->next;
    return item;
}

struct queued *queue_take(struct queue *queue)
{
    struct queued *item = queue->first;
    if (item)
        queue->first = item->next;
    return item;
}

void queued_free(struct queued *item)
{
    stanza_free(&item->stanza);
    free(item->json);
    free(item);
}

void queue_clear(struct queue *queue)
{
    for (struct queued *item; (item = queue_take(queue));)
        queued_free(item);
}
