#!/usr/bin/env python3
"""What the scenarios (test_scenarios_*.py) share: a gateway with the shipped rules and actions, where a scenario's own rows name targets and shorten
windows; reading what became of an incident; and the score. Run by itself it runs them all and prints the score of the whole suite."""
import atexit
import glob
import json
import os
import re
import subprocess
import sys
import threading
import time

from rig import SOURCE, Gateway, await_true

MB = 1 << 20

# Only what a scenario is about is measured: what else goes on on this machine is no part of it.
QUIET = ("[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nusage = 0\nstorage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\noom = 0\ngpu = 0\n")
SOON = "[incidents]\nassess = 0\nrecover = 2s\n"
MILD = ("low", "medium")


def shipped_actions(etc, **targets):
    """config/actions.conf with these targets on the lists of these rows."""
    with open(os.path.join(SOURCE, "config", "actions.conf")) as f:
        text = "\n".join(line if line.startswith(("about", "#")) else line.replace("/etc/picket/", etc + "/") for line in f.read().split("\n"))
    for action, target in targets.items():
        text, n = re.subn(rf"(?ms)(^\[action {action}\]\n.*?^targets =)[^\n]*", rf"\1 {target}", text, count=1)
        assert n == 1, action
    return text


def stamp():
    return time.strftime("%b %e %H:%M:%S", time.gmtime())


def append(path, text):
    with open(path, "a") as f:
        f.write(text)


def small_disk(rig):
    """The folder of a real file system of 24 MB."""
    image, data = rig.path("data.img"), rig.path("data")
    with open(image, "wb") as f:
        f.truncate(24 * MB)
    os.mkdir(data)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, data], check=True)
    rig.cleanups.append(lambda: subprocess.run(["umount", "-l", data], check=False))
    return data


class Scenario:
    """One gateway and its incidents. At the end score() says what came of them."""
    rows, lock = [], threading.Lock()

    def __init__(self, rig, name, config="", rules="", actions="", targets=None, mode="safe", topology="", prefix=(), recover=SOON):
        self.rig, self.name = rig, name
        topology_path = rig.write(f"{name}/etc/topology.conf", topology)
        self.gateway = Gateway(rig, name=name, mode=mode, rules=rules, actions="", config=QUIET + recover + f"[paths]\ntopology = {topology_path}\n" + config)
        rig.write(f"{name}/etc/actions.conf", shipped_actions(self.gateway.etc, **(targets or {})) + actions.replace("ETC", self.gateway.etc))
        self.prefix = prefix

    def start(self):
        self.gateway.start_service()
        self.gateway.start(prefix=self.prefix)
        return self

    def all(self):
        return [self.gateway.incident(i["incident_id"])["incident"] for i in self.gateway.incidents()]

    def of(self, rule, component=None):
        """The newest incident of the rule, or None."""
        found = [i for i in self.all() if i["rule_id"] == rule and (component is None or component in i["affected_components"])]
        return max(found, key=lambda i: i["detected_at"]) if found else None

    def detected(self, rule, component=None, seconds=20):
        try:
            return await_true(f"{rule} is detected", seconds, lambda: self.of(rule, component))
        except AssertionError as e:
            raise AssertionError(f"{e}; events {self.gateway.result('events.list', limit=12)['events']}; {[i['title'] for i in self.all()]}") from e

    def get(self, incident):
        return self.gateway.incident(incident["incident_id"])["incident"]

    def runs(self, incident, action):
        return [a for a in self.get(incident)["actions"] if a["action"] == action]

    def ran(self, incident, action, state="completed", seconds=20, result=""):
        """The newest run of the action, once it is in that state."""
        def there():
            runs = self.runs(incident, action)
            return runs[-1] if runs and runs[-1]["state"] == state and result in (runs[-1]["result"] or "") else None
        try:
            return await_true(f"{action} is {state}", seconds, there)
        except AssertionError as e:
            raise AssertionError(f"{e}: {json.dumps(self.gateway.incident(incident['incident_id'], timeline=True))[:6000]}") from e

    def approve(self, incident, action):
        """Somebody with the right to it says yes; who is asked and why is shown to him."""
        self.ran(incident, action, "awaiting_approval")
        wanted = [a for a in self.gateway.result("approval.list")["approvals"] if a["incident_id"] == incident["incident_id"] and a["action"] == action]
        assert len(wanted) == 1, wanted
        whole = self.gateway.result("approval.get", approval_id=wanted[0]["approval_id"])
        whole = whole.get("approval", whole)
        assert whole["risk_factors"] and whole["estimated_impact"], whole
        out = self.gateway.ctl("approve", wanted[0]["approval_id"], "--reason", "as agreed")
        assert out.returncode == 0, out

    def resolved(self, incident, seconds=30):
        try:
            return await_true(f"{incident['title']} is resolved", seconds, lambda: self.get(incident) if self.get(incident)["status"] == "resolved" else None)
        except AssertionError as e:
            raise AssertionError(f"{e}: {json.dumps(self.gateway.incident(incident['incident_id'], timeline=True))[:6000]}") from e

    def post_mortem(self, incident, *words):
        out = self.gateway.ctl("incidents", "postmortem", incident["incident_id"])
        assert out.returncode == 0 and out.stdout.startswith("# Post-mortem: "), out
        for section in ("## Summary", "## Impact", "## Timeline", "## Root cause", "## Resolution", "## Actions", "## Metrics"):
            assert section in out.stdout, (section, out.stdout)
        for word in words:
            assert word in out.stdout, (word, out.stdout)
        return out.stdout

    def score(self, *expected):
        """Every incident must be of one of these rules; the others are false."""
        for i in self.all():
            self.rows.append({"scenario": self.name, "type": i["incident_type"], "rule": i["rule_id"], "severity": i["severity"], "false": i["rule_id"] not in expected,
                              "alone": bool(i["auto_resolved"]), "ended": i["status"] in ("resolved", "closed"), "mttd": i["mttd_seconds"], "mttr": i["mttr_seconds"]})
        assert self.gateway.stop() == 0


