//! A table compiled into a trie that is walked along with the JSON scanner: one step per key or element.

use crate::dialect::table::{Class, Row, When};

/// Index of a trie node.
pub type NodeId = u16;

/// The node below which nothing is listed.
pub const UNLISTED: NodeId = 0;
/// The document's root.
pub const ROOT: NodeId = 1;

#[derive(Debug, Default)]
struct Node {
    pattern: String,
    keys: Vec<(&'static str, NodeId)>,
    any_key: Option<NodeId>,
    element: Option<NodeId>,
    rows: Vec<Entry>,
}

/// A row at its node.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// How the value is treated.
    pub class: Class,
    /// The row's own condition, then those of the rows that refer to its table.
    pub when: When,
    within: Option<When>,
    /// True if the value repeats what the stream has told before.
    pub copy: bool,
}

impl Entry {
    /// The conditions that must hold.
    pub fn conditions(&self) -> impl Iterator<Item = When> {
        [Some(self.when), self.within].into_iter().flatten()
    }
}

/// A compiled table.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
    copies: bool,
}

/// One step of a path.
enum Step {
    Key(&'static str),
    AnyKey,
    Element,
    Deep,
}

impl Trie {
    /// Compiles `rows`.
    #[must_use]
    pub fn new(rows: &'static [Row]) -> Self {
        let mut trie = Self { nodes: vec![Node::default(), Node::default()], copies: false };
        if let Some(unlisted) = trie.nodes.first_mut() {
            unlisted.any_key = Some(UNLISTED);
            unlisted.element = Some(UNLISTED);
        }
        trie.insert(ROOT, rows, None, false);
        trie
    }

    fn insert(&mut self, from: NodeId, rows: &'static [Row], within: Option<When>, copy: bool) {
        for row in rows {
            let mut at = from;
            for step in steps(row.path) {
                at = self.step_or_insert(at, &step);
            }
            // A condition of the inner of two tables that refer to tables stands for both: an event has one type.
            let inherited = if row.when == When::Always { within } else { Some(row.when) };
            match row.class {
                Class::Table(rows) => self.insert(at, rows, inherited, copy),
                Class::Copies(rows) => {
                    self.copies = true;
                    self.insert(at, rows, inherited, true);
                }
                class => {
                    if let Some(node) = self.nodes.get_mut(usize::from(at)) {
                        node.rows.push(Entry { class, when: row.when, within, copy });
                    }
                }
            }
        }
    }

    /// True if some of its values repeat what was told before.
    #[must_use]
    pub const fn has_copies(&self) -> bool {
        self.copies
    }

    fn step_or_insert(&mut self, at: NodeId, step: &Step) -> NodeId {
        let existing = self.nodes.get(usize::from(at)).and_then(|node| match step {
            Step::Key(key) => node.keys.iter().find(|(k, _)| k == key).map(|(_, id)| *id),
            Step::AnyKey | Step::Deep => node.any_key,
            Step::Element => node.element,
        });
        if let Some(id) = existing {
            return id;
        }
        // LIMIT: tables are static and have some hundred rows; a `u16` never overflows.
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(UNLISTED);
        let mut node = Node { pattern: self.pattern_of(at, step), ..Node::default() };
        if matches!(step, Step::Deep) {
            node.any_key = Some(id);
            node.element = Some(id);
        }
        self.nodes.push(node);
        if let Some(parent) = self.nodes.get_mut(usize::from(at)) {
            match step {
                Step::Key(key) => parent.keys.push((key, id)),
                Step::AnyKey => parent.any_key = Some(id),
                Step::Element => parent.element = Some(id),
                Step::Deep => {
                    parent.any_key = Some(id);
                    parent.element = parent.element.or(Some(id));
                }
            }
        }
        id
    }

    fn pattern_of(&self, parent: NodeId, step: &Step) -> String {
        let parent = self.pattern(parent);
        match (step, parent.is_empty()) {
            (Step::Element, _) => format!("{parent}[]"),
            (Step::Key(key), true) => (*key).to_owned(),
            (Step::Key(key), false) => format!("{parent}.{key}"),
            (Step::AnyKey | Step::Deep, true) => "*".to_owned(),
            (Step::AnyKey | Step::Deep, false) => format!("{parent}.*"),
        }
    }

