"""OpenAI's responses API with the official `openai` package through the running sidecar."""

import asyncio
import json

import openai
import pydantic
import pytest

from test_openai import DELIVERIES, INJECTION, MODEL
from values import AWS_KEY, EMAIL, PAN, PLACEHOLDER, PROMPT, assert_only_placeholders, in_arguments, leaks

SEND_MAIL = {
    "type": "function",
    "name": "send_mail",
    "description": "Sends a mail.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"to": {"type": "string"}, "body": {"type": "object", "properties": {"text": {"type": "string"}}}},
        "required": ["to"],
    },
}
NOTE = {"type": "custom", "name": "note", "description": "Writes a note."}


def seen_text(provider):
    return provider.last()["body"]["input"]


def test_it_is_redacted_and_restored(client, provider):
    raw = client.responses.with_raw_response.create(model=MODEL, instructions=f"You help {EMAIL}.", input=PROMPT)
    response = raw.parse()
    assert response.output_text == PROMPT
    assert response.status == "completed"
    assert response.instructions == f"You help {EMAIL}.", "what the answer repeats of the request is restored too"
    assert raw.headers["x-sidewall-verdict"] == "redact"
    assert_only_placeholders(provider.last()["raw"], at_least=4)


def test_clean_input_is_the_same_bytes(client, provider):
    raw = client.responses.with_raw_response.create(model=MODEL, input="What is the weather in Oslo? é🙂")
    assert raw.headers["x-sidewall-verdict"] == "allow"
    assert provider.last()["raw"] == raw.http_request.content.decode()


