/* pool.c - the pool of threads: one that works when the script says so, in the place of the real one. */
#include <string.h>

#include "tests/fuzz/sessions/world.h"

struct work_pool *work_pool_new(unsigned threads, size_t queue_bound, void (*wake)(void *ctx), void *ctx)
{
    (void)threads;
    (void)queue_bound;
    (void)wake;
    (void)ctx;
    return NULL;
}

void work_pool_free(struct work_pool **pool)
{
    (void)pool;
}

int work_submit(struct work_pool *pool, struct work_job *job)
{
    (void)pool;
    if (world.job_count == JOBS_MAX)
        return -1;
    world.jobs[world.job_count++] = job;
    return 0;
}

void work_collect(struct work_pool *pool)
{
    (void)pool;
}

size_t work_waiting(const struct work_pool *pool)
{
    (void)pool;
    return world.job_count;
}

size_t work_open(const struct work_pool *pool)
{
    (void)pool;
    return world.job_count;
}

void pool_end_job(bool is_run)
{
    if (world.job_count == 0)
        return;
    struct work_job *job = world.jobs[0];
    memmove(world.jobs, world.jobs + 1, --world.job_count * sizeof world.jobs[0]);
    if (is_run)
        job->run(job);
    job->done(job);
}
