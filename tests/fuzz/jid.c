/* jid.c - fuzzes addresses: parts within bounds, prepared text stays as it is, and what names a channel comes back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzabus/channel.h"
#include "stanzabus/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int (*preparer)(struct arena *arena, struct text input, struct text *out);

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static void check_part(preparer prepare, struct text input)
{
    struct arena arena = { 0 };
    struct text once, twice;
    if (prepare(&arena, input, &once) == 0) {
        must(once.size >= 1 && once.size <= JID_PART_MAX, "a part has 1 to 1023 bytes");
        must(prepare(&arena, once, &twice) == 0, "a prepared part is a part");
        must(text_equal(once, twice), "a prepared part stays as it is");
    }
    arena_fini(&arena);
}

static void check_channel(struct arena *arena, struct text address)
{
    struct buffer name = { 0 };
    struct text back, node;
    channel_from_node(&name, TEXT("xmpp:"), address, TEXT("n"));
    must(channel_parse(arena, TEXT("xmpp:"), buffer_text(&name), &back, &node) == CHANNEL_FROM_NODE,
         "a channel parses");
    must(text_equal(address, back) && text_is(node, "n"), "a channel gives back its address");
    buffer_fini(&name);
}

static void check_whole(struct text input)
{
    struct arena arena = { 0 };
    struct jid jid, again;
    if (jid_parse(&arena, input, &jid) == 0) {
        must(jid.domain > 0, "an address has a domain");
        must(jid.size == (jid.local ? jid.local + 1 : 0) + jid.domain + (jid.resource ? jid.resource + 1 : 0),
             "the parts make up the whole");
        must(jid_parse(&arena, jid_text(&jid), &again) == 0, "a prepared address is an address");
        must(again.text == jid.text && again.size == jid.size, "a prepared address stays as it is");
        must(again.local == jid.local && again.domain == jid.domain && again.resource == jid.resource,
             "its parts stay as they are");
        check_channel(&arena, jid_bare(&jid));
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text input = { (const char *)data, size }, address, node;
    struct arena arena = { 0 };
    check_whole(input);
    check_part(jid_prepare_local, input);
    check_part(jid_prepare_domain, input);
    check_part(jid_prepare_resource, input);
    check_part(jid_prepare_password, input);
    channel_parse(&arena, TEXT("xmpp:"), input, &address, &node);
    arena_fini(&arena);
    return 0;
}
