/* bearer_test.c - logins with a JSON Web Token: OAUTHBEARER (RFC 7628), and PLAIN with one for a password. */
#include "stage.h"
#include "tests/unit/jwt/signer.h"

#define HS "{\"alg\":\"HS256\"}"
#define NOW_S 1795000001 /* the stage's clock at its start */
#define SUCCESS "<success xmlns='" XMLNS_SASL "'/>"
#define FAILURE(condition) "<failure xmlns='" XMLNS_SASL "'><" condition "/></failure>"
/* {"status":"invalid_token"} */
#define INVALID "<challenge xmlns='" XMLNS_SASL "'>eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=</challenge>"

static struct stage *stage_with_keys(const char *first, const char *second)
{
    struct stage *stage = first ? stage_new(first, second, NULL) : stage_new(NULL);
    char error[256];
    stage->parts.jwt_keys = jwt_keys_read(TEXT(SIGNER_SECRET), TEXT(""), error, sizeof error);
    assert_non_null(stage->parts.jwt_keys);
    stage_add_account(stage, "romeo@example.com", "secret");
    return stage;
}

static void stage_end(struct stage *stage)
{
    struct jwt_keys *keys = (struct jwt_keys *)(uintptr_t)stage->parts.jwt_keys;
    stage_free(stage);
    jwt_keys_free(&keys);
}

static const char *token_of(struct buffer *out, const char *name, int64_t life_s)
{
    char claims[256];
    out->size = 0;
    snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"exp\":%lld}", name, (long long)(NOW_S + life_s));
    signer_token(out, HS, claims, NULL, TEXT(SIGNER_SECRET));
    buffer_append_char(out, '\0');
    return out->data;
}

static void says_message(struct client *client, const char *message)
{
    char encoded[2048];
    base64_of(encoded, sizeof encoded, message, strlen(message));
    says(client, "<auth xmlns='%s' mechanism='OAUTHBEARER'>%s</auth>", XMLNS_SASL, encoded);
}

static void says_bearer(struct client *client, const char *start, const char *token)
{
    char message[1024];
    snprintf(message, sizeof message, "%s\x01host=example.com\x01port=5222\x01" "auth=Bearer %s\x01\x01", start, token);
    says_message(client, message);
}