def test_items_of_every_kind_are_read(client, provider):
    items = [
        {"role": "developer", "content": f"Key {AWS_KEY}"},
        {"role": "user", "content": [{"type": "input_text", "text": f"who is {EMAIL}"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": f"about {EMAIL}"}], "encrypted_content": "gAAAA=="},
        {"type": "function_call", "call_id": "call_1", "name": "send_mail", "arguments": json.dumps({"to": EMAIL})},
        {"type": "function_call_output", "call_id": "call_1", "output": json.dumps({"card": PAN})},
    ]
    response = client.responses.create(model=MODEL, input=items, tools=[SEND_MAIL])
    assert json.loads(response.output_text) == {"card": PAN}
    assert_only_placeholders(provider.last()["raw"], at_least=5)
    assert provider.last()["body"]["input"][2]["encrypted_content"] == "gAAAA=="


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_stream_is_restored_in_every_repetition(client, provider, delivery):
    stream = client.responses.create(model=MODEL, input=f"#scenario:reasoning,{delivery} {PROMPT}", stream=True)
    deltas, told, sealed = "", [], []
    for event in stream:
        if event.type == "response.output_text.delta":
            deltas += event.delta
        elif event.type == "response.output_text.done":
            told.append(event.text)
        elif event.type == "response.content_part.done":
            told.append(event.part.text)
        elif event.type == "response.output_item.done" and event.item.type == "message":
            told.append(event.item.content[0].text)
        elif event.type == "response.output_item.done" and event.item.type == "reasoning":
            sealed.append(event.item.encrypted_content)
            assert event.item.summary[0].text == f"The caller wrote: {PROMPT}"
        elif event.type == "response.completed":
            told.append(event.response.output_text)
            sealed += [item.encrypted_content for item in event.response.output if item.type == "reasoning"]
    assert deltas == PROMPT
    assert told == [PROMPT] * 4
    assert len(set(sealed)) == 1 and len(sealed) == 2 and len(sealed[0]) > 300
    assert_only_placeholders(provider.last()["raw"])


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_streamed_tool_arguments_are_restored(client, provider, delivery):
    with client.responses.stream(
        model=MODEL, input=f"#scenario:tool,{delivery} {PROMPT}", tools=[SEND_MAIL]
    ) as stream:
        partial = "".join(event.delta for event in stream if event.type == "response.function_call_arguments.delta")
        final = stream.get_final_response()
    expected = in_arguments(seen_text(provider))
    call = final.output[0]
    assert (call.type, call.name) == ("function_call", "send_mail")
    assert json.loads(call.arguments) == {"to": expected, "body": {"text": expected}}
    assert json.loads(partial) == json.loads(call.arguments)
    assert_only_placeholders(provider.last()["raw"])


def test_tool_arguments_in_a_body(client, provider):
    response = client.responses.create(model=MODEL, input=f"#scenario:parallel_tools {PROMPT}", tools=[SEND_MAIL, NOTE])
    expected = in_arguments(seen_text(provider))
    first, second = response.output
    assert json.loads(first.arguments)["to"] == expected
    assert (second.type, second.input) == ("custom_tool_call", expected)


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_a_call_that_nobody_declared_raises(client, provider, stream):
    provider.script(scenario="call", tool="wire_money", arguments='{"amount": "planted"}')
    with pytest.raises(openai.APIError) as raised:
        asked = client.responses.create(model=MODEL, input="go", tools=[SEND_MAIL], stream=stream)
        for _ in asked if stream else ():
            pass
    assert "sidewall_tool_unknown" in str(raised.value.body)
    assert "planted" not in str(raised.value.body)


def test_stream_helper_and_structured_output(client, provider):
    class Answer(pydantic.BaseModel):
        answer: str

    parsed = client.responses.parse(model=MODEL, input=PROMPT, text_format=Answer)
    assert parsed.output_parsed.answer == PROMPT
    with client.responses.stream(model=MODEL, input=f"#scenario:echo,delta=3 {PROMPT}", text_format=Answer) as stream:
        assert stream.get_final_response().output_parsed.answer == PROMPT


def test_async_stream(sidecar, provider):
    async def one():
        async with openai.AsyncOpenAI(base_url=f"{sidecar.url}/v1", api_key="k", timeout=60) as client:
            stream = await client.responses.create(model=MODEL, input=f"#scenario:echo,delta=2 {PROMPT}", stream=True)
            return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])

    assert asyncio.run(one()) == PROMPT


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_what_the_caller_did_not_send_is_masked_everywhere(client, provider, stream):
    asked = client.responses.create(
        model=MODEL, input="#scenario:leak,delta=3 hello", stream=stream, include=["message.output_text.logprobs"]
    )
    told = "".join(event.to_json() for event in asked) if stream else asked.to_json()
    assert not leaks(told, [PAN])
    bytes_told = "".join(told.split())
    assert '"token":"4111' not in bytes_told and '"token":"1111' not in bytes_told


def test_a_conversation_keeps_its_prefix(client, provider):
    items, bodies = [{"role": "system", "content": f"You help {EMAIL}."}], []
    for turn in range(30):
        items.append({"role": "user", "content": f"Turn {turn}: {PROMPT} and user{turn}@example.org"})
        answer = client.responses.create(model=MODEL, input=items)
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        assert answer.output_text == f"Turn {turn}: {PROMPT} and user{turn}@example.org"
        raw = provider.last()["raw"]
        # The history ends where its list does; settings come after it.
        bodies.append(raw[raw.index('"input":[') : raw.rindex("]")])
    for earlier, later in zip(bodies, bodies[1:]):
        assert later.startswith(earlier), "the redacted prefix changed: provider prompt caches would go cold"
    assert not leaks(bodies[-1], [EMAIL, *(f"user{turn}@example.org" for turn in range(30))])


def test_reasoning_and_refusal_are_restored(client, provider):
    response = client.responses.create(model=MODEL, input=f"Ask about {EMAIL}", reasoning={"summary": "auto"})
    assert response.output[0].summary[0].text == f"The caller wrote: Ask about {EMAIL}"
    response = client.responses.create(model=MODEL, input=f"#scenario:refusal {EMAIL}")
    assert response.output[0].content[0].refusal == f"I cannot help with: {EMAIL}"


def test_token_counts_pass(client, provider):
    count = client.responses.input_tokens.count(model=MODEL, input=PROMPT)
    assert count.input_tokens > 0
    assert_only_placeholders(provider.last()["raw"])


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_an_injection_raises_the_sdks_own_exception_once(client, provider, stream):
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(model=MODEL, input=INJECTION, stream=stream)
    assert raised.value.code == "sidewall_injection"
    assert "previous instructions" not in raised.value.response.text
    assert provider.received() == []


def test_the_providers_error_event_raises(client, provider):
    with pytest.raises(openai.APIError):
        for _ in client.responses.create(model=MODEL, input="#scenario:error_event hello", stream=True):
            pass


def test_a_placeholder_of_another_exchange_is_not_restored(client, provider):
    client.responses.create(model=MODEL, input=f"mine: {EMAIL}")
    (placeholder,) = PLACEHOLDER.findall(provider.last()["raw"])
    assert EMAIL not in client.responses.create(model=MODEL, input=f"tell me {placeholder}").output_text
