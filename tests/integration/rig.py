"""Real parts for the integration tests: Mosquitto with TLS, the installed picketd, a service to care for, an impaired cable.

Everything lives in one folder under /run that root owns, listens on the loopback address, and ends with the test. Needs root: a test that is
not root says so and exits 77 (skipped).
"""
import base64
import concurrent.futures
import contextlib
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SOURCE = os.environ.get("PK_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PK_BINARY_DIR") or os.path.join(SOURCE, "build", "host")
SITE, GATEWAY = "lab", "gw-01"
PROBE = "picket/v1/probe/probe/status"  # what nobody but a test says: where it is heard, all before it was
MQTT = os.environ.get("PK_TEST_MQTT", "")  # what the gateways speak: "3.1.1" (test_mqtt311.py), else as they come


def need_root():
    if os.geteuid() != 0:
        print("skipped: needs root (own users, namespaces, files only root may own)")
        sys.exit(77)


def await_true(what, seconds, probe):
    """Polls until probe() is true; its value. AssertionError naming `what` when time is up: `seconds` (ten at least) of a machine that has nothing else to do, up to
    four times as many where more wants to run than there are processors. Of a look that took long, because this process or the one that was asked did not get the
    processor, half a second is counted."""
    spent, last = 0.0, time.monotonic()
    while True:
        value = probe()
        if value:
            return value
        now = time.monotonic()
        spent, last = spent + min(now - last, 0.5), now
        patience = min(4, max(1, os.getloadavg()[0] / os.cpu_count()))
        if spent >= max(seconds, 10) * patience:
            raise AssertionError(f"timed out after {max(seconds, 10) * patience:.0f} s: {what}")
        time.sleep(0.02)


reserved = []  # a name of each port this process was given, which ends with the process


def free_port():
    """Below the range that outgoing connections are given ports from: one of those could take it while its server is away, or meet itself. No other test is given it."""
    while True:
        port = random.randrange(10000, 32000)
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0picket-test-port-{port}")
        except OSError:
            name.close()
            continue
        reserved.append(name)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) != 0:
                try:
                    socket.create_server(("127.0.0.1", port)).close()
                    return port
                except OSError:
                    pass


class Rig:
    """One test's world. Use as a context manager: leaving it ends every process."""

    def __init__(self):
        need_root()
        self.dir = tempfile.mkdtemp(prefix="picket-test-", dir="/run")
        os.chmod(self.dir, 0o755)
        self.pki = os.path.join(self.dir, "pki")
        self.processes = []
        self.cleanups = []
        self.run_pki("ca")
        self.run_pki("server", "broker", "DNS:localhost", "IP:127.0.0.1")
        for name in (GATEWAY, "hub", "operator", "device"):
            self.run_pki("client", name)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for process in self.processes:
                process.show_log()
        for end in reversed(self.cleanups):
            end()
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def run_pki(self, *args):
        subprocess.run([os.path.join(SOURCE, "tools", "pki"), self.pki, *args], check=True, capture_output=True)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path


class Process:
    """A program of the rig, its output in a file."""

    def __init__(self, rig, name, argv, env=None, **options):
        self.name = name
        self.log_path = rig.path(f"{name}.{len(rig.processes)}.log")
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env, **options)
        rig.processes.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def is_running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def lines(self):
        """Of its log, which it may be writing: what has no end yet is no line."""
        text = self.log()
        return text[:text.rfind("\n") + 1].splitlines()

    def show_log(self):
        print(f"--- {self.name}\n{self.log()[-3000:]}", file=sys.stderr)

    def stop(self, number=signal.SIGTERM, seconds=8):
        """Ends it; its exit code."""
        if self.is_running():
            self.popen.send_signal(number)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()


def shipped(name):
    """A file of config/mosquitto, for our site."""
    with open(os.path.join(SOURCE, "config", "mosquitto", name)) as f:
        return f.read().replace("site1", SITE)


