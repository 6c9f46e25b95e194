#!/usr/bin/env python3
"""The longest public-key step of a TLS handshake with Mosquitto as shipped (TLS 1.3, certificates both ways): how long a tick of the agent can be kept.
    python3 tests/bench/figures_tls.py [HANDSHAKES]"""
import os
import subprocess
import sys

from bench_rig import build

BUILD = build("small", "bench_tls")
from rig import GATEWAY, Broker, Rig  # noqa: E402

with Rig() as rig:
    broker = Broker(rig).start()
    files = [os.path.join(rig.pki, name) for name in ("ca.crt", f"{GATEWAY}.crt", f"{GATEWAY}.key")]
    code = subprocess.run([os.path.join(BUILD, "tests", "bench", "bench_tls"), str(broker.port), *files, sys.argv[1] if len(sys.argv) > 1 else "100"]).returncode
sys.exit(code)
