#!/usr/bin/env python3
"""Topics of other programs become events: mapping rows, thin-edge.io alarms and health, last wills of devices, with real Mosquitto.
ctest: lane=default timeout=120"""
import json
import os
import signal
import subprocess
import time

from rig import GATEWAY, SITE, Broker, Gateway, Rig, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"
ACL = f"\nuser device\ntopic readwrite plant/#\ntopic readwrite te/#\ntopic readwrite tele/#\nuser {GATEWAY}\ntopic read plant/#\ntopic read te/#\ntopic read tele/#\n"
ROWS = """[map heat]
topic = plant/+/heat
type = temperature
source = {1}
value = {state.t}
scale = 0.1
text = {note|}
data = unit
[map near]
topic = plant/#
type = seen
source = {1}
[map pairs]
topic = plant/+/line
type = flow
source = {1}
value = {flow}
"""


def start(rig, config, broker=None, **options):
    broker = broker or Broker(rig, acl=ACL).start()
    gateway = Gateway(rig, broker.port, actions="", config=QUIET + config, **options)
    gateway.start_service()
    gateway.start()
    gateway.await_online()
    return broker, gateway


def events(gateway, **filters):
    return gateway.result("events.list", limit=200, **filters)["events"]


def maps(gateway):
    return {m["map"]: m for m in gateway.result("sources.maps")["maps"]}


def active(gateway, rule):
    found = [gateway.incident(i["incident_id"])["incident"] for i in gateway.incidents(status="active")]
    return [i for i in found if i["rule_id"] == rule]


def test_rows__every_form_of_payload_and_overlapping_filters():
    with Rig() as rig:
        broker, gateway = start(rig, ROWS)
        for n in range(10):
            broker.publish("device", "plant/oven-1/heat", json.dumps({"state": {"t": 600 + n}, "note": "fine", "unit": "C"}))
        broker.publish("device", "plant/pump 2/line", "site=x,flow=3.5 ok")
        await_true("the last message", 5, lambda: events(gateway, type="flow"))
        heat = events(gateway, type="temperature")
        # One event each, although the broker sends a copy for either filter.
        assert [e["value"] for e in heat] == [(600 + n) * 0.1 for n in range(9, -1, -1)], heat
        assert all(e["source"] == "oven-1" and e["message"] == "fine" and e["metadata"] == {"unit": "C"} for e in heat), heat
        assert len(events(gateway, type="seen", source="oven-1.heat")) == 10
        assert [(e["source"], e["value"]) for e in events(gateway, type="flow")] == [("pump_2", 3.5)]
        assert gateway.stop() == 0


def test_rows__what_does_not_fit_changes_nothing():
    with Rig() as rig:
        broker, gateway = start(rig, ROWS.replace("[map near]\ntopic = plant/#\ntype = seen\nsource = {1}\n", ""))
        for payload in ("{}", "{broken", '{"state":{"t":"hot"}}', "\x01\xff", '{"state":{"t":1e400}}'):
            broker.publish("device", "plant/oven-1/heat", payload)
        broker.publish("device", f"picket/v1/{SITE}/{GATEWAY}/in/oven-1/temperature", "20")
        await_true("the native message", 5, lambda: events(gateway, type="temperature"))
        assert len(events(gateway, source="oven-1")) == 1, events(gateway)
        heat = maps(gateway)["heat"]
        assert heat["taken"] == 0 and heat["misfits"] == 5, heat
        assert heat["reasons"] == {"bad_json": 1, "no_field": 2, "no_number": 2}, heat
        assert gateway.result("status")["events"]["bad"] == 5
        out = gateway.ctl("sources", "maps", "--format", "table").stdout
        assert "DID NOT FIT" in out and "no_number" in out, out
        bad = subprocess.run([gateway.binary, "-t", "-c", rig.write("bad.conf", "[gateway]\nsite = a\ngateway = b\n[agent]\nuser = nobody\ngroup = nogroup\n[map x]\ntopic = a/#/b\n")], capture_output=True, text=True)
        assert bad.returncode == 78 and "bad.conf:8:9: 'a/#/b' is not a topic filter" in bad.stdout + bad.stderr, bad
        bad = subprocess.run([gateway.binary, "-t", "-c", rig.write("bad.conf", "[gateway]\nsite = a\ngateway = b\n[agent]\nuser = nobody\ngroup = nogroup\n[map x]\ntopc = a\n")], capture_output=True, text=True)
        assert "did you mean 'topic'?" in bad.stdout + bad.stderr, bad
        assert gateway.stop() == 0


