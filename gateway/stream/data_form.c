/* data_form.c - data forms (XEP-0004) as elements: found, read and written. */
#include "stanzabus/data_form.h"

/* -- reading -- */

static const struct element *next_named(const struct element *parent, const struct element *previous, const char *name)
{
    bool is_behind = !previous;
    for (const struct node *n = parent->children; n; n = n->next) {
        if (is_behind && n->element && element_is(n->element, name, XMLNS_DATA))
            return n->element;
        is_behind = is_behind || (n->element && n->element == previous);
    }
    return NULL;
}

static bool is_of_type(struct arena *arena, const struct element *form, const char *type, const char *form_type)
{
    if (type && !text_is(element_get(form, "type"), type))
        return false;
    return !form_type || text_is(data_form_value(arena, form, "FORM_TYPE"), form_type);
}

const struct element *data_form_find(struct arena *arena, const struct element *parent, const char *type,
                                     const char *form_type)
{
    for (const struct element *form = next_named(parent, NULL, "x"); form; form = next_named(parent, form, "x"))
        if (is_of_type(arena, form, type, form_type))
            return form;
    return NULL;
}

const struct element *data_form_next(const struct element *form, const struct element *previous)
{
    return next_named(form, previous, "field");
}

const struct element *data_form_field(const struct element *form, const char *var)
{
    for (const struct node *n = form->children; n; n = n->next)
        if (n->element && element_is(n->element, "field", XMLNS_DATA) && text_is(element_get(n->element, "var"), var))
            return n->element;
    return NULL;
}

const struct element *data_field_next_value(const struct element *field, const struct element *previous)
{
    return next_named(field, previous, "value");
}

struct text data_field_value(struct arena *arena, const struct element *field)
{
    const struct element *value = field ? element_child(field, "value", XMLNS_DATA) : NULL;
    return value ? element_text(arena, value) : (struct text){ NULL, 0 };
}

struct text data_form_value(struct arena *arena, const struct element *form, const char *var)
{
    return data_field_value(arena, data_form_field(form, var));
}

bool data_value_is_boolean(struct text value, bool *result)
{
    *result = text_is(value, "1") || text_is(value, "true");
    return *result || text_is(value, "0") || text_is(value, "false");
}

/* -- writing -- */

struct element *data_form_add(struct arena *arena, struct element *parent, const char *type, const char *form_type)
{
    struct element *form = element_add(arena, parent, TEXT("x"), TEXT(XMLNS_DATA));
    element_set(arena, form, "type", text_of(type));
    if (form_type)
        data_form_add_field(arena, form, "hidden", "FORM_TYPE", NULL, text_of(form_type));
    return form;
}

void data_form_add_line(struct arena *arena, struct element *form, const char *name, struct text text)
{
    element_add_text(arena, element_add(arena, form, text_of(name), TEXT(XMLNS_DATA)), text);
}

struct element *data_form_add_field(struct arena *arena, struct element *form, const char *type, const char *var,
                                    const char *label, struct text value)
{
    struct element *field = element_add(arena, form, TEXT("field"), TEXT(XMLNS_DATA));
    if (type)
        element_set(arena, field, "type", text_of(type));
    element_set(arena, field, "var", text_of(var));
    if (label)
        element_set(arena, field, "label", text_of(label));
    if (value.data)
        data_field_add_value(arena, field, value);
    return field;
}

void data_field_add_value(struct arena *arena, struct element *field, struct text value)
{
    element_add_text(arena, element_add(arena, field, TEXT("value"), TEXT(XMLNS_DATA)), value);
}

void data_field_add_option(struct arena *arena, struct element *field, const char *label, struct text value)
{
    struct element *option = element_add(arena, field, TEXT("option"), TEXT(XMLNS_DATA));
    if (label)
        element_set(arena, option, "label", text_of(label));
    data_field_add_value(arena, option, value);
}

void data_field_require(struct arena *arena, struct element *field)
{
    element_add(arena, field, TEXT("required"), TEXT(XMLNS_DATA));
}
