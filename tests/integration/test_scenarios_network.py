#!/usr/bin/env python3
"""S1-42 turned away by an interface, S1-44 a cut network, S1-45 an attack, and a certificate that has ended: a server that answers 429, a link in a
network namespace that goes down, brute force in an auth.log, a real expired certificate. What must not be answered by itself is not.
ctest: lane=default timeout=150"""
import contextlib
import glob
import os
import secrets
import shutil
import subprocess
import sys
import time

from rig import Process, alone, await_true, main
from scenario import Scenario, append, read, serve_http, stamp


def rate_limit(rig):
    """429: nothing is done about it by itself; who reads the post-mortem is told what helps."""
    answer = [429]
    port = serve_http(rig, lambda: answer[0])
    s = Scenario(rig, "limit", config=f"[probe maps]\nkind = http\nhost = 127.0.0.1\nport = {port}\nstatus = 200-429\ninterval = 1s\n", mode="auto",
                 rules="[rule api_rate_limit]\nabout = Turned away\non = type = http_status\nwhen = count(type = http_status and value = 429) >= 3 in 6s by source\ntype = api_rate_limit\n"
                 "severity = medium -> high if lasting 30m\nclear = stable for 1s\nkeys = 4\n")
    s.start()
    incident = s.detected("api_rate_limit", "maps")
    assert incident["severity"] == "medium" and incident["recommended"] == [] and incident["announced"], incident
    time.sleep(2)
    assert s.get(incident)["actions"] == [] and s.gateway.result("approval.list")["approvals"] == []
    answer[0] = 200
    assert s.resolved(incident)["auto_resolved"]
    s.post_mortem(incident, "back off", "quota", "cache")
    s.score("api_rate_limit")


@contextlib.contextmanager
def two_sites():
    """Ours, with a cable to another one, where two machines answer."""
    here, there = (f"pk{n}{secrets.token_hex(3)}" for n in "ab")
    ip = lambda *words: subprocess.run(["ip", *words], check=True, capture_output=True)
    for ns in (here, there):
        ip("netns", "add", ns)
        ip("-n", ns, "link", "set", "lo", "up")
    try:
        ip("-n", here, "link", "add", "up0", "type", "veth", "peer", "name", "up1", "netns", there)
        ip("-n", here, "addr", "add", "10.77.0.1/24", "dev", "up0")
        for address in ("10.77.0.2/24", "10.77.0.3/24"):
            ip("-n", there, "addr", "add", address, "dev", "up1")
        for ns, device in ((here, "up0"), (there, "up1")):
            ip("-n", ns, "link", "set", device, "up")
        yield here, there, lambda state: ip("-n", there, "link", "set", "up1", state)
    finally:
        for ns in (here, there):
            subprocess.run(["ip", "netns", "del", ns], check=False)


SERVER = """import socket, sys, time
kept = [socket.create_server((a, 9000)) for a in sys.argv[1:]]
print("ready", flush=True)
time.sleep(600)
"""


def network_partition(rig):
    """Both machines of the other site are gone at once: one partition, which the lost services hang on. Nothing is done but to say so."""
    with two_sites() as (here, there, link):
        server = Process(rig, "server", ["ip", "netns", "exec", there, sys.executable, "-c", SERVER, "10.77.0.2", "10.77.0.3"])
        await_true("they listen", 10, lambda: "ready" in server.log())
        s = Scenario(rig, "partition", prefix=("ip", "netns", "exec", here), mode="auto",
                     config="".join(f"[probe {n}]\nkind = tcp\nhost = 10.77.0.{k}\nport = 9000\ninterval = 1s\ntimeout = 500ms\n" for k, n in ((2, "plc"), (3, "mill"))),
                     rules="[rule network_partition]\nabout = Several machines are gone\non = type = probe_up and data.reached = no\nwhen = distinct(data.host) >= 2 in 4s\n"
                     "type = network_partition\nseverity = high -> critical if event(data.complete = yes)\nclear = stable for 1s\nkeys = 4\n")
        s.start()
        await_true("both answer", 10, lambda: {e["source"] for e in s.gateway.result("events.list", type="probe_up", limit=20)["events"] if e.get("value") == 1} == {"plc", "mill"})
        link("down")
        incident = s.detected("network_partition")
        await_true("it is complete", 10, lambda: s.get(incident)["severity"] == "critical")
        lost = s.detected("probe_down", "plc")
        await_true("the partition is the cause", 10, lambda: any("Network partition" in c["cause"] for c in s.get(lost)["causes"][:1]))
        assert s.get(incident)["announced"] and s.get(incident)["actions"] == [] and s.get(lost)["actions"] == [], s.all()
        link("up")
        s.resolved(incident)
        for i in s.all():
            s.resolved(i)
        s.post_mortem(incident, "partition")
        s.post_mortem(lost, "Network partition")
        s.score("network_partition", "probe_down")
        server.stop()


