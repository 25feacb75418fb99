//! The engine's contracts as properties (the scanner's agreement with serde_json stands in `wire_json`).
//!
//! `PROPTEST_CASES` sets the number of cases; the default is small enough for CI.

use proptest::prelude::*;
use sidewall::inspect::Framing;
use sidewall::policy::Profile;
use sidewall::redact::Vault;
use sidewall::tools::Toolbox;

use crate::engine::{chat, chat_body, chat_request, guards, messages, request, respond, said_in_body, vault_of};
use crate::speakers::{SPEAKERS, Speaker};

/// Values that the rules find whatever stands around them (documentation values all).
const PLANTED: [&str; 8] = [
    "alice.example@example.com",
    "4111 1111 1111 1111",
    "5555555555554444",
    "GB82 WEST 1234 5698 7654 32",
    "AKIAIOSFODNN7EXAMPLE",
    "078-05-1120",
    "+1 415 555 0132",
    "bob@example.org",
];

fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|c| c.parse().ok()).unwrap_or(default);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Prose, values, punctuation, other scripts, JSON and Markdown syntax, placeholders that nobody issued.
fn snippet() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,9}",
        2 => prop::sample::select(PLANTED.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["\n", "\t", "\"", "\\", "{", "}", "[", "]", "*", "`", "\u{1F600}", "\u{200B}", "é", "漢字", "</s>", "%40"]).prop_map(str::to_owned),
        1 => "[0-9]{1,19}",
        1 => "\\[(EMAIL|PAN|email)_[0-9A-Z]{6}\\]",
        1 => "[A-Za-z0-9+/]{8,40}",
    ]
}

fn prose() -> impl Strategy<Value = String> {
    prop::collection::vec((snippet(), prop::sample::select(vec![" ", "", ", ", "\n"])), 0..14)
        .prop_map(|parts| parts.into_iter().map(|(a, b)| a + b).collect())
}

/// Cuts `text` at character boundaries near the given fractions.
fn cut<'t>(text: &'t str, at: &[prop::sample::Index]) -> Vec<&'t str> {
    let boundaries: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
    let mut cuts: Vec<usize> = at.iter().map(|i| boundaries[i.index(boundaries.len())]).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in cuts.into_iter().chain([text.len()]) {
        pieces.push(&text[from..to]);
        from = to;
    }
    pieces
}

fn cut_bytes<'t>(bytes: &'t [u8], at: &[prop::sample::Index]) -> Vec<&'t [u8]> {
    let mut cuts: Vec<usize> = at.iter().map(|i| i.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in cuts.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..to]);
        from = to;
    }
    pieces
}

fn speaker() -> impl Strategy<Value = &'static Speaker> {
    prop::sample::select(SPEAKERS.iter().collect::<Vec<_>>())
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

