#!/usr/bin/env python3
"""The certificate we show to our broker ends in days: an incident, until it was replaced and reloaded. ctest: lane=default timeout=60"""
import os
import shutil
import signal
import subprocess
import time

from rig import GATEWAY, SOURCE, Broker, Gateway, Rig, Subscriber, await_true, main


def shipped_rule():
    """certificate_expiration as shipped, but over after 3 s instead of a minute."""
    with open(os.path.join(SOURCE, "config", "rules", "network.rules")) as f:
        section = f.read().split("[rule certificate_expiration]")[1].split("[rule ")[0]
    assert "clear" not in section
    return f"[rule certificate_expiration]{section}clear = stable for 3s\n"


def sign(rig, days):
    """A new key and certificate of the gateway, as tools/pki makes them."""
    for end in ("crt", "key"):
        os.unlink(os.path.join(rig.pki, f"{GATEWAY}.{end}"))
    subprocess.run([os.path.join(SOURCE, "tools", "pki"), rig.pki, "client", GATEWAY], check=True, capture_output=True, env={**os.environ, "PICKET_PKI_DAYS": str(days)})


def install(rig, gateway):
    """In place, with the owner and mode the files have."""
    for end in ("crt", "key"):
        shutil.copyfile(os.path.join(rig.pki, f"{GATEWAY}.{end}"), os.path.join(gateway.etc, "tls", f"{GATEWAY}.{end}"))


def ending(gateway):
    return [i for i in gateway.incidents() if i["incident_type"] == "certificate_expiration"]


def is_over(gateway, incident):
    return gateway.incident(incident)["incident"]["status"] in ("resolved", "closed")


def test_own_certificate_ends_in_5_days__incident_until_it_is_replaced_and_reloaded():
    with Rig() as rig:
        sign(rig, 5)
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, actions="", rules=shipped_rule()).start()
        gateway.await_online()
        row = await_true("the incident", 20, lambda: ending(gateway))[0]
        assert row["component"] == "broker-central" and row["severity"] == "high", row
        newest = gateway.result("events.list", type="certificate_days")["events"][0]
        assert newest["source"] == "broker-central" and 4.9 < newest["value"] <= 5.0, newest
        at_hub = lambda: [i["status"] for _, i in subscriber.incidents() if i["incident_id"] == row["incident_id"]]
        await_true("it is at the hub", 10, at_hub)
        # Reloaded without a new one: nothing is better.
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("reloaded", 10, lambda: gateway.process.log().count("configuration reloaded") == 1)
        time.sleep(5)
        assert not is_over(gateway, row["incident_id"])
        sign(rig, 825)
        install(rig, gateway)
        os.kill(gateway.process.pid, signal.SIGHUP)
        began = time.monotonic()
        await_true("it ends", 20, lambda: is_over(gateway, row["incident_id"]))
        print(f"# over {time.monotonic() - began:.1f} s after the reload")
        await_true("the hub knows", 10, lambda: "resolved" in at_hub())
        newest = gateway.result("events.list", type="certificate_days", limit=1)["events"][0]
        assert 824 < newest["value"] <= 825, newest
        # And it is the one that is shown from now on.
        broker.kill()
        broker.start()
        gateway.await_online(30)
        assert len(ending(gateway)) == 1, ending(gateway)


main(test_own_certificate_ends_in_5_days__incident_until_it_is_replaced_and_reloaded)
