#!/usr/bin/env python3
"""Sends one message to echo.localhost over WebSocket as a guest and prints the answer.  Standard library only."""
import base64
import os
import re
import socket
import struct
import sys

PORT = int(sys.argv[1])
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"


class WebSocket:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            (f"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n").encode())
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.more()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            sys.exit(head.decode())

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            sys.exit("the gateway closed the connection")
        self.bytes += got

    def need(self, count):
        while len(self.bytes) < count:
            self.more()
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.sock.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        while True:
            opcode, size = self.need(2)
            if size & 127 == 126:
                size = struct.unpack(">H", self.need(2))[0]
            data = self.need(size & 127 if size < 126 else size)
            if opcode & 15 == 1:
                return data.decode()

    def until(self, word):
        while True:
            text = self.receive()
            if word in text:
                return text


ws = WebSocket(PORT)
opening = f"<open xmlns='{FRAMING}' to='guest.localhost' version='1.0'/>"
ws.send(opening)
ws.until("features")
ws.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
ws.until("success")
ws.send(opening)
ws.until("features")
ws.send("<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
ws.until("bind")
sent = "<message xmlns='jabber:client' to='echo.localhost' type='chat' id='proof'><body>Art thou not Romeo?</body></message>"
ws.send(sent)
answer = ws.until("<body>")
print("  sent     " + sent)
print("  received " + answer)
ws.send(f"<close xmlns='{FRAMING}'/>")
sys.exit(0 if re.search("<body>Art thou not Romeo[?]</body>", answer) else 1)
