"""LangChain's chat models, OpenAI's (chat and responses) and Anthropic's, through the running sidecar."""

import asyncio

import anthropic
import openai
import pydantic
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI

from conftest import ANTHROPIC_KEY, OPENAI_KEY
from test_anthropic import MODEL as CLAUDE
from test_openai import DELIVERIES, INJECTION, MODEL
from values import EMAIL, PROMPT, assert_only_placeholders, in_arguments, leaks


class SendMail(pydantic.BaseModel):
    """Sends a mail."""

    to: str


def chat(sidecar):
    return ChatOpenAI(model=MODEL, base_url=f"{sidecar.url}/v1", api_key=OPENAI_KEY, timeout=60)


def responses(sidecar):
    return ChatOpenAI(model=MODEL, base_url=f"{sidecar.url}/v1", api_key=OPENAI_KEY, timeout=60, use_responses_api=True)


def claude(sidecar):
    return ChatAnthropic(model=CLAUDE, base_url=sidecar.url, api_key=ANTHROPIC_KEY, timeout=60, max_tokens=1000)


# LangChain shares connections between its models, so they must all live in one loop.
LOOP = asyncio.new_event_loop()
MODELS = [(chat, openai.BadRequestError), (responses, openai.BadRequestError), (claude, anthropic.BadRequestError)]


@pytest.fixture(params=MODELS, ids=["openai", "responses", "anthropic"])
def made(request, sidecar, provider):
    make, error = request.param
    return make(sidecar), error


@pytest.fixture
def model(made):
    return made[0]


def seen(provider):
    """The last text of the request, as the provider saw it."""
    body = provider.last()["body"]
    content = (body.get("messages") or body.get("input"))[-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def test_it_is_redacted_and_restored(model, provider):
    answer = model.invoke([SystemMessage(f"You help {EMAIL}."), HumanMessage(PROMPT)])
    assert answer.text == PROMPT
    assert answer.usage_metadata["input_tokens"] > 0
    assert_only_placeholders(provider.last()["raw"], at_least=4)


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_streams_are_restored(model, provider, delivery):
    assert "".join(piece.text for piece in model.stream(f"#scenario:echo,{delivery} {PROMPT}")) == PROMPT
    assert_only_placeholders(provider.last()["raw"])


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_tool_arguments_are_restored(model, provider, stream):
    bound = model.bind_tools([SendMail])
    prompt = f"#scenario:tool,delta=3 {PROMPT}"
    if stream:
        pieces = list(bound.stream(prompt))
        answer = pieces[0]
        for piece in pieces[1:]:
            answer += piece
    else:
        answer = bound.invoke(prompt)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("SendMail", {"to": in_arguments(seen(provider))})
    ]
    assert_only_placeholders(provider.last()["raw"])


def test_an_agents_second_turn(model, provider):
    call = {"id": "call_1", "name": "SendMail", "args": {"to": EMAIL}}
    turns = [HumanMessage(PROMPT), AIMessage("", tool_calls=[call]), ToolMessage(f"sent to {EMAIL}", tool_call_id="call_1")]
    answer = model.bind_tools([SendMail]).invoke(turns)
    assert answer.text == f"sent to {EMAIL}"
    assert_only_placeholders(provider.last()["raw"], at_least=5)


def test_structured_output(model, provider):
    """The model's answer as an object: by the provider's own JSON mode, or by a tool that is called for it."""

    class Answer(pydantic.BaseModel):
        answer: str

    tooled = isinstance(model, ChatAnthropic)
    scenario = "tool" if tooled else "echo"
    told = model.with_structured_output(Answer).invoke(f"#scenario:{scenario} {PROMPT}")
    assert told.answer == (in_arguments(seen(provider)) if tooled else PROMPT)


def test_async_stream(model, provider):
    async def one():
        return "".join([piece.text async for piece in model.astream(f"#scenario:echo,delta=2 {PROMPT}")])

    assert LOOP.run_until_complete(one()) == PROMPT


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_a_refusal_raises_the_sdks_own_exception_once(made, provider, stream):
    model, error = made
    with pytest.raises(error) as raised:
        list(model.stream(INJECTION)) if stream else model.invoke(INJECTION)
    assert "sidewall_injection" in str(raised.value.body)
    assert provider.received() == []


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_a_call_that_nobody_declared_raises(model, provider, stream):
    provider.script(scenario="call", tool="wire_money", arguments='{"amount": "planted"}')
    bound = model.bind_tools([SendMail])
    with pytest.raises((openai.APIError, anthropic.APIError)) as raised:
        list(bound.stream("go")) if stream else bound.invoke("go")
    assert "sidewall_tool_unknown" in str(raised.value.body)
    assert "planted" not in str(raised.value.body)


def test_vectors(sidecar, provider):
    from langchain_openai import OpenAIEmbeddings

    # Its default counts tokens with a table from the network, and sends ids of tokens, which nobody can read.
    embed = OpenAIEmbeddings(base_url=f"{sidecar.url}/v1", api_key=OPENAI_KEY, check_embedding_ctx_length=False)
    assert len(embed.embed_query(PROMPT)) == 3
    assert not leaks(provider.last()["raw"])
