#!/usr/bin/env python3
"""A running action is stopped by a person, on the local socket and by a signed command: its program and all it started are gone long before it
would have ended, what it changed is taken back where its row says how, and all of it is on record. ctest: lane=default timeout=120"""
import json
import os
import subprocess
import sys
import time

from rig import GATEWAY, SITE, Broker, Gateway, Process, Signer, alone, await_true, is_alive, main

ROOT = f"picket/v1/{SITE}/{GATEWAY}"
RULES = """[rule broken]
about    = Something is wrong
on       = type = fault
when     = count >= 1 in 10s by source
type     = custom
severity = high
clear    = never

[rule leak]
about    = What nobody mends unasked
on       = type = leak
when     = count >= 1 in 10s by source
type     = custom
severity = high
actions  = force
clear    = never
"""

# Changes a file, then goes on for half a minute with two children, one of them deaf to being asked to end.
SLOW = """import os, signal, sys, time
def hold():
    with open(sys.argv[2], "a") as f:
        f.write(f"{os.getpid()}\\n")
    time.sleep(30)
    os._exit(0)
with open(sys.argv[1], "w") as f:
    f.write("new\\n")
if os.fork() == 0:
    hold()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hold()
hold()
"""


class World:
    """A gateway with actions that run long, and an incident to run them for."""

    def __init__(self, rig, broker_port=None, config=""):
        self.file, self.pids = rig.path("valve.conf"), rig.path("pids")
        with open(self.file, "w") as f:
            f.write("old\n")
        program = f"{sys.executable} {rig.write('slow.py', SLOW)} {self.file} {self.pids}"
        rest = "timeout = 60s\ncooldown = 0\n"
        undo = f"snapshot = /bin/cp -a {self.file} {{snapshot}}\nundo = /bin/cp -a {{snapshot}} {self.file}\n"
        actions = (f"[action turn]\nrisk = low\nargv = {program}\n{undo}{rest}"
                   f"[action force]\nrisk = high\nargv = {program}\n{rest}")
        self.gateway = Gateway(rig, broker_port, rules=RULES, actions=actions, config=config)

    def start(self):
        self.gateway.start()
        self.gateway.result("events.send", event={"type": "fault", "source": "valve", "severity": "high"})
        self.incident = await_true("an incident", 10, lambda: next((i["incident_id"] for i in self.gateway.incidents()), None))
        return self

    def row(self, run):
        return next(a for a in self.gateway.incident(self.incident)["incident"]["actions"] if a["run_id"] == str(run))

    def run(self, action):
        """The action runs, and all three of its processes."""
        reply = self.gateway.ask("mitigate", incident_id=self.incident, action=action)
        assert reply["ok"], reply
        await_true("its processes run", 15, lambda: len(self.alive()) == 3)
        return reply["result"]["run"]

    def alive(self):
        if not os.path.exists(self.pids):
            return []
        with open(self.pids) as f:
            return [p for p in f.read().split() if is_alive(p)]

    def text(self):
        with open(self.file) as f:
            return f.read()

    def interrupted(self, run, result):
        row = await_true("it is interrupted", 12, lambda: (lambda r: r if r["state"] == "interrupted" else None)(self.row(run)))
        assert row["result"] == result, row
        await_true("nothing of it runs on", 2, lambda: not self.alive())

    def entries(self):
        out = self.gateway.ctl("audit", "export")
        assert out.returncode == 0, out
        return [json.loads(line) for line in out.stdout.splitlines() if line.strip()]


