#!/usr/bin/env python3
"""The rows of config/actions.conf as they are shipped, run by the real picketd on real processes, files, groups, interfaces, a real PostgreSQL and
a real broker; each undone where it can be. Then what hostile targets and hostile programs get. ctest: lane=default timeout=300"""
import contextlib
import glob
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time

from rig import Gateway, Process, Rig, SOURCE, alone, await_true, free_port, is_alive, main

RULES = """[rule broken]
about    = Something is wrong
on       = type = fault
when     = count >= 1 in 10s by source
type     = custom
severity = high
clear    = never
"""


def shipped(changes=()):
    with open(os.path.join(SOURCE, "config", "actions.conf")) as f:
        text = f.read()
    for old, new in changes:
        assert old in text, old
        text = "\n".join(line if line.startswith(("about", "#")) else line.replace(old, new) for line in text.split("\n"))
    return text


def with_target(text, action, target):
    """The row with this target on its list."""
    out, n = re.subn(rf"(?ms)(^\[action {action}\]\n.*?^targets =)[^\n]*", rf"\1 {target}", text, count=1)
    assert n == 1 and f"[action {action}]" in out, action
    return out


class World:
    """A gateway with the shipped actions, one of them allowed on one target, and an incident to act on."""

    def __init__(self, rig, action, target, changes=(), extra="", prefix=(), rules=RULES):
        self.action, self.target = action, target
        self.gateway = Gateway(rig, name=action, mode="auto", rules=rules, actions="")
        text = shipped([*changes, ("/etc/picket/", self.gateway.etc + "/")])
        text = with_target(text, action, target) if target else text
        rig.write(f"{action}/etc/actions.conf", text + extra)
        hooks = os.path.join(SOURCE, "config", "hooks")
        for hook in os.listdir(hooks):
            rig.write(f"{action}/etc/hooks/{hook}", read(os.path.join(hooks, hook)), 0o755)
        self.gateway.start(prefix=prefix)
        self.gateway.result("events.send", event={"type": "fault", "source": "x", "severity": "high"})
        self.incident = await_true("an incident", 10, lambda: next((i["incident_id"] for i in self.gateway.incidents()), None))

    def ask(self, target=None, action=None):
        args = {"incident_id": self.incident, "action": action or self.action}
        if target is not None:
            args["target"] = target
        return self.gateway.ask("mitigate", **args)

    def actions(self):
        return self.gateway.incident(self.incident)["incident"]["actions"]

    def run(self, until="completed", result=None):
        """Its action runs, approved by root; the run once it is in that state."""
        reply = self.ask(self.target or None)
        assert reply["ok"], reply
        run = reply["result"]["run"]
        self.waits(run, until, result)
        return run

    def waits(self, run, state, result=None):
        def there():
            row = next((a for a in self.actions() if a["run_id"] == str(run)), None)
            return row if row and row["state"] == state and (result is None or result in (row["result"] or "")) else None
        try:
            return await_true(f"run {run} is {state}", 30, there)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.gateway.incident(self.incident, timeline=True)}") from e

    def acts(self):
        """For rows that are proved by the incident's end: the program ended well."""
        return self.run("executing", "exit 0")

    def undo(self, run):
        reply = self.gateway.ask("undo", run=run)
        assert reply["ok"], reply
        self.waits(reply["result"]["run"], "completed")


def name():
    return f"picket-test-{secrets.token_hex(3)}"


@contextlib.contextmanager
def folder(path):
    os.makedirs(path)
    try:
        yield path
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", path], check=False)


def put(path, text, age_s=0):
    with open(path, "w") as f:
        f.write(text)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def read(path):
    with open(path) as f:
        return f.read()


ZOMBIE = """import ctypes, os, signal, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode())
child = os.fork()
if child == 0:
    os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
signal.signal(signal.SIGCHLD, lambda *_: os.waitpid(-1, os.WNOHANG))
print(child, flush=True)
time.sleep(600)
"""


def kill_zombie_processes(rig):
    comm = "pkz" + secrets.token_hex(3)
    parent = Process(rig, "zombie", [sys.executable, "-c", ZOMBIE, comm])
    child = await_true("a child ended", 10, lambda: parent.log().strip())
    is_zombie = lambda: os.path.exists(f"/proc/{child}/stat") and read(f"/proc/{child}/stat").rsplit(")", 1)[1].split()[0] == "Z"
    assert is_zombie()
    World(rig, "kill_zombie_processes", comm).acts()
    await_true("the zombie is gone", 5, lambda: not is_zombie())


