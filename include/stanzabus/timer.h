/* timer.h - a timer wheel: start, stop and fire in constant time, however many sessions there are.
 * The owner of the event loop calls timers_advance() about every TIMER_TICK_MS; nothing here reads a clock, so tests
 * move time by hand. */
#ifndef STANZABUS_TIMER_H
#define STANZABUS_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIMER_TICK_MS = 50 };

struct timers; /* the wheel */
struct timer;
typedef void timer_fn(struct timer *timer); /* the timer is stopped when this is called; it may be started again */

/* Embedded in its owner (container_of gets back to it); zeroed = stopped. */
struct timer {
    struct timer *next, **link; /* link is NULL while stopped */
    int64_t deadline_ms;
    timer_fn *fire;
};

struct timers *timers_new(int64_t now_ms);
void timers_free(struct timers **timers); /* running timers are stopped, not fired */
void timers_advance(struct timers *timers, int64_t now_ms);
int64_t timers_now(const struct timers *timers); /* monotonic milliseconds, as of the last advance */

/* (Re)starts: fires once, in the first advance that comes delay_ms (at least 1) or more after timers_now().  Any timer may
 * be started, stopped or freed inside any fire; the wheel itself may not be freed there. */
void timer_start(struct timers *timers, struct timer *timer, int64_t delay_ms, timer_fn *fire);
void timer_stop(struct timer *timer);
static inline bool timer_is_running(const struct timer *timer) { return timer->link != 0; }

#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

#endif
