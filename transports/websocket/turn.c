/* turn.c - sockets whose held bytes may be taken again, and deadlines of those who keep us waiting. */
#include "transports/websocket/web_inside.h"

enum { EXTENSIONS_MAX = 6 }; /* of a request's deadline, for somebody who still reads the answer */
static const double janitor_seconds = 0.25;

/* -- held bytes -- */

static void on_turn_end(struct ev_loop *loop, struct ev_prepare *watcher, int events)
{
    struct web *web = watcher->data;
    struct web_socket *s;
    (void)events;
    while ((s = web->turn)) {
        web_turn_remove(s);
        web_take_held(s);
    }
    /* What the core does with them may wait for an end of the turn that is over already. */
    ev_timer_start(loop, &web->next_turn);
}

/* Only there so that the loop does not block. */
static void on_next_turn(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

/* Never from inside of what the core calls: the watcher is called after everything that is pending now. */
void web_turn_add(struct web_socket *s)
{
    struct web *web = web_of(s);
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
    struct web *web = web_of(s);
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

/* -- deadlines: all in a list wait equally long, so that it is in order -- */

static double patience(const struct web *web, enum web_waiting what)
{
    return (double)(what == WEB_WAIT_REQUEST ? web->deadlines.request_ms : web->deadlines.close_ms) / 1000;
}

static void give_up(struct web_socket *s)
{
    bool is_reading = s->waiting == WEB_WAIT_REQUEST && s->connection->queued > 0;
    if (is_reading && s->extensions < EXTENSIONS_MAX) {
        s->extensions++;
        web_wait_start(s, WEB_WAIT_REQUEST);
        return;
    }
    web_done(s);
}

static void on_janitor(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct web *web = timer->data;
    bool is_anybody_waiting = false;
    (void)events;
    for (enum web_waiting what = 0; what < WEB_WAITS; what++) {
        struct web_socket *first;
        while ((first = TAILQ_FIRST(&web->waiting[what])) && first->deadline <= ev_now(loop))
            give_up(first);
        is_anybody_waiting |= first != NULL;
    }
    if (!is_anybody_waiting)
        ev_timer_stop(loop, timer);
}

void web_wait_start(struct web_socket *s, enum web_waiting what)
{
    struct web *web = web_of(s);
    web_wait_stop(s);
    s->waiting = (uint8_t)what;
    s->deadline = ev_now(web->loop) + patience(web, what);
    TAILQ_INSERT_TAIL(&web->waiting[what], s, waiting_entry);
    if (!ev_is_active(&web->janitor))
        ev_timer_again(web->loop, &web->janitor);
}

void web_wait_stop(struct web_socket *s)
{
    if (s->waiting != WEB_WAIT_NONE)
        TAILQ_REMOVE(&web_of(s)->waiting[s->waiting], s, waiting_entry);
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
    ev_set_priority(&web->at_turn_end, EV_MINPRI + 1); /* before tcp sends */
    web->at_turn_end.data = web;
    ev_timer_init(&web->next_turn, on_next_turn, 0, 0);
    ev_timer_init(&web->janitor, on_janitor, 0, janitor_seconds);
    web->janitor.data = web;
    for (enum web_waiting what = 0; what < WEB_WAITS; what++)
        TAILQ_INIT(&web->waiting[what]);
    web->deadlines = (struct web_deadlines){ .request_ms = 10 * 1000, .close_ms = 3 * 1000 };
}

void web_turn_fini(struct web *web)
{
    ev_clear_pending(web->loop, &web->at_turn_end);
    ev_timer_stop(web->loop, &web->next_turn);
    ev_timer_stop(web->loop, &web->janitor);
}
