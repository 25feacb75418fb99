//! The engine on whatever a caller or a provider may send: it never panics, what leaves is still JSON, and the cut of a stream's bytes
//! changes nothing.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use sidewall::detect::Ruleset;
use sidewall::dialect::{Endpoint, route};
use sidewall::inspect::{Framing, Guards, ResponseInspector, inspect_request};
use sidewall::policy::{Authoriser, Check, Guardrails, Profile, StateGate, ToolSettings};
use sidewall::redact::{TenantKey, Vault};
use sidewall::tools::Toolbox;

pub(crate) const SEEDS: &[&[u8]] = &[
    br#"0{"model":"m","messages":[{"role":"user","content":"write to alice@example.com, card 4111 1111 1111 1111"}]}"#,
    br#"1{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"tool_result","content":"b"}]}]}"#,
    br#"2{"choices":[{"index":0,"message":{"content":"4111111111111111","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":\"b@example.com\"}"}}]},"finish_reason":"stop"}]}"#,
    b"4data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"4111 1111 \"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"1111 1111\"}}]}\n\ndata: [DONE]\n\n",
    b"5event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

static GUARDS: LazyLock<Guards> = LazyLock::new(|| Guards {
    ruleset: Arc::new(Ruleset::embedded().expect("the embedded rules load")),
    guardrails: Arc::new(Guardrails::of_profile(Profile::Balanced)),
    state: StateGate::observing(),
    history: None,
    caller: None,
    key: TenantKey::new([7; 32]),
    memory: Arc::default(),
    tools: Arc::new(Authoriser::new(ToolSettings { check: Check::Observe, ..ToolSettings::default() })),
    judge: None,
    onlooker: None,
});

/// The first byte chooses dialect, phase and framing.
pub(crate) fn inspector(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let path = if choice & 1 == 0 { "/v1/chat/completions" } else { "/v1/messages" };
    let endpoint = route("POST", path, &|_| false).endpoint;
    match choice >> 1 & 3 {
        0 => request(endpoint, body),
        1 => response(endpoint, Framing::Whole, body),
        _ => response(endpoint, Framing::Sse, body),
    }
}

fn request(endpoint: &'static Endpoint, body: &[u8]) {
    if let Ok(inspected) = inspect_request(&GUARDS, endpoint, Bytes::copy_from_slice(body)) {
        let sent = inspected.body.get();
        assert!(sent.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(sent).is_ok(), "still JSON");
    }
}

fn response(endpoint: &'static Endpoint, framing: Framing, body: &[u8]) {
    let whole = run(endpoint, framing, &[body]);
    let (first, second) = body.split_at(body.len() / 3);
    assert!(run(endpoint, framing, &[first, second]) == whole, "the cut changes nothing");
}

fn run(endpoint: &'static Endpoint, framing: Framing, chunks: &[&[u8]]) -> (Vec<u8>, bool) {
    let (vault, toolbox) = (Vault::new(GUARDS.key.clone()), Toolbox::default());
    let mut inspector = ResponseInspector::new(GUARDS.clone(), endpoint, framing, vault, toolbox);
    let mut out = Vec::new();
    let mut refused = false;
    for chunk in chunks {
        refused = refused || inspector.push(Bytes::copy_from_slice(chunk)).is_err();
        while let Some(piece) = inspector.pull() {
            out.extend_from_slice(piece.get());
        }
    }
    refused = refused || inspector.finish().is_err();
    while let Some(piece) = inspector.pull() {
        out.extend_from_slice(piece.get());
    }
    (out, refused)
}
