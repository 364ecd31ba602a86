/* tree.c - the stanza under construction.  An element and its place among its siblings, an attribute and its texts are
 * one piece of the arena each, and daily namespaces are not copied, so that a chat message fits the first chunk. */
#include "gateway/stream/tree.h"

#include <assert.h>

#include "gateway/stream/namespaces.h"

/* A buffer that once held a long text is not kept for the short ones. */
enum { TEXT_KEPT = 1024 };

/* "namespace SEPARATOR local": cuts it; xmlns is empty when there is none. */
static struct text split_name(const char *name, struct text *xmlns)
{
    const char *separator = strchr(name, NAME_SEPARATOR);
    if (!separator) {
        *xmlns = (struct text){ NULL, 0 };
        return text_of(name);
    }
    *xmlns = (struct text){ name, (size_t)(separator - name) };
    return text_of(separator + 1);
}

static struct text keep_namespace(struct tree *tree, struct text xmlns)
{
    if (xmlns.size == 0)
        return xmlns;
    struct text known = namespace_known(xmlns);
    tree->namespace_bytes += xmlns.size;
    return known.data ? known : arena_text(&tree->stanza->arena, xmlns);
}

static void add_attribute(struct tree *tree, struct element *element, const char *name, const char *value)
{
    struct arena *arena = &tree->stanza->arena;
    struct text xmlns, local = split_name(name, &xmlns);
    size_t size = strlen(value);
    struct attribute *attribute = arena_alloc(arena, sizeof *attribute + local.size + size);
    char *bytes = (char *)(attribute + 1);
    memcpy(bytes, local.data, local.size);
    memcpy(bytes + local.size, value, size);
    *attribute = (struct attribute){ .name = { bytes, local.size },
                                     .xmlns = keep_namespace(tree, xmlns),
                                     .value = { bytes + local.size, size } };
    *element->attributes_end = attribute;
    element->attributes_end = &attribute->next;
}

/* An element with its own name behind it, and with the node that ties it to its parent. */
static struct element *new_element(struct arena *arena, struct element *parent, struct text name, struct text xmlns)
{
    struct piece {
        struct element element;
        struct node node;
        char name[];
    } *piece = arena_alloc(arena, sizeof *piece + name.size);

    memcpy(piece->name, name.data, name.size);
    piece->element = (struct element){ .name = { piece->name, name.size }, .xmlns = xmlns, .parent = parent };
    piece->element.attributes_end = &piece->element.attributes;
    piece->element.children_end = &piece->element.children;
    piece->node = (struct node){ .element = &piece->element };
    if (parent) {
        *parent->children_end = &piece->node;
        parent->children_end = &piece->node.next;
    }
    return &piece->element;
}

static void flush_text(struct tree *tree)
{
    if (tree->text.size == 0)
        return;
    struct node *node = arena_alloc(&tree->stanza->arena, sizeof *node + tree->text.size);
    memcpy(node + 1, tree->text.data, tree->text.size);
    *node = (struct node){ .text = { (char *)(node + 1), tree->text.size } };
    *tree->current->children_end = node;
    tree->current->children_end = &node->next;
    tree->text.size = 0;
    if (tree->text.capacity > TEXT_KEPT)
        buffer_fini(&tree->text);
}

void tree_start(struct tree *tree, const char *name, const char *const *attributes)
{
    if (tree->current)
        flush_text(tree);
    else
        tree->stanza = stanza_new();
    struct arena *arena = &tree->stanza->arena;
    struct element *parent = tree->current;

    struct text xmlns, local = split_name(name, &xmlns);
    if (parent && text_equal(xmlns, parent->xmlns))
        xmlns = parent->xmlns;
    else
        xmlns = keep_namespace(tree, xmlns);
    struct element *element = new_element(arena, parent, local, xmlns);
    for (; *attributes; attributes += 2)
        add_attribute(tree, element, attributes[0], attributes[1]);
    if (!parent)
        stanza_set_root(tree->stanza, element);
    tree->current = element;
}

void tree_text(struct tree *tree, const char *data, size_t size)
{
    buffer_append(&tree->text, data, size);
}

void tree_end(struct tree *tree)
{
    assert(tree->current);
    flush_text(tree);
    tree->current = tree->current->parent;
}

struct stanza *tree_take(struct tree *tree)
{
    struct stanza *stanza = tree->stanza;
    tree->stanza = NULL;
    tree->current = NULL;
    tree->namespace_bytes = 0;
    return stanza;
}

void tree_fini(struct tree *tree)
{
    stanza_free(&tree->stanza);
    tree->current = NULL;
    buffer_fini(&tree->text);
}
