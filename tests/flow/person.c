/* person.c - a client: what it sends, and whether what it gets is what the dialogue says.  The server's bytes are read with
 * the server's own parser, and so are the patterns. */
#include <openssl/sha.h>

#include "play.h"

/* -- what the server writes -- */

static void ignore_open(void *ctx, const struct stream_header *header)
{
    (void)ctx;
    (void)header;
}

static void ignore_close(void *ctx)
{
    (void)ctx;
}

static void on_stanza(void *ctx, struct stanza *stanza)
{
    struct person *person = ctx;
    if (element_is(stanza->root, "success", XMLNS_SASL))
        stream_restart(person->stream);
    if (person->ignores_presence && stanza->kind == STANZA_PRESENCE)
        stanza_free(&stanza);
    else
        queue_add(&person->got)->stanza = stanza;
}

static void on_error(void *ctx, enum stream_condition condition, const char *text)
{
    struct person *person = ctx;
    fail(person->play, "%s cannot read what the server wrote: %s (%s)", person->name, stream_condition_name(condition),
         text ? text : "");
}

static void on_open(void *ctx, const struct stream_header *header)
{
    struct person *person = ctx;
    snprintf(person->stream_id, sizeof person->stream_id, "%.*s", TEXT_ARGS(header->id));
}

static const struct stream_callbacks person_callbacks = { on_open, on_stanza, ignore_close, on_error };

void person_hear(struct person *person)
{
    struct buffer *received = wire_received(person->wire), message = { 0 };
    if (received->size)
        stream_feed(person->stream, received->data, received->size);
    received->size = 0;
    while (wire_take_message(person->wire, &message))
        stream_feed(person->stream, message.data, message.size);
    buffer_fini(&message);
}

/* -- connecting, logging in -- */

static struct person *new_person(struct play *play)
{
    if (play->person_count == PEOPLE_MAX)
        fail(play, "too many people");
    return &play->people[play->person_count++];
}

static struct person *person_named(struct play *play, const char *name, enum stream_framing framing)
{
    struct person *person = NULL;
    for (unsigned i = 0; i < play->person_count; i++)
        if (strcmp(play->people[i].name, name) == 0)
            person = &play->people[i];
    if (!person)
        person = new_person(play);
    queue_clear(&person->got);
    stream_free(&person->stream);
    snprintf(person->name, sizeof person->name, "%s", name);
    person->play = play;
    person->framing = framing;
    person->stream = stream_new(play->pool, framing, &play->limits, &person_callbacks, person);
    return person;
}

static unsigned choose_node(struct play *play, int node)
{
    return node >= 0 ? (unsigned)node : play->next_node++;
}

struct person *person_connect(struct play *play, const char *name, enum stream_framing framing, int node)
{
    struct person *person = person_named(play, name, framing);
    person->wire = world_connect(play->world, choose_node(play, node), framing);
    settle(play);
    return person;
}

static void send_bytes(struct person *person, struct text bytes)
{
    wire_send(person->wire, bytes, person->play->variant->one_byte_at_a_time);
    settle(person->play);
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
    send_bytes(person, buffer_text(&out));
    buffer_fini(&out);
    expect_next(person, "features", XMLNS_STREAM);
}

void person_log_in(struct person *person, const char *mechanism, const char *initial, const char *domain, const char *resource)
{
    struct buffer out = { 0 };
    open_stream(person, domain);
    buffer_printf(&out, "<auth xmlns='%s' mechanism='%s'>%s</auth>", XMLNS_SASL, mechanism, initial);
    send_bytes(person, buffer_text(&out));
    expect_next(person, "success", XMLNS_SASL);
    open_stream(person, domain);
    out.size = 0;
    if (!resource) {
        buffer_fini(&out);
        return;
    }
    buffer_printf(&out, "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='%s'>", XMLNS_BIND);
    if (*resource)
        buffer_printf(&out, "<resource>%s</resource>", resource);
    buffer_printf(&out, "</bind></iq>");
    send_bytes(person, buffer_text(&out));
    buffer_fini(&out);
    expect_next(person, "iq", XMLNS_CLIENT);
}

void person_connect_component(struct play *play, const char *name, const char *domain, int node)
{
    struct person *person = person_named(play, name, FRAMING_TCP);
    unsigned char digest[SHA_DIGEST_LENGTH];
    struct buffer out = { 0 };
    stream_set_content(person->stream, TEXT(XMLNS_COMPONENT));
    person->wire = world_connect_component(play->world, choose_node(play, node));
    buffer_printf(&out, "<stream:stream xmlns='" XMLNS_COMPONENT "' xmlns:stream='" XMLNS_STREAM "' to='%s'>", domain);
    send_bytes(person, buffer_text(&out));
    out.size = 0;
    buffer_printf(&out, "%ssecret", person->stream_id);
    SHA1((const unsigned char *)out.data, out.size, digest);
    out.size = 0;
    buffer_append_text(&out, TEXT("<handshake>"));
    for (size_t i = 0; i < sizeof digest; i++)
        buffer_printf(&out, "%02x", digest[i]);
    buffer_append_text(&out, TEXT("</handshake>"));
    send_bytes(person, buffer_text(&out));
    buffer_fini(&out);
    expect_next(person, "handshake", XMLNS_CLIENT);
}

