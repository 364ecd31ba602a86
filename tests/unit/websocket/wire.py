"""wire.py - a WebSocket client that can misbehave: frames are made by hand, nothing is checked that is not asked for."""

import base64
import os
import socket
import ssl
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", final=True, mask=True, reserved=0, size=None):
    if isinstance(payload, str):
        payload = payload.encode()
    size = len(payload) if size is None else size
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    bit = 0x80 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    long_key = key * (len(payload) // 4 + 1)
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(long_key[: len(payload)], "big")).to_bytes(
        len(payload), "big"
    )
    return head + key + masked


def request(path="/xmpp-websocket", method="GET", version="HTTP/1.1", **changes):
    """The bytes of an upgrade request.  A header given as None is left out; others are added or replaced."""
    headers = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "xmpp",
    }
    for name, value in changes.items():
        name = name.replace("_", "-")
        known = next((k for k in headers if k.lower() == name.lower()), name)
        headers[known] = value
    lines = [f"{method} {path} {version}"] + [f"{k}: {v}" for k, v in headers.items() if v is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Wire:
    """A connection: bytes out, frames or an HTTP answer in."""

    def __init__(self, port, tls=None, receive_buffer=None, timeout=10):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        self.input += data
        return bool(data)

    def take(self, size):
        while len(self.input) < size:
            if not self.more():
                raise EOFError(f"closed after {len(self.input)} of {size} bytes")
        data, self.input = self.input[:size], self.input[size:]
        return data

    def answer(self, has_body=True):
        """An HTTP answer: status, headers in lower case, body."""
        while b"\r\n\r\n" not in self.input:
            if not self.more():
                raise EOFError("closed before the answer")
        head, self.input = self.input.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        size = int(headers.get("content-length", 0)) if has_body and status != 101 else 0
        return status, headers, self.take(size)

    def upgrade(self, **changes):
        self.send(request(**changes))
        status, headers, body = self.answer()
        if status != 101:
            raise AssertionError(f"{status} {body}")
        return headers

    def frame(self):
        """The next frame: opcode, payload.  The server must send whole, unmasked ones."""
        first, second = self.take(2)
        assert first & 0x80 and not first & 0x70, f"first byte {first:#x}"
        assert not second & 0x80, "a server must not mask"
        size = second
        if size == 126:
            (size,) = struct.unpack(">H", self.take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.take(8))
        return first & 0xF, self.take(size)

    def text(self):
        opcode, payload = self.frame()
        assert opcode == TEXT, f"opcode {opcode} {payload!r}"
        return payload.decode()

    def ask(self, text):
        self.send(frame(TEXT, text))
        return self.text()

    def close_code(self):
        """Reads up to the server's Close; its code, None when the connection ends without."""
        while True:
            try:
                opcode, payload = self.frame()
            except EOFError:
                return None
            if opcode == CLOSE:
                return struct.unpack(">H", payload[:2])[0] if payload else 1005

    def is_at_end(self):
        """Waits for the server to end the connection."""
        try:
            while self.more():
                self.input = b""
        except socket.timeout:
            return False
        return True
