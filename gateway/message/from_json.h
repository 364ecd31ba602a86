/* from_json.h - inside JSON -> stanza.  One pass: each member of "data" becomes an attribute or a child of the root as
 * it is read (fields_from_json.c, tree_from_json.c); what depends on several members is decided at the end
 * (event_from_json.c, event_rules.c). */
#ifndef STANZABUS_MESSAGE_FROM_JSON_H
#define STANZABUS_MESSAGE_FROM_JSON_H

#include "stanzabus/json_reader.h"

enum language_field { LANGUAGE_BODY, LANGUAGE_SUBJECT, LANGUAGE_STATUS, LANGUAGE_FIELDS };

struct language_text { /* "body" and "body_lang" come in any order */
    struct element *element;
    struct text lang; /* NULL data when absent */
};

struct reading {
    struct json_reader json;
    enum event_trust trust;
    struct event *event;
    struct arena *arena; /* the stanza's */
    struct element *root;
    struct text specversion, kind;
    struct language_text plain[LANGUAGE_FIELDS];
    bool has_data, has_odd_type;
    uint64_t seen; /* a bit for each row of the table of fields */
};

struct field { /* a row of the table of the members of "data" */
    struct text name;
    unsigned kinds; /* in which it may stand: 1 << enum stanza_kind */
    bool (*read)(struct reading *reading, const struct field *field);
    struct text element, xmlns;   /* what it makes, when that is one element; the name may be empty: the value has it */
    enum language_field language; /* where it makes texts in languages */
};

struct field_reading { /* for the members and items of one field */
    struct reading *reading;
    const struct field *field;
};

/* -- fields_from_json.c -- */
bool data_read(struct reading *reading); /* the object "data" */
/* The name of a field that was seen and is none of the kind's; NULL when there is none. */
const char *data_find_foreign_field(const struct reading *reading, enum stanza_kind kind);
bool field_read_non_empty(struct reading *reading, struct text *out);
bool field_read_word(struct reading *reading, const char *const *words, struct text *out);
struct element *field_add_child(struct reading *reading, const struct field *field, struct text name);
/* A member that an object does not have: an error of a service, something new from a node. */
bool field_skip_unknown(struct reading *reading);

/* -- payloads_from_json.c, error_from_json.c -- */
bool payload_read_chat_state(struct reading *reading, const struct field *field);
bool payload_read_reference(struct reading *reading, const struct field *field);
bool payload_read_receipt_or_marker(struct reading *reading, const struct field *field);
bool payload_read_reply(struct reading *reading, const struct field *field);
bool payload_read_delay(struct reading *reading, const struct field *field);
bool payload_read_oob(struct reading *reading, const struct field *field);
bool payload_read_reaction(struct reading *reading, const struct field *field);
bool payload_read_stanza_ids(struct reading *reading, const struct field *field);
bool payload_read_hints(struct reading *reading, const struct field *field);
bool error_read(struct reading *reading);

/* -- tree_from_json.c -- */
/* Reads one {"name":...} and appends it to parent; namespaces that it leaves out are parent_xmlns. */
bool tree_read(struct reading *reading, struct element *parent, struct text parent_xmlns, struct element **out);
bool own_attributes_read(struct reading *reading); /* "attrs" of the stanza itself */
void attribute_append(struct arena *arena, struct element *element, struct text xmlns, struct text name,
                      struct text value);

/* -- event_rules.c -- */
/* What a service must obey beyond the form of each field. */
bool rules_check(struct reading *reading);

#endif
