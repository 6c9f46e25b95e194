#!/usr/bin/env python3
"""The figures Picket promises, measured on real parts, each beside a reference of the same minute. Needs root, Mosquitto and a quiet machine.

    python3 tests/bench/figures.py [NAME...]     names: latency kill throttle idle start size

Exit 0 when every figure that has a bound keeps it.
"""
import json
import os
import random
import re
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from rig import BUILD, GATEWAY, SITE, SOURCE, Broker, Gateway, Rig, await_true, need_root  # noqa: E402

missed = []


def figure(text, value, bound=None, unit="ms"):
    verdict = "" if bound is None else ("  ok" if value <= bound else "  MISSED")
    if bound is not None and value > bound:
        missed.append(text)
    limit = "" if bound is None else f" (at most {bound} {unit})"
    print(f"{text:<62} {value:>10.3f} {unit}{limit}{verdict}", flush=True)


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p / 100))]


class Reader:
    """A subscriber in this process: MQTT 3.1.1, QoS 0, over TLS with a client certificate; what arrives is stamped before it is looked at."""

    def __init__(self, rig, broker, topic):
        context = ssl.create_default_context(cafile=f"{rig.pki}/ca.crt")
        context.load_cert_chain(f"{rig.pki}/hub.crt", f"{rig.pki}/hub.key")
        raw = socket.create_connection(("127.0.0.1", broker.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        name = f"figures-{os.getpid()}-{random.randrange(1 << 30)}".encode()
        self.socket.sendall(self.packet(0x10, b"\0\4MQTT\4\2\0\0" + self.text(name)))
        self.buffer = b""
        self.messages = []
        self.changed = threading.Condition()
        assert self.next()[0] == 0x20, "no CONNACK"
        self.socket.sendall(self.packet(0x82, b"\0\1" + self.text(topic.encode()) + b"\0"))
        assert self.next()[0] == 0x90, "no SUBACK"
        threading.Thread(target=self.run, daemon=True).start()

    @staticmethod
    def text(b):
        return struct.pack(">H", len(b)) + b

    @staticmethod
    def packet(kind, body):
        n, length = len(body), b""
        while True:
            length += bytes([n % 128 | (0x80 if n > 127 else 0)])
            n //= 128
            if n == 0:
                return bytes([kind]) + length + body

    def next(self):
        while True:
            n, shift = 0, 0
            for i in range(1, min(5, len(self.buffer))):
                n |= (self.buffer[i] & 127) << shift
                shift += 7
                if self.buffer[i] < 128:
                    if len(self.buffer) > i + n:
                        kind, body = self.buffer[0], self.buffer[i + 1:i + 1 + n]
                        self.buffer = self.buffer[i + 1 + n:]
                        return kind, body
                    break
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the broker closed")
            self.arrived = time.monotonic()
            self.buffer += data

    def run(self):
        try:
            while True:
                kind, body = self.next()
                if kind & 0xF0 == 0x30:
                    n = struct.unpack(">H", body[:2])[0]
                    with self.changed:
                        self.messages.append((self.arrived, body[2:2 + n].decode(), body[2 + n:]))
                        self.changed.notify()
        except (OSError, ConnectionError, ValueError):
            pass

    def wait(self, wanted, seconds):
        """Time of the first message from here on for which wanted(topic, payload); None when it does not come."""
        end = time.monotonic() + seconds
        at = self.seen = getattr(self, "seen", 0)
        with self.changed:
            while True:
                while at < len(self.messages):
                    arrived, topic, payload = self.messages[at]
                    at += 1
                    if wanted(topic, payload):
                        self.seen = at
                        return arrived
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self.changed.wait(left)

    def incidents(self):
        return [json.loads(p) for _, t, p in self.messages if "/incident/" in t and p]


def sync_reference(folder, count=200):
    """fdatasync of 4 KiB appended, milliseconds."""
    took = []
    path = os.path.join(folder, "reference")
    with open(path, "wb", buffering=0) as f:
        for _ in range(count):
            began = time.monotonic()
            f.write(b"r" * 4096)
            os.fdatasync(f.fileno())
            took.append((time.monotonic() - began) * 1000)
    os.unlink(path)
    return took


def latency():
    rule = "[rule each]\non = type = ping\nwhen = count >= 1 in 1s by data.job\ntype = custom\nseverity = high\nclear = count < 1 in 1s\nkeys = 60\n"
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=rule, actions="")
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        reader = Reader(rig, broker, f"picket/v1/{SITE}/{GATEWAY}/incident/+")
        reference = sync_reference(gateway.state)
        took, lost = [], 0
        with gateway.events_socket() as s:
            s.setblocking(True)
            for i in range(1000):
                key = f"j{i}".encode()
                pattern = b'"group_key":"' + key + b'"'
                began = time.monotonic()
                s.sendall(b'{"type":"ping","source":"bench","metadata":{"job":"' + key + b'"}}\n')
                arrived = reader.wait(lambda _, p: pattern in p, 5)
                if arrived is None:
                    lost += 1
                    continue
                took.append((arrived - began) * 1000)
                s.recv(65536)
                time.sleep(max(0, 0.03 - (time.monotonic() - began)))  # at most 48 of one kind are open at a time on `small`
        figure("event on the socket -> incident at the TLS subscriber, p50", percentile(took, 50))
        figure("event on the socket -> incident at the TLS subscriber, p99", percentile(took, 99), 20)
        figure("  longest of 1,000", max(took))
        figure("  lost", lost, 0, "of 1,000")
        figure("  reference: append 4 KiB and fdatasync here, p50", percentile(reference, 50))
        figure("  reference: append 4 KiB and fdatasync here, p99", percentile(reference, 99))
        gateway.stop()


def kill():
    rule = "[rule process_lost]\non = type = process_up\nwhen = value < 1\ntype = service_down\nseverity = critical\nclear = value >= 1\nkeys = 8\n"
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=rule, actions="")
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        reader = Reader(rig, broker, f"picket/v1/{SITE}/{GATEWAY}/incident/+")
        took = []
        for _ in range(20):
            time.sleep(1.1 + random.random())
            reader.seen = len(reader.messages)
            began = time.monotonic()
            gateway.kill_service()
            is_open = lambda _, p: b'"status":"detected"' in p or b'"status":"investigating"' in p
            arrived = reader.wait(is_open, 10)
            assert arrived is not None, "the kill was not reported"
            took.append((arrived - began) * 1000)
            gateway.start_service()
            reader.wait(lambda _, p: b'"status":"resolved"' in p, 10)
        figure("service killed -> incident at the subscriber, median of 20", statistics.median(took))
        figure("service killed -> incident at the subscriber, longest of 20", max(took), 1500)
        gateway.stop()


