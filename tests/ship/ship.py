"""Shipping of closed segments by the running sidecar: to a folder, and to a local S3 server (moto) with a program of the feature object-store.

For each place: what is shipped verifies and opens there; a place that is away for a while is caught up with; an object that somebody changed is
never replaced, and said so; a shipper that is behind refuses new exchanges with 503 until it has caught up, or does not, as configured.
"""

import http.client
import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sdk"))
import sidewall  # noqa: E402

BUCKET = "archive"
# Everything that is waited for comes within seconds; a busy machine may take longer.
PATIENCE = 60
# The smallest spool that configuration takes is one segment of 1 MiB.
SPOOL = 1 << 20


class Folder:
    """A folder that can be taken away."""

    name = "folder"

    def __init__(self, root):
        self.root = root / "archive"

    def to(self):
        return str(self.root)

    def environment(self):
        return {}

    def away(self):
        if self.root.exists():
            self.root.rename(self.root.with_suffix(".away"))
        self.root.write_text("no folder")

    def back(self):
        self.root.unlink()
        if self.root.with_suffix(".away").exists():
            self.root.with_suffix(".away").rename(self.root)

    def objects(self):
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}

    def change(self, key, data):
        (self.root / key).write_bytes(data)

    def stop(self):
        pass


class S3:
    """A local S3 server that can be taken away and keeps what it has."""

    name = "S3"

    def __init__(self, _root):
        import boto3
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self.port = sidewall.free_port()
        self.app = DomainDispatcherApplication(create_backend_app)
        self.make_server = make_server
        self.server = None
        self.back()
        self.client = boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def to(self):
        return f"s3://{BUCKET}/logs"

    def environment(self):
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
        }

    def away(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    def back(self):
        self.server = self.make_server("127.0.0.1", self.port, self.app, threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def objects(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="logs/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {key.removeprefix("logs/"): self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def change(self, key, data):
        self.client.put_object(Bucket=BUCKET, Key=f"logs/{key}", Body=data)

    def stop(self):
        if self.server:
            self.away()


def ask(sidecar, size=0):
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    # Text that no rule cares about, and that fills a record.
    text = "#scenario:echo write to ship@example.com " + "abc xyz " * (size // 8)
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.headers.get("x-sidewall-exchange")


def wait(what, until):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if until():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


def lay_out(place, folder):
    """What was shipped, as a folder that `audit verify` takes; gives it."""
    for key, data in place.objects().items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    logs = [path for path in folder.iterdir()]
    assert len(logs) == 1, f"one log: {logs}"
    return logs[0]


def segments(place):
    return sorted(key for key in place.objects() if key.endswith(".seg"))


def read(log, sidecar):
    return sidewall.run("audit", "read", log, "--key", sidecar.keys / f"{sidewall.TENANT}.key", "--json")


def fill(sidecar, statuses):
    """Exchanges of half a megabyte until an answer is among the statuses."""
    for _ in range(60):
        status, _exchange = ask(sidecar, 500_000)
        if status in statuses:
            return
        assert status == 200, status
    raise AssertionError(f"none of {statuses} came")


def make(folder, provider, place, fail):
    folder.mkdir()
    audit = f'segment_bytes = "1MiB"\n[audit.ship]\nto = "{place.to()}"\nspool = {SPOOL}\nfail = "{fail}"\n'
    return sidewall.Sidecar(folder, [("openai", ["openai"], provider.url, "")], audit=audit)


def walk(folder, provider, place):
    sidecar = make(folder / "closed", provider, place, "closed")
    ids = []
    for _ in range(3):
        sidecar.start()
        status, exchange = ask(sidecar)
        assert status == 200, status
        ids.append(exchange)
        assert sidecar.stop() == 0
    assert len(segments(place)) == 3, "each life's last segment is shipped when it ends"
    log = lay_out(place, folder / "copy")
    code, text = sidewall.status_of("audit", "verify", log)
    assert code == 0, f"{code}: {text}"
    for exchange in ids:
        assert exchange in read(log, sidecar), "the copy opens"
    rows = [json.loads(data) for key, data in place.objects().items() if f"/tenants/{sidewall.TENANT}/" in key]
    assert len(rows) == 3 and all(row["records"] == 2 for row in rows), rows

    # Away: service goes on until the spool is full, then new exchanges are refused; back, they are served again.
    sidecar.start()
    place.away()
    fill(sidecar, {503})
    assert b"sidewall_audit_ship_behind 1" in sidecar.admin("/metrics")[1]
    place.back()
    wait("service after the place is back", lambda: ask(sidecar)[0] == 200)
    assert sidecar.stop() == 0
    whole = lay_out(place, folder / "whole")
    code, text = sidewall.status_of("audit", "verify", whole)
    assert code == 0, f"{code}: {text}"
    # Here, room was made: what is left begins later, and says so.
    here = sorted(path.name for path in sidecar.audit.glob("*.seg"))
    there = sorted(path.name for path in whole.glob("*.seg"))
    assert set(here) < set(there), (here, there)
    assert sidecar.verify()[0] == 4, "segments are missing here"
    code, text = sidewall.status_of("audit", "verify", sidecar.audit, "--from", int(here[0].split("-")[0]))
    assert code == 0, f"{code}: {text}"

    # Another object where a segment belongs: said so, never replaced, and nothing behind it is taken for shipped.
    key, number = segments(place)[-1], int(there[-1].split("-")[0])
    bad = bytearray(place.objects()[key])
    bad[300] ^= 1
    place.change(key, bytes(bad))
    (sidecar.audit / "shipped").unlink()
    sidecar.start()
    assert ask(sidecar)[0] == 200
    wait("an alarm", lambda: b'sidewall_audit_shipped_total{result="conflict"}' in sidecar.admin("/metrics")[1])
    assert sidecar.stop() == 0
    assert place.objects()[key] == bytes(bad) and max(int(key.split("/")[-1].split("-")[0]) for key in segments(place)) == number

    # Configured to go on, it does.
    place.away()
    going = make(folder / "open", provider, place, "open")
    going.start()
    for _ in range(12):
        assert ask(going, 500_000)[0] == 200
    wait("that it says so", lambda: b"sidewall_audit_ship_behind 1" in going.admin("/metrics")[1])
    assert ask(going)[0] == 200
    assert going.stop() == 0
    place.back()


def anchored(folder, provider):
    """Checkpoints posted to an endpoint, against which a log that was cut short shows."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    notes = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["authorization"] == "Bearer word-for-the-witness", "the credential"
            notes.append(body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder.mkdir()
    (folder / "witness.token").write_text("word-for-the-witness")
    audit = f'checkpoint_interval = "1s"\n[[audit.anchor]]\nurl = "http://127.0.0.1:{server.server_port}/notes"\ncredential = {{ file = "witness.token" }}\n'
    sidecar = sidewall.Sidecar(folder, [("openai", ["openai"], provider.url, "")], audit=audit)
    for _ in range(2):
        sidecar.start()
        assert ask(sidecar)[0] == 200
        assert sidecar.stop() == 0
    server.shutdown()
    anchor = folder / "notes"
    anchor.write_bytes(b"\n".join(notes) + b"\n")
    code, text = sidewall.status_of("audit", "verify", sidecar.audit, "--anchor", anchor)
    assert code == 0, f"{code}: {text}"
    sorted(sidecar.audit.glob("*.seg"))[-1].unlink()
    code, text = sidewall.status_of("audit", "verify", sidecar.audit, "--anchor", anchor)
    assert code == 2, f"rolled back, {code}: {text}"
    print(f"HTTP anchor: {len(notes)} checkpoints kept, a log rolled back shows: passed")


def main():
    places = {"folder": [Folder], "s3": [S3], "all": [Folder, S3]}[sys.argv[1] if len(sys.argv) > 1 else "all"]
    with sidewall.temporary() as folder:
        folder = pathlib.Path(folder)
        provider = sidewall.Provider(folder)
        try:
            anchored(folder / "anchored", provider)
            for kind in places:
                root = folder / kind.name
                root.mkdir()
                place = kind(root)
                os.environ.update(place.environment())
                try:
                    walk(root, provider, place)
                finally:
                    place.stop()
                print(f"shipping to {kind.name}: shipped, verified, caught up with, never replaced: passed")
        finally:
            provider.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
