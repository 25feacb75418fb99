//! The wire format of OpenAI's chat completions.
//! Source: <https://platform.openai.com/docs/api-reference/chat> and `/chat-streaming`.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Choice, Prompt, Tool, content_text, deltas, id};
use super::delivery::Event;
use super::scenario::{Scenario, Script};

/// A fixed moment (2026-01-01T00:00:00Z): answers to the same request are the same bytes.
pub(super) const CREATED: u64 = 1_767_225_600;

/// What the request asks for.
pub(super) fn read(body: &Value) -> Prompt {
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let role = |message: &Value| message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
    let text = |message: &Value| message.get("content").map(content_text).unwrap_or_default();
    let spoken = messages.iter().rev().find(|message| matches!(role(message).as_str(), "user" | "tool"));
    let system = messages.iter().filter(|message| matches!(role(message).as_str(), "system" | "developer"));
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    let truth = |pointer: &str| body.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    Prompt {
        model: body.get("model").and_then(Value::as_str).unwrap_or("gpt-5-mini").to_owned(),
        text: spoken.map(text).unwrap_or_default(),
        system: system.map(text).collect::<Vec<_>>().join("\n"),
        tools: tools
            .filter_map(|tool| {
                let function = tool.get("function")?;
                let name = function.get("name")?.as_str()?.to_owned();
                Some(Tool { name, schema: function.get("parameters").cloned().unwrap_or_default(), free_text: false })
            })
            .collect(),
        choices: body.get("n").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
        stream: truth("/stream"),
        usage: truth("/stream_options/include_usage"),
        json: body
            .pointer("/response_format/type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.starts_with("json_")),
        logprobs: truth("/logprobs"),
        reasoning: false,
        request: Value::Null,
    }
}

/// The whole answer as one document.
pub(super) fn document(prompt: &Prompt, answer: &Answer, seed: u64) -> Value {
    let choices: Vec<Value> = answer
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            let mut message = Map::new();
            message.insert("role".into(), "assistant".into());
            message.insert("content".into(), choice.text.clone().into());
            message.insert("refusal".into(), choice.refusal.clone().into());
            message.insert("annotations".into(), json!([]));
            if let Some(reasoning) = &choice.reasoning {
                message.insert("reasoning_content".into(), reasoning.clone().into());
            }
            if !choice.calls.is_empty() {
                let calls: Vec<Value> = calls(choice, index, seed)
                    .map(|(id, name, arguments)| {
                        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
                    })
                    .collect();
                message.insert("tool_calls".into(), calls.into());
            }
            let text = choice.text.as_deref().unwrap_or_default();
            json!({
                "index": index,
                "message": message,
                "logprobs": if prompt.logprobs { logprobs(text, 4) } else { Value::Null },
                "finish_reason": finish_reason(choice),
            })
        })
        .collect();
    json!({
        "id": id("chatcmpl-", 29, seed),
        "object": "chat.completion",
        "created": CREATED,
        "model": prompt.model,
        "choices": choices,
        "usage": usage(answer),
        "service_tier": "default",
        "system_fingerprint": id("fp_", 10, seed).to_lowercase(),
    })
}

/// The answer as a stream.
pub(super) fn stream(prompt: &Prompt, answer: &Answer, script: &Script, seed: u64) -> Vec<Event> {
    let name = id("chatcmpl-", 29, seed);
    let fingerprint = id("fp_", 10, seed).to_lowercase();
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = Map::new();
        chunk.insert("id".into(), name.clone().into());
        chunk.insert("object".into(), "chat.completion.chunk".into());
        chunk.insert("created".into(), CREATED.into());
        chunk.insert("model".into(), prompt.model.clone().into());
        chunk.insert("service_tier".into(), "default".into());
        chunk.insert("system_fingerprint".into(), fingerprint.clone().into());
        chunk.insert("choices".into(), choices);
        if prompt.usage {
            chunk.insert("usage".into(), usage.unwrap_or_default());
        }
        chunk.insert("obfuscation".into(), id("", 7, seed).into());
        Event { name: None, data: Value::Object(chunk).to_string() }
    };
    let delta = |index: usize, delta: Value, logprobs: Value, finish: Value| {
        let choice = json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish});
        chunk(json!([choice]), None)
    };
    let mut events = Vec::new();
    for index in 0..answer.choices.len() {
        let opening = json!({"role": "assistant", "content": "", "refusal": null});
        events.push(delta(index, opening, Value::Null, Value::Null));
    }
    // Choices are told in turns, one delta each, as the real API tells them.
    let told: Vec<Vec<(Value, Value)>> = answer
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| choice_deltas(prompt, choice, index, script, seed))
        .collect();
    let longest = told.iter().map(Vec::len).max().unwrap_or(0);
    for turn in 0..longest {
        for (index, deltas) in told.iter().enumerate() {
            if let Some((fields, logprobs)) = deltas.get(turn) {
                events.push(delta(index, fields.clone(), logprobs.clone(), Value::Null));
            }
        }
    }
    if script.scenario == Scenario::ErrorEvent {
        events.push(Event { name: None, data: error("server_error", "The server had an error.", "").to_string() });
        return events;
    }
    for (index, choice) in answer.choices.iter().enumerate() {
        events.push(delta(index, json!({}), Value::Null, finish_reason(choice).into()));
    }
    if prompt.usage {
        events.push(chunk(json!([]), Some(usage(answer))));
    }
    events.push(Event { name: None, data: "[DONE]".to_owned() });
    events
}

