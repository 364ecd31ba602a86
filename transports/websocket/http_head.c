/* http_head.c - request line and fields, one pass. */
#include <strings.h>

#include "transports/websocket/http_head.h"

static const struct {
    const char *name;
    bool is_list;
} fields[] = {
#define HTTP_FIELD_ROW(id, name, is_list) { name, is_list },
    HTTP_FIELDS(HTTP_FIELD_ROW)
#undef HTTP_FIELD_ROW
};

size_t http_head_size(struct text input)
{
    const char *end = input.size ? memmem(input.data, input.size, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - input.data) + 4 : 0;
}

static struct text trim(struct text t)
{
    while (t.size && (t.data[0] == ' ' || t.data[0] == '\t'))
        t.data++, t.size--;
    while (t.size && (t.data[t.size - 1] == ' ' || t.data[t.size - 1] == '\t'))
        t.size--;
    return t;
}

/* Takes what stands before mark from the front of *rest, and the mark; false when there is no mark. */
static bool take_until(struct text *rest, const char *mark, struct text *out)
{
    size_t size = strlen(mark);
    const char *at = rest->size ? memmem(rest->data, rest->size, mark, size) : NULL;
    if (!at)
        return false;
    *out = (struct text){ rest->data, (size_t)(at - rest->data) };
    rest->size -= out->size + size;
    rest->data = at + size;
    return true;
}

/* RFC 9110 5.6.2 */
static bool is_token(struct text t)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < t.size; i++) {
        char c = t.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && !memchr(marks, c, sizeof marks - 1))
            return false;
    }
    return t.size > 0;
}

/* RFC 9110 5.5: nothing below a space but the tab, and no delete. */
static bool is_value(struct text t)
{
    for (size_t i = 0; i < t.size; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* -- the request line -- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode_path(struct arena *arena, struct text raw, struct text *out)
{
    char *decoded = arena_alloc(arena, raw.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < raw.size; i++) {
        char c = raw.data[i];
        if (c <= 0x20 || c == 0x7f)
            return -1;
        if (c == '%') {
            int high = i + 2 < raw.size ? hex_digit(raw.data[i + 1]) : -1;
            int low = i + 2 < raw.size ? hex_digit(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        }
        decoded[size++] = c;
    }
    *out = (struct text){ decoded, size };
    return 0;
}

/* RFC 9112 3.2: origin-form, or absolute-form, of which a server takes the path. */
static int parse_target(struct arena *arena, struct text target, struct text *path)
{
    struct text scheme, authority;
    struct text rest = target;
    if (target.size && target.data[0] != '/') {
        if (!take_until(&rest, "://", &scheme))
            return -1;
        const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
        authority = (struct text){ rest.data, slash ? (size_t)(slash - rest.data) : rest.size };
        rest = slash ? (struct text){ slash, rest.size - authority.size } : TEXT("/");
    }
    const char *arguments = rest.size ? memchr(rest.data, '?', rest.size) : NULL;
    if (arguments)
        rest.size = (size_t)(arguments - rest.data);
    return rest.size ? decode_path(arena, rest, path) : -1;
}

static int parse_request_line(struct arena *arena, struct text line, struct http_head *head)
{
    struct text target;
    if (!take_until(&line, " ", &head->method) || !is_token(head->method) || !take_until(&line, " ", &target))
        return 400;
    if (line.size != 8 || memcmp(line.data, "HTTP/", 5) != 0)
        return 400;
    if (line.data[5] != '1' || line.data[6] != '.' || (line.data[7] != '0' && line.data[7] != '1'))
        return 505;
    head->is_old = line.data[7] == '0';
    return parse_target(arena, target, &head->path) ? 400 : 0;
}

/* -- the fields -- */

static int find_field(struct text name)
{
    for (int i = 0; i < HTTP_FIELD_COUNT; i++)
        if (strlen(fields[i].name) == name.size && strncasecmp(fields[i].name, name.data, name.size) == 0)
            return i;
    return -1;
}

static int parse_field(struct arena *arena, struct text line, struct http_head *head)
{
    struct text name;
    if (!take_until(&line, ":", &name) || !is_token(name)) /* this refuses folded lines too */
        return 400;
    struct text value = trim(line);
    int which = find_field(name);
    if (!is_value(value))
        return 400;
    if (which < 0)
        return 0;
    struct text *place = &head->fields[which];
    if (!place->data)
        *place = value;
    else if (fields[which].is_list)
        *place = arena_printf(arena, "%.*s, %.*s", TEXT_ARGS(*place), TEXT_ARGS(value));
    else
        return 400;
    return 0;
}

int http_head_parse(struct arena *arena, struct text input, struct http_head *head)
{
    struct text line;
    *head = (struct http_head){ 0 };
    while (input.size >= 2 && memcmp(input.data, "\r\n", 2) == 0) /* RFC 9112 2.2: some send one line too many */
        input.data += 2, input.size -= 2;
    if (!take_until(&input, "\r\n", &line))
        return 400;
    int status = parse_request_line(arena, line, head);
    while (status == 0 && take_until(&input, "\r\n", &line) && line.size > 0)
        status = parse_field(arena, line, head);
    if (status)
        return status;
    struct text length = head->fields[HTTP_CONTENT_LENGTH];
    head->has_body = head->fields[HTTP_TRANSFER_ENCODING].data || (length.data && !text_is(length, "0"));
    return 0;
}

bool http_list_has(struct text list, const char *word, bool ignores_case)
{
    size_t size = strlen(word);
    while (list.size) {
        const char *comma = memchr(list.data, ',', list.size);
        struct text item = { list.data, comma ? (size_t)(comma - list.data) : list.size };
        list = comma ? (struct text){ comma + 1, list.size - item.size - 1 } : (struct text){ 0 };
        item = trim(item);
        if (item.size == size &&
            (ignores_case ? strncasecmp(item.data, word, size) : memcmp(item.data, word, size)) == 0)
            return true;
    }
    return false;
}
