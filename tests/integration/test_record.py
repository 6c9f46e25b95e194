#!/usr/bin/env python3
"""What a gateway lived through is recorded, and lived again: the same incidents, and the same bytes each time.
ctest: lane=default timeout=90"""
import json
import os
import subprocess
import time

from rig import BUILD, Gateway, Rig, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"


def key(incident):
    return (incident["rule_id"], tuple(incident["affected_components"]), incident["severity"], incident["event_count"], incident["replayed"], len(incident["source_events"]),
            incident["correlation_id"])


def replay(path):
    out = subprocess.run([os.path.join(BUILD, "picketctl"), "replay", path], capture_output=True, text=True, timeout=30)
    assert out.returncode == 0, out
    return out.stdout


def live(gateway):
    return sorted(key(gateway.incident(i["incident_id"])["incident"]) for i in gateway.incidents())


def test_record_and_replay__the_same_incidents():
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config=QUIET + "[process gone]\npidfile = /nonexistent/gone.pid\n")
        gateway.start_service()
        gateway.start()
        path = rig.path("events.jsonl")
        recorder = subprocess.Popen([os.path.join(BUILD, "picketctl"), "--socket", gateway.control_path(), "events", "record", path, "--for", "12s", "--format", "json"], stdout=subprocess.PIPE, text=True)
        rig.cleanups.append(recorder.kill)
        await_true("it records", 5, lambda: os.path.exists(path) and os.path.getsize(path) > 0)
        error = {"type": "api_error", "source": "api", "severity": "error", "message": "upstream \"refused\"\n\u00e9", "metadata": {"code": 502, "path": "/a", "ok": False}, "correlation_id": "c-7"}
        for n in range(13):
            gateway.send_events([error, {"type": "heartbeat", "source": "press-7", "value": 1}])
            time.sleep(0.1)
        # Late and stored events keep their own time; a source that cannot measure is no good value.
        now = time.time()
        stamp = lambda s: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(s)) + f".{int(s * 1000) % 1000:03d}Z"
        gateway.send_events([{"type": "disk_pct", "source": "data", "value": 97.25}, {"type": "disk_pct", "source": "data", "fault": True}])
        gateway.send_events([{"type": "api_error", "source": "old", "severity": "error", "time": stamp(now - 7200 + n)} for n in range(12)])
        gateway.send_events([{"type": "api_error", "source": "late", "severity": "error", "time": stamp(now - 3 + n * 0.1)} for n in range(12)])
        await_true("the silent heartbeat", 6, lambda: [i for i in live(gateway) if i[0] == "heartbeat_lost"])
        out, _ = recorder.communicate(timeout=20)
        told = json.loads(out)
        incidents = live(gateway)
        lines = [json.loads(line) for line in open(path)]
        assert recorder.returncode == 0 and told["recorded"] == len(lines) and "missed" not in told, told
        numbers = [int(line["event_id"].split("-")[1]) for line in lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
        assert any(line.get("fault") for line in lines) and any(line.get("replayed") for line in lines)
        first = replay(path)
        again = sorted(key(json.loads(line)) for line in first.splitlines())
        assert {i[0] for i in incidents} >= {"error_burst", "heartbeat_lost", "process_lost"}, incidents
        assert again == incidents, (again, incidents)
        assert replay(path) == first, "two replays differ"
        assert gateway.ctl("events", "record", path).returncode == 8, "a recording was overwritten"
        assert gateway.stop() == 0


def test_record__ends_after_so_many_and_says_what_broke():
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config=QUIET)
        gateway.start_service()
        gateway.start()
        out = gateway.ctl("events", "record", "-", "--limit", "1")
        assert out.returncode == 0 and json.loads(out.stdout)["received"], out
        big = {"type": "big", "source": "a", "message": "m" * 256, "metadata": {f"f{n}": "v" * 250 for n in range(8)}}
        recorder = subprocess.Popen([os.path.join(BUILD, "picketctl"), "--socket", gateway.control_path(), "events", "record", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        rig.cleanups.append(recorder.kill)
        assert recorder.stdout.readline()  # it listens
        gateway.send_events([big])
        seen = ""
        while '"big"' not in seen:
            seen = recorder.stdout.readline()
            assert seen
        assert json.loads(seen)["metadata"] == big["metadata"], seen
        assert gateway.stop() == 0
        assert recorder.wait(10) == 6 and "picketd" in recorder.stderr.read()


main(test_record_and_replay__the_same_incidents, test_record__ends_after_so_many_and_says_what_broke, at_once=2)
