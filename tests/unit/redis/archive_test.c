/* archive_test.c - an account's archive on a real Redis: what is written, what goes when it is too old or too much, and
 * pages of it, also of 100,000 messages. */
#include <stdio.h>

#include "suite.h"
#include "stanzabus/store_archive.h"

static char *part; /* scripts/parts/archive_write.lua */

static const struct text juliet = TEXT_INIT("juliet@example.com");
#define KEY "xmpp:{juliet@example.com}:archive"
#define INDEX "xmpp:{juliet@example.com}:with:"

/* Runs Lua that has the two functions of the part. */
static const char *run(const char *lua)
{
    struct buffer script = { 0 };
    buffer_printf(&script, "%s\n%s", part, lua);
    buffer_append_char(&script, '\0');
    const char *answer = server_ask(&server, "EVAL %s 1 " KEY, script.data);
    buffer_fini(&script);
    if (strncmp(answer, "ERR", 3) == 0)
        fail_msg("%s", answer);
    return answer;
}

static long length(void)
{
    return strtol(server_ask(&server, "XLEN " KEY), NULL, 10);
}

static long memory(void)
{
    return strtol(server_ask(&server, "MEMORY USAGE " KEY), NULL, 10);
}

/* -- writing, and what goes -- */

static void test_written(void **state)
{
    (void)state;
    const char *id = run("return archive_write(KEYS[1], 'romeo@a.b', 'orchard', '{e}', '0', '0', '0')");
    char expected[128];
    snprintf(expected, sizeof expected, "%s\ne\n{e}\nw\nromeo@a.b", id);
    assert_string_equal(server_ask(&server, "XRANGE " KEY " - +"), expected);
    snprintf(expected, sizeof expected, "%s\na\norchard", id);
    assert_string_equal(server_ask(&server, "XRANGE " INDEX "romeo@a.b - +"), expected);
}

/* 1,000 of ten partners, of ids 1-0, 2-0 ... and one of an eleventh that is the oldest. */
static void fill(void)
{
    run("redis.call('XADD', KEYS[1], '0-1', 'e', 'x', 'w', 'old@a.b') "
        "redis.call('XADD', '" INDEX "old@a.b', '0-1', 'a', '') "
        "for i = 1, 1000 do local p = 'p' .. i % 10 .. '@a.b' "
        "redis.call('XADD', KEYS[1], i .. '-0', 'e', string.rep('e', 100), 'w', p) "
        "redis.call('XADD', '" INDEX "' .. p, i .. '-0', 'a', 'r' .. i % 3) end");
}

/* What is in the indexes is what is in the archive, and nothing else. */
static void assert_whole(void)
{
    assert_string_equal(run("local n = 0 "
                            "for _, key in ipairs(redis.call('KEYS', '" INDEX "*')) do "
                            "  for _, row in ipairs(redis.call('XRANGE', key, '-', '+')) do "
                            "    local entry = redis.call('XRANGE', KEYS[1], row[1], row[1])[1] "
                            "    if not entry or '" INDEX "' .. entry[2][4] ~= key then return key .. ' ' .. row[1] end "
                            "    n = n + 1 end "
                            "  if redis.call('XLEN', key) == 0 then return 'empty ' .. key end end "
                            "return n == redis.call('XLEN', KEYS[1]) and 'whole' or 'index ' .. n"),
                        "whole");
}

static void test_count(void **state)
{
    (void)state;
    fill();
    run("archive_trim(KEYS[1], 5000, 0, 1001, 0) archive_trim(KEYS[1], 5000, 0, 0, 0)");
    assert_int_equal(length(), 1001);
    run("archive_trim(KEYS[1], 5000, 0, 1000, 0)");
    assert_int_equal(length(), 1000);
    assert_string_equal(server_ask(&server, "EXISTS " INDEX "old@a.b"), "0");
    assert_whole();
    run("for i = 1, 50 do archive_trim(KEYS[1], 5000, 0, 15, 0) end");
    assert_int_equal(length(), 15);
    assert_string_equal(server_ask(&server, "XRANGE " KEY " - 986-0"), "986-0\ne\neeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
                        "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\nw\np6@a.b");
    assert_whole();
}

static void test_age(void **state)
{
    (void)state;
    fill();
    run("for i = 1, 50 do archive_trim(KEYS[1], 1800, 1000, 0, 0) end");
    assert_int_equal(length(), 201); /* 800 to 1000 */
    assert_whole();
    run("for i = 1, 50 do archive_trim(KEYS[1], 1800, 1000, 0, 0) end");
    assert_int_equal(length(), 201);
}

