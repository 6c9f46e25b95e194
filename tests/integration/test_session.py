#!/usr/bin/env python3
"""What a device publishes with QoS 2 is counted exactly once, whenever the gateway's processes are killed: the session's ids are stored with
what the messages caused.
ctest: lane=default timeout=180"""
import json
import random
import signal
import subprocess
import time

from rig import Broker, GATEWAY, Gateway, Rig, SITE, await_true, is_alive, main

RULES = ("[rule broken]\non = type = broken\nwhen = count >= 1 in 10m by data.job\ntype = deadlock_detected\nseverity = high\nclear = never\n"
         "keys = 60\n")
ROUNDS, JOBS_PER_ROUND = 16, 3


def all_incidents(gateway):
    page = gateway.result("incidents.list", limit=50)
    assert not page["more"]
    return page["incidents"]


class Device:
    """One mosquitto_pub that publishes each line it is given."""

    def __init__(self, broker, topic, qos):
        self.process = subprocess.Popen(["mosquitto_pub", *broker.tls("device"), "-i", "device", "-q", str(qos), "-t", topic, "-l"],
                                        stdin=subprocess.PIPE, text=True)

    def say(self, job):
        self.process.stdin.write(json.dumps({"metadata": {"job": f"j{job}"}}) + "\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


def kill_all(rig, gateway):
    agent = gateway.agent_pid()
    gateway.process.stop(signal.SIGKILL)
    await_true("the agent ends with its supervisor", 5, lambda: not is_alive(agent))
    rig.processes.remove(gateway.process)


def run(qos):
    rng = random.Random(9)
    with Rig() as rig:
        broker = Broker(rig, extra=f"max_qos {qos}\n").start()
        gateway = Gateway(rig, broker.port, rules=RULES, config="[sources]\nprocess = 0\ndisk = 0\n", broker_extra="reconnect_max = 1s\n")
        gateway.start()
        gateway.await_online()
        time.sleep(0.3)  # subscribed: from here on the broker keeps what comes
        device = Device(broker, f"picket/v1/{SITE}/{GATEWAY}/in/line/broken", qos)
        time.sleep(0.3)
        job = 0
        for _ in range(ROUNDS):
            gateway.await_online()
            for _ in range(JOBS_PER_ROUND):
                device.say(job)
                job += 1
            time.sleep(rng.uniform(0, 0.04))
            kill_all(rig, gateway)
            gateway.start()
        gateway.await_online()
        await_true("every event is there", 15, lambda: len(all_incidents(gateway)) >= job)
        time.sleep(1)  # what came twice would be there now
        device.close()
        counts = {i["incident_id"]: i["event_count"] for i in all_incidents(gateway)}
        assert gateway.stop() == 0
        return job, counts


def test_qos_2__killed_again_and_again__each_event_is_counted_once():
    jobs, counts = run(2)
    print(f"# {ROUNDS} kills, {jobs} events")
    assert len(counts) == jobs and set(counts.values()) == {1}, counts


def test_broker_without_qos_2__each_event_is_counted_at_least_once():
    jobs, counts = run(1)
    assert len(counts) == jobs and min(counts.values()) >= 1, counts


main(test_qos_2__killed_again_and_again__each_event_is_counted_once, test_broker_without_qos_2__each_event_is_counted_at_least_once)
