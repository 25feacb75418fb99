//! What a stream tells again: edited as it was told first, recorded once, and judged anew where it says something else.

use serde_json::{Value, json};
use sidewall::inspect::{Framing, RefusalCode};
use sidewall::policy::Profile;

use crate::engine::{guards, respond_with, vault_of};
use crate::speakers::{SPEAKERS, Speaker};
use crate::tools_calls::enforcing;

const GOOD: &str = r#"{"order":"A-1001"}"#;
const BAD: &str = r#"{"order":7,"to":"planted"}"#;

fn responses() -> &'static Speaker {
    SPEAKERS.iter().find(|speaker| speaker.name == "responses").expect("a row")
}

fn refund() -> (&'static str, Value) {
    let schema = json!({"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]});
    ("refund", schema)
}

/// A stream that calls `refund`, with its events changed by `change`.
fn outcome(change: impl Fn(&mut Value)) -> (Option<RefusalCode>, String, Vec<String>) {
    let (speaker, guards) = (responses(), enforcing());
    let request = (speaker.request)("go", &[refund()]).to_string();
    let inspected = crate::engine::request(&guards, speaker.endpoint(), request.as_bytes()).unwrap();
    let stream = (speaker.stream)(&["I will."], &[("refund", GOOD)]);
    let events: String = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| {
            let mut event: Value = serde_json::from_str(data).unwrap();
            change(&mut event);
            format!("data: {event}\n\n")
        })
        .collect();
    let carried = (inspected.vault, inspected.toolbox);
    let (out, report) = respond_with(&guards, speaker.endpoint(), Framing::Sse, carried, &[events.as_bytes()]);
    let decisions = report.tool_calls.iter().map(|call| call.decision.clone()).collect();
    (out.refusal.map(|refusal| refusal.code), String::from_utf8(out.bytes).unwrap(), decisions)
}

#[test]
fn a_call_that_is_told_again_is_judged_once() {
    let (refusal, shown, decisions) = outcome(|_| ());
    assert_eq!((refusal, decisions), (None, vec!["released".to_owned()]));
    assert_eq!(shown.matches("A-1001").count(), 3, "{shown}");
}

#[test]
fn a_repetition_that_says_something_else_is_judged_too() {
    let done = |event: &mut Value, kind: &str, place: &str, value: &str| {
        if event["type"] == kind {
            *event.pointer_mut(place).expect(place) = value.into();
        }
    };
    for (kind, place, value, code) in [
        ("response.function_call_arguments.done", "/arguments", BAD, RefusalCode::ToolArguments),
        ("response.output_item.done", "/item/arguments", BAD, RefusalCode::ToolArguments),
        ("response.completed", "/response/output/1/arguments", BAD, RefusalCode::ToolArguments),
        ("response.completed", "/response/output/1/name", "refund_all", RefusalCode::ToolUnknown),
    ] {
        let (refusal, shown, _) = outcome(|event| {
            if event.pointer(place).is_some() && !(kind.ends_with("item.done") && event["output_index"] == 0) {
                done(event, kind, place, value);
            }
        });
        assert_eq!(refusal, Some(code), "{kind}");
        assert!(!shown.contains("planted") && !shown.contains("refund_all"), "{kind}: {shown}");
    }
    // Another call that is permitted may pass, and is noted.
    let other = r#"{"order":"A-1002"}"#;
    let (refusal, _, decisions) =
        outcome(|event| done(event, "response.function_call_arguments.done", "/arguments", other));
    assert_eq!((refusal, decisions.len()), (None, 3), "told as it was first, in the end");
}

#[test]
fn a_text_that_is_told_again_is_found_once_and_edited_everywhere() {
    let (speaker, guards) = (responses(), guards(Profile::Balanced));
    let stream = (speaker.stream)(&["My card is 4111 1111", " 1111 1111, take it."], &[]);
    for (stream, findings) in [
        (stream.clone(), 1),
        // A final event that tells something that no delta told.
        (stream.replace("\"text\":\"My card", "\"text\":\"Your card 5555 5555 5555 4444 and my card"), 3),
    ] {
        let vault = vault_of(&guards, speaker.endpoint(), &speaker.asks("hello"));
        let carried = (vault, sidewall::tools::Toolbox::default());
        let (out, report) = respond_with(&guards, speaker.endpoint(), Framing::Sse, carried, &[stream.as_bytes()]);
        let shown = String::from_utf8(out.bytes).unwrap();
        assert_eq!(out.refusal, None);
        assert!(!shown.contains("1111") && !shown.contains("5555"), "{shown}");
        assert_eq!(report.findings.len(), findings, "{:?}", report.findings);
        assert_eq!(shown.matches("[PAN]").count(), if findings == 1 { 5 } else { 9 }, "{shown}");
    }
}

/// Fields beside one another are texts of their own: the end of one and the start of the next do not make a word.
#[test]
fn fields_of_one_citation_are_not_one_text() {
    let (speaker, guards) = (responses(), guards(Profile::Balanced));
    let citation = json!({"type": "url_citation", "title": "AKIAIOSFODNN7EXAMPLE", "url": "AKIAIOSFODNN7EXAMPLE", "start_index": 0, "end_index": 1});
    let part = json!({"type": "output_text", "text": "x", "annotations": [citation]});
    let item = json!({"type": "message", "role": "assistant", "content": [part]});
    let body = json!({"id": "r", "object": "response", "output": [item]}).to_string();
    let vault = vault_of(&guards, speaker.endpoint(), &speaker.asks("hello"));
    let carried = (vault, sidewall::tools::Toolbox::default());
    let (out, report) = respond_with(&guards, speaker.endpoint(), Framing::Whole, carried, &[body.as_bytes()]);
    assert_eq!((out.refusal, report.findings.len()), (None, 2));
    assert!(!String::from_utf8(out.bytes).unwrap().contains("AKIA"));
}
