/* there_and_back.c - stanza -> JSON -> stanza -> XML -> stanza: nothing may be lost on the way. */
#include "there_and_back.h"

#include "compare.h"
#include "xml_load.h"

const struct event_limits generous_limits = { .bytes = 64 << 20, .depth = 500 };

void write_sample(struct buffer *out, const struct stanza *stanza)
{
    struct text to = element_get(stanza->root, "to");
    struct event_head head = {
        .id = TEXT("01a203b3-1e7b-7cc1-b1a2-3e0f6c1d9a10"),
        .wall_ms = 1795358400123,
        .source = TEXT("juliet@example.com/balcony"),
        .subject = to,
    };
    event_write(out, stanza, &head);
}

/* What a client's parser makes of the XML that is written. */
static const char *through_xml(const struct stanza *stanza, enum stanza_scope scope)
{
    struct buffer xml = { 0 };
    element_write(&xml, stanza->root, scope);
    struct stanza *again = xml_load(buffer_text(&xml));
    const char *difference = !again ? "XML is not well-formed" : NULL;
    if (again && !elements_same(stanza->root, again->root))
        difference = "XML differs";
    stanza_free(&again);
    buffer_fini(&xml);
    return difference;
}

/* What was read writes the same event once more. */
static const char *once_more(const struct stanza *stanza, const struct buffer *json)
{
    struct buffer again = { 0 };
    write_sample(&again, stanza);
    const char *difference = text_equal(buffer_text(&again), buffer_text(json)) ? NULL : "the second event differs";
    buffer_fini(&again);
    return difference;
}

const char *there_and_back(const struct stanza *stanza, struct buffer *json)
{
    struct stanza *expected = stanza_new();
    struct event event;
    static struct refusal why; /* its text is what is returned */
    json->size = 0;
    write_sample(json, stanza);
    stanza_set_root(expected, element_copy(&expected->arena, stanza->root));
    blank_secrets(expected->root);
    become_client(expected->root, stanza->root->xmlns);
    const char *difference = why.text;
    if (event_read(buffer_text(json), EVENT_FROM_NODE, &generous_limits, &event, &why) == 0) {
        difference = stanza_difference(expected, event.stanza);
        if (!difference)
            difference = through_xml(event.stanza, SCOPE_STREAM);
        if (!difference)
            difference = through_xml(event.stanza, SCOPE_SELF_CONTAINED);
        if (!difference)
            difference = once_more(event.stanza, json);
        stanza_free(&event.stanza);
    }
    stanza_free(&expected);
    return difference;
}
