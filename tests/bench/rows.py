"""The rows of the table: what is measured, how, and what it should not exceed.

A row has a setup, the way the server is started for it: plain (nothing on disk), people (XEP-0198, Redis' AOF written every
second), archive (the same, and both sides' archives are written), federated (as people, and the partner's account is on a second
server)."""


class Row:
    def __init__(self, name, mode, transport, goal=None, within=None, idle_beside=0, peers=True, setup="plain", whole=False,
                 **options):
        self.name = name
        self.mode = mode
        self.transport = transport
        self.goal = goal  # what it is about: microseconds, milliseconds or bytes
        self.within = within  # (how many times, the name of another row of any setup): that much is the goal
        self.idle_beside = idle_beside
        self.peers = peers  # measured for other servers too
        self.setup = setup
        self.whole = whole  # the figure is the gateway's and Redis' CPU together
        self.options = options


def talk(name, mode, transport, in_flight, **more):
    return Row(name, mode, transport, in_flight=in_flight, **more)


def all_rows(quick):
    idle = 1000 if quick else 10000
    rows = []
    for transport, goals in (("tcp", {32: 11, 1: 19}), ("ws", {32: 16, 1: 22})):
        for in_flight, goal in goals.items():
            rows.append(talk(f"echo {transport}, {in_flight} in flight", "echo", transport, in_flight, goal=goal))
    for transport in ("tcp", "ws"):
        for in_flight in (32, 1):
            alone = f"echo {transport}, {in_flight} in flight"
            rows.append(talk(f"{alone}, {idle:,} idle beside", "echo", transport, in_flight, idle_beside=idle, peers=False,
                             within=(1.2, alone)))
    for transport in ("tcp", "ws"):
        rows.append(Row(f"echo {transport}, 1,000 a second", "echo", transport, rate=1000, goal=0.6))
    for transport in ("tcp", "ws"):
        for in_flight in (32, 1):
            rows.append(talk(f"chat {transport}, {in_flight} in flight", "chat", transport, in_flight))
    rows.append(Row("chat tcp, 1,000 a second", "chat", "tcp", rate=1000))
    for setup, archive, goals in (("people", "off", {"tcp": 22, "ws": 26}), ("archive", "on", {"tcp": 30, "ws": 34})):
        for transport, goal in goals.items():
            rows.append(Row(f"people {transport}, 32 in flight, archive {archive}", "chat", transport, goal=goal, setup=setup,
                            whole=True, in_flight=32, acks=True))
    rows.append(Row("people tcp, 32 in flight, other server", "chat", "tcp", setup="federated", whole=True, in_flight=32, acks=True,
                    peers=False, within=(2, "people tcp, 32 in flight, archive off")))
    rows.append(Row("people tcp, 1,000 a second, archive on", "chat", "tcp", goal=1, setup="archive", rate=1000, acks=True))
    for transport in ("tcp", "ws"):
        rows.append(Row(f"login {transport}", "login", transport, goal=150 if transport == "tcp" else None, connections=32))
    for friends in (50, 200):
        rows.append(Row(f"login tcp, {friends} friends there", "login", "tcp", setup="people", connections=1, friends=friends))
    for transport, goal in (("tcp", 3.0), ("ws", 3.5), ("tls", 17.0), ("wss", 19.0)):
        rows.append(Row(f"idle {transport}", "idle", transport, goal=goal * 1024, connections=idle,
                        settle=10 if quick else 60, stanzas=20))
    return rows


def figure(row, result):
    """The number that the goal is about, and its unit."""
    if row.mode == "idle":
        return result["gateway_bytes_per_connection"], "B"
    if "rate" in row.options:
        return result["latency_ms"]["p99"], "ms p99"
    if row.whole:
        return result["cpu_us"]["gateway"] + result["cpu_us"].get("redis", 0), "µs"
    return result["cpu_us"]["gateway"], "µs"


def goal_of(row, results):
    """The goal in the figure's unit, or None; results: those of the same server so far."""
    for result in results:
        if row.within and result["name"] == row.within[1] and not result["broken"]:
            return figure(row, result)[0] * row.within[0]
    return row.goal
