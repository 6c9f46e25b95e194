#!/usr/bin/env python3
"""A broker that asks for a user name and a password, over TLS: the right one, a wrong one, an unknown user, one that changed.
ctest: lane=default timeout=90"""
import os
import shutil
import signal
import subprocess
import time

from link_load import link
from rig import Broker, Gateway, Rig, await_true, main

USER, PASSWORD = "gw-user", "correct horse 42"


class PasswordBroker(Broker):
    """Mosquitto over TLS that knows clients by their password instead of by a certificate."""

    def __init__(self, rig):
        super().__init__(rig)
        self.passwords = os.path.join(self.dir, "passwords")
        with open(os.path.join(self.dir, "broker.conf"), "w") as f:
            f.write(f"listener {self.port} 127.0.0.1\ncafile {self.dir}/ca.crt\ncertfile {self.dir}/broker.crt\nkeyfile {self.dir}/broker.key\n"
                    f"allow_anonymous false\npassword_file {self.passwords}\n")
        self.set_password(PASSWORD)

    def set_password(self, password):
        subprocess.run(["mosquitto_passwd", "-b", "-c", self.passwords, USER, password], check=True, capture_output=True)
        shutil.chown(self.passwords, "mosquitto", "mosquitto")


def write_password(rig, gateway, text):
    path = rig.write("gateway/etc/password", text, 0o640)
    shutil.chown(path, "root", "nogroup")


def gateway_for(rig, broker, password, user=USER):
    gateway = Gateway(rig, actions="", config=f"[broker central]\nhost = 127.0.0.1\nport = {broker.port}\nca = {rig.path('gateway', 'etc', 'tls', 'ca.crt')}\n"
                      f"username = {user}\npassword_file = {rig.path('gateway', 'etc', 'password')}\nreconnect_first = 1s\nreconnect_max = 1s\n")
    if password is not None:
        write_password(rig, gateway, password)
    return gateway


def check_refused(gateway):
    """It says why, in status, doctor, picketctl and once in the log; it goes on trying without haste; nobody is told the password."""
    error = await_true("a reason", 10, lambda: link(gateway)["error"])
    assert "not_authorized" in error, link(gateway)
    before = link(gateway)["failures"]
    await_true("it tries again", 10, lambda: link(gateway)["failures"] > before)
    assert link(gateway)["connects"] == 0 and link(gateway)["state"] != "online", link(gateway)
    finding = [f for f in gateway.result("doctor")["findings"] if f["check"] == "broker central"][0]
    assert finding["verdict"] == "error" and "not_authorized" in finding["what"] and finding["cure"], finding
    shown = gateway.ctl("status", "--format", "table").stdout
    assert "not_authorized" in shown, shown
    assert gateway.process.log().count("not_authorized") == 1, gateway.process.log()
    return error


def is_told(gateway, secret):
    os.kill(gateway.process.pid, signal.SIGUSR1)  # the state, in the log
    time.sleep(0.5)
    everything = gateway.process.log() + gateway.ctl("status", "--format", "json").stdout + gateway.ctl("doctor", "--format", "json").stdout
    return secret in everything


def test_right_password__online():
    with Rig() as rig:
        broker = PasswordBroker(rig).start()
        gateway = gateway_for(rig, broker, PASSWORD + "\n").start()
        gateway.await_online()
        assert link(gateway)["error"] == "" and link(gateway)["failures"] == 0, link(gateway)
        assert f"u'{USER}'" in broker.process.log(), broker.process.log()
        assert not is_told(gateway, PASSWORD)
        assert gateway.stop() == 0


def test_wrong_password__said_clearly_and_online_after_the_file_was_mended():
    with Rig() as rig:
        broker = PasswordBroker(rig).start()
        gateway = gateway_for(rig, broker, "wrong horse\n").start()
        error = check_refused(gateway)
        assert not is_told(gateway, "wrong horse")
        write_password(rig, gateway, PASSWORD + "\n")
        os.kill(gateway.process.pid, signal.SIGHUP)
        gateway.await_online()
        assert link(gateway)["error"] == "", link(gateway)
        print(f"# a wrong password: {error}")


def test_unknown_user__is_refused_as_well():
    with Rig() as rig:
        broker = PasswordBroker(rig).start()
        check_refused(gateway_for(rig, broker, PASSWORD + "\n", user="somebody").start())


def test_password_changed_at_the_broker__refused_until_the_new_one_is_in_the_file():
    with Rig() as rig:
        broker = PasswordBroker(rig).start()
        gateway = gateway_for(rig, broker, PASSWORD + "\n").start()
        gateway.await_online()
        broker.set_password("another one")
        broker.kill()
        broker.start()
        await_true("it is refused", 15, lambda: "not_authorized" in link(gateway)["error"])
        write_password(rig, gateway, "another one\n")
        os.kill(gateway.process.pid, signal.SIGHUP)
        gateway.await_online()
        assert link(gateway)["connects"] == 2, link(gateway)


def test_no_password_file__said_by_the_check_and_in_the_log__the_gateway_works_on_and_takes_it_later():
    with Rig() as rig:
        broker = PasswordBroker(rig).start()
        gateway = gateway_for(rig, broker, None)
        path = rig.path("gateway", "etc", "password")
        checked = subprocess.run([gateway.binary, "-t", "-c", gateway.config_path], capture_output=True, text=True, timeout=20)
        assert checked.returncode == 78 and f"cannot be read: {path}: not found" in checked.stderr, checked
        gateway.start()
        check_refused(gateway)
        assert f"the password file cannot be read: {path}" in gateway.process.log(), gateway.process.log()
        write_password(rig, gateway, PASSWORD)
        os.kill(gateway.process.pid, signal.SIGHUP)
        gateway.await_online()


main(*[f for name, f in list(globals().items()) if name.startswith("test_")], at_once=3)
