/* login.c - the mode login: connect, log in, bind, say goodbye, and again; what does one cost?  With friends: the roster is
 * read, and all of them have shown their presence, before it counts as done. */
#include <stdio.h>

#include "friends.h"
#include "redis_memory.h"

struct visitor {
    struct client client;
    struct logins *logins;
    struct late again;
    uint64_t begun_at;
    bool was_ready, has_roster;
    unsigned seen; /* friends */
};

struct logins {
    struct bench *bench;
    bool is_measuring, is_ending;
    struct friends *friends; /* NULL: none */
    uint64_t measured, failed;
    struct histogram histogram;
};

static const struct client_events events;

static void begin(struct visitor *visitor)
{
    struct bench *bench = visitor->logins->bench;
    visitor->begun_at = loop_now();
    visitor->was_ready = visitor->has_roster = false;
    visitor->seen = 0;
    client_open(&visitor->client, &bench->loop, &bench->client, &events, visitor->client.number);
}

static void run_again(struct late *late)
{
    begin((struct visitor *)((char *)late - offsetof(struct visitor, again)));
}

static void finish(struct visitor *visitor)
{
    struct client *client = &visitor->client;
    visitor->was_ready = true;
    if (visitor->logins->is_measuring) {
        visitor->logins->measured++;
        histogram_add(&visitor->logins->histogram, loop_now() - visitor->begun_at);
    }
    client_close(client);
}

static void on_ready(struct client *client)
{
    struct visitor *visitor = (struct visitor *)client;
    if (!visitor->logins->friends)
        finish(visitor);
    else
        friends_greet(visitor->logins->friends, client);
}

static void on_stanza(struct client *client, struct text stanza)
{
    struct visitor *visitor = (struct visitor *)client;
if (getenv("DBG")) fprintf(stderr,"%.*s\n",TEXT_ARGS(stanza));
    if (visitor->was_ready || !visitor->logins->friends)
        return;
    friends_answer(client, stanza);
    visitor->has_roster |= xml_is(stanza, "iq") && text_is(xml_attribute(stanza, "id"), "roster");
    visitor->seen += xml_is(stanza, "presence") && friends_has(xml_attribute(stanza, "from")) && !xml_attribute(stanza, "type").data;
    if (visitor->has_roster && visitor->seen >= visitor->logins->bench->friends)
        finish(visitor);
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

/* What Redis was asked for one login. */
static void report_redis(const struct logins *logins, const int64_t before[2])
{
    int64_t after[2];
    if (!logins->bench->redis || !logins->measured || !redis_counts(logins->bench->redis, &after[0], &after[1]))
        return;
    report_number("redis_commands", (double)(after[0] - before[0]) / (double)logins->measured);
    report_number("redis_reads", (double)(after[1] - before[1]) / (double)logins->measured);
}

int mode_login(struct bench *bench)
{
    int64_t before[2] = { 0 };
    struct logins *logins = xcalloc(1, sizeof *logins);
    struct visitor *visitors = xcalloc(bench->connections, sizeof *visitors);
    logins->bench = bench;
    if (bench->friends && !(logins->friends = friends_open(bench)))
        return 1;
    for (unsigned i = 0; i < bench->connections; i++) {
        visitors[i].logins = logins;
        visitors[i].again.run = run_again;
        visitors[i].client.number = bench->first + i;
        begin(&visitors[i]);
    }
    bench_run_for(bench, bench->warm_up, NULL);
    for (int i = 0; i < bench->group_count; i++)
        proc_start(&bench->groups[i]);
    if (bench->redis)
        redis_counts(bench->redis, &before[0], &before[1]);
    uint64_t from = loop_now();
    logins->is_measuring = true;
    bench_run_for(bench, bench->seconds, NULL);
    logins->is_measuring = false;
    double seconds = (double)(loop_now() - from) / 1e9;
    for (int i = 0; i < bench->group_count; i++)
        proc_stop(&bench->groups[i]);
    for (unsigned i = 0; bench->friends && i < bench->connections && !logins->measured; i++)
        fprintf(stderr, "load: client %u has %s roster, and has seen %u of %u friends\n", visitors[i].client.number,
                visitors[i].has_roster ? "its" : "no", visitors[i].seen, bench->friends);
    logins->is_ending = true;
    bench_run_for(bench, 0.5, NULL);

    report_open(bench, "login");
    report_text("mechanism", bench->client.mechanism);
    report_number("seconds", seconds);
    report_number("logins", (double)logins->measured);
    report_number("per_second", (double)logins->measured / seconds);
    report_number("errors", (double)logins->failed);
    report_redis(logins, before);
    report_cpu(bench, (double)logins->measured);
    report_latency(&logins->histogram);
    report_close();
    return logins->failed || !logins->measured;
}
