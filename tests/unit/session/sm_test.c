/* sm_test.c - stream management of a session (XEP-0198) on a stage: what is counted, noted, written, asked and given back. */
#include "stage.h"

#define SM "xmlns='urn:xmpp:sm:3'"
#define FIRST_MS 1100 /* longer than a client is left unasked */

static struct stage *stage;
static struct client *client;

static struct session *session(void)
{
    return stage->last_session;
}

/* A turn of the loop: what is asked in it is answered in the next. */
static void turn(void)
{
    sessions_turn(stage->sessions);
    if (!stage->is_held)
        stage_settle(stage);
}

static void open_stage(const char *set, const char *enable)
{
    stage = stage_new(set, NULL);
    stage->is_handling = true;
    stage_add_account(stage, "romeo@example.com", "secret");
    client = client_bound(stage, FRAMING_TCP, "romeo", "r");
    says(client, "%s", enable);
}

static void close_stage(void)
{
    client_free(client);
    stage_free(stage);
}

static void noted(const char *expected)
{
    buffer_append_char(&stage->notes, '\0');
    assert_string_equal(stage->notes.data, expected);
    stage->notes.size = 0;
}

static void test_features_and_order(void **state)
{
    (void)state;
    stage = stage_new("sm.resume_seconds=60", NULL);
    stage_add_account(stage, "romeo@example.com", "secret");
    client = client_open(stage, FRAMING_TCP);
    client_header(client);
    says(client, "<enable " SM "/>");
    hears(client, "<failed " SM "><unexpected-request xmlns='*'/></failed>");
    client_free(client);
    client = client_open(stage, FRAMING_TCP);
    client_log_in(client, "romeo", "secret");
    heard(client);
    says(client, "<enable " SM "/>");
    hears(client, "<failed " SM "><unexpected-request xmlns='*'/></failed>");
    client_bind(client, "r");
    heard(client);
    says(client, "<enable " SM "/>");
    hears(client, "<enabled " SM "/>");
    says(client, "<resume " SM " previd='x' h='0'/>");
    hears(client, "<failed " SM "><unexpected-request xmlns='*'/></failed>");
    says(client, "<enable " SM "/>");
    hears(client, "<failed " SM "><unexpected-request xmlns='*'/></failed><stream:error><policy-violation*");
    close_stage();
}

static void test_counting(void **state)
{
    (void)state;
    open_stage(NULL, "<enable " SM "/>");
    heard(client);
    says(client, "<r " SM "/>");
    hears(client, "<a " SM " h='0'/>");
    says(client, "<message to='a@b'><body>1</body></message><presence/><r " SM "/>");
    hears(client, "<a " SM " h='2'/>");

    stage->is_handling = false;
    says(client, "<message to='a@b'><body>3</body></message><message to='a@b'/><r " SM "/>");
    hears(client, "<a " SM " h='2'/>"); /* at once, with what holds now */
    session_handled(session(), 4);
    turn();
    hears(client, "");
    session_handled(session(), 3);
    turn();
    hears(client, "<a " SM " h='4'/>");
    turn();
    hears(client, "");
    says(client, "<message to='a@b'/>");
    session_handled(session(), 5);
    turn();
    hears(client, ""); /* nobody asked */
    close_stage();
}

/* A client that runs ahead of what is done is not read any more. */
static void test_open_stanzas_are_bounded(void **state)
{
    (void)state;
    open_stage(NULL, "<enable " SM "/>");
    turn();
    turn();
    stage->is_handling = false;
    for (int i = 0; i < 1023; i++)
        says(client, "<message to='a@b'/>");
    assert_false(client->is_paused);
    says(client, "<message to='a@b'/>");
    assert_true(client->is_paused);
    session_handled(session(), 1);
    turn();
    assert_false(client->is_paused);
    close_stage();
}

