"""A server that does what a test says: it takes TLS and EXTERNAL, or dialback, and answers further keys as it is told."""
import re
import socket
import ssl
import threading

from listener import Listener

SERVER, DIALBACK, STREAMS = "jabber:server", "jabber:server:dialback", "http://etherx.jabber.org/streams"
SM, SASL, TLS = "urn:xmpp:sm:3", "urn:ietf:params:xml:ns:xmpp-sasl", "urn:ietf:params:xml:ns:xmpp-tls"
PIECE = re.compile(r"\s+|<\?xml[^>]*\?>|<stream:stream[^>]*>|</stream:stream>|<starttls[^>]*/>|<auth[^>]*>[^<]*</auth>|<(?:enable|r|a|bidi) [^>]*/>|"
                   r"<db:(?:result|verify)[^>]*>[^<]*</db:(?:result|verify)>|"
                   r"<db:(?:result|verify)[^>]*/>|<db:result[^>]*type='error'[^>]*>.*?</db:result>|<stream:error>.*?</stream:error>|<(message|presence|iq)\b.*?(?:</\1>)", re.S)


class Conversation(threading.Thread):
    """One connection to it."""

    def __init__(self, server, sock):
        super().__init__(daemon=True)
        self.server, self.sock = server, sock
        self.keys, self.answers, self.heard = [], [], []  # (from, to) of each key; what it said to ours; (from's domain, body) of each message
        self.is_proved = self.is_closed = False
        self.text = ""
        self.start()

    def say(self, text):
        self.sock.sendall(text.encode())

    def run(self):
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    break
                self.text += data.decode()
                self.take()
        except OSError:
            pass
        self.is_closed = True

    def take(self):
        while True:
            match = PIECE.match(self.text)
            if not match:
                return
            self.text = self.text[match.end():]
            self.on_piece(match.group(0))

    def features(self):
        if not isinstance(self.sock, ssl.SSLSocket):
            return f"<starttls xmlns='{TLS}'/>"
        errors = "<errors/>" if self.server.takes_errors else ""
        dialback = f"<dialback xmlns='urn:xmpp:features:dialback'>{errors}</dialback>"
        if self.is_proved:
            return dialback + (f"<sm xmlns='{SM}'/>" if self.server.acknowledges else "")
        if self.server.goes_both_ways:
            dialback += "<bidi xmlns='urn:xmpp:features:bidi'/>"
        return dialback + f"<mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>"

    def on_piece(self, piece):
        if piece.startswith("<stream:stream"):
            self.say(f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:db='{DIALBACK}' xmlns:stream='{STREAMS}' id='s{id(self)}' version='1.0'>"
                     f"<stream:features>{self.features()}</stream:features>")
        elif piece.startswith("<starttls"):
            self.say(f"<proceed xmlns='{TLS}'/>")
            self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
        elif piece.startswith("<auth"):
            self.is_proved = True
            self.say(f"<success xmlns='{SASL}'/>")
        elif piece.startswith("<enable"):
            self.say(f"<enabled xmlns='{SM}'/>")
        elif piece.startswith("<db:") and "type=" in piece:
            self.answers.append(piece)
        elif piece.startswith("<db:result"):
            pair = re.search(r"from='([^']*)'", piece).group(1), re.search(r"to='([^']*)'", piece).group(1)
            self.keys.append(pair)
            self.server.on_key(self, *pair)
        elif piece.startswith("<message"):
            self.heard.append((re.search(r"from='[^@']*@([^/']*)", piece).group(1), re.search(r"<body>(.*?)</body>", piece).group(1)))
            self.server.on_message(self)

    def answer(self, own, theirs, verdict):
        """To a key that own showed for theirs."""
        error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>" if verdict == "error" else ""
        self.say(f"<db:result from='{theirs}' to='{own}' type='{verdict}'>{error}</db:result>")

    def cut(self):
        self.sock.shutdown(socket.SHUT_RDWR)


class Scripted(Listener):
    """on_key and on_message may be replaced."""

    def __init__(self, folder, identity, port, takes_errors=True, acknowledges=True, goes_both_ways=False):
        super().__init__(port)
        files = identity.write(folder, "scripted")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(files["tls__certificate"], files["tls__key"])
        self.takes_errors, self.acknowledges, self.goes_both_ways = takes_errors, acknowledges, goes_both_ways
        self.on_key = lambda conversation, own, theirs: conversation.answer(own, theirs, "valid")
        self.on_message = lambda conversation: None
        self.conversations = []
        self.start()

    def take(self, connection):
        self.conversations.append(Conversation(self, connection))

    def heard(self):
        """All messages, connection by connection."""
        return [message for conversation in self.conversations for message in conversation.heard]
