//! Decoding: what a text says in base64, hex, percent, entities or escapes, as further views to scan.
//!
//! Decoded runs (base64, hex) become one view each, whose every place maps to the whole run: a part of it cannot be edited. Escapes
//! (`%41`, `&#65;`, `\u0041`, `=41`) are undone in place, with some of the text around them, and map one by one.
//! What decodes to no text (ids, hashes, images) gives no view.

mod escapes;
mod runs;

use crate::text::View;

/// LIMIT: the longest run that streams decode as one; a longer one is decoded in pieces of this length, so that no more
/// of it is held back.
pub const DECODE_REACH: usize = 1024;

/// How far decoding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest base64 or hex run that is decoded as one, in bytes; a multiple of 4.
    pub run: usize,
    /// How many encodings inside one another are undone.
    pub depth: usize,
    /// Also take what decodes mostly, not wholly, to text, and runs that something is glued to. Not for streams: the
    /// answer depends on the whole run.
    pub lenient: bool,
}

impl Limits {
    /// For responses, which grow: in bodies and in streams alike.
    pub const STREAM: Self = Self { run: DECODE_REACH, depth: 3, lenient: false };
    /// For requests, which are whole.
    pub const WHOLE: Self = Self { run: 1 << 20, depth: 3, lenient: true };
}

/// LIMIT: all decoded views of a text together are at most this many times as long as the text.
const MOST_GROWTH: usize = 2;

