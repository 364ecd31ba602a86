/* user_test.c - accounts: one by one, and many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "fake.h"
#include "gateway/command/import_line.h"
#include "stanzabus/credential.h"

/* "pencil" under SHA-256 as in RFC 7677 3. */
#define PENCIL_SHA256 \
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" \
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
/* and under SHA-1 as in RFC 5802 5. */
#define PENCIL_SHA1 "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE="

static const char *const low = " --set auth.iterations=4096";

static int run(struct fake *fake, const char *words, const char *in)
{
    char all[600];
    snprintf(all, sizeof all, "%s%s", words, low);
    return fake_run(fake, all, in);
}

/* Does the account open with this password? */
static void check_password(struct fake *fake, const char *bare, const char *password)
{
    struct fake_account *found = fake_find(fake, bare);
    assert_non_null(found);
    struct scram_keys sha1 = found->account.sha1, sha256 = found->account.sha256;
    assert_int_equal(credential_derive_keys(&sha1, HASH_SHA1, text_of(password)), 0);
    assert_int_equal(credential_derive_keys(&sha256, HASH_SHA256, text_of(password)), 0);
    assert_memory_equal(sha1.stored_key, found->account.sha1.stored_key, 20);
    assert_memory_equal(sha256.stored_key, found->account.sha256.stored_key, 32);
    assert_memory_equal(sha256.server_key, found->account.sha256.server_key, 32);
}

static void test_one_account(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(run(&fake, "user add Juliet@localhost", "R0m30\n"), 0);
    assert_string_equal(fake.out, "added juliet@localhost\n");
    check_password(&fake, "juliet@localhost", "R0m30");

    assert_int_equal(run(&fake, "user add juliet@localhost --password other", ""), 1);
    assert_non_null(strstr(fake.err, "juliet@localhost exists already"));
    check_password(&fake, "juliet@localhost", "R0m30");

    fake_find(&fake, "juliet@localhost")->account.is_disabled = true;
    assert_int_equal(run(&fake, "user passwd juliet@localhost", "balcony\r\n"), 0);
    check_password(&fake, "juliet@localhost", "balcony");
    assert_true(fake_find(&fake, "juliet@localhost")->account.is_disabled); /* stays as it was */
    assert_int_equal(run(&fake, "user passwd romeo@localhost", "x\n"), 1);
    assert_non_null(strstr(fake.err, "there is no account romeo@localhost"));

    assert_int_equal(run(&fake, "user add romeo@localhost --password=x", ""), 0);
    assert_int_equal(run(&fake, "user list", ""), 0);
    assert_string_equal(fake.out, "juliet@localhost\nromeo@localhost\n");
    assert_int_equal(run(&fake, "user list other.example", ""), 1);
    assert_int_equal(run(&fake, "user del juliet@localhost", ""), 0);
    assert_int_equal(run(&fake, "user del juliet@localhost", ""), 1);
    assert_int_equal(run(&fake, "user list localhost", ""), 0);
    assert_string_equal(fake.out, "romeo@localhost\n");
    fake_fini(&fake);
}

static void test_blocking(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        enum account_block how;
        const char *out;
        bool is_disabled;
    } rows[] = {
        { "user kick juliet@localhost", BLOCK_KICK, "kicked juliet@localhost, sessions told to end: 3\n", false },
        { "user disable Juliet@localhost", BLOCK_DISABLE, "disabled juliet@localhost, sessions told to end: 3\n", true },
        { "user revoke juliet@localhost", BLOCK_REVOKE,
          "revoked the logins of juliet@localhost, sessions told to end: 3\n", true },
        { "user enable juliet@localhost", BLOCK_ENABLE, "enabled juliet@localhost\n", false },
    };
    struct fake fake;
    fake_init(&fake);
    assert_int_equal(run(&fake, "user add juliet@localhost", "R0m30\n"), 0);
    fake.sessions = 3;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(run(&fake, rows[i].words, ""), 0);
        assert_string_equal(fake.out, rows[i].out);
        assert_int_equal(fake.blocked_how, rows[i].how);
        assert_int_equal(fake_find(&fake, "juliet@localhost")->account.is_disabled, rows[i].is_disabled);
    }
    assert_int_equal(run(&fake, "user disable romeo@localhost", ""), 1);
    assert_non_null(strstr(fake.err, "there is no account romeo@localhost"));
    assert_int_equal(run(&fake, "user disable a@guests.example --set auth.anonymous_domain=guests.example", ""), 1);
    assert_non_null(strstr(fake.err, "the domain of guests"));
    assert_int_equal(run(&fake, "user kick a@guests.example --set auth.anonymous_domain=guests.example", ""), 1);
    assert_non_null(strstr(fake.err, "there is no account a@guests.example")); /* here, no session of one */
    fake_fini(&fake);
}

