#!/usr/bin/env python3
"""Probes, pages of series, plugins and services, measured by the real picketd against real servers: good, slow, lying, dead and back again.
ctest: lane=default timeout=180"""
import http.server
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

from rig import SOURCE, Gateway, Rig, await_true, free_port, main

QUIET = ("[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nprocess = 0\nusage = 0\nstorage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\n"
         "oom = 0\ngpu = 0\n")


def newest(gateway, event_type, source):
    """The newest event of that type and source, or None."""
    events = gateway.result("events.list", type=event_type, source=source, limit=20)["events"]
    return max(events, key=lambda e: int(e["event_id"].split("-")[1])) if events else None


def await_event(gateway, event_type, source, what, seconds=8):
    def look():
        e = newest(gateway, event_type, source)
        return e if e is not None and what(e) else None
    try:
        return await_true(f"{event_type} of {source}", seconds, look)
    except AssertionError as late:
        raise AssertionError(f"{late}; newest {newest(gateway, event_type, source)}") from None


def is_fault(event):
    return "value" not in event and event["message"].startswith("cannot be measured")


class Web:
    """An HTTP server that answers what the test says: {path: (status, body)}; bodies may be iterators of pieces, with pauses."""

    def __init__(self, rig, port=None, pages=None):
        self.port, self.pages, self.server = port or free_port(), pages or {}, None
        rig.cleanups.append(self.stop)

    def start(self):
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, body = web.pages.get(self.path, (404, b"no such page\n"))
                self.send_response(status)
                try:
                    if isinstance(body, bytes):
                        self.send_header("Content-Length", str(len(body)))
                        self.end_headers()
                        self.wfile.write(body)
                        return
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for piece in body():
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *args):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def test_tcp_and_http__a_server_that_dies_and_comes_back():
    rules = ("[rule web_down]\non = type = probe_up\nwhen = value < 1\ntype = service_down\nseverity = high\nclear = value >= 1\nkeys = 8\n"
             "[rule web_errors]\non = type = http_status\nwhen = value >= 500\ntype = service_down\nseverity = high\nclear = value < 500\nkeys = 8\n")
    with Rig() as rig:
        web = Web(rig, pages={"/": (200, b"fine\n"), "/moved": (301, b"")}).start()
        config = QUIET + (
            f"[probe port]\nkind = tcp\nhost = 127.0.0.1\nport = {web.port}\ninterval = 1s\n"
            f"[probe page]\nkind = http\nhost = localhost\nport = {web.port}\ninterval = 1s\n"
            f"[probe missing]\nkind = http\nhost = 127.0.0.1\nport = {web.port}\npath = /nothing\ninterval = 1s\n"
            f"[probe moved]\nkind = http\nhost = 127.0.0.1\nport = {web.port}\npath = /moved\nstatus = 200\ninterval = 1s\n"
            f"[probe unknown-host]\nkind = tcp\nhost = no-such-host.invalid\nport = {web.port}\ninterval = 1s\ntimeout = 1s\n")
        gateway = Gateway(rig, actions="", config=config, rules=rules)
        gateway.start()
        await_event(gateway, "probe_up", "port", lambda e: e.get("value") == 1)
        await_event(gateway, "probe_up", "page", lambda e: e.get("value") == 1)
        await_event(gateway, "http_status", "page", lambda e: e.get("value") == 200)
        latency = await_event(gateway, "probe_latency_ms", "page", lambda e: True)
        assert 0 < latency["value"] < 5000, latency
        missing = await_event(gateway, "probe_up", "missing", lambda e: e.get("value") == 0)
        assert "404" in missing["message"], missing
        await_event(gateway, "http_status", "missing", lambda e: e.get("value") == 404)
        await_event(gateway, "probe_up", "moved", lambda e: e.get("value") == 0)
        down = [i["component"] for i in gateway.incidents(status="active")]
        assert "port" not in down and "page" not in down, down
        web.stop()
        refused = await_event(gateway, "probe_up", "port", lambda e: e.get("value") == 0)
        assert "refused" in refused["message"], refused
        await_event(gateway, "http_status", "page", is_fault)  # a status nobody gave is no healthy one
        await_true("an incident", 5, lambda: {"port", "page"} <= {i["component"] for i in gateway.incidents(status="active")})
        web.pages["/"] = (503, b"busy\n")
        web.start()
        await_event(gateway, "http_status", "page", lambda e: e.get("value") == 503)
        await_event(gateway, "probe_up", "page", lambda e: e.get("value") == 0)
        web.pages["/"] = (200, b"fine\n")
        await_event(gateway, "probe_up", "page", lambda e: e.get("value") == 1)
        await_event(gateway, "probe_up", "port", lambda e: e.get("value") == 1)
        page = gateway.result("sources.get", source="page")["probes"][0]
        assert page["kind"] == "http" and page["result"] == "up" and page["http_status"] == 200 and page["bytes"] > 20, page
        assert page["measured"] > page["failed"] > 0 and page["seconds_ago"] < 5 and page["latency_ms"] > 0, page
        table = gateway.ctl("sources", "get", "page", "--format", "table").stdout
        assert "http: up, " in table and " of them failed" in table, table
        # Ports of this machine that refuse say nothing of a network.
        assert not [i for i in gateway.incidents() if i["incident_type"] == "network_partition"], gateway.incidents()
        assert gateway.stop() == 0


