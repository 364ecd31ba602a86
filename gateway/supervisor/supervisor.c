/* supervisor.c - starts worker processes, watches over them, and ends them.
 * A worker's life: waiting (start_at_ms) -> running (pid) -> ended, found by reap -> waiting again. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/supervisor/spawn.h"
#include "stanzabus/memory.h"
#include "stanzabus/supervisor.h"

enum { PAUSE_MIN_MS = 1000, PAUSE_MAX_MS = 30 * 1000, LONG_LIFE_MS = 60 * 1000, STOP_MS = 10 * 1000 };

struct child {
    pid_t pid; /* 0: not running */
    int64_t started_ms;
    int64_t start_at_ms; /* while not running */
    int64_t pause_ms;    /* before the next start after a death */
};

struct supervisor {
    struct supervisor_settings settings;
    int metrics_fd;
    struct metrics *metrics; /* one a worker, and behind them the supervisor's own */
    bool is_stopping, has_killed;
    int64_t kill_at_ms;
    struct child children[];
};

static size_t metrics_size(const struct supervisor *supervisor)
{
    return (supervisor->settings.workers + 1) * sizeof(struct metrics);
}

static int share_metrics(struct supervisor *supervisor)
{
    supervisor->metrics_fd = memfd_create("stanzabus-metrics", MFD_CLOEXEC);
    if (supervisor->metrics_fd < 0)
        return -1;
    if (ftruncate(supervisor->metrics_fd, (off_t)metrics_size(supervisor)) < 0)
        return -1;
    supervisor->metrics =
        mmap(NULL, metrics_size(supervisor), PROT_READ | PROT_WRITE, MAP_SHARED, supervisor->metrics_fd, 0);
    return supervisor->metrics == MAP_FAILED ? -1 : 0;
}

/* Sets the time of the next start, and doubles the pause for the one after that. */
static void start_later(struct child *child, int64_t now_ms)
{
    child->pid = 0;
    child->start_at_ms = now_ms + child->pause_ms;
    child->pause_ms = child->pause_ms * 2 < PAUSE_MAX_MS ? child->pause_ms * 2 : PAUSE_MAX_MS;
}

static void start_child(struct supervisor *supervisor, unsigned index, int64_t now_ms)
{
    const struct supervisor_settings *settings = &supervisor->settings;
    struct child *child = &supervisor->children[index];
    const struct spawn what = { settings->program, settings->argv,        settings->environment, index,
                                settings->workers, supervisor->metrics_fd };
    int error = spawn_worker(&what, &child->pid);
    if (error) {
        log_error(settings->log, NULL, "worker_not_started", "worker=%u reason=%s", index,
                  log_quote(strerror(error), strlen(strerror(error))));
        start_later(child, now_ms);
        return;
    }
    child->started_ms = now_ms;
    log_info(settings->log, NULL, "worker_started", "worker=%u pid=%d", index, (int)child->pid);
}

struct supervisor *supervisor_start(const struct supervisor_settings *settings, int64_t now_ms)
{
    assert(settings->workers > 0);
    struct supervisor *supervisor = xcalloc(1, sizeof *supervisor + settings->workers * sizeof supervisor->children[0]);
    supervisor->settings = *settings;
    if (supervisor->settings.stop_ms <= 0)
        supervisor->settings.stop_ms = STOP_MS;
    supervisor->metrics_fd = -1;
    if (share_metrics(supervisor) < 0) {
        const char *reason = strerror(errno);
        log_error(settings->log, NULL, "workers_not_started", "reason=%s", log_quote(reason, strlen(reason)));
        supervisor_free(&supervisor);
        return NULL;
    }
    for (unsigned i = 0; i < settings->workers; i++) {
        supervisor->children[i].pause_ms = PAUSE_MIN_MS;
        start_child(supervisor, i, now_ms);
    }
    return supervisor;
}

/* Counters go on in the next life of the worker; gauges described a process that is no more. */
static void clear_gauges(struct metrics *metrics)
{
    enum { gauge, counter };
    static const unsigned char types[] = {
#define METRIC_TYPE(id, name, type, help) type,
        METRICS(METRIC_TYPE)
#undef METRIC_TYPE
    };
    for (int i = 0; i < METRIC_COUNT; i++)
        if (types[i] == gauge)
            metric_set(metrics, (enum metric)i, 0);
    __atomic_store_n(&metrics->ready, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&metrics->started_ms, 0, __ATOMIC_RELAXED);
}

