#!/usr/bin/env python3
"""Every spelling of the command line that users were promised (REQUIREMENTS S1-46..58, S1-66..68), against a live agent.

The table below is the promise: requirement, words, exit code, format of the answer, what must be in it. {id}, {open} and {approval} are ids of the
run; {dir} is a folder. ctest: lane=default timeout=180
"""
import csv
import io
import json
import os
import re
import subprocess
import time

from rig import BUILD, Gateway, Process, Rig, await_true, main

ACTIONS = """
[action look]
about = look only
risk = low
cost = none
read_only = yes
argv = /bin/true
cooldown = 1s
per_hour = 60
[action risky]
about = asks first
risk = medium
argv = /bin/true
verify = /bin/true
cooldown = 1s
per_hour = 60
[action costly]
about = asks two people
risk = critical
argv = /bin/true
verify = /bin/true
cooldown = 1s
per_hour = 60
"""
RULES = """
[rule manual]
about = Opened by the test
on = type = manual
when = count >= 1 in 1h by source
type = custom
severity = low
clear = never
actions = look
"""

# A machine that is busy with other tests is no incident here.
CALM = "[sources]\npsi = 0\nload = 0\n"

STATUS = ["active", "open", "assessing", "all", "detected", "INVESTIGATING", "mitigating", "mitigated", "resolved", "closed", "false_positive", "containing",
          "remediating", "recovering"]
SEVERITIES = ["low", "MEDIUM", "high", "critical", "info", "warning", "P1"]

