/* tree_from_json.c - {"name","xmlns","attrs","children"} back to an element.  Whatever comes out of here can be written
 * as XML: names, namespaces and characters are checked. */
#include "from_json.h"
#include "words.h"
#include "xml_name.h"

struct tree { /* an element that is being read; its members come in any order */
    struct reading *reading;
    struct element *element;
};

void attribute_append(struct arena *arena, struct element *element, struct text xmlns, struct text name,
                      struct text value)
{
    struct attribute *attribute = arena_alloc(arena, sizeof *attribute);
    *attribute = (struct attribute){ .name = name, .xmlns = xmlns, .value = value };
    *element->attributes_end = attribute;
    element->attributes_end = &attribute->next;
}

/* -- attributes -- */

/* From nodes comes what a client's parser has taken; services get no further than IRIs. */
static bool may_be_namespace(const struct reading *reading, struct text xmlns)
{
    return !text_is(xmlns, XMLNS_XMLNS) && (reading->trust == EVENT_FROM_NODE || xml_namespace_is_tidy(xmlns));
}

/* "name", "xml:lang" or "{namespace}name". */
static bool split_key(struct reading *reading, struct text key, struct text *xmlns, struct text *name)
{
    struct json_reader *r = &reading->json;
    *xmlns = (struct text){ NULL, 0 };
    *name = key;
    if (text_starts_with(key, TEXT("xml:"))) {
        *xmlns = TEXT(XMLNS_XML);
        *name = (struct text){ key.data + 4, key.size - 4 };
    } else if (key.size && key.data[0] == '{') {
        const char *brace = memrchr(key.data, '}', key.size);
        if (!brace)
            return json_refuse(r, "bad-value", "'}' expected behind the namespace of an attribute");
        *xmlns = (struct text){ key.data + 1, (size_t)(brace - key.data) - 1 };
        *name = (struct text){ brace + 1, key.size - xmlns->size - 2 };
        if (xmlns->size == 0 || text_is(*xmlns, XMLNS_XML) || !may_be_namespace(reading, *xmlns))
            return json_refuse(r, "bad-value", "not a namespace for an attribute");
    }
    if (!xml_name_is_valid(*name) || (!xmlns->size && text_is(*name, "xmlns")))
        return json_refuse(r, "bad-value", "not the name of an XML attribute");
    return true;
}

static bool read_attribute(struct json_reader *r, struct text key, void *ctx)
{
    struct tree *tree = ctx;
    struct text xmlns, name, value;
    if (!split_key(tree->reading, key, &xmlns, &name) || !json_read_string(r, &value))
        return false;
    attribute_append(tree->reading->arena, tree->element, xmlns, name, value);
    return true;
}

/* The stanza's own attributes have fields.  Only a type of a client's invention stands here, and only nodes say so. */
static bool read_own_attribute(struct json_reader *r, struct text key, void *ctx)
{
    struct reading *reading = ctx;
    static const char *const fields[] = { "id", "from", "to", "type", "xml:lang", NULL };
    if (words_hold(fields, key)) {
        if (reading->trust == EVENT_FROM_SERVICE || !text_is(key, "type"))
            return json_refuse(r, "not-allowed", "this attribute has a field of its own");
        reading->has_odd_type = true;
    }
    struct tree tree = { .reading = reading, .element = reading->root };
    return read_attribute(r, key, &tree);
}

bool own_attributes_read(struct reading *reading)
{
    return json_read_object(&reading->json, read_own_attribute, reading);
}

/* -- elements -- */

static bool read_element(struct reading *reading, struct element *parent, struct element **out);

static bool read_child(struct json_reader *r, void *ctx)
{
    struct tree *tree = ctx;
    struct text text;
    struct element *ignored;
    char c = json_peek(r);
    if (c == '{')
        return read_element(tree->reading, tree->element, &ignored);
    if (c != '"')
        return json_refuse(r, c ? "wrong-type" : "not-json", "a string or an object expected");
    if (!json_read_string(r, &text))
        return false;
    element_add_text(tree->reading->arena, tree->element, text);
    return true;
}

static bool read_name(struct json_reader *r, struct element *element)
{
    if (!json_read_string(r, &element->name))
        return false;
    return xml_name_is_valid(element->name) ? true : json_refuse(r, "bad-value", "not the name of an XML element");
}

static bool read_namespace(struct json_reader *r, struct tree *tree)
{
    if (!json_read_string(r, &tree->element->xmlns))
        return false;
    if (!may_be_namespace(tree->reading, tree->element->xmlns))
        return json_refuse(r, "bad-value", "not an XML namespace");
    return true;
}

static bool read_member(struct json_reader *r, struct text key, void *ctx)
{
    struct tree *tree = ctx;
    if (text_equal(key, TEXT("name")))
        return read_name(r, tree->element);
    if (text_equal(key, TEXT("xmlns")))
        return read_namespace(r, tree);
    if (text_equal(key, TEXT("attrs")))
        return json_read_object(r, read_attribute, tree);
    if (text_equal(key, TEXT("children")))
        return json_read_array(r, read_child, tree);
    if (tree->reading->trust == EVENT_FROM_NODE)
        return json_skip(r);
    return json_refuse(r, "unknown-field", "unknown field (name, xmlns, attrs, children are known)");
}

static bool read_element(struct reading *reading, struct element *parent, struct element **out)
{
    struct text unknown = { NULL, 0 };
    struct tree tree = { .reading = reading, .element = element_new(reading->arena, unknown, unknown) };
    element_append(reading->arena, parent, tree.element);
    *out = tree.element;
    if (!json_read_object(&reading->json, read_member, &tree))
        return false;
    if (!tree.element->name.data)
        return json_refuse_member(&reading->json, "name", "missing-field", "every element needs its name");
    return true;
}

/* An element that named no namespace is in its parent's, which may have been named after it. */
static void inherit_namespace(struct element *element, struct text parent)
{
    if (!element->xmlns.data)
        element->xmlns = parent;
    for (const struct node *n = element->children; n; n = n->next)
        if (n->element)
            inherit_namespace(n->element, element->xmlns);
}

bool tree_read(struct reading *reading, struct element *parent, struct text parent_xmlns, struct element **out)
{
    if (!read_element(reading, parent, out))
        return false;
    inherit_namespace(*out, parent_xmlns);
    return true;
}
