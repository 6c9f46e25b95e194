"""Makes audit_chain.jsonl from the rule in the wire contract alone; see README.md."""
import hashlib
import json
import pathlib

ENTRIES = [
    '{"at":"2026-09-21T14:13:20.000Z","boot":7,"mono_ms":1000,"quality":"ntp","incident":null,"severity":"info","kind":"boot","who":"agent","text":"start"}',
    '{"at":"2026-09-21T14:13:21.250Z","boot":7,"mono_ms":2250,"quality":"ntp","incident":42,"severity":"high","kind":"created","who":"rule:service_down","text":"[high] Service down on api"}',
    '{"at":null,"boot":8,"mono_ms":5,"quality":"unset","incident":42,"severity":"high","kind":"note","who":"key:alice","text":"\u00d6l \u2260 \\"Wasser\\"\\n"}',
]

head = bytes(32)
with open(pathlib.Path(__file__).parent / "audit_chain.jsonl", "w", encoding="utf-8") as out:
    for n, text in enumerate(ENTRIES, start=1):
        data = text.encode()
        head = hashlib.sha256(head + n.to_bytes(8, "big") + len(data).to_bytes(4, "big") + data).digest()
        out.write(json.dumps({"n": n, "hash": head.hex()}, separators=(",", ":")) + "\n" + text + "\n")
