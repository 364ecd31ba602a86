/* to_json.h - inside stanza -> JSON.  A child of the stanza either has a field of its own (known.c finds out,
 * fields_to_json.c writes it), or goes whole into "extensions" (tree_to_json.c). */
#ifndef STANZABUS_MESSAGE_TO_JSON_H
#define STANZABUS_MESSAGE_TO_JSON_H

#include "json_write.h"

enum field {
    FIELD_NONE, /* goes into extensions */
    FIELD_BODY,
    FIELD_SUBJECT,
    FIELD_STATUS,
    FIELD_THREAD,
    FIELD_SHOW,
    FIELD_PRIORITY,
    FIELD_ERROR,
    FIELD_CHAT_STATE,
    FIELD_RECEIPT,
    FIELD_MARKER,
    FIELD_REPLY,
    FIELD_REPLACES,
    FIELD_REACTION,
    FIELD_DELAY,
    FIELD_OOB,
    FIELD_STANZA_IDS,
    FIELD_ORIGIN_ID,
    FIELD_HINTS,
    FIELD_COUNT
};

struct use { /* a child that a field says in full */
    const struct element *element;
    enum field field;
};

/* More known children than this in one stanza is unusual: the rest goes into extensions. */
enum { USES_MAX = 32 };

struct uses {
    struct use items[USES_MAX];
    unsigned count;
    bool has_rest; /* there are children for extensions */
};

/* Sorts the children of a stanza; in document order. */
void uses_collect(struct uses *uses, const struct stanza *stanza);
/* Writes each field, with a comma in front. */
void fields_write(struct buffer *out, const struct uses *uses, struct text content);

/* content is the namespace of the stanza itself: jabber:client and jabber:server hold the same elements, and both are
 * written as jabber:client. */
static inline bool is_content(struct text xmlns, struct text content)
{
    return text_equal(xmlns, content) || text_equal(xmlns, TEXT(XMLNS_CLIENT));
}
static inline struct text neutral_namespace(struct text xmlns, struct text content)
{
    return text_equal(xmlns, content) ? TEXT(XMLNS_CLIENT) : xmlns;
}

/* {"name":...}; parent is the namespace that it inherits. */
void tree_write(struct buffer *out, const struct element *element, struct text parent, struct text content);
void attribute_write(struct buffer *out, const struct attribute *attribute); /* "key":"value" */
void element_text_write(struct buffer *out, const struct element *element);  /* all direct text as one string */

#endif
