/* dialogue.c - plays the dialogues of this folder: clients send and get stanzas, channels see and say events.
 *
 *   set KEY=VALUE                        a setting, before anything else
 *   account JID PASSWORD
 *   client NAME JID [tcp|websocket] [N]  connects and logs in (JID must have a resource); people take turns on the nodes,
 *                                        or are at the node N
 *   guest NAME [tcp|websocket] [N]       the same with ANONYMOUS
 *   raw NAME [tcp|websocket] [N]         connects only
 *   component NAME DOMAIN [N]            the same as a component (XEP-0114), whose secret is 'secret'; it speaks as any other server
 *                                        would, for what is said to both goes the same way
 *   listen CHANNEL                       a service's mailbox, an observer channel
 *   NAME: XML                            sends; indented lines that follow belong to it
 *   NAME gets: XML                       the next stanza must match (see match.h); of several, each in this order
 *   NAME gets unordered: XML             several stanzas, among those that came, in any order
 *   NAME gets nothing
 *   NAME is closed                       the server has closed the connection
 *   NAME leaves                          the line goes dead
 *   NAME ignores presence                what it gets of that from here on is not looked at
 *   CHANNEL says: JSON
 *   CHANNEL sees: JSON                   the next event must match
 *   CHANNEL sees nothing
 *   wait MILLISECONDS                    the core's time goes by; Redis' own does not
 *   redis away | redis back | redis forgets    killed and given up; started again with its data; loses all but the accounts
 *   redis: COMMAND = TEXT                what Redis answers, as redis-cli would print it, members of a list with a space
 *                                        between; {name} takes it
 *
 * A value {name} in what is got, seen or answered is taken there, and stands for it in all lines after: id='{id}'.
 *
 * Each dialogue is played with one node and with two, over TCP and over WebSocket, whole and one byte at a time; on a
 * redis-server of its own, which is empty at the start. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

#include "play.h"
#include "redis_server.h"
#include "stanzabus/credential.h"

static const struct variant variants[] = {
    { "one node, TCP", 1, FRAMING_TCP, false },
    { "one node, TCP, byte by byte", 1, FRAMING_TCP, true },
    { "one node, WebSocket", 1, FRAMING_WEBSOCKET, false },
    { "two nodes, TCP", 2, FRAMING_TCP, false },
    { "two nodes, WebSocket", 2, FRAMING_WEBSOCKET, false },
};

void fail(const struct play *play, const char *format, ...)
{
    va_list list;
    fprintf(stderr, "%s:%d (%s): ", play->file, play->line, play->variant->name);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

void settle(struct play *play)
{
    world_settle(play->world);
    for (unsigned i = 0; i < play->person_count; i++)
        if (play->people[i].stream)
            person_hear(&play->people[i]);
}

/* -- channels -- */

static struct channel_ear *find_ear(struct play *play, struct text name)
{
    for (unsigned i = 0; i < play->ear_count; i++)
        if (text_is(name, play->ears[i].name))
            return &play->ears[i];
    return NULL;
}

static void on_event(void *ctx, struct text channel, struct text payload)
{
    struct play *play = ctx;
    struct channel_ear *ear = find_ear(play, channel);
    if (play->events && payload.size && payload.data[0] == '{') /* not the lines between nodes */
        fprintf(play->events, "%.*s\n", TEXT_ARGS(payload));
    if (ear)
        queue_add(&ear->seen)->json = text_dup(payload);
}

/* -- the words of a dialogue -- */

static void start(struct play *play)
{
    if (!play->world)
        play->world = world_new(play->variant->nodes, play->sets, play->set_count, on_event, play);
}

static struct person *find_person(struct play *play, const char *name)
{
    for (unsigned i = 0; i < play->person_count; i++)
        if (strcmp(play->people[i].name, name) == 0)
            return &play->people[i];
    return NULL;
}

/* [tcp|websocket] [N] */
static struct person *connect_as(struct play *play, const char *name, const char *first, const char *second)
{
    enum stream_framing framing = play->variant->framing;
    const char *node = isdigit((unsigned char)*first) ? first : second;
    start(play);
    if (strcmp(first, "tcp") == 0)
        framing = FRAMING_TCP;
    else if (strcmp(first, "websocket") == 0)
        framing = FRAMING_WEBSOCKET;
    else if (*first && node != first)
        fail(play, "'%s': tcp or websocket", first);
    return person_connect(play, name, framing, *node ? atoi(node) : -1);
}

