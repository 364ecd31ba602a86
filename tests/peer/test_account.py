"""What an account keeps and whom it has blocked, as slixmpp's plugins see it, two people on two nodes."""
import pathlib
import subprocess

CLIENT = pathlib.Path(__file__).parent / "clients/slixmpp_account.py"


def test_two_nodes(gateways):
    nodes = [gateways(), gateways()]
    done = subprocess.run(["/usr/bin/python3", str(CLIENT), *(str(node.tcp) for node in nodes)], capture_output=True, text=True,
                          timeout=90)
    assert done.returncode == 0 and "all of it" in done.stdout, done.stdout + done.stderr
