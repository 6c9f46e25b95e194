#!/usr/bin/env python3
"""Every wrong peer a gateway can meet on its broker's port: the reason is there in words, it goes on trying without haste, and is back when the
right broker appears. ctest: lane=default timeout=120"""
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from rig import GATEWAY, SOURCE, Broker, Gateway, Process, Proxy, Rig, await_true, end_socket, free_port, main


def link(gateway):
    return gateway.result("status")["links"][0]


def other_authority(rig):
    folder = rig.path("other-pki")
    for args in (["ca"], ["server", "broker", "DNS:localhost", "IP:127.0.0.1"]):
        subprocess.run([os.path.join(SOURCE, "tools", "pki"), folder, *args], check=True, capture_output=True)
    return folder


def install(broker, source, target):
    path = os.path.join(broker.dir, target)
    shutil.copy(source, path)
    shutil.chown(path, "mosquitto", "mosquitto")


def check_wrong_peer(rig, port, stop, words, broker_extra="", seconds=8):
    """The gateway meets it, says so, and goes on; then the right broker comes."""
    gateway = Gateway(rig, port, actions="", broker_extra=broker_extra).start()
    pid = gateway.agent_pid()
    error = ""
    try:
        error = await_true("a reason", seconds, lambda: link(gateway)["error"])
        await_true(f"`{words}` in the reason", 3, lambda: words in link(gateway)["error"])
    except AssertionError as e:
        raise AssertionError(f"{e}: {link(gateway)}") from None
    finding = [f for f in gateway.result("doctor")["findings"] if f["check"] == "broker central"][0]
    assert finding["verdict"] == "error" and words in finding["what"] and finding["cure"], finding
    shown = gateway.ctl("status", "--format", "table")
    assert words.split(":")[0] in shown.stdout, shown.stdout
    before = link(gateway)["failures"]
    if seconds < 10:
        await_true("it tries again", 6, lambda: link(gateway)["failures"] > before)
    assert link(gateway)["failures"] <= before + 4, "it hurries"
    assert link(gateway)["state"] != "online" and link(gateway)["connects"] == 0
    # A refused certificate is told by the broker's alert, or by the end of the connection when a reset overtakes it.
    said = [line for line in gateway.process.lines() if words in line]
    assert said and all(a != b for a, b in zip(said, said[1:])), ("not in the log, or the same at each try", said)
    stop()
    right = Broker(rig, name="right", port=port).start()
    gateway.await_online()
    assert link(gateway)["error"] == ""
    assert gateway.agent_pid() == pid and right.process.is_running()
    return error


def test_certificate_of_another_authority():
    with Rig() as rig:
        broker = Broker(rig)
        for name in ("broker.crt", "broker.key"):
            install(broker, os.path.join(other_authority(rig), name), name)
        broker.start()
        check_wrong_peer(rig, broker.port, broker.kill, "certificate verify failed: wrong CA")


def test_two_authorities_in_one_file__a_broker_of_either_is_right():
    """While an authority is being replaced, gateways have both."""
    with Rig() as rig:
        other = other_authority(rig)
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, actions="")
        bundle = os.path.join(gateway.etc, "tls", "ca.crt")
        with open(bundle, "w") as f:
            for folder in (other, rig.pki):
                with open(os.path.join(folder, "ca.crt")) as part:
                    f.write(f"authority of {folder}\n" + part.read())
        gateway.start().await_online()
        pid = gateway.agent_pid()
        broker.kill()
        # What the broker asks of clients stays: its own certificate is of the new authority.
        install(broker, os.path.join(other, "broker.crt"), "broker.crt")
        install(broker, os.path.join(other, "broker.key"), "broker.key")
        broker.start()
        await_true("connected to the broker of the other authority", 15, lambda: link(gateway)["state"] == "online" and link(gateway)["connects"] == 2)
        assert gateway.agent_pid() == pid
        # The old authority is taken out: its broker is none any more.
        shutil.copy(os.path.join(other, "ca.crt"), bundle)
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("reloaded", 5, lambda: "configuration reloaded" in gateway.process.log())
        broker.kill()
        for name in ("broker.crt", "broker.key"):
            install(broker, os.path.join(rig.pki, name), name)
        broker.start()
        await_true("a reason", 15, lambda: "certificate" in link(gateway)["error"])
        assert link(gateway)["state"] != "online"


