#!/usr/bin/env python3
"""Signed commands over MQTT: what is obeyed, what is refused and how it is answered, counted and put on record. The tokens are made here with
OpenSSL, not with our own code. ctest: lane=default timeout=120"""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from rig import GATEWAY, MQTT, SITE, Broker, Gateway, Operator, Process, Rig, Signer, Subscriber, await_true, b64, main, request

ROOT = f"picket/v1/{SITE}/{GATEWAY}"
RULES = """[rule pair]
about    = Two errors of one source
on       = type = fault
when     = count >= 2 in 10s by source
type     = custom
severity = high
clear    = never
"""
ALLOW = "[remote]\ncommands = list\nallow = ping, status, incidents.ack, incidents.get, time.set\n"


class World:
    """Broker, gateway with an open incident, and what a refused command must leave alone."""

    def __init__(self, rig, config=ALLOW, env=None):
        self.rig = rig
        self.broker = Broker(rig).start()
        self.gateway = Gateway(rig, self.broker.port, rules=RULES, actions="", config=config)
        self.alice = Signer(rig, self.gateway, "alice", "responder")
        self.bob = Signer(rig, self.gateway, "bob", "approver")
        self.vic = Signer(rig, self.gateway, "vic", "viewer")
        self.hub = Signer(rig, self.gateway, "hub1", "hub")
        self.env = {**os.environ, **(env or {})}
        self.replies = Process(rig, "replies", ["mosquitto_sub", *self.broker.tls("hub"), "-q", "1", "-t", f"{ROOT}/reply/+", "-F", "%t\t%D\t%p"])
        self.asked = 0

    def start(self):
        self.gateway.start(env=self.env)
        self.gateway.await_online()
        fault = {"type": "fault", "source": "press-7", "severity": "error"}
        self.gateway.send_events([fault, fault])
        self.incident = await_true("the incident", 5, lambda: [i for i in self.gateway.incidents() if i["incident_type"] == "custom"])[0]["incident_id"]
        self.pid = self.gateway.agent_pid()
        return self

    def counts(self):
        return self.gateway.result("status")["commands"]

    def audit(self):
        return self.gateway.result("audit.head")["n"]

    def is_acked(self):
        return self.gateway.incident(self.incident)["incident"]["acked"]

    def ack(self, signer, **claims):
        return signer.token("incidents.ack", **{"args": {"incident_id": self.incident}, **claims})

    def ask(self, text, cmd="incidents.ack", branch=f"{SITE}/{GATEWAY}", seconds=5, options=()):
        """Sent with a response topic (on 3.1.1: in the JSON around it); the reply, or None."""
        self.asked += 1
        topic = f"{ROOT}/reply/t{self.asked}"
        path = self.rig.path("command")
        asks = ("-D", "publish", "response-topic", topic)
        if MQTT == "3.1.1":
            text = json.dumps({"reply_to": topic, "jws": text.decode("latin-1") if isinstance(text, bytes) else text})
            asks = ("-V", "mqttv311")
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        subprocess.run(["mosquitto_pub", *self.broker.tls("operator"), "-q", "1", "-t", f"picket/v1/{branch}/cmd/{cmd}", "-f", path, *asks, *options], check=True, timeout=10)

        def reply():
            rows = [line.split("\t") for line in self.replies.lines()]
            return next((json.loads(r[2]) for r in rows if r[0] == topic), None)

        try:
            return await_true("a reply", seconds, reply)
        except AssertionError:
            return None

    def expect_refusal(self, what, text, error, **how):
        before, audit = self.counts(), self.audit()
        reply = self.ask(text, **how)
        assert reply is not None, f"{what}: no answer"
        assert reply["ok"] is False and reply["error"] == error, f"{what}: {reply}, expected {error}"
        assert reply["message"], f"{what}: no sentence"
        after = self.counts()
        assert after["refused"] == before["refused"] + 1 and after["accepted"] == before["accepted"], f"{what}: {before} {after}"
        await_true(f"{what}: on record", 2, lambda: self.audit() > audit)
        assert not self.is_acked(), f"{what} was obeyed"
        assert self.gateway.agent_pid() == self.pid, f"{what} ended the agent"

    def expect_good(self):
        """And the next honest one is obeyed."""
        reply = self.ask(self.ack(self.bob))
        assert reply and reply["ok"], reply
        assert self.is_acked()


