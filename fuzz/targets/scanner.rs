//! The scanner against `serde_json`: it accepts the same documents, apart from those it refuses on purpose, and reads
//! the same tree in them.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor as SerdeVisitor};
use sidewall::text::WireRange;
use sidewall::wire::json::MAX_DEPTH;
use sidewall::wire::{ScanErrorKind, Str, Visitor, scan, unescape};

pub(crate) const SEEDS: &[&[u8]] = &[
    br#"{"model":"m","messages":[{"role":"user","content":"Hi \"there\"\n\u00e9\ud83d\ude00"}],"temperature":0.7}"#,
    br#" [ 1 , -2.5e-3 , 1E+9, true, false, null, "", {}, [] ] "#,
    br#"{"a":1,"\u0061":2}"#,
    br#"{"a":{"a":{"a":[{"b":0},{"b":0}]}},"b":0}"#,
    br#"{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"r":{}}"#,
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",    b"\xef\xbb\xbf1",
    b"\"\xc3\xa9\xf0\x9f\x98\x80 and a text that is longer than one block of thirty-two bytes \\\\ \"",
    br#""\ud800""#,
    b"1e400",
];

/// Panics unless scanner and `serde_json` agree on `data`.
pub(crate) fn scanner(data: &[u8]) {
    let mut builder = Builder::new(data);
    let ours = scan(data, &mut builder);
    let theirs = serde_json::from_slice::<Tree>(data);
    match (ours, theirs) {
        (Ok(()), Ok(theirs)) => {
            assert!(!theirs.has_duplicates(), "accepted equal keys");
            assert!(theirs.depth() <= MAX_DEPTH, "accepted deep nesting");
            assert_eq!(builder.finish(), Some(theirs), "read another tree");
        }
        (Ok(()), Err(error)) => {
            // Its float parser is not exact, so it may overflow just below the largest double.
            assert!(error.to_string().starts_with("number out of range"), "accepted what serde_json refuses: {error}");
        }
        (Err(error), Ok(theirs)) => match error.kind {
            ScanErrorKind::DuplicateKey => assert!(theirs.has_duplicates(), "no equal keys"),
            ScanErrorKind::TooDeep => assert!(theirs.depth() > MAX_DEPTH, "not deep"),
            ScanErrorKind::NumberTooLong
            | ScanErrorKind::NumberOverflow
            | ScanErrorKind::KeyTooLong
            | ScanErrorKind::TooManyKeys
            | ScanErrorKind::TooManyValues => {}
            kind => panic!("refused what serde_json accepts: {kind:?} at {}", error.offset),
        },
        (Err(error), Err(_)) => assert!(error.offset <= data.len()),
    }
}

/// A document, with equal keys kept and numbers as `serde_json` prints them.
#[derive(Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    fn has_duplicates(&self) -> bool {
        match self {
            Self::List(items) => items.iter().any(Self::has_duplicates),
            Self::Map(entries) => {
                let mut keys = HashSet::new();
                entries.iter().any(|(key, value)| !keys.insert(key) || value.has_duplicates())
            }
            _ => false,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(entries) => 1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> SerdeVisitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

/// Builds the tree from the scanner's events.
struct Builder<'d> {
    doc: &'d [u8],
    open: Vec<(Tree, Option<String>)>,
    root: Option<Tree>,
    key: Option<String>,
}

impl<'d> Builder<'d> {
    const fn new(doc: &'d [u8]) -> Self {
        Self { doc, open: Vec::new(), root: None, key: None }
    }

    fn finish(self) -> Option<Tree> {
        assert!(self.open.is_empty(), "events not balanced");
        self.root
    }

    fn text(&self, literal: Str) -> String {
        let range = literal.range.range();
        assert_eq!(self.doc[range.start - 1], b'"');
        assert_eq!(self.doc[range.end], b'"');
        let raw = &self.doc[range];
        assert_eq!(literal.escaped, raw.contains(&b'\\'));
        unescape(raw, literal.escaped).into_owned()
    }

    fn place(&mut self, value: Tree, key: Option<String>) {
        match (self.open.last_mut(), key) {
            (None, None) => assert!(self.root.replace(value).is_none(), "two roots"),
            (Some((Tree::List(items), _)), None) => items.push(value),
            (Some((Tree::Map(entries), _)), Some(key)) => entries.push((key, value)),
            _ => panic!("an event out of place"),
        }
    }

    fn leaf(&mut self, value: Tree) {
        let key = self.key.take();
        self.place(value, key);
    }

    fn close(&mut self) {
        let (value, key) = self.open.pop().expect("an end without a start");
        self.place(value, key);
    }
}

impl Visitor for Builder<'_> {
    fn object_start(&mut self, _at: usize) {
        let key = self.key.take();
        self.open.push((Tree::Map(Vec::new()), key));
    }
    fn object_end(&mut self, _end: usize) {
        assert!(matches!(self.open.last(), Some((Tree::Map(_), _))));
        self.close();
    }
    fn array_start(&mut self, _at: usize) {
        let key = self.key.take();
        self.open.push((Tree::List(Vec::new()), key));
    }
    fn array_end(&mut self, _end: usize) {
        assert!(matches!(self.open.last(), Some((Tree::List(_), _))));
        self.close();
    }
    fn key(&mut self, key: Str) {
        let key = self.text(key);
        assert!(self.key.replace(key).is_none(), "two keys");
    }
    fn string(&mut self, value: Str) {
        let text = self.text(value);
        self.leaf(Tree::Text(text));
    }
    fn number(&mut self, literal: WireRange) {
        let number = serde_json::from_slice::<Tree>(&self.doc[literal.range()]);
        self.leaf(number.unwrap_or(Tree::Null));
    }
    fn literal(&mut self, literal: WireRange) {
        let value = match &self.doc[literal.range()] {
            b"true" => Tree::Bool(true),
            b"false" => Tree::Bool(false),
            b"null" => Tree::Null,
            _ => panic!("not a literal"),
        };
        self.leaf(value);
    }
}
