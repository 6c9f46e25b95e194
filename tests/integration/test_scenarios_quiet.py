#!/usr/bin/env python3
"""A quiet while: every shipped rule as it is, every collector and one probe of each kind, at the shortest intervals, beside the shipped maintenance at
its shortest. Nothing is wrong, so every incident is false; and what maintenance begins it completes, also while there is something to find.
PK_QUIET_S says how long; the score takes longer than a test. ctest: lane=default timeout=150"""
import os
import re
import time

from rig import BUILD, alone, await_true, main
from scenario import Scenario, read_shipped, serve_http, small_disk
from test_scenarios_network import certificate

RUNS = 200
QUIET_S = int(os.environ.get("PK_QUIET_S", "10"))
# Processor, memory and disk of this machine are busy with other tests, which is no incident of this gateway.
SOURCES = "[sources]\ncpu = 0\npsi = 0\nload = 0\nmemory = 0\nstorage = 0\ndisk = 1s\nusage = 1s\nthermal = 1s\nnetwork = 1s\ntasks = 1s\noom = 1s\n"


def maintenance(gateway_of):
    """Both shipped rows, four times each, as each may run sixty times an hour; and the tasks that run them every second, or less often where the
    while is long."""
    text = read_shipped("actions.conf")
    actions = tasks = ""
    for n in range(4):
        for name in ("health_check", "collect_diagnostics"):
            row = f"[action {name}]" + text.split(f"[action {name}]")[1].split("\n[")[0]
            row, k = re.subn(r"(?m)^cooldown = 1m\nper_hour = \d+$", "cooldown = 0\nper_hour = 60", row)
            assert k == 1, row
            actions += "\n" + row.replace(f"[action {name}]", f"[action {name}_{n}]") + "\n"
            tasks += f"[maintenance {name}_{n}]\naction = {name}_{n}\nevery = {1 + QUIET_S // 50}s\njitter = 0\n"
    return actions.replace("/usr/bin/picketctl check", f"{BUILD}/picketctl --socket {gateway_of}/run/control.sock check"), tasks


def quiet(rig):
    port = serve_http(rig)
    actions, tasks = maintenance(rig.path("quiet"))
    s = Scenario(rig, "quiet", sources=SOURCES, config=f"{tasks}[disk data]\npath = {small_disk(rig)}\n"
                 + "".join(f"[probe {kind}]\nkind = {kind}\nhost = 127.0.0.1\nport = {port}\ninterval = 1s\n" for kind in ("tcp", "http"))
                 + f"[probe door]\nkind = certificate\nfile = {certificate(rig, 300)}\ninterval = 1s\n")
    rig.write("quiet/etc/actions.conf", actions)
    s.start()
    began = time.monotonic()
    tasks_of = lambda: s.gateway.result("maintenance.list")
    await_true(f"{QUIET_S} seconds pass and {RUNS} runs end", QUIET_S + 100, lambda: time.monotonic() - began >= QUIET_S and tasks_of()["run_count"] >= RUNS)
    for kind, source in (("probe_up", "tcp"), ("probe_up", "http"), ("certificate_days", "door")):
        assert s.gateway.result("events.list", type=kind, source=source, limit=1)["events"][0]["value"] >= 1, source
    waits = [e["value"] for e in s.gateway.result("events.list", type="probe_latency_ms", limit=200)["events"] if "value" in e]
    false = [i for i in s.all() if i["rule_id"] != "latency_anomaly" or max(waits) < 50]  # this machine may be as busy as that
    s.rows += [{"scenario": "quiet", "type": i["incident_type"], "rule": i["rule_id"], "severity": i["severity"], "own": False, "false": True} for i in false]
    assert not false, [(i["title"], i["rule_id"]) for i in false]
    listed = tasks_of()
    assert listed["completed_count"] * 100 >= 95 * listed["run_count"], listed
    assert s.gateway.ask("incidents.create", type="custom", title="Something to find", severity="critical")["ok"]
    before = next(t for t in listed["tasks"] if t["task"] == "health_check_0")
    after = await_true("it is looked at", 20, lambda: next((t for t in tasks_of()["tasks"] if t["task"] == "health_check_0" and t["said"].startswith("CRITICAL - ")), None))
    assert after["success_count"] > before["success_count"] and after["failure_count"] == before["failure_count"], after
    s.rows.append({"quiet_s": int(time.monotonic() - began), "runs": tasks_of()["run_count"], "completed": tasks_of()["completed_count"]})
    assert s.gateway.stop() == 0


if __name__ == "__main__":
    main(alone(quiet))
