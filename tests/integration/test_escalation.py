#!/usr/bin/env python3
"""Calling for help without a hub, on the real agent with short times: a hook that is really run for each tier, an agent killed over its deadline, an
acknowledgement that ends it, an approval nobody answers; and switches that hold over a kill. ctest: lane=default timeout=240"""
import os
import signal
import time

from rig import Gateway, Rig, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"
# What this machine itself may have to say (its disks, its clock) is less severe and calls nobody.
TIMES = "[escalation]\nresponse = 8s\nagain = 8s\nseverity = critical\n[response_team]\ncritical = on-call, shift leader\n"
RULES = """[rule broken]
about    = Something is wrong
on       = type = fault
when     = count >= 1 in 10s by source
type     = custom
severity = critical
actions  = mend
auto     = yes
clear    = never
"""


class World:
    def __init__(self, rig, name, config="", actions=""):
        self.paged, self.mended = rig.path(f"{name}.paged"), rig.path(f"{name}.mended")
        page = rig.write(f"{name}/page", f"#!/bin/sh\necho \"$1\" >>{self.paged}\n", 0o755)
        rows = (f"[action escalate]\nabout = Pages somebody\nrisk = low\nargv = {page} {{target}}\ntargets = tier-1, tier-2, tier-3\ncooldown = 0\n"
                f"[action mend]\nabout = Mends\nrisk = low\nargv = /usr/bin/touch {self.mended}\ncooldown = 0\n")
        self.gateway = Gateway(rig, name=name, rules=RULES, actions="", config=QUIET + TIMES + config)
        rig.write(f"{name}/etc/actions.conf", rows + actions)
        self.gateway.start_service()  # or its absence would call, too
        self.gateway.start()

    def fault(self):
        self.gateway.result("events.send", event={"type": "fault", "source": "press", "severity": "high"})
        self.id = await_true("an incident", 10, lambda: next((i["incident_id"] for i in self.gateway.incidents() if "press" in i["title"]), None))

    def record(self):
        return self.gateway.incident(self.id)["incident"]

    def pages(self):
        try:
            with open(self.paged) as f:
                return f.read().split()
        except FileNotFoundError:
            return []

    def timeline(self):
        return [e["message"] for e in self.gateway.incident(self.id, timeline=True)["timeline"]]

    def switch(self, name, on, **more):
        return self.gateway.ask("switches.set", switch=name, on=on, **more)


def test_tiers_run_the_hook_until_somebody_acknowledges():
    with Rig() as rig:
        w = World(rig, "tiers", config="[agent]\nauto_remediation_enabled = no\n")
        w.fault()
        assert w.record()["response_team"] == "on-call, shift leader" and w.record()["impact"]["reach"] == "local", w.record()
        await_true("the first tier", 25, lambda: w.pages() == ["tier-1"])
        e = w.record()["escalation"]
        assert e["tier"] == 1 and e["reason"] == "no_response" and e["at"] and e["next_at"] > e["at"], e
        await_true("the second tier", 25, lambda: w.pages() == ["tier-1", "tier-2"])
        assert w.gateway.ctl("incidents", "ack", w.id).returncode == 0
        time.sleep(10)
        assert w.pages() == ["tier-1", "tier-2"] and w.record()["escalation"]["tier"] == 2, w.record()
        shown = w.gateway.ctl("incidents", "get", w.id, "--format", "table").stdout
        assert "to tier 2" in shown and "on-call, shift leader" in shown and "impact" in shown, shown
        assert w.gateway.ctl("incidents", "mitigate", w.id, "--action", "escalate").returncode == 0
        await_true("a person called the third", 25, lambda: w.pages()[2:] == ["tier-3"])
        await_true("it is on the incident", 5, lambda: w.record()["escalation"] and w.record()["escalation"]["reason"] == "person")
        assert not os.path.exists(w.mended)


def test_killed_over_the_deadline__calls_once_at_start():
    with Rig() as rig:
        w = World(rig, "killed", config="[agent]\nauto_remediation_enabled = no\nclock = trusted\n")
        w.fault()
        await_true("it is on the disk", 5, lambda: w.gateway.ask("status")["result"]["store"]["state"] == "ok")
        time.sleep(0.5)
        w.gateway.process.stop(signal.SIGKILL)
        time.sleep(12)
        assert w.pages() == [], w.pages()
        w.gateway.start()
        await_true("called at start", 15, lambda: w.pages()[:1] == ["tier-1"])
        assert w.pages() == ["tier-1"], w.pages()
        await_true("the next in its own time", 25, lambda: w.pages() == ["tier-1", "tier-2"])


def test_an_approval_nobody_answers__calls():
    with Rig() as rig:
        w = World(rig, "approval", config="[agent]\napproval_timeout = 10s\nauto_remediation_enabled = no\n[escalation]\nresponse = 1h\n",
                  actions="[action tune]\nabout = Tunes\nrisk = critical\nargv = /bin/true\n")
        w.fault()
        asked = w.gateway.ask("mitigate", incident_id=w.id, action="tune")
        assert asked["ok"], asked
        await_true("called", 20, lambda: w.pages() == ["tier-1"])
        e = w.record()["escalation"]
        assert e["reason"] == "approval_expired" and e["tier"] == 1, e


def test_switches__the_file_beats_commands_and_what_is_off_stays_off_over_a_kill():
    with Rig() as rig:
        w = World(rig, "switches", config="[agent]\nauto_rollback = no\n")
        refused = w.switch("auto_rollback", "on")
        assert not refused["ok"] and "the local file says no" in refused["message"], refused
        assert w.gateway.ctl("switches", "set", "notifications_enabled", "off", "--reason", "moving").returncode == 0
        assert w.switch("auto_remediation_enabled", "off", reason="rewiring")["ok"]
        time.sleep(0.5)
        w.gateway.process.stop(signal.SIGKILL)
        w.gateway.start()
        status = w.gateway.ask("status")["result"]
        assert status["switches"] == {"auto_remediation_enabled": False, "notifications_enabled": False, "auto_rollback": False, "maintenance_enabled": True}, status["switches"]
        w.fault()
        await_true("the record goes on", 25, lambda: (w.record()["escalation"] or {}).get("tier"))
        await_true("the hook did not", 5, lambda: any("escalate tier-1: refused, notifications_enabled is off" in m for m in w.timeline()))
        assert not w.record()["announced"] and not os.path.exists(w.mended) and w.pages() == [], w.record()
        said = w.gateway.ctl("explain", "incident", w.id, "--format", "table").stdout
        assert "auto_remediation_enabled is off: uid:0: rewiring" in said and "notifications_enabled is off: uid:0: moving" in said, said
        assert any("only recommended" in m for m in w.timeline()), w.timeline()
        assert w.switch("notifications_enabled", "on")["ok"] and w.switch("auto_remediation_enabled", "on")["ok"]
        await_true("announced now", 5, lambda: w.record()["announced"])
        await_true("paged now", 25, lambda: w.pages())
        audit = w.gateway.ctl("audit", "export").stdout
        assert "switches.set: ok, auto_remediation_enabled off, reason: rewiring" in audit and "switches.set: refused, auto_rollback on" in audit, audit


if __name__ == "__main__":
    main(test_tiers_run_the_hook_until_somebody_acknowledges, test_killed_over_the_deadline__calls_once_at_start,
         test_an_approval_nobody_answers__calls, test_switches__the_file_beats_commands_and_what_is_off_stays_off_over_a_kill, at_once=2)