def test_http__slow_broken_and_endless_servers():
    """One that trickles, one that never answers, one that speaks something else, one that never ends its head."""
    def serve(act):
        listener = socket.create_server(("127.0.0.1", 0))

        def loop():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=run, args=(client,), daemon=True).start()

        def run(client):
            try:
                act(client)
            except OSError:
                pass
            client.close()
        threading.Thread(target=loop, daemon=True).start()
        return listener

    def trickle(client):
        for c in b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n":
            client.send(bytes([c]))
            time.sleep(0.2)

    def endless(client):
        client.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            client.send(b"X-Filler: " + b"x" * 4000 + b"\r\n")

    acts = {"trickle": trickle, "silent": lambda c: time.sleep(30), "other": lambda c: c.send(b"220 mail.example ESMTP\r\n"), "endless": endless}
    listeners = {name: serve(act) for name, act in acts.items()}
    with Rig() as rig:
        config = QUIET + "".join(
            f"[probe {name}]\nkind = http\nhost = 127.0.0.1\nport = {l.getsockname()[1]}\ninterval = 1s\ntimeout = 700ms\n" for name, l in listeners.items())
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        for name, words in (("trickle", "no answer in time"), ("silent", "no answer in time"), ("other", "not an HTTP answer"), ("endless", "not an HTTP answer")):
            # Where this machine was too busy for its server it is "no answer in time" once.
            await_event(gateway, "probe_up", name, lambda e: e.get("value") == 0 and words in e["message"], 15)
        assert gateway.stop() == 0
    for l in listeners.values():
        l.close()


def make_certificate(rig, name, days, alternative):
    env = dict(os.environ, PICKET_PKI_DAYS=str(days))
    subprocess.run([os.path.join(SOURCE, "tools", "pki"), rig.pki, "server", name, alternative], check=True, capture_output=True, env=env)
    return os.path.join(rig.pki, name)


