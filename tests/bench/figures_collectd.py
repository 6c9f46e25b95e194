#!/usr/bin/env python3
"""Value over a threshold to a script, beside collectd's threshold plugin (Debian package collectd-core): delay from the value on the socket to the
start of the script, values a second on the socket, resident memory with the usual collectors on. Needs root.

    tests/bench/run collectd     a minute

Both run as their packages would: collectd with nine plugins at 1 s, exec and threshold; picketd (`small`) sealed, supervisor and agent, its
collectors. Ours keeps the incident, the action and its budget in stores that are flushed before the script starts; collectd keeps nothing. So the
delays are compared with our state on a RAM disk, and that with this machine's disk is said beside it.
"""
import os
import socket
import statistics
import subprocess
import threading
import time

from bench_rig import Verdict, build, figures, need

BUILD = build("small", "bench_socket", "picketd", "picketctl", "picket-demo")
os.environ["PK_BINARY_DIR"] = BUILD
from rig import Gateway, Process, Rig, await_true, need_root  # noqa: E402

TRIALS = 40
VALUES = 60000

COLLECTD = """Hostname "gw"
BaseDir "{dir}"
PIDFile "{dir}/pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db"
Interval 1
LoadPlugin logfile
<Plugin logfile>
  LogLevel warning
  File "{dir}/log"
</Plugin>
LoadPlugin cpu
LoadPlugin memory
LoadPlugin load
LoadPlugin df
LoadPlugin interface
LoadPlugin disk
LoadPlugin processes
LoadPlugin uptime
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{dir}/sock"
  DeleteSocket true
</Plugin>
LoadPlugin exec
<Plugin exec>
  NotificationExec "nobody" "{script}"
</Plugin>
LoadPlugin threshold
<Plugin threshold>
  <Plugin "bench">
    <Type "gauge">
      Instance "temp"
      FailureMax 90
    </Type>
  </Plugin>
</Plugin>
"""

RULE = """[rule temp]
on = type = temp
when = value > 90
type = custom
severity = high
clear = value <= 90
keys = 64
actions = note
auto = yes
"""

ACTION = """[action note]
about = write down when it started
risk = low
argv = {script}
timeout = 10s
cooldown = 1ms
per_hour = 60
"""


def memory_kib(pids, field):
    total = 0
    for pid in pids:
        name = "smaps_rollup" if field == "Pss" else "status"
        with open(f"/proc/{pid}/{name}") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith(field + ":"))
    return total


class Log:
    """What the script writes: one time a line."""

    def __init__(self, path):
        self.path = path
        open(path, "w").close()
        os.chmod(path, 0o666)

    def lines(self):
        with open(self.path) as f:
            return f.read().split()

    def await_line(self, n, seconds=5):
        end = time.time() + seconds
        while time.time() < end:
            times = self.lines()
            if len(times) > n:
                return float(times[n])
            time.sleep(0.001)
        return None


