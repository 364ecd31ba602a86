/* json_reader.c - structure: objects, arrays, numbers and words; what a refusal says.  Strings are in json_string.c. */
#include "stanzabus/json_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_string.h"

void json_reader_init(struct json_reader *r, char *text, size_t size, unsigned depth_max, struct arena *arena,
                      struct refusal *why)
{
    *r = (struct json_reader){
        .start = text, .at = text, .end = text + size, .depth_max = depth_max, .arena = arena, .why = why
    };
}

/* -- refusing -- */

enum { KEY_SHOWN = 48 }; /* bytes of a key in a refusal's text */

static size_t append(char *out, size_t room, size_t used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static size_t append(char *out, size_t room, size_t used, const char *format, ...)
{
    if (used >= room)
        return used;
    va_list list;
    va_start(list, format);
    int size = vsnprintf(out + used, room - used, format, list);
    va_end(list);
    return size < 0 ? used : used + (size_t)size;
}

static size_t append_place(char *out, size_t room, size_t used, const struct json_place *place)
{
    if (!place)
        return used;
    used = append_place(out, room, used, place->up);
    if (!place->key.data)
        return append(out, room, used, "[%zu]", place->index);
    struct text key = place->key;
    if (key.size > KEY_SHOWN)
        key.size = json_cut(key, KEY_SHOWN);
    return append(out, room, used, "%s%.*s", used ? "." : "", TEXT_ARGS(key));
}

static bool refuse(struct json_reader *r, const char *member, const char *reason, const char *text)
{
    struct refusal *why = r->why;
    why->reason = reason;
    size_t used = append_place(why->text, sizeof why->text, 0, r->place);
    if (member)
        used = append(why->text, sizeof why->text, used, "%s%s", used ? "." : "", member);
    used = append(why->text, sizeof why->text, used, "%s%s", used ? ": " : "", text);
    if (used >= sizeof why->text) { /* cut by snprintf, perhaps inside a character */
        struct text whole = { why->text, sizeof why->text - 1 };
        why->text[json_cut(whole, sizeof why->text - 2)] = '\0';
    }
    return false;
}

bool json_refuse(struct json_reader *r, const char *reason, const char *format, ...)
{
    char text[160];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return refuse(r, NULL, reason, text);
}

bool json_refuse_member(struct json_reader *r, const char *member, const char *reason, const char *text)
{
    return refuse(r, member, reason, text);
}

static bool refuse_syntax(struct json_reader *r, const char *expected)
{
    return json_refuse(r, "not-json", "%s expected at byte %zu", expected, (size_t)(r->at - r->start));
}

/* A word that begins like a literal and is none, as in a line of prose, is no JSON at all. */
static bool is_literal(const struct json_reader *r, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(r->end - r->at) >= size && memcmp(r->at, word, size) == 0;
}

static bool refuse_type(struct json_reader *r, const char *expected)
{
    char c = json_peek(r);
    if (c && (strchr("{[\"-0123456789", c) || is_literal(r, "true") || is_literal(r, "false") || is_literal(r, "null")))
        return json_refuse(r, "wrong-type", "%s expected", expected);
    return refuse_syntax(r, "a value");
}

/* -- structure -- */

char json_peek(struct json_reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')
        r->at++;
    return *r->at;
}

bool json_read_end(struct json_reader *r)
{
    json_peek(r);
    return r->at == r->end ? true : refuse_syntax(r, "the end");
}

static bool enter(struct json_reader *r, char bracket, const char *expected)
{
    if (json_peek(r) != bracket)
        return refuse_type(r, expected);
    if (r->depth == r->depth_max)
        return json_refuse(r, "too-deep", "more than %u levels", r->depth_max);
    r->depth++;
    r->at++;
    return true;
}

/* Between two members or items: true to go on, false at the closing bracket or after a refusal. */
static bool another(struct json_reader *r, char bracket, bool is_first, bool *ok)
{
    char c = json_peek(r);
    if (c == bracket) {
        r->at++;
        r->depth--;
        return false;
    }
    if (is_first)
        return true;
    if (c == ',') {
        r->at++;
        return true;
    }
    *ok = refuse_syntax(r, bracket == '}' ? "',' or '}'" : "',' or ']'");
    return false;
}

/* Keys seen in one object.  Few are compared one by one; many are sorted at the end, so that no choice of keys makes
 * the work quadratic. */
enum { KEYS_FEW = 16 };
struct keys {
    struct text few[KEYS_FEW];
    struct text *many; /* all of them, in the arena; NULL while there are few */
    size_t count, room;
};

static bool keys_hold(const struct keys *keys, struct text key)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->few[i].size == key.size && memcmp(keys->few[i].data, key.data, key.size) == 0)
            return true;
    return false;
}

static void keys_add_to_many(struct arena *arena, struct keys *keys, struct text key)
{
    if (keys->count == keys->room || !keys->many) {
        keys->room = keys->count * 4;
        struct text *larger = arena_alloc(arena, keys->room * sizeof *larger);
        memcpy(larger, keys->many ? keys->many : keys->few, keys->count * sizeof *larger);
        keys->many = larger;
    }
    keys->many[keys->count++] = key;
}

/* False when the key is known already to be there. */
static bool keys_add(struct arena *arena, struct keys *keys, struct text key)
{
    if (keys->count >= KEYS_FEW) {
        keys_add_to_many(arena, keys, key);
        return true;
    }
    if (keys_hold(keys, key))
        return false;
    keys->few[keys->count++] = key;
    return true;
}

static int compare_keys(const void *left, const void *right)
{
    const struct text *a = left, *b = right;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return memcmp(a->data, b->data, a->size);
}

