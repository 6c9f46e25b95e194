#!/usr/bin/env python3
"""S1-37 memory, S1-39 slowness, S1-40 a broken cache, S1-43 a full disk: a process that leaks in a cgroup until the kernel ends it, a server that is
slow, cache files that are damaged, a loopback file system that fills. ctest: lane=default timeout=150 serial"""
import contextlib
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time

from rig import Process, alone, await_true, is_alive, main
from scenario import MB, Scenario, read, serve_http, small_disk

LEAK = """import os, sys, time
group, pidfile, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
if os.fork():
    os._exit(0)
os.setsid()
with open(group + "/cgroup.procs", "w") as f:
    f.write(str(os.getpid()))
with open(pidfile + ".new", "w") as f:
    f.write(str(os.getpid()))
os.rename(pidfile + ".new", pidfile)
kept = []
while True:
    if step:
        kept.append(os.urandom(step))
    time.sleep(0.05)
"""


def memory_exhaustion(rig):
    """A process leaks: its group gets more memory, it takes that too, the kernel ends it, it is started again. The leak is named as the cause."""
    name = f"leaky-{secrets.token_hex(3)}"
    if os.path.isdir("/sys/fs/cgroup/memory"):
        group, limit, action = f"/sys/fs/cgroup/memory/{name}", "memory.limit_in_bytes", "scale_up_cgroup1"
    else:
        os.makedirs("/sys/fs/cgroup/system.slice", exist_ok=True)
        group, limit, action = f"/sys/fs/cgroup/system.slice/{name}", "memory.max", "scale_up"
    os.mkdir(group)
    script, pidfile = rig.write("leak.py", LEAK), rig.path("leaky.pid")

    def end():
        for pid in read(f"{group}/cgroup.procs").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(AssertionError):
            await_true("the group is empty", 5, lambda: not read(f"{group}/cgroup.procs"))
        os.rmdir(group)
    rig.cleanups.append(end)
    with open(f"{group}/{limit}", "w") as f:
        f.write(str(40 * MB))
    s = Scenario(rig, "memory", config=f"[process {name}]\npidfile = {pidfile}\n[sources]\nusage = 200ms\n", targets={action: name, "restart_by_pid_file": name},
                 rules=f"[rule leak]\nabout = A process takes more and more memory\non = type = process_rss_bytes\nwhen = value > {30 * MB}\ntype = memory_exhaustion\nseverity = critical\n"
                 f"clear = value < {25 * MB} for 1s\nactions = {action}\nauto = yes\nkeys = 4\n",
                 actions=f"\n[action again]\nabout = Starts it again\nrisk = low\nargv = {sys.executable} {script} {group} {pidfile} 0\nverify = clear\nverify_within = 20s\ndaemon = yes\ncooldown = 0\n")
    path = os.path.join(s.gateway.etc, "rules.d", "test.rules")
    with open(path, "a") as f:
        f.write("[rule process_lost]\nabout = A watched process is not running\non = type = process_up\nwhen = value < 1\ntype = service_down\nseverity = critical\n"
                "clear = value >= 1 for 1s\nactions = again\nauto = yes\nkeys = 8\n")
    rig.write(f"memory/etc/scale/{name}.memory", f"{64 * MB}\n")
    subprocess.run([sys.executable, script, group, pidfile, str(MB)], check=True)
    first = int(await_true("it runs", 5, lambda: os.path.exists(pidfile) and read(pidfile)))
    s.start()
    leak = s.detected("leak", name)
    assert leak["severity"] == "critical" and leak["incident_type"] == "memory_exhaustion", leak
    s.ran(leak, action)
    assert read(f"{group}/{limit}").strip() == str(64 * MB)
    await_true("the kernel ended it", 20, lambda: not is_alive(first))
    lost = s.detected("process_lost", name)
    s.ran(lost, "again")
    assert int(read(pidfile)) != first
    lost, leak = s.resolved(lost), s.resolved(leak)
    assert lost["causes"][0]["cause"].startswith("Memory exhaustion") and lost["caused_by"] == leak["incident_id"], lost["causes"]
    s.post_mortem(lost, "Memory exhaustion")
    s.post_mortem(leak, action, name)
    s.score("leak", "process_lost")


