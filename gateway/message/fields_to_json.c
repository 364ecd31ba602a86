/* fields_to_json.c - the fields of "data" that say a child of the stanza in full.  uses_collect() has looked at every
 * element before, so that nothing is checked here. */
#include "to_json.h"

struct writing {
    struct buffer *out;
    const struct uses *uses;
    unsigned first; /* of the uses of this field */
    struct text content;
};

/* The next use of the same field, from index on; NULL at the end. */
static const struct element *next_use(const struct writing *w, enum field field, unsigned *index)
{
    for (; *index < w->uses->count; ++*index)
        if (w->uses->items[*index].field == field)
            return w->uses->items[(*index)++].element;
    return NULL;
}

static const struct element *only_use(const struct writing *w)
{
    return w->uses->items[w->first].element;
}

static void write_attribute(struct buffer *out, const struct element *element, const char *name)
{
    json_write_string(out, element_get(element, name));
}

/* ,"from":"..." when the element has the attribute. */
static void write_optional(struct buffer *out, const struct element *element, const char *name)
{
    struct text value = element_get(element, name);
    if (!value.data)
        return;
    buffer_append_char(out, ',');
    json_write_string(out, text_of(name));
    buffer_append_char(out, ':');
    json_write_string(out, value);
}

/* -- texts in languages: the one without a language, or else the first, is the plain field; the others stand by
 * language in a map beside it -- */

static const struct element *main_language(const struct writing *w, enum field field)
{
    unsigned index = w->first;
    for (const struct element *element; (element = next_use(w, field, &index));)
        if (!element->attributes)
            return element;
    return only_use(w);
}

static void write_languages(const struct writing *w, enum field field, const char *key, const char *map)
{
    const struct element *plain = main_language(w, field), *element;
    struct buffer *out = w->out;
    buffer_printf(out, ",\"%s\":", key);
    element_text_write(out, plain);
    if (plain->attributes) {
        buffer_printf(out, ",\"%s_lang\":", key);
        json_write_string(out, plain->attributes->value);
    }
    unsigned index = w->first;
    bool is_first = true;
    while ((element = next_use(w, field, &index))) {
        if (element == plain)
            continue;
        if (is_first)
            buffer_printf(out, ",\"%s\":{", map);
        else
            buffer_append_char(out, ',');
        json_write_string(out, element->attributes->value);
        buffer_append_char(out, ':');
        element_text_write(out, element);
        is_first = false;
    }
    if (!is_first)
        buffer_append_char(out, '}');
}

/* -- one element, one value -- */

static void write_body(const struct writing *w)
{
    const struct element *only = only_use(w);
    unsigned index = w->first + 1;
    if (only->attributes || next_use(w, FIELD_BODY, &index)) {
        write_languages(w, FIELD_BODY, "body", "bodies");
        return;
    }
    JSON_KEY(w->out, "body");
    element_text_write(w->out, only);
}

static void write_subject(const struct writing *w)
{
    write_languages(w, FIELD_SUBJECT, "subject", "subjects");
}

static void write_status(const struct writing *w)
{
    write_languages(w, FIELD_STATUS, "status", "statuses");
}

static void write_thread(const struct writing *w)
{
    JSON_KEY(w->out, "thread");
    element_text_write(w->out, only_use(w));
}

static void write_show(const struct writing *w)
{
    JSON_KEY(w->out, "show");
    element_text_write(w->out, only_use(w));
}

static void write_priority(const struct writing *w)
{
    JSON_KEY(w->out, "priority");
    buffer_append_text(w->out, only_use(w)->children->text); /* canonical, so a JSON number too */
}

static void write_chat_state(const struct writing *w)
{
    JSON_KEY(w->out, "chat_state");
    json_write_string(w->out, only_use(w)->name);
}

static void write_replaces(const struct writing *w)
{
    JSON_KEY(w->out, "replaces");
    write_attribute(w->out, only_use(w), "id");
}

static void write_origin_id(const struct writing *w)
{
    JSON_KEY(w->out, "origin_id");
    write_attribute(w->out, only_use(w), "id");
}

/* -- objects and arrays -- */

/* {"request":true} {"received":"id"}: by the element's name, true when it carries no id. */
static void write_named(const struct writing *w, enum field field)
{
    unsigned index = w->first;
    char between = '{';
    for (const struct element *element; (element = next_use(w, field, &index)); between = ',') {
        buffer_append_char(w->out, between);
        json_write_string(w->out, element->name);
        buffer_append_char(w->out, ':');
        if (element->attributes)
            write_attribute(w->out, element, "id");
        else
            BUFFER_LITERAL(w->out, "true");
    }
    buffer_append_char(w->out, '}');
}

static void write_receipt(const struct writing *w)
{
    JSON_KEY(w->out, "receipt");
    write_named(w, FIELD_RECEIPT);
}

static void write_marker(const struct writing *w)
{
    JSON_KEY(w->out, "marker");
    write_named(w, FIELD_MARKER);
}

