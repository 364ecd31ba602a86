"""Another domain's server, scripted.  The one that is called takes streams by STARTTLS, direct TLS or without TLS, believes
whoever comes, and keeps what it hears, but for what comes before TLS.  The one that calls shows a certificate."""
import base64
import re
import ssl

from listener import Listener
from xmpp import SASL, STREAMS, Client

SERVER, TLS = "jabber:server", "urn:ietf:params:xml:ns:xmpp-tls"


class RemoteServer(Listener):
    """For one domain, on one port of 127.0.0.1 (or of address).  identity: shown with the chain behind it; None: no TLS."""

    def __init__(self, folder, domain, port, identity=None, chain=(), direct=False, address="127.0.0.1"):
        super().__init__(port, address)
        self.domain, self.direct, self.heard, self.context = domain, direct, "", None
        if identity:
            path = folder / f"remote-{port}.pem"
            path.write_bytes(identity.pem() + b"".join(one.pem() for one in chain) + identity.key_pem())
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(path)
        self.start()

    def serve(self, connection):
        try:
            connection.settimeout(20)
            self.talk(connection)
        except OSError:
            pass  # the other side left
        finally:
            connection.close()

    def talk(self, connection):
        if self.context and not self.direct:
            self.greet(connection, f"<starttls xmlns='{TLS}'><required/></starttls>")
            self.until(connection, r"<starttls[^>]*>")
            connection.sendall(f"<proceed xmlns='{TLS}'/>".encode())
            self.heard = ""
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
            self.greet(connection, f"<mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>")
            self.until(connection, r"</auth>")
            connection.sendall(f"<success xmlns='{SASL}'/>".encode())
        self.greet(connection, "")
        self.until(connection, None)

    def greet(self, connection, features):
        self.until(connection, r"<stream:stream[^>]*>")
        connection.sendall((f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:db='jabber:server:dialback' xmlns:stream='{STREAMS}' id='r1' "
                            f"from='{self.domain}' version='1.0'><stream:features>{features}</stream:features>").encode())

    def until(self, connection, pattern):
        """Hears until the pattern is there; None: until the end."""
        text = ""
        while not pattern or not re.search(pattern, text):
            data = connection.recv(65536)
            if not data:
                raise ConnectionError(text)
            text += data.decode()
            self.heard += data.decode()


class Caller(Client):
    """The calling side of a stream from own to to; features: what it was offered behind TLS."""

    def __init__(self, folder, port, own, to, identity, chain=()):
        super().__init__(port, timeout=20)
        self.own, self.to = own, to
        path = folder / f"caller-{self.sock.getsockname()[1]}.pem"
        path.write_bytes(identity.pem() + b"".join(one.pem() for one in chain) + identity.key_pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(path)
        self.enter()
        self.send(f"<starttls xmlns='{TLS}'/>")
        self.until(r"<proceed[^>]*>")
        self.sock = context.wrap_socket(self.sock, server_hostname=to)
        self.features = self.enter()

    def enter(self):
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:db='jabber:server:dialback' xmlns:stream='{STREAMS}' "
                  f"from='{self.own}' to='{self.to}' version='1.0'>")
        return self.until(r"<stream:features.*?</stream:features>").group(0)

    def external(self, identity=None):
        """Gives <success/> or <failure/>."""
        self.send(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>{base64.b64encode((identity or self.own).encode()).decode()}</auth>")
        return self.until(r"<success[^>]*>|<failure.*?</failure>").group(0)