def test_tls_and_certificates__one_that_ends_soon():
    rules = "[rule certificate_soon]\non = type = certificate_days\nwhen = value < 7\ntype = certificate_expiration\nseverity = high\nclear = value >= 7\nkeys = 8\n"
    with Rig() as rig:
        soon = make_certificate(rig, "soon", 5, "DNS:localhost")
        ports = {"soon": free_port(), "plain": free_port()}
        servers = [subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{ports['soon']}", "-cert", soon + ".crt", "-key", soon + ".key", "-www"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
        rig.cleanups.append(lambda: [s.kill() or s.wait() for s in servers])
        Web(rig, port=ports["plain"], pages={"/": (200, b"x")}).start()
        garbage = rig.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        shutil.copy(soon + ".crt", rig.path("soon.crt"))
        shutil.copy(os.path.join(rig.pki, "ca.crt"), rig.path("ca.crt"))
        secret = rig.write("secret.pem", open(soon + ".crt", encoding="ascii").read(), 0o600)
        s = f"kind = tls\nport = {ports['soon']}\ninterval = 1s\n"
        config = QUIET + (
            f"[probe good]\nhost = 127.0.0.1\nserver_name = localhost\nca = {rig.path('ca.crt')}\n{s}"
            f"[probe any]\nhost = 127.0.0.1\n{s}"
            f"[probe other-name]\nhost = 127.0.0.1\nserver_name = example.org\nca = {rig.path('ca.crt')}\n{s}"
            f"[probe https]\nkind = http\ntls = yes\nhost = localhost\nport = {ports['soon']}\nca = {rig.path('ca.crt')}\ninterval = 1s\n"
            f"[probe no-tls]\nkind = tls\nhost = 127.0.0.1\nport = {ports['plain']}\ninterval = 1s\n"
            f"[probe file]\nkind = certificate\nfile = {rig.path('soon.crt')}\ninterval = 1s\n"
            f"[probe garbage]\nkind = certificate\nfile = {garbage}\ninterval = 1s\n"
            f"[probe secret]\nkind = certificate\nfile = {secret}\ninterval = 1s\n"
            f"[probe gone]\nkind = certificate\nfile = {rig.path('no.crt')}\ninterval = 1s\n")
        gateway = Gateway(rig, actions="", config=config, rules=rules)
        gateway.start()
        for name in ("good", "any", "other-name", "https", "file"):
            e = await_event(gateway, "certificate_days", name, lambda e: "value" in e)
            assert 4.5 < e["value"] < 5.01, (name, e)
        for name in ("good", "any", "https"):
            await_event(gateway, "probe_up", name, lambda e: e.get("value") == 1)
        await_event(gateway, "probe_up", "other-name", lambda e: e.get("value") == 0 and "another name" in e["message"])
        await_event(gateway, "probe_up", "no-tls", lambda e: e.get("value") == 0)
        for name in ("no-tls", "garbage", "secret", "gone"):
            await_event(gateway, "certificate_days", name, is_fault)
        await_true("the rule", 5, lambda: {"good", "file"} <= {i["component"] for i in gateway.incidents(status="active")})
        assert gateway.stop() == 0


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


def self_signed(rig, name, extension, days="30"):
    """PEM files name.crt and name.key; their path without the ending."""
    path = rig.path(name)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", days, "-keyout", path + ".key",
            "-out", path + ".crt", "-addext", extension, cwd=rig.dir)
    return path


def expired(rig):
    path = self_signed(rig, "fresh", "subjectAltName=DNS:localhost")
    rig.write("ca.conf", f"[ca]\ndefault_ca = x\n[x]\ndatabase = {rig.path('index')}\nserial = {rig.path('serial')}\nnew_certs_dir = {rig.dir}\ndefault_md = sha256\npolicy = p\n[p]\n"
              "commonName = supplied\n")
    rig.write("index", "")
    rig.write("serial", "01\n")
    openssl("req", "-new", "-key", path + ".key", "-subj", "/CN=localhost", "-out", rig.path("old.csr"), cwd=rig.dir)
    openssl("ca", "-batch", "-config", rig.path("ca.conf"), "-selfsign", "-keyfile", path + ".key", "-in", rig.path("old.csr"), "-startdate", "20200101000000Z",
            "-enddate", "20200201000000Z", "-out", rig.path("old.crt"), "-notext", cwd=rig.dir)
    shutil.copy(path + ".key", rig.path("old.key"))
    return rig.path("old")


def tls_server(rig, path):
    port = free_port()
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", path + ".crt", "-key", path + ".key"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rig.cleanups.append(lambda: server.kill() or server.wait())
    return port


def raw_server(rig, answer):
    """Waits for the first words of a client, then answer(client)."""
    listener = socket.create_server(("127.0.0.1", 0))
    rig.cleanups.append(listener.close)

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                client.settimeout(5)
                client.recv(4096)
                answer(client)
            except OSError:
                pass
            client.close()
    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def trickle(client):
    client.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    for _ in range(60):
        client.sendall(b"\x03")
        time.sleep(0.1)


