/* speech.c - what the other side says. */
#include "tests/fuzz/peers/world.h"

/* In a template: %f %t domains that the script chooses; %i the id that we gave it last; %k a right key for the two; %h the hash of
 * a component. */
static const char *const templates[] = {
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='%f' to='%t' version='1.0'>",
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='%f' to='%t' id='theirs' version='1.0'>",
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' id='theirs'>",
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='irc.example'>",
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='bridge.example' id='theirs'>",
    "<handshake>%h</handshake>",
    "<handshake/>",
    "<stream:features/>",
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    ("<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
    "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback><bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>"),
    "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback><bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>b3RoZXIuZXhhbXBsZQ==</auth>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
    "<bidi xmlns='urn:xmpp:bidi'/>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t'>key</db:result>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t' type='valid'/>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t' type='invalid'/>",
    "<db:result xmlns:db='jabber:server:dialback' from='%f' to='%t' type='error'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
    "<db:verify xmlns:db='jabber:server:dialback' from='%f' to='%t' id='%i'>%k</db:verify>",
    "<db:verify xmlns:db='jabber:server:dialback' from='%f' to='%t' id='%i' type='valid'/>",
    "<db:verify xmlns:db='jabber:server:dialback' from='%f' to='%t' id='%i' type='invalid'/>",
    "<message from='a@%f/x' to='b@%t'><body>hi</body></message>",
    "<iq from='%f' to='b@%t/x' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<presence from='a@%f' to='b@%t'/>",
    "<message to='b@%t'/>",
    "<enable xmlns='urn:xmpp:sm:3'/>",
    "<enabled xmlns='urn:xmpp:sm:3'/>",
    "<failed xmlns='urn:xmpp:sm:3'/>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    "<a xmlns='urn:xmpp:sm:3' h='2'/>",
    "<a xmlns='urn:xmpp:sm:3' h='4000000000'/>",
    "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "</stream:stream>",
};
enum { TEMPLATE_COUNT = sizeof templates / sizeof templates[0] };

static void fill(struct buffer *out, const char *template, const char *id)
{
    const char *from = world_next_domain(), *to = world_next_domain();
    char key[65], hash[41];
    for (const char *c = template; *c; c++) {
        if (*c != '%') {
            buffer_append_char(out, *c);
            continue;
        }
        switch (*++c) {
        case 'f':
            buffer_printf(out, "%s", from);
            break;
        case 't':
            buffer_printf(out, "%s", to);
            break;
        case 'i':
            buffer_printf(out, "%s", id);
            break;
        case 'k':
            dialback_key(peers_secret(world.peers), text_of(from), text_of(to), text_of(id), key);
            buffer_printf(out, "%s", key);
            break;
        case 'h':
            component_hash(text_of(id), TEXT("secret"), hash);
            buffer_printf(out, "%s", hash);
            break;
        }
    }
}

void speech_say(void)
{
    struct line *line = line_next(), *asked = &world.lines[script_next(CONNECTIONS_MAX)]; /* a verifier speaks of another stream's id */
    struct buffer text = { 0 };
    if (!line)
        return;
    fill(&text, templates[script_next(TEMPLATE_COUNT)], asked->id[0] ? asked->id : line->id);
    line_callbacks(line)->on_bytes(world.peers, &line->connection, text.data, text.size);
    buffer_fini(&text);
}
