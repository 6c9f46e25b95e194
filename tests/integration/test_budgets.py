#!/usr/bin/env python3
"""Budgets of flash and data: what the agent counts beside the kernel's own figures of its process and of the wire, and what gives way over a restart.
ctest: lane=default timeout=90"""
import json
import os
import subprocess
import time

from rig import GATEWAY, SITE, Broker, Gateway, Rig, await_true, main
from wire import Wire

RULES = "[rule hurt]\non = type = pain\nwhen = count >= 1 in 1m by source\ntype = data_corruption\nseverity = critical\nkeys = 32\n" \
        "[rule itch]\non = type = itch\nwhen = count >= 1 in 1m by source\ntype = cache_failure\nseverity = low\nkeys = 32\n"


def budgets(gateway):
    return gateway.result("status")["budgets"]


def written(pid):
    """What the kernel says the process caused to be written to a block device (proc(5), /proc/PID/io)."""
    with open(f"/proc/{pid}/io") as f:
        fields = dict(line.split(": ") for line in f.read().splitlines())
    return int(fields["write_bytes"])


def test_flash__counted_as_the_kernel_counts():
    with Rig() as rig:
        if subprocess.run(["stat", "-f", "-c", "%T", rig.dir], capture_output=True, text=True).stdout.strip() in ("tmpfs", "ramfs", "overlayfs"):
            state = "/var/lib/" + os.path.basename(rig.dir)
            rig.cleanups.append(lambda: subprocess.run(["rm", "-rf", state]))
        else:
            state = None
        gateway = Gateway(rig, rules=RULES, config="[sources]\nprocess = 0\n[store]\nday = 100M\n", actions="")
        if state is not None:
            with open(gateway.config_path) as f:
                text = f.read().replace(f"state = {gateway.state}", f"state = {state}")
            rig.write("gateway/etc/picketd.conf", text)
        gateway.start()
        pid = gateway.agent_pid()
        before, counted = written(pid), gateway.result("status")["store"]["written_bytes"]
        for i in range(40):
            gateway.send_events([{"type": "pain", "source": f"press-{i % 8}"}, {"type": "itch", "source": f"oven-{i % 5}"}])
            time.sleep(0.05)
        await_true("all is on the medium", 10, lambda: gateway.result("status")["store"]["durable"])
        kernel, ours = written(pid) - before, gateway.result("status")["store"]["written_bytes"] - counted
        print(f"# the kernel says {kernel} bytes, we {ours}")
        assert kernel > 50_000, "this test needs a disk below the state folder"
        assert abs(kernel - ours) <= kernel * 0.02 + 8192, (kernel, ours)
        await_true("the next look", 15, lambda: budgets(gateway)["flash"]["used_bytes"] >= ours)
        used = budgets(gateway)["flash"]
        assert used["limit_bytes"] == 100 * 1024 * 1024 and used["level"] == "free", used
        assert gateway.stop() == 0
        gateway.start()
        assert budgets(gateway)["flash"]["used_bytes"] >= used["used_bytes"], "a restart forgot what was used"


def test_data__counted_as_the_wire_counts():
    with Rig() as rig:
        wire = Wire(rig)
        broker = wire.start_broker(rig)
        before = wire.bytes()
        gateway = Gateway(rig, broker.port, rules=RULES, config="[sources]\nprocess = 0\n[report]\nsummary = 5s\n", actions="")
        gateway.start(prefix=wire.inside)
        gateway.await_online()
        for i in range(20):
            gateway.send_events([{"type": "pain", "source": f"press-{i}"}])
            time.sleep(0.3)
        await_true("all is sent", 10, lambda: gateway.result("status")["store"]["outbox"] == 0)
        time.sleep(7)  # a look at the counters, and nothing but a summary since
        carried, ours = wire.bytes() - before, budgets(gateway)["data"]["used_bytes"]
        print(f"# the interface carried {carried} bytes, we counted {ours}")
        assert carried > 20_000
        assert abs(carried - ours) <= carried * 0.08 + 3000, (carried, ours)


def test_data__the_broker_of_the_site_is_no_part_of_the_month():
    with Rig() as rig:
        central, site = Broker(rig).start(), Broker(rig, name="site").start()
        gateway = Gateway(rig, central.port, rules=RULES, actions="", broker_extra="roles = incidents, commands, summary\n")
        with open(gateway.config_path) as f:
            text = f.read()
        near = text[text.index("[broker central]"):].replace(str(central.port), str(site.port)).replace("central]", "site]").replace("incidents, commands, summary", "events")
        rig.write("gateway/etc/picketd.conf", text + near + "[sources]\nprocess = 0\n[report]\nmonth = 10M\n")
        gateway.start()
        await_true("both are there", 10, lambda: all(l["state"] == "online" for l in gateway.result("status")["links"]))
        lines = "".join(json.dumps({"value": n, "message": "x" * 200}) + "\n" for n in range(2000))
        subprocess.run(["mosquitto_pub", *site.tls("device"), "-q", "1", "-t", f"picket/v1/{SITE}/{GATEWAY}/in/press-8/count", "-l"], input=lines, text=True, check=True, timeout=30)
        await_true("all of it was taken", 10, lambda: gateway.result("status")["links"][0]["messages_in"] >= 2000)
        time.sleep(6)  # the next look
        used = budgets(gateway)["data"]
        print(f"# {len(lines)} bytes of events at the site, {used['used_bytes']} of the month used")
        assert 1000 < used["used_bytes"] < 40_000 and used["level"] == "free", used
        rig.write("gateway/etc/conf.d/more.conf", "[broker site]\nmetered = yes\n")
        gateway.process.popen.send_signal(1)
        await_true("its connection begins anew and counts", 15, lambda: budgets(gateway)["data"]["used_bytes"] > used["used_bytes"] + 2000)
        assert budgets(gateway)["data"]["used_bytes"] < 100_000, budgets(gateway)


def test_data__over_the_budget__low_waits_and_critical_goes__over_a_restart():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, config="[sources]\nprocess = 0\n[report]\nmonth = 2K\n", actions="")
        gateway.start()
        gateway.await_online()
        await_true("the handshake alone is more", 10, lambda: budgets(gateway)["data"]["level"] == "over")
        gateway.send_events([{"type": "itch", "source": "oven-1"}, {"type": "pain", "source": "press-7"}])
        await_true("the low one waits", 5, lambda: budgets(gateway)["data"]["held"] == 1)
        await_true("and nothing else", 5, lambda: gateway.result("status")["store"]["outbox"] == 1)
        findings = {f["check"]: f for f in gateway.result("doctor")["findings"]}
        assert findings["budget data"]["verdict"] == "error", findings
        assert gateway.stop() == 0
        gateway.start()
        gateway.await_online()
        time.sleep(2)
        await_true("it still waits", 10, lambda: budgets(gateway)["data"]["level"] == "over" and budgets(gateway)["data"]["held"] == 1)
        rig.write("gateway/etc/conf.d/more.conf", "[report]\nmonth = 10M\n")
        gateway.process.popen.send_signal(1)
        await_true("a larger budget lets it go", 5, lambda: gateway.result("status")["store"]["outbox"] == 0)


main(test_flash__counted_as_the_kernel_counts, test_data__counted_as_the_wire_counts, test_data__the_broker_of_the_site_is_no_part_of_the_month,
     test_data__over_the_budget__low_waits_and_critical_goes__over_a_restart, at_once=3)
