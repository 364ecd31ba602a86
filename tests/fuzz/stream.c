/* stream.c - fuzz target: a TCP stream.  The first four bytes choose limits, how the rest is cut, paused and put to sleep, and
 * whether the stream is a client's, a server's or a component's; the rest is what the other side sends.  What comes out must
 * be the same as without all that, and every stanza must survive being written and read again.  A stanza <r/> restarts the
 * stream. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/stream.h"
#include "tests/unit/stream/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct stream *stream;
    struct text content;
    struct buffer lines;
    uint32_t dice;
    bool is_wild; /* pauses, sleeps, drops and frees at random */
    bool is_over;
};

static uint32_t roll(struct run *run, uint32_t sides)
{
    run->dice = run->dice * 1664525 + 1013904223;
    return (run->dice >> 8) % sides;
}

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

static void write_text(struct buffer *lines, struct text text)
{
    buffer_append_text(lines, text);
    buffer_append_char(lines, '|');
}

static void on_open(void *ctx, const struct stream_header *header)
{
    struct run *run = ctx;
    require(!run->is_over, "nothing after the end");
    BUFFER_LITERAL(&run->lines, "open ");
    write_text(&run->lines, header->to);
    write_text(&run->lines, header->from);
    write_text(&run->lines, header->version);
    write_text(&run->lines, header->lang);
    if (run->is_wild && roll(run, 8) == 0)
        stream_pause(run->stream);
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct run *run = ctx;
    require(!run->is_over, "nothing after the end");
    require(run->is_wild || survives(stanza->root), "written and read again, a stanza is the same");
    require(stanza->bytes >= 4, "a stanza has bytes");
    BUFFER_LITERAL(&run->lines, "\nstanza ");
    element_write(&run->lines, stanza->root, SCOPE_SELF_CONTAINED);
    if (text_is(stanza->root->name, "r"))
        stream_restart(run->stream);
    if (run->is_wild && roll(run, 4) == 0)
        stream_pause(run->stream);
    stanza_free(&stanza);
}

static void on_close(void *ctx)
{
    struct run *run = ctx;
    require(!run->is_over, "one end");
    run->is_over = true;
    BUFFER_LITERAL(&run->lines, "\nclose");
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    struct run *run = ctx;
    require(!run->is_over, "one end");
    require(condition < STREAM_ERROR_COUNT && text, "an error has a condition and a text");
    run->is_over = true;
    BUFFER_LITERAL(&run->lines, "\nerror"); /* which one may depend on how much was seen at once */
}

static const struct stream_callbacks callbacks = { on_open, on_stanza, on_close, on_error };

/* The final '>' ends whatever expat still waits for. */
static void run_plain(struct run *run, struct stream_pool *pool, const struct stream_limits *limits,
                      const uint8_t *data, size_t size)
{
    run->stream = stream_new(pool, FRAMING_TCP, limits, &callbacks, run);
    stream_set_content(run->stream, run->content);
    stream_feed(run->stream, (const char *)data, size);
    stream_feed(run->stream, ">", 1);
    stream_free(&run->stream);
}

static void feed_copy(struct run *run, const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1); /* reading past its end is caught */
    memcpy(copy, data, size);
    stream_feed(run->stream, copy, size);
    free(copy);
}

static void run_wild(struct run *run, struct stream_pool *pool, const struct stream_limits *limits, const uint8_t *data,
                     size_t size)
{
    static const uint32_t longest[] = { 1, 3, 16, 200 };
    uint32_t most = longest[run->dice & 3];
    run->is_wild = true;
    run->stream = stream_new(pool, FRAMING_TCP, limits, &callbacks, run);
    stream_set_content(run->stream, run->content);
    while (size) {
        size_t piece = 1 + roll(run, most);
        piece = piece < size ? piece : size;
        feed_copy(run, data, piece);
        data += piece;
        size -= piece;
        if (roll(run, 3) == 0)
            stream_resume(run->stream);
        if (roll(run, 5) == 0)
            stream_pause(run->stream);
        if (roll(run, 10) == 0)
            stream_sleep(run->stream);
    }
    feed_copy(run, (const uint8_t *)">", 1);
    while (stream_resume(run->stream), !stream_sleep(run->stream) && roll(run, 1000))
        ;
    stream_free(&run->stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct text contents[] = { TEXT_INIT(XMLNS_CLIENT), TEXT_INIT(XMLNS_SERVER), TEXT_INIT(XMLNS_COMPONENT),
                                            TEXT_INIT(XMLNS_CLIENT) };
    static const struct stream_limits wide = { 1000000, 60, 60 }, narrow = { 300, 4, 4 };
    if (size < 4 || size > 4096)
        return 0;
    struct stream_pool *pool = stream_pool_new();
    struct text content = contents[data[3] < 8 ? data[3] >> 1 : 0];
    struct run plain = { .content = content }, wild = { .content = content, .dice = (uint32_t)(data[0] | data[1] << 8 | data[2] << 16) };
    bool is_narrow = data[3] & 1;
    run_plain(&plain, pool, is_narrow ? &narrow : &wide, data + 4, size - 4);
    run_wild(&wild, pool, is_narrow ? &narrow : &wide, data + 4, size - 4);
    /* Where a limit is met, and so how far a stream gets, may depend on the pieces. */
    if (!is_narrow)
        require(text_equal(buffer_text(&plain.lines), buffer_text(&wild.lines)), "pieces change nothing");
    buffer_fini(&plain.lines);
    buffer_fini(&wild.lines);
    stream_pool_free(&pool);
    return 0;
}
