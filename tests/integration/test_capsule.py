#!/usr/bin/env python3
"""What the flight recorder keeps of a real fault: a service that dies beside a process that burns a core, a log that tells of it, a probe, and a power cut
right after. ctest: lane=default timeout=120"""
import json
import os
import signal
import socket
import subprocess
import time

from rig import Gateway, Rig, await_true, main

CONFIG = "[sources]\nprocess = 1s\n[disk root]\npath = /\n[incidents]\nassess = 0\nrecover = 0\ncapsule_after = 10s\n"


def capsule(gateway, incident_id):
    out = gateway.ctl("--format", "json", "incidents", "capsule", incident_id)
    assert out.returncode == 0, out
    return json.loads(out.stdout)


def parts(found):
    by = {}
    for line in found["lines"]:
        by.setdefault(line["part"], []).append(line)
    return by


def open_one(gateway):
    gateway.kill_service()
    return await_true("the incident is open", 10, lambda: [i for i in gateway.incidents(status="active") if i["incident_type"] == "service_down"])[0]["incident_id"]


def test_capsule__of_a_dead_service__tells_what_was_around_it():
    with Rig() as rig:
        log = rig.write("app.log", "")
        door = socket.create_server(("127.0.0.1", 0))
        rig.cleanups.append(door.close)
        gateway = Gateway(rig, actions="", config=CONFIG + f"[log app]\npath = {log}\n[probe door]\nkind = tcp\nhost = 127.0.0.1\nport = {door.getsockname()[1]}\ninterval = 1s\n")
        gateway.start_service()
        gateway.start()
        burner = subprocess.Popen(["sh", "-c", "while :; do :; done"])
        rig.cleanups.append(burner.kill)
        hog = subprocess.Popen(["python3", "-c", "import time; kept = bytearray(b'x' * 250_000_000); time.sleep(600)"])
        rig.cleanups.append(hog.kill)
        await_true("the log is read", 5, lambda: [e for e in gateway.result("events.list", source="log:app", type="source_up", limit=1)["events"] if e.get("value") == 1])
        with open(log, "a") as f:
            f.write("demo[7]: the last words of the service\n")
        gateway.send_events([{"type": "request_failed", "source": "api", "severity": "high", "message": "upstream is gone"}])
        await_true("the hog has it", 20, lambda: int(open(f"/proc/{hog.pid}/statm", encoding="ascii").read().split()[1]) * 4096 > 240_000_000)
        time.sleep(1.5)  # a look at the files each second
        incident_id = open_one(gateway)
        gateway.send_events([{"type": "request_failed", "source": "api", "severity": "high", "message": "still gone"}])
        found = await_true("it is whole", 30, lambda: (c := capsule(gateway, incident_id))["whole"] and c)
        by = parts(found)
        assert by["head"][0]["incident_id"] == incident_id, by["head"]
        assert any(l["event"].get("message") == "upstream is gone" for l in by["before"]), by["before"]
        assert any(l["event"].get("message") == "still gone" for l in by["after"]), by["after"]
        assert [l for l in by["before"] if l["event"]["type"] == "process_up" and l["event"]["source"] == "demo"], by["before"]
        metrics = {(l["type"], l["source"]) for l in by["metric"]}
        assert {("disk_pct", "root"), ("inodes_pct", "root"), ("memory_pct", "memory"), ("cpu_pct", "cpu")} <= metrics, metrics
        links = [n for n in os.listdir("/sys/class/net") if os.path.exists(f"/sys/class/net/{n}/device")]
        assert all(("link_up", n) in metrics for n in links), (links, metrics)
        assert by["probe"][0]["name"] == "door" and "up" in json.dumps(by["probe"][0]), by["probe"]
        assert any("the last words of the service" in l["line"] for l in by["log"]), by.get("log")
        busy = [l for l in by["process"] if l["pid"] == burner.pid]
        assert busy and busy[0]["cpu_pct"] > 0, by["process"]
        hog_row = [l for l in by["process"] if l["pid"] == hog.pid]
        assert hog_row and hog_row[0]["rss_bytes"] > 200_000_000, by["process"]
        assert found["bytes"] <= 8192 and len(by["end"]) == 1, found["bytes"]
        table = gateway.ctl("--format", "table", "incidents", "capsule", incident_id)
        assert table.returncode == 0 and "the last words of the service" in table.stdout, table
        assert gateway.ctl("incidents", "capsule", "inc_99999").returncode == 3
        for form in ("short", "long"):
            text = gateway.ctl("incidents", "postmortem", incident_id, "--form", form).stdout
            for words in ("the last words of the service", f"| {burner.pid} |", f"| {hog.pid} |", "- `disk_pct` of `root`", "- `door` (tcp): up"):
                assert words in text, (form, words, text)
        os.kill(gateway.agent_pid(), signal.SIGKILL)
        again = await_true("it outlives the agent", 20, lambda: is_back(gateway) and capsule(gateway, incident_id))
        assert again["lines"] == found["lines"] and again["whole"]
        assert gateway.stop() == 0


def test_capsule__switched_off__is_none():
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config=CONFIG + "capsules = no\n")
        gateway.start_service()
        gateway.start()
        incident_id = open_one(gateway)
        out = gateway.ctl("incidents", "capsule", incident_id)
        assert out.returncode == 3 and "no capsule" in out.stderr, out
        assert gateway.stop() == 0


def is_back(gateway):
    try:
        return gateway.is_up()
    except (OSError, ConnectionError):
        return False


main(test_capsule__of_a_dead_service__tells_what_was_around_it, test_capsule__switched_off__is_none, at_once=2)
