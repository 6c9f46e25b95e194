#!/usr/bin/env python3
"""Events through an MQTT broker to a rule and back as a report: the real agent beside plain mqtt.js and Node-RED (both from npm, pinned by
tests/bench/peers/package-lock.json), and beside a reader that does nothing else, which shows what the broker can do at most. Each has a fresh Mosquitto
on the loopback address. Events a second at QoS 0 and 1, delay from event to report, memory, and what program and broker take of the processor. Needs
root, Mosquitto, Node.js 20 and npm.

    tests/bench/run mqtt [EVENTS [ROUNDS]]     50,000 events and seven rounds unless said: about five minutes

They take turns, one round each after the other, and a ratio is of two rounds that follow each other: what else the machine does comes and goes. 5,000
keys of 20 types with a window rule each ("16 in 100 ms"); every thousandth event is a mark that must be reported, which is how the publisher knows
how far the program has come. The agent takes them through its shipped rules as well, keeps an incident of each mark in its store, reports it when it
is durable, and ends and reports it again after a second; its store is on a RAM disk here, because the others store nothing.
"""
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

from bench_rig import HERE, Verdict, build, figures, median

BUILD = build("standard", "bench_broker", "picketd", "picketctl", "picket-demo")
os.environ["PK_BINARY_DIR"] = BUILD
from rig import GATEWAY, SITE, Gateway, Process, Rig, await_true, free_port, need_root  # noqa: E402

IN = f"picket/v1/{SITE}/{GATEWAY}/in"
MARK_EVERY = 1000
RATE = 200
DELAY_MARKS = 60
# Marks come every 50 ms. After a second sharp the incident of the twentieth before would end, and be reported, in the moment of each mark.
CLEAR_MS = 1025
KEYS = {"events_per_s": "events/s", "cpu_us": "processor an event", "p50_us": "delay p50", "p99_us": "delay p99", "rss_kib": "memory"}


def fetch_peers():
    """node_modules with both, in the cache outside the tree; a second call touches no network."""
    cache = os.environ.get("PICKET_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "picket")
    pins = os.path.join(HERE, "peers")
    folder = os.path.join(cache, "bench-peers")
    key = hashlib.sha256(b"".join(open(os.path.join(pins, n), "rb").read() for n in ("package.json", "package-lock.json"))).hexdigest()
    stamp = os.path.join(folder, ".stamp")
    if not os.path.exists(stamp) or open(stamp).read() != key:
        if not shutil.which("npm"):
            print("skipped: npm is not installed")
            sys.exit(77)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(pins, name), folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            print(f"skipped: npm could not fetch the peers: {done.stderr[-500:]}")
            sys.exit(77)
        with open(stamp, "w") as f:
            f.write(key)
    return os.path.join(folder, "node_modules")


def rules():
    text = f"[rule mark]\non = type = MARK\nwhen = count >= 1 in 1s by data.mark\ntype = custom\nseverity = high\nclear = count < 1 in {CLEAR_MS}ms\nkeys = 400\n\n"
    for t in range(20):
        text += f"[rule et{t:02d}]\non = type = ET{t:02d}\nwhen = count >= 16 in 100ms by source\ntype = custom\nseverity = low\nkeys = 250\n\n"
    return text


def flows(port, qos):
    """Node-RED: mqtt in (JSON), a function with the same rule, mqtt out."""
    function = """
const e = msg.payload, now = Date.now()
const key = e.type === 'MARK' ? e.metadata.mark : e.type + '|' + e.source
let windows = context.get('windows'); if (!windows) { windows = new Map(); context.set('windows', windows) }
let times = windows.get(key); if (!times) windows.set(key, times = [])
while (times.length && times[0] < now - 100) times.shift()
times.push(now)
if (times.length >= (e.type === 'MARK' ? 1 : 16)) { windows.delete(key); return { payload: { key, count: times.length } } }
return null
"""
    broker = {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port), "clientid": "nodered", "autoConnect": True, "usetls": False,
              "protocolVersion": "4", "keepalive": "60", "cleansession": True}
    return json.dumps([
        {"id": "tab", "type": "tab", "label": "bench"}, broker,
        {"id": "in", "type": "mqtt in", "z": "tab", "topic": IN + "/#", "qos": str(qos), "datatype": "json", "broker": "broker", "nl": False, "rap": True, "rh": 0,
         "inputs": 0, "wires": [["rule"]]},
        {"id": "rule", "type": "function", "z": "tab", "func": function, "outputs": 1, "timeout": 0, "noerr": 0, "initialize": "", "finalize": "", "libs": [],
         "wires": [["out"]]},
        {"id": "out", "type": "mqtt out", "z": "tab", "topic": "inc", "qos": str(qos), "retain": "false", "broker": "broker", "wires": []}])


SETTINGS = """module.exports = {{ flowFile: 'flows.json', credentialSecret: false, uiHost: '127.0.0.1', uiPort: {port}, diagnostics: {{ enabled: false }},
  telemetry: {{ enabled: false, updateNotification: false }}, logging: {{ console: {{ level: 'warn', metrics: false, audit: false }} }},
  editorTheme: {{ projects: {{ enabled: false }}, tours: false }} }}
"""


