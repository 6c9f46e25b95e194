#!/usr/bin/env python3
"""Nothing is lost between gateway and hub: broker away, killed, cut off, reset, full of itself; agent killed; devices that report over MQTT.
ctest: lane=default timeout=300"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from link_load import NO_RESOLVE, ROOT, RULES, Load, check_birth_first, check_everything_arrived, known_incidents, link, outbox
from rig import GATEWAY, Broker, Gateway, Proxy, Rig, Subscriber, await_true, data_of, main


def test_broker_down_at_start__work_goes_on_and_all_arrives_birth_first():
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        time.sleep(1.2)  # the subscription is in the broker's database
        broker.kill()
        gateway = Gateway(rig, broker.port, rules=RULES, actions="").start()
        load = Load(gateway, sources=30, pause=0.05)
        await_true("incidents without a broker", 8, lambda: len(known_incidents(gateway)) >= 20)
        assert "refused" in link(gateway)["error"], link(gateway)
        assert outbox(gateway) > 0
        time.sleep(1.0)
        broker.start()
        subscriber.again(broker)  # its session was kept: what came before it waits in the broker
        gateway.await_online()
        load.end()
        count, _ = check_everything_arrived(gateway, subscriber)
        assert count >= 20
        check_birth_first(subscriber)
        first = {}
        for _, i in subscriber.incidents():
            first.setdefault(i["incident_id"], i)
        s = gateway.result("status")["store"]
        assert s["outbox_sent"] >= count and "outbox_drained_in_seconds" not in s, s
        assert sum(i["replayed"] is True for i in first.values()) >= 10, "the backlog is not marked"
        assert gateway.process.log().count("connection refused") <= 2, "each try is in the log"


def kill_broker_under_load(keeps_data):
    with Rig() as rig:
        broker = Broker(rig, keeps_data=keeps_data).start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, cable.port, rules=RULES, actions="").start()
        gateway.await_online()
        load = Load(gateway)
        for _ in range(2):
            time.sleep(1.5)
            cable.is_refusing = cable.is_deaf = True  # the subscriber is back first, so that what it misses is ours, and has what is acknowledged
            subscriber.catch_up(broker)
            broker.kill()
            time.sleep(0.5)
            broker.start()
            subscriber.again(broker)
            cable.heal()
            gateway.await_online()
        load.end()
        check_everything_arrived(gateway, subscriber)
        assert len([1 for _, t, _, p in subscriber.messages("/status") if json.loads(p)["online"]]) >= 3
        assert gateway.result("status")["restarts"] == 0


def test_broker_killed__with_its_database():
    kill_broker_under_load(True)


def test_broker_killed__without_its_database():
    kill_broker_under_load(False)


def killed_between_publish_and_puback(keeps_data):
    with Rig() as rig:
        broker = Broker(rig, keeps_data=keeps_data).start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, cable.port, rules=RULES, actions="").start()
        gateway.await_online()
        load = Load(gateway)
        time.sleep(1)
        cable.is_deaf = True
        seen = len(subscriber.incidents())
        # The broker has taken and passed them on; the gateway never hears of it.
        await_true("published", 8, lambda: len(subscriber.incidents()) > seen)
        await_true("not acknowledged", 5, lambda: outbox(gateway) > 0)
        subscriber.catch_up(broker)
        broker.kill()
        cable.heal()
        time.sleep(0.5)
        broker.start()
        subscriber.again(broker)
        gateway.await_online()
        load.end()
        _, repeats = check_everything_arrived(gateway, subscriber)
        assert repeats > 0, "nothing was on its way: the fault was not there"


def test_broker_killed_between_publish_and_puback():
    killed_between_publish_and_puback(True)


def test_broker_killed_between_publish_and_puback__and_forgets():
    killed_between_publish_and_puback(False)


def test_certificates_rotated_under_us():
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, rules=RULES, actions="").start()
        gateway.await_online()
        load = Load(gateway)
        time.sleep(1)
        before = link(gateway)["connects"]
        # New keys and certificates on both sides; the old ones are gone.
        for name in (GATEWAY, "broker"):
            for end in ("crt", "key"):
                os.unlink(rig.path("pki", f"{name}.{end}"))
        rig.run_pki("server", "broker", "DNS:localhost", "IP:127.0.0.1")
        rig.run_pki("client", GATEWAY)
        for end in ("crt", "key"):
            shutil.copyfile(rig.path("pki", f"broker.{end}"), os.path.join(broker.dir, f"broker.{end}"))
            shutil.copyfile(rig.path("pki", f"{GATEWAY}.{end}"), os.path.join(gateway.etc, "tls", f"{GATEWAY}.{end}"))
        os.kill(gateway.process.pid, signal.SIGHUP)
        broker.kill()  # its connections go; it comes back with what it has now
        broker.start()
        subscriber.again(broker)
        await_true("connected again", 20, lambda: link(gateway)["connects"] > before and link(gateway)["state"] == "online")
        time.sleep(1)
        load.end()
        check_everything_arrived(gateway, subscriber)
        assert "configuration reloaded" in gateway.ctl("audit", "export").stdout


def test_name_server_gone__what_happens_meanwhile_arrives_later():
    with Rig() as rig:
        rig.run_pki("server", "named", "DNS:broker.lab", "IP:127.0.0.1")
        broker = Broker(rig, certificate="named").start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        known, unknown = "127.0.0.1 localhost broker.lab\n", "127.0.0.1 localhost\n"
        hosts, servers = rig.write("hosts", known), rig.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        script = rig.write("own-names", f"#!/bin/sh\nmount --bind {hosts} /etc/hosts\nmount --bind {servers} /etc/resolv.conf\nexec \"$@\"\n", 0o755)
        gateway = Gateway(rig, cable.port, rules=RULES, actions="")
        with open(gateway.config_path) as f:
            text = f.read()
        with open(gateway.config_path, "w") as f:
            f.write(text.replace("host = 127.0.0.1", "host = broker.lab"))
        gateway.start(prefix=("unshare", "-m", "--propagation", "private", script))
        gateway.await_online()
        load = Load(gateway, pause=0.3)
        time.sleep(1)
        rig.write("hosts", unknown)
        cable.drop()
        await_true("the name is not known", 25, lambda: "resolved" in link(gateway)["error"])
        at_cut = outbox(gateway)
        await_true("the outbox fills", 10, lambda: outbox(gateway) > at_cut + 2)
        rig.write("hosts", known)
        gateway.await_online(30)
        load.end()
        check_everything_arrived(gateway, subscriber)


def test_agent_killed_as_soon_as_it_is_there__the_supervisor_waits_twice_as_long_each_time():
    """What the back-off leaves of it: test_killed.py kills both, and often."""
    seconds, first_s = 20, 0.5
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, rules=RULES, actions="").start()
        gateway.await_online()
        load = Load(gateway, pause=0.02)
        began, kills, killed = time.monotonic(), [], 0
        while time.monotonic() - began < seconds:
            pid = gateway.agent_pid()
            if pid not in (0, killed):
                kills.append(time.monotonic() - began)
                os.kill(pid, signal.SIGKILL)
                killed = pid
            time.sleep(0.05)
        apart = [b - a for a, b in zip(kills, kills[1:])]
        assert len(kills) in (5, 6), kills  # at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s, and what the starts take
        assert all(first_s * 2 ** n - 0.1 <= s for n, s in enumerate(apart)), apart
        await_true("the agent lives", 60, lambda: gateway.agent_pid() and is_answering(gateway))
        time.sleep(1)
        load.end()
        gateway.await_online(30)
        count, repeats = check_everything_arrived(gateway, subscriber)
        print(f"# killed after {', '.join(f'{k:.1f}' for k in kills)} s, {count} incidents, {repeats} sent again")


def is_answering(gateway):
    try:
        return bool(gateway.result("ping"))
    except (OSError, ConnectionError):
        return False


def test_cable_cut_without_fin__noticed_and_healed():
    with Rig() as rig:
        broker = Broker(rig).start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, cable.port, rules=RULES, actions="", broker_extra="keep_alive = 5s\n").start()
        gateway.await_online()
        load = Load(gateway)
        time.sleep(1)
        cable.is_silent = True
        await_true("the gateway notices the cut", 15, lambda: link(gateway)["lost"] == 1)
        assert outbox(gateway) > 0
        time.sleep(0.5)
        cable.heal()
        gateway.await_online()
        load.end()
        check_everything_arrived(gateway, subscriber)


def test_connection_resets__every_200_ms_for_10_s():
    with Rig() as rig:
        broker = Broker(rig).start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, cable.port, rules=RULES, actions="").start()
        gateway.await_online()
        load = Load(gateway)
        pid = gateway.agent_pid()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            cable.drop()
            time.sleep(0.2)
        load.end()
        gateway.await_online()
        check_everything_arrived(gateway, subscriber)
        assert gateway.agent_pid() == pid


def test_agent_killed_while_it_has_a_backlog():
    with Rig() as rig:
        broker = Broker(rig).start()
        cable = Proxy(rig, broker.port)
        subscriber = Subscriber(rig, broker)
        cable.is_refusing = True
        gateway = Gateway(rig, cable.port, rules=RULES, actions="").start()
        load = Load(gateway, sources=25, pause=0.05)
        for n in range(3):
            time.sleep(1.2)
            pid = gateway.agent_pid()
            os.kill(pid, signal.SIGKILL)
            if n == 1:
                cable.heal()  # the next kill meets the drain
            await_true("the next agent", 15, lambda: gateway.agent_pid() not in (0, pid) and gateway.is_up())
        load.end()
        gateway.await_online()
        count, _ = check_everything_arrived(gateway, subscriber)
        assert count >= 10
        assert len({i["boot"] for _, i in subscriber.incidents()}) >= 2


def test_devices__report_at_qos_1():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, actions="").start()
        gateway.await_online()
        broker.publish("device", f"{ROOT}/in/press-7/temperature", "71.5")
        broker.publish("device", f"{ROOT}/in/press-7/state", json.dumps({"value": 3, "severity": "warning", "message": "door open"}))
        rows = await_true("both events", 5, lambda: (e := gateway.result("events.list", source="press-7")["events"]) and len(e) == 2 and e)
        by_type = {e["type"]: e for e in rows}
        assert by_type["temperature"]["value"] == 71.5, rows
        assert by_type["state"]["severity"] == "medium" and by_type["state"]["message"] == "door open", rows
        # More than the window holds, with nothing that would be stored: each is taken and acknowledged.
        before = gateway.result("status")["events"]["taken"]
        lines = "".join(f"{n}\n" for n in range(500))
        subprocess.run(["mosquitto_pub", *broker.tls("device"), "-q", "1", "-t", f"{ROOT}/in/press-8/count", "-l"], input=lines, text=True, check=True, timeout=20)
        await_true("all 500 events", 5, lambda: gateway.result("status")["events"]["taken"] >= before + 500)
        # Sent while the agent is away: the session keeps them.
        pid = gateway.agent_pid()
        os.kill(pid, signal.SIGSTOP)
        for _ in range(2):
            broker.publish("device", f"{ROOT}/in/press-9/fault", json.dumps({"severity": "error"}))
        os.kill(pid, signal.SIGKILL)
        await_true("the incident of events sent meanwhile", 20, lambda: gateway.agent_pid() not in (0, pid) and gateway.is_up() and
                   [i for i in gateway.incidents() if i["component"] == "press-9"])


def test_agent_killed_under_device_events__each_incident_is_made():
    """A PUBACK before the store has it would lose the second of two events."""
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=NO_RESOLVE, actions="").start()
        gateway.await_online()
        fault = json.dumps({"severity": "error"})
        for n in range(3):
            topics = [f"{ROOT}/in/n{n}-{k}/fault" for k in range(8)]
            publishers = [subprocess.Popen(["mosquitto_pub", *broker.tls("device"), "-q", "1", "-t", t, "-m", fault, "--repeat", "2"]) for t in topics]
            time.sleep(0.05 * n)
            pid = gateway.agent_pid()
            os.kill(pid, signal.SIGKILL)
            for p in publishers:
                assert p.wait(10) == 0
            await_true("the next agent", 15, lambda: gateway.agent_pid() not in (0, pid) and gateway.is_up())
            gateway.await_online()
            for t in topics:  # what was counted before the kill is gone with it, by design: one more pair brings each over
                broker.publish("device", t, fault, "--repeat", "2")
        want = {f"n{n}-{k}" for n in range(3) for k in range(8)}
        await_true("an incident of each device", 10, lambda: want <= {i["component"] for i in gateway.incidents()})


def test_no_subscriber__counts_as_delivered():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, actions="").start()
        gateway.await_online()
        load = Load(gateway, sources=5)
        await_true("incidents", 5, lambda: len(known_incidents(gateway)) >= 3)
        load.end()
        await_true("the outbox is empty", 10, lambda: outbox(gateway) == 0)


def retained(broker, topic):
    return {topic: data_of(payload) for topic, payload in broker.retained(topic).items()}


def test_incident_topic__is_retained_while_open_and_empty_after():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=NO_RESOLVE, actions="").start()
        gateway.await_online()
        fault = {"type": "fault", "source": "press-7", "severity": "error"}
        gateway.send_events([fault, fault])
        row = await_true("the incident", 5, gateway.incidents)[0]
        await_true("it left", 5, lambda: outbox(gateway) == 0)
        kept = retained(broker, f"{ROOT}/incident/+")
        assert list(kept) == [f"{ROOT}/incident/{row['incident_id']}"], kept
        assert json.loads(list(kept.values())[0])["status"] == "detected"
        subscriber = Subscriber(rig, broker)
        gateway.result("incidents.resolve", incident_id=row["incident_id"])
        await_true("resolved at the hub", 5, lambda: [1 for _, i in subscriber.incidents() if i["status"] == "resolved"])
        gateway.result("incidents.close", incident_id=row["incident_id"])
        await_true("closed at the hub", 5, lambda: [1 for _, i in subscriber.incidents() if i["status"] == "closed"])
        await_true("it left", 5, lambda: outbox(gateway) == 0)
        assert retained(broker, f"{ROOT}/incident/+") == {}
        await_true("the topic is emptied last", 5, lambda: [p for _, _, _, p in subscriber.messages("/incident/")][-1] == "")


def test_broker_with_small_packets__what_it_cannot_take_waits_for_one_that_can():
    with Rig() as rig:
        broker = Broker(rig)
        path = os.path.join(broker.dir, "broker.conf")
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(re.sub(r"^max_packet_size .*", "max_packet_size 1000", text, flags=re.M))
        broker.start()
        gateway = Gateway(rig, broker.port, rules=NO_RESOLVE, actions="").start()
        gateway.await_online()
        for n in range(3):
            fault = {"type": "fault", "source": f"press-{n}", "severity": "error", "message": "x" * 250}
            gateway.send_events([fault, fault])
        await_true("incidents", 5, lambda: len(gateway.incidents()) == 3)
        await_true("said", 5, lambda: "the broker refused a message: packet_too_large" in gateway.process.log())
        time.sleep(1)
        table = next(t for t in gateway.result("memory")["tables"] if t["table"] == "outbox_slots")
        assert outbox(gateway) == 3 and table["drops"] == 0 and table["used"] == 0, table
        assert link(gateway)["state"] == "online" and link(gateway)["lost"] == 0
        assert gateway.process.log().count("packet_too_large") == 1
        # Put right, it takes them.
        broker.kill()
        with open(path, "w") as f:
            f.write(text)
        broker.start()
        subscriber = Subscriber(rig, broker)
        await_true("all three", 15, lambda: len({i["incident_id"] for _, i in subscriber.incidents()}) == 3)
        await_true("the outbox is empty", 5, lambda: outbox(gateway) == 0)


def test_broker_that_does_not_let_us_write__is_told_and_nothing_is_lost():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=NO_RESOLVE, actions="", client="device").start()
        gateway.await_online()
        fault = {"type": "fault", "source": "press-7", "severity": "error"}
        gateway.send_events([fault, fault])
        await_true("the incident", 5, gateway.incidents)
        await_true("the refusal is in the log", 5, lambda: "the broker refused a message: not_authorized" in gateway.process.log())
        time.sleep(2.5)  # two tries more
        assert gateway.process.log().count("the broker refused a message") == 1, gateway.process.log()
        assert outbox(gateway) == 1 and link(gateway)["lost"] == 0
        path = os.path.join(broker.dir, "acl")
        with open(path, "a") as f:
            f.write("user device\ntopic readwrite picket/v1/#\n")
        os.kill(broker.process.pid, signal.SIGHUP)
        await_true("it leaves as soon as it may", 20, lambda: outbox(gateway) == 0)


def test_second_client_with_our_id__is_not_fought_but_reported():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, actions="").start()
        gateway.await_online()
        # libmosquitto comes back after a second, for ever.
        other = subprocess.Popen(["mosquitto_sub", *broker.tls(GATEWAY), "-i", GATEWAY, "-t", f"{ROOT}/ack"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            await_true("an incident of type self", 20, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self"])
            before = link(gateway)["connects"]
            assert before <= 6, link(gateway)
            time.sleep(5)
            assert link(gateway)["connects"] - before <= 2, link(gateway)
            assert gateway.process.log().count("another client") == 1, gateway.process.log()
        finally:
            other.kill()
            other.wait()
        gateway.await_online(30)


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=4)
