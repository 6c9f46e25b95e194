#!/usr/bin/env python3
"""Capsules on their way to the hub: real Mosquitto with TLS and the shipped access list, a broker that is killed in the middle with and without its
database, an agent that is killed in the middle, and a chunk that nobody acknowledged. ctest: lane=default timeout=180"""
import hashlib
import json
import os
import signal

from rig import PROBE, Broker, Gateway, Operator, Process, Proxy, Rig, await_reader, await_true, main, request

CONFIG = ("[remote]\ncommands = list\nallow = incidents.upload, ping\n[sources]\nprocess = 500ms\n"
          "[incidents]\nassess = 0\nrecover = 0\ncapsule_after = 2s\n")
SLOW = "capsule_rate = 256\n"  # a good four seconds a chunk
CHUNK_BYTES_MAX = 1440


class Chunks:
    """mosquitto_sub over TLS in a session of its own: every chunk with its properties."""

    def __init__(self, rig, broker):
        self.rig, self.broker, self.processes = rig, broker, []
        self.again()

    def again(self):
        argv = ["mosquitto_sub", *self.broker.tls("hub"), "-q", "1", "-i", "hub-chunks", "-c", "-x", "3600", "-t", "picket/v1/+/+/capsule/+/+", "-t", PROBE, "-F", "%t\t%r\t%q\t%P\t%x"]
        self.processes.append(Process(self.rig, "chunks", argv))
        await_reader(self.broker, self.processes[-1])

    def all(self):
        rows = []
        for line in (line for p in self.processes for line in p.lines()):
            fields = line.split("\t")
            if len(fields) == 5 and fields[0] != PROBE:
                user = dict(pair.split(":", 1) for pair in fields[3].split())
                rows.append({"topic": fields[0], "retained": fields[1] == "1", "qos": int(fields[2]), "sha256": user["sha256"], "text": bytes.fromhex(fields[4]),
                             **{k: int(user[k]) for k in ("n", "total", "offset", "bytes")}})
        return rows

    def numbers(self):
        return [c["n"] for c in self.all()]

    def are_all_there(self):
        rows = self.all()
        return rows and {c["n"] for c in rows} == set(range(rows[0]["total"]))


def put_together(chunks, incident_id):
    """The whole text; asserts that every chunk is what it says."""
    rows = chunks.all()
    total, size, digest = rows[0]["total"], rows[0]["bytes"], rows[0]["sha256"]
    text = bytearray(size)
    for c in rows:
        assert (c["total"], c["bytes"], c["sha256"]) == (total, size, digest), c
        assert c["qos"] == 1 and not c["retained"] and c["topic"].endswith(f"/capsule/{incident_id}/{c['n']}"), c
        assert 0 < len(c["text"]) <= CHUNK_BYTES_MAX and c["text"].endswith(b"\n"), c
        for line in c["text"].splitlines():
            json.loads(line)
        text[c["offset"]:c["offset"] + len(c["text"])] = c["text"]
    assert hashlib.sha256(text).hexdigest() == digest
    return bytes(text)


class World:
    """A gateway with an incident whose capsule is whole."""

    def __init__(self, rig, config="", keeps_data=True, through=None):
        self.broker = Broker(rig, keeps_data=keeps_data).start()
        self.proxy = Proxy(rig, self.broker.port) if through else None
        self.gateway = Gateway(rig, self.proxy.port if through else self.broker.port, actions="", config=CONFIG + config, broker_extra="keep_alive = 5s\n")
        self.operator = Operator(rig, self.gateway, "ann", "responder")
        self.chunks = Chunks(rig, self.broker)
        self.gateway.start_service()
        self.gateway.start()
        self.gateway.await_online()
        words = "upstream is gone, tried again and again and again, and nobody answered any of it; " * 3
        self.gateway.send_events([{"type": "request_failed", "source": f"api-{n}", "severity": "medium", "message": words[:240]} for n in range(12)])
        self.gateway.kill_service()
        self.incident = await_true("the incident", 10, lambda: [i for i in self.gateway.incidents(status="active") if i["incident_type"] == "service_down"])[0]["incident_id"]
        self.capsule = await_true("it is whole", 15, self.whole)

    def whole(self):
        found = self.gateway.result("incidents.capsule", incident_id=self.incident)
        return found if found["whole"] else None

    def ask(self):
        token = self.operator.sign("incidents.upload", incident_id=self.incident)
        reply = request(self.broker, "incidents.upload", token)
        assert reply and reply["ok"], reply
        return reply["result"]

    def upload(self):
        out = self.gateway.ctl("--format", "json", "incidents", "capsule", self.incident)
        assert out.returncode == 0, out
        return json.loads(out.stdout)

    def check(self, seconds=90):
        """All of it arrives, and is what the agent shows."""
        await_true("all chunks", seconds, self.chunks.are_all_there)
        text = put_together(self.chunks, self.incident)
        shown = await_true("the agent knows", 10, lambda: (u := self.upload())["upload"] == "sent" and u)
        assert [json.loads(line) for line in text.splitlines()] == shown["lines"]
        return self.gateway.result("status")["capsules"]


