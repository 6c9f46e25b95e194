#!/usr/bin/env python3
"""Command line, configuration files, environment, exit codes and signals of the shipped program. (Reload: test_reload.py.)
ctest: lane=default timeout=60"""
import json
import os
import re
import signal
import subprocess
import time

from rig import BUILD, Gateway, Rig, await_true, main

PICKETD = os.path.join(BUILD, "picketd")


def picketd(*args, env=None):
    return subprocess.run([PICKETD, *args], capture_output=True, text=True, timeout=30, env={**os.environ, **(env or {})})


def check(gateway, env=None):
    return picketd("-t", "-c", gateway.config_path, env=env)


def append(gateway, text):
    with open(gateway.config_path, "a") as f:
        f.write(text)


def test_check__good_prints_prices_and_budget():
    with Rig() as rig:
        gateway = Gateway(rig, rules="[rule mine]\non = type = x\nwhen = count >= 3 in 1m by source\ntype = custom\nseverity = low\nkeys = 7\n")
        out = check(gateway)
        assert out.returncode == 0, out.stderr
        assert f"{gateway.config_path}: ok" in out.stdout, out.stdout
        prices = {m.group(1): int(m.group(2)) for m in re.finditer(r"^rule (\w+): at most (\d+) bytes", out.stdout, flags=re.M)}
        assert prices["mine"] > 0 and len(prices) > 20, prices
        total = int(re.search(r"^rules together at most (\d+) bytes", out.stdout, flags=re.M).group(1))
        assert total == sum(prices.values())
        state, most = map(int, re.search(r"agent state (\d+) of at most (\d+) bytes", out.stdout).groups())
        assert 0 < state <= most
        assert not os.path.exists(gateway.state), "a check makes nothing"


def test_check__errors_name_place_and_reason():
    """One mistake a time, in each kind of file; daemon and -t refuse alike."""
    cases = [
        ("etc/picketd.conf", "\n[agent]\nmod = safe\n", r"picketd\.conf:\d+:1: .*mod"),
        ("etc/picketd.conf", "\n[agent]\nmode = sometimes\n", r"picketd\.conf:\d+:8: "),
        ("etc/picketd.conf", "\n[agnet]\n", r"picketd\.conf:\d+:1: unknown section"),
        ("etc/picketd.conf", "\n[sources]\ncpu = 5 parsecs\n", r"picketd\.conf:\d+:7: "),
        ("etc/picketd.conf", "\n[store]\nmap = 1\n", r"picketd\.conf:\d+:7: "),
        ("etc/picketd.conf", "\nno equals sign\n", r"picketd\.conf:\d+:\d+: "),
        ("etc/picketd.conf", "\n[gateway]\nsite = not allowed!\n", r"picketd\.conf:\d+:8: "),
        ("etc/rules.d/bad.rules", "[rule x]\non = any\nwhen = count >= 3 in\n", r"bad\.rules:3:\d+: "),
        ("etc/rules.d/bad.rules", "[rule x]\non = any\nwhen = count >= 3 in 1m\ntype = custom\nseverity = loud\n", r"bad\.rules:5:12: "),
        ("etc/rules.d/bad.rules", "[rule x]\non = any\nwhen = count >= 3 in 1m\ntype = custom\nseverity = low\nfrobnicate = yes\n", r"bad\.rules:6:1: "),
        ("etc/actions.conf", "[action x]\nrisk = low\nargv = relative/path\n", r"actions\.conf:3:8: "),
        ("etc/actions.conf", "[action x]\nrisk = huge\nargv = /bin/true\n", r"actions\.conf:2:8: "),
        ("etc/actions.conf", "[action x]\nrisk = low\n", r"actions\.conf:\d+:\d+: "),
        ("etc/keys/bad.key", "kid = x\nrole = emperor\n", r"bad\.key:\d+:\d+: "),
    ]
    with Rig() as rig:
        for i, (name, text, expected) in enumerate(cases):
            gateway = Gateway(rig, name=f"g{i}")
            path = os.path.join(gateway.dir, name)
            with open(path, "a" if name.endswith("picketd.conf") else "w") as f:
                f.write(text)
            out = check(gateway)
            assert out.returncode == 78 and re.search(expected, out.stderr), (name, text, out.returncode, out.stderr)
            gateway.start(wait=False)
            assert gateway.process.popen.wait(10) == 78, (name, text, gateway.process.log())
            assert re.search(expected, gateway.process.log()), gateway.process.log()


