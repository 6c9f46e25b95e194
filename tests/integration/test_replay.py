#!/usr/bin/env python3
"""picketctl replay over logs: own samples of each form in tests/data/logs, and real logs where the shared material is. ctest: lane=default timeout=120"""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter

from rig import BUILD, SOURCE, main

LOGS = os.path.join(SOURCE, "tests", "data", "logs")
SHARED = os.path.join(os.environ.get("PICKET_SHARED", os.path.join(SOURCE, "..", "shared")), "data", "logs")


def picketctl(*arguments, stdin=None):
    run = subprocess.run([os.path.join(BUILD, "picketctl"), *arguments], input=stdin, capture_output=True, timeout=60)
    assert run.returncode == 0, (arguments, run.returncode, run.stderr[-500:])
    return run.stdout


def objects(*arguments):
    return [json.loads(line) for line in picketctl(*arguments).splitlines()]


def incidents(path, *arguments):
    """(rule, component, time) of each."""
    return [(i["rule_id"], i["affected_components"][0], i["detected_at"]) for i in objects("replay", "--log", path, *arguments)]


def events(path, *arguments):
    return objects("replay", "--log", "--as-events", path, *arguments)


def types(path, *arguments):
    return Counter((e["type"], e["source"]) for e in events(path, *arguments))


def sample(name):
    return os.path.join(LOGS, name)


def test_ssh():
    # One attempt is told in three lines and counts once.
    found = types(sample("openssh.log"), "--year", "2026")
    assert found == {("auth_failed", "192.0.2.14"): 1, ("auth_failed", "198.51.100.9"): 12}, found
    assert incidents(sample("openssh.log"), "--year", "2026") == [("security_incident", "198.51.100.9", "2026-12-10T07:08:18.000Z")]


def test_kernel():
    found = types(sample("kernel.log"))
    assert found == {
        ("usb_error", "usb.1-1.2"): 2, ("fs_error", "mmc0"): 1, ("fs_error", "mmcblk0"): 2, ("fs_error", "mmcblk0p2"): 2,
        ("remount_readonly", "mmcblk0p2"): 1, ("fs_error", "nvme0"): 1, ("process_crashed", "worker"): 1,
        ("hung_task", "kworker_0:1"): 1, ("memory_high", "memory"): 3}, found
    rules = Counter(rule for rule, _, _ in incidents(sample("kernel.log")))
    assert rules == {"data_corruption": 4, "deadlock_detected": 1, "memory_reports": 1}, rules


def test_system():
    assert [(rule, component) for rule, component, _ in incidents(sample("system.log"))] == [
        ("crash_loop", "app.service"), ("crash_loop", "web"), ("crash_loop", "lora::instance1"), ("disk_space_reports", "rsyslogd"),
        ("deployment_failure", "mender"), ("deployment_failure", "rauc"), ("deployment_failure", "swupdate"),
        ("deployment_failure", "opkg"), ("deployment_failure", "apt")]
    found = types(sample("system.log"))
    assert found["service_unavailable", "app.service"] == 2, found  # each failure is told in three lines
    assert found["auth_failed", "sudo.bob"] == 1 and found["auth_failed", "su"] == 1 and found["auth_failed", "192.0.2.77"] == 1, found
    assert found["rollback", "mender"] == 1, found


def test_database():
    assert [(rule, component) for rule, component, _ in incidents(sample("database.log"))] == [
        ("database_connection_fail", "postgresql"), ("deadlock_detected", "postgresql"), ("data_corruption", "mysqld"), ("deadlock_detected", "app.store")]
    found = types(sample("database.log"))
    assert found["auth_failed", "app"] == 1 and found["database_connection_error", "mysqld"] == 1, found


def test_web():
    assert incidents(sample("access.log")) == [
        ("api_rate_limit", "http", "2026-03-01T10:00:09.000Z"), ("service_down", "http", "2026-03-01T10:00:24.000Z"),
        ("critical_error_pattern", "192.0.2.22", "2026-03-01T10:00:40.000Z"), ("critical_error_pattern", "192.0.2.23", "2026-03-01T10:00:42.000Z")]
    assert types(sample("nginx.log")) == {("service_unavailable", "nginx"): 1, ("tls_error", "nginx"): 1, ("rate_limited", "nginx"): 1}


def test_journal():
    found = events(sample("journal.json"))
    assert [(e["time"], e["type"], e["source"]) for e in found] == [
        ("2026-03-01T10:00:00.000Z", "auth_failed", "2001:db8::7"), ("2026-03-01T10:00:01.000Z", "log_error", "app")], found
    assert found[0]["metadata"]["user"] == "test", found