/* The password of every account is its localpart's own word, kept in the sets of accounts by JID.  A bare JID: nothing is
 * bound. */
static void log_in(struct play *play, char *arguments, bool is_bound)
{
    char name[32], address[512], first[16] = "", second[16] = "", plain[256], encoded[512];
    if (sscanf(arguments, "%31s %511s %15s %15s", name, address, first, second) < 2)
        fail(play, "client NAME JID [tcp|websocket] [N]");
    char *at = strchr(address, '@'), *slash = at ? strchr(at, '/') : NULL;
    if (!at || (slash != NULL) != is_bound)
        fail(play, "'%s': a %s JID is wanted", address, is_bound ? "full" : "bare");
    *at = '\0';
    if (slash)
        *slash = '\0';
    int size = snprintf(plain, sizeof plain, "%c%s%csecret", 0, address, 0);
    credential_base64(encoded, sizeof encoded, plain, (size_t)size);
    person_log_in(connect_as(play, name, first, second), "PLAIN", encoded, at + 1, slash ? slash + 1 : NULL);
}

static void do_client(struct play *play, char *arguments)
{
    log_in(play, arguments, true);
}

static void do_login(struct play *play, char *arguments)
{
    log_in(play, arguments, false);
}

static void do_guest(struct play *play, char *arguments)
{
    char name[32], first[16] = "", second[16] = "";
    if (sscanf(arguments, "%31s %15s %15s", name, first, second) < 1)
        fail(play, "guest NAME [tcp|websocket] [N]");
    struct person *person = connect_as(play, name, first, second);
    char *domain = text_dup(world_config(play->world)->auth_anonymous_domain);
    person_log_in(person, "ANONYMOUS", "=", domain, "");
    free(domain);
}

static void do_raw(struct play *play, char *arguments)
{
    char name[32], first[16] = "", second[16] = "";
    if (sscanf(arguments, "%31s %15s %15s", name, first, second) < 1)
        fail(play, "raw NAME [tcp|websocket] [N]");
    connect_as(play, name, first, second);
}

static void do_component(struct play *play, char *arguments)
{
    char name[32], domain[256], node[16] = "";
    if (sscanf(arguments, "%31s %255s %15s", name, domain, node) < 2)
        fail(play, "component NAME DOMAIN [N]");
    start(play);
    person_connect_component(play, name, domain, *node ? atoi(node) : -1);
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
    world_add_account(play->world, text_of(address), &account);
}

static void add_set(struct play *play, const char *set)
{
    if (play->set_count == WORLD_SETS_MAX)
        fail(play, "too many settings");
    play->kept[play->set_count] = xstrdup(set);
    play->sets[play->set_count] = play->kept[play->set_count];
    play->set_count++;
}

static void do_set(struct play *play, char *arguments)
{
    if (play->world)
        fail(play, "set comes before everything else");
    add_set(play, arguments);
}

static void do_listen(struct play *play, char *arguments)
{
    start(play);
    if (play->ear_count == CHANNELS_MAX)
        fail(play, "too many channels");
    struct channel_ear *ear = &play->ears[play->ear_count++];
    snprintf(ear->name, sizeof ear->name, "%s", arguments);
    world_listen(play->world, text_of(ear->name));
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
        world_lose_redis(play->world);
    else if (strcmp(arguments, "back") == 0)
        world_regain_redis(play->world);
    else if (strcmp(arguments, "forgets") == 0)
        redis_server_forget();
    else
        fail(play, "redis away | back | forgets");
    settle(play);
}

static void do_ask_redis(struct play *play, char *arguments)
{
    struct buffer answer = { 0 };
    char *end = NULL;
    for (char *next = strstr(arguments, " = "); next; next = strstr(next + 1, " = "))
        end = next;
    if (!end)
        fail(play, "redis: COMMAND = TEXT");
    *end = '\0';
    start(play);
    redis_server_ask(arguments, &answer);
    if (!captures_match(&play->captures, text_of(end + 3), buffer_text(&answer)))
        fail(play, "%s: %.*s\n expected: %s", arguments, TEXT_ARGS(buffer_text(&answer)), end + 3);
    buffer_fini(&answer);
}

