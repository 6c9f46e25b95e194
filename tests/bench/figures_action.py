#!/usr/bin/env python3
"""Event on the socket -> the rule fires -> an action of low risk runs, on real parts: the intent is durable, the supervisor has recorded the start, the
program has begun. Each time another source, so that no cooldown is in the way.
    python3 tests/bench/figures_action.py [TIMES]"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from figures import percentile, sync_reference  # noqa: E402
from rig import Gateway, Rig, await_true  # noqa: E402

WANTED_MS = 50
QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"
RULE = "[rule broken]\non = type = fault\nwhen = count >= 1 in 1s by source\ntype = custom\nseverity = low\nclear = count < 1 in 1s\nactions = touch\nauto = yes\nkeys = 40\n"


def main():
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    names = [f"s{n}" for n in range(times)]
    assert times <= 16, "as many targets as a row has"
    with Rig() as rig:
        os.mkdir(rig.path("out"))
        gateway = Gateway(rig, config=QUIET, rules=RULE,
                          actions=f"[action touch]\nrisk = low\nargv = /bin/touch {rig.path('out')}/{{target}}\ntargets = {', '.join(names)}\ncooldown = 0\nper_hour = 60\n")
        gateway.start_service()
        gateway.start()
        took = []
        with gateway.events_socket() as s:
            for name in names:
                began = time.time_ns()
                s.sendall(b'{"type":"fault","source":"%s","severity":"low"}\n' % name.encode())
                path = rig.path("out", name)
                await_true("it ran", 10, lambda p=path: os.path.exists(p))
                took.append((os.stat(path).st_mtime_ns - began) / 1e6)
                time.sleep(0.3)
        beside = percentile(sync_reference(rig.dir), 50)
        is_kept = max(took) <= WANTED_MS
        print(f"event -> action has run: p50 {percentile(took, 50):.1f} ms, p95 {percentile(took, 95):.1f} ms, worst {max(took):.1f} ms of {times}; "
              f"wanted: at most {WANTED_MS} ms  {'PASS' if is_kept else 'MISSED'}; load {os.getloadavg()[0]:.0f}")
    print(f"beside, in the same minute and folder: a page written and flushed p50 {beside:.2f} ms")
    sys.exit(0 if is_kept else 1)


if __name__ == "__main__":
    main()
