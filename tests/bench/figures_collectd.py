#!/usr/bin/env python3
"""Value over a threshold to a script, beside collectd's threshold plugin (Debian package collectd-core): delay from the value on the socket to the
start of the script, values a second on the socket, resident memory with the usual collectors on. Needs root.

    tests/bench/run collectd     two minutes

Both run as their packages would: collectd with nine plugins at 1 s, exec and threshold; picketd (`small`) sealed, supervisor and agent, its
collectors, its state in a directory of this machine's disk. It keeps the incident, the action and its budget in stores that are flushed before the script
starts; collectd keeps nothing. A second picketd with its state on a RAM disk shows what the flushes cost. They take turns, one value each: what else
the machine does comes and goes.
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


class Program:
    """What is measured: values of a source go in, a script writes down when it was started."""

    def __init__(self, name, pids, put, log):
        self.name, self.pids, self.put, self.log = name, pids, put, log
        self.delays_ms = []

    def clear(self, i):
        self.put(i, 10)

    def breach(self, i):
        before = len(self.log.lines())  # collectd tells of the recovery as well
        began = time.time()
        self.put(i, 95)
        started = self.log.await_line(before)
        if started is None:
            raise AssertionError(f"{self.name}: no script after breach {i}")
        self.delays_ms.append((started - began) * 1000)

    def note_memory(self):
        self.rss_kib, self.pss_kib = memory_kib(self.pids, "VmRSS"), memory_kib(self.pids, "Pss")


def take_turns(programs):
    for i in range(TRIALS):
        for p in programs:
            p.clear(i)
        time.sleep(0.25)
        for p in programs:
            p.breach(i)
            time.sleep(0.1)


def script(rig, name, log):
    path = rig.write(f"{name}.sh", f"#!/bin/sh\ndate +%s.%N >>{log.path}\n", 0o755)
    return path


def start_collectd(rig):
    folder = rig.path("collectd")
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    log = Log(os.path.join(folder, "script.log"))
    conf = rig.write("collectd.conf", COLLECTD.format(dir=folder, script=script(rig, "collectd", log)))
    process = Process(rig, "collectd", ["collectd", "-f", "-C", conf])
    await_true("collectd listens", 10, lambda: os.path.exists(os.path.join(folder, "sock")))
    c = socket.socket(socket.AF_UNIX)
    c.connect(os.path.join(folder, "sock"))
    f = c.makefile("rwb", buffering=0)

    def put(_, value):
        f.write(f'PUTVAL "gw/bench/gauge-temp" interval=1 {time.time():.3f}:{value}\n'.encode())
        f.readline()

    program = Program("collectd", [process.pid], put, log)
    program.connection = c, f
    return program


def start_picketd(rig, name, is_on_disk):
    log = Log(rig.path(f"{name}.log"))
    gateway = Gateway(rig, name=name, rules=RULE, actions=ACTION.format(script=script(rig, name, log)), mode="auto",
                      config="[sources]\nrate = 1000000\nburst = 1000000\nmemory = 1s\ncpu = 1s\nload = 1s\ndisk = 1s\nprocess = 1s\n[disk root]\npath = /\n")
    if not is_on_disk:
        os.makedirs(gateway.state)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", gateway.state], check=True)
        rig.cleanups.insert(0, lambda: subprocess.run(["umount", "-l", gateway.state], check=True))
    gateway.start()
    s = gateway.events_socket()

    def put(i, value):  # each breach is an incident of its own: the same one is acted on ten times at most
        s.sendall(b'{"type":"temp","source":"bench-%d","value":%d}\n' % (i, value))
        s.recv(4096)

    program = Program(name, [gateway.process.pid, gateway.agent_pid()], put, log)
    program.gateway = gateway
    return program


def collectd_values_per_s(program, run):
    c, f = program.connection
    reader = c.makefile("rb")
    base = time.time() + run * 1000
    pieces = [b"".join(b'PUTVAL "gw/bench2/gauge-k%d" interval=1 %.3f:1\n' % (j % 1000, base + j * 0.001) for j in range(i, i + 100)) for i in range(0, VALUES, 100)]
    began = time.monotonic()
    feeder = threading.Thread(target=lambda: [f.write(p) for p in pieces])
    feeder.start()
    for _ in range(VALUES):
        reader.readline()
    feeder.join()
    return VALUES / (time.monotonic() - began)


def picketd_values_per_s(program):
    """The same reader and writer as collectd has."""
    lines = [b"".join(b'{"type":"level","source":"k%d","value":1}\n' % (j % 200) for j in range(i, i + 100)) for i in range(0, VALUES, 100)]
    c = program.gateway.events_socket()
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
    took_s = time.monotonic() - began
    c.close()
    return VALUES / took_s


def fast_values_per_s(program):
    fast = subprocess.run([os.path.join(BUILD, "tests", "bench", "bench_socket"), os.path.join(program.gateway.dir, "run", "events.sock"), str(program.pids[1]), "2"],
                          capture_output=True, text=True)
    return figures(fast.stdout).get("lines_per_s", 0.0)


def say(p):
    print(f"  {p.name}: value to script p50 {statistics.median(p.delays_ms):.2f} ms, longest {max(p.delays_ms):.2f} ms; resident {p.rss_kib / 1024:.2f} MiB, "
          f"shared parts counted once {p.pss_kib / 1024:.2f} MiB, afterwards {memory_kib(p.pids, 'VmRSS') / 1024:.2f} MiB", flush=True)


def compare_delays(ours, theirs):
    """The median over trials that followed each other."""
    return statistics.median(a / b for a, b in zip(ours.delays_ms, theirs.delays_ms))


def main():
    need_root()
    need("collectd", "collectd-core")
    with Rig() as rig:
        theirs = start_collectd(rig)
        ours = start_picketd(rig, "picketd", True)
        on_ram = start_picketd(rig, "picketd-ram", False)
        time.sleep(5)
        programs = [theirs, ours, on_ram]
        for p in programs:
            p.note_memory()
        take_turns(programs)
        rates = [(collectd_values_per_s(theirs, run), picketd_values_per_s(ours)) for run in range(3)]
        fast = fast_values_per_s(ours)
        for p in programs:
            say(p)
    verdict = Verdict()
    delay = compare_delays(ours, theirs)
    verdict.say(f"value to script: {delay:.2f} of collectd's, with the state on a RAM disk {compare_delays(on_ram, theirs):.2f}", delay < 1)
    rate = statistics.median(b / a for a, b in rates)
    verdict.say(f"values a second: {rate:.1f} times collectd's {statistics.median(a for a, _ in rates):.0f} with a reader in Python, "
                f"{fast / statistics.median(a for a, _ in rates):.1f} times with a reader in C", rate > 1)
    verdict.say(f"resident memory: {ours.rss_kib / theirs.rss_kib:.2f} of collectd's", ours.rss_kib < theirs.rss_kib)
    verdict.exit()


main()
