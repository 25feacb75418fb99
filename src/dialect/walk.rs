//! One walk over a frame's JSON, guided by the trie: what stands where, as byte ranges.
//!
//! Nothing is copied and nothing is parsed into provider structs. Because discriminators (`type`, `role`, `index`) may come after the
//! text they speak of, slots are recorded first and resolved when the whole document has been read.

mod outline;

use crate::dialect::table::Class;
use crate::dialect::trie::{NodeId, ROOT, Trie, UNLISTED};
use crate::text::{Part, WireRange};
use crate::wire::json::{self, ScanError, Str, Visitor};

/// Numbers shorter than this (in bytes) hold no card number, no phone number and no other identifier worth finding.
const MIN_NUMBER_LEN: usize = 7;

/// No object: the document's root stands in none.
const NONE: u32 = u32::MAX;

/// Indices of a channel: at most this many enclosing indexed levels (choice, tool call, part …). Deeper ones share the channel of
/// the level above.
pub const MAX_INDICES: usize = 4;

/// Indices that one object can state of itself.
const INDEX_LEVELS: usize = 2;

/// What a slot is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A string literal; the slot's range is between its quotes.
    String,
    /// A number literal.
    Number,
    /// An object key that no row names; the range is between its quotes.
    Key,
    /// `true`.
    True,
}

/// A literal in the document, not yet resolved.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// Where.
    pub range: WireRange,
    /// True if the literal holds escapes.
    pub escaped: bool,
    /// How it is written.
    pub form: Form,
    node: NodeId,
    object: u32,
    name: u32,
}

/// The indices under which a slot stands: choice, tool call, content block …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Indices {
    len: u8,
    at: [u32; MAX_INDICES],
}

impl Indices {
    fn push(&mut self, index: u32) {
        if let Some(place) = self.at.get_mut(usize::from(self.len)) {
            *place = index;
            self.len += 1;
        }
    }

    /// Without the innermost.
    #[must_use]
    pub fn outer(mut self) -> Self {
        self.len = self.len.saturating_sub(1);
        if let Some(place) = self.at.get_mut(usize::from(self.len)) {
            *place = 0;
        }
        self
    }

    /// From the outermost.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.at.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// True if `self` stands under `prefix`.
    #[must_use]
    pub fn starts_with(&self, prefix: &Self) -> bool {
        prefix.len <= self.len && self.at.iter().zip(&prefix.at).take(usize::from(prefix.len)).all(|(a, b)| a == b)
    }
}

/// A slot with its meaning.
#[derive(Debug, Clone, Copy)]
pub struct Resolved {
    /// How it is treated; `None`: no row speaks of it.
    pub class: Option<Class>,
    /// True if it repeats what the stream has told before.
    pub copy: bool,
    /// Who speaks.
    pub part: Part,
    /// Where it stands among its siblings.
    pub indices: Indices,
    /// Hash of the key's bytes, for rows with `*` (each name its own channel).
    pub name: u32,
}

#[derive(Debug, Clone, Copy)]
struct Object {
    parent: u32,
    node: NodeId,
    /// Position in the array that holds it.
    position: Option<u32>,
    /// What the [`Class::Index`] rows say.
    index: [Option<u32>; INDEX_LEVELS],
    kind: Option<WireRange>,
    role: Option<WireRange>,
}

/// A container that a row treats as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// From its opening to its closing bracket, inclusive.
    pub range: WireRange,
    /// The row's class.
    pub class: Class,
    node: NodeId,
    object: u32,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    node: NodeId,
    object: u32,
    is_array: bool,
    elements: u32,
    /// Of the value to come, in an object.
    child: NodeId,
    name: u32,
    whole: Option<u32>,
}

/// What a walk found. Reused from frame to frame so that a frame costs no allocation.
#[derive(Debug, Default)]
pub struct Outline {
    /// String, number and key literals in document order.
    pub slots: Vec<Slot>,
    /// Containers treated as a whole.
    pub wholes: Vec<Whole>,
    /// The first number that stands for text.
    token_ids: Option<(NodeId, u32)>,
    objects: Vec<Object>,
    levels: Vec<Level>,
}

struct Walker<'a> {
    trie: &'a Trie,
    doc: &'a [u8],
    outline: &'a mut Outline,
}

/// Walks `doc` and fills `outline` (cleared first).
///
/// # Errors
/// Whatever the scanner refuses.
pub fn walk(trie: &Trie, doc: &[u8], outline: &mut Outline) -> Result<(), ScanError> {
    outline.slots.clear();
    outline.wholes.clear();
    outline.token_ids = None;
    outline.objects.clear();
    outline.levels.clear();
    json::scan(doc, &mut Walker { trie, doc, outline })
}

