#!/usr/bin/env python3
"""tools/bench-anomaly on folders made here: order and form of the lines, time taken or left alone, errors that name file and line.
ctest: lane=default timeout=300"""
import os
import random
import re
import subprocess
import tempfile

SOURCE = os.environ.get("PK_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PK_BINARY_DIR") or os.path.join(SOURCE, "build", "host")
BENCH = os.path.join(BUILD, "bench-anomaly")


def bench(*args, program=BENCH):
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=240)


def write(folder, name, text):
    path = os.path.join(folder, "data", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", newline="") as f:
        f.write(text)


def series(count, hour_of, seed=1, spike=None):
    rng = random.Random(seed)
    rows = [f"2024-01-{1 + i // 24 % 28:02}T{hour_of(i):02}:00:00,{rng.gauss(10, 1) + (30 if i == spike else 0)!r}" for i in range(count)]
    return "timestamp,value\n" + "\n".join(r.replace("T", " ") for r in rows) + "\n"


def test_lines(folder):
    """Files by category and name in the order of bytes, rows from 0, one line a row; the spike is an alert; the same again."""
    write(folder, "b/late.csv", series(200, lambda i: i % 24, 2, spike=150))
    write(folder, "b/Early.csv", series(30, lambda i: i % 24, 3))
    write(folder, "a/one.csv", "timestamp,value,more\r\n2024-01-01 00:00:00.25,1e3,x\r\n2024-01-01T00:05:00+02:00,-2.5,y")
    write(folder, "a/empty.csv", "timestamp,value\n")
    write(folder, "a/readme.txt", "not a series\n")
    write(folder, ".hidden/x.csv", "nonsense")
    write(folder, "loose.csv", "nonsense")
    out = bench(folder, program=os.path.join(SOURCE, "tools", "bench-anomaly"))
    assert out.returncode == 0 and out.stderr == "", out
    got = [line.split(" ") for line in out.stdout.splitlines()]
    want = [("a/one.csv", i) for i in range(2)] + [("b/Early.csv", i) for i in range(30)] + [("b/late.csv", i) for i in range(200)]
    assert [(name, int(row)) for name, row, _ in got] == want
    scores = [float(score) for _, _, score in got]
    assert all(0 <= s <= 1 for s in scores)
    assert scores[32 + 150] > 0.5
    assert sum(s >= 0.2 for s in scores[33 + 20 : 32 + 150]) <= 6
    assert bench(folder).stdout == out.stdout


def test_clock(folder):
    """--noclock does not look at the times, not even at wrong ones; without it they matter."""
    straight, shuffled = series(600, lambda i: i % 24, spike=400), series(600, lambda i: i * 7 % 24, spike=400)
    scores = {}
    for name, text in (("straight", straight), ("shuffled", shuffled), ("wrong", re.sub(r"2024-\S+ \S+,", "noon,", straight))):
        write(os.path.join(folder, name), "c/f.csv", text)
        for args in (("--noclock",), ()):
            scores[name, args] = bench(*args, os.path.join(folder, name))
    blind = scores["straight", ("--noclock",)]
    assert blind.returncode == 0 and len(blind.stdout.splitlines()) == 600
    assert scores["shuffled", ("--noclock",)].stdout == blind.stdout == scores["wrong", ("--noclock",)].stdout
    assert scores["straight", ()].stdout != scores["shuffled", ()].stdout
    assert scores["wrong", ()].returncode == 1


def test_time(folder):
    write(folder, "c/f.csv", series(5000, lambda i: i % 24))
    plain, timed = bench(folder), bench("--time", folder)
    assert timed.returncode == 0 and timed.stdout == plain.stdout
    assert re.fullmatch(r"5000 points; detector [\d.]+ ns a point, plain z-score [\d.]+ ns a point, ratio [\d.]+; \d+ bytes a series\n", timed.stderr), timed.stderr


def test_errors(folder):
    """Exit 1, and the file and line are named."""
    head = "timestamp,value\n2024-01-01 00:00:00,1\n"
    for number, (text, line, word) in enumerate((
        ("", 1, "header"),
        (head + "2024-01-01 00:05:00\n", 3, "comma"),
        (head + "\n", 3, "comma"),
        (head + "2024-13-01 00:05:00,1\n", 3, "timestamp"),
        (head + "yesterday,1\n", 3, "timestamp"),
        (head + "x" * 5000 + ",1\n", 3, "timestamp"),
        (head + "2024-01-01 00:05:00,\n", 3, "value"),
        (head + "2024-01-01 00:05:00,nan\n", 3, "value"),
        (head + "2024-01-01 00:05:00,1e999\n", 3, "value"),
        (head + "2024-01-01 00:05:00,0x10\n", 3, "value"),
        (head + "2024-01-01 00:05:00,1\0\n", 3, "value"),
    )):
        where = os.path.join(folder, str(number))
        write(where, "c/f.csv", text)
        out = bench(where)
        assert out.returncode == 1 and f"/data/c/f.csv:{line}: " in out.stderr and word in out.stderr, (text, out)
        assert out.stdout == "", out
    for args, code, word in ((("--fast", folder), 2, "usage"), ((), 2, "usage"), ((folder, folder), 2, "usage"), ((os.path.join(folder, "none"),), 1, "cannot be listed")):
        out = bench(*args)
        assert out.returncode == code and word in out.stderr, (args, out)
    os.makedirs(os.path.join(folder, "bare", "data", "c"))
    out = bench(os.path.join(folder, "bare"))
    assert out.returncode == 1 and "no series" in out.stderr, out


for test in (test_lines, test_clock, test_time, test_errors):
    with tempfile.TemporaryDirectory() as made:
        test(made)
    print(f"ok - {test.__name__}")
