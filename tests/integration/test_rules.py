#!/usr/bin/env python3
"""Rules made, changed, switched and deleted at run time: over the socket and by signed command; whole or not at all; they outlive kill -9.
ctest: lane=default timeout=180"""
import json
import os
import signal

from rig import Broker, Gateway, Operator, Rig, await_true, main, request

BASE = "[sources]\nprocess = 0\ndisk = 0\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\n"


def rules(gateway):
    return {r["rule_id"]: r for r in json.loads(gateway.ctl("rules", "list").stdout)["rules"]}


def kill_and_start(gateway):
    """As a power cut: supervisor and agent die at once."""
    agent = gateway.agent_pid()
    gateway.process.stop(signal.SIGKILL)
    try:
        os.kill(agent, signal.SIGKILL)
    except ProcessLookupError:
        pass
    await_true("the agent is gone", 5, lambda: not os.path.exists(f"/proc/{agent}"))
    gateway.start()


def fails(gateway, *args):
    out = gateway.ctl(*args)
    assert out.returncode != 0, f"{args} went through: {out.stdout}"
    return out.stderr


def test_create_update_switch_delete__survive_a_kill():
    with Rig() as rig:
        gateway = Gateway(rig, config=BASE).start()
        ctl = gateway.ctl
        made = ctl("rules", "create", "--id", "api_trouble", "--name", "API trouble", "--description", "Errors of the interface", "--type", "error_burst",
                   "--severity", "HIGH", "--threshold", "3", "--time-window", "180", "--check-interval", "30")
        assert made.returncode == 0, made.stderr
        path = rig.write("water.rules", "# levels\n[rule water_high]\non = type = level\nwhen = value > 4.5\ntype = custom\nseverity = medium\nclear = value < 4\n")
        assert ctl("rules", "create", "--file", path).returncode == 0
        assert ctl("rules", "update", "cpu_high", "--threshold", "70", "--time-window", "2m", "--severity", "critical").returncode == 0
        assert ctl("rules", "disable", "disk_space_low", "inodes_low").returncode == 0
        for _ in range(2):
            now = rules(gateway)
            assert now["api_trouble"]["origin"] == now["water_high"]["origin"] == now["cpu_high"]["origin"] == "stored", now
            assert not now["disk_space_low"]["enabled"] and not now["inodes_low"]["enabled"] and now["swap_high"]["enabled"]
            assert now["cpu_high"]["severity"] == "critical"
            text = gateway.result("rules.show", rule="cpu_high")["text"]
            assert "value > 70 for 2m" in text and "[rule cpu_high]" in text, text
            kill_and_start(gateway)
        gateway.send_events([{"type": "anything", "source": "s", "severity": "high"}] * 3)
        await_true("the rule made at run time fires", 5, lambda: [i for i in gateway.incidents() if "API trouble" in i["title"]])
        gateway.send_events([{"type": "level", "source": "tank", "value": 4.6}])
        await_true("the rule of a file fires", 5, lambda: [i for i in gateway.incidents() if i["component"] == "tank"])
        assert ctl("rules", "enable", "inodes_low", "disk_space_low").returncode == 0
        assert ctl("rules", "delete", "cpu_high").returncode == 0
        assert ctl("rules", "delete", "api_trouble").returncode == 0
        kill_and_start(gateway)
        now = rules(gateway)
        assert "api_trouble" not in now and now["cpu_high"]["origin"] == "shipped" and now["water_high"]["origin"] == "stored"
        assert now["disk_space_low"]["enabled"] and now["inodes_low"]["enabled"]
        enabled = json.loads(ctl("rules", "list", "--enabled").stdout)["rules"]
        assert all(r["enabled"] for r in enabled)
        log = ctl("audit", "export").stdout if ctl("help", "audit").returncode == 0 else ""
        assert not log or "rules.create: ok, api_trouble" in log


def test_windows_of_other_rules__live_on():
    with Rig() as rig:
        gateway = Gateway(rig, config=BASE, rules="[rule three]\non = type = knock\nwhen = count >= 3 in 5m by source\ntype = custom\nseverity = low\n").start()
        gateway.send_events([{"type": "knock", "source": "door"}] * 2)
        assert gateway.ctl("rules", "create", "--id", "other", "--type", "custom", "--severity", "low", "--threshold", "5").returncode == 0
        assert gateway.ctl("rules", "update", "other", "--threshold", "6").returncode == 0
        assert gateway.ctl("rules", "disable", "swap_high").returncode == 0
        assert gateway.ctl("rules", "delete", "other").returncode == 0
        assert not gateway.incidents()
        gateway.send_events([{"type": "knock", "source": "door"}])
        await_true("the third one counts with the two before", 5, lambda: [i for i in gateway.incidents() if i["component"] == "door"])


