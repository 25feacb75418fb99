//! What the engine costs without a network: nanoseconds per event of a stream, and MB/s of requests, beside `serde_json`
//! reading the same documents into `Value`. Paired and alternating, so that a busy machine slows both; medians.
//!
//! `cargo bench --bench inspector`

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its figures, or stops")]

#[path = "support/clock.rs"]
mod clock;
#[path = "support/stats.rs"]
mod stats;
#[path = "support/texts.rs"]
mod texts;

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use sidewall::detect::Ruleset;
use sidewall::dialect::{Endpoint, route};
use sidewall::inspect::{Framing, Guards, ResponseInspector, inspect_request};
use sidewall::policy::{Authoriser, Check, Guardrails, Profile, StateGate, ToolSettings};
use sidewall::redact::{TenantKey, Vault};
use sidewall::tools::Toolbox;
use stats::median;

const PAIRS: usize = 61;
/// Text events of one stream.
const EVENTS: usize = 300;
/// Placeholders that the request of a stream had issued, where it had any.
const ISSUED: usize = 5;
/// Bytes of requests inspected in one measurement.
const BYTES_PER_MEASUREMENT: usize = 256 << 10;

fn main() {
    let rules = Arc::new(Ruleset::embedded().expect("the embedded rules compile"));
    let all = guards(&rules);
    let none = guards(&Arc::new(Ruleset::default()));
    let (chat, messages) = (endpoint("/v1/chat/completions"), endpoint("/v1/messages"));

    println!("{EVENTS} events a stream, {} rules; ns per event", rules.rules().len());
    println!(
        "{:<30}{:>6}{:>10}{:>10}{:>10}{:>9}{:>7}",
        "stream", "vault", "engine", "no rules", "serde", "ratio", "held"
    );
    for (name, endpoint, events) in [
        ("OpenAI, text", chat, texts::chat_events(EVENTS)),
        ("OpenAI, tool arguments", chat, chat_arguments()),
        ("Anthropic, text", messages, message_events(false)),
        ("Anthropic, tool arguments", messages, message_events(true)),
    ] {
        for issued in [0, ISSUED] {
            stream(name, endpoint, &events, issued, &all, &none);
        }
    }

    println!("\nrequests; MB/s");
    println!(
        "{:<30}{:>8}{:>10}{:>10}{:>10}{:>10}{:>9}",
        "body", "bytes", "new", "known", "no rules", "serde", "new/serde"
    );
    for bytes in [1 << 10, 8 << 10, 64 << 10] {
        for (name, personal) in [("prose", false), ("prose with personal data", true)] {
            request(name, chat, &texts::chat(bytes, personal, false), &all, &none);
        }
    }

    println!("\nconversations of {TURNS} turns; the request of the last one, µs");
    for bytes in [200, 1_000] {
        conversation(chat, bytes, &all);
    }
}

/// Turns of a conversation.
const TURNS: usize = 100;

/// The last turn's request: where all turns before it are known, where nothing is, and of the last turn alone, where it is new.
fn conversation(endpoint: &'static Endpoint, bytes: usize, guards: &Guards) {
    let messages: Vec<Value> = (0..TURNS)
        .map(|turn| {
            let role = if turn % 2 == 0 { "user" } else { "assistant" };
            json!({"role": role, "content": format!("Turn {turn}: {}Write to me at jane.doe{turn}@example.com.", texts::prose(bytes))})
        })
        .collect();
    let body = |messages: &[Value]| Bytes::from(json!({"model": "some-model", "messages": messages}).to_string());
    let (history, last) = messages.split_at(TURNS - 1);
    let (before, whole, alone) = (body(history), body(&messages), body(last));
    let fresh = || Guards { memory: Arc::default(), ..guards.clone() };
    let time = |guards: &Guards, body: &Bytes| {
        let start = clock::seconds();
        black_box(
            inspect_request(guards, endpoint, body.clone())
                .map_err(|refused| refused.0)
                .expect("nothing here is refused"),
        );
        clock::seconds() - start
    };
    let (mut known, mut new, mut one) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let guards = fresh();
        time(&guards, &before);
        known.push(time(&guards, &whole));
        new.push(time(&fresh(), &whole));
        one.push(time(&fresh(), &alone));
    }
    let micros = |times: &[f64]| median(times) * 1e6;
    println!(
        "{:>8} bytes a turn, {:>7} in all: history known {:.0}, nothing known {:.0} ({:.2}x), the last turn alone {:.0}",
        bytes,
        whole.len(),
        micros(&known),
        micros(&new),
        median(&known) / median(&new),
        micros(&one)
    );
}

fn endpoint(path: &str) -> &'static Endpoint {
    route("POST", path, &|_header| false).endpoint
}

fn guards(rules: &Arc<Ruleset>) -> Guards {
    Guards {
        ruleset: Arc::clone(rules),
        guardrails: Arc::new(Guardrails::of_profile(Profile::Balanced)),
        state: StateGate::observing(),
        history: None,
        caller: None,
        key: TenantKey::new([7; 32]),
        memory: Arc::default(),
        tools: Arc::new(Authoriser::new(ToolSettings { check: Check::Observe, ..ToolSettings::default() })),
        judge: None,
        onlooker: None,
    }
}

