"""Bad input of every kind gets its documented status and code, and an audit record where an exchange existed.

The table is the documentation: a row is what arrives (from the caller or from the provider) and what the caller gets.
"""

import dataclasses
import hashlib
import json
import socket
import threading
import time

import pytest

import sidewall
from test_openai import INJECTION

KEY = "swk-bad-input-tests"
EXPIRED = "swk-expired"
MAX_BODY = 1 << 20


def identity(key, name, more=""):
    digest = hashlib.sha256(key.encode()).hexdigest()
    return (
        f'[[identity.virtual_key]]\nsha256 = "{digest}"\ntenant = "{sidewall.TENANT}"\nprincipal = "{name}"\n'
        f'roles = []\nscopes = []\n{more}\n'
    )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, session_provider):
    """A sidecar with tight limits, virtual keys, and upstreams that are down, deaf or talk nonsense."""
    nonsense = Nonsense()
    folder = tmp_path_factory.mktemp("bad-input")
    # A virtual key is never sent on, so every upstream has a credential of its own.
    (folder / "credential").write_text("sk-test-not-a-key")
    own = 'credential = { file = "credential" }\nresponse_timeout = "2s"\nidle_timeout = "2s"\nconnect_timeout = "1s"'
    sidecar = sidewall.Sidecar(
        folder,
        [
            ("openai", ["openai", "generic"], session_provider.url, own),
            ("anthropic", ["anthropic"], session_provider.url, own),
            ("down", ["openai"], f"http://127.0.0.1:{sidewall.free_port()}", own),
            ("nonsense", ["openai"], nonsense.url, own),
        ],
        extra=(
            f'max_body_bytes = {MAX_BODY}\nheader_timeout = "2s"\nbody_timeout = "2s"\nunknown_endpoint = "deny"\n'
        ),
        identity=identity(KEY, "tests") + identity(EXPIRED, "gone", 'expires = "2020-01-01T00:00:00Z"'),
    ).start()
    yield sidecar
    nonsense.stop()
    assert sidecar.alive()
    sidecar.stop()


