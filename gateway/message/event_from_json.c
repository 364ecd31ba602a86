/* event_from_json.c - an event as JSON back to a stanza: the envelope (CloudEvents 1.0, JSON format), then what can
 * only be decided when all of it was read. */
#include <stdlib.h>

#include "from_json.h"
#include "words.h"

/* -- the envelope -- */

static bool read_specversion(struct reading *reading)
{
    if (!json_read_string(&reading->json, &reading->specversion))
        return false;
    if (!text_equal(reading->specversion, TEXT("1.0")))
        return json_refuse(&reading->json, "bad-value", "only CloudEvents 1.0 is spoken here");
    return true;
}

static bool read_context(struct reading *reading, struct text *out)
{
    if (!json_read_string(&reading->json, out))
        return false;
    return out->size ? true : json_refuse(&reading->json, "bad-value", "must not be empty");
}

static bool read_time(struct reading *reading)
{
    if (!json_read_string(&reading->json, &reading->event->time))
        return false;
    return is_date_time(reading->event->time)
               ? true
               : json_refuse(&reading->json, "bad-value", "not a date and time (RFC 3339)");
}

static bool read_content_type(struct reading *reading)
{
    struct text type;
    if (!json_read_string(&reading->json, &type))
        return false;
    if (text_equal(type, TEXT("application/json")) || text_starts_with(type, TEXT("application/json;")))
        return true;
    return json_refuse(&reading->json, "bad-value", "data must be application/json");
}

/* Only nodes say where answers go, and for whom an event is: a service could aim either at others. */
static bool read_node_field(struct reading *reading, struct text *out)
{
    if (reading->trust == EVENT_FROM_SERVICE)
        return json_refuse(&reading->json, "not-allowed", "only the gateway sets this field");
    return json_read_string(&reading->json, out);
}

/* CloudEvents 1.0, Attribute Naming Convention and Type System: other attributes are lower-case letters and digits,
 * with plain values; they mean nothing here. */
static bool skip_attribute(struct reading *reading, struct text key)
{
    char c = json_peek(&reading->json);
    if (reading->trust == EVENT_FROM_NODE)
        return json_skip(&reading->json);
    for (size_t i = 0; i < key.size; i++)
        if ((unsigned char)(key.data[i] - 'a') >= 26 && (unsigned char)(key.data[i] - '0') >= 10)
            return json_refuse(&reading->json, "unknown-field", "unknown field");
    if (key.size == 0)
        return json_refuse(&reading->json, "unknown-field", "unknown field");
    if (c == '{' || c == '[')
        return json_refuse(&reading->json, "wrong-type", "a string, a boolean or an integer expected");
    return json_skip(&reading->json);
}

static bool read_envelope_member(struct json_reader *r, struct text key, void *ctx)
{
    struct reading *reading = ctx;
    struct event *event = reading->event;
    if (text_equal(key, TEXT("data")))
        return data_read(reading);
    if (text_equal(key, TEXT("edge")))
        return read_node_field(reading, &event->edge);
    if (text_equal(key, TEXT("replyto")))
        return read_node_field(reading, &event->replyto);
    if (json_peek(r) == 'n') /* CloudEvents, JSON format 2.2: null is as good as absent */
        return json_skip(r);
    if (text_equal(key, TEXT("specversion")))
        return read_specversion(reading);
    if (text_equal(key, TEXT("id")))
        return read_context(reading, &event->id);
    if (text_equal(key, TEXT("source")))
        return read_context(reading, &event->source);
    if (text_equal(key, TEXT("type")))
        return read_context(reading, &event->type);
    if (text_equal(key, TEXT("subject")))
        return read_context(reading, &event->subject);
    if (text_equal(key, TEXT("time")))
        return read_time(reading);
    if (text_equal(key, TEXT("datacontenttype")))
        return read_content_type(reading);
    return skip_attribute(reading, key);
}

/* -- what depends on several members -- */

static bool refuse_missing(struct reading *reading, const char *field)
{
    return json_refuse_member(&reading->json, field, "missing-field", "this field is needed");
}

static bool envelope_is_whole(struct reading *reading)
{
    const struct event *event = reading->event;
    if (!reading->has_data)
        return refuse_missing(reading, "data");
    if (!reading->kind.data)
        return refuse_missing(reading, "data.kind");
    if (event->type.data && (!text_starts_with(event->type, TEXT("xmpp.")) ||
                             !text_equal((struct text){ event->type.data + 5, event->type.size - 5 }, reading->kind)))
        return json_refuse_member(&reading->json, "type", "bad-value", "does not agree with data.kind");
    if (reading->trust == EVENT_FROM_SERVICE)
        return true;
    return !reading->specversion.data ? refuse_missing(reading, "specversion")
           : !event->id.data          ? refuse_missing(reading, "id")
           : !event->source.data      ? refuse_missing(reading, "source")
           : !event->type.data        ? refuse_missing(reading, "type")
                                      : true;
}