/* On WebSocket each message says its own namespace; dialogues leave it out. */
void person_says(struct person *person, const char *xml)
{
    static const char *const stanzas[] = { "<message", "<presence", "<iq" };
    struct buffer out = { 0 };
    for (size_t i = 0; person->framing == FRAMING_WEBSOCKET && i < 3; i++) {
        size_t size = strlen(stanzas[i]);
        if (strncmp(xml, stanzas[i], size) == 0 && strchr(" >/", xml[size]) && !strstr(xml, "xmlns='jabber:client'")) {
            buffer_printf(&out, "%s xmlns='jabber:client'%s", stanzas[i], xml + size);
            send_bytes(person, buffer_text(&out));
            buffer_fini(&out);
            return;
        }
    }
    send_bytes(person, text_of(xml));
}

/* -- patterns, in the scope of a client stream -- */

struct patterns {
    struct queue stanzas;
    const char *error;
};

static void pattern_on_stanza(void *ctx, struct stanza *stanza)
{
    queue_add(&((struct patterns *)ctx)->stanzas)->stanza = stanza;
}

static void pattern_on_error(void *ctx, enum stream_condition condition, const char *text)
{
    (void)condition;
    ((struct patterns *)ctx)->error = text ? text : "error";
}

static const struct stream_callbacks pattern_callbacks = { ignore_open, pattern_on_stanza, ignore_close, pattern_on_error };

static struct queue read_patterns(struct play *play, const char *xml)
{
    static const char header[] = "<stream:stream xmlns='jabber:client' xmlns:stream='" XMLNS_STREAM "' version='1.0'>";
    struct patterns patterns = { 0 };
    struct stream *stream = stream_new(play->pool, FRAMING_TCP, &play->limits, &pattern_callbacks, &patterns);
    stream_feed(stream, header, sizeof header - 1);
    stream_feed(stream, xml, strlen(xml));
    stream_free(&stream);
    if (patterns.error || !patterns.stanzas.first)
        fail(play, "the pattern is not XML: %s", patterns.error ? patterns.error : xml);
    return patterns.stanzas;
}

static void write_stanza(struct buffer *out, const struct stanza *stanza)
{
    buffer_append_char(out, '\n');
    buffer_append_char(out, ' ');
    element_write(out, stanza->root, SCOPE_STREAM);
}

static void fail_gets(struct person *person, const struct stanza *first, const char *xml)
{
    struct buffer actual = { 0 };
    if (first)
        write_stanza(&actual, first);
    for (const struct queued *item = person->got.first; item; item = item->next)
        write_stanza(&actual, item->stanza);
    fail(person->play, "%s gets:%.*s\n expected:\n %s", person->name, TEXT_ARGS(buffer_text(&actual)), xml);
}

void person_gets(struct person *person, const char *xml)
{
    struct queue patterns = read_patterns(person->play, xml);
    for (struct queued *pattern; (pattern = queue_take(&patterns));) {
        struct queued *item = queue_take(&person->got);
        if (!item)
            fail(person->play, "%s gets nothing, expected: %s", person->name, xml);
        if (!match_element(&person->play->captures, pattern->stanza->root, item->stanza->root))
            fail_gets(person, item->stanza, xml);
        queued_free(pattern);
        queued_free(item);
    }
}

/* Takes the first of what came that matches. */
static struct queued *take_match(struct person *person, const struct stanza *pattern)
{
    for (struct queued **link = &person->got.first; *link; link = &(*link)->next) {
        struct queued *item = *link;
        if (!match_element(&person->play->captures, pattern->root, item->stanza->root))
            continue;
        *link = item->next;
        if (!item->next)
            person->got.last = link;
        return item;
    }
    return NULL;
}

void person_gets_unordered(struct person *person, const char *xml)
{
    struct queue patterns = read_patterns(person->play, xml);
    for (struct queued *pattern; (pattern = queue_take(&patterns));) {
        struct queued *item = take_match(person, pattern->stanza);
        if (!item)
            fail_gets(person, NULL, xml);
        queued_free(pattern);
        queued_free(item);
    }
}

void person_gets_nothing(struct person *person)
{
    if (person->got.first)
        fail_gets(person, NULL, "nothing");
}
