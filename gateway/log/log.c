/* log.c - writes a line an event, as text or as JSON. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "stanzabus/log.h"

enum { LINE_MAX_BYTES = 2048, QUOTE_MAX = 256, QUOTE_BUFFERS = 8 };

static const char *const level_names[] = { "error", "warning", "info", "debug" };

const char *log_quote(const char *data, size_t size)
{
    static _Thread_local char buffers[QUOTE_BUFFERS][QUOTE_MAX * 4 + 8];
    static _Thread_local unsigned next;
    char *const start = buffers[next++ % QUOTE_BUFFERS], *out = start;
    size_t kept = size < QUOTE_MAX ? size : QUOTE_MAX;

    *out++ = '"';
    for (size_t i = 0; i < kept; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            out += sprintf(out, "\\x%02x", c);
        } else {
            *out++ = (char)c;
        }
    }
    if (kept < size)
        out = stpcpy(out, "...");
    *out++ = '"';
    *out = '\0';
    return start;
}

static void write_time(FILE *out)
{
    struct timespec now;
    struct tm utc;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(out, "%s.%03ldZ", date, now.tv_nsec / 1000000);
}

static void write_json_text(FILE *out, const char *text, size_t size)
{
    fputc('"', out);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

/* One value: quoted (written by log_quote, taken apart again) or up to the next space. Returns its end. */
static const char *write_json_value(FILE *out, const char *value)
{
    char plain[QUOTE_MAX * 4 + 8];
    size_t size = 0;
    if (*value == '"') {
        for (value++; *value && *value != '"' && size < sizeof plain; value++) {
            if (*value == '\\' && (value[1] == '"' || value[1] == '\\'))
                value++;
            plain[size++] = *value;
        }
        write_json_text(out, plain, size);
        return *value ? value + 1 : value;
    }
    size = strcspn(value, " ");
    if (size && strspn(value, "0123456789") == size && size < 16 && (value[0] != '0' || size == 1))
        fwrite(value, 1, size, out);
    else
        write_json_text(out, value, size);
    return value + size;
}

/* "a=1 b=\"x y\"" -> ,"a":1,"b":"x y"; words without '=' are joined into "text". */
static void write_json_pairs(FILE *out, const char *pairs)
{
    while (*pairs) {
        pairs += strspn(pairs, " ");
        size_t name = strcspn(pairs, "= ");
        if (!name || pairs[name] != '=') {
            if (*pairs) {
                fputs(",\"text\":", out);
                write_json_text(out, pairs, strlen(pairs));
            }
            return;
        }
        fputc(',', out);
        write_json_text(out, pairs, name);
        fputc(':', out);
        pairs = write_json_value(out, pairs + name + 1);
    }
}

static void write_text_line(const struct log *log, enum log_level level, const struct log_subject *who,
                            const char *event, const char *pairs)
{
    write_time(log->out);
    fprintf(log->out, " %s %s", level_names[level], event);
    if (log->node)
        fprintf(log->out, " node=%s", log->node);
    if (who && who->session)
        fprintf(log->out, " session=%llu", (unsigned long long)who->session);
    if (who && who->peer)
        fprintf(log->out, " peer=%s", who->peer);
    if (who && who->jid)
        fprintf(log->out, " jid=%s", log_quote(who->jid, strlen(who->jid)));
    fprintf(log->out, "%s%s\n", *pairs ? " " : "", pairs);
}

static void write_json_line(const struct log *log, enum log_level level, const struct log_subject *who,
                            const char *event, const char *pairs)
{
    fputs("{\"time\":\"", log->out);
    write_time(log->out);
    fprintf(log->out, "\",\"level\":\"%s\",\"event\":\"%s\"", level_names[level], event);
    if (log->node)
        fprintf(log->out, ",\"node\":\"%s\"", log->node);
    if (who && who->session)
        fprintf(log->out, ",\"session\":%llu", (unsigned long long)who->session);
    if (who && who->peer)
        fprintf(log->out, ",\"peer\":\"%s\"", who->peer);
    if (who && who->jid) {
        fputs(",\"jid\":", log->out);
        write_json_text(log->out, who->jid, strlen(who->jid));
    }
    write_json_pairs(log->out, pairs);
    fputs("}\n", log->out);
}

void log_write(const struct log *log, enum log_level level, const struct log_subject *who, const char *event,
               const char *format, ...)
{
    char pairs[LINE_MAX_BYTES];
    va_list list;

    if (!log->out || level > log->level)
        return;
    va_start(list, format);
    vsnprintf(pairs, sizeof pairs, format, list);
    va_end(list);

    flockfile(log->out);
    if (log->format == LOG_FORMAT_JSON)
        write_json_line(log, level, who, event, pairs);
    else
        write_text_line(log, level, who, event, pairs);
    fflush(log->out);
    funlockfile(log->out);
}