def test_bad_input__says_where_and_changes_nothing():
    with Rig() as rig:
        gateway = Gateway(rig, config=BASE).start()
        before, status = rules(gateway), gateway.result("status")["rules_hash"]
        bad = rig.write("bad.rules", "# one\n[rule bad]\non = any\nwhen = count >= 3 in 5m\nsevrity = high\ntype = custom\n")
        assert "bad.rules:5:1: unknown key 'sevrity'; did you mean 'severity'?" in fails(gateway, "rules", "create", "--file", bad)
        two = rig.write("two.rules", "".join(f"[rule r{n}]\non = any\nwhen = count >= 3 in 5m\nseverity = high\ntype = custom\n" for n in range(2)))
        assert "one rule at a time" in fails(gateway, "rules", "create", "--file", two)
        large = rig.write("large.rules", "[rule large]\non = any\nwhen = count >= 3 in 5m\nseverity = high\ntype = custom\nkeys = 900\n")
        assert "over the memory budget" in fails(gateway, "rules", "create", "--file", large)
        long = rig.write("long.rules", "[rule long]\n" + "# comment\n" * 190 + "on = any\nwhen = count >= 3 in 5m\nseverity = high\ntype = custom\n")
        assert "1800 bytes" in fails(gateway, "rules", "create", "--file", long)
        assert "there is such a rule" in fails(gateway, "rules", "create", "--id", "cpu_high", "--type", "custom", "--severity", "low")
        assert "did you mean 'error_burst'" in fails(gateway, "rules", "create", "--id", "x", "--type", "eror_burst", "--severity", "low")
        assert "has no 'severity'" in fails(gateway, "rules", "create", "--id", "x", "--type", "custom")
        assert "begin a comment" in fails(gateway, "rules", "create", "--id", "x", "--type", "custom", "--severity", "low", "--name", "line # 3")
        assert "id is missing" in fails(gateway, "rules", "create", "--type", "custom", "--severity", "low")
        assert "nothing to change" in fails(gateway, "rules", "update", "cpu_high")
        assert "threshold is a number" in fails(gateway, "rules", "update", "cpu_high", "--threshold", "many")
        assert "no such rule" in fails(gateway, "rules", "update", "nothing", "--threshold", "5")
        assert "no rule nothing" in fails(gateway, "rules", "disable", "cpu_high", "nothing")
        assert "only rules made at run time" in fails(gateway, "rules", "delete", "cpu_high")
        assert "no such rule" in fails(gateway, "rules", "delete", "nothing")
        assert "no other option" in fails(gateway, "rules", "create", "--file", bad, "--id", "x")
        after = rules(gateway)
        assert {k: (v["enabled"], v["origin"]) for k, v in after.items()} == {k: (v["enabled"], v["origin"]) for k, v in before.items()}
        assert gateway.result("status")["rules_hash"] == status


def test_files_and_stored_rules__stand_over_each_other():
    with Rig() as rig:
        mine = "[rule cpu_high]\non = type = cpu_pct\nwhen = value > 50\ntype = cpu_high\nseverity = low\n"
        gateway = Gateway(rig, config=BASE, rules=mine).start()
        assert rules(gateway)["cpu_high"]["origin"] == "file"
        assert gateway.ctl("rules", "update", "cpu_high", "--severity", "critical").returncode == 0
        assert rules(gateway)["cpu_high"]["origin"] == "stored"
        # A file that is read again stays below; one that would not fit beside it is refused.
        rig.write("gateway/etc/rules.d/test.rules", mine.replace("50", "60"))
        gateway.process.popen.send_signal(signal.SIGHUP)
        await_true("it was reloaded", 5, lambda: "configuration reloaded" in gateway.process.log())
        assert rules(gateway)["cpu_high"]["severity"] == "critical"
        assert gateway.ctl("rules", "delete", "cpu_high").returncode == 0
        assert "value > 60" in gateway.result("rules.show", rule="cpu_high")["text"]


