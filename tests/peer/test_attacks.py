"""Hostile clients and services: the gateway goes on, the neighbours notice nothing, and what is sent is answered."""
from xmpp import connect


def test_nothing_yet(gateway):
    connect(gateway, "tcp").login("juliet").close()
