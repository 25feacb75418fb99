//! The wire format of Anthropic's messages.
//! Source: <https://docs.anthropic.com/en/api/messages> and `/messages-streaming`.

use serde_json::{Value, json};

use super::answer::{Answer, Choice, Prompt, Tool, content_text, deltas, id};
use super::delivery::Event;
use super::scenario::{Scenario, Script};

/// What the request asks for.
pub(super) fn read(body: &Value) -> Prompt {
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let spoken = messages.iter().rev().find(|message| message.get("role").and_then(Value::as_str) == Some("user"));
    let text = |message: &Value| message.get("content").map(content_text).unwrap_or_default();
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    Prompt {
        model: body.get("model").and_then(Value::as_str).unwrap_or("claude-sonnet-5").to_owned(),
        text: spoken.map(text).unwrap_or_default(),
        system: body.get("system").map(content_text).unwrap_or_default(),
        tools: tools
            .filter_map(|tool| {
                let name = tool.get("name")?.as_str()?.to_owned();
                Some(Tool { name, schema: tool.get("input_schema").cloned().unwrap_or_default(), free_text: false })
            })
            .collect(),
        choices: 1,
        stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
        usage: true,
        json: false,
        logprobs: false,
        reasoning: body.pointer("/thinking/type").and_then(Value::as_str) == Some("enabled"),
        request: Value::Null,
    }
}

/// The whole answer as one document.
pub(super) fn document(prompt: &Prompt, answer: &Answer, seed: u64) -> Value {
    let choice = answer.choices.first().cloned().unwrap_or_default();
    let content: Vec<Value> = blocks(&choice, seed).into_iter().map(|block| block.whole).collect();
    json!({
        "id": id("msg_01", 22, seed),
        "type": "message",
        "role": "assistant",
        "model": prompt.model,
        "content": content,
        "stop_reason": stop_reason(&choice),
        "stop_sequence": null,
        "usage": usage(answer.input_tokens, answer.output_tokens),
    })
}

/// The answer as a stream.
pub(super) fn stream(prompt: &Prompt, answer: &Answer, script: &Script, seed: u64) -> Vec<Event> {
    let choice = answer.choices.first().cloned().unwrap_or_default();
    let mut events = vec![event(
        "message_start",
        json!({"message": {
            "id": id("msg_01", 22, seed),
            "type": "message",
            "role": "assistant",
            "model": prompt.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(answer.input_tokens, 1),
        }}),
    )];
    let mut pinged = false;
    for (index, block) in blocks(&choice, seed).into_iter().enumerate() {
        events.push(event("content_block_start", json!({"index": index, "content_block": block.empty})));
        if !pinged {
            events.push(event("ping", json!({})));
            pinged = true;
        }
        // The real API opens a call's arguments with an empty piece.
        if block.field == "partial_json" {
            events.push(event(
                "content_block_delta",
                json!({"index": index, "delta": {"type": block.delta, "partial_json": ""}}),
            ));
        }
        for piece in deltas(&block.text, script.delta) {
            let mut delta = json!({"type": block.delta});
            if let Some(fields) = delta.as_object_mut() {
                fields.insert(block.field.to_owned(), Value::from(piece));
            }
            events.push(event("content_block_delta", json!({"index": index, "delta": delta})));
        }
        if let Some(signature) = block.whole.get("signature") {
            let delta = json!({"type": "signature_delta", "signature": signature});
            events.push(event("content_block_delta", json!({"index": index, "delta": delta})));
        }
        if script.scenario == Scenario::ErrorEvent {
            let error = error("overloaded_error", "Overloaded", seed);
            events.push(Event { name: Some("error"), data: error.to_string() });
            return events;
        }
        events.push(event("content_block_stop", json!({"index": index})));
    }
    let delta = json!({"stop_reason": stop_reason(&choice), "stop_sequence": null});
    events.push(event("message_delta", json!({"delta": delta, "usage": {"output_tokens": answer.output_tokens}})));
    events.push(event("message_stop", json!({})));
    events
}

/// One content block, whole and as it is told in a stream.
struct Block {
    whole: Value,
    empty: Value,
    delta: &'static str,
    field: &'static str,
    text: String,
}

fn blocks(choice: &Choice, seed: u64) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(thinking) = &choice.reasoning {
        // Base 64, and long, as real signatures are.
        let signature = format!("{}==", id("EqQB", 318, seed));
        blocks.push(Block {
            whole: json!({"type": "thinking", "thinking": thinking, "signature": signature}),
            empty: json!({"type": "thinking", "thinking": "", "signature": ""}),
            delta: "thinking_delta",
            field: "thinking",
            text: thinking.clone(),
        });
    }
    if let Some(text) = choice.text.as_ref().or(choice.refusal.as_ref()) {
        blocks.push(Block {
            whole: json!({"type": "text", "text": text}),
            empty: json!({"type": "text", "text": ""}),
            delta: "text_delta",
            field: "text",
            text: text.clone(),
        });
    }
    for (at, (name, arguments)) in choice.calls.iter().enumerate() {
        let id = id("toolu_01", 22, seed.wrapping_mul(1000).wrapping_add(at as u64));
        let input: Value = serde_json::from_str(arguments).unwrap_or_default();
        blocks.push(Block {
            whole: json!({"type": "tool_use", "id": id, "name": name, "input": input}),
            empty: json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
            delta: "input_json_delta",
            field: "partial_json",
            text: arguments.clone(),
        });
    }
    blocks
}

fn event(name: &'static str, fields: Value) -> Event {
    let mut data = json!({"type": name});
    if let (Some(data), Value::Object(fields)) = (data.as_object_mut(), fields) {
        data.extend(fields);
    }
    Event { name: Some(name), data: data.to_string() }
}

fn stop_reason(choice: &Choice) -> &'static str {
    match (&choice.refusal, choice.calls.is_empty()) {
        (Some(_), _) => "refusal",
        (None, false) => "tool_use",
        (None, true) => "end_turn",
    }
}

fn usage(input: u64, output: u64) -> Value {
    json!({
        "input_tokens": input,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
        "service_tier": "standard",
    })
}

/// `GET /v1/models`.
pub(super) fn models() -> Value {
    let model = |name: &str, title: &str| json!({"type": "model", "id": name, "display_name": title, "created_at": "2025-09-29T00:00:00Z"});
    json!({
        "data": [model("claude-sonnet-5", "Claude Sonnet 5"), model("claude-haiku-4-5", "Claude Haiku 4.5")],
        "has_more": false,
        "first_id": "claude-sonnet-5",
        "last_id": "claude-haiku-4-5",
    })
}

/// An error's body.
pub(super) fn error(kind: &str, message: &str, seed: u64) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": id("req_01", 22, seed)})
}

/// The error type that goes with a status.
/// Source: <https://docs.anthropic.com/en/api/errors>.
pub(super) const fn error_type(status: u16) -> &'static str {
    match status {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}