static void test_sending(void **state)
{
    (void)state;
    open_stage(NULL, "<enable " SM "/>");
    hears(client, "<enabled " SM "/>");
    session_send_xml(session(), TEXT("<message id='1'/>"));
    hears(client, ""); /* the client begins to count a moment after it has the answer */
    turn();
    turn();
    hears(client, "<message id='1'/>");
    session_send_logged(session(), TEXT("<message id='2'/>"), 41);
    hears(client, "<message id='2'/>");
    stage_pass(stage, FIRST_MS);
    hears(client, "<r " SM "/>");
    session_send_logged(session(), TEXT("<message id='3'/>"), 42);
    hears(client, "<message id='3'/>");
    stage_pass(stage, 2 * FIRST_MS);
    hears(client, ""); /* it was asked */
    says(client, "<a " SM " h='2'/>");
    assert_memory_equal(stage->delivered.data, "41 ", 3);
    stage_pass(stage, FIRST_MS);
    hears(client, "<r " SM "/>");
    says(client, "<a " SM " h='3'/>");
    stage_pass(stage, 2 * FIRST_MS);
    hears(client, "");
    for (int i = 0; i < 32; i++)
        session_send_xml(session(), TEXT("<message/>"));
    hears(client, "*<message/><r " SM "/>");
    close_stage();
}

static void test_h_is_checked(void **state)
{
    (void)state;
    open_stage(NULL, "<enable " SM "/>");
    turn();
    turn();
    session_send_xml(session(), TEXT("<message/>"));
    heard(client);
    says(client, "<a " SM " h='2'/>");
    hears(client, "<stream:error><undefined-condition xmlns='*'/><text*</text>"
                  "<handled-count-too-high " SM " h='2' send-count='1'/></stream:error></stream:stream>");
    close_stage();
    open_stage(NULL, "<enable " SM "/>");
    heard(client);
    says(client, "<a " SM "/>");
    hears(client, "<stream:error><policy-violation*");
    close_stage();
    open_stage(NULL, "<r " SM "/>");
    hears(client, "<stream:error><policy-violation*");
    close_stage();
}

static void test_never_acknowledges(void **state)
{
    (void)state;
    open_stage("limits.sm_queue=100", "<enable " SM "/>");
    turn();
    turn();
    for (int i = 0; i < 100; i++)
        session_send_xml(session(), TEXT("<iq id='1' type='get' from='a@b/c'><x xmlns='y'/></iq>"));
    assert_int_equal(stage->ended_count, 0);
    session_send_logged(session(), TEXT("<message/>"), 1);
    assert_int_equal(stage->ended_count, 0); /* nobody who writes finds it gone */
    stage_pass(stage, 100);
    hears(client, "*<stream:error><resource-constraint*");
    assert_int_equal(stage->ended_count, 1);
    size_t lines = 0;
    for (size_t i = 0; i < stage->undelivered.size; i++)
        lines += stage->undelivered.data[i] == '\n';
    assert_int_equal(lines, 100); /* what is logged, the log has */
    close_stage();
}

static void test_notes(void **state)
{
    (void)state;
    open_stage("sm.resume_seconds=60", "<enable " SM " resume='true' max='20'/>");
    hears(client, "<enabled " SM " resume='true' id='*' max='20'/>");
    turn();
    noted("start r 20000 note h=0 s=0\n");
    stage->is_held = true;
    session_send_xml(session(), TEXT("<iq id='1'/>"));
    session_send_logged(session(), TEXT("<message id='2'/>"), 7);
    session_send_logged(session(), TEXT("<message id='3'/>"), 8);
    turn();
    noted("note h=0 s=3 1:0*1<iq id='1'/> 2:7*2\n");
    session_send_logged(session(), TEXT("<message id='4'/>"), 9);
    turn();
    noted("note h=0 s=4 4:9*1\n");
    hears(client, ""); /* noted first, then written */
    stage_settle(stage);
    hears(client, "<iq id='1'/><message id='2'/><message id='3'/><message id='4'/>");

    says(client, "<message to='a@b'/><r " SM "/>");
    hears(client, "<a " SM " h='0'/>"); /* what Redis has */
    says(client, "<a " SM " h='2'/>"); /* a part of the second line is still needed */
    turn();
    noted("note h=1 s=4 -1\n");
    hears(client, "");
    stage_settle(stage);
    turn();
    hears(client, "<a " SM " h='1'/>");
    says(client, "<a " SM " h='4'/>");
    turn();
    noted("note h=1 s=4 -2 -4\n");
    assert_memory_equal(stage->delivered.data, "7 8 9 ", 6);
    stage_settle(stage);
    close_stage();
}

