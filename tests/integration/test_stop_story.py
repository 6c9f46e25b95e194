#!/usr/bin/env python3
"""Why what ran before ended, told by the real supervisor and the sealed agent. The kernel's side of it (boot id, pstore, the watchdog's boot status, the count
of kills for memory) is mounted over in a mount namespace: nothing else can tell of a reboot in a test. ctest: lane=default timeout=180"""
import os
import signal
import subprocess

from rig import Gateway, Rig, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"
RULE = "unexpected_restart"


class Machine:
    """What picketd sees of its kernel."""

    def __init__(self, rig):
        self.rig = rig
        self.pstore = rig.path("kernel", "pstore")
        self.watchdog = rig.path("kernel", "watchdog")
        os.makedirs(self.pstore)
        os.makedirs(self.watchdog)
        self.oom_kills(4)
        self.boot_status(0)
        self.boot(1)
        self.script = rig.write("in_namespace", f"""#!/bin/sh
mount --bind {rig.dir}/kernel/boot_id /proc/sys/kernel/random/boot_id || exit 1
mount --bind {rig.dir}/kernel/vmstat /proc/vmstat || exit 1
mount -t tmpfs none /sys/class || exit 1
mkdir -p /sys/class/watchdog/watchdog0 && mount --bind {self.watchdog} /sys/class/watchdog/watchdog0 || exit 1
mount -t tmpfs none /sys/fs || exit 1
mkdir -p /sys/fs/pstore && mount --bind {self.pstore} /sys/fs/pstore || exit 1
exec "$@"
""", 0o755)

    def boot(self, number):
        self.rig.write("kernel/boot_id", f"b3c1a5d2-0000-4000-8000-00000000000{number}\n")

    def oom_kills(self, count):
        self.rig.write("kernel/vmstat", f"nr_free_pages 1000\noom_kill {count}\n")

    def boot_status(self, flags):
        self.rig.write("kernel/watchdog/bootstatus", f"{flags}\n")

    def dump(self, text):
        self.rig.write("kernel/pstore/dmesg-ramoops-0", text, 0o400)

    def start(self, gateway):
        gateway.start(prefix=("unshare", "-m", "--propagation", "private", self.script))
        return gateway


def begin():
    rig = Rig()
    machine = Machine(rig)
    gateway = Gateway(rig, actions="", config=QUIET)
    gateway.start_service()
    machine.start(gateway)
    await_true("the boot is in the store", 10, lambda: gateway.result("status")["store"]["durable"])
    return rig, machine, gateway


def kill(gateway):
    """As a power cut: supervisor and agent at once."""
    await_true("the boot is in the store", 10, lambda: gateway.result("status")["store"]["durable"])
    agent = gateway.agent_pid()
    gateway.process.stop(signal.SIGKILL)
    await_true("the agent is gone too", 5, lambda: not os.path.exists(f"/proc/{agent}"))


def story(gateway):
    """Of the incident that is open: its story, and on which part."""
    found = [gateway.incident(i["incident_id"], timeline=True) for i in gateway.incidents(status="active") if i["incident_type"] == RULE]
    events = gateway.result("events.list", type=RULE, limit=10)["events"]
    return (events[0]["message"], found[0]["incident"]["affected_components"], found[0]) if found and events else None


def none_opens(gateway):
    gateway.send_events([{"type": "temperature_c", "source": "probe", "value": 1}])
    await_true("later events are seen", 5, lambda: gateway.result("events.list", source="probe", limit=1)["events"])
    assert not gateway.result("events.list", type=RULE, limit=1)["events"], gateway.process.log()
    assert not story(gateway)


def end(rig, gateway):
    gateway.process.stop()
    rig.__exit__(None, None, None)


