#!/usr/bin/env python3
"""Log lines to threshold incidents beside SEC (Simple Event Correlator, Debian package sec): the same text file, the same 20 rules of "10 in 300 s"
for each of 1,000 sources, so 20,000 keys; then 100,000 keys and the memory they take.

    tests/bench/run sec [LINES]     300,000 lines unless said; two minutes

Ours is one process with the code of the agent: text, patterns, events, windows, firings to a file. Both use one core; seconds are those of the
processor, start-up taken off, so that what else the machine does weighs little.
"""
import os
import shutil
import subprocess
import sys
import tempfile

from bench_rig import Verdict, build, figures, median, need

RUNS = 3
TYPES = 20


def write_log(path, lines, sources):
    """Bursts of ten, so that every key reaches its threshold."""
    with open(path, "w") as f:
        for i in range(lines):
            key = i // 10 % (TYPES * sources)
            f.write(f"2024-05-01T12:00:00Z gw1 app[77]: ev=ET{key % TYPES:02d} src=s{key // TYPES:06d} sev=4 v={i % 100}.5 msg=sensor reading out of range\n")


def write_sec_rules(path, out, generic=False):
    rule = "type=SingleWithThreshold\nptype=RegExp\npattern={}\ndesc={}\naction=write {} INC %s\nwindow=300\nthresh=10\n\n"
    with open(path, "w") as f:
        if generic:
            f.write(rule.format(r"ev=(\S+) src=(\S+)", "$1 $2", out))
        else:
            for t in range(TYPES):
                f.write(rule.format(rf"ev=ET{t:02d} src=(\S+)", f"ET{t:02d} $1", out))


def write_our_rules(patterns, rules, keys):
    with open(patterns, "w") as f:
        for t in range(TYPES):
            f.write(f"[pattern et{t:02d}]\nevent = ET{t:02d}\nseverity = medium\nsource = {{src}}\nmatch = ev=ET{t:02d} src={{src}} sev\n\n")
    with open(rules, "w") as f:
        for t in range(TYPES):
            f.write(f"[rule et{t:02d}]\non = type = ET{t:02d}\nwhen = count >= 10 in 300s by source\ntype = custom\nseverity = medium\n"
                    f"cooldown = 300s\nkeys = {keys}\n\n")


def count(path):
    with open(path) as f:
        return sum(1 for _ in f)


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.base = 0.0
        self.base = min(self.sec(False, os.devnull)["cpu_s"] for _ in range(3))

    def path(self, name):
        return os.path.join(self.folder, name)

    def sec(self, generic, log):
        conf, out = self.path("sec.conf"), self.path("sec.out")
        write_sec_rules(conf, out, generic)
        open(out, "w").close()
        p = subprocess.Popen(["sec", f"--conf={conf}", f"--input={log}", "--notail", "--log=/dev/null"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = status
        return {"cpu_s": usage.ru_utime + usage.ru_stime - self.base, "hwm_kib": usage.ru_maxrss, "incidents": count(out)}

    def ours(self, tree, log, keys):
        write_our_rules(self.path("bench.patterns"), self.path("bench.rules"), keys)
        out = self.path("our.out")
        run = subprocess.run([os.path.join(tree, "tests", "bench", "bench_sec"), log, self.path("bench.patterns"), self.path("bench.rules"), out],
                             capture_output=True, text=True)
        if run.returncode:
            sys.exit(run.stderr)
        print(f"  picket: {run.stdout.strip()}", flush=True)
        return figures(run.stdout)


def throughput(bench, verdict, lines):
    tree = build("standard", "bench_sec")
    log = bench.path("log")
    write_log(log, lines, 1000)
    print(f"{lines} lines, 20 rules, 20,000 keys; sec {subprocess.run(['sec', '--version'], capture_output=True, text=True).stdout.split()[2]}")
    theirs, generic, ours = [], [], []
    for _ in range(RUNS):  # in turn: the machine's speed drifts
        for runs, is_generic in ((theirs, False), (generic, True)):
            r = bench.sec(is_generic, log)
            r["lines_per_s"] = lines / r["cpu_s"]
            print(f"  sec, {'one generic rule' if is_generic else '20 rules'}: cpu_us_per_line={r['cpu_s'] * 1e6 / lines:.2f} lines_per_s={r['lines_per_s']:.0f} hwm_kib={r['hwm_kib']} incidents={r['incidents']}", flush=True)
            runs.append(r)
        for _ in range(3):  # each is a tenth of a second
            ours.append(bench.ours(tree, log, 1000))
    mine, other, one = (median(r, "lines_per_s") for r in (ours, theirs, generic))
    is_same = {r["incidents"] for r in [*ours, *theirs, *generic]} == {min(lines / 10, 20000.0)}
    verdict.say(f"same incidents on all sides: {is_same}, lost: {sum(r['evicted'] + r['refused'] + r['windows_refused'] for r in ours):.0f}", is_same)
    verdict.say(f"{mine / 1e6:.2f} million lines/s; sec with the same 20 rules {other / 1e3:.0f} thousand, ratio {mine / other:.1f} (at least 40)", mine / other >= 40)
    print(f"sec with one generic rule {one / 1e3:.0f} thousand, ratio {mine / one:.1f}")


def memory(bench, verdict):
    tree = build("large", "bench_sec")
    log = bench.path("log")
    write_log(log, 1000000, 5000)
    print("1,000,000 lines, 100,000 keys")
    theirs = bench.sec(True, log)
    print(f"  sec, one generic rule: hwm_kib={theirs['hwm_kib']} incidents={theirs['incidents']}", flush=True)
    ours = bench.ours(tree, log, 5000)
    ratio = theirs["hwm_kib"] / ours["hwm_kib"]
    verdict.say(f"{ours['hwm_kib'] / 1024:.1f} MiB fixed, sec {theirs['hwm_kib'] / 1024:.1f} MiB and growing, ratio {ratio:.1f} (at least 10); evicted "
                f"{ours['evicted']:.0f}, incidents {ours['incidents']:.0f} and {theirs['incidents']}", ratio >= 10 and ours["evicted"] + ours["windows_refused"] == 0)
    tight = bench.ours(tree, log, 4000)
    verdict.say(f"with room for 80,000 of them: {tight['evicted']:.0f} evictions, all counted", tight["evicted"] > 0)


def main():
    need("sec", "sec")
    folder = tempfile.mkdtemp(prefix="picket-bench-")
    verdict = Verdict()
    try:
        bench = Bench(folder)
        throughput(bench, verdict, int(sys.argv[1]) if len(sys.argv) > 1 else 300000)
        memory(bench, verdict)
    finally:
        shutil.rmtree(folder)
    verdict.exit()


main()
