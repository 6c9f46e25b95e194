#!/usr/bin/env python3
"""The store under everything that happens to flash: full, damaged, half-written, unreadable, of another version, too small. Each time the process
lives, nothing that was visible is lost without being said, and it recovers by itself. ctest: lane=default timeout=180"""
import gzip
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time

from rig import SOURCE, Broker, Gateway, Rig, Subscriber, await_true, free_port, is_alive, main

HURT = "[rule hurt]\non = type = hurt\nwhen = count >= 1 in 10m by source\ntype = data_corruption\nseverity = critical\nclear = never\nkeys = 60\n"


def hurt(sources, text="it hurts"):
    return [{"type": "hurt", "source": s, "severity": "critical", "message": text} for s in sources]


def store_path(gateway):
    return os.path.join(gateway.state, "store.mdb")


def aside(gateway):
    return sorted(f for f in os.listdir(gateway.state) if f.startswith("store.mdb.bad-"))


def ids(gateway):
    return {i["incident_id"] for i in gateway.incidents()}


def store(gateway):
    return gateway.result("status")["store"]


def await_durable(gateway):
    """Everything visible is on the medium: no batch waits."""
    await_true("the store took everything", 10, lambda: store(gateway)["durable"])


def kill_both(gateway):
    """As a power cut, for the processes: the agent dies with its supervisor."""
    agent = gateway.agent_pid()
    gateway.process.stop(signal.SIGKILL)
    try:
        os.kill(agent, signal.SIGKILL)
    except ProcessLookupError:
        pass
    await_true("the agent is gone", 5, lambda: not is_alive(agent))


# -- no room --


def mount_small(rig, gateway, size="6M"):
    image = rig.path("small.img")
    subprocess.run(["truncate", "-s", size, image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image], check=True)
    os.makedirs(gateway.state)
    subprocess.run(["mount", "-o", "loop", image, gateway.state], check=True)
    # Cleanups run in reverse order and before the processes end: lazily, then.
    rig.cleanups.append(lambda: subprocess.run(["umount", "-l", gateway.state]))


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass


ACTING = "".join(f"[rule {name}]\non = type = {name}\nwhen = count >= 1 in 10m by source\ntype = {kind}\nseverity = high\nclear = never\nkeys = 8\nactions = {name}\nauto = yes\n"
                 for name, kind in (("clean", "disk_space_low"), ("slow", "cache_failure")))


def acting_gateway(rig, broker, filler):
    """The demo service, and two actions more: one that cures the disk, and one that takes its time."""
    gateway = Gateway(rig, broker.port, rules=HURT + ACTING)
    actions = gateway.restart_action()
    for name, script in (("clean", f"echo $$ >> {rig.path('cleaned')}; rm {filler}"), ("slow", f"echo $$ >> {rig.path('begun')}; sleep 30")):
        path = rig.write(f"{name}.sh", f"#!/bin/sh\n{script}\n", 0o755)
        actions += f"[action {name}]\nrisk = low\nargv = {path}\ntimeout = 60s\ncooldown = 1s\nper_hour = 60\n"
    rig.write("gateway/etc/actions.conf", actions)
    return gateway


def lines(path):
    try:
        with open(path) as f:
            return len(f.readlines())
    except FileNotFoundError:
        return 0


def is_full(gateway):
    vfs = os.statvfs(gateway.state)
    return vfs.f_bavail * vfs.f_frsize < 64 << 10


