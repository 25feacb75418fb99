//! The wire format of Ollama.
//! Source: <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use serde_json::{Value, json};

use super::answer::{Answer, Choice, Prompt, Tool, content_text, deltas};
use super::delivery::Event;
use super::scenario::{Scenario, Script};

/// What the request asks for.
pub(super) fn read(body: &Value) -> Prompt {
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let role = |message: &Value| message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
    let text = |message: &Value| message.get("content").map(content_text).unwrap_or_default();
    let word = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let spoken = messages.iter().rev().find(|message| matches!(role(message).as_str(), "user" | "tool"));
    let system = messages.iter().filter(|message| role(message) == "system").map(text);
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    Prompt {
        model: word("model").unwrap_or_else(|| "llama".to_owned()),
        text: word("prompt").unwrap_or_else(|| spoken.map(text).unwrap_or_default()),
        system: word("system").into_iter().chain(system).collect::<Vec<_>>().join("\n"),
        tools: tools
            .filter_map(|tool| {
                let function = tool.get("function")?;
                let name = function.get("name")?.as_str()?.to_owned();
                Some(Tool { name, schema: function.get("parameters").cloned().unwrap_or_default(), free_text: false })
            })
            .collect(),
        choices: 1,
        // Its answers are streams unless told otherwise.
        stream: body.get("stream").and_then(Value::as_bool).unwrap_or(true),
        usage: true,
        json: body.get("format").is_some_and(|format| !format.is_null() && format != ""),
        logprobs: false,
        reasoning: body.get("think").and_then(Value::as_bool).unwrap_or(false),
        request: body.clone(),
    }
}

fn piece(prompt: &Prompt, fields: &Choice, last: Option<&Answer>) -> Value {
    let mut piece = json!({"model": prompt.model, "created_at": "2026-01-01T00:00:00.000000Z", "done": last.is_some()});
    let text = fields.text.as_ref().or(fields.refusal.as_ref()).cloned().unwrap_or_default();
    let calls: Vec<Value> = fields
        .calls
        .iter()
        .map(|(name, arguments)| {
            let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
            json!({"function": {"name": name, "arguments": arguments}})
        })
        .collect();
    if prompt.request.get("messages").is_some() {
        let mut message = json!({"role": "assistant", "content": text});
        if let Some(thinking) = &fields.reasoning {
            put(&mut message, "thinking", thinking.clone().into());
        }
        if !calls.is_empty() {
            put(&mut message, "tool_calls", calls.into());
        }
        put(&mut piece, "message", message);
    } else {
        put(&mut piece, "response", text.into());
        if let Some(thinking) = &fields.reasoning {
            put(&mut piece, "thinking", thinking.clone().into());
        }
    }
    if let Some(answer) = last {
        for (key, value) in [("prompt_eval_count", answer.input_tokens), ("eval_count", answer.output_tokens)] {
            put(&mut piece, key, value.into());
        }
        put(&mut piece, "done_reason", "stop".into());
        put(&mut piece, "total_duration", 1_234_567_890_u64.into());
    }
    piece
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// The whole answer as one document.
pub(super) fn document(prompt: &Prompt, answer: &Answer, _seed: u64) -> Value {
    piece(prompt, &answer.choices.first().cloned().unwrap_or_default(), Some(answer))
}

/// The answer as lines.
pub(super) fn stream(prompt: &Prompt, answer: &Answer, script: &Script, _seed: u64) -> Vec<Event> {
    let choice = answer.choices.first().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for thought in deltas(choice.reasoning.as_deref().unwrap_or_default(), script.delta) {
        lines.push(piece(prompt, &Choice { reasoning: Some(thought.to_owned()), ..Choice::default() }, None));
    }
    let text = choice.text.as_deref().or(choice.refusal.as_deref()).unwrap_or_default();
    for said in deltas(text, script.delta) {
        lines.push(piece(prompt, &Choice { text: Some(said.to_owned()), ..Choice::default() }, None));
    }
    for call in &choice.calls {
        lines.push(piece(prompt, &Choice { calls: vec![call.clone()], ..Choice::default() }, None));
    }
    if script.scenario == Scenario::ErrorEvent {
        lines.push(error("an error was encountered while running the model"));
    } else {
        lines.push(piece(prompt, &Choice::default(), Some(answer)));
    }
    lines.into_iter().map(|line| Event { name: None, data: line.to_string() }).collect()
}

/// Vectors for embeddings.
pub(super) fn vectors(prompt: &Prompt) -> Value {
    json!({"model": prompt.model, "embeddings": [[0.010_071_12, -0.001_759_47, 0.050_007_13]], "prompt_eval_count": 8,
        "total_duration": 14_143_917, "load_duration": 1_019_500})
}

/// An error's body.
pub(super) fn error(message: &str) -> Value {
    json!({"error": message})
}
