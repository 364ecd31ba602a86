"""server.py - starts web_fixture and talks HTTP to it; what the tests beside it share."""

import os
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

from wire import TEXT, Wire, frame

FIXTURE = None
CERTIFICATES = None



class Server:
    def __init__(self, **environment):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [FIXTURE],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        ports = self.process.stdout.readline().split()
        if len(ports) != 3:
            raise AssertionError(self.output())
        self.http, self.https, self.admin = map(int, ports)

    def output(self):
        self.log.seek(0)
        return self.log.read().decode()

    def stop(self):
        """The server must end by itself, with every connection accounted for."""
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        text = self.output()
        self.log.close()
        if code != 0:
            raise AssertionError(f"the server ended with {code}:\n{text}")
        return text


def make_certificates(folder):
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:other.test",
         "-keyout", key, "-out", certificate],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"CERTIFICATE": certificate, "KEY": key}


def client_tls(version=None):
    context = ssl.create_default_context(cafile=CERTIFICATES["CERTIFICATE"])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def get(port, path, method="GET", tls=None, **headers):
    with Wire(port, tls) as wire:
        lines = [f"{k.replace('_', '-')}: {v}" for k, v in {"Host": f"localhost:{port}", **headers}.items() if v]
        wire.send(("\r\n".join([f"{method} {path} HTTP/1.1"] + lines) + "\r\n\r\n").encode())
        return wire.answer(has_body=method != "HEAD")


class Case(unittest.TestCase):
    environment = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(**cls.environment)

    @classmethod
    def tearDownClass(cls):
        cls.last_output = cls.server.stop()

    def memory(self):
        with open(f"/proc/{self.server.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open(self, tls=None, **changes):
        wire = Wire(self.server.https if tls else self.server.http, tls)
        self.addCleanup(wire.socket.close)
        wire.upgrade(**changes)
        return wire


def paused(case, tls=None):
    """What comes while the core has paused is kept and given in order, wherever it was when reading stopped."""
    wire = case.open(tls)
    wire.send(frame(TEXT, "pause 300"))
    start = time.monotonic()
    wire.send(b"".join(frame(TEXT, f"kept {i} " + "k" * 150) for i in range(400)))
    texts = [wire.text() for _ in range(400)]
    case.assertEqual(texts, [f"kept {i} " + "k" * 150 for i in range(400)])
    case.assertGreater(time.monotonic() - start, 0.25)


def main():
    """For a test file: its first argument is the fixture, the rest is unittest's."""
    global FIXTURE, CERTIFICATES
    FIXTURE = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as folder:
        CERTIFICATES = make_certificates(folder)
        result = unittest.main("__main__", exit=False).result
    sys.exit(0 if result.wasSuccessful() else 1)
