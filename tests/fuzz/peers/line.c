/* line.c - connections: the id of what we write to them is noted, and they end when told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/peers/world.h"

static struct line *line_of(struct connection *connection)
{
    return (struct line *)connection;
}

static void take_written(struct connection *connection, const char *data, size_t size)
{
    struct line *line = line_of(connection);
    char *text = text_dup((struct text){ data, size }), *id = strstr(text, "<stream:stream") ? strstr(text, " id='") : NULL;
    if (id) {
        id += 5;
        snprintf(line->id, sizeof line->id, "%.*s", (int)strcspn(id, "'"), id);
    }
    free(text);
}

static void close_line(struct connection *connection)
{
    line_of(connection)->is_closing = true;
}

static void change_nothing(struct connection *connection)
{
    (void)connection;
}

static void start_tls(struct connection *connection, struct text domain)
{
    (void)domain;
    connection->can_start_tls = false;
}

static const char *find_fault(struct connection *connection, const char *domain)
{
    const char *proved = line_of(connection)->proved;
    return proved && strcmp(proved, domain) == 0 ? NULL : "another name";
}

static const struct connection_ops line_ops = { .write = take_written,
                                                .close = close_line,
                                                .pause = change_nothing,
                                                .resume = change_nothing,
                                                .start_tls = start_tls,
                                                .peer_fault = find_fault };

struct line *line_make(bool is_server)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct line *line = &world.lines[i];
        if (line->is_used)
            continue;
        *line = (struct line){ .is_used = true, .is_server = is_server, .connection = { .ops = &line_ops, .framing = FRAMING_TCP } };
        unsigned kind = script_next(4);
        line->connection.is_encrypted = is_server && kind == 1;
        line->connection.can_start_tls = is_server && kind > 1;
        line->proved = kind & 1 ? world_next_domain() : NULL;
        return line;
    }
    return NULL;
}

const struct connection_callbacks *line_callbacks(const struct line *line)
{
    return line->is_server ? &peers_server_callbacks : &peers_component_callbacks;
}

void line_end(struct line *line)
{
    if (line->connection.session)
        line_callbacks(line)->on_closed(world.peers, &line->connection, "over");
    line->is_used = false;
}

void line_end_those_that_close(void)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (world.lines[i].is_used && world.lines[i].is_closing)
            line_end(&world.lines[i]);
}

struct line *line_next(void)
{
    struct line *line = &world.lines[script_next(CONNECTIONS_MAX)];
    return line->is_used && line->connection.session ? line : NULL;
}

void line_encrypt(void)
{
    struct line *line = line_next();
    if (!line || line->connection.is_encrypted)
        return;
    line->connection.is_encrypted = true;
    line->proved = world_next_domain();
    line_callbacks(line)->on_encrypted(world.peers, &line->connection);
}

void line_accept(bool is_server)
{
    struct line *line = line_make(is_server);
    if (line && !line_callbacks(line)->on_accept(world.peers, &line->connection))
        line->is_used = false;
}

void line_fill_or_drain(void)
{
    static const uint32_t sizes[] = { 0, 1100 * 1024, 2048 * 1024, 3000 * 1024 };
    struct line *line = line_next();
    if (!line)
        return;
    line->connection.queued = sizes[script_next(4)];
    if (line->connection.queued == 0)
        line_callbacks(line)->on_drained(world.peers, &line->connection);
}
