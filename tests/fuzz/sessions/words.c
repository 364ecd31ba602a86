/* words.c - what stands for the words of a template: names, and proofs that are right often enough. */
#include <stdio.h>
#include <string.h>

#include "gateway/session/hash.h"
#include "gateway/session/token.h"
#include "stanzabus/credential.h"
#include "tests/fuzz/sessions/world.h"

static const char *const domains[] = { "one.example", "guests.example", "else.example" };
static const char *const clients[] = { "d4565fa7-4d72-4749-b3d3-740edbf87770", "d4565fa7-4d72-4749-b3d3-740edbf87771" };
const char *const names[4] = { "a", "b", "new", "bad name" };
const char *const resources[3] = { "r1", "r2", "r3" };

static void append_base64(struct buffer *out, const void *data, size_t size)
{
    size_t room = credential_base64_room(size);
    out->size += credential_base64(buffer_reserve(out, room), room, data, size);
}

static void append_header(struct buffer *out, const struct line *line)
{
    const char *domain = domains[script_next(3)];
    if (line->connection.framing == FRAMING_WEBSOCKET)
        buffer_printf(out, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='%s' version='1.0'/>", domain);
    else
        buffer_printf(out, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s'%s>", domain,
                      script_next(4) == 3 ? "" : " version='1.0' xml:lang='en'");
}

static void append_plain(struct buffer *out)
{
    const char *name = names[script_next(4)];
    unsigned which = script_next(4);
    char message[JWT_MAX];
    int size = snprintf(message, sizeof message, "%c%s%c%.*s", 0, name, 0,
                        which == 3 ? (int)jwts[0].size : 1, which == 3 ? jwts[0].data : which == 2 ? "x" : "p");
    append_base64(out, message, (size_t)size);
}

static void append_scram_first(struct buffer *out, struct line *line, const char *template)
{
    struct scram_client *scram = &line->scram;
    bool is_bound = strstr(template, "-PLUS") != NULL;
    *scram = (struct scram_client){ .hash = strstr(template, "SHA-1") ? "SHA1" : "SHA256",
                                    .gs2 = is_bound ? "p=tls-exporter,," : "n,,",
                                    .binding = is_bound ? BINDING : NULL,
                                    .binding_size = is_bound ? 32 : 0,
                                    .name = names[script_next(3)],
                                    .password = script_next(4) == 3 ? "x" : "p" };
    scram_client_first(scram);
    append_base64(out, scram->first, strlen(scram->first));
}

static void append_scram_last(struct buffer *out, struct line *line)
{
    unsigned char first[sizeof line->challenge];
    long size = credential_base64_decode(first, sizeof first - 1, text_of(line->challenge));
    if (size < 2 || memcmp(first, "r=", 2) != 0 || !line->scram.hash)
        return;
    first[size] = '\0';
    scram_client_final(&line->scram, (const char *)first);
    append_base64(out, line->scram.final, strlen(line->scram.final));
}

static void append_token_proof(struct buffer *out, bool is_bound)
{
    unsigned char message[2 + HASH_MAX] = { (unsigned char)names[script_next(2)][0], '\0' };
    struct text word = is_bound ? TEXT("Initiator" BINDING) : TEXT("Initiator");
    hash_mac(HASH_SHA256, (const unsigned char *)world.token, strlen(world.token), word, message + 2);
    append_base64(out, message, sizeof message);
}

static void append_bearer(struct buffer *out)
{
    struct buffer message = { 0 };
    BUFFER_LITERAL(&message, "n,,\x01" "auth=Bearer ");
    buffer_append_text(&message, script_next(3) == 2 ? TEXT("secret") : buffer_text(&jwts[script_next(2)]));
    BUFFER_LITERAL(&message, "\x01\x01");
    append_base64(out, message.data, message.size);
    buffer_fini(&message);
}

static void append_guest(struct buffer *out, const struct line *line)
{
    unsigned char said[sizeof line->success + 8] = "guest:";
    const char *of = world.lines[script_next(LINES_MAX)].success;
    long size = credential_base64_decode(said + 6, sizeof line->success, text_of(of));
    append_base64(out, said, size < 0 ? 6 : (size_t)size + 6);
}

void words_fill(struct buffer *out, const char *template, struct line *line)
{
    for (const char *c = template; *c; c++) {
        if (*c != '%') {
            buffer_append_char(out, *c);
            continue;
        }
        switch (*++c) {
        case 'h':
            append_header(out, line);
            break;
        case 'c':
            buffer_append_text(out, line->connection.framing == FRAMING_TCP ? TEXT("</stream:stream>")
                                                                          : TEXT("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"));
            break;
        case 'd':
            buffer_append_text(out, text_of(domains[script_next(3)]));
            break;
        case 'r':
            buffer_append_text(out, text_of(resources[script_next(3)]));
            break;
        case 'n':
            buffer_append_text(out, text_of(names[script_next(4)]));
            break;
        case 'w':
            buffer_append_char(out, script_next(4) == 3 ? 'x' : 'p');
            break;
        case 'i':
            buffer_append_text(out, text_of(clients[script_next(2)]));
            break;
        case 'u':
            buffer_append_text(out, text_of(world.uids[script_next(UIDS_MAX)]));
            break;
        case '1':
            buffer_printf(out, "%u", script_next(8));
            break;
        case 'p':
            append_plain(out);
            break;
        case 'f':
            append_scram_first(out, line, template);
            break;
        case 'l':
            append_scram_last(out, line);
            break;
        case 't':
            append_token_proof(out, false);
            break;
        case 'x':
            append_token_proof(out, true);
            break;
        case 'j':
            append_bearer(out);
            break;
        case 'g':
            append_guest(out, line);
            break;
        }
    }
}
