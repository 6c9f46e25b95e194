#!/usr/bin/env python3
"""What the scenarios (test_scenarios_*.py) share: a gateway with the shipped rules and actions, where a scenario's own rows name targets and shorten
windows; reading what became of an incident; and the score. Run by itself it runs them all and prints the score of the whole suite, PASS or MISSED for each promise, with the counts behind it."""
import atexit
import glob
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from rig import SOURCE, Gateway, await_true, free_port

MB = 1 << 20

# Only what a scenario is about is measured: what else goes on on this machine is no part of it.
QUIET = ("[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\nusage = 0\nstorage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\noom = 0\ngpu = 0\n")
SOON = "[incidents]\nassess = 0\nrecover = 2s\n"
MILD = ("low", "medium")
HISTOGRAMS = ("picket_incident_processing_seconds", "picket_detection_latency_seconds", "picket_incident_detect_seconds", "picket_incident_resolve_seconds")


def read(path):
    with open(path) as f:
        return f.read()


def read_shipped(*parts):
    return read(os.path.join(SOURCE, "config", *parts))


def shipped_actions(etc, **targets):
    """config/actions.conf with these targets on the lists of these rows."""
    text = "\n".join(line if line.startswith(("about", "#")) else line.replace("/etc/picket/", etc + "/") for line in read_shipped("actions.conf").split("\n"))
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


def serve_http(rig, status=lambda: 200):
    """Port of a server here that answers each GET with what status() returns, once it returns."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass
    port = free_port()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    rig.cleanups.append(server.shutdown)
    return port


class Scenario:
    """One gateway and its incidents. At the end score() says what came of them."""
    rows, lock = [], threading.Lock()

    def __init__(self, rig, name, config="", rules="", actions="", targets=None, mode="safe", topology="", prefix=(), recover=SOON, sources=QUIET):
        self.rig, self.name = rig, name
        memory = tempfile.mkdtemp(prefix="picket-test-", dir="/dev/shm")  # figures are written to memory only
        rig.cleanups.append(lambda: shutil.rmtree(memory, ignore_errors=True))
        shutil.chown(memory, "nobody", "nogroup")
        self.figures = os.path.join(memory, "picket.prom")
        config += f"[report]\ntextfile = {self.figures}\ntextfile_every = 1s\n"
        topology_path = rig.write(f"{name}/etc/topology.conf", topology)
        self.gateway = Gateway(rig, name=name, mode=mode, rules=rules, actions="", config=sources + recover + f"[paths]\ntopology = {topology_path}\n" + config)
        rig.write(f"{name}/etc/actions.conf", shipped_actions(self.gateway.etc, **(targets or {})) + actions.replace("ETC", self.gateway.etc))
        self.prefix, self.asked = prefix, set()  # incidents that somebody had to say yes for

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

    def detected(self, rule, component=None, seconds=45):
        try:
            return await_true(f"{rule} is detected", seconds, lambda: self.of(rule, component))
        except AssertionError as e:
            raise AssertionError(f"{e}; events {self.gateway.result('events.list', limit=12)['events']}; {[i['title'] for i in self.all()]}") from e

    def get(self, incident):
        return self.gateway.incident(incident["incident_id"])["incident"]

    def runs(self, incident, action):
        return [a for a in self.get(incident)["actions"] if a["action"] == action]

    def ran(self, incident, action, state="completed", seconds=45, result=""):
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
        self.asked.add(incident["incident_id"])

    def resolved(self, incident, seconds=60):
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

    def histograms(self, count):
        """{name: [[upper bound, how many], ...]} of the agent's own figures, once they hold so many incidents."""
        def there():
            try:
                with open(self.figures) as f:
                    found = {name: [] for name in HISTOGRAMS}
                    for name, bound, value in re.findall(r'(?m)^(\w+)_bucket\{(?:[^}]*,)?le="([^"]+)"[^}]*\} (\S+)$', f.read()):
                        if name in found:
                            found[name].append([bound, int(float(value))])
            except OSError:
                return None
            return found if found[HISTOGRAMS[0]] and found[HISTOGRAMS[0]][-1][1] >= count else None
        time.sleep(1.2)  # what ended just now, too
        return await_true("the figures are written", 10, there)

    def score(self, *expected):
        """Every incident must be of one of these rules or follow from one that is; the others are false. A type is handled when the expected ones ended."""
        found = self.all()
        own = {i["incident_id"] for i in found if i["rule_id"] in expected}
        for i in found:
            is_own = i["incident_id"] in own
            self.rows.append({"scenario": self.name, "type": i["incident_type"], "rule": i["rule_id"], "severity": i["severity"], "own": is_own,
                              "false": not is_own and i["caused_by"] not in own, "alone": bool(i["auto_resolved"]) and i["incident_id"] not in self.asked,
                              "ended": i["status"] in ("resolved", "closed")})
        self.rows.append({"histograms": self.histograms(len(found))})
        assert self.gateway.stop() == 0