def intermediate(rig):
    """broker.crt of an authority between: (the leaf alone, leaf and authority, key)."""
    p = rig.path("between")
    os.makedirs(p)

    def run(*argv):
        subprocess.run(["openssl", *argv], check=True, capture_output=True)

    def signed(name, subject, by, extensions):
        rig.write(f"between/{name}.ext", extensions)
        run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{p}/{name}.key")
        run("req", "-new", "-key", f"{p}/{name}.key", "-subj", f"/CN={subject}", "-out", f"{p}/{name}.csr")
        run("x509", "-req", "-in", f"{p}/{name}.csr", "-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-CAcreateserial", "-days", "30", "-extfile", f"{p}/{name}.ext", "-out", f"{p}/{name}.crt")

    signed("issuer", "Picket issuing CA", f"{rig.pki}/ca", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n")
    signed("leaf", "broker", f"{p}/issuer", "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
    with open(f"{p}/chain.crt", "w") as chain:
        for name in ("leaf", "issuer"):
            with open(f"{p}/{name}.crt") as f:
                chain.write(f.read())
    return f"{p}/leaf.crt", f"{p}/chain.crt", f"{p}/leaf.key"


def test_certificate_of_an_intermediate_authority__needs_the_whole_chain():
    with Rig() as rig:
        leaf, chain, key = intermediate(rig)
        broker = Broker(rig)
        install(broker, leaf, "broker.crt")
        install(broker, key, "broker.key")
        broker.start()
        gateway = Gateway(rig, broker.port, actions="").start()
        await_true("a reason", 8, lambda: "certificate" in link(gateway)["error"])
        assert link(gateway)["connects"] == 0, link(gateway)
        broker.kill()
        install(broker, chain, "broker.crt")
        broker.start()
        gateway.await_online()
        assert link(gateway)["connects"] == 1 and link(gateway)["error"] == "", link(gateway)


def test_expired_certificate():
    with Rig() as rig:
        pki = rig.pki
        subprocess.run(["openssl", "req", "-new", "-key", f"{pki}/broker.key", "-subj", "/CN=old", "-out", f"{pki}/old.csr"], check=True, capture_output=True)
        conf = rig.write("ca.conf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={rig.dir}/index\nserial={rig.dir}/serial\nnew_certs_dir={rig.dir}\ndefault_md=sha256\npolicy=p\n"
                                    "[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        rig.write("index", "")
        rig.write("serial", "1000\n")
        subprocess.run(["openssl", "ca", "-batch", "-config", conf, "-extensions", "e", "-cert", f"{pki}/ca.crt", "-keyfile", f"{pki}/ca.key", "-in", f"{pki}/old.csr",
                        "-out", f"{pki}/old.crt", "-notext", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"], check=True, capture_output=True)
        broker = Broker(rig)
        install(broker, f"{pki}/old.crt", "broker.crt")
        broker.start()
        check_wrong_peer(rig, broker.port, broker.kill, "certificate verify failed: expired")


def test_certificate_for_another_name():
    with Rig() as rig:
        rig.run_pki("server", "elsewhere", "DNS:elsewhere.example")
        broker = Broker(rig, certificate="elsewhere").start()
        check_wrong_peer(rig, broker.port, broker.kill, "it is for another name than 127.0.0.1")


def s_server(rig, *options):
    port = free_port()
    peer = Process(rig, "s_server", ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", f"{rig.pki}/broker.crt", "-key", f"{rig.pki}/broker.key", "-quiet", *options])
    await_true("s_server listens", 5, lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    return port, peer


def test_tls_1_2_only__refused_unless_allowed():
    with Rig() as rig:
        port, peer = s_server(rig, "-tls1_2")
        check_wrong_peer(rig, port, peer.stop, "TLS version")
    with Rig() as rig:
        broker = Broker(rig)
        path = os.path.join(broker.dir, "broker.conf")
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace("tls_version tlsv1.3", "tls_version tlsv1.2\nciphers ECDHE-ECDSA-AES128-GCM-SHA256"))
        broker.start()
        Gateway(rig, broker.port, actions="", broker_extra="tls12 = yes\n").start().await_online(8)


def test_tls_1_1_only():
    with Rig() as rig:
        port, peer = s_server(rig, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        check_wrong_peer(rig, port, peer.stop, "older TLS version", broker_extra="tls12 = yes\n")


def test_broker_that_wants_another_client_certificate():
    with Rig() as rig:
        broker = Broker(rig)
        install(broker, os.path.join(other_authority(rig), "ca.crt"), "ca.crt")
        broker.start()
        check_wrong_peer(rig, broker.port, broker.kill, "signed by a CA it")


class Peer:
    """Accepts connections and treats each as `serve` says."""

    def __init__(self, rig, serve):
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.serve, self.kept = serve, []
        rig.cleanups.append(self.stop)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                s, _ = self.listener.accept()
                self.kept.append(s)
                self.serve(s)
            except OSError:
                if self.listener.fileno() < 0:
                    return

    def stop(self):
        # A thread in accept() keeps a closed listener alive.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for s in self.kept:
            s.close()


class Front:
    """Ends TLS as `context` says and hands what is inside to a plain Mosquitto, where `is_wanted` says so of the connection."""

    def __init__(self, rig, context, is_wanted=lambda s: True):
        self.plain, self.context, self.is_wanted, self.seen = free_port(), context, is_wanted, []
        Process(rig, "mosquitto", ["mosquitto", "-c", rig.write("plain.conf", f"listener {self.plain} 127.0.0.1\nallow_anonymous true\n")])
        await_true("Mosquitto listens", 5, lambda: socket.socket().connect_ex(("127.0.0.1", self.plain)) == 0)
        context.load_cert_chain(f"{rig.pki}/broker.crt", f"{rig.pki}/broker.key")
        self.port = Peer(rig, self._serve).port

    @staticmethod
    def _carry(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for s in (a, b):
            end_socket(s, socket.SHUT_RDWR)

    def _serve(self, raw):
        try:
            s = self.context.wrap_socket(raw, server_side=True)
        except OSError as e:
            self.seen.append(e)
            return
        self.seen.append(s)
        if not self.is_wanted(s):
            s.close()
            return
        inner = socket.create_connection(("127.0.0.1", self.plain))
        for a, b in ((s, inner), (inner, s)):
            threading.Thread(target=self._carry, args=(a, b), daemon=True).start()


def tls12_front(rig, suite):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    return Front(rig, context)


def test_tls_1_2__only_suites_with_a_fresh_key_exchange_and_authenticated_encryption():
    for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        with Rig() as rig:
            front = tls12_front(rig, suite)
            Gateway(rig, front.port, actions="", broker_extra="tls12 = yes\n").start().await_online(8)
            assert front.seen[-1].version() == "TLSv1.2" and front.seen[-1].cipher()[0] == suite, front.seen[-1].cipher()
    for suite in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-CCM8"):
        with Rig() as rig:
            front = tls12_front(rig, suite)
            gateway = Gateway(rig, front.port, actions="", broker_extra="tls12 = yes\n").start()
            await_true("a reason", 8, lambda: link(gateway)["error"])
            assert link(gateway)["connects"] == 0 and all(isinstance(e, ssl.SSLError) for e in front.seen), (suite, front.seen)
    with Rig() as rig:  # not asked for: no TLS 1.2 at all
        front = tls12_front(rig, "ECDHE-ECDSA-AES128-GCM-SHA256")
        gateway = Gateway(rig, front.port, actions="").start()
        await_true("a reason", 8, lambda: link(gateway)["error"])
        assert link(gateway)["connects"] == 0 and all(isinstance(e, ssl.SSLError) for e in front.seen), front.seen


def test_alpn__one_port_for_several_protocols():
    with Rig() as rig:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1", "x-amzn-mqtt-ca"])
        front = Front(rig, context, lambda s: s.selected_alpn_protocol() == "x-amzn-mqtt-ca")
        gateway = Gateway(rig, front.port, actions="").start()
        await_true("it does not get through without a name", 8, lambda: link(gateway)["error"])
        assert front.seen and front.seen[-1].selected_alpn_protocol() is None and link(gateway)["connects"] == 0
        with open(gateway.config_path) as f:
            text = f.read()
        with open(gateway.config_path, "w") as f:
            f.write(text.replace("reconnect_max", "alpn = x-amzn-mqtt-ca\nreconnect_max"))
        os.kill(gateway.process.pid, signal.SIGHUP)
        gateway.await_online()
        assert front.seen[-1].selected_alpn_protocol() == "x-amzn-mqtt-ca"


def test_garbage_on_the_port():
    with Rig() as rig:
        peer = Peer(rig, lambda s: (s.recv(1024), s.sendall(os.urandom(1) + b"\x99" * 4000), time.sleep(0.2), s.close()))
        check_wrong_peer(rig, peer.port, peer.stop, "does not speak TLS")


def test_web_server_on_the_port():
    with Rig() as rig:
        peer = Peer(rig, lambda s: (s.recv(1024), s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), s.close()))
        check_wrong_peer(rig, peer.port, peer.stop, "does not speak TLS")


def test_peer_that_closes_at_once():
    with Rig() as rig:
        peer = Peer(rig, lambda s: s.close())
        check_wrong_peer(rig, peer.port, peer.stop, "closed the connection")


def test_peer_that_never_answers():
    with Rig() as rig:
        peer = Peer(rig, lambda s: None)
        check_wrong_peer(rig, peer.port, peer.stop, "timed out", seconds=25)


def test_plain_mqtt_broker_on_a_tls_link():
    with Rig() as rig:
        port = free_port()
        conf = rig.write("plain.conf", f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        peer = Process(rig, "plain", ["mosquitto", "-c", conf])
        await_true("Mosquitto listens", 5, lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        check_wrong_peer(rig, port, peer.stop, "closed the connection in the TLS handshake: does it speak TLS on this port?")


def test_tls_broker_on_a_plain_link():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, actions="", config=f"[broker central]\nhost = 127.0.0.1\nport = {broker.port}\ntls = no\nreconnect_max = 2s\n").start()
        await_true("a reason", 5, lambda: "reset by the peer" in link(gateway)["error"] or "closed" in link(gateway)["error"])
        assert link(gateway)["connects"] == 0


def test_two_brokers__both_stay_connected_through_restarts():
    with Rig() as rig:
        brokers = [Broker(rig, name=name).start() for name in ("central", "site")]
        tls = os.path.join(rig.dir, "gateway", "etc", "tls")
        gateway = Gateway(rig, brokers[0].port, actions="", config=f"[broker site]\nhost = 127.0.0.1\nport = {brokers[1].port}\nca = {tls}/ca.crt\n"
                          f"certificate = {tls}/{GATEWAY}.crt\nkey = {tls}/{GATEWAY}.key\nroles = events\nreconnect_max = 2s\n").start()
        both = lambda: all(l["state"] == "online" for l in gateway.result("status")["links"])
        await_true("both are online", 15, both)
        for broker in brokers + brokers:
            broker.kill()
            await_true("it is noticed", 5, lambda: not both())
            broker.start()
            await_true("both are online again", 15, both)
        heap = next(t for t in gateway.result("memory")["tables"] if t["table"] == "tls_arena_bytes")
        assert heap["drops"] == 0, heap


def test_name_that_does_not_resolve():
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config="[broker central]\nhost = no-such-host.invalid\nport = 1\n"
                          f"ca = {rig.pki}/ca.crt\nreconnect_max = 2s\n").start()
        await_true("a reason", 12, lambda: "resolve" in link(gateway)["error"])
        assert gateway.is_up()


def test_cut_and_back__the_session_is_resumed():
    with Rig() as rig:
        broker = Broker(rig).start()
        cable = Proxy(rig, broker.port)
        gateway = Gateway(rig, cable.port, actions="", broker_extra="reconnect_max = 1s\n").start()
        gateway.await_online()
        time.sleep(0.5)
        first = cable.bytes
        for _ in range(3):
            before, connects = cable.bytes, link(gateway)["connects"]
            cable.drop()
            await_true("it is back", 20, lambda: link(gateway)["connects"] > connects)
            time.sleep(0.3)
            # No certificates, either way.
            assert cable.bytes - before < first * 0.75, (first, cable.bytes - before)
        assert link(gateway)["failures"] == 0, link(gateway)
        assert link(gateway)["tls_resumed"] == 3, link(gateway)
        shown = gateway.ctl("status", "--format", "table")
        assert "3 TLS sessions resumed" in shown.stdout, shown
        print(f"# first connection {first} bytes, a resumed one {cable.bytes - before}")


def test_shared_secret():
    with Rig() as rig:
        secret = "000102030405060708090a0b0c0d0e0f"
        port = free_port()
        rig.write("psk", f"{GATEWAY}:{secret}\n")
        conf = rig.write("psk.conf", f"user root\nlistener {port} 127.0.0.1\npsk_hint picket\npsk_file {rig.path('psk')}\nuse_identity_as_username true\nallow_anonymous false\n")
        gateway = Gateway(rig, None, actions="")
        good, bad = rig.write("gateway/etc/good", secret + "\n", 0o644), rig.write("gateway/etc/bad", "00" * 16 + "\n", 0o644)
        with open(gateway.config_path) as f:
            text = f.read()
        with open(gateway.config_path, "w") as f:
            f.write(text + f"[broker central]\nhost = 127.0.0.1\nport = {port}\nreconnect_max = 1s\npsk_identity = {GATEWAY}\npsk_file = {bad}\n")
        Process(rig, "mosquitto", ["mosquitto", "-c", conf])
        gateway.start()
        error = await_true("a reason", 8, lambda: link(gateway)["error"])
        with open(gateway.config_path) as f:
            text = f.read()
        with open(gateway.config_path, "w") as f:
            f.write(text.replace(bad, good))
        os.kill(gateway.process.pid, signal.SIGHUP)
        gateway.await_online()
        print(f"# a wrong secret: {error}")
        assert gateway.stop() == 0


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=5)
