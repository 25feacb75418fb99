//! What the slots of a walk are, now that the whole document has been read: their class, who speaks, where they stand.

use super::{Indices, MAX_INDICES, Outline, Resolved, Slot, Whole};
use crate::dialect::table::{Class, Roles, When, Who};
use crate::dialect::trie::{Entry, NodeId, Trie, UNLISTED};
use crate::text::Part;
use crate::text::WireRange;

impl Outline {
    /// Says what `slot` is.
    #[must_use]
    pub fn resolve(&self, trie: &Trie, roles: Roles, doc: &[u8], slot: &Slot) -> Resolved {
        let rows = trie.rows(slot.node);
        let row = rows.iter().find(|row| self.holds(row, doc, slot.object));
        let class = row.map(|r| r.class);
        let copy = row.is_some_and(|r| r.copy);
        let part = match class {
            Some(Class::Text(who, _) | Class::Joined(who, _) | Class::Alone(who) | Class::Signed(who, _)) => {
                match who {
                    Who::Is(part) => part,
                    Who::Role => self.role(roles, doc, slot.object),
                }
            }
            Some(Class::Arguments(_) | Class::Input) => Part::ToolArguments,
            _ => Part::Unlisted,
        };
        Resolved { class, copy, part, indices: self.indices(slot.object), name: slot.name }
    }

    fn holds(&self, row: &Entry, doc: &[u8], object: u32) -> bool {
        let is = |object: usize, types: &[&str]| {
            let kind: Option<WireRange> = self.objects.get(object).and_then(|o| o.kind);
            let kind = kind.and_then(|r| doc.get(r.range()));
            kind.is_some_and(|kind| types.iter().any(|t| t.as_bytes() == kind))
        };
        // The root is the first object that opens.
        row.conditions().all(|when| match when {
            When::Always => true,
            When::Type(types) => is(object as usize, types),
            When::Root(types) => is(0, types),
            When::Both(types, roots) => is(object as usize, types) && is(0, roots),
        })
    }

    fn role(&self, roles: Roles, doc: &[u8], object: u32) -> Part {
        let mut at = object;
        while let Some(holder) = self.objects.get(at as usize) {
            if let Some(word) = holder.role.and_then(|r| doc.get(r.range())) {
                // A role that no table knows is held to the user's thresholds.
                return roles.iter().find(|(w, _)| w.as_bytes() == word).map_or(Part::User, |(_, part)| *part);
            }
            at = holder.parent;
        }
        Part::User
    }

    fn indices(&self, object: u32) -> Indices {
        let mut found = [0u32; MAX_INDICES];
        let mut count = 0;
        let mut put = |index: u32| {
            if count == MAX_INDICES {
                // Keep the outermost ones: forget the innermost.
                found.rotate_left(1);
                count -= 1;
            }
            if let Some(place) = found.get_mut(count) {
                *place = index;
                count += 1;
            }
        };
        let mut at = object;
        while let Some(holder) = self.objects.get(at as usize) {
            let stated = holder.index.iter().rev().flatten();
            if holder.index.iter().all(Option::is_none) {
                holder.position.into_iter().for_each(&mut put);
            }
            stated.copied().for_each(&mut put);
            at = holder.parent;
        }
        let mut indices = Indices::default();
        for index in found.iter().take(count).rev() {
            indices.push(*index);
        }
        indices
    }

    /// The indices under which `whole` stands.
    #[must_use]
    pub fn indices_of(&self, whole: &Whole) -> Indices {
        self.indices(whole.object)
    }

    /// The path of `slot` for refusals and records, such as `messages[2].content[0].text`: the table's own words with positions filled
    /// in. Keys that the table does not name are text of whoever wrote the document and show as `*`.
    #[must_use]
    pub fn path(&self, trie: &Trie, slot: &Slot) -> String {
        self.path_from(trie, slot.node, slot.object)
    }

    /// The path of the first number that stands for text, if there is one.
    #[must_use]
    pub fn token_ids(&self, trie: &Trie) -> Option<String> {
        self.token_ids.map(|(node, object)| self.path_from(trie, node, object))
    }

    /// The path of `whole`, in the same way.
    #[must_use]
    pub fn path_of(&self, trie: &Trie, whole: &Whole) -> String {
        self.path_from(trie, whole.node, whole.object)
    }

    fn path_from(&self, trie: &Trie, node: NodeId, object: u32) -> String {
        let mut positions = Vec::new();
        let mut pattern = trie.pattern(node).to_owned();
        let mut at = object;
        while let Some(holder) = self.objects.get(at as usize) {
            if pattern.is_empty() && holder.node != UNLISTED {
                // An unlisted slot is told by the nearest container that the table knows.
                let known = trie.pattern(holder.node);
                pattern = if known.is_empty() { "*".to_owned() } else { format!("{known}.*") };
            }
            positions.extend(holder.position);
            at = holder.parent;
        }
        if pattern.is_empty() {
            pattern.push('*');
        }
        let mut path = String::with_capacity(pattern.len() + 8);
        let mut pieces = pattern.split("[]");
        path.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            path.push('[');
            if let Some(position) = positions.pop() {
                path.push_str(&position.to_string());
            }
            path.push(']');
            path.push_str(piece);
        }
        path
    }

    /// True if `slot` stands in the object that holds `whole`, or below it.
    #[must_use]
    pub fn beside(&self, whole: &Whole, slot: &Slot) -> bool {
        let mut at = slot.object;
        loop {
            if at == whole.object {
                return true;
            }
            match self.objects.get(at as usize) {
                Some(holder) => at = holder.parent,
                None => return false,
            }
        }
    }
}
