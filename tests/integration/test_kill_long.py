#!/usr/bin/env python3
"""Supervisor and agent are killed 50 ms after each start for two minutes under load: test_killed.py, six times as long. ctest: lane=ci timeout=300"""
import os
import sys

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_killed.py")
os.execve(sys.executable, [sys.executable, path], {**os.environ, "PK_KILL_SECONDS": "120"})
