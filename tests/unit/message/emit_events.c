/* emit_events.c - prints events as JSON lines, for checks in other languages: every stanza of the corpus, with and
 * without its formatting, generated ones, and the events that are no stanzas. */
#include <stdio.h>

#include "compare.h"
#include "nasty.h"
#include "stanzabus/message.h"
#include "xml_load.h"

enum { GENERATED = 500 };

struct emitting {
    struct event_ids ids;
    struct buffer line;
    char id[EVENT_ID_SIZE];
};

static struct event_head next_head(struct emitting *e, struct text from, struct text to)
{
    static const int64_t start = INT64_C(1795358400123);
    event_id_next(&e->ids, start, e->id);
    return (struct event_head){ .id = { e->id, EVENT_ID_SIZE },
                                .wall_ms = e->ids.last_ms,
                                .source = from.size ? from : TEXT("juliet@example.com/balcony"),
                                .subject = to };
}

static void print_line(struct emitting *e)
{
    printf("%.*s\n", TEXT_ARGS(buffer_text(&e->line)));
    e->line.size = 0;
}

static void print_stanza(struct emitting *e, const struct stanza *stanza)
{
    struct event_head head = next_head(e, element_get(stanza->root, "from"), element_get(stanza->root, "to"));
    event_write(&e->line, stanza, &head);
    print_line(e);
}

/* Twice: formatted, and as a client would send it, with the field that a mailbox adds in front. */
static void print_corpus_stanza(void *ctx, const char *file, struct stanza *stanza)
{
    struct emitting *e = ctx;
    (void)file;
    print_stanza(e, stanza);
    drop_formatting(stanza->root);
    struct event_head head = next_head(e, element_get(stanza->root, "from"), element_get(stanza->root, "to"));
    struct buffer event = { 0 };
    event_write(&event, stanza, &head);
    BUFFER_LITERAL(&e->line, "{\"replyto\":\"xmpp:from:{echo.example.com}:n7\",");
    buffer_append(&e->line, event.data + 1, event.size - 1);
    print_line(e);
    buffer_fini(&event);
    stanza_free(&stanza);
}

static void print_generated(struct emitting *e)
{
    for (uint64_t seed = 1; seed <= GENERATED; seed++) {
        struct dice dice = { seed * UINT64_C(0x2545f4914f6cdd1d) };
        struct stanza *stanza = nasty_stanza(&dice);
        print_stanza(e, stanza);
        stanza_free(&stanza);
    }
}

static void print_notices(struct emitting *e)
{
    struct event_head head = next_head(e, TEXT("example.com"), TEXT(""));
    struct event_session session = { .jid = TEXT("romeo@example.com/a"),
                                     .node = TEXT("n-0-1"),
                                     .mechanism = TEXT("PLAIN"),
                                     .peer = TEXT("127.0.0.1:4242"),
                                     .reason = TEXT("closed") };
    for (session.event = SESSION_STARTED; session.event <= SESSION_LOGIN_FAILED; session.event++) {
        event_write_session(&e->line, &head, &session);
        print_line(e);
    }
    struct event_refused refused = { .reason = "unknown-field",
                                     .text = TEXT("data.boddy: unknown field"),
                                     .id = TEXT("a1"),
                                     .channel = TEXT("xmpp:from:{echo.example.com}") };
    event_write_refused(&e->line, &head, &refused);
    print_line(e);
    struct event_dead dead = { .reason = "not-utf-8",
                               .text = TEXT("not UTF-8"),
                               .channel = TEXT("xmpp:from:{echo.example.com}"),
                               .address = TEXT("echo.example.com"),
                               .size = 3,
                               .payload = TEXT("\xff\x01{") };
    event_write_dead(&e->line, &head, &dead);
    print_line(e);
}

int main(void)
{
    struct emitting e = { 0 };
    unsigned files = corpus_load(print_corpus_stanza, &e);
    print_generated(&e);
    print_notices(&e);
    buffer_fini(&e.line);
    return files ? 0 : 1;
}
