/* fields_from_json.c - the members of "data": one table of their names, and what each makes of its value. */
#include "from_json.h"
#include "words.h"
#include "xml_name.h"

enum {
    MESSAGE = 1 << STANZA_MESSAGE,
    PRESENCE = 1 << STANZA_PRESENCE,
    IQ = 1 << STANZA_IQ,
    ALL = MESSAGE | PRESENCE | IQ
};

/* -- what several fields share -- */

static bool refuse_empty(struct reading *reading)
{
    return json_refuse(&reading->json, "bad-value", "must not be empty");
}

bool field_read_non_empty(struct reading *reading, struct text *out)
{
    return json_read_string(&reading->json, out) && (out->size ? true : refuse_empty(reading));
}

bool field_read_word(struct reading *reading, const char *const *words, struct text *out)
{
    if (!json_read_string(&reading->json, out))
        return false;
    return words_hold(words, *out) ? true : json_refuse(&reading->json, "bad-value", "none of the known words");
}

/* From nodes comes what clients wrote. */
static bool is_acceptable_language(const struct reading *reading, struct text lang)
{
    return reading->trust == EVENT_FROM_NODE || is_language(lang);
}

struct element *field_add_child(struct reading *reading, const struct field *field, struct text name)
{
    return element_add(reading->arena, reading->root, name, field->xmlns);
}

static void set_language(struct reading *reading, struct element *element, struct text lang)
{
    attribute_append(reading->arena, element, TEXT(XMLNS_XML), TEXT("lang"), lang);
}

/* A member that an object does not have: an error of a service, something new from a node. */
bool field_skip_unknown(struct reading *reading)
{
    if (reading->trust == EVENT_FROM_NODE)
        return json_skip(&reading->json);
    return json_refuse(&reading->json, "unknown-field", "unknown field");
}

/* -- the stanza's own -- */

static bool read_kind(struct reading *reading, const struct field *field)
{
    static const char *const kinds[] = { "message", "presence", "iq", NULL };
    (void)field;
    return field_read_word(reading, kinds, &reading->kind);
}

static bool read_attribute(struct reading *reading, const struct field *field)
{
    struct text value;
    if (!json_read_string(&reading->json, &value))
        return false;
    if (!value.size && reading->trust == EVENT_FROM_SERVICE)
        return refuse_empty(reading);
    attribute_append(reading->arena, reading->root, (struct text){ NULL, 0 }, field->name, value);
    return true;
}

/* Whether it is an address is for the router to say; here, only what no address can be (RFC 7622 3.1). */
static bool read_address(struct reading *reading, const struct field *field)
{
    struct text value;
    if (!json_read_string(&reading->json, &value))
        return false;
    if (reading->trust == EVENT_FROM_SERVICE && (value.size == 0 || value.size > JID_MAX))
        return json_refuse(&reading->json, "bad-address", "not an address");
    attribute_append(reading->arena, reading->root, (struct text){ NULL, 0 }, field->name, value);
    return true;
}

static bool read_lang(struct reading *reading, const struct field *field)
{
    struct text lang;
    (void)field;
    if (!json_read_string(&reading->json, &lang))
        return false;
    if (!is_acceptable_language(reading, lang))
        return json_refuse(&reading->json, "bad-value", "not a language");
    set_language(reading, reading->root, lang);
    return true;
}

static bool read_attrs(struct reading *reading, const struct field *field)
{
    (void)field;
    return own_attributes_read(reading);
}

static bool read_own_text(struct reading *reading, const struct field *field)
{
    struct text text;
    (void)field;
    if (!json_read_string(&reading->json, &text))
        return false;
    element_add_text(reading->arena, reading->root, text);
    return true;
}

static bool read_extension(struct json_reader *r, void *ctx)
{
    struct reading *reading = ctx;
    struct element *ignored;
    (void)r;
    return tree_read(reading, reading->root, TEXT(XMLNS_CLIENT), &ignored);
}

static bool read_extensions(struct reading *reading, const struct field *field)
{
    (void)field;
    return json_read_array(&reading->json, read_extension, reading);
}

static bool read_error(struct reading *reading, const struct field *field)
{
    (void)field;
    return error_read(reading);
}

/* -- texts -- */

static bool read_text(struct reading *reading, const struct field *field)
{
    struct text text;
    if (!json_read_string(&reading->json, &text))
        return false;
    element_add_text(reading->arena, field_add_child(reading, field, field->element), text);
    return true;
}

static bool read_plain(struct reading *reading, const struct field *field)
{
    struct text text;
    if (!json_read_string(&reading->json, &text))
        return false;
    reading->plain[field->language].element = field_add_child(reading, field, field->element);
    element_add_text(reading->arena, reading->plain[field->language].element, text);
    return true;
}

static bool read_plain_lang(struct reading *reading, const struct field *field)
{
    struct text *lang = &reading->plain[field->language].lang;
    if (!json_read_string(&reading->json, lang))
        return false;
    return is_acceptable_language(reading, *lang) ? true : json_refuse(&reading->json, "bad-value", "not a language");
}

static bool read_language(struct json_reader *r, struct text key, void *ctx)
{
    const struct field_reading *languages = ctx;
    struct reading *reading = languages->reading;
    struct text text;
    if (!is_acceptable_language(reading, key))
        return json_refuse(r, "bad-value", "not a language");
    if (!json_read_string(r, &text))
        return false;
    struct element *element = field_add_child(reading, languages->field, languages->field->element);
    set_language(reading, element, key);
    element_add_text(reading->arena, element, text);
    return true;
}

