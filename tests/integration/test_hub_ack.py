#!/usr/bin/env python3
"""hub_ack = yes: what the broker took and forgot arrives all the same, and only the hub's signed word empties the outbox. A small hub reads with
mosquitto_sub and signs with OpenSSL. ctest: lane=default timeout=300"""
import os
import signal
import threading
import time

from link_load import ROOT, RULES, Load, check_everything_arrived, known_incidents, outbox
from rig import Broker, Gateway, Proxy, Rig, Signer, Subscriber, await_true, main

HUB_ACK = "hub_ack = yes\n"


def ranges_of(numbers):
    """[[from, to], ...] of whole numbers."""
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] + 1 == n:
            out[-1][1] = n
        else:
            out.append([n, n])
    return out


class Hub:
    """Says at most once a second what it received since it spoke last, also what it received before."""

    def __init__(self, rig, gateway, broker):
        self.signer = Signer(rig, gateway, "hub1", "hub")
        self.broker = broker
        self.subscriber = Subscriber(rig, broker)
        self.said = 0
        self.is_here = self.is_ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def ack(self, boot, ranges, signer=None, **claims):
        return (signer or self.signer).token("ack", **{"args": {"boot": boot, "ranges": ranges}, **claims})

    def publish(self, text, *options):
        self.broker.publish("hub", f"{ROOT}/ack", text, *options)

    def speak(self):
        got = [(i["boot"], i["seq"]) for _, i in self.subscriber.incidents()]
        new, self.said = got[self.said:], len(got)
        for boot in {b for b, _ in new}:
            self.publish(self.ack(boot, ranges_of({s for b, s in new if b == boot})))

    def start(self):
        self.is_here = True
        self.thread.start()
        return self

    def _run(self):
        while not self.is_ending:
            if self.is_here:
                self.speak()
            time.sleep(1.0)

    def leave(self):
        """Its process ends; the broker keeps its session, and what comes meanwhile."""
        self.is_here = False
        time.sleep(1.5)  # it may be in the middle of a word
        self.subscriber.process.stop()

    def come_back(self):
        self.subscriber.again(self.broker)
        self.is_here = True

    def end(self):
        self.is_ending = True
        self.thread.join(15)


def hub_ack(gateway):
    return gateway.result("status")["store"]["hub_ack"]


def forget_while_the_hub_is_away(rig, broker_extra):
    """Broker, gateway and hub after a broker without its database came back, and what nobody but the gateway has now."""
    broker = Broker(rig, keeps_data=False).start()
    cable = Proxy(rig, broker.port)
    gateway = Gateway(rig, cable.port, rules=RULES, actions="", broker_extra=broker_extra)
    hub = Hub(rig, gateway, broker)
    gateway.start()
    gateway.await_online()
    hub.start()
    load = Load(gateway, pause=0.2)
    time.sleep(3)
    hub.leave()
    before = set(known_incidents(gateway))
    await_true("incidents while the hub is away", 15, lambda: len(set(known_incidents(gateway)) - before) >= 8)
    load.end()
    await_true("they ended", 15, lambda: all(s != "detected" for s in known_incidents(gateway).values()))
    time.sleep(2)  # the broker has them all
    lost = set(known_incidents(gateway)) - {i["incident_id"] for _, i in hub.subscriber.incidents()}
    assert len(lost) >= 8, lost
    return broker, cable, gateway, hub, lost


def all_back(broker, cable, gateway, hub):
    cable.is_refusing = True  # the hub is back first: what it misses is what the broker forgot
    broker.kill()
    event = {"type": "fault", "source": "late", "severity": "error", "message": "broken"}
    gateway.send_events([event, event])  # what is sent into the cable shows that nobody is there
    await_true("the connection is lost", 20, lambda: gateway.result("status")["links"][0]["state"] != "online")
    broker.start()
    hub.come_back()
    cable.heal()
    gateway.await_online()


def test_broker_forgets_while_the_hub_is_away__every_incident_arrives():
    with Rig() as rig:
        broker, cable, gateway, hub, lost = forget_while_the_hub_is_away(rig, HUB_ACK)
        await_true("the broker has them all", 10, lambda: hub_ack(gateway)["waiting"] >= len(lost))
        assert outbox(gateway) >= len(lost)
        all_back(broker, cable, gateway, hub)
        count, repeats = check_everything_arrived(gateway, hub.subscriber, seconds=40)
        await_true("nothing waits for the hub", 10, lambda: hub_ack(gateway)["waiting"] == 0)
        hub.end()
        assert count > len(lost)
        status = hub_ack(gateway)
        assert status["sent_again"] >= len(lost) and status["taken"] >= 2 and status["refused"] == 0, status
        assert repeats < count, f"{repeats} repeats of {count}"


