/* load.c - the load generator: reads its command line and runs one mode.
 *
 *   load.c ──> talk.c (echo, chat)  ──> crowd.c ──> client.c (XMPP) ──> link.c (TCP, TLS, WebSocket) ──> loop.c
 *              idle.c  login.c      └─> proc.c, histogram.c, report.c
 *
 * It uses standard XMPP only, so that any server can be measured. */
#include <arpa/inet.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

volatile int bench_stopped;

static const char usage[] =
    "usage: load MODE [OPTION]...\n"
    "  modes: echo (client -> service -> client), chat (pairs of clients), idle (memory), login (cost of one)\n"
    "server:   --host IPV4 --port N --domain NAME --tls --websocket --path PATH\n"
    "          --other-domain NAME --other-port N (of each second client)\n"
    "accounts: --user PATTERN (%d is the number) --password TEXT --mechanism NAME --first N --resource NAME\n"
    "          --acks (XEP-0198)\n"
    "load:     --connections N --parallel N (logins at once) --to ADDRESS --in-flight N | --rate N --body BYTES\n"
    "          --warm-up SECONDS --seconds SECONDS --friends N --stanzas N --settle SECONDS --hold (idle: stay until a signal)\n"
    "measure:  --cpu NAME=PID[,PID...] (several times; also for memory) --redis HOST:PORT|PATH --name TEXT\n";

enum option_id {
    OPT_HOST = 256,
    OPT_PORT,
    OPT_DOMAIN,
    OPT_OTHER_DOMAIN,
    OPT_OTHER_PORT,
    OPT_TLS,
    OPT_WEBSOCKET,
    OPT_PATH,
    OPT_USER,
    OPT_PASSWORD,
    OPT_MECHANISM,
    OPT_FIRST,
    OPT_RESOURCE,
    OPT_ACKS,
    OPT_CONNECTIONS,
    OPT_PARALLEL,
    OPT_TO,
    OPT_IN_FLIGHT,
    OPT_RATE,
    OPT_BODY,
    OPT_WARM_UP,
    OPT_SECONDS,
    OPT_FRIENDS,
    OPT_STANZAS,
    OPT_SETTLE,
    OPT_HOLD,
    OPT_CPU,
    OPT_REDIS,
    OPT_NAME
};

static const struct option options[] = {
    { "host", required_argument, NULL, OPT_HOST },
    { "port", required_argument, NULL, OPT_PORT },
    { "domain", required_argument, NULL, OPT_DOMAIN },
    { "other-domain", required_argument, NULL, OPT_OTHER_DOMAIN },
    { "other-port", required_argument, NULL, OPT_OTHER_PORT },
    { "tls", no_argument, NULL, OPT_TLS },
    { "websocket", no_argument, NULL, OPT_WEBSOCKET },
    { "path", required_argument, NULL, OPT_PATH },
    { "user", required_argument, NULL, OPT_USER },
    { "password", required_argument, NULL, OPT_PASSWORD },
    { "mechanism", required_argument, NULL, OPT_MECHANISM },
    { "first", required_argument, NULL, OPT_FIRST },
    { "resource", required_argument, NULL, OPT_RESOURCE },
    { "acks", no_argument, NULL, OPT_ACKS },
    { "connections", required_argument, NULL, OPT_CONNECTIONS },
    { "parallel", required_argument, NULL, OPT_PARALLEL },
    { "to", required_argument, NULL, OPT_TO },
    { "in-flight", required_argument, NULL, OPT_IN_FLIGHT },
    { "rate", required_argument, NULL, OPT_RATE },
    { "body", required_argument, NULL, OPT_BODY },
    { "warm-up", required_argument, NULL, OPT_WARM_UP },
    { "seconds", required_argument, NULL, OPT_SECONDS },
    { "friends", required_argument, NULL, OPT_FRIENDS },
    { "stanzas", required_argument, NULL, OPT_STANZAS },
    { "settle", required_argument, NULL, OPT_SETTLE },
    { "hold", no_argument, NULL, OPT_HOLD },
    { "cpu", required_argument, NULL, OPT_CPU },
    { "redis", required_argument, NULL, OPT_REDIS },
    { "name", required_argument, NULL, OPT_NAME },
    { NULL, 0, NULL, 0 },
};

static const struct {
    const char *name;
    int (*run)(struct bench *bench);
} modes[] = { { "echo", mode_echo }, { "chat", mode_chat }, { "idle", mode_idle }, { "login", mode_login } };

