"""The official `anthropic` package through the running sidecar."""

import asyncio
import json

import anthropic
import pytest

from test_openai import DELIVERIES, INJECTION
from values import AWS_KEY, EMAIL, PAN, PLACEHOLDER, PROMPT, assert_only_placeholders, in_arguments, last_content, leaks

MODEL = "claude-sonnet-5"
SEND_MAIL = {
    "name": "send_mail",
    "description": "Sends a mail.",
    "input_schema": {
        "type": "object",
        "properties": {"to": {"type": "string"}, "body": {"type": "object", "properties": {"text": {"type": "string"}}}},
    },
}
OPEN_TICKET = {
    "name": "open_ticket",
    "description": "Opens a ticket.",
    "input_schema": {"type": "object", "properties": {"title": {"type": "string"}, "urgent": {"type": "boolean"}}},
}


def ask(client, text, **more):
    return client.messages.create(model=MODEL, max_tokens=1024, messages=[{"role": "user", "content": text}], **more)


def test_message_is_redacted_and_restored(claude, provider):
    raw = claude.messages.with_raw_response.create(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": PROMPT}]
    )
    message = raw.parse()
    assert message.content[0].text == PROMPT
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0
    assert raw.headers["x-sidewall-verdict"] == "redact"
    assert raw.headers["x-sidewall-exchange"]
    assert_only_placeholders(provider.last()["raw"])


def test_a_clean_message_is_the_same_bytes(claude, provider):
    raw = claude.messages.with_raw_response.create(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "Plain weather in Tromsø 🙂"}]
    )
    assert raw.headers["x-sidewall-verdict"] == "allow"
    assert provider.last()["raw"] == raw.http_request.content.decode()


