"""A small XMPP client for tests, over TCP or WebSocket, on plain blocking sockets: it sends the very bytes that a test says,
and shows the very bytes that came.  Standard library only."""
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import struct
import time

STREAMS = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"


class Closed(Exception):
    """The server closed the connection; what came before is in the exception's text."""


class Client:
    """Bytes to the server, text from the server."""

    def __init__(self, port, host="127.0.0.1", timeout=10.0, source=None):
        self.sock = socket.create_connection((host, port), timeout=timeout, source_address=source)
        self.timeout = timeout
        self.seen = ""
        self.jid = None
        self.is_closed = False

    # -- bytes --

    def send_bytes(self, data):
        self.sock.sendall(data)

    def send(self, text):
        self.send_bytes(text.encode())

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            self.is_closed = True
            raise Closed(self.seen[-4000:])
        self.seen += data.decode(errors="replace")

    def until(self, pattern, timeout=None):
        """Reads until the pattern (a regular expression) is there; gives the match and forgets everything up to its end."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            match = re.search(pattern, self.seen, re.S)
            if match:
                self.seen = self.seen[match.end():]
                return match
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{pattern!r} did not come; seen: {self.seen[-2000:]!r}")
            self.sock.settimeout(left)
            try:
                self.fill()
            except (socket.timeout, TimeoutError):
                raise TimeoutError(f"{pattern!r} did not come; seen: {self.seen[-2000:]!r}") from None

    def until_closed(self, timeout=None):
        """Everything that comes until the server closes."""
        deadline = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                self.sock.settimeout(max(0.01, deadline - time.monotonic()))
                self.fill()
        except Closed:
            return self.seen
        except ConnectionResetError:
            self.is_closed = True
            return self.seen

    def silent(self, seconds=0.3):
        """True when nothing comes for that long."""
        self.sock.settimeout(seconds)
        try:
            self.fill()
        except (socket.timeout, TimeoutError):
            return not self.seen
        return False

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- XMPP over TCP --

    def open(self, domain="localhost"):
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='{domain}' version='1.0'>")
        return self.until(r"<stream:features[^>]*/>|<stream:features.*?</stream:features>").group(0)

    def stanza(self, text):
        self.send(text)

    def login(self, user="juliet", password="secret", domain="localhost", resource=None, mechanism="PLAIN"):
        self.open(domain)
        if mechanism == "PLAIN":
            secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            self.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        elif mechanism == "ANONYMOUS":
            self.send(f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>")
        else:
            self.scram(user, password, mechanism)
        self.until(r"<success.*?(</success>|/>)")
        self.open(domain)
        wanted = f"<resource>{resource}</resource>" if resource else ""
        self.stanza(f"<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='{BIND}'>{wanted}</bind></iq>")
        self.jid = self.until(r"<jid>(.*?)</jid>.*?</iq>").group(1)
        return self

    def scram(self, user, password, mechanism):
        name = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[mechanism]
        nonce = base64.b64encode(os.urandom(18)).decode()
        bare = f"n={user},r={nonce}"
        self.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{base64.b64encode(b'n,,' + bare.encode()).decode()}</auth>")
        first = base64.b64decode(self.until(r"<challenge[^>]*>(.*?)</challenge>").group(1)).decode()
        values = dict(part.split("=", 1) for part in first.split(","))
        salted = hashlib.pbkdf2_hmac(name, password.encode(), base64.b64decode(values["s"]), int(values["i"]))
        client_key = hmac.new(salted, b"Client Key", name).digest()
        without_proof = f"c=biws,r={values['r']}"
        message = f"{bare},{first},{without_proof}".encode()
        signature = hmac.new(hashlib.new(name, client_key).digest(), message, name).digest()
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()
        final = base64.b64encode(f"{without_proof},p={proof}".encode()).decode()
        self.send(f"<response xmlns='{SASL}'>{final}</response>")

    def present(self):
        """Until the own presence has come back.  What others say of theirs may have come before, and is kept."""
        self.stanza("<presence xmlns='jabber:client'/>")
        own = r"<presence[^>]*from=['\"]" + re.escape(self.jid)
        deadline = time.monotonic() + self.timeout
        while not re.search(own, self.seen):
            assert time.monotonic() < deadline, self.seen[-2000:]
            self.sock.settimeout(deadline - time.monotonic())
            self.fill()
        found = re.search(own, self.seen)
        others = re.findall(r"<presence[^>]*?(?:/>|>.*?</presence>)", self.seen[:found.start()], re.S)
        self.seen = "".join(others) + self.seen[found.end():]
        return self

    def start_tls(self, domain="localhost"):
        self.open(domain)
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.until(r"<proceed.*?/>")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=domain)
        self.seen = ""
        return self


class WebSocketClient(Client):
    """The same over RFC 7395; every send is one text message."""

    def __init__(self, port, host="127.0.0.1", timeout=10.0, headers=(), protocol="xmpp", source=None):
        super().__init__(port, host, timeout, source)
        self.raw = b""
        self.close_code = None
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /xmpp-websocket HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.raw:
            data = self.sock.recv(65536)
            if not data:
                raise Closed(self.raw.decode(errors="replace"))
            self.raw += data
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        self.head = head.decode()
        if " 101 " not in self.head.split("\r\n")[0]:
            raise Closed(self.head)

    def frame(self, data, opcode=1, fin=True, masked=True):
        mask = os.urandom(4)
        flag = 0x80 if masked else 0
        if len(data) < 126:
            size = bytes([flag | len(data)])
        elif len(data) < 65536:
            size = bytes([flag | 126]) + struct.pack(">H", len(data))
        else:
            size = bytes([flag | 127]) + struct.pack(">Q", len(data))
        if masked:
            data = mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data))
        self.sock.sendall(bytes([(0x80 if fin else 0) | opcode]) + size + data)

    def send_bytes(self, data):
        self.frame(data)

    def take_frame(self):
        if len(self.raw) < 2:
            return None
        opcode, size, at = self.raw[0] & 15, self.raw[1] & 127, 2
        if size == 126:
            if len(self.raw) < 4:
                return None
            size, at = struct.unpack(">H", self.raw[2:4])[0], 4
        elif size == 127:
            if len(self.raw) < 10:
                return None
            size, at = struct.unpack(">Q", self.raw[2:10])[0], 10
        if len(self.raw) < at + size:
            return None
        data, self.raw = self.raw[at:at + size], self.raw[at + size:]
        return opcode, data

    def fill(self):
        while True:
            frame = self.take_frame()
            if frame is None:
                data = self.sock.recv(65536)
                if not data:
                    self.is_closed = True
                    raise Closed(self.seen[-4000:])
                self.raw += data
                continue
            opcode, data = frame
            if opcode == 1:
                self.seen += data.decode()
                return
            if opcode == 8:
                self.close_code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
                self.is_closed = True
                raise Closed(self.seen[-4000:])
            if opcode == 9:
                self.frame(data, opcode=10)

    def open(self, domain="localhost"):
        self.send(f"<open xmlns='{FRAMING}' to='{domain}' version='1.0'/>")
        return self.until(r"<stream:features[^>]*/>|<stream:features.*?</stream:features>").group(0)

    def stanza(self, text):
        if "xmlns='jabber:client'" not in text:
            text = re.sub(r"^<(message|presence|iq)", r"<\1 xmlns='jabber:client'", text)
        self.send(text)


def connect(gateway, kind, **options):
    """A client of the kind "tcp" or "websocket", connected."""
    return Client(gateway.tcp, **options) if kind == "tcp" else WebSocketClient(gateway.http, **options)
