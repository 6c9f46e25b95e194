#!/usr/bin/env python3
"""What a service manager and a watchdog see: readiness after the seal, feeding only while the agent ticks, a hung agent, orderly and other ends.
ctest: lane=default timeout=120"""
import os
import select
import signal
import socket
import threading
import time

from rig import Gateway, Rig, await_true, main


class Manager:
    """Stands in for systemd: the socket of NOTIFY_SOCKET, every datagram with its time."""

    def __init__(self, rig, address):
        self.address = address
        self.got = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        rig.cleanups.append(self.socket.close)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = self.socket.recv(4096)
            except OSError:
                return
            self.got.append((time.monotonic(), data.decode()))

    def environment(self, watchdog_ms=None):
        env = {**os.environ, "NOTIFY_SOCKET": self.address}
        if watchdog_ms is not None:
            env["WATCHDOG_USEC"] = str(watchdog_ms * 1000)
        return env

    def times(self, word):
        return [at for at, text in self.got if word in text.split("\n")]

    def lines(self, prefix):
        return [line for _, text in self.got for line in text.split("\n") if line.startswith(prefix)]


def is_sealed(pid):
    with open(f"/proc/{pid}/status") as f:
        fields = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    return fields["Seccomp"].strip() == "2" and fields["NoNewPrivs"].strip() == "1"


def test_ready_after_the_seal__fed_regularly__stopping_on_term():
    for kind in ("path", "abstract"):
        with Rig() as rig:
            manager = Manager(rig, rig.path("notify") if kind == "path" else f"@picket-test-{os.getpid()}-{time.monotonic_ns()}")
            gateway = Gateway(rig)
            gateway.start(wait=False, env=manager.environment(watchdog_ms=10000))
            ready = await_true(f"READY=1 on {kind}", 10, lambda: manager.times("READY=1"))[0]
            assert is_sealed(gateway.agent_pid()), "ready before the seal"
            assert gateway.result("status")["ticks"] > 0
            started = time.monotonic()
            assert started - ready < 8
            if kind == "path":
                fed = await_true("it is fed", 20, lambda: (f := [at for at in manager.times("WATCHDOG=1") if at > ready]) and len(f) >= 2 and f)
                assert max(b - a for a, b in zip([ready] + fed, fed + [time.monotonic()])) < 10, "the service manager would have ended us"
            assert len(manager.times("READY=1")) == 1
            os.kill(gateway.process.pid, signal.SIGHUP)
            await_true("reload is announced and ends", 5, lambda: manager.times("RELOADING=1") and len(manager.times("READY=1")) == 2)
            assert manager.times("RELOADING=1")[0] < manager.times("READY=1")[1]
            assert gateway.stop() == 0
            await_true("it said so", 5, lambda: manager.times("STOPPING=1"))


def test_no_watchdog_asked_for__none_fed():
    with Rig() as rig:
        manager = Manager(rig, rig.path("notify"))
        gateway = Gateway(rig)
        gateway.start(env={**manager.environment(watchdog_ms=10000), "WATCHDOG_PID": "1"})
        time.sleep(6)
        assert not manager.times("WATCHDOG=1"), "it was meant for process 1"
        assert gateway.stop() == 0


def test_hung_agent__hungry_watchdog_then_a_new_agent():
    with Rig() as rig:
        manager = Manager(rig, rig.path("notify"))
        gateway = Gateway(rig)
        gateway.start(env=manager.environment(watchdog_ms=10000))
        agent = gateway.agent_pid()
        time.sleep(1)
        os.kill(agent, signal.SIGSTOP)
        stopped = time.monotonic()
        fresh = await_true("another agent", 45, lambda: gateway.agent_pid() not in (0, agent) and gateway.agent_pid())
        took = time.monotonic() - stopped
        # A tick may have been under way, and feeding starts again once nothing is left that could tick.
        hungry = [at for at in manager.times("WATCHDOG=1") if stopped + 1 < at < stopped + took - 4]
        assert not hungry, f"fed {[f'{at - stopped:.1f} s' for at in hungry]} after the agent hung"
        await_true("it works", 10, lambda: gateway.is_up())
        assert any("STATUS=" in line and "again" in line for line in manager.lines("STATUS=")), manager.lines("STATUS=")
        assert "does not tick" in gateway.process.log(), gateway.process.log()
        resumed = time.monotonic()
        await_true("and the watchdog is fed again", 12, lambda: [at for at in manager.times("WATCHDOG=1") if at > resumed])
        print(f"# hung agent {agent} replaced by {fresh} after {took:.1f} s")
        assert gateway.stop() == 0


class Device:
    """A FIFO in place of /dev/watchdog."""

    def __init__(self, rig):
        self.path = rig.path("watchdog")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        rig.cleanups.append(lambda: os.close(self.fd))
        self.bytes = b""

    def read(self):
        while select.select([self.fd], [], [], 0)[0]:
            data = os.read(self.fd, 4096)
            if not data:
                break
            self.bytes += data
        return self.bytes


def test_board_watchdog__fed_and_disarmed_on_an_orderly_stop_only():
    with Rig() as rig:
        device = Device(rig)
        gateway = Gateway(rig, config=f"[agent]\nwatchdog = {device.path}\n")
        gateway.start()
        await_true("fed", 5, device.read)
        at_start = len(device.read())
        await_true("fed on", 20, lambda: len(device.read()) >= at_start + 2)
        assert b"V" not in device.bytes
        assert gateway.stop() == 0
        assert device.read().endswith(b"V") and device.bytes.count(b"V") == 1, device.bytes
        device.bytes = b""
        gateway.start()
        await_true("fed", 5, device.read)
        gateway.process.stop(signal.SIGKILL)
        time.sleep(0.5)
        assert b"V" not in device.read(), "a killed supervisor must not disarm the board's watchdog"


main(test_ready_after_the_seal__fed_regularly__stopping_on_term, test_no_watchdog_asked_for__none_fed, test_hung_agent__hungry_watchdog_then_a_new_agent,
     test_board_watchdog__fed_and_disarmed_on_an_orderly_stop_only, at_once=4)
