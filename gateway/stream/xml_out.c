/* xml_out.c - a tree written as XML, straight into a buffer.  A default namespace is declared only where it changes;
 * prefixes are stream: and xml:, db: between servers, and ns0, ns1 ... for attributes in other namespaces (RFC 6120 11.2,
 * RFC 7395 3.3.3, XEP-0220 2). */
#include "stanzabus/stanza.h"

/* What must not stand as itself: the first four nowhere, the others not in a value.  White space but the space would be
 * normalised in a value (XML 1.0 3.3.3), a carriage return everywhere (2.11); '>' is one so that no "]]>" stands in text
 * (2.4). */
enum { ESCAPED_IN_TEXT = 4, ESCAPED_IN_VALUES = 8 };
static const struct text escapes[] = {
    TEXT_INIT("&amp;"),  TEXT_INIT("&lt;"),   TEXT_INIT("&gt;"),  TEXT_INIT("&#13;"),
    TEXT_INIT("&quot;"), TEXT_INIT("&apos;"), TEXT_INIT("&#10;"), TEXT_INIT("&#9;"),
};
/* One more than its place in that table; 0 for all that stands as itself. */
static const unsigned char escape_of[256] = {
    ['&'] = 1, ['<'] = 2, ['>'] = 3, ['\r'] = 4, ['"'] = 5, ['\''] = 6, ['\n'] = 7, ['\t'] = 8,
};

/* Copies in runs from one special character to the next. */
static void write_escaped(struct buffer *out, struct text text, unsigned escaped)
{
    if (text.size == 0)
        return;
    const char *run = text.data, *end = text.data + text.size;
    for (const char *p = run; p < end; p++) {
        unsigned escape = escape_of[(unsigned char)*p];
        if (escape == 0 || escape > escaped)
            continue;
        buffer_append(out, run, (size_t)(p - run));
        buffer_append_text(out, escapes[escape - 1]);
        run = p + 1;
    }
    buffer_append(out, run, (size_t)(end - run));
}

void xml_write_value(struct buffer *out, struct text value)
{
    write_escaped(out, value, ESCAPED_IN_VALUES);
}

/* What is in scope where an element is written. */
struct scope {
    struct text xmlns; /* the default namespace; empty for none */
    bool stream, dialback; /* the prefixes stream: and db: are declared */
};

static inline bool same_namespace(struct text a, struct text b)
{
    return a.size == b.size && (a.data == b.data || a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* xml: can be bound to nothing else and its namespace to no other prefix, so it is never declared
 * (Namespaces in XML 1.0, 3). */
static struct text prefix_of(struct text xmlns, const struct scope *scope)
{
    if (same_namespace(xmlns, TEXT(XMLNS_STREAM)))
        return TEXT("stream:");
    if (same_namespace(xmlns, TEXT(XMLNS_XML)))
        return TEXT("xml:");
    if (scope->dialback && same_namespace(xmlns, TEXT(XMLNS_DIALBACK)))
        return TEXT("db:");
    return (struct text){ NULL, 0 };
}

/* The number of the first attribute of the element in the same namespace: that is its prefix. */
static unsigned prefix_number(const struct element *element, const struct attribute *attribute)
{
    unsigned number = 0;
    for (const struct attribute *a = element->attributes; !same_namespace(a->xmlns, attribute->xmlns); a = a->next)
        number++;
    return number;
}

static bool is_first_of_namespace(const struct element *element, const struct attribute *attribute)
{
    const struct attribute *a = element->attributes;
    while (!same_namespace(a->xmlns, attribute->xmlns))
        a = a->next;
    return a == attribute;
}

static void write_attribute_prefix(struct buffer *out, const struct element *element, const struct attribute *a)
{
    if (same_namespace(a->xmlns, TEXT(XMLNS_XML))) {
        BUFFER_LITERAL(out, " xml:");
        return;
    }
    unsigned number = prefix_number(element, a);
    if (is_first_of_namespace(element, a)) {
        buffer_printf(out, " xmlns:ns%u='", number);
        xml_write_value(out, a->xmlns);
        buffer_append_char(out, '\'');
    }
    buffer_printf(out, " ns%u:", number);
}

static void write_attributes(struct buffer *out, const struct element *element)
{
    for (const struct attribute *a = element->attributes; a; a = a->next) {
        if (a->xmlns.size == 0)
            buffer_append_char(out, ' ');
        else
            write_attribute_prefix(out, element, a);
        buffer_append_text(out, a->name);
        BUFFER_LITERAL(out, "='");
        xml_write_value(out, a->value);
        buffer_append_char(out, '\'');
    }
}

/* Declares what the element needs and its surroundings lack; from here on that is in scope. */
static void write_declarations(struct buffer *out, const struct element *element, struct text prefix,
                               struct scope *scope)
{
    if (prefix.size == 0 && !same_namespace(element->xmlns, scope->xmlns)) {
        BUFFER_LITERAL(out, " xmlns='");
        xml_write_value(out, element->xmlns);
        buffer_append_char(out, '\'');
        scope->xmlns = element->xmlns;
    } else if (prefix.data && prefix.data[0] == 's' && !scope->stream) {
        BUFFER_LITERAL(out, " xmlns:stream='" XMLNS_STREAM "'");
        scope->stream = true;
    }
}

static void write_element(struct buffer *out, const struct element *element, struct scope scope)
{
    struct text prefix = { NULL, 0 };
    if (!same_namespace(element->xmlns, scope.xmlns))
        prefix = prefix_of(element->xmlns, &scope);

    buffer_append_char(out, '<');
    buffer_append_text(out, prefix);
    buffer_append_text(out, element->name);
    write_declarations(out, element, prefix, &scope);
    write_attributes(out, element);
    if (!element->children) {
        BUFFER_LITERAL(out, "/>");
        return;
    }
    buffer_append_char(out, '>');
    for (const struct node *n = element->children; n; n = n->next) {
        if (n->element)
            write_element(out, n->element, scope);
        else
            write_escaped(out, n->text, ESCAPED_IN_TEXT);
    }
    BUFFER_LITERAL(out, "</");
    buffer_append_text(out, prefix);
    buffer_append_text(out, element->name);
    buffer_append_char(out, '>');
}

void element_write(struct buffer *out, const struct element *element, enum stanza_scope scope)
{
    static const struct scope scopes[] = {
        [SCOPE_SELF_CONTAINED] = { .stream = false },
        [SCOPE_STREAM] = { .xmlns = TEXT_INIT(XMLNS_CLIENT), .stream = true },
        [SCOPE_SERVERS] = { .xmlns = TEXT_INIT(XMLNS_CLIENT), .stream = true, .dialback = true },
    };
    write_element(out, element, scopes[scope]);
}