class Broker:
    """Mosquitto with the shipped configuration (central.conf or site.conf): TLS, client certificates, access list. Unless it is told not to, it
    writes its whole database and waits for the disk after each change, so that a kill loses none: a millisecond and more for each message."""

    def __init__(self, rig, name="broker", port=None, extra="", certificate="broker", keeps_data=True, config="central", acl="", saves_at_once=True):
        self.rig, self.name, self.extra, self.keeps_data = rig, name, extra, keeps_data
        self.port = port or free_port()
        self.dir = rig.path(name)
        os.makedirs(os.path.join(self.dir, "data"), exist_ok=True)
        for source, target in (("ca.crt", "ca.crt"), (f"{certificate}.crt", "broker.crt"), (f"{certificate}.key", "broker.key")):
            shutil.copy(os.path.join(rig.pki, source), os.path.join(self.dir, target))
        with open(os.path.join(self.dir, "acl"), "w") as f:
            f.write(shipped("acl") + acl)
        text = shipped(f"{config}.conf")
        text = re.sub(r"^listener 8883", f"listener {self.port} 127.0.0.1", text, flags=re.M)
        text = text.replace("/etc/mosquitto/picket/", self.dir + "/").replace("/var/lib/mosquitto/", self.dir + "/data/")
        if saves_at_once:
            text = re.sub(r"^autosave_interval .*", "autosave_interval 1", text, flags=re.M)
            text = re.sub(r"^autosave_on_changes .*", "autosave_on_changes true", text, flags=re.M)
        with open(os.path.join(self.dir, "broker.conf"), "w") as f:
            f.write(text + extra)
        subprocess.run(["chown", "-R", "mosquitto:", self.dir], check=True)
        self.process = None

    def start(self):
        self.process = Process(self.rig, self.name, ["mosquitto", "-c", os.path.join(self.dir, "broker.conf")])
        await_true("Mosquitto listens", 5, self.is_listening)
        return self

    def is_listening(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        """As a power cut: no goodbye. With keeps_data=False its database is gone too."""
        self.process.stop(signal.SIGKILL)
        if not self.keeps_data:
            shutil.rmtree(os.path.join(self.dir, "data"))
            os.makedirs(os.path.join(self.dir, "data"))
            subprocess.run(["chown", "-R", "mosquitto:", self.dir], check=True)

    def tls(self, user):
        p = self.rig.pki
        return ["-h", "127.0.0.1", "-p", str(self.port), "--cafile", f"{p}/ca.crt", "--cert", f"{p}/{user}.crt", "--key", f"{p}/{user}.key", "-V", "mqttv5"]

    def publish(self, user, topic, payload, *options):
        subprocess.run(["mosquitto_pub", *self.tls(user), "-q", "1", "-t", topic, "-m", payload, *options], check=True, timeout=10)

    def retained(self, *filters):
        """{topic: payload} of what is retained under filters, as a newcomer gets it: all of it, for what is retained for this comes last."""
        self.publish("hub", PROBE, "last", "-r")
        asked = [word for topic in (*filters, PROBE) for word in ("-t", topic)]
        with subprocess.Popen(["mosquitto_sub", *self.tls("hub"), *asked, "--retained-only", "-F", "%t\t%p", "-W", "30"], stdout=subprocess.PIPE, text=True) as reader:
            kept = {}
            for line in reader.stdout:
                topic, payload = line.rstrip("\n").split("\t", 1)
                if topic == PROBE:
                    break
                kept[topic] = payload
            else:
                raise AssertionError("the broker does not answer a newcomer")
            reader.kill()
        self.publish("hub", PROBE, "", "-r")
        return kept

    def end_session(self, client, *options):
        """As another connection of the same client that begins anew."""
        subprocess.run(["mosquitto_sub", *self.tls(client), "-i", client, "-t", f"picket/v1/{SITE}/{GATEWAY}/ack", "-E", *options], capture_output=True, check=True, timeout=10)


def data_of(payload):
    """On 3.1.1 the envelope is around it (CloudEvents, structured): what is in it. Else as it is."""
    if '"specversion"' not in payload:
        return payload
    return json.dumps(json.loads(payload)["data"])


def await_reader(broker, process):
    """Until a mosquitto_sub that reads PROBE too, and shows the topic, is subscribed: what is published comes back."""
    def is_heard():
        broker.publish("hub", PROBE, "probe")
        time.sleep(0.05)
        return PROBE in process.log()

    await_true(f"{process.name} is there", 10, is_heard)


class Subscriber:
    """An independent reader: mosquitto_sub over TLS, every message with its time of arrival."""

    def __init__(self, rig, broker, topic="picket/v1/#", user="hub", client="hub-view"):
        self.rig = rig
        self.argv = ["mosquitto_sub", *broker.tls(user), "-q", "1", "-i", client, "-c", "-x", "3600", "-t", topic, "-F", "%U\t%t\t%r\t%p"]
        self.earlier = []
        self.process = None
        self.again(broker)

    def again(self, broker):
        """Its connection was lost, which ends mosquitto_sub: once more, in the same session if the broker kept it."""
        if self.process is not None:
            self.earlier.append(self.process)
        self.process = Process(self.rig, "subscriber", self.argv)
        await_reader(broker, self.process)

    def catch_up(self, broker):
        """Returns when it has all that the broker took so far."""
        word = f"probe-{time.monotonic_ns()}"
        broker.publish("hub", PROBE, word)
        await_true("the subscriber has it all", 10, lambda: word in self.process.log())

    def messages(self, part="", opened=True):
        """[(seconds, topic, is_retained, payload)] of topics that contain `part`. opened=False: with the envelope that is around the payload on 3.1.1."""
        out = []
        for line in (line for p in [*self.earlier, self.process] for line in p.lines()):
            fields = line.split("\t", 3)
            if len(fields) == 4 and part in fields[1] and "/probe/" not in fields[1]:
                out.append((float(fields[0]), fields[1], fields[2] == "1", data_of(fields[3]) if opened else fields[3]))
        return out

    def incidents(self):
        return [(at, json.loads(payload)) for at, _, _, payload in self.messages("/incident/") if payload]


def end_socket(s, how):
    """Closes a socket that another thread may be reading: close() alone leaves the connection up until that read returns, and the peer is told nothing."""
    with contextlib.suppress(OSError):
        s.shutdown(how)
    s.close()


class Proxy:
    """A cable between gateway and broker that can be cut without FIN, slowed, or cut for good."""

    def __init__(self, rig, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_silent = False  # takes bytes and loses them: a cut cable
        self.is_refusing = False
        self.is_deaf = False  # what the broker says is lost, what the gateway says arrives
        self.delay = 0.0
        self.bytes = 0
        self.pairs = []
        rig.cleanups.append(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.is_refusing or self.is_silent:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), 2)
            except OSError:
                client.close()
                continue
            server.settimeout(None)  # it was for connecting; an idle cable is no cut one
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((client, server))
            if self.is_refusing:  # since; and drop() may have been before
                for s in (client, server):
                    end_socket(s, socket.SHUT_RDWR)
                continue
            for a, b, is_down in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(a, b, is_down), daemon=True).start()

    def _pump(self, a, b, is_down):
        while True:
            try:
                data = a.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            if self.is_silent or (self.is_deaf and is_down):
                continue
            if self.delay:
                time.sleep(self.delay)
            self.bytes += len(data)
            try:
                b.sendall(data)
            except OSError:
                break
        if not self.is_silent:
            for s in (a, b):
                end_socket(s, socket.SHUT_RDWR)

    def heal(self):
        """The cable is back; connections that were cut stay dead for the broker, as in life."""
        self.is_silent = self.is_refusing = self.is_deaf = False

    def drop(self):
        """Resets every connection."""
        for pair in self.pairs:
            for s in pair:
                with contextlib.suppress(OSError):
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                end_socket(s, socket.SHUT_RD)
        self.pairs = []

    def close(self):
        self.listener.close()
        self.drop()


