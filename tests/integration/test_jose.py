#!/usr/bin/env python3
"""Signed commands and a JOSE library that is not ours (jose, which tools/second-jose fetches): each takes what the other made, and both refuse the
same. ctest: lane=default timeout=90"""
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time

from rig import BUILD, GATEWAY, SOURCE, Broker, Gateway, Operator, Rig, await_true, b64, main, request

HEADER = {"alg": "ES256", "kid": "jo", "typ": "picket+jws"}
RULES = "[rule pair]\non = type = fault\nwhen = count >= 2 in 10s by source\ntype = custom\nseverity = high\nclear = never\n"


def library():
    """Its folder in the cache; where it cannot be had, the test is skipped."""
    out = subprocess.run([os.path.join(SOURCE, "tools", "second-jose"), "--cached"], capture_output=True, text=True)
    if out.returncode == 77:
        print(f"skipped: {out.stderr.strip()}")
        sys.exit(77)
    assert out.returncode == 0, out.stderr
    return out.stdout.strip()


FOLDER = library()


def ask(*requests):
    """One answer for each request."""
    out = subprocess.run(["node", os.path.join(SOURCE, "tests", "conformance", "jose", "jose.mjs"), FOLDER], input="".join(json.dumps(r) + "\n" for r in requests),
                         capture_output=True, text=True, check=True, timeout=60)
    answers = [json.loads(line) for line in out.stdout.splitlines()]
    assert len(answers) == len(requests), out
    return answers


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def value(path, name):
    with open(path) as f:
        return next(line.split("=", 1)[1].strip() for line in f if line.startswith(f"{name} ="))


def jwk_of(operator):
    """The two files of picketctl keygen as a private and a public JWK."""
    point = decode(value(os.path.join(operator.dir, f"{operator.kid}.key"), "public"))
    public = {"kty": "EC", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:])}
    return {**public, "d": value(os.path.join(operator.dir, f"{operator.kid}.private"), "private")}, public


def write_key(rig, folder, kid, public, role="responder"):
    """A public JWK as a key file of a gateway."""
    return rig.write(f"{folder}/{kid}.key", f"[key {kid}]\nrole = {role}\npublic = {b64(decode(public['x']) + decode(public['y']))}\nowner = {kid}\n")


def claims(cmd="incidents.ack", **more):
    now = int(time.time())
    return {"iss": "jo", "aud": GATEWAY, "iat": now, "exp": now + 300, "jti": f"j{time.monotonic_ns()}", "cmd": cmd, "args": {"incident_id": "inc_00001"}, **more}


def is_valid(folder, token):
    """Whether picketctl takes it, and what it says."""
    out = subprocess.run([os.path.join(BUILD, "picketctl"), "verify", "--keys", folder, "--format", "json"], input=token, capture_output=True, text=True, timeout=10)
    assert (out.returncode == 0) == ('"valid":true' in out.stdout), out
    return out.returncode == 0, out.stdout + out.stderr


def test_the_library_s_command__is_obeyed_by_the_gateway():
    with Rig() as rig:
        broker = Broker(rig).start()
        gateway = Gateway(rig, broker.port, rules=RULES, actions="", config="[remote]\ncommands = list\nallow = incidents.ack\n")
        made, other = ask({"do": "keys"}, {"do": "keys"})
        write_key(rig, "gateway/etc/keys", "jo", made["public"])
        gateway.start()
        gateway.await_online()
        fault = {"type": "fault", "source": "press-7", "severity": "error"}
        gateway.send_events([fault, fault])
        incident = await_true("an incident", 5, lambda: [i for i in gateway.incidents() if i["incident_type"] == "custom"])[0]["incident_id"]
        is_acked = lambda: gateway.incident(incident)["incident"]["acked"]
        said = claims(args={"incident_id": incident})
        good, forged = (a["token"] for a in ask({"do": "sign", "jwk": made["private"], "header": HEADER, "claims": said},
                                                {"do": "sign", "jwk": other["private"], "header": HEADER, "claims": said}))
        header, _, signature = good.split(".")
        changed = f"{header}.{b64(json.dumps({**said, 'jti': 'another'}))}.{signature}"
        for n, wrong in enumerate((forged, changed)):
            reply = request(broker, "incidents.ack", wrong, seconds=2)
            assert reply is None or not reply["ok"], reply
            await_true("it is counted", 5, lambda: gateway.result("status")["commands"] == {"accepted": 0, "refused": n + 1})
            assert not is_acked()
        reply = request(broker, "incidents.ack", good)
        assert reply and reply["ok"], reply
        assert is_acked()
        by = gateway.incident(incident)["incident"]["acknowledged_by"]
        assert by == "key:jo", by


