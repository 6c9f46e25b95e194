"""What the tests of the link share: a load of incidents, and the check that each of them arrived."""
import json
import threading
import time

from rig import GATEWAY, SITE, await_true

ROOT = f"picket/v1/{SITE}/{GATEWAY}"
RULES = """[rule pair]
about    = Two errors of one source
on       = type = fault
when     = count >= 2 in 2s by source
type     = custom
severity = high
clear    = count < 1 in 2s for 1s
keys     = 64

[rule process_lost]
on       = type = process_up
when     = value < 1
type     = service_down
severity = critical
enabled  = no
"""
NO_RESOLVE = RULES.replace("clear    = count < 1 in 2s for 1s", "clear    = never")


class Load:
    """Opens incidents without a pause: two errors of one source after the other, on a local socket."""

    def __init__(self, gateway, sources=40, pause=0.12):
        self.gateway, self.sources, self.pause = gateway, sources, pause
        self.is_ending = False
        self.sent = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.is_ending:
            event = {"type": "fault", "source": f"m{self.sent % self.sources:03d}", "severity": "error", "message": "broken"}
            try:
                replies = self.gateway.send_events([event, event])
                self.sent += sum(r["ok"] for r in replies) // 2
            except OSError:
                pass
            time.sleep(self.pause)

    def end(self):
        self.is_ending = True
        self.thread.join(10)
        assert self.sent > 0


def known_incidents(gateway):
    """{id: status} of all the gateway has about its devices."""
    out, before = {}, {}
    while True:
        page = gateway.result("incidents.list", limit=50, **before)
        for row in page["incidents"]:
            if row["incident_type"] == "custom":
                out[row["incident_id"]] = row["status"]
        if not page["more"]:
            return out
        before = {"before": page["incidents"][-1]["incident_id"]}


def outbox(gateway):
    return gateway.result("status")["store"]["outbox"]


def link(gateway):
    return gateway.result("status")["links"][0]


def check_everything_arrived(gateway, subscriber, seconds=20):
    """Each incident with its last status, each revision once after (boot, seq), outbox empty. Number of incidents and of repeats."""
    await_true("nothing is open any more", 15, lambda: all(s != "detected" for s in known_incidents(gateway).values()))
    await_true("the outbox is empty", seconds, lambda: outbox(gateway) == 0)
    want = {}

    def newest():
        have = {}
        for _, i in subscriber.incidents():
            if i["rev"] >= have.get(i["incident_id"], (0, ""))[0]:
                have[i["incident_id"]] = (i["rev"], i["status"])
        return have

    def is_all_there():
        have = newest()
        want.update(known_incidents(gateway))  # each look anew: one may end between two
        return want and all(have.get(k, (0, ""))[1] == v for k, v in want.items())

    try:
        await_true("every incident arrived with its last status", 10, is_all_there)
    except AssertionError as e:
        have = newest()
        raise AssertionError(f"{e}: {[(k, v, have.get(k)) for k, v in want.items() if have.get(k, (0, ''))[1] != v]}") from None
    once, repeats = {}, 0
    for _, i in subscriber.incidents():
        name = (i["boot"], i["seq"])
        repeats += name in once
        content = (i["incident_id"], i["rev"])
        assert once.setdefault(name, content) == content, f"{name} stands for {once[name]} and {content}"
    revs = list(once.values())
    assert len(revs) == len(set(revs)), f"sent twice under different numbers: {[r for r in revs if revs.count(r) > 1][:5]}"
    return len(want), repeats


def check_birth_first(subscriber, since=0.0):
    ours = [(topic, payload) for at, topic, _, payload in subscriber.messages(f"/{GATEWAY}/") if at >= since]
    assert ours[0][0].endswith("/status") and json.loads(ours[0][1])["online"], ours[0]
