/* tcp_turn.c - what happens at the end of a loop turn: writes leave, held bytes are given, ended connections are
 * reported; and the deadlines of those who wait. */
#include "transports/tcp/tcp_inside.h"

/* Callbacks at a turn's end may make more work for it; what is left after so many rounds waits for the next turn. */
enum { ROUNDS = 4 };
static const double janitor_seconds = 0.2;

void tcp_turn_add(struct tcp_connection *c)
{
    struct tcp *tcp = c->tcp;
    if (c->is_in_turn)
        return;
    c->is_in_turn = true;
    c->next_in_turn = NULL;
    *tcp->turn_end = c;
    tcp->turn_end = &c->next_in_turn;
}

static void serve(struct tcp_connection *c)
{
    c->is_in_turn = false;
    if (!c->has_ended && c->secure && c->secure->held.size && !c->is_paused && !c->is_closing)
        tcp_secure_take_held(c);
    if (!c->has_ended && !c->is_finished)
        tcp_connection_flush(c);
    if (c->has_ended && !c->is_in_turn)
        tcp_connection_finish(c);
}

void tcp_turn_run(struct tcp *tcp)
{
    tcp->has_called_back = false;
    for (int round = 0; tcp->turn && round < ROUNDS; round++) {
        struct tcp_connection *next = tcp->turn;
        tcp->turn = NULL;
        tcp->turn_end = &tcp->turn;
        while (next) {
            struct tcp_connection *c = next;
            next = c->next_in_turn;
            serve(c);
        }
    }
    /* What the core asked others for meanwhile, the bus say, may wait for their own end of a turn, which is over. */
    if (tcp->turn || tcp->has_called_back)
        ev_timer_start(tcp->loop, &tcp->next_turn);
}

static void at_turn_end(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    (void)loop;
    (void)events;
    tcp_turn_run(prepare->data);
}

/* Only there so that the loop does not block while work is left. */
static void on_next_turn(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

/* -- deadlines: all who wait for the same thing wait equally long, so that each list is in order -- */

static double patience(const struct tcp *tcp, enum tcp_waiting what)
{
    const int64_t ms[] = {
        [TCP_WAIT_HANDSHAKE] = tcp->deadlines.handshake_ms,
        [TCP_WAIT_FLUSH] = tcp->deadlines.flush_ms,
        [TCP_WAIT_LINGER] = tcp->deadlines.linger_ms,
    };
    return (double)ms[what] / 1000;
}

void tcp_wait_start(struct tcp_connection *c, enum tcp_waiting what)
{
    struct tcp *tcp = c->tcp;
    tcp_wait_stop(c);
    c->waiting = what;
    c->deadline = ev_now(tcp->loop) + patience(tcp, what);
    TAILQ_INSERT_TAIL(&tcp->waiting[what], c, waiting_entry);
    if (!ev_is_active(&tcp->janitor))
        ev_timer_again(tcp->loop, &tcp->janitor);
}

void tcp_wait_stop(struct tcp_connection *c)
{
    if (c->waiting == TCP_WAIT_NONE)
        return;
    TAILQ_REMOVE(&c->tcp->waiting[c->waiting], c, waiting_entry);
    c->waiting = TCP_WAIT_NONE;
}

static void give_up(struct tcp_connection *c)
{
    static const enum tcp_end ends[] = {
        [TCP_WAIT_HANDSHAKE] = TCP_END_HANDSHAKE_TIMEOUT,
        [TCP_WAIT_FLUSH] = TCP_END_FLUSH_TIMEOUT,
        [TCP_WAIT_LINGER] = TCP_END_OURS,
    };
    const struct log_subject who = { .peer = c->base.peer };
    if (c->waiting == TCP_WAIT_HANDSHAKE && c->is_paused) {
        tcp_wait_start(c, TCP_WAIT_HANDSHAKE); /* it is us who do not read; the login's own deadline still runs */
        return;
    }
    if (c->waiting == TCP_WAIT_HANDSHAKE) {
        metric_add(c->tcp->metrics, METRIC_TLS_FAILURES, 1);
        log_info(c->tcp->log, &who, "tls_handshake_failed", "reason=\"timed out\"");
    }
    tcp_connection_end(c, ends[c->waiting], NULL);
}

static void on_janitor(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct tcp *tcp = timer->data;
    bool is_anybody_waiting = false;
    (void)events;
    for (int what = 0; what < TCP_WAITS; what++) {
        struct tcp_connection *first;
        while ((first = TAILQ_FIRST(&tcp->waiting[what])) && first->deadline <= ev_now(loop))
            give_up(first);
        is_anybody_waiting |= first != NULL;
    }
    if (!is_anybody_waiting)
        ev_timer_stop(loop, timer);
}

void tcp_turn_init(struct tcp *tcp)
{
    tcp->turn_end = &tcp->turn;
    for (int what = 0; what < TCP_WAITS; what++)
        TAILQ_INIT(&tcp->waiting[what]);
    ev_prepare_init(&tcp->at_turn_end, at_turn_end);
    ev_set_priority(&tcp->at_turn_end, EV_MINPRI); /* behind whoever still writes before the loop blocks */
    tcp->at_turn_end.data = tcp;
    ev_prepare_start(tcp->loop, &tcp->at_turn_end);
    ev_timer_init(&tcp->next_turn, on_next_turn, 0, 0);
    ev_timer_init(&tcp->janitor, on_janitor, 0, janitor_seconds);
    tcp->janitor.data = tcp;
}

void tcp_turn_fini(struct tcp *tcp)
{
    ev_prepare_stop(tcp->loop, &tcp->at_turn_end);
    ev_timer_stop(tcp->loop, &tcp->next_turn);
    ev_timer_stop(tcp->loop, &tcp->janitor);
}
