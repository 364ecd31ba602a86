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

static bool match_attributes(const struct element *pattern, const struct element *actual)
{
    for (const struct attribute *wanted = pattern->attributes; wanted; wanted = wanted->next) {
        const struct attribute *found = actual->attributes;
        while (found && (!text_equal(found->name, wanted->name) || !text_equal(found->xmlns, wanted->xmlns)))
            found = found->next;
        if (wanted->value.size == 0 ? found != NULL : !found)
            return false;
        if (found && !text_is(wanted->value, "*") && !text_equal(found->value, wanted->value))
            return false;
    }
    return true;
}

static bool match_children(const struct element *pattern, const struct element *actual)
{
    const struct node *there = actual->children;
    for (const struct node *wanted = pattern->children; wanted; wanted = wanted->next) {
        if (!wanted->element)
            continue;
        while (there && !(there->element && match_element(wanted->element, there->element)))
            there = there->next;
        if (!there)
            return false;
        there = there->next;
    }
    return true;
}

bool match_element(const struct element *pattern, const struct element *actual)
{
    struct arena arena = { 0 };
    struct text wanted = trim(element_text(&arena, pattern)), found = trim(element_text(&arena, actual));
    bool text = wanted.size == 0 || text_is(wanted, "*") || text_equal(wanted, found);
    arena_fini(&arena);
    return text && text_equal(pattern->name, actual->name) && text_equal(pattern->xmlns, actual->xmlns) &&
           match_attributes(pattern, actual) && match_children(pattern, actual);
}

static bool match_value(const cJSON *pattern, const cJSON *actual);

static bool match_object(const cJSON *pattern, const cJSON *actual)
{
    for (const cJSON *wanted = pattern->child; wanted; wanted = wanted->next) {
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(actual, wanted->string);
        if (cJSON_IsNull(wanted) ? found != NULL : !found || !match_value(wanted, found))
            return false;
    }
    return true;
}

static bool match_array(const cJSON *pattern, const cJSON *actual)
{
    const cJSON *found = actual->child;
    for (const cJSON *wanted = pattern->child; wanted; wanted = wanted->next, found = found->next)
        if (!found || !match_value(wanted, found))
            return false;
    return !found;
}

static bool match_value(const cJSON *pattern, const cJSON *actual)
{
    if (cJSON_IsString(pattern) && strcmp(pattern->valuestring, "*") == 0)
        return true;
    if (cJSON_IsObject(pattern))
        return cJSON_IsObject(actual) && match_object(pattern, actual);
    if (cJSON_IsArray(pattern))
        return cJSON_IsArray(actual) && match_array(pattern, actual);
    return cJSON_Compare(pattern, actual, true);
}

bool match_json(const char *pattern, struct text actual, const char **why)
{
    cJSON *wanted = cJSON_Parse(pattern);
    cJSON *found = cJSON_ParseWithLength(actual.data, actual.size);
    bool matches = wanted && found && match_value(wanted, found);
    *why = !wanted ? "the pattern is not JSON" : !found ? "what came is not JSON" : "it differs";
    cJSON_Delete(wanted);
    cJSON_Delete(found);
    return matches;
}
