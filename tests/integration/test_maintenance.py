#!/usr/bin/env python3
"""The maintenance schedule on the real parts: cleaning that follows no link and crosses no file system, counts that survive a kill, what a mode
forbids, a task that hangs and is stopped, windows that come again, and the warning when too much fails. ctest: lane=default timeout=150"""
import os
import re
import signal
import subprocess
import time

from rig import BUILD, SOURCE, Gateway, Rig, alone, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"


def put(path, size=10, age_s=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(b"x" * size)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def clean(*args):
    return subprocess.run([os.path.join(BUILD, "picketd"), "--role=clean", *args], capture_output=True, text=True, timeout=60)


def cleaning_stays_inside(rig):
    root, outside = rig.path("root"), put(rig.path("outside", "keep"), age_s=99999)
    old = [put(f"{root}/{n}", age_s=99999) for n in ("a", "deep/er/b", "with space", "-rf", "näme")]
    young = [put(f"{root}/young"), put(f"{root}/deep/young")]
    os.symlink(os.path.dirname(outside), f"{root}/folder-link")
    os.symlink(outside, f"{root}/file-link")
    os.mkfifo(f"{root}/pipe")
    os.makedirs(f"{root}/other")
    subprocess.run(["mount", "-t", "tmpfs", "none", f"{root}/other"], check=True)
    rig.cleanups.append(lambda: subprocess.run(["umount", "-l", f"{root}/other"], check=False))
    mounted = put(f"{root}/other/old", age_s=99999)
    os.makedirs(f"{root}/bound")
    subprocess.run(["mount", "--bind", os.path.dirname(outside), f"{root}/bound"], check=True)
    rig.cleanups.append(lambda: subprocess.run(["umount", "-l", f"{root}/bound"], check=False))
    out = clean("--path", root, "--older", "1h")
    assert out.returncode == 0 and out.stdout.startswith(f"{len(old)} files deleted, "), out
    assert not any(map(os.path.exists, old)) and all(map(os.path.exists, [*young, outside, mounted]))
    assert os.path.islink(f"{root}/file-link") and os.path.isdir(f"{root}/deep/er"), "links and folders stay"
    for bad in ("/", "/var", "relative/path", "/var/../etc/x", f"{root}/folder-link", f"{root}/young", f"{root}/none"):
        out = clean("--path", bad, "--older", "1h")
        assert out.returncode == 1 and out.stderr.startswith("picketd clean: "), (bad, out)
    for args in ((), ("--path", root), ("--older", "1h"), ("--path", root, "--older", "x"), ("--path", root, "--keep", "0"), ("--path", root, "--older", "1h", "--name", "x")):
        assert clean(*args).returncode == 2, args
    assert os.path.exists(outside) and all(map(os.path.exists, young))


def cleaning_by_size_takes_the_oldest(rig):
    root = rig.path("root")
    files = [put(f"{root}/{n % 3}/{n}", 256 * 1024, age_s=3600 * 2 ** n) for n in range(12)]
    out = clean("--path", root, "--keep", "1M")
    assert out.returncode == 0, out
    assert [os.path.exists(f) for f in files] == [True] * 4 + [False] * 8, out


ACTIONS = """[action tidy]
about = Cleans
risk = low
idempotent = yes
argv = {picketd} --role=clean --path {dir}/{{target}} --older 1h
targets = cache
cooldown = 0
per_hour = 60
[action hang]
risk = low
idempotent = yes
argv = /bin/sleep 600
timeout = 60s
cooldown = 0
[action fail]
risk = low
idempotent = yes
argv = /bin/sh -c false
cooldown = 0
per_hour = 60
[action change]
risk = medium
idempotent = yes
argv = /bin/true
cooldown = 0
[action once]
risk = low
argv = /bin/true
cooldown = 0
"""


def gateway_with(rig, name, config, mode="safe"):
    g = Gateway(rig, name=name, mode=mode, config=QUIET + config, actions=ACTIONS.format(picketd=os.path.join(BUILD, "picketd"), dir=rig.path(name)))
    g.start_service()
    return g


def task(gateway, name):
    return next(t for t in gateway.result("maintenance.list")["tasks"] if t["task"] == name)


def runs_by_the_schedule_and_counts_for_good(rig):
    g = gateway_with(rig, "g", "[maintenance cleanup]\nabout = old files\naction = tidy\ntarget = cache\nevery = 1s\njitter = 0\n")
    old, young = put(rig.path("g", "cache", "old"), age_s=7200), put(rig.path("g", "cache", "young"))
    g.start()
    await_true("it ran", 10, lambda: task(g, "cleanup")["success_count"] >= 3)
    assert not os.path.exists(old) and os.path.exists(young)
    row = task(g, "cleanup")
    assert row["failure_count"] == 0 and row["last"] == "completed" and "files deleted" in row["said"] and row["when"] == "every 1s", row
    table = g.ctl("maintenance", "list", "--format", "table").stdout
    assert "cleanup" in table and "runs completed (100 %)" in table, table
    assert g.result("status")["maintenance"]["completed_pct"] == 100
    before = task(g, "cleanup")["success_count"]
    g.process.stop(signal.SIGKILL)
    g.start()
    await_true("it goes on counting", 10, lambda: task(g, "cleanup")["success_count"] > before)
    total = g.result("maintenance.list")
    assert total["completed_pct"] >= 95 and total["run_count"] >= before, total
    print(f"# {total['completed_count']} of {total['run_count']} maintenance runs completed", flush=True)


def read(*parts):
    with open(os.path.join(SOURCE, *parts)) as f:
        return f.read()


def a_fresh_install_looks_after_itself(rig):
    """The shipped files as they are but for their folders and how often: what is on runs and completes, also while there is something to find and no uplink."""
    g = Gateway(rig, name="g")
    with open(g.config_path) as f:
        own = f.read()
    agent = own.split("[agent]\n")[1].split("[process")[0]
    paths = own.split("[paths]\n")[1].split("[agent]")[0]
    text = read("config", "picketd.conf").replace("[paths]\n", "[paths]\n" + paths, 1).replace("[agent]\n", "[agent]\n" + agent, 1)
    text, n = re.subn(r"(?m)^every = [14]h", "every = 1s\njitter = 0", text)
    assert n == 2, "two tasks are on"
    rig.write("g/etc/picketd.conf", text + f"\n[broker central]\nhost = 127.0.0.1\nport = 9\nca = {g.etc}/tls/ca.crt\ncertificate = {g.etc}/tls/gw-01.crt\nkey = {g.etc}/tls/gw-01.key\n")
    rows = read("config", "actions.conf").replace("/usr/bin/picketctl check", f"{BUILD}/picketctl --socket {g.control_path()} check")
    rig.write("g/etc/actions.conf", re.sub(r"(?m)^cooldown = 1m\nper_hour = \d+$", "cooldown = 0\nper_hour = 60", rows))
    g.start()
    names = sorted(t["task"] for t in g.result("maintenance.list")["tasks"])
    assert names == ["health", "memory"], names
    g.result("events.send", event={"type": "deadlock", "source": "x", "severity": "high"})
    await_true("there is something to find", 10, lambda: g.result("status")["incidents"]["active"])
    before = {n: task(g, n)["success_count"] for n in names}
    for n in names:
        await_true(f"{n} ran", 20, lambda n=n: task(g, n)["success_count"] >= before[n] + 2)
        assert task(g, n)["failure_count"] == 0, task(g, n)
    assert task(g, "health")["said"].startswith("CRITICAL - ") and task(g, "memory")["said"].startswith("MemAvailable:"), (task(g, "health"), task(g, "memory"))
    assert g.result("maintenance.list")["completed_pct"] == 100


def what_may_not_run_is_refused_and_said(rig):
    g = gateway_with(rig, "g", "".join(f"[maintenance {n}]\naction = {a}\nevery = 1s\njitter = 0\n{more}" for n, a, more in (
        ("risky", "change", ""), ("twice", "once", ""), ("nobody", "gone", ""), ("away", "tidy", "target = etc\n"))))
    g.start()
    said = {"risky": "medium risk asks", "twice": "idempotent", "nobody": "no such action", "away": "not a target"}
    for name, words in said.items():
        row = await_true(f"{name} is refused", 10, lambda n=name: task(g, n) if task(g, n)["last"] == "refused" else None)
        assert words in row["said"] and row["success_count"] == row["failure_count"] == 0, row
    assert g.ctl("maintenance", "run", "risky").returncode != 0 and g.ctl("maintenance", "run", "unknown").returncode != 0
    g.stop()
    g = gateway_with(rig, "observing", "[maintenance cleanup]\naction = tidy\ntarget = cache\nevery = 1s\njitter = 0\n", mode="observe")
    old = put(rig.path("observing", "cache", "old"), age_s=7200)
    g.start()
    await_true("the mode forbids it", 10, lambda: "observe" in task(g, "cleanup")["said"])
    assert os.path.exists(old)
    g.stop()
    g = gateway_with(rig, "off", "[agent]\nmaintenance_enabled = no\n[maintenance cleanup]\naction = tidy\ntarget = cache\nevery = 1s\njitter = 0\n")
    g.start()
    time.sleep(3)
    assert task(g, "cleanup")["last"] == "never" and task(g, "cleanup")["state"] == "off"


def one_that_hangs_is_stopped_by_a_person(rig):
    g = gateway_with(rig, "g", "[maintenance stuck]\naction = hang\nevery = 1h\n[maintenance cleanup]\naction = tidy\ntarget = cache\nevery = 1h\n")
    put(rig.path("g", "cache", "old"), age_s=7200)
    g.start()
    assert g.ctl("maintenance", "run", "stuck").returncode == 0
    await_true("it runs", 5, lambda: task(g, "stuck")["state"] == "running")
    time.sleep(0.5)
    assert g.ctl("maintenance", "run", "cleanup").returncode != 0, "one at a time"
    assert g.ctl("maintenance", "stop", "cleanup").returncode != 0
    await_true("it is stopped", 5, lambda: g.ctl("maintenance", "stop", "stuck").returncode == 0)
    await_true("it ended", 10, lambda: task(g, "stuck")["last"] == "stopped")
    assert task(g, "stuck")["failure_count"] == 1 and g.ctl("maintenance", "run", "cleanup").returncode == 0
    await_true("the other ran", 5, lambda: task(g, "cleanup")["last"] == "completed")


def too_many_failures_are_an_incident(rig):
    g = gateway_with(rig, "g", "[maintenance bad]\naction = fail\nevery = 1s\njitter = 0\n")
    g.start()
    found = await_true("an incident", 20, lambda: next((i for i in g.incidents() if "maintenance:bad" in i["component"]), None))
    assert found["severity"] == "medium" and task(g, "bad")["failure_count"] >= 5 and task(g, "bad")["success_pct"] == 0, found


def a_window_comes_again(rig):
    g = gateway_with(rig, "g", "[maintenance quiet]\nwindow = 2s\nevery = 5s\njitter = 0\ncomponent = demo\n")
    g.start()
    windows = lambda: [s for s in g.result("silences.list")["silences"] if s["kind"] == "maintenance" and s["by"] == "schedule" and s["component"] == "demo"]
    first = await_true("a window", 10, windows)[0]["silence_id"]
    await_true("it ends", 10, lambda: not windows())
    assert await_true("the next", 10, windows)[0]["silence_id"] != first
    assert task(g, "quiet")["action"] == "maintenance window"


def fire_drill(rig):
    """A drill reaches people and an approval, marked as one; nothing is run, and no figure moves."""
    g = gateway_with(rig, "g", "", mode="auto")
    path = os.path.join(g.etc, "actions.conf")
    with open(path, "a") as f:
        f.write(f"[action collect_diagnostics]\nrisk = low\nargv = /bin/touch {rig.path('ran')}\n")
    g.start()
    assert g.ctl("drill").returncode == 0
    found = await_true("it is an incident", 5, lambda: next(iter(g.incidents()), None))
    full = g.incident(found["incident_id"])["incident"]
    assert full["drill"] and full["severity"] == "critical" and full["announced"], full
    approval = await_true("somebody is asked", 5, lambda: g.result("approval.list")["approvals"])[0]["approval_id"]
    assert g.ctl("approve", approval).returncode == 0
    await_true("it would run", 5, lambda: g.incident(found["incident_id"])["incident"]["actions"][0]["state"] == "would_run")
    assert not os.path.exists(rig.path("ran"))


def a_bad_schedule_is_told_with_its_line(rig):
    for text, words in (("[maintenance x]\nevery = 1h\n", "needs either an action or a window"), ("[maintenance x]\naction = tidy\nevery = soon\n", "not a duration"),
                        ("[maintenance x]\naction = tidy\nat = 25:00\n", "not a time of day"), ("[maintenance x]\naction = tidy\ndays = mon\n", "no time"),
                        ("[maintenance x]\naction = tidy\ndays = mon, mon\nat = 01:00\n", "different days"), ("[maintenance x]\naction = tidy\nevry = 1h\n", "did you mean 'every'"),
                        ("[maintenance x]\naction = tidy\ntarget = ../etc\n", "cannot be a target")):
        g = Gateway(rig, name=f"g{abs(hash(text)) % 10 ** 6}", config=QUIET + text, actions="")
        out = subprocess.run([os.path.join(BUILD, "picketd"), "-t", "-c", g.config_path], capture_output=True, text=True, timeout=20)
        assert out.returncode == 78 and words in out.stderr + out.stdout, (text, out)


if __name__ == "__main__":
    main(*map(alone, (cleaning_stays_inside, cleaning_by_size_takes_the_oldest, runs_by_the_schedule_and_counts_for_good, a_fresh_install_looks_after_itself, what_may_not_run_is_refused_and_said,
                      one_that_hangs_is_stopped_by_a_person, too_many_failures_are_an_incident, a_window_comes_again, fire_drill, a_bad_schedule_is_told_with_its_line)), at_once=3)
