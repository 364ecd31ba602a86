/* batch.h - what is asked of one key, one behind the other, gathered into one call of a script: each asker's arguments behind
 * the other's, and an array of as many answers. */
#ifndef STANZABUS_TRANSPORTS_REDIS_BATCH_H
#define STANZABUS_TRANSPORTS_REDIS_BATCH_H

#include "scripts.h"
#include "stanzabus/store.h"

struct batch_answers;

struct batch { /* open at most until the turn ends */
    struct batch_answers *answers; /* owned; NULL: nothing is open */
    struct buffer key;
    struct command_queue arguments; /* only its bytes */
    bool is_numbered; /* all have a number in a stream, which the script takes once: so the call may be repeated */
};

/* One more of this kind may be added to what is open. */
bool batch_fits(const struct batch *batch, struct text key, bool is_numbered);
/* Nothing may be open. */
void batch_open(struct batch *batch, struct text key, bool is_numbered);
/* The queue to write the asker's arguments into. */
struct command_queue *batch_add(struct batch *batch, store_done_fn *fn, void *ctx);
unsigned batch_count(const struct batch *batch);
/* Ends the call, which was begun with arguments for batch_count askers beside its own; closes the batch. */
void batch_end(struct batch *batch, struct command_queue *queue, enum script script);
void batch_fini(struct batch *batch);

#endif
