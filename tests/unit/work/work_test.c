/* work_test.c - the thread pool: every job comes back once, on the collecting thread, and the queue is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "stanzabus/memory.h"
#include "stanzabus/work.h"

struct bench {
    sem_t woken, begun, gate;
    int collected, unrun;
    long sum;
    pthread_t loop;
};

struct square_job {
    struct work_job job;
    struct bench *bench;
    long number, result; /* result -1: not run */
    bool is_gated;
};

static void on_wake(void *ctx)
{
    struct bench *bench = ctx;
    sem_post(&bench->woken);
}

static void run_square(struct work_job *job)
{
    struct square_job *square = (struct square_job *)job;
    if (square->is_gated) {
        sem_post(&square->bench->begun);
        sem_wait(&square->bench->gate);
    }
    square->result = square->number * square->number;
}

static void square_done(struct work_job *job)
{
    struct square_job *square = (struct square_job *)job;
    struct bench *bench = square->bench;
    assert_true(pthread_equal(pthread_self(), bench->loop));
    bench->collected++;
    if (square->result < 0)
        bench->unrun++;
    else
        bench->sum += square->result;
    free(square);
}

static struct work_job *square_new(struct bench *bench, long number, bool is_gated)
{
    struct square_job *square = xcalloc(1, sizeof *square);
    square->job.run = run_square;
    square->job.done = square_done;
    square->bench = bench;
    square->number = number;
    square->result = -1;
    square->is_gated = is_gated;
    return &square->job;
}

static void bench_init(struct bench *bench)
{
    *bench = (struct bench){ .loop = pthread_self() };
    sem_init(&bench->woken, 0, 0);
    sem_init(&bench->begun, 0, 0);
    sem_init(&bench->gate, 0, 0);
}

static void bench_fini(struct bench *bench)
{
    sem_destroy(&bench->woken);
    sem_destroy(&bench->begun);
    sem_destroy(&bench->gate);
}

static void wait_for(sem_t *semaphore)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    assert_int_equal(sem_timedwait(semaphore, &until), 0);
}

static void test_every_job_comes_back_once(void **state)
{
    (void)state;
    enum { JOBS = 5000 };
    struct bench bench;
    bench_init(&bench);
    struct work_pool *pool = work_pool_new(4, 64, on_wake, &bench);
    assert_non_null(pool);
    int refused = 0;
    long wanted = 0;
    for (long i = 1; i <= JOBS; i++) {
        struct work_job *job = square_new(&bench, i, false);
        while (work_submit(pool, job) < 0) {
            refused++;
            wait_for(&bench.woken);
            work_collect(pool);
        }
        wanted += i * i;
    }
    while (bench.collected < JOBS) {
        wait_for(&bench.woken);
        work_collect(pool);
    }
    assert_int_equal(bench.sum, wanted);
    assert_int_equal(bench.unrun, 0);
    assert_int_equal(work_waiting(pool), 0);
    work_pool_free(&pool);
    assert_null(pool);
    assert_int_equal(bench.collected, JOBS);
    bench_fini(&bench);
}

static void test_full_queue_refuses(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    struct work_pool *pool = work_pool_new(1, 3, on_wake, &bench);
    assert_int_equal(work_submit(pool, square_new(&bench, 2, true)), 0);
    wait_for(&bench.begun); /* the one thread is busy now */
    for (long i = 0; i < 3; i++)
        assert_int_equal(work_submit(pool, square_new(&bench, 3, false)), 0);
    assert_int_equal(work_waiting(pool), 3);
    struct work_job *refused = square_new(&bench, 4, false);
    assert_int_equal(work_submit(pool, refused), -1);
    free(refused); /* it was not taken */
    sem_post(&bench.gate);
    while (bench.collected < 4) {
        wait_for(&bench.woken);
        work_collect(pool);
    }
    assert_int_equal(bench.sum, 4 + 3 * 9);
    work_pool_free(&pool);
    bench_fini(&bench);
}

static void *open_gate_later(void *ctx)
{
    struct bench *bench = ctx;
    struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
    nanosleep(&pause, NULL);
    sem_post(&bench->gate);
    return NULL;
}

static void test_free_waits_and_gives_back_what_was_not_begun(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    struct work_pool *pool = work_pool_new(1, 10, on_wake, &bench);
    work_submit(pool, square_new(&bench, 5, true));
    wait_for(&bench.begun);
    for (int i = 0; i < 4; i++)
        work_submit(pool, square_new(&bench, 7, false));
    pthread_t opener;
    pthread_create(&opener, NULL, open_gate_later, &bench);
    work_pool_free(&pool);
    pthread_join(opener, NULL);
    assert_int_equal(bench.collected, 5);
    assert_int_equal(bench.sum, 25); /* the running job ended; the four were not run */
    assert_int_equal(bench.unrun, 4);
    bench_fini(&bench);
}

struct chain_job {
    struct work_job job;
    struct work_pool *pool;
    int left;
};

static void run_nothing(struct work_job *job)
{
    (void)job;
}

static void chain_done(struct work_job *job)
{
    struct chain_job *chain = (struct chain_job *)job;
    if (--chain->left > 0)
        assert_int_equal(work_submit(chain->pool, job), 0);
}

static void test_done_may_submit_again(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    struct work_pool *pool = work_pool_new(2, 1, on_wake, &bench);
    struct chain_job chain = { .job = { .run = run_nothing, .done = chain_done }, .pool = pool, .left = 100 };
    assert_int_equal(work_submit(pool, &chain.job), 0);
    while (chain.left > 0) {
        wait_for(&bench.woken);
        work_collect(pool);
    }
    work_pool_free(&pool);
    bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_job_comes_back_once),
        cmocka_unit_test(test_full_queue_refuses),
        cmocka_unit_test(test_free_waits_and_gives_back_what_was_not_begun),
        cmocka_unit_test(test_done_may_submit_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
