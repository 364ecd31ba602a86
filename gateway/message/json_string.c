/* json_string.c - the strings of JSON: runs of plain bytes are passed over eight at a time, escapes are resolved where
 * they stand. */
#include "json_string.h"

#include <stdint.h>

#define EACH_BYTE(value) (0x0101010101010101u * (value))

/* True when one of eight bytes is a quote, a backslash, a control character or not ASCII. */
static inline bool holds_special(const char *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    uint64_t quote = x ^ EACH_BYTE('"'), backslash = x ^ EACH_BYTE('\\');
    uint64_t found = ((x - EACH_BYTE(0x20)) & ~x) | ((quote - EACH_BYTE(1)) & ~quote) |
                     ((backslash - EACH_BYTE(1)) & ~backslash) | x;
    return (found & EACH_BYTE(0x80)) != 0;
}

static inline bool continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* RFC 3629 4: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t utf8_size(const unsigned char *at)
{
    unsigned char first = at[0];
    if (first < 0xc2)
        return 0;
    if (first < 0xe0)
        return continues(at[1]) ? 2 : 0;
    if (first < 0xf0) {
        unsigned char least = first == 0xe0 ? 0xa0 : 0x80, most = first == 0xed ? 0x9f : 0xbf;
        return at[1] >= least && at[1] <= most && continues(at[2]) ? 3 : 0;
    }
    if (first < 0xf5) {
        unsigned char least = first == 0xf0 ? 0x90 : 0x80, most = first == 0xf4 ? 0x8f : 0xbf;
        return at[1] >= least && at[1] <= most && continues(at[2]) && continues(at[3]) ? 4 : 0;
    }
    return 0;
}

size_t json_cut(struct text text, size_t max)
{
    size_t size = text.size < max ? text.size : max;
    while (size > 0 && size < text.size && continues((unsigned char)text.data[size]))
        size--;
    return size;
}

/* U+FFFE and U+FFFF are not characters of XML. */
static inline bool is_noncharacter(const unsigned char *at)
{
    return at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe;
}

/* The first byte that is no plain character: a quote, a backslash, or something wrong. */
static char *pass_plain(char *at, const char *end)
{
    for (;;) {
        while (end - at >= 8 && !holds_special(at))
            at += 8;
        unsigned char c = (unsigned char)*at;
        while (c >= 0x20 && c < 0x80 && c != '"' && c != '\\')
            c = (unsigned char)*++at;
        if (c < 0x80)
            return at;
        while (c >= 0x80) {
            size_t size = utf8_size((const unsigned char *)at);
            if (size == 0 || is_noncharacter((const unsigned char *)at))
                return at;
            at += size;
            c = (unsigned char)*at;
        }
    }
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* Four hexadecimal digits, or -1; stops at the first byte that is none. */
static int32_t hex4(const char *at)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static bool is_xml_character(uint32_t c)
{
    return c >= 0x20 ? c != 0xfffe && c != 0xffff : c == '\t' || c == '\n' || c == '\r';
}

/* at stands behind "\u".  Returns the place behind the escape, NULL with reason and problem otherwise. */
static char *take_unicode(char *at, char **out, const char **reason, const char **problem)
{
    int32_t c = hex4(at);
    if (c < 0) {
        *reason = "not-json", *problem = "\\u needs four hexadecimal digits";
        return NULL;
    }
    at += 4;
    *reason = "bad-value";
    if (c >= 0xd800 && c < 0xe000) {
        int32_t low = c < 0xdc00 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2) : -1;
        if (low < 0xdc00 || low > 0xdfff) {
            *problem = "half of a surrogate pair";
            return NULL;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    if (!is_xml_character((uint32_t)c)) {
        *problem = "a character that XML cannot carry";
        return NULL;
    }
    *out = put_utf8(*out, (uint32_t)c);
    return at;
}

/* at stands behind the backslash. */
static char *take_escape(char *at, char **out, const char **reason, const char **problem)
{
    static const char letters[] = "\"\\/nrtbf", meanings[] = "\"\\/\n\r\t";
    if (*at == 'u')
        return take_unicode(at + 1, out, reason, problem);
    const char *found = *at ? strchr(letters, *at) : NULL;
    if (!found) {
        *reason = "not-json", *problem = "unknown escape";
        return NULL;
    }
    if (*at == 'b' || *at == 'f') {
        *reason = "bad-value", *problem = "a character that XML cannot carry";
        return NULL;
    }
    *(*out)++ = meanings[found - letters];
    return at + 1;
}

/* What is wrong with the byte at which pass_plain stopped. */
static const char *name_problem(const char *at, const char *end, const char **problem)
{
    if (at >= end) {
        *problem = "a string that does not end";
        return "not-json";
    }
    if ((unsigned char)*at < 0x20) {
        *problem = "a control character in a string must be escaped";
        return "not-json";
    }
    if (utf8_size((const unsigned char *)at)) {
        *problem = "a character that XML cannot carry";
        return "bad-value";
    }
    *problem = "not UTF-8";
    return "not-utf-8";
}

const char *json_string_take(char **at, const char *end, struct text *out, const char **problem)
{
    const char *reason = NULL;
    char *start = *at + 1, *from = start, *to = NULL; /* to: behind what is done, once an escape has made it shorter */
    for (;;) {
        char *stop = pass_plain(from, end);
        if (to) {
            memmove(to, from, (size_t)(stop - from));
            to += stop - from;
        }
        if (*stop == '"') {
            *out = (struct text){ start, (size_t)((to ? to : stop) - start) };
            *at = stop + 1;
            return NULL;
        }
        if (*stop != '\\')
            return name_problem(stop, end, problem);
        if (!to)
            to = stop;
        from = take_escape(stop + 1, &to, &reason, problem);
        if (!from)
            return reason;
    }
}