static void on_signal(int number)
{
    (void)number;
    bench_stopped = 1;
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static bool take_target(struct link_target *target, int id, const char *value)
{
    switch (id) {
    case OPT_HOST:
        target->host = value;
        target->spread_sources = strncmp(value, "127.", 4) == 0;
        return inet_pton(AF_INET, value, &target->address.sin_addr) == 1;
    case OPT_PORT:
        target->address.sin_port = htons((uint16_t)number(value));
        return true;
    case OPT_TLS:
        target->tls = SSL_CTX_new(TLS_client_method());
        return true;
    case OPT_WEBSOCKET:
        target->websocket = true;
        return true;
    case OPT_PATH:
        target->path = value;
        return true;
    }
    return false;
}

static bool take_account(struct client_settings *client, int id, const char *value)
{
    switch (id) {
    case OPT_DOMAIN:
        client->domain = value;
        return true;
    case OPT_USER:
        client->user_pattern = value;
        return true;
    case OPT_PASSWORD:
        client->password = value;
        return true;
    case OPT_MECHANISM:
        client->mechanism = value;
        return true;
    case OPT_ACKS:
        client->acknowledges = true;
        return true;
    case OPT_RESOURCE:
        client->resource = value;
        return true;
    }
    return false;
}

static bool take_other(struct bench *bench, int id, const char *value)
{
    if (id == OPT_OTHER_DOMAIN)
        bench->other.domain = value;
    else if (id == OPT_OTHER_PORT)
        bench->other.target.address.sin_port = htons((uint16_t)number(value));
    else
        return false;
    return true;
}

/* As the first server, but for what is said of it. */
static void complete_other(struct bench *bench)
{
    const char *domain = bench->other.domain;
    in_port_t port = bench->other.target.address.sin_port;
    bench->other = bench->client;
    bench->other.domain = bench->other.target.server_name = domain;
    bench->other.target.address.sin_port = port;
}

static bool take_load(struct bench *bench, int id, const char *value)
{
    switch (id) {
    case OPT_FIRST:
        bench->first = number(value);
        return true;
    case OPT_CONNECTIONS:
        bench->connections = number(value);
        return bench->connections > 0;
    case OPT_PARALLEL:
        bench->parallel_logins = number(value);
        return bench->parallel_logins > 0;
    case OPT_TO:
        bench->to = value;
        return true;
    case OPT_IN_FLIGHT:
        bench->in_flight = number(value);
        return bench->in_flight > 0;
    case OPT_RATE:
        bench->rate = strtod(value, NULL);
        return bench->rate > 0;
    case OPT_BODY:
        bench->body_bytes = number(value);
        return true;
    case OPT_WARM_UP:
        bench->warm_up = strtod(value, NULL);
        return true;
    case OPT_SECONDS:
        bench->seconds = strtod(value, NULL);
        return bench->seconds > 0;
    case OPT_FRIENDS:
        bench->friends = number(value);
        return true;
    case OPT_STANZAS:
        bench->stanzas = number(value);
        return true;
    case OPT_SETTLE:
        bench->settle = strtod(value, NULL);
        return true;
    case OPT_HOLD:
        bench->hold = true;
        return true;
    case OPT_REDIS:
        bench->redis = value;
        return true;
    case OPT_NAME:
        bench->name = value;
        return true;
    case OPT_CPU:
        return bench->group_count < PROC_GROUPS_MAX && proc_parse(&bench->groups[bench->group_count++], value);
    }
    return false;
}

static bool parse(struct bench *bench, int argc, char **argv)
{
    for (int id; (id = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (!take_target(&bench->client.target, id, optarg) && !take_account(&bench->client, id, optarg) &&
            !take_other(bench, id, optarg) && !take_load(bench, id, optarg))
            return false;
    bench->client.target.server_name = bench->client.domain;
    complete_other(bench);
    return optind == argc && bench->client.domain && bench->client.target.address.sin_port &&
           (!bench->other.domain || bench->other.target.address.sin_port);
}

int main(int argc, char **argv)
{
    struct scram_salted last_salted = { 0 };
    struct bench bench = {
        .client = { .target = { .address = { .sin_family = AF_INET }, .host = "127.0.0.1", .path = "/xmpp-websocket" },
                    .user_pattern = "user%d",
                    .password = "",
                    .mechanism = "SCRAM-SHA-256",
                    .resource = "bench",
                    .last_salted = &last_salted },
        .connections = 100,
        .parallel_logins = 50,
        .in_flight = 1,
        .body_bytes = 100,
        .warm_up = 2,
        .seconds = 10,
        .stanzas = 20,
        .settle = 60,
    };
    bench.client.target.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench.client.target.spread_sources = true;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    loop_init(&bench.loop);
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(argv[1], modes[i].name) == 0 && parse(&bench, argc - 1, argv + 1))
            return modes[i].run(&bench);
    fputs(usage, stderr);
    return 2;
}