class Nonsense:
    """An upstream that does not speak HTTP."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example.com ESMTP\r\n")

    def stop(self):
        self.listener.close()


@dataclasses.dataclass
class Row:
    name: str
    status: int
    code: str | None
    body: bytes = b""
    path: str = "/v1/chat/completions"
    method: str = "POST"
    headers: dict = dataclasses.field(default_factory=dict)
    # Whether an exchange existed, so that a record must be there: it begins when the body has arrived. What is refused
    # before that (by its headers, its path, its size or its caller) is counted and logged, without a record.
    audited: bool = True
    # The bytes on the wire, where http itself is what is bad.
    raw: bytes | None = None
    # For streams that had begun: what the body must hold.
    within: str = ""


def chat(text, **more):
    return json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}).encode()


def claude(text):
    return json.dumps({"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}).encode()


JSON_ERROR = (400, "sidewall_malformed_json")
MEDIA = (415, "sidewall_unsupported_media")
GARBAGE = (502, "sidewall_upstream_garbage")
FAILED = (502, "sidewall_upstream_failed")

ROWS = [
    # The caller's JSON.
    Row("truncated JSON", *JSON_ERROR, body=b'{"model":"m","messages":['),
    Row("no JSON at all", *JSON_ERROR, body=b"hello"),
    Row("an empty body: nothing to inspect, the provider answers", 400, None, body=b""),
    Row("trailing data", *JSON_ERROR, body=chat("hi") + b"{}"),
    Row("duplicate keys", *JSON_ERROR, body=b'{"model":"m","messages":[],"messages":[]}'),
    Row("duplicate keys, one escaped", *JSON_ERROR, body=b'{"model":"m","messages":[],"m\\u0065ssages":[]}'),
    Row("a lone surrogate", *JSON_ERROR, body=b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}'),
    Row("invalid UTF-8", *JSON_ERROR, body=b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}'),
    Row("a raw control character", *JSON_ERROR, body=b'{"model":"m","messages":[{"role":"user","content":"a\x00b"}]}'),
    Row("a comment", *JSON_ERROR, body=b'{"model":"m", /* hi */ "messages":[]}'),
    Row("a number like 01", *JSON_ERROR, body=b'{"model":"m","messages":[],"n":01}'),
    Row("NaN", *JSON_ERROR, body=b'{"model":"m","messages":[],"temperature":NaN}'),
    Row("a single quote", *JSON_ERROR, body=b"{'model':'m'}"),
    Row("too deep", 400, "sidewall_limit_exceeded", body=b'{"a":' * 5000 + b"1" + b"}" * 5000),
    Row("a number of 10,000 digits", 400, "sidewall_limit_exceeded", body=b'{"seed":' + b"1" * 10_000 + b"}"),
    Row("UTF-16", *JSON_ERROR, body=chat("hi").decode().encode("utf-16")),
    # What is refused for what it says.
    Row("an injection", 400, "sidewall_injection", body=chat(INJECTION)),
    Row("an injection, Anthropic", 400, "sidewall_injection", body=claude(INJECTION), path="/v1/messages"),
    # Headers, paths, sizes.
    Row("a compressed body", *MEDIA, body=b"\x1f\x8b\x08\x00", headers={"content-encoding": "gzip"}),
    Row("a form", *MEDIA, body=b"a=b", headers={"content-type": "application/x-www-form-urlencoded"}),
    Row("another charset", *MEDIA, body=chat("hi"), headers={"content-type": "application/json; charset=utf-16"}),
    Row("no content type", *MEDIA, body=chat("hi"), headers={"content-type": None}),
    Row("too large, said so", 413, "sidewall_too_large", body=b'"' + b"a" * (MAX_BODY + 10) + b'"'),
    Row("an unknown endpoint", 404, "sidewall_unknown_endpoint", body=b"{}", path="/v1/no/such/thing"),
    Row("an unknown upstream", 404, "sidewall_unknown_upstream", body=chat("hi"), path="/u/nobody/v1/chat/completions"),
    Row(
        "an upstream of another dialect",
        404,
        "sidewall_unknown_upstream",
        body=claude("hi"),
        path="/u/openai/v1/messages",
    ),
    # Who calls.
    Row("no key", 401, "sidewall_unauthenticated", body=chat("hi"), headers={"authorization": None}, audited=False),
    Row(
        "an unknown key",
        401,
        "sidewall_unauthenticated",
        body=chat("hi"),
        headers={"authorization": "Bearer swk-nobody"},
        audited=False,
    ),
    Row(
        "an expired key",
        401,
        "sidewall_unauthenticated",
        body=chat("hi"),
        headers={"authorization": f"Bearer {EXPIRED}"},
        audited=False,
    ),
    # The upstream.
    Row("upstream down", *FAILED, body=chat("hi"), path="/u/down/v1/chat/completions"),
    Row("upstream hangs up", *FAILED, body=chat("#scenario:drop hi")),
    Row("upstream does not speak HTTP", *FAILED, body=chat("hi"), path="/u/nonsense/v1/chat/completions"),
    Row("upstream slow", 504, "sidewall_upstream_timeout", body=chat("#scenario:hang hi")),
    Row("upstream sends no JSON", *GARBAGE, body=chat("#scenario:garbage hi")),
    Row("upstream sends duplicate keys", *GARBAGE, body=chat("#scenario:duplicate_keys hi")),
    Row("upstream sends invalid UTF-8", *GARBAGE, body=chat("#scenario:invalid_utf8 hi")),
    Row("upstream sends HTML", *GARBAGE, body=chat("#scenario:html hi")),
    Row("upstream claims gzip", *GARBAGE, body=chat("#scenario:gzip hi")),
    Row("upstream redirects", *GARBAGE, body=chat("#scenario:redirect hi")),
    Row("upstream cut inside its body", *FAILED, body=chat("#scenario:cut,after=40 hi")),
    Row("upstream sends no JSON, Anthropic", *GARBAGE, body=claude("#scenario:garbage hi"), path="/v1/messages"),
    # Streams that had begun: the status is out, the error is the dialect's own event.
    Row(
        "stream cut inside an event",
        200,
        None,
        body=chat("#scenario:cut,after=1000,delta=1 a longer text that takes many events to tell", stream=True),
        within="sidewall_upstream_failed",
    ),
    Row(
        "stream stalls",
        200,
        None,
        body=chat("#scenario:echo,delta=1,delay=6000 ab", stream=True),
        within="sidewall_upstream_timeout",
    ),
    Row(
        "stream cut inside an event, Anthropic",
        200,
        None,
        body=claude("#scenario:cut,after=900,delta=1 a longer text that takes many events to tell")[:-1]
        + b', "stream": true}',
        path="/v1/messages",
        within="sidewall_upstream_failed",
    ),
    # HTTP itself. The server answers these before there is an exchange.
    Row("no HTTP", 400, None, raw=b"\x00\x01\x02 not http\r\n\r\n", audited=False),
    Row(
        "a body shorter than it says",
        408,
        "sidewall_request_timeout",
        raw=b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer " + KEY.encode()
        + b"\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"model\":",
    ),
    Row(
        "too large, in chunks",
        413,
        "sidewall_too_large",
        raw=b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer " + KEY.encode()
        + b"\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 20,
    ),
    Row(
        "two lengths (request smuggling)",
        400,
        None,
        raw=b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        audited=False,
    ),
    Row("an endless header", 431, None, raw=b"GET / HTTP/1.1\r\nx: " + b"a" * 1_000_000, audited=False),
    Row(
        "a wrong method",
        404,
        "sidewall_unknown_endpoint",
        method="DELETE",
        body=b"{}",
        path="/v1/chat/completions",
    ),
]


def send(sidecar, row):
    """(status, headers, body) of the first response to the row's bytes."""
    raw = row.raw
    if raw is None:
        headers = {
            "host": "sidewall.test",
            "content-type": "application/json",
            "authorization": f"Bearer {KEY}",
            "content-length": str(len(row.body)),
            "connection": "close",
        }
        headers.update(row.headers)
        lines = [f"{row.method} {row.path} HTTP/1.1"] + [f"{k}: {v}" for k, v in headers.items() if v is not None]
        raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + row.body
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=30) as connection:
        try:
            connection.sendall(raw)
        except OSError:
            pass  # An answer may come, and the connection end, before everything was sent.
        got = b""
        while True:
            try:
                piece = connection.recv(65536)
            except ConnectionResetError:
                break
            got += piece
            if not piece or complete(got):
                break
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    assert lines[0].startswith("HTTP/1.1 "), f"no response: {got[:80]!r}"
    return int(lines[0].split()[1]), headers, body


