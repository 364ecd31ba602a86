/* dialogue.c - plays the dialogues of this folder: clients send and get stanzas, channels see and say events.
 *
 *   set KEY=VALUE                        a setting, before anything else
 *   account JID PASSWORD
 *   client NAME JID [tcp|websocket]      connects and logs in (JID must have a resource); people take turns on the nodes
 *   guest NAME [tcp|websocket]           the same with ANONYMOUS
 *   raw NAME tcp|websocket               connects only
 *   listen CHANNEL                       a service's mailbox, an observer channel
 *   NAME: XML                            sends; indented lines that follow belong to it
 *   NAME gets: XML                       the next stanza must match (see match.h)
 *   NAME gets nothing
 *   NAME is closed                       the server has closed the connection
 *   NAME leaves                          the line goes dead
 *   CHANNEL says: JSON
 *   CHANNEL sees: JSON                   the next event must match
 *   CHANNEL sees nothing
 *   wait MILLISECONDS
 *   redis away | redis back | redis forgets
 *
 * Each dialogue is played with one node and with two, over TCP and over WebSocket, whole and one byte at a time. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "match.h"
#include "stanzabus/credential.h"
#include "world.h"

enum { PEOPLE_MAX = 64, CHANNELS_MAX = 16 };

struct variant {
    const char *name;
    unsigned nodes;
    enum stream_framing framing;
    bool one_byte_at_a_time;
};

static const struct variant variants[] = {
    { "one node, TCP", 1, FRAMING_TCP, false },
    { "one node, TCP, byte by byte", 1, FRAMING_TCP, true },
    { "one node, WebSocket", 1, FRAMING_WEBSOCKET, false },
    { "two nodes, TCP", 2, FRAMING_TCP, false },
    { "two nodes, WebSocket", 2, FRAMING_WEBSOCKET, false },
};

struct queued { /* a stanza, or an event, that nobody has looked at yet */
    struct queued *next;
    struct stanza *stanza;
    char *json;
};

struct queue {
    struct queued *first;
    struct queued **last;
};

struct play;
struct person {
    struct play *play;
    char name[32];
    struct wire *wire;
    enum stream_framing framing;
    struct stream *stream; /* reads what the server writes */
    struct queue got;
};

struct channel_ear {
    struct play *play;
    char name[256];
    struct queue seen;
};

struct play {
    const char *file;
    int line;
    const struct variant *variant;
    struct world *world;
    struct stream_pool *pool;
    struct stream_limits limits;
    const char *sets[WORLD_SETS_MAX];
    size_t set_count;
    char *kept[WORLD_SETS_MAX];
    struct person people[PEOPLE_MAX];
    unsigned person_count, next_node;
    struct channel_ear ears[CHANNELS_MAX];
    unsigned ear_count;
    FILE *events; /* FLOW_EVENTS: every event seen, a line each, for the schema check */
};

