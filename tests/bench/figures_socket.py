#!/usr/bin/env python3
"""JSON event lines a second through the events socket of the real agent: every line parsed, taken in, through the shipped rules, and answered.
Beside it, in the same run, a plain Node.js server on such a socket that parses the same lines and counts them. Needs root.

    tests/bench/run socket [SECONDS]

Exit 1 when the agent does less than a million lines for a second of its processor, or loses or refuses one.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys

from bench_rig import build

BUILD = build("small", "bench_socket", "picketd", "picketctl", "picket-demo")
os.environ["PK_BINARY_DIR"] = BUILD
from rig import Gateway, Process, Rig, await_true, need_root  # noqa: E402

BENCH = os.path.join(BUILD, "tests", "bench", "bench_socket")
RUNS = 3


def run(what, path, pid, seconds):
    out = subprocess.run([BENCH, path, str(pid), seconds], capture_output=True, text=True, timeout=60)
    if not out.stdout:
        sys.exit(f"{what}: {out.stderr}")
    print(f"{what:<10} {out.stdout}", end="", flush=True)
    figures = {k: float(v) for k, v in re.findall(r"(\w+)=([0-9.]+)", out.stdout)}
    if figures["refused"]:
        sys.exit(f"{what}: lines were refused")
    return figures


def main():
    need_root()
    seconds = sys.argv[1] if len(sys.argv) > 1 else "3"
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config="[sources]\nrate = 1000000\nburst = 1000000\n").start()
        node = None
        if shutil.which("node"):
            node = Process(rig, "node", ["node", os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers", "json_lines.js"), rig.path("node.sock")])
            await_true("the peer listens", 10, lambda: os.path.exists(rig.path("node.sock")))
        ours, theirs = [], []
        for _ in range(RUNS):  # in turn: the machine's speed drifts
            ours.append(run("picketd", os.path.join(gateway.dir, "run", "events.sock"), gateway.agent_pid(), seconds))
            if node:
                theirs.append(run("node", rig.path("node.sock"), node.pid, seconds))
        for key in ("lines_per_s", "lines_per_cpu_s"):
            mine = statistics.median(f[key] for f in ours)
            line = f"{key}: picketd {mine / 1e6:.2f} million"
            if theirs:
                other = statistics.median(f[key] for f in theirs)
                line += f", node {other / 1e6:.2f} million, ratio {mine / other:.1f}"
            print(line)
        share = statistics.median(f["waited_pct"] for f in ours)
        print(f"the sender took {statistics.median(f['sender_ns_per_line'] for f in ours):.0f} ns a line of the same processors; the agent stood ready without one for {share:.0f} % of the time")
        sys.exit(0 if statistics.median(f["lines_per_cpu_s"] for f in ours) >= 1e6 else 1)


main()