def test_stored_rules_that_do_not_load__are_off_and_told():
    with Rig() as rig:
        gateway = Gateway(rig, config=BASE).start()
        assert gateway.ctl("rules", "create", "--id", "mine", "--type", "custom", "--severity", "low", "--threshold", "5").returncode == 0
        room = next(t for t in gateway.result("memory")["tables"] if t["table"] == "rules")["capacity"] - len(rules(gateway))
        gateway.stop()
        # Files that leave no room for what is stored.
        rig.write("gateway/etc/rules.d/big.rules", "[rule big]\non = any\nwhen = count >= 3 in 5m by source\nseverity = low\ntype = custom\nkeys = 1\n" + fill(room))
        gateway.start()
        assert "mine" not in rules(gateway) and "big" in rules(gateway)
        told = await_true("an incident tells it", 5, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self"])
        assert "made at run time" in gateway.ctl("doctor", "--format", "table").stdout or told
        os.remove(os.path.join(gateway.etc, "rules.d", "big.rules"))
        gateway.process.popen.send_signal(signal.SIGHUP)
        await_true("it is back", 5, lambda: "mine" in rules(gateway))
        await_true("the incident is over", 10, lambda: not [i for i in gateway.incidents(status="active") if i["incident_type"] == "self"])


def fill(count):
    """Rules that take the rest of the table of rules."""
    return "".join(f"[rule fill{n}]\non = type = fill{n}\nwhen = count >= 1 in 1s\nseverity = low\ntype = custom\nkeys = 1\n" for n in range(count))


def test_thresholds__change_with_a_reload():
    with Rig() as rig:
        gateway = Gateway(rig, config=BASE, rules="[rule water]\non = type = level\nwhen = value > $max_level\ntype = custom\nseverity = low\n")
        gateway.start(wait=False)
        await_true("a name that is not there is refused", 5, lambda: not gateway.process.is_running())
        assert "test.rules:3:16: 'max_level' is not a name of [thresholds]" in gateway.process.log(), gateway.process.log()
        conf = rig.write("gateway/etc/conf.d/10.conf", "[thresholds]\nmax_level = 4\n")
        gateway.start()
        gateway.send_events([{"type": "level", "source": "a", "value": 3.5}])
        gateway.send_events([{"type": "level", "source": "a", "value": 3.5}])
        assert not gateway.incidents()
        with open(conf, "w") as f:
            f.write("[thresholds]\nmax_level = 3\n")
        gateway.process.popen.send_signal(signal.SIGHUP)
        await_true("it was reloaded", 5, lambda: "configuration reloaded" in gateway.process.log())
        gateway.send_events([{"type": "level", "source": "a", "value": 3.5}])
        await_true("the new number holds", 5, lambda: [i for i in gateway.incidents() if i["component"] == "a"])
        assert gateway.ctl("rules", "update", "water", "--threshold", "$max_cpu").returncode == 0
        assert "did you mean 'max_cpu'" in fails(gateway, "rules", "update", "water", "--threshold", "$max_cp")


def test_signed_command__does_the_same():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, config=BASE + "[remote]\ncommands = list\nallow = rules.list, rules.create, rules.update, rules.enable, rules.disable, rules.delete\n")
        admin, approver = Operator(rig, gateway, "ada", "admin"), Operator(rig, gateway, "bob", "approver")
        gateway.start()
        gateway.await_online()

        def ask(who, command, **args):
            return request(broker, command, who.sign(command, **args))
        assert ask(approver, "rules.create", id="far", type="custom", severity="low")["error"] == "denied"
        reply = ask(admin, "rules.create", id="far", type="custom", severity="low", threshold="4")
        assert reply["ok"] and reply["result"]["origin"] == "stored", reply
        reply = ask(admin, "rules.create", text="[rule far2]\non = any\nwhen = cuont >= 3 in 5m\nseverity = low\ntype = custom\n", file="hub")
        assert "hub:3:8" in reply["message"] and "did you mean 'count'" in reply["message"], reply
        assert ask(admin, "rules.update", rule="far", threshold="9")["ok"]
        assert not ask(admin, "rules.disable", rules="far swap_high")["result"]["rules"][1]["enabled"]
        seen, after = [], {}
        while True:
            page = ask(approver, "rules.list", **after)["result"]
            seen += [r["rule_id"] for r in page["rules"]]
            if not page["more"]:
                break
            after = {"after": seen[-1]}
        assert len(seen) == len(set(seen)) == len(rules(gateway)), seen
        kill_and_start(gateway)
        assert not rules(gateway)["far"]["enabled"] and "9" in gateway.result("rules.show", rule="far")["text"]
        gateway.await_online()
        assert ask(admin, "rules.delete", rule="far")["ok"]
        assert "far" not in rules(gateway)


main(test_thresholds__change_with_a_reload, test_create_update_switch_delete__survive_a_kill, test_windows_of_other_rules__live_on, test_bad_input__says_where_and_changes_nothing,
     test_files_and_stored_rules__stand_over_each_other, test_stored_rules_that_do_not_load__are_off_and_told, test_signed_command__does_the_same)
