/* turn.c - what happens at the end of a loop turn, and to those who keep us waiting.
 * lws' own timers are used as little as can be: each sits in one sorted list, and over libev they fire late. */
#include "transports/websocket/web_inside.h"

static const double janitor_seconds = 0.25;

/* -- the end of the turn -- */

static void on_turn_end(struct ev_loop *loop, struct ev_prepare *watcher, int events)
{
    struct web *web = watcher->data;
    struct web_socket *s;
    (void)loop;
    (void)events;
    while ((s = web->turn)) {
        web->turn = s->next_in_turn;
        if (!web->turn)
            web->turn_end = &web->turn;
        s->is_in_turn = false;
        web_socket_flush(s);
    }
}

/* Fed with the lowest priority, the watcher is called after everything that is pending in this turn. */
void web_turn_add(struct web_socket *s)
{
    struct web *web = s->web;
    if (s->is_in_turn)
        return;
    if (!web->turn)
        ev_feed_event(web->loop, &web->at_turn_end, EV_CUSTOM);
    s->is_in_turn = true;
    s->next_in_turn = NULL;
    *web->turn_end = s;
    web->turn_end = &s->next_in_turn;
}

void web_turn_remove(struct web_socket *s)
{
    struct web *web = s->web;
    struct web_socket **link = &web->turn;
    if (!s->is_in_turn)
        return;
    while (*link != s)
        link = &(*link)->next_in_turn;
    *link = s->next_in_turn;
    if (!s->next_in_turn)
        web->turn_end = link;
    s->is_in_turn = false;
}

/* -- deadlines -- */

static double seconds_of(const struct web *web, enum web_waiting what)
{
    return (double)(what == WEB_WAIT_HANDSHAKE ? web->deadlines.handshake_ms : web->deadlines.close_ms) / 1000;
}

static void on_late(struct web_socket *s, enum web_waiting what)
{
    static const char *const reasons[] = {
        [WEB_WAIT_HANDSHAKE] = "no request in time",
        [WEB_WAIT_CLOSE] = "closed, the peer did not answer",
    };
    s->reason = reasons[what];
    web_wait_stop(s);
    web_kill(s);
}

/* Each list is in order of deadline, as all in it wait equally long. */
static void on_janitor(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct web *web = timer->data;
    bool is_idle = true;
    (void)events;
    for (enum web_waiting what = 0; what < WEB_WAITS; what++) {
        struct web_socket *s;
        while ((s = TAILQ_FIRST(&web->waiting[what])) && s->deadline <= ev_now(loop))
            on_late(s, what);
        is_idle = is_idle && !s;
    }
    if (is_idle)
        ev_timer_stop(loop, timer);
}

void web_wait_start(struct web_socket *s, enum web_waiting what)
{
    struct web *web = s->web;
    web_wait_stop(s);
    s->waiting = (uint8_t)what;
    s->deadline = ev_now(web->loop) + seconds_of(web, what);
    TAILQ_INSERT_TAIL(&web->waiting[what], s, waiting_entry);
    if (!ev_is_active(&web->janitor))
        ev_timer_again(web->loop, &web->janitor);
}

void web_wait_stop(struct web_socket *s)
{
    if (s->waiting != WEB_WAIT_NONE)
        TAILQ_REMOVE(&s->web->waiting[s->waiting], s, waiting_entry);
    s->waiting = WEB_WAIT_NONE;
}

void web_set_deadlines(struct web *web, const struct web_deadlines *deadlines)
{
    web->deadlines = *deadlines;
}

/* -- beginning and end -- */

void web_turn_init(struct web *web)
{
    web->turn_end = &web->turn;
    ev_prepare_init(&web->at_turn_end, on_turn_end);
    ev_set_priority(&web->at_turn_end, EV_MINPRI);
    web->at_turn_end.data = web;
    ev_timer_init(&web->janitor, on_janitor, janitor_seconds, janitor_seconds);
    web->janitor.data = web;
    for (enum web_waiting what = 0; what < WEB_WAITS; what++)
        TAILQ_INIT(&web->waiting[what]);
    web->deadlines = (struct web_deadlines){ .handshake_ms = 10 * 1000, .close_ms = 3 * 1000 };
}

void web_turn_fini(struct web *web)
{
    ev_clear_pending(web->loop, &web->at_turn_end);
    ev_timer_stop(web->loop, &web->janitor);
}
