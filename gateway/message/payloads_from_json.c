/* payloads_from_json.c - the extensions that have a field of their own in "data", back to their elements. */
#include "from_json.h"
#include "words.h"

static void set(struct reading *reading, struct element *element, const char *name, struct text value)
{
    attribute_append(reading->arena, element, (struct text){ NULL, 0 }, text_of(name), value);
}

static void add_text_child(struct reading *reading, struct element *parent, const char *name, struct text text)
{
    struct element *child = element_add(reading->arena, parent, text_of(name), parent->xmlns);
    element_add_text(reading->arena, child, text);
}

static bool refuse_missing(struct reading *reading, const char *member)
{
    return json_refuse_member(&reading->json, member, "missing-field", "this field is needed");
}

/* An object of strings, in any order: names, then where they go (NULL data when absent). */
enum { STRINGS_MAX = 3 };
struct strings {
    struct reading *reading;
    const char *names[STRINGS_MAX];
    struct text values[STRINGS_MAX];
};

static bool read_strings_member(struct json_reader *r, struct text key, void *ctx)
{
    struct strings *strings = ctx;
    for (unsigned i = 0; i < STRINGS_MAX && strings->names[i]; i++)
        if (text_is(key, strings->names[i]))
            return json_read_string(r, &strings->values[i]);
    return field_skip_unknown(strings->reading);
}

/* The first `needed` of them must be there, and not empty. */
static bool read_strings(struct reading *reading, struct strings *strings, unsigned needed)
{
    strings->reading = reading;
    if (!json_read_object(&reading->json, read_strings_member, strings))
        return false;
    for (unsigned i = 0; i < needed; i++)
        if (!strings->values[i].size)
            return strings->values[i].data
                       ? json_refuse_member(&reading->json, strings->names[i], "bad-value", "must not be empty")
                       : refuse_missing(reading, strings->names[i]);
    return true;
}

static void set_optional(struct reading *reading, struct element *element, const char *name, struct text value)
{
    if (value.data)
        set(reading, element, name, value);
}

bool payload_read_chat_state(struct reading *reading, const struct field *field)
{
    struct text word;
    if (!field_read_word(reading, words_chat_state, &word))
        return false;
    field_add_child(reading, field, word);
    return true;
}

/* "replaces", "origin_id": the element's id. */
bool payload_read_reference(struct reading *reading, const struct field *field)
{
    struct text id;
    if (!field_read_non_empty(reading, &id))
        return false;
    set(reading, field_add_child(reading, field, field->element), "id", id);
    return true;
}

/* "receipt", "marker": members are elements, true for one without an id. */
static bool read_named(struct json_reader *r, struct text key, void *ctx)
{
    const struct field_reading *named = ctx;
    struct reading *reading = named->reading;
    bool is_receipt = text_equal(named->field->name, TEXT("receipt"));
    struct text id;
    if (text_is(key, is_receipt ? "request" : "markable")) {
        if (!json_read_true(r))
            return false;
        field_add_child(reading, named->field, key);
        return true;
    }
    if (is_receipt ? !text_equal(key, TEXT("received")) : !words_hold(words_marker, key))
        return field_skip_unknown(reading);
    if (!field_read_non_empty(reading, &id))
        return false;
    set(reading, field_add_child(reading, named->field, key), "id", id);
    return true;
}

bool payload_read_receipt_or_marker(struct reading *reading, const struct field *field)
{
    struct field_reading named = { reading, field };
    return json_read_object(&reading->json, read_named, &named);
}

bool payload_read_reply(struct reading *reading, const struct field *field)
{
    struct strings strings = { .names = { "id", "to" } };
    if (!read_strings(reading, &strings, 1))
        return false;
    struct element *reply = field_add_child(reading, field, field->element);
    set(reading, reply, "id", strings.values[0]);
    set_optional(reading, reply, "to", strings.values[1]);
    return true;
}

bool payload_read_delay(struct reading *reading, const struct field *field)
{
    struct strings strings = { .names = { "stamp", "from", "reason" } };
    if (!read_strings(reading, &strings, 1))
        return false;
    if (!is_date_time(strings.values[0]))
        return json_refuse_member(&reading->json, "stamp", "bad-value", "not a date and time (RFC 3339)");
    struct element *delay = field_add_child(reading, field, field->element);
    set(reading, delay, "stamp", strings.values[0]);
    set_optional(reading, delay, "from", strings.values[1]);
    element_add_text(reading->arena, delay, strings.values[2]);
    return true;
}

bool payload_read_oob(struct reading *reading, const struct field *field)
{
    struct strings strings = { .names = { "url", "desc" } };
    if (!read_strings(reading, &strings, 1))
        return false;
    struct element *oob = field_add_child(reading, field, field->element);
    add_text_child(reading, oob, "url", strings.values[0]);
    if (strings.values[1].data)
        add_text_child(reading, oob, "desc", strings.values[1]);
    return true;
}

struct reaction {
    struct reading *reading;
    struct element *element;
    bool has_id, has_emojis;
};

static bool read_emoji(struct json_reader *r, void *ctx)
{
    struct reaction *reaction = ctx;
    struct text emoji;
    (void)r;
    if (!field_read_non_empty(reaction->reading, &emoji))
        return false;
    add_text_child(reaction->reading, reaction->element, "reaction", emoji);
    return true;
}

static bool read_reaction_member(struct json_reader *r, struct text key, void *ctx)
{
    struct reaction *reaction = ctx;
    struct text id;
    if (text_equal(key, TEXT("emojis"))) {
        reaction->has_emojis = true;
        return json_read_array(r, read_emoji, reaction);
    }
    if (!text_equal(key, TEXT("id")))
        return field_skip_unknown(reaction->reading);
    if (!field_read_non_empty(reaction->reading, &id))
        return false;
    set(reaction->reading, reaction->element, "id", id);
    reaction->has_id = true;
    return true;
}

bool payload_read_reaction(struct reading *reading, const struct field *field)
{
    struct reaction reaction = { .reading = reading, .element = field_add_child(reading, field, field->element) };
    if (!json_read_object(&reading->json, read_reaction_member, &reaction))
        return false;
    return !reaction.has_id       ? refuse_missing(reading, "id")
           : !reaction.has_emojis ? refuse_missing(reading, "emojis")
                                  : true;
}

static bool read_stanza_id(struct json_reader *r, void *ctx)
{
    const struct field_reading *ids = ctx;
    struct strings strings = { .names = { "id", "by" } };
    (void)r;
    if (!read_strings(ids->reading, &strings, 2))
        return false;
    struct element *element = field_add_child(ids->reading, ids->field, ids->field->element);
    set(ids->reading, element, "id", strings.values[0]);
    set(ids->reading, element, "by", strings.values[1]);
    return true;
}

bool payload_read_stanza_ids(struct reading *reading, const struct field *field)
{
    struct field_reading ids = { reading, field };
    return json_read_array(&reading->json, read_stanza_id, &ids);
}

static bool read_hint(struct json_reader *r, void *ctx)
{
    const struct field_reading *hints = ctx;
    struct text word;
    (void)r;
    if (!field_read_word(hints->reading, words_hint, &word))
        return false;
    field_add_child(hints->reading, hints->field, word);
    return true;
}

bool payload_read_hints(struct reading *reading, const struct field *field)
{
    struct field_reading hints = { reading, field };
    return json_read_array(&reading->json, read_hint, &hints);
}
