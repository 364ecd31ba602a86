/* event_to_json.c - a stanza as an event: the head (CloudEvents 1.0), the stanza's own attributes, its fields, and what
 * is left as "extensions". */
#include <assert.h>

#include "event_head.h"
#include "to_json.h"
#include "words.h"

static struct text kind_name(enum stanza_kind kind)
{
    static const struct text names[] = { TEXT_INIT("message"), TEXT_INIT("presence"), TEXT_INIT("iq") };
    assert(kind != STANZA_NONE);
    return names[kind];
}

void event_head_write(struct buffer *out, const struct event_head *head, struct text type)
{
    BUFFER_LITERAL(out, "{\"specversion\":\"1.0\",\"id\":\"");
    buffer_append_text(out, head->id);
    BUFFER_LITERAL(out, "\",\"source\":\"");
    uri_write(out, head->source);
    BUFFER_LITERAL(out, "\",\"type\":\"xmpp.");
    buffer_append_text(out, type);
    BUFFER_LITERAL(out, "\",");
    if (head->subject.size) {
        BUFFER_LITERAL(out, "\"subject\":");
        json_write_string(out, head->subject);
        buffer_append_char(out, ',');
    }
    BUFFER_LITERAL(out, "\"time\":\"");
    json_write_time(out, head->wall_ms);
    BUFFER_LITERAL(out, "\",\"datacontenttype\":\"application/json\",\"data\":{\"kind\":\"");
    buffer_append_text(out, type);
    buffer_append_char(out, '"');
}

/* The field that an attribute of the stanza has, or NULL: it goes into "attrs".  So does a type that RFC 6120 and 6121
 * do not know: "type" is always one of theirs. */
static const char *attribute_field(const struct attribute *a, enum stanza_kind kind)
{
    static const char *const plain[] = { "id", "from", "to" };
    if (text_equal(a->xmlns, TEXT(XMLNS_XML)))
        return text_equal(a->name, TEXT("lang")) ? "lang" : NULL;
    if (a->xmlns.size)
        return NULL;
    for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++)
        if (text_is(a->name, plain[i]))
            return plain[i];
    return text_equal(a->name, TEXT("type")) && words_hold(words_type(kind), a->value) ? "type" : NULL;
}

static void write_own_attributes(struct buffer *out, const struct stanza *stanza)
{
    bool has_others = false;
    for (const struct attribute *a = stanza->root->attributes; a; a = a->next) {
        const char *field = attribute_field(a, stanza->kind);
        if (!field) {
            has_others = true;
            continue;
        }
        BUFFER_LITERAL(out, ",\"");
        buffer_append(out, field, strlen(field));
        BUFFER_LITERAL(out, "\":");
        json_write_string(out, a->value);
    }
    if (!has_others)
        return;
    const char *between = ",\"attrs\":{";
    for (const struct attribute *a = stanza->root->attributes; a; a = a->next) {
        if (attribute_field(a, stanza->kind))
            continue;
        buffer_append(out, between, strlen(between));
        attribute_write(out, a);
        between = ",";
    }
    buffer_append_char(out, '}');
}

/* Text directly in the stanza has no meaning, but it is not lost.  White space between the children is. */
static void write_own_text(struct buffer *out, const struct element *root)
{
    for (const struct node *n = root->children; n; n = n->next)
        if (!n->element && !is_white_space(n->text)) {
            JSON_KEY(out, "text");
            element_text_write(out, root);
            return;
        }
}

static bool has_field(const struct uses *uses, const struct element *element)
{
    for (unsigned i = 0; i < uses->count; i++)
        if (uses->items[i].element == element)
            return true;
    return false;
}

static void write_extensions(struct buffer *out, const struct element *root, const struct uses *uses)
{
    char between = '[';
    if (!uses->has_rest)
        return;
    JSON_KEY(out, "extensions");
    for (const struct node *n = root->children; n; n = n->next) {
        if (!n->element || has_field(uses, n->element))
            continue;
        buffer_append_char(out, between);
        tree_write(out, n->element, TEXT(XMLNS_CLIENT), root->xmlns);
        between = ',';
    }
    buffer_append_char(out, ']');
}

void event_write(struct buffer *out, const struct stanza *stanza, const struct event_head *head)
{
    struct uses uses;
    uses_collect(&uses, stanza);
    buffer_reserve(out, 1024); /* most events fit, and grow the buffer once at most */
    event_head_write(out, head, kind_name(stanza->kind));
    write_own_attributes(out, stanza);
    fields_write(out, &uses, stanza->root->xmlns);
    write_own_text(out, stanza->root);
    write_extensions(out, stanza->root, &uses);
    BUFFER_LITERAL(out, "}}");
}
