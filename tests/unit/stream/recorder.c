/* recorder.c - writes down what a stream calls back. */
#include <malloc.h>
#include <stdlib.h>

#include "recorder.h"

static void write_fields(struct buffer *lines, const struct stream_header *h)
{
    const struct {
        const char *name;
        struct text value;
    } fields[] = { { "to", h->to },      { " from", h->from },  { " id", h->id }, { " version", h->version },
                   { " lang", h->lang }, { " xmlns", h->xmlns } };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct text value = fields[i].value.data ? fields[i].value : TEXT("-");
        buffer_printf(lines, "%s %.*s", fields[i].name, TEXT_ARGS(value));
    }
    buffer_append_char(lines, '\n');
}

static void on_open(void *ctx, const struct stream_header *header)
{
    struct recorder *r = ctx;
    if (r->wants_all_fields)
        write_fields(&r->lines, header);
    else
        buffer_printf(&r->lines, "open %.*s %.*s\n", TEXT_ARGS(header->to), TEXT_ARGS(header->version));
    if (r->pauses_at_open)
        stream_pause(r->stream);
    if (r->frees_at_open)
        stream_free(&r->stream);
}

static void act(struct recorder *r, const struct element *root)
{
    if (element_is(root, "pause", NULL) || element_is(root, "pause-resume", NULL))
        stream_pause(r->stream);
    if (element_is(root, "pause-resume", NULL))
        stream_resume(r->stream);
    if (element_is(root, "drop", NULL))
        stream_drop_input(r->stream);
    if (element_is(root, "restart", NULL) || element_is(root, "drop", NULL))
        stream_restart(r->stream);
    if (element_is(root, "sleep", NULL))
        buffer_printf(&r->lines, "sleep %d\n", stream_sleep(r->stream));
    if (element_is(root, "free", NULL))
        stream_free(&r->stream);
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct recorder *r = ctx;
    r->stanzas++;
    r->bytes += stanza->bytes;
    if (!r->is_counting) {
        BUFFER_LITERAL(&r->lines, "stanza ");
        element_write(&r->lines, stanza->root, SCOPE_STREAM);
        buffer_append_char(&r->lines, '\n');
        act(r, stanza->root);
    }
    stanza_free(&stanza);
}

static void on_close(void *ctx)
{
    struct recorder *r = ctx;
    BUFFER_LITERAL(&r->lines, "close\n");
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    struct recorder *r = ctx;
    buffer_printf(&r->lines, "error %s\n", stream_condition_name(condition));
    r->error_text = text;
}

static const struct stream_callbacks callbacks = { on_open, on_stanza, on_close, on_error };

void recorder_init(struct recorder *r, enum stream_framing framing)
{
    *r = (struct recorder){ .limits = { .stanza_bytes = 10000, .depth = 10, .attributes = 10 } };
    r->pool = stream_pool_new();
    r->stream = stream_new(r->pool, framing, &r->limits, &callbacks, r);
}

void recorder_init_beside(struct recorder *r, struct recorder *other)
{
    *r = (struct recorder){ .limits = other->limits };
    r->stream = stream_new(other->pool, FRAMING_WEBSOCKET, &r->limits, &callbacks, r);
}

void recorder_fini(struct recorder *r)
{
    stream_free(&r->stream);
    stream_pool_free(&r->pool);
    buffer_fini(&r->lines);
}

const char *recorder_lines(struct recorder *r)
{
    buffer_append_char(&r->lines, '\0');
    r->lines.size--;
    return r->lines.data;
}

void recorder_feed(struct recorder *r, const char *text, size_t size, size_t step)
{
    for (size_t done = 0; done < size && r->stream; done += step) {
        size_t piece = size - done < step ? size - done : step;
        char *copy = xmalloc(piece); /* so that reading past the end, or later, is caught */
        memcpy(copy, text + done, piece);
        stream_feed(r->stream, copy, piece);
        free(copy);
    }
}

/* mallinfo2 knows nothing of AddressSanitizer's heap. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

size_t heap_bytes(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
