/* tcp_listener_test.c - listening: taken ports, shared ports, addresses of all kinds, and open files that run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/tcp/stage.h"

static struct rlimit files_before; /* a test lowered the limit */

static int setup(void **state)
{
    struct stage *stage = stage_new(NULL, false);
    *state = stage;
    return stage->port > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    if (files_before.rlim_max)
        setrlimit(RLIMIT_NOFILE, &files_before);
    stage_free((struct stage **)state);
    return 0;
}

static struct listen_address address_of(const char *host, int port)
{
    struct listen_address address = { .is_on = true, .port = port };
    strcpy(address.host, host);
    return address;
}

static void taken_ports(void **state)
{
    struct stage *stage = *state;
    char error[256] = "", wanted[256];
    struct listen_address taken = address_of("127.0.0.1", stage->port);
    snprintf(wanted, sizeof wanted,
             "cannot listen on 127.0.0.1:%d: Address already in use: stop the other program or set listen.tcp",
             stage->port);
    assert_int_equal(tcp_listen(stage->tcp, &taken, false, false, error, sizeof error), -1);
    assert_string_equal(error, wanted);
    assert_int_equal(tcp_listen(stage->tcp, &taken, false, true, error, sizeof error), -1);
    assert_string_equal(error, wanted);
    assert_int_equal(tcp_probe(&taken, "listen.tcp", error, sizeof error), -1);
    assert_string_equal(error, wanted);
    tcp_stop_listening(stage->tcp);
    assert_int_equal(client_connect(stage->port), -1);
    assert_int_equal(tcp_probe(&taken, "listen.tcp", error, sizeof error), 0);
    assert_int_equal(tcp_listen(stage->tcp, &taken, false, false, error, sizeof error), stage->port);
}

/* Workers share a port; a probe tells another instance of ourselves from a free port. */
static void shared_ports(void **state)
{
    struct stage *one = *state, *two = stage_new(NULL, false);
    char error[256];
    struct listen_address any = address_of("127.0.0.1", 0);
    int fds[64];
    int port = tcp_listen(one->tcp, &any, false, true, error, sizeof error);
    assert_true(port > 0);
    struct listen_address same = address_of("127.0.0.1", port);
    assert_int_equal(tcp_listen(two->tcp, &same, false, true, error, sizeof error), port);
    assert_int_equal(tcp_probe(&same, "listen.tcp", error, sizeof error), -1);
    for (int i = 0; i < 64; i++)
        fds[i] = client_connect(port);
    TURN_UNTIL(one, (stage_turn(two), one->accepted + two->accepted == 64));
    assert_in_range(one->accepted, 8, 56);
    for (int i = 0; i < 64; i++)
        close(fds[i]);
    stage_free(&two);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool works = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return works;
}

static int connect_ipv6(int port)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6,
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                                    .sin6_port = htons((uint16_t)port) };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void addresses(void **state)
{
    static const struct {
        const char *host;
        bool takes_ipv4, takes_ipv6;
    } rows[] = { { "127.0.0.1", true, false },
                 { "0.0.0.0", true, false },
                 { "::1", false, true },
                 { "::", true, true },
                 { "localhost", true, false } };
    struct stage *stage = *state;
    char error[256] = "";
    if (!has_ipv6())
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct listen_address address = address_of(rows[i].host, 0);
        int port = tcp_listen(stage->tcp, &address, false, false, error, sizeof error);
        if (port < 0)
            fail_msg("%s", error);
        int before = stage->accepted, ipv4 = client_connect(port), ipv6 = connect_ipv6(port);
        assert_int_equal(ipv4 >= 0, rows[i].takes_ipv4);
        if (ipv4 >= 0) {
            TURN_UNTIL(stage, stage->accepted > before);
            if (ipv6 < 0)
                assert_true(strncmp(stage->first->connection->peer, "127.0.0.1:", 10) == 0);
        }
        if (strcmp(rows[i].host, "localhost") != 0) /* /etc/hosts decides */
            assert_int_equal(ipv6 >= 0, rows[i].takes_ipv6);
        if (ipv6 >= 0 && ipv4 < 0) {
            TURN_UNTIL(stage, stage->accepted > before);
            assert_true(strncmp(stage->first->connection->peer, "[::1]:", 6) == 0);
        }
        close(ipv4);
        close(ipv6);
    }
}