def test_good_command__is_answered_where_it_asked():
    with Rig() as rig:
        w = World(rig).start()
        w.broker.publish("operator", f"{ROOT}/cmd/incidents.ack", w.ack(w.alice, jti="first-1"))
        w.broker.publish("operator", f"{ROOT}/cmd/ping", w.alice.token("ping", jti="second-2"), "-D", "publish", "response-topic", f"{ROOT}/reply/here",
                         "-D", "publish", "correlation-data", "c0ffee")
        rows = await_true("both replies", 5, lambda: (r := [line.split("\t") for line in w.replies.lines()]) and len(r) == 2 and r)
        assert rows[0][0] == f"{ROOT}/reply/first-1" and rows[0][1] == "", rows
        first = json.loads(rows[0][2])
        assert first["ok"] and first["result"]["acked"] and first["jti"] == "first-1", first
        assert rows[1][0] == f"{ROOT}/reply/here" and rows[1][1] == "c0ffee", rows
        assert json.loads(rows[1][2])["result"]["version"]
        assert w.is_acked()
        assert w.counts() == {"accepted": 2, "refused": 0}
        entry = [t for t in w.gateway.incident(w.incident, timeline=True)["timeline"] if t["event"] == "acknowledged"]
        assert entry, "not in the timeline"
        # Our own signer is understood as well, and so are the branches for a site and for all.
        carol = Operator(rig, w.gateway, "carol", "viewer")
        assert w.gateway.ctl("status").returncode == 0
        os.kill(w.gateway.process.pid, signal.SIGHUP)
        reply = await_true("the new key", 5, lambda: (r := request(w.broker, "ping", carol.sign("ping"), seconds=2)) and r["ok"] and r)
        assert reply["result"]["boot"]
        for branch, audience in ((f"{SITE}/all", f"site:{SITE}"), ("all/all", "fleet"), ("all/all", f"site:{SITE}"), (f"{SITE}/{GATEWAY}", "fleet")):
            reply = w.ask(w.alice.token("ping", aud=audience), cmd="ping", branch=branch)
            assert reply and reply["ok"], (branch, audience, reply)


def test_answer_cannot_be_sent_where_the_hub_takes_it_for_something_else():
    with Rig() as rig:
        w = World(rig).start()
        for topic in (f"{ROOT}/incident/inc_1", f"{ROOT}/status", f"{ROOT}/cmd/ping", "picket/v2/x", "$SYS/x"):
            refused = w.counts()["refused"]
            sent = subprocess.run(["mosquitto_pub", *w.broker.tls("operator"), "-q", "1", "-t", f"{ROOT}/cmd/incidents.ack", "-m", w.ack(w.alice), "-D", "publish", "response-topic",
                                   topic], capture_output=True, timeout=10)
            if sent.returncode == 0:  # else the sender's library refused it
                await_true(f"{topic} is refused", 5, lambda: w.counts()["refused"] == refused + 1)
            assert not w.is_acked()
        assert w.broker.retained(f"{ROOT}/incident/inc_1") == {}
        w.expect_good()


def test_times():
    with Rig() as rig:
        w = World(rig).start()
        now = int(time.time())
        w.expect_refusal("expired", w.ack(w.alice, iat=now - 500, exp=now - 100), "expired")
        w.expect_refusal("not yet valid", w.ack(w.alice, iat=now + 500, exp=now + 600), "expired")
        w.expect_refusal("longer than a day", w.ack(w.alice, iat=now, exp=now + 86401), "bad_field")
        w.expect_refusal("ends before it begins", w.ack(w.alice, iat=now, exp=now), "bad_field")
        w.expect_refusal("before time", w.ack(w.alice, iat=-5, exp=now), "bad_field")
        w.expect_refusal("no end", w.ack(w.alice, exp=None), "missing_field")
        w.expect_refusal("fractions", w.ack(w.alice, exp=now + 10.5), "bad_field")
        reply = w.ask(w.ack(w.alice, iat=now + 45, exp=now + 100))
        assert reply and reply["ok"], f"within the skew: {reply}"
        w.expect_good()


