/* element.c - making, changing, reading and comparing the elements of a stanza. */
#include <assert.h>

#include "gateway/stream/namespaces.h"
#include "stanzabus/stanza.h"

struct element *element_new(struct arena *arena, struct text name, struct text xmlns)
{
    struct element *element = arena_alloc(arena, sizeof *element);
    *element = (struct element){ .name = name, .xmlns = xmlns };
    element->attributes_end = &element->attributes;
    element->children_end = &element->children;
    return element;
}

static void append_node(struct arena *arena, struct element *parent, struct element *child, struct text text)
{
    struct node *node = arena_alloc(arena, sizeof *node);
    *node = (struct node){ .element = child, .text = text };
    *parent->children_end = node;
    parent->children_end = &node->next;
}

void element_append(struct arena *arena, struct element *parent, struct element *child)
{
    assert(!child->parent);
    child->parent = parent;
    append_node(arena, parent, child, (struct text){ NULL, 0 });
}

struct element *element_add(struct arena *arena, struct element *parent, struct text name, struct text xmlns)
{
    struct element *child = element_new(arena, name, xmlns);
    element_append(arena, parent, child);
    return child;
}

void element_add_text(struct arena *arena, struct element *parent, struct text text)
{
    if (text.size)
        append_node(arena, parent, NULL, text);
}

void element_remove(struct element *parent, struct element *child)
{
    struct node **link = &parent->children;
    while (*link && (*link)->element != child)
        link = &(*link)->next;
    assert(*link);
    if (!(*link)->next)
        parent->children_end = link;
    *link = (*link)->next;
    child->parent = NULL;
}

/* -- attributes -- */

static struct attribute **find_attribute(struct element *element, struct text xmlns, struct text name)
{
    struct attribute **link = &element->attributes;
    while (*link && !(text_equal((*link)->name, name) && text_equal((*link)->xmlns, xmlns)))
        link = &(*link)->next;
    return link;
}

void element_set_ns(struct arena *arena, struct element *element, struct text xmlns, struct text name,
                    struct text value)
{
    struct attribute **link = find_attribute(element, xmlns, name);
    if (!value.data) {
        if (*link && !(*link)->next)
            element->attributes_end = link;
        if (*link)
            *link = (*link)->next;
        return;
    }
    if (!*link) {
        *link = arena_alloc(arena, sizeof **link);
        **link = (struct attribute){ .name = name, .xmlns = xmlns };
        element->attributes_end = &(*link)->next;
    }
    (*link)->value = value;
}

void element_set(struct arena *arena, struct element *element, const char *name, struct text value)
{
    element_set_ns(arena, element, (struct text){ NULL, 0 }, text_of(name), value);
}

struct text element_get_text(const struct element *element, struct text wanted)
{
    for (const struct attribute *a = element->attributes; a; a = a->next)
        if (a->xmlns.size == 0 && text_equal(a->name, wanted))
            return a->value;
    return (struct text){ NULL, 0 };
}

struct text element_lang(const struct element *element)
{
    for (const struct attribute *a = element->attributes; a; a = a->next)
        if (text_equal(a->name, TEXT("lang")) && text_equal(a->xmlns, TEXT(XMLNS_XML)))
            return a->value;
    return (struct text){ NULL, 0 };
}

/* -- children -- */

bool element_is(const struct element *element, const char *name, const char *xmlns)
{
    return (!name || text_is(element->name, name)) && (!xmlns || text_is(element->xmlns, xmlns));
}

struct element *element_child(const struct element *element, const char *name, const char *xmlns)
{
    for (const struct node *n = element->children; n; n = n->next)
        if (n->element && element_is(n->element, name, xmlns))
            return n->element;
    return NULL;
}

struct element *element_first(const struct element *element)
{
    return element_child(element, NULL, NULL);
}

struct text element_text(struct arena *arena, const struct element *element)
{
    const struct node *only = NULL;
    size_t size = 0;
    unsigned pieces = 0;
    for (const struct node *n = element->children; n; n = n->next) {
        if (n->element)
            continue;
        only = n;
        size += n->text.size;
        pieces++;
    }
    if (pieces <= 1)
        return only ? only->text : TEXT("");

    char *joined = arena_alloc(arena, size), *end = joined;
    for (const struct node *n = element->children; n; n = n->next)
        if (!n->element && n->text.size)
            end = mempcpy(end, n->text.data, n->text.size);
    return (struct text){ joined, size };
}

/* -- copying and comparing -- */

/* Nothing is shared with the source; namespaces of the lasting table need no copy. */
static struct text copy_namespace(struct arena *arena, struct text xmlns)
{
    struct text known = namespace_known(xmlns);
    return known.data ? known : arena_text(arena, xmlns);
}

struct element *element_copy(struct arena *arena, const struct element *source)
{
    struct element *copy = element_new(arena, arena_text(arena, source->name), copy_namespace(arena, source->xmlns));
    for (const struct attribute *a = source->attributes; a; a = a->next) {
        struct attribute *added = arena_alloc(arena, sizeof *added);
        *added = (struct attribute){ .name = arena_text(arena, a->name),
                                     .xmlns = copy_namespace(arena, a->xmlns),
                                     .value = arena_text(arena, a->value) };
        *copy->attributes_end = added;
        copy->attributes_end = &added->next;
    }
    for (const struct node *n = source->children; n; n = n->next) {
        if (n->element)
            element_append(arena, copy, element_copy(arena, n->element));
        else
            element_add_text(arena, copy, arena_text(arena, n->text));
    }
    return copy;
}

static bool attributes_equal(const struct element *a, const struct element *b)
{
    size_t difference = 0;
    for (const struct attribute *mine = a->attributes; mine; mine = mine->next) {
        const struct attribute *other = b->attributes;
        while (other && !(text_equal(other->name, mine->name) && text_equal(other->xmlns, mine->xmlns)))
            other = other->next;
        if (!other || !text_equal(other->value, mine->value))
            return false;
        difference++;
    }
    for (const struct attribute *other = b->attributes; other; other = other->next)
        difference--;
    return difference == 0;
}

/* What is left of the run of character data at *node, which may be spread over several nodes; empty at an element,
 * or at the end. */
static struct text take_text(const struct node **node, size_t *offset)
{
    while (*node && !(*node)->element && *offset == (*node)->text.size) {
        *node = (*node)->next;
        *offset = 0;
    }
    if (!*node || (*node)->element)
        return (struct text){ NULL, 0 };
    return (struct text){ (*node)->text.data + *offset, (*node)->text.size - *offset };
}

/* One text in two nodes equals the same text in one: written as XML they are the same. */
static bool children_equal(const struct node *a, const struct node *b)
{
    size_t a_offset = 0, b_offset = 0;
    for (;;) {
        struct text mine = take_text(&a, &a_offset), other = take_text(&b, &b_offset);
        size_t shared = mine.size < other.size ? mine.size : other.size;
        if (shared) {
            if (memcmp(mine.data, other.data, shared) != 0)
                return false;
            a_offset += shared;
            b_offset += shared;
            continue;
        }
        if (mine.size || other.size || !a || !b)
            return mine.size == other.size && a == b;
        if (!element_equal(a->element, b->element))
            return false;
        a = a->next;
        b = b->next;
    }
}

bool element_equal(const struct element *a, const struct element *b)
{
    return text_equal(a->name, b->name) && text_equal(a->xmlns, b->xmlns) && attributes_equal(a, b) &&
           children_equal(a->children, b->children);
}
