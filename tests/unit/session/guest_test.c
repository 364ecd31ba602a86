/* guest_test.c - guests who come back: the same one with a token, a new one without, and not too many of an address. */
#include "stage.h"

#define OPEN "<open xmlns='" XMLNS_FRAMING "' to='guest.example.com' version='1.0'/>"

static struct stage *stage_for_guests(const char *set)
{
    return stage_new("auth.anonymous_domain=guest.example.com", set, NULL);
}

/* Logs in by saying this; what the success carries, decoded, into out ("" for nothing), "failed" for a failure. */
static struct client *guest(struct stage *stage, const char *said, char out[256])
{
    struct client *client = client_open(stage, FRAMING_WEBSOCKET);
    char encoded[512] = "=";
    says(client, OPEN);
    heard(client);
    if (*said)
        base64_of(encoded, sizeof encoded, said, strlen(said));
    says(client, "<auth xmlns='" XMLNS_SASL "' mechanism='ANONYMOUS'>%s</auth>", encoded);
    const char *text = heard(client), *start = strchr(text, '>');
    out[0] = '\0';
    if (strncmp(text, "<success", 8) != 0) {
        snprintf(out, 256, "failed");
    } else if (start && start[-1] != '/') {
        long size = credential_base64_decode((unsigned char *)out, 255, (struct text){ start + 1, strcspn(start + 1, "<") });
        assert_true(size >= 0);
        out[size] = '\0';
    }
    return client;
}

/* The name of the guest, once bound. */
static void bind_guest(struct client *client, char name[64])
{
    says(client, OPEN);
    heard(client);
    client_bind(client, "r");
    const struct jid *jid = session_jid(client->stage->last_session);
    snprintf(name, 64, "%.*s", TEXT_ARGS(jid_local(jid)));
    heard(client);
}

static void test_return(void **state)
{
    (void)state;
    struct stage *stage = stage_for_guests(NULL);
    char token[256], again[256], said[300], name[64], other[64];
    struct client *client = guest(stage, "guest:", token);
    bind_guest(client, name);
    assert_int_equal(strncmp(token, name, strlen(name)), 0);
    assert_int_equal(strlen(token), strlen(name) + 1 + 64);
    assert_string_equal(stage->counted, "192.0.2.1");
    client_free(client);
    stage_settle(stage);
    assert_string_equal(stage->steps, "token subscribe bind back remove unsubscribe keep ");

    snprintf(said, sizeof said, "guest:%s", token);
    client = guest(stage, said, again);
    assert_string_equal(token, again);
    bind_guest(client, other);
    assert_string_equal(name, other);
    assert_int_equal(stage->guests, 1); /* no new one */
    client_free(client);
    stage_free(stage);
}

/* Whoever guesses gets an address of his own. */
static void test_wrong_tokens(void **state)
{
    (void)state;
    struct stage *stage = stage_for_guests(NULL);
    char token[256], got[256], said[300], name[64], other[64];
    struct client *client = guest(stage, "guest:", token);
    bind_guest(client, name);
    client_free(client);
    const char *const rows[] = { "guest:", "guest::", "guest:%s:", "guest:%s:0000", "guest:%s", "guest:\xff:x" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *mark = strstr(rows[i], "%s");
        snprintf(said, sizeof said, "%.*s%s%s", mark ? (int)(mark - rows[i]) : (int)strlen(rows[i]), rows[i],
                 mark ? name : "", mark ? mark + 2 : "");
        stage->token_count = 1; /* the guests between are not looked at */
        client = guest(stage, said, got);
        assert_string_not_equal(got, "failed");
        bind_guest(client, other);
        assert_string_not_equal(name, other);
        client_free(client);
    }
    stage_free(stage);
}

/* Other clients say who they are, or nothing, and get nothing back. */
static void test_plain_guest(void **state)
{
    (void)state;
    struct stage *stage = stage_for_guests(NULL);
    char token[256];
    client_free(guest(stage, "", token));
    assert_string_equal(token, "");
    client_free(guest(stage, "somebody@example.net", token));
    assert_string_equal(token, "");
    assert_int_equal(stage->token_count, 0);
    stage_free(stage);
}

static void test_too_many(void **state)
{
    (void)state;
    struct stage *stage = stage_for_guests("limits.guests_per_address=2");
    char token[256];
    for (int i = 0; i < 3; i++) {
        client_free(guest(stage, "guest:", token));
        assert_int_equal(strcmp(token, "failed") == 0, i == 2);
    }
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_return),
        cmocka_unit_test(test_wrong_tokens),
        cmocka_unit_test(test_plain_guest),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