def test_replay__also_after_restarts():
    with Rig() as rig:
        w = World(rig).start()
        used = w.alice.token("ping", jti="used-once")
        reply = w.ask(used, cmd="ping")
        assert reply["ok"], reply
        w.expect_refusal("the same again", used, "replayed", cmd="ping")
        w.expect_refusal("its jti in another command", w.ack(w.bob, jti="used-once"), "replayed")
        os.kill(w.pid, signal.SIGKILL)
        await_true("the next agent", 15, lambda: w.gateway.agent_pid() not in (0, w.pid) and w.gateway.is_up())
        w.gateway.await_online()
        w.pid = w.gateway.agent_pid()
        w.expect_refusal("after a killed agent", used, "replayed", cmd="ping")
        assert w.gateway.stop() == 0
        w.gateway.start(env=w.env)
        w.gateway.await_online()
        w.pid = w.gateway.agent_pid()
        w.expect_refusal("after a restart of all", used, "replayed", cmd="ping")
        # A refused one with a good signature is used up too.
        denied = w.ack(w.vic, jti="denied-once")
        w.expect_refusal("role", denied, "denied")
        w.expect_refusal("again", denied, "replayed")
        w.expect_good()


def test_signature_and_identity():
    with Rig() as rig:
        w = World(rig)
        mallory = Signer(rig, w.gateway, "alice", "forged", installs=False)
        stranger = Signer(rig, w.gateway, "nobody", "admin", installs=False)
        w.start()
        good = w.ack(w.alice)
        header, payload, signature = good.split(".")
        changed = b64(base64.urlsafe_b64decode(payload + "==").replace(b'"incidents.ack"', b'"incidents.ack" '))
        w.expect_refusal("another gateway", w.ack(w.alice, aud="gw-99"), "wrong_audience")
        w.expect_refusal("another site", w.ack(w.alice, aud="site:other"), "wrong_audience")
        w.expect_refusal("unknown key", w.ack(stranger), "unknown_key")
        w.expect_refusal("another's key under this name", w.ack(mallory), "bad_signature")
        w.expect_refusal("changed payload", f"{header}.{changed}.{signature}", "bad_signature")
        flipped = ("A" if signature[5] != "A" else "B").join((signature[:5], signature[6:]))
        w.expect_refusal("changed signature", f"{header}.{payload}.{flipped}", "bad_signature")
        w.expect_refusal("signature of zeros", f"{header}.{payload}.{b64(bytes(64))}", "bad_signature")
        none = b64(json.dumps({"alg": "none", "kid": "alice", "typ": "picket+jws"}))
        w.expect_refusal("alg none, no signature", f"{none}.{payload}.", "bad_message")
        w.expect_refusal("alg none", f"{none}.{payload}.{signature}", "bad_field")
        hs = b64(json.dumps({"alg": "HS256", "kid": "alice", "typ": "picket+jws"})) + "." + payload
        mac = hmac.new(w.alice.public.encode(), hs.encode(), hashlib.sha256).digest()
        w.expect_refusal("HS256 with the public key", f"{hs}.{b64(mac + mac)}", "bad_field")
        w.expect_refusal("crit", w.ack(w.alice, header={"crit": ["exp"]}), "unknown_field")
        w.expect_refusal("key brought along", w.ack(w.alice, header={"jwk": {"kty": "EC"}}), "unknown_field")
        w.expect_refusal("role too low", w.ack(w.vic), "denied")
        w.expect_refusal("issuer is another", w.ack(w.alice, iss="bob"), "bad_field")
        w.expect_good()


def test_two_signatures():
    with Rig() as rig:
        w = World(rig).start()
        claims = json.dumps(w.alice.claims("incidents.ack", args={"incident_id": w.incident}))
        first = w.alice.token("", payload=claims)
        second = w.bob.token("", payload=claims)
        w.expect_refusal("twice the same", f"{first}\n{first}", "bad_message")
        w.expect_refusal("another payload", f"{first}\n{w.ack(w.bob)}", "bad_message")
        broken = second[:-8] + ("AAAAAAAA" if not second.endswith("AAAAAAAA") else "BBBBBBBB")
        w.expect_refusal("second one broken", f"{first}\n{broken}", "bad_signature")
        w.expect_refusal("three", f"{first}\n{second}\n{first}", "bad_message")
        w.expect_refusal("a viewer beside", f"{first}\n{w.vic.token('', payload=claims)}", "denied")
        claims = json.dumps(w.alice.claims("incidents.ack", args={"incident_id": w.incident}))
        reply = w.ask(w.alice.token("", payload=claims) + "\n" + w.bob.token("", payload=claims))
        assert reply and reply["ok"], reply
        assert w.is_acked()


