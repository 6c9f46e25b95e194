#!/usr/bin/env python3
"""The shipped unit under a systemd that is PID 1 of namespaces of its own: start, reload, watchdog, restart, refusal, stop; and what systemd says of
other services' restarts. ctest: lane=default timeout=180"""
import json
import os
import subprocess
import sys
import time

from rig import BUILD, SITE, SOURCE, Process, Rig, await_true, main

SYSTEMD = next((p for p in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if os.path.exists(p)), None)
CONFIG = (f"[gateway]\nsite = {SITE}\ngateway = gw-01\n[agent]\nclock = trusted\n[sources]\nrate = 1000\n"
          "[service flappy]\nmanager = systemd\nunit = flappy.service\ninterval = 1s\n"
          "[service steady]\nmanager = systemd\nunit = steady.service\ninterval = 1s\n")
UNITS = {
    "all.target": "[Unit]\nWants=dbus.socket steady.service picketd.service\n",
    "sysinit.target": "[Unit]\nDefaultDependencies=no\n",
    # The agent's user asks systemd through the bus; root would not need it.
    "dbus.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    "dbus.service": ("[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\n"
                     "ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only\n"),
    "flappy.service": "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 1\nRestart=always\nRestartSec=100ms\n",
    "steady.service": "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=100ms\n",
}
# Everything that systemd and the unit write to is laid over this machine's folders and gone with the namespace.
INIT = """
for d in /etc /usr/sbin /var/lib; do
    mkdir -p {dir}/tmpfs$d/upper {dir}/tmpfs$d/work
    mount -t overlay overlay -o lowerdir=$d,upperdir={dir}/tmpfs$d/upper,workdir={dir}/tmpfs$d/work $d || exit 77
done
mkdir -p /etc/picket
cp {dir}/picketd.conf /etc/picket/picketd.conf
cp {build}/picketd /usr/sbin/picketd
grep -q ^picket: /etc/passwd || echo picket:x:64001:64001::/:/usr/sbin/nologin >> /etc/passwd
grep -q ^picket: /etc/group || echo picket:x:64001: >> /etc/group
umount /sys/fs/cgroup/* 2> /dev/null
umount /sys/fs/cgroup 2> /dev/null
mount -t cgroup2 none /sys/fs/cgroup || exit 77
mount -t tmpfs tmpfs /run || exit 77
export container=test SYSTEMD_UNIT_PATH={units}
exec {systemd} --system --unit=all.target --log-target=console --show-status=no
"""


class Machine:
    """systemd as PID 1, and commands beside it."""

    def __init__(self, rig):
        self.rig = rig
        over = f"/tmp/{os.path.basename(rig.dir)}"  # /run is another one inside
        os.makedirs(f"{over}/units/picketd.service.d")
        os.makedirs(f"{over}/tmpfs")
        os.chmod(over, 0o755)
        rig.cleanups.append(lambda: subprocess.run(["rm", "-rf", over], check=False))
        self.dir = over
        self.write("picketd.conf", CONFIG)
        for name, text in UNITS.items():
            self.write(f"units/{name}", text)
        with open(os.path.join(SOURCE, "config", "init", "picketd.service")) as f:
            self.write("units/picketd.service", f.read())
        self.write("units/picketd.service.d/short.conf", "[Unit]\nDefaultDependencies=no\n[Service]\nWatchdogSec=8\nRestartSec=200ms\n")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", f"{over}/tmpfs"], check=True)  # an overlay wants folders that are none itself
        rig.cleanups.append(lambda: subprocess.run(["umount", "-l", f"{over}/tmpfs"], check=False))
        self.write("init", INIT.format(dir=over, build=BUILD, units=f"{over}/units", systemd=SYSTEMD))
        self.process = Process(rig, "systemd", ["unshare", "-m", "-p", "-f", "-C", "-u", "-i", "-n", "--mount-proc", "--kill-child", "sh", f"{over}/init"])
        rig.cleanups.append(lambda: self.process.popen.kill())
        self.pid = 0

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)

    def await_up(self):
        def first():
            if not self.process.is_running():
                if self.process.popen.returncode == 77:
                    print(f"skipped: no namespaces for a systemd here: {self.process.log()[-300:]}")
                    sys.exit(77)
                raise AssertionError(self.process.log())
            out = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
            self.pid = int(out[0]) if out else 0
            return self.pid and os.path.realpath(f"/proc/{self.pid}/exe") == os.path.realpath(SYSTEMD)

        await_true("systemd is there", 20, first)
        await_true("and answers", 20, lambda: self.run("systemctl", "show", "-p", "Version").returncode == 0)

    def run(self, *argv):
        return subprocess.run(["nsenter", "-t", str(self.pid), "-m", "-p", "-n", *argv], capture_output=True, text=True, timeout=60)

    def show(self, unit, name):
        return self.run("systemctl", "show", "-p", name, "--value", unit).stdout.strip()

    def picketctl(self, *args):
        out = self.run(os.path.join(BUILD, "picketctl"), "--format", "json", *args)
        return json.loads(out.stdout) if out.returncode == 0 else None

    def kill(self, number, unit, who="main"):
        out = self.run("systemctl", "kill", f"--kill-who={who}", "-s", number, unit)
        assert out.returncode == 0, out.stderr