static void fail(const struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
static void fail(const struct play *play, const char *format, ...)
{
    va_list list;
    fprintf(stderr, "%s:%d (%s): ", play->file, play->line, play->variant->name);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

/* -- queues -- */

static struct queued *queue_add(struct queue *queue)
{
    struct queued *item = xcalloc(1, sizeof *item);
    if (!queue->first)
        queue->last = &queue->first;
    *queue->last = item;
    queue->last = &item->next;
    return item;
}

static struct queued *queue_take(struct queue *queue)
{
    struct queued *item = queue->first;
    if (item)
        queue->first = item->next;
    return item;
}

static void queued_free(struct queued *item)
{
    stanza_free(&item->stanza);
    free(item->json);
    free(item);
}

static void queue_clear(struct queue *queue)
{
    for (struct queued *item; (item = queue_take(queue));)
        queued_free(item);
}

/* -- what the server writes, read with the same parser -- */

static void on_open(void *ctx, const struct stream_header *header)
{
    (void)ctx;
    (void)header;
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct person *person = ctx;
    if (element_is(stanza->root, "success", XMLNS_SASL))
        stream_restart(person->stream);
    queue_add(&person->got)->stanza = stanza;
}

static void on_close(void *ctx)
{
    (void)ctx;
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    struct person *person = ctx;
    fail(person->play, "%s cannot read what the server wrote: %s (%s)", person->name, stream_condition_name(condition),
         text ? text : "");
}

static const struct stream_callbacks person_callbacks = { on_open, on_stanza, on_close, on_error };

static void hear(struct person *person)
{
    struct buffer *received = wire_received(person->wire), message = { 0 };
    if (received->size)
        stream_feed(person->stream, received->data, received->size);
    received->size = 0;
    while (wire_take_message(person->wire, &message))
        stream_feed(person->stream, message.data, message.size);
    buffer_fini(&message);
}

static void settle(struct play *play)
{
    world_settle(play->world);
    for (unsigned i = 0; i < play->person_count; i++)
        hear(&play->people[i]);
}

static void person_sends(struct person *person, struct text bytes)
{
    wire_send(person->wire, bytes, person->play->variant->one_byte_at_a_time);
    settle(person->play);
}

/* -- the pattern's XML, in the scope of a client stream -- */

struct pattern {
    struct stanza *stanza;
    const char *error;
};

static void pattern_on_stanza(void *ctx, struct stanza *stanza)
{
    struct pattern *pattern = ctx;
    stanza_free(&pattern->stanza);
    pattern->stanza = stanza;
}

static void pattern_on_close(void *ctx)
{
    (void)ctx;
}

static void pattern_on_error(void *ctx, enum stream_condition condition, const char *text)
{
    struct pattern *pattern = ctx;
    (void)condition;
    pattern->error = text ? text : "error";
}

static const struct stream_callbacks pattern_callbacks = { on_open, pattern_on_stanza, pattern_on_close, pattern_on_error };

static struct stanza *read_pattern(struct play *play, const char *xml)
{
    static const char header[] = "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM "' version='1.0'>";
    struct pattern pattern = { 0 };
    struct stream *stream = stream_new(play->pool, FRAMING_TCP, &play->limits, &pattern_callbacks, &pattern);
    stream_feed(stream, header, sizeof header - 1);
    stream_feed(stream, xml, strlen(xml));
    stream_free(&stream);
    if (!pattern.stanza)
        fail(play, "the pattern is not XML: %s", pattern.error ? pattern.error : xml);
    return pattern.stanza;
}

/* -- the words of a dialogue -- */

static void start(struct play *play)
{
    if (!play->world)
        play->world = world_new(play->variant->nodes, play->sets, play->set_count);
}

static struct person *find_person(struct play *play, const char *name)
{
    for (unsigned i = 0; i < play->person_count; i++)
        if (strcmp(play->people[i].name, name) == 0)
            return &play->people[i];
    return NULL;
}

static struct channel_ear *find_ear(struct play *play, const char *name)
{
    for (unsigned i = 0; i < play->ear_count; i++)
        if (strcmp(play->ears[i].name, name) == 0)
            return &play->ears[i];
    return NULL;
}

static enum stream_framing framing_of(struct play *play, const char *word)
{
    if (!*word)
        return play->variant->framing;
    if (strcmp(word, "tcp") == 0)
        return FRAMING_TCP;
    if (strcmp(word, "websocket") == 0)
        return FRAMING_WEBSOCKET;
    fail(play, "'%s': tcp or websocket", word);
}

static struct person *connect_person(struct play *play, const char *name, enum stream_framing framing)
{
    struct person *person = find_person(play, name);
    start(play);
    if (!person) {
        if (play->person_count == PEOPLE_MAX)
            fail(play, "too many people");
        person = &play->people[play->person_count++];
    }
    queue_clear(&person->got);
    stream_free(&person->stream);
    snprintf(person->name, sizeof person->name, "%s", name);
    person->play = play;
    person->framing = framing;
    person->wire = world_connect(play->world, play->next_node++, framing);
    person->stream = stream_new(play->pool, framing, &play->limits, &person_callbacks, person);
    settle(play);
    return person;
}

static void expect_next(struct person *person, const char *name, const char *xmlns)
{
    struct queued *item = queue_take(&person->got);
    if (!item)
        fail(person->play, "%s waits for <%s/>, and nothing came", person->name, name);
    if (!element_is(item->stanza->root, name, xmlns))
        fail(person->play, "%s waits for <%s/>, and got <%.*s/>", person->name, name, TEXT_ARGS(item->stanza->root->name));
    queued_free(item);
}

static void open_stream(struct person *person, const char *domain)
{
    struct buffer out = { 0 };
    if (person->framing == FRAMING_TCP)
        buffer_printf(&out, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='%s' to='%s' version='1.0'>",
                      XMLNS_STREAM, domain);
    else
        buffer_printf(&out, "<open xmlns='%s' to='%s' version='1.0'/>", XMLNS_FRAMING, domain);
    person_sends(person, buffer_text(&out));
    buffer_fini(&out);
    expect_next(person, "features", XMLNS_STREAM);
}

static void log_in(struct person *person, const char *mechanism, const char *initial, const char *domain, const char *resource)
{
    struct buffer out = { 0 };
    open_stream(person, domain);
    buffer_printf(&out, "<auth xmlns='%s' mechanism='%s'>%s</auth>", XMLNS_SASL, mechanism, initial);
    person_sends(person, buffer_text(&out));
    expect_next(person, "success", XMLNS_SASL);
    open_stream(person, domain);
    out.size = 0;
    buffer_printf(&out, "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='%s'>", XMLNS_BIND);
    if (*resource)
        buffer_printf(&out, "<resource>%s</resource>", resource);
    buffer_printf(&out, "</bind></iq>");
    person_sends(person, buffer_text(&out));
    buffer_fini(&out);
    expect_next(person, "iq", XMLNS_CLIENT);
}

/* The password of every account is its localpart's own word, kept in the sets of accounts by JID. */
static void do_client(struct play *play, char *arguments)
{
    char name[32], address[512], framing[16] = "", plain[256], encoded[512];
    if (sscanf(arguments, "%31s %511s %15s", name, address, framing) < 2)
        fail(play, "client NAME JID [tcp|websocket]");
    char *at = strchr(address, '@'), *slash = at ? strchr(at, '/') : NULL;
    if (!slash)
        fail(play, "'%s': a full JID is wanted", address);
    *at = *slash = '\0';
    int size = snprintf(plain, sizeof plain, "%c%s%csecret", 0, address, 0);
    credential_base64(encoded, sizeof encoded, plain, (size_t)size);
    log_in(connect_person(play, name, framing_of(play, framing)), "PLAIN", encoded, at + 1, slash + 1);
}

static void do_guest(struct play *play, char *arguments)
{
    char name[32], framing[16] = "";
    if (sscanf(arguments, "%31s %15s", name, framing) < 1)
        fail(play, "guest NAME [tcp|websocket]");
    start(play);
    struct text domain = world_config(play->world)->auth_anonymous_domain;
    char *copy = text_dup(domain);
    log_in(connect_person(play, name, framing_of(play, framing)), "ANONYMOUS", "=", copy, "");
    free(copy);
}

static void do_raw(struct play *play, char *arguments)
{
    char name[32], framing[16] = "";
    if (sscanf(arguments, "%31s %15s", name, framing) < 1)
        fail(play, "raw NAME tcp|websocket");
    connect_person(play, name, framing_of(play, framing));
}

static void do_account(struct play *play, char *arguments)
{
    char address[512], password[256];
    struct account account = { 0 };
    if (sscanf(arguments, "%511s %255s", address, password) != 2)
        fail(play, "account JID PASSWORD");
    if (strcmp(password, "secret") != 0)
        fail(play, "the password of every account in a dialogue is 'secret'");
    start(play);
    credential_derive(&account, text_of(password), 4096);
    tables_add_account(world_tables(play->world), text_of(address), &account);
}

static void do_set(struct play *play, char *arguments)
{
    if (play->world)
        fail(play, "set comes before everything else");
    if (play->set_count == WORLD_SETS_MAX)
        fail(play, "too many settings");
    play->kept[play->set_count] = xstrdup(arguments);
    play->sets[play->set_count] = play->kept[play->set_count];
    play->set_count++;
}

static void on_event(void *ctx, struct text channel, struct text payload)
{
    struct channel_ear *ear = ctx;
    (void)channel;
    if (ear->play->events)
        fprintf(ear->play->events, "%.*s\n", TEXT_ARGS(payload));
    queue_add(&ear->seen)->json = text_dup(payload);
}

static void do_listen(struct play *play, char *arguments)
{
    start(play);
    if (play->ear_count == CHANNELS_MAX)
        fail(play, "too many channels");
    struct channel_ear *ear = &play->ears[play->ear_count++];
    ear->play = play;
    snprintf(ear->name, sizeof ear->name, "%s", arguments);
    exchange_listen(world_exchange(play->world), text_of(ear->name), on_event, ear);
}

static void do_wait(struct play *play, char *arguments)
{
    start(play);
    world_pass(play->world, strtol(arguments, NULL, 10));
    settle(play);
}

static void do_redis(struct play *play, char *arguments)
{
    start(play);
    if (strcmp(arguments, "away") == 0)
        exchange_set_away(world_exchange(play->world), true);
    else if (strcmp(arguments, "back") == 0)
        exchange_set_away(world_exchange(play->world), false);
    else if (strcmp(arguments, "forgets") == 0)
        tables_forget(world_tables(play->world));
    else
        fail(play, "redis away | back | forgets");
    settle(play);
}

static const struct {
    const char *word;
    void (*run)(struct play *play, char *arguments);
} commands[] = {
    { "set", do_set },       { "account", do_account }, { "client", do_client }, { "guest", do_guest },
    { "raw", do_raw },       { "listen", do_listen },   { "wait", do_wait },     { "redis", do_redis },
};

/* -- NAME ... and CHANNEL ... -- */

static void gets(struct person *person, const char *xml)
{
    struct play *play = person->play;
    struct stanza *pattern = read_pattern(play, xml);
    struct queued *item = queue_take(&person->got);
    struct buffer actual = { 0 };
    if (!item)
        fail(play, "%s gets nothing, expected: %s", person->name, xml);
    element_write(&actual, item->stanza->root, SCOPE_STREAM);
    if (!match_element(pattern->root, item->stanza->root))
        fail(play, "%s gets: %.*s\n  expected: %s", person->name, TEXT_ARGS(buffer_text(&actual)), xml);
    buffer_fini(&actual);
    stanza_free(&pattern);
    queued_free(item);
}

static void gets_nothing(struct person *person)
{
    struct buffer actual = { 0 };
    if (!person->got.first)
        return;
    element_write(&actual, person->got.first->stanza->root, SCOPE_STREAM);
    fail(person->play, "%s should get nothing, got: %.*s", person->name, TEXT_ARGS(buffer_text(&actual)));
}

/* On WebSocket each message says its own namespace; dialogues leave it out. */
static void says(struct person *person, const char *xml)
{
    static const char *const stanzas[] = { "<message", "<presence", "<iq" };
    struct buffer out = { 0 };
    for (size_t i = 0; person->framing == FRAMING_WEBSOCKET && i < 3; i++) {
        size_t size = strlen(stanzas[i]);
        if (strncmp(xml, stanzas[i], size) == 0 && strchr(" >/", xml[size]) && !strstr(xml, "xmlns='jabber:client'")) {
            buffer_printf(&out, "%s xmlns='jabber:client'%s", stanzas[i], xml + size);
            person_sends(person, buffer_text(&out));
            buffer_fini(&out);
            return;
        }
    }
    person_sends(person, text_of(xml));
}

static void person_line(struct person *person, const char *rest)
{
    struct play *play = person->play;
    if (strncmp(rest, ": ", 2) == 0)
        says(person, rest + 2);
    else if (strncmp(rest, " gets: ", 7) == 0)
        gets(person, rest + 7);
    else if (strcmp(rest, " gets nothing") == 0)
        gets_nothing(person);
    else if (strcmp(rest, " leaves") == 0)
        wire_drop(person->wire), settle(play);
    else if (strcmp(rest, " is closed") == 0) {
        if (!wire_is_closed(person->wire))
            fail(play, "%s should be closed", person->name);
    } else
        fail(play, "what does %s%s mean?", person->name, rest);
}

static void sees(struct channel_ear *ear, const char *json)
{
    struct queued *item = queue_take(&ear->seen);
    const char *why;
    if (!item)
        fail(ear->play, "%s sees nothing, expected: %s", ear->name, json);
    if (!match_json(json, text_of(item->json), &why))
        fail(ear->play, "%s sees (%s): %s\n  expected: %s", ear->name, why, item->json, json);
    queued_free(item);
}

static void channel_line(struct play *play, const char *name, const char *rest)
{
    struct channel_ear *ear = find_ear(play, name);
    if (strncmp(rest, " says: ", 7) == 0) {
        start(play);
        if (exchange_publish(world_exchange(play->world), text_of(name), text_of(rest + 7)) == 0)
            fail(play, "nobody listens on %s", name);
        settle(play);
    } else if (!ear) {
        fail(play, "'%s' is no person, and no channel that is listened to", name);
    } else if (strncmp(rest, " sees: ", 7) == 0) {
        sees(ear, rest + 7);
    } else if (strcmp(rest, " sees nothing") == 0) {
        if (ear->seen.first)
            fail(play, "%s should see nothing, saw: %s", name, ear->seen.first->json);
    } else {
        fail(play, "what does %s%s mean?", name, rest);
    }
}

static void play_line(struct play *play, char *line)
{
    char name[256];
    size_t size = strcspn(line, " ");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].word) == size && strncmp(line, commands[i].word, size) == 0) {
            commands[i].run(play, line + size + strspn(line + size, " "));
            return;
        }
    if (size && line[size - 1] == ':')
        size--; /* NAME: */
    snprintf(name, sizeof name, "%.*s", (int)size, line);
    struct person *person = find_person(play, name);
    if (person)
        person_line(person, line + size);
    else
        channel_line(play, name, line + size);
}

