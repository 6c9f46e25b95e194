#!/usr/bin/env python3
"""Incidents that are low or medium, of real parts: children nobody waits for, a queue that grows, a program that computes on and on, a server that is
slow for a moment, a link that goes down and up, a program that takes memory, a machine that sends rejects. The last two are up to a person.
ctest: lane=default timeout=150"""
import os
import secrets
import sys
import time

from rig import Process, alone, await_true, main
from scenario import Scenario, append, read_shipped, serve_http, stamp

ZOMBIES = """import os, signal, sys, time
with open("/proc/self/comm", "w") as f:
    f.write(sys.argv[1])
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
children = [os.fork() or os._exit(0) for _ in range(40)]
for child in children:
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
signal.signal(signal.SIGCHLD, reap)
print("ready", flush=True)
while True:
    time.sleep(1)
"""


def zombies(rig):
    """A program does not wait for its children; reminded of them, it does."""
    comm = "pkz" + secrets.token_hex(3)
    parent = Process(rig, "parent", [sys.executable, "-c", ZOMBIES, comm])
    await_true("its children ended", 10, lambda: "ready" in parent.log())
    s = Scenario(rig, "zombies", config="[sources]\ntasks = 500ms\n", targets={"kill_zombie_processes": comm},
                 rules="[rule zombies]\nabout = Ended children that nobody waits for\non = type = zombies\nwhen = value > 20 for 1s\ntype = resource_leak\nseverity = medium -> high if value > 200\n"
                 "clear = value < 20 for 1s\nactions = remind\nauto = yes\nkeys = 1\n",
                 actions=f"\n[action remind]\nabout = As kill_zombie_processes, for the one program\nrisk = low\nidempotent = yes\nargv = /usr/bin/pkill --signal CHLD --exact {comm}\nverify = clear\nverify_within = 20s\n")
    s.start()
    incident = s.detected("zombies")
    s.ran(incident, "remind")
    assert s.resolved(incident)["auto_resolved"]
    s.score("zombies")


WORKER = """import json, os, socket, sys, time
spool, extra, events = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect(events)
while True:
    waiting = sorted(os.listdir(spool))
    for name in waiting[:200 if os.path.exists(extra) else 1]:
        os.unlink(os.path.join(spool, name))
    s.sendall(json.dumps({"type": "queue_depth", "source": "spool", "value": len(waiting)}).encode() + b"\\n")
    s.recv(4096)
    time.sleep(0.3)
"""


def queue_backlog(rig):
    """A spool fills faster than its worker empties it; with more workers it does not."""
    spool, extra = rig.path("spool"), rig.path("extra")
    os.mkdir(spool)
    for n in range(1200):
        rig.write(f"spool/{n:05}", "")
    s = Scenario(rig, "queue", rules="[rule queue_backlog]\nabout = A queue grows beyond its mark\non = type = queue_depth\nwhen = value > 1000 for 1s\ntype = queue_backlog\n"
                 "severity = medium -> high if value > 10000\nclear = value < 500 for 1s\nactions = more_workers\nauto = yes\nkeys = 4\n",
                 actions=f"\n[action more_workers]\nabout = More workers\nrisk = low\nargv = /bin/touch {extra}\nundo = /bin/rm -f {extra}\nverify = clear\nverify_within = 30s\n")
    s.start()
    Process(rig, "worker", [sys.executable, "-c", WORKER, spool, extra, os.path.join(s.gateway.dir, "run", "events.sock")])
    incident = s.detected("queue_backlog", "spool")
    s.ran(incident, "more_workers", seconds=30)
    assert s.resolved(incident)["auto_resolved"] and len(os.listdir(spool)) < 500
    s.score("queue_backlog")


# FILE ...: the beginning of a program that leaves the number of its process there.
NOTE_PID = """import os, sys, time
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
"""
BUSY = NOTE_PID + """end = time.process_time() + 4
while time.process_time() < end:
    pass
time.sleep(600)
"""


def process_busy(rig):
    """A program computes for some seconds on end. Nothing has to be done, and nothing is."""
    pidfile = rig.path("busy.pid")
    s = Scenario(rig, "busy", config=f"[process cruncher]\npidfile = {pidfile}\n[sources]\nusage = 500ms\n",
                 rules="[rule process_busy]\nabout = A watched process computes on and on\non = type = process_cpu_pct and source = cruncher\nwhen = value > 10 for 1s\ntype = cpu_high\nseverity = medium\n"
                 "clear = value < 5 for 1s\nkeys = 4\n")
    Process(rig, "cruncher", [sys.executable, "-c", BUSY, pidfile])
    await_true("it runs", 10, lambda: os.path.exists(pidfile))
    s.start()
    incident = s.detected("process_busy", "cruncher")
    incident = s.resolved(incident, 60)
    assert incident["auto_resolved"] and not incident["actions"], incident
    s.score("process_busy")