def test_without_hub_ack__the_brokers_word_is_enough_and_what_it_forgot_is_lost():
    with Rig() as rig:
        broker, cable, gateway, hub, lost = forget_while_the_hub_is_away(rig, "")
        await_true("nothing waits for anybody", 10, lambda: outbox(gateway) == 0)
        assert "hub_ack" not in gateway.result("status")["store"]
        all_back(broker, cable, gateway, hub)
        time.sleep(5)
        hub.end()
        have = {i["incident_id"] for _, i in hub.subscriber.incidents()}
        assert not lost & have, "then the test above shows nothing"


def test_killed_agent__what_the_hub_did_not_name_comes_again():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, actions="", broker_extra=HUB_ACK)
        hub = Hub(rig, gateway, broker)
        gateway.start()
        gateway.await_online()
        load = Load(gateway)
        await_true("incidents", 15, lambda: len(known_incidents(gateway)) >= 15)
        load.end()
        await_true("the broker has them", 15, lambda: hub_ack(gateway)["waiting"] >= 15)
        pid = gateway.agent_pid()
        os.kill(pid, signal.SIGKILL)
        await_true("the next agent", 15, lambda: gateway.agent_pid() not in (0, pid) and gateway.is_up())
        gateway.await_online()
        hub.start()
        _, repeats = check_everything_arrived(gateway, hub.subscriber, seconds=40)
        hub.end()
        assert repeats >= 15, f"{repeats} came again"


def test_forged_ones__remove_nothing__the_hubs_removes_what_it_names():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES.replace("clear    = count < 1 in 2s for 1s", "clear    = never"), actions="", broker_extra=HUB_ACK)
        hub = Hub(rig, gateway, broker)
        root = Signer(rig, gateway, "root", "admin")
        forger = Signer(rig, gateway, "hub1", "forged", installs=False)
        stranger = Signer(rig, gateway, "nobody", "hub", installs=False)
        gateway.start()
        gateway.await_online()
        for n in range(6):
            event = {"type": "fault", "source": f"m{n}", "severity": "error", "message": "broken"}
            gateway.send_events([event, event])
        await_true("six at the broker", 10, lambda: hub_ack(gateway)["waiting"] == 6)
        await_true("six at the hub", 10, lambda: len(hub.subscriber.incidents()) == 6)
        got = {(i["boot"], i["seq"]) for _, i in hub.subscriber.incidents()}
        (boot,) = {b for b, _ in got}
        numbers = sorted(s for _, s in got)
        everything = [[0, 10**9]]
        now = int(time.time())
        audit = gateway.result("audit.head")["n"]
        forged = {
            "another key under the hub's name": hub.ack(boot, everything, signer=forger),
            "an admin's key": hub.ack(boot, everything, signer=root),
            "a key nobody knows": hub.ack(boot, everything, signer=stranger),
            "for another gateway": hub.ack(boot, everything, aud="gw-99"),
            "for all gateways": hub.ack(boot, everything, aud="fleet"),
            "expired": hub.ack(boot, everything, iat=now - 500, exp=now - 100),
            "no token": "ack everything",
            "another command": hub.signer.token("ping"),
            "no ranges": hub.signer.token("ack", args={"boot": boot}),
            "backwards": hub.ack(boot, [[9, 1]]),
        }
        for n, (what, text) in enumerate(forged.items()):
            hub.publish(text)
            await_true(f"{what}: refused", 5, lambda: hub_ack(gateway)["refused"] == n + 1)
            assert outbox(gateway) == 6, what
        assert gateway.result("audit.head")["n"] > audit, "none of it is on record"
        # Signed well, and about something else.
        hub.publish(hub.ack(boot + 1, everything))
        hub.publish(hub.ack(boot, [[max(numbers) + 1000, 10**9]]))
        await_true("heard", 5, lambda: hub_ack(gateway)["taken"] == 2)
        assert outbox(gateway) == 6
        # Who is not the hub may not publish there at all.
        broker.publish("operator", f"{ROOT}/ack", hub.ack(boot, everything))
        time.sleep(1)
        assert outbox(gateway) == 6 and hub_ack(gateway)["taken"] == 2
        # Ranges with a hole; once more, which is harmless; the rest.
        some = hub.ack(boot, [[numbers[0], numbers[1]], [numbers[3], numbers[3]]])
        hub.publish(some)
        await_true("three are gone", 5, lambda: outbox(gateway) == 3)
        hub.publish(some)
        await_true("heard", 5, lambda: hub_ack(gateway)["taken"] == 4)
        assert outbox(gateway) == 3
        # Retained it is of yesterday, whoever signed it.
        hub.publish(hub.ack(boot, everything), "-r")
        await_true("refused", 5, lambda: hub_ack(gateway)["refused"] == 11)
        assert outbox(gateway) == 3
        hub.publish("", "-r")
        hub.publish(hub.ack(boot, everything))
        await_true("all are gone", 5, lambda: outbox(gateway) == 0)
        assert gateway.result("status")["links"][0]["state"] == "online"


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=4)
