/* alive_test.c - time and amounts: slow clients, pings, clients that do not read, pauses, how many are let in. */
#include "gateway/session/session_state.h"
#include "stage.h"

static struct stage *stage_with_romeo(const char *set, const char *other)
{
    struct stage *stage = stage_new(set, other, NULL);
    stage_add_account(stage, "romeo@example.com", "secret");
    return stage;
}

#define PING \
    "<iq from='example.com' to='romeo@example.com/r' id='server-ping' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
#define TIMEOUT "<stream:error><connection-timeout xmlns='" XMLNS_STREAM_ERRORS "'/>*</stream:error></stream:stream>"

/* A byte now and then does not keep a login open. */
static void test_slow_login(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.login_seconds=10", NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    for (int i = 0; i < 19; i++) {
        says(client, "%c", "<stream:stream xmlns"[i]);
        stage_pass(stage, 500);
    }
    hears(client, "");
    stage_pass(stage, 600);
    hears(client, "<?xml*" TIMEOUT);
    assert_true(client->wants_close);
    client_free(client);

    client = client_open(stage, FRAMING_TCP); /* logged in, but not bound */
    client_log_in(client, "romeo", "secret");
    stage_pass(stage, 10100);
    hears(client, TIMEOUT);
    client_free(client);

    client = client_bound(stage, FRAMING_TCP, "romeo", "r");
    stage_pass(stage, 60000);
    hears(client, "");
    client_free(client);
    stage_free(stage);
}

static void test_ping(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("ping.interval=60", "ping.timeout=10");
    struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "r");
    stage_pass(stage, 40000);
    says(client, " "); /* white space is a sign of life */
    stage_pass(stage, 59000);
    hears(client, "");
    stage_pass(stage, 1100);
    hears(client, PING);
    stage_pass(stage, 9000);
    says(client, "<iq to='example.com' id='server-ping' type='result'/>");
    assert_int_equal(stage->seen.size, 0); /* nobody else's business */
    stage_pass(stage, 58000);
    hears(client, "");
    stage_pass(stage, 2100);
    hears(client, PING);
    says(client, "<iq id='server-ping' type='error'><error type='cancel'/></iq>"); /* knows no pings, but lives */
    stage_pass(stage, 59900);
    hears(client, "");
    stage_pass(stage, 200);
    hears(client, PING);
    stage_pass(stage, 10100);
    hears(client, TIMEOUT);
    assert_string_equal(stage->ended, "connection-timeout: no answer to a ping");
    client_free(client);
    stage_free(stage);
}

static void test_ping_websocket(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("ping.interval=60", NULL);
    struct client *client = client_bound(stage, FRAMING_WEBSOCKET, "romeo", "r");
    stage_pass(stage, 60100);
    hears(client, "<iq xmlns='jabber:client' from='example.com' *<ping xmlns='urn:xmpp:ping'/></iq>");
    client_free(client);
    stage_free(stage);
}

/* The parser is given back after some seconds; a stanza later, or one that was half there, is read all the same. */
static void test_sleep(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL, NULL);
    struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "r");
    for (int i = 0; i < 3; i++) {
        assert_false(stage->last_session->is_asleep);
        stage_pass(stage, 6000);
        assert_true(stage->last_session->is_asleep);
        says(client, "<message to='a@example.com'><body>%d", i);
        stage_pass(stage, 6000);
        says(client, "</body></message>");
    }
    buffer_append_char(&stage->seen, '\0');
    assert_string_equal(stage->seen.data,
                        "<message to='a@example.com' from='romeo@example.com/r'><body>0</body></message>\n"
                        "<message to='a@example.com' from='romeo@example.com/r'><body>1</body></message>\n"
                        "<message to='a@example.com' from='romeo@example.com/r'><body>2</body></message>\n");
    client_free(client);
    stage_free(stage);
}

/* -- a client that does not read -- */

static struct client *stalled(struct stage *stage)
{
    struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "r");
    client->queued_per_write = 160000;
    session_send_xml(stage->last_session, TEXT("<message/>"));
    assert_false(client->is_paused);
    session_send_xml(stage->last_session, TEXT("<message/>"));
    assert_true(client->is_paused); /* 320,000 of 262,144 */
    return client;
}

static void test_stall_ends(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.client_queue=262144", "limits.client_stall=10");
    struct client *client = stalled(stage);
    stage_pass(stage, 9900);
    hears(client, "<message/><message/>");
    stage_pass(stage, 200);
    hears(client, "<stream:error><resource-constraint*</stream:stream>");
    assert_true(client->wants_close);
    assert_int_equal(stage->metrics.value[METRIC_CLIENT_QUEUE_OVERFLOWS], 1);
    client_free(client);
    stage_free(stage);
}

static void test_stall_drains(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.client_queue=262144", "limits.client_stall=10");
    struct client *client = stalled(stage);
    stage_pass(stage, 5000);
    client->connection.queued = 100000;
    sessions_connection_callbacks.on_drained(stage->sessions, &client->connection);
    assert_false(client->is_paused);
    heard(client);
    stage_pass(stage, 20000);
    hears(client, "");
    assert_false(client->wants_close);
    assert_int_equal(stage->metrics.value[METRIC_CLIENT_QUEUE_OVERFLOWS], 0);
    client_free(client);
    stage_free(stage);
}

static void test_overflow(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.client_queue=262144", NULL);
    struct client *client = stalled(stage);
    session_send_xml(stage->last_session, TEXT("<message/>"));
    assert_false(client->wants_close);
    session_send_xml(stage->last_session, TEXT("<message/>")); /* 640,000 */
    session_send_xml(stage->last_session, TEXT("<message/>")); /* is not written any more */
    assert_false(client->wants_close);                         /* nobody who writes finds it gone */
    stage_pass(stage, 100);
    hears(client, "<message/><message/><message/><message/><stream:error><resource-constraint*</stream:stream>");
    assert_true(client->wants_close);
    assert_int_equal(stage->metrics.value[METRIC_CLIENT_QUEUE_OVERFLOWS], 1);
    assert_int_equal(stage->ended_count, 1);
    client_free(client);
    stage_free(stage);
}