def figures(rows):
    mild = [r for r in rows if r["severity"] in MILD and not r["false"]]
    types = {r["type"] for r in rows}
    return {"incidents": len(rows), "types": len(types), "types_handled": len({r["type"] for r in rows if r["ended"]}), "false": sum(r["false"] for r in rows),
            "mild": len(mild), "mild_alone": sum(r["alone"] for r in mild), "names": sorted(types)}


def say(rows, what):
    f = figures(rows)
    share = 100 * f["mild_alone"] // f["mild"] if f["mild"] else 100
    print(f"# {what}: {f['types_handled']} of {f['types']} types handled ({' '.join(f['names'])}); {f['mild_alone']} of {f['mild']} low and medium incidents "
          f"resolved without a person ({share} %); {f['false']} of {f['incidents']} incidents false {[r['rule'] for r in rows if r['false']] or ''}", flush=True)
    return f


def judge():
    """At the end of a file: its score, kept for the sum."""
    if not Scenario.rows:
        return
    path = os.environ.get("PK_SCENARIO_ROWS")
    if path:
        with Scenario.lock:
            append(path, "".join(json.dumps(r) + "\n" for r in Scenario.rows))
    say(Scenario.rows, os.path.basename(sys.argv[0]))


atexit.register(judge)


def run_all():
    import tempfile
    failed = []
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as f:
        for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_scenarios_*.py"))):
            if subprocess.run([sys.executable, path], env={**os.environ, "PK_SCENARIO_ROWS": f.name}, check=False).returncode != 0:
                failed.append(path)
        rows = [json.loads(line) for line in f]
    total = say(rows, "the whole suite")
    is_good = (not failed and total["types_handled"] == total["types"] and total["mild_alone"] * 100 >= 60 * total["mild"] and total["false"] * 20 < total["incidents"])
    print("as promised" if is_good else f"NOT as promised; failed: {failed}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(run_all())
