#!/usr/bin/env python3
"""Killed at any moment: what was visible stays, no number is given twice, no action runs twice for one intent, budgets and back-off survive.
ctest: lane=default timeout=180"""
import json
import os
import random
import re
import signal
import time

from rig import Broker, Gateway, Rig, Subscriber, await_true, is_alive, main

RULES = ("[rule hurt]\non = type = hurt\nwhen = count >= 1 in 2s by data.job\ntype = data_corruption\nseverity = high\nclear = count < 1 in 2s\nkeys = 60\n"
         "[rule broken]\non = type = broken\nwhen = count >= 1 in 10m by source\ntype = deadlock_detected\nseverity = high\nclear = never\ncheck_interval = 1s\nkeys = 60\nactions = touch\nauto = yes\n")
TARGETS = [f"unit{i}" for i in range(16)]


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    await_true(f"process {pid} is gone", 5, lambda: not is_alive(pid))


def touch_action(gateway, more="", seconds=0.1):
    """An action that leaves a line for each start in a file."""
    gateway.starts_path = os.path.join(gateway.dir, "starts")
    script = gateway.rig.write(f"{gateway.name}/touch.sh", f"#!/bin/sh\necho \"start $1\" >> {gateway.starts_path}\n/bin/sleep {seconds}\necho \"end $1\" >> {gateway.starts_path}\n", 0o755)
    gateway.rig.write(f"{gateway.name}/etc/actions.conf", f"[action touch]\nabout = leaves a line\nrisk = low\ncost = none\nargv = {script} {{target}}\ntargets = {', '.join(TARGETS)}\n"
                      f"timeout = 20s\ncooldown = 1s\nper_hour = 60\n{more}")


def lines(gateway, word):
    try:
        with open(gateway.starts_path) as f:
            return [l.split()[1] for l in f if l.startswith(word + " ")]
    except OSError:
        return []


def number(incident_id):
    return int(incident_id.rsplit("_", 1)[1])


def all_incidents(gateway):
    out, before = [], {}
    while True:
        page = gateway.result("incidents.list", limit=50, **before)
        out += page["incidents"]
        if not page["more"]:
            return out
        before = {"before": out[-1]["incident_id"]}


class Witness:
    """Everything anybody saw."""

    def __init__(self):
        self.seen, self.durable = set(), set()

    def look(self, gateway):
        try:
            listed = {i["incident_id"] for i in all_incidents(gateway)}
            self.seen |= listed
            if gateway.result("status")["store"]["durable"]:
                self.durable |= listed
        except (OSError, ConnectionError, AssertionError):
            pass  # killed in the middle

    def check(self, gateway, subscriber):
        self.look(gateway)
        published = {i["incident_id"]: i for _, i in subscriber.incidents()}
        self.seen |= set(published)
        self.durable |= set(published)
        here = {i["incident_id"] for i in all_incidents(gateway)}
        # Resolved ones may have left the table for newer ones; open ones never.
        lost = [i for i in self.durable - here if published.get(i, {"status": "detected"})["status"] not in ("resolved", "closed")]
        assert not lost, f"lost: {sorted(lost)}"
        numbers = sorted(number(i) for i in self.seen)
        assert len(numbers) == len(set(numbers)), f"numbers given twice: {[n for n in set(numbers) if numbers.count(n) > 1]}"


def check_runs(gateway):
    """Starts against recorded runs; how many were in doubt."""
    unknown = 0
    starts, ends = lines(gateway, "start"), lines(gateway, "end")
    for incident in all_incidents(gateway):
        full = gateway.incident(incident["incident_id"])["incident"]
        if full["rule_id"] != "broken":
            continue
        target = full["metadata"]["group_key"]
        runs = full["actions"]
        assert len({r["run_id"] for r in runs}) == len(runs), runs
        states = [r["state"] for r in runs]
        assert not set(states) & {"executing", "approved", "planned"}, f"{target}: {states}"
        unknown += states.count("unknown")
        assert starts.count(target) <= len(runs), f"{target} was started {starts.count(target)} times for {states}"
        assert states.count("completed") <= ends.count(target), f"{target}: {states}, but it ended {ends.count(target)} times"
    return unknown


