//! Duplicate keys, found without a second pass and without a table for the small objects that nearly all are.
//!
//! SECURITY: of two equal keys some parsers keep the first and some the last, so what we inspect need not be what the
//! other side reads. Keys are compared after unescaping: `"a"` and `"\u0061"` are the same key.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Str;
use super::error::ScanErrorKind;
use crate::wire::escape::unescape;

/// LIMIT: keys of one object. The largest real ones are maps of token biases (hundreds) and of file contents
/// (thousands); this bounds the table that finds duplicates.
pub const MAX_KEYS_PER_OBJECT: usize = 65_536;

/// LIMIT: raw bytes of a key. Names of tools, schema properties and file paths (at most 4,096 bytes) fit; a longer
/// key is a text in the wrong place.
pub const MAX_KEY_LEN: usize = 8_192;

/// Up to so many keys a walk over fingerprints beats a table. It also bounds what colliding fingerprints can cost.
const LINEAR_KEYS: usize = 16;

/// The keys of all open objects.
pub(super) struct KeyBook<'d> {
    doc: &'d [u8],
    /// Keys of the open objects that are small; an arena used as a stack.
    seen: Vec<Seen>,
    open: Vec<Object>,
    /// One table for each open object that is large, innermost last. Its hashing is seeded at random, so that no
    /// sender can choose keys that collide.
    large: Vec<HashSet<Cow<'d, str>>>,
}

#[derive(Clone, Copy)]
struct Seen {
    fingerprint: u64,
    key: Str,
}

#[derive(Clone, Copy)]
struct Object {
    /// Where its keys begin in `seen`.
    first: usize,
    count: usize,
}

impl<'d> KeyBook<'d> {
    pub(super) const fn new(doc: &'d [u8]) -> Self {
        Self { doc, seen: Vec::new(), open: Vec::new(), large: Vec::new() }
    }

    #[inline]
    pub(super) fn open(&mut self) {
        if self.seen.capacity() == 0 {
            self.seen.reserve(LINEAR_KEYS);
        }
        self.open.push(Object { first: self.seen.len(), count: 0 });
    }

    #[inline]
    pub(super) fn close(&mut self) {
        if let Some(object) = self.open.pop() {
            if object.count > LINEAR_KEYS {
                self.large.pop();
            }
            self.seen.truncate(object.first);
        }
    }

    /// Takes the next key of the innermost object.
    #[inline]
    pub(super) fn add(&mut self, key: Str) -> Result<(), ScanErrorKind> {
        if key.range.len() > MAX_KEY_LEN {
            return Err(ScanErrorKind::KeyTooLong);
        }
        let Some(object) = self.open.last_mut() else { return Ok(()) };
        object.count += 1;
        let Object { first, count } = *object;
        if count > LINEAR_KEYS {
            return self.add_to_large(key, first, count);
        }
        let fingerprint = if key.escaped {
            fingerprint(unescape(raw(self.doc, key), true).as_bytes())
        } else {
            fingerprint(raw(self.doc, key))
        };
        let siblings = self.seen.get(first..).unwrap_or_default();
        if siblings.iter().any(|seen| seen.fingerprint == fingerprint && same(self.doc, seen.key, key)) {
            return Err(ScanErrorKind::DuplicateKey);
        }
        self.seen.push(Seen { fingerprint, key });
        Ok(())
    }

    #[cold]
    fn add_to_large(&mut self, key: Str, first: usize, count: usize) -> Result<(), ScanErrorKind> {
        if count > MAX_KEYS_PER_OBJECT {
            return Err(ScanErrorKind::TooManyKeys);
        }
        let doc = self.doc;
        if count == LINEAR_KEYS + 1 {
            let siblings = self.seen.get(first..).unwrap_or_default();
            self.large.push(siblings.iter().map(|seen| unescape(raw(doc, seen.key), seen.key.escaped)).collect());
        }
        let is_new = self.large.last_mut().is_some_and(|keys| keys.insert(unescape(raw(doc, key), key.escaped)));
        if is_new { Ok(()) } else { Err(ScanErrorKind::DuplicateKey) }
    }
}

#[inline]
fn raw(doc: &[u8], key: Str) -> &[u8] {
    doc.get(key.range.range()).unwrap_or_default()
}

fn same(doc: &[u8], a: Str, b: Str) -> bool {
    unescape(raw(doc, a), a.escaped) == unescape(raw(doc, b), b.escaped)
}

/// Equal texts have equal fingerprints; unequal ones mostly do not.
#[inline]
fn fingerprint(text: &[u8]) -> u64 {
    let (head, tail) = if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)))
    } else {
        (text.iter().fold(0, |word, &byte| (word << 8) | u64::from(byte)), 0)
    };
    head.wrapping_add(tail.rotate_left(23)) ^ ((text.len() as u64) << 56)
}