impl Walker<'_> {
    /// Node, object and key name of the value that begins now; counts array elements.
    fn value(&mut self) -> (NodeId, u32, u32, Option<u32>) {
        let Some(level) = self.outline.levels.last_mut() else { return (ROOT, NONE, 0, None) };
        if level.is_array {
            let position = level.elements;
            level.elements += 1;
            (self.trie.element(level.node), level.object, level.name, Some(position))
        } else {
            (level.child, level.object, level.name, None)
        }
    }

    fn open(&mut self, is_array: bool, at: usize) {
        let (node, parent, name, position) = self.value();
        let whole = self
            .trie
            .rows(node)
            .iter()
            .find(|row| {
                matches!(
                    row.class,
                    Class::Derived(_)
                        | Class::Input
                        | Class::Arguments(_)
                        | Class::Tool(_)
                        | Class::State(_)
                        | Class::Apart
                )
            })
            .map(|row| row.class);
        // Inside an `Input` tree only its root is a whole.
        let within_input = self.outline.levels.last().is_some_and(|l| self.trie.is(l.node, Class::Input));
        let whole = whole.filter(|_| !within_input).map(|class| {
            self.outline.wholes.push(Whole { range: WireRange::new(at, at), class, node, object: parent });
            u32::try_from(self.outline.wholes.len() - 1).unwrap_or(u32::MAX)
        });
        let object = if is_array {
            parent
        } else {
            self.outline.objects.push(Object {
                parent,
                node,
                position,
                index: [None; INDEX_LEVELS],
                kind: None,
                role: None,
            });
            u32::try_from(self.outline.objects.len() - 1).unwrap_or(NONE)
        };
        self.outline.levels.push(Level { node, object, is_array, elements: 0, child: UNLISTED, name, whole });
    }

    fn close(&mut self, end: usize) {
        if let Some(level) = self.outline.levels.pop()
            && let Some(whole) = level.whole.and_then(|w| self.outline.wholes.get_mut(w as usize))
        {
            whole.range.end = end;
        }
    }

    fn slot(&mut self, range: WireRange, escaped: bool, form: Form, node: NodeId, object: u32, name: u32) {
        self.outline.slots.push(Slot { range, escaped, form, node, object, name });
    }
}

impl Visitor for Walker<'_> {
    fn object_start(&mut self, at: usize) {
        self.open(false, at);
    }

    fn object_end(&mut self, end: usize) {
        self.close(end);
    }

    fn array_start(&mut self, at: usize) {
        self.open(true, at);
    }

    fn array_end(&mut self, end: usize) {
        self.close(end);
    }

    fn key(&mut self, key: Str) {
        let bytes = self.doc.get(key.range.range()).unwrap_or_default();
        let trie = self.trie;
        let Some(level) = self.outline.levels.last_mut() else { return };
        // An escaped key never matches a row: it is unlisted, so its value is inspected.
        let (child, named) = if key.escaped { (UNLISTED, false) } else { trie.key(level.node, bytes) };
        level.child = child;
        level.name = if named { 0 } else { name_hash(bytes) };
        let (object, name) = (level.object, level.name);
        if !named {
            self.slot(key.range, key.escaped, Form::Key, child, object, name);
        }
    }

    fn string(&mut self, s: Str) {
        let (node, object, name, _) = self.value();
        // A node may be both a discriminator and something else (`Ends`): look at all of its rows.
        let rows = self.trie.rows(node);
        if !rows.is_empty()
            && !s.escaped
            && let Some(holder) = self.outline.objects.get_mut(object as usize)
        {
            for row in rows {
                match row.class {
                    Class::Type | Class::Hosted(_) => holder.kind = Some(s.range),
                    Class::Role => holder.role = Some(s.range),
                    _ => {}
                }
            }
        }
        self.slot(s.range, s.escaped, Form::String, node, object, name);
    }

    fn number(&mut self, range: WireRange) {
        let (node, object, name, _) = self.value();
        let level = self.trie.rows(node).iter().find_map(|row| match row.class {
            Class::Index(level) => Some(usize::from(level)),
            _ => None,
        });
        if let Some(level) = level {
            let value =
                self.doc.get(range.range()).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.parse().ok());
            let holder = self.outline.objects.get_mut(object as usize);
            if let Some(place) = holder.and_then(|holder| holder.index.get_mut(level)) {
                *place = value;
            }
        }
        let counts = self
            .trie
            .rows(node)
            .iter()
            .any(|r| matches!(r.class, Class::UsageInput | Class::UsageOutput | Class::TokenLimit));
        let unreadable = self.trie.is(node, Class::TokenIds);
        if unreadable {
            self.outline.token_ids.get_or_insert((node, object));
        }
        // Of a field that a program fills (vectors, times) nothing is looked at.
        let minted = self.trie.rows(node).first().is_some_and(|row| row.class == Class::Token);
        if counts || (range.len() >= MIN_NUMBER_LEN && !minted) {
            self.slot(range, false, Form::Number, node, object, name);
        }
    }

    fn literal(&mut self, range: WireRange) {
        let (node, object, name, _) = self.value();
        if self.trie.is(node, Class::Type)
            && let Some(holder) = self.outline.objects.get_mut(object as usize)
        {
            holder.kind = Some(range);
        }
        let is_true = self.doc.get(range.start) == Some(&b't');
        if is_true && self.trie.rows(node).iter().any(|row| matches!(row.class, Class::State(_))) {
            self.slot(range, false, Form::True, node, object, name);
        }
    }
}

/// FNV-1a: tells apart the handful of unlisted names under one `*` row; a clash only joins two channels.
fn name_hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}
