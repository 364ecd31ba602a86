/* main.c - the one file that knows every part.  serve() puts them together in the order of the flow:
 *
 *   clients (tcp, tls, websocket) ──> sessions ──┬──> router ──> bus and store (redis)
 *   other servers, components (tcp, s2s) ──> peers ──┘
 *
 * and hands them one event loop.  With workers > 1 this process is the parent, and starts itself again for each worker. */
#include <errno.h>
#include <ev.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "stanzabus/command.h"
#include "stanzabus/peers.h"
#include "stanzabus/router.h"
#include "stanzabus/supervisor.h"
#include "transports/http/admin.h"
#include "transports/http/metrics_text.h"
#include "transports/http/parent.h"
#include "transports/http/probe.h"
#include "transports/http/site.h"
#include "transports/redis/errand.h"
#include "transports/redis/redis.h"
#include "transports/s2s/s2s.h"
#include "transports/tcp/tcp.h"
#include "transports/tls/tls.h"
#include "transports/websocket/web.h"

enum {
    DRAIN_MS = 1500,             /* from SIGTERM to the end, whatever hangs */
    SPARE_FILES = 64,            /* descriptors that are no connections: Redis, listeners, logs */
    WORK_QUEUE_BOUND = 1000,     /* passwords that wait to be hashed */
    MESSAGE_SLACK = 1024         /* a WebSocket message may be this much longer than a stanza, to be refused by the core */
};

extern char **environ;

/* -- time -- */

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return clock_ms(CLOCK_REALTIME);
}

/* -- one node: everything of a process that serves -- */

struct gateway {
    struct ev_loop *loop;
    struct config *config;
    struct log log;
    char id[96];
    struct worker worker;    /* index and slot of the metrics */
    struct metrics own;      /* used when there is no parent */
    bool has_parent;

    struct redis *redis;
    struct tls *tls, *web_tls; /* the same certificates; another ALPN */
    struct tcp *tcp;
    struct web *web;
    struct site site;
    struct admin_source admin;
    struct jwt_keys *jwt_keys; /* NULL: no tokens are taken */
    struct parts parts;
    struct router *router;
    struct sessions *sessions;
    struct peers *peers;
    struct dns *dns;
    struct s2s *s2s;
    struct tls *peer_tls;
    struct tcp *servers, *components; /* connections with other servers, and with components */

    ev_timer tick, drain_poll;
    ev_async wake;
    ev_signal on_term, on_int, on_hup;
    int64_t drain_until_ms; /* 0: not draining */
    bool rows_are_gone;
    int exit_code;
};

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct gateway *gateway = timer->data;
    (void)loop;
    (void)revents;
    timers_advance(gateway->parts.timers, clock_ms(CLOCK_MONOTONIC));
    metric_set(gateway->parts.metrics, METRIC_WORK_QUEUE, (int64_t)work_waiting(gateway->parts.work));
}

static void on_wake(struct ev_loop *loop, ev_async *async, int revents)
{
    struct gateway *gateway = async->data;
    (void)loop;
    (void)revents;
    work_collect(gateway->parts.work);
}

static void wake_loop(void *ctx)
{
    struct gateway *gateway = ctx;
    ev_async_send(gateway->loop, &gateway->wake);
}

/* -- stopping: tell the clients, take the rows out, let Redis have it, go -- */

static void on_drain_poll(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct gateway *gateway = timer->data;
    bool late = clock_ms(CLOCK_MONOTONIC) > gateway->drain_until_ms;
    (void)revents;
    bool are_over = sessions_count(gateway->sessions) == 0 && peers_count(gateway->peers) == 0 && sessions_are_unbound(gateway->sessions);
    if (!gateway->rows_are_gone && (are_over || late)) {
        gateway->rows_are_gone = true;
        router_stop(gateway->router);
        return;
    }
    if (late || (gateway->rows_are_gone && redis_is_idle(gateway->redis)))
        ev_break(loop, EVBREAK_ALL);
}

