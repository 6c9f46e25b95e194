#!/usr/bin/env python3
"""The figures for node_exporter's textfile collector: read by Prometheus' own parser (Debian's python3-prometheus-client) and by the stricter rules of
the format, written whole while somebody reads, and the statistics beside them. ctest: lane=default timeout=60"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from rig import BUILD, Broker, Gateway, Rig, await_true, main

RULES = "[rule hurt]\non = type = pain\nwhen = count >= 1 in 1m by source\ntype = data_corruption\nseverity = high\nkeys = 32\n"
# CONVENTIONS E.6; those of maintenance only where there is a task.
NAMES = """build_info events_received_total events_dropped_total rule_evaluations_total rule_fires_total incidents_total incidents_active
incident_processing_seconds incident_detect_seconds incident_ack_seconds incident_resolve_seconds detection_latency_seconds actions_total
action_duration_seconds approvals_total store_bytes store_records store_written_bytes_total table_used table_high_water table_capacity mqtt_connected
mqtt_reconnects_total notifications_total maintenance_runs_total outbox_entries outbox_bytes outbox_held_entries outbox_dropped_total budget_used_bytes
budget_limit_bytes budget_level budget_left_out_total""".split()
PARSER = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]] for f in text_string_to_metric_families(sys.stdin.read())]))
"""


class Folder:
    """In memory, as /run of a gateway is, and the agent's."""

    def __init__(self, rig):
        self.path = tempfile.mkdtemp(prefix="picket-test-", dir="/dev/shm")
        shutil.chown(self.path, "nobody", "nogroup")
        os.chmod(self.path, 0o755)
        self.file = os.path.join(self.path, "picket.prom")
        rig.cleanups.append(lambda: shutil.rmtree(self.path, ignore_errors=True))

    def read(self):
        with open(self.file) as f:
            return f.read()


def official(text):
    """What Prometheus' own client library reads in it."""
    run = subprocess.run(["/usr/bin/python3", "-c", PARSER], input=text, capture_output=True, text=True, timeout=20)
    if "No module named" in run.stderr:
        raise AssertionError("python3-prometheus-client is missing: tools/packages, group integration")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.]+(?:e[+-]?\d+)?|\+Inf|NaN)$')


def strict(text):
    """{family: {series: value}}; the format's own rules (exposition_formats.md), which parsers forgive."""
    families, seen, family, kind, helped = {}, set(), None, None, None
    assert text.endswith("\n") and "\n\n" not in text and "\r" not in text
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped = line.split(" ")[2]
            continue
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family == helped and family not in families and kind in ("counter", "gauge", "histogram"), line
            assert (kind == "counter") == family.endswith("_total"), f"a counter, and only one, is called _total: {line}"
            families[family] = {}
            continue
        match = SAMPLE.match(line)
        assert match, f"no sample: {line}"
        name, labels, value = match.groups()
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        assert any(name == family + e for e in ends), f"{line} in {family}"
        assert (name, labels) not in seen, f"twice: {line}"
        seen.add((name, labels))
        families[family][f"{name}{{{labels or ''}}}"] = float(value)
    for name, series in families.items():
        buckets = [v for k, v in series.items() if k.startswith(name + "_bucket")]
        if buckets:
            assert buckets == sorted(buckets) and buckets[-1] == series[f"{name}_count{{}}"], name
    return families


def start(rig, path):
    broker = Broker(rig).start()
    gateway = Gateway(rig, broker.port, rules=RULES, mode="auto", config=f"[report]\ntextfile = {path}\ntextfile_every = 1s\nmonth = 10M\n[maintenance quiet]\nwindow = 5m\nevery = 1d\ncomponent = nobody\n")
    gateway.start_service()
    gateway.start()
    gateway.await_online()
    return gateway


