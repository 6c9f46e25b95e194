#!/usr/bin/env python3
"""Bad lines and bad brokers: no route at first, 30 % loss, a way of 2 s, half-open connections, messages that come twice, a broker that is full or refuses QoS 1. Every
incident arrives, and none twice after de-duplication. ctest: lane=default timeout=240"""
import json
import os
import signal
import subprocess
import time

from faults import Line, ScriptedBroker
from link_load import NO_RESOLVE, ROOT, RULES, Load, check_birth_first, check_everything_arrived, link, outbox
from rig import Broker, Gateway, Operator, Proxy, Rig, Subscriber, await_true, main

from wire import Wire

NOT_AUTHORIZED, QUOTA_EXCEEDED = 0x87, 0x97
PLAIN = "[broker central]\nhost = 127.0.0.1\nport = {}\ntls = no\nreconnect_first = 1s\nreconnect_max = 2s\n"


def test_30_percent_loss__all_arrives():
    with Rig() as rig:
        broker = Broker(rig).start()
        line = Line(rig, broker.port, delay=0.02, loss=0.3)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, line.port, rules=RULES, actions="").start()
        gateway.await_online(60)
        load = Load(gateway, sources=30)
        time.sleep(12)
        load.end()
        count, _ = check_everything_arrived(gateway, subscriber, 60)
        assert line.lost_count > 20, line.lost_count
        check_birth_first(subscriber)
        print(f"# {line.lost_count} segments lost, {count} incidents, {link(gateway)['connects']} connections")


def test_2_seconds_each_way__online_birth_within_two_round_trips_after_tls__all_arrives():
    """Of the connection: a round trip of TLS 1.3, one of CONNECT, half of one until the birth is there."""
    with Rig() as rig:
        broker = Broker(rig).start()
        line = Line(rig, broker.port, delay=2.0)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, line.port, rules=RULES, actions="").start()
        births = await_true("the birth", 30, lambda: subscriber.messages("/status"))
        trips = (births[0][0] - line.opened[-1]) / (2 * line.delay)
        print(f"# birth at the subscriber {trips:.2f} round trips after the connection, {trips - 1:.2f} after TLS")
        assert 2.4 < trips < 3.4, trips  # one more would be 3.5
        load = Load(gateway, sources=20)
        time.sleep(6)
        load.end()
        check_everything_arrived(gateway, subscriber, 60)
        assert link(gateway)["lost"] == 0, link(gateway)


def test_half_open__the_broker_is_heard_no_more__noticed_and_all_arrives_once():
    with Rig() as rig:
        broker = Broker(rig).start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, cable.port, rules=RULES, actions="", broker_extra="keep_alive = 5s\n").start()
        gateway.await_online()
        load = Load(gateway, sources=25)
        time.sleep(1)
        cable.is_deaf = True  # what we say arrives; PUBACKs and PINGRESPs do not
        await_true("the gateway notices", 12, lambda: link(gateway)["lost"] == 1)
        time.sleep(0.5)
        cable.heal()
        gateway.await_online(30)
        load.end()
        _, repeats = check_everything_arrived(gateway, subscriber)
        assert repeats > 0, "nothing was delivered twice: the fault was not there"


def test_answers_lost_again_and_again__what_comes_twice_is_known_by_its_number():
    with Rig() as rig:
        broker = Broker(rig).start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, cable.port, rules=RULES, actions="", broker_extra="reconnect_max = 1s\n").start()
        load = Load(gateway, sources=30, pause=0.05)
        for _ in range(6):
            gateway.await_online(30)
            time.sleep(0.3)
            cable.is_deaf = True
            time.sleep(0.6)
            cable.is_deaf = False
            cable.drop()
        load.end()
        gateway.await_online(30)
        # A connection that began while nothing was heard may wait out its 20 s first.
        count, repeats = check_everything_arrived(gateway, subscriber, 60)
        assert repeats >= 3, repeats
        print(f"# {count} incidents, {repeats} reports delivered twice")


def test_no_route_at_the_start__comes_online_by_itself():
    """Without a route connect(2) fails at once, as it does on a gateway that starts before its modem."""
    with Rig() as rig:
        wire = Wire(rig)
        broker = wire.start_broker(rig)
        address = lambda change: subprocess.run([*wire.inside, "ip", "addr", change, "127.0.0.1/8", "dev", "lo"], check=True, timeout=10)
        address("del")  # and with it the route
        gateway = Gateway(rig, broker.port, rules=RULES, actions="").start(prefix=wire.inside)
        await_true("several tries", 20, lambda: link(gateway)["failures"] >= 3)
        assert link(gateway)["error"] == "connect: network unreachable", link(gateway)
        address("add")
        gateway.await_online()


def incident_id_of(payload):
    return json.loads(payload)["incident_id"]


def start_plain(rig, broker, config=""):
    gateway = Gateway(rig, actions="", rules=NO_RESOLVE, config=PLAIN.format(broker.port) + config).start()
    gateway.await_online()
    return gateway


def send_faults(gateway, names):
    for name in names:
        fault = {"type": "fault", "source": name, "severity": "error"}
        gateway.send_events([fault, fault])


