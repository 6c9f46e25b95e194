#!/usr/bin/env python3
"""A board without a flash that may be written: the state on a tmpfs of its own. What outlives the agent and picketd, what a reboot (a new tmpfs) takes away, what
status and doctor say, commands from before the machine started, and that nothing starts where it would write to a disk.
ctest: lane=default timeout=120"""
import os
import signal
import subprocess
import time

from rig import BUILD, Broker, Gateway, Operator, Rig, Signer, await_true, is_alive, main, request

RULES = """[rule hurt]
on       = type = pain
when     = count >= 1 in 1m by source
type     = data_corruption
severity = high
clear    = never
"""
CONFIG = "[store]\nmemory = yes\nmap = 4M\n[remote]\ncommands = list\nallow = ping\n"
TOP_BIT = 1 << 31


def mount(rig, gateway, is_first=True):
    os.makedirs(gateway.state, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "picket-test", gateway.state], check=True, timeout=10)
    if is_first:
        rig.cleanups.append(lambda: subprocess.run(["umount", "-l", gateway.state], capture_output=True, timeout=10))


def kill_picketd(gateway):
    agent = gateway.agent_pid()
    gateway.process.stop(signal.SIGKILL)
    await_true("the agent is gone too", 10, lambda: not is_alive(agent))


def finding(gateway):
    return next(f for f in gateway.result("doctor")["findings"] if f["check"] == "store")


def store(gateway):
    return gateway.result("status")["store"]


def is_back(gateway):
    try:
        return gateway.is_up()
    except (OSError, ConnectionError):
        return False


def uptime_s():
    with open("/proc/uptime") as f:
        return float(f.read().split()[0])


def ids(gateway):
    return {i["incident_id"] for i in gateway.incidents()}


def test_what_outlives_what():
    with Rig() as rig:
        port = Broker(rig).port  # nobody listens there yet: reports wait
        gateway = Gateway(rig, port, rules=RULES, actions="", config=CONFIG)
        mount(rig, gateway)
        gateway.start_service()
        gateway.start()
        assert store(gateway)["medium"] == "memory" and store(gateway)["fresh"] and store(gateway)["map_bytes"] == 4 << 20, store(gateway)
        assert finding(gateway)["verdict"] == "ok" and "a reboot loses" in finding(gateway)["what"], finding(gateway)
        assert "ok, on memory, " in gateway.ctl("status", "--format", "table").stdout
        gateway.send_events([{"type": "pain", "source": "press-7", "severity": "high"}])
        gateway.kill_service()
        before = await_true("both are open", 10, lambda: (found := ids(gateway)) and len(found) >= 2 and found)
        await_true("they are stored", 5, lambda: store(gateway)["durable"] and store(gateway)["outbox"] >= 2)
        boot = gateway.result("ping")["boot"]
        os.kill(gateway.agent_pid(), signal.SIGKILL)
        await_true("the agent is back", 20, lambda: is_back(gateway) and gateway.result("ping")["boot"] != boot)
        assert gateway.result("ping")["boot"] == boot + 1 and before <= ids(gateway) and store(gateway)["outbox"] >= 2 and not store(gateway)["fresh"]
        kill_picketd(gateway)
        gateway.start()
        assert gateway.result("ping")["boot"] == boot + 2 and before <= ids(gateway) and store(gateway)["outbox"] >= 2
        kill_picketd(gateway)
        subprocess.run(["umount", gateway.state], check=True, timeout=10)
        mount(rig, gateway, is_first=False)
        gateway.start()
        assert store(gateway)["fresh"] and store(gateway)["medium"] == "memory"
        anew = gateway.result("ping")["boot"]
        assert anew & TOP_BIT and anew not in range(boot, boot + 3), (boot, anew)
        # What still holds is found again, under another id; what was told once is gone.
        again = await_true("the dead service is found again", 10, lambda: gateway.incidents(status="active"))
        assert not before & ids(gateway), (before, ids(gateway))
        assert {i["incident_type"] for i in again} == {"service_down"}, again
        assert gateway.stop() == 0


def test_commands_from_before_the_machine_started__are_refused():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, actions="", config=CONFIG)
        ann = Operator(rig, gateway, "ann", "responder")
        bob = Signer(rig, gateway, "bob", "responder")
        mount(rig, gateway)
        gateway.start()
        gateway.await_online()
        assert request(broker, "ping", ann.sign("ping"))["ok"]
        seen = ann.sign("ping")
        assert request(broker, "ping", seen)["ok"]
        os.kill(gateway.agent_pid(), signal.SIGKILL)
        gateway.await_online()
        assert request(broker, "ping", seen)["error"] == "replayed"
        # The same clock with which this test knows when the machine started; older than a day would be expired anyway.
        started = int(time.time() - uptime_s())
        reply = request(broker, "ping", bob.token("ping", iat=started - 5, exp=started - 5 + 86400))
        assert reply["error"] == "expired", reply
        assert "sign it again" in reply["message"] or uptime_s() > 86000, reply
        assert request(broker, "ping", ann.sign("ping"))["ok"]
        assert gateway.stop() == 0


def test_on_a_disk__nothing_starts():
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config=CONFIG)
        gateway.start(wait=False)
        assert gateway.process.popen.wait(10) == 78
        assert "is not in memory (tmpfs or ramfs), and [store] memory = yes allows nothing else" in gateway.process.log(), gateway.process.log()
        assert not os.path.exists(gateway.state)
        out = subprocess.run([os.path.join(BUILD, "picketd"), "-c", gateway.config_path, "-t"], capture_output=True, text=True, timeout=20)
        assert out.returncode == 78 and "is not in memory" in out.stderr, out


def test_in_memory_by_accident__doctor_warns():
    with Rig() as rig:
        gateway = Gateway(rig, actions="")
        mount(rig, gateway)
        gateway.start()
        assert finding(gateway)["verdict"] == "warning" and "[store] memory = yes" in finding(gateway)["cure"], finding(gateway)
        assert gateway.stop() == 0


main(test_what_outlives_what, test_commands_from_before_the_machine_started__are_refused, test_on_a_disk__nothing_starts, test_in_memory_by_accident__doctor_warns, at_once=2)