def memory_kib(*pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return total


def cpu_s(*pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Case:
    """One program with a broker of its own, for one quality of service."""

    def __init__(self, rig, name, qos, modules):
        self.rig, self.name, self.qos = rig, name, qos
        self.port = free_port()
        self.mark = 0
        where = f"{name}-{qos}-{self.port}"
        conf = rig.write(f"{where}.conf", f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\nset_tcp_nodelay true\n"
                                          "max_inflight_messages 1000\nmax_queued_messages 0\n")
        self.broker = Process(rig, "mosquitto", ["mosquitto", "-c", conf])
        time.sleep(0.3)
        self.out = "inc"
        if name == "picketd":
            self.out = f"picket/v1/{SITE}/{GATEWAY}/incident/+"
            gateway = Gateway(rig, name=where, actions="", rules=rules(), config=(
                f"[broker site]\nhost = 127.0.0.1\nport = {self.port}\ntls = no\n[sources]\nrate = 1000000\nburst = 1000000\n"))
            os.makedirs(gateway.state)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", gateway.state], check=True)
            rig.cleanups.insert(0, lambda: subprocess.run(["umount", "-l", gateway.state], check=True))
            gateway.start()
            gateway.await_online()
            self.process, self.pids = gateway.process, [gateway.process.pid, gateway.agent_pid()]
        elif name == "bare reader":
            self.process = Process(rig, "bare", [os.path.join(BUILD, "tests", "bench", "bench_broker"), str(self.port), "bare", str(qos), "1", "1", "0", "-", IN + "/#"])
            self.pids = [self.process.pid]
        elif name == "mqtt.js":
            self.process = Process(rig, name, ["node", os.path.join(HERE, "peers", "mqtt_rule.js"), str(self.port), str(qos), IN + "/#"], env={**os.environ, "NODE_PATH": modules})
            self.pids = [self.process.pid]
        else:
            home = rig.path(where)
            os.makedirs(home)
            rig.write(f"{where}/flows.json", flows(self.port, qos))
            rig.write(f"{where}/settings.js", SETTINGS.format(port=free_port()))
            self.process = Process(rig, name, ["node", os.path.join(modules, "node-red", "red.js"), "-u", home])
            self.pids = [self.process.pid]
        await_true(f"{name} reports", 40, self.reports)

    def drive(self, mode, count, rate):
        marks = count // rate if mode == "flood" else count
        argv = [os.path.join(BUILD, "tests", "bench", "bench_broker"), str(self.port), mode, str(self.qos), str(count), str(rate), str(self.mark), IN, self.out]
        self.mark += marks
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        return done

    def reports(self):
        return self.drive("delay", 2, 200).returncode == 0

    def warm(self, events):
        self.drive("flood", events, MARK_EVERY)  # node compiles what is busy, ours fills its tables

    def measure(self, events):
        before, broker_before = cpu_s(*self.pids), cpu_s(self.broker.pid)
        flood = self.drive("flood", events, MARK_EVERY)
        used, broker_used = cpu_s(*self.pids) - before, cpu_s(self.broker.pid) - broker_before
        delay = self.drive("delay", DELAY_MARKS, RATE)
        if flood.returncode or delay.returncode:
            raise AssertionError(f"{self.name} QoS {self.qos}: {flood.stdout}{flood.stderr}{delay.stdout}{delay.stderr}")
        return {**figures(delay.stdout), **figures(flood.stdout), "rss_kib": memory_kib(*self.pids), "cpu_us": used * 1e6 / events, "broker_us": broker_used * 1e6 / events}

    def end(self):
        self.process.stop()
        self.broker.stop()


def say(name, qos, runs):
    m = {k: median(runs, k) for k in (*KEYS, "broker_us")}
    rates = [r["events_per_s"] for r in runs]
    print(f"  QoS {qos} {name:<11}: {m['events_per_s']:>7.0f} events/s ({min(rates):.0f} to {max(rates):.0f}), {m['cpu_us']:5.2f} us of processor an event, the broker {m['broker_us']:.2f}; "
          f"delay p50 {m['p50_us']:.0f} us, p99 {m['p99_us']:.0f} us, {m['rss_kib'] / 1024:.1f} MiB", flush=True)


def compare(verdict, qos, ours, name, theirs):
    """Medians over the ratios of rounds that followed each other."""
    ratio, words = {}, []
    for key, word in KEYS.items():
        each = [mine[key] / other[key] for mine, other in zip(ours, theirs)]
        ratio[key] = statistics.median(each)
        words.append(f"{word} {ratio[key]:.2f} ({min(each):.2f} to {max(each):.2f})")
    verdict.say(f"QoS {qos}, picketd to {name}: " + ", ".join(words), ratio["events_per_s"] > 1 and ratio["p50_us"] < 1 and ratio["rss_kib"] < 1)


def main():
    need_root()
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 50000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    peers = ["mqtt.js", "Node-RED"]
    names = ["bare reader", "picketd", *peers]
    modules = fetch_peers()
    verdict = Verdict()
    for qos in (0, 1):
        results = {name: [] for name in names}
        with Rig() as rig:
            cases = [Case(rig, name, qos, modules) for name in names]
            for case in cases:
                case.warm(events)
            for _ in range(rounds):
                for case in cases:
                    results[case.name].append(case.measure(events))
            for case in cases:
                case.end()
        for name in names:
            say(name, qos, results[name])
        for name in peers:
            compare(verdict, qos, results["picketd"], name, results[name])
    verdict.exit()


main()