static void gateway_drain(struct gateway *gateway)
{
    if (gateway->drain_until_ms)
        return;
    gateway->drain_until_ms = clock_ms(CLOCK_MONOTONIC) + DRAIN_MS;
    log_info(&gateway->log, NULL, "stopping", "connections=%zu", sessions_count(gateway->sessions));
    __atomic_store_n(&gateway->parts.metrics->ready, 0, __ATOMIC_RELAXED);
    sessions_stop_accepting(gateway->sessions);
    if (gateway->tcp)
        tcp_stop_listening(gateway->tcp);
    web_stop_listening(gateway->web);
    tcp_stop_listening(gateway->servers);
    tcp_stop_listening(gateway->components);
    peers_stop(gateway->peers);
    sessions_end_all(gateway->sessions, STREAM_ERROR_SYSTEM_SHUTDOWN, "the server is stopping");
    ev_timer_init(&gateway->drain_poll, on_drain_poll, 0.02, 0.02);
    ev_timer_start(gateway->loop, &gateway->drain_poll);
}

static void on_stop_signal(struct ev_loop *loop, ev_signal *signal, int revents)
{
    (void)loop;
    (void)revents;
    gateway_drain(signal->data);
}

/* -- new keys and certificates -- */

static bool load_jwt_keys(struct gateway *gateway, char *error, size_t size)
{
    const struct config *config = gateway->config;
    if (!config->auth_jwt_key.size && !config->auth_jwt_jwks.size)
        return true;
    struct jwt_keys *keys = jwt_keys_load(config->auth_jwt_key, config->auth_jwt_jwks, error, size);
    if (!keys)
        return false;
    jwt_keys_free(&gateway->jwt_keys);
    gateway->parts.jwt_keys = gateway->jwt_keys = keys;
    return true;
}

/* What cannot be read leaves the keys as they are. */
static void reload_jwt_keys(struct gateway *gateway)
{
    char error[512];
    if (!load_jwt_keys(gateway, error, sizeof error))
        log_error(&gateway->log, NULL, "keys-not-reloaded", "text=%s", log_quote(error, strlen(error)));
    else if (gateway->jwt_keys)
        log_info(&gateway->log, NULL, "keys-reloaded", "%s", "");
}

static void on_reload_signal(struct ev_loop *loop, ev_signal *signal, int revents)
{
    struct gateway *gateway = signal->data;
    (void)loop;
    (void)revents;
    reload_jwt_keys(gateway);
    if (!gateway->tls)
        return;
    int failed = gateway->peer_tls ? tls_reload(gateway->peer_tls) : 0;
    failed |= tls_reload(gateway->tls); /* a file that is broken keeps no other domain from its new one */
    failed |= tls_reload(gateway->web_tls);
    if (!failed)
        log_info(&gateway->log, NULL, "certificates-reloaded", "%s", "");
}

/* -- what it cannot do without -- */

static void gateway_fail(struct gateway *gateway, const char *event, const char *text)
{
    log_error(&gateway->log, NULL, event, "text=%s", log_quote(text, strlen(text)));
    gateway->exit_code = COMMAND_FAILED;
    ev_break(gateway->loop, EVBREAK_ALL);
}

static void on_redis_unreachable(void *ctx, const char *text)
{
    gateway_fail(ctx, "redis-unreachable", text);
}

/* -- listening -- */

/* tcp NULL: the listener is the web's.  is_tls: from the first byte. */
static bool listen_on(struct gateway *gateway, struct tcp *tcp, const struct listen_address *address, bool is_tls, const char *what)
{
    char error[256];
    if (!address->is_on)
        return true;
    int port = tcp ? tcp_listen(tcp, address, is_tls, gateway->has_parent, error, sizeof error)
                   : web_listen(gateway->web, address, is_tls, gateway->has_parent, error, sizeof error);
    if (port < 0) {
        gateway_fail(gateway, "cannot-listen", error);
        return false;
    }
    log_info(&gateway->log, NULL, "listening", "what=%s address=%s port=%d", what, address->host, port);
    return true;
}

/* Redis answers, all channels are subscribed: clients may come. */
static void on_ready(void *ctx)
{
    struct gateway *gateway = ctx;
    const struct config *config = gateway->config;
    if (gateway->drain_until_ms)
        return;
    if (!listen_on(gateway, gateway->tcp, &config->listen_tcp, false, "tcp") ||
        !listen_on(gateway, gateway->tcp, &config->listen_tls, true, "tls") ||
        !listen_on(gateway, NULL, &config->listen_http, false, "http") ||
        !listen_on(gateway, NULL, &config->listen_https, true, "https") ||
        !listen_on(gateway, gateway->servers, &config->listen_s2s, false, "s2s") ||
        !listen_on(gateway, gateway->components, &config->listen_component, false, "component"))
        return;
    peers_start(gateway->peers);
    __atomic_store_n(&gateway->parts.metrics->ready, 1, __ATOMIC_RELAXED);
    if (config->auth_allow_plaintext)
        log_warning(&gateway->log, NULL, "plaintext-logins", "text=%s",
                    log_quote("passwords may travel without TLS (auth.allow_plaintext): for trying, not for the open network", 93));
    log_info(&gateway->log, NULL, "serving", "domains=%zu services=%zu connections=%u", config->domains.count,
             config->services_domains.count + config->services_accounts.count, config->limits_connections);
}