/* A line, and the indented lines that follow it, joined without the indentation. */
static bool read_line(FILE *file, struct play *play, struct buffer *line)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t size;
    line->size = 0;
    while ((size = getline(&text, &room, file)) > 0) {
        play->line++;
        while (size && (text[size - 1] == '\n' || text[size - 1] == ' '))
            size--;
        if (size == 0 || text[0] == '#')
            continue;
        buffer_append(line, text, (size_t)size);
        int next = fgetc(file);
        while (next == ' ') {
            size = getline(&text, &room, file);
            play->line++;
            while (size && (text[size - 1] == '\n' || text[size - 1] == ' '))
                size--;
            size_t indent = strspn(text, " ");
            buffer_append(line, text + indent, (size_t)size - indent);
            next = fgetc(file);
        }
        if (next != EOF)
            ungetc(next, file);
        break;
    }
    free(text);
    buffer_append_char(line, '\0');
    return line->size > 1;
}

static void play_end(struct play *play)
{
    world_free(&play->world);
    for (unsigned i = 0; i < play->person_count; i++) {
        queue_clear(&play->people[i].got);
        stream_free(&play->people[i].stream);
    }
    for (unsigned i = 0; i < play->ear_count; i++)
        queue_clear(&play->ears[i].seen);
    for (size_t i = 0; i < play->set_count; i++)
        free(play->kept[i]);
    stream_pool_free(&play->pool);
    if (play->events)
        fclose(play->events);
}

static void play_file(const char *path, const struct variant *variant)
{
    struct play play = { .file = path, .variant = variant, .limits = { 1 << 20, 200, 200 } };
    struct buffer line = { 0 };
    FILE *file = fopen(path, "r");
    const char *events = getenv("FLOW_EVENTS");

    if (!file) {
        perror(path);
        exit(1);
    }
    play.pool = stream_pool_new();
    play.sets[play.set_count] = play.kept[play.set_count] = xstrdup("auth.allow_plaintext=on");
    play.set_count++;
    if (events)
        play.events = fopen(events, "a");
    while (read_line(file, &play, &line))
        play_line(&play, line.data);
    fclose(file);
    buffer_fini(&line);
    play_end(&play);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: dialogue FILE\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
        play_file(argv[1], &variants[i]);
    printf("%s: fine in %zu variants\n", argv[1], sizeof variants / sizeof variants[0]);
    return 0;
}
