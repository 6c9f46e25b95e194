#!/usr/bin/env python3
"""S1-36 a service crashes, S1-38 a burst of errors, S1-41 a database is gone: real processes that die, real logs, a real PostgreSQL that is killed.
ctest: lane=default timeout=150"""
import contextlib
import ctypes
import glob
import os
import signal
import subprocess
import sys

from rig import BUILD, Process, alone, await_true, free_port, main
from scenario import Scenario

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def restart(gateway, targets):
    return (f"[action restart_service]\nabout = Starts the service again\nrisk = low\nargv = {BUILD}/picket-demo --dir {gateway.dir} --service {{target}} "
            f"--port {gateway.service_port}\nverify = clear\nverify_within = 20s\n{targets}\ndaemon = yes\ntimeout = 10s\ncooldown = 1s\nper_hour = 60\n")


def actions_of(s, *rows):
    """The shipped file without the rows that these replace."""
    with open(os.path.join(s.gateway.etc, "actions.conf")) as f:
        text = f.read()
    for row in rows:
        name = row.split("]")[0].split()[-1]
        parts = text.split(f"[action {name}]\n")
        if len(parts) == 2:
            text = parts[0] + "[" + parts[1].split("\n[", 1)[1]
        text += "\n" + row
    s.rig.write(f"{s.name}/etc/actions.conf", text)


def service_crash(rig):
    """Scaling does not help and is taken back; the restart of a critical service asks, is approved, and is proved by the service's return."""
    s = Scenario(rig, "crash", rules="[rule process_lost]\nabout = A watched process is not running\non = type = process_up\nwhen = value < 1\ntype = service_down\n"
                 "severity = critical\nclear = value >= 1 for 1s\nactions = scale_up, restart_service\nauto = yes\nkeys = 8\n")
    s.rig.write("crash/etc/limit", "32\n")
    actions_of(s, f"[action scale_up]\nabout = More memory\nrisk = low\nsnapshot = /bin/cp {s.gateway.etc}/limit {{snapshot}}\nargv = /bin/cp {s.gateway.config_path} {s.gateway.etc}/limit\n"
               f"undo = /bin/cp {{snapshot}} {s.gateway.etc}/limit\nverify = clear\nverify_within = 2s\n", restart(s.gateway, "critical_targets = demo"))
    s.start()
    s.gateway.kill_service()
    incident = s.detected("process_lost")
    assert incident["incident_type"] == "service_down" and incident["severity"] == "critical" and incident["recommended"] == ["scale_up", "restart_service"], incident
    s.ran(incident, "scale_up", "rolled_back", result="it did not help; undone")
    with open(f"{s.gateway.etc}/limit") as f:
        assert f.read() == "32\n"
    assert not s.gateway.service_pid()
    s.approve(incident, "restart_service")
    s.ran(incident, "restart_service")
    assert s.gateway.service_pid()
    s.resolved(incident)
    s.post_mortem(incident, "restart_service", "scale_up", "rolled_back", "demo")
    s.score("process_lost")


APP = """import os, sys, time
log, state = sys.argv[1:3]
while True:
    if os.path.exists(state):
        with open(log, "a") as f:
            f.write(time.strftime("%b %e %H:%M:%S", time.gmtime()) + " gw demo[7]: ERROR: request failed: stale entry in cache\\n")
    time.sleep(0.1)
"""


def error_burst(rig):
    """A cleared cache does not end it; the service is started anew, which does. A deployment just before is the suspect."""
    s = Scenario(rig, "burst", config=f"[log app]\npath = {rig.path('app.log')}\n",
                 rules="[rule error_burst]\nabout = Many errors\non = any\nwhen = count(severity >= high) >= 10 in 4s by source\ntype = error_burst\nseverity = high\n"
                 "clear = count < 1 in 4s\nactions = clear_cache, restart_service\nauto = yes\nkeys = 8\n")
    broken, log = rig.path("broken"), rig.write("app.log", "")
    actions_of(s, "[action clear_cache]\nabout = Drops clean pages\nrisk = low\nargv = /bin/sync\nverify = clear\nverify_within = 4s\n",
               f"[action restart_service]\nabout = Starts it anew\nrisk = medium\nargv = /bin/rm -f {broken}\nverify = clear\nverify_within = 20s\n")
    s.start()
    Process(rig, "app", [sys.executable, "-c", APP, log, broken])
    await_true("the log is read", 10, lambda: s.gateway.result("events.list", type="source_up", source="log:app")["events"])
    s.gateway.send_events([{"type": "deployment", "source": "demo", "message": "v2.1"}])
    rig.write("broken", "")
    incident = s.detected("error_burst", "demo")
    assert incident["severity"] == "high" and incident["event_count"] >= 10, incident
    assert incident["causes"][0]["cause"] == "deployment on demo: v2.1", incident["causes"]
    s.ran(incident, "clear_cache", "failed", result="did not clear in time")
    s.approve(incident, "restart_service")
    s.ran(incident, "restart_service")
    s.resolved(incident)
    s.post_mortem(incident, "deployment on demo", "restart_service", "clear_cache")
    s.score("error_burst")


