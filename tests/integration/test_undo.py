#!/usr/bin/env python3
"""Snapshot and undo with the real picketd on real files: what fails, hangs or does not help is taken back, a person can take it back, and what
an undo would run is shown first. ctest: lane=default timeout=150"""
import json
import os
import stat

from rig import Gateway, alone, await_true, main

RULES = """[rule broken]
about    = Something is wrong with a file
on       = type = fault
when     = count >= 1 in 10s by source
type     = custom
severity = high
actions  = ACTION
auto     = yes
clear    = never
"""


def row(folder, name, argv, more="", first_undo=""):
    """An action that changes FOLDER/TARGET.conf, keeps what was there, and puts it back, once its first undo line did well."""
    return (f"[action {name}]\nrisk = low\ntargets = web, db\ntimeout = 5s\ncooldown = 0\nper_hour = 20\n"
            f"snapshot = /bin/cp -a {folder}/{{target}}.conf {{snapshot}}\n{first_undo}undo = /bin/cp -a {{snapshot}} {folder}/{{target}}.conf\n{argv}{more}")


with open(os.path.join(os.environ["PK_SOURCE_DIR"], "config", "rules", "self.rules")) as rules:
    SELF = rules.read()

# FILE N: notes that it was called, and fails until it was called N times.
TWICE = """#!/bin/sh
echo try >>"$1"
[ "$(wc -l <"$1")" -ge "$2" ]
"""


class World:
    def __init__(self, rig, name, argv, more="", config="", mode="safe", first_undo=""):
        self.gateway = Gateway(rig, name=name, mode=mode, config=config, rules=RULES.replace("ACTION", "change") + SELF, actions="")
        self.folder = rig.path(name, "files")
        os.makedirs(self.folder)
        for target in ("web", "db"):
            self.put(target, "old\n")
        with open(os.path.join(self.folder, "new"), "w") as f:
            f.write("new\n")
        rig.write(f"{name}/etc/actions.conf", row(self.folder, "change", argv.replace("FOLDER", self.folder), more.replace("FOLDER", self.folder), first_undo))
        self.gateway.start()

    def put(self, target, text):
        with open(os.path.join(self.folder, f"{target}.conf"), "w") as f:
            f.write(text)

    def text(self, target="web"):
        with open(os.path.join(self.folder, f"{target}.conf")) as f:
            return f.read()

    def fault(self, source="web"):
        self.gateway.result("events.send", event={"type": "fault", "source": source, "severity": "high"})
        return await_true("an incident of it", 10, lambda: next((i["incident_id"] for i in self.gateway.incidents() if source in i["title"]), None))

    def run(self, incident, state, index=0):
        """The incident's action, once it is in that state."""
        def there():
            actions = self.gateway.result("incidents.get", incident_id=incident)["incident"]["actions"]
            return actions[index] if len(actions) > index and actions[index]["state"] == state else None
        try:
            return await_true(f"the run is {state}", 15, there)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.gateway.result('incidents.get', incident_id=incident, timeline=True)}") from e

    def said(self, incident):
        return json.dumps(self.gateway.result("incidents.get", incident_id=incident, timeline=True))

    def ctl(self, *args):
        return self.gateway.ctl(*args)


COPY = "argv = /bin/cp FOLDER/new FOLDER/{target}.conf\n"


def a_line_that_fails_is_taken_back(rig):
    w = World(rig, "fails", COPY + "argv = /bin/false\n")
    incident = w.fault()
    action = w.run(incident, "rolled_back")
    assert action["result"] == "undone, exit 1", action
    assert w.text() == "old\n"
    assert "rolled_back" in w.said(incident)
    kept = f"{w.gateway.state}/supervisor/undo.change@web"
    info = os.stat(kept)
    assert info.st_uid == 0 and os.stat(os.path.dirname(kept)).st_mode & 0o077 == 0, oct(stat.S_IMODE(info.st_mode))


def one_that_hangs_is_taken_back(rig):
    w = World(rig, "hangs", COPY + "argv = /bin/sleep 600\n")
    action = w.run(w.fault(), "rolled_back")
    assert action["result"] == "ran out of its time; undone", action
    assert w.text() == "old\n"


def what_does_not_help_is_taken_back(rig):
    w = World(rig, "helpless", COPY, "verify = /bin/grep -q better FOLDER/{target}.conf\nverify_within = 2s\n")
    action = w.run(w.fault(), "rolled_back")
    assert action["result"] == "it did not help; undone", action
    assert w.text() == "old\n"


def what_helps_stays_until_somebody_takes_it_back(rig):
    w = World(rig, "helps", COPY, "verify = /bin/grep -q new FOLDER/{target}.conf\n")
    incident = w.fault()
    run = w.run(incident, "completed")["run_id"]
    assert w.text() == "new\n"
    dry = w.ctl("undo", str(run), "--dry-run", "--format", "json")
    assert dry.returncode == 0, dry
    assert f"/bin/cp -a {w.gateway.state}/supervisor/undo.change@web {w.folder}/web.conf" in dry.stdout, dry.stdout
    assert w.text() == "new\n"
    done = w.ctl("undo", str(run), "--reason", "worse than before")
    assert done.returncode == 0, done
    await_true("the file is the old one", 10, lambda: w.text() == "old\n")
    w.run(incident, "rolled_back")
    w.run(incident, "completed", 1)
    assert "undone on request" in w.said(incident) and f"undid run {run}" in w.said(incident)
    again = w.ctl("undo", str(run))
    assert again.returncode != 0 and "undone already" in again.stderr, again
    for bad in ("999", "0", "4294967297"):
        assert "no such run" in w.ctl("undo", bad).stderr, bad
    assert w.ctl("undo", "-1").returncode == 2
    assert w.ctl("undo", "x").returncode == 2