def test_form_of_commands():
    with Rig() as rig:
        w = World(rig).start()
        deep = '{"a":' * 400 + "1" + "}" * 400
        now = int(time.time())
        w.expect_refusal("topic of another command", w.ack(w.alice), "bad_field", cmd="ping")
        w.expect_refusal("unknown command", w.alice.token("reboot.now"), "unknown_command", cmd="reboot.now")
        w.expect_refusal("unknown argument", w.ack(w.alice, args={"incident_id": w.incident, "force": True}), "unknown_field")
        w.expect_refusal("missing argument", w.ack(w.alice, args={}), "missing_field")
        w.expect_refusal("argument of another kind", w.ack(w.alice, args={"incident_id": 5}), "bad_field")
        w.expect_refusal("unknown claim", w.ack(w.alice, admin=True), "unknown_field")
        w.expect_refusal("claim and argument differ", w.ack(w.alice, incident_id="inc_gw-01_1_00099"), "bad_field")
        w.expect_refusal("larger than 4 KiB", w.ack(w.alice, args={"incident_id": w.incident, "note": "x" * 4000}), "too_big")
        w.expect_refusal("bytes", bytes(range(256)) * 4, "bad_message")
        w.expect_refusal("one byte", b"\0", "bad_message")
        w.expect_refusal("JSON instead of a JWS", json.dumps(w.alice.claims("incidents.ack")), "bad_message" if MQTT == "3.1.1" else "unknown_field")
        w.expect_refusal("claims no JSON", w.alice.token("", payload=b"\xff\xfe{}"), "bad_message")
        w.expect_refusal("deep arguments", w.alice.token("", payload='{"args":' + deep + "}"), "too_deep")
        w.expect_refusal("claim twice", w.alice.token("", payload=f'{{"iss":"alice","iss":"bob","aud":"{GATEWAY}","iat":{now},"exp":{now + 9},"jti":"x","cmd":"ping","args":{{}}}}'), "bad_field")
        w.expect_refusal("jti that is a topic", w.ack(w.alice, jti="a/b+#"), "bad_field")
        w.expect_good()


def test_retained_command__is_never_obeyed():
    with Rig() as rig:
        w = World(rig).start()
        topic = f"{ROOT}/cmd/incidents.ack"
        refused, audit = w.counts()["refused"], w.audit()
        w.broker.publish("operator", topic, w.ack(w.alice), "-r")
        await_true("refused, to a live subscription", 5, lambda: w.counts()["refused"] == refused + 1)
        assert w.audit() > audit and not w.is_acked()
        # A broker that forgot everything but the retained message hands it to the new subscription.
        assert w.gateway.stop() == 0
        w.broker.end_session(GATEWAY)
        w.gateway.start(env=w.env)
        w.gateway.await_online()
        await_true("refused, to a new subscription", 5, lambda: w.counts()["refused"] == 1)
        assert not w.is_acked()
        w.broker.publish("operator", topic, "", "-r")
        w.expect_good()


def test_local_policy__beats_every_key():
    with Rig() as rig:
        w = World(rig, config="[remote]\ncommands = off\n")
        admin = Signer(rig, w.gateway, "root1", "admin")
        w.start()
        w.expect_refusal("off: change", w.ack(admin), "refused")
        w.expect_refusal("off: question", admin.token("ping"), "refused", cmd="ping")
        for policy, extra in (("read-only", {}), ("list", {"PICKET_REMOTE_ALLOW": "ping, incidents.list"})):
            assert w.gateway.stop() == 0
            w.gateway.start(env={**w.env, "PICKET_REMOTE_COMMANDS": policy, **extra})
            w.gateway.await_online()
            w.pid = w.gateway.agent_pid()
            w.expect_refusal(f"{policy}: change", w.ack(admin), "refused")
            reply = w.ask(admin.token("ping"), cmd="ping")
            assert reply and reply["ok"], (policy, reply)
            w.expect_refusal(f"{policy}: local only", admin.token("dump-state"), "unsupported", cmd="dump-state")
        reply = w.ask(admin.token("status"), cmd="status")
        assert reply["error"] == "refused", reply