proptest! {
    #![proptest_config(cases(128))]

    /// What is remembered of texts changes nothing: a request that resends known texts, in parts known and new, gives the same bytes and
    /// the same report as one that nothing is known of.
    #[test]
    fn known_texts_are_judged_as_the_first_time(
        texts in prop::collection::vec((prose(), prop::bool::ANY), 1..5),
        next in prose(),
    ) {
        let message = |(text, user): &(String, bool)| {
            serde_json::json!({"role": if *user { "user" } else { "assistant" }, "content": text})
        };
        let body = |texts: &[(String, bool)]| {
            let messages: Vec<_> = texts.iter().map(message).collect();
            serde_json::to_vec(&serde_json::json!({"model": "m", "messages": messages})).expect("JSON")
        };
        let seen = |guards: &sidewall::inspect::Guards, body: &[u8]| {
            request(guards, chat(), body)
                .map(|found| (found.body.get().clone(), format!("{:?}", found.report)))
                .map_err(|refused| format!("{refused:?}"))
        };
        let known = guards(Profile::Balanced);
        let turn = body(&texts);
        prop_assert_eq!(seen(&known, &turn), seen(&guards(Profile::Balanced), &turn));
        prop_assert_eq!(seen(&known, &turn), seen(&guards(Profile::Balanced), &turn));
        let turn = body(&[texts, vec![(next, true)]].concat());
        prop_assert_eq!(seen(&known, &turn), seen(&guards(Profile::Balanced), &turn));
    }

    /// 1. Any cut of the same bytes gives the same output, verdict and findings.
    #[test]
    fn chunk_invariance(speaker in speaker(), sent in prose(), said in prose(), deltas in places(), cuts in places()) {
        let guards = guards(Profile::Balanced);
        let endpoint = speaker.endpoint();
        let stream = (speaker.stream)(&cut(&said, &deltas), &[]).into_bytes();
        let body = speaker.asks(&sent);
        let run = |chunks: &[&[u8]]| respond(&guards, endpoint, speaker.framing, vault_of(&guards, endpoint, &body), chunks);
        let (whole, report) = run(&[&stream]);
        let (cut, cut_report) = run(&cut_bytes(&stream, &cuts));
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(&report.findings, &cut_report.findings);
        prop_assert_eq!(report.verdict, cut_report.verdict);
    }

    /// 2. A stream says what the body with the same text says, and the same is found in it, once.
    #[test]
    fn stream_and_body_agree(speaker in speaker(), sent in prose(), said in prose(), deltas in places()) {
        let guards = guards(Profile::Strict);
        let endpoint = speaker.endpoint();
        let request = speaker.asks(&sent);
        let body = (speaker.body)(&said, &[]).into_bytes();
        let (body, body_report) = respond(&guards, endpoint, Framing::Whole, vault_of(&guards, endpoint, &request), &[&body]);
        let stream = (speaker.stream)(&cut(&said, &deltas), &[]).into_bytes();
        let (stream, stream_report) = respond(&guards, endpoint, speaker.framing, vault_of(&guards, endpoint, &request), &[&stream]);
        prop_assert_eq!(body.refusal.map(|r| (r.code, r.rule)), stream.refusal.map(|r| (r.code, r.rule)));
        prop_assert_eq!(speaker.said_in_body(&body.bytes), speaker.said_in_stream(&stream.bytes));
        let seen = |report: &sidewall::inspect::Report| -> Vec<(String, usize, usize, u8)> {
            report.findings.iter().map(|f| (f.rule.id.to_string(), f.start, f.end, f.confidence)).collect()
        };
        prop_assert_eq!(seen(&body_report), seen(&stream_report));
        prop_assert_eq!(body_report.restored, stream_report.restored);
        let recorded = |report: &sidewall::inspect::Report| -> Vec<String> {
            report.texts.iter().map(|t| t.text.as_str().to_owned()).filter(|t| !t.is_empty()).collect()
        };
        prop_assert_eq!(recorded(&body_report), recorded(&stream_report));
    }

    /// 3. Without a finding, the very same bytes leave, both ways.
    #[test]
    fn identity(speaker in speaker(), words in prop::collection::vec("[a-z]{1,8}|\"|\\\\|é|\n", 0..20), deltas in places(), spaced in any::<bool>()) {
        let guards = guards(Profile::Balanced);
        let text = words.join(" ");
        let mut body = speaker.asks(&text);
        if spaced {
            body = String::from_utf8(body).expect("UTF-8").replace("\"model\":", " \"model\" :\t").into_bytes();
        }
        let inspected = request(&guards, speaker.endpoint(), &body).map_err(|e| TestCaseError::fail(format!("{:?}", e.0)))?;
        prop_assert!(inspected.report.findings.is_empty());
        prop_assert_eq!(inspected.body.get().as_ref(), &body[..]);
        let stream = (speaker.stream)(&cut(&text, &deltas), &[]).into_bytes();
        let (out, _) = respond(&guards, speaker.endpoint(), speaker.framing, inspected.vault, &[&stream]);
        prop_assert_eq!(out.refusal, None);
        prop_assert_eq!(out.bytes, stream);
    }

    /// 4. Redact, then restore, is the identity: what the provider echoes comes back as it was sent.
    #[test]
    fn round_trip(speaker in speaker(), sent in prose(), deltas in places()) {
        let guards = guards(Profile::Balanced);
        // What looks like a placeholder is the business of the test of forgeries.
        let sent = sent.replace('[', "(");
        let Ok(inspected) = request(&guards, speaker.endpoint(), &speaker.asks(&sent)) else { return Ok(()) };
        let seen = speaker.asked(inspected.body.get());
        let stream = (speaker.stream)(&cut(&seen, &deltas), &[]).into_bytes();
        let (out, _) = respond(&guards, speaker.endpoint(), speaker.framing, inspected.vault, &[&stream]);
        prop_assert_eq!(out.refusal, None);
        prop_assert_eq!(speaker.said_in_stream(&out.bytes), sent);
    }

    /// 5. No planted value in anything that goes upstream or into the record, wherever in the request it stands.
    #[test]
    fn nothing_planted_leaks(value in prop::sample::select(PLANTED.to_vec()), before in "[a-z ]{0,12}", after in "[a-z ]{0,12}", place in 0usize..9) {
        let guards = guards(Profile::Balanced);
        let text = format!("{before} and {value} , {after}");
        let spoken = serde_json::json!({"role": "user", "content": "hello"});
        let request_of = |extra: serde_json::Value| serde_json::json!({"model": "test", "messages": [spoken, extra]});
        let (endpoint, body) = match place {
            0 => (chat(), request_of(serde_json::json!({"role": "user", "content": text}))),
            1 => (chat(), request_of(serde_json::json!({"role": "user", "content": [{"type": "text", "text": text}]}))),
            2 => (chat(), request_of(serde_json::json!({"role": "tool", "tool_call_id": "call_1", "content": text}))),
            3 => (chat(), request_of(serde_json::json!({"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "f", "arguments": serde_json::json!({"a": [text, {"b": text}]}).to_string()}}]}))),
            4 => (chat(), request_of(serde_json::json!({"role": "user", "content": "x", "brand_new_field": {"deep": [text]}}))),
            5 => (messages(), request_of(serde_json::json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]}]}))),
            6 => (messages(), request_of(serde_json::json!({"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": {"b": [text]}}}]}))),
            7 => (messages(), request_of(serde_json::json!({"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}]}))),
            _ => (chat(), request_of(serde_json::json!({"role": "user", "content": "x", text.as_str(): 1}))),
        };
        let inspected = request(&guards, endpoint, &serde_json::to_vec(&body).expect("json")).map_err(|e| TestCaseError::fail(format!("{:?}", e.0)))?;
        let sent = String::from_utf8(inspected.body.get().to_vec()).expect("UTF-8");
        prop_assert!(!sent.contains(value), "{sent}");
        let record = format!("{:?}{:?}{:?}", inspected.report, inspected.vault, inspected.report.texts);
        prop_assert!(!record.contains(value), "{record}");
        serde_json::from_str::<serde_json::Value>(&sent).expect("still JSON");
    }

    /// A placeholder that this exchange did not issue is never restored.
    #[test]
    fn forged_placeholders_stay(said in "(hello )?\\[(EMAIL|PAN)_[0-9A-Z]{6}\\]( there)?") {
        let guards = guards(Profile::Balanced);
        let vault = vault_of(&guards, chat(), &chat_request("write to alice.example@example.com"));
        let (out, report) = respond(&guards, chat(), Framing::Whole, vault, &[&chat_body(&said)]);
        // One in a billion codes is the issued one.
        prop_assume!(report.restored == 0);
        prop_assert_eq!(said_in_body(&out.bytes), said);
    }

    /// Arbitrary bytes never panic, and never pass as a body unless they are JSON.
    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 1..60)) {
        let guards = guards(Profile::Balanced);
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
        let (out, _) = respond(&guards, chat(), Framing::Whole, Vault::new(guards.key.clone()), &[&bytes]);
        prop_assert!(out.refusal.is_some() || json);
        if out.refusal.is_some() {
            prop_assert!(out.bytes.is_empty());
        }
        let _ = request(&guards, chat(), &bytes);
    }
}