def delays(log, breach, clear):
    took = []
    for i in range(TRIALS):
        clear(i)
        time.sleep(0.25)
        before = len(log.lines())  # collectd tells of the recovery as well
        began = time.time()
        breach(i)
        started = log.await_line(before)
        if started is None:
            raise AssertionError(f"no script after breach {i}")
        took.append((started - began) * 1000)
        time.sleep(0.05)
    took.sort()
    return took[len(took) // 2], took[-1]


def script(rig, name, log):
    path = rig.write(f"{name}.sh", f"#!/bin/sh\ndate +%s.%N >>{log.path}\n", 0o755)
    return path


def measure_collectd(rig):
    folder = rig.path("collectd")
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    log = Log(os.path.join(folder, "script.log"))
    conf = rig.write("collectd.conf", COLLECTD.format(dir=folder, script=script(rig, "collectd", log)))
    process = Process(rig, "collectd", ["collectd", "-f", "-C", conf])
    await_true("collectd listens", 10, lambda: os.path.exists(os.path.join(folder, "sock")))
    time.sleep(5)
    idle = memory_kib([process.pid], "VmRSS"), memory_kib([process.pid], "Pss")
    c = socket.socket(socket.AF_UNIX)
    c.connect(os.path.join(folder, "sock"))
    f = c.makefile("rwb", buffering=0)

    def put(value):
        f.write(f'PUTVAL "gw/bench/gauge-temp" interval=1 {time.time():.3f}:{value}\n'.encode())
        f.readline()

    p50, longest = delays(log, lambda _: put(95), lambda _: put(10))
    reader = c.makefile("rb")
    rates = []
    for run in range(3):
        base = time.time() + run * 1000
        began = time.monotonic()
        pieces = [b"".join(b'PUTVAL "gw/bench2/gauge-k%d" interval=1 %.3f:1\n' % (j % 1000, base + j * 0.001) for j in range(i, i + 100)) for i in range(0, VALUES, 100)]
        began = time.monotonic()
        feeder = threading.Thread(target=lambda: [f.write(p) for p in pieces])
        feeder.start()
        for _ in range(VALUES):
            reader.readline()
        feeder.join()
        rates.append(VALUES / (time.monotonic() - began))
    result = {"p50_ms": p50, "max_ms": longest, "values_per_s": statistics.median(rates), "rss_kib": idle[0], "pss_kib": idle[1], "after_kib": memory_kib([process.pid], "VmRSS")}
    process.stop()
    return result


def measure_picketd(rig, name, is_on_disk):
    log = Log(rig.path(f"{name}.log"))
    gateway = Gateway(rig, name=name, rules=RULE, actions=ACTION.format(script=script(rig, name, log)), mode="auto",
                      config="[sources]\nrate = 1000000\nburst = 1000000\nmemory = 1s\ncpu = 1s\nload = 1s\ndisk = 1s\nprocess = 1s\n[disk root]\npath = /\n")
    if not is_on_disk:
        os.makedirs(gateway.state)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", gateway.state], check=True)
        rig.cleanups.insert(0, lambda: subprocess.run(["umount", "-l", gateway.state], check=True))
    gateway.start()
    pids = [gateway.process.pid, gateway.agent_pid()]
    time.sleep(5)
    idle = memory_kib(pids, "VmRSS"), memory_kib(pids, "Pss")
    s = gateway.events_socket()

    def put(source, value):  # each breach is an incident of its own: the same one is acted on ten times at most
        s.sendall(b'{"type":"temp","source":"bench-%d","value":%d}\n' % (source, value))
        s.recv(4096)

    p50, longest = delays(log, lambda i: put(i, 95), lambda i: put(i, 10))
    rates = []
    for _ in range(3):  # the same reader and writer as collectd has
        lines = [b"".join(b'{"type":"level","source":"k%d","value":1}\n' % (j % 200) for j in range(i, i + 100)) for i in range(0, VALUES, 100)]
        c = gateway.events_socket()
        c.settimeout(20)
        reader = c.makefile("rb")
        ahead = threading.Semaphore(10)
        began = time.monotonic()

        def feed():
            for piece in lines:
                ahead.acquire()
                c.sendall(piece)

        feeder = threading.Thread(target=feed)
        feeder.start()
        for n in range(VALUES):
            reader.readline()
            if n % 100 == 99:
                ahead.release()
        feeder.join()
        rates.append(VALUES / (time.monotonic() - began))
        c.close()
    result = {"p50_ms": p50, "max_ms": longest, "values_per_s": statistics.median(rates), "rss_kib": idle[0], "pss_kib": idle[1], "after_kib": memory_kib(pids, "VmRSS")}
    fast = subprocess.run([os.path.join(BUILD, "tests", "bench", "bench_socket"), os.path.join(gateway.dir, "run", "events.sock"), str(pids[1]), "2"], capture_output=True, text=True)
    result["fast_per_s"] = figures(fast.stdout).get("lines_per_s", 0.0)
    gateway.stop()
    return result


def say(name, r):
    print(f"  {name}: value to script p50 {r['p50_ms']:.2f} ms, longest {r['max_ms']:.2f} ms; {r['values_per_s']:.0f} values/s with a reader in Python; resident {r['rss_kib'] / 1024:.2f} MiB, "
          f"shared parts counted once {r['pss_kib'] / 1024:.2f} MiB, afterwards {r['after_kib'] / 1024:.2f} MiB", flush=True)


def main():
    need_root()
    need("collectd", "collectd-core")
    with Rig() as rig:
        theirs = measure_collectd(rig)
        say("collectd", theirs)
        ours = measure_picketd(rig, "picketd", False)
        say("picketd", ours)
        on_disk = measure_picketd(rig, "picketd-disk", True)
        say("picketd, state on the disk", on_disk)
    verdict = Verdict()
    verdict.say(f"value to script: {ours['p50_ms'] / theirs['p50_ms']:.2f} of collectd's", ours["p50_ms"] < theirs["p50_ms"])
    verdict.say(f"values a second: {ours['values_per_s'] / theirs['values_per_s']:.2f} times collectd's, with a reader in C {ours['fast_per_s'] / theirs['values_per_s']:.1f} times",
                ours["values_per_s"] > theirs["values_per_s"])
    verdict.say(f"resident memory: {ours['rss_kib'] / theirs['rss_kib']:.2f} of collectd's", ours["rss_kib"] < theirs["rss_kib"])
    verdict.exit()


main()