/* The last check of an object with many keys: NULL, or a key that is there twice. */
static const struct text *keys_find_double(struct keys *keys)
{
    if (!keys->many)
        return NULL;
    qsort(keys->many, keys->count, sizeof *keys->many, compare_keys);
    for (size_t i = 1; i < keys->count; i++)
        if (compare_keys(&keys->many[i - 1], &keys->many[i]) == 0)
            return &keys->many[i];
    return NULL;
}

static bool read_key(struct json_reader *r, struct keys *keys, struct json_place *here)
{
    r->place = here->up; /* what is wrong with a key is said of the object */
    if (json_peek(r) != '"')
        return refuse_syntax(r, "a key");
    if (!json_read_string(r, &here->key))
        return false;
    r->place = here;
    if (!keys_add(r->arena, keys, here->key))
        return json_refuse(r, "duplicate-key", "this key is there twice");
    if (json_peek(r) != ':')
        return refuse_syntax(r, "':'");
    r->at++;
    return true;
}

bool json_read_object(struct json_reader *r, json_member_fn *member, void *ctx)
{
    struct keys keys;
    keys.many = NULL;
    keys.count = keys.room = 0;
    struct json_place here = { .up = r->place };
    bool ok = true;
    if (!enter(r, '{', "an object"))
        return false;
    for (bool is_first = true; another(r, '}', is_first, &ok); is_first = false)
        if (!read_key(r, &keys, &here) || !member(r, here.key, ctx))
            return false; /* the place stays in why */
    const struct text *twice = ok ? keys_find_double(&keys) : NULL;
    if (twice) {
        here.key = *twice;
        r->place = &here;
        ok = json_refuse(r, "duplicate-key", "this key is there twice");
    }
    r->place = here.up;
    return ok;
}

bool json_read_array(struct json_reader *r, json_item_fn *item, void *ctx)
{
    struct json_place here = { .up = r->place };
    bool ok = true;
    if (!enter(r, '[', "an array"))
        return false;
    r->place = &here;
    for (; another(r, ']', here.index == 0, &ok); here.index++)
        if (!item(r, ctx))
            return false;
    r->place = here.up;
    return ok;
}

/* -- strings, numbers and words -- */

bool json_read_string(struct json_reader *r, struct text *out)
{
    if (json_peek(r) != '"')
        return refuse_type(r, "a string");
    const char *problem = NULL, *reason = json_string_take(&r->at, r->end, out, &problem);
    return reason ? json_refuse(r, reason, "%s", problem) : true;
}

static size_t digits(const char *at)
{
    size_t count = 0;
    while (at[count] >= '0' && at[count] <= '9')
        count++;
    return count;
}

/* RFC 8259 6.  The bytes of the number at at, or 0; *is_integer: without fraction and exponent. */
static size_t number_size(const char *start, bool *is_integer)
{
    const char *at = start + (*start == '-');
    size_t whole = digits(at);
    if (whole == 0 || (whole > 1 && *at == '0'))
        return 0;
    at += whole;
    *is_integer = *at != '.' && *at != 'e' && *at != 'E';
    if (*at == '.') {
        size_t fraction = digits(at + 1);
        if (fraction == 0)
            return 0;
        at += 1 + fraction;
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        size_t exponent = digits(at);
        if (exponent == 0)
            return 0;
        at += exponent;
    }
    return (size_t)(at - start);
}

bool json_read_integer(struct json_reader *r, long least, long most, long *out)
{
    bool is_integer = false;
    char c = json_peek(r);
    size_t size = c == '-' || (c >= '0' && c <= '9') ? number_size(r->at, &is_integer) : 0;
    if (size == 0)
        return c == '-' || (c >= '0' && c <= '9') ? refuse_syntax(r, "a number") : refuse_type(r, "an integer");
    if (!is_integer)
        return json_refuse(r, "wrong-type", "an integer expected, without fraction and exponent");
    *out = size > 9 ? most + 1 : strtol(r->at, NULL, 10);
    if (*out < least || *out > most)
        return json_refuse(r, "bad-value", "from %ld to %ld expected", least, most);
    r->at += size;
    return true;
}

bool json_read_number(struct json_reader *r, double *out)
{
    bool is_integer = false;
    char c = json_peek(r);
    size_t size = c == '-' || (c >= '0' && c <= '9') ? number_size(r->at, &is_integer) : 0;
    if (size == 0)
        return c == '-' || (c >= '0' && c <= '9') ? refuse_syntax(r, "a number") : refuse_type(r, "a number");
    *out = strtod(r->at, NULL);
    r->at += size;
    return true;
}

static bool take_word(struct json_reader *r, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
        return false;
    r->at += size;
    return true;
}

bool json_read_true(struct json_reader *r)
{
    json_peek(r);
    return take_word(r, "true") ? true : refuse_type(r, "true");
}

static bool skip_member(struct json_reader *r, struct text key, void *ctx)
{
    (void)key, (void)ctx;
    return json_skip(r);
}

static bool skip_item(struct json_reader *r, void *ctx)
{
    (void)ctx;
    return json_skip(r);
}

bool json_skip(struct json_reader *r)
{
    struct text ignored;
    bool is_integer;
    char c = json_peek(r);
    switch (c) {
    case '{':
        return json_read_object(r, skip_member, NULL);
    case '[':
        return json_read_array(r, skip_item, NULL);
    case '"':
        return json_read_string(r, &ignored);
    default:
        break;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        size_t size = number_size(r->at, &is_integer);
        r->at += size;
        return size ? true : refuse_syntax(r, "a number");
    }
    if (take_word(r, "true") || take_word(r, "false") || take_word(r, "null"))
        return true;
    return refuse_syntax(r, "a value");
}
