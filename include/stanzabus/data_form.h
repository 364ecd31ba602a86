/* data_form.h - data forms (XEP-0004): what a submitted one says, and writing one.  Pure: elements in, elements out.
 * A form belongs to the purpose that its FORM_TYPE names (XEP-0068); fields are found by their var. */
#ifndef STANZABUS_DATA_FORM_H
#define STANZABUS_DATA_FORM_H

#include "stanzabus/stanza.h"

#define XMLNS_DATA "jabber:x:data"

/* -- reading -- */
/* The first <x/> child of this type ("submit", "result" ...; NULL: any) and FORM_TYPE (NULL: any, or none); NULL when
 * there is none. */
const struct element *data_form_find(struct arena *arena, const struct element *parent, const char *type,
                                     const char *form_type);
/* Field by field in document order: previous is NULL for the first; NULL at the end. */
const struct element *data_form_next(const struct element *form, const struct element *previous);
const struct element *data_form_field(const struct element *form, const char *var); /* first; NULL when absent */
/* Value by value: previous is NULL for the first <value/> of the field; NULL at the end. */
const struct element *data_field_next_value(const struct element *field, const struct element *previous);
/* The first value; NULL data when the field or its value is absent.  May be borrowed from the form. */
struct text data_field_value(struct arena *arena, const struct element *field);
struct text data_form_value(struct arena *arena, const struct element *form, const char *var);
/* XEP-0004 3.3 boolean: 0, 1, false, true.  False when the text is none of these. */
bool data_value_is_boolean(struct text value, bool *result);

/* -- writing -- */
/* Adds <x type='...'/> with its hidden FORM_TYPE (NULL: none).  Texts are borrowed by the arena's life. */
struct element *data_form_add(struct arena *arena, struct element *parent, const char *type, const char *form_type);
/* Adds <title/> or <instructions/>. */
void data_form_add_line(struct arena *arena, struct element *form, const char *name, struct text text);
/* Adds a field; type and label may be NULL; a value with NULL data gives a field without one. */
struct element *data_form_add_field(struct arena *arena, struct element *form, const char *type, const char *var,
                                    const char *label, struct text value);
void data_field_add_value(struct arena *arena, struct element *field, struct text value);
void data_field_add_option(struct arena *arena, struct element *field, const char *label, struct text value);
void data_field_require(struct arena *arena, struct element *field); /* <required/> */

#endif
