/* loop.c - epoll with nanosecond timeouts, so that a fixed-rate schedule is kept to the microsecond. */
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

enum { EVENTS_MAX = 256 };

void loop_init(struct loop *loop)
{
    *loop = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
    loop->late_end = &loop->late_first;
    prctl(PR_SET_TIMERSLACK, 1); /* nanosecond; the default of 50 µs would show in the latencies */
}

void loop_watch(struct loop *loop, struct watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };
    if (events == watch->events)
        return;
    int how = !watch->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    if (epoll_ctl(loop->epoll, how, watch->fd, &event) < 0) {
        perror("epoll_ctl");
        exit(1);
    }
    watch->events = events;
}

void loop_late(struct loop *loop, struct late *late)
{
    if (late->is_queued)
        return;
    late->is_queued = true;
    late->next = NULL;
    *loop->late_end = late;
    loop->late_end = &late->next;
}

static void run_late(struct loop *loop)
{
    while (loop->late_first) {
        struct late *late = loop->late_first;
        loop->late_first = late->next;
        if (!loop->late_first)
            loop->late_end = &loop->late_first;
        late->is_queued = false;
        late->run(late);
    }
}

void loop_turn(struct loop *loop, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    run_late(loop);
    uint64_t now = loop_now(), left = until_ns > now ? until_ns - now : 0;
    struct timespec timeout = { (time_t)(left / SECOND_NS), (long)(left % SECOND_NS) };
    int count = epoll_pwait2(loop->epoll, events, EVENTS_MAX, &timeout, NULL);
    if (count < 0 && errno != EINTR) {
        perror("epoll_pwait2");
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        if (watch->events) /* not removed by one before it in this turn */
            watch->on_events(watch, events[i].events);
    }
    run_late(loop);
}

uint64_t loop_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}
