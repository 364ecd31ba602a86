/* sasl2_test.c - SASL2 as a dialogue: login and binding in one exchange (XEP-0388, XEP-0386), tokens that bring a client back
 * (XEP-0484), and what was announced, told again under the password (XEP-0474). */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "scram_client.h"
#include "stage.h"

#define SASL2 "urn:xmpp:sasl:2"
#define FAST "urn:xmpp:fast:0"
#define AGENT "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"
#define OTHER_AGENT "<user-agent id='00000000-4d72-4749-b3d3-740edbf87770'/>"
#define PLAIN_ROMEO_SECRET "AHJvbWVvAHNlY3JldA=="
#define PLAIN_ROMEO_WRONG "AHJvbWVvAHdyb25n"
#define FAILURE(condition) "<failure xmlns='" SASL2 "'><" condition " xmlns='" XMLNS_SASL "'/></failure>"
#define LIMITS \
    "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes><idle-seconds>180</idle-seconds></limits>"
#define STREAM_ERROR(condition) \
    "<stream:error><" condition " xmlns='" XMLNS_STREAM_ERRORS "'/>*</stream:error></stream:stream>"

static struct stage *stage_with_romeo(const char *set)
{
    struct stage *stage = stage_new(set, NULL);
    stage_add_account(stage, "romeo@example.com", "secret");
    return stage;
}

static struct client *ready_client(struct stage *stage, enum stream_framing framing)
{
    struct client *client = client_open(stage, framing);
    client_header(client);
    return client;
}

/* PLAIN with what else is asked. */
static void authenticates(struct client *client, const char *data, const char *inner)
{
    says(client, "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'><initial-response>%s</initial-response>%s</authenticate>",
         data, inner);
    stage_await_hash(client->stage);
}

/* -- login and binding -- */

/* Without a binding in it: features of the next step follow at once, on the same stream. */
static void test_without_binding(void **state)
{
    (void)state;
    for (int framing = FRAMING_TCP; framing <= FRAMING_WEBSOCKET; framing++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = ready_client(stage, (enum stream_framing)framing);
        authenticates(client, PLAIN_ROMEO_SECRET, "");
        hears(client, "<success xmlns='" SASL2 "'><authorization-identifier>romeo@example.com</authorization-identifier>"
                      "</success>*<stream:features*><bind xmlns='" XMLNS_BIND "'/>*</stream:features>");
        client_bind(client, "r");
        hears(client, "<iq*<jid>romeo@example.com/r</jid></bind></iq>");
        assert_string_equal(session_mechanism(stage->last_session), "PLAIN");
        client_free(client);
        stage_free(stage);
    }
}

static void test_binding(void **state)
{
    (void)state;
    for (int framing = FRAMING_TCP; framing <= FRAMING_WEBSOCKET; framing++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = ready_client(stage, (enum stream_framing)framing);
        authenticates(client, PLAIN_ROMEO_SECRET,
                      AGENT "<bind xmlns='urn:xmpp:bind:0'><tag>A&amp;B</tag><enable xmlns='urn:xmpp:carbons:2'/></bind>");
        hears(client, "<success xmlns='" SASL2 "'><authorization-identifier>romeo@example.com/A&amp;B/????????????????"
                      "</authorization-identifier><bound xmlns='urn:xmpp:bind:0'></bound></success>*"
                      "<stream:features*>" LIMITS "</stream:features>");
        assert_string_equal(stage->steps, "subscribe bind ");
        assert_true(session_has_carbons(stage->last_session));
        says(client, "<message xmlns='jabber:client' to='juliet@example.com'/>");
        buffer_append_char(&stage->seen, '\0');
        assert_non_null(strstr(stage->seen.data, "from='romeo@example.com/A&amp;B/"));
        client_free(client);
        stage_free(stage);
    }
}

