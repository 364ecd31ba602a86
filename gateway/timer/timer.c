/* timer.c - a hierarchical timer wheel.
 *
 *   level 0   256 slots of one tick          a timer sits in the slot of its deadline, on the lowest level that
 *   level 1    64 slots of 256 ticks         reaches so far; when the cursor comes to a slot of a higher level, its
 *   level 2    64 slots of 16,384 ticks      timers move down.  What is further away than level 3 reaches (38 days)
 *   level 3    64 slots of 1,048,576 ticks   waits in its last slot and is placed anew from there. */
#include <assert.h>
#include <stdlib.h>

#include "stanzabus/memory.h"
#include "stanzabus/timer.h"

enum { NEAR_BITS = 8, NEAR_SLOTS = 1 << NEAR_BITS, FAR_BITS = 6, FAR_SLOTS = 1 << FAR_BITS, FAR_LEVELS = 3 };
#define REACH_TICKS ((int64_t)1 << (NEAR_BITS + FAR_LEVELS * FAR_BITS))
#define DELAY_MAX_MS (INT64_MAX / 4)

struct timers {
    int64_t now_ms;
    int64_t cursor; /* the tick whose slot was looked at last; it may still hold timers that are due later in it */
    struct timer *near[NEAR_SLOTS];
    struct timer *far[FAR_LEVELS][FAR_SLOTS];
};

static void link_at(struct timer **place, struct timer *timer)
{
    timer->next = *place;
    timer->link = place;
    if (timer->next)
        timer->next->link = &timer->next;
    *place = timer;
}

void timer_stop(struct timer *timer)
{
    if (!timer->link)
        return;
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    timer->link = NULL;
    timer->next = NULL;
}

static struct timer **slot_of(struct timers *timers, int64_t deadline_ms)
{
    int64_t tick = deadline_ms / TIMER_TICK_MS;
    int64_t ahead = tick - timers->cursor;
    if (ahead < NEAR_SLOTS)
        return &timers->near[(ahead > 0 ? tick : timers->cursor) & (NEAR_SLOTS - 1)];

    if (ahead >= REACH_TICKS)
        tick = timers->cursor + REACH_TICKS - 1;
    int level = 0, shift = NEAR_BITS;
    while (tick - timers->cursor >= (int64_t)1 << (shift + FAR_BITS)) {
        level++;
        shift += FAR_BITS;
    }
    return &timers->far[level][(tick >> shift) & (FAR_SLOTS - 1)];
}

void timer_start(struct timers *timers, struct timer *timer, int64_t delay_ms, timer_fn *fire)
{
    assert(fire);
    timer_stop(timer);
    /* At least one millisecond, so that a timer that starts itself again never fires twice in one advance. */
    if (delay_ms < 1)
        delay_ms = 1;
    if (delay_ms > DELAY_MAX_MS)
        delay_ms = DELAY_MAX_MS;
    timer->deadline_ms = timers->now_ms + delay_ms;
    timer->fire = fire;
    link_at(slot_of(timers, timer->deadline_ms), timer);
}

/* Places the timers of one slot of a higher level anew, seen from the cursor. */
static void move_down(struct timers *timers, struct timer **slot)
{
    struct timer *list = *slot;
    *slot = NULL;
    for (struct timer *timer = list, *next; timer; timer = next) {
        next = timer->next;
        link_at(slot_of(timers, timer->deadline_ms), timer);
    }
}

static void step(struct timers *timers)
{
    timers->cursor++;
    for (int level = 0, shift = NEAR_BITS; level < FAR_LEVELS; level++, shift += FAR_BITS) {
        if (timers->cursor & (((int64_t)1 << shift) - 1))
            return;
        move_down(timers, &timers->far[level][(timers->cursor >> shift) & (FAR_SLOTS - 1)]);
    }
}

/* Fires what is due in the cursor's slot.  The due ones are first moved to a list of their own: a callback may start,
 * stop or free any timer, and each of them finds its place through its link, in this list too. */
static void fire_due(struct timers *timers)
{
    struct timer *due = NULL;
    for (struct timer *timer = timers->near[timers->cursor & (NEAR_SLOTS - 1)], *next; timer; timer = next) {
        next = timer->next;
        if (timer->deadline_ms > timers->now_ms)
            continue;
        timer_stop(timer);
        link_at(&due, timer); /* slots are filled at the front, so this restores the order in which they were started */
    }
    while (due) {
        struct timer *timer = due;
        timer_stop(timer);
        timer->fire(timer);
    }
}

void timers_advance(struct timers *timers, int64_t now_ms)
{
    if (now_ms <= timers->now_ms)
        return;
    timers->now_ms = now_ms;
    fire_due(timers);
    while (timers->cursor < now_ms / TIMER_TICK_MS) {
        step(timers);
        fire_due(timers);
    }
}

int64_t timers_now(const struct timers *timers)
{
    return timers->now_ms;
}

struct timers *timers_new(int64_t now_ms)
{
    assert(now_ms >= 0);
    struct timers *timers = xcalloc(1, sizeof *timers);
    timers->now_ms = now_ms;
    timers->cursor = now_ms / TIMER_TICK_MS;
    return timers;
}

static void stop_all(struct timer **slots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        while (slots[i])
            timer_stop(slots[i]);
}

void timers_free(struct timers **timers)
{
    if (!*timers)
        return;
    stop_all((*timers)->near, NEAR_SLOTS);
    for (int level = 0; level < FAR_LEVELS; level++)
        stop_all((*timers)->far[level], FAR_SLOTS);
    free(*timers);
    *timers = NULL;
}
