#!/usr/bin/env python3
"""Every command of README.md runs: its sh blocks are the test. ctest: lane=default timeout=300"""
import os
import re
import subprocess
import time

from rig import BUILD, SOURCE, Gateway, Process, Rig, await_true, main

README = os.path.join(SOURCE, "README.md")


def blocks():
    """[(line number, command)] of the ```sh blocks."""
    out, inside = [], False
    with open(README) as f:
        for number, line in enumerate(f, 1):
            if line.startswith("```"):
                inside = not inside and line.strip() == "```sh"
            elif inside and line.strip():
                out.append((number, line.strip()))
    return out


def shell(command, cwd=SOURCE, env=None, seconds=280):
    return subprocess.run(["bash", "-ec", command], cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds)


def expect(number, command, out):
    assert out.returncode == 0, f"README.md:{number}: {command}: exit {out.returncode}\n{out.stdout[-1500:]}{out.stderr[-1500:]}"


def run_daemon_commands(rig, commands):
    """In the order of the file, as an operator beside a running gateway would."""
    gateway = Gateway(rig)
    gateway.start_service()
    gateway.start()
    time.sleep(1.2)
    gateway.kill_service()  # so that there is something to look at
    await_true("there is something to look at", 10, gateway.incidents)
    env = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "PICKET_SOCKET": gateway.control_path()}
    cwd = rig.path("operator")
    os.makedirs(cwd)
    for number, command in commands:
        expect(number, command, shell(command.replace("/etc/picket/", gateway.etc + "/"), cwd, env))
    shown = shell("picketctl events list", cwd, env).stdout
    assert "upstream refused" in shown, shown
    incident = gateway.incidents()[0]["incident_id"]
    for command in (f"picketctl incidents get {incident} --timeline", f"picketctl --format table incidents get {incident} --timeline", "picketctl help"):
        expect("text", command, shell(command, cwd, env))
    watch = Process(rig, "watch", [os.path.join(BUILD, "picketctl"), "watch"], env=env, cwd=cwd)
    event = {"type": "data_corruption", "source": "disk9", "severity": "critical"}
    await_true("watch shows what comes", 10, lambda: gateway.send_events([event]) and time.sleep(0.3) or "disk9" in watch.log())
    watch.stop()
    assert gateway.stop() == 0


def test_each_block():
    known = {"./tools/run --once", "./tools/test", "cmake --preset armv7", "cmake --build build/armv7", "DESTDIR=/tmp/picket-root cmake --install build/host --prefix /"}
    commands = blocks()
    assert len(commands) > 12, commands
    with Rig() as rig:
        local = [(n, c) for n, c in commands if c.split()[0] in ("picketctl", "picketd")]
        other = [(n, c) for n, c in commands if (n, c) not in local]
        for number, command in other:
            assert command in known, f"README.md:{number}: this test does not know how to try: {command}"
        run_daemon_commands(rig, local)
        expect("", "./tools/run --once", shell("./tools/run --once"))
        # The tests would start themselves: it is what the build machine calls, and it says how it is called.
        with open(os.path.join(SOURCE, ".ci", "run")) as f:
            assert "tools/test" in f.read()
        expect("", "./tools/test", shell("bash -n tools/test && test -x tools/test"))
        root = rig.path("root")
        install = f"DESTDIR={root} cmake --install {BUILD} --prefix /"
        expect("", install, shell(install))
        with open(README) as f:
            text = f.read()
        section = text[text.index("lays out"):text.index("There:", text.index("lays out"))]
        for path in re.findall(r"`(/[^`]+)`", section):
            assert os.path.exists(root + path), f"README.md says that {path} is installed"
        # The user of step 1 is not made on a machine that only runs tests: another takes its place.
        check = [f"{root}/usr/sbin/picketd", "-t", "-c", f"{root}/etc/picket/picketd.conf"]
        out = subprocess.run(check, capture_output=True, text=True, env={**os.environ, "PICKET_AGENT_USER": "no-such-user"})
        assert out.returncode == 78 and "no such user" in out.stderr, out.stderr
        out = subprocess.run(check, capture_output=True, text=True, env={**os.environ, "PICKET_AGENT_USER": "nobody", "PICKET_AGENT_GROUP": "nogroup"})
        assert out.returncode == 0, out.stderr
        for number, command in ((n, c) for n, c in other if "armv7" in c):
            if not os.path.exists(os.path.join(SOURCE, "build", "armv7", "build.ninja")):
                print(f"# skipped: {command}: this checkout has no armv7 tree")
                continue
            expect(number, command, shell(command))


def test_folder_map__is_true():
    with open(README) as f:
        text = f.read()
    for path in re.findall(r"`((?:src|port|config|boards|toolchains|cmake|tests|tools)/[^`* ]*)`", text) + re.findall(r"\]\(([^)]+)\)", text):
        assert os.path.exists(os.path.join(SOURCE, path)), f"README.md names {path}, which is not there"
    for folder in ("base", "event", "detect", "incident", "wire", "respond", "mqtt", "report", "agent", "roles"):
        assert os.path.isdir(os.path.join(SOURCE, "src", folder)) and folder in text


main(test_each_block, test_folder_map__is_true)
