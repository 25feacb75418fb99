//! Writes the JSON of records, straight into their buffer. An exchange has two records with dozens of small members each, and through
//! serde they cost more than their encryption; whatever is rare or has a form of its own still goes through serde_json.

use serde::Serialize;

use crate::wire::escape::escape_into;

/// Writes one JSON document. Whoever calls sees to it that what is opened is closed.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Begins an object (`{`) or a list (`[`).
    pub(super) fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
    }

    /// Ends it.
    pub(super) fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
    }

    /// Begins an item of a list.
    pub(super) fn item(&mut self) -> &mut Self {
        // A value never ends with an opening bracket: text stands in quotes.
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
        self
    }

    /// Begins a member of an object. `name` is written as it stands.
    pub(super) fn field(&mut self, name: &'static str) -> &mut Self {
        self.item();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    /// A member, if it has a value.
    ///
    /// # Errors
    /// As [`Writer::value`].
    pub(super) fn field_if(&mut self, name: &'static str, value: Option<&impl Serialize>) -> serde_json::Result<()> {
        value.map_or(Ok(()), |value| self.field(name).value(value))
    }

    /// A string.
    pub(super) fn string(&mut self, text: &str) {
        self.out.push(b'"');
        escape_into(text, self.out);
        self.out.push(b'"');
    }

    /// A number.
    pub(super) fn number(&mut self, number: u64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Anything.
    ///
    /// # Errors
    /// It has no JSON form.
    pub(super) fn value(&mut self, value: &impl Serialize) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *self.out, value)
    }
}
