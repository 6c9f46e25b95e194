#!/usr/bin/env python3
"""Log patterns of an operator, through the real binary: read at start and on reload, refused whole, tried before they are used. ctest: lane=default timeout=120"""
import json
import os
import subprocess
import time

from rig import BUILD, Gateway, Rig, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"
PUMP = """# Our pumps
[pattern pump_dry]
event    = pump_dry
severity = critical
source   = pump.{pump}
value    = {value}
match    = pump {pump} runs dry at {value} bar
"""


def append(path, text):
    with open(path, "a") as f:
        f.write(f"{time.strftime('%b %e %H:%M:%S', time.gmtime())} gw {text}\n")


def events(gateway, **filters):
    return gateway.result("events.list", limit=200, **filters)["events"]


def start(rig, config, files=(), **kw):
    gateway = Gateway(rig, actions="", config=QUIET + config, **kw)
    for name, text in files:
        rig.write(f"{gateway.name}/etc/patterns.d/{name}", text)
    gateway.start_service()
    return gateway.start()


def up(gateway, log):
    found = events(gateway, source=log, type="source_up")
    return found and found[0].get("value") == 1


def reload(gateway):
    os.kill(gateway.process.pid, 1)


def test_operator_patterns__start_reload_and_last_good():
    with Rig() as rig:
        log = rig.write("plc.log", "")
        rules = ("[rule pumps]\non = type = pump_dry\nwhen = count >= 2 in 1m by source\ntype = service_down\nseverity = high\nclear = count < 1 in 1m for 1s\n")
        gateway = start(rig, f"[log plc]\npath = {log}\n", [("plant.patterns", PUMP)], rules=rules)
        await_true("the log is read", 5, lambda: up(gateway, "log:plc"))
        append(log, "plc[7]: Pump P3 runs dry at 0.25 bar")
        found = await_true("its own type, source, value and fields", 5, lambda: events(gateway, type="pump_dry"))[0]
        assert (found["source"], found["severity"], found["value"], found["metadata"]["pattern"], found["metadata"]["pump"]) == ("pump.P3", "critical", 0.25, "pump_dry", "P3"), found
        append(log, "plc[7]: pump P3 runs dry at 0.2 bar")
        await_true("a rule of the operator's counts them", 5, lambda: [i for i in gateway.incidents(status="active") if "pump" in json.dumps(i)])
        # A bad file: what held holds, and the log says where.
        path = rig.write(f"{gateway.name}/etc/patterns.d/more.patterns", "[pattern valve]\nevent = valve_stuck\nmach = valve {valve} stuck\n")
        reload(gateway)
        await_true("the place and a suggestion", 5, lambda: "more.patterns:3:1: unknown key 'mach'; did you mean 'match'" in gateway.process.log())
        append(log, "plc[7]: pump P4 runs dry at 0.1 bar")
        append(log, "plc[7]: valve V1 stuck")
        await_true("the last good ones hold", 5, lambda: events(gateway, source="pump.P4"))
        assert not events(gateway, type="valve_stuck")
        # Mended; and a shipped pattern is replaced, another silenced.
        rig.write(f"{gateway.name}/etc/patterns.d/more.patterns", "[pattern valve]\nevent = valve_stuck\nsource = {valve}\nmatch = valve {valve} stuck\n"
                  "[pattern ssh_failed]\nevent = door_knock\nsource = {ip}\nmatch = Failed password for {user} from {ip} port\n"
                  "[pattern test_host]\nevent = none\nmatch = Invalid user probe from\n")
        reload(gateway)
        await_true("they are in force", 10, lambda: append(log, "plc[7]: valve V2 stuck") or events(gateway, source="V2"))
        append(log, "sshd[9]: Failed password for root from 192.0.2.7 port 1 ssh2")
        append(log, "sshd[9]: Invalid user probe from 192.0.2.8 port 1")
        append(log, "sshd[9]: Invalid user bob from 192.0.2.9 port 1")
        await_true("the shipped ones go on", 5, lambda: events(gateway, source="192.0.2.9", type="auth_failed"))
        assert events(gateway, source="192.0.2.7", type="door_knock") and not events(gateway, source="192.0.2.8")
        # Gone again.
        os.unlink(path)
        reload(gateway)
        await_true("the shipped one is back", 10, lambda: append(log, "sshd[9]: Failed password for root from 192.0.2.10 port 1 ssh2") or events(gateway, source="192.0.2.10", type="auth_failed"))
        assert gateway.stop() == 0