def test_full_disk__acts_once__counts__and_recovers():
    with Rig() as rig:
        broker = Broker(rig).start()
        filler = rig.path("gateway", "state", "supervisor", "filler")
        gateway = acting_gateway(rig, broker, filler)
        mount_small(rig, gateway)
        gateway.start_service()
        gateway.start()
        gateway.await_online()
        subscriber = Subscriber(rig, broker)
        await_durable(gateway)
        assert store(gateway)["state"] == "ok"
        fill(filler)
        # A fault that comes now is acted on: the intent finds room that was set aside.
        first = gateway.service_pid()
        gateway.kill_service()
        await_true("the service is restarted on a full disk", 10, lambda: gateway.service_pid() not in (0, first))
        assert is_full(gateway)
        # So much more, and the store says that it can grow no more: an incident itself.
        assert all(r["ok"] for r in gateway.send_events(hurt([f"early{i}" for i in range(25)], "x" * 200)))
        await_true("our own trouble is an incident", 10, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self"])
        s = store(gateway)
        assert s["state"] == "no_space" and s["failed_commits"] == 0, s
        acted = await_true("what was acted on is reported", 10, lambda: {i["incident_id"] for _, i in subscriber.incidents() if i["incident_type"] == "service_down"})
        # kill -9 in the middle of an action: its intent is on the full disk, and so is its incident.
        gateway.send_events([{"type": "slow", "source": "cache", "severity": "high"}])
        await_true("it began", 10, lambda: lines(rig.path("begun")) == 1)
        (slow,) = [i for i in gateway.incidents() if i["incident_type"] == "cache_failure"]
        kill_both(gateway)
        gateway.start()
        assert is_full(gateway)
        assert acted | {slow["incident_id"]} <= ids(gateway), (acted, slow, ids(gateway))
        gateway.send_events([{"type": "slow", "source": "cache", "severity": "high"}])  # a device that says it again
        time.sleep(3)
        assert lines(rig.path("begun")) == 1, "it ran twice"
        (slow,) = [i for i in gateway.incidents() if i["incident_type"] == "cache_failure"]
        actions = gateway.incident(slow["incident_id"])["incident"]["actions"]
        assert [a["state"] for a in actions] == ["unknown"], actions
        # Detection goes on in memory, and what only adds does not take the room that acting needs.
        gateway.await_online()
        ticks = gateway.result("status")["ticks"]
        assert all(r["ok"] for r in gateway.send_events(hurt([f"late{i}" for i in range(15)], "x" * 200)))
        late = lambda incidents: {i["incident_id"] for i in incidents if " on late" in i["title"]}
        await_true("all are detected", 5, lambda: len(late(gateway.incidents())) == 15)
        used = store(gateway)["used_bytes"]
        time.sleep(2)
        s = store(gateway)
        assert s["state"] == "no_space" and not s["durable"] and s["used_bytes"] <= used + (64 << 10), (used, s)
        assert not late(i for _, i in subscriber.incidents()), "said before it is durable"
        assert gateway.result("status")["ticks"] > ticks
        found = [f for f in gateway.result("doctor")["findings"] if f["check"] == "store"]
        assert found[0]["verdict"] == "error" and "full" in found[0]["what"], found
        assert "the disk is full" in gateway.process.log()
        second = gateway.service_pid()
        gateway.kill_service()
        await_true("the service is restarted once more", 10, lambda: gateway.service_pid() not in (0, second))
        assert is_full(gateway)
        visible = ids(gateway)
        assert late(gateway.incidents()) <= visible
        # And the action that cures the disk runs while it is full.
        gateway.send_events([{"type": "clean", "source": "logs", "severity": "high"}])
        await_true("the disk is cleaned", 10, lambda: not os.path.exists(filler))
        await_true("the store works again", 8, lambda: store(gateway)["state"] == "ok")
        await_true("everything is reported", 10, lambda: visible <= {i["incident_id"] for _, i in subscriber.incidents()})
        await_true("our own incident ends", 20, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self" and i["status"] in ("mitigated", "resolved")])
        assert "the store can be written again" in gateway.process.log()
        await_durable(gateway)
        visible = ids(gateway)
        kill_both(gateway)
        gateway.start()
        assert visible <= ids(gateway), visible - ids(gateway)
        assert (lines(rig.path("cleaned")), lines(rig.path("begun"))) == (1, 1)
        assert not aside(gateway)
        audit = gateway.ctl("audit", "verify")
        assert audit.returncode == 0, audit
        assert gateway.stop() == 0


def test_free_space_floor__the_store_leaves_room_to_others():
    with Rig() as rig:
        gateway = Gateway(rig, rules=HURT, actions="", config="[store]\nkeep_free = 3M\n")
        mount_small(rig, gateway, "12M")
        gateway.start()
        await_durable(gateway)
        filler = os.path.join(gateway.state, "supervisor", "filler")
        vfs = os.statvfs(gateway.state)
        with open(filler, "wb") as f:  # two thirds of what is to stay free
            f.write(b"x" * (vfs.f_bavail * vfs.f_frsize - (2 << 20)))
        n = 0

        def press():
            nonlocal n
            n += 20
            gateway.send_events(hurt([f"unit{i}" for i in range(n - 20, n)], "x" * 200))
            return store(gateway)["state"] == "no_space"
        await_true("it stops growing", 20, lambda: press() or time.sleep(0.2))
        vfs = os.statvfs(gateway.state)
        assert vfs.f_bavail * vfs.f_frsize > 3 << 19, "it grew into what was to stay free"
        seen = len(gateway.incidents())
        gateway.send_events(hurt(["later"]))
        await_true("it still detects", 5, lambda: len(gateway.incidents()) > seen or seen == 50)
        os.unlink(filler)
        await_true("the store works again", 8, lambda: store(gateway)["state"] == "ok")
        await_durable(gateway)
        visible = ids(gateway)
        kill_both(gateway)
        gateway.start()
        assert visible <= ids(gateway), visible - ids(gateway)
        assert gateway.stop() == 0


def test_map_full_offline__critical_stays():
    churn = ("[rule churn]\non = type = churn\nwhen = count >= 1 in 1s by data.job\ntype = cache_failure\nseverity = low\nclear = count < 1 in 1s\nkeys = 60\n"
             f"title = A cache whose name is long fails\nactions = {', '.join('a-quite-long-name-of-action-' + str(i) for i in range(4))}\n")
    with Rig() as rig:
        port = free_port()
        broker = Broker(rig, port=port)
        gateway = Gateway(rig, port, rules=HURT + churn, config="[store]\nmap = 1M\njournal_keep = 500\n", actions="")
        gateway.start_service()
        gateway.start()
        gateway.send_events(hurt(["press-1", "press-2"]))
        critical = await_true("the critical incidents", 5, lambda: {i["incident_id"] for i in gateway.incidents() if i["severity"] == "critical"} if len(gateway.incidents()) == 2 else None)
        losses = lambda: {t["table"]: t["drops"] for t in gateway.result("memory")["tables"]}["outbox_slots"]
        round_number = 0

        def more():
            nonlocal round_number
            round_number += 1
            gateway.send_events([{"type": "churn", "source": "mill", "severity": "low", "message": "y" * 240, "metadata": {"job": f"{round_number}-{i}-" + "j" * 48}} for i in range(30)])
            s = store(gateway)
            assert s["used_bytes"] <= s["map_bytes"], s
            return losses() > 20
        await_true("the oldest of low severity are dropped, and counted", 45, lambda: more() or time.sleep(0.4))
        assert critical <= ids(gateway)
        s = store(gateway)
        assert s["state"] == "ok", s
        # Still taken in, still stored, also what comes now.
        gateway.send_events(hurt(["press-3"]))
        critical |= {i["incident_id"] for i in await_true("a further critical one", 5, lambda: [i for i in gateway.incidents(severity="critical") if i["component"] == "press-3"])}
        await_durable(gateway)
        kill_both(gateway)
        gateway.start()
        assert critical <= ids(gateway), critical - ids(gateway)
        broker.start()
        subscriber = Subscriber(rig, broker)
        await_true("critical ones arrive", 20, lambda: critical <= {i["incident_id"] for _, i in subscriber.incidents()})
        await_true("the backlog is drained", 30, lambda: store(gateway)["outbox"] == 0)
        assert store(gateway)["used_bytes"] < 700_000, store(gateway)
        assert gateway.stop() == 0


# -- damage --


def truncated_whole_pages(path):
    os.truncate(path, os.path.getsize(path) // 8192 * 4096)


def truncated_within_a_page(path):
    """The last page that is looked at without the thorough check: a root of the newest state. What lies behind it may be free, and no loss."""
    with open(path, "rb") as f:
        metas = [f.read(4096) for _ in range(2)]
    newest = max(metas, key=lambda m: struct.unpack_from("<Q", m, 16 + 24 + 2 * 48 + 8))  # mm_txnid
    roots = [struct.unpack_from("<Q", newest, 16 + 24 + tree * 48 + 40)[0] for tree in range(2)]  # mm_dbs[].md_root
    os.truncate(path, (max(r for r in roots if r != 2**64 - 1) + 1) * 4096 - 1000)


def emptied(path):
    os.truncate(path, 0)


def half_written(path):
    """The file's length is there, the later pages never came."""
    size = os.path.getsize(path)
    os.truncate(path, size // 2)
    os.truncate(path, size)


def rubbish(path):
    with open(path, "r+b") as f:
        f.write(random.Random(7).randbytes(8192))


def unreadable(path):
    os.chown(path, 0, 0)
    os.chmod(path, 0o000)


def folder(path):
    os.unlink(path)
    os.mkdir(path)


def other_page_size(path):
    """Written where pages have 16 KiB: the number stands in both meta pages (mm_dbs[0].md_pad)."""
    with open(path, "r+b") as f:
        for page in (0, 4096):
            f.seek(page + 16 + 24)
            assert struct.unpack("<I", f.read(4))[0] == 4096
            f.seek(page + 16 + 24)
            f.write(struct.pack("<I", 16384))


def make_store(rig, gateway, count=30):
    """A store with incidents in it, its processes gone; the ids."""
    gateway.start()
    gateway.send_events(hurt([f"unit{i}" for i in range(count)]))
    await_true("incidents", 5, lambda: len(gateway.incidents()) == count)
    await_durable(gateway)
    known = ids(gateway)
    kill_both(gateway)
    return known


def test_damage__is_moved_aside_and_said():
    with Rig() as rig:
        gateway = Gateway(rig, rules=HURT, config="[sources]\ndisk = 0\nprocess = 0\n")
        known = make_store(rig, gateway)
        good = rig.path("good.mdb")
        shutil.copy2(store_path(gateway), good)
        shutil.chown(good, "nobody", "nogroup")
        boot = 0
        for damage in (truncated_whole_pages, truncated_within_a_page, emptied, half_written, rubbish, unreadable, folder, other_page_size):
            for was_clean in (False, True):
                name = f"{damage.__name__}, after {'an orderly stop' if was_clean else 'a crash'}"
                if was_clean:  # the supervisor then starts the agent without the thorough check
                    gateway.start()
                    assert gateway.stop() == 0
                path = store_path(gateway)
                if os.path.isdir(path):
                    os.rmdir(path)
                shutil.copy2(good, path)
                shutil.chown(path, "nobody", "nogroup")
                for f in aside(gateway):
                    old = os.path.join(gateway.state, f)
                    os.rmdir(old) if os.path.isdir(old) else os.unlink(old)
                damage(path)
                gateway.start()
                if damage is emptied and not aside(gateway):
                    pass  # nothing in it: a new store, nothing to keep
                else:
                    assert len(aside(gateway)) == 1, (name, os.listdir(gateway.state), gateway.process.log())
                    await_true(f"an incident about it: {name}", 3, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self" and i["severity"] == "high"])
                now = gateway.result("ping")["boot"]
                assert now > boot, f"{name}: the boot epoch went from {boot} to {now}"
                boot = now
                gateway.send_events(hurt(["fresh"]))
                fresh = await_true(f"service goes on: {name}", 5, lambda: [i for i in gateway.incidents() if i["component"] == "fresh"])
                assert fresh[0]["incident_id"] not in known
                await_durable(gateway)
                kill_both(gateway)
        gateway.start()
        assert [i for i in gateway.incidents() if i["component"] == "fresh"], "the new store keeps"
        assert gateway.stop() == 0


def test_bit_flips__fifty_rounds():
    rng = random.Random(2)
    with Rig() as rig:
        gateway = Gateway(rig, rules=HURT, config="[sources]\ndisk = 0\nprocess = 0\n")
        known = make_store(rig, gateway)
        with open(store_path(gateway), "rb") as f:
            good = f.read()
        moved = 0
        for round_number in range(50):
            bad = bytearray(good)
            flips = [rng.randrange(len(bad) * 8) for _ in range(rng.choice((1, 1, 2, 8)))]
            for bit in flips:
                bad[bit // 8] ^= 1 << bit % 8
            for f in aside(gateway):
                os.unlink(os.path.join(gateway.state, f))
            with open(store_path(gateway), "wb") as f:
                f.write(bad)
            gateway.start()
            name = f"round {round_number}, bits {flips}"
            there = ids(gateway)
            if aside(gateway):
                moved += 1
                with open(os.path.join(gateway.state, aside(gateway)[0]), "rb") as f:
                    assert len(f.read()) == len(bad), name
                await_true(f"an incident about it: {name}", 3, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self"])
            else:
                assert known <= there, f"{name}: lost without a word: {known - there}"
            kill_both(gateway)
            gateway.rig.processes.remove(gateway.process)
        print(f"# {moved} of 50 moved aside, the others were in bytes nobody reads")
        assert moved > 10


def test_records_that_cannot_be_read__hold_as_the_limits_they_may_have_been():
    """A counter of starts and a switch that is off, one bit of each flipped while the store is sound. After an orderly stop the agent itself finds
    them; after a crash the check moves the store aside, and the counters are gone with it."""
    rules = HURT + "actions = mend\nauto = yes\n"
    with Rig() as rig:
        mended = rig.path("mended")
        os.mkdir(mended, 0o777)
        gateway = Gateway(rig, rules=rules, config="[sources]\ndisk = 0\nprocess = 0\n",
                          actions=f"[action mend]\nrisk = low\nargv = /usr/bin/mktemp -p {mended}\ncooldown = 0\nper_hour = 60\nverify = clear\nverify_within = 1s\n")

        def is_tried(source, state):
            found = [gateway.incident(i["incident_id"])["incident"]["actions"] for i in gateway.incidents() if i["component"] == source]
            return [a for a in found[0] if a["action"] == "mend" and a["state"] == state] if found else []

        def flip(pattern):
            with open(store_path(gateway), "r+b") as f:
                data = bytearray(f.read())
                found = [m.end() for m in re.finditer(pattern + rb"\x02\x01\0\0.{4}", bytes(data), re.DOTALL)]
                assert found, pattern
                for at in found:
                    data[at + 10] ^= 0x10
                f.seek(0)
                f.write(data)

        gateway.start()
        gateway.send_events(hurt(["first"]))
        await_true("it is mended", 10, lambda: is_tried("first", "failed"))
        assert gateway.ask("switches.set", switch="auto_rollback", on="off", reason="by hand")["ok"]
        await_durable(gateway)
        assert len(os.listdir(mended)) == 1 and gateway.stop() == 0
        flip(rb"b.{8}")
        flip(rb"w.")
        gateway.start()
        assert not aside(gateway) and store(gateway)["bad_values"] >= 2, store(gateway)  # each time it is read
        assert "action budgets count as spent for an hour" in gateway.process.log(), gateway.process.log()
        assert "stored records cannot be read" in gateway.ctl("doctor").stdout
        told = await_true("an incident about it", 5, lambda: [i for i in gateway.incidents() if i["incident_type"] == "self" and i["severity"] == "critical"])
        assert "count as spent" in str(gateway.incident(told[0]["incident_id"], timeline=True)), told
        assert gateway.result("status")["switches"]["auto_rollback"] is False, gateway.result("status")["switches"]
        gateway.send_events(hurt(["second"]))
        refused = await_true("no action", 10, lambda: is_tried("second", "refused"))
        assert "budget is spent" in refused[0]["result"], refused
        assert gateway.stop() == 0
        # A new state: here it is the whole store that is lost.
        shutil.rmtree(gateway.state)
        gateway.start()
        gateway.send_events(hurt(["third"]))
        await_true("it is mended", 10, lambda: is_tried("third", "failed"))
        await_durable(gateway)
        kill_both(gateway)
        flip(rb"b.{8}")
        gateway.start()
        assert len(aside(gateway)) == 1, os.listdir(gateway.state)
        gateway.send_events(hurt(["fourth"]))
        refused = await_true("no action", 10, lambda: is_tried("fourth", "refused"))
        assert "budget is spent" in refused[0]["result"], refused
        assert len(os.listdir(mended)) == 2, os.listdir(mended)


# -- another version --


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_later_schema__refused_clearly_and_left_alone():
    with Rig() as rig:
        gateway = Gateway(rig, config="[sources]\nprocess = 0\n")
        make_store(rig, gateway, 0)
        with open(store_path(gateway), "rb") as f:
            data = bytearray(f.read())
        # u8 kind, u8 version, u16 0, u32 CRC over kind, version, key and value; then the value (port/lmdb/pk_lmdb.h)
        found = 0
        for m in re.finditer(rb"schema(?=\x02\x01\0\0)", bytes(data)):
            at = m.end()
            data[at + 8:at + 12] = struct.pack("<I", 99)
            data[at + 4:at + 8] = struct.pack("<I", crc32c(bytes(data[at:at + 2]) + b"schema" + bytes(data[at + 8:at + 12])))
            found += 1
        assert found, "no schema record"
        for _ in range(2):
            with open(store_path(gateway), "wb") as f:
                f.write(data)
            gateway.start(wait=False)
            assert gateway.process.popen.wait(10) == 78, gateway.process.log()
            assert "later version" in gateway.process.log(), gateway.process.log()
            assert not aside(gateway)
            with open(store_path(gateway), "rb") as f:
                assert f.read() == data, "it was changed"


def schemas_in(path):
    """Every value the file holds under `schema`, pages that are no longer in use among them."""
    with open(path, "rb") as f:
        return {struct.unpack("<I", m.group(1))[0] for m in re.finditer(rb"schema\x02\x01\0\0.{4}(.{4})", f.read(), re.DOTALL)}


def test_schema_1__a_store_of_that_time_is_taken_over_whole():
    data = os.path.join(SOURCE, "tests", "data", "store")
    with open(os.path.join(data, "schema-1.json")) as f:
        said = json.load(f)
    ache = "[rule ache]\non = type = ache\nwhen = count >= 1 in 1s by source\ntype = custom\nseverity = low\nclear = count < 1 in 1s\nkeys = 32\n"
    rules = HURT.replace("type = hurt", "type = pain").replace("keys = 60", "keys = 32") + ache
    with Rig() as rig:
        broker = Broker(rig).start()
        subscriber = Subscriber(rig, broker)
        gateway = Gateway(rig, broker.port, rules=rules, actions="",
                          config="[sources]\nprocess = 0\n[store]\nmap = 1M\n[incidents]\nassess = 0\nrecover = 0\nkeep = 3650d\n")
        os.makedirs(gateway.state)
        with gzip.open(os.path.join(data, "schema-1.mdb.gz"), "rb") as old, open(store_path(gateway), "wb") as new:
            shutil.copyfileobj(old, new)
        os.chmod(store_path(gateway), 0o600)
        shutil.chown(store_path(gateway), "nobody", "nogroup")
        assert schemas_in(store_path(gateway)) == {1}

        def is_whole():
            for was in said["incidents"]:
                now = gateway.incident(was["incident_id"])["incident"]
                assert {k: now[k] for k in was if k != "rev"} == {k: v for k, v in was.items() if k != "rev"}, now
                assert now["rev"] >= was["rev"], now  # that picketd was started again is a revision of its own
            chain = [json.loads(line) for line in gateway.ctl("audit", "export").stdout.splitlines()[1:]]
            entry = chain[said["audit"]["n"] - 1]
            assert (entry["n"], entry["hash"], entry["entry"]["text"]) == tuple(said["audit"].values()), entry
            verified = gateway.ctl("audit", "verify", "--format", "json")
            assert verified.returncode == 0 and json.loads(verified.stdout)["entries"] >= len(chain) > said["audit"]["n"], verified.stderr
            assert not aside(gateway), gateway.process.log()

        gateway.start()
        is_whole()
        await_true("what waited is heard", 10, lambda: store(gateway)["outbox"] == 0)
        hear = lambda: {i["incident_id"]: i for _, i in subscriber.incidents()}
        await_true("all of them", 10, lambda: {was["incident_id"] for was in said["incidents"]} <= set(hear()))
        heard = hear()
        for was in said["incidents"]:
            now = heard[was["incident_id"]]
            assert now["rev"] >= was["rev"] and (now["status"], now["title"]) == (was["status"], was["title"]), now
            assert now["replayed"], now
        assert store(gateway)["outbox_sent"] >= said["outbox"]
        # It is a store of today's now: a new incident, a kill, and all of it once more.
        gateway.send_events([{"type": "pain", "source": "later", "severity": "critical"}])
        await_true("a new one beside them", 5, lambda: len(gateway.incidents()) == len(said["incidents"]) + 1)
        await_durable(gateway)
        assert 2 in schemas_in(store_path(gateway))
        kill_both(gateway)
        gateway.start()
        is_whole()
        assert gateway.stop() == 0


# -- a meta page that cannot be written: LMDB gives up, and only another process opens the store anew --

META_BYTES = 136  # what LMDB writes of a meta page (mdb_env_write_meta), data pages are whole


def fail_write(rig, gateway, number):
    """The agent's write of this number from now on fails, once. Whether it was one of a meta page; None: there were not so many."""
    path = rig.path("strace.txt")
    if os.path.exists(path):
        os.unlink(path)
    tracer = subprocess.Popen(["strace", "-f", "-p", str(gateway.agent_pid()), "-e", "trace=pwrite64", "-e", f"inject=pwrite64:error=EIO:when={number}", "-o", path],
                              stderr=subprocess.DEVNULL)
    rig.cleanups.append(tracer.kill)
    await_true("strace is there", 10, lambda: os.path.exists(path))
    time.sleep(0.3)
    gateway.send_events(hurt([f"write{number}"]))
    end = time.time() + 1.5
    found = None
    while found is None and time.time() < end:
        time.sleep(0.05)
        with open(path) as f:
            found = re.search(r", (\d+), \d+\) += -1 EIO", f.read())
    tracer.terminate()
    tracer.wait()
    return int(found[1]) < META_BYTES + 8 if found else None


def test_meta_page_that_cannot_be_written__starts_again_and_goes_on():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=HURT).start()
        gateway.await_online()
        subscriber = Subscriber(rig, broker)
        await_durable(gateway)
        before = gateway.agent_pid()
        for number in range(1, 30):
            if fail_write(rig, gateway, number % 10 + 1):
                break
        else:
            raise AssertionError("no write of a meta page was hit")
        await_true("another agent is there", 10, lambda: gateway.agent_pid() not in (0, before))
        log = gateway.process.log()
        assert "the store's file could not be written; starting again" in log and "the agent ended with 74" in log, log
        await_true("it answers", 10, gateway.is_up)
        (restart,) = await_true("it says why", 10, lambda: [i for i in gateway.incidents() if i["incident_type"] == "unexpected_restart"])
        assert "store: its file could not be written" in json.dumps(gateway.incident(restart["incident_id"], timeline=True))
        gateway.send_events(hurt(["after"]))
        await_true("it reports again", 15, lambda: {restart["incident_id"]} < {i["incident_id"] for _, i in subscriber.incidents()}
                   and any("after" in json.dumps(i) for _, i in subscriber.incidents()))
        await_durable(gateway)
        assert not aside(gateway) and gateway.stop() == 0


main(test_meta_page_that_cannot_be_written__starts_again_and_goes_on, test_full_disk__acts_once__counts__and_recovers, test_free_space_floor__the_store_leaves_room_to_others, test_map_full_offline__critical_stays, test_damage__is_moved_aside_and_said, test_bit_flips__fifty_rounds,
     test_schema_1__a_store_of_that_time_is_taken_over_whole, test_records_that_cannot_be_read__hold_as_the_limits_they_may_have_been,
     test_later_schema__refused_clearly_and_left_alone)
