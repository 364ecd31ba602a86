/* supervisor.h - the parent of several worker processes (workers > 1), and the worker's side of it.
 * The parent starts the program again for each worker, with the same arguments and three more environment variables; starts
 * a dead one again with growing pauses; passes signals on; and sums what the workers count in shared memory.
 * No loop in here: main.c calls supervisor_reap at SIGCHLD and supervisor_tick about every 100 ms. */
#ifndef STANZABUS_SUPERVISOR_H
#define STANZABUS_SUPERVISOR_H

#include <stdbool.h>

#include "stanzabus/log.h"
#include "stanzabus/metrics.h"

struct supervisor;

struct supervisor_settings {  /* borrowed for the supervisor's life */
    const char *program;      /* "/proc/self/exe" */
    char *const *argv;        /* the parent's own, passed on as they are */
    char *const *environment; /* environ's form */
    unsigned workers;
    const struct log *log;
    int64_t stop_ms; /* how long workers may take to end before they are killed; 0: 10 seconds */
};

/* -- the parent -- */
/* Starts all workers.  NULL with a line in the log when that cannot be done at all. */
struct supervisor *supervisor_start(const struct supervisor_settings *settings, int64_t now_ms);
/* Collects workers that have ended (only the own children, by pid).  Nobody else should: run the parent on ev_loop_new(),
 * since libev's default loop waits for every child, and their exit status is lost. */
void supervisor_reap(struct supervisor *supervisor, int64_t now_ms);
/* Starts again what has waited long enough (1 s, doubled up to 30 s; 1 s again after a minute of life); kills what has not
 * ended in time. */
void supervisor_tick(struct supervisor *supervisor, int64_t now_ms);
/* Passes SIGTERM or SIGINT on; from then on nothing is started again. */
void supervisor_stop(struct supervisor *supervisor, int signal_number, int64_t now_ms);
/* Passes another signal (SIGHUP) to all that live. */
void supervisor_signal(struct supervisor *supervisor, int signal_number);
bool supervisor_is_ready(const struct supervisor *supervisor); /* every worker lives and says that it is ready */
bool supervisor_is_done(const struct supervisor *supervisor);  /* stopped, and no worker is left */
unsigned supervisor_alive(const struct supervisor *supervisor);
/* The sum over all workers, dead ones included: counters never fall.  ready: how many are. */
void supervisor_sum(const struct supervisor *supervisor, struct metrics *out);
void supervisor_free(
    struct supervisor **supervisor); /* the workers must have ended, or are left to their parent's death */

/* -- the worker -- */
struct worker {
    unsigned index; /* from 0 */
    struct metrics *
        metrics; /* the worker's slot in the shared memory, until the process ends; counters go on from an earlier life */
};
/* At the start of main: 1 when this process is a worker of a supervisor (and from now on gets SIGTERM when that dies),
 * 0 when not, -1 when it should be one but the supervisor has gone already, or what it said makes no sense. */
int worker_attach(struct worker *worker);

/* Adds from to sum: counters and gauges. */
void metrics_sum(struct metrics *sum, const struct metrics *from);

#endif
