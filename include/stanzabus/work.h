/* work.h - a small thread pool with a bounded queue, for what would block the loop (password hashing, name look-up).
 * Jobs run on a thread; their completion runs on the loop's thread, in work_collect(). */
#ifndef STANZABUS_WORK_H
#define STANZABUS_WORK_H

#include <stddef.h>

struct work_pool;

struct work_job {
    void (*run)(struct work_job *job);  /* on a pool thread: touches nothing but the job */
    void (*done)(struct work_job *job); /* on the loop's thread; the job is the callee's to free */
    struct work_job *next;
};

/* queue_bound: jobs that may wait to be begun.  wake (may be NULL) is called from a pool thread when there is something to
 * collect; it must be thread-safe and must not call into the pool.  NULL when no thread can be started. */
struct work_pool *work_pool_new(unsigned threads, size_t queue_bound, void (*wake)(void *ctx), void *ctx);
/* Waits for running jobs and calls done for all that were taken.  Jobs that no thread has begun are not run: a job's
 * result starts out as "failed", so that done can tell. */
void work_pool_free(struct work_pool **pool);
int work_submit(struct work_pool *pool,
                struct work_job *job); /* 0, or -1 when the queue is full: the job is not taken */
void work_collect(struct work_pool *pool);
size_t work_waiting(const struct work_pool *pool); /* not begun */
size_t work_open(const struct work_pool *pool);    /* taken, and done not yet called */

#endif
