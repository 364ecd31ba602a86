/* element_test.c - making, changing, reading, copying and comparing elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stanzabus/stanza.h"

static void assert_text(struct text actual, const char *expected)
{
    if (!expected) {
        assert_null(actual.data);
        return;
    }
    assert_non_null(actual.data);
    assert_int_equal(actual.size, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.size);
}

static void assert_xml(const struct element *element, const char *expected)
{
    struct buffer out = { 0 };
    element_write(&out, element, SCOPE_STREAM);
    buffer_append_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buffer_fini(&out);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name, *xmlns;
        enum stanza_kind kind;
    } rows[] = {
        { "message", XMLNS_CLIENT, STANZA_MESSAGE },
        { "presence", XMLNS_CLIENT, STANZA_PRESENCE },
        { "iq", XMLNS_CLIENT, STANZA_IQ },
        { "iq", XMLNS_SERVER, STANZA_IQ },
        { "iq", "jabber:component:accept", STANZA_NONE },
        { "auth", XMLNS_SASL, STANZA_NONE },
        { "Message", XMLNS_CLIENT, STANZA_NONE },
        { "iq", "", STANZA_NONE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stanza *stanza = stanza_make(rows[i].name, rows[i].xmlns);
        assert_int_equal(stanza->kind, rows[i].kind);
        assert_int_equal(stanza->bytes, 0);
        stanza_free(&stanza);
        assert_null(stanza);
        stanza_free(&stanza);
    }
}

static void test_attributes(void **state)
{
    (void)state;
    struct stanza *stanza = stanza_make("iq", XMLNS_CLIENT);
    struct arena *arena = &stanza->arena;
    struct element *root = stanza->root;

    assert_text(element_get(root, "id"), NULL);
    element_set(arena, root, "id", TEXT("1"));
    element_set(arena, root, "to", TEXT(""));
    element_set(arena, root, "type", TEXT("get"));
    element_set_ns(arena, root, TEXT("urn:x"), TEXT("id"), TEXT("other"));
    assert_text(element_get(root, "id"), "1");
    assert_text(element_get(root, "to"), "");
    element_set(arena, root, "id", TEXT("2"));
    assert_text(element_get(root, "id"), "2");
    assert_text(element_lang(root), NULL);
    element_set_ns(arena, root, TEXT(XMLNS_XML), TEXT("lang"), TEXT("de"));
    assert_text(element_lang(root), "de");

    /* the last one, one in the middle, the first, and one that is not there */
    element_set_ns(arena, root, TEXT(XMLNS_XML), TEXT("lang"), (struct text){ NULL, 0 });
    element_set(arena, root, "to", (struct text){ NULL, 0 });
    element_set(arena, root, "nothing", (struct text){ NULL, 0 });
    assert_xml(root, "<iq id='2' type='get' xmlns:ns2='urn:x' ns2:id='other'/>");
    element_set(arena, root, "id", (struct text){ NULL, 0 });
    element_set_ns(arena, root, TEXT("urn:x"), TEXT("id"), (struct text){ NULL, 0 });
    element_set(arena, root, "from", TEXT("a@b"));
    assert_xml(root, "<iq type='get' from='a@b'/>");
    stanza_free(&stanza);
}

static void test_children(void **state)
{
    (void)state;
    struct stanza *stanza = stanza_make("message", XMLNS_CLIENT);
    struct arena *arena = &stanza->arena;
    struct element *root = stanza->root;

    assert_null(element_first(root));
    element_add_text(arena, root, TEXT("a"));
    struct element *body = element_add(arena, root, TEXT("body"), TEXT(XMLNS_CLIENT));
    element_add_text(arena, root, TEXT(""));
    struct element *x = element_add(arena, root, TEXT("x"), TEXT("urn:1"));
    element_add_text(arena, root, TEXT("b"));
    struct element *second = element_add(arena, root, TEXT("x"), TEXT("urn:2"));

    assert_ptr_equal(body->parent, root);
    assert_ptr_equal(element_first(root), body);
    assert_ptr_equal(element_child(root, "x", NULL), x);
    assert_ptr_equal(element_child(root, "x", "urn:2"), second);
    assert_ptr_equal(element_child(root, NULL, "urn:2"), second);
    assert_null(element_child(root, "body", "urn:2"));
    assert_text(element_text(arena, root), "ab");
    assert_text(element_text(arena, body), "");
    element_add_text(arena, body, TEXT("one"));
    assert_text(element_text(arena, body), "one");

    element_remove(root, second); /* the last: what is added next must still be found */
    assert_null(second->parent);
    element_append(arena, root, second);
    element_remove(root, body);
    assert_xml(root, "<message>a<x xmlns='urn:1'/>b<x xmlns='urn:2'/></message>");
    stanza_free(&stanza);
}

