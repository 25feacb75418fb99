"""Disks that fail under the running sidecar: every answer is a defined one and comes in time, nothing stands in clear, service comes back.

- EIO at every position of a sync (strace injects it), SIDEWALL_EIO_POSITIONS of them (default 4);
- a sync that hangs for ten seconds;
- no space on a 4 MB tmpfs.
What the machine does not allow (no strace, no right to mount) is skipped, and said so.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sdk"))
import sidewall  # noqa: E402

POSITIONS = int(os.environ.get("SIDEWALL_EIO_POSITIONS", "4"))
# What a caller may get from a sidecar whose disk fails.
DEFINED = {200, 503}
# The log answers within 2 s, admission and completion each; the rest is a busy machine's.
PATIENCE = 8
CANARY = "canary.faults@example.com"


def ask(sidecar, stream=False):
    """Status and exchange id; the answer must come."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=PATIENCE)
    body = {
        "model": "gpt-5-mini",
        "messages": [{"role": "user", "content": f"#scenario:echo write to {CANARY}"}],
        "stream": stream,
    }
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    status, exchange = response.status, response.headers.get("x-sidewall-exchange")
    whole = response.read()
    connection.close()
    ended = status == 200 and (not stream or b"[DONE]" in whole)
    return status, exchange if ended else None


def check(sidecar, answered, problems, name):
    sidecar.stop()
    code, text = sidecar.verify()
    if code not in (0, 7):
        problems.append(f"{name}: audit verify ends with {code}\n{text}")
    recorded = json.dumps(sidecar.records())
    lost = [exchange for exchange in answered if exchange not in recorded]
    if lost:
        problems.append(f"{name}: {len(lost)} of {len(answered)} answered exchanges are not on record")
    for path in sidecar.folder.rglob("*"):
        if path.is_file() and CANARY.encode() in path.read_bytes():
            problems.append(f"{name}: {path.name} holds a caller's text")


def recovers(sidecar, answered, problems, name):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, exchange = ask(sidecar)
            if status == 200:
                answered.append(exchange)
                return
        time.sleep(0.2)
    problems.append(f"{name}: service did not come back")


def eio(folder, upstreams, problems):
    refused = 0
    for position in range(1, POSITIONS + 1):
        sidecar = sidewall.Sidecar(folder / f"eio{position}", upstreams)
        inject = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]
        inject += ["-e", f"inject=fdatasync:error=EIO:when={position}"]
        answered = []
        try:
            sidecar.start(inject)
        except AssertionError:
            # The first segment could not be made: it does not start, and says so.
            if b"audit" not in (sidecar.folder / "serve.log").read_bytes():
                problems.append(f"EIO {position}: no start, and no word why")
            continue
        for number in range(6):
            status, exchange = ask(sidecar, stream=number % 2 == 1)
            refused += status == 503
            if status not in DEFINED:
                problems.append(f"EIO {position}: status {status}")
            if exchange:
                answered.append(exchange)
        recovers(sidecar, answered, problems, f"EIO {position}")
        check(sidecar, answered, problems, f"EIO {position}")
    return f"EIO at {POSITIONS} positions, {refused} refused"


def hang(folder, upstreams, problems):
    sidecar = sidewall.Sidecar(folder / "hang", upstreams)
    inject = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]
    inject += ["-e", "inject=fdatasync:delay_enter=10000000:when=6"]
    sidecar.start(inject)
    answered, statuses, slowest = [], [], 0.0
    for _ in range(6):
        since = time.monotonic()
        status, exchange = ask(sidecar)
        slowest = max(slowest, time.monotonic() - since)
        statuses.append(status)
        if status not in DEFINED:
            problems.append(f"hang: status {status}")
        if exchange:
            answered.append(exchange)
    if 503 not in statuses:
        problems.append(f"hang: nothing was refused: {statuses}")
    recovers(sidecar, answered, problems, "hang")
    check(sidecar, answered, problems, "hang")
    return f"a sync of 10 s: statuses {statuses}, slowest answer {slowest:.1f} s"


def full(folder, upstreams, problems):
    place = folder / "full"
    (place / "audit").mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place / "audit"]
    if subprocess.run(mount, capture_output=True).returncode:
        return "no space: skipped, mounting is not allowed here"
    try:
        sidecar = sidewall.Sidecar(place, upstreams, audit='segment_bytes = "1MiB"').start()
        answered, statuses = [], set()
        blank = "of no matter to anybody, " * 2_000
        for _ in range(400):
            connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=PATIENCE)
            body = {"model": "m", "messages": [{"role": "user", "content": f"#scenario:echo {CANARY} {blank}"}]}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
            response = connection.getresponse()
            statuses.add(response.status)
            response.read()
            connection.close()
            if response.status == 200:
                answered.append(response.headers["x-sidewall-exchange"])
            if response.status == 503:
                break
        if not statuses <= DEFINED or 503 not in statuses:
            problems.append(f"no space: statuses {statuses}")
        subprocess.run(["mount", "-o", "remount,size=64m", place / "audit"], check=True)
        recovers(sidecar, answered, problems, "no space")
        check(sidecar, answered, problems, "no space")
        return f"no space on 4 MB: {len(answered)} answered, then refused, then answered again"
    finally:
        subprocess.run(["umount", "-l", place / "audit"], check=False)


def main():
    problems, done = [], []
    with sidewall.temporary() as folder:
        folder = pathlib.Path(folder)
        provider = sidewall.Provider(folder)
        upstreams = [("openai", ["openai"], provider.url, "")]
        traced = shutil.which("strace") and subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode == 0
        try:
            if traced:
                done += [eio(folder, upstreams, problems), hang(folder, upstreams, problems)]
            else:
                done.append("EIO and hanging syncs: skipped, strace is not installed or not allowed (Debian package strace)")
            done.append(full(folder, upstreams, problems))
        finally:
            provider.stop()
    print("\n".join(f"faults: {line}" for line in done))
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