# Nonsense for each key that only looks right: what is said about it, after "picketd.conf:LINE:COLUMN: ". LINE counts from where the text begins.
NONSENSE = [
    ("[broker central]\nhost = h\nca = /nonexistent/ca.crt\n", 3, 6, "cannot be read: /nonexistent/ca.crt: not found"),
    ("[broker central]\nhost = h\nca = /etc/passwd\n", 1, 1, "its TLS files: "),
    ("[broker central]\nhost = h\ntls = no\npassword_file = /nonexistent\n", 4, 17, "cannot be read: /nonexistent: not found"),
    ("[broker central]\nhost = h\n", 1, 1, "tls needs ca"),
    ("[broker central]\nhost = h\nca = /x\nkey = /y\n", 4, 7, "certificate and key go together"),
    ("[broker central]\nhost = h/x\n", 2, 8, "not a host name"),
    ("[broker central]\nhost = h\nroles = event\n", 3, 9, "did you mean 'events'?"),
    ("[sources]\ncpu = 1ms\n", 2, 7, "outside 100ms..1d; 0 switches it off"),
    ("[disk a]\n\n[disk b]\npath = /\n", 1, 1, "[disk a] path is missing"),
    ("[map m]\ntopic = a/+\ntype = t\nsource = {1}\nseverity = purple\n", 5, 12, "'purple' is not a severity"),
    ("[map m]\ntopic = a/+\ntype = t\nsource = {1}\nvalue = warm\n", 5, 9, "'warm' is not a number"),
    ("[map m]\ntopic = a/+\ntype = t\nsource = {2}\n", 4, 10, "a wildcard that its topic does not have"),
    ("[map m]\ntopic = a/+\ntype = t\n", 1, 1, "needs topic, type and source"),
    ("[log a]\n", 1, 1, "[log a] path is missing"),
    ("[log a]\npath = /x\n[log b]\npath = /x\n", 3, 1, "read already by a section before"),
    ("[syslog]\nudp = [::1:514\n", 2, 7, "is not PORT, ADDRESS:PORT or [ADDRESS]:PORT"),
    ("[statsd]\nudp = [2001:db8::1]:8125\n", 2, 7, "not on loopback"),
    ("[probe p]\nhost = h\n", 1, 1, "kind is missing"),
    ("[probe p]\nkind = tcp\nhost = h\n", 1, 1, "port is missing"),
    ("[probe p]\nkind = tcp\nhost = h\nport = 1\npath = /x\n", 5, 8, "'path' does not go with this kind of probe"),
    ("[probe p]\nkind = dns\nname = a.example\nserver = dns.example\n", 4, 10, "not a numeric address"),
    ("[probe p]\nkind = dns\nname = a.example\nexpect = ::1\n", 4, 10, "not an IPv4 address"),
    ("[probe p]\nkind = icmp\nhost = 10.0.0.256\n", 3, 8, "not a host name or address"),
    ("[probe p]\nkind = http\nhost = h\nca = /etc/ssl/x\n", 4, 6, "'ca' is for tls = yes"),
    ("[probe p]\nkind = icmp\nhost = h\n[scrape p]\nhost = h\nport = 1\ngauge = a -> b\n", 4, 1, "both a probe and a scrape"),
    ("[scrape p]\nhost = h\nport = 1\n", 1, 1, "picks no series"),
    ("[remote]\nallow = incident.ack\n", 2, 9, "unknown command; did you mean 'incidents.ack'?"),
    ("[remote]\nallow = dump-state\n", 2, 9, "for this machine only"),
    ("[thresholds]\nmax_disk = 950\n", 2, 12, "outside 0..100 percent"),
    ("[agent]\nmode = saef\n", 2, 8, "not "),
]


