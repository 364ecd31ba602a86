/* echo_service.c - the smallest service there can be: hears neutral messages on xmpp:to:{address}, answers each on the
 * channel that the event names, or its own.  Two plain connections to Redis; all that one read brings is answered with
 * one write.  usage: echo_service HOST:PORT|PATH ADDRESS [PREFIX] */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"

struct echo {
    int listener, speaker;
    struct buffer in, out, replies;
    char *own_channel;
    unsigned long unheard; /* answers that no gateway took */
};

/* The string value of "name":"..." behind from, escapes and all; NULL data when there is none. */
static struct text string_behind(struct text json, const char *name)
{
    char key[32];
    int size = snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = memmem(json.data, json.size, key, (size_t)size);
    if (!at)
        return (struct text){ 0 };
    const char *start = at + size, *stop = json.data + json.size, *end = start;
    while (end < stop && *end != '"')
        end += *end == '\\' ? 2 : 1;
    return end < stop ? (struct text){ start, (size_t)(end - start) } : (struct text){ 0 };
}

static void write_bulk(struct buffer *out, struct text text)
{
    buffer_printf(out, "$%zu\r\n", text.size);
    buffer_append_text(out, text);
    BUFFER_LITERAL(out, "\r\n");
}

static void publish(struct echo *echo, struct text channel, struct text event)
{
    BUFFER_LITERAL(&echo->out, "*3\r\n$7\r\nPUBLISH\r\n");
    write_bulk(&echo->out, channel);
    write_bulk(&echo->out, event);
}

static void answer(struct echo *echo, struct text event)
{
    const char *data_at = memmem(event.data, event.size, "\"data\":{", 8);
    if (!data_at || !memmem(data_at, (size_t)(event.data + event.size - data_at), "\"kind\":\"message\"", 16))
        return;
    struct text data = { data_at, (size_t)(event.data + event.size - data_at) };
    struct text from = string_behind(data, "from"), body = string_behind(data, "body"),
                reply_to = string_behind(event, "replyto");
    char text[64 * 1024];
    int size = snprintf(text, sizeof text,
                        "{\"data\":{\"kind\":\"message\",\"type\":\"chat\",\"to\":\"%.*s\",\"body\":\"%.*s\"}}",
                        TEXT_ARGS(from), TEXT_ARGS(body));
    if (!from.size || !body.data || size < 0 || (size_t)size >= sizeof text)
        return;
    publish(echo, reply_to.size ? reply_to : text_of(echo->own_channel), (struct text){ text, (size_t)size });
}

/* "$12\r\n..." at at: the text, and at moves behind it.  False when it is not whole yet. */
static bool take_bulk(struct text in, size_t *at, struct text *out)
{
    const char *end = *at < in.size ? memchr(in.data + *at, '\n', in.size - *at) : NULL;
    if (!end)
        return false;
    size_t start = (size_t)(end + 1 - in.data);
    if (in.data[*at] == ':') { /* a count, in the answer to SUBSCRIBE */
        *out = (struct text){ 0 };
        *at = start;
        return true;
    }
    size_t size = strtoul(in.data + *at + 1, NULL, 10);
    if (in.size < start + size + 2)
        return false;
    *out = (struct text){ in.data + start, size };
    *at = start + size + 2;
    return true;
}

/* "*3" kind, channel, payload. */
static bool take_message(struct echo *echo, size_t *used)
{
    struct text in = buffer_text(&echo->in), kind, channel, payload;
    const char *end = *used < in.size ? memchr(in.data + *used, '\n', in.size - *used) : NULL;
    if (!end)
        return false;
    size_t at = (size_t)(end + 1 - in.data);
    if (!take_bulk(in, &at, &kind) || !take_bulk(in, &at, &channel) || !take_bulk(in, &at, &payload))
        return false;
    if (text_is(kind, "message"))
        answer(echo, payload);
    *used = at;
    return true;
}

static void count_replies(struct echo *echo)
{
    struct text rest = buffer_text(&echo->replies);
    for (const char *end; (end = rest.size ? memchr(rest.data, '\n', rest.size) : NULL);) {
        if (rest.data[0] != ':' || (rest.data[1] == '0' && rest.data[2] == '\r')) {
            if (echo->unheard++ == 0)
                fprintf(stderr, "echo_service: an answer was not taken: %.*s\n", (int)(end - rest.data), rest.data);
        }
        rest.size -= (size_t)(end + 1 - rest.data);
        rest.data = end + 1;
    }
    buffer_consume(&echo->replies, echo->replies.size - rest.size);
}

static bool turn(struct echo *echo)
{
    struct pollfd fds[2] = { { echo->listener, POLLIN, 0 }, { echo->speaker, POLLIN, 0 } };
    if (poll(fds, 2, -1) < 0)
        return false;
    if (fds[1].revents) {
        if (!batch_read(echo->speaker, &echo->replies))
            return false;
        count_replies(echo);
    }
    if (fds[0].revents) {
        size_t used = 0;
        if (!batch_read(echo->listener, &echo->in))
            return false;
        while (take_message(echo, &used))
            ;
        buffer_consume(&echo->in, used);
    }
    return batch_write(echo->speaker, &echo->out);
}

int main(int argc, char **argv)
{
    struct echo echo = { 0 };
    if (argc < 3) {
        fputs("usage: echo_service HOST:PORT|PATH ADDRESS [PREFIX]\n", stderr);
        return 2;
    }
    const char *prefix = argc > 3 ? argv[3] : "xmpp:";
    char *mailbox;
    if (asprintf(&mailbox, "%sto:{%s}", prefix, argv[2]) < 0 ||
        asprintf(&echo.own_channel, "%sfrom:{%s}", prefix, argv[2]) < 0)
        return 1;
    echo.listener = batch_connect(argv[1]);
    echo.speaker = batch_connect(argv[1]);
    BUFFER_LITERAL(&echo.out, "*2\r\n$9\r\nSUBSCRIBE\r\n");
    write_bulk(&echo.out, text_of(mailbox));
    batch_write(echo.listener, &echo.out);
    puts("ready");
    fflush(stdout);
    while (turn(&echo))
        ;
    fputs("echo_service: Redis closed the connection\n", stderr);
    return 1;
}
