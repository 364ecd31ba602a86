"""What another server or a component may say in numbers: stanzas of every sort that the router tells apart, right and wrong."""
import threading

SORTS = [
    "<message from='{tybalt}' to='juliet@{own}'><body>to an account</body></message>",
    "<message from='{tybalt}' to='nobody@{own}' id='u{n}'><body>to none</body></message>",
    "<message from='{tybalt}' to='juliet@{own}/gone' type='chat'><body>to a session that has gone</body></message>",
    "<message from='{tybalt}' to='{own}' id='s{n}'><body>to the server</body></message>",
    "<message from='{tybalt}' to='echo.{own}' id='e{n}'><body>to a service that is not there</body></message>",
    "<message from='{tybalt}' to='juliet@{own}' type='error' id='x{n}'/>",
    "<message from='{tybalt}' to='juliet@{own}'><sent xmlns='urn:xmpp:carbons:2'/></message>",
    "<presence from='{tybalt}' to='juliet@{own}'/>",
    "<presence from='{tybalt}' to='juliet@{own}/gone' type='unavailable'/>",
    "<presence from='t{n}@{domain}' to='juliet@{own}' type='subscribe'/>",
    "<presence from='{tybalt}' to='nobody@{own}' type='subscribe'/>",
    "<presence from='{tybalt}' to='juliet@{own}' type='subscribed'/>",
    "<presence from='{tybalt}' to='juliet@{own}' type='unsubscribe'/>",
    "<presence from='{tybalt}' to='juliet@{own}' type='probe'/>",
    "<presence from='{tybalt}' to='nobody@{own}' type='probe'/>",
    "<presence from='{tybalt}' to='{own}' type='probe'/>",
    "<presence from='{tybalt}' to='{own}' type='subscribe'/>",
    "<presence from='{tybalt}' to='echo.{own}' type='subscribe'/>",
    "<presence from='{tybalt}' to='echo.{own}'/>",
    "<presence from='{tybalt}' to='juliet@{own}' type='nonsense'/>",
    "<iq from='{tybalt}' to='{own}' type='get' id='v{n}'><query xmlns='jabber:iq:version'/></iq>",
    "<iq from='{tybalt}' to='{own}' type='get' id='d{n}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
    "<iq from='{tybalt}' to='{own}' type='set' id='w{n}'><nonsense xmlns='urn:example:nonsense'/></iq>",
    "<iq from='{tybalt}' to='{own}' type='get' id='n{n}'/>",
    "<iq from='{tybalt}' to='{own}' type='result' id='r{n}'/>",
    "<iq from='{tybalt}' to='juliet@{own}' type='get' id='c{n}'><vCard xmlns='vcard-temp'/></iq>",
    "<iq from='{tybalt}' to='nobody@{own}' type='get' id='y{n}'><vCard xmlns='vcard-temp'/></iq>",
    "<iq from='{tybalt}' to='juliet@{own}' type='get' id='p{n}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:example:n'/></pubsub></iq>",
    "<iq from='{tybalt}' to='juliet@{own}' type='set' id='q{n}'><query xmlns='jabber:iq:roster'><item jid='tybalt@{domain}'/></query></iq>",
    "<iq from='{tybalt}' to='juliet@{own}/gone' type='get' id='g{n}'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq from='{tybalt}' to='juliet@{own}/gone' type='result' id='h{n}'/>",
    "<iq from='{tybalt}' to='echo.{own}' type='get' id='o{n}'><order xmlns='urn:example:order'/></iq>",
    "<iq from='{tybalt}' to='{own}' type='error' id='i{n}'/>",
]


def stanzas(count, domain, own, subdomains=True):
    """So many, of each sort in turn."""
    sorts = [sort for sort in SORTS if subdomains or "echo." not in sort]
    return [sorts[n % len(sorts)].format(n=n, tybalt=f"tybalt@{domain}/x", domain=domain, own=own) for n in range(count)]


def pour(client, pieces):
    """Says it all, as fast as it is taken, beside the test; the thread ends when all of it was."""
    client.sock.settimeout(60)
    thread = threading.Thread(target=lambda: [client.sock.sendall(piece.encode()) for piece in pieces], daemon=True)
    thread.start()
    return thread
