#!/usr/bin/env python3
"""routing.py - writes the dialogues of RFC 6121 8.5, table 1: every type of message x the kind of address x who is there x
whether the account exists.  The table below says what becomes of it, in the letters of the RFC:
  D  delivered to the resource        M  to all available resources of non-negative priority
  O  waits until one of these comes   E  answered with service-unavailable
  S  dropped without a word
Where the RFC leaves "ignore or answer" to the server, what somebody wrote is answered (E), and headlines and errors are
dropped.  Usage: routing.py FILE"""
import sys

TYPES = ["normal", "chat", "groupchat", "headline", "error"]
# who is there: resource -> priority, None for connected without presence.  "r" is the resource of the full address.
SCENES = {
    "nobody": {},
    "connected only": {"u": None},
    "negative": {"n": -1},
    "one": {"a": 0},
    "several": {"a": 0, "b": 5, "n": -1, "u": None},
}
#                                 normal chat groupchat headline error
EXPECTED = {
    ("no account", "bare"):       "E E E S S",
    ("no account", "full"):       "E E E S S",
    ("nobody", "bare"):           "O O E S S",
    ("nobody", "full"):           "E O E S S",
    ("connected only", "bare"):   "O O E S S",
    ("connected only", "match"):  "D D D D D",
    ("connected only", "full"):   "E O E S S",
    ("negative", "bare"):         "O O E S S",
    ("negative", "match"):        "D D D D D",
    ("negative", "full"):         "E O E S S",
    ("one", "bare"):              "M M E M S",
    ("one", "match"):             "D D D D D",
    ("one", "full"):              "E M E S S",
    ("several", "bare"):          "M M E M S",
    ("several", "match"):         "D D D D D",
    ("several", "full"):          "E M E S S",
}
ERROR = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


def write(out):
    def line(text):
        print(text, file=out)

    line("# Made by routing.py from its table; do not edit.\nset archive.default=never\naccount juliet@localhost secret")
    line("client juliet juliet@localhost/balcony")
    number = 0
    for number, ((scene, kind), row) in enumerate(EXPECTED.items()):
        user = f"user{number}"
        people = {name: f"{name}{number}" for name in SCENES.get(scene, {})}
        line(f"\n# {scene}, to the {kind} address")
        if scene != "no account":
            line(f"account {user}@localhost secret")
        for name, person in people.items():
            priority = SCENES[scene][name]
            line(f"client {person} {user}@localhost/{name}")
            line(f"{person} ignores presence")
            if priority is not None:
                line(f"{person}: <presence><priority>{priority}</priority></presence>")
        matches = sorted(people) if kind == "match" else [None]
        for matched in matches:
            address = f"{user}@localhost" + ("" if kind == "bare" else f"/{matched}" if matched else "/gone")
            for kind_of_message, letter in zip(TYPES, row.split()):
                key = f"{number}{matched or ''}{kind_of_message}"
                attribute = f" type='{kind_of_message}'" if kind_of_message != "normal" else ""
                body = ERROR if kind_of_message == "error" else f"<body>{key}</body>"
                line(f"juliet: <message to='{address}' id='{key}'{attribute}>{body}</message>")
                for name, person in people.items():
                    priority = SCENES[scene][name]
                    hears = name == matched if letter == "D" else letter == "M" and priority is not None and priority >= 0
                    line(f"{person} gets{': ' if hears else ' nothing'}" + (f"<message id='{key}'/>" if hears else ""))
                if letter == "E":
                    line(f"juliet gets: <message from='{address}' type='error' id='{key}'><error type='cancel'>"
                         "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
                line("juliet gets nothing")
        waiting = [t for t, letter in zip(TYPES, row.split()) if letter == "O"]
        if scene == "no account":
            continue
        line(f"redis: XLEN xmpp:{{{user}@localhost}}:log = {len(waiting)}")
        if not waiting:
            continue
        line(f"client late{number} {user}@localhost/late")
        line(f"late{number} ignores presence")
        line(f"late{number}: <presence/>")
        got = "".join(f"<message id='{number}{t}' type='{t}'/>" if t != "normal" else f"<message id='{number}{t}'/>" for t in waiting)
        line(f"late{number} gets: {got}")
        line(f"late{number} gets nothing")
        line(f"redis: XLEN xmpp:{{{user}@localhost}}:log = 0")


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        write(file)
