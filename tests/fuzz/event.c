/* event.c - JSON from anywhere: whatever event_read takes can be written as XML that a parser reads back the same, and as
 * an event that is read back the same. */
#include <stdio.h>
#include <stdlib.h>

#include "compare.h"
#include "there_and_back.h"
#include "xml_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct event_limits limits = { .bytes = 1 << 20, .depth = 64 };

static void give_up(const char *what, const struct buffer *shown)
{
    fprintf(stderr, "%s\n%.*s\n", what, TEXT_ARGS(buffer_text(shown)));
    abort();
}

static void check_xml(const struct stanza *stanza, enum stanza_scope scope)
{
    struct buffer xml = { 0 };
    element_write(&xml, stanza->root, scope);
    struct stanza *again = xml_load(buffer_text(&xml));
    if (!again)
        give_up("not well-formed", &xml);
    if (!elements_same(stanza->root, again->root))
        give_up("another stanza behind the XML", &xml);
    stanza_free(&again);
    buffer_fini(&xml);
}

static void check_accepted(const struct event *event)
{
    struct buffer json = { 0 };
    check_xml(event->stanza, SCOPE_STREAM);
    check_xml(event->stanza, SCOPE_SELF_CONTAINED);
    const char *difference = there_and_back(event->stanza, &json);
    if (difference)
        give_up(difference, &json);
    buffer_fini(&json);
}

static void check_refused(const struct event *event, const struct refusal *why)
{
    if (event->stanza || !why->reason || !why->text[0] || strlen(why->text) >= sizeof why->text)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum event_trust trusts[] = { EVENT_FROM_SERVICE, EVENT_FROM_NODE };
    for (int i = 0; i < 2; i++) {
        struct event event;
        struct refusal why;
        if (event_read((struct text){ (const char *)data, size }, trusts[i], &limits, &event, &why) != 0) {
            check_refused(&event, &why);
            continue;
        }
        stanza_reserved_payload(event.stanza, i);
        check_accepted(&event);
        stanza_free(&event.stanza);
    }
    return 0;
}