def test_textfile__read_by_prometheus__with_what_happened():
    with Rig() as rig:
        folder = Folder(rig)
        gateway = start(rig, folder.file)
        gateway.send_events([{"type": "pain", "source": "press-7"}])
        gateway.kill_service()
        await_true("the action ran", 15, lambda: gateway.result("status")["responses"]["succeeded"] == 1)
        await_true("it is in the file", 5, lambda: 'picket_actions_total{action="restart_service",result="completed"} 1\n' in folder.read())
        text = folder.read()
        assert os.stat(folder.file).st_mode & 0o777 == 0o644
        families = strict(text)
        missing = [n for n in NAMES if f"picket_{n}" not in families]
        assert not missing and len(families) >= len(NAMES), f"{missing} of {sorted(families)}"
        read = {name: (kind, samples) for name, kind, _, samples in official(text)}
        for name, series in families.items():  # the client library calls a counter without its _total
            kind, samples = read[re.sub("_total$", "", name)] if re.sub("_total$", "", name) in read else read[name]
            assert len(samples) == len(series), name
            assert kind in ("counter", "gauge", "histogram"), (name, kind)
        assert families["picket_incidents_total"]['picket_incidents_total{type="data_corruption",severity="high"}'] >= 1
        for name in ("incident_processing_seconds", "incident_detect_seconds", "detection_latency_seconds", "action_duration_seconds"):
            assert families[f"picket_{name}"][f"picket_{name}_count{{}}"] >= 1, name
        assert families["picket_mqtt_connected"]['picket_mqtt_connected{broker="central"}'] == 1
        status = gateway.result("status")
        assert families["picket_budget_limit_bytes"] == {'picket_budget_limit_bytes{budget="data"}': 10 << 20}
        assert families["picket_budget_level"]['picket_budget_level{budget="data"}'] == 0
        assert 0 < families["picket_budget_used_bytes"]['picket_budget_used_bytes{budget="data"}'] <= status["budgets"]["data"]["used_bytes"] < 10 << 20
        assert set(families["picket_outbox_dropped_total"].values()) == {0}
        assert status["responses"]["success_rate"] == 1 and status["responses"]["tasks"][0]["name"] == "restart_service"
        assert status["metrics"]["processing"]["count"] >= 1
        stats = subprocess.run([os.path.join(BUILD, "picketctl"), "--socket", os.path.join(gateway.dir, "run", "control.sock"), "stats", "--format", "json"],
                               capture_output=True, text=True, timeout=20)
        stats = json.loads(stats.stdout)
        assert stats["responses"]["total_responses"] == 1 and stats["formulas"]["avg_mttf_seconds"].startswith("mean(next detected - resolved)")
        print(f"# {len(text)} bytes, {sum(len(s) for s in families.values())} series; a tick took at most {status['longest_tick_ms']} ms")


def test_textfile__whoever_reads_it_reads_it_whole():
    with Rig() as rig:
        folder = Folder(rig)
        start(rig, folder.file)
        await_true("it is there", 5, lambda: os.path.exists(folder.file))
        end, reads, files = time.monotonic() + 6, 0, set()
        while time.monotonic() < end:
            text = folder.read()
            assert text.startswith("# HELP picket_build_info ") and 'task="quiet"' in text.splitlines()[-1], "a half file"
            files.add(os.stat(folder.file).st_ino)
            reads += 1
        assert reads > 100 and len(files) >= 3, (reads, len(files))


def test_textfile__on_a_disk__is_refused_with_words():
    with Rig() as rig:
        # The folder the supervisor makes: in memory where /run is. Only where it is not can this be seen.
        path = rig.path("gateway", "run", "metrics", "picket.prom")
        if subprocess.run(["stat", "-f", "-c", "%T", rig.dir], capture_output=True, text=True).stdout.strip() in ("tmpfs", "ramfs"):
            path = "/var/lib/picket.prom"
        gateway = start(rig, path)
        await_true("it is said", 5, lambda: "choose a folder on a tmpfs" in gateway.process.log())
        findings = {f["check"]: f for f in gateway.result("doctor")["findings"]}
        assert findings["textfile"]["verdict"] == "error" and "tmpfs" in findings["textfile"]["cure"], findings
        assert not os.path.exists(path)


def test_textfile__in_the_folder_the_supervisor_makes():
    with Rig() as rig:
        os.makedirs(rig.path("gateway", "run"))
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", rig.path("gateway", "run")], check=True, timeout=10)
        rig.cleanups.append(lambda: subprocess.run(["umount", "-l", rig.path("gateway", "run")], capture_output=True))
        path = rig.path("gateway", "run", "metrics", "picket.prom")
        gateway = start(rig, path)
        await_true("it is there", 5, lambda: os.path.exists(path))
        with open(path) as f:
            strict(f.read())
        assert gateway.stop() == 0


main(test_textfile__read_by_prometheus__with_what_happened, test_textfile__whoever_reads_it_reads_it_whole, test_textfile__on_a_disk__is_refused_with_words,
     test_textfile__in_the_folder_the_supervisor_makes, at_once=2)