static void test_bytes(void **state)
{
    (void)state;
    fill();
    long before = memory(), bound = before / 3;
    char lua[128];
    snprintf(lua, sizeof lua, "for i = 1, 50 do archive_trim(KEYS[1], 5000, 0, 0, %ld) end", bound);
    run(lua);
    long after = memory();
    if (after > bound || after < bound / 2)
        fail_msg("%ld bytes before, %ld after, bound %ld", before, after, bound);
    assert_whole();
}

/* What is left of the archive when these ids were written one after the other: in every 16th millisecond up to 32 of the oldest
 * go, as long as there are more than most. */
static long left_of(const char *ids, long kept, long most)
{
    for (const char *id = ids; *id; id += strcspn(id, "\n") + (strchr(id, '\n') != NULL)) {
        kept++;
        if (strtoll(id, NULL, 10) % 16 == 0 && kept > most)
            kept -= kept - most < 32 ? kept - most : 32;
    }
    return kept;
}

/* Written one after the other, an archive stays near its bounds, though it is looked at in every 16th millisecond only. */
static void test_written_within_bounds(void **state)
{
    long expected = 0;
    (void)state;
    for (int i = 0; i < 300; i++) {
        const char *ids = run("local ids = {} for i = 1, 10 do ids[i] = archive_write(KEYS[1], 'p' .. i .. '@a.b', '', 'e', '0', '50', '0') end "
                              "return ids");
        expected = left_of(ids, expected, 50);
        run_for(loop, 0.001);
    }
    assert_int_equal(length(), expected);
    assert_whole();
}

/* All archives in steps, also those that nothing is written to any more. */
static int64_t removed;
static void on_retained(void *ctx, enum bus_status status, struct text next, int64_t count)
{
    struct answer *answer = ctx;
    answer->count++;
    answer->status = status;
    removed += count;
    snprintf(answer->text, sizeof answer->text, "%.*s", TEXT_ARGS(next));
}

static void retain_all(const struct archive_settings *bounds)
{
    char cursor[32] = "0";
    removed = 0;
    do {
        struct answer answer = { 0 };
        node.store->archive->retain(node.store, text_of(cursor), bounds, on_retained, &answer);
        WAIT_ANSWER(&node, &answer);
        assert_int_equal(answer.status, BUS_OK);
        snprintf(cursor, sizeof cursor, "%.31s", answer.text);
    } while (strcmp(cursor, "0") != 0);
}

static void test_walk(void **state)
{
    (void)state;
    fill();
    for (int i = 0; i < 2000; i++) /* and nobody's */
        server_ask(&server, "SET xmpp:{somebody%d@example.com}:archive:not 1", i);
    server_ask(&server, "XADD xmpp:{romeo@example.com}:archive 5-0 e x w p4@a.b");
    server_ask(&server, "XADD xmpp:{romeo@example.com}:with:p4@a.b 5-0 a x");
    retain_all(&(struct archive_settings){ .count = 500 });
    assert_int_equal(removed, 501);
    assert_int_equal(length(), 500);
    assert_whole();
    retain_all(&(struct archive_settings){ .keep_ms = 1000 });
    assert_int_equal(removed, 501);
    assert_int_equal(length(), 0);
    assert_string_equal(server_ask(&server, "XLEN xmpp:{romeo@example.com}:archive"), "0");
    assert_string_equal(server_ask(&server, "EXISTS xmpp:{romeo@example.com}:with:p4@a.b"), "0");
    assert_whole();
}

/* -- pages -- */

struct got {
    int count;
    enum bus_status status;
    bool is_unknown;
    int64_t total;
    char next[64];
    unsigned entries;
    size_t bytes;
    struct buffer ids; /* with a space behind each */
};

static void on_entry(void *ctx, struct text id, struct text event)
{
    struct got *g = ctx;
    g->entries++;
    g->bytes += event.size;
    buffer_append_text(&g->ids, id);
    buffer_append_char(&g->ids, ' ');
}

static void on_end(void *ctx, enum bus_status status, const struct archive_page_end *end)
{
    struct got *g = ctx;
    g->count++;
    g->status = status;
    g->is_unknown = end->is_unknown;
    g->total = end->total;
    snprintf(g->next, sizeof g->next, "%.*s", TEXT_ARGS(end->next));
    buffer_append_char(&g->ids, '\0');
}

static bool has_come(void *ctx)
{
    return ((struct got *)ctx)->count > 0;
}

static struct got got; /* what the last page had */

