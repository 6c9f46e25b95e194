"""A storm of distinct incidents over components that depend on each other, on real parts: what each severity came to, what is reported, stored and
correlated, how long it took and what it left in memory. The figure of tests/bench/run incidents, and the test of it."""
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import Broker, Gateway, Proxy, Subscriber, await_true  # noqa: E402

# The least important first: whoever comes last finds what room the others left.
ROWS = (("queue_backlog", "info"), ("performance_degradation", "low"), ("error_burst", "medium"), ("service_down", "high"), ("database_connection_fail", "critical"))
SEVERITIES = [severity for _, severity in ROWS]
CLEAR_S = 8  # the rules call it over so long after the last event
QUIET = "[sources]\n" + "".join(f"{s} = 0\n" for s in ("cpu", "memory", "psi", "load", "disk"))


def needs(component):
    """Each component needs two of those before it."""
    return {(component * 7 + k * 13) % component for k in range(2)} if component else set()


def needs_far(count):
    """For each component everything it needs, through others too."""
    far = []
    for c in range(count):
        far.append(set().union(*({n} | far[n] for n in needs(c))) if c else set())
    return far


def rules(count):
    return "".join(f"[rule storm_{severity}]\non = type = storm_{severity}\nwhen = count >= 1 in 1s by source\ntype = {kind}\nseverity = {severity}\n"
                   f"clear = count < 1 in {CLEAR_S}s\nkeys = {count}\n" for kind, severity in ROWS)


def in_order(count):
    """Of each component an incident of each severity, the least important first."""
    return [(severity, c) for severity in SEVERITIES for c in range(count)]


