#!/usr/bin/env python3
"""Every command of config/README.md runs, block by block, as an operator beside a running gateway would. ctest: lane=default timeout=180"""
import os
import re
import subprocess
import time

from rig import BUILD, SOURCE, Gateway, Rig, await_true, main

GUIDE = os.path.join(SOURCE, "config", "README.md")


def blocks():
    """[(line number, script)] of the ```sh blocks."""
    out, script = [], None
    with open(GUIDE) as f:
        for number, line in enumerate(f, 1):
            if line.startswith("```"):
                if script is not None:
                    out.append((first, script))
                    script = None
                elif line.strip() == "```sh":
                    first, script = number + 1, ""
            elif script is not None:
                script += line
    return out


def test_each_block():
    scripts = blocks()
    assert len(scripts) > 10, scripts
    with Rig() as rig:
        # A machine that is busy with other tests is no incident here.
        gateway = Gateway(rig, config="[sources]\npsi = 0\nload = 0\n")
        gateway.start_service()
        gateway.start()
        time.sleep(1.2)
        gateway.kill_service()
        await_true("the first incident is resolved", 30, lambda: [i for i in gateway.incidents() if i["status"] == "resolved"])
        env = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "PICKET_SOCKET": gateway.control_path()}
        for part in ("conf.d", "patterns.d"):
            os.makedirs(os.path.join(gateway.etc, part))
        cwd = rig.path("operator")
        os.makedirs(cwd)
        shown = ""
        for number, script in scripts:
            local = script.replace("/etc/picket/", gateway.etc + "/").replace("/run/picket/", gateway.dir + "/run/")
            out = subprocess.run(["bash", "-ec", local], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)
            assert out.returncode == 0, f"config/README.md:{number}: exit {out.returncode}\n{script}\n{out.stdout[-1500:]}{out.stderr[-1500:]}"
            shown += out.stdout
        for promised in ("would_run", "value > 95 for 10m", '"type":"pump_dry","source":"P3"', '"written":true', "## Follow-ups", "mode observe: only recorded"):
            assert promised in shown, f"no command showed: {promised}"
        with open(os.path.join(cwd, "inc_00001.md")) as f:
            assert "## Sign-off" in f.read()
        assert gateway.stop() == 0


def test_every_named_command_exists():
    """Also those that stand in the text and the tables."""
    with open(GUIDE) as f:
        text = f.read()
    for words in set(re.findall(r"`picketctl ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", text)):
        out = subprocess.run([os.path.join(BUILD, "picketctl"), "help", *words.split()], capture_output=True, text=True)
        assert out.returncode == 0, f"picketctl {words}: {out.stderr}"
    for path in re.findall(r"\]\(([^)]+)\)", text):
        assert os.path.exists(os.path.join(SOURCE, "config", path)), path


main(test_each_block, test_every_named_command_exists)