def test_flood__is_counted_and_bounded():
    with Rig() as rig:
        w = World(rig).start()
        rubbish = "".join(f"rubbish {n}\n" for n in range(400))
        audit, began = w.audit(), time.monotonic()
        flood = subprocess.Popen(["mosquitto_pub", *w.broker.tls("operator"), "-q", "1", "-t", f"{ROOT}/cmd/ping", "-l"], stdin=subprocess.PIPE, text=True)
        flood.stdin.write(rubbish)
        flood.stdin.close()
        await_true("all are counted", 10, lambda: w.counts()["refused"] == 400)
        assert flood.wait(10) == 0
        assert 20 <= w.audit() - audit <= 60, "rubbish fills the audit"
        assert time.monotonic() - began < 30
        # One key's flood: what its bucket holds is obeyed, the rest is told why; another key is not in its way.
        tokens = "".join(w.alice.token("ping") + "\n" for _ in range(60))
        subprocess.run(["mosquitto_pub", *w.broker.tls("operator"), "-q", "1", "-t", f"{ROOT}/cmd/ping", "-l"], input=tokens, text=True, check=True, timeout=10)
        await_true("all are answered", 10, lambda: sum(w.counts().values()) == 460)
        assert 20 <= w.counts()["accepted"] <= 30, w.counts()
        await_true("the rest is told why", 10, lambda: any("rate_limited" in line for line in w.replies.lines()))
        w.expect_good()
        assert w.gateway.agent_pid() == w.pid


def test_forged_flood__keeps_out_nobody_it_names():
    """Whoever may publish and knows the name of a key: ADR 0098."""
    with Rig() as rig:
        w = World(rig).start()
        forger = Signer(rig, w.gateway, "alice", "forger", installs=False)

        def flood(count, jti):
            """So many forged ones, and behind them, on the same connection, an honest one."""
            before = sum(w.counts().values())
            tokens = [forger.token("ping")] * count + [w.alice.token("ping", jti=jti)]
            subprocess.run(["mosquitto_pub", *w.broker.tls("operator"), "-q", "1", "-t", f"{ROOT}/cmd/ping", "-l"], input="\n".join(tokens) + "\n", text=True, check=True, timeout=20)
            await_true("all are answered", 20, lambda: sum(w.counts().values()) == before + len(tokens))
            return await_true("its answer", 5, lambda: next((json.loads(line.split("\t")[2]) for line in w.replies.lines() if f"reply/{jti}\t" in line), None))

        assert flood(60, "honest-1")["ok"]
        # More than a link has for what is not genuine: they are refused unchecked, and that is over as soon as they are.
        flood(400, "honest-2")
        unchecked = [line for line in w.replies.lines() if "rate_limited" in line and "false signatures" in line]
        assert len(unchecked) > 100, len(unchecked)
        time.sleep(2)
        reply = w.ask(w.alice.token("ping"), cmd="ping")
        assert reply and reply["ok"], reply
        assert w.gateway.agent_pid() == w.pid