def test_system_blocks_documents_and_tool_results_are_read(claude, provider):
    messages = [
        {"role": "user", "content": [{"type": "text", "text": f"who is {EMAIL}"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_01A", "name": "lookup", "input": {"q": [EMAIL, {"k": AWS_KEY}]}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01A", "content": [{"type": "text", "text": f"card {PAN}"}]}]},
    ]
    system = [{"type": "text", "text": f"Key {AWS_KEY}", "cache_control": {"type": "ephemeral"}}]
    message = claude.messages.create(
        model=MODEL, max_tokens=100, system=system, messages=messages, tools=[SEND_MAIL]
    )
    assert message.content[0].text == f"card {PAN}"
    assert_only_placeholders(provider.last()["raw"], at_least=5)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_stream_helper_however_it_is_cut(claude, provider, delivery):
    with claude.messages.stream(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": f"#scenario:echo,{delivery} {PROMPT}"}]
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == PROMPT
    assert final.content[0].text == PROMPT
    assert final.stop_reason == "end_turn"
    assert_only_placeholders(provider.last()["raw"])


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_streamed_tool_input_is_restored(claude, provider, delivery):
    with claude.messages.stream(
        model=MODEL,
        max_tokens=100,
        tools=[SEND_MAIL, OPEN_TICKET],
        messages=[{"role": "user", "content": f"#scenario:parallel_tools,{delivery} {PROMPT}"}],
    ) as stream:
        partial = "".join(event.partial_json for event in stream if event.type == "input_json")
        final = stream.get_final_message()
    first, second = [block for block in final.content if block.type == "tool_use"]
    assert (first.name, second.name) == ("send_mail", "open_ticket")
    expected = in_arguments(last_content(provider))
    assert first.input == {"to": expected, "body": {"text": expected}}
    assert second.input == {"title": expected, "urgent": True}
    assert partial.count(EMAIL) == 3
    assert final.stop_reason == "tool_use"
    assert_only_placeholders(provider.last()["raw"])


def test_tool_input_in_a_body(claude, provider):
    message = ask(claude, f"#scenario:tool {PROMPT}", tools=[SEND_MAIL])
    expected = in_arguments(last_content(provider))
    assert message.content[0].input == {"to": expected, "body": {"text": expected}}


def thinking(messages, client, **more):
    return client.messages.create(
        model=MODEL, max_tokens=4096, thinking={"type": "enabled", "budget_tokens": 1024}, messages=messages, **more
    )


def test_signed_thinking_is_never_edited(claude, provider):
    """A signature covers its text: what the provider signed must come back to it byte for byte."""
    messages = [{"role": "user", "content": f"Ask about {EMAIL}"}]
    first = thinking(messages, claude)
    block = first.content[0]
    assert block.type == "thinking"
    assert len(block.signature) > 300
    placeholder = PLACEHOLDER.findall(provider.last()["raw"])[0]
    assert block.thinking == f"The caller wrote: Ask about {placeholder}"
    assert first.content[1].text == f"Ask about {EMAIL}"
    messages += [
        {"role": "assistant", "content": [part.model_dump(exclude_none=True) for part in first.content]},
        {"role": "user", "content": "go on"},
    ]
    thinking(messages, claude)
    sent = provider.last()["body"]["messages"][1]["content"]
    assert sent[0] == {"type": "thinking", "thinking": block.thinking, "signature": block.signature}
    assert not leaks(provider.last()["raw"], [EMAIL])


def test_signed_thinking_in_a_stream(claude, provider):
    with claude.messages.stream(
        model=MODEL,
        max_tokens=4096,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[{"role": "user", "content": f"#scenario:echo,delta=3 Ask about {EMAIL}"}],
    ) as stream:
        final = stream.get_final_message()
    placeholder = PLACEHOLDER.findall(provider.last()["raw"])[0]
    assert final.content[0].thinking == f"The caller wrote: Ask about {placeholder}"
    assert len(final.content[0].signature) > 300
    assert final.content[1].text == f"Ask about {EMAIL}"


def test_a_conversation_keeps_its_prefix(claude, provider):
    messages, bodies = [], []
    for turn in range(30):
        messages.append({"role": "user", "content": f"Turn {turn}: {PROMPT}"})
        answer = claude.messages.create(model=MODEL, max_tokens=100, messages=messages)
        messages.append({"role": "assistant", "content": answer.content[0].text})
        bodies.append(provider.last()["raw"])
    for earlier, later in zip(bodies, bodies[1:]):
        prefix = earlier[earlier.index('"messages":') : earlier.rindex("]")]
        assert prefix in later, "the redacted prefix changed: provider prompt caches would go cold"
    assert_only_placeholders(bodies[-1], at_least=90)


def test_async_stream(sidecar, provider):
    async def one():
        async with anthropic.AsyncAnthropic(base_url=sidecar.url, api_key="k", timeout=60) as client:
            async with client.messages.stream(
                model=MODEL, max_tokens=100, messages=[{"role": "user", "content": f"#scenario:echo,delta=2 {PROMPT}"}]
            ) as stream:
                return "".join([text async for text in stream.text_stream])

    assert asyncio.run(one()) == PROMPT


def test_models_and_token_counts_pass(claude, provider):
    assert [model.id for model in claude.models.list()] == ["claude-sonnet-5", "claude-haiku-4-5"]
    count = claude.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": PROMPT}])
    assert count.input_tokens > 0
    assert_only_placeholders(provider.last()["raw"])


def test_an_injection_raises_the_sdks_own_exception_once(claude, provider):
    with pytest.raises(anthropic.BadRequestError) as raised:
        ask(claude, INJECTION)
    error = raised.value
    assert error.body["error"]["type"] == "invalid_request_error"
    assert "sidewall_injection" in error.response.text
    assert "previous instructions" not in error.response.text
    assert error.response.headers["x-sidewall-verdict"] == "block"
    assert provider.received() == []


def test_an_injection_in_a_tool_result_is_refused(claude, provider):
    messages = [
        {"role": "user", "content": "summarise the page"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_01A", "name": "fetch", "input": {"url": "x"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01A", "content": INJECTION}]},
    ]
    with pytest.raises(anthropic.BadRequestError) as raised:
        claude.messages.create(model=MODEL, max_tokens=100, messages=messages)
    assert "messages[2]" in raised.value.response.text
    assert provider.received() == []


UPSTREAM_ERRORS = [
    ("status,status=400", anthropic.BadRequestError, 1),
    ("status,status=401", anthropic.AuthenticationError, 1),
    ("status,status=403", anthropic.PermissionDeniedError, 1),
    ("status,status=404", anthropic.NotFoundError, 1),
    ("status,status=429,retry_after=0", anthropic.RateLimitError, 3),
    ("status,status=529", anthropic.InternalServerError, 3),
    ("garbage", anthropic.InternalServerError, None),
    ("drop", anthropic.InternalServerError, None),
]


@pytest.mark.parametrize("script,expected,asked", UPSTREAM_ERRORS, ids=[row[0] for row in UPSTREAM_ERRORS])
def test_upstream_errors_raise_what_the_sdk_means(claude, provider, script, expected, asked):
    with pytest.raises(expected) as raised:
        ask(claude, f"#scenario:{script} hello")
    assert raised.value.response.headers["x-sidewall-exchange"]
    if asked is not None:
        assert len(provider.received()) == asked


def test_the_providers_error_event_raises(claude, provider):
    with pytest.raises(anthropic.APIStatusError) as raised:
        with claude.messages.stream(
            model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "#scenario:error_event hello"}]
        ) as stream:
            stream.until_done()
    assert raised.value.body["error"]["type"] == "overloaded_error"
