/* value.c - values that stand for themselves: on/off, numbers, sizes, times, words, plain text. */
#include <ctype.h>
#include <stdio.h>

#include "gateway/config/reading.h"

struct shown shown(struct text t)
{
    struct shown result;
    enum { KEPT = sizeof result.text - sizeof "..." };
    size_t size = t.size <= KEPT ? t.size : KEPT;
    for (size_t i = 0; i < size; i++)
        result.text[i] = (unsigned char)t.data[i] < 0x20 || t.data[i] == 0x7f ? '?' : t.data[i];
    strcpy(result.text + size, size < t.size ? "..." : "");
    return result;
}

struct shown shown_name(struct text name)
{
    size_t size = 0;
    while (size < name.size && (isalnum((unsigned char)name.data[size]) || strchr("._-", name.data[size])))
        size++;
    return shown((struct text){ name.data, name.data ? size : 0 });
}

struct text trimmed(struct text t)
{
    while (t.size && isspace((unsigned char)t.data[0])) {
        t.data++;
        t.size--;
    }
    while (t.size && isspace((unsigned char)t.data[t.size - 1]))
        t.size--;
    return t;
}

void read_bool(const struct config_value *value)
{
    static const char *const words[] = { "off", "on", "false", "true", "no", "yes" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_is(value->text, words[i])) {
            *(bool *)value->place = i % 2;
            return;
        }
    }
    value_complain(value, "'%s' is neither on nor off", shown(value->text).text);
}

enum { DIGITS_MAX = 12 }; /* so that no suffix can overflow */

/* Takes the digits off the front of *t.  False when there are none, or more than any setting needs. */
static bool take_number(struct text *t, int64_t *number)
{
    size_t size = 0;
    *number = 0;
    for (; size < t->size && isdigit((unsigned char)t->data[size]); size++) {
        if (size == DIGITS_MAX)
            return false;
        *number = *number * 10 + (t->data[size] - '0');
    }
    if (size == 0)
        return false;
    *t = (struct text){ t->data + size, t->size - size };
    return true;
}

struct suffix {
    const char *text;
    int64_t factor;
};

/* A number with one of the suffixes behind it.  False when it is none, or outside the key's range. */
static bool take_scaled(const struct config_value *value, const struct suffix *suffixes, int64_t *result)
{
    struct text rest = value->text;
    int64_t number;
    if (!take_number(&rest, &number))
        return false;
    rest = trimmed(rest);
    for (; suffixes->text; suffixes++) {
        if (!text_is(rest, suffixes->text))
            continue;
        *result = number * suffixes->factor;
        return *result >= value->key->min && *result <= value->key->max;
    }
    return false;
}

void read_number(const struct config_value *value)
{
    static const struct suffix none[] = { { "", 1 }, { NULL, 0 } };
    int64_t number;
    if (take_scaled(value, none, &number))
        *(unsigned *)value->place = (unsigned)number;
    else
        value_complain(value, "'%s' is not a number from %lld to %lld", shown(value->text).text,
                       (long long)value->key->min, (long long)value->key->max);
}

void read_bytes(const struct config_value *value)
{
    static const struct suffix suffixes[] = { { "", 1 },        { "k", 1024 },    { "K", 1024 },
                                              { "M", 1 << 20 }, { "m", 1 << 20 }, { NULL, 0 } };
    int64_t number;
    if (take_scaled(value, suffixes, &number))
        *(size_t *)value->place = (size_t)number;
    else
        value_complain(value, "'%s' is not a size from %lld to %lld bytes (k or M may follow the number)",
                       shown(value->text).text, (long long)value->key->min, (long long)value->key->max);
}

void read_duration(const struct config_value *value)
{
    static const struct suffix suffixes[] = { { "", 1000 },   { "ms", 1 },      { "s", 1000 },
                                              { "m", 60000 }, { "h", 3600000 }, { NULL, 0 } };
    int64_t ms;
    if (take_scaled(value, suffixes, &ms))
        *(int64_t *)value->place = ms;
    else
        value_complain(value, "'%s' is not a time from %g to %g seconds (ms, s, m or h may follow the number)",
                       shown(value->text).text, (double)value->key->min / 1000, (double)value->key->max / 1000);
}

void read_word(const struct config_value *value)
{
    char all[64] = "";
    for (unsigned i = 0; value->key->choices[i]; i++) {
        if (text_is(value->text, value->key->choices[i])) {
            memcpy(value->place, &i, sizeof i); /* an enum, and enums are unsigned here */
            return;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", value->key->choices[i]);
    }
    value_complain(value, "'%s' is none of %s", shown(value->text).text, all);
}

void read_text(const struct config_value *value)
{
    *(struct text *)value->place = value->text;
}

enum { PREFIX_MAX = 64, NODE_NAME_MAX = 63 };

/* What begins every name must not mean anything in a Redis pattern, nor open a hash tag. */
void read_prefix(const struct config_value *value)
{
    struct text t = value->text;
    for (size_t i = 0; i < t.size; i++)
        if (!isgraph((unsigned char)t.data[i]) || strchr("{}*?[]\\%", t.data[i]))
            t.size = 0;
    if (t.size == 0 || t.size > PREFIX_MAX)
        value_complain(value, "'%s' is not 1 to %d visible ASCII characters without { } * ? [ ] \\ %%",
                       shown(value->text).text, PREFIX_MAX);
    else
        *(struct text *)value->place = t;
}

void read_node_name(const struct config_value *value)
{
    struct text t = value->text;
    bool is_good = t.size <= NODE_NAME_MAX;
    for (size_t i = 0; i < t.size; i++)
        is_good = is_good && (isalnum((unsigned char)t.data[i]) || strchr("-_.", t.data[i]));
    if (is_good)
        *(struct text *)value->place = t;
    else
        value_complain(value, "'%s' is not at most %d letters, digits, dots, hyphens and underscores", shown(t).text,
                       NODE_NAME_MAX);
}
