"""A unique secret and e-mail address in every exchange, then a search for them; and a thief with everything but the tenant's key.

SIDEWALL_CANARIES says how many exchanges (default 200). Searched: every file of the sidecar's folder (audit log, its own log), the metrics, what
a core dump leaves. Then everything that the sidecar has, its disk and its keys, must not open a record, and the tenant's key must.
"""

import base64
import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import string
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sdk"))
import sidewall  # noqa: E402

COUNT = int(os.environ.get("SIDEWALL_CANARIES", "200"))
THREADS = 4
ALPHABET = string.ascii_uppercase + "234567"


def canaries(chance):
    secret = "AKIA" + "".join(chance.choice(ALPHABET) for _ in range(16))
    mail = "".join(chance.choice(string.ascii_lowercase) for _ in range(14)) + "@example.org"
    return mail, secret


def send(port, texts, ids):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number, (mail, secret) in texts:
        text = f"#scenario:echo,delta=7 aws_access_key_id = {secret} belongs to {mail}"
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], "stream": number % 2 == 0}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        ids[number] = response.headers.get("x-sidewall-exchange")
        whole = response.read()
        assert response.status == 200, f"{response.status}: {whole[:200]}"
    connection.close()


def needles(texts):
    for mail, secret in texts:
        for value in (mail, secret):
            yield value.encode()
            # Inside a longer base64 text, a value shows in one of three forms; its middle is enough of each.
            for shift in range(3):
                yield base64.b64encode(b"\0" * shift + value.encode())[4:-4]


def search(folder, paths, texts, problems):
    patterns = pathlib.Path(folder) / "needles"
    patterns.write_bytes(b"\n".join(set(needles(texts))) + b"\n")
    for path in paths:
        # grep builds one automaton for all of them; bytes, not characters.
        grep = ["grep", "-a", "-c", "-F", "-f", patterns, path]
        done = subprocess.run(grep, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 1:
            problems.append(f"{path.name} holds canaries: {done.stdout.strip()} line(s) {done.stderr.strip()}")


def records_hold_no_value(sidecar, texts, ids, problems):
    by_id = {record["exchange"]: json.dumps(record) for record in sidecar.records()}
    placeholders = 0
    for (mail, secret), exchange in zip(texts, ids):
        record = by_id.get(exchange)
        if not record:
            problems.append(f"exchange {exchange} is not on record")
        elif mail in record or secret in record:
            problems.append(f"the record of {exchange} holds a value")
        else:
            placeholders += "[EMAIL_" in record or "[EMAIL]" in record
    if placeholders != len(texts):
        problems.append(f"only {placeholders} of {len(texts)} records show a placeholder")


def thief(sidecar, problems):
    """Everything that the sidecar has, in a folder of its own; the tenant's private key is not the sidecar's."""
    private = (sidecar.keys / f"{sidewall.TENANT}.key").read_text()
    seed = private.splitlines()[1]
    loot = sidecar.folder / "loot"
    loot.mkdir()
    for path in [sidecar.config, sidecar.folder / "redaction.key", *sidecar.audit.iterdir(), *sidecar.keys.glob("*.pub")]:
        shutil.copy(path, loot)
    for path in loot.iterdir():
        data = path.read_bytes()
        if seed.encode() in data or base64.b64decode(seed) in data:
            problems.append(f"{path.name} holds the tenant's private key")
    for path in loot.iterdir():
        done = subprocess.run(
            [sidewall.BINARY, "audit", "read", loot, "--key", path, "--json"], capture_output=True, timeout=60
        )
        if done.returncode == 0 or done.stdout.strip():
            problems.append(f"{path.name} opens records")
    # Any 32 bytes may be a key: every window of the small files is tried as one.
    header = private.splitlines()[0].split()
    tried = 0
    for path in [loot / "redaction.key", *loot.glob("signer.key")]:
        data = path.read_bytes()
        for raw in [data[:32], base64.b64decode(data.split()[-1]) if path.suffix == ".key" and b"signer" in data else data[-32:]]:
            guess = loot / "guess.key"
            guess.write_text(" ".join(header) + "\n" + base64.b64encode(raw[:32]).decode() + "\n")
            done = subprocess.run([sidewall.BINARY, "audit", "read", loot, "--key", guess], capture_output=True, timeout=60)
            tried += 1
            if done.returncode == 0:
                problems.append(f"bytes of {path.name} open records")
    if tried < 4:
        problems.append("the thief found too little to try")
    if not sidewall.run("audit", "read", loot, "--key", sidecar.keys / f"{sidewall.TENANT}.key").strip():
        problems.append("the tenant's key reads nothing")


def main():
    chance = random.Random(int(os.environ.get("SIDEWALL_CANARY_SEED", "1")))
    texts = [canaries(chance) for _ in range(COUNT)]
    ids, problems = [None] * COUNT, []
    with sidewall.temporary() as folder:
        provider = sidewall.Provider(folder)
        own = pathlib.Path(folder) / "own"
        own.mkdir()
        try:
            sidecar = sidewall.Sidecar(own, [("openai", ["openai"], provider.url, "")])
            resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
            sidecar.start()
            numbered = list(enumerate(texts))
            threads = [threading.Thread(target=send, args=(sidecar.port, numbered[at::THREADS], ids)) for at in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            metrics = sidecar.admin("/metrics")[1]
            # A core dump, attempted.
            sidecar.process.send_signal(signal.SIGABRT)
            sidecar.process.wait()
            sidecar.log.close()
            cores = [path for path in own.rglob("*") if path.name.startswith("core")]
            if cores:
                problems.append(f"a core file was written: {cores}")
            (own / "metrics.txt").write_bytes(metrics)
            places = [path for path in own.rglob("*") if path.is_file()]
            search(folder, places, texts, problems)
            # The test of the test: the search finds what is there.
            seen = []
            (own / "planted").write_text(f"x{base64.b64encode(b'..' + texts[-1][1].encode()).decode()}")
            search(folder, [own / "planted"], texts, seen)
            if not seen:
                problems.append("a planted canary was not found: the search proves nothing")
            records_hold_no_value(sidecar, texts, ids, problems)
            thief(sidecar, problems)
        finally:
            provider.stop()
    print(f"canary: {COUNT} exchanges, {len(places)} places searched: " + ("FAILED" if problems else "none found"))
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
