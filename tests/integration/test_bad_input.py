#!/usr/bin/env python3
"""Whatever comes in on the local sockets and from devices: a clear error that names where and why, counted, nothing changed, the agent lives and
the next good one works. ctest: lane=default timeout=120"""
import json
import select
import socket
import subprocess
import time

from rig import GATEWAY, SITE, Broker, Control, Gateway, Rig, await_true, main

ROOT = f"picket/v1/{SITE}/{GATEWAY}"
GOOD = {"type": "reading", "source": "press-7", "value": 1}
CONFIG = "[remote]\ncommands = off\n"


class World:
    def __init__(self, rig, broker_port=None):
        self.gateway = Gateway(rig, broker_port, actions="", config=CONFIG).start()
        self.pid = self.gateway.agent_pid()

    def events(self):
        return self.gateway.result("status")["events"]

    def local(self):
        return self.gateway.result("status")["local"]

    def is_well(self):
        assert self.gateway.agent_pid() == self.pid, "the agent ended"
        assert self.gateway.send_events([GOOD])[0]["ok"]
        assert self.gateway.result("ping")["boot"]


class Lines:
    """A local stream that is not careful."""

    def __init__(self, path, seconds=8):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(None)  # a full backlog is waited for
        self.socket.connect(path)
        self.socket.settimeout(seconds)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self.socket.close()


def events_path(gateway):
    return gateway.control_path().replace("control.sock", "events.sock")


def with_members(**members):
    return json.dumps({**GOOD, **members}).encode()


BAD_EVENTS = [
    ("no JSON", b"hello", "bad_message", None),
    ("truncated", b'{"type":"a","source":"b"', "bad_message", None),
    ("truncated in a text", b'{"type":"a","sour', "bad_message", None),
    ("two objects", b'{"type":"a","source":"b"}{"type":"a","source":"b"}', "bad_message", None),
    ("an array", b"[1,2]", "bad_message", None),
    ("binary", bytes(b for b in range(256) if b != 10), "bad_message", None),
    ("NUL in a text", b'{"type":"a","source":"b\0c"}', "bad_message", None),
    ("NUL after the end", b'{"type":"a","source":"b"}\0', "bad_message", None),
    ("no UTF-8", b'{"type":"a","source":"b","message":"\xff\xfe"}', "bad_message", None),
    ("overlong UTF-8", b'{"type":"a","source":"b","message":"\xc0\xaf"}', "bad_message", None),
    ("half a surrogate pair", b'{"type":"a","source":"b","message":"\\ud800"}', "bad_message", None),
    ("nested 1000 deep", b'{"type":"a","source":"b","x":' + b"[" * 1000 + b"]" * 1000 + b"}", "too_deep", None),
    ("nested 1000 deep and cut", b"[" * 1000, None, None),
    ("a member twice", b'{"type":"a","type":"b","source":"c"}', "bad_field", "type"),
    ("a member and its alias", b'{"type":"a","event_type":"b","source":"c"}', "bad_field", "event_type"),
    ("type missing", b'{"source":"b"}', "missing_field", "type"),
    ("source missing", b'{"type":"b"}', "missing_field", "source"),
    ("type is a number", b'{"type":5,"source":"b"}', "bad_field", "type"),
    ("type with a space", b'{"type":"a b","source":"b"}', "bad_field", "type"),
    ("source empty", b'{"type":"a","source":""}', "bad_field", "source"),
    ("source of 65 bytes", with_members(source="x" * 65), "bad_field", "source"),
    ("severity unknown", with_members(severity="terrible"), "bad_field", "severity"),
    ("value is a text", with_members(value="5"), "bad_field", "value"),
    ("value beyond a double", b'{"type":"a","source":"b","value":1e999}', "bad_field", "value"),
    ("value of 500 digits", b'{"type":"a","source":"b","value":' + b"9" * 500 + b"}", "bad_field", "value"),
    ("value NaN", b'{"type":"a","source":"b","value":NaN}', "bad_message", None),
    ("value with a leading zero", b'{"type":"a","source":"b","value":01}', "bad_message", None),
    ("time is a word", with_members(time="yesterday"), "bad_field", "time"),
    ("time of another age", with_members(time=10**30), "bad_field", "time"),
    ("metadata is a list", with_members(metadata=[1]), "bad_field", "metadata"),
    ("metadata is nested", with_members(metadata={"a": {"b": 1}}), "bad_field", None),
    ("replayed is a text", with_members(replayed="yes"), "bad_field", "replayed"),
    ("5 KiB", with_members(message="x" * 5000), "too_big", None),
    ("8 KiB of one name", b'{"' + b"n" * 8000 + b'":1}', "too_big", None),
]


