#!/usr/bin/env python3
"""Text from outside, through the real supervisor and the sealed agent: logs that are rotated, cut and deleted, syslog and statsd sockets, the kernel's
log, the journal. What cannot be read is a fault, and recovers by itself. ctest: lane=default timeout=180"""
import json
import os
import signal
import socket
import time

from rig import Gateway, Rig, await_true, main

QUIET = "[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"


def stamp():
    return time.strftime("%b %e %H:%M:%S", time.gmtime())


def failed(ip, user="root"):
    return f"{stamp()} gw sshd[99]: Failed password for {user} from {ip} port 4242 ssh2\n"


def append(path, text):
    with open(path, "ab") as f:
        f.write(text if isinstance(text, bytes) else text.encode())


def events(gateway, **filters):
    return gateway.result("events.list", limit=200, **filters)["events"]


def inlet(gateway, name):
    """What its source said last: 1 = up, None = fault, "" = nothing yet."""
    found = events(gateway, source=name, type="source_up")
    return found[0].get("value") if found else ""


def active(gateway, rule, component=None):
    out = []
    for i in gateway.incidents(status="active"):
        full = gateway.incident(i["incident_id"])["incident"]
        if full["rule_id"] == rule and (component is None or component in full["affected_components"]):
            out.append(full)
    return out


def start(rig, config, **kw):
    gateway = Gateway(rig, actions="", config=QUIET + config, **kw)
    gateway.start_service()
    return gateway.start()


def test_brute_force_in_a_rotated_file__opens_a_security_incident():
    with Rig() as rig:
        log = rig.write("auth.log", failed("203.0.113.1") * 20)
        gateway = start(rig, f"[log auth]\npath = {log}\n")
        await_true("the log is read", 5, lambda: inlet(gateway, "log:auth") == 1)
        time.sleep(1.1)
        assert not events(gateway, type="auth_failed"), "what stood there before was read"
        append(log, failed("203.0.113.7") * 4)
        os.rename(log, log + ".1")
        append(log + ".1", failed("203.0.113.7"))  # its writer still has it
        with open(log, "w") as f:
            f.write(failed("203.0.113.7") * 4)
        await_true("both files were read", 8, lambda: len(events(gateway, source="203.0.113.7")) == 9)
        assert not active(gateway, "security_incident"), "nine of ten"
        append(log, failed("203.0.113.7"))
        found = await_true("the tenth opens the incident", 5, lambda: active(gateway, "security_incident", "203.0.113.7"))[0]
        assert found["severity"] == "critical" and found["event_count"] == 10, found
        got = events(gateway, source="203.0.113.7")[0]
        assert got["type"] == "auth_failed" and got["metadata"]["user"] == "root" and got["metadata"]["program"] == "sshd", got
        assert gateway.stop() == 0


def test_log__emptied_half_written_long_odd_and_deleted():
    with Rig() as rig:
        log = rig.path("app.log")
        gateway = start(rig, f"[log app]\npath = {log}\n[log never]\npath = {rig.path('no')}/x.log\n")
        await_true("a log that is not there is a fault", 9, lambda: inlet(gateway, "log:app") is None and inlet(gateway, "log:never") is None)
        append(log, failed("198.51.100.1"))  # it appears later: read from its beginning
        await_true("it is read", 5, lambda: len(events(gateway, source="198.51.100.1")) == 1)
        assert inlet(gateway, "log:app") == 1 and inlet(gateway, "log:never") is None
        half = failed("198.51.100.2")
        append(log, half[:30])
        time.sleep(1.3)
        append(log, half[30:])
        await_true("a line that came in two parts", 4, lambda: len(events(gateway, source="198.51.100.2")) == 1)
        append(log, b"x" * (1 << 20) + b"\n" + b"\0\0\0" + failed("198.51.100.3").encode() + b"\xff\xfe bad \x00 bytes\n" + failed("198.51.100.4").encode())
        await_true("behind 1 MB without an end, NUL bytes and bytes that are no UTF-8", 4, lambda: events(gateway, source="198.51.100.3") and events(gateway, source="198.51.100.4"))
        with open(log, "w") as f:  # as copytruncate
            f.write(failed("198.51.100.5"))
        await_true("it was emptied and written again", 4, lambda: len(events(gateway, source="198.51.100.5")) == 1)
        os.unlink(log)
        await_true("it is gone for long", 9, lambda: inlet(gateway, "log:app") is None)
        append(log, failed("198.51.100.6"))
        await_true("and back", 4, lambda: len(events(gateway, source="198.51.100.6")) == 1 and inlet(gateway, "log:app") == 1)
        os.unlink(log)
        os.symlink("/etc/shadow", log)
        await_true("a link is no log", 9, lambda: inlet(gateway, "log:app") is None)
        assert len(events(gateway, type="auth_failed")) == 6
        assert gateway.stop() == 0


