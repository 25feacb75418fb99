"""Starts the running program: a scripted provider, and the sidecar in front of it. Only the standard library."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SIDEWALL_BINARY", ROOT / "target" / "debug" / "sidewall"))
TENANT = "acme"
# How long anything may take to start: a dev build on two busy cores.
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Provider:
    """`sidewall provider`: what the sidecar takes for the model's API."""

    def __init__(self, folder, tls=()):
        """`tls`: files of a certificate and its key."""
        self.log = open(pathlib.Path(folder) / "provider.log", "wb")
        options = ["--tls-certificate", tls[0], "--tls-key", tls[1]] if tls else []
        self.process = subprocess.Popen(
            [BINARY, "provider", "--listen", "127.0.0.1:0", *options],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("listening on http"), f"the provider did not start: {line!r}"
        self.url = line.split(" on ")[1].strip()
        self.port = int(self.url.rsplit(":", 1)[1])

    def call(self, method, path, body=None):
        if self.url.startswith("https"):
            unchecked = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=unchecked)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body=None if body is None else json.dumps(body))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def received(self):
        return self.call("GET", "/__received")

    def last(self):
        return self.received()[-1]

    def state(self):
        return self.call("GET", "/__state")

    def forget(self):
        self.call("DELETE", "/__received")
        self.call("DELETE", "/__script")

    def script(self, **script):
        """The script for requests that carry no directive of their own."""
        answer = self.call("PUT", "/__script", {"default": script})
        assert answer == {"script": "set"}, answer

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Sidecar:
    """`sidewall serve --config …` with its own folder, keys and audit log."""

    def __init__(self, folder, upstreams, extra="", identity=None, audit="", key=()):
        """`key`: more options of `keys new`."""
        self.folder = pathlib.Path(folder)
        self.keys = self.folder / "keys"
        self.audit = self.folder / "audit"
        self.port = free_port()
        self.admin_port = free_port()
        self.process = None
        run("keys", "new", "--tenant", TENANT, "--out", self.keys, *key)
        (self.folder / "redaction.key").write_bytes(bytes(range(32)))
        identity = identity or f'static = {{ tenant = "{TENANT}", principal = "sdk-tests" }}'
        tables = "".join(
            f'[[upstream]]\nname = "{name}"\ndialects = {json.dumps(dialects)}\nurl = "{url}"\n{more}\n'
            for name, dialects, url, more in upstreams
        )
        self.config = self.folder / "sidewall.toml"
        self.config.write_text(
            f"""
profile = "balanced"
[server]
listen = ["127.0.0.1:{self.port}"]
admin = "127.0.0.1:{self.admin_port}"
{extra}
{tables}
[identity]
{identity}
[redaction]
key = {{ file = "redaction.key" }}
[audit]
dir = "audit"
keys = "keys"
{audit}
"""
        )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self, wrapper=()):
        """`wrapper`: a command that runs the program, such as `strace …`."""
        self.log = open(self.folder / "serve.log", "ab")
        self.process = subprocess.Popen(
            [*wrapper, BINARY, "serve", "--config", self.config], stdout=self.log, stderr=self.log, cwd=self.folder
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.admin("/readyz")[0] == 200:
                    return self
            time.sleep(0.02)
        text = (self.folder / "serve.log").read_text(errors="replace")
        self.kill()
        raise AssertionError(f"the sidecar did not become ready:\n{text}")

    def admin(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """SIGTERM, as an orchestrator does it; gives the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=30)
        finally:
            self.kill()
        return status

    def kill(self):
        """SIGKILL: nothing of ours runs any more."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def records(self):
        """The decrypted records, one an exchange: {"exchange", "admission", "completion"}."""
        text = run("audit", "read", self.audit, "--key", self.keys / f"{TENANT}.key", "--json")
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def verify(self):
        """Exit status and output of `audit verify`."""
        done = subprocess.run(
            [BINARY, "audit", "verify", self.audit], capture_output=True, text=True, timeout=START_SECONDS
        )
        return done.returncode, done.stdout + done.stderr


def status_of(*arguments):
    """Exit status and all output of a command of the program."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=START_SECONDS)
    return done.returncode, done.stdout + done.stderr


def run(*arguments):
    """Runs a command of the program that must succeed; gives its output."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=START_SECONDS)
    assert done.returncode == 0, f"sidewall {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr}{done.stdout}"
    return done.stdout


def temporary():
    return tempfile.TemporaryDirectory(prefix="sidewall-")
