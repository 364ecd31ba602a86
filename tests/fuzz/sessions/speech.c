/* speech.c - what clients say. */
#include "tests/fuzz/sessions/world.h"

/* In a template: %h a header, %c the end of the stream; %d a domain, %r a resource, %n a name, %w a password, %i a client's id,
 * %u a stream's name, %1 a small number; %p PLAIN, %f %l the first and last word of SCRAM, %t %x a proof of the token told last,
 * bound to nothing and to the channel, %j OAUTHBEARER with a token, %g a guest that comes again. */
static const char *const templates[] = {
    "%h",
    "%c",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%p</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>%f</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'>%f</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>YUBvbmUuZXhhbXBsZQ==</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>Z3Vlc3Q6</auth>", /* guest: */
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>%g</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='OAUTHBEARER'>%j</auth>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%p</response>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%l</response>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AQ==</response>",
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<iq xmlns='jabber:client' type='get' id='o'><query xmlns='jabber:iq:auth'/></iq>",
    "<iq xmlns='jabber:client' type='set' id='o'><query xmlns='jabber:iq:auth'><username>%n</username><password>%w</password><resource>%r</resource></query></iq>",
    "<iq xmlns='jabber:client' type='get' id='q'><query xmlns='jabber:iq:register'/></iq>",
    "<iq xmlns='jabber:client' type='set' id='q'><query xmlns='jabber:iq:register'><username>%n</username><password>%w</password></query></iq>",
    "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%r</resource></bind></iq>",
    "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq xmlns='jabber:client' type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    "<enable xmlns='urn:xmpp:sm:3'/>",
    "<enable xmlns='urn:xmpp:sm:3' resume='1' max='%1'/>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='%1'/>",
    "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='%u' h='%1'/>",
    "<inactive xmlns='urn:xmpp:csi:0'/>",
    "<active xmlns='urn:xmpp:csi:0'/>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/>"
    "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/><bind xmlns='urn:xmpp:bind:0'><tag>t</tag>"
    "<enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/>"
    "<resume xmlns='urn:xmpp:sm:3' previd='%u' h='%1'/><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>%f</initial-response><user-agent id='%i'/>"
    "<bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1-PLUS'><initial-response>%f</initial-response></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>%t</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0'/><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>%t</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0' count='%1' invalidate='true'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>%t</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0'/><resume xmlns='urn:xmpp:sm:3' previd='%u' h='%1'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='OAUTHBEARER'><initial-response>%j</initial-response><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'><initial-response>YkBvbmUuZXhhbXBsZQ==</initial-response></authenticate>",
    "<response xmlns='urn:xmpp:sasl:2'>%l</response>",
    "<abort xmlns='urn:xmpp:sasl:2'/>",
    "<message xmlns='jabber:client' to='b@%d'><body>hi</body></message>",
    "<message xmlns='jabber:client' from='x@one.example' to='b@%d'/>",
    "<presence xmlns='jabber:client'/>",
    "<iq xmlns='jabber:client' to='b@one.example/x' id='i1' type='result'/>",
    "<iq xmlns='jabber:client' to='b@@' id='i1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq xmlns='jabber:client' id='server-ping' type='result'/>",
    "<message xmlns='jabber:server' to='b@one.example'/>",
    "<what xmlns='urn:else'/>",
    " ",
    "<!--",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='one.example' from='%n@one.example' version='2.5'>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>YUBvbmUuZXhhbXBsZQBhAHA=</auth>", /* with an authzid */
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>YkBvbmUuZXhhbXBsZQBhAHA=</auth>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><user-agent id='d4565fa7'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%p</initial-response><user-agent id='%i'/>"
    "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-EXPR'><initial-response>%x</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0' count='%1'/><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind></authenticate>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>YQ==</initial-response><user-agent id='%i'/>"
    "<fast xmlns='urn:xmpp:fast:0' count='no'/></authenticate>",
    "<response xmlns='urn:xmpp:sasl:2'>%p</response>",
    "<iq xmlns='jabber:client' id='1' type='what'/>",
    "<iq xmlns='jabber:client' type='get'><a/></iq>",
    "<iq xmlns='jabber:client' id='1' type='get'/>",
    "<iq xmlns='jabber:client' id='1' to='B@ONE.example' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq xmlns='jabber:client' id='1' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<message xmlns='jabber:client' from='A@one.example' to='B@ONE.example'/>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true' max='100'/>",
    "<a xmlns='urn:xmpp:sm:3'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='a&lt;' h='%1'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='%u' h='no'/>",
};
enum { TEMPLATE_COUNT = sizeof templates / sizeof templates[0] };

static void feed(struct line *line, const char *data, size_t size)
{
    if (line_is_heard(line) && size)
        sessions_connection_callbacks.on_bytes(world.sessions, &line->connection, data, size);
}

void speech_say_many(struct line *line)
{
    struct buffer text = { 0 };
    unsigned count = script_next(64) * (line->connection.framing == FRAMING_TCP);
    const char *template = templates[script_next(TEMPLATE_COUNT)];
    for (; count > 0 && line_is_heard(line); count--)
        words_fill(&text, template, line);
    feed(line, text.data, text.size);
    buffer_fini(&text);
}

/* As one read, or in two parts. */
void speech_say(struct line *line, unsigned count, bool is_split)
{
    struct buffer text = { 0 };
    if (!line_is_heard(line))
        return;
    for (; count > 0; count--)
        words_fill(&text, templates[script_next(TEMPLATE_COUNT)], line);
    size_t half = is_split && line->connection.framing == FRAMING_TCP ? script_next(255) : text.size;
    if (half > text.size)
        half = text.size;
    feed(line, text.data, half);
    feed(line, text.data + half, text.size - half);
    buffer_fini(&text);
}
