/* line.c - connections: what is written to them is read for what the client has to know, and they end when told. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/sessions/world.h"

static struct line *line_of(struct connection *connection)
{
    return (struct line *)connection;
}

static bool find_between(const char *text, const char *before, const char *after, char *out, size_t room)
{
    const char *start = strstr(text, before), *end = start ? strstr(start + strlen(before), after) : NULL;
    if (!end)
        return false;
    start += strlen(before);
    copy_text(out, room, (struct text){ start, (size_t)(end - start) });
    return true;
}

static void note_h(struct session *session, const char *text, const char *before)
{
    char digits[16];
    if (session && bound_find(session) && find_between(text, before, "'", digits, sizeof digits))
        bound_check_h(session, strtoull(digits, NULL, 10));
}

static void take_written(struct connection *connection, const char *data, size_t size)
{
    struct line *line = line_of(connection);
    assert(line->is_used && !line->is_closing && size > 0);
    char *text = text_dup((struct text){ data, size }), uid[TEXT_MAX];
    if (find_between(text, "<enabled xmlns='urn:xmpp:sm:3' resume='true' id='", "'", uid, sizeof uid)) {
        memmove(world.uids[1], world.uids[0], sizeof world.uids - sizeof world.uids[0]);
        memcpy(world.uids[0], uid, sizeof uid);
    }
    find_between(text, " token='", "'", world.token, sizeof world.token);
    find_between(text, "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>", "<", line->challenge, sizeof line->challenge);
    find_between(text, "<challenge xmlns='urn:xmpp:sasl:2'>", "<", line->challenge, sizeof line->challenge);
    find_between(text, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>", "<", line->success, sizeof line->success);
    find_between(text, "<additional-data>", "<", line->success, sizeof line->success);
    note_h(connection->session, text, "<a xmlns='urn:xmpp:sm:3' h='");
    if (find_between(text, "<resumed xmlns='urn:xmpp:sm:3' previd='", "'", uid, sizeof uid))
        note_h(connection->session, strstr(text, "<resumed"), "' h='");
    free(text);
    if (line->is_stuck)
        connection->queued += (uint32_t)size;
}

static void close_line(struct connection *connection)
{
    line_of(connection)->is_closing = true;
}

static void pause_line(struct connection *connection)
{
    struct line *line = line_of(connection);
    line->is_paused = true;
    line->owes_drained |= connection->queued > 0;
}

static void resume_line(struct connection *connection)
{
    line_of(connection)->is_paused = false;
}

static void start_tls(struct connection *connection, struct text domain)
{
    (void)domain;
    connection->can_start_tls = false;
    line_of(connection)->is_encrypting = true;
}

static int bind_channel(struct connection *connection, enum channel_binding kind, unsigned char out[64])
{
    if (!connection->is_encrypted || kind != BINDING_TLS_EXPORTER)
        return -1;
    memcpy(out, BINDING, 32);
    return 32;
}

static int list_jids(struct connection *connection, struct arena *arena, struct text *out, int max)
{
    assert(max > 1);
    if (!line_of(connection)->has_certificate)
        return -1;
    out[0] = arena_text(arena, TEXT("a@one.example"));
    out[1] = arena_text(arena, TEXT("b@one.example"));
    return 2;
}

static const struct connection_ops line_ops = { .write = take_written,
                                                .close = close_line,
                                                .pause = pause_line,
                                                .resume = resume_line,
                                                .start_tls = start_tls,
                                                .channel_binding = bind_channel,
                                                .certificate_jids = list_jids };

void line_accept(void)
{
    unsigned kind = script_next(16);
    for (int i = 0; i < LINES_MAX; i++) {
        struct line *line = &world.lines[i];
        if (line->is_used)
            continue;
        *line = (struct line){ .is_used = true, .connection = { .ops = &line_ops, .peer = "192.0.2.1:1" } };
        line->connection.framing = kind & 8 ? FRAMING_WEBSOCKET : FRAMING_TCP;
        line->connection.is_encrypted = kind & 1;
        line->connection.can_start_tls = (kind & 2) && !(kind & 8);
        line->has_certificate = kind & 4;
        if (!sessions_connection_callbacks.on_accept(world.sessions, &line->connection))
            line->is_used = false;
        return;
    }
}

void line_end(struct line *line)
{
    sessions_connection_callbacks.on_closed(world.sessions, &line->connection, "over");
    assert(!line->connection.session);
    line->is_used = false;
}

/* A step later than they were told, so that something may come between. */
void line_end_those_that_close(void)
{
    for (int i = 0; i < LINES_MAX; i++) {
        struct line *line = &world.lines[i];
        if (line->is_used && line->was_closing)
            line_end(line);
        line->was_closing = line->is_used && line->is_closing;
    }
}

struct line *line_next(void)
{
    struct line *line = &world.lines[script_next(LINES_MAX)];
    return line->is_used ? line : NULL;
}

bool line_is_heard(const struct line *line)
{
    return line->is_used && !line->is_paused && !line->is_encrypting;
}

void line_drain(struct line *line)
{
    line->is_stuck = false;
    line->connection.queued = 0;
    if (!line->owes_drained)
        return;
    line->owes_drained = false;
    sessions_connection_callbacks.on_drained(world.sessions, &line->connection);
}

void line_encrypt(struct line *line)
{
    if (!line->is_encrypting || line->is_closing)
        return;
    line->is_encrypting = false;
    line->connection.is_encrypted = true;
    sessions_connection_callbacks.on_encrypted(world.sessions, &line->connection);
}
