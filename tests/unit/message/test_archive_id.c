/* Ids of messages in an archive: what one says, whom it tells nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stanzabus/archive_id.h"

static const unsigned char secret[32] = "a secret that all nodes share";
static const struct text juliet = TEXT_INIT("juliet@example.com"), romeo = TEXT_INIT("romeo@example.com");

static void test_raw(void **state)
{
    static const struct {
        const char *raw;
        bool is_id;
        struct archive_id id;
    } rows[] = {
        { "1795896973560-138", true, { 1795896973560, 138 } },
        { "0-1", true, { 0, 1 } },
        { "9223372036854775807-18446744073709551615", true, { INT64_MAX, UINT64_MAX } },
        { "9223372036854775808-0", false, { 0 } },
        { "1-18446744073709551616", false, { 0 } },
        { "1", false, { 0 } },
        { "1-", false, { 0 } },
        { "-1", false, { 0 } },
        { "1-2-3", false, { 0 } },
        { " 1-2", false, { 0 } },
        { "", false, { 0 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct archive_id id;
        char again[ARCHIVE_ID_RAW];
        if (archive_id_parse(text_of(rows[i].raw), &id) != rows[i].is_id)
            fail_msg("%s", rows[i].raw);
        if (!rows[i].is_id)
            continue;
        assert_int_equal(archive_id_compare(&id, &rows[i].id), 0);
        assert_true(text_is(archive_id_print(&id, again), rows[i].raw));
    }
    assert_true(archive_id_compare(&(struct archive_id){ 1, 5 }, &(struct archive_id){ 2, 0 }) < 0);
    assert_true(archive_id_compare(&(struct archive_id){ 2, 1 }, &(struct archive_id){ 2, 0 }) > 0);
}

static void test_there_and_back(void **state)
{
    struct archive_ids *ids = archive_ids_new(secret), *same = archive_ids_new(secret);
    struct arena arena = { 0 };
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct archive_id id = { 1795896973560 + i / 3, (uint64_t)(i % 3) }, back;
        char raw[ARCHIVE_ID_RAW];
        struct text shown = archive_id_show(ids, &arena, juliet, archive_id_print(&id, raw));
        assert_int_equal(shown.size, 22);
        assert_true(archive_id_read(same, juliet, shown, &back)); /* another node */
        assert_int_equal(archive_id_compare(&id, &back), 0);
        assert_false(archive_id_read(ids, romeo, shown, &back)); /* another account */
    }
    assert_int_equal(archive_id_show(ids, &arena, juliet, TEXT("x")).size, 0);
    arena_fini(&arena);
    archive_ids_free(&ids);
    archive_ids_free(&same);
}

/* The same message has other ids in other archives, and neighbours have nothing in common. */
static void test_opaque(void **state)
{
    struct archive_ids *ids = archive_ids_new(secret), *other = archive_ids_new((const unsigned char[32]){ 1 });
    struct arena arena = { 0 };
    const struct text raw = TEXT("1795896973560-0"), next = TEXT("1795896973560-1");
    struct text shown = archive_id_show(ids, &arena, juliet, raw);
    const struct text others[] = {
        archive_id_show(ids, &arena, romeo, raw),
        archive_id_show(ids, &arena, juliet, next),
        archive_id_show(other, &arena, juliet, raw),
    };
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        unsigned same = 0;
        for (size_t at = 0; at < shown.size; at++)
            same += shown.data[at] == others[i].data[at];
        assert_true(same < 6);
    }
    arena_fini(&arena);
    archive_ids_free(&ids);
    archive_ids_free(&other);
}

static void test_made_up(void **state)
{
    struct archive_ids *ids = archive_ids_new(secret);
    struct arena arena = { 0 };
    struct archive_id id;
    struct text shown = archive_id_show(ids, &arena, juliet, TEXT("1795896973560-0"));
    char *changed = text_dup(shown);
    (void)state;
    for (size_t at = 0; at < shown.size; at++) {
        changed[at] = shown.data[at] == 'A' ? 'B' : 'A';
        if (archive_id_read(ids, juliet, text_of(changed), &id))
            fail_msg("%s", changed);
        changed[at] = shown.data[at];
    }
    static const char *const never[] = { "", "x", "28482-98726-73623", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB",
                                         "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAA" };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        assert_false(archive_id_read(ids, juliet, text_of(never[i]), &id));
    free(changed);
    arena_fini(&arena);
    archive_ids_free(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_made_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