def lower_priority(rig):
    uid = 61000 + secrets.randbelow(500)

    def sleeper(nice):  # whatever the tests themselves run with
        p = Process(rig, f"nice{nice}", ["sleep", "600"], user=uid)
        os.setpriority(os.PRIO_PROCESS, p.pid, nice)
        return p

    has = lambda some: [os.getpriority(os.PRIO_PROCESS, p.pid) for p in some]
    before = [sleeper(nice) for nice in (-3, 0, 5, 15)]
    w = World(rig, "lower_priority", str(uid))
    run = w.run()
    assert has(before) == [10, 10, 10, 15], has(before)
    since = [sleeper(nice) for nice in (10, 12)]
    w.undo(run)
    assert has(before) == [-3, 0, 5, 15], has(before)
    assert has(since) == [0, 12], has(since)


DAEMON = """#!{python}
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
with open("/run/{name}.pid", "w") as f:
    f.write(str(os.getpid()))
time.sleep(600)
"""


def restart_by_pid_file(rig):
    daemon = name()
    program, pid_file = f"/usr/sbin/{daemon}", f"/run/{daemon}.pid"
    put(program, DAEMON.format(python=sys.executable, name=daemon))
    os.chmod(program, 0o755)
    pid = lambda: int(read(pid_file) or 0) if os.path.exists(pid_file) else 0
    try:
        subprocess.run([program], check=True)
        before = await_true("the daemon runs", 5, pid)
        w = World(rig, "restart_by_pid_file", daemon)
        w.run()
        assert pid() != before and os.path.exists(f"/proc/{pid()}")
        assert not os.path.exists(f"/proc/{before}") or read(f"/proc/{before}/stat").rsplit(")", 1)[1].split()[0] == "Z"
        time.sleep(0.5)
        assert os.path.exists(f"/proc/{pid()}"), "what the action started stays"
    finally:
        if pid():
            os.kill(pid(), signal.SIGKILL)
        for path in (program, pid_file):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def pid_file_that_is_stale(rig):
    """The number in the file has been given to another process since: that one stays, whatever it is."""
    daemon = name()
    program, pid_file = f"/usr/sbin/{daemon}", f"/run/{daemon}.pid"
    put(program, DAEMON.format(python=sys.executable, name=daemon))
    os.chmod(program, 0o755)
    other = Process(rig, "other", ["sleep", "600"])
    try:
        w = World(rig, "restart_by_pid_file", daemon, [("cooldown = 2m", "cooldown = 0")])
        put(pid_file, str(other.pid))  # as old as the process: it may be the one that wrote it, by the clock
        w.run("failed", "exit 1")
        assert other.is_running() and read(pid_file) == str(other.pid)
        put(pid_file, str(other.pid), age_s=3600)  # older than the process: the daemon is gone
        w.run()
        started = int(read(pid_file))
        assert other.is_running() and started != other.pid and is_alive(started)
        os.kill(started, signal.SIGKILL)
    finally:
        for path in (program, pid_file):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def scale_up(rig):
    group = name()
    if os.path.isdir("/sys/fs/cgroup/memory"):
        action, path, limit = "scale_up_cgroup1", f"/sys/fs/cgroup/memory/{group}", "memory.limit_in_bytes"
    else:
        os.makedirs("/sys/fs/cgroup/system.slice", exist_ok=True)
        action, path, limit = "scale_up", f"/sys/fs/cgroup/system.slice/{group}", "memory.max"
    os.mkdir(path)
    try:
        with open(f"{path}/{limit}", "w") as f:
            f.write("33554432")
        rig.write(f"{action}/etc/scale/{group}.memory", "67108864\n")
        w = World(rig, action, group)
        run = w.run()
        assert read(f"{path}/{limit}") == "67108864\n"
        w.undo(run)
        assert read(f"{path}/{limit}") == "33554432\n"
    finally:
        os.rmdir(path)


def scale_up_cpu(rig):
    governor = rig.write("cpufreq/policy0/scaling_governor", "powersave\n")
    rig.write("scale_up_cpu/etc/scale/governor", "performance\n")
    w = World(rig, "scale_up_cpu", "policy0", changes=[("/sys/devices/system/cpu/cpufreq/", rig.path("cpufreq") + "/")])
    run = w.run()
    assert read(governor) == "performance\n"
    w.undo(run)
    assert read(governor) == "powersave\n"


