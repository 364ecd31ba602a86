/* link.c - a non-blocking socket on the loop. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "redis_inside.h"

enum {
    READ_PER_TURN = 256 * 1024,   /* then the clients get their turn */
    ANSWERS_PER_TURN = 16 * 1024, /* the same of short answers, of which each may make the core write an error */
    FEED_BYTES = 4096,            /* hiredis moves the rest of what it was fed every 1,024 bytes: keep that short */
    REPLY_MAX = 32 * 1024 * 1024, /* a reply that is bigger ends the connection */
};
static const double READY_WITHIN = 3.0, PAUSE_FIRST = 0.05, PAUSE_MAX = 2.0, PAUSE_REFUSED = 2.0, LASTED = 5.0;

static struct command_queue *current_queue(struct link *link)
{
    return link->state == LINK_READY ? &link->queue : &link->greeting;
}

/* -- ending a connection -- */

/* Half of it at least, so that the nodes of one Redis do not come back in step. */
static double jitter(double pause)
{
    unsigned short random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = 0;
    return pause * (0.5 + random / 131072.0);
}

static void pause_then_try(struct link *link, double pause)
{
    link->state = LINK_DOWN;
    ev_timer_stop(link->redis->loop, &link->pause);
    ev_timer_set(&link->pause, jitter(pause), 0.);
    ev_timer_start(link->redis->loop, &link->pause);
}

static double next_pause(struct link *link)
{
    double pause = PAUSE_FIRST * (double)(1u << (link->tries < 8 ? link->tries : 8));
    link->tries++;
    return pause < PAUSE_MAX ? pause : PAUSE_MAX;
}

void link_pause(struct link *link)
{
    pause_then_try(link, next_pause(link));
}

static void close_socket(struct link *link)
{
    struct ev_loop *loop = link->redis->loop;
    struct pending_ring dropped = { 0 };
    ev_io_stop(loop, &link->readable);
    ev_io_stop(loop, &link->writable);
    ev_timer_stop(loop, &link->deadline);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    link->epoch++;
    while (link->greeting.ring.count)
        pending_pop(&link->greeting.ring);
    command_queue_lose(&link->greeting, &dropped);
}

static void fail_try(struct link *link, const char *reason, const char *advice, double pause)
{
    struct redis *redis = link->redis;
    close_socket(link);
    pause_then_try(link, pause);
    resolver_ask(redis->resolver);
    health_unreachable(redis, reason, advice);
}

static const char *advice_for(const struct link *link, int error)
{
    if (link->redis->url.is_unix && error == ENOENT)
        return "there is no such socket: is it running? set redis.url";
    if (error == EACCES)
        return "the socket may not be opened by this user: set redis.url or its permissions";
    return "is it running? set redis.url";
}

static void fail_connect(struct link *link, int error)
{
    fail_try(link, strerror(error), advice_for(link, error), next_pause(link));
}

void link_is_refused(struct link *link, const char *reason)
{
    char word[128];
    const char *advice = "is it a Redis of version 7? set redis.url";
    snprintf(word, sizeof word, "%s", reason);
    if (strstr(word, "AUTH") || strstr(word, "WRONGPASS"))
        advice = "set user and password in redis.url";
    else if (strstr(word, "NOPERM"))
        advice = "give the user of redis.url the rights of deploy/redis.acl";
    else if (strstr(word, "LOADING"))
        advice = "waiting until it has loaded its data";
    else if (strstr(word, "max number of clients"))
        advice = "raise maxclients in Redis";
    else if (strstr(word, "replica"))
        advice = "set redis.url to the master";
    else if (strstr(word, "maxmemory-policy"))
        advice = "it would throw accounts and sessions away: set maxmemory-policy noeviction in Redis";
    fail_try(link, reason, advice, PAUSE_REFUSED);
}

void link_lose(struct link *link, const char *reason)
{
    if (link->state != LINK_READY) {
        fail_try(link, reason, "is it running? set redis.url", next_pause(link));
        return;
    }
    if (redis_now(link->redis) - link->ready_at > LASTED)
        link->tries = 0;
    close_socket(link);
    link_pause(link);
    resolver_ask(link->redis->resolver);
    link->events->on_lost(link->redis, reason);
}

/* -- reading -- */

static bool take_replies(struct link *link)
{
    struct redis *redis = link->redis;
    unsigned epoch = link->epoch;
    const struct reply *reply;
    const char *wrong;
    size_t count;

    while ((reply = reply_reader_next(&link->reader, &count, &wrong))) {
        struct command_queue *queue = current_queue(link);
        if (link->state == LINK_READY && link->events->on_unasked(redis, reply, count))
            continue;
        if (!command_queue_expects(queue)) {
            char reason[160];
            snprintf(reason, sizeof reason, "unexpected reply: %.*s",
                     reply->text.size < 120 ? (int)reply->text.size : 120, reply->text.size ? reply->text.data : "");
            link_lose(link, reason);
            return false;
        }
        redis_answer(redis, queue, reply, count);
        if (link->epoch != epoch)
            return false;
    }
    if (wrong)
        link_lose(link, wrong);
    return !wrong;
}

static bool take_bytes(struct link *link, size_t size)
{
    const char *input = link->redis->input;
    for (size_t at = 0; at < size; at += FEED_BYTES) {
        reply_reader_feed(&link->reader, input + at, size - at < FEED_BYTES ? size - at : FEED_BYTES);
        if (!take_replies(link))
            return false;
    }
    if (reply_reader_held(&link->reader) > REPLY_MAX) {
        link_lose(link, "a reply or message is larger than 32 MB");
        return false;
    }
    return true;
}