/// Only an open candidate holds text back: of ordinary prose, at most the last event waits for the next one.
#[test]
fn prose_flows() {
    use sidewall::inspect::ResponseInspector;
    let guards = guards(Profile::Balanced);
    let prose = "Of course, here is a short answer: the quick brown fox jumps over a lazy dog, and then it rests (for a while) on I/O. \
                 Next, we look at two or three numbers such as 7, 42 and 1999; finally everybody goes home.";
    for (request, why) in
        [("hello", "nothing redacted"), ("write to alice.example@example.com", "a placeholder issued")]
    {
        let mut inspector = ResponseInspector::new(
            guards.clone(),
            chat(),
            Framing::Sse,
            vault_of(&guards, chat(), &chat_request(request)),
            Toolbox::default(),
        );
        let mut held = 0;
        let mut waits = 0;
        let words: Vec<&str> = prose.split_inclusive(' ').collect();
        for word in &words {
            let event = serde_json::json!({"choices": [{"index": 0, "delta": {"content": word}}]});
            inspector.push(format!("data: {event}\n\n").into()).expect("prose passes");
            held += 1;
            while inspector.pull().is_some() {
                held -= 1;
            }
            assert!(held <= 2, "{why}: {held} events held after {word:?}");
            waits += usize::from(held > 0);
        }
        assert!(waits * 4 <= words.len(), "{why}: {waits} of {} words waited for the next", words.len());
    }
}