def test_picketctl_s_command__is_verified_by_the_library():
    with Rig() as rig:
        pam = Operator(rig, None, "pam", "approver")
        _, public = jwk_of(pam)
        began = int(time.time())
        tokens = [pam.sign("incidents.ack", incident_id="inc_00001"), pam.sign("ping", f"site:{GATEWAY}"), pam.sign("incidents.note", incident_id="inc_2", note="größer \"als\" \\ 2^53"),
                  pam.sign("mitigate", GATEWAY, "--incident", "inc_3", "--approval", "apr_4", "--expires", "1h", incident_id="inc_3", action="restart_service")]
        audiences = (GATEWAY, f"site:{GATEWAY}", GATEWAY, GATEWAY)
        answers = ask(*({"do": "verify", "jwk": public, "token": t, "aud": a} for t, a in zip(tokens, audiences)))
        assert all(a["ok"] for a in answers), answers
        assert all(a["header"] == {"alg": "ES256", "kid": "pam", "typ": "picket+jws"} for a in answers), answers
        assert [a["claims"]["cmd"] for a in answers] == ["incidents.ack", "ping", "incidents.note", "mitigate"]
        assert answers[2]["claims"]["args"] == {"incident_id": "inc_2", "note": "größer \"als\" \\ 2^53"}, answers[2]
        assert answers[3]["claims"]["incident_id"] == "inc_3" and answers[3]["claims"]["approval_id"] == "apr_4", answers[3]
        assert [a["claims"]["exp"] - a["claims"]["iat"] for a in answers] == [300, 300, 300, 3600]
        assert all(0 <= a["claims"]["iat"] - began <= 10 and a["claims"]["iss"] == "pam" for a in answers), answers
        assert len({a["claims"]["jti"] for a in answers}) == len(answers)


def test_a_key_of_picketctl__serves_the_library_as_well():
    with Rig() as rig:
        pam = Operator(rig, None, "pam", "approver")
        private, public = jwk_of(pam)
        token = ask({"do": "sign", "jwk": private, "header": {**HEADER, "kid": "pam"}, "claims": claims(iss="pam")})[0]["token"]
        assert is_valid(pam.dir, token)[0], is_valid(pam.dir, token)
        assert ask({"do": "verify", "jwk": public, "token": token, "aud": GATEWAY})[0]["ok"]


def test_second_signature__is_a_whole_command_to_the_library():
    with Rig() as rig:
        ann, ben = Operator(rig, None, "ann", "approver"), Operator(rig, None, "ben", "approver")
        text = ann.sign("approval.decide", GATEWAY, "--second-key", os.path.join(ben.dir, "ben.private"), approval_id="apr_1", decision="approve")
        lines = text.split("\n")
        assert len(lines) == 2, text
        answers = ask(*({"do": "verify", "jwk": jwk_of(who)[1], "token": line, "aud": GATEWAY} for who, line in zip((ann, ben), lines)))
        assert all(a["ok"] for a in answers) and answers[0]["claims"] == answers[1]["claims"], answers
        # And the other way: the library's second signature beside ours, over the same bytes.
        payload = decode(lines[0].split(".")[1]).decode()
        second = ask({"do": "sign", "jwk": jwk_of(ben)[0], "header": {**HEADER, "kid": "ben"}, "payload": payload})[0]["token"]
        assert is_valid(ann.dir, f"{lines[0]}\n{second}\n")[0]
        assert not is_valid(ann.dir, f"{lines[0]}\n{second[:-4]}AAAA\n")[0]


