/* unacked_test.c - what was sent and is not acknowledged: runs of log entries, stanzas between them, h around its end. */
#include "gateway/session/unacked.h"

#include <stdlib.h>

#include "stage.h"

struct acked {
    uint64_t entries[64];
    size_t count;
};

static void note(void *ctx, uint64_t entry)
{
    struct acked *acked = ctx;
    acked->entries[acked->count++] = entry;
}

static void test_runs(void **state)
{
    (void)state;
    struct unacked unacked = { 0 };
    struct acked acked = { 0 };
    for (uint64_t entry = 10; entry < 20; entry++)
        unacked_add_entry(&unacked, entry);
    assert_int_equal(unacked.run_count, 1);
    unacked_add_stanza(&unacked, TEXT("<presence/>"));
    unacked_add_entry(&unacked, 20);
    unacked_add_entry(&unacked, 21);
    assert_true(unacked_has_entry(&unacked, 21) && unacked_has_entry(&unacked, 10));
    assert_false(unacked_has_entry(&unacked, 22) || unacked_has_entry(&unacked, 9));
    unacked_add_entry(&unacked, 25); /* not the next one */
    assert_int_equal(unacked.run_count, 4);
    assert_int_equal(unacked.sent, 14);
    assert_int_equal(unacked.bytes, 11);

    unacked_ack(&unacked, 4, note, &acked);
    assert_int_equal(acked.count, 4);
    assert_int_equal(acked.entries[3], 13);
    assert_int_equal(unacked_run(&unacked, 0)->entry, 14);
    assert_int_equal(unacked_run(&unacked, 0)->count, 6);
    unacked_ack(&unacked, 12, note, &acked);
    assert_int_equal(acked.count, 11); /* the presence has no number */
    assert_int_equal(acked.entries[10], 20);
    assert_int_equal(unacked.bytes, 0);
    assert_int_equal(unacked_count(&unacked), 2);
    unacked_fini(&unacked);
}

static void test_noted_runs_stay(void **state)
{
    (void)state;
    struct unacked unacked = { 0 };
    unacked_add_entry(&unacked, 1);
    unacked_add_entry(&unacked, 2);
    unacked_run(&unacked, 0)->line = 1;
    unacked_add_entry(&unacked, 3);
    unacked_add_entry(&unacked, 4);
    assert_int_equal(unacked.run_count, 2);
    assert_int_equal(unacked_run(&unacked, 0)->count, 2);
    assert_int_equal(unacked_run(&unacked, 1)->entry, 3);
    unacked_ack(&unacked, 1, NULL, NULL);
    assert_int_equal(unacked.gone_count, 0); /* a part of the line is still needed */
    unacked_ack(&unacked, 3, NULL, NULL);
    assert_int_equal(unacked.gone_count, 1);
    assert_int_equal(unacked.gone[0], 1);
    unacked_fini(&unacked);
}

static void test_drop(void **state)
{
    (void)state;
    struct unacked unacked = { 0 };
    struct acked acked = { 0 };
    for (uint64_t entry = 1; entry <= 6; entry++)
        unacked_add_entry(&unacked, entry);
    unacked_add_stanza(&unacked, TEXT("<iq/>"));
    unacked_add_entry(&unacked, 7);
    assert_true(unacked_drop_entry(&unacked, 3));
    assert_true(unacked_drop_entry(&unacked, 1));
    assert_true(unacked_drop_entry(&unacked, 6));
    assert_true(unacked_drop_entry(&unacked, 7));
    assert_false(unacked_drop_entry(&unacked, 7));
    assert_int_equal(unacked.sent, 4);
    assert_int_equal(unacked.bytes, 5);
    unacked_ack(&unacked, 4, note, &acked);
    assert_int_equal(acked.count, 3);
    assert_int_equal(acked.entries[0], 2);
    assert_int_equal(acked.entries[1], 4);
    assert_int_equal(acked.entries[2], 5);
    unacked_fini(&unacked);
}

