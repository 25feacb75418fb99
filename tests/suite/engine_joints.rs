//! Values that lie across content parts, and texts that the scan must not read over and over.

use sidewall::detect::{Ruleset, Scope, ViewState};
use sidewall::policy::Profile;
use sidewall::text::Phase;

use crate::engine::{chat, guards, request};

fn parts(texts: &[&str]) -> Vec<u8> {
    let parts: Vec<_> = texts.iter().map(|t| serde_json::json!({"type": "text", "text": t})).collect();
    serde_json::to_vec(&serde_json::json!({"model": "test", "messages": [{"role": "user", "content": parts}]}))
        .expect("json")
}

#[test]
fn an_address_cut_by_two_parts_leaves_nothing() {
    for (texts, gone) in [
        (&["mail john.doe", "smith@example.com today"][..], &["john", "smith", "example.com"][..]),
        (&["mail alice@exam", "ple.com today"], &["alice", "ple.com"]),
        (&["mail alice.smith@example.co", "m.au today"], &["alice", "example", "m.au"]),
        (&["card 4111 1111 ", "1111 1111."], &["4111", "1111"]),
    ] {
        let inspected = request(&guards(Profile::Balanced), chat(), &parts(texts)).expect("redacted, not refused");
        let sent = String::from_utf8(inspected.body.get().to_vec()).expect("UTF-8");
        for part in gone {
            assert!(!sent.contains(part), "{part} of {texts:?} is left: {sent}");
        }
    }
}

/// Whatever its script, what is undecided of a text stays short, so a delta costs what it brings and no more.
#[test]
fn no_text_without_spaces_is_held_or_read_again() {
    let rules = Ruleset::embedded().expect("rules");
    let scope = Scope { phase: Phase::Response, injection: false };
    for unit in ["漢字仮名交文", "ไทยไม่มีช่องว่าง", "кириллица,", "é", "a.b-", "xq", "😀"]
    {
        let (mut text, mut state, mut out) = (String::new(), ViewState::default(), Vec::new());
        for _ in 0..2000 {
            text.push_str(unit);
            let decided = rules.scan_views(scope, &text, false, &mut state, &mut out);
            assert!(text.len() - decided <= 4096, "{unit}: {} of {} bytes are open", text.len() - decided, text.len());
        }
    }
}
