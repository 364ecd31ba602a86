/* event_line.c - picks from an event what a person wants to see first: when, what kind, who to whom, what it says. */
#include <stdio.h>
#include <time.h>

#include "gateway/command/event_line.h"
#include "stanzabus/json_reader.h"

enum { EVENT_DEPTH_MAX = 1000, VALUE_BYTES_MAX = 300 };

enum colour { PLAIN, DIM, BOLD, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN };

struct view {
    bool in_colour;
    struct text time, type, body; /* of the event, of data, of data */
    struct text from, to;
    bool is_error;
    struct buffer rest; /* what else data holds, in its order */
};

static void colour(struct buffer *out, const struct view *view, enum colour which)
{
    static const char *const codes[] = { "0", "2", "1", "31", "32", "33", "34", "35", "36" };
    if (view->in_colour)
        buffer_printf(out, "\x1b[%sm", codes[which]);
}

/* Control characters, C1 ones (U+0080 to U+009F) too, come as escapes: nobody steers the terminal from a message. */
static void write_safe(struct buffer *out, struct text text)
{
    size_t size = text.size < VALUE_BYTES_MAX ? text.size : VALUE_BYTES_MAX;
    while (size < text.size && size > VALUE_BYTES_MAX - 4 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
        size--;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n')
            BUFFER_LITERAL(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buffer_printf(out, "\\x%02x", c);
        else if (c == 0xc2 && i + 1 < size && (unsigned char)text.data[i + 1] < 0xa0)
            buffer_printf(out, "\\x%02x", (unsigned char)text.data[++i]);
        else
            buffer_append_char(out, (char)c);
    }
    if (size < text.size)
        BUFFER_LITERAL(out, "…");
}

/* -- reading -- */
struct names { /* of one object of extensions */
    struct text name, xmlns;
};

static bool read_name(struct json_reader *r, struct text key, void *ctx)
{
    struct names *names = ctx;
    if (json_peek(r) == '"' && text_is(key, "name"))
        return json_read_string(r, &names->name);
    if (json_peek(r) == '"' && text_is(key, "xmlns"))
        return json_read_string(r, &names->xmlns);
    return json_skip(r);
}

static bool read_extension(struct json_reader *r, void *ctx)
{
    struct view *view = ctx;
    struct names names = { 0 };
    if (json_peek(r) != '{')
        return json_skip(r);
    if (!json_read_object(r, read_name, &names))
        return false;
    BUFFER_LITERAL(&view->rest, " <");
    write_safe(&view->rest, names.name);
    BUFFER_LITERAL(&view->rest, " ");
    write_safe(&view->rest, names.xmlns);
    BUFFER_LITERAL(&view->rest, ">");
    return true;
}

static bool read_flat(struct json_reader *r, struct text key, void *ctx);

/* name=value, name={a=1 b=2}, name=[...] */
static bool write_member(struct json_reader *r, struct text key, struct view *view)
{
    BUFFER_LITERAL(&view->rest, " ");
    write_safe(&view->rest, key);
    BUFFER_LITERAL(&view->rest, "=");
    if (json_peek(r) == '"') {
        struct text value;
        if (!json_read_string(r, &value))
            return false;
        bool is_word = value.size && !memchr(value.data, ' ', value.size);
        buffer_append(&view->rest, "\"", is_word ? 0 : 1);
        write_safe(&view->rest, value);
        buffer_append(&view->rest, "\"", is_word ? 0 : 1);
        return true;
    }
    if (json_peek(r) == '{') {
        BUFFER_LITERAL(&view->rest, "{");
        bool is_read = json_read_object(r, read_flat, view);
        BUFFER_LITERAL(&view->rest, " }");
        return is_read;
    }
    const char *start = r->at;
    if (!json_skip(r))
        return false;
    write_safe(&view->rest, (struct text){ start, (size_t)(r->at - start) });
    return true;
}

static bool read_flat(struct json_reader *r, struct text key, void *ctx)
{
    return write_member(r, key, ctx);
}

static bool read_data_member(struct json_reader *r, struct text key, void *ctx)
{
    struct view *view = ctx;
    bool is_string = json_peek(r) == '"';
    if (text_is(key, "error"))
        view->is_error = true;
    if (is_string && (text_is(key, "from") || text_is(key, "jid") || text_is(key, "address")))
        return json_read_string(r, &view->from);
    if (is_string && text_is(key, "to"))
        return json_read_string(r, &view->to);
    if (is_string && text_is(key, "body"))
        return json_read_string(r, &view->body);
    if (is_string && (text_is(key, "type") || text_is(key, "event")))
        return json_read_string(r, &view->type);
    if (text_is(key, "kind") || text_is(key, "id"))
        return json_skip(r);
    if (text_is(key, "extensions") && json_peek(r) == '[')
        return json_read_array(r, read_extension, view);
    return write_member(r, key, view);
}

static bool read_member(struct json_reader *r, struct text key, void *ctx)
{
    struct view *view = ctx;
    if (text_is(key, "time") && json_peek(r) == '"')
        return json_read_string(r, &view->time);
    if (text_is(key, "data") && json_peek(r) == '{')
        return json_read_object(r, read_data_member, view);
    return json_skip(r);
}

/* -- writing -- */
/* The event's time (RFC 3339, UTC) on this machine's clock. */
static void write_time(struct buffer *out, const struct view *view)
{
    struct tm utc = { 0 }, here;
    char text[32] = "", milliseconds[5] = "";
    snprintf(text, sizeof text, "%.*s", TEXT_ARGS(view->time));
    const char *behind = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    if (behind)
        sscanf(behind, "%4[.0-9]", milliseconds);
    time_t seconds = behind ? timegm(&utc) : time(NULL);
    localtime_r(&seconds, &here);
    strftime(text, sizeof text, "%H:%M:%S", &here);
    colour(out, view, DIM);
    buffer_printf(out, "%s%-4s", text, milliseconds);
    colour(out, view, PLAIN);
}

static void write_kind(struct buffer *out, const struct view *view, const char *kind)
{
    static const struct {
        const char *kind;
        enum colour colour;
    } colours[] = {
        { "message", GREEN }, { "presence", CYAN }, { "iq", BLUE }, { "session", MAGENTA }, { "dead", RED }
    };
    enum colour found = PLAIN;
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        if (strcmp(kind, colours[i].kind) == 0)
            found = colours[i].colour;
    colour(out, view, view->is_error ? RED : found);
    buffer_printf(out, " %-8s ", kind);
    colour(out, view, PLAIN);
}

static void write_addresses(struct buffer *out, const struct view *view)
{
    colour(out, view, BOLD);
    write_safe(out, view->from);
    colour(out, view, PLAIN);
    if (view->to.size) {
        BUFFER_LITERAL(out, " → ");
        colour(out, view, BOLD);
        write_safe(out, view->to);
        colour(out, view, PLAIN);
    }
}

static void write_content(struct buffer *out, const struct view *view)
{
    if (view->type.size) {
        BUFFER_LITERAL(out, "  ");
        colour(out, view, view->is_error ? RED : DIM);
        write_safe(out, view->type);
        colour(out, view, PLAIN);
    }
    if (view->body.data) {
        BUFFER_LITERAL(out, " \"");
        write_safe(out, view->body);
        BUFFER_LITERAL(out, "\"");
    }
    colour(out, view, view->is_error ? RED : DIM);
    buffer_append_text(out, buffer_text(&view->rest));
    colour(out, view, PLAIN);
}

void event_line_make(struct event_line *out, struct arena *arena, const char *kind, struct text json, bool in_colour)
{
    struct view view = { .in_colour = in_colour };
    struct refusal why = { 0 };
    struct json_reader reader;
    /* The reader works in place and wants its padding. */
    char *copy = arena_alloc(arena, json.size + JSON_PADDING);
    if (json.size)
        memcpy(copy, json.data, json.size);
    memset(copy + json.size, 0, JSON_PADDING);
    json_reader_init(&reader, copy, json.size, EVENT_DEPTH_MAX, arena, &why);
    bool is_read = json_read_object(&reader, read_member, &view) && json_read_end(&reader);

    *out = (struct event_line){ .from = view.from, .to = view.to };
    if (!is_read)
        view.is_error = true;
    write_time(&out->line, &view);
    write_kind(&out->line, &view, kind);
    write_addresses(&out->line, &view);
    write_content(&out->line, &view);
    if (!is_read) {
        buffer_printf(&out->line, " no event: %s: ", why.text);
        write_safe(&out->line, json);
    }
    buffer_fini(&view.rest);
}

void event_line_fini(struct event_line *line)
{
    buffer_fini(&line->line);
}
