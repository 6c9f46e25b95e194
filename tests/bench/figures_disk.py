#!/usr/bin/env python3
"""What reaches the block device below the store: of a gateway that has nothing to do, and over the life of an incident. Counted by the kernel at a
loop device with ext4 (journal included), beside what the agent says of itself. Needs root, Mosquitto and a loop device.

    python3 tests/bench/figures_disk.py [MINUTES]     of watching the idle gateway, 3 when nothing is said

The clock's floor is saved once an hour (that an idle gateway stores nothing else is counted over a simulated day by tests/unit/test_pk_agent.c): 61
minutes see it, and all is measured. In less the day is what was measured and 24 times a commit of one record, measured too.

Exit 0 when both promises are kept; 77 when there is no loop device."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from bench_disk import LOAD_OFF, Disk  # noqa: E402
from rig import Broker, Gateway, Rig, await_true, need_root  # noqa: E402

IDLE_MAX_BYTES_A_DAY, INCIDENT_MAX_BYTES = 2_000_000, 300_000
FLOOR_S = 3600  # the clock's floor is saved so often
RULES = "[rule hurt]\non = type = pain\nwhen = count >= 1 in 1s by source\ntype = data_corruption\nseverity = high\nclear = count < 1 in 1s\nkeys = 32\n"


def ours(gateway):
    return gateway.result("status")["store"]["written_bytes"]


def begin(rig, sources="", actions=""):
    broker = Broker(rig).start()
    gateway = Gateway(rig, broker.port, rules=RULES, actions=actions, config="[sources]\nprocess = 0\n" + sources)
    disk = Disk(rig, gateway)
    gateway.start()
    gateway.await_online()
    time.sleep(8)
    return gateway, disk


def incident(gateway, number):
    gateway.send_events([{"type": "pain", "source": f"press-{number}"}])
    await_true("it is resolved", 20, lambda: any(i["status"] == "resolved" and i["component"] == f"press-{number}" for i in gateway.result("incidents.list", limit=50)["incidents"]))
    await_true("reported and forgotten by the outbox", 10, lambda: gateway.result("status")["store"]["outbox"] == 0)
    time.sleep(1.5)  # what was acknowledged is deleted


def incidents():
    with Rig() as rig:
        gateway, disk = begin(rig)
        incident(gateway, 0)
        count, before, said = 10, disk.bytes(), ours(gateway)
        for i in range(1, count + 1):
            incident(gateway, i)
        each, each_said = (disk.bytes() - before) / count, (ours(gateway) - said) / count
        verdict = "ok" if each <= INCIDENT_MAX_BYTES else "MISSED"
        print(f"an incident from opening to the deleted report, with its capsule: {each:,.0f} bytes at the device (at most {INCIDENT_MAX_BYTES:,}); the agent says {each_said:,.0f}  {verdict}", flush=True)
        return each <= INCIDENT_MAX_BYTES


def small_commits(gateway, disk, count=10):
    """Bytes at the device of a commit of one record: an audit entry, so far apart that each has a journal commit of the file system of its own."""
    commits = gateway.result("status")["store"]["commits"]
    before, said = disk.bytes(), ours(gateway)
    for _ in range(count):
        gateway.process.popen.send_signal(signal.SIGHUP)
        time.sleep(8)
    commits = gateway.result("status")["store"]["commits"] - commits
    assert commits >= count, f"{commits} commits for {count} entries"
    return (disk.bytes() - before) / commits, (ours(gateway) - said) / commits


def idle(minutes):
    with Rig() as rig:
        gateway, disk = begin(rig, LOAD_OFF)
        before, said = disk.bytes(), ours(gateway)
        commits = gateway.result("status")["store"]["commits"]
        began = time.monotonic()
        time.sleep(minutes * 60)
        passed = time.monotonic() - began
        measured, own, commits = disk.bytes() - before, ours(gateway) - said, gateway.result("status")["store"]["commits"] - commits
        opened = len(gateway.result("incidents.list", limit=50)["incidents"])
        print(f"# {passed:.0f} s idle wrote {measured:,} bytes at the device in {commits} commits (the agent says {own:,}); {opened} incidents opened meanwhile", flush=True)
        if passed >= FLOOR_S:
            day, how = measured * 86400 / passed, "all of it measured"
        else:
            each, each_said = small_commits(gateway, disk)
            print(f"# a commit of one record, {each:,.0f} bytes at the device; the agent says {each_said:,.0f}", flush=True)
            day, how = measured * 86400 / passed + each * 86400 / FLOOR_S, f"extrapolated: what was measured, and {86400 // FLOOR_S} commits of the clock's floor"
        verdict = "ok" if day <= IDLE_MAX_BYTES_A_DAY else "MISSED"
        print(f"an idle gateway: {day:,.0f} bytes a day at the device (at most {IDLE_MAX_BYTES_A_DAY:,}); {how}  {verdict}", flush=True)
        return day <= IDLE_MAX_BYTES_A_DAY


def looks(count=3):
    """The shipped maintenance: two tasks that only read, each an hour or four and up to a tenth (ten minutes) later. Their commits take the floor along."""
    a_day = 86400 / (3600 + 180) + 86400 / (14400 + 300)
    action = "[action look]\nabout = Looks\nrisk = low\nread_only = yes\nidempotent = yes\nargv = /bin/grep -e ^MemAvailable: /proc/meminfo\ntimeout = 30s\ncooldown = 0\nper_hour = 60\n"
    with Rig() as rig:
        gateway, disk = begin(rig, LOAD_OFF + "[maintenance look]\naction = look\nevery = 60s\njitter = 0\n", action)

        def ran(least):
            await_true("it looked", 90 + 60 * count, lambda: gateway.result("maintenance.list")["completed_count"] >= least)
            time.sleep(10)  # what it wrote is in the journal of the file system
            return gateway.result("maintenance.list")["completed_count"]
        first = ran(1)
        before, said = disk.bytes(), ours(gateway)
        runs = ran(first + count) - first
        each, each_said = (disk.bytes() - before) / runs, (ours(gateway) - said) / runs
        verdict = "ok" if each * a_day <= IDLE_MAX_BYTES_A_DAY else "MISSED"
        print(f"with the shipped maintenance: {each:,.0f} bytes a run at the device, mean of {runs} (the agent says {each_said:,.0f}), {a_day:.1f} runs a day by their schedule: "
              f"extrapolated {each * a_day:,.0f} bytes a day  {verdict}", flush=True)
        return each * a_day <= IDLE_MAX_BYTES_A_DAY


need_root()
results = [incidents(), idle(float(sys.argv[1]) if len(sys.argv) > 1 else 3), looks()]
sys.exit(0 if all(results) else 1)
