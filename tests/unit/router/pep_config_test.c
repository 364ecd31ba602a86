/* pep_config_test.c - configurations of nodes: lines of the store there and back, forms, and who may read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/router/pep/pep_config.h"
#include "tests/unit/stream/round_trip.h"

static void test_lines(void **state)
{
    struct arena arena = { 0 };
    struct buffer lines = { 0 };
    struct pep_config config, read;
    (void)state;
    pep_config_default(&config);
    config.value[PEP_TITLE] = TEXT("two\nlines, 100% a=b %0A");
    config.value[PEP_ROSTER_GROUPS_ALLOWED] = TEXT("Friends\nServants");
    pep_config_write(&lines, &config);
    pep_config_read(&arena, buffer_text(&lines), &read);
    for (int i = 0; i < PEP_FIELD_COUNT; i++)
        assert_true(text_equal(config.value[i], read.value[i]));
    /* What is not named has its default, what nobody knows is let pass. */
    pep_config_read(&arena, TEXT("access_model=open\ncolour=green\nno line"), &read);
    assert_true(pep_config_is(&read, PEP_ACCESS_MODEL, "open"));
    assert_true(pep_config_is(&read, PEP_MAX_ITEMS, "1"));
    buffer_fini(&lines);
    arena_fini(&arena);
}

static const struct {
    const char *var, *value, *line; /* NULL: refused */
} fields[] = {
    { "pubsub#access_model", "whitelist", "access_model=whitelist\n" },
    { "pubsub#access_model", "authorize", NULL },
    { "pubsub#access_model", "", NULL },
    { "pubsub#max_items", "max", "max_items=max\n" },
    { "pubsub#max_items", "007", "max_items=7\n" },
    { "pubsub#max_items", "10", "max_items=10\n" },
    { "pubsub#max_items", "11", NULL },
    { "pubsub#max_items", "0", NULL },
    { "pubsub#max_items", "-1", NULL },
    { "pubsub#max_items", "99999999999999999999999999", NULL },
    { "pubsub#persist_items", "true", "persist_items=1\n" },
    { "pubsub#persist_items", "0", "persist_items=0\n" },
    { "pubsub#persist_items", "maybe", NULL },
    { "pubsub#title", "a\n%", "title=a%0A%25\n" },
    { "pubsub#purge_offline", "false", "purge_offline=0\n" },
    { "pubsub#purge_offline", "1", NULL },
    { "pubsub#publish_model", "open", NULL },
    { "access_model", "open", NULL },
    { "pubsub#colour", "green", NULL },
    { "FORM_TYPE", "anything", "" },
};

static void test_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct stanza *stanza = stanza_make("iq", XMLNS_CLIENT);
        struct element *form = data_form_add(&stanza->arena, stanza->root, "submit", NULL);
        struct buffer lines = { 0 };
        struct pep_config config;
        struct pep_fault fault;
        data_form_add_field(&stanza->arena, form, NULL, fields[i].var, NULL, text_of(fields[i].value));
        pep_config_default(&config);
        bool is_good = pep_config_submit(&stanza->arena, form, 10, &config, &lines, &fault);
        if (is_good != (fields[i].line != NULL) || (is_good && !text_is(buffer_text(&lines), fields[i].line)) ||
            (!is_good && !fault.text[0]))
            fail_msg("row %zu: %.*s %s", i, TEXT_ARGS(buffer_text(&lines)), fault.text);
        buffer_fini(&lines);
        stanza_free(&stanza);
    }
}

/* What the form offers, taken back as it is, is the same configuration. */
static void test_form_there_and_back(void **state)
{
    struct stanza *stanza = stanza_make("iq", XMLNS_CLIENT);
    struct pep_config config, back;
    struct pep_fault fault;
    (void)state;
    pep_config_default(&config);
    config.value[PEP_ROSTER_GROUPS_ALLOWED] = TEXT("Friends\nServants");
    config.value[PEP_ACCESS_MODEL] = TEXT("roster");
    pep_config_form(&stanza->arena, stanza->root, "form", PUBSUB_NODE_CONFIG, &config);
    pep_config_default(&back);
    assert_true(pep_config_submit(&stanza->arena, element_first(stanza->root), 10, &back, NULL, &fault));
    for (int i = 0; i < PEP_FIELD_COUNT; i++)
        assert_true(text_equal(config.value[i], back.value[i]));
    assert_true(survives(stanza->root));
    stanza_free(&stanza);
}

static const struct {
    const char *model;
    struct pep_contact contact;
    enum pep_access access;
} readers[] = {
    { "open", { false, false, { "", 0 } }, PEP_MAY_READ },
    { "presence", { false, true, { "", 0 } }, PEP_MAY_READ },
    { "presence", { false, false, { "", 0 } }, PEP_NEEDS_PRESENCE },
    { "presence", { true, false, { "", 0 } }, PEP_MAY_READ },
    { "roster", { false, true, TEXT_INIT("Verona\nFriends\n") }, PEP_MAY_READ },
    { "roster", { false, true, TEXT_INIT("Friend\nriends\n") }, PEP_NEEDS_GROUP },
    { "roster", { false, true, { "", 0 } }, PEP_NEEDS_GROUP },
    { "roster", { true, false, { "", 0 } }, PEP_MAY_READ },
    { "whitelist", { false, true, TEXT_INIT("Friends\n") }, PEP_CLOSED },
    { "whitelist", { true, false, { "", 0 } }, PEP_MAY_READ },
};

static void test_readers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        struct pep_config config;
        pep_config_default(&config);
        config.value[PEP_ACCESS_MODEL] = text_of(readers[i].model);
        config.value[PEP_ROSTER_GROUPS_ALLOWED] = TEXT("Servants\nFriends");
        if (pep_config_access(&config, &readers[i].contact) != readers[i].access)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_fields),
                                        cmocka_unit_test(test_form_there_and_back), cmocka_unit_test(test_readers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