def on_the_local_socket(rig):
    w = World(rig).start()
    run = w.run("turn")
    assert w.text() == "new\n" and w.row(run)["state"] == "executing"
    began = time.monotonic()
    dry = w.gateway.ctl("interrupt", str(run), "--dry-run")
    assert dry.returncode == 0 and len(w.alive()) == 3 and w.row(run)["state"] == "executing", dry
    done = w.gateway.ctl("interrupt", str(run), "--reason", "wrong valve", "--format", "json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout) == {"v": 1, "run": run, "state": "stopping", "action": "turn", "target": ""}, done.stdout
    w.interrupted(run, "stopped and undone, exit 143")
    assert time.monotonic() - began < 20, "it ended by itself"
    assert w.text() == "old\n", w.text()
    again = w.gateway.ctl("interrupt", str(run))
    assert again.returncode == 8 and "it is over already" in again.stderr, again
    for bad in ("999", "0", "4294967297"):
        out = w.gateway.ctl("interrupt", bad)
        assert out.returncode == 3 and "no such run" in out.stderr, out
    assert w.gateway.ctl("interrupt", "-1").returncode == 2
    assert w.gateway.ctl("interrupt").returncode == 2
    text = json.dumps(w.entries())
    assert f"interrupt: ok, run {run}, reason: wrong valve" in text and '"uid:0"' in text, text
    assert f"interrupt: conflict, run {run}" in text, text
    assert "interrupted" in json.dumps(w.gateway.incident(w.incident, timeline=True)["timeline"])


def before_it_started(rig):
    """What waits for an approval is kept from starting, and can be approved no more."""
    w = World(rig).start()
    w.gateway.result("events.send", event={"type": "leak", "source": "valve", "severity": "high"})
    approval = await_true("a request", 10, lambda: next(iter(w.gateway.result("approval.list")["approvals"]), None))
    run = int(approval["run_id"])
    reply = w.gateway.ask("interrupt", run=run)
    assert reply["ok"] and reply["result"]["state"] == "interrupted", reply
    late = w.gateway.ask("approval.decide", approval_id=approval["approval_id"], decision="approve")
    assert not late["ok"] and late["error"] == "conflict", late
    states = [a["state"] for a in w.gateway.incident(approval["incident_id"])["incident"]["actions"]]
    assert states == ["interrupted"] and not w.alive() and w.text() == "old\n", states


def by_signed_command(rig):
    broker = Broker(rig).start()
    w = World(rig, broker.port, config="[remote]\ncommands = list\nallow = ping, interrupt\n")
    alice, bob, vic = (Signer(rig, w.gateway, who, role) for who, role in (("alice", "responder"), ("bob", "approver"), ("vic", "viewer")))
    replies = Process(rig, "replies", ["mosquitto_sub", *broker.tls("hub"), "-q", "1", "-t", f"{ROOT}/reply/+", "-F", "%t\t%p"])
    w.start()
    w.gateway.await_online()

    def ask(signer, **args):
        jti = f"j{time.monotonic_ns()}"
        subprocess.run(["mosquitto_pub", *broker.tls("operator"), "-q", "1", "-t", f"{ROOT}/cmd/interrupt", "-m", signer.token("interrupt", jti=jti, args=args)], check=True, timeout=10)
        return await_true("a reply", 10, lambda: next((json.loads(r.split("\t")[1]) for r in replies.lines() if r.split("\t")[0] == f"{ROOT}/reply/{jti}"), None))

    run = w.run("force")
    for signer in (vic, alice):  # high risk: neither of them could have let it run
        reply = ask(signer, run=run)
        assert not reply["ok"] and reply["error"] == "denied" and "role" in reply["message"], reply
    reply = ask(bob, run=run + 1)
    assert not reply["ok"] and reply["error"] == "not_found", reply
    reply = ask(bob, reason="no number")
    assert not reply["ok"] and reply["error"] == "missing_field", reply
    assert len(w.alive()) == 3 and w.row(run)["state"] == "executing"
    began = time.monotonic()
    reply = ask(bob, run=run, reason="not this one")
    assert reply["ok"] and reply["result"] == {"run": run, "state": "stopping", "action": "force", "target": ""}, reply
    w.interrupted(run, "stopped, exit 143")
    assert time.monotonic() - began < 20, "it ended by itself"
    assert w.text() == "new\n"  # its row says nothing about undo
    reply = ask(bob, run=run)
    assert not reply["ok"] and reply["error"] == "conflict" and "over already" in reply["message"], reply
    text = json.dumps(w.entries())
    assert f", run {run}, reason: not this one" in text and '"key:bob"' in text, text
    assert "interrupt: denied" in text and '"key:alice"' in text, text


if __name__ == "__main__":
    main(*map(alone, (on_the_local_socket, before_it_started, by_signed_command)), at_once=3)