def test_event_lines():
    with Rig() as rig:
        w = World(rig)
        s = Lines(events_path(w.gateway))
        for what, line, error, field in BAD_EVENTS:
            before = w.events()
            s.send(line + b"\n")
            reply = s.line()
            assert reply["ok"] is False, f"{what} was taken: {reply}"
            assert error is None or reply["error"] == error, f"{what}: {reply}, expected {error}"
            assert field is None or reply["field"] == field, f"{what}: {reply}, expected {field}"
            assert reply["message"] and ("at" in reply or reply["error"] == "too_big"), f"{what} does not say where and why: {reply}"
            assert w.events()["bad"] == before["bad"] + 1, f"{what} is not counted"
            s.send(json.dumps(GOOD).encode() + b"\n")
            assert s.line()["ok"], f"after {what}"
        # What is merely unusual is taken.
        for line in (with_members(unknown=[[[1]]], value=-0.0), json.dumps(GOOD).encode() + b"\r", b"  " + json.dumps(GOOD).encode() + b"  ",
                     with_members(message="ü" * 200), with_members(severity="FATAL"), with_members(severity=None), with_members(source="x" * 64)):
            s.send(line + b"\n")
            reply = s.line()
            assert reply["ok"], (line, reply)
        s.close()
        w.is_well()
        assert not w.gateway.incidents(severity="low", type="error_burst")


def test_10_MB_without_a_line_end():
    with Rig() as rig:
        w = World(rig)
        for path, good, is_good in ((events_path(w.gateway), json.dumps(GOOD).encode(), lambda r: r["ok"]),
                                    (w.gateway.control_path(), b'{"v":1,"id":9,"cmd":"ping"}', lambda r: r["id"] == 9 and r["ok"])):
            s = Lines(path, 20)
            for _ in range(160):
                s.send(b"x" * 65536)
            reply = s.line()
            assert reply["ok"] is False and reply["error"] == "too_big" and reply["message"], reply
            s.send(b"\n" + good + b"\n")
            assert is_good(s.line()), path
            s.close()
        w.is_well()


