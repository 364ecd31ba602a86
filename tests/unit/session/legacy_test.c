/* legacy_test.c - jabber:iq:auth (XEP-0078): the session of an old client, to the letter, and what is refused. */
#include "stage.h"

#define STREAM "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='amessage.de'"
#define OLD STREAM ">"
#define NEW STREAM " version='1.0'>"
#define QUERY(type, fields) \
    "<iq type='" type "' id='a' to='amessage.de'><query xmlns='jabber:iq:auth'>" fields "</query></iq>"
#define FIELDS(password) "<username>kuusipuu</username><password>" password "</password><resource>work</resource>"
#define IQ_ERROR(code, type, condition) \
    "<iq from='amessage.de' id='a' type='error'><error type='" type "' code='" code "'><" condition \
    " xmlns='" XMLNS_STANZA_ERRORS "'/>*</error></iq>"

static struct stage *stage_with_kuusipuu(const char *set, const char *other)
{
    struct stage *stage = stage_new("domain=amessage.de", set, other, NULL);
    stage_add_account(stage, "kuusipuu@amessage.de", "mypassword");
    return stage;
}

static void test_to_the_letter(void **state)
{
    (void)state;
    struct stage *stage = stage_with_kuusipuu("auth.legacy=on", NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client,
         "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='amessage.de'>");
    hears(client,
          "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
          "from='amessage.de' id='*' xml:lang='en'>");
    says(client,
         "<iq type='set' id='auth_2' to='amessage.de'><query xmlns='jabber:iq:auth'><username>kuusipuu</username>"
         "<password>mypassword</password><resource>work</resource></query></iq>");
    stage_await_hash(stage);
    hears(client, "<iq from='amessage.de' id='auth_2' type='result'/>");
    assert_string_equal(session_mechanism(stage->last_session), "jabber:iq:auth");
    says(client, "<message to='tero@amessage.de'><subject>test 1449</subject><body>test 1449</body></message>");
    says(client, "<presence type='unavailable'><status>Logged out</status></presence></stream:stream>");
    hears(client, "</stream:stream>");
    assert_true(client->wants_close);
    buffer_append_char(&stage->seen, '\0');
    assert_string_equal(
        stage->seen.data,
        "<message to='tero@amessage.de' from='kuusipuu@amessage.de/work'><subject>test 1449</subject>"
        "<body>test 1449</body></message>\n"
        "<presence type='unavailable' from='kuusipuu@amessage.de/work'><status>Logged out</status></presence>\n");
    assert_string_equal(stage->ended, "closed by the client");
    assert_string_equal(stage->steps, "subscribe bind remove unsubscribe ");
    client_free(client);
    stage_free(stage);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *set, *header, *iq, *answer;
        bool is_hashed, is_bound;
    } rows[] = {
        { "fields", "auth.legacy=on", OLD, QUERY("get", "<username>x</username>"),
          "<iq from='amessage.de' id='a' type='result'><query "
          "xmlns='jabber:iq:auth'><username/><password/><resource/></query></iq>",
          false, false },
        { "in a stream of today", "auth.legacy=on", NEW, QUERY("set", FIELDS("mypassword")),
          "<iq from='amessage.de' id='a' type='result'/>", true, true },
        { "wrong password", "auth.legacy=on", OLD, QUERY("set", FIELDS("x")), IQ_ERROR("401", "auth", "not-authorized"),
          true, false },
        { "unknown user", "auth.legacy=on", OLD,
          QUERY("set", "<username>x</username><password>x</password><resource>x</resource>"),
          IQ_ERROR("401", "auth", "not-authorized"), true, false },
        { "no resource", "auth.legacy=on", OLD,
          QUERY("set", "<username>kuusipuu</username><password>mypassword</password>"),
          IQ_ERROR("406", "modify", "not-acceptable"), false, false },
        { "no password", "auth.legacy=on", OLD,
          QUERY("set", "<username>kuusipuu</username><digest>x</digest><resource>work</resource>"),
          IQ_ERROR("406", "modify", "not-acceptable"), false, false },
        { "nothing", "auth.legacy=on", OLD, QUERY("set", ""), IQ_ERROR("406", "modify", "not-acceptable"), false,
          false },
        { "bad resource", "auth.legacy=on", OLD,
          QUERY("set", "<username>kuusipuu</username><password>mypassword</password><resource>\t</resource>"),
          IQ_ERROR("406", "modify", "not-acceptable"), false, false },
        { "a wrong type", "auth.legacy=on", OLD, QUERY("what", FIELDS("mypassword")),
          IQ_ERROR("400", "modify", "bad-request"), false, false },
        { "switched off", "auth.legacy=off", OLD, QUERY("get", ""), IQ_ERROR("503", "cancel", "service-unavailable"),
          false, false },
        { "TLS is required", "auth.allow_plaintext=off", OLD, QUERY("set", FIELDS("mypassword")),
          IQ_ERROR("406", "modify", "policy-violation"), false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_kuusipuu(
            rows[i].set, strcmp(rows[i].set, "auth.allow_plaintext=off") == 0 ? "auth.legacy=on" : NULL);
        struct client *client = client_open(stage, FRAMING_TCP);
        print_message("%s\n", rows[i].name);
        says(client, "%s", rows[i].header);
        heard(client);
        says(client, "%s", rows[i].iq);
        if (rows[i].is_hashed)
            stage_await_hash(stage);
        hears(client, rows[i].answer);
        assert_int_equal(stage->bound_count, rows[i].is_bound);
        assert_false(client->wants_close);
        client_free(client);
        stage_free(stage);
    }
}

/* "If the client attempts jabber:iq:auth after an attempt at SASL fails": policy-violation (XEP-0078 3.1). */
static void test_not_after_sasl(void **state)
{
    (void)state;
    struct stage *stage = stage_with_kuusipuu("auth.legacy=on", NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client, NEW);
    heard(client);
    says(client, "<auth xmlns='" XMLNS_SASL "' mechanism='DIGEST-MD5'/>");
    heard(client);
    says(client, QUERY("set", FIELDS("mypassword")));
    hears(client, "<stream:error><policy-violation*</stream:stream>");
    client_free(client);
    stage_free(stage);
}

/* Guessing is slowed here as well, and refused bindings leave the client free to try again. */
static void test_slowed_and_again(void **state)
{
    (void)state;
    struct stage *stage = stage_with_kuusipuu("auth.legacy=on", "limits.login_failures=1");
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client, OLD);
    heard(client);
    says(client, QUERY("set", FIELDS("x")));
    stage_await_hash(stage);
    hears(client, IQ_ERROR("401", "auth", "not-authorized"));
    says(client, QUERY("set", FIELDS("x")));
    stage_await_hash(stage);
    hears(client, "");
    stage_pass(stage, 250);
    hears(client, IQ_ERROR("401", "auth", "not-authorized"));
    stage->bind_status = BUS_AWAY;
    says(client, QUERY("set", FIELDS("mypassword")));
    stage_await_hash(stage);
    hears(client, IQ_ERROR("500", "wait", "resource-constraint"));
    stage->bind_status = BUS_OK;
    says(client, QUERY("set", FIELDS("mypassword")));
    stage_await_hash(stage);
    hears(client, "<iq from='amessage.de' id='a' type='result'/>");
    client_free(client);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_letter),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_not_after_sasl),
        cmocka_unit_test(test_slowed_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
