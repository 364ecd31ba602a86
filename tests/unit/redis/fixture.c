/* fixture.c - starts and stops the private redis-server, and keeps what comes back. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "stanzabus/memory.h"

/* -- the server -- */

/* One that nobody else gets until this process ends: a bound socket, which stays open, holds it.  It does not listen and
 * lets itself be shared, so that redis-server, which sets SO_REUSEADDR, listens beside it. */
static int free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int on = 1, holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(holder, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(holder, (struct sockaddr *)&address, &size), 0);
    setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return ntohs(address.sin_port);
}

void server_make(struct server *server)
{
    strcpy(server->folder, "/tmp/stanzabus-redis-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->socket, sizeof server->socket, "%s/socket", server->folder);
    server->port = free_port();
}

static void run_server(struct server *server)
{
    char port[16], log[128];
    const char *arguments[40] = { "redis-server", "--port",       port,           "--bind",    "127.0.0.1",
                                  "--unixsocket", server->socket, "--save",       "",          "--appendonly",
                                  "no",           "--dir",        server->folder, "--logfile", log };
    size_t count = 15;
    snprintf(port, sizeof port, "%d", server->port);
    snprintf(log, sizeof log, "%s/log", server->folder);
    for (size_t i = 0; i < 16 && server->options[i]; i++)
        arguments[count++] = server->options[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("redis-server", (char *const *)arguments);
    _exit(127);
}

struct redisContext *server_admin(struct server *server, const char *user, const char *password)
{
    redisContext *context = redisConnectUnix(server->socket);
    assert_non_null(context);
    if (user && !context->err)
        freeReplyObject(redisCommand(context, "AUTH %s %s", user, password));
    return context;
}

void fixture_disconnect(struct redisContext *context)
{
    redisFree(context);
}

static bool answers(struct server *server)
{
    redisContext *context = redisConnectUnix(server->socket);
    bool is_there = context && !context->err;
    if (is_there) {
        redisReply *reply = redisCommand(context, "PING");
        is_there = reply && (reply->type == REDIS_REPLY_STATUS || strstr(reply->str, "NOAUTH"));
        freeReplyObject(reply);
    }
    redisFree(context);
    return is_there;
}

void server_start(struct server *server)
{
    unlink(server->socket);
    server->pid = fork();
    if (server->pid == 0)
        run_server(server);
    for (int i = 0; i < 500; i++) {
        if (answers(server))
            return;
        usleep(10000);
    }
    fail_msg("redis-server does not answer; is it installed? see %s/log", server->folder);
}

void server_kill(struct server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void server_remove(struct server *server)
{
    char command[128];
    server_kill(server);
    snprintf(command, sizeof command, "rm -rf '%s'", server->folder);
    assert_int_equal(system(command), 0);
}

static void print_reply(char *out, size_t size, const redisReply *reply)
{
    size_t used = strlen(out);
    switch (reply ? reply->type : REDIS_REPLY_NIL) {
    case REDIS_REPLY_INTEGER:
        snprintf(out + used, size - used, "%lld", reply->integer);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            print_reply(out, size, reply->element[i]);
            if (i + 1 < reply->elements)
                strncat(out, "\n", size - strlen(out) - 1);
        }
        break;
    case REDIS_REPLY_NIL:
        snprintf(out + used, size - used, "(nil)");
        break;
    case REDIS_REPLY_ERROR:
        snprintf(out + used, size - used, "ERR:%s", reply->str);
        break;
    default:
        snprintf(out + used, size - used, "%s", reply->str);
    }
}

const char *server_ask(struct server *server, const char *format, ...)
{
    static char results[8][65536];
    static unsigned next;
    char *out = results[next++ % 8];
    redisContext *context = server_admin(server, NULL, NULL);
    va_list list;
    va_start(list, format);
    redisReply *reply = redisvCommand(context, format, list);
    va_end(list);
    out[0] = '\0';
    print_reply(out, sizeof results[0], reply);
    freeReplyObject(reply);
    redisFree(context);
    return out;
}

/* -- the node -- */

static void on_message(void *ctx, struct text channel, struct text payload)
{
    struct node *node = ctx;
    if (node->keeps_messages && node->messages < MESSAGES_MAX) {
        node->channel[node->messages] = text_dup(channel);
        node->payload[node->messages] = text_dup(payload);
    }
    node->messages++;
}

static void on_away(void *ctx)
{
    struct node *node = ctx;
    node->away++;
    node->away_at = clock_now();
    assert_true(node->bus->is_away);
}

static void on_back(void *ctx, bool subscriptions_lost)
{
    struct node *node = ctx;
    node->back++;
    node->back_at = clock_now();
    node->lost_at_back = subscriptions_lost;
    assert_false(node->bus->is_away);
}

static void on_full(void *ctx)
{
    ((struct node *)ctx)->full++;
}

static void on_drained(void *ctx)
{
    ((struct node *)ctx)->drained++;
}

static void on_first_failure(void *ctx, const char *text)
{
    struct node *node = ctx;
    node->failures++;
    snprintf(node->failure, sizeof node->failure, "%s", text);
}

static const struct bus_callbacks callbacks = { .on_message = on_message,
                                                .on_away = on_away,
                                                .on_back = on_back,
                                                .on_full = on_full,
                                                .on_drained = on_drained };

void node_open(struct node *node, struct server *server, struct ev_loop *loop, const char *url,
               const struct redis_settings *settings)
{
    struct redis_settings own =
        settings ? *settings : (struct redis_settings){ .wait_ms = 1000, .queue_bytes = 1 << 20 };
    memset(node, 0, sizeof *node);
    node->loop = loop;
    node->keeps_messages = true;
    node->log = (struct log){ .level = getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR,
                              .out = getenv("VERBOSE") ? stderr : NULL };
    snprintf(node->url, sizeof node->url, url ? "%s" : "unix://%s", url ? url : server->socket);
    own.url = text_of(node->url);
    if (!own.prefix.size)
        own.prefix = TEXT("xmpp:");
    own.log = &node->log;
    own.metrics = &node->metrics;
    own.on_first_failure = on_first_failure;
    own.ctx = node;
    node->redis = redis_new(loop, &own);
    assert_non_null(node->redis);
    node->bus = redis_bus(node->redis);
    node->store = redis_store(node->redis);
    node->bus->callbacks = &callbacks;
    node->bus->ctx = node;
}

void node_close(struct node *node)
{
    redis_free(&node->redis);
    assert_null(node->redis);
    for (size_t i = 0; i < node->messages && i < MESSAGES_MAX; i++) {
        free(node->channel[i]);
        free(node->payload[i]);
    }
}

bool node_is_up(void *ctx)
{
    return ((struct node *)ctx)->metrics.value[METRIC_REDIS_UP] == 1;
}

void node_wait_up(struct node *node)
{
    assert_true(run_until(node->loop, node_is_up, node, 15));
}

/* -- the loop -- */

struct run {
    struct ev_check check;
    struct ev_timer timer;
    bool (*is_met)(void *ctx);
    void *ctx;
};

static void on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
    struct run *run = check->data;
    (void)events;
    if (run->is_met && run->is_met(run->ctx))
        ev_break(loop, EVBREAK_ONE);
}

static void on_check_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct run *run = timer->data;
    (void)events;
    if (!run->is_met || run->is_met(run->ctx))
        ev_break(loop, EVBREAK_ONE);
}