static void write_reply(const struct writing *w)
{
    BUFFER_LITERAL(w->out, ",\"reply\":{\"id\":");
    write_attribute(w->out, only_use(w), "id");
    write_optional(w->out, only_use(w), "to");
    buffer_append_char(w->out, '}');
}

static void write_reaction(const struct writing *w)
{
    BUFFER_LITERAL(w->out, ",\"reaction\":{\"id\":");
    write_attribute(w->out, only_use(w), "id");
    BUFFER_LITERAL(w->out, ",\"emojis\":[");
    for (const struct node *n = only_use(w)->children; n; n = n->next) {
        element_text_write(w->out, n->element);
        if (n->next)
            buffer_append_char(w->out, ',');
    }
    BUFFER_LITERAL(w->out, "]}");
}

static void write_delay(const struct writing *w)
{
    BUFFER_LITERAL(w->out, ",\"delay\":{\"stamp\":");
    write_attribute(w->out, only_use(w), "stamp");
    write_optional(w->out, only_use(w), "from");
    if (only_use(w)->children) {
        JSON_KEY(w->out, "reason");
        element_text_write(w->out, only_use(w));
    }
    buffer_append_char(w->out, '}');
}

static void write_oob(const struct writing *w)
{
    const struct node *url = only_use(w)->children;
    BUFFER_LITERAL(w->out, ",\"oob\":{\"url\":");
    element_text_write(w->out, url->element);
    if (url->next) {
        JSON_KEY(w->out, "desc");
        element_text_write(w->out, url->next->element);
    }
    buffer_append_char(w->out, '}');
}

static void write_stanza_ids(const struct writing *w)
{
    unsigned index = w->first;
    char between = '[';
    JSON_KEY(w->out, "stanza_ids");
    for (const struct element *element; (element = next_use(w, FIELD_STANZA_IDS, &index)); between = ',') {
        buffer_append_char(w->out, between);
        BUFFER_LITERAL(w->out, "{\"id\":");
        write_attribute(w->out, element, "id");
        JSON_KEY(w->out, "by");
        write_attribute(w->out, element, "by");
        buffer_append_char(w->out, '}');
    }
    buffer_append_char(w->out, ']');
}

static void write_hints(const struct writing *w)
{
    unsigned index = w->first;
    char between = '[';
    JSON_KEY(w->out, "hints");
    for (const struct element *element; (element = next_use(w, FIELD_HINTS, &index)); between = ',') {
        buffer_append_char(w->out, between);
        json_write_string(w->out, element->name);
    }
    buffer_append_char(w->out, ']');
}

static void write_error_text(struct buffer *out, const struct element *text)
{
    JSON_KEY(out, "text");
    element_text_write(out, text);
    if (text->attributes) {
        JSON_KEY(out, "lang");
        json_write_string(out, text->attributes->value);
    }
}

static void write_error(const struct writing *w)
{
    const struct element *error = only_use(w);
    const struct node *n = error->children;
    struct text code = element_get(error, "code");
    BUFFER_LITERAL(w->out, ",\"error\":{\"type\":");
    write_attribute(w->out, error, "type");
    JSON_KEY(w->out, "condition");
    json_write_string(w->out, n->element->name);
    n = n->next;
    if (n && element_is(n->element, "text", XMLNS_STANZA_ERRORS)) {
        write_error_text(w->out, n->element);
        n = n->next;
    }
    write_optional(w->out, error, "by");
    if (code.data) {
        JSON_KEY(w->out, "code");
        buffer_append_text(w->out, code);
    }
    if (n) {
        JSON_KEY(w->out, "application");
        tree_write(w->out, n->element, TEXT(XMLNS_CLIENT), w->content);
    }
    buffer_append_char(w->out, '}');
}

void fields_write(struct buffer *out, const struct uses *uses, struct text content)
{
    static void (*const writers[FIELD_COUNT])(const struct writing *) = {
        [FIELD_BODY] = write_body,
        [FIELD_SUBJECT] = write_subject,
        [FIELD_STATUS] = write_status,
        [FIELD_THREAD] = write_thread,
        [FIELD_SHOW] = write_show,
        [FIELD_PRIORITY] = write_priority,
        [FIELD_ERROR] = write_error,
        [FIELD_CHAT_STATE] = write_chat_state,
        [FIELD_RECEIPT] = write_receipt,
        [FIELD_MARKER] = write_marker,
        [FIELD_REPLY] = write_reply,
        [FIELD_REPLACES] = write_replaces,
        [FIELD_REACTION] = write_reaction,
        [FIELD_DELAY] = write_delay,
        [FIELD_OOB] = write_oob,
        [FIELD_STANZA_IDS] = write_stanza_ids,
        [FIELD_ORIGIN_ID] = write_origin_id,
        [FIELD_HINTS] = write_hints,
    };
    struct writing w = { .out = out, .uses = uses, .content = content };
    unsigned written = 0; /* a bit a field: all uses of a field are written at its first */
    for (w.first = 0; w.first < uses->count; w.first++) {
        enum field field = uses->items[w.first].field;
        if (written & 1u << field)
            continue;
        written |= 1u << field;
        writers[field](&w);
    }
}