def test_log__many_rotations_and_an_agent_that_dies():
    with Rig() as rig:
        log = rig.write("app.log", "")
        gateway = start(rig, f"[log app]\npath = {log}\n")
        await_true("the log is read", 5, lambda: inlet(gateway, "log:app") == 1)
        written = 0
        for n in range(6):  # a new file in each second, each with as many lines
            append(log, failed(f"192.0.2.{n}") * 5)
            written += 5
            time.sleep(1.1)
            os.rename(log, f"{log}.{n}")
            append(log, failed(f"192.0.2.{n}"))
            written += 1
        await_true("nothing of six files is lost", 15, lambda: len(events(gateway, type="auth_failed")) == written)
        # The descriptor and how far it was read stay with the supervisor.
        pid = gateway.agent_pid()
        os.kill(pid, 9)
        append(log, failed("192.0.2.99") * 3)
        await_true("another agent goes on where the first stopped", 20, lambda: gateway.agent_pid() not in (0, pid) and gateway.is_up() and len(events(gateway, source="192.0.2.99")) == 3)
        assert len(events(gateway, type="auth_failed")) == 3
        assert gateway.stop() == 0


def rotate(log, keep):
    """As logrotate: what falls off the end is deleted."""
    for n in range(keep, 0, -1):
        if os.path.exists(f"{log}.{n}"):
            os.rename(f"{log}.{n}", f"{log}.{n + 1}") if n < keep else os.unlink(f"{log}.{n}")
    os.rename(log, log + ".1")


def test_log__rotations_faster_than_looks__are_read_or_counted():
    with Rig() as rig:
        log = rig.write("app.log", "")
        gateway = start(rig, f"[log app]\npath = {log}\n")
        await_true("the log is read", 5, lambda: inlet(gateway, "log:app") == 1)
        count = lambda n: len(events(gateway, source=f"192.0.2.{n}"))
        skipped = lambda: counts(gateway, "log:app")["skipped_files"]

        def rotations(numbers, keep, late=""):  # between two looks of the supervisor
            os.kill(gateway.process.pid, signal.SIGSTOP)
            for n in numbers:
                time.sleep(0.05)  # the clock of the file system is a coarse one
                rotate(log, keep)
                append(log, failed(f"192.0.2.{n}") * 3)
            if late:
                append(f"{log}.{len(numbers)}", late)  # its writer still has it
            os.kill(gateway.process.pid, signal.SIGCONT)

        append(log, failed("192.0.2.1"))
        await_true("a line", 4, lambda: count(1) == 1)
        rotations((2, 3, 4, 5), 9, failed("192.0.2.1"))
        await_true("each of four", 8, lambda: [count(n) for n in (1, 2, 3, 4, 5)] == [2, 3, 3, 3, 3])
        order = [e["source"] for e in reversed(events(gateway, type="auth_failed")) if e["source"] != "192.0.2.1"]
        assert order == [f"192.0.2.{n}" for n in (2, 3, 4, 5) for _ in range(3)], order
        assert skipped() == 0
        rotations((11, 12, 13, 14, 15, 16), 9)
        await_true("the newest of more than wait for the agent", 8, lambda: [count(n) for n in (13, 14, 15, 16)] == [3, 3, 3, 3])
        assert count(11) == count(12) == 0
        assert skipped() == 2, skipped()
        rotations((21, 22, 23), 2)  # what it read is gone
        await_true("those that are there", 8, lambda: [count(n) for n in (21, 22, 23)] == [3, 3, 3])
        assert skipped() == 3, "nobody knows what else there was"
        rotations((31, 32, 33, 34, 35), 2)  # two of five are deleted before anybody looks
        await_true("those that are there", 8, lambda: [count(n) for n in (33, 34, 35)] == [3, 3, 3])
        assert count(31) == count(32) == 0 and skipped() == 4, "one stands for as many as there were, none above and two here"
        os.rename(log, log + "-20261121")  # no such number: nothing was between
        append(log, failed("192.0.2.41"))
        await_true("and it goes on", 5, lambda: count(41) == 1)
        time.sleep(1.2)
        assert skipped() == 4 and counts(gateway, "log:app")["lines"] == 2 + 12 + 12 + 9 + 9 + 1, counts(gateway, "log:app")
        assert gateway.stop() == 0


