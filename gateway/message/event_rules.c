/* event_rules.c - what a service must obey: the fields of its kind, the types of RFC 6121 and 6120, an iq that is one
 * (RFC 6120 8.2.3).  brief.schema.json says the same. */
#include "from_json.h"
#include "words.h"

static bool refuse(struct reading *reading, const char *field, const char *reason, const char *text)
{
    return json_refuse_member(&reading->json, field, reason, text);
}

static bool has_only_own_fields(struct reading *reading, enum stanza_kind kind)
{
    const char *foreign = data_find_foreign_field(reading, kind);
    if (!foreign)
        return true;
    char field[64] = "data.";
    strcat(field, foreign); /* a name of the table */
    return refuse(reading, field, "unknown-field", "this kind has no such field");
}

static bool has_known_type(struct reading *reading, enum stanza_kind kind, struct text type)
{
    if (!type.data)
        return kind == STANZA_IQ ? refuse(reading, "data.type", "missing-field", "get, set, result or error") : true;
    return words_hold(words_type(kind), type) ? true
                                              : refuse(reading, "data.type", "bad-value", "no type of this kind");
}

/* Type error and the error itself come together, as a field or as a tree. */
static bool error_agrees(struct reading *reading, bool is_error)
{
    bool has_error = element_child(reading->root, "error", XMLNS_CLIENT) != NULL;
    if (is_error && !has_error)
        return refuse(reading, "data.error", "missing-field", "type error needs it");
    if (!is_error && has_error)
        return refuse(reading, "data.error", "not-allowed", "only with type error");
    return true;
}

/* A plain text and one in its map must not claim the same language (RFC 6121 5.2.3). */
static bool languages_differ(struct reading *reading)
{
    static const char *const fields[LANGUAGE_FIELDS] = { "data.body_lang", "data.subject_lang", "data.status_lang" };
    for (unsigned i = 0; i < LANGUAGE_FIELDS; i++) {
        const struct language_text *plain = &reading->plain[i];
        if (!plain->lang.data)
            continue;
        for (const struct node *n = reading->root->children; n; n = n->next)
            if (n->element && n->element != plain->element && text_equal(n->element->name, plain->element->name) &&
                text_equal(n->element->xmlns, TEXT(XMLNS_CLIENT)) && element_lang(n->element).data &&
                text_equal(element_lang(n->element), plain->lang))
                return refuse(reading, fields[i], "bad-value", "this language is there twice");
    }
    return true;
}

static unsigned count_payloads(const struct element *root)
{
    unsigned count = 0;
    for (const struct node *n = root->children; n; n = n->next)
        if (n->element && !element_is(n->element, "error", XMLNS_CLIENT))
            count++;
    return count;
}

static bool iq_is_sound(struct reading *reading, struct text type)
{
    unsigned payloads = count_payloads(reading->root);
    bool is_request = text_equal(type, TEXT("get")) || text_equal(type, TEXT("set"));
    if (is_request)
        return payloads == 1 ? true
                             : refuse(reading, "data.extensions", payloads ? "bad-value" : "missing-field",
                                      "a request has exactly one payload");
    if (text_equal(type, TEXT("result")) && payloads > 1)
        return refuse(reading, "data.extensions", "bad-value", "a result has at most one payload");
    if (!element_get(reading->root, "id").data)
        return refuse(reading, "data.id", "missing-field", "an answer needs the id of its request");
    return element_get(reading->root, "to").data
               ? true
               : refuse(reading, "data.to", "missing-field", "an answer needs its address");
}

bool rules_check(struct reading *reading)
{
    enum stanza_kind kind = reading->event->stanza->kind;
    struct text type = element_get(reading->root, "type");
    if (!has_only_own_fields(reading, kind) || !has_known_type(reading, kind, type) ||
        !error_agrees(reading, text_equal(type, TEXT("error"))) || !languages_differ(reading))
        return false;
    if (kind == STANZA_MESSAGE && !element_get(reading->root, "to").data)
        return refuse(reading, "data.to", "missing-field", "a message needs its address");
    return kind != STANZA_IQ || iq_is_sound(reading, type);
}
