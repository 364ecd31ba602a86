/* spawn.h - starts one worker process; the names of the variables that tell it what it is. */
#ifndef STANZABUS_SPAWN_H
#define STANZABUS_SPAWN_H

#include <sys/types.h>

#define WORKER_INDEX_VARIABLE "STANZABUS_WORKER_INDEX"
#define WORKER_METRICS_VARIABLE "STANZABUS_WORKER_METRICS_FD"
#define WORKER_PARENT_VARIABLE "STANZABUS_WORKER_PARENT"

struct spawn {
    const char *program;
    char *const *argv;
    char *const *environment;
    unsigned index, workers;
    int metrics_fd; /* inherited under the same number */
};

/* 0 and *pid, or an errno value. */
int spawn_worker(const struct spawn *what, pid_t *pid);

#endif