/* -- making a node, in the order of the flow seen from Redis -- */

static void make_id(struct gateway *gateway)
{
    unsigned char random[4];
    RAND_bytes(random, sizeof random);
    snprintf(gateway->id, sizeof gateway->id, "%.*s-%u-%02x%02x%02x%02x", TEXT_ARGS(gateway->config->node_name), gateway->worker.index,
             random[0], random[1], random[2], random[3]);
}

static void make_parts(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = processors > (long)config->workers ? (unsigned)processors / config->workers : 1;
    struct redis_settings redis = { .url = config->redis_url,
                                    .prefix = config->bus_prefix,
                                    .wait_ms = config->redis_wait_ms,
                                    .queue_bytes = config->limits_redis_queue,
                                    .log = &gateway->log,
                                    .metrics = gateway->worker.metrics,
                                    .on_first_failure = on_redis_unreachable,
                                    .ctx = gateway };

    gateway->redis = redis_new(gateway->loop, &redis);
    if (!gateway->redis)
        return;
    gateway->parts = (struct parts){ .config = config,
                                  .bus = redis_bus(gateway->redis),
                                  .store = redis_store(gateway->redis),
                                  .timers = timers_new(clock_ms(CLOCK_MONOTONIC)),
                                  .work = work_pool_new(threads, WORK_QUEUE_BOUND, wake_loop, gateway),
                                  .streams = stream_pool_new(),
                                  .metrics = gateway->worker.metrics,
                                  .log = &gateway->log,
                                  .node = text_of(gateway->id),
                                  .wall_ms = wall_ms };
    gateway->router = router_new(&gateway->parts);
    gateway->sessions = sessions_new(&gateway->parts, &router_session_callbacks, gateway->router);
    router_set_sessions(gateway->router, gateway->sessions);
    gateway->parts.bus->callbacks = &router_bus_callbacks;
    gateway->parts.bus->ctx = gateway->router;
}

static struct tls *make_tls(const struct config *config, const char *alpn, const struct log *log, char *error, size_t size)
{
    struct tls_settings settings = { .certificate = config->tls_certificate,
                                     .key = config->tls_key,
                                     .domains = config->domains.items,
                                     .domain_count = config->domains.count,
                                     .alpn = alpn,
                                     .log = log };
    if (strcmp(alpn, "xmpp-client") == 0) /* a browser would ask everyone for a certificate */
        settings.client_ca = config->tls_client_ca;
    if (strcmp(alpn, "xmpp-server") == 0)
        settings.peer_ca = config->s2s_ca;
    return tls_new(&settings, error, size);
}

/* Other servers and components: their transports, and the way out to them. */
static int make_peers(struct gateway *gateway, char *error, size_t size)
{
    const struct config *config = gateway->config;
    struct dns_settings dns = { .servers = { config->dns_servers.items, config->dns_servers.count },
                                .trust_anchor = config->dns_trust_anchor,
                                .timeout_ms = config->s2s_timeout_ms / 2,
                                .log = &gateway->log };

    if (config->listen_s2s.is_on || config->upstream_count) {
        gateway->dns = dns_new(gateway->loop, &dns, error, size);
        if (!gateway->dns)
            return -1;
        gateway->s2s = s2s_new(gateway->dns, config->s2s_timeout_ms / 2);
    }
    gateway->peers = peers_new(&gateway->parts, gateway->s2s ? s2s_dialer(gateway->s2s) : NULL, &router_peers_callbacks, gateway->router);
    router_set_peers(gateway->router, gateway->peers);
    if (config->listen_s2s.is_on) {
        gateway->peer_tls = make_tls(config, "xmpp-server", &gateway->log, error, size);
        if (!gateway->peer_tls)
            return -1;
    }
    gateway->servers = tcp_new(gateway->loop, &peers_server_callbacks, gateway->peers, gateway->peer_tls, &gateway->log, gateway->worker.metrics);
    gateway->components = tcp_new(gateway->loop, &peers_component_callbacks, gateway->peers, NULL, &gateway->log, gateway->worker.metrics);
    if (gateway->s2s)
        s2s_attach(gateway->s2s, gateway->servers, gateway->components);
    return 0;
}

