//! The wire formats of OpenAI's smaller APIs: completions (legacy), embeddings, moderations, images from text.
//! Source: <https://platform.openai.com/docs/api-reference>.

use serde_json::{Value, json};

use super::answer::{Answer, Choice, Prompt, content_text, deltas, id};
use super::delivery::Event;
use super::openai::CREATED;
use super::scenario::Script;

/// What the request asks for.
pub(super) fn read(body: &Value) -> Prompt {
    let text = body.get("prompt").or_else(|| body.get("input"));
    let text = match text {
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        Some(text) => content_text(text),
        None => String::new(),
    };
    Prompt {
        model: body.get("model").and_then(Value::as_str).unwrap_or("gpt-5-mini").to_owned(),
        text,
        choices: 1,
        stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
        ..Prompt::default()
    }
}

fn piece(prompt: &Prompt, seed: u64, index: usize, text: &str, finish: Option<&str>) -> Value {
    json!({"id": id("cmpl-", 29, seed), "object": "text_completion", "created": CREATED, "model": prompt.model,
        "choices": [{"index": index, "text": text, "logprobs": null, "finish_reason": finish}]})
}

/// A whole completion.
pub(super) fn completion(prompt: &Prompt, answer: &Answer, seed: u64) -> Value {
    let text = answer.choices.first().and_then(|choice: &Choice| choice.text.clone()).unwrap_or_default();
    piece(prompt, seed, 0, &text, Some("stop"))
}

/// The same in pieces.
pub(super) fn completion_stream(prompt: &Prompt, answer: &Answer, script: &Script, seed: u64) -> Vec<Event> {
    let text = answer.choices.first().and_then(|choice| choice.text.as_deref()).unwrap_or_default();
    let mut pieces: Vec<Value> = deltas(text, script.delta).map(|delta| piece(prompt, seed, 0, delta, None)).collect();
    pieces.push(piece(prompt, seed, 0, "", Some("stop")));
    let mut events: Vec<Event> =
        pieces.into_iter().map(|piece| Event { name: None, data: piece.to_string() }).collect();
    events.push(Event { name: None, data: "[DONE]".to_owned() });
    events
}

/// Vectors for embeddings, as numbers.
pub(super) fn vectors(prompt: &Prompt) -> Value {
    json!({"object": "list", "model": prompt.model, "usage": {"prompt_tokens": 8, "total_tokens": 8},
        "data": [{"object": "embedding", "index": 0, "embedding": "zczMPc3MTD6amZk+"}]})
}

/// A moderation that finds nothing.
pub(super) fn moderation() -> Value {
    json!({"id": "modr-1", "model": "omni-moderation-latest", "results": [
        {"flagged": false, "categories": {"violence": false}, "category_scores": {"violence": 0.000_012_3}}]})
}

/// A picture of one pixel, with the prompt as it was understood.
pub(super) fn image(prompt: &Prompt) -> Value {
    json!({"created": CREATED, "data": [{"b64_json": "iVBORw0KGgo=", "revised_prompt": prompt.text}]})
}