def test_rows__reload():
    with Rig() as rig:
        broker, gateway = start(rig, ROWS)
        with open(gateway.config_path) as f:
            text = f.read()
        with open(gateway.config_path, "w") as f:
            f.write(text.split("[map heat]")[0] + "[map cold]\ntopic = plant/+/cold\ntype = cold\nsource = {1}\n")
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("the new rows", 5, lambda: "cold" in maps(gateway))
        await_true("the new topic", 5, lambda: broker.publish("device", "plant/cellar/cold", "") or events(gateway, type="cold"))
        broker.publish("device", "plant/oven-1/heat", "{}")
        broker.publish("device", "plant/cellar/cold", "")
        before = len(events(gateway, type="cold"))
        await_true("another one", 5, lambda: broker.publish("device", "plant/cellar/cold", "") or len(events(gateway, type="cold")) > before)
        # The filters that went are no longer subscribed: nothing unknown comes.
        assert gateway.result("status")["events"]["unknown_topics"] == 0
        assert gateway.stop() == 0


def test_thin_edge__alarm_raised_before_the_start_and_cleared():
    with Rig() as rig:
        broker = Broker(rig, acl=ACL).start()
        topic = "te/device/main///a/temperature_high"
        broker.publish("device", topic, json.dumps({"severity": "critical", "text": "Temperature is very high", "time": "2021-01-01T05:30:45+00:00"}), "-r")
        _, gateway = start(rig, "thin_edge = yes\n", broker)
        alarm = await_true("the retained alarm", 5, lambda: active(gateway, "device_alarm"))[0]
        assert alarm["severity"] == "critical" and alarm["affected_components"] == ["main:temperature_high"], alarm
        assert events(gateway, type="device_alarm")[0]["message"] == "Temperature is very high"
        broker.publish("device", topic, "", "-r")
        await_true("it was cleared", 8, lambda: not [i for i in active(gateway, "device_alarm") if i["status"] not in ("mitigated", "resolved")])
        assert gateway.stop() == 0


def test_thin_edge__health_and_last_will():
    with Rig() as rig:
        broker, gateway = start(rig, "thin_edge = yes\n[map plug]\ntopic = tele/+/LWT\ntype = source_up\nsource = {1}\nvalue = {payload}\nvalues = Online -> 1, Offline -> 0\nretained = yes\n")
        health = "te/device/main/service/flow/status/health"
        for will, payload, online, source in ((health, json.dumps({"status": "down"}), json.dumps({"status": "up", "pid": 7}), "main.flow"), ("tele/plug-1/LWT", "Offline", "Online", "plug-1")):
            device = subprocess.Popen(["mosquitto_sub", *broker.tls("device"), "-i", f"dev-{source}", "-t", "plant/none", "-k", "5", "--will-topic", will, "--will-payload", payload, "--will-qos", "1", "--will-retain"])
            rig.cleanups.append(device.kill)
            await_true("the device is connected", 10, lambda s=source: f" as dev-{s} " in broker.process.log())
            broker.publish("device", will, online, "-r")
            await_true(f"{source} is up", 5, lambda: gateway.ask("sources.get", source=source).get("result", {}).get("state") == "ok")
            device.kill()  # no goodbye: the broker says its last will
            device.wait()
            gone = await_true(f"{source} is gone", 10, lambda: [i for i in active(gateway, "source_down") if source in i["affected_components"]])[0]
            assert gone["severity"] == "high" and gone["incident_type"] == "heartbeat_lost", gone
            assert gateway.result("sources.get", source=source)["state"] == "silent"
            broker.publish("device", will, online, "-r")
            await_true(f"{source} is back", 10, lambda: not [i for i in active(gateway, "source_down") if source in i["affected_components"] and i["status"] == "detected"])
        assert gateway.stop() == 0


main(test_rows__every_form_of_payload_and_overlapping_filters, test_rows__what_does_not_fit_changes_nothing, test_rows__reload, test_thin_edge__alarm_raised_before_the_start_and_cleared,
     test_thin_edge__health_and_last_will, at_once=2)
