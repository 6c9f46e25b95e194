#!/usr/bin/env python3
"""Three gateways on one LAN, each a network namespace of its own: one is cut from the broker while its neighbours still hear it, and their summaries say
so; then it is off, and they say that too. Datagrams of strangers are counted and change nothing. ctest: lane=default timeout=150"""
import json
import os
import re
import subprocess
import time

from rig import SITE, Broker, Gateway, Process, Rig, await_true, main

PORT = 7883
NAMES = ("gw-01", "gw-02", "gw-03")


def ip(*args, check=True):
    return subprocess.run(["ip", *args], check=check, capture_output=True, text=True, timeout=10)


class Lan:
    """A bridge in a namespace of its own, where the broker is, and one namespace for each gateway on it: 10.9.0.1 is the broker, 10.9.0.2 gw-01, ..."""

    def __init__(self, rig):
        stem = os.path.basename(rig.dir)[-8:]
        self.hub, self.spaces = f"pkhub-{stem}", {name: f"pk{name}-{stem}" for name in NAMES}
        for space in (self.hub, *self.spaces.values()):
            ip("netns", "add", space)
            rig.cleanups.append(lambda s=space: ip("netns", "del", s, check=False))
            self.in_space(space, "ip", "link", "set", "lo", "up")
        self.in_space(self.hub, "ip", "link", "add", "br0", "type", "bridge")
        self.in_space(self.hub, "ip", "addr", "add", "10.9.0.1/24", "dev", "br0")
        self.in_space(self.hub, "ip", "link", "set", "br0", "up")
        for n, (name, space) in enumerate(self.spaces.items()):
            self.in_space(self.hub, "ip", "link", "add", f"port{n}", "type", "veth", "peer", "name", "eth0", "netns", space)
            self.in_space(self.hub, "ip", "link", "set", f"port{n}", "master", "br0", "up")
            self.in_space(space, "ip", "addr", "add", f"10.9.0.{n + 2}/24", "broadcast", "10.9.0.255", "dev", "eth0")
            self.in_space(space, "ip", "link", "set", "eth0", "up")

    @staticmethod
    def in_space(space, *argv):
        subprocess.run(["ip", "netns", "exec", space, *argv], check=True, capture_output=True, timeout=10)

    def prefix(self, name):
        return ("ip", "netns", "exec", self.spaces[name])

    def send(self, name, payload, to):
        code = f"import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);[s.sendto(bytes.fromhex('{payload.hex()}'),('{to}',{PORT})) for _ in range(50)]"
        self.in_space(self.spaces[name], "python3", "-c", code)


def start_broker(rig, lan):
    rig.run_pki("server", "lan", "DNS:broker", "IP:10.9.0.1")
    broker = Broker(rig, certificate="lan")
    path = os.path.join(broker.dir, "broker.conf")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace(f"listener {broker.port} 127.0.0.1", f"listener {broker.port} 10.9.0.1"))
    broker.process = Process(rig, "broker", ["ip", "netns", "exec", lan.hub, "mosquitto", "-c", path])
    await_true("Mosquitto listens", 5, lambda: "running" in broker.process.log())
    return broker


def make_gateway(rig, lan, broker, name, peers, key="0123456789abcdef" * 2):
    if name != "gw-01":
        rig.run_pki("client", name)
    gateway = Gateway(rig, broker.port, name=name, client=name, actions="", broker_extra="keep_alive = 5s\nreconnect_max = 1s\n",
                      config=f"[report]\nsummary = 5s\n[witness]\nudp = 0.0.0.0:{PORT}\npeers = {peers}\nkey_file = {rig.path(name, 'etc', 'lan.key')}\ninterval = 1s\n"
                             "[sources]\nprocess = 0\n")
    rig.write(f"{name}/etc/lan.key", key + "\n", 0o644)
    with open(gateway.config_path) as f:
        text = f.read()
    with open(gateway.config_path, "w") as f:
        f.write(text.replace("gateway = gw-01", f"gateway = {name}").replace("host = 127.0.0.1", "host = 10.9.0.1"))
    return gateway.start(prefix=lan.prefix(name))


class Hub:
    def __init__(self, rig, lan, broker):
        argv = [a if a != "127.0.0.1" else "10.9.0.1" for a in ["mosquitto_sub", *broker.tls("hub")]]
        self.process = Process(rig, "hub", ["ip", "netns", "exec", lan.hub, *argv, "-q", "1", "-t", "picket/v1/#", "-F", "%t\t%p"])

    def said_of(self, about, by):
        """What the newest summary of `by` says of the neighbour `about`; None: nothing."""
        summaries = [line.split("\t", 1)[1] for line in self.process.lines() if line.startswith(f"picket/v1/{SITE}/{by}/summary\t")]
        rows = json.loads(summaries[-1])["neighbours"] if summaries else []
        return next((r for r in rows if r["gateway"] == about), None)

    def status(self, name):
        lines = [line.split("\t", 1)[1] for line in self.process.lines() if line.startswith(f"picket/v1/{SITE}/{name}/status\t")]
        return json.loads(lines[-1])["online"] if lines else None