static void test_h(void **state)
{
    (void)state;
    static const struct {
        uint64_t acked, sent;
        uint32_t h;
        bool is_fine;
        uint64_t number;
    } rows[] = {
        { 0, 0, 0, true, 0 },
        { 0, 0, 1, false, 0 },
        { 5, 9, 9, true, 9 },
        { 5, 9, 10, false, 0 },
        { 5, 9, 5, true, 5 },
        { 5, 9, 3, true, 5 }, /* said before what was said last */
        { UINT32_MAX - 1, (uint64_t)UINT32_MAX + 2, UINT32_MAX, true, UINT32_MAX },
        { UINT32_MAX - 1, (uint64_t)UINT32_MAX + 2, 0, true, (uint64_t)UINT32_MAX + 1 },
        { UINT32_MAX - 1, (uint64_t)UINT32_MAX + 2, 1, true, (uint64_t)UINT32_MAX + 2 },
        { UINT32_MAX - 1, (uint64_t)UINT32_MAX + 2, 2, false, 0 },
        { 0, 100, UINT32_MAX, true, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct unacked unacked = { .acked = rows[i].acked, .sent = rows[i].sent };
        uint64_t number;
        assert_int_equal(unacked_find(&unacked, rows[i].h, unacked.sent, &number), rows[i].is_fine);
        if (rows[i].is_fine)
            assert_int_equal(number, rows[i].number);
    }
}

/* Against a plain list. */
static void test_any_order(void **state)
{
    (void)state;
    enum { ALL = 20000 };
    static uint64_t list[ALL];
    struct unacked unacked = { 0 };
    uint64_t entry = 0;
    srand(2);
    while (unacked.sent < ALL) {
        switch (rand() % 8) {
        case 0:
            list[unacked.sent] = 0;
            unacked_add_stanza(&unacked, TEXT("<iq/>"));
            break;
        case 1:
            if (unacked.run_count)
                unacked_run(&unacked, unacked.run_count - 1)->line = 1;
            break;
        case 2: {
            struct acked acked = { 0 };
            uint64_t from = unacked.acked, most = unacked_count(&unacked) < 60 ? unacked_count(&unacked) : 60;
            unacked_ack(&unacked, from + (uint64_t)rand() % (most + 1), note, &acked);
            size_t seen = 0;
            for (uint64_t i = from; i < unacked.acked; i++)
                if (list[i])
                    assert_int_equal(acked.entries[seen++], list[i]);
            assert_int_equal(acked.count, seen);
            break;
        }
        default:
            entry += rand() % 5 ? 1 : 3;
            list[unacked.sent] = entry;
            unacked_add_entry(&unacked, entry);
        }
        uint64_t number = unacked.acked;
        for (uint32_t i = 0; i < unacked.run_count; i++) {
            const struct run *run = unacked_run(&unacked, i);
            for (uint32_t j = 0; j < run->count; j++)
                assert_int_equal(list[number++], run->entry ? run->entry + j : 0);
        }
        assert_int_equal(number, unacked.sent);
    }
    unacked_fini(&unacked);
}

static void test_answered(void **state)
{
    (void)state;
    struct unacked unacked = { 0 };
    static const struct {
        struct text xml;
        bool is_answered;
    } rows[] = {
        { TEXT_INIT("<iq type='get' id='7' from='juliet@localhost/balcony'><a id='8' from='x@y'/></iq>"), true },
        { TEXT_INIT("<iq type='get' id='77' from='juliet@localhost/balcony'/>"), false },
        { TEXT_INIT("<iq type='get' id='7' from='juliet@localhost'/>"), false },
        { TEXT_INIT("<iq type='result' id='7' from='juliet@localhost/balcony'/>"), false },
        { TEXT_INIT("<message type='get' id='7' from='juliet@localhost/balcony'/>"), false },
        { TEXT_INIT("<iq type='get' id='9' from='a@b'><a id='7' from='juliet@localhost/balcony'/></iq>"), false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        unacked_add_stanza(&unacked, rows[i].xml);
    unacked_add_entry(&unacked, 3);
    unacked_answered(&unacked, TEXT("juliet@localhost/balcony"), TEXT("7"));
    unacked_answered(&unacked, TEXT("nobody"), TEXT("7"));
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(unacked_run(&unacked, i)->is_answered, rows[i].is_answered);
    unacked_fini(&unacked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs), cmocka_unit_test(test_noted_runs_stay), cmocka_unit_test(test_drop),
        cmocka_unit_test(test_h),    cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