BAD_REQUESTS = [
    ("no JSON", b"GET / HTTP/1.1", "bad_message", 0),
    ("truncated", b'{"v":1,"id":7,"cmd":"ping"', "bad_message", None),
    ("binary", bytes(b for b in range(256) if b != 10), "bad_message", 0),
    ("NUL", b'{"v":1,"id":7,"cmd":"pi\0ng"}', "bad_message", None),
    ("no UTF-8", b'{"v":1,"id":7,"cmd":"\xff\xff"}', "bad_message", None),
    ("a list", b"[]", "bad_message", 0),
    ("no version", b'{"id":7,"cmd":"ping"}', "missing_field", 7),
    ("version 2", b'{"v":2,"id":7,"cmd":"ping"}', "unsupported", 7),
    ("no command", b'{"v":1,"id":7}', "missing_field", 7),
    ("unknown member", b'{"v":1,"id":7,"cmd":"ping","sudo":true}', "unknown_field", 7),
    ("member twice", b'{"v":1,"id":7,"cmd":"ping","cmd":"memory"}', "bad_field", 7),
    ("id is a text", b'{"v":1,"id":"7","cmd":"ping"}', "bad_field", 0),
    ("id is negative", b'{"v":1,"id":-7,"cmd":"ping"}', "bad_field", 0),
    ("id beyond 64 bits", b'{"v":1,"id":99999999999999999999999,"cmd":"ping"}', "bad_field", 0),
    ("unknown command", b'{"v":1,"id":7,"cmd":"incidents.lst"}', "unknown_command", 7),
    ("command of 60 letters", b'{"v":1,"id":7,"cmd":"' + b"c" * 60 + b'"}', "bad_field", 7),
    ("args is a list", b'{"v":1,"id":7,"cmd":"ping","args":[]}', "bad_field", 7),
    ("unknown argument", b'{"v":1,"id":7,"cmd":"ping","args":{"x":1}}', "unknown_field", 7),
    ("argument missing", b'{"v":1,"id":7,"cmd":"incidents.get"}', "missing_field", 7),
    ("argument of another kind", b'{"v":1,"id":7,"cmd":"incidents.get","args":{"incident_id":5}}', "bad_field", 7),
    ("argument twice", b'{"v":1,"id":7,"cmd":"incidents.get","args":{"incident_id":"inc_1","incident_id":"inc_2"}}', "bad_field", 7),
    ("argument too long", b'{"v":1,"id":7,"cmd":"incidents.get","args":{"incident_id":"' + b"i" * 100 + b'"}}', "too_big", 7),
    ("limit beyond 64 bits", b'{"v":1,"id":7,"cmd":"incidents.list","args":{"limit":99999999999999999999}}', "bad_field", 7),
    ("limit negative", b'{"v":1,"id":7,"cmd":"incidents.list","args":{"limit":-1}}', "bad_field", 7),
    ("status that is none", b'{"v":1,"id":7,"cmd":"incidents.list","args":{"status":"broken"}}', "bad_field", 7),
    ("incident id that is none", b'{"v":1,"id":7,"cmd":"incidents.get","args":{"incident_id":"../../etc/passwd"}}', "bad_field", 7),
    ("incident that is none", b'{"v":1,"id":7,"cmd":"incidents.ack","args":{"incident_id":"inc_gw-01_1_00077"}}', "not_found", 7),
    ("nested 1000 deep", b'{"v":1,"id":7,"cmd":"ping","args":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}", "too_big", 0),
    ("nested 300 deep", b'{"v":1,"id":7,"cmd":"ping","args":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}", "too_deep", None),
    ("6 KiB", b'{"v":1,"id":7,"cmd":"ping","args":{"x":"' + b"y" * 6000 + b'"}}', "too_big", 0),
    ("event that is none", b'{"v":1,"id":7,"cmd":"events.send","args":{"event":{"type":"a"}}}', "missing_field", 7),
]


def test_control_requests():
    with Rig() as rig:
        w = World(rig)
        audit = w.gateway.result("audit.head")["n"]
        s = Lines(w.gateway.control_path())
        for what, line, error, number in BAD_REQUESTS:
            before = w.local()["refused"]
            s.send(line + b"\n")
            reply = s.line()
            assert reply["ok"] is False and reply["error"] == error, f"{what}: {reply}, expected {error}"
            assert number is None or reply["id"] == number, f"{what}: {reply}"
            assert reply["message"] and reply["code"] in range(1, 10), f"{what} does not say why: {reply}"
            assert w.local()["refused"] == before + 1, f"{what} is not counted"
            s.send(b'{"v":1,"id":8,"cmd":"ping","args":{}}\n')
            assert s.line() .get("ok"), f"after {what}"
        for line in (b'  {"cmd":"ping","id":18446744073709551615,"v":1}  \r\n', b'\n\n{"v":1,"id":0,"cmd":"ping"}\n', b'{"v":1,"cmd":"ping"}\n'):
            s.send(line)
            assert s.line()["ok"], line
        s.close()
        assert w.gateway.result("audit.head")["n"] <= audit + 3, "bad requests go to the store"
        w.is_well()


def test_half_lines_and_sudden_ends():
    with Rig() as rig:
        w = World(rig)
        before = w.events()["taken"]
        for path in (events_path(w.gateway), w.gateway.control_path()):
            for n in range(200):
                s = Lines(path)
                s.send(json.dumps(GOOD).encode()[:n % 40])
                s.close()
            for _ in range(20):  # gone before the answers
                s = Lines(path)
                s.send(b'{"v":1,"id":1,"cmd":"memory"}\n' * 30)
                s.close()
        await_true("room again", 5, w.gateway.is_up)
        assert w.events()["taken"] <= before + 60, "half lines were taken"
        # One side closed: it still gets its answer.
        s = Lines(w.gateway.control_path())
        s.send(b'{"v":1,"id":5,"cmd":"ping"}\n')
        s.socket.shutdown(socket.SHUT_WR)
        assert s.line()["id"] == 5
        # A byte at a time.
        s = Lines(events_path(w.gateway))
        for byte in json.dumps(GOOD).encode() + b"\n":
            s.send(bytes([byte]))
        assert s.line()["ok"]
        w.is_well()


def test_100_connections_at_once():
    with Rig() as rig:
        w = World(rig)
        many = []
        for n in range(100):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.connect(w.gateway.control_path() if n % 2 else events_path(w.gateway))
            s.setblocking(False)
            many.append(s)
        time.sleep(1)
        open_count = 0
        for s in many:
            try:
                open_count += s.recv(1) != b""
            except BlockingIOError:
                open_count += 1
            except OSError:
                pass
        assert 1 <= open_count <= 64, open_count
        for s in many:
            s.close()
        await_true("room again", 5, w.gateway.is_up)
        table = next(t for t in w.gateway.result("memory")["tables"] if t["table"] == "connections")
        assert table["drops"] >= 100 - table["capacity"], table
        w.is_well()


def test_events_socket__a_client_far_ahead__loses_answers_and_no_event():
    """What config/README.md says of it, in 10."""
    count = 20000
    with Rig() as rig:
        gateway = Gateway(rig, config="[sources]\nrate = 100000\nburst = 100000\n")
        gateway.start()
        local = lambda: gateway.result("status")["local"]
        taken = lambda: gateway.result("sources.get", source="bulk")["events"]
        with gateway.events_socket() as s:
            s.settimeout(20)
            s.sendall(b"".join(b'{"type":"x","source":"bulk","value":%d}\n' % i for i in range(count)))
            await_true("every event is taken", 20, lambda: taken() == count)
            assert local()["replies_lost"] > 0, local()
            answers = b""
            while select.select([s], [], [], 0.5)[0]:
                answers += s.recv(65536)
            assert answers.endswith(b"\n"), answers[-50:]
            numbers = [int(json.loads(line)["id"].split("-")[1]) for line in answers.splitlines()]
            assert 200 < len(numbers) < count and numbers == sorted(numbers), (len(numbers), numbers[:3])
            s.sendall(b'{"type":"x","source":"bulk"}\n{"type":"x"}\n')  # who has caught up is answered again
            answers = b""
            while answers.count(b"\n") < 2:
                answers += s.recv(65536)
            first, second = (json.loads(line) for line in answers.splitlines())
            assert first["ok"] and second["error"] == "missing_field" and second["field"] == "source", (first, second)
        print(f"# {len(numbers)} of {count} answers to one bulk")
        assert gateway.stop() == 0


def test_readers_that_never_read():
    with Rig() as rig:
        w = World(rig)
        deaf = Lines(w.gateway.control_path())
        deaf.socket.setblocking(False)
        end, sent = time.monotonic() + 3, 0
        while time.monotonic() < end:  # requests whose answers nobody takes
            try:
                sent += deaf.socket.send(b'{"v":1,"id":7,"cmd":"rules.list"}\n' * 50)
            except BlockingIOError:
                select.select([], [deaf.socket], [], 0.2)
            except OSError:
                break
        began = time.monotonic()
        assert w.gateway.result("ping")["boot"]
        assert time.monotonic() - began < 4, "one deaf reader keeps everybody waiting"
        await_true("it is cut off and counted", 6, lambda: w.local()["slow_closed"] >= 1)
        watcher = Lines(w.gateway.control_path())
        watcher.send(b'{"v":1,"id":1,"cmd":"watch","args":{"events":true}}\n')
        mute = Lines(events_path(w.gateway))
        mute.socket.setblocking(False)
        before, lines = w.events()["taken"], 0
        data = (json.dumps(GOOD).encode() + b"\n") * 100
        end = time.monotonic() + 3
        while lines < 20000 and time.monotonic() < end:
            try:
                n = mute.socket.send(data)
                lines += n // (len(data) // 100)
                data = data[n:] + data[:n]
            except BlockingIOError:
                select.select([], [mute.socket], [], 0.2)
        assert lines > 5000, lines
        await_true("events are taken although nobody reads the replies", 5, lambda: w.events()["taken"] + w.events()["lost"] > before + 5000)
        assert w.local()["replies_lost"] + w.local()["watch_lost"] > 0, w.local()
        deaf.close()
        watcher.close()
        mute.close()
        time.sleep(1.2)  # the bucket of the source fills again
        w.is_well()


def test_10000_requests_in_one_breath():
    with Rig() as rig:
        w = World(rig)
        s = w.gateway.connect()
        s.socket.settimeout(None)
        s.socket.setblocking(False)
        data = b"".join(b'{"v":1,"id":%d,"cmd":"ping"}\n' % n for n in range(1, 10001))
        got, at = b"", 0
        end = time.monotonic() + 20
        while got.count(b"\n") < 10000 and time.monotonic() < end:
            readable, writable, _ = select.select([s.socket], [s.socket] if at < len(data) else [], [], 1)
            if writable:
                at += s.socket.send(data[at:at + 8192])
            if readable:
                got += s.socket.recv(65536)
        replies = [json.loads(line) for line in got.splitlines()]
        assert [r["id"] for r in replies] == list(range(1, 10001)) and all(r["ok"] for r in replies), len(replies)
        w.is_well()


def test_device_messages():
    with Rig() as rig:
        broker = Broker(rig).start()
        w = World(rig, broker.port)
        w.gateway.await_online()

        def publish(topic, payload, *options):
            path = rig.path("payload")
            with open(path, "wb") as f:
                f.write(payload)
            subprocess.run(["mosquitto_pub", *broker.tls("device"), "-q", "1", "-t", f"{ROOT}/in/{topic}", *(["-f", path] if payload else ["-n"]), *options], check=True, timeout=10)

        for what, payload in (("binary", bytes(range(256))), ("NUL", b"1\0"), ("no UTF-8", b"\xff"), ("word", b"hot"), ("nan", b"nan"), ("beyond a double", b"1e999"),
                              ("hexadecimal", b"0x10"), ("two numbers", b"1 2"), ("list", b"[1]"), ("half an object", b'{"value":'), ("value is a text", b'{"value":"5"}'),
                              ("12 KB", b'{"message":"' + b"x" * 12000 + b'"}'), ("deep", b"[" * 1000), ("number of 5000 digits", b"9" * 5000)):
            before = w.events()
            publish("press-7/temperature", payload)
            await_true(f"{what} is counted", 3, lambda: w.events()["bad"] == before["bad"] + 1)
        log = w.gateway.process.log()
        assert "bad event from a device" in log and f"{ROOT}/in/press-7/temperature" in log, log
        for what, topic in (("space", "press 7/x"), ("no ASCII", "größe/x"), ("65 bytes", "s" * 65 + "/x"), ("type of 65 bytes", "s/" + "t" * 65), ("empty source", "/x"),
                            ("empty type", "x/"), ("10 KB", "s" * 10000 + "/x")):
            before = w.events()
            publish(topic, b"1")
            await_true(f"{what} is counted", 3, lambda: w.events()["unknown_topics"] == before["unknown_topics"] + 1)
        assert "topic that is none of ours" in w.gateway.process.log()
        # Larger than what we told the broker to send: it keeps that to itself, and the link stays.
        publish("press-7/temperature", b"x" * 60000)
        for payload, value in ((b"71.5", 71.5), (b" 12 ", 12), (b"-3e2", -300), (b'{"value":4}', 4)):
            publish("press-8/temperature", payload)
            await_true(f"{payload} is taken", 3, lambda: [e for e in w.gateway.result("events.list", source="press-8")["events"] if e["value"] == value])
        before = w.events()["taken"]
        publish("press-9/tick", b"")
        await_true("an event without a value", 3, lambda: w.gateway.result("events.list", source="press-9")["events"])
        # Retained: an event when it is published, none when it is only remembered.
        publish("press-10/level", b"5", "-r")
        await_true("taken once", 3, lambda: len(w.gateway.result("events.list", source="press-10")["events"]) == 1)
        link = w.gateway.result("status")["links"][0]
        assert link["state"] == "online" and link["lost"] == 0 and link["connects"] == 1, link
        assert w.gateway.stop() == 0
        broker.end_session(GATEWAY)
        w.gateway.start()
        w.gateway.await_online()
        time.sleep(0.5)
        assert not w.gateway.result("events.list", source="press-10")["events"]
        w.pid = w.gateway.agent_pid()
        w.is_well()


main(test_events_socket__a_client_far_ahead__loses_answers_and_no_event, *[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=4)
