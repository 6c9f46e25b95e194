#!/usr/bin/env python3
"""The memory contract (DESIGN 5) on the real program: after the seal the agent asks the kernel for no memory whatever happens to it, both
processes stay small, and what `memory` says is what the limits header says. ctest: lane=default timeout=120"""
import json
import os
import re
import signal
import subprocess
import time

from rig import BUILD, SOURCE, Broker, Gateway, Operator, Rig, await_true, main, request

RESIDENT_MAX_KIB = 1536  # both processes together, TLS connected, 1,000 events in
FORBIDDEN = ("brk", "mmap", "mmap2", "munmap", "mremap")


def events(count, source="s", start=0):
    return [{"type": f"t{i % 20}", "source": f"{source}{i % 30}", "severity": "info", "value": i, "message": f"message number {i}"} for i in range(start, start + count)]


def profile_limits():
    """PK_LIMIT_* of the board's profile, in numbers."""
    with open(os.path.join(SOURCE, "boards", os.environ.get("PK_BOARD", "host"), "board.cmake")) as f:
        profile = re.search(r"PK_BOARD_PROFILE (\w+)", f.read()).group(1)
    limits = {}
    with open(os.path.join(SOURCE, "boards", "profiles", profile, "pk_limits.h")) as f:
        for name, text in re.findall(r"^#define (PK_\w+) +([^/\n]+)", f.read().replace("\\\n", " "), flags=re.M):
            text = re.sub(r"(\d)u\b", r"\1", text)
            limits[name] = eval(text, {"__builtins__": {}}, dict(limits))
    return limits


def resident_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        fields = dict(re.findall(r"^(\w+): +(\d+) kB", f.read(), flags=re.M))
    return int(fields["Rss"]), int(fields["Pss"])


def exercise(rig, broker, gateway, operator):
    """A bit of everything an agent meets."""
    for start in range(0, 5000, 500):
        replies = gateway.send_events(events(500, start=start))
        assert len(replies) == 500 and all(r["ok"] for r in replies), replies[-1]
    assert not gateway.send_events(["{\"type\":", "[[[[[[[[[[[[[[", "x" * 6000])[0]["ok"]
    gateway.kill_service()
    await_true("the action mended it", 15, lambda: gateway.service_pid() and [i for i in gateway.incidents() if i["status"] in ("mitigated", "resolved")])
    broker.kill()
    await_true("the link is down", 10, lambda: gateway.result("status")["links"][0]["state"] != "online")
    gateway.send_events([{"type": "data_corruption", "source": "sda", "severity": "critical"}])
    broker.start()
    gateway.await_online()
    await_true("the outbox is empty", 10, lambda: gateway.result("status")["store"]["outbox"] == 0)
    reply = request(broker, "ping", operator.sign("ping"))
    assert reply and reply["ok"], reply
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        gateway.process.popen.send_signal(number)
        time.sleep(0.3)
    await_true("configuration reloaded", 10, lambda: "configuration reloaded" in gateway.process.log())
    incident = gateway.incidents()[0]["incident_id"]
    for cmd, args in (("status", {}), ("memory", {}), ("doctor", {}), ("incidents.list", {"limit": 50}), ("events.list", {"limit": 50}), ("rules.list", {"cost": True}),
                      ("rules.show", {"rule": "process_lost"}), ("incidents.get", {"incident_id": incident, "timeline": True}), ("actions.list", {}), ("approval.list", {}),
                      ("incidents.ack", {"incident_id": incident}), ("dump-state", {}), ("audit.head", {})):
        reply = gateway.ask(cmd, **args)
        assert reply["ok"], (cmd, reply)


def calls_after_seal(log_path, tids):
    """[(call, line)] of those threads behind the agent's last seccomp()."""
    calls, is_sealed = [], False
    with open(log_path) as f:
        for line in f:
            m = re.match(r"(\d+) +(?:<\.\.\. )?(\w+)", line)
            if not m or m.group(1) not in tids:
                continue
            if m.group(2) == "seccomp":
                is_sealed, calls = True, []
            elif is_sealed:
                calls.append((m.group(2), line.strip()))
    assert is_sealed, "the seal was not seen"
    return calls


def test_after_the_seal__no_memory_is_asked_for():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, config="[remote]\ncommands = list\nallow = ping\n")
        operator = Operator(rig, gateway, "alice", "responder")
        gateway.start_service()
        log_path = rig.path("strace.log")
        gateway.start(prefix=("strace", "-D", "-f", "-qq", "-o", log_path, "-e", "trace=brk,mmap,munmap,mremap,madvise,seccomp"))
        gateway.await_online()
        agent = gateway.agent_pid()
        tids = os.listdir(f"/proc/{agent}/task")
        assert len(tids) == 2, f"tick and writer, no others: {tids}"
        exercise(rig, broker, gateway, operator)
        assert gateway.agent_pid() == agent, "the agent was restarted meanwhile"
        assert gateway.stop() == 0
        calls = calls_after_seal(log_path, tids)
        bad = [line for call, line in calls if call in FORBIDDEN]
        assert not bad, bad[:10]
        odd = [line for call, line in calls if call == "madvise" and "MADV_DONTNEED) = 0" not in line]
        assert not odd, odd[:10]
        print(f"# calls after the seal: {len(calls)}, all of them madvise(MADV_DONTNEED)")


