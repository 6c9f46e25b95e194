#!/usr/bin/env python3
"""Quiet gateways for hours, in real time: what reaches the block device, and what goes over the wire with TLS, TCP and IP, both counted by the kernel (a
loop device with ext4 and its journal; a network namespace for the link alone). Two at once, with the shipped rules and maintenance: one as
shipped, one with `[report] metered = yes`. Load, memory and disk of this machine are not watched: what else runs here is no part of it.

    python3 tests/bench/figures_quiet.py [MINUTES]     61 when nothing is said: the hourly saving of the clock's floor is among it

A line every ten minutes, with the day or month it would make. Needs root, Mosquitto and loop devices. Exit 0 when both promises are kept."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from bench_disk import LOAD_OFF, Disk  # noqa: E402
from rig import BUILD, SOURCE, Gateway, Rig, need_root  # noqa: E402
from wire import Wire  # noqa: E402

DEVICE_BYTES_A_DAY, WIRE_BYTES_A_MONTH = 2_000_000, 10_000_000
DAY_S, LOOK_S = 86400, 600


def read_shipped(name):
    with open(os.path.join(SOURCE, "config", name)) as f:
        return f.read()


def shipped_maintenance():
    text = read_shipped("picketd.conf")
    return "".join(f"[maintenance {name}]" + text.split(f"[maintenance {name}]")[1].split("\n#[")[0].split("\n[")[0] + "\n" for name in ("health", "memory"))


class Quiet:
    def __init__(self, rig, name, config):
        self.name, self.wire = name, Wire(rig)
        broker = self.wire.start_broker(rig)
        self.gateway = Gateway(rig, broker.port, name=name, config=f"[sources]\n{LOAD_OFF}{config}{shipped_maintenance()}")
        rows = read_shipped("actions.conf")
        actions = "".join(f"[action {row}]" + rows.split(f"[action {row}]")[1].split("\n[")[0] + "\n" for row in ("health_check", "collect_diagnostics"))
        actions = actions.replace("/usr/bin/picketctl check", f"{BUILD}/picketctl --socket {self.gateway.dir}/run/control.sock check")
        with open(os.path.join(self.gateway.etc, "actions.conf"), "w") as f:
            f.write(actions)
        self.disk = Disk(rig, self.gateway)
        self.gateway.start_service()
        self.gateway.start(prefix=self.wire.inside)
        self.gateway.await_online()

    def commits(self):
        return self.gateway.result("status")["store"]["commits"]

    def begin(self):
        self.began, self.at_disk, self.on_wire, self.first_commits = time.monotonic(), self.disk.bytes(), self.wire.bytes(), self.commits()

    def figures(self):
        """Bytes a day at the device and a month on the wire, as it went until now; and the line that says so."""
        passed = time.monotonic() - self.began
        disk, wire = self.disk.bytes() - self.at_disk, self.wire.bytes() - self.on_wire
        a_day, a_month = disk * DAY_S / passed, wire * 30 * DAY_S / passed
        runs, incidents = self.gateway.result("maintenance.list")["completed_count"], len(self.gateway.result("incidents.list", limit=50)["incidents"])
        print(f"{self.name}: {passed / 60:.0f} min: {disk:,} bytes at the device in {self.commits() - self.first_commits} commits, {wire:,} on the wire, {runs} runs of maintenance, "
              f"{incidents} incidents: {a_day / 1e6:.2f} MB a day, {a_month / 1e6:.2f} MB a month", flush=True)
        return a_day, a_month


def main():
    need_root()
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 61
    with Rig() as one, Rig() as other:
        shipped, metered = Quiet(one, "shipped", ""), Quiet(other, "metered", "[report]\nmetered = yes\n")
        time.sleep(10)
        for quiet in (shipped, metered):
            quiet.begin()
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            time.sleep(max(0.0, min(LOOK_S, end - time.monotonic())))
            (a_day, _), (metered_day, a_month) = shipped.figures(), metered.figures()
        kept = [max(a_day, metered_day) <= DEVICE_BYTES_A_DAY, a_month <= WIRE_BYTES_A_MONTH]
        for what, value, bound, is_kept in (("at the device a day, the larger of both", max(a_day, metered_day), DEVICE_BYTES_A_DAY, kept[0]), ("on the wire a month, metered", a_month, WIRE_BYTES_A_MONTH, kept[1])):
            print(f"a quiet gateway, {what}: {value:,.0f} bytes (at most {bound:,})  {'PASS' if is_kept else 'MISSED'}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
