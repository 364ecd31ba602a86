/* redis_measure.c - microseconds of CPU for a message published and received back, and for a route, here and in
 * Redis, by how many are under way at once.  Not a test: run it from a release build. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"
#include "stanzabus/memory.h"

enum { COUNT = 400000, PAYLOAD = 256 };

static struct server server;
static struct node node;
static struct ev_loop *loop;
static char payload[PAYLOAD + 1];
static size_t asked, answered;

typedef void step(void);

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double redis_cpu(void)
{
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)server.pid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        user = system = 0;
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void next(step *ask)
{
    if (asked < COUNT) {
        asked++;
        ask();
    }
}

static void on_measured(void *ctx, enum bus_status status, int64_t result)
{
    assert_int_equal(status, BUS_OK);
    assert_true(result > 0);
    answered++;
    next(*(step **)ctx);
}

static step ask_publish, ask_route;
static step *const publish_step = ask_publish, *const route_step = ask_route;

static void ask_publish(void)
{
    node.bus->ops->publish(node.bus, TEXT("xmpp:to:{juliet@example.com}"), (struct text){ 0 },
                           (struct text){ payload, PAYLOAD }, on_measured, (void *)&publish_step);
}

static void ask_route(void)
{
    struct route route = { .bare = TEXT("juliet@example.com"),
                           .audience = ROUTE_NON_NEGATIVE,
                           .event = { payload, PAYLOAD } };
    node.store->ops->route(node.store, &route, on_measured, (void *)&route_step);
}

static bool all_answered(void *ctx)
{
    (void)ctx;
    return answered == COUNT && node.messages == COUNT;
}

static void measure(const char *name, step *ask, size_t window)
{
    node.messages = asked = answered = 0;
    double own = own_cpu(), redis = redis_cpu(), started = clock_now();
    for (size_t i = 0; i < window; i++)
        next(ask);
    assert_true(run_until(loop, all_answered, NULL, 120));
    printf("%-28s %6zu under way: %6.2f us here, %6.2f us in Redis, %8.0f a second\n", name, window,
           (own_cpu() - own) * 1e6 / COUNT, (redis_cpu() - redis) * 1e6 / COUNT, COUNT / (clock_now() - started));
}

static void bind_rows(int count)
{
    char resource[16];
    for (int i = 0; i < count; i++) {
        struct answer bound = { 0 };
        snprintf(resource, sizeof resource, "balcony-%d", i);
        struct session_row row = { .bare = TEXT("juliet@example.com"),
                                   .resource = text_of(resource),
                                   .node = TEXT("stanzabus-0-3f9a12"),
                                   .session = 7,
                                   .is_available = true };
        node.store->ops->session_bind(node.store, &row, BIND_REFUSE, 9, on_bound, &bound);
        WAIT_ANSWER(&node, &bound);
    }
}

int main(void)
{
    static const size_t windows[] = { 1, 16, 256, 4096 };
    struct answer subscribed = { 0 };
    memset(payload, 'x', PAYLOAD);
    payload[0] = '{';
    server_make(&server);
    server_start(&server);
    loop = ev_loop_new(EVBACKEND_EPOLL);
    node_open(&node, &server, loop, NULL, &(struct redis_settings){ .wait_ms = 10000, .queue_bytes = 64 << 20 });
    node.keeps_messages = false;
    redis_start(node.redis);
    node_wait_up(&node);
    node.bus->ops->subscribe(node.bus, TEXT("xmpp:to:{juliet@example.com}"), on_subscribed, &subscribed);
    WAIT_ANSWER(&node, &subscribed);
    for (size_t i = 0; i < 4; i++)
        measure("publish and receive", ask_publish, windows[i]);
    bind_rows(1);
    for (size_t i = 0; i < 4; i++)
        measure("route, 1 resource, and receive", ask_route, windows[i]);
    bind_rows(4);
    measure("route, 4 resources, receive", ask_route, 256);
    node.messages = 0;
    node_close(&node);
    ev_loop_destroy(loop);
    server_remove(&server);
    return 0;
}