def test_patterns_and_form_of_one_log():
    with Rig() as rig:
        ssh, app = rig.write("ssh.log", ""), rig.write("app.log", "")
        gateway = start(rig, f"[log ssh]\npath = {ssh}\npatterns = ssh, plant\n[log app]\npath = {app}\npatterns = all\nformat = syslog\n", [("plant.patterns", PUMP)])
        await_true("both are read", 5, lambda: up(gateway, "log:ssh") and up(gateway, "log:app"))
        append(ssh, "sshd[1]: Failed password for root from 192.0.2.1 port 1 ssh2")
        append(ssh, "plc[1]: pump P1 runs dry at 1 bar")
        append(ssh, "kubelet[1]: CrashLoopBackOff")
        with open(app, "a", errors="surrogateescape") as f:  # what a program writes into its line is no line of another form
            f.write("a\0b \udcff\n")
            f.write('{"MESSAGE":"Failed password for root from 192.0.2.2 port 1 ssh2","SYSLOG_IDENTIFIER":"sshd"}\n')
        append(app, "kubelet[1]: CrashLoopBackOff")
        await_true("what was picked", 5, lambda: events(gateway, source="192.0.2.1") and events(gateway, source="pump.P1") and events(gateway, type="crash_loop"))
        assert len(events(gateway, type="crash_loop")) == 1
        shown = gateway.result("sources.get", source="log:app")["inlet"]
        assert shown["other_form"] == 2 and shown["odd_bytes"] == 1 and shown["lines"] == 3, shown
        assert "2 of another form, 1 with NUL or not UTF-8" in gateway.ctl("--format", "table", "sources", "get", "log:app").stdout
        assert gateway.stop() == 0


def test_check__says_where():
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config=QUIET + "[log a]\npath = /var/log/a.log\npatterns = sshh\n")

        def check():
            run = subprocess.run([gateway.binary, "-t", "-c", gateway.config_path], capture_output=True, text=True, timeout=20)
            return run.returncode, run.stdout + run.stderr

        code, said = check()
        assert code != 0 and "[log a] patterns: no file or pattern is called 'sshh'; did you mean 'ssh'" in said, said
        rig.write(f"{gateway.name}/etc/patterns.d/sshh.patterns", PUMP)
        code, said = check()
        assert code == 0 and "patterns" in said, said
        for text, why in (("[pattern x]\nevent = x\nmatch = {a}b\n", "sshh.patterns:3:9: needs four or more characters in a row"),
                          ("[pattern x]\nevent = x\nseverity = hihg\nmatch = abcdef\n", "sshh.patterns:3:12: unknown severity 'hihg'; did you mean 'high'"),
                          ("[pattern x]\nevent = x\nmatch = abcdef\n" * 2, "sshh.patterns:4:1: pattern 'x' is defined twice"),
                          ("".join(f"[pattern p{n}]\nevent = x\nmatch = abcdef {n}\n" for n in range(33)), "sshh.patterns:97:1: no room for 'p32': this board takes 32 patterns")):
            rig.write(f"{gateway.name}/etc/patterns.d/sshh.patterns", text)
            code, said = check()
            assert code != 0 and why in said, (why, said)


def test_tried_before_it_is_used():
    with Rig() as rig:
        mine, log = rig.write("plant.patterns", PUMP), rig.write("plc.log", "Nov 21 05:00:00 gw plc[1]: pump P3 runs dry at 0.25 bar\nNov 21 05:00:01 gw plc[1]: all is well\n")

        def picketctl(*arguments):
            run = subprocess.run([os.path.join(BUILD, "picketctl"), *arguments], capture_output=True, text=True, timeout=20)
            assert run.returncode == 0, run.stderr
            return run.stdout

        one = json.loads(picketctl("test-pattern", "--patterns", mine, "--line", "pump P9 runs dry at 2 bar"))
        assert one["known"] == 1 and one["patterns"][0]["first"]["source"] == "pump.P9", one
        whole = json.loads(picketctl("test-pattern", "--patterns", mine, log))
        assert whole["lines"] == 2 and whole["known"] == 1, whole
        replayed = [json.loads(line) for line in picketctl("replay", "--log", log, "--patterns", mine, "--as-events").splitlines()]
        assert [e["type"] for e in replayed] == ["pump_dry"], replayed


main(test_operator_patterns__start_reload_and_last_good, test_patterns_and_form_of_one_log, test_check__says_where, test_tried_before_it_is_used, at_once=4)
