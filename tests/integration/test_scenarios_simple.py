#!/usr/bin/env python3
"""Simple incidents end by themselves within two minutes of their detection, with the shipped rules, actions and times as they are (S0-8): a service
that died, a file system that is full, a service that did not answer for a while. ctest: lane=default timeout=180"""
import os
import random
import shutil
import sys
import time

from rig import Process, alone, await_true, free_port, main
from scenario import MB, Scenario, small_disk

SHIPPED = "[incidents]\nrecover = 5m\nassess = 30s\n"


def within_two_minutes(s, incident):
    incident = s.resolved(incident, 125)
    assert incident["auto_resolved"] and incident["mttr_seconds"] <= 120, incident
    s.post_mortem(incident)
    return incident


def service_that_died(rig):
    s = Scenario(rig, "died", recover=SHIPPED, config="[sources]\nprocess = 1s\n")
    with open(os.path.join(s.gateway.etc, "actions.conf")) as f:
        text = f.read()
    head, tail = text.split("[action restart_service]\n")
    rig.write("died/etc/actions.conf", head + s.gateway.restart_action() + "\n[" + tail.split("\n[", 1)[1])
    s.start()
    s.gateway.kill_service()
    incident = s.detected("process_lost", "demo")
    s.ran(incident, "restart_service")
    incident = within_two_minutes(s, incident)
    assert incident["mttr_seconds"] >= 60, "it stayed up for a minute before it was believed"
    s.score("process_lost")


def full_disk(rig):
    data = small_disk(rig)
    s = Scenario(rig, "full", recover=SHIPPED, config=f"[disk data]\npath = {data}\n[sources]\ndisk = 10s\n")
    path = os.path.join(s.gateway.etc, "actions.conf")
    with open(path) as f:
        text = f.read()
    assert "argv = /usr/bin/journalctl --vacuum-time=2d" in text
    with open(path, "w") as f:
        f.write(text.replace("argv = /usr/bin/journalctl --vacuum-time=2d", f"argv = /usr/bin/find {data} -xdev -type f -name *.journal -mmin +60 -delete"))
    with open(f"{data}/old.journal", "wb") as f:
        f.write(random.Random(1).randbytes(20 * MB))
    os.utime(f"{data}/old.journal", (time.time() - 86400,) * 2)
    s.start()
    incident = s.detected("disk_space_low", "data")
    s.ran(incident, "cleanup_logs", seconds=110)
    assert shutil.disk_usage(data).used < 3 * MB
    within_two_minutes(s, incident)
    s.score("disk_space_low")


def service_that_did_not_answer(rig):
    port = free_port()
    listen = [sys.executable, "-c", f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"]
    server = Process(rig, "server", listen)
    s = Scenario(rig, "deaf", recover=SHIPPED, config=f"[probe shop]\nkind = tcp\nhost = 127.0.0.1\nport = {port}\ninterval = 4s\n")
    s.start()
    await_true("it answers", 10, lambda: any(e.get("value") == 1 for e in s.gateway.result("events.list", type="probe_up", source="shop")["events"]))
    server.stop()
    incident = s.detected("probe_down", "shop")
    Process(rig, "server", listen)
    within_two_minutes(s, incident)
    s.score("probe_down")


if __name__ == "__main__":
    main(*map(alone, (service_that_died, full_disk, service_that_did_not_answer)), at_once=3)
