// OpenAI's official package for Node: chat completions, responses, structured output, tools.

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { DELIVERIES, EMAIL, INJECTION, PROMPT, SIDEWALL, assertArguments, forget, received, script, seen } from "./sidewall.js";

const model = "gpt-5-mini";
const client = new OpenAI({ baseURL: `${SIDEWALL}/v1`, apiKey: "sk-test-not-a-key", maxRetries: 2, timeout: 60_000 });
const parameters = { type: "object", properties: { to: { type: "string" } }, required: ["to"] };
const user = (content) => [{ role: "user", content }];

beforeEach(forget);

describe("chat completions", () => {
  const tools = [{ type: "function", function: { name: "send_mail", description: "Sends a mail.", parameters } }];

  test("redacted and restored", async () => {
    const messages = [{ role: "system", content: `You help ${EMAIL}.` }, ...user(PROMPT)];
    const answer = await client.chat.completions.create({ model, messages });
    assert.equal(answer.choices[0].message.content, PROMPT);
    await seen(4);
  });

  for (const delivery of DELIVERIES) {
    test(`streams: ${delivery}`, async () => {
      const messages = user(`#scenario:echo,${delivery} ${PROMPT}`);
      let text = "";
      for await (const piece of await client.chat.completions.create({ model, messages, stream: true })) {
        text += piece.choices[0]?.delta?.content ?? "";
      }
      assert.equal(text, PROMPT);
      await seen();
    });

    test(`streamed tool arguments: ${delivery}`, async () => {
      const messages = user(`#scenario:tool,${delivery} ${PROMPT}`);
      const final = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
      const [call] = final.choices[0].message.tool_calls;
      assert.equal(call.function.name, "send_mail");
      assertArguments(JSON.parse(call.function.arguments).to);
      await seen();
    });
  }

  test("structured output", async () => {
    const response_format = zodResponseFormat(z.object({ answer: z.string() }), "answer");
    const parsed = await client.chat.completions.parse({ model, messages: user(PROMPT), response_format });
    assert.deepEqual(parsed.choices[0].message.parsed, { answer: PROMPT });
  });

  for (const stream of [false, true]) {
    test(`a refusal raises once (stream: ${stream})`, async () => {
      const asked = client.chat.completions.create({ model, messages: user(INJECTION), stream });
      await assert.rejects(asked, (error) => error instanceof OpenAI.BadRequestError && error.code === "sidewall_injection");
      assert.deepEqual(await received(), []);
    });

    test(`a call that nobody declared raises (stream: ${stream})`, async () => {
      await script({ scenario: "call", tool: "wire_money", arguments: '{"amount": "planted"}' });
      const asked = async () => {
        const answer = await client.chat.completions.create({ model, messages: user("go"), tools, stream });
        if (stream) for await (const piece of answer) assert(!JSON.stringify(piece).includes("planted"));
      };
      await assert.rejects(asked, (error) => error instanceof OpenAI.APIError && error.code === "sidewall_tool_unknown");
    });
  }
});

describe("responses", () => {
  const tools = [{ type: "function", name: "send_mail", description: "Sends a mail.", parameters, strict: false }];

  test("redacted and restored", async () => {
    const answer = await client.responses.create({ model, input: PROMPT, instructions: `You help ${EMAIL}.` });
    assert.equal(answer.output_text, PROMPT);
    await seen(4);
  });

  for (const delivery of DELIVERIES) {
    test(`streams and their tool arguments: ${delivery}`, async () => {
      let text = "";
      const stream = client.responses.stream({ model, input: `#scenario:echo,${delivery} ${PROMPT}` });
      stream.on("response.output_text.delta", (event) => (text += event.delta));
      assert.equal((await stream.finalResponse()).output_text, PROMPT);
      assert.equal(text, PROMPT);
      const called = client.responses.stream({ model, input: `#scenario:tool,${delivery} ${PROMPT}`, tools });
      assertArguments(JSON.parse((await called.finalResponse()).output[0].arguments).to);
      await seen();
    });
  }

  for (const stream of [false, true]) {
    test(`a call that nobody declared raises (stream: ${stream})`, async () => {
      await script({ scenario: "call", tool: "wire_money", arguments: '{"amount": "planted"}' });
      const asked = async () => {
        const answer = await client.responses.create({ model, input: "go", tools, stream });
        if (stream) for await (const event of answer) assert(!JSON.stringify(event).includes("planted"));
      };
      await assert.rejects(asked, (error) => error instanceof OpenAI.APIError && error.code === "sidewall_tool_unknown");
    });
  }

  test("what the provider keeps is refused by name", async () => {
    const asked = client.responses.create({ model, input: "hi", previous_response_id: "resp_1" });
    await assert.rejects(asked, (error) => error instanceof OpenAI.PermissionDeniedError && error.code === "sidewall_state_forbidden");
    assert.deepEqual(await received(), []);
  });
});

test("embeddings", async () => {
  const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: [PROMPT, "plain"] });
  assert.equal(answer.data[0].embedding.length, 3);
  await seen();
});
