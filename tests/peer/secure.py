"""TLS for the clients of xmpp.py, by pyOpenSSL, which tells what the standard library does not: keying material for
tls-exporter (RFC 9266), and whom the server would take a certificate from."""
import hashlib
import select
import time

from OpenSSL import SSL, crypto

from xmpp import Client, WebSocketClient


class Link:
    """A socket under TLS, with the few methods that the clients use."""

    def __init__(self, sock, name="localhost", alpn=None, certificate=None, versions=(SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION),
                 ciphers=None, session=None):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(versions[0])
        context.set_max_proto_version(versions[-1])
        if ciphers:
            context.set_cipher_list(ciphers.encode())
        if alpn:
            context.set_alpn_protos([one.encode() for one in alpn])
        if certificate:
            context.use_certificate(crypto.X509.from_cryptography(certificate.certificate))
            context.use_privatekey(crypto.PKey.from_cryptography_key(certificate.key))
        self.sock, self.timeout = sock, 10.0
        sock.setblocking(False)
        self.tls = SSL.Connection(context, sock)
        if session:
            self.tls.set_session(session)
        if name:
            self.tls.set_tlsext_host_name(name.encode())
        self.tls.set_connect_state()
        self.wait(self.tls.do_handshake)

    def wait(self, act, *words):
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                return act(*words)
            except SSL.WantReadError:
                ready = select.select([self.sock], [], [], max(0, deadline - time.monotonic()))
            except SSL.WantWriteError:
                ready = select.select([], [self.sock], [], max(0, deadline - time.monotonic()))
            if not any(ready):
                raise TimeoutError

    def settimeout(self, seconds):
        self.timeout = seconds

    def sendall(self, data):
        while data:
            data = data[self.wait(self.tls.send, data[:16384]):]

    def recv(self, size):
        """b"" only where the other side said that it is the end: a cut connection is an error."""
        try:
            return self.wait(self.tls.recv, size)
        except SSL.ZeroReturnError:
            return b""
        except SSL.SysCallError as error:
            raise ConnectionResetError(str(error)) from None

    def close(self):
        self.sock.close()

    # -- what is known of the connection --

    @property
    def certificate(self):
        return crypto.dump_certificate(crypto.FILETYPE_ASN1, self.tls.get_peer_certificate())

    @property
    def version(self):
        return self.tls.get_protocol_version_name()

    def exporter(self):
        return self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")

    def end_point(self):
        return hashlib.sha256(self.certificate).digest()

    def asked_authorities(self):
        """Whose certificates the server wants; None when it does not ask."""
        return [name.CN for name in self.tls.get_client_ca_list()] or None


class DirectClient(Client):
    """TLS from the first byte (XEP-0368)."""

    def __init__(self, port, timeout=10.0, **tls):
        super().__init__(port, timeout=timeout)
        self.sock = Link(self.sock, **tls)


class StartTlsClient(Client):
    """TLS after <starttls/>; the plain features stay in plain_features."""

    def __init__(self, port, domain="localhost", timeout=10.0, **tls):
        super().__init__(port, timeout=timeout)
        self.plain_features = self.open(domain)
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.until(r"<proceed xmlns=['\"]urn:ietf:params:xml:ns:xmpp-tls['\"]/>")
        assert not self.seen, "something follows <proceed/> in the open"
        self.sock = Link(self.sock, **{"name": domain, **tls})


class Wrapped(Client):
    tls = {}

    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        self.sock = Link(self.sock, **self.tls)


class SecureWebSocketClient(WebSocketClient, Wrapped):
    """wss"""

    def __init__(self, port, headers=(), **tls):
        self.tls = tls
        super().__init__(port, headers=headers)
