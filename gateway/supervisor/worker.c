/* worker.c - the worker's side: finds out that it is one, binds its life to its parent's, finds its counters. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/supervisor/spawn.h"
#include "stanzabus/supervisor.h"

static bool read_number(const char *text, long *number)
{
    char *end;
    errno = 0;
    *number = text ? strtol(text, &end, 10) : -1;
    return text && !errno && end != text && !*end && *number >= 0;
}

/* "index/workers" */
static bool read_index(const char *text, unsigned *index, unsigned *workers)
{
    char behind;
    return sscanf(text, "%u/%u%c", index, workers, &behind) == 2 && *index < *workers;
}

/* The parent may have died between its posix_spawn and this line; then nobody would ever send the signal. */
static bool follow_parent(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent;
}

static struct metrics *map_slot(int fd, unsigned index, unsigned workers)
{
    size_t size = (workers + 1) * sizeof(struct metrics);
    struct stat file;
    if (fstat(fd, &file) < 0 || (size_t)file.st_size != size)
        return NULL;
    struct metrics *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return all == MAP_FAILED ? NULL : &all[index];
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int worker_attach(struct worker *worker)
{
    const char *index = getenv(WORKER_INDEX_VARIABLE);
    unsigned workers;
    long fd, parent;
    if (!index)
        return 0;
    if (!read_index(index, &worker->index, &workers) || !read_number(getenv(WORKER_METRICS_VARIABLE), &fd) ||
        !read_number(getenv(WORKER_PARENT_VARIABLE), &parent) || !follow_parent((pid_t)parent))
        return -1;
    worker->metrics = map_slot((int)fd, worker->index, workers);
    if (!worker->metrics)
        return -1;
    __atomic_store_n(&worker->metrics->started_ms, wall_ms(), __ATOMIC_RELAXED);
    return 1;
}

void metrics_sum(struct metrics *sum, const struct metrics *from)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        sum->value[i] += __atomic_load_n(&from->value[i], __ATOMIC_RELAXED);
    sum->ready += __atomic_load_n(&from->ready, __ATOMIC_RELAXED);
    int64_t started = __atomic_load_n(&from->started_ms, __ATOMIC_RELAXED);
    if (started && (!sum->started_ms || started < sum->started_ms))
        sum->started_ms = started;
}
