/* supervisor_test.c - the supervisor with this very program as its worker: main() below acts by the FAKE variable when
 * it finds itself a worker.  Time is given by hand; only the children are real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stanzabus/supervisor.h"

static const struct log quiet = { .out = NULL };
static char *fake_argv[] = { "fake", "serve", "--set", "workers=2", NULL };

static volatile sig_atomic_t hang_ups;

static void on_hang_up(int number)
{
    (void)number;
    hang_ups++;
}

static void nap(void)
{
    struct timespec time = { .tv_nsec = 5 * 1000 * 1000 };
    nanosleep(&time, NULL);
}

/* -- the worker -- */
static int fake_worker(const struct worker *worker, int argc, char **argv)
{
    const char *mode = getenv("FAKE");
    if (argc != 4 || strcmp(argv[3], "workers=2") != 0)
        return 3;
    metric_add(worker->metrics, METRIC_LOGINS, 10 + worker->index);
    metric_set(worker->metrics, METRIC_SESSIONS, 5);
    if (strcmp(mode, "stubborn") == 0)
        signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, on_hang_up);
    __atomic_store_n(&worker->metrics->ready, 1, __ATOMIC_RELAXED);
    if (strcmp(mode, "crash") == 0)
        return 7;
    for (;;) {
        nap();
        metric_set(worker->metrics, METRIC_STANZAS_IN, hang_ups);
    }
}

/* -- the parent -- */
/* Reaps until the number of living workers is as wanted; at most 10 seconds of real time. */
static void wait_alive(struct supervisor *supervisor, unsigned wanted, int64_t now)
{
    for (int i = 0; i < 2000 && supervisor_alive(supervisor) != wanted; i++) {
        nap();
        supervisor_reap(supervisor, now);
    }
    assert_int_equal(supervisor_alive(supervisor), wanted);
}

static void wait_ready(struct supervisor *supervisor)
{
    for (int i = 0; i < 2000 && !supervisor_is_ready(supervisor); i++)
        nap();
    assert_true(supervisor_is_ready(supervisor));
}

static struct supervisor_settings settings_for(const char *mode, unsigned workers)
{
    setenv("FAKE", mode, 1);
    return (struct supervisor_settings){
        .program = "/proc/self/exe", .argv = fake_argv, .environment = environ, .workers = workers, .log = &quiet
    };
}

static int64_t metric_now(struct supervisor *supervisor, enum metric which)
{
    struct metrics sum;
    supervisor_sum(supervisor, &sum);
    return sum.value[which];
}

static void test_starts_counts_and_stops(void **state)
{
    (void)state;
    struct supervisor_settings settings = settings_for("serve", 3);
    struct supervisor *supervisor = supervisor_start(&settings, 0);
    assert_non_null(supervisor);
    wait_ready(supervisor);
    assert_int_equal(metric_now(supervisor, METRIC_LOGINS), 10 + 11 + 12);
    assert_int_equal(metric_now(supervisor, METRIC_SESSIONS), 15);
    assert_false(supervisor_is_done(supervisor));

    supervisor_stop(supervisor, SIGTERM, 1000);
    assert_false(supervisor_is_ready(supervisor));
    wait_alive(supervisor, 0, 1000);
    assert_true(supervisor_is_done(supervisor));
    supervisor_tick(supervisor, 100000); /* nothing is started again */
    assert_int_equal(supervisor_alive(supervisor), 0);
    supervisor_free(&supervisor);
    assert_null(supervisor);
}

static void test_passes_hang_up_on(void **state)
{
    (void)state;
    struct supervisor_settings settings = settings_for("serve", 2);
    struct supervisor *supervisor = supervisor_start(&settings, 0);
    wait_ready(supervisor);
    supervisor_signal(supervisor, SIGHUP);
    for (int i = 0; i < 2000 && metric_now(supervisor, METRIC_STANZAS_IN) != 2; i++)
        nap();
    assert_int_equal(metric_now(supervisor, METRIC_STANZAS_IN), 2);
    supervisor_stop(supervisor, SIGINT, 0);
    wait_alive(supervisor, 0, 0);
    supervisor_free(&supervisor);
}

static void test_starts_the_dead_again_with_growing_pauses(void **state)
{
    (void)state;
    static const int64_t pauses[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
    struct supervisor_settings settings = settings_for("crash", 1);
    int64_t now = 5000;
    struct supervisor *supervisor = supervisor_start(&settings, now);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        wait_alive(supervisor, 0, now);
        assert_int_equal(metric_now(supervisor, METRIC_SESSIONS), 0); /* a gauge of the dead */
        supervisor_tick(supervisor, now + pauses[i] - 1);
        assert_int_equal(supervisor_alive(supervisor), 0);
        now += pauses[i];
        supervisor_tick(supervisor, now);
        assert_int_equal(supervisor_alive(supervisor), 1);
        assert_int_equal(metric_now(supervisor, METRIC_WORKER_RESTARTS), i + 1);
    }
    wait_alive(supervisor, 0, now + 60000); /* this one lived for a minute: the next pause is the first one again */
    assert_int_equal(metric_now(supervisor, METRIC_LOGINS), 80); /* counters go on through all eight lives */
    supervisor_tick(supervisor, now + 61000 - 1);
    assert_int_equal(supervisor_alive(supervisor), 0);
    supervisor_tick(supervisor, now + 61000);
    assert_int_equal(supervisor_alive(supervisor), 1);
    supervisor_stop(supervisor, SIGTERM, now);
    wait_alive(supervisor, 0, now);
    supervisor_free(&supervisor);
}