def performance(rig):
    """A server with too few workers is slow: it gets more of them, and is fast again. Nobody was asked."""
    workers = rig.write("workers", "1\n")

    def in_turn():
        time.sleep(1.2 / int(read(workers)))
        return 200
    port = serve_http(rig, in_turn)
    rig.write("performance/etc/workers", "20\n")
    s = Scenario(rig, "performance", config=f"[probe shop]\nkind = http\nhost = 127.0.0.1\nport = {port}\ninterval = 1s\ntimeout = 5s\n",
                 rules="[rule performance_degradation]\nabout = Requests are slow\non = type = probe_latency_ms\nwhen = value > $max_latency\nconsecutive = 2\ntype = performance_degradation\n"
                 "severity = medium -> high if value > 500% of $max_latency\nclear = value < 500 for 1s\nactions = more_workers, clear_cache\nauto = yes\nkeys = 4\n",
                 actions=f"\n[action more_workers]\nabout = More workers\nrisk = low\nsnapshot = /bin/cp {workers} {{snapshot}}\nargv = /bin/cp ETC/workers {workers}\nundo = /bin/cp {{snapshot}} {workers}\n"
                 "verify = clear\nverify_within = 15s\n")
    s.start()
    incident = s.detected("performance_degradation", "shop")
    assert incident["severity"] == "medium", incident
    s.ran(incident, "more_workers")
    assert read(workers) == "20\n"
    incident = s.resolved(incident)
    assert incident["auto_resolved"] and not s.runs(incident, "clear_cache"), incident
    s.post_mortem(incident, "more_workers", "shop")
    s.score("performance_degradation")


READER = """import json, os, socket, sys, time
cache, events, bypass = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.connect(events)
while True:
    for name in ([] if os.path.exists(bypass) else os.listdir(cache)):
        with open(os.path.join(cache, name)) as f:
            if f.read() != "good":
                s.sendall(json.dumps({"type": "cache_error", "source": "pages", "severity": "low", "message": "damaged entry"}).encode() + b"\\n")
                s.recv(4096)
    time.sleep(0.2)
"""
CACHE_RULE = ("[rule cache_failure]\nabout = A cache fails\non = type = cache_error\nwhen = count >= 5 in 3s by source\ntype = cache_failure\nseverity = low -> medium if lasting 30m\n"
              "clear = count < 1 in 3s\nactions = ACTIONS\nauto = yes\nkeys = 4\n")


def cache(rig, name, is_stubborn):
    folder = f"/var/cache/{name}-{secrets.token_hex(3)}"
    os.makedirs(folder)
    rig.cleanups.append(lambda: shutil.rmtree(folder))
    bypass = rig.path(f"{name}.bypass")
    s = Scenario(rig, name, targets={"clear_cache_files": "pages"}, rules=CACHE_RULE.replace("ACTIONS", "clear_cache_files, bypass_cache"),
                 actions=f"\n[action bypass_cache]\nabout = Works without the cache\nrisk = low\nargv = /bin/touch {bypass}\nundo = /bin/rm -f {bypass}\nverify = clear\nverify_within = 10s\n")
    path = os.path.join(s.gateway.etc, "actions.conf")
    text = read(path).replace("/var/cache/{target}", folder)
    head, tail = text.split("[action clear_cache_files]")
    with open(path, "w") as f:
        f.write(head + "[action clear_cache_files]" + tail.replace("verify = clear\nverify_within = 2m", "verify = clear\nverify_within = 5s", 1)
                .replace(f"argv = /usr/bin/find {folder}", f"argv = /usr/bin/test -n {{target}}\nargv = /usr/bin/find {folder}", 1))
    old = time.time() - (0 if is_stubborn else 7200)
    for n in range(3):
        with open(f"{folder}/{n}", "w") as f:
            f.write("damaged")
        os.utime(f"{folder}/{n}", (old, old))
    s.start()
    Process(rig, f"{name}-reader", [sys.executable, "-c", READER, folder, os.path.join(s.gateway.dir, "run", "events.sock"), bypass])
    return s, folder, bypass