static int make_transports(struct gateway *gateway, char *error, size_t size)
{
    const struct config *config = gateway->config;
    struct web_settings web = { .callbacks = &sessions_connection_callbacks,
                                .ctx = gateway->sessions,
                                .respond = site_respond,
                                .respond_ctx = &gateway->site,
                                .origins = config->http_origins,
                                .trusted_proxies = config->http_trusted_proxies,
                                .message_bytes = config->limits.stanza_bytes + MESSAGE_SLACK,
                                .log = &gateway->log,
                                .metrics = gateway->worker.metrics };

    if (config->tls_certificate.size) {
        gateway->tls = make_tls(config, "xmpp-client", &gateway->log, error, size);
        if (!gateway->tls || !(gateway->web_tls = make_tls(config, "http/1.1", &gateway->log, error, size)))
            return -1;
    }
    gateway->tcp = tcp_new(gateway->loop, &sessions_connection_callbacks, gateway->sessions, gateway->tls, &gateway->log, gateway->worker.metrics);
    gateway->site = (struct site){ .has_page = config->http_demo,
                                .domain = config->domains.items[0],
                                .guest_domain = config->auth_anonymous_domain,
                                .services = config->services_domains };
    web.tls = gateway->web_tls;
    gateway->web = web_new(gateway->loop, &web, error, size);
    return gateway->web ? 0 : -1;
}

static bool gateway_is_ready(void *ctx, struct buffer *reasons)
{
    struct gateway *gateway = ctx;
    if (__atomic_load_n(&gateway->parts.metrics->ready, __ATOMIC_RELAXED))
        return true;
    bool has_redis = __atomic_load_n(&gateway->parts.metrics->value[METRIC_REDIS_UP], __ATOMIC_RELAXED);
    buffer_printf(reasons, "%s\n", gateway->drain_until_ms ? "stopping" : has_redis ? "starting" : "Redis does not answer");
    return false;
}

static void write_own_metrics(void *ctx, struct buffer *out)
{
    struct gateway *gateway = ctx;
    metrics_write(out, gateway->worker.metrics, 1);
}

static int make_admin(struct gateway *gateway, char *error, size_t size)
{
    if (gateway->has_parent || !gateway->config->listen_admin.is_on)
        return 0;
    gateway->admin = (struct admin_source){ gateway_is_ready, write_own_metrics, gateway };
    return admin_listen(gateway->web, &gateway->config->listen_admin, &gateway->admin, error, size) < 0 ? -1 : 0;
}

static void watch_signal(struct gateway *gateway, ev_signal *watcher, int number, void (*fn)(struct ev_loop *, ev_signal *, int))
{
    ev_signal_init(watcher, fn, number);
    watcher->data = gateway;
    ev_signal_start(gateway->loop, watcher);
}

static void start_watchers(struct gateway *gateway)
{
    ev_timer_init(&gateway->tick, on_tick, TIMER_TICK_MS / 1000.0, TIMER_TICK_MS / 1000.0);
    ev_async_init(&gateway->wake, on_wake);
    gateway->tick.data = gateway->wake.data = gateway->drain_poll.data = gateway;
    ev_timer_start(gateway->loop, &gateway->tick);
    ev_async_start(gateway->loop, &gateway->wake);
    watch_signal(gateway, &gateway->on_term, SIGTERM, on_stop_signal);
    watch_signal(gateway, &gateway->on_int, SIGINT, on_stop_signal);
    watch_signal(gateway, &gateway->on_hup, SIGHUP, on_reload_signal);
}

/* In the opposite order. */
static void gateway_fini(struct gateway *gateway)
{
    tcp_free(&gateway->servers);
    tcp_free(&gateway->components);
    tcp_free(&gateway->tcp);
    web_free(&gateway->web);
    jwt_keys_free(&gateway->jwt_keys);
    work_pool_free(&gateway->parts.work);
    if (gateway->redis)
        redis_free(&gateway->redis); /* answers what is open */
    sessions_free(&gateway->sessions);
    peers_free(&gateway->peers);
    router_free(&gateway->router);
    s2s_free(&gateway->s2s);
    dns_free(&gateway->dns);
    tls_free(&gateway->peer_tls);
    tls_free(&gateway->web_tls);
    tls_free(&gateway->tls);
    stream_pool_free(&gateway->parts.streams);
    timers_free(&gateway->parts.timers);
    config_free(&gateway->config);
}

