"""The archive (XEP-0313) from outside: a real client's own way of reading it; pages of 100,000 messages; clients that read
slowly."""
import json
import pathlib
import re
import subprocess
import time

import pytest
import xmpp

CLIENT = pathlib.Path(__file__).parent / "clients/slixmpp_archive.py"
MANY = 100_000
KEY = "xmpp:{juliet@localhost}:"
START = int(time.time() * 1000) - 24 * 3600 * 1000


def fill(redis, count, partner_of, body_of=str, step=500):
    """Messages 1 to count, as the server writes them, half a second apart by their ids."""
    pipeline = redis.client().pipeline(transaction=False)
    for number in range(1, count + 1):
        partner = partner_of(number)
        event = {
            "specversion": "1.0", "id": f"01a203b3-1e7b-7cc1-b1a2-{number:012x}", "source": f"xmpp:{partner}/home",
            "type": "xmpp.message", "subject": "juliet@localhost", "time": "2026-11-22T14:40:00.123Z",
            "datacontenttype": "application/json",
            "data": {"kind": "message", "type": "chat", "id": f"m{number}", "from": f"{partner}/home", "to": "juliet@localhost",
                     "body": body_of(number)},
        }
        archived = f"{START + number * step}-0"
        pipeline.xadd(KEY + "archive", {"e": json.dumps(event), "w": partner}, id=archived)
        pipeline.xadd(KEY + "with:" + partner, {"a": "home"}, id=archived)
        if number % 10_000 == 0:
            pipeline.execute()
    pipeline.execute()


def page(client, form="", rsm="", more=""):
    """(bodies, ids, fin, milliseconds) of one query."""
    page.number = getattr(page, "number", 0) + 1
    if form:
        form = ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
                + "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in form.items()) + "</x>")
    began = time.perf_counter()
    client.stanza(f"<iq type='set' id='p{page.number}'><query xmlns='urn:xmpp:mam:2'>{form}"
                  f"<set xmlns='http://jabber.org/protocol/rsm'>{rsm}</set>{more}</query></iq>")
    match = client.until(rf"^(.*?)(<iq [^>]*id=['\"]p{page.number}['\"].*?</iq>)", 30)
    took = (time.perf_counter() - began) * 1000
    return (re.findall(r"<body>(.*?)</body>", match.group(1), re.S), re.findall(r"<result [^>]*?[ ]id=['\"](.*?)['\"]", match.group(1)),
            match.group(2), took)


def test_slixmpp(gateway, redis):
    fill(redis, 25, lambda number: "romeo@localhost" if number % 5 else "nurse@localhost")
    done = subprocess.run(["/usr/bin/python3", str(CLIENT), str(gateway.tcp)], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0 and "all of it" in done.stdout, done.stdout + done.stderr


def test_a_hundred_thousand(gateway, redis, capsys):
    """A page costs the same wherever it is and whoever it is with.  The bounds leave room for sanitizers and a busy machine."""
    fill(redis, MANY, lambda number: "rare@localhost" if number % 10_000 == 7 else "often@localhost")
    with xmpp.Client(gateway.tcp).login() as client:
        assert f"<count>{MANY}</count>" in page(client, rsm="<max>0</max>")[2]
        _, ids, _, _ = page(client, rsm="<max>1</max>", form={"start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((START + MANY * 250) / 1000))})
        queries = {
            "the first page": ({}, "<max>50</max>", 1),
            "the last page": ({}, "<max>50</max><before/>", MANY - 49),
            "behind the middle": ({}, f"<max>50</max><after>{ids[0]}</after>", None),
            "a frequent partner": ({"with": "often@localhost"}, "<max>50</max><before/>", MANY - 49),
            "a rare partner": ({"with": "rare@localhost"}, "<max>50</max>", 7),
            "a rare partner's resource": ({"with": "rare@localhost/home"}, "<max>5</max><before/>", MANY - 10_000 * 5 + 7),
            "a time": ({"start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((START + MANY * 250) / 1000)), "with": "rare@localhost"},
                       "<max>2</max>", None),
        }
        for name, (form, rsm, first) in queries.items():
            best = 1e9
            for _ in range(5):
                bodies, _, fin, took = page(client, form=form, rsm=rsm)
                best = min(best, took)
            with capsys.disabled():
                print(f"\n{name}: {len(bodies)} messages, {best:.1f} ms", end="")
            assert bodies and (first is None or int(bodies[0]) == first), (name, bodies[:3])
            assert best < 60, (name, best)
        bodies = page(client, form={"with": "rare@localhost"}, rsm="<max>50</max>")[0]
        assert [int(body) for body in bodies] == list(range(7, MANY, 10_000))


def test_unacknowledged(gateways, redis):
    """The same where the client acknowledges (XEP-0198): a page is many times what may be unacknowledged, and the next piece
    comes when it is not too much."""
    gateway = gateways(limits__sm_bytes="512k", limits__sm_queue=100)
    fill(redis, 250, lambda number: "romeo@localhost", lambda number: f"{number:03}" + "x" * 10_000)
    with xmpp.Client(gateway.tcp).login() as client:
        client.stanza("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        client.until(r"<enabled[^>]*/>")
        client.stanza("<iq type='set' id='s'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>"
                      "<max>250</max></set></query></iq>")
        seen, asked = [], 0
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline
            match = client.until(r"<body>(\d\d\d)x+</body>.*?</result></message>|<r xmlns[^>]*/>|<fin ", 20)
            if match.group(1):
                seen.append(int(match.group(1)))
            elif match.group(0).startswith("<r"):
                asked += 1
                if asked == 1:
                    time.sleep(2)  # nothing more comes meanwhile than may
                client.stanza(f"<a xmlns='urn:xmpp:sm:3' h='{len(seen)}'/>")
            else:
                break
        assert seen == list(range(1, 251)) and asked > 3, (len(seen), asked)
        assert gateway.metrics()["sm_overflows_total"] == 0


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_slow_reader(gateways, redis, kind):
    """A page that is many times what may wait for a client: it comes whole, as fast as the client reads, and the server keeps
    little meanwhile.  Eight queries at once are as good; a ninth is refused."""
    gateway = gateways(limits__client_queue="300k", archive__page=250, limits__client_stall="2")
    fill(redis, 250, lambda number: "romeo@localhost", lambda number: f"{number:03}" + "x" * 20_000)
    with xmpp.connect(gateway, kind).login() as client:
        query = ("<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>250</max></set></query>")
        for number in range(9):
            client.stanza(f"<iq type='set' id='s{number}'>{query}</iq>")
        time.sleep(4)  # longer than a full queue would be borne with
        held = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()).group(1))
        assert "resource-constraint" in client.until(r"<iq [^>]*type=['\"]error['\"].*?</iq>", 20).group(0)
        seen, ends = [], 0
        deadline = time.monotonic() + 120
        while ends < 8:
            assert time.monotonic() < deadline
            match = client.until(r"<body>(\d\d\d)x+</body>|<fin ", 20)
            if match.group(1):
                seen.append(int(match.group(1)))
            else:
                ends += 1
        print(f"{held} kB held")
        assert gateway.metrics()["client_queue_overflows_total"] == 0
        assert len(seen) + 20 > 8 * 250  # those in front of the error were not counted