static void test_kills_what_does_not_end(void **state)
{
    (void)state;
    struct supervisor_settings settings = settings_for("stubborn", 2);
    settings.stop_ms = 3000;
    struct supervisor *supervisor = supervisor_start(&settings, 0);
    wait_ready(supervisor);
    supervisor_stop(supervisor, SIGTERM, 1000);
    supervisor_tick(supervisor, 3999);
    for (int i = 0; i < 20; i++)
        nap();
    supervisor_reap(supervisor, 3999);
    assert_int_equal(supervisor_alive(supervisor), 2);
    supervisor_tick(supervisor, 4000);
    wait_alive(supervisor, 0, 4000);
    assert_true(supervisor_is_done(supervisor));
    supervisor_free(&supervisor);
}

/* An event library that waits for all children must not make the dead immortal. */
static void test_somebody_else_waited_for_it(void **state)
{
    (void)state;
    struct supervisor_settings settings = settings_for("crash", 1);
    struct supervisor *supervisor = supervisor_start(&settings, 0);
    int status;
    assert_true(waitpid(-1, &status, 0) > 0);
    supervisor_reap(supervisor, 0);
    assert_int_equal(supervisor_alive(supervisor), 0);
    supervisor_stop(supervisor, SIGTERM, 0);
    assert_true(supervisor_is_done(supervisor));
    supervisor_free(&supervisor);
}

static void test_a_program_that_is_not_there(void **state)
{
    (void)state;
    struct supervisor_settings settings = settings_for("serve", 1);
    settings.program = "/nowhere/stanzabus";
    struct supervisor *supervisor = supervisor_start(&settings, 0);
    wait_alive(supervisor, 0, 0);
    assert_false(supervisor_is_ready(supervisor));
    supervisor_tick(supervisor, 1000);
    wait_alive(supervisor, 0, 1000);
    assert_int_equal(metric_now(supervisor, METRIC_WORKER_RESTARTS), 1);
    supervisor_stop(supervisor, SIGTERM, 1000);
    assert_true(supervisor_is_done(supervisor));
    supervisor_free(&supervisor);
}

/* A parent that starts a worker and is killed at once: the worker must end, and is handed to this process to see it. */
static void test_workers_do_not_outlive_a_killed_parent(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t parent = fork();
    if (parent == 0) {
        struct supervisor_settings settings = settings_for("serve", 2);
        struct supervisor *supervisor = supervisor_start(&settings, 0);
        for (int i = 0; i < 2000 && !supervisor_is_ready(supervisor); i++)
            nap();
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    for (int gone = 0, i = 0; gone < 2; i++) {
        assert_in_range(i, 0, 2000);
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_true(WIFSIGNALED(status));
            assert_int_equal(WTERMSIG(status), SIGTERM);
            gone++;
        } else {
            nap();
        }
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void test_attach(void **state)
{
    (void)state;
    struct worker worker;
    assert_int_equal(worker_attach(&worker), 0); /* no variables: not a worker */
    static const char *const nonsense[] = { "", "x", "2/2", "0/1/2", "-1/2", "0" };
    setenv("STANZABUS_WORKER_METRICS_FD", "0", 1);
    setenv("STANZABUS_WORKER_PARENT", "1", 1); /* not this process's parent either */
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        setenv("STANZABUS_WORKER_INDEX", nonsense[i], 1);
        assert_int_equal(worker_attach(&worker), -1);
    }
    setenv("STANZABUS_WORKER_INDEX", "0/1", 1);
    assert_int_equal(worker_attach(&worker), -1); /* the parent has gone */
    unsetenv("STANZABUS_WORKER_INDEX");
}

int main(int argc, char **argv)
{
    struct worker worker;
    if (getenv("STANZABUS_WORKER_INDEX"))
        return worker_attach(&worker) == 1 ? fake_worker(&worker, argc, argv) : 4;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_counts_and_stops),
        cmocka_unit_test(test_passes_hang_up_on),
        cmocka_unit_test(test_starts_the_dead_again_with_growing_pauses),
        cmocka_unit_test(test_kills_what_does_not_end),
        cmocka_unit_test(test_somebody_else_waited_for_it),
        cmocka_unit_test(test_a_program_that_is_not_there),
        cmocka_unit_test(test_workers_do_not_outlive_a_killed_parent),
        cmocka_unit_test(test_attach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