def security_breach(rig):
    """Brute force: never answered by itself, in whatever mode. What could be done is proposed; a person keeps the evidence and refuses the rest."""
    log = rig.write("auth.log", "")
    kept = rig.path("kept")
    s = Scenario(rig, "breach", mode="auto", config=f"[log auth]\npath = {log}\npatterns = ssh\n", targets={"preserve_evidence": "auth.log"})
    path = os.path.join(s.gateway.etc, "actions.conf")
    text = read(path).replace("/var/backups/picket", kept).replace("/var/log/{target}", f"{rig.dir}/{{target}}")
    with open(path, "w") as f:
        f.write(text)
    s.start()
    await_true("the log is read", 10, lambda: s.gateway.result("events.list", type="source_up", source="log:auth")["events"])
    for n in range(12):
        append(log, f"{stamp()} gw sshd[99]: Failed password for user{n % 2} from 203.0.113.7 port {4000 + n} ssh2\n")
    incident = s.detected("security_incident", "203.0.113.7")
    assert incident["severity"] == "critical" and incident["incident_type"] == "security_breach" and incident["event_count"] >= 10, incident
    assert incident["recommended"] == ["preserve_evidence", "lock_down"] and incident["announced"], incident
    lock = s.ran(incident, "lock_down", "awaiting_approval")
    refused = s.ran(incident, "preserve_evidence", "refused")
    assert "203.0.113.7" in refused["result"] or "target" in refused["result"], refused
    time.sleep(1.5)
    assert s.runs(incident, "lock_down") == [lock] and not os.path.exists(kept)
    why = s.gateway.ctl("explain", "incident", incident["incident_id"]).stdout
    assert "lock_down" in why and "approv" in why, why
    out = s.gateway.ctl("incidents", "mitigate", incident["incident_id"], "--action", "preserve_evidence", "--target", "auth.log", "--reason", "for the police")
    assert out.returncode == 0, out
    s.ran(incident, "preserve_evidence")
    assert read(glob.glob(f"{kept}/auth.log*")[0]).count("203.0.113.7") == 12
    approval = next(a["approval_id"] for a in s.gateway.result("approval.list")["approvals"] if a["action"] == "lock_down")
    assert s.gateway.ctl("reject", approval, "--reason", "blocked at the router").returncode == 0
    s.ran(incident, "lock_down", "rejected")
    assert s.get(incident)["status"] not in ("resolved", "closed"), "half an hour of quiet is not over"
    assert s.gateway.ctl("incidents", "close", incident["incident_id"]).returncode != 0, "only what is resolved is closed"
    for verb in ("resolve", "close"):
        assert s.gateway.ctl("incidents", verb, incident["incident_id"], "--notes", "address blocked").returncode == 0
    s.post_mortem(incident, "203.0.113.7", "preserve_evidence", "lock_down", "rejected", "address blocked")
    s.score("security_incident")


def certificate(rig, days):
    """A certificate of openssl that ends in so many days (it may have ended already)."""
    path = rig.path("old.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", rig.path("old.key"), "-out", rig.path("self.crt"), "-subj", "/CN=old", "-days", "400"],
                   check=True, capture_output=True)
    day = lambda n: time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + n * 86400))
    shutil.rmtree(rig.path("demoCA"), ignore_errors=True)
    os.makedirs(rig.path("demoCA"))
    rig.write("demoCA/index.txt", "")
    rig.write("demoCA/serial", "01\n")
    subprocess.run(["openssl", "req", "-new", "-key", rig.path("old.key"), "-subj", "/CN=old", "-out", rig.path("old.csr")], check=True, capture_output=True)
    rig.write("ca.cnf", f"[ca]\ndefault_ca = d\n[d]\ndatabase = {rig.dir}/demoCA/index.txt\nserial = {rig.dir}/demoCA/serial\nnew_certs_dir = {rig.dir}/demoCA\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
    subprocess.run(["openssl", "ca", "-batch", "-config", rig.path("ca.cnf"), "-selfsign", "-keyfile", rig.path("old.key"), "-in", rig.path("old.csr"), "-out", path + ".new",
                    "-startdate", day(-400), "-enddate", day(days), "-notext"], check=True, capture_output=True)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)
    return path


def certificate_ends(rig):
    """Twenty days left are medium; once it has ended it is critical. A new one resolves it; nobody has to say so."""
    path = certificate(rig, 20.5)
    s = Scenario(rig, "certificate", config=f"[probe door]\nkind = certificate\nfile = {path}\ninterval = 1s\n",
                 rules="[rule certificate_expiration]\nabout = A certificate ends soon\non = type = certificate_days\nwhen = expires within 30d\ntype = certificate_expiration\n"
                 "severity = medium -> high if expires within 7d, critical if expires within 1d\nclear = stable for 1s\nkeys = 4\n")
    s.start()
    first = s.detected("certificate_expiration", "door")
    assert first["severity"] == "medium", first
    certificate(rig, 300)
    assert s.resolved(first)["auto_resolved"]
    certificate(rig, -2)
    await_true("it has ended", 15, lambda: s.of("certificate_expiration")["severity"] == "critical")
    again = s.of("certificate_expiration")
    certificate(rig, 300)
    assert s.resolved(again)["auto_resolved"]
    s.post_mortem(again, "door")
    s.score("certificate_expiration")


if __name__ == "__main__":
    main(*map(alone, (rate_limit, network_partition, security_breach, certificate_ends)), at_once=3)