def hooks_of_the_operator(rig):
    """scale_workers, rebuild_cache, reset_parameters: his programs, with the target and what is to be taken back."""
    for action, is_proved in (("scale_workers", True), ("rebuild_cache", False), ("reset_parameters", False)):
        said = rig.path(f"{action}.said")
        rig.write(f"{action}/etc/hooks/{action}", f"#!/bin/sh\necho \"$@\" >>{said}\n", 0o755)
        w = World(rig, action, "line-3")
        run = w.run() if is_proved else w.acts()
        assert read(said) == "line-3\n", read(said)
        if is_proved:
            w.undo(run)
            assert read(said) == "line-3\nline-3 --undo\n", read(said)
        assert not w.ask("line-4")["ok"]
        w.gateway.stop()


def clear_cache_files(rig):
    cache = name()
    with folder(f"/var/cache/{cache}") as path:
        outside = put(rig.path("outside"), "keep", 7200)
        old, fresh = put(f"{path}/old", "x", 7200), put(f"{path}/fresh", "x")
        os.makedirs(f"{path}/deep")
        deep = put(f"{path}/deep/old", "x", 7200)
        os.symlink(rig.dir, f"{path}/link")
        os.symlink(outside, f"{path}/link2")
        World(rig, "clear_cache_files", cache).acts()
        assert not os.path.exists(old) and not os.path.exists(deep) and os.path.exists(fresh) and read(outside) == "keep"


def compress_logs(rig):
    log = name()
    with folder(f"/var/log/{log}") as path:
        rotated, live, gone = put(f"{path}/a.log.1", "line\n" * 1000, 7200), put(f"{path}/a.log", "now", 7200), put(f"{path}/b.log.9.gz", "x", 20 * 86400)
        outside = put(rig.path("outside.log.1"), "keep", 7200)
        os.symlink(outside, f"{path}/c.log.1")
        World(rig, "compress_logs", log).acts()
        assert not os.path.exists(rotated) and subprocess.run(["zcat", f"{rotated}.gz"], capture_output=True, check=True).stdout == b"line\n" * 1000
        assert os.path.exists(live) and not os.path.exists(gone) and read(outside) == "keep"


def preserve_evidence(rig):
    log = name()
    with folder(f"/var/log/{log}") as path:
        put(f"{path}/auth.log", "first\n")
        w = World(rig, "preserve_evidence", log, [("/var/backups/picket", rig.path("kept"))])
        w.run()
        put(f"{path}/auth.log", "second\n")
        w.run()
        kept = sorted(glob.glob(rig.path("kept", log, "auth.log*")))
        assert [read(p) for p in kept] == ["second\n", "first\n"], kept
        assert os.stat(rig.path("kept")).st_mode & 0o077 == 0


