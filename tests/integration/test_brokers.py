#!/usr/bin/env python3
"""The shipped Mosquitto configuration, started: who may say and hear what at the central broker, at the site broker, and what the bridge between them
carries. mosquitto_pub and mosquitto_sub are the independent ends. ctest: lane=default timeout=120"""
import os
import re
import shutil
import subprocess
import time

from rig import GATEWAY, SITE, Broker, Gateway, Operator, Process, Proxy, Rig, Subscriber, await_true, main, request, shipped

OTHER = "gw-02"
OWN = f"picket/v1/{SITE}/{GATEWAY}"
THEIRS = f"picket/v1/{SITE}/{OTHER}"
UP = ("status", "summary", "incident/inc_x", "approval/a1", "reply/r1", "capsule/inc_x/0", "event/fault")
RULES = """[rule fault]
on       = type = fault
when     = count >= 1 in 10s by source
type     = custom
severity = high
clear    = never

[rule process_lost]
on       = type = process_up
when     = value < 1
type     = service_down
severity = critical
enabled  = no
"""


class Ear:
    """Hears what a user may hear of everything: mosquitto_sub of '#', up before it returns."""

    def __init__(self, rig, broker, user, proof):
        self.process = Process(rig, f"ear-{user}", ["mosquitto_sub", *broker.tls(user), "-q", "1", "-t", "#", "-F", "%t %p"])
        sender, topic = proof

        def hears():
            say(broker, sender, topic, "proof")
            time.sleep(0.1)
            return "proof" in self.process.log()
        await_true(f"{user} hears {topic}", 8, hears)

    def lines(self):
        return [line for line in self.process.lines() if not line.endswith(" proof")]


def say(broker, user, topic, payload, *options):
    """Publishes with QoS 1; whether the broker took it. Not authorized is the only other answer that is no fault."""
    out = subprocess.run(["mosquitto_pub", *broker.tls(user), "-q", "1", "-t", topic, "-m", payload, *options], capture_output=True, text=True, timeout=10)
    words = out.stdout + out.stderr
    if "Not authorized" in words:
        return False
    assert out.returncode == 0 and "rror" not in words, words
    return True


def check_start(broker):
    """It starts without a complaint about its configuration. The one rule for all users is a pattern without a name in it: Mosquitto mentions that and has no
    other form for it."""
    await_true("Mosquitto says that it runs", 5, lambda: " running" in broker.process.log())
    said = broker.process.log().partition(" running")[0]
    complaints = [line for line in said.splitlines() if re.search(r"[Ww]arning|[Ee]rror", line)]
    assert all("'picket/v1/+/all/cmd/+' does not contain" in line for line in complaints), complaints


def check_access(config):
    with Rig() as rig:
        for name in (OTHER, "stranger"):
            rig.run_pki("client", name)
        broker = Broker(rig, config=config).start()
        check_start(broker)
        hub = Ear(rig, broker, "hub", ("hub", f"{OWN}/summary"))
        mine = Ear(rig, broker, GATEWAY, ("hub", f"{OWN}/ack"))
        theirs = Ear(rig, broker, OTHER, ("hub", f"{THEIRS}/ack"))

        for part in UP:  # a gateway speaks in its own name, and in nobody else's
            assert say(broker, GATEWAY, f"{OWN}/{part}", "own"), part
            assert not say(broker, GATEWAY, f"{THEIRS}/{part}", "forged"), part
        for topic in (f"{OWN}/cmd/ping", f"{THEIRS}/cmd/ping", "picket/v1/all/all/cmd/ping", f"picket/v1/{SITE}/all/cmd/ping", f"{OWN}/ack", f"{OWN}/in/a/b",
                      f"{OWN}", f"{OWN}/incident/a/b", "picket/v1", "x"):
            assert not say(broker, GATEWAY, topic, "forged"), topic
        await_true("the hub heard all of it", 5, lambda: len(hub.lines()) >= len(UP))
        assert sorted(hub.lines()) == sorted(f"{OWN}/{part} own" for part in UP), hub.lines()
        assert mine.lines() == [] and theirs.lines() == [], "a gateway hears what goes up"

        for who in ("operator", "hub"):  # down: each its own, and what is for all
            for topic in (f"{OWN}/cmd/{who}", f"{THEIRS}/cmd/{who}", f"picket/v1/{SITE}/all/cmd/{who}", f"picket/v1/all/all/cmd/{who}"):
                assert say(broker, who, topic, "down")
        assert say(broker, "device", f"{OWN}/in/plc/fault", "7")
        assert say(broker, "device", f"{THEIRS}/in/plc/fault", "7")
        for ear, own in ((mine, OWN), (theirs, THEIRS)):
            want = [f"{topic}/cmd/{who} down" for who in ("hub", "operator") for topic in (own, f"picket/v1/{SITE}/all", "picket/v1/all/all")] + [f"{own}/in/plc/fault 7"]
            await_true("a gateway hears its own", 5, lambda e=ear, w=want: len(e.lines()) >= len(w))
            assert sorted(ear.lines()) == sorted(want), ear.lines()
        assert broker.retained("picket/v1/+/+/cmd/+") == {}

        for user, topic in (("device", f"{OWN}/status"), ("device", f"{OWN}/cmd/ping"), ("device", f"{OWN}/ack"), ("operator", f"{OWN}/status"),
                            ("operator", f"{OWN}/ack"), ("operator", f"{OWN}/in/a/b"), ("stranger", f"{OWN}/status"), ("stranger", f"{OWN}/in/a/b"),
                            (f"bridge-{SITE}", "picket/v1/elsewhere/gw-09/status"), (f"bridge-{SITE}", f"{OWN}/cmd/ping"), (f"bridge-{SITE}", f"{OWN}/ack")):
            if user.startswith("bridge"):
                rig.run_pki("client", user)
            assert not say(broker, user, topic, "forged"), (user, topic)
        before = len(hub.lines())
        assert say(broker, "stranger", "picket/v1/x/stranger/status", "own"), "a certificate is a name: it may speak as itself"
        await_true("the hub heard it", 5, lambda: len(hub.lines()) > before)

        plain = subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "--cafile", f"{rig.pki}/ca.crt", "-t", "x", "-m", "x"], capture_output=True, timeout=10)
        assert plain.returncode != 0, "taken without a certificate"
        assert broker.is_listening()