static int gateway_serve(struct gateway *gateway)
{
    char error[256] = "";
    make_id(gateway);
    gateway->log.node = gateway->id;
    make_parts(gateway);
    if (!gateway->redis) {
        gateway->exit_code = COMMAND_FAILED;
    } else if (!load_jwt_keys(gateway, error, sizeof error) || make_transports(gateway, error, sizeof error) < 0 ||
               make_peers(gateway, error, sizeof error) < 0 || make_admin(gateway, error, sizeof error) < 0) {
        log_error(&gateway->log, NULL, "cannot-start", "text=%s", log_quote(error, strlen(error)));
        gateway->exit_code = COMMAND_FAILED;
    } else {
        start_watchers(gateway);
        redis_start(gateway->redis);
        router_start(gateway->router, on_ready, gateway);
        ev_run(gateway->loop, 0);
        log_info(&gateway->log, NULL, "stopped", "code=%d", gateway->exit_code);
    }
    int exit_code = gateway->exit_code;
    gateway_fini(gateway);
    return exit_code;
}

/* -- serve -- */

/* Taken ports are found before anything starts: workers share ports, and would share them with strangers of ours too. */
static bool ports_are_free(const struct config *config, const struct log *log)
{
    const struct {
        const struct listen_address *address;
        const char *setting;
    } listeners[] = { { &config->listen_tcp, "listen.tcp" },
                      { &config->listen_tls, "listen.tls" },
                      { &config->listen_http, "listen.http" },
                      { &config->listen_https, "listen.https" },
                      { &config->listen_s2s, "listen.s2s" },
                      { &config->listen_component, "listen.component" },
                      { &config->listen_admin, "listen.admin" } };
    char error[256];
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++) {
        if (!listeners[i].address->is_on || listeners[i].address->port == 0)
            continue;
        if (tcp_probe(listeners[i].address, listeners[i].setting, error, sizeof error) < 0) {
            log_error(log, NULL, "cannot-listen", "text=%s", log_quote(error, strlen(error)));
            return false;
        }
    }
    return true;
}

static void bound_connections(struct config *config, const struct log *log, unsigned files)
{
    unsigned spare = SPARE_FILES + (config->listen_s2s.is_on ? DNS_UDP_SOCKETS + DNS_TCP_SOCKETS : 0);
    unsigned possible = files > 2 * spare ? files - spare : SPARE_FILES;
    if (config->limits_connections == 0 || config->limits_connections > possible)
        config->limits_connections = possible;
    log_info(log, NULL, "open-files", "limit=%u connections=%u", files, config->limits_connections);
}

static int serve(void *ctx, struct config *config, const struct command_line *line)
{
    struct log log = { config->log_level, config->log_format, stderr, NULL };
    struct gateway gateway = { .config = config, .log = log, .drain_poll = { .data = NULL } };
    int attached = worker_attach(&gateway.worker);
    (void)line;

    setvbuf(stderr, NULL, _IOLBF, BUFSIZ); /* a line is one write: those of several workers do not mix */
    signal(SIGPIPE, SIG_IGN);
    if (attached < 0)
        return COMMAND_FAILED;
    gateway.has_parent = attached == 1;
    if (!gateway.has_parent && !ports_are_free(config, &log)) {
        config_free(&config);
        return COMMAND_FAILED;
    }
    bound_connections(config, &log, open_files_raise());
    if (!gateway.has_parent && config->workers > 1) {
        return parent_serve(config, &log, ((struct errand *)ctx)->serve_ctx);
    }
    if (!gateway.has_parent)
        gateway.worker.metrics = &gateway.own;
    __atomic_store_n(&gateway.worker.metrics->started_ms, wall_ms(NULL), __ATOMIC_RELAXED);
    gateway.loop = ev_default_loop(EVFLAG_AUTO | EVFLAG_NOENV);
    return gateway_serve(&gateway);
}

int main(int argc, char **argv)
{
    struct errand errand = { .serve_ctx = argv };
    struct command_env env = { .ctx = &errand,
                               .in = stdin,
                               .out = stdout,
                               .err = stderr,
                               .environment = environ,
                               .serve = serve,
                               .open = errand_open,
                               .run = errand_run,
                               .stop = errand_stop,
                               .close = errand_close,
                               .http_get = probe_get };
    return command_main(&env, argc, argv);
}