def test_tls__hostile_certificates_and_handshakes():
    """None is believed, none ends a prober, and what can be told of them is."""
    with Rig() as rig:
        names = ",".join(f"DNS:{i:05d}.{'x' * 50}.example" for i in range(1200))  # some 80 KB
        ports = {"many-names": tls_server(rig, self_signed(rig, "many", f"subjectAltName={names}")),
                 "for-ever": tls_server(rig, self_signed(rig, "ever", "subjectAltName=DNS:localhost", days="2900000")),
                 "odd-names": tls_server(rig, self_signed(rig, "odd", "subjectAltName=DER:30:0b:82:09:6c:6f:63:61:6c:00:2e:78:79")),
                 "expired": tls_server(rig, expired(rig)),
                 "noise": raw_server(rig, lambda c: c.sendall(os.urandom(3000))),
                 "records": raw_server(rig, lambda c: c.sendall(b"\x16\x03\x03\x00\x10\x0b\x00\xff\xff" + os.urandom(12))),
                 "alert": raw_server(rig, lambda c: c.sendall(b"\x15\x03\x03\x00\x02\x02\x28")),
                 "slow": raw_server(rig, trickle)}
        config = QUIET + f"[probe file]\nkind = certificate\nfile = {rig.path('file.crt')}\ninterval = 1s\n"
        for name, port in ports.items():
            config += f"[probe {name}]\nkind = tls\nhost = 127.0.0.1\nserver_name = localhost\nport = {port}\nca = {rig.path('pki', 'ca.crt')}\ninterval = 1s\ntimeout = 2s\n"
        os.chmod(rig.pki, 0o755)
        good = open(rig.path("fresh.crt"), "rb").read()
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        pid = gateway.agent_pid()
        for name in ports:
            await_event(gateway, "probe_up", name, lambda e: e.get("value") == 0, 20)
        old = await_event(gateway, "certificate_days", "expired", lambda e: "value" in e)
        assert old["value"] < -1000, old
        ever = await_event(gateway, "certificate_days", "for-ever", lambda e: "value" in e)
        assert ever["value"] > 2800000, ever
        der = bytearray(subprocess.run(["openssl", "x509", "-in", rig.path("fresh.crt"), "-outform", "DER"], check=True, capture_output=True).stdout)
        for i, content in enumerate((b"", b"\0" * 5000, good * 200, good[:-40], b"-----BEGIN CERTIFICATE-----\n" + b"A" * 60000, bytes(der[:100]),
                                     bytes(der[:4] + b"\xff\xff" + der[6:]), b"\x30\x84\xff\xff\xff\xff" + bytes(der))):
            with open(rig.path("file.crt"), "wb") as f:
                f.write(content)
            os.chmod(rig.path("file.crt"), 0o644)
            seen = newest(gateway, "certificate_days", "file")
            await_event(gateway, "certificate_days", "file", lambda e: e != seen and (is_fault(e) or i == 2))
        with open(rig.path("file.crt"), "wb") as f:
            f.write(good)
        await_event(gateway, "certificate_days", "file", lambda e: 29 < e.get("value", 0) < 31)
        said = [e.get("message", "") for e in gateway.result("events.list", limit=200)["events"]]
        assert not [m for m in said if "left no result" in m], said
        assert gateway.agent_pid() == pid and gateway.stop() == 0


class NameServer:
    """A small DNS server that answers `a.example` rightly, and other names in its own ways."""

    def __init__(self, rig):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        rig.cleanups.append(self.socket.close)
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += query[at] + 1
            for answer in self.answers(query, query[12:at + 5], labels[0]):
                self.socket.sendto(answer, peer)

    def answers(self, query, question, name):
        def reply(number=query[:2], flags=0x8180, asked=question, records=b"", count=1):
            return number + struct.pack(">HHHHH", flags, 1, count, 0, 0) + asked + records
        address = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("192.0.2.7")
        other = question.replace(b"liar", b"evil")
        return {
            "a": [reply(records=address)],
            "alias": [reply(records=b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, 4) + b"\1b\xc0\x12" +
                            b"\1b\xc0\x12" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("192.0.2.8"), count=2)],
            "liar": [reply(asked=other, records=address), reply(number=b"\0\0", records=address)],
            "loop": [reply(records=b"\xc0\x2a" * 10)],
            "noise": [os.urandom(40), query[:2] + b"\x81\x80" + os.urandom(30)],
            "short": [reply(records=b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 2) + b"\1\2")],
            "none": [reply(flags=0x8183, count=0)],
            "empty": [reply(count=0)],
            "stranger": [reply(records=b"\3foo\0" + address[2:])],
            "late": [reply(asked=other, records=address), reply(records=address)],
        }.get(name, [])