def kept(storm, capacity):
    """What the table has room for: info and low up to 3/4, medium and high up to 7/8, critical all of it; nothing that is open makes room."""
    room = dict(zip(SEVERITIES, (capacity * 3 // 4, capacity * 3 // 4, capacity * 7 // 8, capacity * 7 // 8, capacity)))
    taken = []
    for row in storm:
        if len(taken) < room[row[0]]:
            taken.append(row)
    return taken


class Storm:
    """A gateway and its broker, ready for incidents of `count` components."""

    def __init__(self, rig, count, tree):
        self.rig, self.count, self.told = rig, count, set()
        self.broker = Broker(rig).start()
        self.subscriber = Subscriber(rig, self.broker)
        self.proxy = Proxy(rig, self.broker.port)
        topology = rig.write("gateway/etc/topology.conf", "".join(f"c{c} -> c{n}\n" for c in range(1, count) for n in sorted(needs(c))))
        self.gateway = Gateway(rig, self.proxy.port, actions="", rules=rules(count), binary=os.path.join(tree, "picketd"),
                               config=f"[paths]\ntopology = {topology}\n[incidents]\nassess = 0\nrecover = 0\nflap_window = 0\n{QUIET}")
        self.gateway.start_service()
        self.gateway.start()
        self.gateway.await_online()

    # -- what it holds --

    def memory_kib(self):
        """Resident at all and without the file of the store; and what it asked the kernel for."""
        pid = self.gateway.agent_pid()
        numbers = {}
        for name in ("smaps_rollup", "status"):
            with open(f"/proc/{pid}/{name}") as f:
                numbers.update({k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", f.read(), flags=re.M)})
        return {"resident": numbers["Rss"], "own": numbers["Anonymous"], "asked": numbers["VmData"] + numbers["VmStk"]}

    def tables(self):
        return {t["table"]: t for t in self.gateway.result("memory")["tables"]}

    def touched_kib(self):
        """Rows of the fixed tables that were ever in use: a page of them is resident once it was written to."""
        return sum(t["high"] * t["bytes"] // t["capacity"] for t in self.tables().values() if t["capacity"]) // 1024

    def is_told(self):
        """Everything was handed to the broker and taken by it."""
        return self.gateway.result("status")["store"]["outbox"] == 0

    # -- what happens --

    def cut(self):
        self.proxy.is_refusing = True
        self.proxy.drop()
        await_true("the link is down", 20, lambda: self.gateway.result("status")["links"][0]["state"] != "online")

    def strike(self, storm):
        """An event for each (severity, component): when the first was handed in, and the seconds until the last was answered."""
        self.told |= set(self.reports())
        events = [{"type": f"storm_{severity}", "source": f"c{c}", "severity": severity} for severity, c in storm]
        began = time.time()
        replies = self.gateway.send_events(events)
        took = time.time() - began
        assert len(replies) == len(events) and all(r["ok"] for r in replies), [r for r in replies if not r["ok"]][:3]
        return began, took

    def await_over(self):
        """The rules have cleared."""
        await_true("all of it is resolved and told", 60 + CLEAR_S, lambda: not self.gateway.incidents(status="active") and self.is_told())

    # -- what became of it --

    def reports(self):
        """{id: [(seconds, report)]} of the subscriber since the last storm began, as they came, each revision once."""
        seen = {}
        for at, i in self.subscriber.incidents():
            if i["rule_id"].startswith("storm_") and i["incident_id"] not in self.told:
                revisions = seen.setdefault(i["incident_id"], {})
                revisions.setdefault(i["rev"], (at, i))
        return {name: sorted(revisions.values(), key=lambda r: r[0]) for name, revisions in seen.items()}

    def await_reports(self, count, seconds=60):
        """As reports(), when there are so many incidents and nothing more is to be told."""
        await_true(f"{count} incidents at the subscriber", seconds, lambda: self.is_told() and len(self.reports()) >= count)
        return self.reports()

    def listed(self):
        """Ids `picketctl incidents list` shows."""
        out = self.gateway.ctl("incidents", "list", "--status", "all", "--limit", "5000", "--format", "ndjson")
        assert out.returncode == 0, out.stderr
        return {json.loads(line)["incident_id"] for line in out.stdout.splitlines()}

    def written_down(self):
        """{severity: count} of what the audit says found no room."""
        out = self.gateway.ctl("audit", "export")
        assert out.returncode == 0, out.stderr
        sums = dict.fromkeys(SEVERITIES, 0)
        for entry in (json.loads(line)["entry"] for line in out.stdout.splitlines()[1:]):
            if entry["kind"] == "loss":
                for severity, n in re.findall(r"(\w+) (\d+), ", entry["text"]):
                    sums[severity] += int(n)
        return sums


def rows_of(reports):
    return {(r[0][1]["severity"], int(r[0][1]["metadata"]["group_key"][1:])) for r in reports.values()}


def check_causes(reports, count, before=frozenset()):
    """Each has a cause but the roots, and it is one that the topology allows, of this storm or of one `before`; a root is announced. The ids of the roots,
    and of those that were announced although a cause was found later."""
    newest = {name: r[-1][1] for name, r in reports.items()}
    far = needs_far(count)
    roots, early = set(), set()
    for name, i in newest.items():
        component = int(i["metadata"]["group_key"][1:])
        for cause in i["causes"]:
            assert 0 < cause["confidence"] <= 1 and cause["evidence"] and "began 0ms" not in cause["evidence"], i
        if i["caused_by"] is None:
            assert i["announced"], i
            roots.add(name)
            continue
        if i["announced"]:
            early.add(name)
        # A cause that gave way to others of this storm is still named; its evidence went with it.
        assert i["causes"] or i["caused_by"] in before, i
        at, steps = i["caused_by"], 0
        if at in newest:
            above = int(newest[at]["metadata"]["group_key"][1:])
            assert above == component or above in far[component], (component, above)
        while at is not None and at in newest:
            at, steps = newest[at]["caused_by"], steps + 1
            assert steps <= len(newest), f"{name} is its own cause"
        assert at is None or at in before, f"{name}: {at} is not known"
    return roots, early


def check_kept(s, storm, wanted, reports):
    """What there is room for is reported and listed, each row of it; what there is none for is counted by severity, and nothing else is lost."""
    assert rows_of(reports) == set(wanted) and len(reports) == len(wanted), sorted(set(wanted) ^ rows_of(reports))[:10]
    assert set(reports) <= s.listed()
    lost = dict.fromkeys(SEVERITIES, 0)
    for severity, _ in set(storm) - set(wanted):
        lost[severity] += 1
    return lost


def storm_by_storm(rig, tree, count, storm, say=print):
    """Two storms, the second while the link is cut, and a restart. Prints the figures; AssertionError where one does not hold."""
    s = Storm(rig, count, tree)
    tables = s.tables()
    capacity, slots = tables["incidents"]["capacity"], tables["outbox_slots"]["capacity"]
    wanted = kept(storm, capacity)
    memory, touched = [s.memory_kib()], [s.touched_kib()]

    def memory_now():
        memory.append(s.memory_kib())
        touched.append(s.touched_kib())

    began, took = s.strike(storm)
    reports = s.await_reports(len(wanted))
    last = {severity: max((r[0][0] - began for r in reports.values() if r[0][1]["severity"] == severity), default=0.0) for severity in SEVERITIES}
    say(f"{len(storm)} findings on {count} components, handed in within {took:.2f} s: {len(wanted)} incidents, as many as {capacity} places have room for")
    say(f"first event -> last report: {max(last.values()):.2f} s ({', '.join(f'{k} {v:.2f}' for k, v in reversed(last.items()) if v)})")
    lost = check_kept(s, storm, wanted, reports)
    roots, early = check_causes(reports, count)
    say(f"each but {len(roots)} caused by another of them, as the topology allows it; {len(early)} announced before their cause was found")
    if storm == in_order(count):  # then everything begins on the component that all others need
        assert {reports[name][0][1]["metadata"]["group_key"] for name in roots | early} == {"c0"}, roots | early
    await_true("what found no room is written down", 10, lambda: s.written_down() == lost)
    say("no room for: " + (", ".join(f"{k} {v}" for k, v in lost.items() if v) or "none of them") + "; all counted and in the audit")
    status = s.gateway.result("status")
    assert s.tables()["incidents"]["drops"] == sum(lost.values()), s.tables()["incidents"]
    assert status["events"]["lost"] == 0 and status["metrics"]["processing"]["count"] >= len(wanted), status
    s.await_over()
    memory_now()

    s.cut()
    s.strike(storm)
    s.proxy.heal()
    reports = s.await_reports(len(wanted))
    check_kept(s, storm, wanted, reports)
    check_causes(reports, count, s.told)
    order = [r[0][1]["severity"] for r in sorted(reports.values(), key=lambda r: r[0][0])]
    last_critical = len(order) - order[::-1].index("critical")
    critical = order.count("critical")
    say(f"after the link was cut: the {critical} critical ones among the first {last_critical} reports (wanted: {critical} and the {slots} on their way)")
    assert last_critical <= critical + slots, order
    memory_now()
    for k, what in ((1, "the first storm"), (2, "the second storm")):
        grown, rows = memory[k]["own"] - memory[k - 1]["own"], touched[k] - touched[k - 1]
        say(f"memory over {what}: asked for {memory[k]['asked'] - memory[k - 1]['asked']} KiB more; resident {grown:+d} KiB, rows of fixed tables used for the first time {rows:+d} KiB")
        assert memory[k]["asked"] == memory[k - 1]["asked"], memory
        assert grown <= rows + (capacity * 3 // 4 if k == 1 else max(64, capacity // 8)), (memory, touched)

    began = time.time()
    assert s.gateway.stop() == 0
    s.gateway.start()
    assert set(reports) <= s.listed(), set(reports) - s.listed()
    assert s.gateway.ctl("audit", "verify").returncode == 0
    say(f"stopped and started within {time.time() - began:.1f} s: all {len(wanted)} are in the store, the audit is sound")
    return last
