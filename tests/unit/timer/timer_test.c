/* timer_test.c - the timer wheel: when timers fire, and what their callbacks may do to other timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stanzabus/memory.h"
#include "stanzabus/timer.h"

struct probe {
    struct timer timer;
    struct timers *timers;
    int fired;
    int64_t fired_at;
    struct probe *other; /* what the callback acts on */
    struct probe **others;
    int other_count;
};

static void on_fire(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    assert_false(timer_is_running(timer));
    probe->fired++;
    probe->fired_at = timers_now(probe->timers);
}

static void test_delays(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t start_ms, delay_ms;
    } rows[] = {
        { "no delay fires at the next millisecond", 0, 0 },
        { "negative delay is no delay", 1000, -7 },
        { "within a tick", 3, 10 },
        { "one tick", 0, 50 },
        { "not a multiple of the tick", 12345, 333 },
        { "last slot of the first level", 7, 255 * 50 },
        { "first slot of the second level", 7, 256 * 50 },
        { "a minute", 99, 60 * 1000 },
        { "second level wraps", 255 * 50, 16383 * 50 },
        { "third level", 49, 16384 * 50 },
        { "an hour", 1234567, 3600 * 1000 },
        { "a day", 1234567, 24 * 3600 * 1000 },
        { "fourth level: three days", 42, 3LL * 24 * 3600 * 1000 },
        { "further than the wheel reaches", 42, 45LL * 24 * 3600 * 1000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct timers *timers = timers_new(rows[i].start_ms);
        struct probe probe = { .timers = timers };
        int64_t wanted = rows[i].start_ms + (rows[i].delay_ms > 0 ? rows[i].delay_ms : 1);
        timer_start(timers, &probe.timer, rows[i].delay_ms, on_fire);
        for (int64_t now = rows[i].start_ms; now + 50 * 977 < wanted; now += 50 * 977) /* uneven steps on the way */
            timers_advance(timers, now);
        timers_advance(timers, wanted - 1);
        if (probe.fired)
            fail_msg("%s: fired too early", rows[i].name);
        timers_advance(timers, wanted);
        if (probe.fired != 1)
            fail_msg("%s: fired %d times when it was due", rows[i].name, probe.fired);
        assert_false(timer_is_running(&probe.timer));
        timers_free(&timers);
        assert_null(timers);
    }
}

static void test_stop_and_restart(void **state)
{
    (void)state;
    struct timers *timers = timers_new(0);
    struct probe stopped = { .timers = timers }, moved = { .timers = timers };
    timer_stop(&stopped.timer); /* a zeroed timer is stopped */
    timer_start(timers, &stopped.timer, 100, on_fire);
    timer_start(timers, &moved.timer, 100, on_fire);
    assert_true(timer_is_running(&stopped.timer));
    timer_stop(&stopped.timer);
    timer_start(timers, &moved.timer, 20000, on_fire);
    timers_advance(timers, 19999);
    assert_int_equal(moved.fired, 0);
    timers_advance(timers, 20000);
    assert_int_equal(moved.fired, 1);
    timers_advance(timers, 100000);
    assert_int_equal(moved.fired, 1);
    assert_int_equal(stopped.fired, 0);
    timers_free(&timers);
}

static void test_time_does_not_go_back(void **state)
{
    (void)state;
    struct timers *timers = timers_new(5000);
    timers_advance(timers, 4000);
    assert_int_equal(timers_now(timers), 5000);
    timers_free(&timers);
}

static void on_fire_again(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    on_fire(timer);
    timer_start(probe->timers, timer, 0, on_fire_again);
}

static void test_restart_inside_fires_once_an_advance(void **state)
{
    (void)state;
    struct timers *timers = timers_new(0);
    struct probe probe = { .timers = timers };
    timer_start(timers, &probe.timer, 10, on_fire_again);
    timers_advance(timers, 3600 * 1000);
    assert_int_equal(probe.fired, 1);
    timers_advance(timers, 3600 * 1000 + 1);
    assert_int_equal(probe.fired, 2);
    timers_free(&timers);
    assert_false(timer_is_running(&probe.timer));
}

static void on_fire_stop_others(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    on_fire(timer);
    for (int i = 0; i < probe->other_count; i++)
        if (probe->others[i] != probe)
            timer_stop(&probe->others[i]->timer);
}