def test_check__nonsense_is_told_at_its_line():
    with Rig() as rig:
        gateway = Gateway(rig)
        with open(gateway.config_path) as f:
            good = f.read()
        assert check(gateway).returncode == 0
        for text, line, column, words in NONSENSE:
            with open(gateway.config_path, "w") as f:
                f.write(good + "\n" + text)
            at = f"picketd.conf:{good.count(chr(10)) + 1 + line}:{column}: "
            out = check(gateway)
            assert out.returncode == 78 and at in out.stderr and words in out.stderr, (text, at, words, out.returncode, out.stderr)
        with open(gateway.config_path, "w") as f:
            f.write(good)
        extra = rig.write(f"{os.path.basename(gateway.dir)}/etc/conf.d/20.conf", "\n[scrape x]\nhost = h\nport = 1\n")
        out = check(gateway)
        assert out.returncode == 78 and f"{extra[-20:]}:2:1: " in out.stderr, out.stderr


def test_files__conf_d_in_byte_order_then_environment():
    with Rig() as rig:
        gateway = Gateway(rig)
        for name, mode in (("10-a.conf", "auto"), ("9-b.conf", "off"), ("z.conf.bak", "safe")):
            rig.write(f"gateway/etc/conf.d/{name}", f"[agent]\nmode = {mode}\n")
        gateway.start()
        assert gateway.result("status")["mode"] == "off", "9-b.conf comes after 10-a.conf; other names are not read"
        assert gateway.stop() == 0
        gateway.start(env={**os.environ, "PICKET_AGENT_MODE": "observe", "PICKET_SOURCES_CPU": "0"})
        assert gateway.result("status")["mode"] == "observe"
        assert gateway.stop() == 0
        for env in ({"PICKET_AGENT_MODE": "maybe"}, {"PICKET_AGENT_MOOD": "safe"}, {"PICKET_NOWHERE": "1"}):
            out = check(gateway, env)
            assert out.returncode == 78 and next(iter(env)) in out.stderr, (env, out.stderr)
            gateway.start(wait=False, env={**os.environ, **env})
            assert gateway.process.popen.wait(10) == 78, env


def test_rules_over_the_memory_budget__refused_with_prices():
    with Rig() as rig:
        rule = "[rule big{}]\non = any\nwhen = count >= 64 in 1h by source\ntype = custom\nseverity = low\nkeys = 900\n"
        gateway = Gateway(rig, rules="".join(rule.format(i) for i in range(4)))
        out = check(gateway)
        assert out.returncode == 78, (out.returncode, out.stdout)
        assert "test.rules" in out.stderr and re.search(r"\d+ .*(bytes|windows)", out.stderr), out.stderr
        gateway.start(wait=False)
        assert gateway.process.popen.wait(10) == 78


def test_check__user_and_group_that_cannot_be_the_agents():
    with Rig() as rig:
        for name, setting, why in (("a", "user = ghost", "no such user: ghost"), ("b", "user = root", "must not run as root"), ("c", "group = ghost", "no such group: ghost")):
            gateway = Gateway(rig, name=name)
            with open(gateway.config_path) as f:
                text = f.read()
            key = setting.split()[0]
            text = "".join(setting + "\n" if line.startswith(key + " =") else line for line in text.splitlines(True))
            with open(gateway.config_path, "w") as f:
                f.write(text)
            out = check(gateway)
            assert out.returncode == 78 and why in out.stderr, (setting, out.returncode, out.stderr)