/// The deltas of one choice, each with its log probabilities.
fn choice_deltas(prompt: &Prompt, choice: &Choice, index: usize, script: &Script, seed: u64) -> Vec<(Value, Value)> {
    let mut out = Vec::new();
    for piece in deltas(choice.reasoning.as_deref().unwrap_or_default(), script.delta) {
        out.push((json!({"reasoning_content": piece}), Value::Null));
    }
    for piece in deltas(choice.text.as_deref().unwrap_or_default(), script.delta) {
        let logprobs = if prompt.logprobs { logprobs(piece, script.delta) } else { Value::Null };
        out.push((json!({"content": piece}), logprobs));
    }
    for piece in deltas(choice.refusal.as_deref().unwrap_or_default(), script.delta) {
        out.push((json!({"refusal": piece}), Value::Null));
    }
    let mut told: Vec<Vec<Value>> = Vec::new();
    for (at, (id, name, arguments)) in calls(choice, index, seed).enumerate() {
        let function = json!({"name": name, "arguments": ""});
        let mut call = vec![json!({"index": at, "id": id, "type": "function", "function": function})];
        call.extend(
            deltas(arguments, script.delta).map(|piece| json!({"index": at, "function": {"arguments": piece}})),
        );
        told.push(call);
    }
    if script.interleave {
        let longest = told.iter().map(Vec::len).max().unwrap_or(0);
        let turns = (0..longest).flat_map(|turn| told.iter().filter_map(move |call| call.get(turn)));
        out.extend(turns.map(|call| (json!({"tool_calls": [call]}), Value::Null)));
    } else {
        out.extend(told.iter().flatten().map(|call| (json!({"tool_calls": [call]}), Value::Null)));
    }
    out
}

/// The choice's calls: id, name, arguments.
fn calls(choice: &Choice, index: usize, seed: u64) -> impl Iterator<Item = (String, &str, &str)> {
    choice.calls.iter().enumerate().map(move |(at, (name, arguments))| {
        let seed = seed.wrapping_mul(1000).wrapping_add((index * 16 + at) as u64);
        (id("call_", 24, seed), name.as_str(), arguments.as_str())
    })
}

const fn finish_reason(choice: &Choice) -> &'static str {
    if choice.calls.is_empty() { "stop" } else { "tool_calls" }
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    })
}

/// Every token with its bytes: a second copy of the text, which a guard must not forget.
pub(super) fn logprobs(text: &str, size: usize) -> Value {
    let tokens: Vec<Value> = deltas(text, size)
        .map(|token| {
            json!({"token": token, "logprob": -0.25, "bytes": token.as_bytes(), "top_logprobs": [
            {"token": token, "logprob": -0.25, "bytes": token.as_bytes()}]})
        })
        .collect();
    json!({"content": tokens, "refusal": null})
}

/// `GET /v1/models`.
pub(super) fn models() -> Value {
    let model = |name: &str| json!({"id": name, "object": "model", "created": CREATED, "owned_by": "system"});
    json!({"object": "list", "data": [model("gpt-5"), model("gpt-5-mini")]})
}

/// An error's body.
pub(super) fn error(kind: &str, message: &str, code: &str) -> Value {
    let code = if code.is_empty() { Value::Null } else { Value::from(code) };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The error type that goes with a status.
pub(super) const fn error_type(status: u16) -> &'static str {
    match status {
        401 | 403 | 404 | 400 | 422 => "invalid_request_error",
        429 => "requests",
        _ => "server_error",
    }
}