def test_quota_exceeded__kept_tried_without_haste_and_delivered():
    with Rig() as rig:
        is_full = [True]
        broker = ScriptedBroker(rig, lambda topic, payload: QUOTA_EXCEEDED if is_full[0] and "/incident/" in topic else 0)
        gateway = start_plain(rig, broker)
        names = [f"m{n}" for n in range(12)]
        send_faults(gateway, names)
        tries = lambda: [p for p in broker.published if "/incident/" in p[1]]
        await_true("it was tried", 5, tries)
        time.sleep(4)
        before = len(tries())
        assert outbox(gateway) == len(names), outbox(gateway)
        assert before <= 12 * len(names), f"{before} tries in 4 s: it hurries"
        assert link(gateway)["lost"] == 0 and broker.connections == 1
        is_full[0] = False
        await_true("all of it is taken", 60, lambda: outbox(gateway) == 0)
        taken = {incident_id_of(p[2]) for p in tries()[before:]}
        assert taken == {i["incident_id"] for i in gateway.incidents()}, taken
        assert gateway.process.log().count("the broker refused a message: quota_exceeded") == 1


def test_broker_that_offers_no_qos_1__nothing_is_dropped_and_leaves_when_it_does():
    with Rig() as rig:
        broker = ScriptedBroker(rig, connack=b"\x24\x00")  # Maximum QoS 0
        gateway = start_plain(rig, broker)
        send_faults(gateway, ["a", "b", "c"])
        await_true("incidents", 5, lambda: len(gateway.incidents()) == 3)
        await_true("the birth comes all the same", 5, lambda: [p for p in broker.published if p[1].endswith("/status") and p[3] == 0])
        time.sleep(1)
        assert outbox(gateway) == 3 and not [p for p in broker.published if "/incident/" in p[1]]
        assert gateway.process.log().count("the broker refused a message: qos_not_supported") == 1, gateway.process.log()
        broker.connack = b""
        broker.client.shutdown(2)
        await_true("all of it left", 20, lambda: outbox(gateway) == 0)
        assert len({incident_id_of(p[2]) for p in broker.published if "/incident/" in p[1]}) == 3


def test_mosquitto_that_refuses_our_will_s_qos_1__said_online_without_and_nothing_is_lost():
    with Rig() as rig:
        broker = Broker(rig, extra="max_qos 0\n").start()
        gateway = Gateway(rig, broker.port, rules=NO_RESOLVE, actions="").start()
        send_faults(gateway, ["a", "b", "c"])
        gateway.await_online()
        assert gateway.process.log().count("qos_not_supported; the next will goes without") == 1, gateway.process.log()
        await_true("incidents", 5, lambda: len(gateway.incidents()) == 3)
        assert outbox(gateway) == 3, outbox(gateway)
        broker.kill()
        path = os.path.join(broker.dir, "broker.conf")
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace("max_qos 0", "max_qos 2"))
        broker.start()
        subscriber = Subscriber(rig, broker)
        gateway.await_online(30)
        await_true("all of it arrives", 10, lambda: len({i["incident_id"] for _, i in subscriber.incidents()}) == 3)


def test_broker_without_retained_messages__reports_arrive_unkept():
    with Rig() as rig:
        broker = ScriptedBroker(rig, connack=b"\x25\x00")  # Retain Available 0
        gateway = start_plain(rig, broker)
        send_faults(gateway, ["a", "b"])
        await_true("incidents", 5, lambda: len(gateway.incidents()) == 2)
        await_true("all of it left", 10, lambda: outbox(gateway) == 0)
        assert len({incident_id_of(p[2]) for p in broker.published if "/incident/" in p[1]}) == 2
        assert link(gateway)["lost"] == 0


def test_refused_subscription__asked_for_again_at_a_reload():
    with Rig() as rig:
        broker = ScriptedBroker(rig)
        broker.grant = lambda topic_filter: NOT_AUTHORIZED if topic_filter.startswith(f"{ROOT}/cmd/") else 1
        gateway = start_plain(rig, broker)
        await_true("it is said", 5, lambda: f"the broker refused a subscription: {ROOT}/cmd/+: not_authorized" in gateway.process.log())
        granted = []
        broker.grant = lambda topic_filter: granted.append(topic_filter) or 1
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("asked for again, and nothing else", 5, lambda: granted == [f"{ROOT}/cmd/+"])
        assert broker.connections == 1


def test_a_command_that_comes_twice__is_carried_out_once_and_answered_twice():
    with Rig() as rig:
        broker = ScriptedBroker(rig)
        gateway = Gateway(rig, actions="", rules=NO_RESOLVE, config=PLAIN.format(broker.port) + "[remote]\ncommands = list\nallow = incidents.note\n")
        operator = Operator(rig, gateway, "ann", "admin")
        gateway.start()
        gateway.await_online()
        send_faults(gateway, ["a"])
        incident = await_true("an incident", 5, gateway.incidents)[0]["incident_id"]
        text = operator.sign("incidents.note", incident_id=incident, note="looked at it").encode()
        replies = lambda: [json.loads(p[2]) for p in broker.published if "/reply/" in p[1]]
        broker.deliver(f"{ROOT}/cmd/incidents.note", text, 11)
        await_true("an answer", 10, lambda: len(replies()) == 1)
        broker.deliver(f"{ROOT}/cmd/incidents.note", text, 11, is_dup=True)
        await_true("another", 10, lambda: len(replies()) == 2)
        assert replies()[0]["ok"] and replies()[1]["ok"], replies()
        broker.deliver(f"{ROOT}/cmd/incidents.note", text, 12)  # not the broker's doubt: somebody sent it again
        await_true("a refusal", 10, lambda: len(replies()) == 3)
        assert not replies()[2]["ok"] and replies()[2]["error"] == "replayed", replies()[2]
        notes = [e for e in gateway.incident(incident, timeline=True)["timeline"] if "looked at it" in json.dumps(e)]
        assert len(notes) == 1, notes


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=4)