# requirement, words, exit code, format, text that must be in the answer
PROMISED = [
    *[("S1-46", f"incidents list --status {s} --format json", 0, "json", '"incidents"') for s in STATUS],
    *[("S1-46", f"incidents list --severity {s} --format json", 0, "json", '"incidents"') for s in SEVERITIES],
    ("S1-46", "incidents list --type service_down --limit 1 --format json", 0, "json", "{id}"),
    ("S1-46", "incidents list --status active --severity low --type custom --limit 5 --format table", 0, "table", "INCIDENT ID"),
    ("S1-46", "incidents list --format csv", 0, "csv", "incident_id,title,severity,status,detected_at"),
    ("S1-46", "incidents list --format ndjson", 0, "ndjson", "{id}"),
    ("S1-46", "list --status=active", 0, "json", '"incidents"'),
    ("S1-46", "incidents list --status sideways", 2, "", ""),
    ("S1-46", "incidents list --limit many", 2, "", ""),
    ("S1-47", "incidents get {id}", 0, "json", '"incident_type":"service_down"'),
    ("S1-47", "incidents get {id} --timeline", 0, "json", '"timeline":['),
    ("S1-47", "incidents get {id} --postmortem", 0, "json", '"postmortem":"# Post-mortem: '),
    ("S1-47", "incidents get {id} --full", 0, "json", '"timeline":[{"at":'),
    ("S1-47", "incidents get {id} --full --format table", 0, "table", "## Root cause"),
    ("S1-47", "incidents get inc_00001", 0, "json", "{id}"),
    ("S1-47", "incidents get inc_99999", 3, "", ""),
    ("S1-47", "incidents get what", 2, "", ""),
    ("S1-48", "incidents create --type service_down --severity high --title Pump --description seen --components pump,valve", 0, "json", '"status":"detected"'),
    ("S1-48", "incidents create --type custom", 0, "json", '"severity":"medium"'),
    ("S1-48", "incidents create --severity high", 2, "", ""),
    ("S1-48", "incidents create --type custom --severity sideways", 2, "", ""),
    ("S1-46", "incidents list --status acknowledged --format json", 0, "json", '"incidents"'),
    ("S3-52", "silences create --for 1h --component nobody --reason test", 0, "json", '"state":"active"'),
    ("S3-52", "silence --for 1h --start 2h --kind maintenance", 0, "json", '"state":"scheduled"'),
    ("S3-52", "silences list --format table", 0, "table", "maintenance"),
    ("S3-52", "silences end 1", 0, "json", '"state":"over"'),
    ("S3-52", "silences end 1", 3, "", ""),
    ("S3-52", "silences create --for 1h", 2, "", ""),
    ("A.0", "explain states --format table", 0, "table", "investigating"),
    ("A.0", "explain states --words --format csv", 0, "csv", "word,kind,status,stage"),
    ("S1-49", "incidents update {open} --severity critical", 0, "json", '"severity":"critical"'),
    ("S1-49", "incidents update {open} --severity sideways", 2, "", ""),
    ("S1-49", "incidents update {open} --status investigating --notes seen --assigned-to ann", 0, "json", '"status":"investigating"'),
    ("S1-49", "incidents update {open} --notes only", 0, "json", '"rev"'),
    ("S1-49", "incidents update {open} --assigned-to bob", 0, "json", '"rev"'),
    ("S1-49", "incidents update {open} --status upside-down", 2, "", ""),
    ("S1-50", "incidents assign {open} ann", 0, "json", '"incident_id"'),
    ("S1-50", "incidents assign {open} --unassign", 0, "json", '"incident_id"'),
    ("S1-50", "incidents assign {open}", 2, "", ""),
    ("S1-51", "incidents acknowledge {open}", 0, "json", '"acked":true'),
    ("S1-52", "incidents mitigate {open} --list-actions", 0, "json", '"cost":"none"'),
    ("S1-52", "incidents mitigate {open} --list-actions --format table", 0, "table", "RECOMMENDED"),
    ("S1-52", "incidents mitigate {open} --action risky --dry-run", 0, "json", '"would":"needs_approval"'),
    ("S1-52", "incidents mitigate {open} --action risky", 0, "json", '"action":"risky"'),  # root's asking is root's approval
    ("S1-52", "incidents mitigate {open} --action look", 8, "", ""),  # the rule asked for it already
    ("S1-52", "incidents mitigate {open} --action look --approved-by ann", 0, "json", '"approval_id":"apr_'),
    ("S1-52", "incidents mitigate {open} --action costly", 4, "json", '"state":"awaiting_approval"'),  # two people
    ("S1-52", "incidents mitigate {open} --action costly --approved-by ann", 8, "", ""),  # root is only one of them
    ("S1-52", "incidents mitigate {open} --action none_such", 3, "", ""),
    ("S3-18", "interrupt 4000000", 3, "", ""),
    ("S3-30", "actions interrupt 4000000 --reason stop --dry-run", 0, "text", "would send interrupt"),
    ("S3-30", "interrupt", 2, "", ""),
    ("S1-55", "incidents timeline {id}", 0, "json", '"timeline":['),
    ("S1-55", "incidents timeline {id} --event-type action --source action --limit 1 --format csv", 0, "csv", "at,severity,source,event,message"),
    ("S1-55", "incidents timeline {id} --format table", 0, "table", "detect: "),
    ("S1-56", "incidents postmortem {id}", 0, "text", "## Follow-ups"),
    ("S1-56", "incidents postmortem {id} --form short", 0, "text", "- **MTTR:** "),
    ("S1-56", "incidents postmortem {id} --form long", 0, "text", "## Sign-off"),
    ("S1-56", "incidents postmortem {id} --output {dir}/pm.md", 0, "text", ""),
    ("S2-28", "incidents report {id} --out {dir}", 0, "json", '"written":true'),
    ("S2-28", "incidents report --since 24h --out {dir} --format csv", 0, "csv", "incident_id,bytes,file"),
    ("S1-57", "incidents stats", 0, "json", '"avg_mttr_seconds":'),
    ("S1-57", "incidents stats --since 24h", 0, "json", '"total_incidents":4'),
    ("S1-57", "incidents stats --since 7d --by-type --by-severity --format csv", 0, "csv", "by,word,count"),
    ("S1-57", "incidents stats --by-severity --format table", 0, "table", "critical"),
    ("S0-83", "explain incident {id} --format table", 0, "table", "opened: "),
    ("S0-83", "explain rule process_lost --format table", 0, "table", "when: value < 1"),
    ("S0-84", "explain action risky --incident {open} --format table", 0, "table", "mode and risk: medium risk asks in mode safe"),
    ("S0-84", "explain {open}", 0, "json", '"because":['),
    ("S0-85", "doctor --format table", 0, "table", "notifications: "),
    ("S2-47", "doctor --format csv", 0, "csv", "check,verdict,what,cure"),
    ("S1-53", "incidents resolve {open} --notes done", 0, "json", '"status":"resolved"'),
    ("S1-54", "incidents close {open}", 0, "json", '"status":"closed"'),
    ("S1-54", "incidents close {id}", 0, "json", '"status":"closed"'),
]