def test_dns__right_answers_and_lies():
    with Rig() as rig:
        server = NameServer(rig)
        names = ("a", "alias", "liar", "loop", "noise", "short", "none", "empty", "stranger", "late", "silent")
        config = QUIET + "".join(
            f"[probe {n}]\nkind = dns\nserver = 127.0.0.1\nport = {server.port}\nname = {n}.example\ninterval = 1s\ntimeout = 500ms\n" for n in names)
        config += (f"[probe at-7]\nkind = dns\nserver = 127.0.0.1\nport = {server.port}\nname = a.example\nexpect = 192.0.2.7\ninterval = 1s\n"
                   f"[probe at-9]\nkind = dns\nserver = 127.0.0.1\nport = {server.port}\nname = a.example\nexpect = 192.0.2.9\ninterval = 1s\n")
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        for name in ("a", "alias", "at-7", "late"):
            await_event(gateway, "probe_up", name, lambda e: e.get("value") == 1, 15)
        for name, words in (("liar", "other questions"), ("loop", "broken"), ("noise", ""), ("short", "broken"), ("none", "no such name"),
                            ("empty", "no address"), ("stranger", "no address"), ("silent", "no answer in time"), ("at-9", "not at")):
            await_event(gateway, "probe_up", name, lambda e: e.get("value") == 0 and words in e["message"], 15)
        assert gateway.stop() == 0


def test_icmp__this_machine_answers():
    with Rig() as rig:
        config = QUIET + "[probe self]\nkind = icmp\nhost = 127.0.0.1\ninterval = 1s\n[probe self6]\nkind = icmp\nhost = ::1\ninterval = 1s\n[probe nobody]\nkind = icmp\nhost = 240.0.0.1\ntimeout = 300ms\ninterval = 1s\n"
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        await_event(gateway, "probe_up", "self", lambda e: e.get("value") == 1)
        await_event(gateway, "probe_latency_ms", "self", lambda e: 0 <= e.get("value", -1) < 1000)
        if os.path.exists("/proc/net/if_inet6") and "lo" in open("/proc/net/if_inet6", encoding="ascii").read():
            await_event(gateway, "probe_up", "self6", lambda e: e.get("value") == 1)
        await_event(gateway, "probe_up", "nobody", lambda e: e.get("value") == 0)
        assert gateway.stop() == 0


def test_checks__plugins_with_nagios_codes():
    with Rig() as rig:
        def plugin(name, text):
            return rig.write(name, "#!/bin/sh\n" + text, 0o755)
        plugins = {
            "fine": plugin("fine.sh", "echo \"FINE - all well | 'room left'=12.5%;5;2;0;100 x=1\"\n"),
            "warn": plugin("warn.sh", "echo 'WARNING - getting full|used=91%'\nexit 1\n"),
            "bad": plugin("bad.sh", "echo 'CRITICAL - disk on fire'\necho more\nexit 2\n"),
            "unsure": plugin("unsure.sh", "echo 'UNKNOWN - cannot tell'\nexit 3\n"),
            "odd": plugin("odd.sh", "exit 77\n"),
            "slow": plugin("slow.sh", "sleep 30\n"),
            "who": plugin("who.sh", "echo \"OK user $(id -u) args $1,$2 env $HOME\"\n") + " two words",
            "root": plugin("root.sh", "echo \"OK user $(id -u)\"\n"),
            "loud": plugin("loud.sh", "head -c 100000 /dev/zero | tr '\\0' 'x'; printf '\\n\\377\\001'; exit 1\n"),
            "gone": rig.path("no-such-plugin"),
        }
        config = QUIET + "".join(f"[check {n}]\nargv = {path}\ninterval = 1s\ntimeout = 1s\n" + ("root = yes\n" if n == "root" else "") for n, path in plugins.items())
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        fine = await_event(gateway, "check_state", "fine", lambda e: e.get("value") == 0)
        assert fine["severity"] == "info" and fine["message"] == "FINE - all well", fine
        assert await_event(gateway, "check_value", "fine", lambda e: "value" in e)["value"] == 12.5
        warn = await_event(gateway, "check_state", "warn", lambda e: e.get("value") == 1)
        assert warn["severity"] == "medium" and warn["message"] == "WARNING - getting full", warn
        bad = await_event(gateway, "check_state", "bad", lambda e: e.get("value") == 2)
        assert bad["severity"] == "high" and bad["message"] == "CRITICAL - disk on fire", bad
        for name in ("unsure", "odd", "slow", "gone"):
            await_event(gateway, "check_state", name, is_fault, 15)
        nobody = int(subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True, check=True).stdout)
        who = await_event(gateway, "check_state", "who", lambda e: e.get("value") == 0)
        assert who["message"] == f"OK user {nobody} args two,words env", who
        assert await_event(gateway, "check_state", "root", lambda e: "value" in e)["message"] == "OK user 0"
        await_event(gateway, "check_state", "loud", lambda e: e.get("value") == 1)
        assert gateway.stop() == 0


