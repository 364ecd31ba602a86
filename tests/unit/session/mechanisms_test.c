/* mechanisms_test.c - SASL mechanisms as pure functions: the vectors of RFC 5802 5 and RFC 7677 3, what is refused. */
#include "gateway/session/login.h"
#include "scram_client.h"
#include "stage.h"

static const unsigned char secret[32] = "a secret of thirty-two bytes ...";

static struct login *begin(const struct mechanism *mechanism, const char *nonce)
{
    struct login *login = login_new(mechanism, TEXT("example.com"));
    login->nonce = text_of(nonce);
    return login;
}

static void assert_failed(const char *name, const struct login *login, enum login_step step,
                          enum sasl_condition condition)
{
    if (step != LOGIN_FAILURE || login->condition != condition || !login->reason)
        fail_msg("%s: step %d, condition %s", name, (int)step, sasl_condition_name(login->condition));
}

static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        const struct mechanism *mechanism;
        const char *nonce, *salt, *first, *server_first, *final, *server_final;
    } rows[] = {
        { &mechanism_scram_sha1, "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
          "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
          "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
          "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
        { &mechanism_scram_sha256, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
          "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
          "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
          "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
          "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
    };
    for (size_t i = 0; i < 2; i++) {
        struct account account = { 0 };
        struct scram_keys *keys = i == 0 ? &account.sha1 : &account.sha256;
        keys->iterations = 4096;
        keys->salt_size = (unsigned)credential_base64_decode(keys->salt, sizeof keys->salt, text_of(rows[i].salt));
        credential_derive_keys(keys, rows[i].mechanism->hash, TEXT("pencil"));

        struct login *login = begin(rows[i].mechanism, rows[i].nonce);
        assert_int_equal(login->mechanism->answer(login, text_of(rows[i].first)), LOGIN_ACCOUNT);
        assert_true(text_is(login->bare, "user@example.com"));
        login_set_account(login, &account, secret, 10000);
        assert_int_equal(login->mechanism->found(login), LOGIN_CHALLENGE);
        assert_true(text_is(login->output, rows[i].server_first));
        assert_int_equal(login->mechanism->answer(login, text_of(rows[i].final)), LOGIN_SUCCESS);
        assert_true(text_is(login->output, rows[i].server_final));
        login_free(&login);
    }
}

/* -- SCRAM: the first message -- */

static void test_first_messages(void **state)
{
    (void)state;
    enum { ACCOUNT = -1 };
    static const struct {
        const char *name;
        const struct mechanism *mechanism;
        const char *first;
        int condition; /* or ACCOUNT */
        const char *bare;
    } rows[] = {
        { "plain", &mechanism_scram_sha1, "n,,n=romeo,r=abc", ACCOUNT, "romeo@example.com" },
        { "the name is prepared", &mechanism_scram_sha1, "n,,n=ROMEO,r=abc", ACCOUNT, "romeo@example.com" },
        { "authzid is oneself", &mechanism_scram_sha1, "n,a=romeo@example.com,n=romeo,r=abc", ACCOUNT,
          "romeo@example.com" },
        { "authzid is prepared", &mechanism_scram_sha1, "n,a=Romeo@EXAMPLE.com,n=romeo,r=abc", ACCOUNT,
          "romeo@example.com" },
        { "an extension behind", &mechanism_scram_sha1, "n,,n=romeo,r=abc,x=y", ACCOUNT, "romeo@example.com" },
        { "y without offer", &mechanism_scram_sha1, "y,,n=romeo,r=abc", ACCOUNT, "romeo@example.com" },
        { "plus", &mechanism_scram_sha1_plus, "p=tls-exporter,,n=romeo,r=abc", ACCOUNT, "romeo@example.com" },
        { "authzid of another", &mechanism_scram_sha1, "n,a=juliet@example.com,n=romeo,r=abc",
          SASL_ERROR_INVALID_AUTHZID, NULL },
        { "authzid with resource", &mechanism_scram_sha1, "n,a=romeo@example.com/x,n=romeo,r=abc",
          SASL_ERROR_INVALID_AUTHZID, NULL },
        { "authzid elsewhere", &mechanism_scram_sha1, "n,a=romeo@example.net,n=romeo,r=abc", SASL_ERROR_INVALID_AUTHZID,
          NULL },
        { "authzid no address", &mechanism_scram_sha1, "n,a=@,n=romeo,r=abc", SASL_ERROR_INVALID_AUTHZID, NULL },
        { "comma in name: no localpart", &mechanism_scram_sha1, "n,,n=ro=2Cmeo=3D@,r=abc", SASL_ERROR_NOT_AUTHORIZED,
          NULL },
        { "plus with n", &mechanism_scram_sha1_plus, "n,,n=romeo,r=abc", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "p without plus", &mechanism_scram_sha1, "p=tls-exporter,,n=romeo,r=abc", SASL_ERROR_MALFORMED_REQUEST,
          NULL },
        { "unknown binding", &mechanism_scram_sha1_plus, "p=tls-unique,,n=romeo,r=abc", SASL_ERROR_INVALID_MECHANISM,
          NULL },
        { "binding that is not there", &mechanism_scram_sha1_plus, "p=tls-server-end-point,,n=romeo,r=abc",
          SASL_ERROR_INVALID_MECHANISM, NULL },
        { "empty", &mechanism_scram_sha1, "", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "flag only", &mechanism_scram_sha1, "n,", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "header only", &mechanism_scram_sha1, "n,,", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "unknown flag", &mechanism_scram_sha1, "q,,n=romeo,r=abc", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "p without name", &mechanism_scram_sha1_plus, "p,,n=romeo,r=abc", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "mandatory extension", &mechanism_scram_sha1, "n,,m=x,n=romeo,r=abc", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "no nonce", &mechanism_scram_sha1, "n,,n=romeo", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "empty nonce", &mechanism_scram_sha1, "n,,n=romeo,r=", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "nonce with a space", &mechanism_scram_sha1, "n,,n=romeo,r=a b", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "nonce not ASCII", &mechanism_scram_sha1, "n,,n=romeo,r=\xc3\xa4", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "wrong escape", &mechanism_scram_sha1, "n,,n=ro=2cmeo,r=abc", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "cut escape", &mechanism_scram_sha1, "n,,n=romeo=3,r=abc", SASL_ERROR_MALFORMED_REQUEST, NULL },
        { "empty name", &mechanism_scram_sha1, "n,,n=,r=abc", SASL_ERROR_NOT_AUTHORIZED, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login *login = begin(rows[i].mechanism, "server");
        login->binding[BINDING_TLS_EXPORTER].size = 32;
        enum login_step step = login->mechanism->answer(login, text_of(rows[i].first));
        if (rows[i].condition != ACCOUNT)
            assert_failed(rows[i].name, login, step, (enum sasl_condition)rows[i].condition);
        else if (step != LOGIN_ACCOUNT || !text_is(login->bare, rows[i].bare))
            fail_msg("%s: step %d", rows[i].name, (int)step);
        login_free(&login);
    }
}

static void test_nul_is_malformed(void **state)
{
    (void)state;
    struct login *login = begin(&mechanism_scram_sha1, "server");
    assert_failed("NUL", login, login->mechanism->answer(login, TEXT("n,,n=ro\0meo,r=abc")),
                  SASL_ERROR_MALFORMED_REQUEST);
    login_free(&login);
}

/* Somebody between took the PLUS variants out of the list (RFC 5802 6). */
static void test_stripped(void **state)
{
    (void)state;
    struct login *login = begin(&mechanism_scram_sha256, "server");
    login->offered_binding = true;
    assert_failed("y", login, login->mechanism->answer(login, TEXT("y,,n=romeo,r=abc")), SASL_ERROR_NOT_AUTHORIZED);
    assert_string_equal(login->reason, "channel-binding-stripped");
    login_free(&login);
}

/* -- SCRAM: the whole exchange, with something changed on the way -- */

struct exchange {
    const char *name;
    const struct mechanism *mechanism;
    const char *hash, *gs2, *binding, *password;
    const char *from, *to; /* replaced in the final message; NULL: not */
    bool is_disabled, is_unknown, lacks_hash;
    int condition; /* or -1: success */
};

static void replace_in(char *message, const char *from, const char *to)
{
    char copy[1200];
    char *place = strstr(message, from);
    assert_non_null(place);
    snprintf(copy, sizeof copy, "%.*s%s%s", (int)(place - message), message, to, place + strlen(from));
    strcpy(message, copy);
}

static enum login_step run(const struct exchange *exchange, struct login *login, struct scram_client *client)
{
    struct account account = { .is_disabled = exchange->is_disabled };
    char server_first[512];

    credential_derive(&account, TEXT("secret"), 4096);
    if (exchange->lacks_hash)
        account.sha256.iterations = 0;
    memset(login->binding[BINDING_TLS_EXPORTER].bytes, 'x', 32);
    login->binding[BINDING_TLS_EXPORTER].size = 32;
    scram_client_first(client);
    assert_int_equal(login->mechanism->answer(login, text_of(client->first)), LOGIN_ACCOUNT);
    login_set_account(login, exchange->is_unknown ? NULL : &account, secret, 4096);
    assert_int_equal(login->mechanism->found(login), LOGIN_CHALLENGE);
    snprintf(server_first, sizeof server_first, "%.*s", TEXT_ARGS(login->output));
    scram_client_final(client, server_first);
    if (exchange->from)
        replace_in(client->final, exchange->from, exchange->to);
    return login->mechanism->answer(login, text_of(client->final));
}

static void test_exchanges(void **state)
{
    (void)state;
    static const struct exchange rows[] = {
        { "sha1", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secret", NULL, NULL, false, false, false, -1 },
        { "sha256", &mechanism_scram_sha256, "SHA256", "y,,", NULL, "secret", NULL, NULL, false, false, false, -1 },
        { "sha1 plus", &mechanism_scram_sha1_plus, "SHA1", "p=tls-exporter,,", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
          "secret", NULL, NULL, false, false, false, -1 },
        { "sha256 plus", &mechanism_scram_sha256_plus, "SHA256", "p=tls-exporter,,", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
          "secret", NULL, NULL, false, false, false, -1 },
        { "authzid", &mechanism_scram_sha256, "SHA256", "n,a=romeo@example.com,", NULL, "secret", NULL, NULL, false,
          false, false, -1 },
        { "extension in the final message", &mechanism_scram_sha256, "SHA256", "n,,", NULL, "secret",
          ",p=", ",x=y,p=", false, false, false, SASL_ERROR_NOT_AUTHORIZED }, /* it is part of what the proof proves */
        { "another binding", &mechanism_scram_sha256_plus, "SHA256", "p=tls-exporter,,",
          "yxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "secret", NULL, NULL, false, false, false, SASL_ERROR_NOT_AUTHORIZED },
        { "no binding bytes", &mechanism_scram_sha256_plus, "SHA256", "p=tls-exporter,,", NULL, "secret", NULL, NULL,
          false, false, false, SASL_ERROR_NOT_AUTHORIZED },
        { "another gs2 header", &mechanism_scram_sha256, "SHA256", "n,,", NULL, "secret", "c=biws", "c=eSws", false,
          false, false, SASL_ERROR_NOT_AUTHORIZED },
        { "c not base64", &mechanism_scram_sha256, "SHA256", "n,,", NULL, "secret", "c=biws", "c=b*ws", false, false,
          false, SASL_ERROR_NOT_AUTHORIZED },
        { "another nonce", &mechanism_scram_sha256, "SHA256", "n,,", NULL, "secret", "server", "sErver", false, false,
          false, SASL_ERROR_NOT_AUTHORIZED },
        { "wrong password", &mechanism_scram_sha256, "SHA256", "n,,", NULL, "secreT", NULL, NULL, false, false, false,
          SASL_ERROR_NOT_AUTHORIZED },
        { "unknown account", &mechanism_scram_sha256, "SHA256", "n,,", NULL, "secret", NULL, NULL, false, true, false,
          SASL_ERROR_NOT_AUTHORIZED },
        { "no keys of this hash", &mechanism_scram_sha256, "SHA256", "n,,", NULL, "secret", NULL, NULL, false, false,
          true, SASL_ERROR_NOT_AUTHORIZED },
        { "disabled, right password", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secret", NULL, NULL, true, false,
          false, SASL_ERROR_ACCOUNT_DISABLED },
        { "disabled, wrong password", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secreT", NULL, NULL, true, false,
          false, SASL_ERROR_NOT_AUTHORIZED },
        { "no proof", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secret", ",p=", ",x=", false, false, false,
          SASL_ERROR_MALFORMED_REQUEST },
        { "proof not base64", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secret", ",p=", ",p=*", false, false, false,
          SASL_ERROR_MALFORMED_REQUEST },
        { "mandatory extension", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secret", ",p=", ",m=1,p=", false, false,
          false, SASL_ERROR_MALFORMED_REQUEST },
        { "no c", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secret", "c=", "d=", false, false, false,
          SASL_ERROR_MALFORMED_REQUEST },
        { "something behind the proof", &mechanism_scram_sha1, "SHA1", "n,,", NULL, "secret",
          ",p=", ",p=AAAA,p=", false, false, false, SASL_ERROR_MALFORMED_REQUEST },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login *login = begin(rows[i].mechanism, "server");
        struct scram_client client = { .hash = rows[i].hash,
                                       .gs2 = rows[i].gs2,
                                       .binding = rows[i].binding,
                                       .binding_size = 32,
                                       .name = "romeo",
                                       .password = rows[i].password };
        enum login_step step = run(&rows[i], login, &client);
        if (rows[i].condition >= 0)
            assert_failed(rows[i].name, login, step, (enum sasl_condition)rows[i].condition);
        else if (step != LOGIN_SUCCESS || !text_is(login->output, client.expected))
            fail_msg("%s: step %d reason %s", rows[i].name, (int)step, login->reason ? login->reason : "-");
        login_free(&login);
    }
}

/* A proof that is right for a message with another nonce is none: it may have been made before. */
static void test_other_nonce(void **state)
{
    (void)state;
    static const struct exchange exchange = { .name = "nonce", .condition = -1 };
    static const char *const nonces[] = { NULL, "other", "rOprNGfwEbeRWgbNEkqO", "rOprNGfwEbeRWgbNEkqOserverx" };
    for (int i = 0; i < 4; i++) {
        struct login *login = begin(&mechanism_scram_sha256, "server");
        struct scram_client client = {
            .hash = "SHA256", .gs2 = "n,,", .name = "romeo", .password = "secret", .nonce = nonces[i]
        };
        enum login_step step = run(&exchange, login, &client);
        if (i == 0)
            assert_int_equal(step, LOGIN_SUCCESS);
        else
            assert_failed(nonces[i], login, step, SASL_ERROR_NOT_AUTHORIZED);
        login_free(&login);
    }
}

/* RFC 5802 9: who asks twice for a name that does not exist must see the same salt twice. */
static void test_stand_ins(void **state)
{
    (void)state;
    static const char *const names[] = { "n,,n=nobody,r=a", "n,,n=nobody,r=b", "n,,n=noone,r=a" };
    char seen[3][64];
    for (int i = 0; i < 3; i++) {
        struct login *login = begin(&mechanism_scram_sha256, "S");
        login->mechanism->answer(login, text_of(names[i]));
        login_set_account(login, NULL, secret, 10000);
        login->mechanism->found(login);
        assert_int_equal(sscanf(login->output.data, "r=%*[^,],s=%60[^,],i=10000", seen[i]), 1);
        assert_int_equal(strlen(seen[i]), 24); /* of 16 bytes, as in real accounts */
        assert_memory_not_equal(login->account.sha1.salt, login->account.sha256.salt, 16);
        login_free(&login);
    }
    assert_string_equal(seen[0], seen[1]);
    assert_string_not_equal(seen[0], seen[2]);
}

/* -- the others -- */

static void test_plain(void **state)
{
    (void)state;
    enum { ACCOUNT = -1 };
    static const struct {
        const char *name;
        struct text message;
        int condition;
        const char *bare, *password;
    } rows[] = {
        { "usual", TEXT_INIT("\0romeo\0secret"), ACCOUNT, "romeo@example.com", "secret" },
        { "authzid", TEXT_INIT("romeo@example.com\0romeo\0secret"), ACCOUNT, "romeo@example.com", "secret" },
        { "prepared", TEXT_INIT("\0Romeo\0my\xc2\xa0secret"), ACCOUNT, "romeo@example.com", "my secret" },
        { "authzid of another", TEXT_INIT("juliet@example.com\0romeo\0secret"), SASL_ERROR_INVALID_AUTHZID, NULL,
          NULL },
        { "no NUL", TEXT_INIT("romeo secret"), SASL_ERROR_MALFORMED_REQUEST, NULL, NULL },
        { "one NUL", TEXT_INIT("romeo\0secret"), SASL_ERROR_MALFORMED_REQUEST, NULL, NULL },
        { "three NUL", TEXT_INIT("\0romeo\0sec\0ret"), SASL_ERROR_MALFORMED_REQUEST, NULL, NULL },
        { "empty name", TEXT_INIT("\0\0secret"), SASL_ERROR_MALFORMED_REQUEST, NULL, NULL },
        { "empty password", TEXT_INIT("\0romeo\0"), SASL_ERROR_MALFORMED_REQUEST, NULL, NULL },
        { "empty", TEXT_INIT(""), SASL_ERROR_MALFORMED_REQUEST, NULL, NULL },
        { "no localpart", TEXT_INIT("\0ro meo\0secret"), SASL_ERROR_NOT_AUTHORIZED, NULL, NULL },
        { "no password", TEXT_INIT("\0romeo\0sec\x01ret"), SASL_ERROR_NOT_AUTHORIZED, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login *login = begin(&mechanism_plain, "S");
        enum login_step step = login->mechanism->answer(login, rows[i].message);
        if (rows[i].condition != ACCOUNT)
            assert_failed(rows[i].name, login, step, (enum sasl_condition)rows[i].condition);
        else if (step != LOGIN_ACCOUNT || !text_is(login->bare, rows[i].bare) ||
                 !text_is(login->password, rows[i].password))
            fail_msg("%s: step %d", rows[i].name, (int)step);
        login_free(&login);
    }
}

static enum login_step plain_with(struct login *login, const struct account *account, const char *password)
{
    assert_int_equal(plain_begin(login, TEXT("romeo"), text_of(password)), LOGIN_ACCOUNT);
    login_set_account(login, account, secret, 4096);
    assert_int_equal(login->mechanism->found(login), LOGIN_HASH);
    assert_int_equal(login->derived.iterations, 4096); /* an unknown account costs the same */
    assert_int_equal(login->derived.salt_size, 16);
    credential_derive_keys(&login->derived, login->derived_hash, login->password);
    return login->mechanism->hashed(login);
}

static void test_plain_proofs(void **state)
{
    (void)state;
    struct account account = { 0 }, old, disabled;
    credential_derive(&account, TEXT("secret"), 4096);
    old = disabled = account;
    old.sha256.iterations = 0;
    disabled.is_disabled = true;
    const struct {
        const char *name;
        const struct account *account;
        const char *password;
        int condition;
    } rows[] = {
        { "right", &account, "secret", -1 },
        { "right, SHA-1 keys only", &old, "secret", -1 },
        { "wrong", &account, "Secret", SASL_ERROR_NOT_AUTHORIZED },
        { "wrong, SHA-1 keys only", &old, "Secret", SASL_ERROR_NOT_AUTHORIZED },
        { "unknown", NULL, "secret", SASL_ERROR_NOT_AUTHORIZED },
        { "disabled", &disabled, "secret", SASL_ERROR_ACCOUNT_DISABLED },
        { "disabled, wrong", &disabled, "Secret", SASL_ERROR_NOT_AUTHORIZED },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login *login = begin(&mechanism_plain, "S");
        enum login_step step = plain_with(login, rows[i].account, rows[i].password);
        if (rows[i].condition >= 0)
            assert_failed(rows[i].name, login, step, (enum sasl_condition)rows[i].condition);
        else
            assert_int_equal(step, LOGIN_SUCCESS);
        login_free(&login);
    }
}

static void test_external(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *jids[3];
        int count;
        const char *wanted;
        int condition; /* -1: the account is asked for */
        const char *bare;
    } rows[] = {
        { "one address", { "romeo@example.com" }, 1, "", -1, "romeo@example.com" },
        { "prepared", { "Romeo@Example.com" }, 1, "", -1, "romeo@example.com" },
        { "asked for", { "romeo@example.com" }, 1, "romeo@example.com", -1, "romeo@example.com" },
        { "one of two asked for",
          { "romeo@example.com", "juliet@example.com" },
          2,
          "juliet@example.com",
          -1,
          "juliet@example.com" },
        { "the same twice", { "romeo@example.com", "Romeo@example.com" }, 2, "", -1, "romeo@example.com" },
        { "one of this domain", { "romeo@example.net", "romeo@example.com" }, 2, "", -1, "romeo@example.com" },
        { "two, none asked for",
          { "romeo@example.com", "juliet@example.com" },
          2,
          "",
          SASL_ERROR_INVALID_AUTHZID,
          NULL },
        { "another asked for", { "romeo@example.com" }, 1, "juliet@example.com", SASL_ERROR_INVALID_AUTHZID, NULL },
        { "nonsense asked for", { "romeo@example.com" }, 1, "@@", SASL_ERROR_INVALID_AUTHZID, NULL },
        { "elsewhere only", { "romeo@example.net" }, 1, "", SASL_ERROR_NOT_AUTHORIZED, NULL },
        { "a domain", { "example.com" }, 1, "", SASL_ERROR_NOT_AUTHORIZED, NULL },
        { "none", { NULL }, 0, "", SASL_ERROR_NOT_AUTHORIZED, NULL },
        { "no certificate", { NULL }, -1, "", SASL_ERROR_NOT_AUTHORIZED, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login *login = begin(&mechanism_external, "S");
        for (int j = 0; j < rows[i].count; j++)
            login->certificate_jids[j] = text_of(rows[i].jids[j]);
        login->certificate_count = rows[i].count;
        enum login_step step = login->mechanism->answer(login, text_of(rows[i].wanted));
        if (rows[i].condition >= 0)
            assert_failed(rows[i].name, login, step, (enum sasl_condition)rows[i].condition);
        else if (step != LOGIN_ACCOUNT || !text_is(login->bare, rows[i].bare))
            fail_msg("%s: step %d", rows[i].name, (int)step);
        login_free(&login);
    }
}

static void test_external_needs_an_account(void **state)
{
    (void)state;
    struct login *login = begin(&mechanism_external, "S");
    struct account account = { 0 };
    login_set_account(login, NULL, secret, 4096);
    assert_failed("none", login, login->mechanism->found(login), SASL_ERROR_NOT_AUTHORIZED);
    login_set_account(login, &account, secret, 4096);
    assert_int_equal(login->mechanism->found(login), LOGIN_SUCCESS);
    account.is_disabled = true;
    login_set_account(login, &account, secret, 4096);
    assert_failed("disabled", login, login->mechanism->found(login), SASL_ERROR_ACCOUNT_DISABLED);
    login_free(&login);
}

static void test_anonymous(void **state)
{
    (void)state;
    struct login *login = begin(&mechanism_anonymous, "abcdefgh234567");
    assert_int_equal(login->mechanism->answer(login, TEXT("somebody@example.net")), LOGIN_COUNT);
    assert_true(text_is(login->bare, "abcdefgh234567@example.com"));
    assert_int_equal(login->mechanism->counted(login, true), LOGIN_SUCCESS);
    assert_failed("too many", login, login->mechanism->counted(login, false), SASL_ERROR_TEMPORARY_AUTH_FAILURE);
    login_free(&login);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_first_messages),
        cmocka_unit_test(test_nul_is_malformed),
        cmocka_unit_test(test_stripped),
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_stand_ins),
        cmocka_unit_test(test_other_nonce),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_plain_proofs),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_external_needs_an_account),
        cmocka_unit_test(test_anonymous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
