"""Gemini with the official `google-genai` package through the running sidecar."""

import asyncio
import json

import pytest
from google import genai
from google.genai import errors, types

from test_openai import INJECTION
from values import EMAIL, PAN, PROMPT, assert_only_placeholders, in_arguments, leaks

MODEL = "gemini-3-flash"
SEND_MAIL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="send_mail",
            description="Sends a mail.",
            parameters_json_schema={"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
        )
    ]
)
# What a stream goes through on its way.
DELIVERIES = ["delta=4", "delta=1", "delta=3,chunk=7", "delta=1000", "delta=5,sorted"]


@pytest.fixture
def gemini(sidecar, provider):
    options = types.HttpOptions(base_url=sidecar.url, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key="not-a-key", http_options=options)


def seen_text(provider):
    return provider.last()["body"]["contents"][-1]["parts"][-1]["text"]


def test_it_is_redacted_and_restored(gemini, provider):
    config = types.GenerateContentConfig(system_instruction=f"You help {EMAIL}.")
    answer = gemini.models.generate_content(model=MODEL, contents=PROMPT, config=config)
    assert answer.text == PROMPT
    assert answer.usage_metadata.prompt_token_count > 0
    assert_only_placeholders(provider.last()["raw"], at_least=4)
    assert provider.last()["path"].endswith(f"/models/{MODEL}:generateContent")
    assert provider.last()["headers"]["x-goog-api-key"] == "not-a-key"


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_stream_is_restored(gemini, provider, delivery):
    stream = gemini.models.generate_content_stream(model=MODEL, contents=f"#scenario:echo,{delivery} {PROMPT}")
    assert "".join(piece.text or "" for piece in stream) == PROMPT
    assert_only_placeholders(provider.last()["raw"])


def test_thoughts_are_restored(gemini, provider):
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    stream = gemini.models.generate_content_stream(model=MODEL, contents=f"Ask {EMAIL}", config=config)
    parts = [part for piece in stream for part in piece.candidates[0].content.parts]
    assert "".join(part.text for part in parts if part.thought) == f"The caller wrote: Ask {EMAIL}"
    assert "".join(part.text for part in parts if not part.thought) == f"Ask {EMAIL}"


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_function_calls_are_restored(gemini, provider, stream):
    config = types.GenerateContentConfig(
        tools=[SEND_MAIL], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    asked = dict(model=MODEL, contents=f"#scenario:tool {PROMPT}", config=config)
    if stream:
        calls = [call for piece in gemini.models.generate_content_stream(**asked) for call in piece.function_calls or []]
    else:
        calls = gemini.models.generate_content(**asked).function_calls
    assert [call.name for call in calls] == ["send_mail"]
    assert calls[0].args == {"to": in_arguments(seen_text(provider))}


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_a_call_that_nobody_declared_raises(gemini, provider, stream):
    provider.script(scenario="call", tool="wire_money", arguments='{"amount": "planted"}')
    config = types.GenerateContentConfig(tools=[SEND_MAIL])
    with pytest.raises(errors.APIError) as raised:
        if stream:
            list(gemini.models.generate_content_stream(model=MODEL, contents="go", config=config))
        else:
            gemini.models.generate_content(model=MODEL, contents="go", config=config)
    assert "sidewall_tool_unknown" in json.dumps(raised.value.details)
    assert "planted" not in json.dumps(raised.value.details)


def test_what_the_caller_did_not_send_is_masked(gemini, provider):
    stream = gemini.models.generate_content_stream(model=MODEL, contents="#scenario:leak,delta=3 hello")
    assert not leaks("".join(piece.text or "" for piece in stream), [PAN])


def test_async(sidecar, provider, gemini):
    async def one():
        stream = await gemini.aio.models.generate_content_stream(model=MODEL, contents=PROMPT)
        return "".join([piece.text or "" async for piece in stream])

    assert asyncio.run(one()) == PROMPT


def test_a_conversation_keeps_its_prefix(gemini, provider):
    turns, bodies = [], []
    for turn in range(30):
        turns.append({"role": "user", "parts": [{"text": f"Turn {turn}: {PROMPT} and user{turn}@example.org"}]})
        answer = gemini.models.generate_content(model=MODEL, contents=turns)
        turns.append({"role": "model", "parts": [{"text": answer.text}]})
        assert answer.text == turns[-2]["parts"][0]["text"]
        raw = provider.last()["raw"]
        # The history ends where its list does.
        bodies.append(raw[raw.index('"contents":') : raw.rindex("]")].rstrip())
    for earlier, later in zip(bodies, bodies[1:]):
        assert later.startswith(earlier), "the redacted prefix changed: provider prompt caches would go cold"
    assert_only_placeholders(bodies[-1], at_least=120)
    assert not leaks(bodies[-1], [f"user{turn}@example.org" for turn in range(30)])


def test_counts_and_vectors(gemini, provider):
    assert gemini.models.count_tokens(model=MODEL, contents=PROMPT).total_tokens > 0
    assert_only_placeholders(provider.last()["raw"])
    assert len(gemini.models.embed_content(model="gemini-embedding-001", contents=PROMPT).embeddings[0].values) == 3
    assert_only_placeholders(provider.last()["raw"])


def test_an_injection_raises_the_sdks_own_exception(gemini, provider):
    with pytest.raises(errors.ClientError) as raised:
        gemini.models.generate_content(model=MODEL, contents=INJECTION)
    assert raised.value.code == 400
    assert raised.value.status == "INVALID_ARGUMENT"
    assert raised.value.details["error"]["details"][0]["reason"] == "sidewall_injection"
    assert provider.received() == []


def test_files_and_addresses_are_refused_by_name(gemini, provider):
    part = types.Part.from_uri(file_uri="https://example.com/a.png", mime_type="image/png")
    with pytest.raises(errors.ClientError) as raised:
        gemini.models.generate_content(model=MODEL, contents=[part])
    assert raised.value.code == 403
    assert "sidewall_state_forbidden" in json.dumps(raised.value.details)
    assert provider.received() == []
