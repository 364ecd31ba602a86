"""What the scripted servers of the tests have in common: a listener, and a thread for each connection."""
import socket
import threading


class Listener(threading.Thread):
    """serve(connection) is called on a thread of its own for each; stop closes the listener."""

    def __init__(self, port, address="127.0.0.1"):
        super().__init__(daemon=True)
        self.listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.take(connection)

    def take(self, connection):
        """On the listener's thread, in the order in which they come."""
        threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # which ends the accept that waits on it, and keeps the port
        except OSError:
            pass  # stopped before
        self.listener.close()