static const struct {
    const char *word;
    void (*run)(struct play *play, char *arguments);
} commands[] = {
    { "set", do_set },   { "account", do_account }, { "client", do_client }, { "login", do_login }, { "guest", do_guest },      { "raw", do_raw },
    { "component", do_component },
    { "listen", do_listen }, { "wait", do_wait },   { "redis", do_redis },   { "redis:", do_ask_redis },
};

/* -- NAME ... and CHANNEL ... -- */

static void drop_line(struct person *person)
{
    wire_drop(person->wire);
    settle(person->play);
}

static void close_stream(struct person *person)
{
    person_says(person, person->framing == FRAMING_TCP ? "</stream:stream>" : "<close xmlns='" XMLNS_FRAMING "'/>");
}

static void read_only(struct person *person, const char *count)
{
    wire_stop_reading(person->wire, (unsigned)strtoul(count, NULL, 10));
}

static void ignore_presence(struct person *person)
{
    person->ignores_presence = true;
}

static void must_be_closed(struct person *person)
{
    if (!wire_is_closed(person->wire))
        fail(person->play, "%s should be closed", person->name);
}

static const struct {
    const char *words; /* behind the name */
    void (*with_xml)(struct person *person, const char *xml);
    void (*alone)(struct person *person);
} doings[] = {
    { ": ", person_says, NULL },
    { " gets: ", person_gets, NULL },
    { " gets unordered: ", person_gets_unordered, NULL },
    { " reads only: ", read_only, NULL },
    { " gets nothing", NULL, person_gets_nothing },
    { " leaves", NULL, drop_line },
    { " closes", NULL, close_stream },
    { " ignores presence", NULL, ignore_presence },
    { " is closed", NULL, must_be_closed },
};

static void person_line(struct person *person, const char *rest)
{
    for (size_t i = 0; i < sizeof doings / sizeof *doings; i++) {
        size_t size = strlen(doings[i].words);
        if (doings[i].with_xml && strncmp(rest, doings[i].words, size) == 0) {
            struct buffer xml = { 0 };
            captures_expand(&person->play->captures, rest + size, true, &xml);
            doings[i].with_xml(person, xml.data);
            buffer_fini(&xml);
            return;
        }
        if (doings[i].alone && strcmp(rest, doings[i].words) == 0) {
            doings[i].alone(person);
            return;
        }
    }
    fail(person->play, "what does %s%s mean?", person->name, rest);
}

static void sees(struct play *play, struct channel_ear *ear, const char *json)
{
    struct queued *item = queue_take(&ear->seen);
    const char *why;
    if (!item)
        fail(play, "%s sees nothing, expected: %s", ear->name, json);
    if (!match_json(&play->captures, json, text_of(item->json), &why))
        fail(play, "%s sees (%s): %s\n  expected: %s", ear->name, why, item->json, json);
    queued_free(item);
}

static void channel_line(struct play *play, const char *name, const char *rest)
{
    struct channel_ear *ear = find_ear(play, text_of(name));
    if (strncmp(rest, " says: ", 7) == 0) {
        start(play);
        if (world_say(play->world, text_of(name), text_of(rest + 7)) <= 0)
            fail(play, "nobody listens on %s", name);
        settle(play);
    } else if (!ear) {
        fail(play, "'%s' is no person, and no channel that is listened to", name);
    } else if (strncmp(rest, " sees: ", 7) == 0) {
        sees(play, ear, rest + 7);
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
    snprintf(name, sizeof name, "%.*s", (int)size - (size && line[size - 1] == ':'), line);
    struct person *person = find_person(play, name);
    if (person) {
        person_line(person, line + strlen(name));
        return;
    }
    struct buffer expanded = { 0 };
    captures_expand(&play->captures, line, false, &expanded);
    line = expanded.data;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].word) == size && strncmp(line, commands[i].word, size) == 0) {
            commands[i].run(play, line + size + strspn(line + size, " "));
            buffer_fini(&expanded);
            return;
        }
    size = strcspn(line, " ");
    snprintf(name, sizeof name, "%.*s", (int)size, line);
    channel_line(play, name, line + size);
    buffer_fini(&expanded);
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
    captures_truncate(&play->captures, 0);
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
    add_set(&play, "auth.allow_plaintext=on");
    add_set(&play, "redis.wait=200ms");
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