def test_both_killed_again_and_again__nothing_visible_is_lost():
    rng = random.Random(5)
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, config="[sources]\nprocess = 0\ndisk = 0\n", broker_extra="reconnect_max = 1s\n")
        touch_action(gateway)
        subscriber = Subscriber(rig, broker)
        witness = Witness()
        job, boots, rounds, end = 0, [], 0, time.monotonic() + 20
        while time.monotonic() < end:
            gateway.start()
            rounds += 1
            boots.append(gateway.result("ping")["boot"])
            agent = gateway.agent_pid()
            until = time.monotonic() + rng.uniform(0.05, 0.5)
            while time.monotonic() < until:
                events = [{"type": "hurt", "source": "line", "metadata": {"job": f"j{job + i}"}} for i in range(2)]
                job += 2
                if rng.random() < 0.4:
                    events.append({"type": "broken", "source": rng.choice(TARGETS)})
                gateway.send_events(events)
                witness.look(gateway)
                time.sleep(rng.uniform(0, 0.03))
            victim = rng.choice(("agent", "supervisor", "both"))
            if victim != "supervisor":
                kill(agent)
                if victim == "agent":
                    time.sleep(rng.uniform(0, 0.1))
            gateway.process.stop(signal.SIGKILL)
            await_true("the agent ends with its supervisor", 5, lambda: not is_alive(agent))
            rig.processes.remove(gateway.process)
        gateway.start()
        gateway.await_online()
        boots.append(gateway.result("ping")["boot"])
        assert boots == sorted(set(boots)), f"a boot epoch came twice: {boots}"
        time.sleep(2)  # runs of the last round end
        await_true("everything is reported", 20, lambda: gateway.result("status")["store"]["outbox"] == 0)
        witness.check(gateway, subscriber)
        unknown = check_runs(gateway)
        print(f"# {rounds} kills, {len(witness.seen)} incidents seen, {len(lines(gateway, 'start'))} starts, {unknown} runs in doubt")
        assert rounds >= 15 and witness.durable and lines(gateway, "start")
        assert gateway.stop() == 0


def test_killed_in_the_middle_of_an_action__unknown_and_never_again():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, config="[sources]\nprocess = 0\ndisk = 0\n")
        touch_action(gateway, seconds=8)
        gateway.start()
        for victim, target in (("agent", "unit0"), ("supervisor", "unit1")):
            gateway.send_events([{"type": "broken", "source": target}])
            await_true("the action runs", 5, lambda: target in lines(gateway, "start"))
            agent = gateway.agent_pid()
            if victim == "agent":
                kill(agent)
                await_true("the supervisor starts another", 5, lambda: gateway.agent_pid() not in (0, agent))
                await_true("it answers", 5, gateway.is_up)
            else:
                gateway.process.stop(signal.SIGKILL)
                await_true("the agent ends with its supervisor", 5, lambda: not is_alive(agent))
                gateway.start()
            find = lambda: [gateway.incident(i["incident_id"])["incident"] for i in all_incidents(gateway) if i["component"] == target]
            run = find()[0]["actions"][0]
            assert run["state"] == "unknown", (victim, run)
            time.sleep(2.2)
            assert lines(gateway, "start").count(target) == 1, (victim, lines(gateway, "start"))
            assert find()[0]["actions"][0]["state"] == "unknown", victim
        assert gateway.stop() == 0