def test_ownership__what_others_may_write_is_not_obeyed():
    with Rig() as rig:
        for i, (path, spoil) in enumerate((
                ("etc/picketd.conf", lambda p: os.chown(p, 65534, 65534)),
                ("etc/picketd.conf", lambda p: os.chmod(p, 0o666)),
                ("etc/actions.conf", lambda p: os.chown(p, 65534, 65534)),
                ("etc/actions.conf", lambda p: os.chmod(p, 0o664)),
                ("etc", lambda p: os.chmod(p, 0o777)))):
            gateway = Gateway(rig, name=f"g{i}")
            spoil(os.path.join(gateway.dir, path))
            gateway.start(wait=False)
            assert gateway.process.popen.wait(10) == 78, (i, path, gateway.process.log())
            assert "root" in gateway.process.log(), gateway.process.log()
        gateway = Gateway(rig, name="missing")
        os.unlink(gateway.config_path)
        gateway.start(wait=False)
        assert gateway.process.popen.wait(10) == 78, gateway.process.log()


def test_second_instance__is_refused_and_the_first_goes_on():
    with Rig() as rig:
        gateway = Gateway(rig)
        gateway.start()
        boot = gateway.result("ping")["boot"]
        other = picketd("-c", gateway.config_path)
        assert other.returncode == 1 and "another picketd" in other.stderr + other.stdout, (other.returncode, other.stderr)
        assert gateway.result("ping")["boot"] == boot
        assert gateway.stop() == 0
        gateway.start()
        os.kill(gateway.process.pid, signal.SIGKILL)
        await_true("the lock is free after a crash", 5, lambda: not gateway.process.is_running())
        time.sleep(0.3)
        gateway.start()
        assert gateway.stop() == 0


def test_tasks_and_usage():
    with Rig() as rig:
        for args in (("--frobnicate",), ("-c",), ("-t", "--memory"), ("extra",)):
            out = picketd(*args)
            assert out.returncode == 2 and "usage:" in out.stderr, (args, out)
        out = picketd("--version")
        assert out.returncode == 0 and re.match(r"picketd \d+\.\d+\.\d+, board \w+", out.stdout), out
        assert picketd("--help").returncode == 0
        out = picketd("--selftest")
        assert out.returncode == 0 and "ok" in out.stdout and "FAIL" not in out.stdout.upper(), out.stdout
        out = picketd("--memory")
        assert out.returncode == 0 and "tables together" in out.stdout
        gateway = Gateway(rig)
        out = picketd("--dump-state", "-c", gateway.config_path)
        assert out.returncode == 1 and "no running daemon" in out.stderr, out
        gateway.start()
        out = picketd("--dump-state", "-c", gateway.config_path)
        state = json.loads(out.stdout)
        assert out.returncode == 0 and state["status"]["result"]["gateway"] == "gw-01" and state["memory"]["result"]["tables"], out.stderr
        assert gateway.stop() == 0


def test_signals__dump_and_log_level():
    with Rig() as rig:
        gateway = Gateway(rig)
        gateway.start()
        level = lambda: gateway.result("log.level")["level"]
        assert level() == "notice"
        for expected in ("info", "debug", "error", "warning", "notice"):
            os.kill(gateway.process.pid, signal.SIGUSR2)
            await_true(f"log level {expected}", 3, lambda: level() == expected)
        os.kill(gateway.process.pid, signal.SIGUSR1)
        dump = os.path.join(gateway.state, "dump.json")
        await_true("the dump", 3, lambda: os.path.exists(dump))
        with open(dump) as f:
            assert json.load(f)["status"]["result"]["site"] == "lab"
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began < 5


main(test_check__good_prints_prices_and_budget, test_check__errors_name_place_and_reason, test_check__nonsense_is_told_at_its_line, test_files__conf_d_in_byte_order_then_environment,
     test_check__user_and_group_that_cannot_be_the_agents, test_rules_over_the_memory_budget__refused_with_prices, test_ownership__what_others_may_write_is_not_obeyed, test_second_instance__is_refused_and_the_first_goes_on,
     test_tasks_and_usage, test_signals__dump_and_log_level, at_once=4)
