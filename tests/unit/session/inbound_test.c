/* inbound_test.c - stanzas of a bound session: what is stamped, answered, refused, and passed on. */
#include "stage.h"

static struct stage *stage_with_romeo(void)
{
    struct stage *stage = stage_new(NULL);
    stage_add_account(stage, "romeo@example.com", "secret");
    return stage;
}

static const char *seen(struct stage *stage)
{
    buffer_append_char(&stage->seen, '\0');
    stage->seen.size = 0;
    return stage->seen.data;
}

#define FROM " from='romeo@example.com/r'"
#define ERROR(id, condition) "*id='" id "'*type='error'><error type='*'><" condition " xmlns='*"

static void test_stanzas(void **state)
{
    (void)state;
    static const struct {
        const char *name, *stanza;
        const char *passed; /* what the router sees; "" when nothing */
        const char *answer; /* "" when none */
    } rows[] = {
        { "message", "<message to='a@example.com'><body>x</body></message>",
          "<message to='a@example.com'" FROM "><body>x</body></message>\n", "" },
        { "presence", "<presence/>", "<presence" FROM "/>\n", "" },
        { "from is the full address", "<presence from='romeo@example.com/r'/>",
          "<presence from='romeo@example.com/r'/>\n", "" },
        { "from is the bare address", "<presence from='romeo@example.com'/>",
          "<presence from='romeo@example.com/r'/>\n", "" },
        { "from is to be prepared", "<presence from='Romeo@EXAMPLE.com/r'/>",
          "<presence from='romeo@example.com/r'/>\n", "" },
        { "to is prepared", "<presence to='A@Example.COM/X'/>", "<presence to='a@example.com/X'" FROM "/>\n", "" },
        { "own language", "<message xml:lang='de'/>", "<message xml:lang='de'" FROM "/>\n", "" },
        { "to is nonsense", "<message to='@' id='1'/>", "", ERROR("1", "jid-malformed") },
        { "to is empty", "<message to='' id='1'/>", "", ERROR("1", "jid-malformed") },
        { "error to nonsense", "<message to='@' id='1' type='error'/>", "", "" },
        { "iq", "<iq type='get' id='1'><x xmlns='y'/></iq>", "<iq type='get' id='1'" FROM "><x xmlns='y'/></iq>\n",
          "" },
        { "iq result", "<iq type='result' id='1' to='a@example.com'/>",
          "<iq type='result' id='1' to='a@example.com'" FROM "/>\n", "" },
        { "iq error", "<iq type='error' id='1'><x xmlns='y'/><error/></iq>",
          "<iq type='error' id='1'" FROM "><x xmlns='y'/><error/></iq>\n", "" },
        { "iq without type", "<iq id='1'><x xmlns='y'/></iq>", "", ERROR("1", "bad-request") },
        { "iq of unknown type", "<iq id='1' type='what'><x xmlns='y'/></iq>", "", ERROR("1", "bad-request") },
        { "iq without id", "<iq type='get'><x xmlns='y'/></iq>", "", "*<bad-request*" },
        { "iq of two payloads", "<iq type='get' id='1'><x xmlns='y'/><x xmlns='y'/></iq>", "",
          ERROR("1", "bad-request") },
        { "iq of no payload", "<iq type='set' id='1'/>", "", ERROR("1", "bad-request") },
        { "result without id", "<iq type='result'/>", "", "" },
        { "result of two payloads", "<iq type='result' id='1'><x xmlns='y'/><x xmlns='y'/></iq>", "", "" },
        { "old login now", "<iq type='get' id='1'><query xmlns='jabber:iq:auth'/></iq>",
          "<iq type='get' id='1'" FROM "><query xmlns='jabber:iq:auth'/></iq>\n", "" },
        { "binding for another", "<iq type='set' id='1' to='a@example.com'><bind xmlns='" XMLNS_BIND "'/></iq>",
          "<iq type='set' id='1' to='a@example.com'" FROM "><bind xmlns='" XMLNS_BIND "'/></iq>\n", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo();
        struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "r");
        print_message("%s\n", rows[i].name);
        says(client, "%s", rows[i].stanza);
        assert_string_equal(seen(stage), rows[i].passed);
        hears(client, rows[i].answer);
        assert_false(client->wants_close);
        assert_int_equal(stage->metrics.value[METRIC_STANZAS_IN], 1);
        assert_int_equal(stage->metrics.value[METRIC_STANZA_ERRORS], rows[i].answer[0] != '\0');
        client_free(client);
        stage_free(stage);
    }
}

static void test_stream_errors(void **state)
{
    (void)state;
    static const struct {
        const char *element, *condition;
    } rows[] = {
        { "<message from='juliet@example.com'/>", "invalid-from" },
        { "<message from='romeo@example.com/other'/>", "invalid-from" },
        { "<message from='romeo@example.com/R'/>", "invalid-from" },
        { "<message from='@'/>", "invalid-from" },
        { "<message from=''/>", "invalid-from" },
        { "<message xmlns='jabber:server'/>", "invalid-namespace" },
        { "<what/>", "unsupported-stanza-type" },
        { "<what xmlns='else'/>", "unsupported-stanza-type" },
        { "<auth xmlns='" XMLNS_SASL "' mechanism='PLAIN'/>", "policy-violation" },
        { "<starttls xmlns='" XMLNS_TLS "'/>", "policy-violation" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo();
        struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "r");
        char pattern[256];
        says(client, "%s<presence/>", rows[i].element);
        snprintf(pattern, sizeof pattern, "<stream:error><%s xmlns='*</stream:stream>", rows[i].condition);
        hears(client, pattern);
        assert_string_equal(seen(stage), "");
        assert_int_equal(strncmp(stage->ended, rows[i].condition, strlen(rows[i].condition)), 0);
        client_free(client);
        stage_free(stage);
    }
}