static void on_readable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct link *link = watcher->data;
    (void)loop;
    (void)events;
    bool is_answers = link == &link->redis->commands;
    size_t most = is_answers ? ANSWERS_PER_TURN : READ_PER_TURN, at_once = is_answers ? ANSWERS_PER_TURN : INPUT_BYTES;
    for (size_t taken = 0; taken < most;) {
        ssize_t size = recv(link->fd, link->redis->input, at_once, 0);
        if (size > 0) {
            link->read_at = redis_now(link->redis);
            if (!take_bytes(link, (size_t)size) || (size_t)size < at_once)
                return;
            taken += (size_t)size;
        } else if (size == 0) {
            link_lose(link, "closed by Redis");
            return;
        } else if (errno != EINTR) {
            if (errno != EAGAIN)
                link_lose(link, strerror(errno));
            return;
        }
    }
}

/* -- writing -- */

void link_flush(struct link *link)
{
    struct command_queue *queue = current_queue(link);
    size_t size = command_queue_unsent(queue);
    if (link->state < LINK_GREETING || size == 0 || ev_is_active(&link->writable))
        return;
    if (queue->sent == queue->answered)
        link->waiting_since = redis_now(link->redis);
    ssize_t sent = send(link->fd, queue->bytes.data + queue->sent, size, MSG_NOSIGNAL);
    if (sent > 0)
        queue->sent += (size_t)sent;
    if (sent < (ssize_t)size && (sent >= 0 || errno == EAGAIN || errno == EINTR))
        ev_io_start(link->redis->loop, &link->writable);
}

static void greet(struct link *link)
{
    link->state = LINK_GREETING;
    link->events->on_connected(link->redis);
}

static void on_writable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct link *link = watcher->data;
    (void)events;
    ev_io_stop(loop, watcher);
    if (link->state == LINK_CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            fail_connect(link, error);
            return;
        }
        greet(link);
    }
    link_flush(link);
}

/* -- connecting -- */

static void watch_socket(struct link *link, int fd)
{
    struct ev_loop *loop = link->redis->loop;
    reply_reader_reset(&link->reader); /* not when the old one ended: that was inside of one of its replies, perhaps */
    link->fd = fd;
    link->read_at = redis_now(link->redis);
    ev_io_set(&link->readable, fd, EV_READ);
    ev_io_set(&link->writable, fd, EV_WRITE);
    ev_io_start(loop, &link->readable);
    ev_timer_set(&link->deadline, READY_WITHIN, 0.);
    ev_timer_start(loop, &link->deadline);
}

static void connect_to(struct link *link, const struct resolved *to)
{
    int on = 1, fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail_connect(link, errno);
        return;
    }
    if (to->address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&to->address, to->size) == 0) {
        watch_socket(link, fd);
        greet(link);
    } else if (errno == EINPROGRESS) {
        watch_socket(link, fd);
        link->state = LINK_CONNECTING;
        ev_io_start(link->redis->loop, &link->writable);
    } else {
        int error = errno;
        close(fd);
        fail_connect(link, error);
    }
}

void link_open(struct link *link)
{
    const struct resolved *to = resolver_get(link->redis->resolver, link->tries);
    if (link->state != LINK_DOWN)
        return;
    ev_timer_stop(link->redis->loop, &link->pause);
    if (to)
        connect_to(link, to);
    else
        resolver_ask(link->redis->resolver); /* its answer opens the link */
}

static void on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    link_open(timer->data);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct link *link = timer->data;
    (void)loop;
    (void)events;
    fail_try(link, "no answer within 3 seconds", "is it running? set redis.url", next_pause(link));
}

void link_is_ready(struct link *link)
{
    ev_timer_stop(link->redis->loop, &link->deadline);
    link->state = LINK_READY;
    if (link->ready_at > 0)
        metric_add(link->redis->settings.metrics, METRIC_BUS_RECONNECTS, 1);
    link->ready_at = redis_now(link->redis);
    link->events->on_ready(link->redis);
}

double link_waits(const struct link *link, double now)
{
    if (link->state != LINK_READY || link->queue.sent == link->queue.answered)
        return 0;
    return now - (link->read_at > link->waiting_since ? link->read_at : link->waiting_since);
}

/* -- life -- */

void link_init(struct link *link, struct redis *redis, const char *name, const struct link_events *events)
{
    *link = (struct link){ .redis = redis, .name = name, .events = events, .fd = -1 };
    reply_reader_init(&link->reader);
    ev_io_init(&link->readable, on_readable, -1, EV_READ);
    ev_io_init(&link->writable, on_writable, -1, EV_WRITE);
    ev_timer_init(&link->deadline, on_deadline, 0., 0.);
    ev_timer_init(&link->pause, on_pause_over, 0., 0.);
    link->readable.data = link->writable.data = link->deadline.data = link->pause.data = link;
}

void link_stop(struct link *link)
{
    close_socket(link);
    ev_timer_stop(link->redis->loop, &link->pause);
    link->state = LINK_DOWN;
}

void link_fini(struct link *link)
{
    assert(link->fd < 0);
    reply_reader_fini(&link->reader);
    command_queue_fini(&link->greeting);
    command_queue_fini(&link->queue);
}
