//! Tool calls in every dialect that has them: held until they are judged, in bodies and streams, at cuts.

use std::sync::Arc;

use serde_json::{Value, json};
use sidewall::inspect::{Framing, Guards, RefusalCode, Report};
use sidewall::policy::{Authoriser, Check, Profile, Rejection, ToolSettings};

use crate::engine::{self, Outcome};
use crate::speakers::{Call, SPEAKERS, Speaker};
use crate::tools_calls::enforcing;

const GOOD: Call<'static> = ("refund", r#"{"order":"A-1001","amount":40.50}"#);

fn refund() -> (&'static str, Value) {
    let schema = json!({"type": "object", "required": ["order", "amount"], "additionalProperties": false, "properties": {
        "order": {"type": "string"}, "amount": {"type": "number", "minimum": 0, "maximum": 100}}});
    ("refund", schema)
}

/// Those that call tools.
fn callers() -> impl Iterator<Item = &'static Speaker> {
    SPEAKERS.iter().filter(|speaker| speaker.name != "completions")
}

fn run(speaker: &Speaker, framing: Framing, chunks: &[&[u8]]) -> (Outcome, Report) {
    let guards = enforcing();
    let request = (speaker.request)("go", &[refund()]).to_string();
    let inspected = engine::request(&guards, speaker.endpoint(), request.as_bytes()).unwrap();
    engine::respond_with(&guards, speaker.endpoint(), framing, (inspected.vault, inspected.toolbox), chunks)
}

fn answer(speaker: &Speaker, framing: Framing, text: &str, calls: &[Call<'_>]) -> String {
    if framing == Framing::Whole { (speaker.body)(text, calls) } else { (speaker.stream)(&[text], calls) }
}

#[test]
fn permitted_calls_pass_byte_for_byte() {
    for speaker in callers() {
        for framing in [Framing::Whole, speaker.framing] {
            let said = answer(speaker, framing, "I will.", &[GOOD, ("refund", r#"{ "amount" : 1e1, "order":"é" }"#)]);
            let (out, report) = run(speaker, framing, &[said.as_bytes()]);
            assert_eq!(out.refusal, None, "{speaker:?}");
            assert_eq!(String::from_utf8(out.bytes).unwrap(), said);
            let decisions: Vec<_> = report.tool_calls.iter().map(|c| (c.name.as_str(), c.decision.as_str())).collect();
            assert_eq!(decisions, [("refund", "released"), ("refund", "released")], "{speaker:?}");
        }
    }
}

#[test]
fn denied_calls_show_no_byte_of_their_arguments() {
    for speaker in callers() {
        for framing in [Framing::Whole, speaker.framing] {
            for (call, code) in [
                (("refund", r#"{"order":"planted","amount":"40"}"#), RefusalCode::ToolArguments),
                (("refund", r#"{"order":"planted","amount":4,"to":"x"}"#), RefusalCode::ToolArguments),
                (("refund", r#"["planted"]"#), RefusalCode::ToolArguments),
                (("refund_all", r#"{"order":"planted","amount":4}"#), RefusalCode::ToolUnknown),
                (("", r#"{"order":"planted","amount":4}"#), RefusalCode::ToolUnknown),
            ] {
                let said = answer(speaker, framing, "Of course.", &[call]);
                for cut in (0..said.len()).step_by(13) {
                    let (out, report) = run(speaker, framing, &[&said.as_bytes()[..cut], &said.as_bytes()[cut..]]);
                    assert_eq!(out.refusal.map(|refusal| refusal.code), Some(code), "{speaker:?} {call:?}");
                    let shown = String::from_utf8(out.bytes).unwrap();
                    for part in ["planted", "amount"] {
                        assert!(!shown.contains(part), "{speaker:?}: {part} of {call:?} left at cut {cut}: {shown}");
                    }
                    assert_eq!(report.tool_calls.last().expect("noted").decision, "refused");
                }
            }
        }
    }
}

/// Where calls can be taken out, a text stands in their place, wherever the stream tells of them; the rest passes.
#[test]
fn removed_calls_leave_a_text() {
    let settings = ToolSettings { check: Check::Enforce, denied: Rejection::Remove, ..ToolSettings::default() };
    let guards = Guards { tools: Arc::new(Authoriser::new(settings)), ..engine::guards(Profile::Observe) };
    let speaker = callers().find(|speaker| speaker.name == "responses").expect("a row");
    let request = (speaker.request)("go", &[refund()]).to_string();
    for framing in [Framing::Whole, speaker.framing] {
        let said = answer(speaker, framing, "Of course.", &[("refund", r#"{"order":"planted"}"#), GOOD]);
        let inspected = engine::request(&guards, speaker.endpoint(), request.as_bytes()).unwrap();
        let carried = (inspected.vault, inspected.toolbox);
        let (out, report) = engine::respond_with(&guards, speaker.endpoint(), framing, carried, &[said.as_bytes()]);
        assert_eq!(out.refusal, None);
        let shown = String::from_utf8(out.bytes).unwrap();
        assert!(!shown.contains("planted") && shown.contains("A-1001") && shown.contains("Of course."), "{shown}");
        let told = if framing == Framing::Whole { 1 } else { 4 };
        assert_eq!(shown.matches("Sidewall withheld a call of refund").count(), told, "{shown}");
        assert_eq!(shown.matches("function_call_arguments").count() > 0, framing != Framing::Whole, "the other call's");
        let decisions: Vec<_> = report.tool_calls.iter().map(|call| call.decision.as_str()).collect();
        assert_eq!(decisions, ["removed", "released"]);
        let documents =
            shown.lines().filter_map(|line| line.strip_prefix("data: ").or(Some(line).filter(|l| l.starts_with('{'))));
        documents.for_each(|document| drop(serde_json::from_str::<Value>(document).expect("still JSON")));
    }
}