def test_central__each_speaks_for_itself():
    check_access("central")


def test_site__each_speaks_for_itself():
    check_access("site")


class Site:
    """Central broker, a line that can be cut, site broker with the bridge."""

    def __init__(self, rig):
        rig.run_pki("client", f"bridge-{SITE}")
        self.central = Broker(rig, name="central").start()
        self.line = Proxy(rig, self.central.port)
        folder = rig.path("site")
        bridge = shipped("bridge.conf").replace("central.example:8883", f"127.0.0.1:{self.line.port}").replace("/etc/mosquitto/picket/", folder + "/")
        bridge = bridge.replace("restart_timeout 2 60", "restart_timeout 1 2")
        self.site = Broker(rig, name="site", config="site", extra=bridge)
        for kind in ("crt", "key"):
            path = shutil.copy(os.path.join(rig.pki, f"bridge-{SITE}.{kind}"), folder)
            shutil.chown(path, "mosquitto", "mosquitto")
        self.site.start()
        check_start(self.site)
        self.hub = Subscriber(rig, self.central)
        await_true("the bridge carries", 10, self.carries)

    def carries(self):
        say(self.site, "hub", f"{THEIRS}/status", "bridge-probe")
        time.sleep(0.2)
        return self.hub.messages(f"{OTHER}/status")


def test_bridge__carries_up_what_gateways_say_and_down_what_is_for_them():
    with Rig() as rig:
        rig.run_pki("client", OTHER)
        s = Site(rig)
        below = Ear(rig, s.site, "hub", ("hub", f"{OWN}/cmd/proof"))
        for part in UP:
            assert say(s.site, GATEWAY, f"{OWN}/{part}", "own", *(["-r"] if part == "status" else []))
        assert say(s.site, "device", f"{OWN}/in/plc/fault", "7")
        assert say(s.site, "hub", "picket/v1/elsewhere/gw-09/status", "not ours")
        await_true("all of it is at the central broker", 5, lambda: len(s.hub.messages(GATEWAY)) >= len(UP))
        time.sleep(0.3)
        assert sorted(m[1] for m in s.hub.messages(GATEWAY)) == sorted(f"{OWN}/{part}" for part in UP)
        assert not s.hub.messages("/in/") and not s.hub.messages("elsewhere")
        assert list(s.central.retained(f"{OWN}/status")) == [f"{OWN}/status"]

        down = (f"{OWN}/cmd/ping", f"picket/v1/{SITE}/all/cmd/ping", "picket/v1/all/all/cmd/ping", f"{OWN}/ack")
        for topic in (*down, "picket/v1/elsewhere/gw-09/cmd/ping", "picket/v1/elsewhere/all/cmd/ping"):
            assert say(s.central, "hub", topic, "down")
        await_true("commands are at the site", 5, lambda: len([line for line in below.lines() if line.endswith(" down")]) >= len(down))
        time.sleep(0.3)
        assert sorted(line for line in below.lines() if line.endswith(" down")) == sorted(f"{topic} down" for topic in down)
        assert s.site.retained("picket/v1/+/+/cmd/+") == {} and s.central.retained("picket/v1/+/+/cmd/+") == {}


def test_bridge__a_gateway_behind_it__is_heard_obeys_and_loses_nothing():
    with Rig() as rig:
        s = Site(rig)
        gateway = Gateway(rig, s.site.port, rules=RULES, actions="", config="[remote]\ncommands = list\nallow = ping\n")
        operator = Operator(rig, gateway, "ann", "admin")
        gateway.start().await_online()
        await_true("its birth is at the central broker", 8, lambda: s.hub.messages(f"{GATEWAY}/status"))
        say(s.site, "device", f"{OWN}/in/plc-1/fault", "1")
        await_true("its incident", 8, lambda: s.hub.incidents())
        reply = request(s.central, "ping", operator.sign("ping"))
        assert reply is not None, "a command from the central broker is not answered"
        assert reply["ok"], reply

        say(s.central, "operator", f"{OWN}/cmd/ping", operator.sign("ping"), "-r")  # against the rule: refused by the gateway
        await_true("a retained command is refused", 8, lambda: "a retained command is never obeyed" in gateway.process.log())
        say(s.central, "operator", f"{OWN}/cmd/ping", "", "-r")

        s.line.is_refusing = True
        s.line.drop()
        for n in range(5):
            say(s.site, "device", f"{OWN}/in/away-{n}/fault", "1")
        await_true("incidents while the line is down", 8, lambda: len(gateway.incidents()) >= 6)
        assert len(s.hub.incidents()) == 1
        s.line.heal()
        await_true("they arrive when it is back", 20, lambda: len({i["incident_id"] for _, i in s.hub.incidents()}) >= 6)
        assert not s.hub.messages("/in/")


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=2)