def sum_histogram(rows, name):
    out = {}
    for r in rows:
        for bound, n in r.get("histograms", {}).get(name, ()):
            out[bound] = out.get(bound, 0) + n
    return sorted(out.items(), key=lambda b: float(b[0].replace("+Inf", "inf")))


def share_within(histogram, percent):
    """The least upper bound that so many percent are within."""
    total = histogram[-1][1] if histogram else 0
    return next((bound for bound, n in histogram if total and n * 100 >= percent * total), "-")


def judgements(rows):
    """[(is it as promised, what, the counts behind it)]."""
    incidents = [r for r in rows if "rule" in r]
    own = [r for r in incidents if r["own"]]
    types = {r["type"] for r in own}
    handled = types - {r["type"] for r in own if not r["ended"]}
    mild = [r for r in own if r["severity"] in MILD]
    alone = [r for r in mild if r["alone"]]
    false = [r for r in incidents if r["false"]]
    runs, completed = (sum(r.get(k, 0) for r in rows) for k in ("runs", "completed"))
    quiet_s = sum(r.get("quiet_s", 0) for r in rows)
    percent = lambda n, of: f"{n} of {of} ({100 * n / of:.1f} %)" if of else "none"
    out = [(len(handled) == len(types) > 0, "types handled, 100 %", f"{percent(len(handled), len(types))}: {' '.join(sorted(types))}{'; open: ' if types - handled else ''}{' '.join(types - handled)}"),
           (len(alone) * 100 >= 60 * len(mild) and mild, "low and medium resolved without a person, at least 60 %",
            f"{percent(len(alone), len(mild))}; by a person: {' '.join(r['scenario'] for r in mild if not r['alone']) or 'none'}"),
           (len(false) * 20 < len(incidents), "false incidents, less than 5 %",
            f"{percent(len(false), len(incidents))}, {quiet_s} quiet seconds among it; {' '.join(r['rule'] for r in false)}{len(incidents) - len(own) - len(false)} were consequences"),
           (completed * 100 >= 95 * runs and runs >= 200, "maintenance runs complete, at least 95 % of 200 or more", percent(completed, runs))]
    for name in HISTOGRAMS:
        h = sum_histogram(rows, name)
        steps = ", ".join(f"{bound} s: {n - before}" for (bound, n), (_, before) in zip(h, [("", 0), *h]) if n > before)
        out.append((bool(h) and h[-1][1] > 0, f"histogram {name}", f"half within {share_within(h, 50)} s, 95 % within {share_within(h, 95)} s; {steps}"))
    return out


def judge():
    """At the end of a file: its rows, kept for the sum."""
    path = os.environ.get("PK_SCENARIO_ROWS")
    if path and Scenario.rows:
        with Scenario.lock:
            append(path, "".join(json.dumps(r) + "\n" for r in Scenario.rows))
    for _, what, counts in judgements(Scenario.rows):
        print(f"# {what}: {counts}", flush=True)


atexit.register(judge)


def run_all():
    """Every scenario, one file after the other, then a line for each promise: PASS or MISSED, and the counts behind it."""
    failed = []
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as f:
        for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_scenarios_*.py"))):
            if subprocess.run([sys.executable, path], env={"PK_QUIET_S": "120", **os.environ, "PK_SCENARIO_ROWS": f.name}, check=False).returncode != 0:
                failed.append(os.path.basename(path))
        rows = [json.loads(line) for line in f]
    lines = [(not failed, "every scenario goes as it should", f"failed: {' '.join(failed) or 'none'}"), *judgements(rows)]
    for is_kept, what, counts in lines:
        print(f"{'PASS' if is_kept else 'MISSED'}  {what}: {counts}")
    return 0 if all(is_kept for is_kept, _, _ in lines) else 1


if __name__ == "__main__":
    sys.exit(run_all())
