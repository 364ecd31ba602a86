/* test_generated.c - the property: whatever XML can carry comes back.  The seed of a failure is printed; it makes the
 * same stanza again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nasty.h"
#include "there_and_back.h"

enum { CASES = 20000, BODIES = 6, BODY_SIZE = 1 << 20 };

static void test_stanzas(void **state)
{
    (void)state;
    struct buffer json = { 0 };
    unsigned failed = 0, with_extensions = 0, with_fields = 0;
    for (uint64_t seed = 1; seed <= CASES && failed < 5; seed++) {
        struct dice dice = { seed * UINT64_C(0x9e3779b97f4a7c15) };
        struct stanza *stanza = nasty_stanza(&dice);
        const char *difference = there_and_back(stanza, &json);
        if (difference && ++failed)
            printf("seed %u: %s\n%.*s\n", (unsigned)seed, difference, TEXT_ARGS(buffer_text(&json)));
        buffer_append_char(&json, '\0');
        with_extensions += strstr(json.data, ",\"extensions\":[") != NULL;
        with_fields +=
            strstr(json.data, ",\"receipt\":{") || strstr(json.data, ",\"body\":") || strstr(json.data, ",\"error\":{");
        stanza_free(&stanza);
    }
    buffer_fini(&json);
    assert_int_equal(failed, 0);
    assert_true(with_extensions > CASES / 3 && with_fields > CASES / 10); /* both ways were gone */
}

static void test_large_bodies(void **state)
{
    (void)state;
    struct buffer json = { 0 };
    for (unsigned i = 0; i < BODIES; i++) {
        struct dice dice = { 77 + i };
        struct stanza *stanza = stanza_make("message", XMLNS_CLIENT);
        struct element *body = element_add(&stanza->arena, stanza->root, TEXT("body"), TEXT(XMLNS_CLIENT));
        element_add_text(&stanza->arena, body, nasty_text(&dice, &stanza->arena, BODY_SIZE));
        if (i % 2) /* as an extension, and with a large attribute */
            element_set(&stanza->arena, body, "x", nasty_text(&dice, &stanza->arena, BODY_SIZE));
        const char *difference = there_and_back(stanza, &json);
        if (difference)
            fail_msg("body %u: %s", i, difference);
        assert_true(json.size > BODY_SIZE);
        stanza_free(&stanza);
    }
    buffer_fini(&json);
}

/* As deep as the limit lets through: the formula of message.h holds, and no level less is enough. */
static void test_depth(void **state)
{
    (void)state;
    enum { DEPTH = 100 };
    struct stanza *stanza = stanza_make("message", XMLNS_CLIENT);
    struct element *e = stanza->root;
    for (unsigned i = 0; i < DEPTH; i++)
        e = element_add(&stanza->arena, e, TEXT("n"), TEXT("urn:n"));
    element_set(&stanza->arena, e, "a", TEXT("b"));
    struct buffer json = { 0 };
    write_sample(&json, stanza);
    struct event event;
    struct refusal why;
    struct event_limits limits = { .bytes = json.size, .depth = 2 * DEPTH + 3 };
    assert_int_equal(event_read(buffer_text(&json), EVENT_FROM_NODE, &limits, &event, &why), 0);
    stanza_free(&event.stanza);
    limits.depth--;
    assert_int_equal(event_read(buffer_text(&json), EVENT_FROM_NODE, &limits, &event, &why), -1);
    assert_string_equal(why.reason, "too-deep");
    buffer_fini(&json);
    stanza_free(&stanza);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stanzas),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