class Postgres:
    """A server of its own, in the rig's folder, reached by its socket only."""

    def __init__(self, rig):
        self.dir, self.port = rig.path("pg"), free_port()
        bin_dir = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        os.mkdir(self.dir)
        subprocess.run(["chown", "postgres:", self.dir], check=True)
        subprocess.run(["runuser", "-u", "postgres", "--", f"{bin_dir}/initdb", "--locale=C", "-A", "trust", "-N", "-D", f"{self.dir}/data"], check=True, capture_output=True, cwd="/")
        Process(rig, "postgres", ["runuser", "-u", "postgres", "--", f"{bin_dir}/postgres", "-D", f"{self.dir}/data", "-k", self.dir, "-p", str(self.port), "-c", "listen_addresses=", "-c", "fsync=off"], cwd="/")
        await_true("PostgreSQL answers", 60, lambda: subprocess.run(self.psql("select 1"), capture_output=True, check=False).returncode == 0)

    def psql(self, text):
        return ["psql", "-X", "-q", "-A", "-t", "-h", self.dir, "-p", str(self.port), "-U", "postgres", "-d", "postgres", "-c", text]

    def value(self, text):
        return subprocess.run(self.psql(text), capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    def changes(self):
        return [("/usr/bin/psql -X", f"/usr/bin/psql -h {self.dir} -p {self.port} -X"), ("/usr/bin/vacuumdb ", f"/usr/bin/vacuumdb -h {self.dir} -p {self.port} ")]


def kill_queries(rig):
    pg = Postgres(rig)
    sql = read(os.path.join(SOURCE, "config", "sql", "kill_queries.sql"))
    runs = lambda what: await_true(f"{what} runs", 20, lambda: pg.value(f"select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%{what}%'") == "1")
    long_one = Process(rig, "query", pg.psql("select pg_sleep(600)"))
    dump = Process(rig, "dump", pg.psql("select 'its secret is hunter2', pg_sleep(601)"), env={**os.environ, "PGAPPNAME": "pg_dump"})
    runs("pg_sleep(600)")
    runs("pg_sleep(601)")
    assert pg.value(sql) == "", "none is five minutes old"
    # What is old is told by a moment between the queries: by their age, the young one would be old before a busy machine came to it.
    long_ago = "now() - interval '5 minutes'"
    assert sql.count(long_ago) == 1
    rig.write("kill_queries/etc/sql/kill_queries.sql", sql.replace(long_ago, f"timestamptz '{pg.value('select clock_timestamp()')}'"))
    young = Process(rig, "young", pg.psql("select pg_sleep(599)"))
    runs("pg_sleep(599)")
    w = World(rig, "kill_queries", "postgres", pg.changes())
    run = w.ask("postgres")["result"]
    w.waits(run["run"], "executing", "exit 0")
    await_true("the query was ended", 10, lambda: not long_one.is_running())
    assert "terminating connection" in long_one.log() and young.is_running() and dump.is_running()
    assert "pg_sleep" not in str(w.gateway.incident(w.incident, timeline=True)), "queries are nobody's business"
    reply = w.gateway.ask("undo", run=run["run"])
    assert not reply["ok"] and "no undo" in reply["message"], reply


def database_maintenance(rig):
    pg = Postgres(rig)
    pg.value("create table t as select generate_series(1, 1000) as n")
    assert pg.value("select count(*) from pg_stats where tablename = 't'") == "0"
    World(rig, "database_maintenance", "postgres", pg.changes()).run()
    assert pg.value("select count(*) from pg_stats where tablename = 't'") == "1"


def rollback_deployment(rig):
    app = name()
    with folder(f"/srv/{app}") as path:
        for version in ("v1", "v2"):
            os.mkdir(f"{path}/{version}")
        os.symlink("v2", f"{path}/current")
        os.symlink("v1", f"{path}/previous")
        w = World(rig, "rollback_deployment", app)
        run = w.run()
        assert os.readlink(f"{path}/current") == "v1"
        w.undo(run)
        assert os.readlink(f"{path}/current") == "v2"
        assert sorted(os.listdir(path)) == ["current", "previous", "v1", "v2"]


def rollback_moves_links_only(rig):
    """Whoever looks while it happens finds the one or the other, never none; a folder in the place of a link is left as it is."""
    app = name()
    with folder(f"/srv/{app}") as path:
        for version in ("v1", "v2"):
            os.mkdir(f"{path}/{version}")
        os.symlink("v2", f"{path}/current")
        os.symlink("v1", f"{path}/previous")
        w = World(rig, "rollback_deployment", app, [("cooldown = 10m", "cooldown = 0"), ("per_hour = 20", "per_hour = 60"), ("per_hour = 2", "per_hour = 6")])
        seen, is_over = [], threading.Event()

        def look():
            while not is_over.is_set():
                try:
                    seen.append(os.readlink(f"{path}/current"))
                except OSError as e:
                    seen.append(str(e))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            for _ in range(3):
                w.undo(w.run())
        finally:
            is_over.set()
            watcher.join()
        assert set(seen) == {"v1", "v2"}, set(seen)
        os.unlink(f"{path}/current")
        os.mkdir(f"{path}/current")
        put(f"{path}/current/index", "mine\n")
        w.run("failed")
        assert read(f"{path}/current/index") == "mine\n" and sorted(os.listdir(path)) == ["current", "previous", "v1", "v2"]
        shutil.rmtree(f"{path}/current")
        os.symlink("v2", f"{path}/current")
        os.unlink(f"{path}/previous")
        os.mkdir(f"{path}/previous")
        w.run("rolled_back")
        assert os.readlink(f"{path}/current") == "v2"


def rollback_to_nothing(rig):
    app = name()
    with folder(f"/srv/{app}") as path:
        os.mkdir(f"{path}/v2")
        os.symlink("v2", f"{path}/current")
        os.symlink("v1", f"{path}/previous")  # was deleted
        w = World(rig, "rollback_deployment", app)
        w.run("rolled_back", "it did not help; undone")
        assert os.readlink(f"{path}/current") == "v2"


def config_fix(rig):
    conf = name() + ".conf"
    path = put(f"/etc/{conf}", "broken\n")
    os.chmod(path, 0o640)
    try:
        rig.write(f"config_fix/etc/good/{conf}", "good\n")
        w = World(rig, "config_fix", conf)
        run = w.run()
        assert read(path) == "good\n"
        w.undo(run)
        assert read(path) == "broken\n" and os.stat(path).st_mode & 0o777 == 0o640
    finally:
        os.unlink(path)


def config_that_was_deleted(rig):
    conf = name() + ".conf"
    path = f"/etc/{conf}"
    try:
        rig.write(f"config_fix/etc/good/{conf}", "good\n")
        w = World(rig, "config_fix", conf, [("cooldown = 10m", "cooldown = 0"), ("confirm_within = 10m", "confirm_within = 10s")])
        run = w.run(result="undone unless confirmed")
        assert read(path) == "good\n"
        await_true("nobody confirmed it: as it was, not there", 30, lambda: not os.path.exists(path))
        w.waits(run, "rolled_back", "not confirmed in time; undone")
        kept = w.run(result="undone unless confirmed")
        assert w.gateway.ctl("confirm", str(kept)).returncode == 0
        time.sleep(12)
        assert read(path) == "good\n"
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


@contextlib.contextmanager
def namespace():
    """A network of our own: an interface with an address and a default route."""
    ns = name()
    ip = lambda *words: subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout
    ip("netns", "add", ns)
    try:
        for words in (("link", "set", "lo", "up"), ("link", "add", "cell0", "type", "veth", "peer", "name", "cell1"), ("link", "set", "cell1", "up"),
                      ("link", "set", "cell0", "up"), ("addr", "add", "10.77.0.1/24", "dev", "cell0"), ("route", "add", "default", "via", "10.77.0.2", "metric", "100")):
            ip("-n", ns, *words)
        yield ns, lambda *words: ip("-n", ns, *words)
    finally:
        ip("netns", "del", ns)


def isolate_component(rig):
    with namespace() as (ns, ip):
        ip("-6", "addr", "add", "2001:db8:77::1/64", "dev", "cell0", "nodad")
        ip("-6", "route", "add", "default", "via", "2001:db8:77::2", "metric", "77")
        ip("route", "add", "198.51.100.0/24", "via", "10.77.0.3")
        ip("route", "add", "203.0.113.0/24", "via", "198.51.100.7", "dev", "cell0", "onlink", "table", "99")
        routes = lambda: sorted(line for v in ("-4", "-6") for line in ip(v, "route", "show", "table", "all", "dev", "cell0").split("\n")
                                if line and "fe80" not in line and "multicast" not in line)
        before = routes()
        assert any(line.startswith("default via 10.77.0.2") for line in before), before
        w = World(rig, "isolate_component", "cell0", [("confirm_within = 10m", "confirm_within = 6s")], prefix=("ip", "netns", "exec", ns))
        run = w.run(result="undone unless confirmed")
        assert "state DOWN" in ip("link", "show", "cell0")
        assert not any(line.startswith("default") for line in routes()), routes()
        w.undo(run)
        await_true("it is up again", 5, lambda: "state UP" in ip("link", "show", "cell0"))
        await_true("with all it had", 5, lambda: routes() == before)
        assert "2001:db8:77::1/64" in ip("-6", "addr", "show", "cell0")
        run = w.run(result="undone unless confirmed")
        await_true("nobody confirms: it comes back by itself", 15, lambda: routes() == before)
        w.waits(run, "rolled_back", "not confirmed in time; undone")
        ip("link", "set", "cell0", "down")
        w.run("failed", "exit 1")  # nothing to keep: not even begun
        w.gateway.stop()


def lock_down(rig):
    with namespace() as (ns, ip):
        w = World(rig, "lock_down", "", prefix=("ip", "netns", "exec", ns))
        reply = w.ask()
        assert reply["ok"] and reply["result"]["state"] == "awaiting_approval", reply  # root is one; two have to agree
        time.sleep(0.5)
        assert "prohibit" not in ip("route")
        w.gateway.stop()
        shutil.rmtree(w.gateway.dir)
        w = World(rig, "lock_down", "", [("risk = critical ", "risk = high ")], prefix=("ip", "netns", "exec", ns))
        run = w.run()
        assert "prohibit 0.0.0.0/1" in ip("route") and "10.77.0.0/24" in ip("route")
        reached = lambda to, *v: subprocess.run(["ip", "netns", "exec", ns, "ip", *v, "route", "get", to], capture_output=True).returncode == 0
        assert reached("10.77.0.9") and not reached("198.51.100.9") and not reached("2001:db8::1", "-6")
        run = w.run()  # once more changes nothing, and is no failure
        w.undo(run)
        assert "prohibit" not in ip("route") and "default via 10.77.0.2" in ip("route")
        w.gateway.stop()


BRIEF = [("risk = critical ", "risk = high "), ("confirm_within = 10m", "confirm_within = 10s")]


def unconfirmed_change_is_taken_back(rig):
    """Nobody confirms a change of the network: it is undone by itself, and that is on record. Confirmed it stays."""
    with namespace() as (ns, ip):
        is_locked = lambda: "prohibit" in ip("route")
        w = World(rig, "lock_down", "", BRIEF, prefix=("ip", "netns", "exec", ns))
        run = w.run(result="undone unless confirmed")
        assert is_locked()
        await_true("it is taken back", 30, lambda: not is_locked())
        w.waits(run, "rolled_back", "not confirmed in time; undone")
        kept = w.run(result="undone unless confirmed")
        assert w.gateway.ctl("confirm", str(kept)).returncode == 0
        w.waits(kept, "completed", "confirmed by")
        await_true("the supervisor said so", 5, lambda: next(a["result"] for a in w.actions() if a["run_id"] == str(kept)).startswith("confirmed by"))
        time.sleep(12)
        assert is_locked()
        for bad in (run, 999):
            assert w.gateway.ctl("confirm", str(bad)).returncode != 0, bad
        w.undo(kept)
        assert not is_locked()
        w.gateway.stop()


def reboot_before_it_was_confirmed(rig):
    """Power is cut before somebody confirmed. The next boot takes the change back at once, before it does anything else."""
    with namespace() as (ns, ip):
        is_locked = lambda: "prohibit" in ip("route")
        boot_id = put(rig.path("boot_id"), "11111111-2222-3333-4444-555555555555\n")
        prefix = ("ip", "netns", "exec", ns, "sh", "-c", f'mount --bind {boot_id} /proc/sys/kernel/random/boot_id && exec "$@"', "sh")
        w = World(rig, "lock_down", "", BRIEF[:1], prefix=prefix)
        run = w.run(result="undone unless confirmed")
        agent = w.gateway.agent_pid()
        w.gateway.process.stop(signal.SIGKILL)
        await_true("the agent is gone", 10, lambda: not os.path.exists(f"/proc/{agent}"))
        assert is_locked()
        w.gateway.start(prefix=prefix)
        time.sleep(1)
        assert is_locked(), "the same boot: ten minutes have not passed"
        agent = w.gateway.agent_pid()
        w.gateway.process.stop(signal.SIGKILL)
        await_true("the agent is gone", 10, lambda: not os.path.exists(f"/proc/{agent}"))
        put(boot_id, "99999999-2222-3333-4444-555555555555\n")
        w.gateway.start(prefix=prefix)
        await_true("it is taken back", 10, lambda: not is_locked())
        w.waits(run, "rolled_back", "not confirmed in time; undone")
        w.gateway.stop()


def record_damaged_before_it_was_confirmed(rig):
    """The supervisor's record is gone while a change waits: its copy knows. With that gone too nothing is guessed, but everybody is told."""
    with namespace() as (ns, ip):
        is_locked = lambda: "prohibit" in ip("route")
        prefix = ("ip", "netns", "exec", ns)
        w = World(rig, "lock_down", "", [("risk = critical ", "risk = high "), ("confirm_within = 10m", "confirm_within = 8s")], prefix=prefix)

        def dies(*files):
            agent = w.gateway.agent_pid()
            w.gateway.process.stop(signal.SIGKILL)
            await_true("the agent is gone", 10, lambda: not is_alive(agent))
            for file in files:
                with open(f"{w.gateway.state}/supervisor/{file}", "r+b") as f:
                    f.write(b"\xff" * os.fstat(f.fileno()).st_size)
            w.gateway.start(prefix=prefix)

        doctor = lambda: w.gateway.ctl("doctor").stdout
        w.run(result="undone unless confirmed")
        assert is_locked()
        dies("state")
        await_true("it is taken back", 20, lambda: not is_locked())
        assert "known from their copy" in doctor(), doctor()
        w.run("refused", "budget is spent")  # what was counted is not known
        w.gateway.stop()
        shutil.rmtree(w.gateway.dir)
        w = World(rig, "lock_down", "", BRIEF, prefix=prefix, rules=RULES + read(os.path.join(SOURCE, "config", "rules", "self.rules")))
        run = w.run(result="undone unless confirmed")
        dies("state", "armed")
        assert "waited to be confirmed is NOT undone" in doctor(), doctor()
        told = await_true("an incident of its own", 10, lambda: next((i for i in w.gateway.incidents() if i["severity"] == "critical"), None))
        assert "NOT undone" in str(w.gateway.incident(told["incident_id"], timeline=True)), told
        assert is_locked()
        w.undo(run)  # as both say
        assert not is_locked()
        w.gateway.stop()


def publish(rig):
    port = free_port()
    Process(rig, "broker", ["mosquitto", "-p", str(port)])
    await_true("the broker listens", 5, lambda: subprocess.run(["mosquitto_pub", "-p", str(port), "-t", "x", "-n"], capture_output=True, check=False).returncode == 0)
    reader = Process(rig, "reader", ["mosquitto_sub", "-p", str(port), "-t", "picket/do/#", "-F", "%t %p"])

    def is_heard():
        subprocess.run(["mosquitto_pub", "-p", str(port), "-t", "picket/do/probe", "-m", "1"], check=True, timeout=10)
        time.sleep(0.05)
        return "probe" in reader.log()

    await_true("the reader is there", 10, is_heard)
    World(rig, "publish", "pump.restart", [("mosquitto_pub -h 127.0.0.1", f"mosquitto_pub -h 127.0.0.1 -p {port}")]).run()
    await_true("it was told", 5, lambda: [line for line in reader.lines() if "probe" not in line] == ["picket/do/pump.restart 1"])


def actions_of_a_type(rig):
    """A rule that names none gets those of its incident's type; what is recommended and what was taken is shown with its cost."""
    w = World(rig, "config_fix", "fine.conf", extra="\n[incident custom]\nactions = collect_diagnostics, config_fix\n")
    rows = lambda: [line.split(",")[:5] for line in w.gateway.ctl("incidents", "mitigate", w.incident, "--list-actions", "--format", "csv").stdout.splitlines()]
    await_true("it is planned", 5, lambda: rows()[1][:4] == ["collect_diagnostics", "true", "awaiting_approval", "low"])
    assert rows()[0] == ["action", "recommended", "taken", "risk", "cost"] and rows()[2] == ["config_fix", "true", "", "medium", "slow"], rows()[:3]
    assert all(row[1:3] == ["false", ""] for row in rows()[3:] if row[0].isidentifier()), rows()
    approval = w.gateway.result("approval.list")["approvals"][0]["approval_id"]
    assert w.gateway.ctl("approve", approval).returncode == 0
    await_true("it was taken", 10, lambda: rows()[1][2] == "completed")
    made = w.gateway.result("incidents.create", type="custom", title="by hand")["incident_id"]
    assert w.gateway.incident(made)["incident"]["recommended"] == ["collect_diagnostics", "config_fix"]


def hostile_targets(rig):
    """No row runs on what is not on its list, whatever it looks like."""
    w = World(rig, "config_fix", "fine.conf")
    rows = [row for row in w.gateway.result("actions.list")["actions"] if row["action"] not in ("lock_down", "collect_diagnostics", "clear_cache", "cleanup_logs")]
    assert len(rows) >= 18, [row["action"] for row in rows]
    for row in rows:
        for target in ("../etc", "..", "a b", "-rf", "--help", "$(id)", "a;b", "other", "fine.conf/", "FINE.conf", "{target}", "{snapshot}"):
            reply = w.ask(target, row["action"])
            assert not reply["ok"], (row["action"], target, reply)
            assert reply["error"] in ("refused_by_policy", "policy", "bad_field", "refused"), reply
    assert w.actions() == [], w.actions()


STUBBORN = """import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        break
with open(sys.argv[1], "a") as f:
    f.write(f"{os.getpid()}\\n")
end = time.monotonic() + 60
while time.monotonic() < end:
    os.write(1, b"noise " * 2000)
"""


def program_that_forks_floods_and_ignores_term(rig):
    script, pids = put(rig.path("stubborn.py"), STUBBORN), rig.path("pids")
    extra = (f"\n[action stubborn]\nrisk = low\nargv = {sys.executable} {script} {pids}\nundo = /bin/touch {rig.path('undone')}\ntimeout = 10s\ncooldown = 0\n")
    w = World(rig, "stubborn", "", extra=extra)
    w.run("rolled_back", "ran out of its time; undone")
    assert os.path.exists(rig.path("undone"))
    alive = lambda: [p for p in read(pids).split() if is_alive(p)]
    await_true("nothing of it runs on", 10, lambda: not alive())


FILLER = """import sys, time
with open(sys.argv[1], "wb", buffering=0) as f:
    try:
        while True:
            f.write(bytes(65536))
    except OSError:
        time.sleep(600)
"""


def program_that_fills_the_disk(rig):
    """Of the store: the program runs out of its time, what it wrote is taken away, and nothing is lost meanwhile."""
    state = rig.path("filler", "state")
    os.makedirs(state)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", state], check=True)
    try:
        script = put(rig.path("filler.py"), FILLER)
        extra = (f"\n[action filler]\nrisk = low\nargv = {sys.executable} {script} {state}/waste\nundo = /bin/rm -f {state}/waste\ntimeout = 4s\ncooldown = 0\n")
        w = World(rig, "filler", "", extra=extra)
        assert w.gateway.state == state, w.gateway.state
        has_y = lambda: any(i["title"].endswith("on y") for i in w.gateway.incidents())
        run = w.ask()["result"]["run"]
        await_true("the disk is full", 10, lambda: os.statvfs(state).f_bavail == 0)
        reply = w.gateway.ask("events.send", event={"type": "fault", "source": "y", "severity": "high"})
        assert reply["ok"] or (reply["error"] == "timeout" and "has not kept it yet" in reply["message"]), reply
        await_true("an incident meanwhile", 10, lambda: has_y())
        w.waits(run, "rolled_back", "undone")
        assert not os.path.exists(f"{state}/waste")
        store = lambda: w.gateway.result("status")["store"]
        await_true("all of it is stored", 20, lambda: store()["state"] == "ok" and store()["durable"])
        agent = w.gateway.agent_pid()
        os.kill(agent, signal.SIGKILL)
        await_true("the next agent", 20, lambda: w.gateway.agent_pid() not in (0, agent) and w.gateway.is_up())
        assert has_y(), w.gateway.incidents()
        w.gateway.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=False)


