#!/usr/bin/env python3
"""Incidents on the real agent: causes by topology, correlation and change, maintenance windows, stages with their shipped times cut short.
ctest: lane=default timeout=120"""
import os
import signal

from rig import Gateway, Rig, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"
RULES = """
[rule full]
on = type = disk_test
when = value > 90
clear = value < 80 for 1s
type = disk_space_low
severity = high
[rule db]
on = type = db_refused
when = count >= 2 in 1m by source
clear = count < 1 in 1m
type = database_connection_fail
severity = critical
[rule api]
on = type = api_test
when = count >= 2 in 1m by source
clear = count < 1 in 1m
type = error_burst
severity = high
"""


def gateway_with(rig, config="", topology="api -> db   # needs it\nweb -> api\ndb -> data\n"):
    path = rig.write("gateway/etc/topology.conf", topology)
    return Gateway(rig, actions="", rules=RULES, config=f"[paths]\ntopology = {path}\n{QUIET}{config}")


def by_type(gateway):
    return {i["incident_type"]: gateway.incident(i["incident_id"])["incident"] for i in gateway.incidents()}


def cascade(gateway):
    gateway.send_events([{"type": "disk_test", "source": "data", "value": 97}])
    await_true("the disk", 5, lambda: "disk_space_low" in by_type(gateway))
    gateway.send_events([{"type": "db_refused", "source": "db", "severity": "error"}] * 2)
    await_true("the database", 5, lambda: "database_connection_fail" in by_type(gateway))
    gateway.send_events([{"type": "api_test", "source": "api", "severity": "error", "correlation_id": f"r-{n}"} for n in range(2)])
    await_true("the api", 5, lambda: "error_burst" in by_type(gateway))
    return by_type(gateway)


def test_disk_then_database_then_api__the_disk_is_the_cause_and_only_it_is_announced():
    with Rig() as rig:
        gateway = gateway_with(rig)
        gateway.start_service()
        gateway.start()
        seen = cascade(gateway)
        disk, db, api = seen["disk_space_low"], seen["database_connection_fail"], seen["error_burst"]
        assert db["caused_by"] == disk["incident_id"] and api["caused_by"] == db["incident_id"], seen
        assert disk["caused_by"] is None and disk["announced"] and not db["announced"] and not api["announced"], seen
        assert api["causes"][0]["cause"].startswith("Disk space low on data") and 0.35 <= api["causes"][0]["confidence"] <= 1, api
        assert api["causes"][0]["evidence"] and api["correlation_id"] == "r-1", api
        assert disk["blast_radius"] == 3 and disk["children"] == 1, disk
        whole = gateway.incident(disk["incident_id"])
        assert whole["depending_components"] == ["api", "db", "web"] or sorted(whole["depending_components"]) == ["api", "db", "web"], whole
        assert whole["child_incidents"] == [db["incident_id"]], whole
        out = gateway.ctl("explain", "incident", api["incident_id"], "--format", "table").stdout
        assert "caused by" in out, out


def test_a_deployment_before_is_a_suspect():
    with Rig() as rig:
        gateway = gateway_with(rig)
        gateway.start_service()
        gateway.start()
        gateway.send_events([{"type": "deployment", "source": "api", "message": "v2.1"}])
        gateway.send_events([{"type": "api_test", "source": "api", "severity": "error"}] * 2)
        await_true("the api", 5, lambda: "error_burst" in by_type(gateway))
        api = by_type(gateway)["error_burst"]
        assert api["causes"][0]["cause"] == "deployment on api: v2.1", api
        assert api["root_cause"] == "deployment on api: v2.1", api


def test_bad_topology_is_refused_at_reload_and_the_old_one_holds():
    with Rig() as rig:
        gateway = gateway_with(rig)
        gateway.start_service()
        gateway.start()
        rig.write("gateway/etc/topology.conf", "api db\n")
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("it is refused", 10, lambda: "not of the form" in gateway.process.log())
        seen = cascade(gateway)
        assert seen["disk_space_low"]["blast_radius"] == 3, seen


def test_maintenance_then_restart__stages_and_silence_survive():
    with Rig() as rig:
        gateway = gateway_with(rig, config="[incidents]\nassess = 2s\nrecover = 4s\n")
        gateway.start_service()
        gateway.start()
        assert gateway.ctl("silences", "create", "--kind", "maintenance", "--for", "1h", "--component", "data", "--reason", "new disk").returncode == 0
        gateway.send_events([{"type": "disk_test", "source": "data", "value": 97}])
        await_true("the disk", 5, lambda: "disk_space_low" in by_type(gateway))
        assert not by_type(gateway)["disk_space_low"]["announced"]
        await_true("investigated by itself", 8, lambda: by_type(gateway)["disk_space_low"]["stage"] == "investigate")
        gateway.stop()
        gateway.start()
        assert "new disk" in gateway.ctl("silences", "list", "--format", "table").stdout
        gateway.send_events([{"type": "disk_test", "source": "data", "value": 10}])
        await_true("recovering", 8, lambda: by_type(gateway)["disk_space_low"]["stage"] == "recover")
        await_true("resolved", 15, lambda: by_type(gateway)["disk_space_low"]["status"] == "resolved")
        disk = by_type(gateway)["disk_space_low"]
        assert disk["auto_resolved"] and disk["stage_seconds"]["assess"] >= 1.9 and disk["stage_seconds"]["recover"] > 1, disk
        assert not disk["announced"], disk


if __name__ == "__main__":
    main(test_disk_then_database_then_api__the_disk_is_the_cause_and_only_it_is_announced, test_a_deployment_before_is_a_suspect,
         test_bad_topology_is_refused_at_reload_and_the_old_one_holds, test_maintenance_then_restart__stages_and_silence_survive)