def is_left(pid):
    """Whether its number is still taken."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return os.path.exists(f"/proc/{pid}")


class Postgres:
    """A server of its own on the loopback address, started and killed."""

    def __init__(self, rig):
        self.dir, self.port, self.rig = rig.path("pg"), free_port(), rig
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        os.mkdir(self.dir)
        subprocess.run(["chown", "postgres:", self.dir], check=True)
        subprocess.run(["runuser", "-u", "postgres", "--", f"{self.bin}/initdb", "--locale=C", "-A", "trust", "-N", "-D", f"{self.dir}/data"], check=True, capture_output=True, cwd="/")
        self.start = f"/usr/sbin/runuser -u postgres -- {self.bin}/pg_ctl -D {self.dir}/data -w -l {self.dir}/log -o -p{self.port} start"
        rig.cleanups.append(self.kill)
        # The server leaves its starter. Whoever inherits it must take note of its end at once: while its number is taken, even by a process that
        # is dead, the next server says that this one still runs, and a busy process 1 takes its time.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        subprocess.run(self.start.split(), check=True, capture_output=True, cwd="/")

    def kill(self):
        """As the kernel does when memory is short: the whole server, without a word. Stopped first, it makes no child that would be left over and
        hold the shared memory that the next server wants; a child that ends by itself meanwhile is no reason to spare the others."""
        try:
            with open(f"{self.dir}/data/postmaster.pid") as f:
                first = int(f.readline())
            with open(f"/proc/{first}/comm") as f:
                assert f.read() == "postgres\n", "the number is another process's by now"
            os.kill(first, signal.SIGSTOP)
        except (OSError, ValueError, AssertionError):
            return
        own = subprocess.run(["pgrep", "-P", str(first)], capture_output=True, text=True, check=False).stdout.split()
        pids = [*map(int, own), first]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await_true("the server is gone", 10, lambda: not any(map(is_left, pids)))


CLIENT = """import os, subprocess, sys, time
log, port = sys.argv[1:3]
while True:
    out = subprocess.run(["psql", "-X", "-q", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-c", "select 1"], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if out.returncode != 0:
        with open(log, "a") as f:
            f.write(time.strftime("%b %e %H:%M:%S", time.gmtime()) + " gw shop[9]: " + out.stderr.splitlines()[0] + "\\n")
    time.sleep(0.3)
"""


def database_connection(rig):
    """PostgreSQL is killed. Its clients fail, which is a consequence; scaling is only proposed, the start is up to a person, and heals both."""
    pg = Postgres(rig)
    log = rig.write("shop.log", "")
    s = Scenario(rig, "database", mode="auto", topology="shop -> postgres\n", config=f"[log shop]\npath = {log}\n[probe postgres]\nkind = tcp\nhost = 127.0.0.1\nport = {pg.port}\ninterval = 1s\n",
                 rules="[rule database_connection_fail]\nabout = No database\non = type = database_connection_error\nwhen = count >= 3 in 4s by source\ntype = database_connection_fail\n"
                 "severity = critical\nclear = count < 1 in 4s\nkeys = 8\n")
    actions_of(s, f"[action restart_service]\nabout = Starts PostgreSQL\nrisk = medium\nargv = {pg.start}\nverify = clear\nverify_within = 25s\ndaemon = yes\ntimeout = 20s\ncooldown = 1s\n",
               "[action scale_up]\nabout = More connections\nrisk = low\nargv = /bin/true\nverify = clear\nverify_within = 2s\n",
               "[incident database_connection_fail]\nactions = scale_up\n")
    s.start()
    Process(rig, "shop", [sys.executable, "-c", CLIENT, log, str(pg.port)])
    await_true("the log is read", 10, lambda: s.gateway.result("events.list", type="source_up", source="log:shop")["events"])
    await_true("the database answers", 10, lambda: any(e.get("value") == 1 for e in s.gateway.result("events.list", type="probe_up", source="postgres")["events"]))
    pg.kill()
    database = s.detected("probe_down", "postgres")
    clients = s.detected("database_connection_fail", "shop")
    assert clients["severity"] == "critical", clients
    await_true("its cause is found", 20, lambda: s.get(clients)["caused_by"] == database["incident_id"])
    cause = s.get(clients)["causes"][0]
    assert "postgres" in cause["cause"] and cause["confidence"] >= 0.35 and cause["evidence"], s.get(clients)
    s.ran(clients, "scale_up", "awaiting_approval")  # its rule does not say auto
    out = s.gateway.ctl("incidents", "mitigate", database["incident_id"], "--action", "restart_service", "--reason", "by hand")
    assert out.returncode == 0, out
    s.ran(database, "restart_service")
    s.resolved(database)
    s.resolved(clients)
    s.post_mortem(clients, "postgres", "Database connection")
    s.score("probe_down", "database_connection_fail")


if __name__ == "__main__":
    main(*map(alone, (service_crash, error_burst, database_connection)), at_once=3)