    /// The node's path in the table's words, `[]` for elements and `*` for keys that it does not name. Empty for the root and for what
    /// is unlisted.
    #[must_use]
    pub fn pattern(&self, at: NodeId) -> &str {
        self.nodes.get(usize::from(at)).map_or("", |node| &node.pattern)
    }

    /// The node of the value under `key`, and whether the table names that key. A key that is not named is text of whoever wrote
    /// the document, and is inspected itself.
    #[must_use]
    pub fn key(&self, at: NodeId, key: &[u8]) -> (NodeId, bool) {
        let Some(node) = self.nodes.get(usize::from(at)) else { return (UNLISTED, false) };
        match node.keys.iter().find(|(k, _)| k.as_bytes() == key) {
            Some((_, id)) => (*id, true),
            None => (node.any_key.unwrap_or(UNLISTED), false),
        }
    }

    /// The node of an array's elements.
    #[must_use]
    pub fn element(&self, at: NodeId) -> NodeId {
        self.nodes.get(usize::from(at)).and_then(|n| n.element).unwrap_or(UNLISTED)
    }

    /// The rows of a node.
    #[must_use]
    pub fn rows(&self, at: NodeId) -> &[Entry] {
        self.nodes.get(usize::from(at)).map_or(&[], |n| n.rows.as_slice())
    }

    /// Every row with the path at which it stands.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.nodes.iter().flat_map(|node| node.rows.iter().map(|entry| (node.pattern.as_str(), entry)))
    }

    /// True if one of the node's rows is of this class.
    #[must_use]
    pub fn is(&self, at: NodeId, class: Class) -> bool {
        self.rows(at).iter().any(|row| row.class == class)
    }
}

fn steps(path: &'static str) -> Vec<Step> {
    let mut out = Vec::new();
    for segment in path.split('.') {
        let bare = segment.trim_end_matches("[]");
        match bare {
            "" => {}
            "*" => out.push(Step::AnyKey),
            "**" => out.push(Step::Deep),
            key => out.push(Step::Key(key)),
        }
        for _ in 0..(segment.len() - bare.len()) / 2 {
            out.push(Step::Element);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::table::{rooted, row};

    static ROWS: [Row; 4] =
        [row("a.b[].c", Class::Token), row("a.b[]", Class::Model), row("m.*", Class::Blob), row("d.**", Class::Input)];

    #[test]
    fn named_keys_beat_wildcards_and_deep_rows_reach_everywhere() {
        let trie = Trie::new(&ROWS);
        let (a, named) = trie.key(ROOT, b"a");
        assert!(named);
        let b = trie.element(trie.key(a, b"b").0);
        assert!(trie.is(b, Class::Model));
        assert!(trie.is(trie.key(b, b"c").0, Class::Token));
        assert_eq!(trie.key(b, b"zzz"), (UNLISTED, false));
        assert!(trie.is(trie.key(trie.key(ROOT, b"m").0, b"whatever").0, Class::Blob));
        let (d, _) = trie.key(ROOT, b"d");
        let deep = trie.key(trie.element(trie.key(d, b"x").0), b"y").0;
        assert!(trie.is(deep, Class::Input));
        assert!(trie.is(trie.element(d), Class::Input));
        assert_eq!(trie.key(UNLISTED, b"a"), (UNLISTED, false));
    }

    static INNER: [Row; 2] = [row("", Class::Model), row("x[]", Class::Blob)];
    static OUTER: [Row; 3] = [
        row("plain", Class::Table(&INNER)),
        rooted("again", &["done"], Class::Copies(&INNER)),
        row("again", Class::Token),
    ];

    #[test]
    fn a_table_stands_wherever_rows_refer_to_it() {
        let trie = Trie::new(&OUTER);
        assert!(trie.has_copies() && !Trie::new(&ROWS).has_copies());
        for (key, copy) in [(&b"plain"[..], false), (b"again", true)] {
            let node = trie.key(ROOT, key).0;
            assert_eq!((trie.rows(node)[0].class, trie.rows(node)[0].copy), (Class::Model, copy));
            let element = trie.element(trie.key(node, b"x").0);
            assert!(trie.is(element, Class::Blob));
            assert_eq!(trie.pattern(element), format!("{}.x[]", String::from_utf8_lossy(key)));
        }
        let again = trie.rows(trie.key(ROOT, b"again").0);
        assert_eq!(again[0].conditions().last(), Some(When::Root(&["done"])));
        assert_eq!(again[1].class, Class::Token);
    }
}