static bool read_languages(struct reading *reading, const struct field *field)
{
    struct field_reading languages = { reading, field };
    return json_read_object(&reading->json, read_language, &languages);
}

static bool read_show(struct reading *reading, const struct field *field)
{
    struct text word;
    if (!field_read_word(reading, words_show, &word))
        return false;
    element_add_text(reading->arena, field_add_child(reading, field, field->element), word);
    return true;
}

static bool read_priority(struct reading *reading, const struct field *field)
{
    long value;
    json_peek(&reading->json);
    const char *start = reading->json.at;
    if (!json_read_integer(&reading->json, PRIORITY_LEAST, PRIORITY_MOST, &value))
        return false;
    struct text digits = { start, (size_t)(reading->json.at - start) };
    element_add_text(reading->arena, field_add_child(reading, field, field->element), value ? digits : TEXT("0"));
    return true;
}

/* -- the table; the most frequent first -- */

#define ROW(name, kinds, read) \
    { \
        TEXT_INIT(name), kinds, read, TEXT_INIT(""), TEXT_INIT(""), LANGUAGE_FIELDS \
    }
#define MAKES(name, kinds, read, element, xmlns) \
    { \
        TEXT_INIT(name), kinds, read, TEXT_INIT(element), TEXT_INIT(xmlns), LANGUAGE_FIELDS \
    }
#define SPEAKS(name, kinds, read, element, language) \
    { \
        TEXT_INIT(name), kinds, read, TEXT_INIT(element), TEXT_INIT(XMLNS_CLIENT), language \
    }
/* clang-format off */
static const struct field fields[] = {
    ROW("kind", ALL, read_kind),
    ROW("type", ALL, read_attribute),
    ROW("id", ALL, read_attribute),
    ROW("from", ALL, read_address),
    ROW("to", ALL, read_address),
    SPEAKS("body", MESSAGE, read_plain, "body", LANGUAGE_BODY),
    ROW("extensions", ALL, read_extensions),
    MAKES("thread", MESSAGE, read_text, "thread", XMLNS_CLIENT),
    ROW("lang", ALL, read_lang),
    ROW("error", ALL, read_error),
    MAKES("chat_state", MESSAGE, payload_read_chat_state, "", XMLNS_CHAT_STATES),
    MAKES("receipt", MESSAGE, payload_read_receipt_or_marker, "", XMLNS_RECEIPTS),
    MAKES("marker", MESSAGE, payload_read_receipt_or_marker, "", XMLNS_MARKERS),
    MAKES("show", PRESENCE, read_show, "show", XMLNS_CLIENT),
    SPEAKS("status", PRESENCE, read_plain, "status", LANGUAGE_STATUS),
    MAKES("priority", PRESENCE, read_priority, "priority", XMLNS_CLIENT),
    SPEAKS("subject", MESSAGE, read_plain, "subject", LANGUAGE_SUBJECT),
    MAKES("origin_id", MESSAGE, payload_read_reference, "origin-id", XMLNS_SID),
    MAKES("stanza_ids", MESSAGE, payload_read_stanza_ids, "stanza-id", XMLNS_SID),
    MAKES("hints", MESSAGE, payload_read_hints, "", XMLNS_HINTS),
    MAKES("delay", MESSAGE | PRESENCE, payload_read_delay, "delay", XMLNS_DELAY),
    MAKES("reply", MESSAGE, payload_read_reply, "reply", XMLNS_REPLY),
    MAKES("replaces", MESSAGE, payload_read_reference, "replace", XMLNS_CORRECT),
    MAKES("reaction", MESSAGE, payload_read_reaction, "reactions", XMLNS_REACTIONS),
    MAKES("oob", MESSAGE, payload_read_oob, "x", XMLNS_OOB),
    SPEAKS("body_lang", MESSAGE, read_plain_lang, "body", LANGUAGE_BODY),
    SPEAKS("bodies", MESSAGE, read_languages, "body", LANGUAGE_BODY),
    SPEAKS("subject_lang", MESSAGE, read_plain_lang, "subject", LANGUAGE_SUBJECT),
    SPEAKS("subjects", MESSAGE, read_languages, "subject", LANGUAGE_SUBJECT),
    SPEAKS("status_lang", PRESENCE, read_plain_lang, "status", LANGUAGE_STATUS),
    SPEAKS("statuses", PRESENCE, read_languages, "status", LANGUAGE_STATUS),
    ROW("attrs", ALL, read_attrs),
    ROW("text", ALL, read_own_text),
};
/* clang-format on */
#undef ROW
#undef MAKES
#undef SPEAKS
enum { FIELDS = sizeof fields / sizeof *fields };
_Static_assert(FIELDS <= 64, "reading.seen has a bit a field");

static bool read_member(struct json_reader *r, struct text key, void *ctx)
{
    struct reading *reading = ctx;
    (void)r;
    for (unsigned i = 0; i < FIELDS; i++) {
        if (!text_equal(fields[i].name, key))
            continue;
        reading->seen |= UINT64_C(1) << i;
        return fields[i].read(reading, &fields[i]);
    }
    return field_skip_unknown(reading);
}

bool data_read(struct reading *reading)
{
    reading->has_data = true;
    return json_read_object(&reading->json, read_member, reading);
}

const char *data_find_foreign_field(const struct reading *reading, enum stanza_kind kind)
{
    for (unsigned i = 0; i < FIELDS; i++)
        if ((reading->seen >> i & 1) && !(fields[i].kinds & 1u << kind))
            return fields[i].name.data;
    return NULL;
}