def test_keys__come_and_go_by_signed_command():
    with Rig() as rig:
        w = World(rig, config="[remote]\ncommands = list\nallow = ping, incidents.ack, keys.add, keys.revoke, keys.list\n")
        ann, otto = Signer(rig, w.gateway, "ann-1", "admin", owner="ann"), Signer(rig, w.gateway, "otto-1", "admin")
        new = Signer(rig, w.gateway, "ann-2", "admin", installs=False)
        w.start()

        def both(cmd, first, second, **args):
            claims = json.dumps(first.claims(cmd, args=args))
            return first.token("", payload=claims) + "\n" + second.token("", payload=claims)

        def good(text, cmd):
            reply = w.ask(text, cmd=cmd)
            assert reply and reply["ok"], reply
            return reply["result"]

        def refused(what, text, cmd, error):
            """Carried out it was not; what the gate lets through counts as accepted."""
            reply = w.ask(text, cmd=cmd)
            assert reply and not reply["ok"] and reply["error"] == error, f"{what}: {reply}"

        key = {"kid": "ann-2", "role": "admin", "public": new.public, "owner": "ann"}
        w.expect_refusal("not there yet", new.token("ping"), "unknown_key", cmd="ping")
        refused("one signature", ann.token("keys.add", args=key), "keys.add", "denied")
        w.expect_refusal("an approver beside", both("keys.add", ann, w.bob, **key), "denied", cmd="keys.add")
        refused("no key", both("keys.add", ann, otto, **{**key, "public": "abc"}), "keys.add", "bad_field")
        refused("its name is taken", both("keys.add", ann, otto, **{**key, "kid": "otto-1"}), "keys.add", "conflict")
        assert "ann-2" in good(both("keys.add", ann, otto, **key), "keys.add")["kid"]
        # Both are good now; the old one goes with the new one's word.
        good(new.token("ping"), "ping")
        good(ann.token("ping"), "ping")
        good(new.token("keys.revoke", args={"kid": "ann-1"}), "keys.revoke")
        w.expect_refusal("revoked", ann.token("ping"), "unknown_key", cmd="ping")
        refused("of an admin who is not there", new.token("keys.revoke", args={"kid": "nobody"}), "keys.revoke", "unknown_key")
        refused("again", new.token("keys.revoke", args={"kid": "ann-1"}), "keys.revoke", "unknown_key")
        refused("back under its name", both("keys.add", new, otto, **{**key, "kid": "ann-1"}), "keys.add", "conflict")
        # Neither a reload nor a crash nor a restart brings it back, though its file is still there.
        w.gateway.process.popen.send_signal(signal.SIGHUP)
        await_true("reloaded", 5, lambda: "configuration reloaded" in w.gateway.process.log() or w.gateway.process.log().count("reload"))
        w.expect_refusal("after a reload", ann.token("ping"), "unknown_key", cmd="ping")
        os.kill(w.pid, signal.SIGKILL)
        w.pid = await_true("the next agent", 15, lambda: w.gateway.agent_pid() if w.gateway.agent_pid() not in (0, w.pid) and w.gateway.is_up() else 0)
        w.gateway.await_online()
        w.expect_refusal("after a crash", ann.token("ping"), "unknown_key", cmd="ping")
        good(new.token("ping"), "ping")
        shown = good(new.token("keys.list"), "keys.list")
        assert shown["revoked"] == ["ann-1"] and {"kid": "ann-2", "role": "admin", "owner": "ann"} in shown["keys"], shown
        # The last admin stays, unless root on the gateway says otherwise.
        refused("the key of another admin, alone", new.token("keys.revoke", args={"kid": "otto-1"}), "keys.revoke", "denied")
        good(otto.token("ping"), "ping")
        good(both("keys.revoke", new, otto, kid="otto-1"), "keys.revoke")
        refused("the last admin", new.token("keys.revoke", args={"kid": "ann-2"}), "keys.revoke", "conflict")
        out = w.gateway.ctl("keys", "revoke", "ann-2")
        assert out.returncode == 0, out
        w.expect_refusal("revoked on the gateway", new.token("ping"), "unknown_key", cmd="ping")
        log = w.gateway.ctl("audit", "export").stdout
        assert "keys.revoke: ok" in log and "ann-1" in log and "ann-2 as admin" in log
        w.expect_good()
        assert w.gateway.stop() == 0


def test_command_that_expired_in_the_broker__is_not_obeyed():
    with Rig() as rig:
        w = World(rig).start()
        accepted = w.counts()["accepted"]
        assert w.gateway.stop() == 0
        # The session is kept and the token is good: only the message's own time is over when the gateway is back.
        subprocess.run(["mosquitto_pub", *w.broker.tls("operator"), "-q", "1", "-t", f"{ROOT}/cmd/incidents.ack", "-m", w.ack(w.alice), "-D", "publish", "message-expiry-interval", "1"], check=True, timeout=10)
        time.sleep(2.5)
        w.broker.publish("operator", f"{ROOT}/cmd/ping", w.alice.token("ping"))
        w.gateway.start(env=w.env)
        w.gateway.await_online()
        w.pid = w.gateway.agent_pid()
        await_true("the one that holds longer", 5, lambda: w.counts()["accepted"] == 1)
        assert accepted == 0 and not w.is_acked()
        w.expect_good()


DRILL = """[rule fire_drill]
about    = The shipped one, with shorter times
title    = Fire drill
on       = type = fire_drill
when     = count >= 1 in 4s by source
type     = self
severity = critical
clear    = count < 1 in 4s
actions  = collect_diagnostics, notify_team
keys     = 1
"""


def figures(w, folder):
    """All that counts incidents, actions and approvals, but for what is about drills."""
    status = w.gateway.result("status")
    text = await_true("figures as a file", 5, lambda: os.path.exists(f"{folder}/p.prom") and open(f"{folder}/p.prom").read())
    families = ("incident", "detection_latency", "action", "approvals")
    rules, page = [], {"more": True}
    while page["more"]:
        page = w.gateway.result("rules.list", **({"after": rules[-1]["rule_id"]} if rules else {}))
        rules += page["rules"]
    card = next(r["card"] for r in rules if r["rule_id"] == "fire_drill")
    return ({k: v for k, v in status["incidents"].items() if k != "drills"}, status["metrics"], status["responses"], card,
            [line for line in text.splitlines() if line.startswith(tuple(f"picket_{f}" for f in families))])