class Control:
    """One connection to the control socket."""

    def __init__(self, path, seconds=15):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.buffer = b""
        self.id = 0

    def line(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed by picketd")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def ask(self, cmd, **args):
        """The whole reply."""
        self.id += 1
        self.socket.sendall(json.dumps({"v": 1, "id": self.id, "cmd": cmd, "args": args}).encode() + b"\n")
        reply = json.loads(self.line())
        assert reply["id"] == self.id, reply
        return reply

    def result(self, cmd, **args):
        reply = self.ask(cmd, **args)
        assert reply.get("ok"), reply
        return reply["result"]

    def close(self):
        self.socket.close()


class Gateway:
    """picketd as installed: supervisor as root, agent as nobody, sealed."""

    def __init__(self, rig, broker_port=None, name="gateway", config="", rules="", actions=None, binary=None, mode="safe", client=GATEWAY, broker_extra=""):
        self.rig, self.name = rig, name
        self.dir = rig.path(name)
        self.etc = os.path.join(self.dir, "etc")
        self.state = os.path.join(self.dir, "state")
        self.binary = binary or os.path.join(BUILD, "picketd")
        self.service_port = free_port()
        self.process = None
        for part in ("rules.d", "keys", "tls"):
            os.makedirs(os.path.join(self.etc, part), exist_ok=True)
        for source in ("ca.crt", f"{client}.crt", f"{client}.key"):
            shutil.copy(os.path.join(rig.pki, source), os.path.join(self.etc, "tls", source))
        key = os.path.join(self.etc, "tls", f"{client}.key")
        shutil.chown(key, "root", "nogroup")
        os.chmod(key, 0o640)
        broker = ""
        level = f"mqtt = {MQTT}\n" if MQTT else ""
        if broker_port is not None:
            broker = (f"[broker central]\nhost = 127.0.0.1\nport = {broker_port}\nca = {self.etc}/tls/ca.crt\n"
                      f"certificate = {self.etc}/tls/{client}.crt\nkey = {self.etc}/tls/{client}.key\nreconnect_first = 1s\nreconnect_max = 2s\n"
                      f"{level}{broker_extra}")
        # Incidents end with their rule and stay where actions and people put them, unless the test is about that.
        stages = "" if "[incidents]" in config else "[incidents]\nassess = 0\nrecover = 0\n"
        self.config_path = rig.write(f"{name}/etc/picketd.conf", (
            f"[gateway]\nsite = {SITE}\ngateway = {GATEWAY}\n"
            f"[paths]\nstate = {self.state}\nrun = {self.dir}/run\nrules = {self.etc}/rules.d\npatterns = {self.etc}/patterns.d\nkeys = {self.etc}/keys\nactions = {self.etc}/actions.conf\n"
            f"[agent]\nuser = nobody\ngroup = nogroup\nmode = {mode}\nclock = trusted\n"
            f"[process demo]\npidfile = {self.dir}/demo.pid\n{stages}{broker}{config}"))
        rig.write(f"{name}/etc/actions.conf", actions if actions is not None else self.restart_action())
        if rules:
            rig.write(f"{name}/etc/rules.d/test.rules", rules)
        rig.cleanups.append(self.end_service)

    def restart_action(self):
        return (f"[action restart_service]\nabout = start the demo service again\nrisk = low\n"
                f"argv = {BUILD}/picket-demo --dir {self.dir} --service {{target}} --port {self.service_port}\n"
                "verify = clear\nverify_within = 30s\ntargets = demo\ndaemon = yes\ntimeout = 10s\ncooldown = 1s\nper_hour = 60\n")

    # -- the service in its care --

    def service_pid(self):
        """0 where it does not run: its number may be another process's by now, and a process that has ended has no command line."""
        try:
            with open(os.path.join(self.dir, "demo.pid")) as f:
                pid = int(f.read())
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return pid if self.dir.encode() in f.read().split(b"\0") else 0
        except (OSError, ValueError):
            return 0

    def start_service(self):
        subprocess.run([os.path.join(BUILD, "picket-demo"), "--dir", self.dir, "--service", "demo", "--port", str(self.service_port)], check=True)
        return await_true("the service runs", 3, self.service_pid)

    def kill_service(self):
        pid = self.service_pid()
        assert pid, "the service does not run"  # 0 would be this process and all beside it
        os.kill(pid, signal.SIGKILL)

    def end_service(self):
        pid = self.service_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)

    # -- picketd --

    def start(self, wait=True, env=None, prefix=()):
        self.process = Process(self.rig, self.name, [*prefix, self.binary, "-c", self.config_path], env=env)
        if wait:
            await_true("picketd answers", 10, self.is_up)
        return self

    def is_up(self):
        if not self.process.is_running():
            raise AssertionError(f"picketd ended with {self.process.popen.returncode}:\n{self.process.log()}")
        try:
            self.result("ping")
            return True
        except (OSError, ConnectionError):
            return False

    def stop(self):
        return self.process.stop()

    def agent_pid(self):
        """The agent process: the supervisor's child that runs as nobody."""
        out = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", "role=agent"], capture_output=True, text=True).stdout.split()
        return int(out[0]) if out else 0

    def control_path(self):
        return os.path.join(self.dir, "run", "control.sock")

    def connect(self):
        return Control(self.control_path())

    def ask(self, cmd, **args):
        c = self.connect()
        try:
            return c.ask(cmd, **args)
        finally:
            c.close()

    def result(self, cmd, **args):
        c = self.connect()
        try:
            return c.result(cmd, **args)
        finally:
            c.close()

    def ctl(self, *args):
        return subprocess.run([os.path.join(BUILD, "picketctl"), "--socket", self.control_path(), *args], capture_output=True, text=True, timeout=20)

    def await_online(self, seconds=20):
        await_true("picketd is connected", seconds, lambda: any(link["state"] == "online" for link in self.result("status")["links"]))

    def incidents(self, **filters):
        return self.result("incidents.list", limit=50, **filters)["incidents"]

    def incident(self, incident_id, timeline=False):
        return self.result("incidents.get", incident_id=incident_id, timeline=timeline)

    def events_socket(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(5)
        s.connect(os.path.join(self.dir, "run", "events.sock"))
        return s

    def send_events(self, events):
        """JSON lines on events.sock; the replies, one each."""
        lines = "".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in events).encode()
        replies = b""
        with self.events_socket() as s:
            sent = 0
            while replies.count(b"\n") < len(events):
                readable, writable, _ = select.select([s], [s] if sent < len(lines) else [], [], 5)
                if writable:
                    sent += s.send(lines[sent:sent + 16384])
                if readable:
                    data = s.recv(65536)
                    if not data:
                        break
                    replies += data
                if not readable and not writable:
                    break
        return [json.loads(line) for line in replies.splitlines()]