static struct got *ask(struct archive_page page)
{
    buffer_fini(&got.ids);
    got = (struct got){ 0 };
    page.bare = juliet;
    page.lower = page.lower.data ? page.lower : TEXT("-");
    page.upper = page.upper.data ? page.upper : TEXT("+");
    node.store->archive->page(node.store, &page, on_entry, on_end, &got);
    assert_int_equal(got.count, 0);
    assert_true(run_until(loop, has_come, &got, 10));
    assert_int_equal(got.status, BUS_OK);
    return &got;
}

static void test_pages(void **state)
{
    static const struct text ids[] = { TEXT_INIT("7-0"), TEXT_INIT("9-0"), TEXT_INIT("2000-0") };
    struct got *page_got;
    (void)state;
    fill();
    page_got = ask((struct archive_page){ .max = 3, .lower = TEXT("1-0") });
    assert_string_equal(page_got->ids.data, "1-0 2-0 3-0 ");
    assert_string_equal(page_got->next, "3-0");
    assert_int_equal(page_got->total, 1001);
    assert_int_equal(page_got->bytes, 0);
    page_got = ask((struct archive_page){ .max = 3, .is_backwards = true, .bytes = 1000, .upper = TEXT("(990-0") });
    assert_string_equal(page_got->ids.data, "989-0 988-0 987-0 ");
    assert_int_equal(page_got->bytes, 3 * 101);
    page_got = ask((struct archive_page){ .max = 100, .bytes = 250, .lower = TEXT("(5-0") }); /* what fits, and at least one */
    assert_string_equal(page_got->ids.data, "6-0 7-0 ");
    assert_string_equal(page_got->next, "7-0");
    page_got = ask((struct archive_page){ .max = 100, .bytes = 50, .lower = TEXT("(5-0") });
    assert_string_equal(page_got->ids.data, "6-0 ");
    page_got = ask((struct archive_page){ .max = 3, .partner = TEXT("p4@a.b"), .bytes = 1000, .lower = TEXT("5-0") });
    assert_string_equal(page_got->ids.data, "14-0 24-0 34-0 ");
    assert_int_equal(page_got->total, 100);
    assert_int_equal(page_got->bytes, 3 * 101);
    page_got = ask((struct archive_page){ .max = 3, .partner = TEXT("p4@a.b"), .resource = TEXT("r0"), .is_backwards = true });
    assert_string_equal(page_got->ids.data, "984-0 954-0 924-0 ");
    assert_int_equal(page_got->total, -1);
    page_got = ask((struct archive_page){ .max = 3, .partner = TEXT("p4@a.b"), .resource = TEXT("r"), .is_backwards = true });
    assert_string_equal(page_got->ids.data, "");
    assert_string_equal(page_got->next, "");
    page_got = ask((struct archive_page){ .max = 3, .partner = TEXT("nobody@a.b") });
    assert_int_equal(page_got->total, 0);
    page_got = ask((struct archive_page){ .max = 5, .ids = ids, .id_count = 3, .partner = TEXT("p7@a.b") });
    assert_string_equal(page_got->ids.data, "7-0 ");
    page_got = ask((struct archive_page){ .max = 5, .ids = ids, .id_count = 3, .bytes = 1000, .is_backwards = true });
    assert_string_equal(page_got->ids.data, "9-0 7-0 ");
    page_got = ask((struct archive_page){ .max = 5, .ids = ids, .id_count = 0 });
    assert_int_equal(page_got->entries, 0);
    page_got = ask((struct archive_page){ .max = 1, .known = ids, .known_count = 2 });
    assert_false(page_got->is_unknown);
    page_got = ask((struct archive_page){ .max = 1, .known = ids, .known_count = 3 });
    assert_true(page_got->is_unknown);
    assert_int_equal(page_got->entries, 0);
}

/* Of a message to oneself both resources count. */
static void test_oneself(void **state)
{
    (void)state;
    run("redis.call('XADD', KEYS[1], '1-0', 'e', 'x', 'w', 'juliet@example.com') "
        "redis.call('XADD', '" INDEX "juliet@example.com', '1-0', 'a', 'balcony\\nchamber')");
    assert_int_equal(ask((struct archive_page){ .max = 1, .partner = juliet, .resource = TEXT("balcony") })->entries, 1);
    assert_int_equal(ask((struct archive_page){ .max = 1, .partner = juliet, .resource = TEXT("chamber") })->entries, 1);
    assert_int_equal(ask((struct archive_page){ .max = 1, .partner = juliet, .resource = TEXT("cham") })->entries, 0);
}