def ctl(gateway, words):
    return subprocess.run([os.path.join(BUILD, "picketctl"), "--socket", gateway.control_path(), *words], capture_output=True, text=True, timeout=30)


def check_form(form, text):
    if form == "json":
        assert json.loads(text)["v"] == 1
    elif form == "ndjson":
        assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    elif form == "csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 1 and len({len(row) for row in rows}) == 1, rows


def start(rig):
    gateway = Gateway(rig, rules=RULES, config=CALM)
    rig.write("gateway/etc/actions.conf", gateway.restart_action() + ACTIONS)
    gateway.start_service()
    gateway.start()
    time.sleep(1.2)
    gateway.kill_service()
    await_true("the incident is resolved", 30, lambda: [i for i in gateway.incidents() if i["status"] == "resolved"])
    return gateway


def test_every_spelling():
    with Rig() as rig:
        gateway = start(rig)
        gateway.send_events([{"type": "manual", "source": "press|<b>7", "severity": "low"}, {"type": "manual", "source": "press7", "severity": "low"}])
        rows = await_true("the second incident is open", 5, lambda: [i for i in gateway.incidents() if i["incident_type"] == "custom"])
        names = {"id": [i for i in gateway.incidents() if i["status"] == "resolved"][0]["incident_id"], "open": rows[0]["incident_id"], "dir": rig.path("out")}
        os.makedirs(names["dir"])
        for requirement, spelling, code, form, wanted in PROMISED:
            out = ctl(gateway, [word.format(**names) for word in spelling.split()])
            where = f"{requirement}: picketctl {spelling}: exit {out.returncode}, not {code}\n{out.stdout[-800:]}{out.stderr[-800:]}"
            assert out.returncode == code, where
            for name, value in names.items():
                wanted = wanted.replace("{" + name + "}", value)
            assert wanted in out.stdout, f"{where}\nwithout: {wanted}"
            check_form(form, out.stdout)
        for name in (f"{names['id']}.json", f"{names['open']}.json"):
            with open(os.path.join(names["dir"], name)) as f:
                report = json.load(f)
            assert report["incident"]["incident_id"] + ".json" == name and report["incident"]["timeline"] and "## Impact" in report["postmortem"]
        with open(os.path.join(names["dir"], "pm.md")) as f:
            assert f.read().startswith("# Post-mortem: ")
        assert gateway.stop() == 0


def test_close_needs_resolved():
    """S1-54."""
    with Rig() as rig:
        gateway = Gateway(rig, rules=RULES, config=CALM)
        gateway.start()
        gateway.send_events([{"type": "manual", "source": "press7"}])
        await_true("it is open", 5, gateway.incidents)
        out = ctl(gateway, ["incidents", "close", "inc_1"])
        assert out.returncode == 8 and "does not allow" in out.stderr, out
        assert gateway.stop() == 0


def test_columns_and_lines():
    """S1-66, S1-67, S1-68."""
    with Rig() as rig:
        gateway = start(rig)
        table = ctl(gateway, ["incidents", "list", "--format", "table"]).stdout.splitlines()
        assert table[0].split("  ")[0] == "INCIDENT ID" and re.split(r"\s{2,}", table[0]) == ["INCIDENT ID", "TITLE", "SEVERITY", "STATUS", "DETECTED"], table
        assert re.match(r"inc_00001 +\[critical\] Service down on demo +CRITICAL +RESOLVED +\d+s ago$", table[1]), table
        detail = json.loads(ctl(gateway, ["incidents", "get", "inc_00001", "--full"]).stdout)
        for member in ("incident_id", "incident_type", "severity", "status", "title", "description", "detected_at", "affected_components", "event_count",
                       "assigned_to", "mttd", "mttr", "timeline", "postmortem"):
            assert member in detail, member
        lines = ctl(gateway, ["incidents", "timeline", "inc_00001", "--format", "table"]).stdout.splitlines()
        assert lines and all(re.match(r"\d\d:\d\d:\d\dZ \[[A-Z]+\] [a-z]+: .", line) for line in lines), lines
        assert gateway.stop() == 0