def an_undo_that_fails_is_said_loudly(rig):
    w = World(rig, "worse", "argv = /bin/false\n", f"undo = {rig.write('never', TWICE, 0o755)} {rig.path('worse', 'tries')} 99\n")
    incident = w.fault()
    assert w.run(incident, "failed")["result"] == "UNDO FAILED, exit 1"
    assert "UNDO FAILED" in w.said(incident)
    told = await_true("an incident of its own says so", 10, lambda: next((i for i in w.gateway.incidents() if i["severity"] == "critical"), None))
    assert "changed is left as it is" in json.dumps(w.gateway.incident(told["incident_id"], timeline=True)), told
    assert "changed is left as it is. Mend it by hand, or: picketctl undo" in w.said(incident)
    with open(os.path.join(w.gateway.rig.path("worse", "tries"))) as f:
        assert f.read() == "try\n" * 3, "three tries, no more"


def an_undo_that_fails_once_is_tried_again(rig):
    w = World(rig, "again", COPY + "argv = /bin/false\n", f"undo = {rig.write('twice', TWICE, 0o755)} {rig.path('again-tries')} 2\n")
    action = w.run(w.fault(), "rolled_back")
    assert action["result"] == "undone, exit 1", action
    with open(rig.path("again-tries")) as f:
        assert f.read() == "try\n" * 2


def three_that_run_long_are_not_in_the_way(rig):
    """The places of actions are taken; what a person wants undone is undone all the same."""
    w = World(rig, "crowd", COPY, "[action long]\nrisk = low\nargv = /bin/sleep {target}\ntimeout = 3m\ntargets = 101, 102, 103, 104\ncooldown = 0\nper_hour = 20\n")
    incident = w.fault()
    run = w.run(incident, "completed")["run_id"]
    for target in ("101", "102", "103", "104"):
        done = w.ctl("incidents", "mitigate", incident, "--action", "long", "--target", target)
        assert done.returncode == 0, done
    assert w.text() == "new\n"
    assert w.ctl("undo", str(run)).returncode == 0
    await_true("the file is the old one", 10, lambda: w.text() == "old\n")
    states = [a["state"] for a in w.gateway.result("incidents.get", incident_id=incident)["incident"]["actions"] if a["action"] == "long"]
    assert states.count("executing") == 3, states


def no_snapshot_no_action(rig):
    w = World(rig, "blind", COPY)
    os.unlink(os.path.join(w.folder, "db.conf"))
    assert w.run(w.fault("db"), "failed")["result"] == "exit 1"
    assert not os.path.exists(os.path.join(w.folder, "db.conf"))


def switched_off_it_is_left(rig):
    w = World(rig, "off", COPY + "argv = /bin/false\n", config="[agent]\nauto_rollback = no\n")
    incident = w.fault()
    run = w.run(incident, "failed")
    assert run["result"] == "exit 1" and w.text() == "new\n", run
    assert w.ctl("undo", str(run["run_id"])).returncode == 0
    await_true("a person took it back", 10, lambda: w.text() == "old\n")


def agent_killed_in_the_middle(rig):
    w = World(rig, "killed", COPY + "argv = /bin/sleep 600\n")
    w.fault()
    await_true("the action is under way", 10, lambda: w.text() == "new\n")
    os.kill(w.gateway.agent_pid(), 9)
    await_true("undone without the agent", 25, lambda: w.text() == "old\n")


def stop_after_the_first_try(rig, name, tries):
    """A world that was stopped while an undo that does well from so many tries on waits for its second; and its incident."""
    count = rig.path(f"{name}-tries")
    w = World(rig, name, COPY + "argv = /bin/false\n", first_undo=f"undo = {rig.write('twice', TWICE, 0o755)} {count} {tries}\n")
    incident = w.fault()
    await_true("the first try failed", 20, lambda: os.path.exists(count))
    assert w.gateway.stop() == 0 and w.text() == "new\n"
    return w, incident


def stopped_before_the_second_try(rig):
    """picketd is stopped while an undo waits to be tried again: the next start owes it, does it, and says so. Once it fails for good, and that is said."""
    for name, tries, state, words, text in (("owed", 2, "rolled_back", "undone, over a restart", "old\n"), ("owed-bad", 99, "failed", "UNDO FAILED, over a restart", "new\n")):
        w, incident = stop_after_the_first_try(rig, name, tries)
        w.gateway.start()
        assert words in w.run(incident, state)["result"] and w.text() == text
        assert words in w.said(incident)


def mended_by_hand_after_the_stop(rig):
    """What is owed would overwrite it: with rollback or the mode switched off it is left, and said; a person can still take it back."""
    w, incident = stop_after_the_first_try(rig, "mended", 2)
    w.put("web", "mended\n")
    with open(w.gateway.config_path, "a") as f:
        f.write("\n[agent]\nauto_rollback = no\n")
    w.gateway.start()
    run = w.run(incident, "failed")
    assert run["result"].startswith("left as it is"), run
    assert w.text() == "mended\n" and "left as it is" in w.said(incident)
    assert w.ctl("undo", str(run["run_id"])).returncode == 0
    await_true("a person took it back", 10, lambda: w.text() == "old\n")


if __name__ == "__main__":
    main(*map(alone, (a_line_that_fails_is_taken_back, one_that_hangs_is_taken_back, what_does_not_help_is_taken_back, what_helps_stays_until_somebody_takes_it_back,
         an_undo_that_fails_is_said_loudly, an_undo_that_fails_once_is_tried_again, three_that_run_long_are_not_in_the_way, no_snapshot_no_action, switched_off_it_is_left, agent_killed_in_the_middle,
         stopped_before_the_second_try, mended_by_hand_after_the_stop)))
