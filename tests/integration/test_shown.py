#!/usr/bin/env python3
"""What Home Assistant and thin-edge.io are shown, at Mosquitto with its access list: exactly these retained topics, and nothing left of them when an
incident ended or the role was taken from the broker. ctest: lane=default timeout=120"""
import json
import os
import shutil
import signal

from rig import GATEWAY, PROBE, SITE, Broker, Gateway, Process, Rig, await_reader, await_true, main

RULES = """[rule pair]
on       = type = fault
when     = count >= 1 in 2s by source
type     = custom
severity = high
clear    = never
keys     = 64

[rule alarms]
on       = type = device_alarm and value > 0
when     = count >= 1 in 2s by source
type     = custom
severity = low
clear    = never

[rule process_lost]
on       = type = process_up
when     = value < 1
type     = service_down
severity = critical
enabled  = no
"""
ALL = "roles = events, incidents, commands, summary"
ROOT = f"picket/v1/{SITE}/{GATEWAY}"
DEVICE = f"homeassistant/device/{GATEWAY}/config"
ACL = (f"user {GATEWAY}\ntopic write te/device/main/service/picket/#\ntopic read te/#\n"
       "user hub\ntopic readwrite homeassistant/#\ntopic readwrite te/#\n")


def retained(broker):
    return {topic: json.loads(payload) for topic, payload in broker.retained("homeassistant/#", "te/#", f"{ROOT}/home").items()}


def set_roles(gateway, old, new):
    with open(gateway.config_path) as f:
        text = f.read()
    assert old in text
    with open(gateway.config_path, "w") as f:
        f.write(text.replace(old, new))


def topics_of(incident_id):
    return {f"homeassistant/binary_sensor/{GATEWAY}/{incident_id}/config", f"te/device/main/service/picket/a/{incident_id}"}


def begin(rig, roles, config=""):
    broker = Broker(rig, acl=ACL).start()
    gateway = Gateway(rig, broker.port, rules=RULES, actions="", broker_extra=f"{ALL}{roles}\n", config=config).start()
    gateway.await_online()
    return broker, gateway


def fault(gateway, source):
    gateway.send_events([{"type": "fault", "source": source, "severity": "error"}])
    return await_true("the incident", 5, lambda: [i for i in gateway.incidents() if i["component"] == source])[0]["incident_id"]


def check_payloads(kept, incident_id):
    device = kept[DEVICE]
    assert device["dev"]["ids"] == [f"picket_{GATEWAY}"] and device["o"]["name"] == "picket", device
    assert device["stat_t"] == f"{ROOT}/home" and device["avty_t"] == f"{ROOT}/status", device
    assert set(device["cmps"]) == {"problem", "hub", "open", "worst", "waiting", "store"}, device
    for name, part in device["cmps"].items():
        assert part["p"] in ("sensor", "binary_sensor") and part["unique_id"] == f"{GATEWAY}_{name}" and part["val_tpl"], part
    problem = kept[f"homeassistant/binary_sensor/{GATEWAY}/{incident_id}/config"]
    assert problem["uniq_id"] == incident_id and problem["dev"]["ids"] == device["dev"]["ids"] and "press-7" in problem["name"], problem
    alarm = kept[f"te/device/main/service/picket/a/{incident_id}"]
    assert alarm["severity"] == "major" and "press-7" in alarm["text"] and alarm["time"].endswith("Z"), alarm


def test_open_incident__exactly_these_topics__gone_after():
    with Rig() as rig:
        broker, gateway = begin(rig, ", home_assistant, thin_edge")
        ear = Process(rig, "ear", ["mosquitto_sub", *broker.tls("hub"), "-q", "1", "-t", "te/device/main/service/picket/e/+", "-t", PROBE, "-F", "%r %t %p"])
        await_reader(broker, ear)
        await_true("device and state", 5, lambda: set(retained(broker)) == {DEVICE, f"{ROOT}/home"})
        incident_id = fault(gateway, "press-7")
        want = {DEVICE, f"{ROOT}/home"} | topics_of(incident_id)
        await_true("all topics of it", 5, lambda: set(retained(broker)) == want)
        check_payloads(retained(broker), incident_id)
        state = await_true("the state", 5, lambda: (s := retained(broker)[f"{ROOT}/home"])["open"] == 1 and s)
        assert state["problem"] and state["hub"] and state["worst"] == "high", state
        second = fault(gateway, "press-8")
        await_true("both", 5, lambda: set(retained(broker)) == want | topics_of(second))
        gateway.result("incidents.resolve", incident_id=incident_id)
        gateway.result("incidents.resolve", incident_id=second)
        await_true("only the device is left", 5, lambda: set(retained(broker)) == {DEVICE, f"{ROOT}/home"})
        await_true("no problem", 5, lambda: not retained(broker)[f"{ROOT}/home"]["problem"])
        said = await_true("all is said", 10, lambda: (s := [line.split(" ", 2) for line in ear.lines() if PROBE not in line]) and len(s) >= 4 and s)
        assert [s[1].rsplit("/", 1)[1] for s in said] == ["incident_opened"] * 2 + ["incident_resolved"] * 2 and all(s[0] == "0" for s in said), said
        assert sorted(json.loads(s[2])["incident_id"] for s in said) == sorted([incident_id, second] * 2), said


