/* data_form_test.c - data forms read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "round_trip.h"
#include "stanzabus/data_form.h"

static struct stanza *parse(const char *xml)
{
    struct stanza *stanza = parse_in_stream(xml, strlen(xml));
    assert_non_null(stanza);
    return stanza;
}

static void assert_text(struct text actual, const char *expected)
{
    assert_int_equal(!actual.data, !expected);
    if (expected) {
        assert_int_equal(actual.size, strlen(expected));
        assert_memory_equal(actual.data, expected, actual.size);
    }
}

static const char submitted[] =
    "<iq><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>urn:one</value></field></x>"
    "<x xmlns='jabber:x:data' type='submit'>"
    "<field var='FORM_TYPE' type='hidden'><value>urn:one</value></field>"
    "<field var='name'><value>Ju</value><value>Ro</value></field>"
    "<field var='empty'><value/></field><field var='absent'/><field var='name'><value>third</value></field>"
    "<value xmlns='urn:other'>x</value></x><x xmlns='jabber:x:data' type='submit'/></iq>";

static void test_finding(void **state)
{
    struct stanza *iq = parse(submitted);
    struct arena *arena = &iq->arena;
    (void)state;

    const struct element *any = data_form_find(arena, iq->root, NULL, NULL);
    const struct element *form = data_form_find(arena, iq->root, "submit", "urn:one");
    assert_non_null(form);
    assert_ptr_equal(any, element_first(iq->root));
    assert_ptr_not_equal(form, any);
    assert_ptr_equal(form, data_form_find(arena, iq->root, "submit", NULL));
    assert_null(data_form_find(arena, iq->root, "submit", "urn:two"));
    assert_null(data_form_find(arena, iq->root, "cancel", NULL));
    assert_null(data_form_find(arena, form, NULL, NULL));
    stanza_free(&iq);
}

static void test_fields(void **state)
{
    struct stanza *iq = parse(submitted);
    struct arena *arena = &iq->arena;
    const struct element *form = data_form_find(arena, iq->root, "submit", "urn:one");
    static const char *const vars[] = { "FORM_TYPE", "name", "empty", "absent", "name" };
    const struct element *field = NULL, *value;
    (void)state;

    for (size_t i = 0; i < sizeof vars / sizeof *vars; i++) {
        field = data_form_next(form, field);
        assert_non_null(field);
        assert_text(element_get(field, "var"), vars[i]);
    }
    assert_null(data_form_next(form, field));
    assert_null(data_form_field(form, "nobody"));
    assert_text(data_form_value(arena, form, "name"), "Ju");
    assert_text(data_form_value(arena, form, "empty"), "");
    assert_text(data_form_value(arena, form, "absent"), NULL);
    assert_text(data_form_value(arena, form, "nobody"), NULL);

    field = data_form_field(form, "name");
    value = data_field_next_value(field, NULL);
    assert_text(element_text(arena, value), "Ju");
    value = data_field_next_value(field, value);
    assert_text(element_text(arena, value), "Ro");
    assert_null(data_field_next_value(field, value));
    stanza_free(&iq);
}

static void test_booleans(void **state)
{
    static const struct {
        const char *text;
        bool is_boolean, result;
    } rows[] = { { "1", true, true },    { "true", true, true }, { "0", true, false }, { "false", true, false },
                 { "yes", false, false }, { "", false, false },   { "TRUE", false, false } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool result = !rows[i].result;
        assert_int_equal(data_value_is_boolean(text_of(rows[i].text), &result), rows[i].is_boolean);
        assert_int_equal(result, rows[i].result);
    }
    bool result = true;
    assert_false(data_value_is_boolean((struct text){ NULL, 0 }, &result));
}

static void test_writing(void **state)
{
    struct stanza *iq = stanza_make("iq", XMLNS_CLIENT);
    struct arena *arena = &iq->arena;
    (void)state;

    struct element *form = data_form_add(arena, iq->root, "form", "urn:one");
    data_form_add_line(arena, form, "title", TEXT("Ask"));
    struct element *field = data_form_add_field(arena, form, "list-multi", "days", "Which days?", TEXT("mo"));
    data_field_add_value(arena, field, TEXT("tu"));
    data_field_add_option(arena, field, "Monday", TEXT("mo"));
    data_field_add_option(arena, field, NULL, TEXT("tu"));
    data_field_require(arena, data_form_add_field(arena, form, NULL, "name", NULL, (struct text){ NULL, 0 }));

    struct stanza *expected = parse(
        "<iq><x xmlns='jabber:x:data' type='form'><field type='hidden' var='FORM_TYPE'><value>urn:one</value></field>"
        "<title>Ask</title><field type='list-multi' var='days' label='Which days?'><value>mo</value><value>tu</value>"
        "<option label='Monday'><value>mo</value></option><option><value>tu</value></option></field>"
        "<field var='name'><required/></field></x></iq>");
    assert_true(element_equal(iq->root, expected->root));
    assert_true(survives(iq->root));
    stanza_free(&expected);
    stanza_free(&iq);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_finding), cmocka_unit_test(test_fields),
                                        cmocka_unit_test(test_booleans), cmocka_unit_test(test_writing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