def test_resident_memory__both_processes():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port)
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        assert all(r["ok"] for r in gateway.send_events(events(1000)))
        # Text that only the start and the handshake needed is dropped within ten seconds (port/linux/image.c).
        time.sleep(11)
        gateway.send_events(events(20))
        gateway.result("status")
        sums = [resident_kib(pid) for pid in (gateway.process.pid, gateway.agent_pid())]
        rss, pss = (sum(s[i] for s in sums) for i in (0, 1))
        print(f"# resident: supervisor {sums[0][0]} KiB, agent {sums[1][0]} KiB, together {rss} KiB; shared pages counted once {pss} KiB")
        assert rss <= RESIDENT_MAX_KIB, f"{rss} KiB resident, at most {RESIDENT_MAX_KIB}"
        assert gateway.stop() == 0


def test_memory__tables_are_those_of_the_limits():
    wanted = {"event_types": "PK_LIMIT_TYPES", "event_sources": "PK_LIMIT_SOURCES", "foreign_types": "PK_LIMIT_TYPES_FOREIGN", "event_intake": "PK_LIMIT_INTAKE_EVENTS", "event_text_bytes": "PK_LIMIT_TEXT_RING_BYTES",
              "event_history": "PK_LIMIT_EVENT_HISTORY", "loss_ledger": "PK_LIMIT_LEDGER", "rules": "PK_LIMIT_RULES", "windows": "PK_LIMIT_KEYS", "incidents": "PK_LIMIT_INCIDENTS",
              "timeline": "PK_LIMIT_TIMELINE", "actions": "PK_LIMIT_ACTIONS", "action_runs": "PK_LIMIT_RUNS", "action_budgets": "PK_LIMIT_BUDGETS", "outbox_slots": "PK_LIMIT_OUTBOX_SLOTS",
              "command_ids": "PK_LIMIT_REPLAY_JTI", "command_keys": "PK_LIMIT_KEYS_PUBLIC", "batch_bytes": "PK_LIMIT_BATCH_BYTES", "connections": "PK_LIMIT_CONNECTIONS",
              "store_queue_bytes": "PK_LIMIT_STORE_QUEUE_BYTES", "heap_arena_bytes": "PK_LIMIT_ARENA_BYTES", "tls_arena_bytes": "PK_LIMIT_TLS_HEAP_BYTES"}
    limits = profile_limits()
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port)
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        # More sources and types than there is room for: types are refused, sources share a name or make room; the tables say so.
        replies = gateway.send_events([{"type": "x", "source": f"many-{i}"} for i in range(limits["PK_LIMIT_SOURCES"] + 50)])
        replies += gateway.send_events([{"type": f"type-{i}", "source": "cpu"} for i in range(limits["PK_LIMIT_TYPES"] + 50)])
        refused = [r for r in replies if not r["ok"]]
        assert len(refused) >= 50 and {r["error"] for r in refused} == {"full"}, refused[:2]
        memory = gateway.result("memory")
        tables = {t["table"]: t for t in memory["tables"]}
        for table, limit in wanted.items():
            assert tables[table]["capacity"] == limits[limit], (tables[table], limit, limits[limit])
        for t in memory["tables"]:
            assert t["used"] <= t["capacity"] and t["high"] <= t["capacity"], t
        assert tables["foreign_sources"]["drops"] >= 50 and tables["event_sources"]["drops"] == 0 and tables["event_types"]["drops"] >= 50, tables
        for heap in ("heap_arena_bytes", "tls_arena_bytes"):
            assert 0 < tables[heap]["high"] < tables[heap]["capacity"] and tables[heap]["drops"] == 0, tables[heap]
        assert memory["agent_bytes"] <= memory["agent_bytes_max"] == limits["PK_AGENT_RAM_MAX"], memory["agent_bytes"]
        shown = json.loads(gateway.ctl("memory", "--format", "json").stdout)
        assert [t["capacity"] for t in shown["tables"]] == [t["capacity"] for t in memory["tables"]]
        offline = subprocess.run([os.path.join(BUILD, "picketd"), "--memory"], capture_output=True, text=True, check=True).stdout
        for table, limit in wanted.items():
            assert re.search(rf"^{table} +capacity {limits[limit]},", offline, flags=re.M), (table, offline)
        assert gateway.stop() == 0


main(test_after_the_seal__no_memory_is_asked_for, test_resident_memory__both_processes, test_memory__tables_are_those_of_the_limits)
