/* tcp_test.c - plain connections: bytes in and out, batching, backpressure, pausing, every way to end, many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/tcp/stage.h"

static int setup(void **state)
{
    struct stage *stage = stage_new(NULL, false);
    *state = stage;
    return stage->port > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    stage_free((struct stage **)state);
    return 0;
}

/* A client whose connection the core knows. */
static int connect_told(struct stage *stage)
{
    int before = stage->accepted, fd = client_connect(stage->port);
    assert_true(fd >= 0);
    TURN_UNTIL(stage, stage->accepted == before + 1);
    return fd;
}

static void echoes(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    stage->on_bytes = echo;
    int fd = connect_told(stage);
    assert_int_equal(stage->first->connection->framing, FRAMING_TCP);
    assert_false(stage->first->connection->is_encrypted);
    assert_false(stage->first->connection->can_start_tls);
    assert_true(strncmp(stage->first->connection->peer, "127.0.0.1:", 10) == 0);
    client_write(fd, "<a/>");
    TURN_UNTIL(stage, (client_read(fd, &in), in.size == 4));
    client_write(fd, "<b/>");
    TURN_UNTIL(stage, (client_read(fd, &in), in.size == 8));
    assert_true(text_is(buffer_text(&in), "<a/><b/>"));
    assert_int_equal(stage->first->reads, 2);
    assert_int_equal(stage->first->connection->queued, 0);
    buffer_fini(&in);
    close(fd);
    TURN_UNTIL(stage, stage->closed == 1);
    assert_string_equal(stage->first->reason, "closed by peer");
}

static unsigned segments_received(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_data_segs_in;
}

/* With TCP_NODELAY every send() is a segment of its own: twenty writes in a turn must be one. */
static void writes_of_a_turn_leave_in_one_send(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    int fd = connect_told(stage);
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 20; i++)
            told_write(stage->first, "<message/>");
        assert_int_equal(stage->first->connection->queued, 200);
        TURN_UNTIL(stage, (client_read(fd, &in), in.size == 200u * (unsigned)round));
        assert_int_equal(segments_received(fd), round);
        assert_int_equal(stage->first->connection->queued, 0);
    }
    buffer_fini(&in);
    close(fd);
}

enum { BIG = 8 * 1024 * 1024 };