def test_drill__by_signed_command__goes_the_whole_way_and_moves_no_figure():
    folder = tempfile.mkdtemp(prefix="picket-test-", dir="/dev/shm")
    with Rig() as rig:
        rig.cleanups.append(lambda: shutil.rmtree(folder))
        shutil.chown(folder, "nobody", "nogroup")
        w = World(rig, config="[remote]\ncommands = list\nallow = drill, approval.decide\n[incidents]\nassess = 0\nrecover = 1s\n[escalation]\nresponse = 1s\nseverity = critical\n"
                  f"[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nprocess = 0\n[report]\nsummary = 5s\ntextfile = {folder}/p.prom\ntextfile_every = 1s\n")
        rows = "".join(f"[action {a}]\nrisk = low\nargv = /usr/bin/touch {rig.path(a)}{' {target}' if t else ''}\n{t}" for a, t in (("collect_diagnostics", ""), ("notify_team", ""), ("escalate", "targets = tier-1, tier-2, tier-3\n")))
        rig.write("gateway/etc/actions.conf", rows)
        rig.write("gateway/etc/rules.d/drill.rules", DRILL)
        carol = Operator(rig, w.gateway, "carol", "responder")
        mallory = Signer(rig, w.gateway, "alice", "forged", installs=False)
        hub = Subscriber(rig, w.broker)
        w.start()
        drills = lambda: [i for _, i in hub.incidents() if i["drill"]]
        await_true("the real one is reported", 5, lambda: [i for _, i in hub.incidents() if i["incident_id"] == w.incident])
        await_true("it is in the file", 15, lambda: os.path.exists(f"{folder}/p.prom") and re.search(r"^picket_incidents_active\S* 1$", open(f"{folder}/p.prom").read(), re.M))
        before = figures(w, folder)
        for what, text, error in (("not signed", json.dumps(w.alice.claims("drill")), "unknown_field"), ("with another's key", mallory.token("drill"), "bad_signature"),
                                  ("by a viewer", w.vic.token("drill"), "denied"), ("of another gateway", w.alice.token("drill", aud="gw-99"), "wrong_audience")):
            w.expect_refusal(what, text, error, cmd="drill")
            assert f"({error})" in w.gateway.ctl("audit", "export").stdout, what
        assert not drills() and w.gateway.result("status")["incidents"]["drills"] == 0

        reply = w.ask(carol.sign("drill"), cmd="drill")
        assert reply and reply["ok"] and reply["result"]["state"] == "begun", reply
        asked = json.loads(await_true("somebody is asked", 5, lambda: [m for m in hub.messages("/approval/") if m[3] and "collect_diagnostics" in m[3]])[0][3])
        during = figures(w, folder)
        asked = w.ask(w.bob.token("approval.decide", args={"approval_id": asked["approval_id"], "decision": "approve"}), cmd="approval.decide")
        assert asked and asked["ok"], asked
        await_true("it is over", 20, lambda: drills() and drills()[-1]["status"] == "resolved")
        seen = drills()
        assert len({i["incident_id"] for i in seen}) == 1 and seen[0]["status"] == "detected" and seen[0]["severity"] == "critical", seen
        assert seen[-1]["mttr_seconds"] > 0 and seen[-1]["escalation"]["tier"] == 1, seen[-1]
        states = {a["action"]: a["state"] for a in seen[-1]["actions"]}
        assert states["collect_diagnostics"] == "would_run" and set(states.values()) <= {"would_run", "completed", "interrupted"}, states
        assert not [i for _, i in hub.incidents() if i["incident_id"] == w.incident and i["drill"]]
        for a in ("collect_diagnostics", "notify_team", "escalate"):
            assert not os.path.exists(rig.path(a)), f"a drill ran {a}"
        time.sleep(6)  # the next summary, the next file
        assert before == during == figures(w, folder), (before, during, figures(w, folder))
        summary = json.loads(hub.messages("/summary")[-1][3])
        assert sum(summary["by"]["severity"].values()) == 1 and summary["mttr"]["count"] == 0 and summary["mttd"]["count"] == 1, summary
        stats = json.loads(w.gateway.ctl("incidents", "stats", "--format", "json").stdout)
        assert stats["drills"] == 1 and stats["total"] == 1 and stats["mttr_count"] == 0, stats
        log = w.gateway.ctl("audit", "export").stdout
        assert "carol" in log and "drill: ok" in log, log


