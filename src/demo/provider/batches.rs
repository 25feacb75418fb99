//! Anthropic's message batches: each is done at once, and its results answer what the last one asked.
//! Source: <https://docs.anthropic.com/en/api/creating-message-batches>.

use http::Method;
use serde_json::{Value, json};

use super::memory::Memory;
use super::scenario::Script;
use super::{answer, anthropic, reply};
use crate::demo::parse;

/// What every path of them holds.
pub(super) const PATH: &str = "/v1/messages/batches";

/// What is answered.
pub(super) enum Answer {
    /// A batch.
    Batch(Value),
    /// JSON Lines.
    Results(String),
}

/// Answers a call.
pub(super) fn answer(method: &Method, path: &str, memory: &Memory, seed: u64) -> Answer {
    if method == Method::GET && path.ends_with("/results") {
        return Answer::Results(results(memory, seed));
    }
    let named = path.split('/').nth(4).map(str::to_owned);
    let id = named.unwrap_or_else(|| answer::id("msgbatch_01", 22, seed));
    Answer::Batch(json!({
        "id": id,
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
        "ended_at": "2025-09-29T00:01:00Z",
        "created_at": "2025-09-29T00:00:00Z",
        "expires_at": "2025-09-30T00:00:00Z",
        "archived_at": null,
        "cancel_initiated_at": null,
        // As the real API does: an address of its own, where no sidecar is.
        "results_url": format!("https://api.anthropic.com{PATH}/{id}/results"),
    }))
}

fn results(memory: &Memory, seed: u64) -> String {
    let batch: Value = memory.last_to(PATH).and_then(|body| parse(&body).ok()).unwrap_or_default();
    let requests = batch.get("requests").and_then(Value::as_array).into_iter().flatten();
    let mut lines = String::new();
    for request in requests {
        let mut prompt = anthropic::read(request.get("params").unwrap_or(&Value::Null));
        let script = reply::direct(&mut prompt, Script::default()).unwrap_or_default();
        let message = anthropic::document(&prompt, &answer::answer(&prompt, &script), seed);
        let line = json!({"custom_id": request.get("custom_id"), "result": {"type": "succeeded", "message": message}});
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines
}
