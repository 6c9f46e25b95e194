#!/usr/bin/env python3
"""The anomaly detector on the development half of the Numenta Anomaly Benchmark: what it reaches with its one threshold, in each profile of
the scorer, and that the threshold is not on a knife's edge. ctest: lane=default timeout=300 shared=data/nab"""
import json
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("PK_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PK_BINARY_DIR") or os.path.join(SOURCE, "build", "host")
NAB = os.path.join(os.environ.get("PICKET_SHARED") or os.path.join(SOURCE, "..", "shared"), "data", "nab")
PROFILES = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
# Reached: 77.8 / 72.4 / 81.7 with a clock, 74.9 / 70.8 / 78.6 without. One window is 1.6 points.
CASES = (
    ((), 0.20, (76.5, 70.0, 80.5)),
    ((), 0.18, (75.5, 69.0, 79.5)),
    ((), 0.22, (75.5, 69.0, 79.5)),
    (("--noclock",), 0.20, (72.0, 67.5, 75.5)),
)


def scores(args):
    out = subprocess.run([os.path.join(BUILD, "bench-anomaly"), *args, NAB], capture_output=True, text=True, timeout=120)
    assert out.returncode == 0 and out.stderr == "", out.stderr
    return out.stdout


def points(text, threshold):
    with tempfile.NamedTemporaryFile("w", suffix=".scores") as f:
        f.write(text)
        f.flush()
        scorer = [sys.executable, os.path.join(NAB, "score.py"), "--nab", NAB, "--threshold", str(threshold), "--json", f.name]
        report = json.loads(subprocess.run(scorer, capture_output=True, text=True, check=True).stdout)
    (result,) = report.values()
    return [result[p]["full"] for p in PROFILES]


def main():
    if not os.path.isdir(NAB):
        print(f"skipped: no {NAB}")
        sys.exit(77)
    failed = 0
    texts = {args: scores(args) for args in {args for args, _, _ in CASES}}
    for args, threshold, least in CASES:
        got = points(texts[args], threshold)
        held = all(g >= w for g, w in zip(got, least))
        print("%s %s threshold %.2f: %s, at least %s" % ("ok" if held else "FAILED", " ".join(args) or "with a clock", threshold, " / ".join("%.1f" % g for g in got), " / ".join(map(str, least))))
        failed += not held
    sys.exit(1 if failed else 0)


main()