def test_role_taken_by_reload__everything_gone_and_given_again__back():
    with Rig() as rig:
        broker, gateway = begin(rig, ", home_assistant, thin_edge")
        want = {DEVICE, f"{ROOT}/home"} | topics_of(fault(gateway, "press-7"))
        await_true("all topics", 5, lambda: set(retained(broker)) == want)
        set_roles(gateway, ", home_assistant, thin_edge", ", thin_edge")
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("only the alarm is left", 15, lambda: set(retained(broker)) == {t for t in want if t.startswith("te/")})
        set_roles(gateway, ", thin_edge", "")
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("nothing is left", 15, lambda: not retained(broker))
        set_roles(gateway, ALL, ALL + ", home_assistant, thin_edge")
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("all is back", 15, lambda: set(retained(broker)) == want)


def test_role_taken_while_it_was_down__gone_with_the_next_start():
    with Rig() as rig:
        broker, gateway = begin(rig, ", home_assistant, thin_edge")
        fault(gateway, "press-7")
        await_true("all topics", 5, lambda: len(retained(broker)) == 4)
        gateway.process.stop(signal.SIGKILL)
        rig.processes.remove(gateway.process)
        set_roles(gateway, ", home_assistant, thin_edge", "")
        gateway.start()
        gateway.await_online()
        await_true("nothing is left", 10, lambda: not retained(broker))


def test_left_by_an_earlier_life__gone_with_the_next_start():
    """An incident ended while the broker was away, and with the process ended all that knew it was shown: the broker still shows it, and more than one window of others."""
    with Rig() as rig:
        broker, gateway = begin(rig, ", home_assistant, thin_edge")
        lost = fault(gateway, "press-7")
        await_true("all topics", 5, lambda: topics_of(lost) <= set(retained(broker)))
        broker.process.stop()
        gateway.result("incidents.resolve", incident_id=lost)
        gateway.process.stop(signal.SIGKILL)
        rig.processes.remove(gateway.process)
        shutil.rmtree(gateway.state)  # and the store with it
        broker.start()
        left = {t for n in range(1, 20) for t in topics_of(f"inc_{GATEWAY}_4000000000_{n:05}")}
        foreign = {f"homeassistant/binary_sensor/{GATEWAY}/door/config", "homeassistant/binary_sensor/other/inc_other_1_00001/config",
                   "te/device/main/service/picket/a/inc_other_1_00001"}
        for topic in left | foreign:
            broker.publish("hub", topic, "{}", "-r")
        assert set(retained(broker)) >= left | foreign | topics_of(lost)
        gateway.start()
        gateway.await_online()
        await_true("only what is others' is left", 15, lambda: set(retained(broker)) == foreign | {DEVICE, f"{ROOT}/home"})
        opened = fault(gateway, "press-8")
        await_true("and what is open now", 5, lambda: set(retained(broker)) == foreign | {DEVICE, f"{ROOT}/home"} | topics_of(opened))
        assert "none of ours" not in gateway.process.log() and "refused" not in gateway.process.log(), gateway.process.log()


def test_own_alarm_is_no_event_of_ours():
    with Rig() as rig:
        broker, gateway = begin(rig, ", thin_edge", config="[sources]\nthin_edge = yes\n")
        fault(gateway, "press-7")
        await_true("the alarm", 5, lambda: len(retained(broker)) == 1)
        broker.publish("hub", f"{ROOT}/in/press-9/fault", "1")
        await_true("what came after it was read", 5, lambda: [i for i in gateway.incidents() if i["component"] == "press-9"])
        assert {i["component"] for i in gateway.incidents()} == {"press-7", "press-9"}, gateway.incidents()


def test_broker_that_forbids_it__reports_go_on():
    with Rig() as rig:
        broker = Broker(rig).start()  # the shipped list allows no topic of thin-edge.io
        gateway = Gateway(rig, broker.port, rules=RULES, actions="", broker_extra=f"{ALL}, thin_edge\n").start()
        gateway.await_online()
        for n in range(20):
            fault(gateway, f"press-{n}")
        await_true("the outbox is empty", 10, lambda: gateway.result("status")["store"]["outbox"] == 0)
        assert gateway.process.log().count("the broker refused a message: not_authorized") == 1, gateway.process.log()


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=3)
