/* tree_to_json.c - an element without a field of its own: {"name","xmlns","attrs","children"}, lossless.
 * "xmlns" is left out when it is the parent's, so that prefixes never matter. */
#include "to_json.h"

void element_text_write(struct buffer *out, const struct element *element)
{
    buffer_append_char(out, '"');
    for (const struct node *n = element->children; n; n = n->next)
        if (!n->element)
            json_write_run(out, n->text);
    buffer_append_char(out, '"');
}

/* "name", "xml:lang" or "{namespace}name". */
void attribute_write(struct buffer *out, const struct attribute *attribute)
{
    buffer_append_char(out, '"');
    if (text_equal(attribute->xmlns, TEXT(XMLNS_XML))) {
        BUFFER_LITERAL(out, "xml:");
    } else if (attribute->xmlns.size) {
        buffer_append_char(out, '{');
        json_write_run(out, attribute->xmlns);
        buffer_append_char(out, '}');
    }
    buffer_append_text(out, attribute->name);
    BUFFER_LITERAL(out, "\":");
    json_write_string(out, attribute->value);
}

static void write_attributes(struct buffer *out, const struct element *element)
{
    const char *between = ",\"attrs\":{";
    for (const struct attribute *a = element->attributes; a; a = a->next) {
        buffer_append(out, between, strlen(between));
        attribute_write(out, a);
        between = ",";
    }
    buffer_append_char(out, '}');
}

/* A run of text nodes is one string. */
static const struct node *write_text(struct buffer *out, const struct node *first)
{
    const struct node *n = first;
    buffer_append_char(out, '"');
    for (; n && !n->element; n = n->next)
        json_write_run(out, n->text);
    buffer_append_char(out, '"');
    return n;
}

static void write_children(struct buffer *out, const struct element *element, struct text xmlns, struct text content)
{
    BUFFER_LITERAL(out, ",\"children\":[");
    for (const struct node *n = element->children; n;) {
        if (n != element->children)
            buffer_append_char(out, ',');
        if (n->element) {
            tree_write(out, n->element, xmlns, content);
            n = n->next;
        } else {
            n = write_text(out, n);
        }
    }
    buffer_append_char(out, ']');
}

void tree_write(struct buffer *out, const struct element *element, struct text parent, struct text content)
{
    struct text xmlns = neutral_namespace(element->xmlns, content);
    BUFFER_LITERAL(out, "{\"name\":\"");
    buffer_append_text(out, element->name);
    buffer_append_char(out, '"');
    if (!text_equal(xmlns, parent)) {
        JSON_KEY(out, "xmlns");
        json_write_string(out, xmlns);
    }
    if (!payload_is_secret(xmlns)) {
        if (element->attributes)
            write_attributes(out, element);
        if (element->children)
            write_children(out, element, xmlns, content);
    }
    buffer_append_char(out, '}');
}
