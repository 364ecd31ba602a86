/* namespaces.c - the table behind namespaces.h.  The size of a text is compared before its bytes, so a miss costs a
 * few nanoseconds; what is not here is copied into the stanza's arena and works the same. */
#include "gateway/stream/namespaces.h"

#include "stanzabus/stanza.h"

static const struct text known[] = {
    TEXT_INIT(XMLNS_CLIENT),
    TEXT_INIT("http://jabber.org/protocol/chatstates"),
    TEXT_INIT("urn:xmpp:receipts"),
    TEXT_INIT("urn:xmpp:chat-markers:0"),
    TEXT_INIT("urn:xmpp:sm:3"),
    TEXT_INIT("urn:xmpp:ping"),
    TEXT_INIT("http://jabber.org/protocol/caps"),
    TEXT_INIT("vcard-temp:x:update"),
    TEXT_INIT("urn:xmpp:sid:0"),
    TEXT_INIT("urn:xmpp:hints"),
    TEXT_INIT("urn:xmpp:message-correct:0"),
    TEXT_INIT("urn:xmpp:reactions:0"),
    TEXT_INIT("urn:xmpp:reply:0"),
    TEXT_INIT("urn:xmpp:fallback:0"),
    TEXT_INIT("eu.siacs.conversations.axolotl"),
    TEXT_INIT("urn:xmpp:eme:0"),
    TEXT_INIT("urn:xmpp:delay"),
    TEXT_INIT("urn:xmpp:carbons:2"),
    TEXT_INIT("urn:xmpp:forward:0"),
    TEXT_INIT("urn:xmpp:mam:2"),
    TEXT_INIT("http://jabber.org/protocol/disco#info"),
    TEXT_INIT("http://jabber.org/protocol/disco#items"),
    TEXT_INIT("http://jabber.org/protocol/pubsub"),
    TEXT_INIT("http://jabber.org/protocol/pubsub#event"),
    TEXT_INIT("http://jabber.org/protocol/muc"),
    TEXT_INIT("http://jabber.org/protocol/muc#user"),
    TEXT_INIT("http://jabber.org/protocol/xhtml-im"),
    TEXT_INIT("http://www.w3.org/1999/xhtml"),
    TEXT_INIT("jabber:iq:roster"),
    TEXT_INIT("jabber:iq:version"),
    TEXT_INIT("jabber:iq:last"),
    TEXT_INIT("jabber:x:data"),
    TEXT_INIT("jabber:x:oob"),
    TEXT_INIT("vcard-temp"),
    TEXT_INIT(XMLNS_XML),
    TEXT_INIT(XMLNS_STANZA_ERRORS),
    TEXT_INIT(XMLNS_STREAM),
    TEXT_INIT(XMLNS_FRAMING),
    TEXT_INIT(XMLNS_SASL),
    TEXT_INIT(XMLNS_BIND),
    TEXT_INIT(XMLNS_SESSION),
    TEXT_INIT(XMLNS_TLS),
    TEXT_INIT(XMLNS_SERVER),
};

struct text namespace_known(struct text xmlns)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].size == xmlns.size && memcmp(known[i].data, xmlns.data, xmlns.size) == 0)
            return known[i];
    return (struct text){ NULL, 0 };
}
