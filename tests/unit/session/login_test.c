/* login_test.c - SASL as a dialogue: each mechanism, each failure of RFC 6120 6.5, what happens while answers are under
 * way, and guessing. */
#include "scram_client.h"
#include "stage.h"

#define AUTH(mechanism, data) "<auth xmlns='" XMLNS_SASL "' mechanism='" mechanism "'>" data "</auth>"
#define FAILURE(condition) "<failure xmlns='" XMLNS_SASL "'><" condition "/></failure>"
#define SUCCESS "<success xmlns='" XMLNS_SASL "'/>"
#define CHALLENGE "<challenge xmlns='" XMLNS_SASL "'/>"
#define HEADER "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM "' to='example.com' version='1.0'>"
#define BIND "<iq type='set' id='b'><bind xmlns='" XMLNS_BIND "'><resource>r</resource></bind></iq>"
#define PLAIN_ROMEO_SECRET "AHJvbWVvAHNlY3JldA=="
#define PLAIN_ROMEO_WRONG "AHJvbWVvAHdyb25n"
#define TOO_MANY "<stream:error><policy-violation xmlns='" XMLNS_STREAM_ERRORS "'/>*</stream:error></stream:stream>"

static struct stage *stage_with_romeo(const char *set)
{
    struct stage *stage = stage_new(set, NULL);
    stage_add_account(stage, "romeo@example.com", "secret");
    return stage;
}

static struct client *ready_client(struct stage *stage)
{
    struct client *client = client_open(stage, FRAMING_TCP);
    client_header(client);
    return client;
}

static void says_data(struct client *client, const char *element, const char *attributes, const char *data)
{
    char encoded[2048];
    base64_of(encoded, sizeof encoded, data, strlen(data));
    says(client, "<%s xmlns='%s'%s>%s</%s>", element, XMLNS_SASL, attributes, encoded, element);
}

/* The data of a <challenge/> or <success/>, decoded. */
static void hears_data(struct client *client, const char *element, char out[512])
{
    char start[128];
    const char *text = heard(client);
    snprintf(start, sizeof start, "<%s xmlns='%s'>", element, XMLNS_SASL);
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("no %s: %s", element, text);
    text += strlen(start);
    long size = credential_base64_decode((unsigned char *)out, 511, (struct text){ text, strcspn(text, "<") });
    assert_true(size >= 0);
    out[size] = '\0';
}

/* -- SCRAM -- */