static void impossible_addresses(void **state)
{
    static const struct {
        const char *host;
        int port;
        bool is_direct;
        const char *said;
    } rows[] = {
        { "192.0.2.1", 5222, false,
          "cannot listen on 192.0.2.1:5222: Cannot assign requested address: set listen.tcp" },
        { "no such name", 5222, false, "cannot listen on no such name:5222: " },
        { "127.0.0.1", 0, true, "listen.tls needs a certificate: set tls.certificate and tls.key" },
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[256] = "";
        struct listen_address address = address_of(rows[i].host, rows[i].port);
        assert_int_equal(tcp_listen(stage->tcp, &address, rows[i].is_direct, false, error, sizeof error), -1);
        if (strncmp(error, rows[i].said, strlen(rows[i].said)) != 0)
            fail_msg("\"%s\" does not begin with \"%s\"", error, rows[i].said);
    }
}

/* -- open files -- */

/* Leaves this process so many files that can still be opened; some numbers may be taken by what it inherited. */
static void leave_files(int count)
{
    struct rlimit limit;
    int fds[16];
    for (int i = 0; i < count; i++)
        fds[i] = open("/dev/null", O_RDONLY);
    getrlimit(RLIMIT_NOFILE, &files_before);
    limit = files_before;
    limit.rlim_cur = (rlim_t)fds[count - 1] + 1;
    for (int i = 0; i < count; i++)
        close(fds[i]);
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void files_run_out(void **state)
{
    struct stage *stage = *state;
    struct buffer in = { 0 };
    int fds[8];
    stage_turn(stage); /* the loop has opened what it wants */
    leave_files(11);   /* eight clients, and three of them accepted */
    for (int i = 0; i < 8; i++)
        fds[i] = client_connect(stage->port);
    for (int i = 3; i < 8; i++) { /* turned away, not left waiting */
        int result = -1;
        TURN_UNTIL(stage, (result = client_read(fds[i], &in)) != -1);
        assert_int_equal(result, 0);
    }
    assert_int_equal(stage->accepted, 3);
    assert_int_equal(stage->metrics.value[METRIC_CONNECTIONS_REFUSED], 5);
    fflush(stage->log.out);
    char *line = strstr(stage->log_text, "error out_of_open_files connections=3");
    assert_non_null(line);
    assert_null(strstr(line + strlen("error out_of"), "out_of_open_files")); /* said once */

    for (int i = 0; i < 8; i++)
        close(fds[i]);
    TURN_UNTIL(stage, stage->closed == 3);
    fds[0] = client_connect(stage->port);
    TURN_UNTIL(stage, stage->accepted == 4);
    close(fds[0]);
    buffer_fini(&in);
}

/* Not even the reserve helps: accepting rests, and comes back by itself. */
static void files_run_out_altogether(void **state)
{
    struct stage *stage = *state;
    int fds[2];
    for (int i = 0; i < 2; i++)
        fds[i] = client_connect(stage->port);
    getrlimit(RLIMIT_NOFILE, &files_before);
    struct rlimit none = { 3, files_before.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    double cpu = (double)clock() / CLOCKS_PER_SEC;
    for (double until = ev_time() + 0.3; ev_time() < until;)
        stage_turn(stage);
    cpu = (double)clock() / CLOCKS_PER_SEC - cpu;
    assert_int_equal(stage->accepted, 0);
    setrlimit(RLIMIT_NOFILE, &files_before);
    TURN_UNTIL(stage, stage->accepted == 2);
    assert_true(cpu < 0.2);
    close(fds[0]);
    close(fds[1]);
}

static void open_files_are_raised(void **state)
{
    struct rlimit before, after;
    (void)state;
    getrlimit(RLIMIT_NOFILE, &before);
    struct rlimit low = { before.rlim_max / 2, before.rlim_max };
    setrlimit(RLIMIT_NOFILE, &low);
    unsigned raised = open_files_raise();
    getrlimit(RLIMIT_NOFILE, &after);
    assert_int_equal(raised, after.rlim_cur);
    assert_int_equal(raised, before.rlim_max < 1048576 ? before.rlim_max : 1048576);
    setrlimit(RLIMIT_NOFILE, &before);
}

#define LISTENER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTENER_TEST(taken_ports),           LISTENER_TEST(shared_ports),  LISTENER_TEST(addresses),
        LISTENER_TEST(impossible_addresses),  LISTENER_TEST(files_run_out), LISTENER_TEST(files_run_out_altogether),
        LISTENER_TEST(open_files_are_raised),
    };
    return cmocka_run_group_tests_name("tcp_listener", tests, NULL, NULL);
}
