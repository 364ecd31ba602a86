/* parent.c - several workers share the ports; their parent owns the admin listener, sums what they count, and starts again
 * what dies. */
#include "transports/http/parent.h"

#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "stanzabus/supervisor.h"
#include "transports/http/admin.h"
#include "transports/http/metrics_text.h"

enum { LOOK_MS = 100 };

extern char **environ;

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct parent {
    struct ev_loop *loop;
    struct config *config;
    const struct log *log;
    struct supervisor *supervisor;
    bool is_stopping;
    int64_t started_ms;
    struct web *web;
    struct admin_source admin;
    ev_timer tick;
    ev_signal on_term, on_int, on_hup, on_child;
};

static void parent_look(struct parent *parent)
{
    int64_t now = monotonic_ms();
    supervisor_reap(parent->supervisor, now);
    supervisor_tick(parent->supervisor, now);
    if (supervisor_is_done(parent->supervisor))
        ev_break(parent->loop, EVBREAK_ALL);
}

static void on_parent_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    parent_look(timer->data);
}

static void on_parent_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct parent *parent = watcher->data;
    (void)loop;
    (void)revents;
    if (watcher->signum == SIGHUP) {
        supervisor_signal(parent->supervisor, SIGHUP);
    } else if (watcher->signum != SIGCHLD) {
        parent->is_stopping = true;
        supervisor_stop(parent->supervisor, watcher->signum, monotonic_ms());
    }
    parent_look(parent);
}

static bool parent_is_ready(void *ctx, struct buffer *reasons)
{
    struct parent *parent = ctx;
    if (supervisor_is_ready(parent->supervisor))
        return true;
    struct metrics sum;
    unsigned workers = parent->config->workers, alive = supervisor_alive(parent->supervisor);
    supervisor_sum(parent->supervisor, &sum);
    if (parent->is_stopping)
        buffer_printf(reasons, "stopping\n");
    else if (alive < workers)
        buffer_printf(reasons, "%u of %u workers run\n", alive, workers);
    else
        buffer_printf(reasons, "%s\n", sum.value[METRIC_REDIS_UP] < workers ? "Redis does not answer" : "starting");
    return false;
}

static void write_parent_metrics(void *ctx, struct buffer *out)
{
    struct parent *parent = ctx;
    struct metrics sum;
    supervisor_sum(parent->supervisor, &sum);
    sum.started_ms = parent->started_ms;
    sum.ready = supervisor_is_ready(parent->supervisor);
    metrics_write(out, &sum, 1);
}

static int parent_listen(struct parent *parent, char *error, size_t size)
{
    struct web_settings web = { .log = parent->log };
    if (!parent->config->listen_admin.is_on)
        return 0;
    parent->web = web_new(parent->loop, &web, error, size);
    if (!parent->web)
        return -1;
    parent->admin = (struct admin_source){ parent_is_ready, write_parent_metrics, parent };
    return admin_listen(parent->web, &parent->config->listen_admin, &parent->admin, error, size) < 0 ? -1 : 0;
}

static void parent_watch(struct parent *parent, ev_signal *watcher, int number)
{
    ev_signal_init(watcher, on_parent_signal, number);
    watcher->data = parent;
    ev_signal_start(parent->loop, watcher);
}

static int run(struct parent *parent, char *const *argv)
{
    struct supervisor_settings settings = { .program = "/proc/self/exe",
                                            .argv = argv,
                                            .environment = environ,
                                            .workers = parent->config->workers,
                                            .log = parent->log };
    parent_watch(parent, &parent->on_term, SIGTERM);
    parent_watch(parent, &parent->on_int, SIGINT);
    parent_watch(parent, &parent->on_hup, SIGHUP);
    parent_watch(parent, &parent->on_child, SIGCHLD);
    parent->supervisor = supervisor_start(&settings, monotonic_ms());
    if (!parent->supervisor)
        return EXIT_FAILURE;
    ev_timer_init(&parent->tick, on_parent_tick, LOOK_MS / 1000.0, LOOK_MS / 1000.0);
    parent->tick.data = parent;
    ev_timer_start(parent->loop, &parent->tick);
    ev_run(parent->loop, 0);
    supervisor_free(&parent->supervisor);
    return EXIT_SUCCESS;
}

int parent_serve(struct config *config, const struct log *log, char *const *argv)
{
    struct parent parent = { .config = config, .log = log, .started_ms = (int64_t)time(NULL) * 1000 };
    char error[256] = "";
    int exit_code = EXIT_FAILURE;

    /* Not the default loop: that one reaps every child by itself, and the supervisor would never hear of them. */
    parent.loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (parent_listen(&parent, error, sizeof error) < 0)
        log_error(log, NULL, "cannot-start", "text=%s", log_quote(error, strlen(error)));
    else
        exit_code = run(&parent, argv);
    web_free(&parent.web);
    config_free(&config);
    return exit_code;
}
