/* binding_test.c - resource binding (RFC 6120 7): order of the steps, resources, conflicts, refusals. */
#include "stage.h"

#define RESULT(jid) "<iq id='b' type='result'><bind xmlns='" XMLNS_BIND "'><jid>" jid "</jid></bind></iq>"
#define IQ_ERROR(condition) \
    "<iq id='b' type='error'><error type='*'><" condition " xmlns='" XMLNS_STANZA_ERRORS "'/>*</error></iq>"
#define CONFLICT "<stream:error><conflict xmlns='" XMLNS_STREAM_ERRORS "'/>*</stream:error></stream:stream>"

static struct stage *stage_with_romeo(const char *set)
{
    struct stage *stage = stage_new(set, NULL);
    stage_add_account(stage, "romeo@example.com", "secret");
    return stage;
}

static struct client *logged_in(struct stage *stage)
{
    struct client *client = client_open(stage, FRAMING_TCP);
    client_log_in(client, "romeo", "secret");
    return client;
}

static void test_order(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = logged_in(stage);
    stage->is_held = stage->is_stepping = true;
    client_bind(client, "balcony");
    assert_string_equal(stage->last_channel, "xmpp:to:{romeo@example.com}");
    assert_string_equal(stage->steps, "subscribe ");
    assert_true(client->is_paused);
    stage_settle(stage);
    assert_string_equal(stage->steps, "subscribe bind ");
    hears(client, "");
    assert_null(sessions_find(stage->sessions, TEXT("romeo@example.com"), TEXT("balcony")));
    stage_settle(stage);
    hears(client, RESULT("romeo@example.com/balcony"));
    assert_false(client->is_paused);
    assert_int_equal(stage->bound_count, 1);
    assert_ptr_equal(sessions_find(stage->sessions, TEXT("romeo@example.com"), TEXT("balcony")), stage->last_session);
    assert_null(sessions_find(stage->sessions, TEXT("romeo@example.com"), TEXT("street")));
    assert_int_equal(stage->metrics.value[METRIC_SESSIONS], 1);

    says(client, "</stream:stream>");
    hears(client, "</stream:stream>");
    assert_string_equal(stage->steps, "subscribe bind remove ");
    assert_int_equal(stage->ended_count, 1);
    client_drop(client); /* the session waits for its answer without a connection */
    assert_int_equal(sessions_count(stage->sessions), 0);
    assert_int_equal(stage->metrics.value[METRIC_SESSIONS], 0);
    stage_settle(stage);
    assert_string_equal(stage->steps, "subscribe bind remove unsubscribe ");
    assert_string_equal(stage->last_channel, "xmpp:to:{romeo@example.com}");
    client_free(client);
    stage_free(stage);
}

