/* compare.c - written against the contract, not against the code: it knows nothing of JSON. */
#include "compare.h"

#include <stdlib.h>

/* -- in full -- */

static bool attributes_same(const struct element *a, const struct element *b)
{
    long balance = 0;
    for (const struct attribute *x = b->attributes; x; x = x->next)
        balance--;
    for (const struct attribute *x = a->attributes; x; x = x->next, balance++) {
        const struct attribute *y = b->attributes;
        while (y && !(text_equal(x->name, y->name) && text_equal(x->xmlns, y->xmlns) && text_equal(x->value, y->value)))
            y = y->next;
        if (!y)
            return false;
    }
    return balance == 0;
}

static const struct node *gather_text(const struct node *n, struct buffer *out)
{
    out->size = 0;
    for (; n && !n->element; n = n->next)
        buffer_append_text(out, n->text);
    return n;
}

static bool children_same(const struct element *a, const struct element *b)
{
    struct buffer mine = { 0 }, other = { 0 };
    const struct node *x = a->children, *y = b->children;
    bool same = true;
    while (same) {
        x = gather_text(x, &mine);
        y = gather_text(y, &other);
        same = text_equal(buffer_text(&mine), buffer_text(&other)) && !x == !y;
        if (!same || !x)
            break;
        same = elements_same(x->element, y->element);
        x = x->next;
        y = y->next;
    }
    buffer_fini(&mine);
    buffer_fini(&other);
    return same;
}

bool elements_same(const struct element *a, const struct element *b)
{
    return text_equal(a->name, b->name) && text_equal(a->xmlns, b->xmlns) && attributes_same(a, b) &&
           children_same(a, b);
}

/* -- direct children -- */

/* Those that may have a field of their own; the order of all others must be kept. */
static bool may_have_field(const struct element *e)
{
    static const char *const names[][2] = {
        { "body", XMLNS_CLIENT },
        { "subject", XMLNS_CLIENT },
        { "thread", XMLNS_CLIENT },
        { "show", XMLNS_CLIENT },
        { "status", XMLNS_CLIENT },
        { "priority", XMLNS_CLIENT },
        { "error", XMLNS_CLIENT },
        { NULL, "http://jabber.org/protocol/chatstates" },
        { NULL, "urn:xmpp:receipts" },
        { NULL, "urn:xmpp:chat-markers:0" },
        { "reply", "urn:xmpp:reply:0" },
        { "replace", "urn:xmpp:message-correct:0" },
        { "reactions", "urn:xmpp:reactions:0" },
        { "delay", "urn:xmpp:delay" },
        { "x", "jabber:x:oob" },
        { "stanza-id", "urn:xmpp:sid:0" },
        { "origin-id", "urn:xmpp:sid:0" },
        { NULL, "urn:xmpp:hints" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (element_is(e, names[i][0], names[i][1]))
            return true;
    return false;
}

static const struct element *next_ordered(const struct node **n)
{
    for (; *n; *n = (*n)->next)
        if ((*n)->element && !may_have_field((*n)->element)) {
            const struct element *found = (*n)->element;
            *n = (*n)->next;
            return found;
        }
    return NULL;
}

static bool ordered_children_same(const struct element *a, const struct element *b)
{
    const struct node *x = a->children, *y = b->children;
    for (;;) {
        const struct element *mine = next_ordered(&x), *other = next_ordered(&y);
        if (!mine || !other)
            return !mine && !other;
        if (!elements_same(mine, other))
            return false;
    }
}

static size_t count_same(const struct element *among, const struct element *like)
{
    size_t count = 0;
    for (const struct node *n = among->children; n; n = n->next)
        count += n->element && elements_same(n->element, like);
    return count;
}

static size_t count_elements(const struct element *parent)
{
    size_t count = 0;
    for (const struct node *n = parent->children; n; n = n->next)
        count += n->element != NULL;
    return count;
}

static bool multisets_same(const struct element *a, const struct element *b)
{
    if (count_elements(a) != count_elements(b))
        return false;
    for (const struct node *n = a->children; n; n = n->next)
        if (n->element && count_same(a, n->element) != count_same(b, n->element))
            return false;
    return true;
}

/* Direct text without white space: what is between children may go. */
static void gather_dense_text(const struct element *e, struct buffer *out)
{
    for (const struct node *n = e->children; n; n = n->next)
        for (size_t i = 0; !n->element && i < n->text.size; i++)
            if (!strchr(" \t\r\n", n->text.data[i]))
                buffer_append_char(out, n->text.data[i]);
}

static bool direct_text_same(const struct element *a, const struct element *b)
{
    struct buffer mine = { 0 }, other = { 0 };
    gather_dense_text(a, &mine);
    gather_dense_text(b, &other);
    bool same = text_equal(buffer_text(&mine), buffer_text(&other));
    buffer_fini(&mine);
    buffer_fini(&other);
    return same;
}

const char *stanza_difference(const struct stanza *a, const struct stanza *b)
{
    if (a->kind != b->kind || !text_equal(a->root->name, b->root->name))
        return "kind";
    if (!attributes_same(a->root, b->root))
        return "attributes";
    if (!multisets_same(a->root, b->root))
        return "children";
    if (!ordered_children_same(a->root, b->root))
        return "order of children";
    return direct_text_same(a->root, b->root) ? NULL : "direct text";
}

/* -- changes that are allowed -- */

void blank_secrets(struct element *element)
{
    if (text_is(element->xmlns, "jabber:iq:auth") || text_is(element->xmlns, "jabber:iq:register")) {
        element->attributes = NULL;
        element->attributes_end = &element->attributes;
        element->children = NULL;
        element->children_end = &element->children;
    }
    for (struct node *n = element->children; n; n = n->next)
        if (n->element)
            blank_secrets(n->element);
}

void become_client(struct element *element, struct text content)
{
    if (text_equal(element->xmlns, content))
        element->xmlns = TEXT(XMLNS_CLIENT);
    for (struct node *n = element->children; n; n = n->next)
        if (n->element)
            become_client(n->element, content);
}

static bool is_formatting(const struct node *n)
{
    return !n->element && strspn(n->text.data, " \t\r\n") >= n->text.size;
}

void drop_formatting(struct element *element)
{
    bool has_elements = false, has_text = false;
    for (const struct node *n = element->children; n; n = n->next) {
        has_elements |= n->element != NULL;
        has_text |= !n->element && !is_formatting(n);
    }
    for (struct node **link = &element->children; *link;) {
        if (has_elements && !has_text && is_formatting(*link)) {
            *link = (*link)->next;
            continue;
        }
        if ((*link)->element)
            drop_formatting((*link)->element);
        link = &(*link)->next;
        element->children_end = link;
    }
    if (!element->children)
        element->children_end = &element->children;
}
