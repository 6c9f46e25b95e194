#!/usr/bin/env python3
"""A broker that speaks MQTT 3.1.1 only, or is to be spoken to so: messages without properties. Incidents as structured CloudEvents, commands with JSON
around them, the fallback from 5 and the way back, and what the tests of link and commands ask, once more on 3.1.1. ctest: lane=default timeout=300"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

from faults import ScriptedBroker
from link_load import NO_RESOLVE, ROOT, RULES, link
from rig import GATEWAY, PROBE, SITE, Broker, Gateway, Operator, Process, Rig, Signer, Subscriber, await_reader, await_true, main

HERE = os.path.dirname(os.path.abspath(__file__))
OLD = "mqtt = 3.1.1\n"
REMOTE = "[remote]\ncommands = list\nallow = ping, status, incidents.ack, incidents.upload\n"
FAULT = {"type": "fault", "source": "press-7", "severity": "error"}
ATTRIBUTES = ["id", "source", "specversion", "type", "sequence", "time"]


def check_envelope(text, kind, subject=None):
    """The event; asserts that the envelope is that of WIRE.md."""
    doc = json.loads(text)
    want = [*ATTRIBUTES, *(["subject"] if subject else []), "datacontenttype", "data"]
    assert list(doc) == want, list(doc)
    boot, seq = doc["id"].split("-")
    assert doc["specversion"] == "1.0" and doc["type"] == f"org.picket.{kind}.v1" and doc["datacontenttype"] == "application/json", doc
    assert doc["source"] == f"/picket/{SITE}/{GATEWAY}" and doc["sequence"] == f"{int(seq):020}" and int(boot) >= 1, doc
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", doc["time"]), doc
    assert subject is None or doc["subject"] == subject, doc
    return doc


def test_everything_said__is_a_structured_cloudevent():
    with Rig() as rig:
        broker = Broker(rig).start()
        hub = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, rules=NO_RESOLVE.replace("keys     = 64", "actions  = tidy_up\nkeys     = 64"), broker_extra=OLD,
                          actions="[action tidy_up]\nrisk = high\nargv = /bin/true\n", config="[report]\nsummary = 5s\n").start()
        gateway.await_online()
        # Mosquitto's own numbers: p2 (its later versions: p4) is 3.1.1, p5 is 5; c0: the session is kept.
        assert re.search(rf"New client connected from \S+ as {GATEWAY} \(p[24], c0, ", broker.process.log()), broker.process.log()
        assert (link(gateway)["mqtt"], link(gateway)["mqtt_fallback"]) == ("3.1.1", False), link(gateway)
        gateway.send_events([FAULT, FAULT])
        said = lambda part: [(topic, kept, text) for _, topic, kept, text in hub.messages(part, opened=False)]
        topic, _, text = await_true("the incident", 8, lambda: said("/incident/"))[0]
        incident = check_envelope(text, "incident", topic.rsplit("/", 1)[1])["data"]
        row = gateway.incidents()[0]
        assert incident["incident_id"] == row["incident_id"] and incident["incident_type"] == "custom" and incident["severity"] == "high", incident
        birth = check_envelope(said("/status")[0][2], "status")["data"]
        assert birth["online"] is True and birth["boot"] == incident["boot"], birth
        topic, _, text = await_true("the approval", 8, lambda: said("/approval/"))[0]
        approval = check_envelope(text, "approval", topic.rsplit("/", 1)[1])["data"]
        assert approval["action"] == "tidy_up" and approval["incident_id"] == incident["incident_id"], approval
        summary = check_envelope(await_true("the summary", 10, lambda: said("/summary"))[0][2], "summary")["data"]
        assert summary["by"] if "by" in summary else summary["from"], summary
        # Retained while open, and taken back with nothing around it.
        kept = lambda: list(broker.retained(f"{ROOT}/incident/+").values())
        assert check_envelope(kept()[-1], "incident", incident["incident_id"])["data"]["incident_id"] == incident["incident_id"]
        gateway.result("incidents.resolve", incident_id=incident["incident_id"])
        gateway.result("incidents.close", incident_id=incident["incident_id"])
        await_true("it is taken back", 8, lambda: said("/incident/")[-1][2] == "")
        assert kept() == []
        ids = [json.loads(t)["id"] for _, _, t in said("") if t.startswith('{"id"')]
        assert len(ids) == len(set(ids)), "an id was used twice"
        # No goodbye: the broker says it, at once, since 3.1.1 knows no delay.
        began = time.monotonic()
        pid = gateway.agent_pid()
        gateway.process.popen.send_signal(signal.SIGSTOP)  # an agent that sees its supervisor gone says goodbye
        os.kill(pid, signal.SIGKILL)
        gateway.process.popen.send_signal(signal.SIGKILL)
        will = await_true("the will", 5, lambda: (d := check_envelope(said("/status")[-1][2], "status")["data"]) and not d["online"] and d)
        assert will["reason"] == "connection lost" and will["boot"] == birth["boot"] and time.monotonic() - began < 5, will


class World:
    """A gateway on 3.1.1, an open incident, and replies as they come."""

    def __init__(self, rig, config=REMOTE):
        self.rig = rig
        self.broker = Broker(rig).start()
        self.gateway = Gateway(rig, self.broker.port, rules=NO_RESOLVE, actions="", config=config, broker_extra=OLD)
        self.alice = Signer(rig, self.gateway, "alice", "responder")
        self.carol = Operator(rig, self.gateway, "carol", "responder")
        self.replies = Process(rig, "replies", ["mosquitto_sub", *self.broker.tls("hub"), "-V", "mqttv311", "-q", "1", "-t", f"{ROOT}/reply/+", "-t", PROBE, "-F", "%t\t%p"])
        await_reader(self.broker, self.replies)
        self.gateway.start()
        self.gateway.await_online()
        self.gateway.send_events([FAULT, FAULT])
        self.incident = await_true("the incident", 5, self.gateway.incidents)[0]["incident_id"]
        self.asked = 0

    def counts(self):
        return self.gateway.result("status")["commands"]

    def send(self, text, cmd="incidents.ack", *options):
        path = self.rig.path("command")
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        subprocess.run(["mosquitto_pub", *self.broker.tls("operator"), "-V", "mqttv311", "-q", "1", "-t", f"{ROOT}/cmd/{cmd}", "-f", path, *options], check=True, timeout=10)

    def answer(self, topic, seconds=5):
        def reply():
            rows = [line.split("\t", 1) for line in self.replies.log().split("\n")]
            return next((json.loads(r[1]) for r in rows if r[0] == topic), None)
        return await_true(f"an answer at {topic}", seconds, reply)

    def ask(self, jws, cmd="incidents.ack", **around):
        self.asked += 1
        topic = f"{ROOT}/reply/t{self.asked}"
        self.send(json.dumps({"reply_to": topic, **around, "jws": jws}), cmd)
        return self.answer(topic)

    def is_acked(self):
        return self.gateway.incident(self.incident)["incident"]["acked"]

    def ack(self, **claims):
        return self.alice.token("incidents.ack", **{"args": {"incident_id": self.incident}, **claims})


def test_command__with_json_around_it_and_without():
    with Rig() as rig:
        w = World(rig)
        reply = w.ask(w.alice.token("ping"), "ping", corr="q-17")
        assert reply["ok"] and reply["corr"] == "q-17" and reply["result"]["version"], reply
        odd = 'ü"\\\n\u2028🦉'
        reply = w.ask(w.alice.token("ping"), "ping", corr=odd, expires=int(time.time() * 1000) + 30000)
        assert reply["ok"] and reply["corr"] == odd, reply
        reply = w.ask(w.alice.token("ping"), "ping", expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30)))
        assert reply["ok"] and "corr" not in reply, reply
        # Without a word where to answer it is the topic of its id; as it stands too, and as our own tool signs it.
        w.send(json.dumps({"corr": "q-18", "jws": w.alice.token("ping", jti="wrapped-1")}), "ping")
        reply = w.answer(f"{ROOT}/reply/wrapped-1")
        assert reply["ok"] and reply["jti"] == "wrapped-1" and reply["corr"] == "q-18", reply
        w.send(w.alice.token("ping", jti="plain-1"), "ping")
        reply = w.answer(f"{ROOT}/reply/plain-1")
        assert reply["ok"] and "corr" not in reply, reply
        reply = w.ask(w.carol.sign("ping"), "ping")
        assert reply["ok"], reply
        # A refusal is answered in the same way, and the honest one after it is obeyed, once.
        reply = w.ask(w.alice.token("ping", jti="plain-1"), "ping", corr="again")
        assert reply["error"] == "replayed" and reply["corr"] == "again", reply
        assert not w.is_acked()
        good = w.ack()
        reply = w.ask(good, corr="do it")
        assert reply["ok"] and reply["result"]["acked"] and reply["corr"] == "do it", reply
        assert w.is_acked()
        assert w.ask(good)["error"] == "replayed"
        assert w.counts() == {"accepted": 7, "refused": 2}, w.counts()


def test_expired_outside_or_inside__is_not_obeyed():
    with Rig() as rig:
        w = World(rig)
        now = int(time.time())
        reply = w.ask(w.ack(), expires=(now - 100) * 1000, corr="late")
        assert reply["error"] == "expired" and "around the command" in reply["message"] and reply["corr"] == "late", reply
        reply = w.ask(w.ack(), expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 100)))
        assert reply["error"] == "expired", reply
        reply = w.ask(w.ack(iat=now - 500, exp=now - 100), expires=(now + 100) * 1000)
        assert reply["error"] == "expired", reply
        assert w.counts() == {"accepted": 0, "refused": 3} and not w.is_acked()
        # Sent to a gateway that is away, in the session that the broker keeps; over before it is back.
        assert w.gateway.stop() == 0
        w.send(json.dumps({"reply_to": f"{ROOT}/reply/away-1", "expires": (int(time.time()) - 59) * 1000, "jws": w.ack()}))
        w.send(json.dumps({"reply_to": f"{ROOT}/reply/away-2", "jws": w.alice.token("ping")}), "ping")
        time.sleep(2.5)
        w.gateway.start()
        assert w.answer(f"{ROOT}/reply/away-1", 20)["error"] == "expired"
        assert w.answer(f"{ROOT}/reply/away-2", 20)["ok"]
        assert not w.is_acked()


def test_hostile_json__is_refused_in_words_and_counted():
    with Rig() as rig:
        w = World(rig)
        pid = w.gateway.agent_pid()
        topic = f"{ROOT}/reply/h"
        answered = (
            ({"reply_to": topic}, "missing_field", "jws"),
            ({"reply_to": topic, "jws": None}, "bad_field", "jws"),
            ({"reply_to": topic, "jws": 5}, "bad_field", "jws"),
            ({"reply_to": topic, "jws": [w.ack()]}, "bad_field", "jws"),
            ({"reply_to": topic, "jws": "x" * 4097}, "too_big", "4 KiB"),
            ({"reply_to": topic, "jws": ""}, "bad_message", "signed"),
            ({"reply_to": topic, "jws": json.dumps({"jws": w.ack()})}, "bad_message", "signed"),
            ({"reply_to": topic, "corr": "c" * 65, "jws": w.ack()}, "bad_field", "corr"),
            ({"reply_to": topic, "corr": 7, "jws": w.ack()}, "bad_field", "corr"),
            ({"reply_to": topic, "corr": "a\0b", "jws": w.ack()}, "bad_field", "corr"),
            ({"reply_to": topic, "expires": "tomorrow", "jws": w.ack()}, "bad_field", "expires"),
            ({"reply_to": topic, "expires": -1, "jws": w.ack()}, "bad_field", "expires"),
            ({"reply_to": topic, "expires": 1e30, "jws": w.ack()}, "bad_field", "expires"),
            ({"reply_to": topic, "ttl": 5, "jws": w.ack()}, "unknown_field", "around the command"))
        for n, (doc, error, word) in enumerate(answered):
            where = f"{topic}{n}"
            w.send(json.dumps({**doc, "reply_to": where}))
            reply = w.answer(where)
            assert reply["ok"] is False and reply["error"] == error and word in reply["message"], (doc, reply)
            await_true("counted", 3, lambda: w.counts()["refused"] == n + 1)
        silent = (
            {"reply_to": f"{ROOT}/reply/+", "jws": w.ack()}, {"reply_to": "a/#", "jws": w.ack()}, {"reply_to": "$SYS/x", "jws": w.ack()},
            {"reply_to": f"{ROOT}/status", "jws": w.ack()}, {"reply_to": f"{ROOT}/incident/inc_1", "jws": w.ack()}, {"reply_to": "x" * 256, "jws": w.ack()},
            {"reply_to": ["a"], "jws": w.ack()}, {"reply_to": "a\nb", "jws": w.ack()})
        texts = [*map(json.dumps, silent), "{", '{"jws":', b'{"jws":"\xff"}', b"{" + b" " * 9000 + b"}", '{"jws":' * 400, "{}", json.dumps({"jws": w.ack()})[:-1]]
        before = w.counts()["refused"]
        for n, text in enumerate(texts):
            w.send(text)
            await_true(f"{text[:60]!r} is counted", 3, lambda: w.counts()["refused"] == before + n + 1)
        assert w.counts()["accepted"] == 0 and not w.is_acked()
        assert list(w.broker.retained(f"{ROOT}/status", f"{ROOT}/incident/inc_1")) == [f"{ROOT}/status"], "an answer was taken for something else"
        log = w.gateway.process.log()
        assert "command refused (bad_field): response topic or correlation data cannot be used" in log and "bad JSON around the command: jws" in log, log[-2000:]
        # Larger than anything the agent takes: 3.1.1 has no word for it, it is skipped and the connection stands.
        lost = link(w.gateway)["lost"]
        assert link(w.gateway)["messages_too_large"] == 0
        w.send(b"{" + b" " * 40000 + b"}")
        reply = w.ask(w.ack())
        assert reply["ok"] and w.is_acked(), reply
        assert link(w.gateway)["messages_too_large"] == 1 and link(w.gateway)["lost"] == lost and w.gateway.agent_pid() == pid


def test_retained_command__is_refused_where_the_mark_comes():
    """3.1.1 hands a retained message on without its mark to who is subscribed already: that one is a command as any other, and taken once."""
    with Rig() as rig:
        w = World(rig)
        assert w.gateway.stop() == 0
        w.broker.end_session(GATEWAY, "-V", "mqttv311")
        w.send(json.dumps({"reply_to": f"{ROOT}/reply/kept", "jws": w.ack()}), "incidents.ack", "-r")
        w.gateway.start()
        assert w.answer(f"{ROOT}/reply/kept", 20)["error"] == "refused"
        assert not w.is_acked() and w.counts() == {"accepted": 0, "refused": 1}


def test_capsule__needs_mqtt_5():
    with Rig() as rig:
        w = World(rig, config=REMOTE + "[incidents]\nassess = 0\nrecover = 0\ncapsule_after = 2s\ncapsule_upload = high\n")
        wanted = lambda: w.gateway.result("status")["capsules"]
        await_true("the capsule waits", 15, lambda: wanted()["needs_mqtt_5"])
        reply = w.ask(w.alice.token("incidents.upload", args={"incident_id": w.incident}), "incidents.upload")
        assert reply["error"] == "unsupported" and "needs MQTT 5" in reply["message"], reply
        assert wanted()["chunks_sent"] == 0
        # With 5 it goes.
        with open(w.gateway.config_path) as f:
            text = f.read()
        with open(w.gateway.config_path, "w") as f:
            f.write(text.replace(OLD, "mqtt = 5\n"))
        os.kill(w.gateway.process.pid, signal.SIGHUP)
        await_true("it is there", 20, lambda: wanted()["uploaded"] == 1)
        assert not wanted()["needs_mqtt_5"] and link(w.gateway)["mqtt"] == "5"


def scripted(rig, broker, **more):
    gateway = Gateway(rig, None, rules=NO_RESOLVE, actions="", config=f"[broker central]\nhost = 127.0.0.1\nport = {broker.port}\ntls = no\nreconnect_first = 1s\nreconnect_max = 2s\n")
    return gateway.start()


def test_fallback__said_by_the_broker_and_back_after_a_reload():
    with Rig() as rig:
        broker = ScriptedBroker(rig, levels=(4,))
        began = time.monotonic()
        gateway = scripted(rig, broker)
        gateway.await_online()
        assert broker.greeted == [5, 4] and time.monotonic() - began < 10, broker.greeted
        assert (link(gateway)["mqtt"], link(gateway)["mqtt_fallback"], link(gateway)["failures"]) == ("3.1.1", True, 1), link(gateway)
        assert "connected to broker with MQTT 3.1.1" in gateway.process.log()
        gateway.send_events([FAULT, FAULT])
        topic, text = await_true("the incident", 8, lambda: [(t, p) for _, t, p, _, _ in broker.published if "/incident/" in t])[0]
        assert check_envelope(text, "incident", topic.rsplit("/", 1)[1])["data"]["incident_type"] == "custom"
        broker.deliver(f"{ROOT}/cmd/ping", json.dumps({"reply_to": f"{ROOT}/reply/r", "corr": "c", "jws": "x"}).encode(), 7)
        text = await_true("the refusal", 5, lambda: [p for _, t, p, _, _ in broker.published if t == f"{ROOT}/reply/r"])[0]
        assert json.loads(text)["error"] == "bad_message" and json.loads(text)["corr"] == "c", text
        # Its connection lost, it comes back the way it was let in.
        broker.client.shutdown(socket.SHUT_RDWR)
        await_true("again", 10, lambda: len(broker.greeted) == 3)
        gateway.await_online()
        assert broker.greeted == [5, 4, 4], broker.greeted
        # The broker learned 5: a reload finds out.
        broker.levels = (4, 5)
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("5 is spoken", 10, lambda: link(gateway)["mqtt"] == "5" and link(gateway)["state"] == "online")
        assert broker.greeted == [5, 4, 4, 5] and link(gateway)["mqtt_fallback"] is False, broker.greeted
        seen = len(broker.published)
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("reloaded", 5, lambda: gateway.process.log().count("configuration reloaded") == 2)
        time.sleep(1.5)
        assert broker.greeted == [5, 4, 4, 5] and len(broker.published) >= seen


def test_no_fallback__of_a_broker_that_hangs_up():
    with Rig() as rig:
        broker = ScriptedBroker(rig, levels=(4,), hangs_up=True)
        gateway = scripted(rig, broker)
        await_true("some tries", 10, lambda: len(broker.greeted) >= 4)
        assert set(broker.greeted) == {5} and link(gateway)["mqtt_fallback"] is False, broker.greeted


def test_configured_5__does_not_fall_back():
    with Rig() as rig:
        broker = ScriptedBroker(rig, levels=(4,))
        gateway = Gateway(rig, None, actions="", config=f"[broker central]\nhost = 127.0.0.1\nport = {broker.port}\ntls = no\nmqtt = 5\nreconnect_first = 100ms\nreconnect_max = 1s\n").start()
        await_true("some tries", 10, lambda: len(broker.greeted) >= 4)
        assert set(broker.greeted) == {5} and "unsupported_protocol_version" in link(gateway)["error"], broker.greeted


def once_more(script, *tests):
    """Tests of another file with gateways that speak 3.1.1."""
    out = subprocess.run([sys.executable, os.path.join(HERE, script), *tests], env={**os.environ, "PK_TEST_MQTT": "3.1.1"}, capture_output=True, text=True, timeout=250)
    assert out.returncode == 0, f"{script}:\n{out.stdout}\n{out.stderr[-3000:]}"
    assert out.stdout.count("\nok - ") + out.stdout.startswith("ok - ") == len(tests), out.stdout
    print("".join(f"#   {line}\n" for line in out.stdout.splitlines()), end="")


def test_link__once_more():
    once_more("test_link.py", "test_broker_down_at_start__work_goes_on_and_all_arrives_birth_first", "test_broker_killed__with_its_database", "test_broker_killed__without_its_database",
              "test_broker_killed_between_publish_and_puback", "test_cable_cut_without_fin__noticed_and_healed", "test_connection_resets__every_200_ms_for_10_s",
              "test_agent_killed_while_it_has_a_backlog", "test_devices__report_at_qos_1", "test_incident_topic__is_retained_while_open_and_empty_after")


def test_commands__once_more():
    once_more("test_commands.py", "test_times", "test_replay__also_after_restarts", "test_signature_and_identity", "test_two_signatures", "test_form_of_commands",
              "test_local_policy__beats_every_key")


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=3)