static void test_scram(void **state)
{
    (void)state;
    static const struct {
        const char *mechanism, *hash, *gs2, *binding;
        enum stream_framing framing;
    } rows[] = {
        { "SCRAM-SHA-1", "SHA1", "n,,", NULL, FRAMING_TCP },
        { "SCRAM-SHA-256", "SHA256", "n,,", NULL, FRAMING_WEBSOCKET },
        { "SCRAM-SHA-1-PLUS", "SHA1", "p=tls-exporter,,", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", FRAMING_TCP },
        { "SCRAM-SHA-256-PLUS", "SHA256", "p=tls-server-end-point,,", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", FRAMING_TCP },
        { "SCRAM-SHA-256-PLUS", "SHA256", "p=tls-exporter,,", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", FRAMING_WEBSOCKET },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = client_open(stage, rows[i].framing);
        struct scram_client scram = { .hash = rows[i].hash,
                                      .gs2 = rows[i].gs2,
                                      .binding = rows[i].binding,
                                      .binding_size = 32,
                                      .name = "romeo",
                                      .password = "secret" };
        char attributes[64], data[512];
        if (rows[i].binding)
            client_encrypt(client, true);
        client_header(client);
        snprintf(attributes, sizeof attributes, " mechanism='%s'", rows[i].mechanism);
        scram_client_first(&scram);
        says_data(client, "auth", attributes, scram.first);
        hears_data(client, "challenge", data);
        scram_client_final(&scram, data);
        says_data(client, "response", "", scram.final);
        hears_data(client, "success", data);
        assert_string_equal(data, scram.expected);
        assert_int_equal(stage->metrics.value[METRIC_LOGINS], 1);
        client_header(client);
        client_bind(client, "r");
        hears(client, "<iq*<jid>romeo@example.com/r</jid></bind></iq>");
        assert_string_equal(session_mechanism(stage->last_session), rows[i].mechanism);
        client_free(client);
        stage_free(stage);
    }
}

/* The client says that it saw no PLUS, though it was offered: somebody between took it out (RFC 5802 6). */
static void test_downgrade(void **state)
{
    (void)state;
    for (int with_bindings = 0; with_bindings < 2; with_bindings++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = client_open(stage, FRAMING_TCP);
        client_encrypt(client, with_bindings);
        client_header(client);
        says_data(client, "auth", " mechanism='SCRAM-SHA-256'", "y,,n=romeo,r=abc");
        hears(client, with_bindings ? FAILURE("not-authorized") : "<challenge xmlns='" XMLNS_SASL "'>*</challenge>");
        client_free(client);
        stage_free(stage);
    }
}

/* The first message in an answer to an empty challenge (RFC 6120 6.4.2). */
static void test_no_initial_response(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = ready_client(stage);
    says(client, "<auth xmlns='" XMLNS_SASL "' mechanism='PLAIN'/>");
    hears(client, CHALLENGE);
    says(client, "<response xmlns='" XMLNS_SASL "'>" PLAIN_ROMEO_SECRET "</response>");
    stage_await_hash(stage);
    hears(client, SUCCESS);
    client_free(client);
    stage_free(stage);
}

/* The account is unknown: the same exchange up to the proof. */
static void test_unknown_looks_the_same(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("auth.iterations=4096");
    struct client *client = ready_client(stage);
    char salts[2][64];
    for (int i = 0; i < 2; i++) {
        struct scram_client scram = {
            .hash = "SHA256", .gs2 = "n,,", .name = i ? "nobody" : "romeo", .password = "wrong"
        };
        char data[512];
        scram_client_first(&scram);
        says_data(client, "auth", " mechanism='SCRAM-SHA-256'", scram.first);
        hears_data(client, "challenge", data);
        assert_int_equal(sscanf(data, "r=%*[^,],s=%60[^,],i=4096", salts[i]), 1);
        scram_client_final(&scram, data);
        says_data(client, "response", "", scram.final);
        hears(client, FAILURE("not-authorized"));
        assert_string_equal(stage->failed_reason, i ? "unknown-account" : "wrong-password");
    }
    assert_int_equal(strlen(salts[0]), strlen(salts[1]));
    assert_string_not_equal(salts[0], salts[1]);
    client_free(client);
    stage_free(stage);
}

/* -- the other mechanisms -- */

static void test_plain_websocket(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = client_open(stage, FRAMING_WEBSOCKET);
    client_log_in(client, "romeo", "secret");
    client_bind(client, NULL);
    hears(client, "<iq xmlns='jabber:client' id='b' type='result'><bind xmlns='" XMLNS_BIND
                  "'><jid>romeo@example.com/*</jid></bind></iq>");
    client_free(client);
    stage_free(stage);
}

static void test_external(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    client_encrypt(client, false);
    client->certificate[0] = "romeo@example.com";
    client_header(client);
    says(client, AUTH("EXTERNAL", "="));
    hears(client, SUCCESS);
    client_free(client);

    client = client_open(stage, FRAMING_TCP); /* none is shown: none is offered */
    client_encrypt(client, false);
    client_header(client);
    says(client, AUTH("EXTERNAL", "="));
    hears(client, FAILURE("invalid-mechanism"));
    client_free(client);
    stage_free(stage);
}

static void test_anonymous(void **state)
{
    (void)state;
    struct stage *stage = stage_new("auth.anonymous_domain=guest.example.com", NULL);
    char jids[2][128];
    for (int i = 0; i < 2; i++) {
        struct client *client = client_open(stage, FRAMING_TCP);
        says(client, "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM
                     "' to='guest.example.com' version='1.0'>");
        heard(client);
        says(client, AUTH("ANONYMOUS", "="));
        hears(client, SUCCESS);
        says(client, "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM
                     "' to='guest.example.com' version='1.0'>");
        heard(client);
        client_bind(client, NULL);
        assert_int_equal(sscanf(strstr(heard(client), "<jid>"), "<jid>%127[^<]", jids[i]), 1);
        assert_true(session_is_guest(stage->last_session));
        assert_int_equal(strcspn(jids[i], "@"), 24);
        assert_non_null(strstr(jids[i], "@guest.example.com/"));
        client_free(client);
    }
    assert_string_not_equal(jids[0], jids[1]);
    stage_free(stage);
}

/* -- failures -- */

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        const char *name, *set, *says, *answer;
        bool is_hashed; /* the password gets that far */
        unsigned guesses;
        const char *user;
    } rows[] = {
        { "no such mechanism", NULL, AUTH("DIGEST-MD5", ""), FAILURE("invalid-mechanism"), false, 0, "" },
        { "no mechanism", NULL, "<auth xmlns='" XMLNS_SASL "'/>", FAILURE("invalid-mechanism"), false, 0, "" },
        { "not configured", "auth.mechanisms=SCRAM-SHA-1", AUTH("PLAIN", PLAIN_ROMEO_SECRET),
          FAILURE("invalid-mechanism"), false, 0, "" },
        { "no guests", NULL, AUTH("ANONYMOUS", "="), FAILURE("invalid-mechanism"), false, 0, "" },
        { "plus without TLS", NULL, AUTH("SCRAM-SHA-1-PLUS", "="), FAILURE("invalid-mechanism"), false, 0, "" },
        { "TLS is required", "auth.allow_plaintext=off", AUTH("PLAIN", PLAIN_ROMEO_SECRET),
          FAILURE("encryption-required"), false, 0, "" },
        { "TLS is required, SCRAM too", "auth.allow_plaintext=off", AUTH("SCRAM-SHA-1", "="),
          FAILURE("encryption-required"), false, 0, "" },
        { "not base64", NULL, AUTH("PLAIN", "AHJvb*VvAHNlY3JldA=="), FAILURE("incorrect-encoding"), false, 0, "" },
        { "white space", NULL, AUTH("PLAIN", "AHJvbWVv\nAHNlY3JldA=="), FAILURE("incorrect-encoding"), false, 0, "" },
        { "cut", NULL, AUTH("PLAIN", "AHJvbWVvAHNlY3JldA"), FAILURE("incorrect-encoding"), false, 0, "" },
        { "empty", NULL, AUTH("PLAIN", "="), FAILURE("malformed-request"), false, 0, "" },
        { "empty SCRAM", NULL, AUTH("SCRAM-SHA-256", "="), FAILURE("malformed-request"), false, 0, "" },
        { "wrong password", NULL, AUTH("PLAIN", PLAIN_ROMEO_WRONG), FAILURE("not-authorized"), true, 1,
          "romeo@example.com" },
        { "unknown user", NULL, AUTH("PLAIN", "AG5vYm9keQBzZWNyZXQ="), FAILURE("not-authorized"), true, 1,
          "nobody@example.com" },
        { "authzid of another", NULL, AUTH("PLAIN", "anVsaWV0QGV4YW1wbGUuY29tAHJvbWVvAHNlY3JldA=="),
          FAILURE("invalid-authzid"), false, 1, "romeo@example.com" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo(rows[i].set);
        struct client *client = ready_client(stage);
        print_message("%s\n", rows[i].name);
        says(client, "%s", rows[i].says);
        if (rows[i].is_hashed)
            stage_await_hash(stage);
        hears(client, rows[i].answer);
        assert_int_equal(stage->metrics.value[METRIC_LOGIN_FAILURES], rows[i].guesses);
        assert_int_equal(stage->failed_count, rows[i].guesses);
        assert_string_equal(stage->failed_user, rows[i].user);
        assert_int_equal(stage->metrics.value[METRIC_LOGINS], 0);
        assert_false(client->wants_close); /* another try is free */
        assert_false(client->is_paused);
        client_free(client);
        stage_free(stage);
    }
}

static void test_abort(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = ready_client(stage);
    says(client, "<auth xmlns='" XMLNS_SASL "' mechanism='SCRAM-SHA-1'/>");
    hears(client, CHALLENGE);
    says(client, "<abort xmlns='" XMLNS_SASL "'/>");
    hears(client, FAILURE("aborted"));
    client_says_plain(client, "romeo", "secret");
    hears(client, SUCCESS);
    client_free(client);
    stage_free(stage);
}

static void test_disabled(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = ready_client(stage);
    stage->accounts[0].account.is_disabled = true;
    client_says_plain(client, "romeo", "wrong");
    hears(client, FAILURE("not-authorized"));
    client_says_plain(client, "romeo", "secret");
    hears(client, FAILURE("account-disabled"));
    client_free(client);
    stage_free(stage);
}

/* The store cannot be asked: never not-authorized, and nobody's fault. */
static void test_store_away(void **state)
{
    (void)state;
    static const enum bus_status statuses[] = { BUS_AWAY, BUS_FAILED };
    for (int i = 0; i < 2; i++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = ready_client(stage);
        stage->account_status = statuses[i];
        says(client, AUTH("PLAIN", PLAIN_ROMEO_SECRET));
        hears(client, FAILURE("temporary-auth-failure"));
        assert_int_equal(stage->metrics.value[METRIC_LOGIN_FAILURES], 0);
        stage->account_status = BUS_OK;
        client_says_plain(client, "romeo", "secret");
        hears(client, SUCCESS);
        client_free(client);
        stage_free(stage);
    }
}

/* The pool takes four jobs and one at work; the next is refused, not kept. */
static void test_pool_full(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("auth.iterations=1000000");
    struct client *clients[8];
    unsigned refused = 0;
    for (int i = 0; i < 8; i++) {
        clients[i] = ready_client(stage);
        says(clients[i], AUTH("PLAIN", "AG5vYm9keQBzZWNyZXQ=")); /* unknown: costs a million rounds */
        refused += strstr(heard(clients[i]), "<temporary-auth-failure/>") != NULL;
    }
    assert_in_range(refused, 3, 4);
    assert_int_equal(stage->metrics.value[METRIC_WORK_REFUSED], refused);
    for (int i = 0; i < 8; i++)
        client_drop(clients[i]); /* their jobs are still at work */
    work_pool_free(&stage->parts.work);
    for (int i = 0; i < 8; i++)
        client_free(clients[i]);
    stage_free(stage);
}

static void test_too_many_tries(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = ready_client(stage);
    for (int i = 0; i < 4; i++) {
        says(client, AUTH("DIGEST-MD5", ""));
        hears(client, FAILURE("invalid-mechanism"));
    }
    says(client, AUTH("DIGEST-MD5", ""));
    hears(client, FAILURE("invalid-mechanism") TOO_MANY);
    assert_true(client->wants_close);
    client_free(client);
    stage_free(stage);
}

static void test_wrong_moments(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = ready_client(stage);
    says(client, "<auth xmlns='" XMLNS_SASL "' mechanism='SCRAM-SHA-1'/>");
    hears(client, CHALLENGE);
    says(client, "<auth xmlns='" XMLNS_SASL "' mechanism='SCRAM-SHA-1'/>");
    hears(client, TOO_MANY);
    client_free(client);

    client = client_open(stage, FRAMING_TCP);
    client_log_in(client, "romeo", "secret");
    says(client, "<auth xmlns='" XMLNS_SASL "' mechanism='SCRAM-SHA-1'/>");
    hears(client, TOO_MANY);
    client_free(client);

    client = ready_client(stage);
    client_says_plain(client, "romeo", "secret"); /* and the next header asks for another host */
    heard(client);
    says(client,
         "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM "' to='example.net' version='1.0'>");
    hears(client, "<?xml*<stream:stream*<stream:error><not-authorized*</stream:stream>");
    client_free(client);
    stage_free(stage);
}

/* -- while answers are under way -- */

/* A client that sends all at once, without waiting for a word. */
static void test_pipelined(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client, HEADER AUTH("PLAIN", PLAIN_ROMEO_SECRET) "\n" HEADER BIND
                                                          "<message to='a@example.com' id='m'/></stream:stream>");
    hears(client, "<?xml*</stream:features>");
    stage_await_hash(stage);
    hears(client, SUCCESS "<?xml*</stream:features><iq id='b' type='result'>*</iq></stream:stream>");
    buffer_append_char(&stage->seen, '\0');
    assert_string_equal(stage->seen.data, "<message to='a@example.com' id='m' from='romeo@example.com/r'/>\n");
    client_free(client);
    stage_free(stage);
}

/* The connection ends while an answer is under way: the answer comes to a session that is dead, not freed. */
static void test_ends_during_steps(void **state)
{
    (void)state;
    enum { DURING_ACCOUNT, DURING_HASH, DURING_SUBSCRIBE, DURING_BIND, DURING_COUNT };
    for (int step = 0; step < DURING_COUNT; step++) {
        for (int way = 0; way < 2; way++) {
            struct stage *stage = stage_with_romeo(NULL);
            struct client *client = ready_client(stage);
            stage->is_held = step != DURING_HASH;
            if (step <= DURING_HASH) {
                says(client, AUTH("PLAIN", PLAIN_ROMEO_SECRET));
            } else {
                stage->is_held = false;
                client_says_plain(client, "romeo", "secret");
                client_header(client);
                stage->is_held = true;
                says(client, BIND);
            }
            if (step == DURING_BIND) { /* subscribed; the row is being written */
                stage->is_held = false;
                stage->is_stepping = true;
                stage_settle(stage);
            }
            if (way == 0)
                client_drop(client);
            else
                sessions_end_all(stage->sessions, STREAM_ERROR_SYSTEM_SHUTDOWN, NULL);
            stage->is_held = stage->is_stepping = false;
            if (step == DURING_HASH)
                stage_await_hash(stage);
            stage_settle(stage);
            assert_int_equal(stage->metrics.value[METRIC_LOGINS], step >= DURING_SUBSCRIBE);
            assert_int_equal(stage->subscriptions, 0);
            for (int i = 0; i < STAGE_ROWS; i++)
                assert_false(stage->rows[i].is_used);
            assert_int_equal(stage->bound_count, 0);
            assert_int_equal(stage->ended_count, 0);
            client_free(client);
            assert_int_equal(sessions_count(stage->sessions), 0);
            stage_free(stage);
        }
    }
}

/* -- guessing -- */

static struct client *guess(struct stage *stage, const char *peer)
{
    struct client *client = client_open_from(stage, FRAMING_TCP, peer);
    client_header(client);
    client_says_plain(client, "romeo", "wrong");
    return client;
}

static void test_failures_are_slowed(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.login_failures=2");
    struct client *clients[5];
    for (int i = 0; i < 5; i++) {
        clients[i] = guess(stage, "192.0.2.1:1");
        hears(clients[i], i < 2 ? FAILURE("not-authorized") : "");
        assert_int_equal(clients[i]->is_paused, i >= 2);
    }
    assert_int_equal(stage->metrics.value[METRIC_LOGIN_FAILURES], 5);
    assert_int_equal(stage->metrics.value[METRIC_LOGINS_DELAYED], 3);

    /* A right login is not slowed, though its account and address are the same. */
    struct client *right = client_open_from(stage, FRAMING_TCP, "192.0.2.1:2");
    client_log_in(right, "romeo", "secret");

    for (int i = 2; i < 5; i++) { /* 250 ms, 500 ms, 750 ms */
        stage_pass(stage, 200);
        hears(clients[i], "");
        stage_pass(stage, 50);
        hears(clients[i], FAILURE("not-authorized"));
        assert_false(clients[i]->is_paused);
    }
    says(clients[2], "<auth xmlns='" XMLNS_SASL "' mechanism='PLAIN'/>"); /* and it may try again */
    hears(clients[2], CHALLENGE);

    stage_pass(stage, 10 * 60 * 1000); /* long after, nothing is held against anybody (these clients timed out) */
    struct client *later = guess(stage, "192.0.2.1:3");
    hears(later, FAILURE("not-authorized"));
    client_free(later);
    client_free(right);
    for (int i = 0; i < 5; i++)
        client_free(clients[i]);
    stage_free(stage);
}

/* What the client sent while its answer waited is read then, not before. */
static void test_delay_holds_input(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.login_failures=1");
    struct client *client = guess(stage, "192.0.2.1:1");
    hears(client, FAILURE("not-authorized"));
    says(client, AUTH("PLAIN", PLAIN_ROMEO_WRONG) AUTH("DIGEST-MD5", ""));
    stage_await_hash(stage);
    hears(client, "");
    stage_pass(stage, 5000);
    hears(client, FAILURE("not-authorized") FAILURE("invalid-mechanism"));
    client_free(client);
    stage_free(stage);
}

/* Only so many may wait; who guesses beyond that is cut off.  This guess costs no hashing. */
static void test_delays_are_bounded(void **state)
{
    (void)state;
    enum { BOUND = 1000 };
    static struct client *clients[BOUND + 2];
    struct stage *stage = stage_with_romeo("limits.login_failures=1");
    for (int i = 0; i < BOUND + 2; i++) {
        clients[i] = ready_client(stage);
        says(clients[i], AUTH("PLAIN", "anVsaWV0QGV4YW1wbGUuY29tAHJvbWVvAHNlY3JldA=="));
    }
    hears(clients[0], FAILURE("invalid-authzid"));
    hears(clients[BOUND], "");
    hears(clients[BOUND + 1], TOO_MANY);
    for (int i = 0; i < BOUND + 2; i++)
        client_free(clients[i]);
    clients[0] = ready_client(stage); /* their places are free again */
    says(clients[0], AUTH("PLAIN", "anVsaWV0QGV4YW1wbGUuY29tAHJvbWVvAHNlY3JldA=="));
    hears(clients[0], "");
    client_free(clients[0]);
    stage_free(stage);
}

/* Ends while it waits: the place among those that wait is free again. */
static void test_ends_during_delay(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.login_failures=1");
    for (int i = 0; i < 6; i++) {
        struct client *client = guess(stage, "192.0.2.1:1");
        client_free(client);
    }
    stage_pass(stage, 6000);
    assert_int_equal(sessions_count(stage->sessions), 0);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scram),
        cmocka_unit_test(test_no_initial_response),
        cmocka_unit_test(test_unknown_looks_the_same),
        cmocka_unit_test(test_plain_websocket),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_anonymous),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_store_away),
        cmocka_unit_test(test_pool_full),
        cmocka_unit_test(test_too_many_tries),
        cmocka_unit_test(test_wrong_moments),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_ends_during_steps),
        cmocka_unit_test(test_failures_are_slowed),
        cmocka_unit_test(test_delay_holds_input),
        cmocka_unit_test(test_ends_during_delay),
        cmocka_unit_test(test_delays_are_bounded),
        cmocka_unit_test(test_downgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
