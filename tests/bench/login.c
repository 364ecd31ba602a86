/* login.c - the mode login: connect, log in, bind, say goodbye, and again; what does one cost? */
#include <stdio.h>

#include "bench.h"

struct visitor {
    struct client client;
    struct logins *logins;
    struct late again;
    uint64_t begun_at;
    bool was_ready;
};

struct logins {
    struct bench *bench;
    bool is_measuring, is_ending;
    uint64_t measured, failed;
    struct histogram histogram;
};

static const struct client_events events;

static void begin(struct visitor *visitor)
{
    struct bench *bench = visitor->logins->bench;
    visitor->begun_at = loop_now();
    visitor->was_ready = false;
    client_open(&visitor->client, &bench->loop, &bench->client, &events, visitor->client.number);
}

static void run_again(struct late *late)
{
    begin((struct visitor *)((char *)late - offsetof(struct visitor, again)));
}

static void on_ready(struct client *client)
{
    struct visitor *visitor = (struct visitor *)client;
    visitor->was_ready = true;
    if (visitor->logins->is_measuring) {
        visitor->logins->measured++;
        histogram_add(&visitor->logins->histogram, loop_now() - visitor->begun_at);
    }
    client_close(client);
}

static void on_stanza(struct client *client, struct text stanza)
{
    (void)client, (void)stanza;
}

static void on_closed(struct client *client, const char *reason)
{
    struct visitor *visitor = (struct visitor *)client;
    struct logins *logins = visitor->logins;
    if (!visitor->was_ready && logins->failed++ < 5)
        fprintf(stderr, "load: client %u: %s\n", client->number, reason);
    if (!logins->is_ending && logins->failed < 100)
        loop_late(&logins->bench->loop, &visitor->again);
}

static const struct client_events events = { .on_ready = on_ready, .on_stanza = on_stanza, .on_closed = on_closed };

int mode_login(struct bench *bench)
{
    struct logins *logins = xcalloc(1, sizeof *logins);
    struct visitor *visitors = xcalloc(bench->connections, sizeof *visitors);
    logins->bench = bench;
    for (unsigned i = 0; i < bench->connections; i++) {
        visitors[i].logins = logins;
        visitors[i].again.run = run_again;
        visitors[i].client.number = bench->first + i;
        begin(&visitors[i]);
    }
    bench_run_for(bench, bench->warm_up, NULL);
    for (int i = 0; i < bench->group_count; i++)
        proc_start(&bench->groups[i]);
    uint64_t from = loop_now();
    logins->is_measuring = true;
    bench_run_for(bench, bench->seconds, NULL);
    logins->is_measuring = false;
    double seconds = (double)(loop_now() - from) / 1e9;
    for (int i = 0; i < bench->group_count; i++)
        proc_stop(&bench->groups[i]);
    logins->is_ending = true;
    bench_run_for(bench, 0.5, NULL);

    report_open(bench, "login");
    report_text("mechanism", bench->client.mechanism);
    report_number("seconds", seconds);
    report_number("logins", (double)logins->measured);
    report_number("per_second", (double)logins->measured / seconds);
    report_number("errors", (double)logins->failed);
    report_cpu(bench, (double)logins->measured);
    report_latency(&logins->histogram);
    report_close();
    return logins->failed || !logins->measured;
}