class Operator:
    """A person with a key: made with picketctl keygen, its public half installed on the gateway."""

    def __init__(self, rig, gateway, kid, role):
        self.kid = kid
        self.dir = rig.path("operators")
        os.makedirs(self.dir, exist_ok=True)
        subprocess.run([os.path.join(BUILD, "picketctl"), "keygen", "--kid", kid, "--role", role, "--out", self.dir], check=True, capture_output=True)
        if gateway is not None:
            shutil.copy(os.path.join(self.dir, f"{kid}.key"), os.path.join(gateway.etc, "keys", f"{kid}.key"))

    def sign(self, cmd, audience=GATEWAY, *options, **args):
        out = subprocess.run([os.path.join(BUILD, "picketctl"), "sign", "--key", os.path.join(self.dir, f"{self.kid}.private"), "--kid", self.kid, "--iss", self.kid,
                              "--aud", audience, "--cmd", cmd, "--args", json.dumps(args), *options], check=True, capture_output=True, text=True)
        return out.stdout.strip()


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


class Signer:
    """A P-256 key and JWS by hand: everything about the token can be wrong on purpose."""

    def __init__(self, rig, gateway, kid, role, installs=True, owner=None):
        self.kid = kid
        self.pem = rig.path(f"{kid}-{role}.pem")
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.pem], check=True, capture_output=True)
        der = subprocess.run(["openssl", "ec", "-in", self.pem, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        self.public = b64(der[-64:])
        if installs:
            rig.write(f"{gateway.name}/etc/keys/{kid}.key", f"[key {kid}]\nrole = {role}\npublic = {self.public}\nowner = {owner or kid}\n")

    def signature(self, text):
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.pem], input=text.encode(), check=True, capture_output=True).stdout
        numbers, at = [], 2
        for _ in range(2):  # SEQUENCE { INTEGER r, INTEGER s }
            size = der[at + 1]
            numbers.append(int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big"))
            at += 2 + size
        return b64(numbers[0] + numbers[1])

    def claims(self, cmd, jti=None, aud=GATEWAY, **more):
        now = int(time.time())
        claims = {"iss": self.kid, "aud": aud, "iat": now, "exp": now + 300, "jti": jti or f"j{time.monotonic_ns()}", "cmd": cmd, "args": {}}
        claims.update(more)
        return {k: v for k, v in claims.items() if v is not None}

    def token(self, cmd, header=None, payload=None, **claims):
        header = {"alg": "ES256", "kid": self.kid, "typ": "picket+jws", **(header or {})}
        text = b64(json.dumps(header)) + "." + b64(payload if payload is not None else json.dumps(self.claims(cmd, **claims)))
        return text + "." + self.signature(text)


def request(broker, command, text, seconds=10, user="operator"):
    """Publishes a signed command with a response topic and correlation data; the reply, or None."""
    reply_topic = f"picket/v1/{SITE}/{GATEWAY}/reply/t{time.monotonic_ns()}"
    out = subprocess.run(["mosquitto_rr", *broker.tls(user), "-q", "1", "-t", f"picket/v1/{SITE}/{GATEWAY}/cmd/{command}", "-e", reply_topic, "-m", text, "-W", str(seconds)],
                         capture_output=True, text=True, timeout=seconds + 5)
    return json.loads(out.stdout) if out.stdout.strip() else None


def is_alive(pid):
    """It runs: neither gone nor a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def alone(test):
    """A test that takes a rig, as one that makes its own."""
    def run():
        with Rig() as rig:
            test(rig)
    run.__name__ = test.__name__
    return run


def say(line):
    """At once and whole: others may be writing, too."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run_test(test):
    """One line about it; whether it passed. What is no failed assertion is a fault of the test and says where."""
    began = time.monotonic()
    try:
        test()
    except AssertionError as e:
        where = traceback.extract_tb(e.__traceback__)[1:]
        lines = ",".join(str(f.lineno) for f in where)
        say(f"not ok - {test.__name__}: {e or 'assertion failed'} (lines {lines})")
        return False
    except Exception:
        say(f"not ok - {test.__name__}: {traceback.format_exc()}")
        return False
    say(f"ok - {test.__name__} ({time.monotonic() - began:.1f} s)")
    return True


def main(*tests, at_once=1):
    """Runs the tests (or those named on the command line), so many at once, in order; the process ends with the verdict."""
    need_root()
    wanted = sys.argv[1:]
    chosen = [t for t in tests if not wanted or t.__name__ in wanted]
    if len(chosen) < len(set(wanted)):
        sys.exit(f"no such test among {wanted}; there are: {' '.join(t.__name__ for t in tests)}")
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        passed = list(pool.map(run_test, chosen))
    sys.exit(0 if all(passed) else 1)
