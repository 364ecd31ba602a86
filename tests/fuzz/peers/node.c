/* node.c - what other nodes say. */
#include "tests/fuzz/peers/world.h"

/* Words of another node; %l a link, %n a number, %e an event. */
static const char *const words[][2] = {
    { "queued", "%l\n%n\n%e" },    { "share", "irc.example\nn2\n%n\n1" },   { "lent", "irc.example\nn2\n1\n%n\n%e" },
    { "carried", "irc.example\n%n\n%n\n" }, { "returned", "irc.example\n%n\n" },
};
enum { WORD_COUNT = sizeof words / sizeof words[0] };

void node_speak(void)
{
    const char *const *word = words[script_next(WORD_COUNT)];
    struct buffer payload = { 0 };
    for (const char *c = word[1]; *c; c++) {
        if (*c != '%')
            buffer_append_char(&payload, *c);
        else if (*++c == 'l')
            buffer_printf(&payload, "%s>%s", world_next_domain(), world_next_domain());
        else if (*c == 'n')
            buffer_printf(&payload, "%u", script_next(8));
        else
            buffer_append_text(&payload, event_text);
    }
    peers_command(world.peers, text_of(word[0]), buffer_text(&payload));
    buffer_fini(&payload);
}