def test_cut_from_the_broker__its_neighbours_say_it_is_alive__then_that_it_is_gone():
    with Rig() as rig:
        lan = Lan(rig)
        broker = start_broker(rig, lan)
        hub = Hub(rig, lan, broker)
        gateways = {name: make_gateway(rig, lan, broker, name, "10.9.0.255") for name in NAMES}
        for name in NAMES:
            gateways[name].await_online()
        for by in NAMES:
            for about in NAMES:
                if by != about:
                    row = await_true(f"{by} sees {about}", 20, lambda b=by, x=about: (r := hub.said_of(x, b)) and r["hub"] and r)
                    assert row["seen_s"] < 8 and "hubless_s" not in row, row
        # gw-01 loses the broker, nothing else: its packets to 10.9.0.1 go nowhere, while broadcasts reach the LAN.
        lan.in_space(lan.spaces["gw-01"], "ip", "route", "add", "blackhole", "10.9.0.1/32")
        for by in NAMES[1:]:
            row = await_true(f"{by} says that gw-01 has no hub", 40, lambda b=by: (r := hub.said_of("gw-01", b)) and not r["hub"] and r)
            assert row["seen_s"] < 8, row
        before = hub.said_of("gw-01", "gw-02")["hubless_s"]
        await_true("it goes on to say so", 20, lambda: hub.said_of("gw-01", "gw-02")["hubless_s"] > before + 3)
        assert hub.said_of("gw-01", "gw-02")["seen_s"] < 8
        # Off: nobody hears it, and its last word stands beside its age.
        gateways["gw-01"].process.stop(9)
        rig.processes.remove(gateways["gw-01"].process)
        await_true("gw-01 is not heard any more", 30, lambda: all(hub.said_of("gw-01", by)["seen_s"] >= 8 for by in NAMES[1:]))
        assert all(hub.said_of(a, b)["seen_s"] < 8 for a, b in (("gw-02", "gw-03"), ("gw-03", "gw-02")))
        for name in NAMES[1:]:
            assert gateways[name].stop() == 0


def test_strangers_on_the_lan__are_counted_and_change_nothing():
    with Rig() as rig:
        lan = Lan(rig)
        broker = start_broker(rig, lan)
        hub = Hub(rig, lan, broker)
        first = make_gateway(rig, lan, broker, "gw-01", "10.9.0.3, 10.9.0.4")
        make_gateway(rig, lan, broker, "gw-02", "10.9.0.2")
        stranger = make_gateway(rig, lan, broker, "gw-03", "10.9.0.2", key="ff" * 16)
        await_true("gw-01 sees gw-02", 20, lambda: hub.said_of("gw-02", "gw-01"))
        for payload in (b"", b"x", b"PKW1", b"PKW1" + os.urandom(100), os.urandom(256), os.urandom(1400)):
            lan.send("gw-03", payload, "10.9.0.2")
        row = await_true("they are counted", 10, lambda: (s := first.result("sources.get", source="witness")) and s["inlet"]["bad"] >= 250 and s)
        assert row["inlet"]["bad"] < row["inlet"]["lines"], row
        time.sleep(6)
        assert hub.said_of("gw-03", "gw-01") is None and hub.said_of("gw-02", "gw-01")["seen_s"] < 8
        assert hub.said_of("gw-01", "gw-03") is None
        for gateway in (first, stranger):
            assert gateway.is_up()
        assert first.process.log().count("witness") <= 2, first.process.log()


def test_configuration__wrong_values_are_refused_with_their_place():
    with Rig() as rig:
        for text, words in (("[witness]\nudp = 0.0.0.0:7883\n", "needs peers and key_file"), ("[witness]\nudp = x:1\n", "numeric IPv4 or IPv6"),
                            ("[witness]\nudp = 7883\npeers = gw-02\nkey_file = /x\n", "'gw-02' is not a numeric address"),
                            ("[witness]\ninterval = 1ms\n", "outside 1s..1h")):
            gateway = Gateway(rig, actions="", config=text)
            out = subprocess.run([gateway.binary, "-t", "-c", gateway.config_path], capture_output=True, text=True, timeout=10)
            assert out.returncode == 78 and words in out.stdout + out.stderr and re.search(r":\d+:\d+: ", out.stdout + out.stderr), (words, out)


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=2)
