/* loop.h - an epoll loop for the generator: watches, one moment to wake at, and things to do at the end of a turn. */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int fd;
    uint32_t events; /* EPOLLIN ..., as asked for now */
    void (*on_events)(struct watch *watch, uint32_t events);
};

struct late { /* runs once at the end of the turn in which it was queued */
    struct late *next;
    bool is_queued;
    void (*run)(struct late *late);
};

struct loop {
    int epoll;
    struct late *late_first, **late_end;
    bool release_buffers; /* connections give empty buffers back: for thousands that idle */
};

void loop_init(struct loop *loop);
void loop_watch(struct loop *loop, struct watch *watch, uint32_t events); /* adds or changes; 0 removes */
void loop_late(struct loop *loop, struct late *late);
/* Waits for events until the moment at_ns (loop_now), handles them, then what was queued for the end of the turn. */
void loop_turn(struct loop *loop, uint64_t until_ns);
uint64_t loop_now(void); /* monotonic nanoseconds */

#define SECOND_NS UINT64_C(1000000000)

#endif
