#!/usr/bin/env python3
"""Two real brokers with roles of their own, one of them away: devices, commands and summaries go over the other, incidents wait for theirs.
ctest: lane=default timeout=90"""
import json
import os
import time

from link_load import NO_RESOLVE, ROOT, outbox
from rig import GATEWAY, Broker, Gateway, Operator, Rig, Subscriber, await_true, main, request


def link(gateway, name):
    return next(l for l in gateway.result("status")["links"] if l["name"] == name)


def section(rig, broker, roles):
    tls = os.path.join(rig.dir, "gateway", "etc", "tls")
    return (f"[broker site]\nhost = 127.0.0.1\nport = {broker.port}\nca = {tls}/ca.crt\ncertificate = {tls}/{GATEWAY}.crt\nkey = {tls}/{GATEWAY}.key\n"
            f"roles = {roles}\nreconnect_max = 2s\n[remote]\ncommands = list\nallow = ping\n[report]\nsummary = 5s\n")


def test_central_away__devices_commands_and_summaries_over_the_site__incidents_wait_and_arrive_once():
    with Rig() as rig:
        central, site = (Broker(rig, name=name).start() for name in ("central", "site"))
        at_central, at_site = Subscriber(rig, central, client="hub-c"), Subscriber(rig, site, client="hub-s")
        gateway = Gateway(rig, central.port, rules=NO_RESOLVE, actions="", config=section(rig, site, "events, commands, summary"), broker_extra="roles = incidents\n")
        ann = Operator(rig, gateway, "ann", "viewer")
        gateway.start()
        await_true("both are online", 15, lambda: all(l["state"] == "online" for l in gateway.result("status")["links"]))
        time.sleep(1.5)  # the subscriptions are in the brokers' databases
        central.kill()
        await_true("it is noticed", 10, lambda: link(gateway, "central")["state"] != "online")
        fault = json.dumps({"severity": "error"})
        began, summaries, devices = time.time(), len(at_site.messages("/summary")), [f"press-{n}" for n in range(10)]
        for n, device in enumerate(devices):
            site.publish("device", f"{ROOT}/in/{device}/fault", fault, "--repeat", "2")
            reply = request(site, "ping", ann.sign("ping"))
            assert reply and reply["ok"], (n, reply)
        await_true("each is an incident", 10, lambda: set(devices) <= {i["component"] for i in gateway.incidents()})
        time.sleep(max(0.0, began + 12 - time.time()))
        lived, told = time.time() - began, len(at_site.messages("/summary")) - summaries
        assert told >= lived // 5 - 1 >= 1, (told, lived)
        newest = lambda: json.loads(at_site.messages("/summary")[-1][3])["store"]["outbox"]
        await_true("a summary says what waits", 15, lambda: newest() == outbox(gateway) >= len(devices))
        assert link(gateway, "site")["lost"] == 0 and not at_site.incidents()
        central.start()
        at_central.again(central)
        await_true("all of it left", 30, lambda: outbox(gateway) == 0)
        custom = lambda: [i for _, i in at_central.incidents() if i["incident_type"] == "custom"]
        await_true("each is heard", 10, lambda: sorted({i["affected_components"][0] for i in custom()}) == sorted(devices))
        heard = custom()
        assert len({(i["boot"], i["seq"]) for i in heard}) == len({(i["incident_id"], i["rev"]) for i in heard})
        assert not at_central.messages("/summary") and not at_site.incidents()
        print(f"# {len(devices)} incidents waited, {told} summaries and {len(devices)} answers over the site in {lived:.1f} s")


main(test_central_away__devices_commands_and_summaries_over_the_site__incidents_wait_and_arrive_once)