static bool join_languages(struct reading *reading)
{
    static const char *const fields[LANGUAGE_FIELDS] = { "data.body", "data.subject", "data.status" };
    for (unsigned i = 0; i < LANGUAGE_FIELDS; i++) {
        const struct language_text *plain = &reading->plain[i];
        if (!plain->lang.data)
            continue;
        if (!plain->element)
            return json_refuse_member(&reading->json, fields[i], "missing-field", "a language without its text");
        attribute_append(reading->arena, plain->element, TEXT(XMLNS_XML), TEXT("lang"), plain->lang);
    }
    return true;
}

static bool finish(struct reading *reading)
{
    if (!envelope_is_whole(reading) || !join_languages(reading))
        return false;
    reading->root->name = reading->kind;
    stanza_set_root(reading->event->stanza, reading->root);
    if (reading->has_odd_type && element_get(reading->root, "type").data != NULL) {
        unsigned types = 0;
        for (const struct attribute *a = reading->root->attributes; a; a = a->next)
            types += !a->xmlns.size && text_equal(a->name, TEXT("type"));
        if (types > 1)
            return json_refuse_member(&reading->json, "data.attrs.type", "duplicate-key", "there is data.type already");
    }
    return reading->trust == EVENT_FROM_NODE || rules_check(reading);
}

/* -- the id of what was refused, as far as it can be read -- */

struct id_search {
    struct text id, data_id;
};

static bool find_data_id(struct json_reader *r, struct text key, void *ctx)
{
    struct id_search *search = ctx;
    if (text_equal(key, TEXT("id")) && json_peek(r) == '"')
        return json_read_string(r, &search->data_id);
    return json_skip(r);
}

static bool find_id(struct json_reader *r, struct text key, void *ctx)
{
    struct id_search *search = ctx;
    if (text_equal(key, TEXT("id")) && json_peek(r) == '"')
        return json_read_string(r, &search->id);
    if (text_equal(key, TEXT("data")) && json_peek(r) == '{')
        return json_read_object(r, find_data_id, search);
    return json_skip(r);
}

static char *copy_padded(struct arena *arena, struct text json)
{
    char *copy = arena_alloc(arena, json.size + JSON_PADDING);
    if (json.size)
        memcpy(copy, json.data, json.size);
    memset(copy + json.size, 0, JSON_PADDING);
    return copy;
}

/* An id that does not fit is no use to its sender, so it is left out. */
static void fill_id(struct refusal *why, struct text json, unsigned depth)
{
    struct arena arena = { 0 };
    struct refusal ignored;
    struct id_search search = { 0 };
    struct json_reader r;
    json_reader_init(&r, copy_padded(&arena, json), json.size, depth, &arena, &ignored);
    json_read_object(&r, find_id, &search);
    struct text id = search.data_id.size ? search.data_id : search.id;
    if (id.size && id.size < sizeof why->id) {
        memcpy(why->id, id.data, id.size);
        why->id[id.size] = '\0';
    }
    arena_fini(&arena);
}

/* -- the whole -- */

static bool read_event(struct reading *reading, struct text json, unsigned depth, struct refusal *why)
{
    struct stanza *stanza = reading->event->stanza;
    struct text unknown = { NULL, 0 };
    reading->arena = &stanza->arena;
    json_reader_init(&reading->json, copy_padded(reading->arena, json), json.size, depth, reading->arena, why);
    reading->root = element_new(reading->arena, unknown, TEXT(XMLNS_CLIENT));
    return json_read_object(&reading->json, read_envelope_member, reading) && json_read_end(&reading->json) &&
           finish(reading);
}

int event_read(struct text json, enum event_trust trust, const struct event_limits *limits, struct event *out,
               struct refusal *why)
{
    *out = (struct event){ 0 };
    why->reason = NULL;
    why->text[0] = why->id[0] = '\0';
    if (json.size > limits->bytes) {
        struct json_reader nowhere = { .why = why };
        json_refuse(&nowhere, "too-big", "%zu bytes, at most %zu are taken", json.size, limits->bytes);
        return -1;
    }
    struct reading reading = { .trust = trust, .event = out };
    out->stanza = stanza_new();
    if (read_event(&reading, json, limits->depth, why))
        return 0;
    stanza_free(&out->stanza);
    *out = (struct event){ 0 };
    fill_id(why, json, limits->depth);
    return -1;
}
