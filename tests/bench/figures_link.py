#!/usr/bin/env python3
"""Figures of the link on real parts: device event on a topic -> incident at a subscriber, 50 a second, over one TLS broker; and how many round trips a
connection takes to its birth. Beside: a message of the same size through the same broker to the same subscriber, and fdatasync where the state is.
    python3 tests/bench/figures_link.py [SECONDS]      PK_BENCH_STATE=DIR puts the state there (a RAM disk is no disk)"""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from faults import Line  # noqa: E402
from figures import percentile, sync_reference  # noqa: E402
from rig import GATEWAY, SITE, Broker, Gateway, Rig, Subscriber, await_true  # noqa: E402

ROOT = f"picket/v1/{SITE}/{GATEWAY}"
RULE = "[rule each]\non = type = ping\nwhen = count >= 1 in 1s by data.job\ntype = custom\nseverity = critical\nclear = count < 1 in 1s\nkeys = 60\n"
RATE = 50


class Ear:
    """mosquitto_sub, each line with the time it was read here."""

    def __init__(self, broker, *topics):
        filters = [a for t in topics for a in ("-t", t)]
        self.popen = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", *broker.tls("hub"), "-q", "1", *filters, "-F", "%t %p"], stdout=subprocess.PIPE, text=True)
        self.at = {}
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        for line in self.popen.stdout:
            now = time.monotonic()
            for key in re.findall(r'"group_key":"(j\d+)"|reference (r\d+)', line)[:1]:
                self.at.setdefault(key[0] or key[1], now)

    def close(self):
        self.popen.kill()
        self.popen.wait()


class Mouth:
    """mosquitto_pub that publishes each line it is given, QoS 1."""

    def __init__(self, broker, user, topic):
        self.popen = subprocess.Popen(["mosquitto_pub", *broker.tls(user), "-q", "1", "-t", topic, "-l"], stdin=subprocess.PIPE)

    def say(self, text):
        self.popen.stdin.write(text.encode() + b"\n")
        self.popen.stdin.flush()

    def close(self):
        self.popen.stdin.close()
        self.popen.wait(10)


def flow(seconds, state):
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULE, actions="", config="[sources]\nprocess = 0\n")
        if state:
            with open(gateway.config_path) as f:
                text = f.read()
            with open(gateway.config_path, "w") as f:
                f.write(text.replace(gateway.state, state))
            gateway.state = state
        gateway.start()
        gateway.await_online()
        ear = Ear(broker, f"{ROOT}/incident/+", f"{ROOT}/event/reference")
        events, reference = Mouth(broker, "device", f"{ROOT}/in/bench/ping"), Mouth(broker, GATEWAY, f"{ROOT}/event/reference")
        time.sleep(1.5)
        flushes = sync_reference(gateway.state)
        said, began = {}, time.monotonic()
        for n in range(seconds * RATE):
            time.sleep(max(0.0, began + n / RATE - time.monotonic()))
            said[f"j{n}"] = time.monotonic()
            events.say(json.dumps({"metadata": {"job": f"j{n}"}}))
            if n % 2:
                time.sleep(0.5 / RATE)
                said[f"r{n}"] = time.monotonic()
                reference.say(f"reference r{n} " + "x" * 1100)
        time.sleep(2)
        for mouth in (events, reference):
            mouth.close()
        ear.close()
        took = [(ear.at[k] - at) * 1000 for k, at in said.items() if k[0] == "j" and k in ear.at]
        bare = [(ear.at[k] - at) * 1000 for k, at in said.items() if k[0] == "r" and k in ear.at]
        lost = sum(k[0] == "j" and k not in ear.at for k in said)
        gateway.stop()
    sync = 2 * percentile(flushes, 50)
    hop = percentile(took, 99) - percentile(bare, 99)
    print(f"event on a topic -> incident at the subscriber, {RATE}/s for {seconds} s: p50 {percentile(took, 50):.2f} ms, p99 {percentile(took, 99):.2f} ms, lost {lost} of {seconds * RATE}")
    print(f"  reference: 1.1 KB message, publisher -> broker -> subscriber, same minute: p50 {percentile(bare, 50):.2f} ms, p99 {percentile(bare, 99):.2f} ms")
    print(f"  reference: fdatasync where the state is: p50 {percentile(flushes, 50):.2f} ms, p99 {percentile(flushes, 99):.2f} ms")
    print(f"  beyond that message at p99 {hop:.2f} ms; promise 2 ms and two flushes: {2 + sync:.2f} ms")
    return lost


def trips():
    with Rig() as rig:
        broker = Broker(rig).start()
        line = Line(rig, broker.port, delay=0.5)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, line.port, actions="").start()
        births = await_true("the birth", 30, lambda: subscriber.messages("/status"))
        count = (births[0][0] - line.opened[-1]) / (2 * line.delay)
        print(f"connection -> birth at the subscriber: {count:.2f} round trips of 1 s, of these 1 is TLS 1.3: {count - 1:.2f} after it; promise 2")
        gateway.stop()
        return count - 1


if __name__ == "__main__":
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    folder = os.environ.get("PK_BENCH_STATE")
    bad = flow(length, None)
    if folder:
        with tempfile.TemporaryDirectory(dir=folder) as d:
            os.chmod(d, 0o777)
            bad += flow(length, os.path.join(d, "state"))
    sys.exit(1 if bad or trips() > 2 else 0)