/* What is too old is not shown, whether it was trimmed or not, and is not known any more. */
static void test_too_old(void **state)
{
    static const struct text old = TEXT_INIT("5-0");
    struct got *page_got;
    (void)state;
    fill();
    const char *id = run("return archive_write(KEYS[1], 'p4@a.b', '', 'e', '0', '0', '0')");
    char expected[64];
    snprintf(expected, sizeof expected, "%s ", id);
    page_got = ask((struct archive_page){ .max = 9, .keep_ms = 60000 });
    assert_string_equal(page_got->ids.data, expected);
    page_got = ask((struct archive_page){ .max = 9, .keep_ms = 60000, .partner = TEXT("p4@a.b"), .is_backwards = true });
    assert_string_equal(page_got->ids.data, expected);
    page_got = ask((struct archive_page){ .max = 9, .keep_ms = 60000, .known = &old, .known_count = 1 });
    assert_true(page_got->is_unknown);
}

/* -- 100,000 messages, of which ten are with one partner, far apart -- */

enum { MANY = 100000, TURNS = 20 };

static void fill_many(void)
{
    for (int from = 0; from < MANY; from += 10000) {
        char lua[640];
        snprintf(lua, sizeof lua,
                 "for i = %d, %d do local p = i %% 10000 == 7 and 'rare@a.b' or 'often@a.b' "
                 "redis.call('XADD', KEYS[1], i .. '-1', 'e', string.rep('e', 300), 'w', p) "
                 "redis.call('XADD', '" INDEX "' .. p, i .. '-1', 'a', i %% 50000 == 9 and 'phone' or 'desk') end",
                 from, from + 9999);
        run(lua);
    }
}

static void measure(const char *name, struct archive_page page, unsigned entries)
{
    double began = clock_now();
    for (int i = 0; i < TURNS; i++)
        assert_int_equal(ask(page)->entries, entries);
    double ms = (clock_now() - began) * 1000 / TURNS;
    printf("%s: %.2f ms\n", name, ms);
    if (ms > 25)
        fail_msg("%s took %.1f ms", name, ms);
}

static void test_many(void **state)
{
    const struct text often = TEXT("often@a.b"), rare = TEXT("rare@a.b");
    struct got *page_got;
    (void)state;
    fill_many();
    measure("first page", (struct archive_page){ .max = 50, .bytes = 65536 }, 50);
    measure("last page", (struct archive_page){ .max = 50, .bytes = 65536, .is_backwards = true }, 50);
    measure("from the middle", (struct archive_page){ .max = 50, .bytes = 65536, .lower = TEXT("(50000-1") }, 50);
    measure("the middle of a partner", (struct archive_page){ .max = 50, .bytes = 65536, .partner = often, .lower = TEXT("(50000-1") }, 50);
    measure("a rare partner", (struct archive_page){ .max = 50, .bytes = 65536, .partner = rare }, 10);
    measure("a rare partner backwards", (struct archive_page){ .max = 5, .bytes = 65536, .partner = rare, .is_backwards = true }, 5);
    measure("ids of 250", (struct archive_page){ .max = 251 }, 251);

    /* A rare resource is looked for in steps, none of which holds Redis up. */
    struct archive_page page = { .max = 50, .partner = often, .resource = TEXT("phone"), .lower = TEXT("-") };
    char lower[72];
    unsigned found = 0, steps = 0;
    double began = clock_now();
    do {
        page_got = ask(page);
        found += page_got->entries;
        steps++;
        snprintf(lower, sizeof lower, "(%s", page_got->next);
        page.lower = text_of(lower);
    } while (page_got->next[0]);
    printf("a rare resource: %u in %u steps, %.2f ms each\n", found, steps, (clock_now() - began) * 1000 / steps);
    assert_int_equal(found, 2);
    assert_in_range(steps, 45, 55);
}

static void read_part(void)
{
    struct buffer text = { 0 };
    FILE *file = fopen(SOURCE_DIR "/transports/redis/scripts/parts/archive_write.lua", "r");
    assert_non_null(file);
    for (int c; (c = fgetc(file)) != EOF;)
        buffer_append_char(&text, (char)c);
    fclose(file);
    part = text_dup(buffer_text(&text));
    buffer_fini(&text);
}

static int start(void **state)
{
    (void)state;
    read_part();
    return suite_start(state);
}

static int stop(void **state)
{
    (void)state;
    buffer_fini(&got.ids);
    free(part);
    return suite_stop(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_open, suite_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_written), TEST(test_count),   TEST(test_age),     TEST(test_bytes), TEST(test_written_within_bounds), TEST(test_walk),
        TEST(test_pages),   TEST(test_oneself), TEST(test_too_old), TEST(test_many),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
