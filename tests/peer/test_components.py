"""Components (XEP-0114), both ways: biboumi and plain ones log in here; the gateway is a component of Prosody, with a service
behind it."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import threading

import pytest

from component import Component
from conftest import free_port, wait_for
from floods import pour, stanzas
from listener import Listener
from relay import Relay
from world import Dns, Process, Prosody
from xmpp import STREAMS, Client


@pytest.fixture
def gateway(gateways):
    port = free_port()
    made = gateways(listen__component=f"127.0.0.1:{port}", components__accept="irc.example:shhh,weather.example:sun")
    made.component = port
    return made


def enter(gateway, domain="weather.example", secret="sun"):
    component = Component(gateway.component).enter(domain, secret)
    component.until(r"<handshake/>")
    return component


def test_a_component_speaks_and_is_spoken_to(gateway):
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    juliet.send("<message to='verona@weather.example' id='0'><body>?</body></message>")
    assert "service-unavailable" in juliet.until(r"<message.*?</message>").group(0)
    component = enter(gateway)
    juliet.send("<message to='verona@weather.example' id='1'><body>rain?</body></message>")
    got = component.until(r"<message.*?</message>").group(0)
    assert "rain?" in got and "from='juliet@localhost/balcony'" in got and "jabber:client" not in got
    component.send("<message from='verona@weather.example/sky' to='juliet@localhost/balcony' id='2'><body>sun</body></message>")
    got = juliet.until(r"<message.*?</message>").group(0)
    assert "sun" in got and "verona@weather.example/sky" in got
    juliet.send("<iq to='weather.example' type='get' id='3'><ping xmlns='urn:xmpp:ping'/></iq>")
    component.until(r"<iq[^>]*id='3'.*?</iq>|<iq.*?</iq>")
    component.send("<iq from='weather.example' to='juliet@localhost/balcony' type='result' id='3'/>")
    assert "id='3'" in juliet.until(r"<iq[^>]*/>").group(0)
    component.send("<iq from='weather.example' to='localhost' type='get' id='4'><query xmlns='jabber:iq:version'/></iq>")
    assert "stanzabus" in component.until(r"<iq.*?</iq>").group(0)


def test_a_redis_that_forgets(gateway, redis):
    """The queue counts from 1 again, and what is in it goes all the same."""
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    component = enter(gateway)
    for number in range(1, 5):
        juliet.send(f"<message to='verona@weather.example'><body>n{number}.</body></message>")
        component.until(rf"<body>n{number}\.</body>")
    redis.kill()
    redis.start()
    juliet.send("<message to='verona@weather.example' id='wait'><body>n5.</body></message>")

    def goes():
        juliet.send("<message to='verona@weather.example'><body>n6.</body></message>")
        return int(redis.client().xlen("xmpp:{weather.example}:log")) or "n6." in component.seen

    wait_for(goes, what="a queue that is written again")
    component.until(r"<body>n6\.</body>", timeout=20)


def test_an_answer_of_redis_that_is_lost(gateways, redis):
    """What was queued without its holder having heard of it goes when Redis is back, and once."""
    relay, port = Relay(redis), free_port()
    gateway = gateways(listen__component=f"127.0.0.1:{port}", components__accept="weather.example:sun", redis__url=relay.url)
    gateway.component = port
    juliet, component = Client(gateway.tcp).login("juliet", resource="balcony"), enter(gateway)
    juliet.send("<message to='verona@weather.example'><body>n1.</body></message>")
    component.until(r"<body>n1\.</body>")
    wait_for(lambda: redis.client().xlen("xmpp:{weather.example}:log") == 0, what="an empty queue")
    relay.needle = b"n2."
    juliet.send("<message to='verona@weather.example'><body>n2.</body></message>")
    wait_for(lambda: redis.client().xlen("xmpp:{weather.example}:log") == 1, what="a message in the queue")
    relay.cut.set()
    component.until(r"<body>n2\.</body>", timeout=20)
    juliet.send("<message to='verona@weather.example'><body>n3.</body></message>")
    assert "n2." not in component.until(r".*<body>n3\.</body>", timeout=20).group(0)
    assert "error" not in juliet.seen


@pytest.mark.parametrize("domain, secret, condition", [
    ("weather.example", "moon", "not-authorized"), ("nobody.example", "sun", "host-unknown"), ("localhost", "sun", "host-unknown")])
def test_strangers_are_refused(gateway, domain, secret, condition):
    component = Component(gateway.component)
    component.send(f"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='{domain}'>")
    if condition == "not-authorized":
        component.until(r"<stream:stream[^>]*>")
        component.send(f"<handshake>{hashlib.sha1(secret.encode()).hexdigest()}</handshake>")
    assert condition in component.until_closed()


def test_thousands_of_all_sorts(gateway):
    """Each is done with, whatever becomes of it: the component is read on, and the last one is answered."""
    component = enter(gateway)
    pouring = pour(component, stanzas(3300, "weather.example", "localhost"))
    pouring.join(60)
    component.send("<iq from='weather.example' to='localhost' type='get' id='last'><query xmlns='jabber:iq:version'/></iq>")
    component.until(r"<iq[^>]*id='last'[^>]*type='result'|<iq[^>]*type='result'[^>]*id='last'", timeout=60)
    assert gateway.metrics()["peer_stanzas_in_total"] == 3301


def test_a_component_lies_about_who_speaks(gateway):
    component = enter(gateway)
    component.send("<message from='romeo@localhost/x' to='juliet@localhost'><body>I am Romeo</body></message>")
    assert "invalid-from" in component.until_closed()


@pytest.mark.parametrize("to", ["", "to='a@b@localhost'", "to='@localhost'"])
def test_one_wrong_address_does_not_end_a_component(gateway, to):
    component = enter(gateway)
    component.send(f"<message from='verona@weather.example' {to} type='error' id='0'><body>never answered</body></message>"
                   f"<message from='verona@weather.example' {to} id='1'><body>hi</body></message>"
                   "<iq from='weather.example' to='localhost' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>")
    got = component.until(r"<iq[^>]*id='2'[^>]*/>").string
    assert "jid-malformed" in got and "id='1'" in got and "id='0'" not in got and "to='verona@weather.example'" in got


def test_a_component_without_an_address(gateway):
    component = enter(gateway)
    component.send("<message to='juliet@localhost'><body>from whom?</body></message>")
    assert "improper-addressing" in component.until_closed()


def test_a_component_ends_with_a_stream_error(gateway):
    component = enter(gateway)
    component.send("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
    assert component.until_closed() == "</stream:stream>"
    wait_for(lambda: "stream error of the other side: system-shutdown" in gateway.log(), what="a line in the log")


@pytest.mark.parametrize("namespace", ["jabber:client", "jabber:server", "jabber:component:connect"])
def test_headers_of_other_ports(gateway, namespace):
    component = Component(gateway.component)
    component.send(f"<?xml version='1.0'?><stream:stream xmlns='{namespace}' xmlns:stream='{STREAMS}' to='weather.example'>")
    got = component.until_closed()
    assert "invalid-namespace" in got and "<stream:stream" in got and got.endswith("</stream:stream>")


def test_a_component_that_says_nothing_is_let_go(gateways):
    port = free_port()
    gateways(listen__component=f"127.0.0.1:{port}", components__accept="weather.example:sun", limits__login_seconds="1")
    component = Component(port)
    component.send(f"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='weather.example'>")
    assert "connection-timeout" in component.until_closed(timeout=5)


def test_a_component_hears_that_the_server_stops(gateway):
    component = enter(gateway)
    gateway.process.terminate()
    assert "system-shutdown" in component.until_closed()


def test_stanzas_before_the_handshake(gateway):
    component = Component(gateway.component)
    component.send(f"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='weather.example'>"
                   "<message from='verona@weather.example' to='juliet@localhost'><body>hi</body></message>")
    assert "not-authorized" in component.until_closed()


def test_a_second_connection_stands_by(gateway):
    first, second = enter(gateway), enter(gateway)
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    juliet.send("<message to='weather.example' id='1'><body>one</body></message>")
    first.until(r"one</body>.*?</message>")
    assert second.silent(0.3)
    first.close()

    def taken_over():
        juliet.send("<message to='weather.example' id='2'><body>two</body></message>")
        try:
            second.until(r"two</body>.*?</message>", timeout=0.5)
            return True
        except TimeoutError:
            return False
    wait_for(taken_over, 10, "the second connection")


class Irc(Listener):
    """An IRC server just big enough for biboumi: one channel, everybody hears everybody."""

    def __init__(self):
        # biboumi looks on the usual port only: at an address of this process's own nobody else has it
        self.address = f"127.66.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
        super().__init__(6667, self.address)
        self.said = []
        self.start()

    def serve(self, connection):
        nick, buffer = "?", b""
        send = lambda line: connection.sendall((line + "\r\n").encode())
        while True:
            try:
                data = connection.recv(4096)
            except OSError:
                return
            if not data:
                return
            buffer += data
            while b"\r\n" in buffer:
                line, buffer = buffer.split(b"\r\n", 1)
                words = line.decode(errors="replace").split(" ")
                verb = words[0].upper()
                if verb == "NICK":
                    nick = words[1].lstrip(":")
                elif verb == "USER":
                    send(f":irc 001 {nick} :Welcome")
                    send(f":irc 376 {nick} :End of MOTD")
                elif verb == "PING":
                    send(f":irc PONG irc {words[1]}")
                elif verb == "JOIN":
                    channel = words[1].lstrip(":")
                    send(f":{nick}!u@h JOIN {channel}")
                    send(f":irc 353 {nick} = {channel} :{nick} mercutio")
                    send(f":irc 366 {nick} {channel} :End")
                    send(f":irc 332 {nick} {channel} :Verona")
                elif verb == "PRIVMSG":
                    self.said.append(line.decode())
                    send(f":mercutio!u@h PRIVMSG {words[1]} :A plague o' both your houses")


class Biboumi(Process):
    def __init__(self, folder, name, port, irc):
        super().__init__(folder, name)
        configuration = folder / f"{name}.cfg"
        configuration.write_text(f"hostname=irc.example\npassword=shhh\nxmpp_server_ip=127.0.0.1\nport={port}\n"
                                 f"db_name={folder}/{name}.sqlite\nlog_level=1\nlog_file={folder}/{name}.log\nadmin=juliet@localhost\n"
                                 f"fixed_irc_server={irc.address}\nidentd_port=0\n")
        self.spawn("biboumi", str(configuration))


def visit_channel(gateway, irc, user):
    """A person enters a channel, says something there, and hears what others say."""
    person = Client(gateway.tcp, timeout=20).login(user, resource="balcony")
    person.send("<presence/>")

    def is_there():
        person.send("<iq to='irc.example' type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        return "conference" in person.until(r"<iq[^>]*from='irc.example'.*?</iq>").group(0)
    wait_for(is_there, 15, "biboumi", pause=0.3)
    person.send(f"<presence to='#verona@irc.example/{user}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    person.until(r"<presence[^>]*from='#verona@irc.example/mercutio'.*?</presence>", timeout=30)
    person.until(rf"<presence[^>]*from='#verona@irc.example/{user}'.*?<status code='110'/>.*?</presence>")
    person.send(f"<message to='#verona@irc.example' type='groupchat' id='g'><body>Peace, says {user}</body></message>")
    got = person.until(r"<message[^>]*from='#verona@irc.example/mercutio'.*?</message>").group(0)
    assert "A plague" in got and any(f"Peace, says {user}" in line for line in irc.said), (got, irc.said)
    return person


def test_biboumi(gateway, folder):
    irc = Irc()
    biboumi = Biboumi(folder, "biboumi", gateway.component, irc)
    try:
        visit_channel(gateway, irc, "juliet").send("<presence to='#verona@irc.example/juliet' type='unavailable'/>")
    finally:
        biboumi.stop()
        irc.stop()


def test_biboumi_twice(gateways, folder):
    """Two that share know different people, and each person has one of them."""
    users = ["juliet", "romeo", "nurse", "tybalt"]
    port = free_port()
    gateway = gateways(listen__component=f"127.0.0.1:{port}", components__accept="irc.example:shhh", components__share="on", users=users)
    irc = Irc()
    biboumis = [Biboumi(folder, name, port, irc) for name in ("one", "two")]
    try:
        wait_for(lambda: gateway.log().count("role=component") == 2, 15, "both")
        with concurrent.futures.ThreadPoolExecutor(len(users)) as pool:
            people = list(pool.map(lambda user: visit_channel(gateway, irc, user), users))
        for user, person in zip(users, people):  # and still, when all of them are there
            person.send("<message to='#verona@irc.example' type='groupchat' id='h'><body>Farewell</body></message>")
            person.until(r"<message[^>]*from='#verona@irc.example/mercutio'.*?</message>")
    finally:
        for biboumi in biboumis:
            biboumi.stop()
        irc.stop()


def test_slixmpp(gateway):
    """The component of another library: a person asks it, and it asks back."""
    client = pathlib.Path(__file__).parent / "clients/slixmpp_component.py"
    component = subprocess.Popen(["/usr/bin/python3", str(client), str(gateway.component), "weather.example", "sun"], stdout=subprocess.PIPE, text=True)
    try:
        assert component.stdout.readline() == "ready\n"
        juliet = Client(gateway.tcp).login("juliet", resource="balcony")
        juliet.send("<message to='verona@weather.example' type='chat' id='1'><body>rain?</body></message>")
        assert "no rain?" in juliet.until(r"<message.*?</message>").group(0)
        juliet.send("<iq to='weather.example' type='get' id='2'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        assert "weather" in juliet.until(r"<iq[^>]*id='2'.*?</iq>").group(0)
    finally:
        component.terminate()
        component.wait(10)


class Upstream:
    """Prosody has accounts; orders.verona.example is a component of it, which is the gateway."""

    def __init__(self, folder, redis, gateways):
        self.dns = Dns(folder, {}, {})
        self.prosody = Prosody(folder, "verona.example", self.dns, "", secure=False,
                               extra='Component "orders.verona.example"\n    component_secret = "ink"\n')
        self.redis = redis.client()
        self.gateway = gateways(services__domains="orders.verona.example", listen__component="off",
                                components__connect=f"orders.verona.example:ink@127.0.0.1:{self.prosody.component}")

    def stop(self):
        self.prosody.stop()
        self.dns.stop()


def echo(redis, domain, stop):
    """A service in a dozen lines: what it hears it says back; requests are answered."""
    ear = redis.pubsub()
    ear.subscribe(f"xmpp:to:{{{domain}}}")
    while not stop.is_set():
        message = ear.get_message(timeout=0.1)
        if not message or message["type"] != "message":
            continue
        event = json.loads(message["data"])
        data = event["data"]
        if data.get("kind") == "message" and data.get("body"):
            redis.publish(f"xmpp:from:{{{domain}}}", json.dumps({"data": {"kind": "message", "from": data["to"], "to": data["from"],
                                                                         "type": "chat", "body": data["body"]}}))
        elif data.get("kind") == "iq" and data["type"] in ("get", "set"):
            redis.publish(event["replyto"], json.dumps({"data": {"kind": "iq", "type": "result", "id": data["id"], "to": data["from"]}}))


def is_heard(redis, domain):
    return dict(redis.pubsub_numsub(f"xmpp:to:{{{domain}}}"))[f"xmpp:to:{{{domain}}}"] > 0


def test_a_component_of_prosody(folder, redis, gateways):
    world = Upstream(folder, redis, gateways)
    stop = threading.Event()
    service = threading.Thread(target=echo, args=(redis.client(), "orders.verona.example", stop))
    service.start()
    try:
        wait_for(lambda: "role=upstream" in world.gateway.log(), 20, "the upstream link\n" + world.gateway.log())
        wait_for(lambda: is_heard(world.redis, "orders.verona.example"), what="the service")
        romeo = Client(world.prosody.c2s, timeout=20).login("romeo", domain="verona.example", resource="orchard")
        romeo.send("<message to='pen@orders.verona.example' type='chat' id='1'><body>ten quills</body></message>")
        got = romeo.until(r"<message.*?</message>").group(0)
        assert "ten quills" in got and "pen@orders.verona.example" in got, got
        romeo.send("<iq to='orders.verona.example' type='get' id='2'><order xmlns='urn:example:order'/></iq>")
        got = romeo.until(r"<iq.*?(</iq>|/>)").group(0)
        assert "result" in got, got
        # Its server dies and comes back: the link is made again.
        world.prosody.kill()
        world.prosody.start()
        romeo = Client(world.prosody.c2s, timeout=20).login("romeo", domain="verona.example", resource="orchard")

        def echoed():
            romeo.send("<message to='pen@orders.verona.example' type='chat' id='3'><body>again</body></message>")
            try:
                return "again" in romeo.until(r"<message[^>]*type='chat'.*?</message>", timeout=2).group(0)
            except TimeoutError:
                return False
        wait_for(echoed, 30, "an echo after the restart")
    finally:
        stop.set()
        service.join()
        world.stop()