def test_log__rotated_while_the_agent_dies__the_rest_is_read():
    with Rig() as rig:
        log = rig.write("auth.log", failed("192.0.2.1"))
        gateway = start(rig, f"[log auth]\npath = {log}\n")
        await_true("the log is read", 5, lambda: inlet(gateway, "log:auth") == 1)
        append(log, failed("192.0.2.2"))
        await_true("a line", 4, lambda: len(events(gateway, source="192.0.2.2")) == 1)
        agent = gateway.agent_pid()
        os.kill(agent, 19)  # it reads nothing any more
        opened = lambda: [os.readlink(f"/proc/{gateway.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{gateway.process.pid}/fd")]
        for n in (3, 4):
            append(log, failed(f"192.0.2.{n}") * 3)
            os.rename(log, f"{log}.{n}.old")  # none of them is PATH.1
            append(log, failed(f"192.0.2.{n + 2}") * 2)
            await_true("the supervisor sees each", 10, lambda: log in opened())
        os.kill(agent, 9)
        await_true("another agent", 10, lambda: gateway.agent_pid() not in (0, agent))
        count = lambda n: len(events(gateway, source=f"192.0.2.{n}"))
        await_true("what all three files had", 15, lambda: (count(3), count(4), count(5), count(6)) == (3, 3, 2, 2))
        append(log, failed("192.0.2.7"))
        await_true("and it goes on", 5, lambda: count(7) == 1)
        time.sleep(1.2)
        assert (count(1), count(3), count(4), count(5), count(6)) == (0, 3, 3, 2, 2), "read twice"
        await_true("renamed files are let go", 10, lambda: not [l for l in opened() if ".old" in l])
        assert gateway.stop() == 0


def test_log__emptied_and_longer_within_a_second__is_read_from_its_beginning():
    with Rig() as rig:
        log = rig.write("auth.log", "")
        gateway = start(rig, f"[log auth]\npath = {log}\n")
        await_true("the log is read", 5, lambda: inlet(gateway, "log:auth") == 1)
        append(log, failed("192.0.2.1"))
        await_true("a line", 4, lambda: len(events(gateway, source="192.0.2.1")) == 1)
        with open(log, "r+") as f:  # as copytruncate does, and its writer goes on at once
            f.truncate(0)
        append(log, failed("192.0.2.2") * 5)
        await_true("all of it", 4, lambda: len(events(gateway, source="192.0.2.2")) == 5)
        assert gateway.result("sources.get", source="log:auth")["inlet"]["truncated"] == 1
        assert gateway.stop() == 0


def test_log__clock_jumps_in_its_timestamps():
    with Rig() as rig:
        log = rig.write("app.log", "")
        gateway = start(rig, f"[log app]\npath = {log}\n")
        await_true("the log is read", 5, lambda: inlet(gateway, "log:app") == 1)
        text = "sshd[99]: Failed password for root from 192.0.2.9 port 1 ssh2"
        at = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        append(log, f"{at(-86400)} gw {text}\n" * 12 + f"{at(86400)} gw {text}\n" * 3 + f"{at(0)} gw {text}\n" * 3)
        await_true("all of them", 4, lambda: len(events(gateway, source="192.0.2.9")) == 18)
        assert sum(1 for e in events(gateway, source="192.0.2.9") if e.get("replayed")) == 12
        live = [e["time"] for e in events(gateway, source="192.0.2.9") if not e.get("replayed")]
        assert len(live) == 6 and all(t[:10] == at(0)[:10] or t[:10] == at(-60)[:10] for t in live), live
        # A clock on a wall in another zone: its lines are of now.
        local = time.strftime("%b %e %H:%M:%S", time.gmtime(time.time() - 5 * 3600))
        append(log, f"{local} gw sshd[99]: Failed password for root from 192.0.2.10 port 1 ssh2\n" * 2)
        await_true("the other zone", 4, lambda: len(events(gateway, source="192.0.2.10")) == 2)
        assert not any(e.get("replayed") for e in events(gateway, source="192.0.2.10"))
        assert gateway.stop() == 0


def udp(port, *messages):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for m in messages:
            s.sendto(m if isinstance(m, bytes) else m.encode(), ("127.0.0.1", port))


