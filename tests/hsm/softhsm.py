"""A tenant's key on a PKCS#11 token, from its making to its end: SoftHSM2, the running sidecar, the reading commands.

The sidecar gets the public half and nothing of the token. Records open through the token while the key is there, and for nobody after
`keys shred`, whatever copies of the files were kept; `audit verify` then answers 6.

Needs Debian's softhsm2 and a program with the feature pkcs11 (`make test-hsm` sees to both).
"""

import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sdk"))
import sidewall  # noqa: E402

MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"]
TOKEN = "sidewall test"
URI = "pkcs11:token=sidewall%20test"
PIN = "4711-0815"


def token(folder):
    """A fresh token, and the environment of those who may use it."""
    module = os.environ.get("SIDEWALL_PKCS11_MODULE") or next((path for path in MODULES if os.path.exists(path)), None)
    assert module, "no libsofthsm2.so: install the package softhsm2, or set SIDEWALL_PKCS11_MODULE"
    (folder / "tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    (folder / "pin").write_text(PIN + "\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    init = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", "0000-1111", "--pin", PIN]
    subprocess.run(init, check=True, capture_output=True)
    return {"SIDEWALL_PKCS11_MODULE": module, "SIDEWALL_PKCS11_PIN_FILE": str(folder / "pin")}


class Without:
    """Changes the environment for a while; None takes a variable out."""

    def __init__(self, **changes):
        self.changes = changes

    def __enter__(self):
        self.before = {name: os.environ.get(name) for name in self.changes}
        self.put(self.changes)

    def __exit__(self, *_):
        self.put(self.before)

    @staticmethod
    def put(values):
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def ask(sidecar, count):
    ids = []
    for number in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": f"#scenario:echo write to hsm{number}@example.com"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status
        ids.append(response.headers["x-sidewall-exchange"])
        connection.close()
    return ids


def serve(sidecar, count):
    """Exchanges of a sidecar that knows nothing of the token."""
    with Without(SIDEWALL_PKCS11_MODULE=None, SIDEWALL_PKCS11_PIN_FILE=None, SOFTHSM2_CONF=None):
        sidecar.start()
        ids = ask(sidecar, count)
        assert sidecar.stop() == 0
    return ids


def read(log, key):
    """Ids of the exchanges that the key opens."""
    return [json.loads(line)["exchange"] for line in sidewall.run("audit", "read", log, "--key", key, "--json").splitlines()]


def fails(said, *arguments):
    code, text = sidewall.status_of(*arguments)
    assert code == 2 and said in text, f"sidewall {arguments}: {code}, expected 2 and {said!r}\n{text}"


def main():
    with sidewall.temporary() as folder:
        folder = pathlib.Path(folder)
        os.environ.update(token(folder))
        provider = sidewall.Provider(folder)
        try:
            sidecar = sidewall.Sidecar(folder, [("openai", ["openai"], provider.url, "")], key=["--pkcs11", URI])
            walk(folder, sidecar)
        finally:
            provider.stop()
    print("SoftHSM2: a key is made, used, rotated and shredded on the token: passed")
    return 0


def walk(folder, sidecar):
    keys, log = sidecar.keys, sidecar.audit
    first = keys / f"{sidewall.TENANT}.key"
    assert first.read_text().startswith("sidewall-token-key-v1 p256 "), "the file says where the key is"
    fails("exists", "keys", "new", "--tenant", sidewall.TENANT, "--out", keys, "--pkcs11", URI)

    early = serve(sidecar, 3)
    for key in [first, keys, URI]:
        assert read(log, key) == early, f"through {key}"

    # A new period: the new key is made where the one before is.
    sidewall.run("keys", "rotate", "--tenant", sidewall.TENANT, "--out", keys)
    late = serve(sidecar, 2)
    for key in [keys, URI]:
        assert read(log, key) == early + late, f"through {key}"
    assert read(log, keys / f"{sidewall.TENANT}.key") == late
    listed = json.loads(sidewall.run("keys", "list", keys, "--json"))
    assert [key["state"] for key in listed] == ["replaced", "in_force"] and all(key["token"].startswith(URI) for key in listed), listed

    # A key that is on the token already is taken into use by its name.
    sidewall.run("keys", "new", "--tenant", "other", "--out", folder / "adopted", "--pkcs11", listed[1]["token"])
    assert read(log, folder / "adopted" / "other.key") == late

    # What a token is asked for goes to one more reader, with a key in a file.
    sidewall.run("keys", "new", "--tenant", "auditor", "--out", folder / "auditor")
    copy = folder / "copy"
    shutil.copytree(log, copy)
    sidewall.run("audit", "rewrap", copy, "--key", keys, "--to", folder / "auditor" / "auditor.pub")
    assert read(copy, folder / "auditor" / "auditor.key") == early + late

    with Without(SIDEWALL_PKCS11_MODULE=None):
        fails("SIDEWALL_PKCS11_MODULE", "audit", "read", log, "--key", first)
    with Without(SIDEWALL_PKCS11_PIN_FILE=None):
        fails("SIDEWALL_PKCS11_PIN", "audit", "read", log, "--key", first)
    with Without(SIDEWALL_PKCS11_PIN_FILE=None, SIDEWALL_PKCS11_PIN="0000-0000"):
        fails("PinIncorrect", "audit", "read", log, "--key", first)
    fails("no such token", "audit", "read", log, "--key", "pkcs11:token=nobody")
    fails("holds no P-256 key", "audit", "read", log, "--key", f"{URI};object=nobody")
    assert sidecar.verify()[0] == 0

    # The end. Whoever kept copies of all files has kept nothing that opens a record.
    kept = folder / "kept"
    shutil.copytree(keys, kept)
    said = sidewall.run("keys", "shred", "--tenant", sidewall.TENANT, "--out", keys, "--all", "--log", log)
    assert said.count("shredded ") == 2, said
    for key in [kept, kept / f"{sidewall.TENANT}.key", folder / "adopted" / "other.key"]:
        fails("holds no", "audit", "read", log, "--key", key)
    fails("holds no P-256 key", "audit", "read", log, "--key", URI)
    code, text = sidecar.verify()
    assert code == 6, f"audit verify: {code}\n{text}"
    # A tombstone beside a key that may live elsewhere would be a lie: these files name keys that the token no longer shows.
    fails("no such key on the token", "keys", "shred", "--tenant", sidewall.TENANT, "--out", kept, "--all")
    assert not list(kept.glob("*.shredded*")), "no tombstone"


if __name__ == "__main__":
    sys.exit(main())
