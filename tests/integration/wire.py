"""A network namespace that carries the link and nothing else, and the kernel's count of it. For the tests of metered links and of data budgets."""
import os
import subprocess

from rig import Broker, Process, await_true

ETHERNET_BYTES = 14  # of each packet in the counters of an interface; no provider bills them


class Wire:
    """A network namespace for gateway and broker alone: all that its loopback carries is the link, packet for packet."""

    def __init__(self, rig):
        self.name = os.path.basename(rig.dir)
        subprocess.run(["ip", "netns", "add", self.name], check=True, timeout=10)
        rig.cleanups.append(lambda: subprocess.run(["ip", "netns", "del", self.name], capture_output=True))
        self.inside = ("ip", "netns", "exec", self.name)
        subprocess.run([*self.inside, "ip", "link", "set", "lo", "up"], check=True, timeout=10)

    def bytes(self):
        """Carried so far, from the IP header on."""
        out = subprocess.run([*self.inside, "cat", "/proc/net/dev"], check=True, capture_output=True, text=True, timeout=10).stdout
        fields = next(line for line in out.splitlines() if line.strip().startswith("lo:")).split(":")[1].split()
        return int(fields[0]) - int(fields[1]) * ETHERNET_BYTES

    def start_broker(self, rig):
        broker = Broker(rig)
        broker.process = Process(rig, broker.name, [*self.inside, "mosquitto", "-c", os.path.join(broker.dir, "broker.conf")])
        await_true("Mosquitto listens", 5, lambda: "running" in broker.process.log())
        return broker