static void write_big(struct told *told)
{
    char *bytes = xmalloc(BIG);
    for (int i = 0; i < BIG; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    told->connection->ops->write(told->connection, bytes, BIG);
    free(bytes);
}

static void check_big(const struct buffer *in)
{
    assert_int_equal(in->size, BIG);
    for (int i = 0; i < BIG; i++) {
        if (in->data[i] != (char)(i * 7 + i / 251))
            fail_msg("byte %d is another", i);
    }
}

static void slow_reader(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    int fd = client_connect_slow(stage->port);
    TURN_UNTIL(stage, stage->accepted == 1);
    struct told *told = stage->first;
    write_big(told);
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
    uint32_t stuck = told->connection->queued;
    assert_in_range(stuck, BIG / 4, BIG);
    told->connection->ops->pause(told->connection);
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
    assert_int_equal(told->drained, 0);
    while (in.size < BIG) {
        size_t before = in.size;
        TURN_UNTIL(stage, (client_read(fd, &in), in.size > before));
        assert_int_equal(told->drained, told->connection->queued <= stuck / 2);
    }
    check_big(&in);
    assert_int_equal(told->drained, 1);
    assert_int_equal(told->connection->queued, 0);
    buffer_fini(&in);
    close(fd);
}

static void pause_in_callback(struct told *told, const char *data, size_t size)
{
    (void)data;
    (void)size;
    told->connection->ops->pause(told->connection);
}

static void pausing_stops_reading(void **state)
{
    struct stage *stage = *state;
    stage->on_bytes = pause_in_callback;
    int fd = connect_told(stage);
    struct told *told = stage->first;
    client_write(fd, "one");
    TURN_UNTIL(stage, told->in.size == 3);
    client_write(fd, "two");
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
    assert_int_equal(told->in.size, 3);
    told->connection->ops->resume(told->connection);
    told->connection->ops->resume(told->connection);
    TURN_UNTIL(stage, told->in.size == 6);
    told->connection->ops->pause(told->connection);
    client_write(fd, "three");
    close(fd);
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
    assert_int_equal(told->in.size, 6);
    assert_int_equal(stage->closed, 0);
    stage->on_bytes = NULL;
    told->connection->ops->resume(told->connection);
    TURN_UNTIL(stage, stage->closed == 1);
    assert_true(text_is(buffer_text(&told->in), "onetwothree"));
}

static void close_in_callback(struct told *told, const char *data, size_t size)
{
    (void)data;
    (void)size;
    write_big(told);
    told->connection->ops->close(told->connection);
    assert_int_equal(told->closed, 0);
    told_write(told, "behind the end");
}

static void closing_sends_everything_first(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    stage->on_bytes = close_in_callback;
    int fd = connect_told(stage);
    client_write(fd, "bye");
    TURN_UNTIL(stage, client_read(fd, &in) == 0);
    check_big(&in);
    assert_int_equal(stage->closed, 0); /* it waits for our end */
    client_write(fd, "what comes now is read and dropped");
    close(fd);
    TURN_UNTIL(stage, stage->closed == 1);
    assert_string_equal(stage->first->reason, "closed");
    assert_int_equal(stage->first->in.size, 3);
    buffer_fini(&in);
}

/* A peer that still sends when the error comes must be able to read it: no reset may overtake it. */
static void the_last_words_survive_what_the_peer_still_sends(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    int fd = connect_told(stage);
    told_write(stage->first, "<stream:error/>");
    stage->first->connection->ops->close(stage->first->connection);
    for (int i = 0; i < 50; i++) {
        client_write(fd, "<more/>");
        stage_turn(stage);
    }
    assert_int_equal(client_read(fd, &in), 0);
    assert_true(text_is(buffer_text(&in), "<stream:error/>"));
    buffer_fini(&in);
    close(fd);
    TURN_UNTIL(stage, stage->closed == 1);
}

static void peers_that_do_not_close_are_not_waited_for(void **state)
{
    struct stage *stage = *state;
    tcp_set_deadlines(stage->tcp, &(struct tcp_deadlines){ .handshake_ms = 50, .flush_ms = 300, .linger_ms = 100 });
    int fd = connect_told(stage);
    stage->first->connection->ops->close(stage->first->connection);
    TURN_UNTIL(stage, stage->closed == 1);
    assert_string_equal(stage->first->reason, "closed");
    close(fd);

    int stuck = client_connect_slow(stage->port);
    TURN_UNTIL(stage, stage->accepted == 2);
    write_big(stage->first);
    stage->first->connection->ops->close(stage->first->connection);
    TURN_UNTIL(stage, stage->closed == 2);
    assert_string_equal(stage->first->reason, "closed, the peer did not read the rest");
    close(stuck);
    assert_int_equal(tcp_connection_count(stage->tcp), 0);
}

static void resets(void **state)
{
    struct stage *stage = *state;
    int fd = connect_told(stage);
    client_write(fd, "before");
    TURN_UNTIL(stage, stage->first->in.size == 6);
    client_reset(fd);
    TURN_UNTIL(stage, stage->closed == 1);
    assert_string_equal(stage->first->reason, "reset");

    fd = connect_told(stage); /* while a big write waits */
    write_big(stage->first);
    for (int i = 0; i < 5; i++)
        stage_turn(stage);
    client_reset(fd);
    TURN_UNTIL(stage, stage->closed == 2);
    assert_string_equal(stage->first->reason, "reset");
}

static void half_closed_peers_get_the_answer(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    stage->on_bytes = echo;
    int fd = connect_told(stage);
    client_write(fd, "</stream:stream>");
    shutdown(fd, SHUT_WR);
    TURN_UNTIL(stage, stage->closed == 1);
    assert_string_equal(stage->first->reason, "closed by peer");
    assert_true(text_is(buffer_text(&stage->first->in), "</stream:stream>"));
    assert_int_equal(client_read(fd, &in), 0);
    assert_true(text_is(buffer_text(&in), "</stream:stream>"));
    buffer_fini(&in);
    close(fd);
}

static void refused_connections(void **state)
{
    static const char *const words[] = { NULL, "<stream:error/>" };
    struct stage *stage = *state;
    stage->refuses = true;
    for (int i = 0; i < 2; i++) {
        struct buffer in = { 0 };
        stage->says_at_refusal = words[i];
        int fd = client_connect(stage->port);
        TURN_UNTIL(stage, client_read(fd, &in) == 0);
        assert_true(text_is(buffer_text(&in), words[i] ? words[i] : ""));
        close(fd);
        buffer_fini(&in);
    }
    TURN_UNTIL(stage, tcp_connection_count(stage->tcp) == 0);
    assert_int_equal(stage->closed, 0);
}

static void write_more_when_drained(struct told *told)
{
    if (told->drained < 6) {
        write_big(told);
        told->connection->ops->pause(told->connection);
    }
}

/* A core that fills the queue again each time it is told to must not keep others from their turn. */
static void a_greedy_core_and_a_fast_reader(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    stage->on_drained = write_more_when_drained;
    int fd = connect_told(stage);
    write_big(stage->first);
    stage->first->connection->ops->pause(stage->first->connection);
    TURN_UNTIL(stage, (client_read(fd, &in), in.size == 6u * BIG));
    for (int i = 0; i < 5; i++)
        stage_turn(stage);
    assert_int_equal(stage->first->drained, 6);
    buffer_fini(&in);
    close(fd);
}

static void stop_loop(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

struct late_bus {
    struct stage *stage;
    double saw_close;
};

static void look_for_close(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct late_bus *bus = prepare->data;
    (void)loop;
    (void)events;
    if (bus->stage->closed && bus->saw_close == 0)
        bus->saw_close = ev_time();
}

/* A bus that sends at its own end of a turn has had it when on_closed comes: no sleep before the next. */
static void the_loop_does_not_sleep_on_what_callbacks_asked_for(void **state)
{
    struct stage *stage = *state;
    struct late_bus bus = { .stage = stage };
    struct ev_prepare prepare;
    struct ev_timer alarm;
    ev_prepare_init(&prepare, look_for_close);
    prepare.data = &bus;
    ev_prepare_start(stage->loop, &prepare);
    close(connect_told(stage));
    double start = ev_time();
    ev_timer_init(&alarm, stop_loop, 1, 0);
    ev_timer_start(stage->loop, &alarm);
    ev_run(stage->loop, 0);
    assert_in_range((int)((bus.saw_close - start) * 1000), 0, 500);
    ev_timer_stop(stage->loop, &alarm);
    ev_prepare_stop(stage->loop, &prepare);
}

static void freeing_reports_and_flushes(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    int fd = connect_told(stage), other = connect_told(stage);
    told_write(stage->first, "<system-shutdown/>");
    tcp_free(&stage->tcp);
    assert_int_equal(stage->closed, 2);
    assert_string_equal(stage->first->reason, "server stopped");
    assert_int_equal(client_read(other, &in), 0);
    assert_true(text_is(buffer_text(&in), "<system-shutdown/>"));
    buffer_fini(&in);
    close(fd);
    close(other);
}

static void a_thousand_connections(void **state)
{
    enum { COUNT = 1000 };
    static int fds[COUNT];
    struct stage *stage = *state;
    struct buffer in = { 0 };
    stage->on_bytes = echo;
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(stage->port);
        assert_true(fds[i] >= 0);
        client_write(fds[i], "<a/>");
        if (i % 100 == 99)
            TURN_UNTIL(stage, stage->accepted == i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        in.size = 0;
        TURN_UNTIL(stage, (client_read(fds[i], &in), in.size == 4));
    }
    assert_int_equal(tcp_connection_count(stage->tcp), COUNT);
    for (int i = 0; i < COUNT; i++) {
        if (i % 3 == 0)
            client_reset(fds[i]);
        else
            close(fds[i]);
    }
    TURN_UNTIL(stage, stage->closed == COUNT);
    assert_int_equal(tcp_connection_count(stage->tcp), 0);
    buffer_fini(&in);
}

#define TCP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TCP_TEST(echoes),
        TCP_TEST(writes_of_a_turn_leave_in_one_send),
        TCP_TEST(slow_reader),
        TCP_TEST(pausing_stops_reading),
        TCP_TEST(closing_sends_everything_first),
        TCP_TEST(the_last_words_survive_what_the_peer_still_sends),
        TCP_TEST(peers_that_do_not_close_are_not_waited_for),
        TCP_TEST(resets),
        TCP_TEST(half_closed_peers_get_the_answer),
        TCP_TEST(refused_connections),
        TCP_TEST(a_greedy_core_and_a_fast_reader),
        TCP_TEST(the_loop_does_not_sleep_on_what_callbacks_asked_for),
        TCP_TEST(freeing_reports_and_flushes),
        TCP_TEST(a_thousand_connections),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
