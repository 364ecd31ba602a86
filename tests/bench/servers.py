"""The servers that are measured: each starts on loopback with its data in a folder of its own, and knows its processes."""
import base64
import hashlib
import hmac
import os
import shutil
import signal
import socket
import subprocess
import time

PASSWORD = "bench-password"
ITERATIONS = 10000
SALT = b"stanzabus-bench-"
DOMAIN = "bench.localhost"
ECHO = "echo.bench.localhost"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scram_keys(name):
    salted = hashlib.pbkdf2_hmac(name, PASSWORD.encode(), SALT, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", name)
    return hashlib.new(name, client_key).digest(), hmac.digest(salted, b"Server Key", name)


def wait_until(what, ready, process=None, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        if process and process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"bench: {what} did not come; see the logs in its folder")


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def make_certificate(folder, domain=DOMAIN):
    certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    if not os.path.exists(key):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "30", "-subj", f"/CN={domain}", "-addext", f"subjectAltName=DNS:{domain}",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


class Server:
    """What all have in common: a folder, child processes that are stopped by their pid, named groups of pids."""
    mechanism = "SCRAM-SHA-256"
    password = PASSWORD
    domain = DOMAIN
    other = None  # a server beside it, which each second client is on

    def __init__(self, folder, programs):
        self.folder = os.path.join(folder, self.name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.programs = programs  # the folder of load, echo_service and component_echo
        self.processes = []
        self.redis_address = None

    def spawn(self, *command, **more):
        log = open(os.path.join(self.folder, os.path.basename(command[0]) + ".log"), "ab")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
        self.processes.append(process)
        return process

    def spawn_ready(self, *command):
        """A program that prints ready."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"bench: {command[0]} did not start")
        return process

    def stop_process(self, process):
        self.processes.remove(process)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop(self):
        for process in list(reversed(self.processes)):
            self.stop_process(process)


class Stanzabus(Server):
    name = "stanzabus"
    setups = {"plain": [], "people": ["archive.default=never"], "archive": ["archive.default=always"]}

    def __init__(self, folder, programs, setup, executable, accounts, settings=()):
        super().__init__(folder, programs)
        self.executable = executable
        self.settings = [*settings, *self.setups[setup]]
        self.keeps = setup != "plain"
        self.ports = {kind: free_port() for kind in ("tcp", "tls", "ws", "wss", "admin", "redis")}
        self.redis_address = f"127.0.0.1:{self.ports['redis']}"
        self.accounts = accounts

    def arguments(self):
        certificate, key = make_certificate(self.folder, self.domain)
        listen = {"tcp": "tcp", "tls": "tls", "ws": "http", "wss": "https", "admin": "admin"}
        pairs = [f"listen.{listen[kind]}=127.0.0.1:{port}" for kind, port in self.ports.items() if kind in listen]
        pairs += [f"domain={self.domain}", f"redis.url=redis://{self.redis_address}", f"services.domains={ECHO}",
                  "auth.allow_plaintext=on", f"tls.certificate={certificate}", f"tls.key={key}", "log.level=warning"]
        return [word for pair in pairs + self.settings for word in ("--set", pair)]

    def import_accounts(self):
        path = os.path.join(self.folder, "accounts")
        fields = []
        for name, hash_name in (("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-1", "sha1")):
            stored, server = (base64.b64encode(key).decode() for key in scram_keys(hash_name))
            fields.append(f"{name}${ITERATIONS}:{base64.b64encode(SALT).decode()}${stored}:{server}")
        with open(path, "w") as file:
            file.writelines(f"user{number}@{self.domain}\t" + "\t".join(fields) + "\n" for number in range(self.accounts))
        begun = time.monotonic()
        subprocess.run([self.executable, "user", "import", path, *self.arguments()], check=True)
        print(f"imported {self.accounts} accounts in {time.monotonic() - begun:.1f} s", flush=True)

    def start(self):
        self.redis = self.spawn("redis-server", "--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--save", "",
                                "--dir", self.folder, *(["--appendonly", "yes", "--appendfsync", "everysec"] * self.keeps))
        wait_until("redis-server", lambda: can_connect(self.ports["redis"]), self.redis)
        self.import_accounts()
        self.start_gateway()
        self.service = self.spawn_ready(os.path.join(self.programs, "echo_service"), self.redis_address, ECHO)

    def start_gateway(self):
        self.gateway = self.spawn(self.executable, "serve", *self.arguments())
        health = [self.executable, "health", *self.arguments()]
        wait_until("stanzabus", lambda: subprocess.run(health, capture_output=True).returncode == 0, self.gateway)

    def fresh(self):
        """For a row about memory: a process that has not lived before."""
        self.stop_process(self.gateway)
        self.start_gateway()

    def groups(self):
        return {"gateway": [self.gateway.pid, *children_of(self.gateway.pid)], "redis": [self.redis.pid],
                "service": [self.service.pid]}


class FederatedStanzabus(Stanzabus):
    """One of two sites, each with a Redis of its own; the first one starts the second, and the name server."""
    setups = {**Stanzabus.setups, "federated": Stanzabus.setups["people"]}
    domain = "one.example"

    def __init__(self, folder, programs, setup, executable, accounts, settings=()):
        super().__init__(folder, programs, setup, executable, accounts, settings)
        self.dns_port, self.s2s_port = free_port(), free_port()
        self.trusted = os.path.join(self.folder, "trusted.pem")
        self.other = SecondStanzabus(self.folder, programs, setup, executable, accounts, settings)
        for server in (self, self.other):
            server.settings += [f"listen.s2s=127.0.0.1:{server.s2s_port}", f"dns.servers=127.0.0.1@{self.dns_port}",
                                f"s2s.ca={self.trusted}"]

    def start_name_server(self):
        records = [f"--srv-host=_xmpp-server._tcp.{server.domain},here.example,{server.s2s_port}" for server in (self, self.other)]
        self.spawn("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", f"--port={self.dns_port}",
                   "--listen-address=127.0.0.1", "--bind-interfaces", "--local=/example/", "--user=root",
                   f"--pid-file={self.folder}/dnsmasq.pid", "--host-record=here.example,127.0.0.1", *records)

    def start(self):
        with open(self.trusted, "w") as file:
            for server in (self, self.other):
                with open(make_certificate(server.folder, server.domain)[0]) as certificate:
                    file.write(certificate.read())
        self.start_name_server()
        self.other.start()
        super().start()

    def stop(self):
        super().stop()
        self.other.stop()

    def groups(self):
        mine, others = super().groups(), self.other.groups()
        return {name: mine[name] + others[name] for name in mine}


class SecondStanzabus(Stanzabus):
    setups = FederatedStanzabus.setups
    domain = "two.example"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.s2s_port = free_port()


class Prosody(Server):
    """With its generational collector, which is its best."""
    name = "prosody"
    collector = "generational"
    mechanism = "SCRAM-SHA-1"  # what 0.12 stores
    setups = {"plain": "", "people": '"smacks";', "archive": '"smacks"; "mam";'}

    def __init__(self, folder, programs, setup, accounts):
        super().__init__(folder, programs)
        self.modules = self.setups[setup]
        self.ports = {kind: free_port() for kind in ("tcp", "tls", "ws", "wss", "component")}
        self.accounts = accounts

    @staticmethod
    def is_installed():
        return shutil.which("prosody") is not None

    def write_accounts(self):
        # The file names of its storage: everything but letters and digits is percent-encoded.
        folder = os.path.join(self.folder, DOMAIN.replace(".", "%2e"), "accounts")
        os.makedirs(folder)
        stored, server = (key.hex() for key in scram_keys("sha1"))
        text = (f'return {{ ["salt"] = "{SALT.decode()}"; ["iteration_count"] = {ITERATIONS}; '
                f'["stored_key"] = "{stored}"; ["server_key"] = "{server}"; }};\n')
        for number in range(self.accounts):
            with open(os.path.join(folder, f"user{number}.dat"), "w") as file:
                file.write(text)

    def write_config(self):
        certificate, key = make_certificate(self.folder)
        path = os.path.join(self.folder, "prosody.cfg.lua")
        with open(path, "w") as file:
            file.write(f'''
run_as_root = true
pidfile = "{self.folder}/prosody.pid"
data_path = "{self.folder}"
plugin_paths = {{}}
network_backend = "epoll"
gc = {{ mode = "{self.collector}" }}
default_archive_policy = true
interfaces = {{ "127.0.0.1" }}
log = {{ warn = "{self.folder}/warnings" }}
modules_enabled = {{ "saslauth", "tls", "disco", "roster", "ping", "websocket"; {self.modules} }}
modules_disabled = {{ "s2s", "offline" }}
authentication = "internal_hashed"
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
c2s_ports = {{ {self.ports["tcp"]} }}
c2s_direct_tls_ports = {{ {self.ports["tls"]} }}
http_ports = {{ {self.ports["ws"]} }}
https_ports = {{ {self.ports["wss"]} }}
http_interfaces = {{ "127.0.0.1" }}
https_interfaces = {{ "127.0.0.1" }}
consider_websocket_secure = true
component_ports = {{ {self.ports["component"]} }}
component_interfaces = {{ "127.0.0.1" }}
limits = {{}}
ssl = {{ certificate = "{certificate}"; key = "{key}" }}
http_host = "{DOMAIN}"
VirtualHost "{DOMAIN}"
Component "{ECHO}"
    component_secret = "bench"
    validate_from_addresses = false
''')
        return path

    def start(self):
        self.write_accounts()
        self.server = self.spawn("prosody", "-F", "--config", self.write_config())
        wait_until("prosody", lambda: can_connect(self.ports["ws"]) and can_connect(self.ports["component"]), self.server)
        self.start_service()

    def start_service(self):
        self.service = self.spawn_ready(os.path.join(self.programs, "component_echo"),
                                        f"127.0.0.1:{self.ports['component']}", ECHO, "bench")

    def fresh(self):
        self.stop_process(self.service)
        self.stop_process(self.server)
        self.server = self.spawn("prosody", "-F", "--config", os.path.join(self.folder, "prosody.cfg.lua"))
        wait_until("prosody", lambda: can_connect(self.ports["ws"]) and can_connect(self.ports["component"]), self.server)
        self.start_service()

    def groups(self):
        return {"gateway": [self.server.pid], "service": [self.service.pid]}


class ProsodyDefault(Prosody):
    name = "prosody-inc"
    collector = "incremental"


class Ejabberd(Server):
    name = "ejabberd"
    mechanism = "SCRAM-SHA-1"
    setups = {"plain": "", "people": "  mod_stream_mgmt: {}\n",
              "archive": "  mod_stream_mgmt: {}\n  mod_mam:\n    default: always\n"}

    def __init__(self, folder, programs, setup, accounts):
        super().__init__(folder, programs)
        self.modules = self.setups[setup]
        self.ports = {kind: free_port() for kind in ("tcp", "tls", "ws", "wss", "component")}
        self.accounts = accounts
        self.node = f"bench{os.getpid()}@localhost"
        self.distribution_port = free_port()

    @staticmethod
    def is_installed():
        return shutil.which("ejabberdctl") is not None

    def write_config(self):
        certificate, key = make_certificate(self.folder)
        bundle = os.path.join(self.folder, "bundle.pem")
        with open(bundle, "w") as file:
            file.write(open(certificate).read() + open(key).read())
        web = 'request_handlers: {"/xmpp-websocket": ejabberd_http_ws}'
        with open(os.path.join(self.folder, "ejabberd.yml"), "w") as file:
            file.write(f'''
loglevel: warning
hosts: ["{DOMAIN}"]
certfiles: ["{bundle}"]
auth_method: internal
auth_password_format: scram
listen:
  - {{port: {self.ports["tcp"]}, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s, shaper: none, backlog: 4096}}
  - {{port: {self.ports["tls"]}, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s, shaper: none, tls: true, backlog: 4096}}
  - {{port: {self.ports["ws"]}, ip: "127.0.0.1", module: ejabberd_http, backlog: 4096, {web}}}
  - {{port: {self.ports["wss"]}, ip: "127.0.0.1", module: ejabberd_http, tls: true, backlog: 4096, {web}}}
  - {{port: {self.ports["component"]}, ip: "127.0.0.1", module: ejabberd_service, check_from: false, hosts: {{"{ECHO}": {{password: "bench"}}}}}}
websocket_origin: []
access_rules:
  c2s: {{allow: all}}
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
{self.modules}''')
        with open(os.path.join(self.folder, "ejabberdctl.cfg"), "w") as file:
            file.write(f"ERLANG_NODE={self.node}\nERL_DIST_PORT={self.distribution_port}\nINET_DIST_INTERFACE=127.0.0.1\n")
        shutil.copy("/etc/ejabberd/inetrc", self.folder)
        with open(os.path.join(self.folder, "accounts.xml"), "w") as file:
            file.write(f"<?xml version='1.0'?><server-data xmlns='urn:xmpp:pie:0'><host jid='{DOMAIN}'>")
            file.writelines(f"<user name='user{number}' password='{PASSWORD}'/>" for number in range(self.accounts))
            file.write("</host></server-data>")

    def control(self, *words):
        return ["ejabberdctl", "--config-dir", self.folder, "--config", os.path.join(self.folder, "ejabberd.yml"), "--ctl-config",
                os.path.join(self.folder, "ejabberdctl.cfg"), "--logs", self.folder, "--spool", self.folder, *words]

    def start(self):
        self.write_config()
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "ejabberd:ejabberd", self.folder], check=True)
            subprocess.run(["chmod", "a+x", *self.parents()], check=True)
        self.start_server()
        subprocess.run(self.control("import_piefxis", os.path.join(self.folder, "accounts.xml")), check=True, capture_output=True,
                       **self.as_user())
        self.start_service()

    def parents(self):
        """The server runs as a user of its own, who must be able to walk to the folder."""
        path, found = os.path.dirname(self.folder), []
        while path not in ("/", "/tmp", "/home"):
            found.append(path)
            path = os.path.dirname(path)
        return found

    def as_user(self):
        """As its own user from the start: ejabberdctl would change to it by su, which lowers the limit of open files."""
        environment = {**os.environ, "HOME": self.folder}
        return {"env": environment, **({"user": "ejabberd", "group": "ejabberd"} if os.geteuid() == 0 else {})}

    def start_server(self):
        self.control_process = self.spawn(*self.control("foreground"), **self.as_user())
        wait_until("ejabberd", lambda: can_connect(self.ports["component"]) and can_connect(self.ports["ws"]), self.control_process)

    def start_service(self):
        self.service = self.spawn_ready(os.path.join(self.programs, "component_echo"),
                                        f"127.0.0.1:{self.ports['component']}", ECHO, "bench")

    def beam(self):
        """The Erlang machine below the control script."""
        waiting, found = [self.control_process.pid], []
        while waiting:
            pid = waiting.pop()
            waiting += children_of(pid)
            try:
                with open(f"/proc/{pid}/comm") as file:
                    if file.read().startswith("beam"):
                        found.append(pid)
            except OSError:
                pass
        return found

    def stop_server(self):
        pids = self.beam()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        # The script in front of it would go first and leave the ports taken.
        wait_until("the end of ejabberd", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
        self.stop_process(self.control_process)

    def fresh(self):
        self.stop_process(self.service)
        self.stop_server()
        self.start_server()
        self.start_service()

    def stop(self):
        if hasattr(self, "control_process"):
            self.stop_server()
        super().stop()

    def groups(self):
        return {"gateway": self.beam(), "service": [self.service.pid]}
