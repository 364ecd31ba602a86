/* work.c - a few threads, a bounded queue toward them, a list of finished jobs back.
 * One mutex guards both lists; a job itself is touched by one side at a time and changes hands under the mutex. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "stanzabus/memory.h"
#include "stanzabus/work.h"

struct job_list {
    struct work_job *first, **end;
};

struct work_pool {
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    struct job_list queue;    /* submitted, not begun */
    struct job_list finished; /* run, not collected */
    size_t waiting;           /* length of queue; also read without the mutex */
    size_t open;              /* taken, and done not yet called; the loop's thread only */
    size_t bound;
    bool is_stopping;
    void (*wake)(void *ctx);
    void *ctx;
    unsigned thread_count;
    pthread_t threads[];
};

static void list_clear(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct job_list *list, struct work_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct work_job *list_take(struct job_list *list)
{
    struct work_job *job = list->first;
    list->first = job->next;
    if (!list->first)
        list->end = &list->first;
    return job;
}

static void set_waiting(struct work_pool *pool, size_t waiting)
{
    __atomic_store_n(&pool->waiting, waiting, __ATOMIC_RELAXED);
}

static void *work_thread(void *ctx)
{
    struct work_pool *pool = ctx;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->queue.first && !pool->is_stopping)
            pthread_cond_wait(&pool->arrived, &pool->mutex);
        if (pool->is_stopping)
            break;
        struct work_job *job = list_take(&pool->queue);
        set_waiting(pool, pool->waiting - 1);
        pthread_mutex_unlock(&pool->mutex);

        job->run(job);

        pthread_mutex_lock(&pool->mutex);
        /* One wake for all that finish before the next collect.  It is called under the mutex, so that none comes after
         * work_pool_free; it must not call back into the pool. */
        bool is_first = !pool->finished.first;
        list_add(&pool->finished, job);
        if (is_first && pool->wake)
            pool->wake(pool->ctx);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Signals belong to the loop's thread: pool threads block them all. */
static void start_threads(struct work_pool *pool, unsigned threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->thread_count < threads &&
           pthread_create(&pool->threads[pool->thread_count], NULL, work_thread, pool) == 0)
        pool->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct work_pool *work_pool_new(unsigned threads, size_t queue_bound, void (*wake)(void *ctx), void *ctx)
{
    assert(threads > 0 && queue_bound > 0);
    struct work_pool *pool = xcalloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->arrived, NULL);
    list_clear(&pool->queue);
    list_clear(&pool->finished);
    pool->bound = queue_bound;
    pool->wake = wake;
    pool->ctx = ctx;
    start_threads(pool, threads);
    if (pool->thread_count == 0)
        work_pool_free(&pool);
    return pool;
}

int work_submit(struct work_pool *pool, struct work_job *job)
{
    pthread_mutex_lock(&pool->mutex);
    bool is_full = pool->waiting >= pool->bound;
    if (!is_full) {
        list_add(&pool->queue, job);
        set_waiting(pool, pool->waiting + 1);
        pthread_cond_signal(&pool->arrived);
    }
    pthread_mutex_unlock(&pool->mutex);
    pool->open += !is_full;
    return is_full ? -1 : 0;
}

static void call_done(struct work_pool *pool, struct work_job *job)
{
    for (struct work_job *next; job; job = next) {
        next = job->next; /* done may free the job */
        pool->open--;
        job->done(job);
    }
}

void work_collect(struct work_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    struct work_job *finished = pool->finished.first;
    list_clear(&pool->finished);
    pthread_mutex_unlock(&pool->mutex);
    call_done(pool, finished);
}

size_t work_waiting(const struct work_pool *pool)
{
    return __atomic_load_n(&pool->waiting, __ATOMIC_RELAXED);
}

void work_pool_free(struct work_pool **pool_at)
{
    struct work_pool *pool = *pool_at;
    if (!pool)
        return;
    *pool_at = NULL;
    pthread_mutex_lock(&pool->mutex);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->arrived);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);

    call_done(pool, pool->finished.first);
    call_done(pool, pool->queue.first);
    pthread_cond_destroy(&pool->arrived);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

size_t work_open(const struct work_pool *pool)
{
    return pool->open;
}
