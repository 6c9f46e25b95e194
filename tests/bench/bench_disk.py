"""A disk of its own for a gateway whose bytes at the device are counted."""
import os
import subprocess
import sys

SECTOR_BYTES = 512
# What else this machine does would open incidents.
LOAD_OFF = "cpu = 0\nmemory = 0\npsi = 0\nload = 0\nusage = 0\nstorage = 0\nnetwork = 0\ntasks = 0\noom = 0\n"


class Disk:
    def __init__(self, rig, gateway):
        image = rig.path("disk.img")
        subprocess.run(["truncate", "-s", "96M", image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
        try:
            self.loop = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
        except subprocess.CalledProcessError as e:
            print(f"skipped: no loop device: {e.stderr}")
            sys.exit(77)
        rig.cleanups.append(lambda: subprocess.run(["losetup", "-d", self.loop]))
        os.makedirs(gateway.state)
        subprocess.run(["mount", self.loop, gateway.state], check=True)
        rig.cleanups.append(lambda: subprocess.run(["umount", "-l", gateway.state]))
        self.state = gateway.state

    def bytes(self):
        """Written to the device, with what was still in the cache of the file system."""
        subprocess.run(["sync", "-f", self.state], check=True)
        with open(f"/sys/block/{os.path.basename(self.loop)}/stat") as f:
            return int(f.read().split()[6]) * SECTOR_BYTES
