#!/usr/bin/env python3
"""The agent is killed every 50 ms for two minutes under load: the test of test_link.py, six times as long. ctest: lane=ci timeout=400"""
import os
import sys

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_link.py")
os.execve(sys.executable, [sys.executable, path, "test_agent_killed_every_50_ms_under_load"], {**os.environ, "PK_KILL_SECONDS": "120"})