static void test_what_is_no_account(void **state)
{
    (void)state;
    static const struct {
        const char *words, *in, *err;
    } rows[] = {
        { "user add localhost", "x\n", "has no name before an @" },
        { "user add a@localhost/phone", "x\n", "has a resource" },
        { "user add a@elsewhere.example", "x\n", "elsewhere.example is not a domain of this server" },
        { "user add @localhost", "x\n", "is no address" },
        { "user add a@guests.example --set auth.anonymous_domain=guests.example", "x\n", "the domain of guests" },
        { "user add a@localhost", "", "give the password as one line on stdin" },
        { "user add a@localhost", "\n", "the password is empty" },
        { "user add a@localhost",
          "a\x01"
          "b\n",
          "this cannot be a password" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        fake_init(&fake);
        assert_int_equal(run(&fake, rows[i].words, rows[i].in), 1);
        if (!strstr(fake.err, rows[i].err))
            fail_msg("%s: stderr lacks \"%s\": %s", rows[i].words, rows[i].err, fake.err);
        assert_int_equal(fake.account_count, 0);
        fake_fini(&fake);
    }
}

static void test_long_password(void **state)
{
    (void)state;
    char line[1100];
    struct fake fake;
    fake_init(&fake);
    memset(line, 'x', sizeof line);
    strcpy(line + 1023, "\n");
    assert_int_equal(run(&fake, "user add a@localhost", line), 0);
    strcpy(line + 1023, "x\n");
    line[1023] = 'x';
    assert_int_equal(run(&fake, "user add b@localhost", line), 1);
    assert_null(fake_find(&fake, "b@localhost"));
    fake_fini(&fake);
}

static void test_import_lines(void **state)
{
    (void)state;
    static const struct {
        const char *name, *line, *wrong; /* NULL: it is fine */
        bool has_sha1, has_sha256;
    } rows[] = {
        { "password", "a@b\tsecret", NULL, false, false },
        { "password with spaces and colons", "a@b\t a: b$c ", NULL, false, false },
        { "keys", "a@b\t" PENCIL_SHA256, NULL, false, true },
        { "the other keys", "a@b\t" PENCIL_SHA1, NULL, true, false },
        { "both", "a@b\t" PENCIL_SHA256 "\t" PENCIL_SHA1 "\r", NULL, true, true },
        { "no tab", "a@b secret", "no tab", false, false },
        { "nothing behind the tab", "a@b\t", "nothing behind the tab", false, false },
        { "twice", "a@b\t" PENCIL_SHA1 "\t" PENCIL_SHA1, "given twice", false, false },
        { "password behind keys", "a@b\t" PENCIL_SHA1 "\tsecret", "only be further keys", false, false },
        { "no colon", "a@b\tSCRAM-SHA-1$4096", "keys look like", false, false },
        { "no iterations", "a@b\tSCRAM-SHA-1$:QSXC$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
          "iterations", false, false },
        { "zero iterations", "a@b\tSCRAM-SHA-1$0:QSXC$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
          "iterations", false, false },
        { "bad iterations", "a@b\tSCRAM-SHA-1$4x:QSXC$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
          "iterations", false, false },
        { "huge iterations",
          "a@b\tSCRAM-SHA-1$99999999999:QSXC$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=", "iterations",
          false, false },
        { "salt not base64", "a@b\tSCRAM-SHA-1$4096:QS!C$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
          "salt", false, false },
        { "no salt", "a@b\tSCRAM-SHA-1$4096:$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=", "salt", false,
          false },
        { "keys of the other length",
          "a@b\tSCRAM-SHA-256$4096:QSXC$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=", "stored key", false,
          false },
        { "server key cut", "a@b\tSCRAM-SHA-1$4096:QSXC$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOs", "server key", false,
          false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct import_line line;
        const char *wrong = import_line_parse(text_of(rows[i].line), &line);
        if (!wrong != !rows[i].wrong || (wrong && !strstr(wrong, rows[i].wrong)))
            fail_msg("%s: %s", rows[i].name, wrong ? wrong : "was taken");
        if (wrong)
            continue;
        assert_true(text_is(line.address, "a@b"));
        assert_int_equal(line.has_keys, rows[i].has_sha1 || rows[i].has_sha256);
        assert_int_equal(line.account.sha1.iterations, rows[i].has_sha1 ? 4096 : 0);
        assert_int_equal(line.account.sha256.iterations, rows[i].has_sha256 ? 4096 : 0);
        if (rows[i].has_sha256) { /* the keys are those of the RFC's password */
            struct scram_keys keys = line.account.sha256;
            credential_derive_keys(&keys, HASH_SHA256, TEXT("pencil"));
            assert_memory_equal(keys.server_key, line.account.sha256.server_key, 32);
        }
    }
}

static void test_import(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    const char *in = "juliet@localhost\tR0m30\n"
                     "romeo@localhost\t" PENCIL_SHA256 "\t" PENCIL_SHA1 "\n"
                     "\n"
                     "no tab here\n"
                     "x@elsewhere.example\tsecret\n"
                     "romeo@localhost\tagain\n"
                     "bad@localhost\ta\x02z\n"
                     "nurse@localhost\tlast line without an end";
    assert_int_equal(run(&fake, "user import -", in), 1);
    assert_string_equal(fake.out, "imported 3, failed 4, lines read 8\n");
    assert_non_null(strstr(fake.err, "line 4: there is no tab"));
    assert_non_null(strstr(fake.err, "line 5: elsewhere.example is not a domain"));
    assert_non_null(strstr(fake.err, "line 6: the account exists already"));
    assert_non_null(strstr(fake.err, "line 7: this cannot be a password"));
    check_password(&fake, "juliet@localhost", "R0m30");
    check_password(&fake, "romeo@localhost", "pencil");
    check_password(&fake, "nurse@localhost", "last line without an end");

    assert_int_equal(run(&fake, "user import --replace -", "juliet@localhost\tnew\n"), 0);
    check_password(&fake, "juliet@localhost", "new");
    assert_int_equal(run(&fake, "user import /nowhere/accounts", ""), 1);
    assert_non_null(strstr(fake.err, "/nowhere/accounts: No such file"));
    fake_fini(&fake);
}

static char *many_lines(unsigned count, const char *rest)
{
    struct buffer lines = { 0 };
    for (unsigned i = 0; i < count; i++)
        buffer_printf(&lines, "user%u@localhost\t%s\n", i, rest);
    buffer_append_char(&lines, '\0');
    return lines.data;
}

static void test_import_is_pipelined_and_bounded(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    char *lines = many_lines(2000, PENCIL_SHA256);
    assert_int_equal(run(&fake, "user import -", lines), 0);
    assert_string_equal(fake.out, "imported 2000, failed 0, lines read 2000\n");
    assert_int_equal(fake.account_count, 2000);
    assert_int_equal(fake.most_open_puts, 256);
    free(lines);
    lines = many_lines(100, "password"); /* more than the pool's queue of 8 takes at once */
    assert_int_equal(run(&fake, "user import --replace -", lines), 0);
    assert_string_equal(fake.out, "imported 100, failed 0, lines read 100\n");
    check_password(&fake, "user99@localhost", "password");
    free(lines);
    fake_fini(&fake);
}

static void test_import_from_a_file(void **state)
{
    (void)state;
    struct fake fake;
    char path[] = "/tmp/stanzabus-import-XXXXXX", words[100];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a@localhost\tx\n", 14), 14);
    close(fd);
    fake_init(&fake);
    snprintf(words, sizeof words, "user import %s", path);
    assert_int_equal(run(&fake, words, ""), 0);
    check_password(&fake, "a@localhost", "x");
    unlink(path);
    fake_fini(&fake);
}

static void test_import_stops_when_redis_goes(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake.away_after = 300;
    char *lines = many_lines(5000, PENCIL_SHA256);
    assert_int_equal(run(&fake, "user import -", lines), 1);
    assert_non_null(strstr(fake.err, "cannot reach Redis at redis://127.0.0.1:6379"));
    assert_non_null(
        strstr(fake.err, "may not be stored, and none behind them is: import the file again with --replace"));
    assert_null(strstr(fake.err, "line 300:")); /* all together, not one by one */
    assert_int_equal(fake.account_count, 299);
    free(lines);
    fake_fini(&fake);
}

static void interrupt(struct fake *fake)
{
    fake->is_stopped = true;
}

/* A signal ends the loop while jobs are on threads and in queues. */
static void test_import_interrupted(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake);
    fake.on_idle = interrupt;
    char *lines = many_lines(200, "password");
    assert_int_equal(run(&fake, "user import -", lines), 1);
    assert_non_null(strstr(fake.err, "interrupted"));
    free(lines);
    fake_fini(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_account),
        cmocka_unit_test(test_blocking),
        cmocka_unit_test(test_what_is_no_account),
        cmocka_unit_test(test_long_password),
        cmocka_unit_test(test_import_lines),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_import_is_pipelined_and_bounded),
        cmocka_unit_test(test_import_from_a_file),
        cmocka_unit_test(test_import_stops_when_redis_goes),
        cmocka_unit_test(test_import_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
