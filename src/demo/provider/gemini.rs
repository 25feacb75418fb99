//! The wire format of Gemini.
//! Source: <https://ai.google.dev/api/generate-content>.

use serde_json::{Value, json};

use super::answer::{Answer, Choice, Prompt, Tool, content_text, deltas, id};
use super::delivery::Event;
use super::scenario::{Scenario, Script};

/// What the request asks for. Whether it is a stream, the path says.
pub(super) fn read(body: &Value) -> Prompt {
    let contents = body.get("contents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let said = |content: &Value| content.get("parts").map(parts_text).unwrap_or_default();
    let spoken = contents.iter().rev().find(|c| c.get("role").and_then(Value::as_str) != Some("model"));
    let system = body.get("systemInstruction").or_else(|| body.get("system_instruction"));
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    let declared = tools.filter_map(|tool| tool.get("functionDeclarations")?.as_array()).flatten();
    let config = body.get("generationConfig");
    Prompt {
        model: "gemini-3-flash".to_owned(),
        text: spoken.map(said).unwrap_or_default(),
        system: system.map(said).unwrap_or_default(),
        tools: declared
            .filter_map(|tool| {
                let name = tool.get("name")?.as_str()?.to_owned();
                let named = ["parametersJsonSchema", "parameters_json_schema", "parameters"];
                let schema = named.iter().find_map(|name| tool.get(name)).cloned();
                Some(Tool { name, schema: lower(schema.unwrap_or_default()), free_text: false })
            })
            .collect(),
        choices: config
            .and_then(|c| c.get("candidateCount")?.as_u64())
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(1),
        stream: false,
        usage: true,
        json: config.and_then(|c| c.get("responseMimeType")?.as_str()) == Some("application/json"),
        logprobs: false,
        reasoning: config
            .and_then(|c| c.get("thinkingConfig"))
            .and_then(|c| c.get("includeThoughts").or_else(|| c.get("include_thoughts"))?.as_bool())
            .unwrap_or(false),
        request: Value::Null,
    }
}

/// Schemas are written in the API's own words for types, which are those of JSON Schema in capitals.
fn lower(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        for (key, value) in fields.iter_mut() {
            *value = match (key.as_str(), value.take()) {
                ("type", Value::String(word)) => word.to_lowercase().into(),
                (_, inner) => lower(inner),
            };
        }
    }
    schema
}

fn parts_text(parts: &Value) -> String {
    let Some(parts) = parts.as_array() else { return content_text(parts) };
    let answers = parts.iter().filter_map(|part| part.pointer("/functionResponse/response")).map(Value::to_string);
    let texts = parts.iter().filter_map(|part| part.get("text")).map(content_text);
    texts.chain(answers).collect::<Vec<_>>().join("\n")
}

fn answer_of(prompt: &Prompt, answer: &Answer, seed: u64, candidates: &[Value]) -> Value {
    json!({
        "candidates": candidates,
        "usageMetadata": {"promptTokenCount": answer.input_tokens, "candidatesTokenCount": answer.output_tokens,
            "totalTokenCount": answer.input_tokens + answer.output_tokens},
        "modelVersion": prompt.model,
        "responseId": id("", 22, seed),
    })
}

fn candidate(index: usize, parts: &[Value], finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": index});
    if let (Some(finish), Some(fields)) = (finish, candidate.as_object_mut()) {
        fields.insert("finishReason".to_owned(), finish.into());
    }
    candidate
}

fn calls(choice: &Choice) -> Vec<Value> {
    let call = |(name, arguments): &(String, String)| {
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
        json!({"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "CiQBjz1rXw=="})
    };
    choice.calls.iter().map(call).collect()
}

/// The whole answer as one document.
pub(super) fn document(prompt: &Prompt, answer: &Answer, seed: u64) -> Value {
    let candidates = answer.choices.iter().enumerate().map(|(index, choice)| {
        let mut parts = Vec::new();
        parts.extend(choice.reasoning.as_ref().map(|text| json!({"text": text, "thought": true})));
        let text = choice.text.as_ref().or(choice.refusal.as_ref());
        parts.extend(text.map(|text| json!({"text": text})));
        parts.extend(calls(choice));
        candidate(index, &parts, Some("STOP"))
    });
    let candidates: Vec<Value> = candidates.collect();
    answer_of(prompt, answer, seed, &candidates)
}

/// The answer as pieces.
pub(super) fn stream(prompt: &Prompt, answer: &Answer, script: &Script, seed: u64) -> Vec<Event> {
    let mut pieces = Vec::new();
    for (index, choice) in answer.choices.iter().enumerate() {
        for text in deltas(choice.reasoning.as_deref().unwrap_or_default(), script.delta) {
            pieces.push(candidate(index, &[json!({"text": text, "thought": true})], None));
        }
        let text = choice.text.as_deref().or(choice.refusal.as_deref()).unwrap_or_default();
        for text in deltas(text, script.delta) {
            pieces.push(candidate(index, &[json!({"text": text})], None));
        }
        let calls = calls(choice);
        if !calls.is_empty() {
            pieces.push(candidate(index, &calls, None));
        }
        if script.scenario != Scenario::ErrorEvent {
            pieces.push(candidate(index, &[json!({"text": ""})], Some("STOP")));
        }
    }
    let mut pieces: Vec<Value> = pieces.into_iter().map(|piece| answer_of(prompt, answer, seed, &[piece])).collect();
    if script.scenario == Scenario::ErrorEvent {
        pieces.push(error(503, "The model is overloaded."));
    }
    pieces.into_iter().map(|piece| Event { name: None, data: piece.to_string() }).collect()
}

/// Vectors for embeddings.
pub(super) fn vectors() -> Value {
    json!({"embeddings": [{"values": [0.010_071_12, -0.001_759_47, 0.050_007_13]}],
        "embedding": {"values": [0.010_071_12, -0.001_759_47, 0.050_007_13]}})
}

/// `GET /v1beta/models`.
pub(super) fn models() -> Value {
    json!({"models": [{"name": "models/gemini-3-flash", "version": "001", "displayName": "Gemini 3 Flash"}]})
}

/// An error's body.
pub(super) fn error(status: u16, message: &str) -> Value {
    let word = match status {
        400 => "INVALID_ARGUMENT",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    json!({"error": {"code": status, "message": message, "status": word}})
}