/* XEP-0198 6: a stream that cannot be resumed is told with the success, and a new one begins with the binding. */
static void test_stream_management(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = ready_client(stage, FRAMING_TCP);
    authenticates(client, PLAIN_ROMEO_SECRET,
                  "<resume xmlns='urn:xmpp:sm:3' previd='old.1' h='3'/>"
                  "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>");
    hears(client, "<success xmlns='" SASL2 "'><authorization-identifier>romeo@example.com/*</authorization-identifier>"
                  "<failed xmlns='urn:xmpp:sm:3' h='7'><item-not-found xmlns='*'/></failed>"
                  "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' resume='true' id='*' max='300'/></bound></success>*"
                  "<stream:features*></stream:features>");
    says(client, "<r xmlns='urn:xmpp:sm:3'/>");
    hears(client, "<a xmlns='urn:xmpp:sm:3' h='0'/>");
    client_free(client);
    client = ready_client(stage, FRAMING_TCP);
    authenticates(client, PLAIN_ROMEO_SECRET, "<resume xmlns='urn:xmpp:sm:3' previd='old.1' h='3'/>");
    hears(client, "<success*<failed xmlns='urn:xmpp:sm:3' h='7'>*</success>*<stream:features><bind *<sm xmlns='urn:xmpp:sm:3'/>*");
    client_bind(client, "r");
    client_free(client);
    stage_free(stage);
}

static void bind_as(struct stage *stage, const char *inner, char resource[64])
{
    struct client *client = ready_client(stage, FRAMING_TCP);
    authenticates(client, PLAIN_ROMEO_SECRET, inner);
    const char *start = strstr(heard(client), "romeo@example.com/");
    assert_non_null(start);
    start += strlen("romeo@example.com/");
    snprintf(resource, 64, "%.*s", (int)strcspn(start, "<"), start);
    client_free(client);
}

/* XEP-0386 3.3: stable for an installation and its tag; without an id of the installation it is another one each time. */
static void test_resources(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    char one[64], again[64], other[64], tagged[64];
    bind_as(stage, AGENT "<bind xmlns='urn:xmpp:bind:0'/>", one);
    bind_as(stage, AGENT "<bind xmlns='urn:xmpp:bind:0'/>", again);
    assert_string_equal(one, again);
    bind_as(stage, OTHER_AGENT "<bind xmlns='urn:xmpp:bind:0'/>", other);
    assert_string_not_equal(one, other);
    bind_as(stage, AGENT "<bind xmlns='urn:xmpp:bind:0'><tag>t</tag></bind>", tagged);
    assert_string_not_equal(one, tagged + 2);
    assert_int_equal(strncmp(tagged, "t/", 2), 0);
    bind_as(stage, "<bind xmlns='urn:xmpp:bind:0'/>", one);
    bind_as(stage, "<user-agent id='no UUID'/><bind xmlns='urn:xmpp:bind:0'/>", again);
    assert_string_not_equal(one, again);
    bind_as(stage,
            "<bind xmlns='urn:xmpp:bind:0'><tag>0123456789012345678901234567890123456789012345678901234567890123x</tag>"
            "</bind>",
            again);
    assert_int_equal(strlen(again), 16); /* such a tag is left out */
    stage_free(stage);
}

/* The quota is told, and the stream is as it was before (XEP-0388 2.6.2). */
static void test_too_many_sessions(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("limits.sessions_per_account=1");
    struct client *first = client_bound(stage, FRAMING_TCP, "romeo", "r"), *client = ready_client(stage, FRAMING_TCP);
    authenticates(client, PLAIN_ROMEO_SECRET, "<bind xmlns='urn:xmpp:bind:0'/>");
    hears(client, "<failure xmlns='" SASL2 "'><temporary-auth-failure xmlns='" XMLNS_SASL "'/><resource-constraint xmlns='"
                  XMLNS_STANZA_ERRORS "'/><text>too many sessions of this account</text></failure>");
    client_free(first);
    stage_settle(stage);
    authenticates(client, PLAIN_ROMEO_SECRET, "<bind xmlns='urn:xmpp:bind:0'/>");
    hears(client, "<success*</stream:features>");
    client_free(client);
    stage_free(stage);
}

/* -- the exchange -- */

static void says_data(struct client *client, const char *before, const char *data, const char *behind)
{
    char encoded[2048];
    base64_of(encoded, sizeof encoded, data, strlen(data));
    says(client, "%s%s%s", before, encoded, behind);
}

/* The base64 between start and the next '<' of what was heard, decoded. */
static void hears_data(struct client *client, const char *start, char out[512])
{
    const char *text = strstr(heard(client), start);
    assert_non_null(text);
    text += strlen(start);
    long size = credential_base64_decode((unsigned char *)out, 511, (struct text){ text, strcspn(text, "<") });
    assert_true(size >= 0);
    out[size] = '\0';
}