/* Taken over by another node: what that one cannot know of is handed over, when it is known what it knows. */
static void test_taken_over(void **state)
{
    (void)state;
    open_stage(NULL, "<enable " SM " resume='1'/>");
    turn();
    turn();
    session_send_xml(session(), TEXT("<iq id='1'/>"));
    turn();
    stage->is_held = true;
    session_send_xml(session(), TEXT("<iq id='2'/>"));
    turn(); /* in time */
    stage->note_result = 0;
    session_send_xml(session(), TEXT("<iq id='3'/>"));
    turn(); /* refused: it is the other's by now */
    session_send_xml(session(), TEXT("<iq id='4'/>"));
    session_drop(session(), "resumed by another connection");
    assert_int_equal(stage->undelivered.size, 0);
    stage_settle(stage);
    buffer_append_char(&stage->undelivered, '\0');
    assert_string_equal(stage->undelivered.data, "<iq id='3'/>\n<iq id='4'/>\n");
    close_stage();
}

/* A Redis that does not answer keeps nobody waiting; when it does again, the notes are written anew. */
static void test_broken_notes_are_mended(void **state)
{
    (void)state;
    open_stage(NULL, "<enable " SM " resume='1'/>");
    turn();
    stage->notes.size = 0;
    heard(client);
    stage->is_held = true;
    session_send_xml(session(), TEXT("<iq id='1'/>"));
    turn();
    hears(client, "");
    stage_pass(stage, 1500);
    hears(client, "<iq id='1'/>*");
    session_send_xml(session(), TEXT("<iq id='2'/>"));
    hears(client, "<iq id='2'/>*");
    stage->note_status = BUS_AWAY;
    stage->notes.size = 0;
    turn();
    noted("start r 300000 note h=0 s=2 1:0*1<iq id='1'/> 2:0*1<iq id='2'/>\n");
    stage_settle(stage);
    session_send_xml(session(), TEXT("<iq id='3'/>"));
    stage->note_status = BUS_OK;
    says(client, "<a " SM " h='1'/>");
    stage_pass(stage, 1500);
    heard(client);
    stage->notes.size = 0;
    turn();
    stage_settle(stage);
    noted("start r 300000 note h=0 s=3 2:0*1<iq id='2'/> 3:0*1<iq id='3'/>\n");
    session_send_xml(session(), TEXT("<iq id='4'/>"));
    turn();
    noted("note h=0 s=4 4:0*1<iq id='4'/>\n");
    hears(client, "");
    stage_settle(stage);
    hears(client, "<iq id='4'/>*");
    close_stage();
}

static void test_detached(void **state)
{
    (void)state;
    open_stage("sm.resume_seconds=60", "<enable " SM " resume='true'/>");
    turn();
    stage->notes.size = 0;
    session_send_xml(session(), TEXT("<iq id='1' type='get' from='a@b/c'><x xmlns='y'/></iq>"));
    turn();
    client_drop(client);
    assert_int_equal(stage->ended_count, 0);
    assert_non_null(sessions_find(stage->sessions, TEXT("romeo@example.com"), TEXT("r")));
    assert_int_equal(sessions_count(stage->sessions), 0);
    turn();
    session_send_logged(session(), TEXT("<message/>"), 5);
    turn();
    noted("note h=0 s=1 1:0*1<iq id='1' type='get' from='a@b/c'><x xmlns='y'/></iq>\ndetach r 60000\nnote h=0 s=2 2:5*1\n");
    stage_pass(stage, 59000);
    assert_int_equal(stage->ended_count, 0);
    stage_pass(stage, 2000);
    assert_int_equal(stage->ended_count, 1);
    assert_string_equal(stage->ended, "not resumed in time");
    assert_memory_equal(stage->undelivered.data, "<iq id='1' type='get' from='a@b/c'>", 35);
    turn();
    assert_null(sessions_find(stage->sessions, TEXT("romeo@example.com"), TEXT("r")));
    close_stage();
}

