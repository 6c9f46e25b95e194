#!/usr/bin/env python3
"""A metered link: what goes over the wire of a quiet gateway, with TLS, TCP and IP, counted by the kernel in a network namespace of
their own, and what still goes at once. ctest: lane=default timeout=120"""
import concurrent.futures
import json
import time

from rig import Gateway, Process, Rig, await_true, main
from wire import Wire

RULES = "[rule hurt]\non = type = pain\nwhen = count >= 1 in 1m by source\ntype = data_corruption\nseverity = high\nkeys = 32\n"
BUDGET_BYTES_A_MONTH = 10_000_000


def gateway_of(rig, broker, report, broker_extra=""):
    return Gateway(rig, broker.port, rules=RULES, actions="", config=f"[sources]\nprocess = 0\n[report]\nmetered = yes\n{report}", broker_extra=broker_extra)


def out_count(gateway):
    return gateway.result("status")["links"][0]["messages_out"]


def is_quiet(wire):
    was = wire.bytes()
    time.sleep(2)
    return wire.bytes() == was


def begin(gateway, wire):
    before = wire.bytes()
    gateway.start(prefix=wire.inside)
    gateway.await_online()
    await_true("the subscription is answered, delayed acknowledgements are out", 10, lambda: is_quiet(wire))
    return wire.bytes() - before


def per_summary():
    """Bytes of a connection, of a summary with its acknowledgement, and how many summaries were counted."""
    with Rig() as rig:
        wire = Wire(rig)
        gateway = gateway_of(rig, wire.start_broker(rig), "summary = 5s\n")
        connection = begin(gateway, wire)
        first = out_count(gateway)
        await_true("a summary", 10, lambda: out_count(gateway) > first)
        time.sleep(1)
        before, first = wire.bytes(), out_count(gateway)
        await_true("further ones", 30, lambda: out_count(gateway) >= first + 4)
        time.sleep(1)
        count = out_count(gateway) - first
        return connection, (wire.bytes() - before) / count, count


def per_ping():
    with Rig() as rig:
        wire = Wire(rig)
        gateway = gateway_of(rig, wire.start_broker(rig), "summary = 1d\n", "keep_alive = 5s\n")
        begin(gateway, wire)
        before, sent = wire.bytes(), out_count(gateway)
        time.sleep(21)
        assert out_count(gateway) == sent
        return (wire.bytes() - before) / 4


def test_month_of_a_quiet_gateway__is_within_its_budget():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        summaries, pings = pool.submit(per_summary), pool.submit(per_ping)
        (connection, summary, count), ping = summaries.result(), pings.result()
    # A summary every quarter of an hour; a keep-alive with each of them, though none is due while they go out; a new connection a day.
    month = 4 * 24 * 30 * (summary + ping) + 30 * connection
    print(f"# on the wire: connection {connection} bytes, summary {summary:.0f} (mean of {count}), keep-alive {ping:.0f}: {month / 1e6:.2f} MB a month")
    assert 300 < summary < 4000 and 50 < ping < 600 and 2000 < connection < 20000, "this is not what was to be measured"
    assert month <= BUDGET_BYTES_A_MONTH, month


def test_silence_on_the_wire__and_what_goes_all_the_same():
    with Rig() as rig:
        wire = Wire(rig)
        broker = wire.start_broker(rig)
        gateway = gateway_of(rig, broker, "")
        subscriber = Process(rig, "subscriber", [*wire.inside, "mosquitto_sub", *broker.tls("hub"), "-k", "600", "-q", "1", "-t", "picket/v1/#", "-F", "%t %p"])
        await_true("the subscriber is there", 10, lambda: "New client connected" in broker.process.log())
        begin(gateway, wire)
        # Neither TCP nor MQTT asks whether anybody is there: 35 s are more than the usual keep-alives of both.
        before = wire.bytes()
        time.sleep(35)
        assert wire.bytes() == before, f"{wire.bytes() - before} bytes for nothing"
        began = time.monotonic()
        gateway.send_events([{"type": "pain", "source": "press-7"}])
        await_true("the incident goes at once", 8, lambda: "/incident/" in subscriber.log())
        await_true("and soon a summary that counts it", 14, lambda: "/summary " in subscriber.log())
        summary = json.loads(next(line for line in subscriber.lines() if "/summary " in line).split(" ", 1)[1])
        assert summary["by"]["severity"] == {"high": 1}, summary
        print(f"# summary {time.monotonic() - began:.1f} s after the change")
        assert gateway.stop() == 0


main(test_month_of_a_quiet_gateway__is_within_its_budget, test_silence_on_the_wire__and_what_goes_all_the_same, at_once=2)
