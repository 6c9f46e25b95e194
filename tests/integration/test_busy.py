#!/usr/bin/env python3
"""Everything at a time: a full window, a queued command and a reconnect; a full disk and people who wait for answers. ctest: lane=default timeout=120"""
import json
import os
import subprocess
import time

from rig import Broker, Gateway, Operator, Proxy, Rig, Subscriber, await_true, main, request

RULE = """[rule t]
about = every source that says boom
on = type = boom
when = count >= 1 in 10m by source
type = custom
severity = high
clear = never
keys = 64
"""


def test_reconnect_with_a_full_window_and_queued_commands__birth_answers_and_incidents_arrive():
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        proxy = Proxy(rig, broker.port)
        gateway = Gateway(rig, proxy.port, actions="", rules=RULE, config="[remote]\ncommands = list\nallow = ping\n", broker_extra="will_delay = 0s\nkeep_alive = 6s\n")
        operator = Operator(rig, gateway, "alice", "responder")
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        proxy.is_silent = True
        gateway.send_events([{"type": "boom", "source": f"s{i}", "severity": "high"} for i in range(50)])
        time.sleep(1)
        for _ in range(3):  # they wait in the session, before anything of ours is acknowledged
            broker.publish("operator", "picket/v1/lab/gw-01/cmd/ping", operator.sign("ping"))
        await_true("the cut is noticed", 30, lambda: gateway.result("status")["links"][-1]["state"] != "online")
        proxy.heal()
        await_true("every incident", 20, lambda: len({i["incident_id"] for _, i in subscriber.incidents()}) == 50)
        await_true("every answer", 5, lambda: len(subscriber.messages("/reply/")) >= 3)
        await_true("the outbox is empty", 5, lambda: gateway.result("status")["store"]["outbox"] == 0)
        statuses = [json.loads(p)["online"] for _, _, _, p in subscriber.messages("/status")]
        assert statuses[-1] and statuses.count(True) >= 2, statuses


def test_full_disk__answers_say_so_and_nobody_else_waits():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, actions="", config="[remote]\ncommands = list\nallow = ping\n[store]\nmap = 1M\n")
        os.makedirs(gateway.state)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1400k", "tmpfs", gateway.state], check=True)
        rig.cleanups.insert(0, lambda: subprocess.run(["umount", "-l", gateway.state], check=True))
        operator = Operator(rig, gateway, "alice", "responder")
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        filler = os.path.join(gateway.state, "filler")
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1k", "count=2000"], capture_output=True)
        control = gateway.connect()
        control.socket.settimeout(12)
        # What changes an incident may wait for room; what only switches or asks has its answer, from the broker too.
        reply = control.ask("incidents.create", type="custom", title="by hand", severity="high")
        assert reply["ok"] or (reply["error"] == "timeout" and "not kept" in reply["message"]), reply
        assert gateway.result("ping")["boot"]
        for _ in range(3):
            reply = request(broker, "ping", operator.sign("ping"), 12)
            assert reply and reply["ok"], reply
        assert gateway.result("status")["links"][-1]["state"] == "online"
        os.unlink(filler)
        await_true("the store works again", 15, lambda: control.ask("log.level", level="notice")["ok"])
        assert request(broker, "ping", operator.sign("ping"), 12)["ok"]


main(test_reconnect_with_a_full_window_and_queued_commands__birth_answers_and_incidents_arrive, test_full_disk__answers_say_so_and_nobody_else_waits)
