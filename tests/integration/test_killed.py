#!/usr/bin/env python3
"""Supervisor and agent are killed together some 50 ms after each start, again and again, under load: what was accepted is an incident, arrives with
its last status, and has one number. PK_KILL_SECONDS: how long. ctest: lane=default timeout=120"""
import contextlib
import json
import os
import random
import signal
import threading
import time

from rig import Broker, Gateway, Rig, Subscriber, await_true, is_alive, main

SECONDS = int(os.environ.get("PK_KILL_SECONDS", "20"))
LIFE_S = 0.05  # on average, from the first answer on
KILLS_PER_S = 3  # at least; an idle machine of 2 cores has eight
SOURCES = 20  # of one queue: an incident of a source is ended before the source's next one
RULES = ("[rule broken]\non = type = broken\nwhen = count >= 1 in 1s by data.job\ntype = custom\nseverity = high\nclear = never\nkeys = 60\n")
# Nothing of this machine's own is to open an incident, and no kill to be an escalation.
CONFIG = "[sources]\nprocess = 0\ndisk = 0\n"


class Queue:
    """Hands in one job after the other until it is accepted, then ends its incident: each request is repeated until it was answered."""

    def __init__(self, gateway, name):
        self.gateway, self.name = gateway, name
        self.accepted, self.repeats, self.missing = [], 0, []
        self.is_ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _answer(self, cmd, **args):
        """The reply to a request that must be answered; sent again as often as picketd dies before it is."""
        while True:
            try:
                return self.gateway.ask(cmd, **args)
            except (OSError, ConnectionError):
                self.repeats += 1
                time.sleep(0.005)

    def _run(self):
        n = 0
        while not self.is_ending:
            job, source = f"{self.name}{n}", f"{self.name}-{n % SOURCES}"
            event = {"type": "broken", "source": source, "severity": "error", "metadata": {"job": job}}
            while not self._answer("events.send", event=event)["ok"]:
                time.sleep(0.005)
            self.accepted.append(job)
            self._resolve(job, source)
            n += 1

    def _resolve(self, job, source):
        rows = self._answer("incidents.list", limit=50, status="detected")["result"]["incidents"]
        mine = [r["incident_id"] for r in rows if r["component"] == source]
        if len(mine) != 1:
            self.missing.append((job, mine))
        for incident in mine:
            self._answer("incidents.resolve", incident_id=incident)  # refused where the answer to the first was lost: it is resolved

    def end(self):
        self.is_ending = True
        self.thread.join(20)
        assert not self.thread.is_alive(), "no answer any more"


def start(gateway):
    """Until it answers; its agent and how long that took."""
    began = time.monotonic()
    gateway.start(wait=False)
    while True:
        try:
            gateway.result("ping")
            break
        except (OSError, ConnectionError):
            assert gateway.process.is_running(), gateway.process.log()
            assert time.monotonic() - began < 10, gateway.process.log()
            time.sleep(0.002)
    with open(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children") as f:
        return int(f.read().split()[0]), time.monotonic() - began


def kill(rig, gateway, agent):
    os.kill(gateway.process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # an agent ends with its supervisor
        os.kill(agent, signal.SIGKILL)
    gateway.process.popen.wait()
    await_true("the agent is gone", 5, lambda: not is_alive(agent))
    rig.processes.remove(gateway.process)
    os.unlink(gateway.process.log_path)


def check_arrived(subscriber, accepted):
    """Each job is one incident, resolved at the end; a number stands for one report and a report has one number. How many came twice."""
    last, names, once, repeats = {}, {}, {}, 0
    for _, i in subscriber.incidents():
        if i["incident_type"] != "custom":
            continue
        number, content = (i["boot"], i["seq"]), (i["incident_id"], i["rev"])
        repeats += number in once
        assert once.setdefault(number, content) == content, f"{number} stands for {once[number]} and {content}"
        names.setdefault(i["metadata"]["group_key"], set()).add(i["incident_id"])
        last[i["incident_id"]] = max(last.get(i["incident_id"], (0, "")), (i["rev"], i["status"]))
    assert len(set(once.values())) == len(once), "sent twice under different numbers"
    lost = [job for job in accepted if job not in names]
    assert not lost, f"{len(lost)} of {len(accepted)} never arrived: {lost[:5]}"
    twice = {job: ids for job, ids in names.items() if len(ids) > 1}
    assert not twice, f"more than one incident of a job: {twice}"
    unended = [job for job in accepted if last[next(iter(names[job]))][1] != "resolved"]
    assert not unended, f"not resolved at the hub: {unended[:5]}"
    return repeats


def is_delivered(gateway):
    return gateway.result("status")["store"]["outbox"] == 0


def test_killed_50_ms_after_each_start__what_was_accepted_arrives_once():
    rng = random.Random(11)
    with Rig() as rig:
        broker = Broker(rig, saves_at_once=False).start()  # nobody kills it
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, rules=RULES, actions="", config=CONFIG)
        agent, _ = start(gateway)
        queues = [Queue(gateway, name) for name in ("a", "b")]
        began, lives, waits = time.monotonic(), 0, 0.0
        while time.monotonic() - began < SECONDS:
            time.sleep(rng.uniform(0, 2 * LIFE_S))
            kill(rig, gateway, agent)
            agent, took = start(gateway)
            lives += 1
            waits += took
        gateway.await_online(30)
        for queue in queues:
            queue.end()
        await_true("the outbox is empty", 60, lambda: is_delivered(gateway))
        accepted = [job for queue in queues for job in queue.accepted]
        time.sleep(0.5)  # what came twice would be there now
        repeats = check_arrived(subscriber, accepted)
        boots = {i["boot"] for _, i in subscriber.incidents()}
        print(f"# {lives} kills in {SECONDS} s, ready after {1000 * waits / lives:.0f} ms; {len(accepted)} incidents made in {len(boots)} boots, "
              f"{sum(q.repeats for q in queues)} requests repeated, {repeats} reports delivered twice")
        assert lives >= KILLS_PER_S * SECONDS, lives
        assert not [m for q in queues for m in q.missing], [m for q in queues for m in q.missing][:5]
        assert len(accepted) >= lives and len(boots) >= lives / 4, (len(accepted), len(boots))
        assert sum(q.repeats for q in queues) >= lives / 2, "the load was not there when it was killed"


main(test_killed_50_ms_after_each_start__what_was_accepted_arrives_once)
