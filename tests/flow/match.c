/* match.c - patterns of XML and JSON. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>

#include "match.h"

static struct text trim(struct text t)
{
    while (t.size && isspace((unsigned char)t.data[0])) {
        t.data++;
        t.size--;
    }
    while (t.size && isspace((unsigned char)t.data[t.size - 1]))
        t.size--;
    return t;
}

static const struct attribute *find_attribute(const struct element *element, const struct attribute *like)
{
    const struct attribute *found = element->attributes;
    while (found && (!text_equal(found->name, like->name) || !text_equal(found->xmlns, like->xmlns)))
        found = found->next;
    return found;
}

static bool match_attributes(struct captures *captures, const struct element *pattern, const struct element *actual)
{
    for (const struct attribute *wanted = pattern->attributes; wanted; wanted = wanted->next) {
        const struct attribute *found = find_attribute(actual, wanted);
        if (wanted->value.size == 0 ? found != NULL : !found)
            return false;
        if (found && !captures_match(captures, wanted->value, found->value))
            return false;
    }
    return true;
}

static bool is_unwanted(const struct element *pattern)
{
    return text_is(element_get(pattern, "absent"), "absent");
}

/* Of its name, and with its attributes. */
static bool is_like(const struct element *like, const struct element *actual)
{
    for (const struct attribute *a = like->attributes; a; a = a->next) {
        const struct attribute *found = find_attribute(actual, a);
        if (!text_is(a->name, "absent") && !(found && text_equal(found->value, a->value)))
            return false;
    }
    return text_equal(actual->name, like->name) && text_equal(actual->xmlns, like->xmlns);
}

static bool has_child(const struct element *parent, const struct element *like)
{
    for (const struct node *node = parent->children; node; node = node->next)
        if (node->element && is_like(like, node->element))
            return true;
    return false;
}

static bool match_children(struct captures *captures, const struct element *pattern, const struct element *actual)
{
    const struct node *there = actual->children;
    for (const struct node *wanted = pattern->children; wanted; wanted = wanted->next) {
        if (!wanted->element)
            continue;
        if (is_unwanted(wanted->element)) {
            if (has_child(actual, wanted->element))
                return false;
            continue;
        }
        while (there && !(there->element && match_element(captures, wanted->element, there->element)))
            there = there->next;
        if (!there)
            return false;
        there = there->next;
    }
    return true;
}

bool match_element(struct captures *captures, const struct element *pattern, const struct element *actual)
{
    struct arena arena = { 0 };
    struct text wanted = trim(element_text(&arena, pattern)), found = trim(element_text(&arena, actual));
    unsigned taken = captures->count;
    bool matches = text_equal(pattern->name, actual->name) && text_equal(pattern->xmlns, actual->xmlns) &&
                   (wanted.size == 0 || captures_match(captures, wanted, found)) &&
                   match_attributes(captures, pattern, actual) && match_children(captures, pattern, actual);
    arena_fini(&arena);
    if (!matches)
        captures_truncate(captures, taken);
    return matches;
}

static bool match_value(struct captures *captures, const cJSON *pattern, const cJSON *actual);

static bool match_object(struct captures *captures, const cJSON *pattern, const cJSON *actual)
{
    for (const cJSON *wanted = pattern->child; wanted; wanted = wanted->next) {
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(actual, wanted->string);
        if (cJSON_IsNull(wanted) ? found != NULL : !found || !match_value(captures, wanted, found))
            return false;
    }
    return true;
}

static bool match_array(struct captures *captures, const cJSON *pattern, const cJSON *actual)
{
    const cJSON *found = actual->child;
    for (const cJSON *wanted = pattern->child; wanted; wanted = wanted->next, found = found->next)
        if (!found || !match_value(captures, wanted, found))
            return false;
    return !found;
}

static bool match_value(struct captures *captures, const cJSON *pattern, const cJSON *actual)
{
    if (cJSON_IsString(pattern) && strcmp(pattern->valuestring, "*") == 0)
        return true;
    if (cJSON_IsString(pattern) && cJSON_IsString(actual))
        return captures_match(captures, text_of(pattern->valuestring), text_of(actual->valuestring));
    if (cJSON_IsObject(pattern))
        return cJSON_IsObject(actual) && match_object(captures, pattern, actual);
    if (cJSON_IsArray(pattern))
        return cJSON_IsArray(actual) && match_array(captures, pattern, actual);
    return cJSON_Compare(pattern, actual, true);
}

bool match_json(struct captures *captures, const char *pattern, struct text actual, const char **why)
{
    cJSON *wanted = cJSON_Parse(pattern);
    cJSON *found = cJSON_ParseWithLength(actual.data, actual.size);
    unsigned taken = captures->count;
    bool matches = wanted && found && match_value(captures, wanted, found);
    if (!matches)
        captures_truncate(captures, taken);
    *why = !wanted ? "the pattern is not JSON" : !found ? "what came is not JSON" : "it differs";
    cJSON_Delete(wanted);
    cJSON_Delete(found);
    return matches;
}
