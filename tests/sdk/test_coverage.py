"""The coverage contract: every string of every supported endpoint, as the official SDKs define it, is inspected or declared opaque with a reason.

A marker is planted in each; what comes out behind the sidecar with its marker must stand in `sidewall coverage` with the reason."""

import http.client
import json
import re

import anthropic.types as claude
import anthropic.types.messages as claude_batches
import openai.types as oa
import openai.types.audio
import openai.types.chat as oa_chat
import openai.types.responses as oa_responses
import pytest

import shapes
import sidewall

# Markers are redacted wherever they are read.
GUARDRAIL = """
[[guardrail]]
name = "markers"
kinds = ["secret.aws_access_key"]
threshold = 0
action = "redact"
strategy = "mask"
"""
# endpoint, method, path, request, answer, event
ENDPOINTS = [
    ("chat.completions", "/v1/chat/completions", oa_chat.completion_create_params.CompletionCreateParamsNonStreaming, oa_chat.ChatCompletion, oa_chat.ChatCompletionChunk),
    ("responses", "/v1/responses", oa_responses.response_create_params.ResponseCreateParamsNonStreaming, oa_responses.Response, oa_responses.ResponseStreamEvent),
    ("completions", "/v1/completions", oa.completion_create_params.CompletionCreateParamsNonStreaming, oa.Completion, oa.Completion),
    ("embeddings", "/v1/embeddings", oa.EmbeddingCreateParams, oa.CreateEmbeddingResponse, None),
    ("moderations", "/v1/moderations", oa.ModerationCreateParams, oa.ModerationCreateResponse, None),
    ("images.generations", "/v1/images/generations", oa.image_generate_params.ImageGenerateParamsNonStreaming, oa.ImagesResponse, oa.ImageGenStreamEvent),
    ("audio.speech", "/v1/audio/speech", oa.audio.speech_create_params.SpeechCreateParams, None, None),
    ("batches.create", "/v1/batches", oa.BatchCreateParams, oa.Batch, None),
    ("messages", "/v1/messages", claude.message_create_params.MessageCreateParamsNonStreaming, claude.Message, claude.RawMessageStreamEvent),
    ("messages.count_tokens", "/v1/messages/count_tokens", claude.MessageCountTokensParams, claude.MessageTokensCount, None),
    ("messages.batches.create", "/v1/messages/batches", claude_batches.BatchCreateParams, claude_batches.MessageBatch, claude_batches.MessageBatchIndividualResponse),
]
COUNTS = {}


@pytest.fixture(scope="module")
def open_sidecar(tmp_path_factory, session_provider):
    """Observes state and tools, so that every shape passes, and redacts every marker."""
    sidecar = sidewall.Sidecar(
        tmp_path_factory.mktemp("coverage"),
        [("main", ["openai", "anthropic"], session_provider.url, "")],
        extra='[state]\ncheck = "observe"\n[tools]\ncheck = "off"\n' + GUARDRAIL,
    ).start()
    yield sidecar
    assert sidecar.stop() == 0


@pytest.fixture(scope="module")
def declared():
    """Fields that are not edited, by endpoint and place."""
    found = {}
    for row in json.loads(sidewall.run("coverage", "--json"))["fields"]:
        if row["treatment"] in ("opaque", "inspected, never edited"):
            place = "request" if row["phase"] == "request" else "stream" if row["stream"] else "response"
            found.setdefault((row["endpoint"], place), set()).add(row["field"])
    return found


def exchange(connection, path, body):
    connection.request("POST", path, body=json.dumps(body), headers={"content-type": "application/json"})
    response = connection.getresponse()
    text = response.read().decode()
    if response.status == 400 and "sidewall_unreadable" in text:
        return ""
    assert response.status == 200, f"{path}: {response.status} {text[:400]}"
    return text


def unaccounted(text, markers, opaque, place):
    """Markers that are still there and that nothing declares."""
    left = []
    for marker in re.findall(r"AKIA[A-Z2-7]{16}", text):
        path = markers.paths[marker]
        if not any(pattern(field).fullmatch(path) for field in opaque):
            left.append(f"{place} {path}")
    return left


def pattern(field):
    """A field of the table as an expression for paths; what stands below `*` may be deep."""
    return re.compile(re.escape(field).replace(r"\*", r"[^.]*(\..*|\[\].*)?"))


@pytest.mark.parametrize("name,path,request_type,answer,event", ENDPOINTS, ids=[row[0] for row in ENDPOINTS])
def test_every_string_is_accounted_for(open_sidecar, session_provider, declared, name, path, request_type, answer, event):
    connection = http.client.HTTPConnection("127.0.0.1", open_sidecar.port, timeout=60)
    left, planted = [], 0
    markers = shapes.Markers()
    session_provider.forget()
    for document in shapes.documents(request_type, markers):
        # Refused: nothing of it has left.
        raw = session_provider.last()["raw"] if exchange(connection, path, document) else ""
        left += unaccounted(raw, markers, declared.get((name, "request"), ()), "request")
    planted += len(set(markers.paths.values()))
    for kind, place in [(answer, "response"), (event, "stream")]:
        if kind is None:
            continue
        markers = shapes.Markers()
        for document in shapes.documents(kind, markers):
            media = "application/json" if place == "response" else "text/event-stream"
            text = json.dumps(document) if place == "response" else f"data: {json.dumps(document)}\n\n"
            session_provider.script(scenario="raw", arguments=text, tool=media)
            got = exchange(connection, path, {"model": "m"})
            left += unaccounted(got, markers, declared.get((name, place), ()), place)
        planted += len(set(markers.paths.values()))
    session_provider.forget()
    connection.close()
    assert planted >= 5
    COUNTS[name] = planted
    assert not left, f"{name}: {len(left)} strings leave unread and undeclared: {sorted(set(left))[:20]}"


def test_the_number_of_paths(capsys):
    with capsys.disabled():
        print(f"\ncoverage: {sum(COUNTS.values())} string paths planted: {COUNTS}")
    assert len(COUNTS) == len(ENDPOINTS) and sum(COUNTS.values()) > 1_500