static void test_resources(void **state)
{
    (void)state;
    static const struct {
        const char *name, *iq, *answer;
    } rows[] = {
        { "chosen by the client",
          "<iq type='set' id='b'><bind xmlns='" XMLNS_BIND "'><resource>balcony</resource></bind></iq>",
          RESULT("romeo@example.com/balcony") },
        { "prepared",
          "<iq type='set' id='b'><bind xmlns='" XMLNS_BIND "'><resource>a\xc2\xa0"
          "b</resource></bind></iq>",
          RESULT("romeo@example.com/a b") },
        { "to be escaped",
          "<iq type='set' id='b'><bind xmlns='" XMLNS_BIND "'><resource>&lt;&amp;&apos;</resource></bind></iq>",
          RESULT("romeo@example.com/&lt;&amp;'") },
        { "chosen by the server", "<iq type='set' id='b'><bind xmlns='" XMLNS_BIND "'/></iq>",
          RESULT("romeo@example.com/[a-z2-7]*[a-z2-7]") },
        { "empty", "<iq type='set' id='b'><bind xmlns='" XMLNS_BIND "'><resource/></bind></iq>",
          RESULT("romeo@example.com/[a-z2-7]*[a-z2-7]") },
        { "to the server",
          "<iq type='set' id='b' to='example.com'><bind xmlns='" XMLNS_BIND "'><resource>x</resource></bind></iq>",
          "<iq from='example.com' id='b' type='result'>*</iq>" },
        { "not preparable", "<iq type='set' id='b'><bind xmlns='" XMLNS_BIND "'><resource>a\tb</resource></bind></iq>",
          IQ_ERROR("bad-request") },
        { "a get", "<iq type='get' id='b'><bind xmlns='" XMLNS_BIND "'/></iq>", IQ_ERROR("bad-request") },
        { "without id", "<iq type='set'><bind xmlns='" XMLNS_BIND "'/></iq>", "<iq type='error'>*<bad-request*</iq>" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = logged_in(stage);
        print_message("%s\n", rows[i].name);
        says(client, "%s", rows[i].iq);
        hears(client, rows[i].answer);
        assert_false(client->wants_close);
        if (!stage->bound_count) { /* refused: it may try again */
            client_bind(client, "again");
            hears(client, RESULT("romeo@example.com/again"));
        }
        client_free(client);
        stage_free(stage);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = logged_in(stage);
    char resource[JID_PART_MAX + 2];
    memset(resource, 'x', sizeof resource - 1);
    resource[JID_PART_MAX + 1] = '\0';
    client_bind(client, resource);
    hears(client, IQ_ERROR("bad-request"));
    resource[JID_PART_MAX] = '\0';
    client_bind(client, resource);
    hears(client, "<iq id='b' type='result'>*");
    assert_non_null(sessions_find(stage->sessions, TEXT("romeo@example.com"), text_of(resource)));
    client_free(client);
    stage_free(stage);
}

static void test_before_binding(void **state)
{
    (void)state;
    static const struct {
        const char *element, *condition;
    } rows[] = {
        { "<message to='romeo@example.com'/>", "not-authorized" },
        { "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", "not-authorized" },
        { "<iq type='set' id='1'><session xmlns='" XMLNS_SESSION "'/></iq>", "not-authorized" },
        { "<iq type='set' id='1'><query xmlns='jabber:iq:auth'/></iq>", "not-authorized" },
        { "<what xmlns='else'/>", "unsupported-stanza-type" },
        { "<iq xmlns='jabber:server' type='set' id='1'/>", "invalid-namespace" },
        { "<starttls xmlns='" XMLNS_TLS "'/>", "policy-violation" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo("auth.legacy=on");
        struct client *client = logged_in(stage);
        char pattern[256];
        says(client, "%s", rows[i].element);
        snprintf(pattern, sizeof pattern, "<stream:error><%s xmlns='*</stream:stream>", rows[i].condition);
        hears(client, pattern);
        client_free(client);
        stage_free(stage);
    }
}

static void test_second_binding(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "one");
    client_bind(client, "two");
    hears(client, "<iq to='romeo@example.com/one' id='b' type='error'><error type='cancel'><not-allowed*</iq>");
    says(client, "<iq type='set' id='s'><session xmlns='" XMLNS_SESSION "'/></iq>");
    hears(client, "<iq to='romeo@example.com/one' id='s' type='result'/>");
    says(client, "<iq type='set' id='s' to='example.com'><session xmlns='" XMLNS_SESSION "'/></iq>");
    hears(client, "<iq from='example.com' to='romeo@example.com/one' id='s' type='result'/>");
    assert_int_equal(stage->seen.size, 0);
    client_free(client);
    stage_free(stage);
}

/* RFC 6120 7.7.2.2: the newer one stays. */
static void test_replaced_here(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *old = client_bound(stage, FRAMING_TCP, "romeo", "same");
    struct session *old_session = stage->last_session;
    struct client *new = client_bound(stage, FRAMING_TCP, "romeo", "same");
    hears(old, CONFLICT);
    assert_true(old->wants_close);
    assert_ptr_not_equal(stage->last_session, old_session);
    assert_ptr_equal(sessions_find(stage->sessions, TEXT("romeo@example.com"), TEXT("same")), stage->last_session);
    assert_int_equal(stage->ended_count, 1);
    client_free(old);
    assert_int_equal(stage->subscriptions, 1); /* the new one's */
    assert_true(stage->rows[0].is_used);       /* the old one's removal left it alone */
    assert_string_equal(stage->replaced, "");
    assert_int_equal(stage->metrics.value[METRIC_SESSIONS], 1);
    client_free(new);
    stage_free(stage);
}

static void test_replaced_elsewhere(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    stage->rows[0] = (struct stage_row){ true, "romeo@example.com", "same", "there", 4711 };
    struct client *client = client_bound(stage, FRAMING_TCP, "romeo", "same");
    assert_string_equal(stage->replaced, "there 4711 romeo@example.com same");
    client_free(client);
    stage_free(stage);
}

static void test_too_many(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.sessions_per_account=2");
    struct client *one = client_bound(stage, FRAMING_TCP, "romeo", "one");
    struct client *two = client_bound(stage, FRAMING_TCP, "romeo", "two");
    struct client *three = logged_in(stage);
    client_bind(three, "three");
    hears(three, IQ_ERROR("resource-constraint"));
    assert_int_equal(stage->subscriptions, 2);
    client_free(one);
    stage_settle(stage);
    client_bind(three, "three");
    hears(three, RESULT("romeo@example.com/three"));
    client_free(two);
    client_free(three);
    stage_free(stage);
}

/* Away: nothing is known, so what may have been written is taken back. */
static void test_away(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = logged_in(stage);
    stage->subscribe_status = BUS_AWAY;
    client_bind(client, "r");
    hears(client, IQ_ERROR("resource-constraint"));
    assert_string_equal(stage->steps, "subscribe unsubscribe ");
    stage->subscribe_status = BUS_OK;
    stage->bind_status = BUS_AWAY;
    stage->steps[0] = '\0';
    client_bind(client, "r");
    hears(client, IQ_ERROR("resource-constraint"));
    assert_string_equal(stage->steps, "subscribe bind remove unsubscribe ");
    assert_false(stage->rows[0].is_used);
    assert_false(client->is_paused);
    stage->bind_status = BUS_OK;
    client_bind(client, "r");
    hears(client, RESULT("romeo@example.com/r"));
    client_free(client);
    stage_free(stage);
}

/* Blocked between the login and the binding. */
static void test_blocked_before_binding(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = logged_in(stage);
    stage->accounts[0].account.generation++;
    client_bind(client, "r");
    hears(client, "<stream:error><not-authorized xmlns='" XMLNS_STREAM_ERRORS "'/>*not valid any more*</stream:stream>");
    assert_string_equal(stage->steps, "subscribe bind unsubscribe ");
    client_free(client);
    stage_free(stage);
}

/* All sessions of the account but the one that stays, bound or not; nobody else's. */
static void test_blocked(void **state)
{
    (void)state;
    static const struct {
        const char *why, *condition;
    } rows[] = {
        { "password", "reset" },  { "disabled", "not-authorized" }, { "revoked", "reset" },
        { "deleted", "not-authorized" }, { "kicked", "policy-violation" }, { "what a newer node says", "reset" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *unbound = logged_in(stage), *bound, *staying, *other;
        char pattern[256], stays[64];
        stage_add_account(stage, "juliet@example.com", "secret");
        bound = client_bound(stage, FRAMING_TCP, "romeo", "one");
        staying = client_bound(stage, FRAMING_TCP, "romeo", "two");
        snprintf(stays, sizeof stays, "here/%llu", (unsigned long long)session_number(stage->last_session));
        other = client_bound(stage, FRAMING_TCP, "juliet", "r");
        sessions_block(stage->sessions, TEXT("romeo@example.com"), text_of(stays), text_of(rows[i].why));
        snprintf(pattern, sizeof pattern, "<stream:error><%s xmlns='" XMLNS_STREAM_ERRORS "'/>*</stream:stream>",
                 rows[i].condition);
        hears(unbound, pattern);
        hears(bound, pattern);
        hears(staying, "");
        hears(other, "");
        stage_settle(stage);
        assert_int_equal(stage->ended_count, 1);
        assert_int_equal(stage->metrics.value[METRIC_SESSIONS_BLOCKED], 2);
        client_free(unbound);
        client_free(bound);
        client_free(staying);
        client_free(other);
        stage_free(stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_before_binding),
        cmocka_unit_test(test_second_binding),
        cmocka_unit_test(test_replaced_here),
        cmocka_unit_test(test_replaced_elsewhere),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_blocked_before_binding),
        cmocka_unit_test(test_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
