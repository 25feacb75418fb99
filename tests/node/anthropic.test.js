// Anthropic's official package for Node: messages, their stream helper, tools.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";

import { DELIVERIES, EMAIL, INJECTION, PROMPT, SIDEWALL, assertArguments, forget, received, script, seen } from "./sidewall.js";

const client = new Anthropic({ baseURL: SIDEWALL, apiKey: "sk-ant-test-not-a-key", maxRetries: 2, timeout: 60_000 });
const basics = { model: "claude-sonnet-5", max_tokens: 1000 };
const user = (content) => [{ role: "user", content }];
const input_schema = { type: "object", properties: { to: { type: "string" } }, required: ["to"] };
const tools = [{ name: "send_mail", description: "Sends a mail.", input_schema }];

beforeEach(forget);

test("redacted and restored", async () => {
  const answer = await client.messages.create({ ...basics, system: `You help ${EMAIL}.`, messages: user(PROMPT) });
  assert.equal(answer.content[0].text, PROMPT);
  await seen(4);
});

for (const delivery of DELIVERIES) {
  test(`streams: ${delivery}`, async () => {
    let text = "";
    const stream = client.messages.stream({ ...basics, messages: user(`#scenario:echo,${delivery} ${PROMPT}`) });
    stream.on("text", (delta) => (text += delta));
    assert.equal(await stream.finalText(), PROMPT);
    assert.equal(text, PROMPT);
    await seen();
  });

  test(`streamed tool input: ${delivery}`, async () => {
    const stream = client.messages.stream({ ...basics, messages: user(`#scenario:tool,${delivery} ${PROMPT}`), tools });
    const [call] = (await stream.finalMessage()).content;
    assert.equal(call.name, "send_mail");
    assertArguments(call.input.to);
    await seen();
  });
}

test("token counts pass", async () => {
  assert((await client.messages.countTokens({ model: basics.model, messages: user(PROMPT) })).input_tokens > 0);
  await seen();
});

for (const stream of [false, true]) {
  test(`a refusal raises once (stream: ${stream})`, async () => {
    const asked = client.messages.create({ ...basics, messages: user(INJECTION), stream });
    await assert.rejects(asked, (error) => error instanceof Anthropic.BadRequestError && error.message.includes("sidewall_injection"));
    assert.deepEqual(await received(), []);
  });

  test(`a call that nobody declared raises (stream: ${stream})`, async () => {
    await script({ scenario: "call", tool: "wire_money", arguments: '{"amount": "planted"}' });
    const asked = async () => {
      const answer = await client.messages.create({ ...basics, messages: user("go"), tools, stream });
      if (stream) for await (const event of answer) assert(!JSON.stringify(event).includes("planted"));
    };
    await assert.rejects(asked, (error) => error instanceof Anthropic.APIError && error.message.includes("sidewall_tool_unknown"));
  });
}