def test_first_start_clean_stop_and_a_kill__are_no_incidents():
    rig, machine, gateway = begin()
    none_opens(gateway)
    assert gateway.stop() == 0
    machine.boot(2)
    machine.start(gateway)
    none_opens(gateway)
    assert "the last stop: clean: picketd was stopped in order before the machine went down" in gateway.process.log()
    kill(gateway)
    machine.start(gateway)
    none_opens(gateway)
    assert "the last stop: killed: " in gateway.process.log()
    end(rig, gateway)


def test_power__neither_mark_nor_dump():
    rig, machine, gateway = begin()
    kill(gateway)
    machine.boot(2)
    machine.start(gateway)
    text, components, incident = await_true("the incident is open", 10, lambda: story(gateway))
    assert text.startswith("power: no clean stop, and neither kernel nor watchdog left a word; alive after 20"), text
    assert components == ["kernel"], components
    assert "power: no clean stop" in str(incident), incident
    end(rig, gateway)


def test_panic__of_pstore_and_once():
    rig, machine, gateway = begin()
    kill(gateway)
    machine.dump("Panic#1 Part1\n<4>[   80.1] something else\n<0>[   81.123456] Kernel panic - not syncing: Fatal exception in interrupt\n<4>[   81.2] ---\n")
    machine.boot(2)
    machine.boot_status(32)
    machine.start(gateway)
    text, components, _ = await_true("the incident is open", 10, lambda: story(gateway))
    assert text.startswith("panic: the kernel broke; kernel: Kernel panic - not syncing: Fatal exception in interrupt; boot status: reset"), text
    assert components == ["kernel"], components
    kill(gateway)
    machine.boot(3)
    machine.start(gateway)
    text = await_true("what was told is not told again", 10, lambda: (s := story(gateway)) and s[0].startswith("watchdog") and s[0])
    assert "Fatal exception" not in text, text
    end(rig, gateway)


def test_out_of_memory__of_the_machine_and_of_the_agent():
    rig, machine, gateway = begin()
    kill(gateway)
    machine.dump("<0>[   81.1] Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled\n")
    machine.boot(2)
    machine.start(gateway)
    text, _, _ = await_true("the incident is open", 10, lambda: story(gateway))
    assert text.startswith("oom: the kernel ran out of memory and gave up; kernel: Kernel panic - not syncing: Out of memory"), text
    # The kernel counts before it kills.
    machine.oom_kills(5)
    os.kill(gateway.agent_pid(), signal.SIGKILL)
    text, _, _ = await_true("the agent's own end", 20, lambda: gateway_again(gateway) and (s := story(gateway)) and "picketd" in s[0] and s)
    assert text == "oom: the kernel killed picketd for want of memory; wait status 9; kills for memory meanwhile: 1", text
    assert len([i for i in gateway.incidents(status="active") if i["incident_type"] == RULE]) == 2
    end(rig, gateway)


def gateway_again(gateway):
    try:
        return gateway.is_up()
    except (OSError, ConnectionError):
        return False


def test_crash__of_the_agent():
    rig, machine, gateway = begin()
    os.kill(gateway.agent_pid(), signal.SIGSEGV)
    text, components, _ = await_true("the incident is open", 20, lambda: gateway_again(gateway) and story(gateway))
    assert text.startswith("crash: picketd ended by a fault of its own; wait status "), text
    assert components == ["picketd"], components
    end(rig, gateway)


def test_watchdog__of_the_board():
    rig, machine, gateway = begin()
    kill(gateway)
    machine.boot(2)
    machine.boot_status(32)
    machine.start(gateway)
    text, _, _ = await_true("the incident is open", 10, lambda: story(gateway))
    assert text.startswith("watchdog: the machine hung and was reset; boot status: reset by the watchdog"), text
    end(rig, gateway)


main(test_first_start_clean_stop_and_a_kill__are_no_incidents, test_power__neither_mark_nor_dump, test_panic__of_pstore_and_once, test_out_of_memory__of_the_machine_and_of_the_agent, test_crash__of_the_agent, test_watchdog__of_the_board, at_once=3)