/* A queue that is full during the login has nothing to restart any more. */
static void test_overflow_at_success(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.client_queue=262144", NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    client_header(client);
    client->queued_per_write = 600000;
    client_says_plain(client, "romeo", "secret");
    stage_pass(stage, 100);
    assert_true(client->wants_close);
    client_free(client);
    client = client_open(stage, FRAMING_TCP);
    client_header(client);
    client->queued_per_write = 600000;
    says(client, "<starttls xmlns='" XMLNS_TLS "'/>");
    stage_pass(stage, 100);
    assert_true(client->wants_close);
    assert_false(client->has_started_tls);
    client_free(client);
    stage_free(stage);
}

/* -- Redis is full -- */

static void test_pause_reading(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("ping.interval=5", "ping.timeout=1");
    struct client *bound = client_bound(stage, FRAMING_TCP, "romeo", "r"), *fresh[40];
    for (int i = 0; i < 40; i++)
        fresh[i] = client_open(stage, FRAMING_TCP);
    sessions_pause_reading(stage->sessions);
    sessions_pause_reading(stage->sessions);
    struct client *late = client_open(stage, FRAMING_TCP);
    assert_true(bound->is_paused && late->is_paused && fresh[0]->is_paused && fresh[39]->is_paused);
    says(bound, "<presence/>"); /* was under way */
    assert_int_equal(stage->seen.size, 0);
    stage_pass(stage, 20000); /* who is not read is not blamed for its silence */
    assert_false(bound->wants_close);
    hears(bound, "");

    sessions_resume_reading(stage->sessions);
    stage_pass(stage, 500);
    unsigned resumed = 0;
    for (int i = 0; i < 40; i++)
        resumed += !fresh[i]->is_paused;
    assert_in_range(resumed, 10, 35); /* spread over about a second */
    for (int i = 0; i < 40; i++) {    /* among them the one that would be next */
        if (i > 0 && fresh[i]->is_paused) {
            client_free(fresh[i]);
            fresh[i] = NULL;
        }
    }
    stage_pass(stage, 50);
    sessions_pause_reading(stage->sessions);
    assert_true(fresh[0]->is_paused && fresh[39]->is_paused);
    sessions_resume_reading(stage->sessions);
    stage_pass(stage, 1200);
    assert_false(bound->is_paused || late->is_paused || fresh[0]->is_paused || fresh[39]->is_paused);
    assert_true(stage->seen.size > 0);
    for (int i = 0; i < 40; i++)
        if (fresh[i])
            client_free(fresh[i]);
    client_free(bound);
    client_free(late);
    stage_free(stage);
}

/* Two reasons not to read: both have to go. */
static void test_two_pauses(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.client_queue=262144", NULL);
    struct client *client = stalled(stage);
    sessions_pause_reading(stage->sessions);
    client->connection.queued = 0;
    sessions_connection_callbacks.on_drained(stage->sessions, &client->connection);
    assert_true(client->is_paused);
    sessions_resume_reading(stage->sessions);
    stage_pass(stage, 1200);
    assert_false(client->is_paused);
    client_free(client);
    stage_free(stage);
}

/* -- who is let in -- */

#define REFUSED(condition) \
    "<?xml*<stream:error><" condition " xmlns='" XMLNS_STREAM_ERRORS "'/>*</stream:error></stream:stream>"

static void test_limits_of_connections(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.connections=3", "limits.connections_per_address=2");
    struct client *one = client_open_from(stage, FRAMING_TCP, "192.0.2.1:1"),
                  *two = client_open_from(stage, FRAMING_TCP, "192.0.2.1:2");
    struct client *three = client_open_from(stage, FRAMING_TCP, "192.0.2.1:3");
    assert_true(three->is_refused);
    hears(three, REFUSED("resource-constraint"));
    assert_null(three->connection.session);
    client_free(three);
    client_free(two);
    three = client_open_from(stage, FRAMING_WEBSOCKET, "192.0.2.1:3");
    assert_false(three->is_refused);
    two = client_open_from(stage, FRAMING_TCP, "192.0.2.2:1");
    assert_false(two->is_refused);
    struct client *four = client_open_from(stage, FRAMING_WEBSOCKET, "192.0.2.3:1");
    assert_true(four->is_refused);
    hears(four, "<open*/>\n<stream:error*<resource-constraint*</stream:error>\n<close*/>");
    assert_int_equal(stage->metrics.value[METRIC_CONNECTIONS_REFUSED], 2);
    assert_int_equal(stage->metrics.value[METRIC_CONNECTIONS_ACCEPTED], 4);
    assert_int_equal(stage->metrics.value[METRIC_CONNECTIONS], 3);

    client_free(two);
    sessions_stop_accepting(stage->sessions);
    two = client_open(stage, FRAMING_TCP);
    assert_true(two->is_refused);
    hears(two, REFUSED("system-shutdown"));
    client_free(one);
    client_free(two);
    client_free(three);
    client_free(four);
    assert_int_equal(stage->metrics.value[METRIC_CONNECTIONS], 0);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_login),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_ping_websocket),
        cmocka_unit_test(test_sleep),
        cmocka_unit_test(test_stall_ends),
        cmocka_unit_test(test_stall_drains),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_overflow_at_success),
        cmocka_unit_test(test_pause_reading),
        cmocka_unit_test(test_two_pauses),
        cmocka_unit_test(test_limits_of_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
