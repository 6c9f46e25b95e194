#!/usr/bin/env python3
"""SIGHUP on real parts: supervisor and agent take a new configuration together or not at all; brokers and certificates are of it; the summary comes
as often as it says. ctest: lane=default timeout=120"""
import json
import os
import signal
import subprocess
import time

from rig import BUILD, GATEWAY, Broker, Gateway, Rig, Subscriber, await_true, main


def edit(gateway, change):
    with open(gateway.config_path) as f:
        text = f.read()
    with open(gateway.config_path, "w") as f:
        f.write(change(text))


def reload(gateway, expected):
    """SIGHUP to the supervisor; waits until its log says how that ended."""
    before = gateway.process.log().count(expected)
    os.kill(gateway.process.pid, signal.SIGHUP)
    await_true(f"'{expected}' in the log", 10, lambda: gateway.process.log().count(expected) > before)


def link(gateway):
    return gateway.result("status")["links"][0]


def broker_section(gateway, port):
    tls = f"{gateway.etc}/tls"
    return (f"[broker central]\nhost = localhost\nport = {port}\nca = {tls}/ca.crt\ncertificate = {tls}/{GATEWAY}.crt\nkey = {tls}/{GATEWAY}.key\nreconnect_max = 2s\n")


def test_refused_configuration__neither_side_takes_a_part_of_it():
    with Rig() as rig:
        gateway = Gateway(rig)
        gateway.start_service()
        gateway.start()
        time.sleep(1.2)
        # Actions and mode are sound, one rule is not: half of it would leave a gateway that can repair nothing.
        rig.write("gateway/etc/rules.d/bad.rules", "[rule x]\nwhen = sometimes\n")
        rig.write("gateway/etc/actions.conf", "[action collect_diagnostics]\nrisk = low\nargv = /bin/true\n")
        edit(gateway, lambda text: text.replace("mode = safe", "mode = observe"))
        reload(gateway, "configuration refused, the old one holds")
        assert "bad.rules:1:1: " in gateway.process.log(), gateway.process.log()
        assert [f for f in gateway.result("doctor")["findings"] if f["check"] == "configuration" and "bad.rules:1:1: " in f["what"]]
        assert gateway.result("status")["mode"] == "safe"
        gateway.kill_service()
        await_true("the old action still repairs", 15, gateway.service_pid)
        os.unlink(f"{gateway.etc}/rules.d/bad.rules")
        reload(gateway, "configuration reloaded")
        assert gateway.result("status")["mode"] == "observe"
        assert [a["action"] for a in gateway.result("actions.list")["actions"]] == ["collect_diagnostics"]
        assert not [f for f in gateway.result("doctor")["findings"] if f["check"] == "configuration"]


def test_reload__brokers_and_certificates_are_of_the_new_files():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig)
        gateway.start()
        assert gateway.result("status")["links"] == []
        edit(gateway, lambda text: text + broker_section(gateway, broker.port))
        reload(gateway, "configuration reloaded")
        gateway.await_online()
        # A broker of another CA: the same connection must be refused before its CA file is there, and hold after it.
        second = Rig()
        try:
            other = Broker(second, "other").start()
            edit(gateway, lambda text: text.replace(f"port = {broker.port}", f"port = {other.port}"))
            reload(gateway, "configuration reloaded")
            await_true("a broker of a foreign CA is refused", 10, lambda: link(gateway)["failures"] > 0 and link(gateway)["state"] != "online")
            for name in ("ca.crt", f"{GATEWAY}.crt", f"{GATEWAY}.key"):
                with open(os.path.join(second.pki, name)) as source, open(f"{gateway.etc}/tls/{name}", "w") as target:
                    target.write(source.read())
            reload(gateway, "configuration reloaded")
            gateway.await_online()
        finally:
            second.__exit__(None, None, None)
        # A certificate that cannot be read is refused before anybody takes it.
        rig.write(f"gateway/etc/tls/{GATEWAY}.crt", "no certificate\n")
        reload(gateway, "configuration refused, the old one stays")
        check = subprocess.run([os.path.join(BUILD, "picketd"), "-t", "-c", gateway.config_path], capture_output=True, text=True)
        assert check.returncode == 78 and "certificate" in check.stderr, check
        assert gateway.result("ping")


def test_what_belongs_to_the_start__waits_for_it():
    with Rig() as rig:
        gateway = Gateway(rig)
        gateway.start()
        edit(gateway, lambda text: text.replace("site = lab", "site = elsewhere"))
        reload(gateway, "change with the next start")
        assert gateway.result("status")["site"] == "lab"
        assert gateway.stop() == 0
        gateway.start()
        assert gateway.result("status")["site"] == "elsewhere"


def test_summary__comes_as_often_as_configured_and_stays_small():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, config="[report]\nsummary = 5s\n")
        gateway.start()
        gateway.await_online()
        subscriber = Subscriber(rig, broker)
        summaries = lambda: [(at, json.loads(text), len(text)) for at, _, _, text in subscriber.messages("/summary")]
        # Where one is late because this machine is busy, so is its distance to both neighbours: another tells.
        periods = lambda: [b[0] - a[0] for a, b in zip(summaries(), summaries()[1:])]
        await_true("summaries 5 s apart", 40, lambda: len(periods()) >= 2 and [p for p in periods() if 4.5 <= p <= 5.5])
        assert len(periods()) <= 8 and sum(periods()) >= 4 * len(periods()), periods()
        for (_, earlier, _), (_, later, _) in zip(summaries(), summaries()[1:]):
            assert later["from"] == earlier["to"], (earlier, later)
        gateway.send_events([{"type": "note", "source": "test", "message": "text"}])
        tables = {t["table"]: t for t in gateway.result("memory")["tables"]}
        for name in ("event_text_bytes", "batch_bytes", "connections"):
            assert 0 < tables[name]["high"] <= tables[name]["capacity"], tables[name]
        assert max(n for _, _, n in summaries()) <= 1024, [n for _, _, n in summaries()]


main(test_refused_configuration__neither_side_takes_a_part_of_it, test_reload__brokers_and_certificates_are_of_the_new_files,
     test_what_belongs_to_the_start__waits_for_it, test_summary__comes_as_often_as_configured_and_stays_small)