def complete(got):
    """Whether a response with a stated length is all there (the others end with the connection)."""
    head, found, body = got.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(found) and len(body) >= int(line.split(b":")[1])
    return bool(found) and body.endswith(b"0\r\n\r\n")


@pytest.fixture(scope="module")
def exchanges():
    """Ids of exchanges that must be on record in the end, by row."""
    return {}


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_bad_input(guarded, provider, exchanges, row):
    status, headers, body = send(guarded, row)
    text = body.decode(errors="replace")
    assert status == row.status, text[:500]
    if row.code:
        assert f'"{row.code}"' in text
        assert headers["content-type"].startswith("application/json")
        document = json.loads(text)
        assert document["error"]["message"], "a refusal says what happened and how to mend it"
    if row.within:
        assert f'"{row.within}"' in text
        assert "[DONE]" not in text, "a broken stream must not look finished"
    if row.audited:
        exchanges[row.name] = headers["x-sidewall-exchange"]
    elif row.code:
        assert headers["x-sidewall-exchange"], "the log line is found by it"
    assert guarded.alive()


def test_every_exchange_is_on_record(guarded, exchanges):
    assert len(exchanges) >= 30, "the table ran whole"
    deadline = time.monotonic() + 10
    while True:
        recorded = json.dumps(guarded.records())
        missing = [name for name, exchange in exchanges.items() if exchange not in recorded]
        if not missing or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert not missing, f"no audit record for: {missing}"
    assert guarded.verify()[0] == 0
    assert "previous instructions" not in recorded


def test_an_honest_request_still_passes(guarded, provider):
    status, headers, body = send(guarded, Row("fine", 200, None, body=chat("hi there")))
    assert status == 200
    assert json.loads(body)["choices"][0]["message"]["content"] == "hi there"