def approvals_that_are_none(rig):
    """Unknown, malformed, decided, late; and two that answer at the same moment: one counts."""
    extra = "\n[action careful]\nrisk = high\nargv = /bin/true {target}\ntargets = a, b, c, d\ncooldown = 0\nper_hour = 20\n"
    rules = RULES + "actions = careful\nauto = yes\n"
    w = World(rig, "careful", "", extra=extra, rules=rules)
    g = w.gateway

    def request(source):
        g.result("events.send", event={"type": "fault", "source": source, "severity": "high"})
        waiting = lambda: next((a for a in g.result("approval.list")["approvals"] if a["target"] == source), None)
        return await_true(f"somebody is asked for {source}", 10, waiting)["approval_id"]

    def answer(approval, decision="approve"):
        return g.ask("approval.decide", approval_id=approval, decision=decision)

    first = request("a")
    boot = first.split("_")[1]
    for bad in (f"apr_{boot}_999", "apr_1_1", "apr_x_1", f"apr_{boot}_", "", "apr_99999999999_1", first + "x"):
        reply = answer(bad)
        assert not reply["ok"] and reply["error"] in ("not_found", "bad_field"), (bad, reply)
    assert answer(first, "reject")["ok"]
    late = answer(first)
    assert not late["ok"] and late["error"] == "conflict" and "decided already: rejected" in late["message"], late

    def race(approval, decisions):
        both, replies = threading.Barrier(2), []

        def run(decision):
            with contextlib.closing(g.connect()) as c:
                both.wait()
                replies.append(c.ask("approval.decide", approval_id=approval, decision=decision))

        racers = [threading.Thread(target=run, args=(decision,)) for decision in decisions]
        for r in racers:
            r.start()
        for r in racers:
            r.join()
        assert sorted(r["ok"] for r in replies) == [False, True], replies
        assert next(r for r in replies if not r["ok"])["error"] == "conflict", replies

    race(request("b"), ("approve", "reject"))
    race(request("d"), ("approve", "approve"))
    ran = lambda: [a["state"] for i in g.incidents() for a in g.incident(i["incident_id"])["incident"]["actions"] if a["target"] == "d"]
    await_true("it runs once", 10, lambda: ran() == ["completed"])
    assert g.is_up()
    g.stop()
    rig.write("careful/etc/conf.d/short.conf", "[agent]\napproval_timeout = 10s\n")
    g.start()
    third = request("c")
    time.sleep(10.5)
    late = answer(third)
    assert not late["ok"] and "too late" in late["message"], late
    g.stop()


if __name__ == "__main__":
    main(*map(alone, (kill_zombie_processes, lower_priority, restart_by_pid_file, pid_file_that_is_stale, scale_up, scale_up_cpu, hooks_of_the_operator, clear_cache_files, compress_logs, preserve_evidence, kill_queries,
                      database_maintenance, rollback_deployment, rollback_moves_links_only, rollback_to_nothing, config_fix, config_that_was_deleted, isolate_component, lock_down, unconfirmed_change_is_taken_back, reboot_before_it_was_confirmed, record_damaged_before_it_was_confirmed, publish, actions_of_a_type, hostile_targets,
                      program_that_forks_floods_and_ignores_term, program_that_fills_the_disk, approvals_that_are_none)), at_once=2)