/* XEP-0474 4.1, with what header_test.c shows to be announced. */
static void check_announced(const char *server_first, const char *announced)
{
    unsigned char digest[32];
    char encoded[64];
    EVP_Digest(announced, strlen(announced), digest, NULL, EVP_sha256(), NULL);
    base64_of(encoded, sizeof encoded, (const char *)digest, sizeof digest);
    const char *told = strstr(server_first, ",h=");
    assert_non_null(told);
    assert_string_equal(told + 3, encoded);
}

static void test_scram(void **state)
{
    (void)state;
    static const struct {
        bool is_bound;
        const char *announced;
    } rows[] = {
        { false, "PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-256" },
        { true, "PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1eSCRAM-SHA-256\x1eSCRAM-SHA-256-PLUS\x1f"
                "tls-exporter\x1etls-server-end-point" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = client_open(stage, FRAMING_TCP);
        struct scram_client scram = { .hash = "SHA256", .gs2 = "n,,", .name = "romeo", .password = "secret" };
        char data[512];
        client_encrypt(client, rows[i].is_bound);
        client_header(client);
        scram_client_first(&scram);
        says_data(client, "<authenticate xmlns='" SASL2 "' mechanism='SCRAM-SHA-256'><initial-response>", scram.first,
                  "</initial-response></authenticate>");
        hears_data(client, "<challenge xmlns='" SASL2 "'>", data);
        check_announced(data, rows[i].announced);
        scram_client_final(&scram, data);
        says_data(client, "<response xmlns='" SASL2 "'>", scram.final, "</response>");
        hears_data(client, "<success xmlns='" SASL2 "'><additional-data>", data);
        assert_string_equal(data, scram.expected);
        client_free(client);
        stage_free(stage);
    }
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        const char *said, *heard;
    } rows[] = {
        { "<authenticate xmlns='" SASL2 "' mechanism='NONE'/>", FAILURE("invalid-mechanism") },
        { "<authenticate xmlns='" SASL2 "'/>", FAILURE("invalid-mechanism") },
        { "<authenticate xmlns='" SASL2 "' mechanism='ANONYMOUS'/>", FAILURE("invalid-mechanism") },
        { "<authenticate xmlns='" SASL2 "' mechanism='HT-SHA-256-NONE'/>", FAILURE("invalid-mechanism") },
        { "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'><initial-response>!</initial-response></authenticate>",
          FAILURE("incorrect-encoding") },
        { "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'><initial-response>=</initial-response></authenticate>",
          FAILURE("incorrect-encoding") },
        { "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'><initial-response/></authenticate>",
          FAILURE("malformed-request") },
        { "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'/><abort xmlns='" SASL2 "'/>",
          "<challenge xmlns='" SASL2 "'></challenge>" FAILURE("aborted") },
        { "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'/><abort xmlns='" XMLNS_SASL "'/>",
          "<challenge xmlns='" SASL2 "'></challenge>" STREAM_ERROR("policy-violation") },
        { "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'/><response xmlns='" XMLNS_SASL "'/>",
          "<challenge xmlns='" SASL2 "'></challenge>" STREAM_ERROR("policy-violation") },
        { "<auth xmlns='" XMLNS_SASL "' mechanism='PLAIN'/><response xmlns='" SASL2 "'/>",
          "<challenge xmlns='" XMLNS_SASL "'/>" STREAM_ERROR("policy-violation") },
        { "<auth xmlns='" XMLNS_SASL "' mechanism='PLAIN'/><abort xmlns='" SASL2 "'/>",
          "<challenge xmlns='" XMLNS_SASL "'/>" STREAM_ERROR("policy-violation") },
        { "<response xmlns='" SASL2 "'/>", STREAM_ERROR("policy-violation") },
        { "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'/><iq type='get' id='1'/>",
          "<challenge xmlns='" SASL2 "'></challenge>" STREAM_ERROR("not-authorized") },
        { "<next xmlns='" SASL2 "' task='x'/>", STREAM_ERROR("not-authorized") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo(NULL);
        struct client *client = ready_client(stage, FRAMING_TCP);
        print_message("%s\n", rows[i].said);
        says(client, "%s", rows[i].said);
        hears(client, rows[i].heard);
        client_free(client);
        stage_free(stage);
    }
}

static void test_wrong_password(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = ready_client(stage, FRAMING_TCP);
    authenticates(client, PLAIN_ROMEO_WRONG, AGENT "<bind xmlns='urn:xmpp:bind:0'/>");
    hears(client, FAILURE("not-authorized"));
    assert_string_equal(stage->failed_user, "romeo@example.com");
    assert_string_equal(stage->steps, "");
    authenticates(client, PLAIN_ROMEO_SECRET, AGENT "<bind xmlns='urn:xmpp:bind:0'/>");
    hears(client, "<success*");
    says(client, "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'/>");
    hears(client, STREAM_ERROR("policy-violation"));
    client_free(client);
    stage_free(stage);
}

/* XEP-0388 2.6.5: who says in the header to be somebody does not act as somebody else. */
static void test_claimed(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo(NULL);
    struct client *client = client_open(stage, FRAMING_TCP);
    says(client, "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM
                 "' to='example.com' from='juliet@example.com' version='1.0'>");
    heard(client);
    says(client, "<authenticate xmlns='" SASL2 "' mechanism='PLAIN'><initial-response>%s</initial-response></authenticate>",
         "cm9tZW9AZXhhbXBsZS5jb20Acm9tZW8Ac2VjcmV0");
    hears(client, FAILURE("invalid-authzid"));
    client_free(client);
    stage_free(stage);
}

/* -- tokens -- */

/* HMAC(token, who), as a client of HT-SHA-256 makes it, with the channel's binding behind. */
static void ht_proof(const char *token, const char *who, const char *binding, unsigned char out[32])
{
    char message[64];
    size_t size = (size_t)snprintf(message, sizeof message, "%s%s", who, binding);
    HMAC(EVP_sha256(), token, (int)strlen(token), (const unsigned char *)message, size, out, NULL);
}

static void says_token(struct client *client, const char *mechanism, const char *name, const char *token,
                       const char *binding, const char *inner)
{
    char message[128], encoded[256];
    size_t size = strlen(name) + 1;
    memcpy(message, name, size);
    ht_proof(token, "Initiator", binding, (unsigned char *)message + size);
    base64_of(encoded, sizeof encoded, message, size + 32);
    says(client, "<authenticate xmlns='" SASL2 "' mechanism='%s'><initial-response>%s</initial-response>%s</authenticate>",
         mechanism, encoded, inner);
}

static void take_token(struct client *client, char token[128])
{
    const char *text = strstr(heard(client), "<token xmlns='" FAST "' expiry='20");
    assert_non_null(text);
    text = strstr(text, "token='") + 7;
    snprintf(token, 128, "%.*s", (int)strcspn(text, "'"), text);
}

#define ASK_NONE "<request-token xmlns='" FAST "' mechanism='HT-SHA-256-NONE'/>"

static void get_token(struct stage *stage, char token[128])
{
    struct client *client = ready_client(stage, FRAMING_TCP);
    authenticates(client, PLAIN_ROMEO_SECRET, AGENT ASK_NONE);
    take_token(client, token);
    client_free(client);
}

static void test_token(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("auth.fast_unbound=on");
    struct client *client;
    char token[128], pattern[512], encoded[64];
    unsigned char proof[32];

    get_token(stage, token);
    client = ready_client(stage, FRAMING_WEBSOCKET);
    says_token(client, "HT-SHA-256-NONE", "romeo", token, "",
               AGENT "<fast xmlns='" FAST "'/><bind xmlns='urn:xmpp:bind:0'/>");
    ht_proof(token, "Responder", "", proof);
    base64_of(encoded, sizeof encoded, (const char *)proof, sizeof proof);
    snprintf(pattern, sizeof pattern,
             "<success xmlns='" SASL2 "'><additional-data>%s</additional-data><authorization-identifier>"
             "romeo@example.com/*</authorization-identifier><bound xmlns='urn:xmpp:bind:0'></bound></success>*",
             encoded);
    hears(client, pattern);
    assert_string_equal(session_mechanism(stage->last_session), "HT-SHA-256-NONE");
    client_free(client);
    stage_free(stage);
}

static void test_bound_token(void **state)
{
    (void)state;
    static const struct {
        const char *mechanism, *binding;
    } rows[] = { { "HT-SHA-256-EXPR", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
                 { "HT-SHA-256-ENDP", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" } };
    for (size_t i = 0; i < 2; i++) {
        struct stage *stage = stage_with_romeo("auth.fast_unbound=on");
        struct client *client = client_open(stage, FRAMING_TCP);
        char token[128], asked[256];
        client_encrypt(client, true);
        client_header(client);
        snprintf(asked, sizeof asked, AGENT "<request-token xmlns='" FAST "' mechanism='%s'/>", rows[i].mechanism);
        authenticates(client, PLAIN_ROMEO_SECRET, asked);
        take_token(client, token);
        client_free(client);

        client = client_open(stage, FRAMING_TCP);
        client_encrypt(client, true);
        client_header(client);
        /* Good for its own mechanism only (XEP-0484 3.4). */
        says_token(client, "HT-SHA-256-NONE", "romeo", token, "", AGENT "<fast xmlns='" FAST "'/>");
        hears(client, FAILURE("not-authorized"));
        says_token(client, rows[i].mechanism, "romeo", token, "another channel", AGENT "<fast xmlns='" FAST "'/>");
        hears(client, FAILURE("not-authorized"));
        says_token(client, rows[i].mechanism, "romeo", token, rows[i].binding, AGENT "<fast xmlns='" FAST "'/>");
        hears(client, "<success*");
        client_free(client);
        stage_free(stage);
    }
}

static void test_token_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *user, *inner, *heard;
    } rows[] = {
        { "no fast", "romeo", AGENT, FAILURE("malformed-request") },
        { "no client", "romeo", "<fast xmlns='" FAST "'/>", FAILURE("malformed-request") },
        { "count is none", "romeo", AGENT "<fast xmlns='" FAST "' count='x'/>", FAILURE("malformed-request") },
        { "another client's", "romeo", OTHER_AGENT "<fast xmlns='" FAST "'/>", FAILURE("not-authorized") },
        { "another user's", "juliet", AGENT "<fast xmlns='" FAST "'/>", FAILURE("not-authorized") },
        { "nobody's", "nobody", AGENT "<fast xmlns='" FAST "'/>", FAILURE("not-authorized") },
        { "no name", "", AGENT "<fast xmlns='" FAST "'/>", FAILURE("not-authorized") },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage *stage = stage_with_romeo("auth.fast_unbound=on");
        struct client *client;
        char token[128];
        print_message("%s\n", rows[i].name);
        stage_add_account(stage, "juliet@example.com", "secret");
        get_token(stage, token);
        client = ready_client(stage, FRAMING_TCP);
        says_token(client, "HT-SHA-256-NONE", rows[i].user, token, "", rows[i].inner);
        hears(client, rows[i].heard);
        client_free(client);
        stage_free(stage);
    }
}

static void test_token_disabled_and_away(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("auth.fast_unbound=on");
    struct client *client = ready_client(stage, FRAMING_TCP);
    char token[128];

    get_token(stage, token);
    stage->token_status = BUS_AWAY;
    says_token(client, "HT-SHA-256-NONE", "romeo", token, "", AGENT "<fast xmlns='" FAST "'/>");
    hears(client, FAILURE("temporary-auth-failure"));
    authenticates(client, PLAIN_ROMEO_SECRET, AGENT ASK_NONE);
    hears(client, "<success xmlns='" SASL2 "'><authorization-identifier>romeo@example.com</authorization-identifier>"
                  "</success>*"); /* without a token the login is as good */
    client_free(client);
    stage->token_status = BUS_OK;
    stage->accounts[0].account.is_disabled = true;
    client = ready_client(stage, FRAMING_TCP);
    says_token(client, "HT-SHA-256-NONE", "romeo", token, "", AGENT "<fast xmlns='" FAST "'/>");
    hears(client, FAILURE("account-disabled"));
    client_free(client);
    stage_free(stage);
}

/* XEP-0484 3.4: a count is said once. */
static void test_count(void **state)
{
    (void)state;
    static const struct {
        const char *count;
        bool is_good;
    } rows[] = { { "1", true }, { "1", false }, { "7", true }, { "6", false }, { "8", true } };
    struct stage *stage = stage_with_romeo("auth.fast_unbound=on");
    char token[128], inner[256];
    get_token(stage, token);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client *client = ready_client(stage, FRAMING_TCP);
        snprintf(inner, sizeof inner, AGENT "<fast xmlns='" FAST "' count='%s'/>", rows[i].count);
        says_token(client, "HT-SHA-256-NONE", "romeo", token, "", inner);
        hears(client, rows[i].is_good ? "<success*" : FAILURE("not-authorized"));
        client_free(client);
    }
    stage_free(stage);
}

static void test_invalidate(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("auth.fast_unbound=on");
    struct client *client;
    char token[128];
    get_token(stage, token);
    for (int i = 0; i < 2; i++) {
        client = ready_client(stage, FRAMING_TCP);
        says_token(client, "HT-SHA-256-NONE", "romeo", token, "", AGENT "<fast xmlns='" FAST "' invalidate='true'/>");
        hears(client, i == 0 ? "<success*" : FAILURE("not-authorized"));
        client_free(client);
    }
    stage_free(stage);
}

/* XEP-0484 3.5: renewed when half of its life is over; the old one is good until the new one was used. */
static void test_renewal(void **state)
{
    (void)state;
    struct stage *stage = stage_with_romeo("auth.fast_unbound=on");
    struct client *client = ready_client(stage, FRAMING_TCP);
    char token[128], renewed[128];
    get_token(stage, token);
    says_token(client, "HT-SHA-256-NONE", "romeo", token, "", AGENT "<fast xmlns='" FAST "'/>");
    assert_null(strstr(heard(client), "<token")); /* it is young */
    client_free(client);

    stage->now_ms += 8ll * 24 * 3600 * 1000;
    client = ready_client(stage, FRAMING_TCP);
    says_token(client, "HT-SHA-256-NONE", "romeo", token, "", AGENT "<fast xmlns='" FAST "'/>");
    take_token(client, renewed);
    assert_string_not_equal(token, renewed);
    client_free(client);
    static const struct {
        bool is_renewed, is_good;
    } rows[] = { { false, true }, { true, true }, { false, false }, { true, true } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client = ready_client(stage, FRAMING_TCP);
        says_token(client, "HT-SHA-256-NONE", "romeo", i == 0 ? token : rows[i].is_renewed ? renewed : token, "",
                   AGENT "<fast xmlns='" FAST "'/>");
        if (i == 0) /* renewed once more: the one in between was not used */
            take_token(client, renewed);
        else
            hears(client, rows[i].is_good ? "<success*" : FAILURE("not-authorized"));
        client_free(client);
    }
    stage->now_ms += 15ll * 24 * 3600 * 1000;
    client = ready_client(stage, FRAMING_TCP);
    says_token(client, "HT-SHA-256-NONE", "romeo", renewed, "", AGENT "<fast xmlns='" FAST "'/>");
    hears(client, FAILURE("credentials-expired"));
    client_free(client);
    stage_free(stage);
}

/* A guest who comes again is the same guest. */
static void test_guest(void **state)
{
    (void)state;
    struct stage *stage = stage_new("auth.fast_unbound=on", "auth.anonymous_domain=guest.example.com", NULL);
    struct client *client = client_open(stage, FRAMING_WEBSOCKET);
    char token[128], guest[64], pattern[256];
    const char *open = "<open xmlns='" XMLNS_FRAMING "' to='guest.example.com' version='1.0'/>";
    says(client, "%s", open);
    heard(client);
    says(client, "<authenticate xmlns='" SASL2 "' mechanism='ANONYMOUS'>" AGENT ASK_NONE "<bind xmlns='urn:xmpp:bind:0'/>"
                 "</authenticate>");
    snprintf(guest, sizeof guest, "%.*s", (int)jid_local(session_jid(stage->last_session)).size,
             session_jid(stage->last_session)->text);
    take_token(client, token);
    client_free(client);

    client = client_open(stage, FRAMING_WEBSOCKET);
    says(client, "%s", open);
    heard(client);
    says_token(client, "HT-SHA-256-NONE", guest, token, "",
               AGENT "<fast xmlns='" FAST "'/><bind xmlns='urn:xmpp:bind:0'/>");
    snprintf(pattern, sizeof pattern, "<success*>%s@guest.example.com/*</success>*", guest);
    hears(client, pattern);
    assert_true(session_is_guest(stage->last_session));
    client_free(client);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_binding),
        cmocka_unit_test(test_binding),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_stream_management),
        cmocka_unit_test(test_too_many_sessions),
        cmocka_unit_test(test_scram),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_claimed),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_bound_token),
        cmocka_unit_test(test_token_refused),
        cmocka_unit_test(test_token_disabled_and_away),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_invalidate),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