def test_services__restarts_as_the_manager_counts_them():
    with Rig() as rig:
        name = f"pk-{os.getpid()}"
        folder = f"/run/openrc/options/{name}"
        made_root = not os.path.exists("/run/openrc")
        os.makedirs(folder)
        rig.cleanups.append(lambda: shutil.rmtree("/run/openrc" if made_root else folder, ignore_errors=True))

        def write(text):
            with open(f"{folder}/start_count", "w", encoding="ascii") as f:
                f.write(text)
        write("3\n")
        config = QUIET + f"[service {name}]\nmanager = openrc\ninterval = 1s\n[service nothing]\nmanager = openrc\ninterval = 1s\n"
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        await_event(gateway, "service_restarts", name, lambda e: e.get("value") == 0)
        write("5\n")
        await_true("two restarts", 5, lambda: 2 in [e.get("value") for e in gateway.result("events.list", type="service_restarts", source=name, limit=50)["events"]])
        write("broken\n")
        await_event(gateway, "service_restarts", name, is_fault)
        await_event(gateway, "service_restarts", "nothing", is_fault)
        assert gateway.stop() == 0


def test_pages__picked_series_in_fixed_memory():
    with Rig() as rig:
        began = time.monotonic()
        counter = lambda: 100 + int(500 * (time.monotonic() - began))
        small = lambda: (b"# HELP app_queue_jobs Jobs.\n# TYPE app_queue_jobs gauge\napp_queue_jobs{queue=\"mail\",host=\"a\"} 17\n"
                         b"app_queue_jobs{queue=\"print\"} 3 1700000000000\nnot_a_number NaN\n" + b"http_requests_total %d\n" % counter())

        def big():
            filler = b"filler_metric{label=\"%s\"} 1\n" % (b"x" * 400)
            yield filler * 12000
            yield b"the_needle 42\n"
            yield filler * 12000

        def slow():
            while True:
                yield b"x 1\n"
                time.sleep(0.1)

        def cut():
            yield b"the_needle 1\n"
            raise OSError

        web = Web(rig, pages={"/metrics": (200, lambda: [small()]), "/big": (200, big), "/slow": (200, slow), "/cut": (200, cut),
                              "/html": (200, b"<html><body>hello</body></html>\n"), "/error": (500, b"")}).start()
        head = f"host = 127.0.0.1\nport = {web.port}\ninterval = 1s\n"
        config = QUIET + (
            f"[scrape app]\n{head}gauge = app_queue_jobs{{queue=\"mail\"}} -> queue_depth mail\ngauge = app_queue_jobs -> ambiguous\n"
            "gauge = not_a_number -> no_number\ngauge = not_there -> missing\ncounter = http_requests_total -> requests_per_s\n"
            + "".join(f"[scrape {n}]\n{head}path = /{n}\ntimeout = {t}\ngauge = the_needle -> needle_{n}\n" for n, t in
                      (("big", "10s"), ("slow", "1s"), ("cut", "2s"), ("html", "2s"), ("error", "2s"))))
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        await_event(gateway, "queue_depth", "mail", lambda e: e.get("value") == 17)
        for name in ("ambiguous", "no_number", "missing"):
            await_event(gateway, name, "app", is_fault)
        await_event(gateway, "requests_per_s", "app", lambda e: 400 < e.get("value", 0) < 600, 15)
        assert await_event(gateway, "needle_big", "big", lambda e: "value" in e, 20)["value"] == 42
        for name in ("slow", "cut", "html", "error"):
            await_event(gateway, "probe_up", name, lambda e: e.get("value") == 0)
            await_event(gateway, f"needle_{name}", name, is_fault)
        web.stop()
        await_event(gateway, "queue_depth", "mail", is_fault)
        assert gateway.stop() == 0


