"""Another domain's server, scripted: it takes streams by STARTTLS, direct TLS or without TLS, believes whoever comes, and
keeps what it hears, but for what comes before TLS."""
import re
import socket
import ssl
import threading

from xmpp import SASL, STREAMS

SERVER, TLS = "jabber:server", "urn:ietf:params:xml:ns:xmpp-tls"


class RemoteServer(threading.Thread):
    """For one domain, on one port of 127.0.0.1 (or of address).  identity: shown with the chain behind it; None: no TLS."""

    def __init__(self, folder, domain, port, identity=None, chain=(), direct=False, address="127.0.0.1"):
        super().__init__(daemon=True)
        self.domain, self.direct, self.heard, self.context = domain, direct, "", None
        if identity:
            path = folder / f"remote-{port}.pem"
            path.write_bytes(identity.pem() + b"".join(one.pem() for one in chain) + identity.key_pem())
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(path)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family)
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

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

    def stop(self):
        self.listener.close()
