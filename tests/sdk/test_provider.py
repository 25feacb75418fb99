"""The instrument itself: the scripted provider, with the official SDKs and without the sidecar."""

import json

import anthropic
import openai
import pytest

from test_openai import DELIVERIES, OPEN_TICKET, SEND_MAIL, user
from test_anthropic import SEND_MAIL as SEND_MAIL_ANTHROPIC

TEXT = "Grüße an Zoë 🙂, line\ttwo \"quoted\" \\ end"


@pytest.fixture
def openai_direct(provider):
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_direct(provider):
    with anthropic.Anthropic(base_url=provider.url, api_key="k", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_openai_stream(openai_direct, provider, delivery):
    with openai_direct.chat.completions.stream(
        model="m", messages=user(f"#scenario:parallel_tools,{delivery} {TEXT}"), tools=[SEND_MAIL, OPEN_TICKET], n=1
    ) as stream:
        final = stream.get_final_completion()
    first, second = final.choices[0].message.tool_calls
    assert json.loads(first.function.arguments) == {"to": TEXT, "body": {"text": TEXT}}
    assert json.loads(second.function.arguments)["title"] == TEXT


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_anthropic_stream(anthropic_direct, provider, delivery):
    with anthropic_direct.messages.stream(
        model="m",
        max_tokens=2048,
        thinking={"type": "enabled", "budget_tokens": 1024},
        tools=[SEND_MAIL_ANTHROPIC],
        messages=user(f"#scenario:tool,{delivery} {TEXT}"),
    ) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "tool_use"]
    assert final.content[0].thinking == f"The caller wrote: {TEXT}"
    assert final.content[1].input == {"to": TEXT, "body": {"text": TEXT}}


def test_errors_and_memory(openai_direct, anthropic_direct, provider):
    with pytest.raises(openai.RateLimitError):
        openai_direct.chat.completions.create(model="m", messages=user("#scenario:status,status=429 x"))
    with pytest.raises(anthropic.InternalServerError):
        anthropic_direct.messages.create(model="m", max_tokens=9, messages=user("#scenario:status,status=529 x"))
    with pytest.raises(openai.BadRequestError):
        openai_direct.chat.completions.create(model="m", messages=user("#scenario:nonsense x"))
    with pytest.raises(openai.APIConnectionError):
        openai_direct.chat.completions.create(model="m", messages=user("#scenario:drop x"))
    assert [request["path"] for request in provider.received()] == [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]
    assert provider.last()["headers"]["authorization"] == "Bearer k"


def test_a_script_set_from_outside(openai_direct, provider):
    provider.script(scenario="refusal")
    completion = openai_direct.chat.completions.create(model="m", messages=user("x"))
    assert completion.choices[0].message.refusal == "I cannot help with: x"
