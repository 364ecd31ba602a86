"""Between a gateway and its Redis: a link that is lost when something was done and nobody has heard of it."""
import socket
import threading


class Relay:
    """Passes everything on, until what is asked holds the needle: Redis still gets it, its answers are dropped, and the link is
    cut when the test says so.  Later connections are passed on as before."""

    def __init__(self, redis):
        self.path = redis.socket
        self.needle, self.cut = None, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.path)
            deaf = threading.Event()
            threading.Thread(target=self.ask, args=(near, far, deaf), daemon=True).start()
            threading.Thread(target=self.answer, args=(far, near, deaf), daemon=True).start()

    def ask(self, near, far, deaf):
        try:
            while data := near.recv(1 << 20):
                if self.needle and self.needle in data:
                    self.needle = None
                    deaf.set()
                    far.sendall(data)
                    self.cut.wait(20)
                    near.shutdown(socket.SHUT_RDWR)
                    break
                far.sendall(data)
        except OSError:
            pass
        far.close()

    def answer(self, far, near, deaf):
        try:
            while data := far.recv(1 << 20):
                if not deaf.is_set():
                    near.sendall(data)
        except OSError:
            pass
        near.close()
