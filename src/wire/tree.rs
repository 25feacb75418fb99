//! A document as a tree of byte ranges, for the rare edits that take whole values out. What is read and let through never needs it.

use std::borrow::Cow;

use super::escape::{escape_into, unescape};
use super::json::{self, ScanError, Str, Visitor};
use super::splice::WireEdit;
use crate::text::WireRange;

/// A value's number in its tree; the root is 0.
pub type Id = usize;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{}`
    Object,
    /// `[]`
    Array,
    /// A string; its range is with its quotes.
    String,
    /// A number, `true`, `false` or `null`.
    Scalar,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    range: WireRange,
    /// Of a member: its key, with quotes.
    key: Option<WireRange>,
    children: Vec<Id>,
}

/// A document's values.
#[derive(Debug)]
pub struct Tree<'d> {
    doc: &'d [u8],
    nodes: Vec<Node>,
}

struct Builder {
    nodes: Vec<Node>,
    open: Vec<Id>,
    key: Option<WireRange>,
}

impl Builder {
    fn value(&mut self, kind: Kind, range: WireRange) -> Id {
        let id = self.nodes.len();
        self.nodes.push(Node { kind, range, key: self.key.take(), children: Vec::new() });
        if let Some(parent) = self.open.last().and_then(|parent| self.nodes.get_mut(*parent)) {
            parent.children.push(id);
        }
        id
    }

    fn close(&mut self, end: usize) {
        if let Some(node) = self.open.pop().and_then(|id| self.nodes.get_mut(id)) {
            node.range.end = end;
        }
    }
}

fn quoted(range: WireRange) -> WireRange {
    WireRange::new(range.start.saturating_sub(1), range.end + 1)
}

impl Visitor for Builder {
    fn object_start(&mut self, at: usize) {
        let id = self.value(Kind::Object, WireRange::new(at, at));
        self.open.push(id);
    }
    fn object_end(&mut self, end: usize) {
        self.close(end);
    }
    fn array_start(&mut self, at: usize) {
        let id = self.value(Kind::Array, WireRange::new(at, at));
        self.open.push(id);
    }
    fn array_end(&mut self, end: usize) {
        self.close(end);
    }
    fn key(&mut self, key: Str) {
        self.key = Some(quoted(key.range));
    }
    fn string(&mut self, value: Str) {
        self.value(Kind::String, quoted(value.range));
    }
    fn number(&mut self, literal: WireRange) {
        self.value(Kind::Scalar, literal);
    }
    fn literal(&mut self, literal: WireRange) {
        self.value(Kind::Scalar, literal);
    }
}

impl<'d> Tree<'d> {
    /// Reads a document.
    ///
    /// # Errors
    /// Whatever the scanner refuses.
    pub fn read(doc: &'d [u8]) -> Result<Self, ScanError> {
        let mut builder = Builder { nodes: Vec::new(), open: Vec::new(), key: None };
        json::scan(doc, &mut builder)?;
        Ok(Self { doc, nodes: builder.nodes })
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, object: Id, key: &str) -> Option<Id> {
        let key_of = |id: &&Id| self.key(**id).is_some_and(|found| found == key);
        if self.kind(object) == Kind::Object { self.children(object).iter().find(key_of).copied() } else { None }
    }

    /// The value under several keys.
    #[must_use]
    pub fn at(&self, object: Id, keys: &[&str]) -> Option<Id> {
        keys.iter().try_fold(object, |at, key| self.get(at, key))
    }

    /// Members or elements, in order.
    #[must_use]
    pub fn children(&self, id: Id) -> &[Id] {
        self.nodes.get(id).map_or(&[], |node| &node.children)
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self, id: Id) -> Kind {
        self.nodes.get(id).map_or(Kind::Scalar, |node| node.kind)
    }

    /// Where it stands.
    #[must_use]
    pub fn range(&self, id: Id) -> WireRange {
        self.nodes.get(id).map_or(WireRange::new(0, 0), |node| node.range)
    }

    /// A member's key.
    #[must_use]
    pub fn key(&self, id: Id) -> Option<Cow<'d, str>> {
        self.nodes.get(id)?.key.map(|range| self.unquoted(range))
    }

    /// A string's text.
    #[must_use]
    pub fn text(&self, id: Id) -> Option<Cow<'d, str>> {
        (self.kind(id) == Kind::String).then(|| self.unquoted(self.range(id)))
    }

    /// A whole number.
    #[must_use]
    pub fn number(&self, id: Id) -> Option<u32> {
        std::str::from_utf8(self.raw(id)).ok()?.parse().ok()
    }

    /// Its bytes.
    #[must_use]
    pub fn raw(&self, id: Id) -> &'d [u8] {
        self.doc.get(self.range(id).range()).unwrap_or_default()
    }

    /// True if `text` is the text of a string in or below `id`.
    #[must_use]
    pub fn says(&self, id: Id, text: &str) -> bool {
        self.text(id).is_some_and(|found| found == text)
            || self.children(id).iter().any(|child| self.says(*child, text))
    }

    fn unquoted(&self, range: WireRange) -> Cow<'d, str> {
        let inner = WireRange::new(range.start + 1, range.end.saturating_sub(1));
        unescape(self.doc.get(inner.range()).unwrap_or_default(), true)
    }

    /// From a member's key, or a value's start, to its end.
    fn whole(&self, id: Id) -> WireRange {
        let range = self.range(id);
        WireRange::new(self.nodes.get(id).and_then(|node| node.key).map_or(range.start, |key| key.start), range.end)
    }

    /// Takes members or elements out of `parent`, with their commas.
    #[must_use]
    pub fn delete(&self, parent: Id, gone: &[Id]) -> Vec<WireEdit> {
        let children = self.children(parent);
        let last_kept = children.iter().rposition(|child| !gone.contains(child));
        let mut edits = Vec::new();
        for (at, child) in children.iter().enumerate().filter(|(_, child)| gone.contains(child)) {
            let whole = self.whole(*child);
            let neighbour = |at: Option<usize>| at.and_then(|at| children.get(at)).map(|id| self.whole(*id));
            let range = match last_kept {
                // Up to the next one, which stays or goes in the same way.
                Some(kept) if at < kept => {
                    WireRange::new(whole.start, neighbour(at.checked_add(1)).map_or(whole.end, |next| next.start))
                }
                Some(_) => WireRange::new(neighbour(at.checked_sub(1)).map_or(whole.start, |left| left.end), whole.end),
                None => {
                    let end = neighbour(at.checked_add(1)).map_or(whole.end, |next| next.start);
                    WireRange::new(whole.start, end)
                }
            };
            edits.push(WireEdit { range, bytes: Vec::new() });
        }
        edits
    }

    /// Puts raw JSON in the place of a value.
    #[must_use]
    pub fn put(&self, id: Id, json: &str) -> WireEdit {
        WireEdit { range: self.range(id), bytes: json.as_bytes().to_vec() }
    }

    /// Puts a whole member in the place of a member.
    #[must_use]
    pub fn put_member(&self, id: Id, member: &str) -> WireEdit {
        WireEdit { range: self.whole(id), bytes: member.as_bytes().to_vec() }
    }

    /// Puts a member before a member.
    #[must_use]
    pub fn insert_before(&self, id: Id, member: &str) -> WireEdit {
        let at = self.whole(id).start;
        WireEdit { range: WireRange::new(at, at), bytes: format!("{member},").into_bytes() }
    }

    /// Adds to the end of a string.
    #[must_use]
    pub fn append(&self, id: Id, text: &str) -> WireEdit {
        let at = self.range(id).end.saturating_sub(1);
        let mut bytes = Vec::new();
        escape_into(text, &mut bytes);
        WireEdit { range: WireRange::new(at, at), bytes }
    }
}

/// `text` as a JSON string.
#[must_use]
pub fn string(text: &str) -> String {
    let mut bytes = vec![b'"'];
    escape_into(text, &mut bytes);
    bytes.push(b'"');
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Joins edits of two hands: those that stand within an edit of `wider` are dropped. Sorted.
#[must_use]
pub fn join(edits: Vec<WireEdit>, wider: Vec<WireEdit>) -> Vec<WireEdit> {
    let within = |e: &WireEdit| {
        wider.iter().any(|w| !w.range.is_empty() && w.range.start <= e.range.start && e.range.end <= w.range.end)
    };
    let mut all: Vec<WireEdit> = edits.into_iter().filter(|edit| !within(edit)).collect();
    all.extend(wider);
    all.sort_by_key(|edit| (edit.range.start, edit.range.end));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::splice::splice;
    use bytes::Bytes;

    #[test]
    fn whatever_is_taken_out_the_rest_is_json() {
        for doc in
            ["[1, 2 ,3 , {\"a\":1}]", "{\"a\":1 , \"b\":[2], \"c\":{} ,\"d\":\"x\"}", " [ 7 ] ", "{ \"a\" : null }"]
        {
            let tree = Tree::read(doc.as_bytes()).unwrap();
            let children = tree.children(0).to_vec();
            for chosen in 0..1_usize << children.len() {
                let gone: Vec<Id> =
                    children.iter().enumerate().filter(|(n, _)| chosen >> n & 1 == 1).map(|(_, id)| *id).collect();
                let edits = join(Vec::new(), tree.delete(0, &gone));
                let out = splice(&Bytes::from_static(doc.as_bytes()), &edits).unwrap();
                let rest = Tree::read(&out).unwrap_or_else(|error| panic!("{error}: {out:?}"));
                let kept: Vec<_> = children.iter().filter(|id| !gone.contains(id)).map(|id| tree.raw(*id)).collect();
                let left: Vec<_> = rest.children(0).iter().map(|id| rest.raw(*id)).collect();
                assert_eq!(left, kept);
            }
        }
    }

    #[test]
    fn keys_and_texts_are_read_as_clients_read_them() {
        let doc = br#"{"a\u0062":{"c":["x\ny", 12]}}"#;
        let tree = Tree::read(doc).unwrap();
        let list = tree.at(0, &["ab", "c"]).unwrap();
        assert_eq!(tree.text(tree.children(list)[0]).as_deref(), Some("x\ny"));
        assert_eq!(tree.number(tree.children(list)[1]), Some(12));
        assert!(tree.says(0, "x\ny") && !tree.says(0, "ab"));
        assert_eq!(tree.get(0, "c"), None);
    }
}
