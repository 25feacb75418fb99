//! What the scanner accepts, what it refuses and where, and the order of its events.

use super::*;

#[derive(Default)]
struct Log<'d> {
    doc: &'d str,
    events: String,
}

impl Log<'_> {
    fn add(&mut self, kind: char, range: WireRange) {
        self.events.push(kind);
        self.events.push_str(self.doc.get(range.range()).unwrap());
        self.events.push(' ');
    }
}

impl Visitor for Log<'_> {
    fn object_start(&mut self, _at: usize) {
        self.events.push_str("{ ");
    }
    fn object_end(&mut self, _end: usize) {
        self.events.push_str("} ");
    }
    fn array_start(&mut self, _at: usize) {
        self.events.push_str("[ ");
    }
    fn array_end(&mut self, _end: usize) {
        self.events.push_str("] ");
    }
    fn key(&mut self, key: Str) {
        self.add(if key.escaped { 'K' } else { 'k' }, key.range);
    }
    fn string(&mut self, value: Str) {
        self.add(if value.escaped { 'S' } else { 's' }, value.range);
    }
    fn number(&mut self, literal: WireRange) {
        self.add('n', literal);
    }
    fn literal(&mut self, literal: WireRange) {
        self.add('l', literal);
    }
}

#[test]
fn events_in_order() {
    let cases = [
        ("0", "n0 "),
        (" \t\r\n\"\" ", "s "),
        ("{}", "{ } "),
        ("[ ]", "[ ] "),
        (r#"{"a":[1,{"b":null},"x\n"],"\u0063":true}"#, r"{ ka [ n1 { kb lnull } Sx\n ] K\u0063 ltrue } "),
        ("[[],{},-1.5e3, false ]", "[ [ ] { } n-1.5e3 lfalse ] "),
    ];
    for (doc, expected) in cases {
        let mut log = Log { doc, ..Log::default() };
        assert_eq!(scan(doc.as_bytes(), &mut log), Ok(()), "{doc}");
        assert_eq!(log.events, expected, "{doc}");
    }
}

#[test]
fn refusals_with_their_place() {
    use ScanErrorKind::*;
    let cases: &[(&[u8], ScanErrorKind, usize)] = &[
        (b"", UnexpectedEnd, 0),
        (b"  ", UnexpectedEnd, 2),
        (b"{", UnexpectedEnd, 1),
        (b"[1", UnexpectedEnd, 2),
        (b"[1,", UnexpectedEnd, 3),
        (b"[1,]", UnexpectedByte, 3),
        (b"[,1]", UnexpectedByte, 1),
        (b"[1 2]", UnexpectedByte, 3),
        (b"[1}", UnexpectedByte, 2),
        (b"{\"a\":1]", UnexpectedByte, 6),
        (b"{\"a\":1,}", UnexpectedByte, 7),
        (b"{a:1}", UnexpectedByte, 1),
        (b"{1:1}", UnexpectedByte, 1),
        (b"{\"a\" 1}", UnexpectedByte, 5),
        (b"{\"a\"}", UnexpectedByte, 4),
        (b"{\"a\":}", UnexpectedByte, 5),
        (b"'a'", UnexpectedByte, 0),
        (b"nul", UnexpectedEnd, 3),
        (b"nulL", UnexpectedByte, 3),
        (b"True", UnexpectedByte, 0),
        (b"NaN", UnexpectedByte, 0),
        (b"Infinity", UnexpectedByte, 0),
        (b"+1", UnexpectedByte, 0),
        (b"// c\n1", UnexpectedByte, 0),
        (b"1 // c", TrailingData, 2),
        (b"01", TrailingData, 1),
        (b"{} {}", TrailingData, 3),
        (b"1\0", TrailingData, 1),
        (b"\x0c1", UnexpectedByte, 0),
        (b"\xc2\xa01", UnexpectedByte, 0),
        (b"\xef\xbb\xbf1", ByteOrderMark, 0),
        (b"\"\xff\"", InvalidUtf8, 1),
        (b"\"\xed\xa0\x80\"", InvalidUtf8, 1),
        (b"\"\xc0\x80\"", InvalidUtf8, 1),
        (b"\"a", UnexpectedEnd, 2),
        (b"\"a\\", UnexpectedEnd, 2),
        (b"\"\\u12", UnexpectedEnd, 1),
        (b"\"a\nb\"", ControlCharacter, 2),
        (b"\"\0\"", ControlCharacter, 1),
        (b"\"\\x\"", InvalidEscape, 1),
        (b"\"\\u12g4\"", InvalidEscape, 1),
        (b"\"\\ud800\"", LoneSurrogate, 1),
        (b"\"\\udc00\"", LoneSurrogate, 1),
        (b"\"\\ud800\\ud800\"", LoneSurrogate, 1),
        (b"\"\\udc00\\ud800\"", LoneSurrogate, 1),
        (b"\"\\ud800\\n\"", LoneSurrogate, 1),
        (b"[1e999]", NumberOverflow, 1),
        (b"[1.]", InvalidNumber, 3),
        (b"{\"a\":1,\"a\":1}", DuplicateKey, 8),
        (b"{\"a\":1,\"\\u0061\":1}", DuplicateKey, 8),
        (b"[{\"x\":{\"\":1,\"\":2}}]", DuplicateKey, 13),
    ];
    for (doc, kind, offset) in cases {
        let expected = Err(ScanError { kind: *kind, offset: *offset });
        assert_eq!(scan(doc, &mut ()), expected, "{}", doc.escape_ascii());
    }
}

#[test]
fn equal_keys_of_different_objects_are_fine() {
    for doc in [r#"{"a":{"a":1},"b":{"a":1}}"#, r#"[{"a":1},{"a":1}]"#, r#"{"a":[{"a":1}],"A":1,"":1}"#] {
        assert_eq!(scan(doc.as_bytes(), &mut ()), Ok(()), "{doc}");
    }
}

#[test]
fn equal_keys_are_found_in_objects_of_every_size() {
    for count in [2, 15, 16, 17, 18, 40, 1_000] {
        let keys: Vec<String> = (0..count).map(|n| format!("\"key {n}\":{{\"key 0\":1}}")).collect();
        assert_eq!(scan(format!("{{{}}}", keys.join(",")).as_bytes(), &mut ()), Ok(()), "{count}");
        for repeated in [0, count / 2, count - 1] {
            let doc = format!("{{{},\"k\\u0065y {repeated}\":1}}", keys.join(","));
            assert_eq!(scan(doc.as_bytes(), &mut ()).unwrap_err().kind, ScanErrorKind::DuplicateKey, "{count}");
        }
    }
}

#[test]
fn a_large_object_inside_a_large_object() {
    let inner: Vec<String> = (0..30).map(|n| format!("\"{n}\":0")).collect();
    let inner = format!("{{{}}}", inner.join(","));
    let outer: Vec<String> = (0..30).map(|n| format!("\"{n}\":{inner}")).collect();
    let doc = format!("{{{}}}", outer.join(","));
    assert_eq!(scan(doc.as_bytes(), &mut ()), Ok(()));
    let doc = format!("{{{},\"7\":0}}", outer.join(","));
    assert_eq!(scan(doc.as_bytes(), &mut ()).unwrap_err().kind, ScanErrorKind::DuplicateKey);
}

#[test]
fn limits_hold_exactly() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
        format!("{{{}}}", keys.join(","))
    };
    let values = |count: usize| format!("[{}1]", "1,".repeat(count - 2));
    let key = |len: usize| format!("{{\"{}\":1}}", "k".repeat(len));
    let number = |len: usize| "1".repeat(len);
    let cases: [(ScanErrorKind, String, String); 5] = [
        (ScanErrorKind::TooDeep, nested(MAX_DEPTH), nested(MAX_DEPTH + 1)),
        (ScanErrorKind::TooManyKeys, keys(MAX_KEYS_PER_OBJECT), keys(MAX_KEYS_PER_OBJECT + 1)),
        (ScanErrorKind::TooManyValues, values(MAX_VALUES), values(MAX_VALUES + 1)),
        (ScanErrorKind::KeyTooLong, key(MAX_KEY_LEN), key(MAX_KEY_LEN + 1)),
        (ScanErrorKind::NumberTooLong, number(MAX_NUMBER_LEN), number(MAX_NUMBER_LEN + 1)),
    ];
    for (kind, fits, exceeds) in cases {
        assert_eq!(scan(fits.as_bytes(), &mut ()), Ok(()), "{kind:?}");
        assert_eq!(scan(exceeds.as_bytes(), &mut ()).unwrap_err().kind, kind);
    }
}