def cache_failure(rig):
    """Damaged files of a cache are deleted, and all is well: no person needed."""
    s, folder, bypass = cache(rig, "cache", False)
    incident = s.detected("cache_failure", "pages")
    assert incident["severity"] == "low", incident
    s.ran(incident, "clear_cache_files")
    assert os.listdir(folder) == [] and not os.path.exists(bypass)
    assert s.resolved(incident)["auto_resolved"]
    s.post_mortem(incident, "clear_cache_files")
    s.score("cache_failure")


def cache_bypassed(rig):
    """Deleting does not help, as the files are young and stay: the next action works around the cache."""
    s, folder, bypass = cache(rig, "cache2", True)
    incident = s.detected("cache_failure", "pages")
    s.ran(incident, "clear_cache_files", "failed", result="did not clear in time")
    assert len(os.listdir(folder)) == 3
    s.ran(incident, "bypass_cache")
    assert os.path.exists(bypass) and s.resolved(incident)["auto_resolved"]
    s.post_mortem(incident, "bypass_cache", "clear_cache_files")
    s.score("cache_failure")


def disk_low(rig):
    """A file system fills with logs and old cache: there is no room left to compress anything, deleting the old helps. The young file stays."""
    data = small_disk(rig)
    os.makedirs(f"{data}/log")
    os.makedirs(f"{data}/cache")
    s = Scenario(rig, "disk", config=f"[disk data]\npath = {data}\n[sources]\ndisk = 300ms\n", targets={"compress_logs": "log", "clear_cache_files": "cache"},
                 rules="[rule disk_space_low]\nabout = Full\non = type = disk_pct\nwhen = value > $max_disk\ntype = disk_space_low\nseverity = high -> critical if value > 95\n"
                 "clear = value < 98% of $max_disk for 1s\nactions = compress, clear\nauto = yes\nkeys = 4\n",
                 actions=f"\n[action compress]\nabout = Compresses\nrisk = low\nargv = /usr/bin/find {data}/log -xdev -type f -regex .*[.][0-9]+ -mmin +60 -execdir /bin/gzip -q {{}} ;\nverify = clear\nverify_within = 3s\n"
                 f"\n[action clear]\nabout = Deletes old cache\nrisk = low\nargv = /usr/bin/find {data}/cache -xdev -mindepth 1 -type f -mmin +60 -delete\nverify = clear\nverify_within = 10s\n")
    s.start()
    await_true("the disk is seen", 10, lambda: s.gateway.result("events.list", type="disk_pct", source="data")["events"])
    with open(f"{data}/log/app.log.1", "wb") as f:
        f.write(random.Random(1).randbytes(2 * MB))
    for path in ("cache/old", "cache/young"):
        with open(f"{data}/{path}", "wb") as f:
            f.write(b"x" * ((14 if path.endswith("old") else 1) * MB))
    for path in ("log/app.log.1", "cache/old"):
        os.utime(f"{data}/{path}", (time.time() - 7200,) * 2)
    incident = s.of("disk_space_low")
    assert incident is None, "not full yet"
    with open(f"{data}/cache/filler", "wb") as f:
        with contextlib.suppress(OSError):
            while shutil.disk_usage(data).free > 0.04 * 24 * MB:
                f.write(b"y" * 65536)
                f.flush()
    incident = s.detected("disk_space_low", "data")
    s.ran(incident, "compress", "failed", result="did not clear in time")
    assert os.path.getsize(f"{data}/log/app.log.1") == 2 * MB, "there was no room to compress it, and nothing is lost"
    s.ran(incident, "clear")
    assert sorted(os.listdir(f"{data}/cache")) == ["filler", "young"]
    s.resolved(incident)
    s.post_mortem(incident, "compress", "clear")
    s.score("disk_space_low")


if __name__ == "__main__":
    main(*map(alone, (memory_exhaustion, performance, cache_failure, cache_bypassed, disk_low)), at_once=3)
