/* component_echo.c - the same echo for other servers: a component of XEP-0114.  All stanzas that one read brings are
 * answered with one write.  usage: component_echo HOST:PORT ADDRESS SECRET */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "xml.h"

static void answer(struct buffer *out, struct text stanza)
{
    struct text from = xml_attribute(stanza, "from"), to = xml_attribute(stanza, "to"),
                body = xml_child_text(stanza, "body");
    if (!xml_is(stanza, "message") || !body.data)
        return;
    buffer_printf(out, "<message from='%.*s' to='%.*s' type='chat'><body>", TEXT_ARGS(to), TEXT_ARGS(from));
    buffer_append_text(out, body);
    BUFFER_LITERAL(out, "</body></message>");
}

/* The id of the server's stream header; the header stays in the buffer, for the cutter. */
static char *read_stream_id(int fd, struct buffer *in)
{
    for (;;) {
        const char *header = in->size ? memmem(in->data, in->size, "<stream:stream", 14) : NULL;
        struct text rest = { header, header ? (size_t)(in->data + in->size - header) : 0 };
        if (header && memchr(header, '>', rest.size))
            return text_dup(xml_attribute(rest, "id"));
        if (!batch_read(fd, in))
            return NULL;
    }
}

static void write_handshake(struct buffer *out, const char *id, const char *secret)
{
    char text[1024];
    unsigned char hash[SHA_DIGEST_LENGTH];
    int size = snprintf(text, sizeof text, "%s%s", id, secret);
    SHA1((unsigned char *)text, (size_t)size, hash);
    BUFFER_LITERAL(out, "<handshake>");
    for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
        buffer_printf(out, "%02x", hash[i]);
    BUFFER_LITERAL(out, "</handshake>");
}

static void take_stanzas(struct xml_cutter *cutter, struct buffer *in, struct buffer *out)
{
    struct text stanza;
    while (xml_next(cutter, buffer_text(in), &stanza)) {
        if (xml_is(stanza, "handshake")) {
            puts("ready");
            fflush(stdout);
        } else if (xml_is(stanza, "error")) {
            fprintf(stderr, "component_echo: %.*s\n", TEXT_ARGS(stanza));
        } else {
            answer(out, stanza);
        }
    }
    size_t used = cutter->start;
    buffer_consume(in, used);
    xml_dropped(cutter, used);
}

int main(int argc, char **argv)
{
    struct buffer in = { 0 }, out = { 0 };
    struct xml_cutter cutter = { 0 };
    if (argc < 4) {
        fputs("usage: component_echo HOST:PORT ADDRESS SECRET\n", stderr);
        return 2;
    }
    int fd = batch_connect(argv[1]);
    buffer_printf(
        &out, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>",
        argv[2]);
    batch_write(fd, &out);
    char *id = read_stream_id(fd, &in);
    if (!id) {
        fputs("component_echo: the server closed the connection\n", stderr);
        return 1;
    }
    write_handshake(&out, id, argv[3]);
    while (batch_write(fd, &out) && !cutter.is_over && batch_read(fd, &in))
        take_stanzas(&cutter, &in, &out);
    fputs("component_echo: the server closed the connection\n", stderr);
    free(id);
    return 1;
}