def test_other_forms():
    found = [(e["time"][:10], e["type"], e["source"]) for e in events(sample("big_machines.log"), "--year", "2026")]
    assert found == [
        ("2008-11-09", "network_error", "DataNode"), ("2015-10-18", "log_error", "RMContainerAllocator"), ("2015-10-18", "service_unavailable", "192.0.2.170"),
        ("2017-06-09", "log_error", "Executor"), ("2005-06-03", "log_error", "KERNEL"), ("2004-02-26", "service_unavailable", "log"),
        ("2016-09-28", "log_error", "CBS"), ("2017-05-16", "log_error", "nova.compute.manager"), ("2026-03-17", "log_error", "WindowManager"), ("2026-07-01", "link_down", "AirPort")], found


def test_same_bytes_and_recorded_events():
    """Twice the same; and what --as-events wrote gives the incidents of the log."""
    for name in sorted(os.listdir(LOGS)):
        first = picketctl("replay", "--log", sample(name), "--year", "2026")
        assert first == picketctl("replay", "--log", sample(name), "--year", "2026"), name
        recorded = picketctl("replay", "--log", sample(name), "--year", "2026", "--as-events")
        again = picketctl("replay", "-", stdin=recorded)
        ids = lambda text: [(i["rule_id"], i["detected_at"], i["event_count"]) for i in map(json.loads, text.splitlines())]
        assert ids(first) == ids(again), name


def test_rules_of_an_operator():
    with tempfile.TemporaryDirectory() as folder:
        rules = os.path.join(folder, "new.rules")
        with open(rules, "w") as f:
            f.write("[rule security_incident]\non = type = auth_failed\nwhen = count >= 13 in 5m by source\ntype = security_breach\nseverity = critical\n")
        diff = objects("replay", "--log", sample("openssh.log"), "--rules", rules)
        assert [d["change"] for d in diff] == ["removed", "total"], diff
        recorded = os.path.join(folder, "events.json")
        with open(recorded, "wb") as f:
            f.write(picketctl("replay", "--log", "--as-events", sample("openssh.log")))
        verdict = objects("test-rule", "security_incident", "--events", recorded)
        text = picketctl("test-rule", "security_incident", "--events", recorded, "--rules", rules)
        assert verdict and json.loads(text)["fired"] is False and "12 of 13 in 5m" in json.loads(text)["why"], text


def rows_of(name):
    with open(sample(name)) as f:
        return [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]


def test_known_lines__each_is_its_event():
    rows = [row.split("\t") for row in rows_of("known.lines")]
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for (kind, source, line), text in zip(rows, pool.map(lambda row: picketctl("test-pattern", "--line", row[2]), rows)):
            first = next((p.get("first", {}) for p in json.loads(text)["patterns"]), {})
            if first.get("type") != kind or source not in ("*", first.get("source")):
                wrong.append((kind, source, first.get("type"), first.get("source"), line))
    assert len(rows) > 200 and not wrong, wrong


def test_ordinary_lines__are_no_events():
    lines = rows_of("ordinary.lines")
    found = [e for e in map(json.loads, picketctl("replay", "--log", "--as-events", "-", stdin="".join(f"{line}\n" for line in lines).encode()).splitlines())]
    assert len(lines) > 150 and not found, found


OWN = ("sshd", "sshd-session", "dropbear", "sudo", "su", "doas", "login", "systemd", "systemd-coredump", "systemd-oomd", "procd", "kubelet", "earlyoom", "wpa_supplicant", "netifd", "vsftpd", "dovecot", "systemd-journald")


def quoted(text, quote="'"):
    """As somebody else's line has it: nginx writes a client's quote as \\x22, Apache puts a backslash before it."""
    return text.replace('"', quote)


def own_texts():
    """(type, text) of the known lines that only one program writes: the kernel, or one of OWN."""
    for kind, _, line in (row.split("\t") for row in rows_of("known.lines")):
        kernel = re.match(r"\[ *[\d.]+\] (.*)", line)
        other = re.match(r"\S+ gw ([\w-]+)(?:\[\d+\])?: +(.*)", line)
        if kernel:
            yield kind, kernel.group(1)
        elif other and other.group(1) in OWN:
            yield kind, other.group(2)


def events_of_lines(lines):
    text = picketctl("replay", "--log", "--as-events", "-", stdin="".join(f"{line}\n" for line in lines).encode())
    return [json.loads(line) for line in text.splitlines()]


