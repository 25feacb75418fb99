//! What a request hides: each disguise is found, and its benign twin is left alone.

use sidewall::policy::Profile;

use crate::engine::{chat, chat_request, guards, request};

/// Name of the disguise, and a text in it that holds a documentation card number or address.
const DISGUISES: [(&str, &str); 14] = [
    (
        "full-width digits",
        "\u{ff14}\u{ff11}\u{ff11}\u{ff11} \u{ff11}\u{ff11}\u{ff11}\u{ff11} \u{ff11}\u{ff11}\u{ff11}\u{ff11} \u{ff11}\u{ff11}\u{ff11}\u{ff11}",
    ),
    (
        "Arabic-Indic digits",
        "\u{664}\u{661}\u{661}\u{661} \u{661}\u{661}\u{661}\u{661} \u{661}\u{661}\u{661}\u{661} \u{661}\u{661}\u{661}\u{661}",
    ),
    (
        "zero-width spaces",
        "4\u{200b}1\u{200b}1\u{200b}1\u{200b} \u{200b}1\u{200b}1\u{200b}1\u{200b}1\u{200b} \u{200b}1\u{200b}1\u{200b}1\u{200b}1\u{200b} \u{200b}1\u{200b}1\u{200b}1\u{200b}1",
    ),
    (
        "soft hyphens",
        "a\u{ad}l\u{ad}i\u{ad}c\u{ad}e\u{ad}.\u{ad}e\u{ad}x\u{ad}a\u{ad}m\u{ad}p\u{ad}l\u{ad}e\u{ad}@\u{ad}e\u{ad}x\u{ad}a\u{ad}m\u{ad}p\u{ad}l\u{ad}e\u{ad}.\u{ad}c\u{ad}o\u{ad}m",
    ),
    ("no-break spaces", "4111\u{a0}1111\u{a0}1111\u{a0}1111"),
    ("dashes", "4111-1111-1111-1111"),
    ("line wraps", "4111\n1111\n1111\n1111"),
    ("base64", "bXkgbWFpbCBpcyBhbGljZS5leGFtcGxlQGV4YW1wbGUuY29t"),
    ("base64 twice", "YlhrZ2JXRnBiQ0JwY3lCaGJHbGpaUzVsZUdGdGNHeGxRR1Y0WVcxd2JHVXVZMjl0"),
    ("hex", "6d79206d61696c20697320616c6963652e6578616d706c65406578616d706c652e636f6d"),
    ("percent", "%61%6C%69%63%65%2E%65%78%61%6D%70%6C%65%40%65%78%61%6D%70%6C%65%2E%63%6F%6D"),
    (
        "entities",
        "&#97;&#108;&#105;&#99;&#101;&#46;&#101;&#120;&#97;&#109;&#112;&#108;&#101;&#64;&#101;&#120;&#97;&#109;&#112;&#108;&#101;&#46;&#99;&#111;&#109;",
    ),
    (
        "unicode escapes",
        "\\u0061\\u006c\\u0069\\u0063\\u0065\\u002e\\u0065\\u0078\\u0061\\u006d\\u0070\\u006c\\u0065\\u0040\\u0065\\u0078\\u0061\\u006d\\u0070\\u006c\\u0065\\u002e\\u0063\\u006f\\u006d",
    ),
    (
        "tag characters",
        "\u{e006d}\u{e0061}\u{e0069}\u{e006c}\u{e0020}\u{e0061}\u{e006c}\u{e0069}\u{e0063}\u{e0065}\u{e002e}\u{e0065}\u{e0078}\u{e0061}\u{e006d}\u{e0070}\u{e006c}\u{e0065}\u{e0040}\u{e0065}\u{e0078}\u{e0061}\u{e006d}\u{e0070}\u{e006c}\u{e0065}\u{e002e}\u{e0063}\u{e006f}\u{e006d}",
    ),
];

/// What looks like a disguise and is none.
const TWINS: [&str; 10] = [
    "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} family",
    "\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "id 550e8400-e29b-41d4-a716-446655440000",
    "at 1712345678901 ms",
    "2024-01-15T10:30:00Z took 12345678 ns",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "100% of 50%25 done &amp; dusted",
    "C:\\new\\table\\u1234",
    "tracking 1Z999AA10123456784 and version 10.2.3.4-beta",
];

#[test]
fn every_disguise_is_found() {
    let guards = guards(Profile::Balanced);
    let mut missed = Vec::new();
    for (name, text) in DISGUISES {
        let inspected = request(&guards, chat(), &chat_request(&format!("please use {text} for this")))
            .expect("redacted, not refused");
        let sent: serde_json::Value = serde_json::from_slice(inspected.body.get()).expect("JSON");
        let said = sent["messages"][0]["content"].as_str().expect("content");
        if said.contains(text) || !said.contains('_') {
            missed.push((name, said.to_owned()));
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn their_twins_are_left_alone() {
    let guards = guards(Profile::Balanced);
    for text in TWINS {
        let body = chat_request(&format!("see {text} here"));
        let inspected = request(&guards, chat(), &body).expect("not refused");
        assert_eq!(inspected.body.get().as_ref(), &body[..], "{text}: {:?}", inspected.report.findings);
    }
}