/// The decoded views of `view`, and the decoded views of those, outer encodings first.
#[must_use]
pub fn decode(view: &View<'_>, limits: Limits) -> Vec<View<'static>> {
    let mut left = view.text.len().saturating_mul(MOST_GROWTH);
    let mut found = decode_once(view, limits, &mut left);
    let mut level = 0..found.len();
    for _ in 1..limits.depth {
        let mut deeper = Vec::new();
        for outer in found.get(level.clone()).unwrap_or_default() {
            deeper.append(&mut decode_once(outer, limits, &mut left));
        }
        level = found.len()..found.len() + deeper.len();
        found.append(&mut deeper);
        if level.is_empty() {
            break;
        }
    }
    found
}

/// The offset in `text` from which on an encoded run may still go on, or become one, as more text follows; `text.len()` if
/// nothing is open. For [`Limits::STREAM`].
#[must_use]
pub fn open_from(text: &str) -> usize {
    runs::open_from(text, Limits::STREAM.run).min(escapes::open_from(text))
}

fn decode_once(view: &View<'_>, limits: Limits, left: &mut usize) -> Vec<View<'static>> {
    let mut out = Vec::new();
    escapes::decode(view, left, &mut out);
    runs::decode(view, limits, left, &mut out);
    out
}

/// Takes `bytes` off the budget; false if it does not suffice.
fn afford(left: &mut usize, bytes: usize) -> bool {
    match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::text::TextSpan;

    fn decoded(text: &str) -> Vec<String> {
        decode(&View::raw(text), Limits::WHOLE).into_iter().map(|v| v.text.into_owned()).collect()
    }

    fn hex(text: &str) -> String {
        text.bytes().map(|b| format!("{b:02x}")).collect()
    }

    const CARD: &str = "card 4111 1111 1111 1111";

    #[test]
    fn every_codec_is_undone() {
        for text in [
            STANDARD.encode(CARD),
            URL_SAFE_NO_PAD.encode(CARD),
            hex(CARD),
            hex(CARD).to_uppercase(),
            format!("0x{}", hex(CARD)),
            CARD.bytes().map(|b| format!("%{b:02X}")).collect(),
            CARD.bytes().map(|b| format!("&#{b};")).collect(),
            CARD.bytes().map(|b| format!("&#x{b:x};")).collect(),
            CARD.bytes().map(|b| format!("\\u{b:04x}")).collect(),
            CARD.bytes().map(|b| format!("\\u{{{b:x}}}")).collect(),
            CARD.bytes().map(|b| format!("\\x{b:02x}")).collect(),
            CARD.bytes().map(|b| format!("={b:02X}")).collect(),
            "card 4111%201111%201111%201111".into(),
            "card&nbsp;4111 1111 11=\r\n11 1111".into(),
            STANDARD.encode(hex(&STANDARD.encode(CARD))),
            format!("data:text/plain;base64,{}", STANDARD.encode(CARD)),
            format!("token={}", STANDARD.encode(CARD)),
            STANDARD
                .encode(format!("{}{CARD}", "long text, ".repeat(20)))
                .as_bytes()
                .chunks(76)
                .map(|line| format!("{}\r\n", str::from_utf8(line).unwrap()))
                .collect(),
        ] {
            assert!(decoded(&text).iter().any(|d| d.contains(CARD)), "{text}: {:?}", decoded(&text));
        }
    }

    #[test]
    fn what_is_not_encoded_text_gives_no_view() {
        for text in [
            "Plain prose, with a ratio of 5 = 2 + 3, AT&T, 100% sure, and C:\\ as a path.",
            "123e4567-e89b-42d3-a456-426614174000 da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "https://example.com/a/rather/long/path/to/some/thing.html?x=1",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
            "AKIAIOSFODNN7EXAMPLE internationalization",
        ] {
            let stream = decode(&View::raw(text), Limits::STREAM);
            assert!(stream.is_empty(), "{text}: {stream:?}");
        }
    }

    #[test]
    fn decoded_places_map_to_their_code() {
        let text = format!("say {} now", STANDARD.encode(CARD));
        let view = &decode(&View::raw(&text), Limits::WHOLE)[0];
        let run = TextSpan::new(4, text.len() - 4);
        assert_eq!(view.to_raw(TextSpan::new(5, 9)), run);
        let view = &decode(&View::raw("say \\u0034111 now"), Limits::WHOLE)[0];
        assert_eq!(view.text, "say 4111 now");
        assert_eq!(view.to_raw(TextSpan::new(4, 8)), TextSpan::new(4, 13));
    }

    #[test]
    fn ordinary_words_are_not_open() {
        for text in ["Hello there", "a ratio of 5 to the", "wonderful, this", "see https://example.com/foo "] {
            assert_eq!(open_from(text), text.len(), "{text}");
        }
        let text = format!("see {}", &STANDARD.encode(CARD)[..13]);
        assert_eq!(open_from(&text), 4);
        assert_eq!(open_from("fish &am"), 5);
        assert_eq!(open_from("fish %2"), 5);
    }

    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "\\PC{0,20}",
            "[ -~]{0,40}".prop_map(|t| STANDARD.encode(t)),
            "[ -~]{0,40}".prop_map(|t| hex(&t)),
            "(%[0-9A-F]{0,2}|&#?[a-z0-9]{0,5};?|\\\\u[0-9a-f]{0,4}|=[0-9A-F]{0,2}){0,9}",
        ];
        prop::collection::vec(piece, 0..6).prop_map(|p| p.concat())
    }

    proptest! {
        #[test]
        fn bounds_hold_and_maps_stay_inside(text in texts(), lenient in any::<bool>()) {
            let limits = if lenient { Limits::WHOLE } else { Limits { run: 32, ..Limits::STREAM } };
            let folded = crate::text::fold(&text);
            let views = decode(&folded, limits);
            prop_assert!(views.iter().map(|v| v.text.len()).sum::<usize>() <= 2 * folded.text.len());
            for view in views {
                let mut last = TextSpan::new(0, 0);
                for (at, c) in view.text.char_indices() {
                    let span = view.to_raw(TextSpan::new(at, at + c.len_utf8()));
                    prop_assert!(text.get(span.range()).is_some_and(|t| !t.is_empty()));
                    prop_assert!(span.start >= last.start && span.end >= last.end);
                    last = span;
                }
            }
        }

        #[test]
        fn what_lies_before_open_is_final(text in texts(), more in texts()) {
            let open = open_from(&text);
            prop_assert!(text.is_char_boundary(open));
            let runs = |text: &str| -> Vec<(TextSpan, String)> {
                let view = View::raw(text);
                let mut out = Vec::new();
                runs::decode(&view, Limits::STREAM, &mut usize::MAX.clone(), &mut out);
                out.into_iter()
                    .map(|v| (v.to_raw(TextSpan::new(0, v.text.len())), v.text.into_owned()))
                    .filter(|(span, _)| span.start < open)
                    .collect()
            };
            prop_assert_eq!(runs(&text), runs(&(text.clone() + &more)));
        }
    }
}
