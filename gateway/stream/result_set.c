/* result_set.c - XEP-0059 as elements. */
#include "stanzabus/result_set.h"

enum { NUMBER_MAX = 1000000000 };

/* XML Schema's unsignedInt with blanks around it; what is larger than anything here counts as the largest.  -1: none. */
static int64_t read_number(struct text text)
{
    int64_t number = 0;
    size_t i = 0, end = text.size;
    while (i < end && strchr(" \t\r\n", text.data[i]))
        i++;
    while (end > i && strchr(" \t\r\n", text.data[end - 1]))
        end--;
    if (i == end)
        return -1;
    for (; i < end; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        number = number * 10 + (text.data[i] - '0');
        if (number > NUMBER_MAX)
            number = NUMBER_MAX;
    }
    return number;
}

static bool read_member(struct arena *arena, const struct element *member, struct result_set *out)
{
    struct text text = element_text(arena, member);
    if (text_is(member->name, "max"))
        return (out->max = read_number(text)) >= 0;
    if (text_is(member->name, "index"))
        return (out->index = read_number(text)) >= 0;
    if (text_is(member->name, "after")) {
        out->after = text;
        return text.size > 0;
    }
    if (text_is(member->name, "before")) {
        out->is_backwards = true;
        out->before = text.size ? text : (struct text){ 0 };
    }
    return true; /* first, last and count are the answer's; unknown ones are somebody's extension */
}

bool result_set_read(struct arena *arena, const struct element *payload, struct result_set *out)
{
    const struct element *set = element_child(payload, "set", XMLNS_RSM);
    *out = (struct result_set){ .is_given = set != NULL, .max = -1, .index = -1 };
    if (!set)
        return true;
    for (const struct node *n = set->children; n; n = n->next)
        if (n->element && text_is(n->element->xmlns, XMLNS_RSM) && !read_member(arena, n->element, out))
            return false;
    return true;
}

static struct element *add_text(struct arena *arena, struct element *set, const char *name, struct text text)
{
    struct element *member = element_add(arena, set, text_of(name), TEXT(XMLNS_RSM));
    element_add_text(arena, member, text);
    return member;
}

static struct text number_text(struct arena *arena, int64_t number)
{
    return arena_printf(arena, "%lld", (long long)number);
}

void result_set_write(struct arena *arena, struct element *payload, const struct result_page *page)
{
    struct element *set = element_add(arena, payload, TEXT("set"), TEXT(XMLNS_RSM));
    if (page->first.size) { /* 2.2: an empty page has neither */
        struct element *first = add_text(arena, set, "first", page->first);
        if (page->index >= 0)
            element_set(arena, first, "index", number_text(arena, page->index));
        add_text(arena, set, "last", page->last);
    }
    if (page->count >= 0)
        add_text(arena, set, "count", number_text(arena, page->count));
}