/* Closed by the client, or by a stream error: nothing to come back to. */
static void test_closed_streams_end(void **state)
{
    (void)state;
    open_stage(NULL, "<enable " SM " resume='true'/>");
    says(client, "</stream:stream>");
    client_drop(client);
    assert_int_equal(stage->ended_count, 1);
    close_stage();
    open_stage(NULL, "<enable " SM " resume='true'/>");
    says(client, "<nonsense/>");
    client_drop(client);
    assert_int_equal(stage->ended_count, 1);
    close_stage();
}

/* A silent client is asked by <r/>; when it stays silent, its connection is lost, not its session. */
static void test_silence(void **state)
{
    (void)state;
    open_stage("ping.interval=10", "<enable " SM " resume='true'/>");
    heard(client);
    stage_pass(stage, 10100);
    hears(client, "<r " SM "/>");
    says(client, "<a " SM " h='0'/>");
    stage_pass(stage, 10100);
    hears(client, "<r " SM "/>");
    stage_pass(stage, 31000);
    assert_true(client->wants_close);
    client_free(client);
    assert_int_equal(stage->ended_count, 0);
    stage_free(stage);
}

/* The node stops: told, but the row and the notes stay. */
static void test_left(void **state)
{
    (void)state;
    open_stage("sm.resume_seconds=60", "<enable " SM " resume='true'/>");
    turn();
    stage->notes.size = 0;
    session_send_logged(session(), TEXT("<message/>"), 5);
    sessions_stop_accepting(stage->sessions);
    sessions_end_all(stage->sessions, STREAM_ERROR_SYSTEM_SHUTDOWN, "stopping");
    stage_settle(stage);
    noted("note h=0 s=1 1:5*1\ndetach r 60000\n");
    hears(client, "*<stream:error><system-shutdown*");
    client_drop(client);
    turn();
    assert_int_equal(stage->ended_count, 0);
    assert_true(stage->rows[0].is_used);
    assert_int_equal(stage->subscriptions, 0);
    assert_true(sessions_are_unbound(stage->sessions));
    close_stage();
}

/* Redis was away when the connection was lost: it does not know yet that nobody is connected. */
static void test_left_after_an_outage(void **state)
{
    (void)state;
    open_stage("sm.resume_seconds=60", "<enable " SM " resume='true'/>");
    turn();
    stage->note_status = BUS_AWAY;
    client_drop(client);
    stage_settle(stage);
    turn();
    stage_pass(stage, 20000);
    stage->note_status = BUS_OK;
    stage->notes.size = 0;
    sessions_stop_accepting(stage->sessions);
    sessions_end_all(stage->sessions, STREAM_ERROR_SYSTEM_SHUTDOWN, "stopping");
    assert_false(sessions_are_unbound(stage->sessions));
    stage_settle(stage);
    noted("detach r 40000\n");
    turn();
    assert_int_equal(stage->ended_count, 0);
    assert_int_equal(stage->subscriptions, 0);
    assert_true(sessions_are_unbound(stage->sessions));
    close_stage();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features_and_order),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_open_stanzas_are_bounded),
        cmocka_unit_test(test_sending),
        cmocka_unit_test(test_h_is_checked),
        cmocka_unit_test(test_never_acknowledges),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_taken_over),
        cmocka_unit_test(test_broken_notes_are_mended),
        cmocka_unit_test(test_detached),
        cmocka_unit_test(test_closed_streams_end),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_left), cmocka_unit_test(test_left_after_an_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