def throttled_state(rig, gateway):
    """The state folder on a loop device; (major:minor, cgroup folder)."""
    image = rig.path("disk.img")
    subprocess.run(["truncate", "-s", "64M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    loop = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    rig.cleanups.append(lambda: subprocess.run(["losetup", "-d", loop]))
    os.makedirs(gateway.state)
    subprocess.run(["mount", loop, gateway.state], check=True)
    rig.cleanups.append(lambda: subprocess.run(["umount", "-l", gateway.state]))
    st = os.stat(loop)
    group = f"/sys/fs/cgroup/blkio/picket-figures-{os.getpid()}"
    os.makedirs(group)

    def leave():
        with open(f"{group}/cgroup.procs") as f:
            for pid in f.read().split():
                with open("/sys/fs/cgroup/blkio/cgroup.procs", "w") as to:
                    to.write(pid)
        os.rmdir(group)
    rig.cleanups.append(leave)
    return f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}", group


def throttle():
    rule = "[rule each]\non = type = ping\nwhen = count >= 1 in 1s by data.job\ntype = custom\nseverity = high\nclear = count < 1 in 1s\nkeys = 60\n"
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=rule, actions="", broker_extra="keep_alive = 10s\n")
        try:
            device, group = throttled_state(rig, gateway)
        except (OSError, subprocess.CalledProcessError) as e:
            print(f"throttle: skipped: no loop device or no blkio controller here: {e}")
            return
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        reader = Reader(rig, broker, f"picket/v1/{SITE}/{GATEWAY}/incident/+")
        for pid in (gateway.process.pid, gateway.agent_pid()):
            with open(f"{group}/cgroup.procs", "w") as f:
                f.write(str(pid))
        with open(f"{group}/blkio.throttle.write_iops_device", "w") as f:
            f.write(f"{device} 20")
        slowest, jobs, stop = [0.0], 0, threading.Event()

        def ask():
            control = gateway.connect()
            while not stop.is_set():
                began = time.monotonic()
                control.result("ping")
                slowest[0] = max(slowest[0], (time.monotonic() - began) * 1000)
                time.sleep(0.005)
            control.close()
        asker = threading.Thread(target=ask)
        asker.start()
        end = time.monotonic() + 25
        while time.monotonic() < end:
            # Two incidents and 200 other events a second.
            gateway.send_events([{"type": "ping", "source": "bench", "metadata": {"job": f"t{jobs}"}}] + [{"type": "noise", "source": f"n{i % 9}", "value": i} for i in range(100)])
            jobs += 1
            time.sleep(0.5)
        stop.set()
        asker.join()
        status = gateway.result("status")
        figure("20 writes a second: longest tick", status["longest_tick_ms"], 50)
        figure("20 writes a second: longest delay of a tick", status["longest_late_ms"], 50)
        figure("20 writes a second: slowest answer on the control socket", slowest[0], 50)
        figure("  longest commit meanwhile", status["store"]["longest_commit_ms"])
        await_true("everything is reported", 60, lambda: len({i["metadata"]["group_key"] for i in reader.incidents()}) >= jobs and gateway.result("status")["store"]["outbox"] == 0)
        figure(f"  lost of {jobs} incidents", jobs - len({i["metadata"]["group_key"] for i in reader.incidents()}), 0, "incidents")
        link = gateway.result("status")["links"][0]
        figure("  connections lost (keep-alive 10 s)", link["lost"], 0, "times")
        gateway.stop()


