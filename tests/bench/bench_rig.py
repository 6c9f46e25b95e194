"""Shared by the figures that stand beside another program: builds what is measured, installs the peer by name, collects figures."""
import os
import re
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
os.environ["PATH"] += ":/usr/sbin:/sbin"
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))


def build(profile, *targets):
    """The product for this machine with the limits of a profile, and what is named; its folder."""
    tree = os.path.join(SOURCE, "build", "host" if profile == "small" else f"bench-{profile}")
    steps = []
    if not os.path.exists(os.path.join(tree, "build.ninja")):
        steps.append(["cmake", "--preset", "host", "-B", tree, f"-DPK_PROFILE={profile}"])
    steps.append(["cmake", "--build", tree, "--target", *targets])
    for step in steps:
        done = subprocess.run(step, cwd=SOURCE, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(step)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return tree


def need(command, package):
    """Installs a Debian package when its command is not here. 77: it cannot be had."""
    if shutil.which(command):
        return
    print(f"installing {package}", flush=True)
    script = "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends " + package
    subprocess.run(["sh", "-c", script], capture_output=True)
    if not shutil.which(command):
        print(f"skipped: no {command} (Debian package {package})")
        sys.exit(77)


def figures(line):
    """name=number words of a line."""
    return {k: float(v) for k, v in re.findall(r"(\w+)=(-?[0-9.]+)", line)}


def median(runs, key):
    return statistics.median(r[key] for r in runs)


class Verdict:
    """One line for each promise; the exit code says whether all hold."""

    def __init__(self):
        self.missed = []

    def say(self, text, is_kept):
        print(f"{text}{'' if is_kept else '  MISSED'}", flush=True)
        if not is_kept:
            self.missed.append(text)

    def exit(self):
        sys.exit(1 if self.missed else 0)
