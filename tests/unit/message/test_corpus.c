/* test_corpus.c - all stanzas of tests/corpus there and back: as they stand, and without the formatting that clients do
 * not send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compare.h"
#include "there_and_back.h"
#include "xml_load.h"

enum { CORPUS_STANZAS = 2275 };

struct tally {
    unsigned kinds[4], failed, accepted, refused;
    bool without_formatting;
    struct buffer json;
};

/* As if a service had said the same: accepted whole, or refused for what it is. */
static void read_as_service(struct tally *tally, const char *file, const struct stanza *stanza)
{
    static const char *const allowed[] = { "missing-field", "bad-value", "not-allowed", "bad-address" };
    struct event event;
    struct refusal why;
    if (event_read(buffer_text(&tally->json), EVENT_FROM_SERVICE, &generous_limits, &event, &why) == 0) {
        blank_secrets(stanza->root);
        const char *difference = stanza_difference(stanza, event.stanza);
        if (difference && ++tally->failed)
            printf("%s: from a service: %s\n", file, difference);
        stanza_free(&event.stanza);
        tally->accepted++;
        return;
    }
    bool is_allowed = false;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        is_allowed |= strcmp(why.reason, allowed[i]) == 0;
    if (!is_allowed && ++tally->failed)
        printf("%s: from a service: %s: %s\n", file, why.reason, why.text);
    tally->refused++;
}

static void try_stanza(void *ctx, const char *file, struct stanza *stanza)
{
    struct tally *tally = ctx;
    tally->kinds[stanza->kind]++;
    if (stanza->kind != STANZA_NONE) {
        if (tally->without_formatting)
            drop_formatting(stanza->root);
        const char *difference = there_and_back(stanza, &tally->json);
        if (difference && ++tally->failed)
            printf("%s: %s\n%.*s\n", file, difference, TEXT_ARGS(buffer_text(&tally->json)));
        read_as_service(tally, file, stanza);
    }
    stanza_free(&stanza);
}

static void check_corpus(bool without_formatting)
{
    struct tally tally = { .without_formatting = without_formatting };
    unsigned files = corpus_load(try_stanza, &tally);
    buffer_fini(&tally.json);
    printf("%u files: %u messages, %u presences, %u iqs; as a service's: %u accepted, %u refused\n", files,
           tally.kinds[STANZA_MESSAGE], tally.kinds[STANZA_PRESENCE], tally.kinds[STANZA_IQ], tally.accepted,
           tally.refused);
    assert_int_equal(tally.failed, 0);
    assert_int_equal(tally.kinds[STANZA_NONE], 0); /* the corpus holds nothing but stanzas */
    assert_int_equal(tally.kinds[STANZA_MESSAGE] + tally.kinds[STANZA_PRESENCE] + tally.kinds[STANZA_IQ],
                     CORPUS_STANZAS);
    assert_int_equal(tally.accepted + tally.refused, CORPUS_STANZAS);
    assert_true(tally.accepted > CORPUS_STANZAS * 3 / 4);
}

static void test_as_it_stands(void **state)
{
    (void)state;
    check_corpus(false);
}

static void test_without_formatting(void **state)
{
    (void)state;
    check_corpus(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_it_stands),
        cmocka_unit_test(test_without_formatting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