def probers(gateway):
    """Pids of the probers that run under this picketd."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if b"--role=probe" in words and parent == gateway.process.pid:
            found.append(int(pid))
    return found


def test_prober__is_sealed_nobodys_and_ends_with_its_time():
    listener = socket.create_server(("127.0.0.1", 0))  # takes connections and never says a word
    with Rig() as rig:
        config = QUIET + f"[probe silent]\nkind = http\nhost = 127.0.0.1\nport = {listener.getsockname()[1]}\ninterval = 1s\ntimeout = 3s\n"
        gateway = Gateway(rig, actions="", config=config)
        gateway.start()
        pid = await_true("a prober", 5, lambda: probers(gateway))[0]

        def status():
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        await_true("it is sealed", 3, lambda: status()["Seccomp"] == "2")
        seen = status()
        nobody = subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
        assert seen["NoNewPrivs"] == "1" and set(seen["Uid"].split()) == {nobody} and seen["CapEff"].strip("0") == "" and seen["CapPrm"].strip("0") == "", seen
        files = sorted(int(n) for n in os.listdir(f"/proc/{pid}/fd"))
        assert files[-1] <= 6, files  # its socket, what stands in the place of the lock, the connection
        os.kill(pid, 19)  # stopped: it cannot end by itself
        late = await_event(gateway, "probe_up", "silent", is_fault, 10)
        assert "timed out" in late["message"], late
        assert not os.path.exists(f"/proc/{pid}") or pid not in probers(gateway)
        await_event(gateway, "probe_up", "silent", lambda e: e.get("value") == 0, 10)
        pid = await_true("the next one", 5, lambda: probers(gateway))[0]
        os.kill(pid, 9)
        broken = await_event(gateway, "probe_up", "silent", is_fault, 10)
        assert "left no result" in broken["message"], broken
        assert gateway.stop() == 0
        assert not probers(gateway)
    listener.close()


def test_reload__rows_come_and_go_and_a_bad_one_changes_nothing():
    with Rig() as rig:
        web = Web(rig, pages={"/": (200, b"")}).start()
        gateway = Gateway(rig, actions="", config=QUIET + f"[probe one]\nkind = tcp\nhost = 127.0.0.1\nport = {web.port}\ninterval = 1s\n")
        gateway.start()
        await_event(gateway, "probe_up", "one", lambda e: e.get("value") == 1)
        text = open(gateway.config_path, encoding="utf-8").read()
        rig.write("gateway/etc/picketd.conf", text + "[probe two]\nkind = tcp\nhost = 127.0.0.1\n")
        gateway.process.popen.send_signal(1)
        await_true("it is refused", 10, lambda: "port is missing" in gateway.process.log())
        at = newest(gateway, "probe_up", "one")["event_id"]
        await_event(gateway, "probe_up", "one", lambda e: e["event_id"] != at)
        rig.write("gateway/etc/picketd.conf", text + f"[probe two]\nkind = tcp\nhost = 127.0.0.1\nport = {web.port}\ninterval = 1s\n")
        gateway.process.popen.send_signal(1)
        await_event(gateway, "probe_up", "two", lambda e: e.get("value") == 1, 12)
        assert gateway.stop() == 0


main(test_tcp_and_http__a_server_that_dies_and_comes_back, test_http__slow_broken_and_endless_servers, test_tls__hostile_certificates_and_handshakes, test_tls_and_certificates__one_that_ends_soon,
     test_dns__right_answers_and_lies, test_icmp__this_machine_answers, test_checks__plugins_with_nagios_codes,
     test_services__restarts_as_the_manager_counts_them, test_pages__picked_series_in_fixed_memory,
     test_prober__is_sealed_nobodys_and_ends_with_its_time, test_reload__rows_come_and_go_and_a_bad_one_changes_nothing, at_once=4)