def latency(rig):
    """A server that answers in no time takes a third of a second for a while: the shipped rule tells it; a jump from 0.3 ms to 10 ms it does not."""
    wait_s = [0.0]

    def in_time():
        time.sleep(wait_s[0])
        return 200
    port = serve_http(rig, in_time)
    shipped = "[rule latency_anomaly]" + read_shipped("rules", "work.rules").split("[rule latency_anomaly]")[1].split("\n[")[0] + "\n"
    assert "when     = anomaly min 50\n" in shipped and "stable for 10m" in shipped
    s = Scenario(rig, "latency", config=f"[probe shop]\nkind = http\nhost = 127.0.0.1\nport = {port}\ninterval = 1s\n", rules=shipped.replace("stable for 10m", "stable for 1s"))
    s.start()
    values = lambda: [e["value"] for e in s.gateway.result("events.list", type="probe_latency_ms", source="shop", limit=60)["events"] if "value" in e]
    await_true("it has learned", 60, lambda: len(values()) >= 24)
    wait_s[0] = 0.01
    await_true("it is slower, and that is nothing", 20, lambda: len(values()) >= 28)
    assert s.of("latency_anomaly") is None or max(values()) >= 50, values()  # this machine may be as busy as that
    wait_s[0] = 0.35
    incident = s.detected("latency_anomaly", "shop")
    assert incident["severity"] == "low", incident
    wait_s[0] = 0.0
    assert s.resolved(incident)["auto_resolved"]
    s.score("latency_anomaly")


def link_flaps(rig):
    """A cable with a loose contact, as the kernel tells it: the link goes down again and again, and then holds."""
    log = rig.write("kern.log", "")
    s = Scenario(rig, "flaps", config=f"[log kern]\npath = {log}\npatterns = kernel\n",
                 rules="[rule network_errors]\nabout = The network loses things\non = type = link_down\nwhen = count >= 5 in 6s by source\ntype = network_partition\nseverity = medium\n"
                 "clear = count < 1 in 6s\nkeys = 8\n")
    s.start()
    await_true("the log is read", 10, lambda: s.gateway.result("events.list", type="source_up", source="log:kern")["events"])
    for n in range(6):
        append(log, f"{stamp()} gw kernel: [{100 + n}.000000] e1000e 0000:00:1f.6 eth0: NIC Link is Down\n")
        time.sleep(0.2)
    incident = s.detected("network_errors")
    assert incident["severity"] == "medium" and incident["event_count"] >= 5, incident
    assert s.resolved(incident)["auto_resolved"]
    s.score("network_errors")


GROWS = NOTE_PID + """kept = []
time.sleep(3)
while len(kept) < 60:
    kept.append(os.urandom(1 << 20))
    time.sleep(0.02)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.1)
kept.clear()
time.sleep(600)
"""


def resource_leak(rig):
    """A program takes several times the memory it had. What helps interrupts its users, so somebody is asked."""
    pidfile, told = rig.path("grows.pid"), rig.path("shrink")
    s = Scenario(rig, "leak", config=f"[process grows]\npidfile = {pidfile}\n[sources]\nusage = 300ms\n",
                 rules="[rule resource_leak]\nabout = A process takes much more memory than before\non = type = process_rss_bytes and source = grows\nwhen = rise >= 200% in 30s\ntype = resource_leak\nseverity = medium\n"
                 "clear = stable for 1s\nactions = shrink\nauto = yes\nkeys = 4\n",
                 actions=f"\n[action shrink]\nabout = It starts anew\nrisk = medium\nargv = /bin/touch {told}\nverify = clear\nverify_within = 60s\n")
    Process(rig, "grows", [sys.executable, "-c", GROWS, pidfile, told])
    await_true("it runs", 10, lambda: os.path.exists(pidfile))
    s.start()
    incident = s.detected("resource_leak", "grows")
    s.approve(incident, "shrink")
    s.ran(incident, "shrink", seconds=60)
    s.resolved(incident, 60)
    s.score("resource_leak")


def rejects(rig):
    """Rejects come from a machine: a person sets it right, and says so."""
    log = rig.write("line.log", "")
    s = Scenario(rig, "rejects", config=f"[log line]\npath = {log}\n",
                 rules="[rule quality_drop]\nabout = Many rejects\non = type = quality_check_failed\nwhen = count >= 5 in 60s\ntype = quality_drop\nseverity = medium\nclear = never\n")
    s.start()
    for n in range(6):
        s.gateway.send_events([{"type": "quality_check_failed", "source": "press", "message": f"part {n}"}])
        append(log, f"part {n} rejected\n")
    incident = s.detected("quality_drop")
    out = s.gateway.ctl("incidents", "resolve", incident["incident_id"], "--notes", "tool changed")
    assert out.returncode == 0, out
    assert not s.get(incident)["auto_resolved"]
    s.score("quality_drop")


if __name__ == "__main__":
    main(*map(alone, (latency, zombies, queue_backlog, process_busy, link_flaps, resource_leak, rejects)), at_once=4)
