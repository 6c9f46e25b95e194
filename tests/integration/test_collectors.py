#!/usr/bin/env python3
"""What the kernel counts, provoked for real: file system errors and a read-only remount, a cable that is pulled, a process that burns, is started
again, hangs, is not waited for. ctest: lane=default timeout=120"""
import os
import shutil
import subprocess
import time

from rig import Gateway, Rig, await_true, main

OFF = {name: "0" for name in ("cpu", "memory", "psi", "load", "disk", "process", "usage", "storage", "thermal", "network", "tasks", "oom", "gpu")}


def sources(**on):
    return "[sources]\n" + "".join(f"{k} = {v}\n" for k, v in {**OFF, **on}.items())


def values(gateway, event_type, source):
    return [e.get("value") for e in gateway.result("events.list", type=event_type, source=source, limit=50)["events"]]


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True)


def test_storage__errors_of_a_file_system_and_its_remount():
    rules = ("[rule fs_broken]\non = type = fs_errors\nwhen = value > 0\ntype = data_corruption\nseverity = critical\nclear = never\nkeys = 8\n"
             "[rule fs_readonly]\non = type = fs_readonly\nwhen = value >= 1\ntype = data_corruption\nseverity = high\nclear = value < 1\nkeys = 8\n")
    with Rig() as rig:
        image, path = rig.path("broken.img"), rig.path("broken")
        run("truncate", "-s", "8M", image)
        run("mkfs.ext4", "-q", "-e", "remount-ro", image)
        os.makedirs(path)
        run("mount", "-o", "loop", image, path)
        rig.cleanups.append(lambda: subprocess.run(["umount", "-l", path], capture_output=True))
        device = os.path.basename(subprocess.run(["findmnt", "-n", "-o", "SOURCE", path], capture_output=True, text=True, check=True).stdout.strip())
        trigger = f"/sys/fs/ext4/{device}/trigger_fs_error"
        gateway = Gateway(rig, actions="", rules=rules, config=sources(disk="500ms", storage="500ms") + f"[disk broken]\npath = {path}\n")
        gateway.start()
        await_true("it is writable", 5, lambda: 0 in values(gateway, "fs_readonly", "broken"))
        await_true("no errors", 5, lambda: 0 in values(gateway, "fs_errors", device))
        assert not gateway.incidents(status="active"), gateway.incidents()
        with open(trigger, "w", encoding="ascii") as f:
            f.write("picket test")
        await_true("the errors are counted", 5, lambda: any(v for v in values(gateway, "fs_errors", device)))
        await_true("the remount is seen", 5, lambda: 1 in values(gateway, "fs_readonly", "broken"))
        await_true("both are incidents", 5, lambda: {"fs_broken", "fs_readonly"} <= {gateway.incident(i["incident_id"])["incident"]["rule_id"] for i in gateway.incidents()})
        assert gateway.stop() == 0


def test_network__a_cable_that_is_pulled():
    with Rig() as rig:
        name, peer = f"eth-p{os.getpid() % 10000}", f"vp{os.getpid() % 10000}"
        made = subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", peer], capture_output=True)
        assert made.returncode == 0, made.stderr
        rig.cleanups.append(lambda: subprocess.run(["ip", "link", "del", name], capture_output=True))
        unused = f"eth-q{os.getpid() % 10000}"
        run("ip", "link", "add", unused, "type", "veth", "peer", "name", f"vq{os.getpid() % 10000}")
        rig.cleanups.append(lambda: subprocess.run(["ip", "link", "del", unused], capture_output=True))
        for link in (name, peer, unused):
            run("ip", "link", "set", link, "up")
        gateway = Gateway(rig, actions="", config=sources(network="500ms"))
        gateway.start()
        await_true("there is a carrier", 5, lambda: 1 in values(gateway, "link_up", name))
        await_true("errors are counted", 5, lambda: 0 in values(gateway, "net_errors", name))
        run("ip", "link", "set", peer, "down")
        await_true("the cable is pulled", 5, lambda: 0 in values(gateway, "link_up", name))
        run("ip", "link", "set", peer, "up")
        await_true("and back", 5, lambda: values(gateway, "link_up", name).count(1) > 0 and gateway.result("events.list", type="link_up", source=name, limit=1)["events"][0].get("value") == 1)
        run("ip", "link", "set", name, "down")
        time.sleep(1.2)
        run("ip", "link", "del", name)
        time.sleep(1.2)
        assert gateway.result("events.list", type="link_up", source=name, limit=1)["events"][0].get("value") == 0
        assert not values(gateway, "link_up", unused), "a port that never had a cable is missed"
        assert gateway.stop() == 0


def test_processes__burning_restarted_hanging_and_dead():
    with Rig() as rig:
        name = f"pk-{os.getpid() % 100000}-burn"[:15]
        program = rig.path(name)
        shutil.copy(shutil.which("busybox") or "/bin/dash", program)
        argv = [program, "sh", "-c", "while :; do :; done"] if shutil.which("busybox") else [program, "-c", "while :; do :; done"]
        burner = subprocess.Popen(argv)
        rig.cleanups.append(burner.kill)
        # A parent waits uninterruptibly for the child of its vfork.
        stuck = subprocess.Popen(["python3", "-c", "import ctypes, os, time\nc = ctypes.CDLL(None)\nif c.vfork() == 0:\n    c.sleep(60)\n    os._exit(0)\n"])
        zombie_parent = subprocess.Popen(["python3", "-c", "import os, time\nif os.fork() == 0:\n    os._exit(0)\ntime.sleep(60)\n"])
        rig.cleanups.append(lambda: [subprocess.run(["pkill", "-KILL", "-P", str(stuck.pid)]), stuck.kill(), zombie_parent.kill()])
        gateway = Gateway(rig, actions="", config=sources(process="500ms", usage="500ms", tasks="500ms", oom="500ms") .replace("[sources]\n", "[sources]\nhung_after = 1s\n") + f"[process {name}]\n")
        gateway.start()
        await_true("it burns", 8, lambda: any((v or 0) > 3 for v in values(gateway, "process_cpu_pct", name)))
        await_true("it has memory", 5, lambda: any(v is not None for v in values(gateway, "process_rss_bytes", name)))
        await_true("a zombie", 5, lambda: any((v or 0) >= 1 for v in values(gateway, "zombies", "tasks")))
        await_true("a task hangs", 8, lambda: any((v or 0) >= 1 for v in values(gateway, "hung_tasks", "tasks")))
        await_true("no OOM kill", 5, lambda: values(gateway, "oom_kill", "kernel"))
        burner.kill()
        burner.wait()
        again = subprocess.Popen(argv)
        rig.cleanups.append(again.kill)
        await_true("it was started again", 8, lambda: 1 in values(gateway, "service_restarts", name))
        assert gateway.stop() == 0


main(test_storage__errors_of_a_file_system_and_its_remount, test_network__a_cable_that_is_pulled, test_processes__burning_restarted_hanging_and_dead, at_once=3)
