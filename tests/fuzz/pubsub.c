/* pubsub.c - what strangers say about their clients and want of their nodes: a disco#info answer and a form from anywhere.
 * A configuration that is taken comes back the same from the store's lines. */
#include <stdlib.h>

#include "gateway/router/pep/caps.h"
#include "gateway/router/pep/pep_config.h"
#include "tests/unit/stream/round_trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 100, WISHES = 200 };

static void try_capabilities(struct stanza *stanza)
{
    struct buffer string = { 0 }, wishes = { 0 };
    caps_string(&stanza->arena, stanza->root, &string);
    caps_verify(&stanza->arena, stanza->root, TEXT("sha-1"), TEXT("QgayPKawpkPSDYmwT/WM94uAlu0="));
    caps_wishes(stanza->root, &wishes, WISHES);
    if (wishes.size > WISHES)
        abort();
    buffer_fini(&string);
    buffer_fini(&wishes);
}

static void try_configuration(struct stanza *stanza)
{
    struct pep_config config, back;
    struct pep_fault fault;
    struct buffer lines = { 0 };
    const struct element *form = data_form_find(&stanza->arena, stanza->root, NULL, NULL);
    pep_config_default(&config);
    if (form && pep_config_submit(&stanza->arena, form, MOST, &config, NULL, &fault)) {
        pep_config_write(&lines, &config);
        pep_config_read(&stanza->arena, buffer_text(&lines), &back);
        for (int i = 0; i < PEP_FIELD_COUNT; i++)
            if (!text_equal(config.value[i], back.value[i]))
                abort();
    }
    buffer_fini(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stanza *stanza = parse_in_stream((const char *)data, size);
    if (!stanza)
        return 0;
    try_capabilities(stanza);
    try_configuration(stanza);
    stanza_free(&stanza);
    return 0;
}
