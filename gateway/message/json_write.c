/* json_write.c - the values of JSON, straight into a buffer. */
#include "json_write.h"

#include "json_string.h"

#define EACH_BYTE(value) (0x0101010101010101u * (value))

/* RFC 8259 7: quote, backslash and control characters; nothing else needs an escape. */
static inline bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static inline bool eight_need_none(const char *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    uint64_t quote = x ^ EACH_BYTE('"'), backslash = x ^ EACH_BYTE('\\');
    uint64_t found =
        ((x - EACH_BYTE(0x20)) & ~x) | ((quote - EACH_BYTE(1)) & ~quote) | ((backslash - EACH_BYTE(1)) & ~backslash);
    return (found & EACH_BYTE(0x80)) == 0;
}

static const char *pass_plain(const char *at, const char *end)
{
    while (end - at >= 8 && eight_need_none(at))
        at += 8;
    while (at < end && !needs_escape((unsigned char)*at))
        at++;
    return at;
}

static void write_escape(struct buffer *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        BUFFER_LITERAL(out, "\\\"");
        break;
    case '\\':
        BUFFER_LITERAL(out, "\\\\");
        break;
    case '\n':
        BUFFER_LITERAL(out, "\\n");
        break;
    case '\r':
        BUFFER_LITERAL(out, "\\r");
        break;
    case '\t':
        BUFFER_LITERAL(out, "\\t");
        break;
    default:
        BUFFER_LITERAL(out, "\\u00");
        buffer_append_char(out, hex[c >> 4]);
        buffer_append_char(out, hex[c & 15]);
    }
}

void json_write_run(struct buffer *out, struct text text)
{
    const char *at = text.data, *end = text.size ? text.data + text.size : at;
    while (at < end) {
        const char *stop = pass_plain(at, end);
        buffer_append(out, at, (size_t)(stop - at));
        if (stop == end)
            return;
        write_escape(out, (unsigned char)*stop);
        at = stop + 1;
    }
}

void json_write_string(struct buffer *out, struct text text)
{
    buffer_append_char(out, '"');
    json_write_run(out, text);
    buffer_append_char(out, '"');
}

void json_write_bytes(struct buffer *out, struct text bytes)
{
    buffer_append_char(out, '"');
    while (bytes.size) {
        unsigned char last[5] = { 0 }; /* the end of bytes is not followed by a zero byte */
        size_t size = 0, plain = 0;
        while (plain < bytes.size && (unsigned char)bytes.data[plain] < 0x80)
            plain++;
        json_write_run(out, (struct text){ bytes.data, plain });
        bytes = (struct text){ bytes.data + plain, bytes.size - plain };
        if (bytes.size == 0)
            break;
        memcpy(last, bytes.data, bytes.size < 4 ? bytes.size : 4);
        size = utf8_size(last);
        if (size)
            buffer_append(out, bytes.data, size);
        else
            BUFFER_LITERAL(out, "\xef\xbf\xbd"); /* U+FFFD */
        bytes = (struct text){ bytes.data + (size ? size : 1), bytes.size - (size ? size : 1) };
    }
    buffer_append_char(out, '"');
}

void json_write_number(struct buffer *out, uint64_t number)
{
    char digits[20];
    size_t used = sizeof digits;
    do
        digits[--used] = (char)('0' + number % 10);
    while (number /= 10);
    buffer_append(out, digits + used, sizeof digits - used);
}

static char *put_digits(char *out, unsigned number, unsigned count)
{
    for (unsigned i = count; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    return out + count;
}

/* Days since 1970-01-01 to the civil date, in years that begin in March, so that the leap day comes last. */
static void civil_date(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t shifted = (uint64_t)(days + 719468); /* days since 0000-03-01 */
    unsigned era = (unsigned)(shifted / 146097), of_era = (unsigned)(shifted % 146097);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * march_month + 2) / 5 + 1;
    *month = march_month < 10 ? march_month + 3 : march_month - 9;
    *year = era * 400 + year_of_era + (*month <= 2);
}

void json_write_time(struct buffer *out, int64_t wall_ms)
{
    enum { SIZE = sizeof "2026-11-22T14:40:00.123Z" - 1, DAY_MS = 86400000 };
    static const int64_t last = INT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */
    if (wall_ms < 0 || wall_ms > last)
        wall_ms = wall_ms < 0 ? 0 : last;
    unsigned year, month, day, of_day = (unsigned)(wall_ms % DAY_MS);
    civil_date(wall_ms / DAY_MS, &year, &month, &day);

    char *at = buffer_reserve(out, SIZE);
    at = put_digits(at, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, of_day / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, of_day / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, of_day / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, of_day % 1000, 3);
    *at = 'Z';
    out->size += SIZE;
}
