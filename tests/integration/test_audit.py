#!/usr/bin/env python3
"""The audit chain from outside: exported and verified, and what was removed, changed or moved in between is found."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BUILD, Broker, Gateway, Rig, Subscriber, await_true, main  # noqa: E402

RULES = "[rule hurt]\non = type = pain\nwhen = count >= 1 in 1m by source\ntype = data_corruption\nseverity = high\nkeys = 32\n"


def verify(rig, lines, *options):
    path = rig.write("export.jsonl", "".join(line + "\n" for line in lines))
    out = subprocess.run([os.path.join(BUILD, "picketctl"), "audit", "verify", *options, path], capture_output=True, text=True, timeout=20)
    return out.returncode, out.stdout + out.stderr


def test_export__is_verified_and_every_forgery_is_found():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, actions="", config="[sources]\nprocess = 0\n[report]\nsummary = 5s\n").start()
        gateway.await_online()
        subscriber = Subscriber(rig, broker)
        gateway.send_events([{"type": "pain", "source": f"unit{i}", "message": 'a "quoted" \\ word, \u00e4\u00f6'} for i in range(24)])
        await_true("the incidents", 5, lambda: len(gateway.incidents()) == 24)
        for i in gateway.incidents()[:8]:
            gateway.result("incidents.note", incident_id=i["incident_id"], note="seen by the night shift")
        done = gateway.ctl("audit", "verify", "--format", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["entries"] > 30, done.stdout
        out = gateway.ctl("audit", "export")
        assert out.returncode == 0, out.stderr
        lines = out.stdout.splitlines()
        entries = [json.loads(line) for line in lines[1:]]
        assert [e["n"] for e in entries] == list(range(1, len(entries) + 1))
        assert sum("night shift" in e["entry"]["text"] for e in entries) == 8
        code, said = verify(rig, lines)
        assert code == 0 and "sound" in said, said

        middle = len(lines) // 2
        number = json.loads(lines[middle])["n"]
        changed = [*lines[:middle], lines[middle].replace('"text":"', '"text":"not '), *lines[middle + 1:]]
        for what, forged, words in (("removed", [*lines[:middle], *lines[middle + 1:]], f"entry {number} is not there"),
                                    ("changed", changed, f"entry {number} was changed"),
                                    ("moved", [*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2:]], f"entry {number} is not there"),
                                    ("twice", [*lines[:middle], lines[middle], lines[middle], *lines[middle + 1:]], f"entry {number + 1} is not there"),
                                    ("the first removed", [lines[0], *lines[2:]], "entry 1 is not there"),
                                    ("the newest removed", lines[:-1], "are not there"),
                                    ("cut off", [*lines[:-1], lines[-1][:40]], "no audit entry"),
                                    ("no export", lines[1:], "no export")):
            code, said = verify(rig, forged)
            assert code != 0 and words in said, f"{what}: {code} {said}"

        # Who leaves off the newest and says so in the first line is found with a head from elsewhere: a summary's.
        head = json.loads(lines[0])
        newest = entries[-2]
        head["head"] = {"n": newest["n"], "hash": newest["hash"]}
        shorter = [json.dumps(head), *lines[1:-1]]
        assert verify(rig, shorter)[0] == 0
        gateway.await_online()
        n = gateway.result("audit.head")["n"]
        summary = await_true("a summary with the newest entry", 20, lambda: [s for s in (json.loads(p) for _, _, _, p in subscriber.messages("/summary")) if s["audit"]["n"] == n])
        assert n == entries[-1]["n"]
        assert verify(rig, lines, "--head", summary[-1]["audit"]["head"])[0] == 0
        code, said = verify(rig, shorter, "--head", summary[-1]["audit"]["head"])
        assert code != 0 and "never had the head" in said, said
        assert gateway.stop() == 0


def test_trimmed_chain__is_verified_from_its_base():
    with Rig() as rig:
        gateway = Gateway(rig, rules=RULES, actions="", config="[sources]\nprocess = 0\n[store]\njournal_keep = 100\n").start()
        for i in range(8):
            gateway.send_events([{"type": "pain", "source": f"unit{i}-{k}"} for k in range(6)])
            for incident in gateway.incidents()[:20]:
                gateway.result("incidents.note", incident_id=incident["incident_id"], note="again")
        base = await_true("old entries go", 10, lambda: gateway.result("incidents.list", limit=1) and gateway.result("audit.head")["base_n"])
        done = gateway.ctl("audit", "verify", "--format", "json")
        assert done.returncode == 0, done.stderr
        out = gateway.ctl("audit", "export")
        lines = out.stdout.splitlines()
        assert json.loads(lines[1])["n"] > base - 1 and out.returncode == 0, out.stderr
        assert verify(rig, lines)[0] == 0
        # The same after a restart: nothing of it is in memory only.
        assert gateway.stop() == 0
        gateway.start()
        done = gateway.ctl("audit", "verify")
        assert done.returncode == 0, done.stdout + done.stderr
        assert gateway.stop() == 0


main(test_export__is_verified_and_every_forgery_is_found, test_trimmed_chain__is_verified_from_its_base, at_once=2)
