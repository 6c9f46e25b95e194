#!/usr/bin/env python3
"""Another client takes our session again and again while incidents come: nothing of them is lost. ctest: lane=default timeout=120"""
import subprocess
import time

from link_load import ROOT, RULES, Load, check_everything_arrived, known_incidents, link, outbox
from rig import GATEWAY, Broker, Gateway, Rig, Subscriber, await_true, main


# Each source's errors are one incident, so that there is room for all of them.
ONE_EACH = RULES + """
[rule error_burst]
on       = severity >= error
when     = count >= 10 in 5m by source
type     = error_burst
severity = high
enabled  = no
"""


def intrude(broker):
    """A client of the same name, which comes back a second after it was thrown out, for ever."""
    return subprocess.Popen(["mosquitto_sub", *broker.tls(GATEWAY), "-i", GATEWAY, "-t", f"{ROOT}/ack"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_session_taken_over_under_load__every_incident_arrives_after_the_intruder_went():
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, rules=ONE_EACH, actions="").start()
        gateway.await_online()
        load = Load(gateway, sources=60, pause=0.3)  # a source of its own for each, nearly to the end
        time.sleep(1)
        before = known_incidents(gateway)
        other = intrude(broker)
        try:
            await_true("it is reported", 20, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self"])
            connects, untold, began = link(gateway)["connects"], 0, time.monotonic()
            for _ in range(12):
                time.sleep(0.5)
                heard = {i["incident_id"] for _, i in subscriber.incidents()}
                untold = max(untold, len(set(known_incidents(gateway)) - heard))
            assert untold >= 5, "the broker had everything all the time: the fault was not there"
            assert link(gateway)["connects"] - connects <= time.monotonic() - began, link(gateway)
            made = len(set(known_incidents(gateway)) - set(before))
        finally:
            other.kill()
            other.wait()
        gateway.await_online(60)
        load.end()
        count, repeats = check_everything_arrived(gateway, subscriber, 60)
        await_true("the outbox is empty", 10, lambda: outbox(gateway) == 0)
        assert gateway.result("status")["restarts"] == 0
        print(f"# {link(gateway)['lost']} connections lost, {made} incidents made meanwhile, {untold} at once not told, {count} arrived, {repeats} sent again")


main(test_session_taken_over_under_load__every_incident_arrives_after_the_intruder_went)
