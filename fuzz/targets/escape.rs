//! Escaping, unescaping, the map between them, and edits through that map.

use bytes::Bytes;
use sidewall::text::{TextSpan, WireRange};
use sidewall::wire::{EscapeMap, WireEdit, escape_into, scan, splice, unescape, unescape_mapped};

pub(crate) const SEEDS: &[&[u8]] = &[
    b"plain",
    br#"a \"quoted\" word\n\ttab \u00e9 \ud83d\ude00 \\ \/ end"#,
    b"\n\n\n\"\\\x00\x1f\x7f",
    "é😀\u{2028}\u{feff}".as_bytes(),
    br"\\\\\\\\\u0022\u005c",
];

/// Panics if a property does not hold for `data` as a text, or as the inside of a literal.
pub(crate) fn escape(data: &[u8]) {
    as_text(&String::from_utf8_lossy(data));
    as_literal(data);
}

fn as_text(text: &str) {
    let mut raw = Vec::new();
    escape_into(text, &mut raw);
    let doc = quoted(&raw);
    assert_eq!(scan(&doc, &mut ()), Ok(()));
    assert_eq!(unescape(&raw, true), text);
    assert_eq!(serde_json::from_slice::<String>(&doc).ok().as_deref(), Some(text));
    assert_eq!(doc, serde_json::to_vec(text).expect("a text"), "minimal escaping is what serde_json writes");
    as_literal(&raw);
}

fn as_literal(raw: &[u8]) {
    if scan(&quoted(raw), &mut ()).is_err() {
        return;
    }
    let mut out = String::from("before");
    let mut map = EscapeMap::new();
    unescape_mapped(raw, &mut out, &mut map);
    let text = out.strip_prefix("before").expect("appended");
    assert_eq!(unescape(raw, true), text);
    assert_eq!(map.is_identity(), !raw.contains(&b'\\'));

    let bounds: Vec<usize> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
    for &at in &bounds {
        assert_eq!(map.to_text(map.to_raw(at)), at);
        let left = map.to_raw_range(TextSpan::new(0, at));
        assert_eq!(left, WireRange::new(0, map.to_raw(at)));
        assert_eq!(unescape(&raw[left.range()], true), *text.split_at(at).0);
        assert_eq!(unescape(&raw[left.end..], true), *text.split_at(at).1);
    }
    assert!(bounds.windows(2).all(|pair| map.to_raw(pair[0]) < map.to_raw(pair[1])), "not monotone");

    let (from, to) = (bounds[bounds.len() / 3], bounds[bounds.len() * 2 / 3]);
    let mut bytes = Vec::new();
    escape_into("<\"new\">\n", &mut bytes);
    let edit = WireEdit { range: map.to_raw_range(TextSpan::new(from, to)), bytes };
    let edited = splice(&Bytes::copy_from_slice(raw), &[edit]).expect("one edit in range");
    assert_eq!(scan(&quoted(&edited), &mut ()), Ok(()));
    assert_eq!(unescape(&edited, true), format!("{}<\"new\">\n{}", text.split_at(from).0, text.split_at(to).1));
}

fn quoted(raw: &[u8]) -> Vec<u8> {
    [b"\"", raw, b"\""].concat()
}
