// The Vercel AI SDK with its OpenAI (chat, responses) and Anthropic providers.

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, Output, generateText, streamText, tool } from "ai";
import { z } from "zod";

import { DELIVERIES, EMAIL, INJECTION, PROMPT, SIDEWALL, assertArguments, forget, received, script, seen } from "./sidewall.js";

const openai = createOpenAI({ baseURL: `${SIDEWALL}/v1`, apiKey: "sk-test-not-a-key" });
const anthropic = createAnthropic({ baseURL: `${SIDEWALL}/v1`, apiKey: "sk-ant-test-not-a-key" });
const MODELS = { "openai chat": openai.chat("gpt-5-mini"), "openai responses": openai.responses("gpt-5-mini"), anthropic: anthropic("claude-sonnet-5") };
const tools = { send_mail: tool({ description: "Sends a mail.", inputSchema: z.object({ to: z.string() }) }) };
// A stream's error is an event of its own here, and printed unless somebody takes it.
const onError = () => {};

beforeEach(forget);

for (const [name, model] of Object.entries(MODELS)) {
  describe(name, () => {
    test("redacted and restored", async () => {
      const { text, usage } = await generateText({ model, instructions: `You help ${EMAIL}.`, prompt: PROMPT });
      assert.equal(text, PROMPT);
      assert(usage.inputTokens > 0);
      await seen(4);
    });

    for (const delivery of DELIVERIES) {
      test(`streams: ${delivery}`, async () => {
        let told = "";
        for await (const delta of streamText({ model, prompt: `#scenario:echo,${delivery} ${PROMPT}` }).textStream) told += delta;
        assert.equal(told, PROMPT);
        await seen();
      });

      test(`streamed tool arguments: ${delivery}`, async () => {
        const calls = await streamText({ model, prompt: `#scenario:tool,${delivery} ${PROMPT}`, tools }).toolCalls;
        assert.deepEqual(calls.map((call) => call.toolName), ["send_mail"]);
        assertArguments(calls[0].input.to);
        await seen();
      });
    }

    test("tool calls in a body", async () => {
      const { toolCalls } = await generateText({ model, prompt: `#scenario:tool ${PROMPT}`, tools });
      assertArguments(toolCalls[0].input.to);
    });

    test("a refusal raises once", async () => {
      const refused = (error) => APICallError.isInstance(error) && error.statusCode === 400 && error.responseBody.includes("sidewall_injection");
      await assert.rejects(generateText({ model, prompt: INJECTION }), refused);
      const errors = [];
      const stream = streamText({ model, prompt: INJECTION, onError: ({ error }) => errors.push(error) });
      await stream.consumeStream({ onError });
      assert(errors.length === 1 && refused(errors[0]));
      assert.deepEqual(await received(), []);
    });

    test("a call that nobody declared raises", async () => {
      await script({ scenario: "call", tool: "wire_money", arguments: '{"to": "planted"}' });
      const refused = (error) => JSON.stringify(error.responseBody ?? error.data ?? error.message ?? error).includes("sidewall_tool_unknown");
      await assert.rejects(generateText({ model, prompt: "go", tools }), refused);
      const parts = [];
      for await (const part of streamText({ model, prompt: "go", tools, onError }).fullStream) parts.push(part);
      const error = parts.find((part) => part.type === "error")?.error;
      assert(error && !JSON.stringify(parts).includes("planted"), JSON.stringify(parts));
    });
  });
}

test("an object", async () => {
  const wanted = Output.object({ schema: z.object({ answer: z.string() }) });
  const { output } = await generateText({ model: MODELS["openai responses"], prompt: PROMPT, output: wanted });
  assert.deepEqual(output, { answer: PROMPT });
  await seen();
});