static void test_first_stops_all_others_of_its_slot(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct timers *timers = timers_new(0);
    struct probe probes[COUNT], *all[COUNT];
    for (int i = 0; i < COUNT; i++) {
        probes[i] = (struct probe){ .timers = timers, .others = all, .other_count = COUNT };
        all[i] = &probes[i];
        timer_start(timers, &probes[i].timer, 100 + i % 3, on_fire_stop_others);
    }
    timers_advance(timers, 200);
    int fired = 0;
    for (int i = 0; i < COUNT; i++)
        fired += probes[i].fired;
    assert_int_equal(fired, 1);
    timers_free(&timers);
}

static void on_fire_free_other(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    if (probe->other) {
        timer_stop(&probe->other->timer);
        free(probe->other);
    }
    free(probe);
}

static void test_callback_frees_itself_and_its_neighbour(void **state)
{
    (void)state;
    struct timers *timers = timers_new(0);
    struct probe *first = xcalloc(1, sizeof *first), *second = xcalloc(1, sizeof *second);
    first->other = second; /* in one slot the one started first fires first: the other goes while it is due */
    timer_start(timers, &first->timer, 60, on_fire_free_other);
    timer_start(timers, &second->timer, 60, on_fire_free_other);
    timers_advance(timers, 60);
    timers_free(&timers);
}

static void on_fire_start_other(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    on_fire(timer);
    timer_start(probe->timers, &probe->other->timer, 100, on_fire);
}

static void test_callback_restarts_one_that_is_due(void **state)
{
    (void)state;
    struct timers *timers = timers_new(0);
    struct probe late = { .timers = timers }, early = { .timers = timers, .other = &late };
    timer_start(timers, &early.timer, 40, on_fire_start_other);
    timer_start(timers, &late.timer, 40, on_fire);
    timers_advance(timers, 40);
    assert_int_equal(early.fired, 1);
    assert_int_equal(late.fired, 0);
    timers_advance(timers, 140);
    assert_int_equal(late.fired, 1);
    timers_free(&timers);
}

/* Random starts, stops and steps against the plain rule: fires in the first advance at or after its deadline. */
static void test_against_a_plain_model(void **state)
{
    (void)state;
    enum { COUNT = 300, ROUNDS = 4000 };
    static struct probe probes[COUNT];
    int64_t due[COUNT] = { 0 };
    int64_t now = 1000;
    unsigned seed = 20261122;
    struct timers *timers = timers_new(now);
    memset(probes, 0, sizeof probes);
    for (int round = 0; round < ROUNDS; round++) {
        for (int n = 0; n < 5; n++) {
            int i = rand_r(&seed) % COUNT;
            int64_t delay = 1 + rand_r(&seed) % (1 << (rand_r(&seed) % 28));
            probes[i].timers = timers;
            probes[i].fired = 0;
            if (rand_r(&seed) % 4) {
                timer_start(timers, &probes[i].timer, delay, on_fire);
                due[i] = now + delay;
            } else {
                timer_stop(&probes[i].timer);
                due[i] = 0;
            }
        }
        now += rand_r(&seed) % (round % 50 ? 200 : 5000000);
        timers_advance(timers, now);
        for (int i = 0; i < COUNT; i++) {
            bool is_over = due[i] && due[i] <= now;
            assert_int_equal(probes[i].fired, is_over ? 1 : 0);
            assert_int_equal(timer_is_running(&probes[i].timer), due[i] && !is_over);
            if (is_over) {
                assert_int_equal(probes[i].fired_at, now);
                due[i] = 0;
                probes[i].fired = 0;
            }
        }
    }
    timers_free(&timers);
}

_Static_assert(sizeof(struct timer) == 4 * sizeof(void *), "a timer is in every session");

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_stop_and_restart),
        cmocka_unit_test(test_time_does_not_go_back),
        cmocka_unit_test(test_restart_inside_fires_once_an_advance),
        cmocka_unit_test(test_first_stops_all_others_of_its_slot),
        cmocka_unit_test(test_callback_frees_itself_and_its_neighbour),
        cmocka_unit_test(test_callback_restarts_one_that_is_due),
        cmocka_unit_test(test_against_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
