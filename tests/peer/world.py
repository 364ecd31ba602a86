"""Other servers for tests: an own DNS (dnsmasq), an own authority, and a Prosody beside the gateway, on loopback addresses."""
import os
import pathlib
import shutil
import socket
import subprocess

from certificates import Identity
from conftest import free_port, wait_for


def can_connect(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


class Process:
    """One that ends with the test."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.process = None

    def spawn(self, *command, **options):
        log = open(self.folder / f"{self.name}.out", "ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **options)

    def output(self):
        return (self.folder / f"{self.name}.out").read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Dns(Process):
    """dnsmasq that knows what it is told, and nothing else.  srv: {domain: [(service, host, port, priority)]}, hosts: {name: address}."""

    def __init__(self, folder, srv, hosts):
        super().__init__(folder, "dnsmasq")
        self.port = free_port()
        words = ["--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", f"--port={self.port}", "--listen-address=127.0.0.1",
                 "--bind-interfaces", "--local=/example/", "--user=root", f"--pid-file={self.folder}/dnsmasq.pid"]
        for domain, records in srv.items():
            words += [f"--srv-host=_{service}._tcp.{domain},{host},{port},{priority}" if host != "." else f"--srv-host=_{service}._tcp.{domain}"
                      for service, host, port, priority in records]
        words += [f"--host-record={name},{address}" for name, address in hosts.items()]
        self.spawn("dnsmasq", *words)
        wait_for(lambda: "started" in self.output() or self.process.poll() is not None, what="dnsmasq")
        assert self.process.poll() is None, self.output()

    @property
    def server(self):
        return f"127.0.0.1@{self.port}"


class SignedDns(Process):
    """NSD with zones that are signed: answers carry proofs, which validate from anchor on.

    zones: {name: lines of its zone file, beside SOA and NS}, parents first; a zone's own delegations are written here, those to
    the zones in unsigned without a DS record.  expired: zones whose signatures are of the past.  changes: [(old, new)] in what was
    signed already, so that it is what its signature says no more."""

    def __init__(self, folder, zones, unsigned=(), expired=(), changes=()):
        super().__init__(folder, "nsd")
        self.place = self.folder / "zones"
        self.place.mkdir()
        self.port = free_port()
        delegations = {name: [] for name in zones}
        for name in reversed(zones):
            lines = [f"{name}. 60 IN SOA ns.{name}. root.{name}. 1 3600 600 86400 1", f"{name}. 60 IN NS ns.{name}.", f"ns.{name}. 60 IN A 127.0.0.1"]
            (self.place / name).write_text("\n".join([*lines, *zones[name], *delegations[name], ""]))
            parent = name.partition(".")[2]
            if parent in zones:
                delegations[parent] += lines[1:]
            if name not in unsigned:
                delegation = self.sign(name, name in expired, changes)
                if parent in zones:
                    delegations[parent].append(delegation)
        self.anchor = str(next(self.place.glob(f"K{next(iter(zones))}.+*.key")))
        (self.place / "nsd.conf").write_text(f"""
server:
  ip-address: 127.0.0.1@{self.port}
  username: ""
  database: ""
  zonesdir: "{self.place}"
  pidfile: "{self.place}/nsd.pid"
  zonelistfile: "{self.place}/zone.list"
  xfrdfile: "{self.place}/xfrd.state"
  xfrdir: "{self.place}"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
""" + "".join(f"zone:\n  name: {name}\n  zonefile: {name}\n" for name in zones))
        self.spawn("nsd", "-d", "-c", str(self.place / "nsd.conf"))
        wait_for(lambda: "nsd started" in self.output() or self.process.poll() is not None, what="nsd")
        assert self.process.poll() is None, self.output()

    def sign(self, name, is_expired, changes):
        """Signs the zone's file where it is; gives the DS record for its parent."""
        def run(*words):
            return subprocess.run(words, cwd=self.place, check=True, capture_output=True, text=True).stdout.strip()

        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-r", "/dev/urandom", name)
        dates = ["-i", "20200101000000", "-e", "20200201000000"] if is_expired else []
        run("ldns-signzone", *dates, "-f", name, name, key)
        path = self.place / name
        text = path.read_text()
        for old, new in changes:
            text = text.replace(old, new)
        path.write_text(text)
        return run("ldns-key2ds", "-n", "-f", "-2", f"{key}.key")

    @property
    def server(self):
        return f"127.0.0.1@{self.port}"


class Prosody(Process):
    """A stock Prosody for one domain, on a port of its own."""

    def __init__(self, folder, domain, dns, ca, identity=None, extra="", users=("romeo",), s2s_port=None, secure=True, direct=None):
        super().__init__(folder, f"prosody-{domain}")
        self.domain, self.dns = domain, dns
        self.c2s, self.s2s, self.component = free_port(), s2s_port or free_port(), free_port()
        data = self.folder / f"data-{domain}"
        data.mkdir(exist_ok=True)
        ssl = ""
        if identity:
            identity.write(self.folder, domain)
            ssl = f'ssl = {{ certificate = "{self.folder}/{domain}.crt"; key = "{self.folder}/{domain}.key"; cafile = "{ca}" }}'
        self.config = self.folder / f"{domain}.cfg.lua"
        self.config.write_text(f'''
run_as_root = true
pidfile = "{data}/prosody.pid"
data_path = "{data}"
log = {{ debug = "{self.folder}/{domain}.log" }}
modules_enabled = {{ "roster", "saslauth", {'"tls", ' if identity else ""}"dialback", "disco", "ping", "pep", "vcard_legacy", "s2s_bidi", "smacks", "version", "time" }}
authentication = "internal_plain"
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
s2s_require_encryption = {"true" if secure else "false"}
s2s_secure_auth = {"true" if secure else "false"}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.c2s} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ {self.s2s} }}
s2s_direct_tls_ports = {{ {direct or ""} }}
component_ports = {{ {self.component} }}
component_interfaces = {{ "127.0.0.1" }}
http_ports = {{ }}
https_ports = {{ }}
limits = {{ }}
unbound = {{ resolvconf = false, hoststxt = false, forward = {{ "{dns.server}" }}, trusted = "",
            options = {{ ["do-not-query-localhost:"] = "no", ["module-config:"] = "iterator" }} }}
{ssl}
VirtualHost "{domain}"
{extra}
''')
        for user in users:
            accounts = data / domain.replace(".", "%2e") / "accounts"
            accounts.mkdir(parents=True, exist_ok=True)
            (accounts / f"{user}.dat").write_text('return { ["password"] = "secret"; };\n')
        self.start()

    def start(self):
        self.spawn("prosody", "-F", "--config", str(self.config))
        wait_for(lambda: can_connect(self.c2s) and can_connect(self.s2s), 20, "prosody\n" + self.output())

    def log(self):
        path = self.folder / f"{self.domain}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def has_prosody():
    return shutil.which("prosody") is not None


class Authority:
    """Signs for domains; the file of its certificate is what servers are told to trust."""

    def __init__(self, folder):
        self.identity = Identity("test authority", is_authority=True)
        self.path = str(pathlib.Path(folder) / "ca.crt")
        pathlib.Path(self.path).write_bytes(self.identity.pem())

    def issue(self, domain, **options):
        return Identity(domain, [domain], issuer=self.identity, **options)


def settings(dns, ca, **more):
    """What a gateway needs to federate in this world."""
    return {"listen__s2s": f"127.0.0.1:{free_port()}", "dns__servers": dns.server, "s2s__ca": ca, "s2s__timeout": "10",
            "listen__tls": "off", "listen__https": "off", **more}


class Ejabberd(Process):
    """A stock ejabberd for one domain, or for hosts.  It runs as a user of its own, who has to be able to read the test's folder."""

    def __init__(self, folder, domain, dns, ca, identity, s2s_port, users=("romeo",), hosts=()):
        """It asks dns for SRV records only, and the machine for addresses: targets are called localhost."""
        super().__init__(folder, f"ejabberd-{domain}")
        self.domain = domain
        self.c2s, self.s2s, self.component = free_port(), s2s_port, free_port()
        self.home = self.folder / f"ejabberd-{domain}-home"
        self.home.mkdir()
        bundle = self.home / "bundle.pem"
        bundle.write_bytes(identity.pem() + identity.key_pem())
        shutil.copy(ca, self.home / "ca.crt")
        (self.home / "ejabberd.yml").write_text(f'''
loglevel: debug
hosts: {list(hosts) or [domain]}
certfiles: ["{bundle}"]
ca_file: "{self.home}/ca.crt"
auth_method: internal
s2s_use_starttls: required
listen:
  - {{port: {self.c2s}, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s, shaper: none}}
  - {{port: {self.s2s}, ip: "127.0.0.1", module: ejabberd_s2s_in}}
  - {{port: {self.component}, ip: "127.0.0.1", module: ejabberd_service, hosts: {{"orders.{domain}": {{password: "ink"}}}}}}
access_rules:
  c2s: {{allow: all}}
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_version: {{show_os: false}}
  mod_s2s_dialback: {{}}
  mod_caps: {{}}
  mod_pubsub: {{plugins: [flat, pep]}}
  mod_vcard: {{}}
''')
        (self.home / "inetrc").write_text(f'{{resolv_conf,""}}.\n{{lookup,[file,dns]}}.\n{{nameserver,{{127,0,0,1}},{dns.port}}}.\n')
        (self.home / "ejabberdctl.cfg").write_text(f"ERLANG_NODE=test{os.getpid()}@localhost\nERL_DIST_PORT={free_port()}\nINET_DIST_INTERFACE=127.0.0.1\n")
        for place in [self.folder, *self.folder.parents][:-2]:
            place.chmod(place.stat().st_mode | 0o011)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "ejabberd:ejabberd", str(self.home)], check=True)
        self.start()
        for user in users:
            self.control("register", user, domain, "secret")

    def words(self, *words):
        return ["ejabberdctl", "--config-dir", str(self.home), "--config", str(self.home / "ejabberd.yml"), "--ctl-config",
                str(self.home / "ejabberdctl.cfg"), "--logs", str(self.home), "--spool", str(self.home), *words]

    def control(self, *words):
        done = subprocess.run(self.words(*words), capture_output=True, text=True, cwd="/", timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        self.spawn(*self.words("foreground"), cwd="/")
        wait_for(lambda: can_connect(self.c2s) and can_connect(self.s2s), 40, "ejabberd\n" + self.output())

    def log(self):
        path = self.home / "ejabberd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        if self.process and self.process.poll() is None:
            subprocess.run(self.words("stop"), capture_output=True, cwd="/", timeout=60)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