def columns(line):
    return len(re.findall(r"(?<!\\)\|", line))


def test_hostile_notes():
    """What a person or an event writes stays text in the post-mortem: no row, no tag, no link, no terminal code."""
    notes = ["| a | b |", "<script>x</script> <!-- [x](y) [z]: w", "line\n# head\n\n- [ ] item\n```", "\x1b[2J\x07 red \u202e reversed", "`code` *x* _y_ ~~z~~ &amp;"]
    with Rig() as rig:
        gateway = start(rig)
        for note in notes:
            out = ctl(gateway, ["incidents", "note", "inc_1", note])
            assert out.returncode == (2 if re.search("[\x00-\x1f]", note) else 0), out  # the agent takes no control characters to begin with
        for form in ("short", "long"):
            text = ctl(gateway, ["incidents", "postmortem", "inc_1", "--form", form]).stdout
            assert not [c for c in text if c < " " and c != "\n"] and "\u202e" not in text, text
            assert "\\| a \\| b \\|" in text and "\\<script>" in text and "\n# head" not in text and "](y)" not in text.replace("\\](y)", ""), text
            header = 0
            for line in text.splitlines():
                header = 0 if not line.startswith("|") else header or columns(line)
                assert not line.startswith("|") or columns(line) == header, f"{line}: a row that has {columns(line)} bars, not {header}"
        assert gateway.stop() == 0


def test_watch():
    """S1-58."""
    with Rig() as rig:
        gateway = start(rig)
        words = (["incidents", "watch"], ["watch", "--severity", "critical"], ["incidents", "watch", "inc_00002"])
        watchers = [Process(rig, f"watch{n}", [os.path.join(BUILD, "picketctl"), "--socket", gateway.control_path(), "--format", "table", *w]) for n, w in enumerate(words)]
        used = lambda: next(t for t in gateway.result("memory")["tables"] if t["table"] == "connections")["used"]
        await_true("they are connected", 10, lambda: used() > len(watchers))  # and who asks
        time.sleep(0.5)
        gateway.send_events([{"type": "manual", "source": "press7"}])
        gateway.send_events([{"type": "data_corruption", "source": "disk9", "severity": "critical"}])
        shown = lambda: [w.log() for w in watchers]
        await_true("who watches all", 10, lambda: re.search(r"^\d\d:\d\d:\d\dZ \[LOW\] incident: .*press7", shown()[0], re.M))
        await_true("each its own", 10, lambda: "disk9" in shown()[1] and "press7" in shown()[2])
        time.sleep(0.5)
        assert "press7" not in shown()[1] and "disk9" not in shown()[2], shown()
        assert gateway.stop() == 0


def test_check_as_monitoring_plugin():
    with Rig() as rig:
        gateway = start(rig)
        line = re.compile(r"(OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \| [a-z]+=(\d+c?|U)( [a-z]+=(\d+c?|U))*)?\n")
        expected = [(["check"], 0), (["check", "--bogus"], 3)]
        for words, code in expected:
            out = ctl(gateway, words)
            assert out.returncode == code and line.fullmatch(out.stdout), out
        gateway.send_events([{"type": "data_corruption", "source": "disk9", "severity": "critical", "message": "a|b"}])
        await_true("it is critical", 5, lambda: ctl(gateway, ["check"]).returncode == 2)
        assert line.fullmatch(ctl(gateway, ["check"]).stdout)
        assert gateway.stop() == 0
        out = ctl(gateway, ["check"])
        assert out.returncode == 2 and out.stdout.startswith("CRITICAL - cannot reach"), out


main(test_every_spelling, test_hostile_notes, test_close_needs_resolved, test_columns_and_lines, test_watch, test_check_as_monitoring_plugin)