def unix(gateway, name, *messages):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect(os.path.join(gateway.dir, "run", name))
        for m in messages:
            s.send(m if isinstance(m, bytes) else m.encode())


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_syslog__both_forms_on_both_sockets():
    with Rig() as rig:
        port = free_udp_port()
        gateway = start(rig, f"[syslog]\nsocket = yes\nudp = {port}\n")
        await_true("the sockets are open", 5, lambda: inlet(gateway, "syslog") == 1 and inlet(gateway, "syslog-udp") == 1)
        mode = os.stat(os.path.join(gateway.dir, "run", "syslog.sock"))
        assert mode.st_mode & 0o777 == 0o660 and mode.st_uid == 0, oct(mode.st_mode)
        at = time.strftime("%Y-%m-%dT%H:%M:%S.250Z", time.gmtime(time.time() - 2))
        unix(gateway, "syslog.sock", f"<38>{stamp()} gw sshd[7]: Failed password for invalid user bob from 203.0.113.9 port 22 ssh2",
             f"<11>1 {at} gw payd 41 - [x@1 a=\"b]c\"] card reader does not answer")
        found = await_true("RFC 3164", 3, lambda: events(gateway, source="203.0.113.9"))[0]
        assert found["type"] == "auth_failed" and found["metadata"]["user"] == "bob", found
        found = await_true("RFC 5424", 3, lambda: events(gateway, source="payd"))[0]
        assert found["type"] == "log_error" and found["severity"] == "high" and found["message"] == "card reader does not answer" and found["time"] == at, found
        udp(port, f"<10>{stamp()} gw dbd: engine room flooded", "no priority at all", b"<999>x", b"", b"<11>" + b"a" * 9000, "<14>fine, of no interest")
        await_true("UDP", 3, lambda: events(gateway, source="dbd"))
        found = await_true("garbage is counted", 3, lambda: gateway.result("status")["events"]["bad"] == 3 and gateway.result("status")["events"])
        assert found["lost"] == 3, found
        assert gateway.stop() == 0
        assert not os.path.exists(os.path.join(gateway.dir, "run", "syslog.sock"))


def counts(gateway, name):
    return gateway.result("sources.get", source=name)["inlet"]