/// A stream that calls a tool: the arguments arrive in pieces, as strings of JSON within JSON.
fn chat_arguments() -> Vec<Value> {
    let call = |function: Value| json!({"tool_calls": [{"index": 0, "function": function}]});
    let begin = json!({"role": "assistant", "content": null, "tool_calls": [
        {"index": 0, "id": "call_0123456789", "type": "function", "function": {"name": "send_mail", "arguments": ""}}]});
    let mut events = vec![texts::chunk(&begin, None)];
    events.extend(arguments().iter().map(|piece| texts::chunk(&call(json!({"arguments": piece})), None)));
    events.push(texts::chunk(&json!({}), Some("tool_calls")));
    events
}

fn arguments() -> Vec<String> {
    let mut pieces = vec!["{\"subject\":\"Notes\",\"body\":\"".to_owned()];
    pieces.extend(texts::tokens(EVENTS - 2));
    pieces.push("\"}".to_owned());
    pieces
}

fn message_events(tool: bool) -> Vec<Value> {
    let block = match tool {
        true => json!({"type": "tool_use", "id": "toolu_0123456789", "name": "send_mail", "input": {}}),
        false => json!({"type": "text", "text": ""}),
    };
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_0123456789", "type": "message", "role": "assistant",
            "model": "some-model", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 200, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
    ];
    let pieces = if tool { arguments() } else { texts::tokens(EVENTS) };
    events.extend(pieces.iter().map(|piece| {
        let delta = match tool {
            true => json!({"type": "input_json_delta", "partial_json": piece}),
            false => json!({"type": "text_delta", "text": piece}),
        };
        json!({"type": "content_block_delta", "index": 0, "delta": delta})
    }));
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": EVENTS}}));
    events.push(json!({"type": "message_stop"}));
    events
}

fn stream(name: &str, endpoint: &'static Endpoint, events: &[Value], issued: usize, all: &Guards, none: &Guards) {
    let documents: Vec<String> = events.iter().map(Value::to_string).collect();
    let frames: Vec<Bytes> = documents.iter().map(|document| Bytes::from(format!("data: {document}\n\n"))).collect();
    let held = run(all, endpoint, issued, &frames).1 as f64 / frames.len() as f64;
    let (mut ours, mut bare, mut serde, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let parse = || {
            let start = clock::seconds();
            for document in &documents {
                black_box(serde_json::from_slice::<Value>(black_box(document.as_bytes())).expect("JSON"));
            }
            clock::seconds() - start
        };
        let before = parse();
        let (guarded, without) = match pair % 2 {
            0 => (run(all, endpoint, issued, &frames).0, run(none, endpoint, issued, &frames).0),
            _ => {
                let without = run(none, endpoint, issued, &frames).0;
                (run(all, endpoint, issued, &frames).0, without)
            }
        };
        let parsed = (before + parse()) / 2.0;
        ours.push(guarded);
        bare.push(without);
        serde.push(parsed);
        ratios.push(guarded / parsed);
    }
    let per_event = |times: &[f64]| median(times) / frames.len() as f64 * 1e9;
    println!(
        "{name:<30}{issued:>6}{:>10.0}{:>10.0}{:>10.0}{:>8.2}x{held:>7.2}",
        per_event(&ours),
        per_event(&bare),
        per_event(&serde),
        median(&ratios)
    );
}

/// Seconds that one stream takes, and the sum over all events of how many frames were held after each.
fn run(guards: &Guards, endpoint: &'static Endpoint, issued: usize, frames: &[Bytes]) -> (f64, usize) {
    let mut vault = Vault::new(guards.key.clone());
    for number in 0..issued {
        vault.issue("EMAIL", &format!("person{number}@example.com"), false);
    }
    let mut inspector = ResponseInspector::new(guards.clone(), endpoint, Framing::Sse, vault, Toolbox::default());
    let (mut held, mut left) = (0, 0);
    let start = clock::seconds();
    for (number, frame) in frames.iter().enumerate() {
        inspector.push(frame.clone()).expect("clean text passes");
        left += std::iter::from_fn(|| inspector.pull()).map(black_box).count();
        held += number + 1 - left;
    }
    inspector.finish().expect("a whole stream");
    left += std::iter::from_fn(|| inspector.pull()).map(black_box).count();
    let took = clock::seconds() - start;
    assert_eq!(left, frames.len(), "every frame leaves");
    (took, held)
}

fn request(name: &str, endpoint: &'static Endpoint, body: &[u8], all: &Guards, none: &Guards) {
    let body = Bytes::copy_from_slice(body);
    let rounds = (BYTES_PER_MEASUREMENT / body.len()).max(1);
    let time = |each: &dyn Fn()| {
        let start = clock::seconds();
        (0..rounds).for_each(|_| each());
        clock::seconds() - start
    };
    let inspect = |guards: &Guards| {
        let inspected = inspect_request(guards, endpoint, black_box(body.clone()));
        black_box(inspected.map_err(|refused| refused.0).expect("nothing here is refused"));
    };
    let (mut ours, mut known, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let (mut serde, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let guarded = time(&|| inspect(&Guards { memory: Arc::default(), ..all.clone() }));
        known.push(time(&|| inspect(all)));
        let parsed = time(&|| drop(black_box(serde_json::from_slice::<Value>(black_box(&body)).expect("JSON"))));
        bare.push(time(&|| inspect(none)));
        ratios.push(guarded / parsed);
        ours.push(guarded);
        serde.push(parsed);
    }
    let rate = |times: &[f64]| (body.len() * rounds) as f64 / median(times) / 1e6;
    println!(
        "{name:<30}{:>8}{:>10.0}{:>10.0}{:>10.0}{:>10.0}{:>8.2}x",
        body.len(),
        rate(&ours),
        rate(&known),
        rate(&bare),
        rate(&serde),
        median(&ratios)
    );
}