def restarts(machine, source):
    answer = machine.picketctl("events", "list", "--type", "service_restarts", "--source", source, "--limit", "200") or {"events": []}
    return [e["value"] for e in answer["events"]]


def is_active(machine):
    return machine.show("picketd.service", "ActiveState") == "active" and machine.picketctl("status") is not None


def test_unit__as_shipped__under_a_real_systemd():
    if SYSTEMD is None or not os.path.exists("/usr/bin/dbus-daemon"):
        print("skipped: no systemd or no dbus-daemon on this machine")
        sys.exit(77)
    with Rig() as rig:
        machine = Machine(rig)
        machine.await_up()
        await_true("READY=1 makes it active", 30, lambda: is_active(machine))
        assert machine.show("picketd.service", "NRestarts") == "0"

        # What systemd counts of others.
        await_true("a service that goes on", 20, lambda: len(restarts(machine, "steady")) >= 2)
        assert not any(restarts(machine, "steady")), restarts(machine, "steady")
        machine.kill("SIGKILL", "steady.service")
        await_true("a restart by systemd is one", 20, lambda: sum(restarts(machine, "steady")) == 1)
        assert machine.run("systemctl", "start", "flappy.service").returncode == 0
        await_true("one that ends again and again", 60, lambda: sum(restarts(machine, "flappy")) >= 3)
        await_true("is a crash loop", 20, lambda: any(i["incident_type"] == "crash_loop" for i in (machine.picketctl("incidents", "list") or {"incidents": []})["incidents"]))
        assert machine.run("systemctl", "stop", "flappy.service").returncode == 0

        # Reload, a hang, a crash.
        pid = machine.show("picketd.service", "MainPID")
        assert machine.picketctl("status")["mode"] == "safe"
        assert machine.run("sed", "-i", "s/^clock = .*/&\\nmode = observe/", "/etc/picket/picketd.conf").returncode == 0
        assert machine.run("systemctl", "reload", "picketd.service").returncode == 0
        await_true("reloaded", 20, lambda: (machine.picketctl("status") or {}).get("mode") == "observe")
        assert machine.show("picketd.service", "MainPID") == pid
        machine.kill("SIGSTOP", "picketd.service")
        await_true("the watchdog ends a supervisor that hangs", 60, lambda: machine.show("picketd.service", "NRestarts") == "1" and is_active(machine))
        machine.kill("SIGKILL", "picketd.service")
        await_true("a crash is a restart", 60, lambda: machine.show("picketd.service", "NRestarts") == "2" and is_active(machine))

        # An orderly end, and a configuration that is refused.
        began = time.monotonic()
        assert machine.run("systemctl", "stop", "picketd.service").returncode == 0
        assert time.monotonic() - began < 15, "TimeoutStopSec: it was killed"
        assert machine.show("picketd.service", "Result") == "success" and machine.show("picketd.service", "ActiveState") == "inactive"
        left = machine.run("pgrep", "-x", "picketd").stdout.split()
        assert not left, left
        assert machine.run("sh", "-c", "echo '[agnet]' >> /etc/picket/picketd.conf").returncode == 0
        assert machine.run("systemctl", "start", "picketd.service").returncode != 0
        time.sleep(1)
        assert machine.show("picketd.service", "ExecMainStatus") == "78" and machine.show("picketd.service", "ActiveState") == "failed"
        assert machine.show("picketd.service", "NRestarts") in ("0", "2"), "starting again would not change it"


main(test_unit__as_shipped__under_a_real_systemd)