static void on_time_up(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ONE);
}

bool run_until(struct ev_loop *loop, bool (*is_met)(void *ctx), void *ctx, double seconds)
{
    struct run run = { .is_met = is_met, .ctx = ctx };
    struct ev_timer end;
    if (is_met && is_met(ctx))
        return true;
    ev_now_update(loop);
    ev_check_init(&run.check, on_check);
    ev_set_priority(&run.check, EV_MINPRI);
    ev_timer_init(&run.timer, on_check_timer, 0.005, 0.005);
    ev_timer_init(&end, on_time_up, seconds, 0.);
    run.check.data = run.timer.data = &run;
    ev_check_start(loop, &run.check);
    if (is_met)
        ev_timer_start(loop, &run.timer);
    ev_timer_start(loop, &end);
    ev_run(loop, 0);
    ev_check_stop(loop, &run.check);
    ev_timer_stop(loop, &run.timer);
    ev_timer_stop(loop, &end);
    return is_met && is_met(ctx);
}

void run_for(struct ev_loop *loop, double seconds)
{
    run_until(loop, NULL, NULL, seconds);
}

double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* -- answers -- */

bool is_answered(void *ctx)
{
    return ((struct answer *)ctx)->count > 0;
}

void on_published(void *ctx, enum bus_status status, int64_t receivers)
{
    struct answer *answer = ctx;
    answer->count++;
    answer->status = status;
    answer->result = receivers;
}

void on_subscribed(void *ctx, enum bus_status status)
{
    on_published(ctx, status, 0);
}

void on_done(void *ctx, enum bus_status status, int64_t result)
{
    on_published(ctx, status, result);
}

void on_bound(void *ctx, enum bus_status status, const struct bind_answer *bound)
{
    struct answer *answer = ctx;
    on_published(ctx, status, bound->result);
    answer->session = bound->replaced_session;
    answer->carbons = bound->carbons;
    snprintf(answer->text, sizeof answer->text, "%.*s", TEXT_ARGS(bound->replaced_node));
    snprintf(answer->flags, sizeof answer->flags, "%.*s", TEXT_ARGS(bound->flags));
}

void on_account(void *ctx, enum bus_status status, const struct account *account)
{
    struct answer *answer = ctx;
    on_published(ctx, status, 0);
    answer->has_account = account != NULL;
    if (account)
        answer->account = *account;
}

void on_secret(void *ctx, enum bus_status status, struct text secret)
{
    struct answer *answer = ctx;
    on_published(ctx, status, (int64_t)secret.size);
    memcpy(answer->text, secret.data ? secret.data : "", secret.size);
}

void on_each(void *ctx, struct text name)
{
    struct answer *answer = ctx;
    size_t used = strlen(answer->text);
    snprintf(answer->text + used, sizeof answer->text - used, "%.*s\n", TEXT_ARGS(name));
}

void on_gone(void *ctx, const struct session_gone *gone)
{
    on_each(ctx, gone->full);
    for (size_t i = 0; i < gone->stanza_count; i++)
        on_each(ctx, gone->stanzas[i]);
}