def test_asked_for_by_a_signed_command():
    with Rig() as rig:
        w = World(rig)
        assert w.chunks.all() == []
        answer = w.ask()
        assert answer["upload"] == "wanted" and answer["chunks"] >= 3, answer
        counted = w.check()
        assert sorted(w.chunks.numbers()) == list(range(answer["chunks"]))
        assert counted["uploaded"] == 1 and counted["chunks_acked"] == answer["chunks"], counted
        assert request(w.broker, "incidents.upload", w.operator.sign("incidents.upload", incident_id="inc_99999"))["error"] == "not_found"
        assert w.gateway.stop() == 0


def test_by_itself_from_a_severity_on__never_on_a_metered_link():
    with Rig() as rig:
        w = World(rig, "capsule_upload = medium\n")
        w.check()
        assert w.gateway.stop() == 0
    with Rig() as rig:
        w = World(rig, "capsule_upload = medium\n[report]\nmetered = yes\n")
        assert w.upload()["upload"] == "kept" and w.chunks.all() == []
        w.ask()
        w.check()
        assert w.gateway.stop() == 0


def broker_killed_in_the_middle(keeps_data):
    with Rig() as rig:
        w = World(rig, SLOW, keeps_data=keeps_data)
        total = w.ask()["chunks"]
        await_true("two chunks", 15, lambda: len(w.chunks.all()) >= 2)
        await_true("the agent knows of them", 5, lambda: w.upload()["acked_chunks"] >= 2)
        w.broker.kill()
        before = w.chunks.numbers()
        assert len(before) < total, before
        # With its database the broker forgot the hub, too: what comes before the hub is back nobody gets.
        processes = [w.gateway.process.pid, w.gateway.agent_pid()]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        w.broker.start()
        w.chunks.again()
        for pid in reversed(processes):
            os.kill(pid, signal.SIGCONT)
        counted = w.check()
        print(f"# {total} chunks, killed after {len(before)}, chunks on the wire {w.chunks.numbers()}")
        assert counted["upload_resumed"] >= 1 and counted["uploaded"] == 1, counted
        # What was acknowledged is not sent again: each of these came once.
        assert all(w.chunks.numbers().count(n) == 1 for n in before[:2]), w.chunks.numbers()
        assert w.gateway.stop() == 0


def test_broker_killed_in_the_middle():
    broker_killed_in_the_middle(True)


def test_broker_killed_in_the_middle__its_database_is_gone():
    broker_killed_in_the_middle(False)


def test_agent_killed_in_the_middle__goes_on_where_it_was():
    with Rig() as rig:
        w = World(rig, SLOW)
        total = w.ask()["chunks"]
        await_true("two chunks are acknowledged", 15, lambda: w.upload()["acked_chunks"] >= 2)
        os.kill(w.gateway.agent_pid(), signal.SIGKILL)
        w.gateway.await_online()
        counted = w.check()
        numbers = w.chunks.numbers()
        print(f"# {total} chunks, chunks on the wire {numbers}")
        assert numbers.count(0) == 1, numbers
        assert counted["upload_resumed"] == 1 and counted["chunks_sent"] < total, counted
        assert w.gateway.stop() == 0


def test_unacknowledged_chunk__is_sent_again():
    with Rig() as rig:
        w = World(rig, SLOW, through=True)
        w.ask()
        await_true("a chunk", 15, lambda: w.upload()["acked_chunks"] >= 1)
        w.proxy.is_deaf = True  # the broker has the next one, and its acknowledgement is lost
        await_true("the next one", 10, lambda: len(w.chunks.all()) > w.upload()["acked_chunks"])
        acked = w.upload()["acked_chunks"]
        w.proxy.heal()
        w.proxy.drop()
        w.check()
        assert w.chunks.numbers().count(acked) >= 2, w.chunks.numbers()
        assert w.gateway.stop() == 0


main(test_asked_for_by_a_signed_command, test_by_itself_from_a_severity_on__never_on_a_metered_link, test_broker_killed_in_the_middle,
     test_broker_killed_in_the_middle__its_database_is_gone, test_agent_killed_in_the_middle__goes_on_where_it_was, test_unacknowledged_chunk__is_sent_again, at_once=3)