/* A tree with all there is, in an arena of its own. */
static struct stanza *full_tree(void)
{
    struct stanza *stanza = stanza_make("message", XMLNS_CLIENT);
    struct arena *arena = &stanza->arena;
    element_set(arena, stanza->root, "id", TEXT("1"));
    element_set_ns(arena, stanza->root, TEXT("urn:x"), TEXT("id"), TEXT("2"));
    struct element *body = element_add(arena, stanza->root, TEXT("body"), TEXT(XMLNS_CLIENT));
    element_add_text(arena, body, TEXT("hello"));
    struct element *x = element_add(arena, stanza->root, TEXT("x"), TEXT("urn:y"));
    element_add(arena, x, TEXT("none"), TEXT(""));
    element_add_text(arena, x, TEXT("tail"));
    return stanza;
}

static void test_copy(void **state)
{
    (void)state;
    struct stanza *source = full_tree(), *copy = stanza_new();
    stanza_set_root(copy, element_copy(&copy->arena, source->root));
    assert_int_equal(copy->kind, STANZA_MESSAGE);
    assert_true(element_equal(source->root, copy->root));
    stanza_free(&source); /* the copy lives on */
    assert_xml(copy->root, "<message id='1' xmlns:ns1='urn:x' ns1:id='2'><body>hello</body>"
                           "<x xmlns='urn:y'><none xmlns=''/>tail</x></message>");
    stanza_free(&copy);
}

static void change_name(struct stanza *s)
{
    s->root->name = TEXT("messagf");
}
static void change_namespace(struct stanza *s)
{
    element_child(s->root, "x", NULL)->xmlns = TEXT("urn:z");
}
static void change_value(struct stanza *s)
{
    element_set(&s->arena, s->root, "id", TEXT("2"));
}
static void change_attribute_namespace(struct stanza *s)
{
    element_set_ns(&s->arena, s->root, TEXT("urn:x"), TEXT("id"), (struct text){ NULL, 0 });
    element_set_ns(&s->arena, s->root, TEXT("urn:xx"), TEXT("id"), TEXT("2"));
}
static void add_attribute(struct stanza *s)
{
    element_set(&s->arena, s->root, "more", TEXT(""));
}
static void add_text(struct stanza *s)
{
    element_add_text(&s->arena, s->root, TEXT(" "));
}
static void add_child(struct stanza *s)
{
    element_add(&s->arena, element_child(s->root, "body", NULL), TEXT("b"), TEXT(""));
}
static void longer_text(struct stanza *s)
{
    element_add_text(&s->arena, element_child(s->root, "body", NULL), TEXT("!"));
}
static void change_order(struct stanza *s)
{
    struct element *body = element_child(s->root, "body", NULL);
    element_remove(s->root, body);
    element_append(&s->arena, s->root, body);
}

static void test_differences(void **state)
{
    (void)state;
    static void (*const changes[])(struct stanza *) = {
        change_name, change_namespace, change_value, change_attribute_namespace, add_attribute, add_text,
        add_child,   longer_text,      change_order,
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct stanza *a = full_tree(), *b = full_tree();
        assert_true(element_equal(a->root, b->root));
        changes[i](b);
        assert_false(element_equal(a->root, b->root));
        assert_false(element_equal(b->root, a->root));
        stanza_free(&a);
        stanza_free(&b);
    }
}

static void test_equal_though_built_differently(void **state)
{
    (void)state;
    struct stanza *a = stanza_make("x", "urn:x"), *b = stanza_make("x", "urn:x");
    element_set(&a->arena, a->root, "one", TEXT("1"));
    element_set(&a->arena, a->root, "two", TEXT("2"));
    element_set(&b->arena, b->root, "two", TEXT("2"));
    element_set(&b->arena, b->root, "one", TEXT("1"));
    element_add_text(&a->arena, a->root, TEXT("abc"));
    element_add_text(&b->arena, b->root, TEXT("a"));
    element_add_text(&b->arena, b->root, TEXT("bc"));
    assert_true(element_equal(a->root, b->root));
    assert_true(element_equal(b->root, a->root));
    stanza_free(&a);
    stanza_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),       cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_children),    cmocka_unit_test(test_copy),
        cmocka_unit_test(test_differences), cmocka_unit_test(test_equal_though_built_differently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
