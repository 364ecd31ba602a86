/* error_from_json.c - data.error back to the element of RFC 6120 8.3. */
#include "from_json.h"
#include "words.h"
#include "xml_name.h"

struct error_parts {
    struct reading *reading;
    struct element *error; /* holds the application's condition until the rest is known */
    struct element *application;
    struct text type, condition, text, lang, by, code;
};

static bool read_code(struct error_parts *parts)
{
    struct json_reader *r = &parts->reading->json;
    long ignored;
    json_peek(r);
    const char *start = r->at;
    if (!json_read_integer(r, CODE_LEAST, CODE_MOST, &ignored))
        return false;
    parts->code = (struct text){ start, (size_t)(r->at - start) };
    return true;
}

static bool read_type(struct error_parts *parts)
{
    if (!json_read_string(&parts->reading->json, &parts->type))
        return false;
    return words_hold(words_error_type, parts->type)
               ? true
               : json_refuse(&parts->reading->json, "bad-value", "no type of error");
}

/* Conditions that this version does not know come from nodes of a later one only. */
static bool read_condition(struct error_parts *parts)
{
    if (!json_read_string(&parts->reading->json, &parts->condition))
        return false;
    if (stanza_condition_find(parts->condition) >= 0 ||
        (parts->reading->trust == EVENT_FROM_NODE && xml_name_is_valid(parts->condition)))
        return true;
    return json_refuse(&parts->reading->json, "bad-value", "no condition of RFC 6120 8.3.3");
}

static bool read_application(struct error_parts *parts)
{
    struct reading *reading = parts->reading;
    if (!tree_read(reading, parts->error, TEXT(XMLNS_CLIENT), &parts->application))
        return false;
    if (text_equal(parts->application->xmlns, TEXT(XMLNS_STANZA_ERRORS)))
        return json_refuse(&reading->json, "bad-value", "needs a namespace of the application's own");
    return true;
}

static bool read_lang(struct error_parts *parts)
{
    if (!json_read_string(&parts->reading->json, &parts->lang))
        return false;
    if (parts->reading->trust == EVENT_FROM_NODE || is_language(parts->lang))
        return true;
    return json_refuse(&parts->reading->json, "bad-value", "not a language");
}

static bool read_member(struct json_reader *r, struct text key, void *ctx)
{
    struct error_parts *parts = ctx;
    if (text_equal(key, TEXT("type")))
        return read_type(parts);
    if (text_equal(key, TEXT("condition")))
        return read_condition(parts);
    if (text_equal(key, TEXT("text")))
        return json_read_string(r, &parts->text);
    if (text_equal(key, TEXT("lang")))
        return read_lang(parts);
    if (text_equal(key, TEXT("by")))
        return json_read_string(r, &parts->by);
    if (text_equal(key, TEXT("code")))
        return read_code(parts);
    if (text_equal(key, TEXT("application")))
        return read_application(parts);
    if (parts->reading->trust == EVENT_FROM_NODE)
        return json_skip(r);
    return json_refuse(r, "unknown-field", "unknown field");
}

/* The type that goes with the condition is enough for a service that is brief (RFC 6120 8.3.3). */
static struct text default_type(struct text condition)
{
    int found = stanza_condition_find(condition);
    return found < 0 ? TEXT("cancel") : text_of(stanza_condition_type((enum stanza_condition)found));
}

static void set(const struct error_parts *parts, const char *name, struct text value)
{
    if (value.data)
        attribute_append(parts->reading->arena, parts->error, (struct text){ NULL, 0 }, text_of(name), value);
}

static void build(struct error_parts *parts)
{
    struct arena *arena = parts->reading->arena;
    struct element *error = parts->error;
    if (parts->application)
        element_remove(error, parts->application);
    set(parts, "type", parts->type.data ? parts->type : default_type(parts->condition));
    set(parts, "by", parts->by);
    set(parts, "code", parts->code);
    element_add(arena, error, parts->condition, TEXT(XMLNS_STANZA_ERRORS));
    if (parts->text.data) {
        struct element *text = element_add(arena, error, TEXT("text"), TEXT(XMLNS_STANZA_ERRORS));
        if (parts->lang.data)
            attribute_append(arena, text, TEXT(XMLNS_XML), TEXT("lang"), parts->lang);
        element_add_text(arena, text, parts->text);
    }
    if (parts->application)
        element_append(arena, error, parts->application);
}

bool error_read(struct reading *reading)
{
    struct error_parts parts = { .reading = reading };
    parts.error = element_add(reading->arena, reading->root, TEXT("error"), TEXT(XMLNS_CLIENT));
    if (!json_read_object(&reading->json, read_member, &parts))
        return false;
    if (!parts.condition.data)
        return json_refuse_member(&reading->json, "condition", "missing-field", "this field is needed");
    if (parts.lang.data && !parts.text.data)
        return json_refuse_member(&reading->json, "text", "missing-field", "a language without its text");
    build(&parts);
    return true;
}
