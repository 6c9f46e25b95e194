#!/usr/bin/env python3
"""What rules learned is known after a restart: an orderly one, and one of an agent that was killed; explain says what is known and no more.
ctest: lane=default timeout=150"""
import json
import os
import random
import signal
import time

from rig import Gateway, Rig, await_true, main

RULES = ("[rule odd]\ntitle = odd\non = type = flow\nwhen = anomaly\ntype = custom\nseverity = low\n"
         "[rule climb]\ntitle = climb\non = type = level\nwhen = trend rises to 1000 within 1m over 30s\ntype = custom\nseverity = low\n"
         "[rule burst]\ntitle = burst\non = type = fault\nwhen = count >= 3 in 30m by source\ntype = error_burst\nseverity = low -> high if lasting 1h\nclear = stable for 1s\n")


def send(gateway, kind, *values):
    replies = gateway.send_events([{"type": kind, "source": "pump", "value": v} for v in values])
    assert len(replies) == len(values) and all(r["ok"] for r in replies), replies[-1:]


def explain(gateway, rule):
    return gateway.result("rules.show", rule=rule)["explain"]


def group(gateway, rule):
    """The line of its group, or nothing."""
    return "".join(line for line in explain(gateway, rule).splitlines() if line.startswith("group pump"))


def teach(gateway):
    noise = random.Random(7)
    send(gateway, "flow", *(50 + noise.random() for _ in range(600)))
    for i in range(14):
        send(gateway, "level", 10 + i)
        time.sleep(1.0)
    assert "confidence 1" in group(gateway, "climb"), group(gateway, "climb")


def opened(gateway, rule):
    return len([i for i in gateway.incidents() if rule in i["title"]])


def judged(gateway):
    """One usual value, then one that is not: an agent that knows nothing would call neither."""
    send(gateway, "flow", 50.5)
    line = group(gateway, "odd")
    assert "unknown" not in line and "anomaly, score" not in line, line
    send(gateway, "flow", 90.0)
    await_true("the value is seen to be unusual", 5, lambda: "anomaly, score " in group(gateway, "odd"))


def restarted(gateway, end):
    old = gateway.agent_pid()
    end()
    await_true("a new agent answers", 20, lambda: gateway.agent_pid() not in (0, old) and gateway.is_up())


def series(gateway):
    tables = gateway.result("memory")["tables"]
    return next(t for t in tables if t["table"] == "learned_series")["used"]


def test_sigterm__what_was_learned_is_known_to_the_next_start():
    with Rig() as rig:
        gateway = Gateway(rig, rules=RULES).start()
        teach(gateway)
        send(gateway, "fault", 1, 1, 1)
        await_true("the burst is an incident", 5, lambda: opened(gateway, "burst") == 1)
        assert gateway.stop() == 0
        gateway.start()
        assert "what rules learned before: series taken " in gateway.process.log(), gateway.process.log()
        assert ", of changed rules or damaged 0" in gateway.process.log()
        line = group(gateway, "burst")
        assert "0 of 3 in 30m, no event yet, firing for " in line and ", counted anew since " in line, line
        assert "last fired before the start" in explain(gateway, "burst")
        assert "no event it looks at was heard since the start" in explain(gateway, "climb"), explain(gateway, "climb")
        send(gateway, "level", 25)
        line = group(gateway, "climb")
        assert "level " in line and "confidence " in line, line  # within the look-back: nothing has to be learned anew
        judged(gateway)
        send(gateway, "fault", 1)
        time.sleep(2.5)
        assert [i["status"] for i in gateway.incidents() if "burst" in i["title"]] == ["detected"], "its counts are lost, not healthy"


def test_kill_9__what_the_last_round_saved_is_known():
    with Rig() as rig:
        gateway = Gateway(rig, rules=RULES, config="[store]\nlearned = 10s\n").start()
        teach(gateway)
        await_true("the series are saved", 40, lambda: series(gateway) >= 2 and gateway.result("status")["store"]["durable"])
        time.sleep(0.5)
        restarted(gateway, lambda: os.kill(gateway.agent_pid(), signal.SIGKILL))
        judged(gateway)


def test_reload_of_a_changed_rule__what_fires_is_not_called_over():
    with Rig() as rig:
        gateway = Gateway(rig, rules=RULES).start()
        send(gateway, "fault", 1, 1, 1)
        await_true("the burst is an incident", 5, lambda: opened(gateway, "burst") == 1)
        rig.write("gateway/etc/rules.d/test.rules", RULES.replace("count >= 3 in 30m", "count >= 4 in 20m"))
        os.kill(gateway.process.pid, signal.SIGHUP)
        await_true("reloaded", 10, lambda: "configuration reloaded" in gateway.process.log())
        time.sleep(2.5)
        assert [i["status"] for i in gateway.incidents() if "burst" in i["title"]] == ["detected"]
        assert "counted anew since " in group(gateway, "burst"), group(gateway, "burst")


main(test_sigterm__what_was_learned_is_known_to_the_next_start, test_kill_9__what_the_last_round_saved_is_known,
     test_reload_of_a_changed_rule__what_fires_is_not_called_over)