static struct client *ready_client(struct stage *stage)
{
    struct client *client = client_open(stage, FRAMING_TCP);
    client_header(client);
    return client;
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *start, *name;
    } rows[] = {
        { "n,,", "romeo" },
        { "y,,", "ROMEO" },
        { "n,a=romeo@example.com,", "romeo@example.com" },
        { "n,a=Romeo@Example.com,", "romeo" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_keys(NULL, NULL);
        struct client *client = ready_client(stage);
        struct buffer token = { 0 };
        says_bearer(client, rows[i].start, token_of(&token, rows[i].name, 60));
        hears(client, SUCCESS);
        client_header(client);
        client_bind(client, "r");
        hears(client, "<iq*<jid>romeo@example.com/r</jid></bind></iq>");
        assert_string_equal(session_mechanism(stage->last_session), "OAUTHBEARER");
        buffer_fini(&token);
        client_free(client);
        stage_end(stage);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *start, *name;
        int64_t life_s;
        const char *condition, *reason;
    } rows[] = {
        { "n,,", "juliet", 60, "not-authorized", "no-account" },
        { "n,,", "romeo@example.net", 60, "not-authorized", "token-names-no-account" },
        { "n,,", "romeo@example.com/r", 60, "not-authorized", "token-names-no-account" },
        { "n,,", "romeo@", 60, "not-authorized", "token-names-no-account" },
        { "n,,", "ro meo", 60, "not-authorized", "token-names-no-account" },
        { "n,a=juliet@example.com,", "romeo", 60, "invalid-authzid", "invalid-authzid" },
        { "n,,", "romeo", -60, "credentials-expired", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_keys(NULL, NULL);
        struct client *client = ready_client(stage);
        struct buffer token = { 0 };
        char failure[256];
        print_message("%s %s\n", rows[i].start, rows[i].name);
        says_bearer(client, rows[i].start, token_of(&token, rows[i].name, rows[i].life_s));
        hears(client, INVALID);
        says(client, "<response xmlns='" XMLNS_SASL "'>AQ==</response>");
        snprintf(failure, sizeof failure, "<failure xmlns='" XMLNS_SASL "'><%s/></failure>", rows[i].condition);
        hears(client, failure);
        assert_string_equal(stage->failed_reason, rows[i].reason);
        client_says_plain(client, "romeo", "secret");
        hears(client, SUCCESS);
        buffer_fini(&token);
        client_free(client);
        stage_end(stage);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",      "n",          "n,",       "n,,",         "n,\x01",          "p=x,,\x01" "auth=Bearer x\x01\x01",
        "n,,\x01" "auth=Bearer x", "n,,\x01" "auth=Bearer x\x01", "n,b=x,\x01" "auth=Bearer x\x01\x01",
        "n,,\x01" "auth=Bearer x\x01\x01 more",
        "n,,\x01" "1=\x01" "2=\x01" "3=\x01" "4=\x01" "5=\x01" "6=\x01" "7=\x01" "8=\x01" "9=\x01" "a=\x01" "b=\x01"
        "c=\x01" "d=\x01" "e=\x01" "f=\x01" "g=\x01" "h=\x01\x01",
    };
    for (size_t i = 1; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_keys(NULL, NULL);
        struct client *client = ready_client(stage);
        print_message("%zu\n", i);
        says_message(client, rows[i]);
        hears(client, FAILURE("malformed-request"));
        client_free(client);
        stage_end(stage);
    }
}

/* The form is right, the token is none. */
static void test_no_token(void **state)
{
    (void)state;
    static const char *const rows[] = { "n,,\x01\x01", "n,,\x01" "auth=Basic x\x01\x01", "n,,\x01" "auth=Bearer x.y.z\x01\x01",
                                        "n,,\x01" "auth=Bearer \x01\x01" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_keys(NULL, NULL);
        struct client *client = ready_client(stage);
        says_message(client, rows[i]);
        hears(client, INVALID);
        says(client, "<response xmlns='" XMLNS_SASL "'>AQ==</response>");
        hears(client, FAILURE("not-authorized"));
        client_free(client);
        stage_end(stage);
    }
}

static void test_not_offered_without_keys(void **state)
{
    (void)state;
    struct stage *stage = stage_new(NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client, "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM "' to='example.com' version='1.0'>");
    assert_null(strstr(heard(client), "OAUTHBEARER"));
    says_message(client, "n,,\x01" "auth=Bearer x\x01\x01");
    hears(client, FAILURE("invalid-mechanism"));
    client_free(client);
    stage_free(stage);
}

static void test_disabled(void **state)
{
    (void)state;
    struct stage *stage = stage_with_keys(NULL, NULL);
    struct client *client = ready_client(stage);
    struct buffer token = { 0 };
    stage->accounts[0].account.is_disabled = true;
    says_bearer(client, "n,,", token_of(&token, "romeo", 60));
    hears(client, INVALID);
    says(client, "<abort xmlns='" XMLNS_SASL "'/>");
    hears(client, FAILURE("aborted"));
    buffer_fini(&token);
    client_free(client);
    stage_end(stage);
}

/* An account is made for who has a token, if that is wanted; not one that a service holds. */
static void test_creation(void **state)
{
    (void)state;
    struct stage *stage = stage_with_keys("auth.jwt_create=on", "services.accounts=bot@example.com");
    struct client *client = ready_client(stage);
    struct buffer token = { 0 };
    says_bearer(client, "n,,", token_of(&token, "juliet", 60));
    hears(client, SUCCESS);
    assert_string_equal(stage->steps, "create ");
    assert_int_equal(stage->account_count, 2);
    assert_string_equal(stage->accounts[1].bare, "juliet@example.com");
    client_free(client);

    client = ready_client(stage);
    client_says_plain(client, "juliet", "x");
    hears(client, FAILURE("not-authorized")); /* without a password nobody has it */
    client_free(client);

    client = ready_client(stage);
    says_bearer(client, "n,,", token_of(&token, "bot", 60));
    hears(client, INVALID);
    assert_int_equal(stage->account_count, 2);
    buffer_fini(&token);
    client_free(client);
    stage_end(stage);
}

/* The session ends when its token does (and 30 s for clocks that differ). */
static void test_expiry(void **state)
{
    (void)state;
    struct stage *stage = stage_with_keys(NULL, NULL);
    struct client *client = ready_client(stage);
    struct buffer token = { 0 };
    says_bearer(client, "n,,", token_of(&token, "romeo", 60));
    heard(client);
    client_header(client);
    client_bind(client, "r");
    heard(client);
    stage_pass(stage, 89000);
    hears(client, "");
    stage_pass(stage, 2000);
    hears(client, "<stream:error><reset xmlns='" XMLNS_STREAM_ERRORS "'/>*the token of the login has expired*</stream:stream>");
    assert_string_equal(stage->ended, "reset: the token of the login has expired");
    buffer_fini(&token);
    client_free(client);
    stage_end(stage);
}

static void says_plain(struct client *client, const char *name, const char *password)
{
    char plain[1024], encoded[2048];
    int size = snprintf(plain, sizeof plain, "%c%s%c%s", 0, name, 0, password);
    base64_of(encoded, sizeof encoded, plain, (size_t)size);
    says(client, "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>", XMLNS_SASL, encoded);
}

static void test_plain(void **state)
{
    (void)state;
    static const struct {
        const char *set, *typed, *name;
        int64_t life_s;
        const char *heard;
    } rows[] = {
        { "auth.jwt_plain=on", "romeo", "romeo", 60, SUCCESS },
        { "auth.jwt_plain=on", "Romeo", "romeo@example.com", 60, SUCCESS },
        { "auth.jwt_plain=on", "juliet", "romeo", 60, FAILURE("not-authorized") },
        { "auth.jwt_plain=on", "nobody", "nobody", 60, FAILURE("not-authorized") },
        { "auth.jwt_plain=on", "romeo", "romeo", -60, FAILURE("credentials-expired") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_keys(rows[i].set, NULL);
        struct client *client = ready_client(stage);
        struct buffer token = { 0 };
        print_message("%s %s\n", rows[i].typed, rows[i].name);
        says_plain(client, rows[i].typed, token_of(&token, rows[i].name, rows[i].life_s));
        hears(client, rows[i].heard);
        buffer_fini(&token);
        client_free(client);
        stage_end(stage);
    }
}

/* A password is one still; and where tokens are not wanted, one is a wrong password. */
static void test_plain_password(void **state)
{
    (void)state;
    struct stage *stage = stage_with_keys("auth.jwt_plain=on", NULL);
    struct client *client = ready_client(stage);
    struct buffer token = { 0 };
    client_says_plain(client, "romeo", "secret");
    hears(client, SUCCESS);
    client_free(client);
    stage_end(stage);

    stage = stage_with_keys(NULL, NULL);
    client = ready_client(stage);
    says_plain(client, "romeo", token_of(&token, "romeo", 60));
    stage_await_hash(stage);
    hears(client, FAILURE("not-authorized"));
    buffer_fini(&token);
    client_free(client);
    stage_end(stage);
}

/* What ends is not prolonged by a login token (XEP-0484). */
static void test_no_login_token(void **state)
{
    (void)state;
    struct stage *stage = stage_with_keys("auth.fast_unbound=on", "auth.jwt_plain=on");
    struct client *client = ready_client(stage);
    struct buffer token = { 0 };
    char message[1024], encoded[2048];
    snprintf(message, sizeof message, "n,,\x01" "auth=Bearer %s\x01\x01", token_of(&token, "romeo", 60));
    base64_of(encoded, sizeof encoded, message, strlen(message));
    says(client,
         "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='OAUTHBEARER'><initial-response>%s</initial-response>"
         "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
         "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/></authenticate>",
         encoded);
    hears(client, "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>romeo@example.com</authorization-identifier>"
                  "</success>*");
    buffer_fini(&token);
    client_free(client);
    stage_end(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_no_token),
        cmocka_unit_test(test_not_offered_without_keys), cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_creation), cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_plain_password),
        cmocka_unit_test(test_no_login_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
