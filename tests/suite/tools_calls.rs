//! Tool calls through the engine: bodies and streams of both dialects, held until they are judged, at every cut.

use std::sync::Arc;

use serde_json::{Value, json};
use sidewall::dialect::Endpoint;
use sidewall::inspect::{Framing, Guards, Refusal, RefusalCode, Report};
use sidewall::policy::{Authoriser, Check, Profile, ToolSettings};

use crate::engine::{self, Outcome, chat, messages};

/// Guards that enforce what requests declare.
pub(crate) fn enforcing() -> Guards {
    let settings = ToolSettings { check: Check::Enforce, ..ToolSettings::default() };
    Guards { tools: Arc::new(Authoriser::new(settings)), ..engine::guards(Profile::Observe) }
}

/// One call: name and arguments, as they stand on the wire.
pub(crate) type Call<'a> = (&'a str, &'a str);

/// A provider's way to write tools and calls.
pub(crate) struct Speech {
    pub(crate) endpoint: fn() -> &'static Endpoint,
    /// A request that declares tools (name, schema).
    pub(crate) request: fn(&[(&str, Value)]) -> Value,
    /// A whole answer: some text, then calls.
    pub(crate) body: fn(&str, &[Call<'_>]) -> String,
    /// The same as events.
    pub(crate) stream: fn(&str, &[Call<'_>]) -> String,
}

pub(crate) const SPEECHES: [Speech; 2] = [
    Speech { endpoint: chat, request: chat_request, body: chat_body, stream: chat_stream },
    Speech { endpoint: messages, request: messages_request, body: messages_body, stream: messages_stream },
];

fn chat_request(tools: &[(&str, Value)]) -> Value {
    let tool =
        |(name, schema): &(&str, Value)| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    let tools: Vec<_> = tools.iter().map(tool).collect();
    json!({"model": "m", "messages": [{"role": "user", "content": "go"}], "tools": tools})
}

fn chat_body(text: &str, calls: &[Call<'_>]) -> String {
    let call = |(n, (name, arguments)): (usize, &Call<'_>)| json!({"id": format!("call_{n}"), "type": "function", "function": {"name": name, "arguments": arguments}});
    let calls: Vec<_> = calls.iter().enumerate().map(call).collect();
    json!({"id": "c", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": text, "tool_calls": calls}}]})
    .to_string()
}

fn chat_stream(text: &str, calls: &[Call<'_>]) -> String {
    let mut events = vec![json!({"role": "assistant", "content": text})];
    for (n, (name, _)) in calls.iter().enumerate() {
        let function = json!({"name": name, "arguments": ""});
        events.push(
            json!({"tool_calls": [{"index": n, "id": format!("call_{n}"), "type": "function", "function": function}]}),
        );
    }
    // The calls' deltas alternate.
    let pieces: Vec<Vec<String>> = calls.iter().map(|(_, arguments)| pieces(arguments)).collect();
    for round in 0..pieces.iter().map(Vec::len).max().unwrap_or(0) {
        for (n, piece) in pieces.iter().enumerate().filter_map(|(n, p)| Some((n, p.get(round)?))) {
            events.push(json!({"tool_calls": [{"index": n, "function": {"arguments": piece}}]}));
        }
    }
    let mut out = String::new();
    for delta in events {
        out.push_str(&format!(
            "data: {}\n\n",
            json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
        ));
    }
    out.push_str("data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n");
    out
}

fn messages_request(tools: &[(&str, Value)]) -> Value {
    let tools: Vec<_> = tools.iter().map(|(name, schema)| json!({"name": name, "input_schema": schema})).collect();
    json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}], "tools": tools})
}

fn messages_body(text: &str, calls: &[Call<'_>]) -> String {
    let calls: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(n, (name, arguments))| {
            let name = Value::from(*name);
            format!(",{{\"type\":\"tool_use\",\"id\":\"toolu_{n}\",\"name\":{name},\"input\":{arguments}}}")
        })
        .collect();
    let text = Value::from(text);
    format!(
        "{{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":{text}}}{}],\"stop_reason\":\"tool_use\"}}",
        calls.concat()
    )
}

fn messages_stream(text: &str, calls: &[Call<'_>]) -> String {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": []}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "content_block_stop", "index": 0}),
    ];
    for (n, (name, arguments)) in calls.iter().enumerate() {
        let index = n + 1;
        let block = json!({"type": "tool_use", "id": format!("toolu_{n}"), "name": name, "input": {}});
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        for piece in pieces(arguments) {
            let delta = json!({"type": "input_json_delta", "partial_json": piece});
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(|e| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().expect("type"))).collect()
}

/// Seven bytes or so each.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(7).map(|piece| piece.iter().collect()).collect()
}

/// A request's tools, and what the engine makes of an answer in the given chunks.
pub(crate) fn exchange(
    guards: &Guards,
    speech: &Speech,
    tools: &[(&str, Value)],
    framing: Framing,
    chunks: &[&[u8]],
) -> Result<(Outcome, Report), Box<(Refusal, Report)>> {
    let body = (speech.request)(tools).to_string();
    let inspected = engine::request(guards, (speech.endpoint)(), body.as_bytes())?;
    assert_eq!(inspected.body.get().as_ref(), body.as_bytes(), "a request passes as it is");
    Ok(engine::respond_with(guards, (speech.endpoint)(), framing, (inspected.vault, inspected.toolbox), chunks))
}

fn refund() -> (&'static str, Value) {
    let schema = json!({"type": "object", "required": ["order", "amount"], "additionalProperties": false, "properties": {
        "order": {"type": "string"}, "amount": {"type": "number", "minimum": 0, "maximum": 100}, "note": {"type": "string"}}});
    ("refund", schema)
}

const GOOD: Call<'static> = ("refund", r#"{"order":"A-1001","amount":40.50}"#);

/// Calls that must not leave; each holds the word `planted` in its arguments.
fn denied() -> Vec<(Call<'static>, RefusalCode, &'static str)> {
    use RefusalCode::{ToolArguments, ToolUnknown};
    vec![
        (("refund", r#"{"order":"planted","amount":"40"}"#), ToolArguments, "type at amount"),
        (("refund", r#"{"note":"planted","amount":4}"#), ToolArguments, "required at ."),
        (("refund", r#"{"order":"planted","amount":4,"to":"x"}"#), ToolArguments, "additionalProperties at ."),
        (("refund", r#"{"order":"planted","amount":100.01}"#), ToolArguments, "maximum at amount"),
        (("refund", r#"["planted"]"#), ToolArguments, "they are no JSON object"),
        (("refund_all", r#"{"order":"planted","amount":4}"#), ToolUnknown, ""),
        (("Refund", r#"{"order":"planted","amount":4}"#), ToolUnknown, ""),
        (("r\u{435}fund", r#"{"order":"planted","amount":4}"#), ToolUnknown, ""),
        (("refund ", r#"{"order":"planted","amount":4}"#), ToolUnknown, ""),
        (("refund\u{200b}", r#"{"order":"planted","amount":4}"#), ToolUnknown, ""),
        (("", r#"{"order":"planted","amount":4}"#), ToolUnknown, "a call without a name"),
    ]
}

/// Arguments that only a string can hold: in a body that writes them as a tree, the whole body is refused by the scanner.
fn malformed() -> Vec<(Call<'static>, RefusalCode, &'static str)> {
    vec![
        (("refund", r#"{"order":"planted","amount":4,"amount":9000}"#), RefusalCode::ToolArguments, "key"),
        (("refund", r#"{"order":"planted","amount":4,"amoun\u0074":9000}"#), RefusalCode::ToolArguments, "key"),
        (("refund", r#"{"order":"planted","amount":4"#), RefusalCode::ToolArguments, ""),
    ]
}

fn frames_of(framing: Framing, speech: &Speech, text: &str, calls: &[Call<'_>]) -> String {
    match framing {
        Framing::Whole => (speech.body)(text, calls),
        Framing::Sse | Framing::Lines | Framing::Elements | Framing::Media => (speech.stream)(text, calls),
    }
}

#[test]
fn a_permitted_call_passes_byte_for_byte() {
    let guards = enforcing();
    for speech in &SPEECHES {
        for framing in [Framing::Whole, Framing::Sse] {
            let answer =
                frames_of(framing, speech, "I will.", &[GOOD, ("refund", r#"{ "amount" : 1e1, "order":"é" }"#)]);
            let (out, report) = exchange(&guards, speech, &[refund()], framing, &[answer.as_bytes()]).unwrap();
            assert_eq!(out.refusal, None);
            assert_eq!(String::from_utf8(out.bytes).unwrap(), answer);
            let decisions: Vec<_> = report.tool_calls.iter().map(|c| (c.name.as_str(), c.decision.as_str())).collect();
            assert_eq!(decisions, [("refund", "released"), ("refund", "released")]);
        }
    }
}

#[test]
fn a_denied_call_never_shows_a_byte_of_its_arguments_at_any_cut() {
    let guards = enforcing();
    for speech in &SPEECHES {
        for framing in [Framing::Whole, Framing::Sse] {
            let tree = framing == Framing::Whole && (speech.endpoint)().dialect.name == "anthropic";
            let malformed = if tree { Vec::new() } else { malformed() };
            for (number, (call, code, detail)) in denied().into_iter().chain(malformed).enumerate() {
                let answer = frames_of(framing, speech, "Of course, I will ", &[call]);
                let bytes = answer.as_bytes();
                // Every cut of one call that is denied at its end, and of one that its name denies; of the others every eleventh.
                let step = if number == 0 || call.0 == "Refund" { 1 } else { 11 };
                let cuts: Vec<usize> = match framing {
                    Framing::Whole => vec![0, bytes.len() / 2],
                    _ => (0..bytes.len()).step_by(step).collect(),
                };
                for cut in cuts {
                    let chunks = [&bytes[..cut], &bytes[cut..]];
                    let (out, report) = exchange(&guards, speech, &[refund()], framing, &chunks).unwrap();
                    let refusal = out.refusal.expect("a refusal");
                    assert_eq!(refusal.code, code, "{call:?} {refusal:?}");
                    assert!(refusal.detail.contains(detail), "{call:?}: {}", refusal.detail);
                    let shown = String::from_utf8(out.bytes).unwrap();
                    for part in ["planted", "order", "amount", "toolu_", "call_0"] {
                        assert!(!shown.contains(part), "{part} of {call:?} left at cut {cut}: {shown}");
                    }
                    assert_eq!(
                        shown.contains("Of course, I will "),
                        framing == Framing::Sse,
                        "the text before it left"
                    );
                    let record = format!("{refusal:?}{:?}{:?}", report.verdict, report.tool_calls);
                    assert!(!record.contains("planted"), "{record}");
                    assert_eq!(report.tool_calls.last().expect("noted").decision, "refused");
                }
            }
        }
    }
}

#[test]
fn equal_keys_in_a_tree_of_arguments_refuse_the_body() {
    let speech = &SPEECHES[1];
    let answer = (speech.body)("x", &[("refund", r#"{"order":"planted","amount":4,"amount":9000}"#)]);
    let (out, _) = exchange(&enforcing(), speech, &[refund()], Framing::Whole, &[answer.as_bytes()]).unwrap();
    assert_eq!(out.refusal.expect("refused").code, RefusalCode::UpstreamGarbage);
    assert!(out.bytes.is_empty());
}

/// Names and arguments that a client puts together from several places are judged as it would read them.
#[test]
fn what_clients_join_is_judged_joined() {
    let chat_event =
        |calls: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}));
    let begin = |name: &str| chat_event(json!([{"index": 0, "id": "c", "function": {"name": name, "arguments": ""}}]));
    let more = |arguments: &str| chat_event(json!([{"index": 0, "function": {"arguments": arguments}}]));
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n";
    let good = more(GOOD.1);
    let name = |name: &str| chat_event(json!([{"index": 0, "function": {"name": name}}]));
    for (events, code) in [
        (begin("refund") + &good + end, None),
        (begin("ref") + &name("und") + &good + end, None),
        (begin("refund") + &name("_all") + &good + end, Some(RefusalCode::ToolUnknown)),
        (begin("refund") + &good + &name("_all") + end, Some(RefusalCode::ToolUnknown)),
        // Arguments before their name, and a call that begins again after its end.
        (good.clone() + &begin("refund") + end, None),
        (begin("refund") + &good + end + &good, Some(RefusalCode::ToolUnknown)),
        // An object where a string belongs.
        (
            chat_event(
                json!([{"index": 0, "function": {"name": "refund", "arguments": {"order": "planted", "amount": 1e9}}}]),
            ) + end,
            Some(RefusalCode::ToolArguments),
        ),
        (
            chat_event(
                json!([{"index": 0, "function": {"name": "refund", "arguments": {"order": "planted", "amount": 1}}}]),
            ) + &good
                + end,
            Some(RefusalCode::ToolArguments),
        ),
        // The stream ends without saying so.
        (begin("refund") + &good, None),
        (begin("refund") + &more("{\"order\":\"planted\""), Some(RefusalCode::ToolArguments)),
    ] {
        let (out, _) = exchange(&enforcing(), &SPEECHES[0], &[refund()], Framing::Sse, &[events.as_bytes()]).unwrap();
        assert_eq!(out.refusal.map(|r| r.code), code, "{events}");
        assert!(!String::from_utf8_lossy(&out.bytes).contains("planted"), "{events}");
    }
}

#[test]
fn observing_records_and_changes_nothing() {
    let settings = ToolSettings { check: Check::Observe, ..ToolSettings::default() };
    let guards = Guards { tools: Arc::new(Authoriser::new(settings)), ..engine::guards(Profile::Observe) };
    for speech in &SPEECHES {
        let answer = (speech.stream)("x", &[("nobody_declared", r#"{"a":1}"#)]);
        let (out, report) = exchange(&guards, speech, &[refund()], Framing::Sse, &[answer.as_bytes()]).unwrap();
        assert_eq!((out.refusal, String::from_utf8(out.bytes).unwrap()), (None, answer));
        assert_eq!(report.tool_calls[0].decision, "observed");
        assert!(report.tool_calls[0].rule == "tool.unknown");
    }
}

#[test]
fn what_is_judged_is_what_leaves() {
    // The placeholder that the model copies is no address; the address that is restored is one.
    let guards = Guards { tools: enforcing().tools, ..engine::guards(Profile::Balanced) };
    let tools = json!([{"type": "function", "function": {"name": "mail", "parameters":
        {"type": "object", "properties": {"to": {"type": "string", "format": "email"}}}}}]);
    let request = json!({"model": "m", "tools": tools, "messages": [{"role": "user", "content": "write to alice.example@example.com"}]});
    let inspected = engine::request(&guards, chat(), request.to_string().as_bytes()).unwrap();
    let sent: Value = serde_json::from_slice(inspected.body.get()).unwrap();
    let placeholder = sent["messages"][0]["content"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(placeholder.starts_with("[EMAIL_"), "{placeholder}");
    for (to, restored) in [(placeholder.as_str(), true), ("[EMAIL_AAAAAA]", false)] {
        let answer = (SPEECHES[0].stream)("", &[("mail", &json!({"to": to}).to_string())]);
        let carried = (engine::vault_of(&guards, chat(), request.to_string().as_bytes()), inspected.toolbox.clone());
        let (out, _) = engine::respond_with(&guards, chat(), Framing::Sse, carried, &[answer.as_bytes()]);
        assert_eq!(out.refusal.is_none(), restored, "{to}");
        assert_eq!(String::from_utf8_lossy(&out.bytes).contains("alice.example@example.com"), restored);
    }
}

#[test]
fn two_tools_of_one_name_are_refused_in_the_request() {
    for speech in &SPEECHES {
        let refused =
            exchange(&enforcing(), speech, &[refund(), ("refund", json!({}))], Framing::Whole, &[]).unwrap_err();
        assert_eq!(refused.0.code, RefusalCode::ToolDefinition);
    }
}