static void log_end(const struct supervisor *supervisor, unsigned index, int status)
{
    const struct log *log = supervisor->settings.log;
    int pid = (int)supervisor->children[index].pid;
    if (supervisor->is_stopping)
        log_info(log, NULL, "worker_ended", "worker=%u pid=%d", index, pid);
    else if (WIFSIGNALED(status))
        log_error(log, NULL, "worker_died", "worker=%u pid=%d signal=%d", index, pid, WTERMSIG(status));
    else
        log_error(log, NULL, "worker_died", "worker=%u pid=%d exit=%d", index, pid, WEXITSTATUS(status));
}

void supervisor_reap(struct supervisor *supervisor, int64_t now_ms)
{
    for (unsigned i = 0; i < supervisor->settings.workers; i++) {
        struct child *child = &supervisor->children[i];
        int status = 0;
        if (!child->pid)
            continue;
        /* ECHILD: somebody else in this process waited for it (libev's default loop waits for every child). */
        pid_t ended = waitpid(child->pid, &status, WNOHANG);
        if (ended == 0 || (ended < 0 && errno != ECHILD))
            continue;
        log_end(supervisor, i, status);
        clear_gauges(&supervisor->metrics[i]);
        if (now_ms - child->started_ms >= LONG_LIFE_MS)
            child->pause_ms = PAUSE_MIN_MS;
        start_later(child, now_ms);
    }
}

static void restart_due(struct supervisor *supervisor, int64_t now_ms)
{
    for (unsigned i = 0; i < supervisor->settings.workers; i++) {
        struct child *child = &supervisor->children[i];
        if (child->pid || now_ms < child->start_at_ms)
            continue;
        metric_add(&supervisor->metrics[supervisor->settings.workers], METRIC_WORKER_RESTARTS, 1);
        start_child(supervisor, i, now_ms);
    }
}

void supervisor_tick(struct supervisor *supervisor, int64_t now_ms)
{
    if (!supervisor->is_stopping) {
        restart_due(supervisor, now_ms);
    } else if (!supervisor->has_killed && now_ms >= supervisor->kill_at_ms && supervisor_alive(supervisor)) {
        log_warning(supervisor->settings.log, NULL, "workers_killed", "count=%u", supervisor_alive(supervisor));
        supervisor_signal(supervisor, SIGKILL);
        supervisor->has_killed = true;
    }
}

void supervisor_stop(struct supervisor *supervisor, int signal_number, int64_t now_ms)
{
    if (!supervisor->is_stopping) {
        supervisor->is_stopping = true;
        supervisor->kill_at_ms = now_ms + supervisor->settings.stop_ms;
    }
    supervisor_signal(supervisor, signal_number);
}

void supervisor_signal(struct supervisor *supervisor, int signal_number)
{
    /* A pid stays ours until it is waited for, which only supervisor_reap does. */
    for (unsigned i = 0; i < supervisor->settings.workers; i++)
        if (supervisor->children[i].pid)
            kill(supervisor->children[i].pid, signal_number);
}

unsigned supervisor_alive(const struct supervisor *supervisor)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < supervisor->settings.workers; i++)
        alive += supervisor->children[i].pid != 0;
    return alive;
}

bool supervisor_is_done(const struct supervisor *supervisor)
{
    return supervisor->is_stopping && supervisor_alive(supervisor) == 0;
}

bool supervisor_is_ready(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->settings.workers; i++)
        if (!supervisor->children[i].pid || !__atomic_load_n(&supervisor->metrics[i].ready, __ATOMIC_RELAXED))
            return false;
    return !supervisor->is_stopping;
}

void supervisor_sum(const struct supervisor *supervisor, struct metrics *out)
{
    *out = (struct metrics){ 0 };
    for (unsigned i = 0; i <= supervisor->settings.workers; i++)
        metrics_sum(out, &supervisor->metrics[i]);
}

void supervisor_free(struct supervisor **supervisor_at)
{
    struct supervisor *supervisor = *supervisor_at;
    if (!supervisor)
        return;
    if (supervisor->metrics && supervisor->metrics != MAP_FAILED)
        munmap(supervisor->metrics, metrics_size(supervisor));
    if (supervisor->metrics_fd >= 0)
        close(supervisor->metrics_fd);
    free(supervisor);
    *supervisor_at = NULL;
}
