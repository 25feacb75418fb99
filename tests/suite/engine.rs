//! The engine without a network: helpers for the golden transcripts and the properties.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use sidewall::detect::Ruleset;
use sidewall::dialect::{Endpoint, route};
use sidewall::inspect::{Framing, Guards, InspectedRequest, Refusal, Report, ResponseInspector, inspect_request};
use sidewall::policy::{Authoriser, Check, Guardrails, Profile, StateGate, ToolSettings};
use sidewall::redact::{TenantKey, Vault};
use sidewall::tools::Toolbox;

/// The embedded rules, compiled once.
static RULES: LazyLock<Arc<Ruleset>> =
    LazyLock::new(|| Arc::new(Ruleset::embedded().expect("the embedded rules compile")));

/// Guards of `profile` with a fixed placeholder key, so that placeholders in transcripts stay the same.
pub(crate) fn guards(profile: Profile) -> Guards {
    Guards {
        ruleset: Arc::clone(&RULES),
        guardrails: Arc::new(Guardrails::of_profile(profile)),
        // What is done about tool calls has tests of its own.
        tools: Arc::new(Authoriser::new(ToolSettings { check: Check::Off, ..ToolSettings::default() })),
        state: StateGate::observing(),
        history: None,
        caller: None,
        key: TenantKey::new(*b"a fixed key for golden transcript"[..32].first_chunk().expect("32 bytes")),
        memory: Arc::default(),
        judge: None,
        onlooker: None,
    }
}

pub(crate) fn chat() -> &'static Endpoint {
    route("POST", "/v1/chat/completions", &|_| false).endpoint
}

pub(crate) fn messages() -> &'static Endpoint {
    route("POST", "/v1/messages", &|_| false).endpoint
}

/// What left the engine, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) bytes: Vec<u8>,
    pub(crate) refusal: Option<Refusal>,
}

pub(crate) fn request(
    guards: &Guards,
    endpoint: &'static Endpoint,
    body: &[u8],
) -> Result<InspectedRequest, Box<(Refusal, Report)>> {
    inspect_request(guards, endpoint, Bytes::copy_from_slice(body))
}

/// Runs a response through the engine in the given chunks.
pub(crate) fn respond(
    guards: &Guards,
    endpoint: &'static Endpoint,
    framing: Framing,
    vault: Vault,
    chunks: &[&[u8]],
) -> (Outcome, Report) {
    respond_with(guards, endpoint, framing, (vault, Toolbox::default()), chunks)
}

/// As [`respond`], to a request that declared tools.
pub(crate) fn respond_with(
    guards: &Guards,
    endpoint: &'static Endpoint,
    framing: Framing,
    (vault, toolbox): (Vault, Toolbox),
    chunks: &[&[u8]],
) -> (Outcome, Report) {
    let mut inspector = ResponseInspector::new(guards.clone(), endpoint, framing, vault, toolbox);
    let mut bytes = Vec::new();
    let mut refusal = None;
    for chunk in chunks {
        let result = inspector.push(Bytes::copy_from_slice(chunk));
        while let Some(cleared) = inspector.pull() {
            bytes.extend_from_slice(cleared.get());
        }
        if let Err(error) = result {
            refusal = Some(error);
            break;
        }
    }
    if refusal.is_none() {
        refusal = inspector.finish().err();
        while let Some(cleared) = inspector.pull() {
            bytes.extend_from_slice(cleared.get());
        }
    }
    (Outcome { bytes, refusal }, inspector.take_report())
}

/// A vault that knows what `request` redacted (empty if there is none).
pub(crate) fn vault_of(guards: &Guards, endpoint: &'static Endpoint, body: &[u8]) -> Vault {
    request(guards, endpoint, body).map_or_else(|_| Vault::new(guards.key.clone()), |inspected| inspected.vault)
}

/// A chat request whose only message is `text`.
pub(crate) fn chat_request(text: &str) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({"model": "test", "messages": [{"role": "user", "content": text}]}))
        .expect("json")
}

/// A chat stream that says `deltas`, one event each.
pub(crate) fn chat_stream(deltas: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for delta in deltas {
        let event = serde_json::json!({"id": "c", "choices": [{"index": 0, "delta": {"content": delta}, "finish_reason": null}]});
        out.extend_from_slice(format!("data: {event}\n\n").as_bytes());
    }
    out.extend_from_slice(
        b"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    );
    out
}

/// The same as one body.
pub(crate) fn chat_body(text: &str) -> Vec<u8> {
    let body = serde_json::json!({"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]});
    serde_json::to_vec(&body).expect("json")
}

/// All of what a chat stream says.
pub(crate) fn said_in_stream(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let events = text.lines().filter_map(|l| l.strip_prefix("data: ")).filter(|d| *d != "[DONE]");
    let content = |d: &str| {
        serde_json::from_str::<serde_json::Value>(d).expect("each event is JSON")["choices"][0]["delta"]["content"]
            .as_str()
            .map(str::to_owned)
    };
    events.filter_map(content).collect()
}

/// What a chat body says.
pub(crate) fn said_in_body(bytes: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
    body["choices"][0]["message"]["content"].as_str().expect("content").to_owned()
}
