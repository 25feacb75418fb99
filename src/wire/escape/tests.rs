//! Escapes both ways, and the map. The properties for arbitrary input are in `fuzz/targets/escape.rs`.

use super::*;
use crate::text::{TextSpan, WireRange};

#[test]
fn decodes_every_escape() {
    let cases = [
        ("", ""),
        ("plain é", "plain é"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\u0041\u00e9\u20AC", "Aé€"),
        (r"\ud83d\ude00x\uD83D\uDE00", "😀x😀"),
        (r"\u0000", "\0"),
        ("a\\nb\\\\nc", "a\nb\\nc"),
    ];
    for (raw, expected) in cases {
        assert_eq!(unescape(raw.as_bytes(), raw.contains('\\')), expected, "{raw}");
    }
}

#[test]
fn without_escapes_it_is_borrowed() {
    assert!(matches!(unescape("é".as_bytes(), false), Cow::Borrowed("é")));
}

#[test]
fn what_no_scanner_accepts_stands_for_itself() {
    for raw in [r"\x", r"a\", r"\u12", r"\ud800", r"\udc00\u0041"] {
        let text = unescape(raw.as_bytes(), true);
        assert!(text.starts_with(['\\', 'a']), "{raw}");
        assert!(text.len() <= raw.len(), "{raw}");
    }
    assert_eq!(unescape(b"\xff", true), "\u{fffd}");
}

#[test]
fn escapes_only_what_must_be() {
    let mut out = b"before".to_vec();
    escape_into("a\"b\\c/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}é\u{2028}😀", &mut out);
    let expected = "beforea\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é\u{2028}😀";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn map_at_and_within_characters() {
    // raw:  a \n \u00e9 é \ud83d\ude00 b      text: a ⏎ é é 😀 b
    let raw = r"a\n\u00e9é\ud83d\ude00b".as_bytes();
    let mut text = String::new();
    let mut map = EscapeMap::new();
    unescape_mapped(raw, &mut text, &mut map);
    assert_eq!(text, "a\néé😀b");
    let offsets = [(0, 0), (1, 1), (2, 3), (3, 3), (4, 9), (5, 10), (6, 11), (7, 11), (9, 11), (10, 23), (11, 24)];
    for (in_text, in_raw) in offsets {
        assert_eq!(map.to_raw(in_text), in_raw, "text offset {in_text}");
    }
    assert_eq!(map.to_raw_range(TextSpan::new(1, 2)), WireRange::new(1, 3));
    assert_eq!(map.to_raw_range(TextSpan::new(2, 6)), WireRange::new(3, 11));
    assert_eq!(map.to_raw_range(TextSpan::new(3, 8)), WireRange::new(3, 23), "whole characters");
    assert_eq!(map.to_raw_range(TextSpan::new(4, 4)), WireRange::new(9, 9), "an insertion");
    assert_eq!(map.to_text(5), 2, "within an escape");
}

#[test]
fn a_map_belongs_to_one_literal() {
    let mut text = String::new();
    let mut map = EscapeMap::new();
    unescape_mapped(br"\n\n", &mut text, &mut map);
    assert!(!map.is_identity());
    unescape_mapped(br"x\ty", &mut text, &mut map);
    assert_eq!(text, "\n\nx\ty");
    assert_eq!((map.to_raw(1), map.to_raw(2)), (1, 3));
    unescape_mapped(b"plain", &mut text, &mut map);
    assert!(map.is_identity());
}