/* limits.login_bytes before the login, limits.stanza_bytes after it. */
static void test_sizes(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo();
    char body[7001];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    for (int is_bound = 0; is_bound < 2; is_bound++) {
        struct client *client =
            is_bound ? client_bound(stage, FRAMING_TCP, "romeo", "r") : client_open(stage, FRAMING_TCP);
        if (!is_bound)
            client_header(client);
        says(client, "<message><body>%s", body);
        says(client, "%s</body></message>", body);
        hears(client, is_bound ? "" : "<stream:error><policy-violation*</stream:stream>");
        assert_int_equal(stage->seen.size > 14000, is_bound);
        client_free(client);
    }
    stage_free(stage);
}

/* RFC 6120 8.1.5: the stream's language is that of a stanza without one. */
static void test_lang(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo();
    struct client *client = client_open(stage, FRAMING_TCP);
    client_log_in(client, "romeo", "secret");
    client_free(client);
    client = client_open(stage, FRAMING_TCP);
    client_header(client);
    client_says_plain(client, "romeo", "secret");
    says(client, "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM
                 "' to='example.com' version='1.0' xml:lang='fi'>");
    client_bind(client, "r");
    says(client, "<message/><message xml:lang='sv'/>");
    assert_string_equal(seen(stage), "<message" FROM " xml:lang='fi'/>\n<message xml:lang='sv'" FROM "/>\n");
    assert_true(text_is(session_lang(stage->last_session), "fi"));
    client_free(client);
    stage_free(stage);
}

static void test_websocket(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo();
    struct client *client = client_bound(stage, FRAMING_WEBSOCKET, "romeo", "r");
    says(client, "<message xmlns='jabber:client' to='a@example.com'/>");
    assert_string_equal(seen(stage), "<message to='a@example.com'" FROM "/>\n");
    says(client, "<message xmlns='jabber:client' to='@' id='1'/>");
    hears(client, "<message xmlns='jabber:client' from='@' to='romeo@example.com/r' id='1' type='error'>*</message>");
    says(client, "<message to='a@example.com'/>"); /* no namespace: nothing is in scope (RFC 7395 3.3.3) */
    hears(client, "<stream:error xmlns:stream='*<invalid-namespace*</stream:error>\n<close*/>");
    client_free(client);
    stage_free(stage);
}

static void test_send(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo();
    struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "r");
    struct stanza *stanza = stanza_make("presence", XMLNS_CLIENT);
    int64_t bytes = stage->metrics.value[METRIC_BYTES_OUT], stanzas = stage->metrics.value[METRIC_STANZAS_OUT];
    session_send(stage->last_session, stanza);
    session_send_xml(stage->last_session, TEXT("<message/>"));
    hears(client, "<presence/><message/>");
    assert_int_equal(stage->metrics.value[METRIC_BYTES_OUT], bytes + 21);
    assert_int_equal(stage->metrics.value[METRIC_STANZAS_OUT], stanzas + 2);
    session_end(stage->last_session, STREAM_ERROR_RESET, NULL);
    session_end(stage->last_session, STREAM_ERROR_CONFLICT, "twice");
    hears(client, "<stream:error><reset xmlns='" XMLNS_STREAM_ERRORS "'/></stream:error></stream:stream>");
    session_send(stage->last_session, stanza); /* too late, and harmless */
    session_send_xml(stage->last_session, TEXT("<message/>"));
    hears(client, "");
    assert_int_equal(stage->ended_count, 1);
    stanza_free(&stanza);
    client_free(client);
    stage_free(stage);
}

static void count_session(void *ctx, struct session *session)
{
    (void)session;
    ++*(unsigned *)ctx;
}

static void end_session(void *ctx, struct session *session)
{
    (void)ctx;
    session_end(session, STREAM_ERROR_RESET, NULL);
}

static void test_each(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo();
    struct client *clients[3];
    static const char *const resources[] = { "a", "b", "c" };
    unsigned count = 0;
    for (int i = 0; i < 3; i++)
        clients[i] = client_bound(stage, FRAMING_TCP, "romeo", resources[i]);
    struct client *fresh = client_open(stage, FRAMING_TCP);
    sessions_each(stage->sessions, count_session, &count);
    assert_int_equal(count, 3);
    assert_int_equal(sessions_count(stage->sessions), 4);
    sessions_each(stage->sessions, end_session, NULL); /* while the table is walked */
    assert_int_equal(stage->ended_count, 3);
    sessions_end_all(stage->sessions, STREAM_ERROR_SYSTEM_SHUTDOWN, "bye");
    hears(fresh, "<?xml*<system-shutdown*</stream:stream>");
    for (int i = 0; i < 3; i++)
        client_free(clients[i]);
    client_free(fresh);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stanzas),   cmocka_unit_test(test_stream_errors), cmocka_unit_test(test_lang),
        cmocka_unit_test(test_websocket), cmocka_unit_test(test_send),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