def test_forged_lines__what_a_client_wrote_is_no_event_of_another_program():
    texts = list(own_texts())
    assert len(texts) > 120, len(texts)
    every = [quoted(row.split("\t")[2]) for row in rows_of("known.lines") if not row.startswith(("path_traversal", "rate_limited", "service_unavailable", "api_error"))]
    users = ("-", "[x", "[01/", "u" * 600, "[" + "u" * 600, "a [b] c d e f")
    head = '203.0.113.5 - {} [01/Mar/2026:00:00:01 +0000] "GET / HTTP/1.1" 200 1 "-" "{}"'
    found = events_of_lines([head.format("-", text) for text in every])
    assert not found, found
    answers = [row.split("\t")[2] for row in rows_of("known.lines") if " HTTP/" in row and row.startswith(("rate_limited", "service_unavailable", "api_error"))]
    found = events_of_lines([head.format("-", quoted(text, quote)) for text in answers for quote in ('\\"', "\\x22")])
    assert len(answers) > 8 and not found, found
    found = events_of_lines(["2026-03-01T10:00:00Z gw nginx: " + head.format("-", text) for text in every])
    assert not found, found
    for user in users:  # alone, so that the line before does not say whose log it is
        assert not events_of_lines([head.format(user, "EXT4-fs error (device sda1): fake")]), user
    # "operation timed out" is what any program may say of itself, and so is a level in front.
    for line in ("2026-03-01T10:00:00Z gw webapp[1]: {}", "2026-03-01T10:00:00Z gw webapp[1]: agent is '{}'"):
        found = [(e["type"], e["message"]) for e in events_of_lines([line.format(text) for _, text in texts])]
        assert not [e for e in found if e[0] not in ("log_error", "timeout_error")], found


def test_levels_inside_of_a_message():
    for text in ('time="2026-01-01T00:00:00Z" level=error msg="boom"', "ERROR boom", "[error] boom", 'level=error msg="boom"', "E0301 10:00:00.000000       9 a.go:1] boom"):
        for line in (f"Jan  1 00:00:00 h app[1]: {text}", f"2026-03-01T10:00:00Z h app[1]: {text}", text):
            assert [e["type"] for e in events_of_lines([line])] == ["log_error"], line
    for text in ("0 errors", "Error 0", "ERRORS 0", "INFO 0 errors", 'level=info msg="level=error"', 'time=1 msg="level=error"', "I0301 10:00:00.000000       9 a.go:1] ERROR"):
        assert not events_of_lines([f"Jan  1 00:00:00 h app[1]: {text}"]), text


def test_hostile_files():
    """Holes, half characters, a line of a megabyte, a last line without end: told, and the rest is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "odd.log")
        good = b"2026-03-01T10:00:00Z gw sshd[1]: Failed password for root from 192.0.2.7 port 1 ssh2"
        with open(path, "wb") as f:
            f.write(b"\0" * 5000 + good + b"\n" + b"x" * (1 << 20) + b"\n\xff\xfe" + good + b"\n" + good)
        run = subprocess.run([os.path.join(BUILD, "picketctl"), "replay", "--log", "--as-events", path], capture_output=True, timeout=60)
        assert run.returncode == 0 and run.stdout.count(b"auth_failed") >= 2, run
        run = subprocess.run([os.path.join(BUILD, "picketctl"), "replay", "--log", path], capture_output=True, timeout=60)
        for part in (b"1 lines cut", b"2 lines with NUL or not UTF-8", b"1 line without end"):
            assert part in run.stderr, run.stderr


def shared(name):
    path = os.path.join(SHARED, name)
    return path if os.path.exists(path) else None


def test_shared_logs():
    linux, apache, zookeeper = shared("Linux.log"), shared("Apache.log"), shared("Zookeeper.log")
    if linux is None:
        print("# no shared logs here")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "Linux.log")
        shutil.copy(linux, path)
        os.utime(path, (1122476000, 1122476000))  # 27 July 2005, when it was written
        found = incidents(path)
        assert ("security_incident", "218.188.2.4", "2005-06-15T12:12:34.000Z") in found, found
        assert ("security_incident", "150.183.249.110", "2005-07-10T16:01:49.000Z") in found, found
        assert ("security_incident", "207.243.167.114", "2005-07-26T07:03:15.000Z") in found, found
        assert {rule for rule, _, _ in found} == {"security_incident"}, found
        assert types(path)["auth_failed", "218.188.2.4"] >= 10
    found = incidents(apache)
    assert found[0][:2] == ("service_down", "workerEnv") or found[0][:2] == ("error_burst", "workerEnv"), found
    assert all(when.startswith("2005-12-0") for _, _, when in found), found
    found = types(zookeeper)
    assert found["service_unavailable", "10.10.34.13"] + found["service_unavailable", "10.10.34.12"] + found["service_unavailable", "10.10.34.11"] == 86, found


main(test_ssh, test_forged_lines__what_a_client_wrote_is_no_event_of_another_program, test_levels_inside_of_a_message, test_known_lines__each_is_its_event, test_ordinary_lines__are_no_events, test_kernel, test_system, test_database, test_web, test_journal, test_other_forms, test_same_bytes_and_recorded_events,
     test_rules_of_an_operator, test_hostile_files, test_shared_logs)
