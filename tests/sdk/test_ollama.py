"""Ollama with the official `ollama` package through the running sidecar."""

import asyncio

import ollama
import pytest

from test_gemini import DELIVERIES
from test_openai import INJECTION
from values import EMAIL, PAN, PROMPT, assert_only_placeholders, in_arguments, last_content, leaks

MODEL = "llama4"
SEND_MAIL = {
    "type": "function",
    "function": {
        "name": "send_mail",
        "description": "Sends a mail.",
        "parameters": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
    },
}


@pytest.fixture
def llama(sidecar, provider):
    return ollama.Client(host=sidecar.url)


def user(text):
    return [{"role": "user", "content": text}]


def test_chat_is_redacted_and_restored(llama, provider):
    answer = llama.chat(model=MODEL, messages=[{"role": "system", "content": f"You help {EMAIL}."}, *user(PROMPT)])
    assert answer.message.content == PROMPT
    assert answer.prompt_eval_count > 0
    assert_only_placeholders(provider.last()["raw"], at_least=4)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_streams_are_restored(llama, provider, delivery):
    chat = llama.chat(model=MODEL, messages=user(f"#scenario:echo,{delivery} {PROMPT}"), stream=True)
    assert "".join(piece.message.content or "" for piece in chat) == PROMPT
    generated = llama.generate(model=MODEL, prompt=f"#scenario:echo,{delivery} {PROMPT}", stream=True)
    assert "".join(piece.response or "" for piece in generated) == PROMPT
    assert_only_placeholders(provider.last()["raw"])


def test_thinking_is_restored(llama, provider):
    answer = llama.chat(model=MODEL, messages=user(f"Ask {EMAIL}"), think=True)
    assert answer.message.thinking == f"The caller wrote: Ask {EMAIL}"


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_tool_calls_are_restored(llama, provider, stream):
    asked = llama.chat(model=MODEL, messages=user(f"#scenario:parallel_tools {PROMPT}"), tools=[SEND_MAIL], stream=stream)
    pieces = list(asked) if stream else [asked]
    calls = [call for piece in pieces for call in piece.message.tool_calls or []]
    expected = in_arguments(last_content(provider))
    assert [(call.function.name, call.function.arguments["to"]) for call in calls] == [("send_mail", expected)] * 2


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_a_call_that_nobody_declared_raises(llama, provider, stream):
    provider.script(scenario="call", tool="wire_money", arguments='{"amount": "planted"}')
    with pytest.raises(ollama.ResponseError) as raised:
        asked = llama.chat(model=MODEL, messages=user("go"), tools=[SEND_MAIL], stream=stream)
        list(asked if stream else ())
    assert "sidewall_tool_unknown" in raised.value.error
    assert "planted" not in raised.value.error


def test_what_the_caller_did_not_send_is_masked(llama, provider):
    stream = llama.generate(model=MODEL, prompt="#scenario:leak,delta=3 hello", stream=True)
    assert not leaks("".join(piece.response for piece in stream), [PAN])


def test_a_conversation_keeps_its_prefix(llama, provider):
    messages, bodies = [], []
    for turn in range(30):
        messages += user(f"Turn {turn}: {PROMPT} and user{turn}@example.org")
        answer = llama.chat(model=MODEL, messages=messages)
        messages.append({"role": "assistant", "content": answer.message.content})
        assert answer.message.content == messages[-2]["content"]
        raw = provider.last()["raw"]
        # The history ends where its list does; declared tools (none) come after it.
        bodies.append(raw[raw.index('"messages":') : raw.index("}]") + 1])
    for earlier, later in zip(bodies, bodies[1:]):
        assert later.startswith(earlier), "the redacted prefix changed: provider prompt caches would go cold"
    assert_only_placeholders(bodies[-1], at_least=120)
    assert not leaks(bodies[-1], [f"user{turn}@example.org" for turn in range(30)])


def test_vectors(llama, provider):
    assert len(llama.embed(model=MODEL, input=[PROMPT, "and more"]).embeddings[0]) == 3
    assert_only_placeholders(provider.last()["raw"])


def test_async(sidecar, provider):
    async def one():
        stream = await ollama.AsyncClient(host=sidecar.url).chat(model=MODEL, messages=user(PROMPT), stream=True)
        return "".join([piece.message.content async for piece in stream])

    assert asyncio.run(one()) == PROMPT


def test_an_injection_raises_the_sdks_own_exception(llama, provider):
    with pytest.raises(ollama.ResponseError) as raised:
        llama.chat(model=MODEL, messages=user(INJECTION))
    assert raised.value.status_code == 400
    assert "sidewall_injection" in raised.value.error
    assert provider.received() == []
