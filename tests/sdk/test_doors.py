"""The smaller doors with the official packages: embeddings, completions, moderations, images, batches, Azure's paths, and what is refused."""

import json

import openai
import pytest

from conftest import OPENAI_KEY
from test_anthropic import MODEL as CLAUDE
from test_openai import INJECTION, MODEL, user
from values import EMAIL, PROMPT, assert_only_placeholders

STATE = [
    dict(previous_response_id="resp_1"),
    dict(conversation="conv_1"),
    dict(prompt={"id": "pmpt_1"}),
    dict(background=True),
    dict(tools=[{"type": "web_search"}]),
    dict(tools=[{"type": "mcp", "server_label": "x", "server_url": "https://mcp.example.com"}]),
]


@pytest.fixture
def azure(sidecar, provider):
    with openai.AzureOpenAI(
        azure_endpoint=sidecar.url, api_key="azure-key", api_version="2024-10-21", timeout=60
    ) as client:
        yield client


def test_embeddings(client, provider):
    answer = client.embeddings.create(model="text-embedding-3-small", input=[PROMPT, "plain"])
    assert len(answer.data[0].embedding) == 3
    assert_only_placeholders(provider.last()["raw"])
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model="text-embedding-3-small", input=[1, 2, 3])
    assert raised.value.code == "sidewall_unreadable"


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_completions(client, provider, stream):
    asked = client.completions.create(model=MODEL, prompt=f"#scenario:echo,delta=3 {PROMPT}", stream=stream)
    pieces = list(asked) if stream else [asked]
    assert "".join(piece.choices[0].text for piece in pieces) == PROMPT
    assert_only_placeholders(provider.last()["raw"])


def test_moderations_and_images(client, provider):
    assert client.moderations.create(model="omni-moderation-latest", input=PROMPT).results[0].flagged is False
    assert_only_placeholders(provider.last()["raw"])
    image = client.images.generate(model="gpt-image-1", prompt=f"a portrait of {EMAIL}")
    assert image.data[0].revised_prompt == f"a portrait of {EMAIL}"
    assert_only_placeholders(provider.last()["raw"], at_least=1)


def test_speech(sidecar, client, provider):
    sound = "ID3\u0004 sound that is no text"
    provider.script(scenario="raw", tool="audio/mpeg", arguments=sound)
    asked = dict(model="gpt-4o-mini-tts", voice="alloy", input=PROMPT, instructions=f"Speak as {EMAIL}.")
    answer = client.audio.speech.create(**asked)
    assert answer.content == sound.encode()
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert_only_placeholders(provider.last()["raw"], at_least=4)
    with client.audio.speech.with_streaming_response.create(**asked) as streamed:
        assert b"".join(streamed.iter_bytes()) == sound.encode()
    coverage = sidecar.records()[-1]["completion"]["response"]["coverage"]
    assert coverage["opaque"] == len(sound.encode())
    provider.forget()
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input=INJECTION)
    assert raised.value.code == "sidewall_injection"
    assert provider.received() == []
    # No other endpoint answers with sound.
    provider.script(scenario="raw", tool="audio/mpeg", arguments=sound)
    with pytest.raises(openai.APIStatusError) as raised:
        client.with_options(max_retries=0).embeddings.create(model="m", input="hi")
    assert raised.value.status_code == 502


def test_azures_paths(azure, provider):
    completion = azure.chat.completions.create(model="my-deployment", messages=user(PROMPT))
    assert completion.choices[0].message.content == PROMPT
    assert provider.last()["path"] == "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    assert provider.last()["headers"]["api-key"] == "azure-key"
    assert_only_placeholders(provider.last()["raw"])
    stream = azure.chat.completions.create(model="d", messages=user(f"#scenario:echo,delta=2 {PROMPT}"), stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices) == PROMPT


def test_a_conversation_on_azures_paths_keeps_its_prefix(azure, provider):
    messages, bodies = [], []
    for turn in range(30):
        messages += user(f"Turn {turn}: {PROMPT} and user{turn}@example.org")
        answer = azure.chat.completions.create(model="my-deployment", messages=messages)
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
        raw = provider.last()["raw"]
        bodies.append(raw[raw.index('"messages":') : raw.rindex("]")])
    for earlier, later in zip(bodies, bodies[1:]):
        assert later.startswith(earlier), "the redacted prefix changed: provider prompt caches would go cold"
    assert_only_placeholders(bodies[-1], at_least=120)


@pytest.mark.parametrize("use", STATE, ids=[json.dumps(use)[:30] for use in STATE])
def test_state_at_the_provider_is_refused_by_name(client, provider, use):
    with pytest.raises(openai.PermissionDeniedError) as raised:
        client.responses.create(model=MODEL, input="hi", **use)
    assert raised.value.code == "sidewall_state_forbidden"
    assert "[[state.allow]]" in str(raised.value)
    assert provider.received() == []


def test_stored_answers_and_batches_are_refused(client, claude, provider):
    for call in [
        lambda: client.responses.retrieve("resp_1"),
        lambda: client.batches.create(input_file_id="file-1", endpoint="/v1/responses", completion_window="24h"),
    ]:
        with pytest.raises(openai.PermissionDeniedError) as raised:
            call()
        assert raised.value.code == "sidewall_state_forbidden"
    request = {"custom_id": "a", "params": {"model": CLAUDE, "max_tokens": 9, "messages": user(PROMPT)}}
    with pytest.raises(Exception, match="sidewall_state_forbidden"):
        claude.messages.batches.create(requests=[request])
    assert provider.received() == []


def test_uploads_and_realtime_are_refused_with_a_reason(sidecar, client, provider):
    with pytest.raises(openai.APIStatusError) as raised:
        client.files.create(file=("a.txt", PROMPT.encode()), purpose="user_data")
    assert raised.value.status_code == 415
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "authorization": f"Bearer {OPENAI_KEY}"}
    connection.request("GET", "/v1/realtime?model=gpt-realtime", headers=upgrade)
    response = connection.getresponse()
    assert response.status == 400
    assert b"websockets" in response.read()
    connection.close()
    assert provider.received() == []
