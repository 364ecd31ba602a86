/* config_source_test.c - the file, the environment and --set: their order, their mistakes, and the printed sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/config/loading.h"

static void test_file_syntax(void **state)
{
    (void)state;
    static const struct {
        const char *name, *content, *errors;
    } rows[] = {
        { "empty", "", "" },
        { "comments and blank lines", "# a\n; b\n\n   \n\t# c\r\n", "" },
        { "byte order mark",
          "\xef\xbb\xbf"
          "domain = a\n",
          "" },
        { "CRLF", "domain = a\r\nhttp.demo = on\r\n", "" },
        { "no white space", "domain=a", "" },
        { "indentation", "[limits]\n  depth = 10\n    attributes = 10\n", "" },
        { "section", "[limits]\ndepth = 10\n[ http ]\ndemo = on\n", "" },
        { "comment behind a value", "limits.depth = 10 # ten\nhttp.demo = on ; yes\n[log] # here\nlevel = info\n", "" },
        { "# inside a word is no comment", "tls.certificate = a#b\n", "" },
        { "empty value", "tls.certificate =\n", "" },
        { "no equals sign", "domain\n", "test.conf:1: a line is key = value, [section], or a comment behind #\n" },
        { "no key", "= a\n", "test.conf:1: a line is key = value, [section], or a comment behind #\n" },
        { "open section", "[limits\n", "test.conf:1: a section is written [name]\n" },
        { "empty section", "[]\n", "test.conf:1: a section is written [name]\n" },
        { "unknown key", "\nlimits.dept = 3\n",
          "test.conf:2: unknown key 'limits.dept': did you mean limits.depth?\n" },
        { "unknown key in a section", "[limits]\ndept = 3\n",
          "test.conf:2: unknown key 'limits.dept': did you mean limits.depth?\n" },
        { "nothing like it", "frobnicate_everything = 3\n",
          "test.conf:1: unknown key 'frobnicate_everything': `stanzabus config` lists all keys\n" },
        { "a key whose feature is to come", "upload.days = 3\n",
          "test.conf:1: unknown key 'upload.days': `stanzabus config` lists all keys\n" },
        { "twice", "limits.depth = 10\n\n[limits]\ndepth = 11\n",
          "test.conf:4: limits.depth: is already set on line 1; remove one of the two\n" },
        { "three mistakes", "a\nhttp.demo = maybe\nlimits.depth = x\n",
          "test.conf:1: a line is key = value, [section], or a comment behind #\n"
          "test.conf:2: http.demo: 'maybe' is neither on nor off\n"
          "test.conf:3: limits.depth: 'x' is not a number from 8 to 1000\n" },
        { "control characters are not echoed", "http.demo = \x1b[31m\n",
          "test.conf:1: http.demo: '?[31m' is neither on nor off\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loading loading = load(rows[i].content, NULL, NULL, 0);
        if (strcmp(loading.errors.data, rows[i].errors) != 0 || !loading.config != (rows[i].errors[0] != '\0'))
            fail_msg("%s: '%s'", rows[i].name, loading.errors.data);
        loading_fini(&loading);
    }
}

static void test_nul_in_a_file(void **state)
{
    (void)state;
    struct loading loading = { 0 };
    loading.config = config_load_text("test.conf", TEXT("domain = a\n\0\n"), NULL, NULL, 0, keep_error, &loading);
    assert_null(loading.config);
    assert_true(text_is(buffer_text(&loading.errors), "test.conf:2: holds a NUL byte: this is no text file\n"));
    loading_fini(&loading);
}

static void test_order_of_sources(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file;
        char *environment[3];
        const char *sets[2];
        size_t set_count;
        unsigned depth;
    } rows[] = {
        { "default", "", { NULL }, { NULL }, 0, 100 },
        { "file", "limits.depth = 10", { NULL }, { NULL }, 0, 10 },
        { "environment above default", "", { "STANZABUS_LIMITS_DEPTH=20", NULL }, { NULL }, 0, 20 },
        { "environment above file", "limits.depth = 10", { "STANZABUS_LIMITS_DEPTH=20", NULL }, { NULL }, 0, 20 },
        { "--set above all", "limits.depth = 10", { "STANZABUS_LIMITS_DEPTH=20", NULL }, { "limits.depth=30" }, 1, 30 },
        { "--set with spaces", "", { NULL }, { "limits.depth = 30" }, 1, 30 },
        { "the later --set", "", { NULL }, { "limits.depth=30", "limits.depth=40" }, 2, 40 },
        { "variables of others", "", { "PATH=/bin", "STANZABUSLIMITS_DEPTH=1", NULL }, { NULL }, 0, 100 },
        { "variables that are no settings",
          "",
          { "STANZABUS_CONFIG=/x", "STANZABUS_TEST_X=1", NULL },
          { NULL },
          0,
          100 },
        { "addresses of a Kubernetes service",
          "",
          { "STANZABUS_SERVICE_HOST=10.0.0.1", "STANZABUS_PORT=tcp://10.0.0.1:1", NULL },
          { NULL },
          0,
          100 },
        { "its ports",
          "",
          { "STANZABUS_SERVICE_PORT_XMPP=1", "STANZABUS_PORT_5222_TCP_ADDR=10.0.0.1", NULL },
          { NULL },
          0,
          100 },
        { "variables of workers", "", { "STANZABUS_WORKER_INDEX=1", "STANZABUS", NULL }, { NULL }, 0, 100 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loading loading = load(rows[i].file, rows[i].environment, rows[i].sets, rows[i].set_count);
        if (!loading.config || loading.config->limits.depth != rows[i].depth)
            fail_msg("%s: '%s'", rows[i].name, loading.errors.data);
        loading_fini(&loading);
    }
}

static void test_mistakes_name_their_source(void **state)
{
    (void)state;
    char *environment[] = { "STANZABUS_LIMITS_DEPTH=x", "STANZABUS_REDIS_ULR=redis://:secret@h",
                            "STANZABUS_FROBNICATE_ALL=1", "STANZABUS_LISTEN_TLS=0.0.0.0:1", NULL };
    const char *sets[] = { "limits.depth=y",
                           "limits.depht=3",
                           "limits.depth",
                           "frobnicate_all=1",
                           "redis.url:redis://:secret@h",
                           "unix://:secret@/x?db=1",
                           "redis.url=redis://:secret@h:x" };
    struct loading loading =
        load("limits.depth = z\nredis.url: unix://:secret@/x?db=1", environment, sets, sizeof sets / sizeof sets[0]);
    assert_null(loading.config);
    assert_string_equal(
        loading.errors.data,
        "test.conf:1: limits.depth: 'z' is not a number from 8 to 1000\n"
        "test.conf:2: unknown key 'redis.url': `stanzabus config` lists all keys\n"
        "environment: STANZABUS_LIMITS_DEPTH: 'x' is not a number from 8 to 1000\n"
        "environment: STANZABUS_REDIS_ULR: is no setting: did you mean STANZABUS_REDIS_URL?\n"
        "environment: STANZABUS_FROBNICATE_ALL: is no setting: `stanzabus config` lists all keys\n"
        "--set limits.depth: 'y' is not a number from 8 to 1000\n"
        "--set limits.depht: unknown key: did you mean limits.depth?\n"
        "--set limits.depth: has no value; write --set limits.depth=VALUE\n"
        "--set frobnicate_all: unknown key: `stanzabus config` lists all keys\n"
        "--set redis.url: unknown key: `stanzabus config` lists all keys\n"
        "--set unix: unknown key: `stanzabus config` lists all keys\n"
        "--set redis.url: the port is not a number from 1 to 65535\n"
        "environment: STANZABUS_LISTEN_TLS: needs a certificate: set tls.certificate, or listen.tls to off\n");
    loading_fini(&loading);
}

static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/stanzabus-config-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "limits.depth = 10\n", 18), 18);
    struct config *config = config_load(path, NULL, NULL, 0, NULL, NULL);
    assert_non_null(config);
    assert_int_equal(config->limits.depth, 10);
    config_free(&config);
    assert_null(config);
    config_free(&config);

    assert_int_equal(ftruncate(fd, CONFIG_FILE_MAX + 1), 0);
    struct loading loading = { 0 };
    loading.config = config_load(path, NULL, NULL, 0, keep_error, &loading);
    assert_null(loading.config);
    buffer_append_char(&loading.errors, '\0');
    assert_non_null(strstr(loading.errors.data, "larger than 1 MB"));
    loading_fini(&loading);
    close(fd);
    unlink(path);

    loading.config = config_load(path, NULL, NULL, 0, keep_error, &loading);
    assert_null(loading.config);
    buffer_append_char(&loading.errors, '\0');
    assert_non_null(strstr(loading.errors.data, ": cannot read it: No such file or directory\n"));
    loading_fini(&loading);

    config = config_load(NULL, NULL, NULL, 0, NULL, NULL);
    assert_non_null(config);
    config_free(&config);
}

static void assert_same_text(struct text a, struct text b)
{
    assert_true(text_equal(a, b));
}

/* The sample with every key taken out of its comment loads, and says what the defaults say. */
static void test_sample(void **state)
{
    (void)state;
    char *printed = NULL;
    size_t size = 0, keys = 0;
    FILE *out = open_memstream(&printed, &size);
    config_print(out);
    fclose(out);

    struct loading as_it_is = load(printed, NULL, NULL, 0);
    assert_non_null(as_it_is.config);
    loading_fini(&as_it_is);

    for (char *c = printed; *c; c++) {
        if (*c == '#' && (c == printed || c[-1] == '\n') && c[1] != ' ') {
            *c = ' ';
            keys++;
        }
    }
    assert_int_equal(keys, config_key_count);
    for (size_t i = 0; i < config_key_count; i++)
        assert_non_null(strstr(printed, config_keys[i].name));

    struct loading taken = load(printed, NULL, NULL, 0), plain = load("", NULL, NULL, 0);
    if (!taken.config)
        fail_msg("%s", taken.errors.data);
    assert_same_text(taken.config->redis_url, plain.config->redis_url);
    assert_same_text(taken.config->node_name, plain.config->node_name);
    assert_int_equal(taken.config->listen_tls.is_on, plain.config->listen_tls.is_on);
    assert_int_equal(taken.config->auth_mechanisms.count, plain.config->auth_mechanisms.count);
    assert_int_equal(taken.config->limits_client_queue, plain.config->limits_client_queue);
    loading_fini(&taken);
    loading_fini(&plain);
    free(printed);
}

static void test_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count; i++) {
        char variable[64], other[64];
        config_key_environment(&config_keys[i], variable, sizeof variable);
        assert_ptr_equal(config_key_find_environment(variable), &config_keys[i]);
        assert_ptr_equal(config_key_find(text_of(config_keys[i].name)), &config_keys[i]);
        assert_ptr_equal(config_key_nearest(text_of(config_keys[i].name)), &config_keys[i]);
        assert_true(config_keys[i].help[strlen(config_keys[i].help) - 1] == '.');
        for (size_t j = 0; j < i; j++) {
            config_key_environment(&config_keys[j], other, sizeof other);
            assert_string_not_equal(variable, other);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_syntax),
        cmocka_unit_test(test_nul_in_a_file),
        cmocka_unit_test(test_order_of_sources),
        cmocka_unit_test(test_mistakes_name_their_source),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
