#!/usr/bin/env python3
"""The whole loop on real parts: a killed service is noticed, restarted, verified, resolved, stored and reported over MQTT/TLS; a signed command
comes back. ctest: lane=default timeout=120"""
import json
import os
import signal
import time

from rig import Broker, Gateway, Operator, Rig, Subscriber, await_true, main, request


def test_killed_service__is_repaired_proved_and_reported():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, config="[remote]\ncommands = list\nallow = ping, incidents.ack\n")
        operator = Operator(rig, gateway, "alice", "responder")
        first_pid = gateway.start_service()
        gateway.start()
        gateway.await_online()
        subscriber = Subscriber(rig, broker)
        time.sleep(1.2)  # the rule has seen the service up
        killed_at = time.time()
        gateway.kill_service()
        at, opened = await_true("the incident at the subscriber", 5, lambda: subscriber.incidents() and subscriber.incidents()[0])
        assert at - killed_at <= 8, f"kill to subscriber took {at - killed_at:.3f} s"  # tests/bench has the figure of an idle machine
        assert opened["incident_type"] == "service_down" and opened["severity"] == "critical", opened
        assert opened["affected_components"] == ["demo"], opened
        resolved = await_true("the resolved incident at the subscriber", 30, lambda: [i for _, i in subscriber.incidents() if i["status"] == "resolved"])[0]
        assert gateway.service_pid() not in (0, first_pid)
        assert [(a["action"], a["target"], a["state"]) for a in resolved["actions"]] == [("restart_service", "demo", "completed")], resolved["actions"]
        assert resolved["mttd_seconds"] is not None and resolved["mttr_seconds"] > 0, resolved
        events = [t["event"] for t in gateway.incident(resolved["incident_id"], timeline=True)["timeline"]]
        assert events[0] == "created" and "action" in events and "cleared" in events, events
        revs = [i["rev"] for _, i in subscriber.incidents()]
        assert revs == sorted(revs), revs
        reply = request(broker, "incidents.ack", operator.sign("incidents.ack", incident_id=resolved["incident_id"]))
        assert reply and reply["ok"], reply
        assert gateway.incident(resolved["incident_id"])["incident"]["acked"]
        assert await_true("everything is acknowledged", 10, lambda: gateway.result("status")["store"]["outbox"] == 0)
        assert gateway.stop() == 0


def test_restart_of_picketd__incidents_and_timeline_are_still_there():
    with Rig() as rig:
        gateway = Gateway(rig, actions="")
        gateway.start_service()
        gateway.start()
        time.sleep(1.2)
        gateway.kill_service()
        before = await_true("the incident", 5, lambda: gateway.incidents())[0]
        timeline = gateway.incident(before["incident_id"], timeline=True)["timeline"]
        assert gateway.stop() == 0
        gateway.start()
        after = [i for i in gateway.incidents() if i["incident_id"] == before["incident_id"]]
        assert len(after) == 1, gateway.incidents()
        restored = gateway.incident(before["incident_id"], timeline=True)["timeline"]
        assert [t["message"] for t in timeline] == [t["message"] for t in restored][: len(timeline)], (timeline, restored)
        gateway.start_service()
        await_true("it resolves after the restart", 20, lambda: gateway.incident(before["incident_id"])["incident"]["status"] == "resolved")
        gateway.kill_service()
        later = await_true("the next incident or its reopening", 5, lambda: [i for i in gateway.incidents(status="active")])
        numbers = {i["incident_id"].rsplit("_", 1)[1] for i in gateway.incidents()}
        assert len(numbers) == len(gateway.incidents()), "a number was used twice"
        assert later


def test_status_topic__birth_will_and_goodbye():
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, broker_extra="will_delay = 0s\n")
        gateway.start()
        gateway.await_online()
        statuses = lambda: [json.loads(p) for _, _, _, p in subscriber.messages("/status")]
        await_true("birth", 5, lambda: statuses() and statuses()[-1]["online"])
        os.kill(gateway.agent_pid(), signal.SIGKILL)
        await_true("will", 10, lambda: [s for s in statuses() if not s["online"] and s["reason"] == "connection lost"])
        await_true("second birth of the restarted agent", 20, lambda: len([s for s in statuses() if s["online"]]) >= 2)
        births = [s for s in statuses() if s["online"]]
        assert births[1]["boot"] > births[0]["boot"], births
        assert gateway.stop() == 0
        await_true("goodbye", 5, lambda: [s for s in statuses() if not s["online"] and s["reason"] == "stopped"])


def test_will_delay__who_is_back_in_time_was_never_offline():
    delay_s = 6
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, broker_extra=f"will_delay = {delay_s}s\n")
        gateway.start()
        statuses = lambda: [(at, json.loads(p)) for at, _, _, p in subscriber.messages("/status")]
        births = lambda: [s for _, s in statuses() if s["online"]]
        wills = lambda: [at for at, s in statuses() if not s["online"]]
        await_true("birth", 10, lambda: len(births()) == 1)
        # Back well within the delay: the broker lets go of the will.
        killed_at = time.time()
        os.kill(gateway.agent_pid(), signal.SIGKILL)
        await_true("the next birth", delay_s - 1, lambda: len(births()) == 2)
        time.sleep(max(0.0, killed_at + delay_s + 3 - time.time()))
        assert wills() == [], statuses()
        # Away for good: nobody hears of it before the delay is over, everybody after. Mosquitto counts in whole seconds.
        killed_at = time.time()
        agent = gateway.agent_pid()
        os.kill(gateway.process.pid, signal.SIGSTOP)  # it would start another one
        os.kill(agent, signal.SIGKILL)
        gateway.process.stop(signal.SIGKILL)
        assert gateway.agent_pid() == 0
        at = await_true("the will", delay_s + 6, wills)[0]
        assert delay_s - 1 <= at - killed_at <= delay_s + 4, at - killed_at
        assert statuses()[-1][1]["reason"] == "connection lost" and len(births()) == 2, statuses()


def test_failing_action__is_tried_again_within_its_budget():
    with Rig() as rig:
        rules = ("[rule gone]\nabout = x\non = type = process_up\nwhen = value < 1\ntype = service_down\nseverity = high\nclear = value >= 1 for 1s\n"
                 "check_interval = 1s\nactions = restart_service\nauto = yes\n[rule process_lost]\nabout = off\non = type = process_up\nwhen = value < 0\n"
                 "type = service_down\nseverity = low\nclear = never\nenabled = no\n")
        count = rig.path("count")
        gateway = Gateway(rig, rules=rules, actions=f"[action restart_service]\nrisk = low\nargv = /bin/mkdir {count}\nargv = /bin/false {{target}}\ntargets = demo\n"
                          "cooldown = 1s\nper_hour = 3\n")
        gateway.start_service()
        gateway.start()
        time.sleep(1.2)
        gateway.kill_service()
        runs = lambda: [a for i in gateway.incidents() for a in gateway.incident(i["incident_id"])["incident"]["actions"]]
        await_true("three tries and then the budget", 20, lambda: [a for a in runs() if a["state"] == "refused"])
        assert len([a for a in runs() if a["state"] == "failed"]) == 3, runs()
        time.sleep(2.5)
        assert len([a for a in runs() if a["state"] == "refused"]) == 1, "a refusal is not asked again and again: " + str(runs())


main(test_failing_action__is_tried_again_within_its_budget, test_killed_service__is_repaired_proved_and_reported, test_restart_of_picketd__incidents_and_timeline_are_still_there, test_status_topic__birth_will_and_goodbye,
     test_will_delay__who_is_back_in_time_was_never_offline)