def test_clock_unsure__until_the_hub_tells_the_time():
    with Rig() as rig:
        w = World(rig, env={"PICKET_AGENT_CLOCK": "hub"})
        admin = Signer(rig, w.gateway, "root1", "admin")
        w.start()
        stamp = lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        assert w.gateway.result("status")["time_quality"] not in ("ntp", "hub")
        w.expect_refusal("any command", w.ack(w.alice), "clock_unsure")
        w.expect_refusal("time from an operator", admin.token("time.set", args={"time": stamp()}), "clock_unsure", cmd="time.set")
        reply = w.ask(w.hub.token("time.set", args={"time": stamp()}), cmd="time.set")
        assert reply and reply["ok"] and reply["result"]["quality"] == "hub", reply
        assert w.gateway.result("status")["time_quality"] == "hub"
        now = int(time.time())
        w.expect_refusal("expired by the hub's clock", w.ack(w.alice, iat=now - 500, exp=now - 100), "expired")
        w.expect_good()


def test_clock_ahead__what_was_not_sent_goes_out_with_the_true_time():
    """The floor is a day ahead: what is found then has the time of the floor, until the clock is good."""
    day = 86400
    stamp = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    with Rig() as rig:
        w = World(rig, env={"PICKET_AGENT_CLOCK": "hub"})
        w.start()
        tomorrow = int(time.time()) + day
        reply = w.ask(w.hub.token("time.set", args={"time": stamp(tomorrow) + "Z"}), cmd="time.set")
        assert reply and reply["ok"], reply
        w.gateway.stop()
        w.broker.kill()
        with open(w.gateway.config_path, "r+") as f:
            text = f.read()
            f.seek(0)
            f.write(text.replace("clock = trusted", "clock = hub    "))
        w.gateway.start()
        assert w.gateway.result("status")["time_quality"] == "floor"
        fault = {"type": "fault", "source": "press-8", "severity": "error"}
        from_s = time.time()
        w.gateway.send_events([fault, fault])
        found = lambda: next((i for i in w.gateway.incidents() if i["incident_type"] == "custom" and "press-8" in i["title"]), None)
        incident = await_true("the incident", 5, found)
        assert incident["detected_at"] >= stamp(tomorrow), (incident, stamp(tomorrow))
        with open(w.gateway.config_path, "w") as f:
            f.write(text)
        os.kill(w.gateway.process.pid, signal.SIGHUP)
        await_true("the clock is good", 5, lambda: w.gateway.result("status")["time_quality"] == "ntp")
        true = lambda text: stamp(from_s - 1) <= text[:19] <= stamp(time.time() + 1)
        # Those who ask here: the incident and its whole timeline.
        told = w.gateway.incident(incident["incident_id"], timeline=True)
        assert true(told["incident"]["detected_at"]) and told["incident"]["time_quality"] == "ntp", told
        assert told["timeline"] and all(true(t["at"]) and t["time_quality"] == "ntp" for t in told["timeline"]), told["timeline"]
        # A subscriber: it was never sent before.
        w.broker.start()
        heard = Process(rig, "heard", ["mosquitto_sub", *w.broker.tls("hub"), "-q", "1", "-t", f"{ROOT}/incident/{incident['incident_id']}", "-F", "%P\t%p"])
        properties, payload = await_true("the report", 15, lambda: [r for r in heard.lines() if "\t" in r])[0].split("\t", 1)
        report = json.loads(payload)
        assert true(report["detected_at"]) and report["time_quality"] == "ntp", report
        assert true(re.search(r"\btime:(\S+)", properties).group(1)), properties
        # The chain keeps what was written, says what it was in truth, and holds.
        entries = [json.loads(line)["entry"] for line in w.gateway.ctl("audit", "export").stdout.splitlines() if '"entry"' in line]
        opened = next(e for e in entries if e["kind"] == "created" and e["at"] >= stamp(tomorrow))
        said = re.search(r"entries of boot (\d+) with quality unset or floor were at mono_ms \+ (-?\d+)", next(e["text"] for e in entries if e["kind"] == "clock" and e["boot"] == opened["boot"]))
        assert opened["quality"] == "floor" and int(said.group(1)) == opened["boot"], (opened, said.group(0))
        assert true(stamp((opened["mono_ms"] + int(said.group(2))) / 1000)), (opened, said.group(0))
        verified = w.gateway.ctl("audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=4)
