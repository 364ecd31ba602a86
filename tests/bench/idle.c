/* idle.c - the mode idle: people log in, say and hear some stanzas, then stay silent.  What do they cost in memory? */
#include <stdio.h>

#include "bench.h"
#include "redis_memory.h"

struct idler {
    struct client client;
    struct idle *idle;
    unsigned heard;
};

struct idle {
    struct bench *bench;
    struct crowd crowd;
    struct idler *idlers;
    unsigned finished; /* have heard all that they should */
    uint64_t errors;
    bool is_ending;
};

/* In turns a message to oneself and a ping to the server, the next one when the last was answered: what is measured
 * later is what stays, not a burst. */
static void say(struct idler *idler)
{
    const char *xmlns = idler->client.settings->target.websocket ? " xmlns='jabber:client'" : "";
    if (idler->heard % 2 == 0)
        client_sendf(&idler->client,
                     "<message%s to='%s' type='chat' id='s%u'><body>A hundred bytes of text, more or less, as people "
                     "write them: the quick "
                     "brown fox jumps over it</body></message>",
                     xmlns, idler->client.jid, idler->heard);
    else
        client_sendf(&idler->client, "<iq%s to='%s' type='get' id='s%u'><ping xmlns='urn:xmpp:ping'/></iq>", xmlns,
                     idler->client.settings->domain, idler->heard);
}

static void on_stanza(struct client *client, struct text stanza)
{
    struct idler *idler = (struct idler *)client;
    char expected[16];
    snprintf(expected, sizeof expected, "s%u", idler->heard);
    if (xml_is(stanza, "presence") || !text_is(xml_attribute(stanza, "id"), expected))
        return;
    if (text_is(xml_attribute(stanza, "type"), "error") && idler->idle->errors++ == 0)
        fprintf(stderr, "load: client %u: an error came back: %.*s\n", client->number, TEXT_ARGS(stanza));
    if (++idler->heard < idler->idle->bench->stanzas)
        say(idler);
    else
        idler->idle->finished++;
}

static void on_ready(struct client *client)
{
    struct idler *idler = (struct idler *)client;
    crowd_ready(&idler->idle->crowd);
    if (idler->idle->bench->stanzas)
        say(idler);
    else
        idler->idle->finished++;
}

static void on_closed(struct client *client, const char *reason)
{
    struct idler *idler = (struct idler *)client;
    if (!idler->idle->is_ending)
        crowd_closed(&idler->idle->crowd, client, reason);
}

static const struct client_events events = { .on_ready = on_ready, .on_stanza = on_stanza, .on_closed = on_closed };

struct sizes {
    struct proc_memory groups[PROC_GROUPS_MAX];
    int64_t redis;
};

static struct sizes measure(const struct bench *bench)
{
    struct sizes sizes = { .redis = bench->redis ? redis_memory(bench->redis) : -1 };
    for (int i = 0; i < bench->group_count; i++)
        sizes.groups[i] = proc_memory(&bench->groups[i]);
    return sizes;
}

static void report(struct bench *bench, const struct idle *idle, const struct sizes *before, const struct sizes *after)
{
    char name[64];
    double count = bench->connections;
    report_open(bench, "idle");
    report_number("stanzas", bench->stanzas);
    report_number("settle_seconds", bench->settle);
    report_number("errors", (double)(idle->errors + idle->crowd.failed));
    for (int i = 0; i < bench->group_count; i++) {
        snprintf(name, sizeof name, "%s_bytes_per_connection", bench->groups[i].name);
        report_number(name, ((double)after->groups[i].anonymous - (double)before->groups[i].anonymous) / count);
        snprintf(name, sizeof name, "%s_pss_bytes_per_connection", bench->groups[i].name);
        report_number(name, ((double)after->groups[i].pss - (double)before->groups[i].pss) / count);
        snprintf(name, sizeof name, "%s_bytes_before", bench->groups[i].name);
        report_number(name, (double)before->groups[i].anonymous);
    }
    if (before->redis >= 0 && after->redis >= 0)
        report_number("redis_bytes_per_user", (double)(after->redis - before->redis) / count);
    report_close();
}

static void wait_for_all(struct bench *bench, struct idle *idle)
{
    for (int i = 0; i < 600 && idle->finished < bench->connections && !idle->crowd.failed && !bench_stopped; i++)
        bench_run_for(bench, 0.1, NULL);
    if (idle->finished < bench->connections) {
        fprintf(stderr, "load: only %u of %u clients had all their answers\n", idle->finished, bench->connections);
        idle->errors++;
    }
}

int mode_idle(struct bench *bench)
{
    struct idle *idle = xcalloc(1, sizeof *idle);
    idle->bench = bench;
    idle->idlers = xcalloc(bench->connections, sizeof *idle->idlers);
    idle->crowd = (struct crowd){ .bench = bench, .clients = xcalloc(bench->connections, sizeof(struct client *)) };
    for (unsigned i = 0; i < bench->connections; i++) {
        idle->idlers[i].idle = idle;
        idle->crowd.clients[i] = &idle->idlers[i].client;
    }
    bench->loop.release_buffers = true;
    struct sizes before = measure(bench);
    if (!crowd_open(&idle->crowd, &events))
        return 1;
    wait_for_all(bench, idle);
    bench_run_for(bench, bench->settle, NULL);
    struct sizes after = measure(bench);
    report(bench, idle, &before, &after);
    while (bench->hold && !bench_stopped)
        bench_run_for(bench, 1, NULL);
    idle->is_ending = true;
    return idle->errors + idle->crowd.failed ? 1 : 0;
}