def flipped(text, at):
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]


def tampered(good, private, other, public):
    """{what: token}. Neither may take one of them."""
    header, payload, signature = good.split(".")
    said = json.loads(decode(payload))
    out = {}
    for name, start, part in (("header", 0, header), ("payload", len(header) + 1, payload), ("signature", len(header) + len(payload) + 2, signature)):
        for at in range(0, len(part) - 1, max(1, len(part) // 24)):
            out[f"{name} {at}"] = flipped(good, start + at)
    point = decode(public["x"]) + decode(public["y"])
    for alg in ("HS256", "none", "ES384", "ES512", "es256", "EdDSA"):
        text = f"{b64(json.dumps({**json.loads(decode(header)), 'alg': alg}))}.{payload}"
        mac = b64(hmac.new(point, text.encode(), hashlib.sha256).digest()) if alg == "HS256" else "" if alg == "none" else signature
        out[f"alg {alg}"] = f"{text}.{mac}"
    out["no signature"] = f"{header}.{payload}."
    out["two segments"] = f"{header}.{payload}"
    out["four segments"] = f"{good}.{signature}"
    out["signature of zeros"] = f"{header}.{payload}.{b64(bytes(64))}"
    out["half a signature"] = f"{header}.{payload}.{signature[:43]}"
    out["longer signature"] = f"{header}.{payload}.{b64(decode(signature) + bytes(1))}"
    out["r and s exchanged"] = f"{header}.{payload}.{b64(decode(signature)[32:] + decode(signature)[:32])}"
    out["other claims"] = f"{header}.{b64(json.dumps({**said, 'cmd': 'mitigate'}))}.{signature}"
    out["no claims"] = f"{header}..{signature}"
    signed = lambda jwk, h, c: {"do": "sign", "jwk": jwk, "header": h, "claims": c}
    now, head = int(time.time()), json.loads(decode(header))
    made = {"key of another": signed(other, head, said), "no typ": signed(private, {k: v for k, v in head.items() if k != "typ"}, said),
            "other typ": signed(private, {**head, "typ": "JWT"}, said), "over": signed(private, head, {**said, "iat": now - 900, "exp": now - 600}),
            "no end": signed(private, head, {k: v for k, v in said.items() if k != "exp"}), "no jti": signed(private, head, {k: v for k, v in said.items() if k != "jti"}),
            "no cmd": signed(private, head, {k: v for k, v in said.items() if k != "cmd"})}
    out.update((what, a["token"]) for what, a in zip(made, ask(*made.values())))
    return out


def test_tampered_commands__both_refuse_each():
    with Rig() as rig:
        pam = Operator(rig, None, "pam", "approver")
        private, public = jwk_of(pam)
        other = ask({"do": "keys"})[0]["private"]
        ours = pam.sign("incidents.ack", incident_id="inc_00001")
        theirs = ask({"do": "sign", "jwk": private, "header": {**HEADER, "kid": "pam"}, "claims": claims(iss="pam")})[0]["token"]
        count = 0
        for good in (ours, theirs):
            bad = tampered(good, private, other, public)
            answers = ask(*({"do": "verify", "jwk": public, "token": t, "aud": GATEWAY} for t in [good, *bad.values()]))
            assert answers[0]["ok"] and is_valid(pam.dir, good)[0]
            taken = [what for what, a in zip(bad, answers[1:]) if a["ok"]]
            assert not taken, f"the library takes: {taken}"
            taken = [what for what, t in bad.items() if is_valid(pam.dir, t)[0]]
            assert not taken, f"picketctl takes: {taken}"
            count += len(bad)
        print(f"# {count} tampered commands, refused by both")


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=3)