def test_agent_killed__back_off_grows_and_is_kept():
    with Rig() as rig:
        gateway = Gateway(rig, config="[sources]\nprocess = 0\ndisk = 0\n")
        gateway.start()
        pauses = []
        for _ in range(3):
            agent = gateway.agent_pid()
            began = time.monotonic()  # before: what this machine adds only makes it longer
            kill(agent)
            await_true("the next agent", 10, lambda: gateway.agent_pid() not in (0, agent))
            pauses.append(time.monotonic() - began)
            await_true("it answers", 5, gateway.is_up)
        assert all(p >= 0.5 * 2 ** n - 0.1 for n, p in enumerate(pauses)), pauses
        assert gateway.result("status")["restarts"] == 3
        agent = gateway.agent_pid()
        gateway.process.stop(signal.SIGKILL)
        await_true("the agent ends with its supervisor", 5, lambda: not is_alive(agent))
        gateway.start()
        assert gateway.result("status")["restarts"] == 3, "the count outlives the supervisor"
        agent = gateway.agent_pid()
        began = time.monotonic()
        kill(agent)
        await_true("the next agent", 10, lambda: gateway.agent_pid() not in (0, agent))
        assert time.monotonic() - began > 3.0, "the back-off goes on where it was"
        await_true("it answers", 5, gateway.is_up)
        # An orderly stop ends the row.
        assert gateway.stop() == 0
        gateway.start()
        assert gateway.result("status")["restarts"] == 0
        print(f"# back-off {' '.join(f'{p:.2f}' for p in pauses)} s")
        assert gateway.stop() == 0


def spend(gateway, target, count):
    """Fires `broken` for a target and closes the incident, again and again; the states of the runs."""
    states = []
    for _ in range(count):
        gateway.send_events([{"type": "broken", "source": target}])
        found = await_true("an incident", 5, lambda: [i for i in all_incidents(gateway) if i["component"] == target and i["status"] not in ("resolved", "closed", "false_positive")])[0]
        runs = await_true("its run", 8, lambda: [r for r in gateway.incident(found["incident_id"])["incident"]["actions"] if r["state"] in ("completed", "failed", "refused", "rejected", "unknown")])
        states.append(runs[-1])
        assert gateway.ask("incidents.update", incident_id=found["incident_id"], status="false_positive")["ok"]
        time.sleep(1.05)  # the action's cooldown
    return states


def test_hourly_budget__survives_restarts_and_fails_closed():
    with Rig() as rig:
        gateway = Gateway(rig, rules=RULES, config="[sources]\nprocess = 0\ndisk = 0\n")
        touch_action(gateway, seconds=0)
        path = os.path.join(gateway.etc, "actions.conf")
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace("per_hour = 60", "per_hour = 2"))
        gateway.start()
        assert [r["state"] for r in spend(gateway, "unit0", 2)] == ["completed", "completed"]
        for how in ("kill", "stop", "store gone"):
            if how == "kill":
                gateway.process.stop(signal.SIGKILL)
                time.sleep(0.3)
            else:
                assert gateway.stop() == 0
            if how == "store gone":
                os.unlink(os.path.join(gateway.state, "store.mdb"))  # the agent forgot; the supervisor did not
            gateway.start()
            refused = spend(gateway, "unit0", 1)[0]
            assert refused["state"] in ("refused", "failed") and lines(gateway, "start").count("unit0") == 2, (how, refused, lines(gateway, "start"))
        # Damage to the supervisor's record: everything counts as spent, for targets that never ran as well.
        assert gateway.stop() == 0
        record = os.path.join(gateway.state, "supervisor", "state")
        with open(record, "r+b") as f:
            data = bytearray(f.read())
            slots = [4096, 4096 + (len(data) - 4096) // 2]
            newest = max(slots, key=lambda at: int.from_bytes(data[at:at + 8], "little"))
            data[newest + 16 + 9] ^= 1
            f.seek(0)
            f.write(data)
        gateway.start()
        assert "counts as spent" in gateway.process.log(), gateway.process.log()
        refused = spend(gateway, "unit5", 1)[0]
        assert refused["state"] in ("refused", "failed") and "unit5" not in lines(gateway, "start"), refused
        # Its numbers go on above all earlier ones.
        assert gateway.result("ping")["boot"] >= 0x80000000
        assert gateway.stop() == 0


main(test_both_killed_again_and_again__nothing_visible_is_lost, test_killed_in_the_middle_of_an_action__unknown_and_never_again,
     test_agent_killed__back_off_grows_and_is_kept, test_hourly_budget__survives_restarts_and_fails_closed)
