/* command_queue.h - commands on their way to Redis, and the askers that wait for the answers: one stream of bytes, one
 * ring of what is pending, both in the order of the calls.  The bytes are kept until the answer came:
 *
 *   bytes:  | answered, forgotten | sent, unanswered | not sent |
 *   ring:                         ^ first            ^          ^ last
 */
#ifndef STANZABUS_TRANSPORTS_REDIS_COMMAND_QUEUE_H
#define STANZABUS_TRANSPORTS_REDIS_COMMAND_QUEUE_H

#include "reply.h"

struct redis;
struct pending;

/* Decodes the answer and calls the asker.  reply is NULL when there is none (BUS_AWAY), else the first of count
 * values. */
typedef void answer_fn(struct redis *redis, const struct pending *pending, const struct reply *reply, size_t count);
typedef void any_fn(void); /* a callback of bus.h or store.h, whose type the answer_fn knows */

enum pending_flag {
    PENDING_REPEATABLE =
        1, /* doing it twice is the same as once: it is sent again when a link was lost before its answer */
    PENDING_RELOADED = 2, /* its script was loaded and it was sent again */
    PENDING_MAY_FAIL = 4  /* an error is an answer too, and not logged */
};

struct pending {
    answer_fn *answer;
    any_fn *fn; /* may be NULL */
    void *ctx;
    uint32_t size;  /* bytes of the command */
    uint8_t flags;  /* enum pending_flag */
    uint8_t script; /* enum script + 1, 0 for none */
};

struct pending_ring {
    struct pending *items; /* owned */
    uint32_t capacity;     /* a power of two */
    uint32_t first, count;
};

void pending_push(struct pending_ring *ring, const struct pending *pending);
struct pending pending_pop(struct pending_ring *ring);
struct pending *pending_at(const struct pending_ring *ring, uint32_t index);

struct command_queue {
    struct buffer bytes;
    size_t answered, sent; /* offsets into bytes */
    size_t begun;          /* where the command that is being written begins */
    struct pending_ring ring;
};

void command_queue_fini(struct command_queue *queue); /* nothing may be pending */

/* A command is begun, given exactly as many texts as announced, and ended. */
void command_begin(struct command_queue *queue, unsigned texts);
void command_text(struct command_queue *queue, struct text text);
void command_joined(struct command_queue *queue, struct text head, struct text tail); /* one text in two pieces */
void command_integer(struct command_queue *queue, int64_t integer);
void command_end(struct command_queue *queue, struct pending pending); /* size is filled in */

static inline void command_word(struct command_queue *queue, const char *word)
{
    command_text(queue, text_of(word));
}

/* An answer can come: the oldest command is sent whole. */
bool command_queue_expects(const struct command_queue *queue);
/* Takes the oldest pending out.  Its bytes begin at *begin; they are there until the next answer. */
struct pending command_queue_answered(struct command_queue *queue, size_t *begin);
/* The same command once more, at the end. */
void command_queue_again(struct command_queue *queue, size_t begin, struct pending pending);

/* What was written into more goes behind what is in queue; more is empty then. */
void command_queue_append(struct command_queue *queue, struct command_queue *more);

static inline size_t command_queue_held(const struct command_queue *queue)
{
    return queue->bytes.size - queue->answered;
}
static inline size_t command_queue_unsent(const struct command_queue *queue)
{
    return queue->bytes.size - queue->sent;
}

/* The connection is lost.  What was sent whole and may not be repeated goes to lost; the rest is not sent any more. */
void command_queue_lose(struct command_queue *queue, struct pending_ring *lost);
/* What is not sent yet, not even in part, goes to lost. */
void command_queue_cut(struct command_queue *queue, struct pending_ring *lost);

#endif