def used(pids):
    """(nanoseconds on a processor, voluntary context switches) of all threads."""
    ns = switches = 0
    for pid in pids:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                ns += int(f.read().split()[0])
            with open(f"/proc/{pid}/task/{tid}/status") as f:
                switches += int(re.search(r"^voluntary_ctxt_switches:\t(\d+)", f.read(), flags=re.M).group(1))
    return ns, switches


def idle():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port)
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        time.sleep(3)
        pids = (gateway.process.pid, gateway.agent_pid())
        before, began = used(pids), time.monotonic()
        time.sleep(60)
        after, seconds = used(pids), time.monotonic() - began
        figure("idle, both processes, 60 s: processor", (after[0] - before[0]) / 1e7 / seconds, 0.2, "%")
        figure("idle, both processes, 60 s: wake-ups", (after[1] - before[1]) / seconds, 4, "/s")
        nothing = subprocess.Popen(["/bin/sleep", "600"])
        before = used([nothing.pid])
        time.sleep(1)
        figure("  reference: a sleeping process", used([nothing.pid])[1] - before[1], unit="/s")
        nothing.kill()
        gateway.stop()


def start():
    with Rig() as rig:
        gateway = Gateway(rig)
        gateway.start_service()
        took, reference = [], []
        for i in range(10):
            began = time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
            gateway.start()
            took.append(gateway.result("status")["first_rule_boot_ms"] - began)
            gateway.stop()
            began = time.monotonic()
            subprocess.run([os.path.join(BUILD, "picketd"), "--version"], capture_output=True, check=True)
            reference.append((time.monotonic() - began) * 1000)
        figure("picketd start -> first rule evaluated, median of 10", statistics.median(took))
        figure("picketd start -> first rule evaluated, longest of 10", max(took), 100)
        figure("  reference: picketd --version", statistics.median(reference))


def size():
    for board in ("host", "x86_64", "armv7", "aarch64"):
        path = os.path.join(SOURCE, "build", board, "picketd")
        if os.path.exists(path):
            figure(f"picketd for {board}, stripped", os.path.getsize(path) / 1024, 400 if board == "armv7" else None, "KiB")
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port)
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        gateway.send_events([{"type": f"t{i % 20}", "source": f"s{i % 30}", "severity": "info", "value": i, "message": f"message number {i}"} for i in range(1000)])
        time.sleep(11)
        rss = 0
        for pid in (gateway.process.pid, gateway.agent_pid()):
            with open(f"/proc/{pid}/status") as f:
                rss += int(re.search(r"^VmRSS:\s+(\d+) kB", f.read(), flags=re.M).group(1))
        figure("resident, both processes, TLS connected, 1,000 events in", rss, 1536, "KiB")
        gateway.stop()


def run():
    need_root()
    figures = {f.__name__: f for f in (size, start, latency, kill, throttle, idle)}
    names = sys.argv[1:] or list(figures)
    for name in names:
        figures[name]()
    if missed:
        print("missed: " + "; ".join(missed))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    run()