def flood_syslog(gateway, port):
    """More than the socket of a stopped agent holds; how many the kernel threw away, as the agent then counts."""
    before = counts(gateway, "syslog-udp")["overrun"]
    agent = gateway.agent_pid()
    os.kill(agent, signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(4000):
            s.sendto(b"<13>x: nothing of interest " + b"y" * 400, ("127.0.0.1", port))
    os.kill(agent, signal.SIGCONT)

    def counted():
        udp(port, "<13>x: one more")
        return counts(gateway, "syslog-udp")["overrun"] > before
    await_true("losses are counted", 5, counted)
    time.sleep(0.5)
    return counts(gateway, "syslog-udp")["overrun"] - before


def test_syslog__losses_of_the_kernel_are_counted_once():
    """The socket is the supervisor's and outlives the agent, and so does the kernel's count of it."""
    port = free_udp_port()
    with Rig() as rig:
        gateway = start(rig, f"[syslog]\nudp = {port}\n")
        assert flood_syslog(gateway, port) > 1000
        os.kill(gateway.agent_pid(), signal.SIGKILL)
        await_true("another agent", 10, lambda: gateway.is_up() and gateway.agent_pid())
        await_true("it reads", 5, lambda: udp(port, "<13>x: again") or counts(gateway, "syslog-udp")["lines"] > 0)
        assert counts(gateway, "syslog-udp")["overrun"] == 0, counts(gateway, "syslog-udp")
        assert flood_syslog(gateway, port) > 1000


def test_inlets__ipv6():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.bind(("::1", 0))
        syslog_port = s.getsockname()[1]
    statsd_port = free_udp_port()
    with Rig() as rig:
        gateway = start(rig, f"[syslog]\nudp = [::1]:{syslog_port}\n[statsd]\nudp = [::1]:{statsd_port}\n")
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            await_true("the addresses are listened on", 5, lambda: inlet(gateway, "statsd-udp") == 1 and inlet(gateway, "syslog-udp") == 1)
            s.sendto(f"<38>{failed('203.0.113.9')}".encode(), ("::1", syslog_port))
            s.sendto(b"queue_depth:7|g|#source:mail", ("::1", statsd_port))
        await_true("both came", 5, lambda: events(gateway, type="auth_failed", source="203.0.113.9") and events(gateway, type="queue_depth", source="mail"))


def test_statsd__gauges_counts_and_what_is_refused():
    with Rig() as rig:
        port = free_udp_port()
        rules = "[rule hot]\non = type = oven.temp\nwhen = value > 80\ntype = custom\nseverity = high\nclear = value < 70\nkeys = 8\n"
        gateway = start(rig, f"[statsd]\nsocket = yes\nudp = {port}\n", rules=rules)
        await_true("the sockets are open", 5, lambda: inlet(gateway, "statsd") == 1 and inlet(gateway, "statsd-udp") == 1)
        unix(gateway, "statsd.sock", "oven.temp:85.5|g|#source:oven-1,unit:c\noven.temp:42|g|#source:oven-2\n", "requests:5|c|@0.1\nlatency:12.5|ms\n")
        await_true("the hot oven", 3, lambda: active(gateway, "hot", "oven-1"))
        got = {e["source"]: e for e in events(gateway, type="oven.temp")}
        assert got["oven-1"]["value"] == 85.5 and got["oven-1"]["metadata"] == {"unit": "c"} and got["oven-2"]["value"] == 42, got
        assert events(gateway, type="requests")[0]["value"] == 50 and events(gateway, type="latency")[0]["source"] == "statsd"
        udp(port, "oven.temp:60|g|#source:oven-1")
        await_true("it cooled down", 3, lambda: not [i for i in active(gateway, "hot") if i["status"] != "mitigated"])
        before = gateway.result("status")["events"]["bad"]
        udp(port, "x", "a:b|g", "users:7|s", "n:1|c|@7", "delta:+3|g", b"\xff\xfe:1|g|#\xff", "ok:1|g")
        await_true("the good one behind them", 3, lambda: events(gateway, type="ok"))
        assert gateway.result("status")["events"]["bad"] - before == 5
        assert gateway.stop() == 0


def test_kmsg__records_and_a_gap():
    with Rig() as rig:
        path = rig.path("kmsg")
        os.mkfifo(path)
        kernel = os.open(path, os.O_RDWR)
        rig.cleanups.append(lambda: os.close(kernel))
        gateway = start(rig, f"[kmsg]\ndevice = {path}\n")
        await_true("the device is open", 5, lambda: inlet(gateway, "kmsg") == 1)
        os.write(kernel, b"3,100,5000000,-;Out of memory: Killed process 77 (web) total-vm:1kB\n SUBSYSTEM=x\n")
        found = await_true("out of memory", 3, lambda: events(gateway, type="memory_high"))[0]
        assert found["source"] == "memory" and found["value"] == 100 and found["metadata"]["process"] == "web", found
        lost = gateway.result("status")["events"]["lost"]
        os.write(kernel, b"6,141,5000001,-;nothing to see\n")
        await_true("forty records were overwritten before they could be read", 3, lambda: gateway.result("status")["events"]["lost"] == lost + 40)
        assert gateway.stop() == 0


def test_kmsg__the_real_one():
    text = f"EXT4-fs error (device pk{os.getpid()}): test of the reader"
    with Rig() as rig:
        gateway = start(rig, "[kmsg]\ndevice = yes\n")
        await_true("the device is open", 5, lambda: inlet(gateway, "kmsg") == 1)
        try:
            with open("/dev/kmsg", "w") as f:
                f.write(f"<3>{text}\n")  # without the line end the kernel waits for more of it
        except OSError as e:
            print(f"# /dev/kmsg cannot be written here ({e}); the test with a FIFO in its place has the rest")
            return
        await_true("the record is an event", 5, lambda: [e for e in events(gateway, type="fs_error") if text in e.get("message", "")])
        assert gateway.stop() == 0


JOURNALCTL = """#!/usr/bin/env python3
import json, sys, time
start = int(next((a.split("i=")[1] for a in sys.argv if a.startswith("--after-cursor=")), "0"), 16) + 1
with open("{dir}/argv", "a") as f:
    f.write(" ".join(sys.argv[1:]) + "\\n")
while True:
    lines = open("{dir}/journal").read().splitlines()
    for n, line in enumerate(lines[start - 1:], start):
        if line == "die":
            sys.exit(1)
        print(json.dumps({{"__CURSOR": f"s=ab;i={{n:x}}", "__REALTIME_TIMESTAMP": str(int(time.time() * 1e6)), "_SYSTEMD_UNIT": "ssh.service", **json.loads(line)}}), flush=True)
        start = n + 1
    time.sleep(0.1)
"""


def test_journal__a_stand_in_for_journalctl_that_dies():
    """The output of `journalctl -o json` of a program in its place: the same arguments, pipe and parser."""
    with Rig() as rig:
        os.chmod(rig.dir, 0o755)
        program = rig.write("journalctl", JOURNALCTL.format(dir=rig.dir), 0o755)
        journal, argv = rig.write("journal", "", 0o666), rig.write("argv", "", 0o666)
        gateway = start(rig, f"[journal]\ncommand = {program}\n")
        await_true("the program runs", 8, lambda: inlet(gateway, "journal") == 1)
        bad = "Failed password for root from 192.0.2.{} port 1 ssh2"
        append(journal, json.dumps({"SYSLOG_IDENTIFIER": "sshd", "PRIORITY": "6", "MESSAGE": bad.format(1)}) + "\n")
        append(journal, json.dumps({"SYSLOG_IDENTIFIER": "sshd", "PRIORITY": "6", "MESSAGE": list(bad.format(2).encode() + b"\xff")}) + "\n")
        append(journal, json.dumps({"PRIORITY": "2", "MESSAGE": "the unit speaks"}) + "\n")
        append(journal, json.dumps({"SYSLOG_IDENTIFIER": "x", "MESSAGE": None}) + "\n")
        await_true("text, and text as numbers", 3, lambda: events(gateway, source="192.0.2.1") and events(gateway, source="192.0.2.2"))
        assert await_true("the unit", 3, lambda: events(gateway, source="ssh.service"))[0]["severity"] == "critical"
        append(journal, "die\n")
        await_true("its end is a fault", 5, lambda: inlet(gateway, "journal") is None)
        with open(journal, "r+") as f:
            text = f.read().replace("die", json.dumps({"SYSLOG_IDENTIFIER": "sshd", "MESSAGE": bad.format(3)}))
            f.seek(0)
            f.write(text)
        await_true("it is started again, behind the last line", 12, lambda: events(gateway, source="192.0.2.3") and inlet(gateway, "journal") == 1)
        assert len(events(gateway, source="192.0.2.1")) == 1
        calls = open(argv).read().splitlines()
        assert "--lines=0" in calls[0] and "--after-cursor=s=ab;i=4" in calls[-1], calls
        assert gateway.stop() == 0


def test_journal__a_real_one():
    """A journald of our own, in a mount namespace: what systemd-cat writes is an event here."""
    daemon = next((p for p in ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald") if os.path.exists(p)), None)
    if daemon is None or not os.path.exists("/usr/bin/journalctl"):
        print("# no journald here; the test with a stand-in has the rest")
        return
    with Rig() as rig:
        gateway = Gateway(rig, actions="", config=QUIET + "[journal]\ncommand = yes\n")
        gateway.start_service()
        script = rig.write("in_namespace", f"""#!/bin/sh
# /run itself stays, the test and the gateway meet there.
for d in /run/systemd /run/log /var/log/journal; do mkdir -p $d; mount -t tmpfs none $d || exit 1; done
mkdir -p /run/log/journal  # as systemd-tmpfiles makes it
chgrp systemd-journal /run/log/journal && chmod 2755 /run/log/journal || exit 1
{daemon} >/dev/null 2>&1 &
journald=$!
while ! [ -S /run/systemd/journal/stdout ]; do sleep 0.1; done
"$@" &
child=$!
trap 'kill -TERM $child' TERM INT
while kill -0 $child 2>/dev/null; do
    if [ -s {rig.dir}/say ]; then
        systemd-cat -t sshd -p info cat {rig.dir}/say
        : > {rig.dir}/say
    fi
    sleep 0.2
done
kill $journald
wait $child
""", 0o755)
        gateway.start(prefix=("unshare", "-m", "--propagation", "private", script))
        await_true("journalctl runs", 10, lambda: inlet(gateway, "journal") == 1)
        append(rig.path("say"), "Failed password for root from 192.0.2.77 port 1 ssh2\n")
        found = await_true("the line is an event", 10, lambda: events(gateway, source="192.0.2.77"))[0]
        assert found["metadata"]["program"] == "sshd", found
        gateway.process.stop()


def test_idle__few_wake_ups():
    with Rig() as rig:
        names = "".join(f"[log l{n}]\npath = {rig.write(f'l{n}.log', '')}\n" for n in range(8))
        gateway = start(rig, names + "[syslog]\nsocket = yes\n[statsd]\nsocket = yes\n")
        await_true("all are open", 5, lambda: inlet(gateway, "log:l7") == 1 and inlet(gateway, "statsd") == 1)
        time.sleep(6)

        def switches(pid):
            return sum(int(line.split()[1]) for t in os.listdir(f"/proc/{pid}/task") for line in open(f"/proc/{pid}/task/{t}/status") if line.startswith("voluntary"))

        pids = (gateway.agent_pid(), gateway.process.pid)
        before = [switches(p) for p in pids]
        time.sleep(10)
        agent, supervisor = (switches(p) - b for p, b in zip(pids, before))
        assert agent <= 40 and supervisor <= 40, (agent, supervisor)
        assert gateway.stop() == 0


def test_reload__another_table():
    with Rig() as rig:
        one, two = rig.write("one.log", ""), rig.write("two.log", "")
        gateway = start(rig, f"[log one]\npath = {one}\n")
        await_true("the first is read", 5, lambda: inlet(gateway, "log:one") == 1)
        text = open(gateway.config_path).read()
        rig.write(f"{gateway.name}/etc/picketd.conf", text.replace(f"[log one]\npath = {one}", f"[log two]\npath = {two}\n[log one]\npath = {one}"))
        os.kill(gateway.process.pid, 1)
        await_true("the second too", 10, lambda: inlet(gateway, "log:two") == 1)
        append(one, failed("192.0.2.1"))
        append(two, failed("192.0.2.2"))
        await_true("both are read", 5, lambda: len(events(gateway, type="auth_failed")) == 2)
        rig.write(f"{gateway.name}/etc/picketd.conf", text.replace("[log one]", "[log o n e]"))
        os.kill(gateway.process.pid, 1)
        time.sleep(2)
        append(two, failed("192.0.2.3"))
        await_true("a bad table changes nothing", 5, lambda: len(events(gateway, source="192.0.2.3")) == 1)
        assert gateway.stop() == 0


def restart(gateway, log_text=None):
    """Stops the supervisor too, and starts both again."""
    assert gateway.stop() == 0
    if log_text is not None:
        log_text()
    return gateway.start()


def stored(gateway):
    return os.path.join(gateway.dir, "state", "supervisor", "places")


def test_restart__logs_go_on_where_they_were():
    with Rig() as rig:
        one, two, three, new = (rig.write(f"{n}.log", failed("192.0.2.1") * 3) for n in ("one", "two", "three", "new"))
        head = "".join(f"[log {n}]\npath = {rig.path(n)}.log\n" for n in ("one", "two", "three"))
        gateway = start(rig, head)
        await_true("the logs are read", 5, lambda: all(inlet(gateway, f"log:{n}") == 1 for n in ("one", "two", "three")))
        append(one, failed("192.0.2.2"))
        await_true("a line", 4, lambda: len(events(gateway, source="192.0.2.2")) == 1)
        old = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))

        def meanwhile():
            mode = os.stat(stored(gateway))
            assert mode.st_uid == 0 and mode.st_mode & 0o777 == 0o600 and mode.st_size < 1000, mode
            append(one, f"{old} gw sshd[9]: Failed password for root from 192.0.2.3 port 1 ssh2\n" * 2 + failed("192.0.2.4"))
            append(two, failed("192.0.2.5"))
            for n in (9, 6):  # then renamed, a new one in its place, twice
                rotate(two, 9)
                append(two, failed(f"192.0.2.{n}"))
            os.unlink(three)  # another file under its name, and longer
            rig.write("other", "")
            append(three, failed("192.0.2.7") * 9)

        restart(gateway, meanwhile)
        await_true("what was written while nobody looked", 8, lambda: [len(events(gateway, source=f"192.0.2.{n}")) for n in (3, 4, 5, 9, 6)] == [2, 1, 1, 1, 1])
        assert all(e.get("replayed") and e["time"].startswith(old[:16]) for e in events(gateway, source="192.0.2.3")), events(gateway, source="192.0.2.3")
        assert not events(gateway, source="192.0.2.1") and not events(gateway, source="192.0.2.2"), "read twice, or what stood there at first"
        await_true("the third is open", 5, lambda: inlet(gateway, "log:three") == 1)
        time.sleep(1.2)
        assert not events(gateway, source="192.0.2.7"), "another file: it goes on at its end"
        append(three, failed("192.0.2.8"))
        await_true("and is read from there on", 4, lambda: len(events(gateway, source="192.0.2.8")) == 1)
        inlets = {n: gateway.result("sources.get", source=f"log:{n}")["inlet"] for n in ("one", "two", "three")}
        assert inlets["one"]["lines"] == 3 and inlets["one"]["matched"] == 3 and inlets["one"]["places_lost"] == 0, inlets
        assert inlets["two"]["rotated"] == 2 and inlets["two"]["skipped_files"] == 0 and inlets["three"]["places_lost"] == 1 and inlets["three"]["lines"] == 1, inlets
        append(one, "nothing to see\n")
        await_true("a line nobody knows", 3, lambda: gateway.result("sources.get", source="log:one")["inlet"]["unmatched"] == 1)
        shown = gateway.ctl("--format", "table", "sources", "get", "log:three").stdout
        assert "1: 1 matched, 0 not, 0 bad" in shown and "place lost 1 times" in shown, shown
        assert "log:three: where it was read to is not known any more" in gateway.process.log(), "and it is said"
        # A damaged record: at the ends, and said.
        def damage():
            with open(stored(gateway), "r+b") as f:
                f.seek(9)
                f.write(b"\xff")
            append(one, failed("192.0.2.9"))

        restart(gateway, damage)
        await_true("open", 5, lambda: inlet(gateway, "log:one") == 1)
        append(one, failed("192.0.2.10"))
        await_true("only what came after", 4, lambda: events(gateway, source="192.0.2.10"))
        assert not events(gateway, source="192.0.2.9") and "log:one: where it was read to is not known any more" in gateway.process.log()
        assert gateway.stop() == 0


def test_restart__kernel_and_journal_go_on_where_they_were():
    with Rig() as rig:
        os.chmod(rig.dir, 0o755)
        path = rig.path("kmsg")
        os.mkfifo(path)
        kernel = os.open(path, os.O_RDWR)
        rig.cleanups.append(lambda: os.close(kernel))
        oom = lambda number, second, name: os.write(kernel, f"3,{number},{second * 1000000},-;EXT4-fs error (device {name}): htree\n".encode())
        program = rig.write("journalctl", JOURNALCTL.format(dir=rig.dir), 0o755)
        journal, argv = rig.write("journal", "", 0o666), rig.write("argv", "", 0o666)
        say = lambda ip: append(journal, json.dumps({"SYSLOG_IDENTIFIER": "sshd", "MESSAGE": f"Failed password for root from {ip} port 1 ssh2"}) + "\n")
        oom(70, 1, "boot1")  # said before we were there
        gateway = start(rig, f"[kmsg]\ndevice = {path}\n[journal]\ncommand = {program}\n")
        found = await_true("the record of the boot", 8, lambda: events(gateway, type="fs_error"))[0]
        assert found["source"] == "boot1" and found.get("replayed"), found
        await_true("the journal", 8, lambda: inlet(gateway, "journal") == 1)
        say("192.0.2.1")
        oom(71, 2, "live1")
        await_true("live", 4, lambda: events(gateway, source="192.0.2.1") and events(gateway, source="live1"))
        assert not events(gateway, source="live1")[0].get("replayed")

        def meanwhile():
            # A new descriptor of /dev/kmsg begins with the oldest record again.
            oom(70, 1, "boot1")
            oom(71, 2, "live1")
            oom(72, 3, "down1")
            say("192.0.2.2")

        restart(gateway, meanwhile)
        await_true("what the kernel said meanwhile", 8, lambda: events(gateway, source="down1"))
        await_true("and the journal", 8, lambda: events(gateway, source="192.0.2.2"))
        assert not events(gateway, source="boot1") and not events(gateway, source="live1") and not events(gateway, source="192.0.2.1"), "read twice"
        assert gateway.result("status")["events"]["lost"] == 0
        assert open(argv).read().splitlines()[-1].endswith("--after-cursor=s=ab;i=1"), open(argv).read()
        assert gateway.stop() == 0


main(test_log__rotated_while_the_agent_dies__the_rest_is_read, test_log__emptied_and_longer_within_a_second__is_read_from_its_beginning, test_brute_force_in_a_rotated_file__opens_a_security_incident, test_log__emptied_half_written_long_odd_and_deleted, test_log__many_rotations_and_an_agent_that_dies, test_log__rotations_faster_than_looks__are_read_or_counted,
     test_log__clock_jumps_in_its_timestamps, test_syslog__both_forms_on_both_sockets, test_syslog__losses_of_the_kernel_are_counted_once, test_inlets__ipv6, test_statsd__gauges_counts_and_what_is_refused, test_kmsg__records_and_a_gap,
     test_kmsg__the_real_one, test_journal__a_stand_in_for_journalctl_that_dies, test_journal__a_real_one, test_idle__few_wake_ups, test_reload__another_table, test_restart__logs_go_on_where_they_were,
     test_restart__kernel_and_journal_go_on_where_they_were, at_once=4)
