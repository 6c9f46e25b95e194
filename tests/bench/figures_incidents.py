#!/usr/bin/env python3
"""A thousand incidents within a second, on real parts: stored, correlated, reported over TLS; memory; what is counted where there is no room for all.
    python3 tests/bench/figures_incidents.py [small|standard|large ...]"""
import random
import sys

import bench_rig
from bench_rig import build

sys.path.insert(0, bench_rig.HERE)


def main():
    profiles = sys.argv[1:] or ["large", "standard", "small"]
    missed = False
    for profile in profiles:
        tree = build(profile, "picketd", "picketctl", "picket-demo")
        from rig import Rig
        from storm import in_order, storm_by_storm
        storm = in_order(200)
        if profile == "small":  # in any order, and more than there are places
            storm = in_order(40)
            random.Random(1004).shuffle(storm)
        print(f"limits `{profile}`", flush=True)
        try:
            with Rig() as rig:
                storm_by_storm(rig, tree, 40 if profile == "small" else 200, storm, lambda text: print("  " + text, flush=True))
            print("  PASS", flush=True)
        except AssertionError as e:
            missed = True
            print(f"  MISSED: {str(e)[:2000]}", flush=True)
    sys.exit(1 if missed else 0)


main()
