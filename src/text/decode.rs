//! Decoding: what a text says in another writing, as further views to scan: base64, base32, base 85 and hex, percent, entities,
//! escapes, character codes, invisible characters, values cut up by string concatenation and line ends, tables.
//!
//! Texts grow, so each call says of each view whether it is still *open*, and from where on the text must be held because more of it
//! may belong to a writing that has begun. Which views there are depends on the text alone, never on how it grew: each codec keeps the
//! offset at which its next view may begin, and the views of a long stretch are cut at fixed places, with an overlap.
//!
//! A view maps piece by piece: an edit of what an escape stands for changes that escape alone, one in a base64 run the few groups that
//! hold it.

mod codes;
mod escapes;
mod groups;
mod gzip;
mod hidden;
mod joined;
mod reversed;
mod runs;
mod runs85;
mod stretch;
mod tables;

use crate::text::{Origin, TextSpan, View};

/// How much of a text is decoded as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// LIMIT: a longer encoded stretch is decoded in pieces of this many bytes, each overlapping the next by a quarter. No more of it than this
    /// is held back.
    pub stretch: usize,
    /// LIMIT: bytes of base64 that are gathered for one compressed text; longer ones are not inflated.
    pub gzip: usize,
    /// LIMIT: bytes that one compressed text may become.
    pub inflated: usize,
}

impl Limits {
    /// For responses, which grow: in bodies and in streams alike.
    pub const STREAM: Self = Self { stretch: 2 << 10, gzip: 16 << 10, inflated: 256 << 10 };
    /// For requests, which are whole.
    pub const WHOLE: Self = Self { stretch: 1 << 20, gzip: 1 << 20, inflated: 1 << 20 };
}

/// How many writings inside one another are undone.
pub const DEPTH: usize = 3;

/// LIMIT: the views of one text are together at most this many times as long as it.
const MOST_GROWTH: usize = 2;

/// A text read in another writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it says.
    pub view: View<'static>,
    /// More text may make it longer.
    pub open: bool,
    /// The writing is exact. Otherwise what it says is a guess (words joined over a line end), and gives way to what
    /// the text says without it.
    pub sure: bool,
}

impl Reading {
    /// True if nothing is looked for within it: a guess of which nothing is left to guess, or what has been looked at where it stands.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        matches!(self.view.origin, Origin::Decoded(reversed::NAME | tables::NAME))
    }
}

/// All readings of a text.
#[derive(Debug, Default)]
pub struct Readings {
    /// In no order.
    pub views: Vec<Reading>,
    /// Stretches of the raw text that are character codes, and not numbers as which they may look.
    pub codes: Vec<TextSpan>,
    /// The text from this offset of the raw text on may yet belong to a reading that is not among `views`. `usize::MAX`: nothing is held.
    pub hold: usize,
}

/// Where the reading of a growing text stands: for each codec, where its next view may begin.
#[derive(Debug, Clone, Default)]
pub struct DecodeState {
    codecs: [usize; CODECS.len()],
    tables: tables::State,
}

/// Reads one writing from `from` on; returns from where it has to read when there is more text.
type Codec = fn(&Task<'_>, from: usize, &mut Readings) -> usize;

const CODECS: [Codec; 10] = [
    escapes::read,
    joined::read_literals,
    joined::read,
    groups::read,
    runs::read,
    gzip::read,
    runs85::read,
    codes::read,
    hidden::read,
    reversed::read,
];

/// What a codec reads.
struct Task<'a> {
    view: &'a View<'a>,
    limits: Limits,
    /// No more text comes.
    ended: bool,
}

impl<'a> Task<'a> {
    fn text(&self) -> &'a str {
        &self.view.text
    }

    fn bytes(&self) -> &'a [u8] {
        self.view.text.as_bytes()
    }

    fn raw(&self, at: usize) -> usize {
        self.view.to_raw(TextSpan::new(at, (at + 1).min(self.view.text.len()))).start
    }
}

impl Readings {
    /// Says that the view's text is open from `at` on.
    fn hold(&mut self, task: &Task<'_>, at: usize) {
        if at < task.view.text.len() && !task.ended {
            self.hold = self.hold.min(task.raw(at));
        }
    }
}

/// The readings of `view` that begin where `state` says or later. `ended`: no more text comes.
#[must_use]
pub fn decode(view: &View<'_>, limits: Limits, ended: bool, state: &mut DecodeState) -> Readings {
    let task = Task { view, limits, ended };
    let mut readings = Readings { views: Vec::new(), codes: Vec::new(), hold: usize::MAX };
    for (codec, from) in CODECS.iter().zip(&mut state.codecs) {
        *from = codec(&task, *from, &mut readings);
    }
    // Last, since what is too much is dropped from the end, and nothing is hidden in tables.
    tables::read(&task, &mut state.tables, &mut readings);
    let mut left = view.text.len().saturating_mul(MOST_GROWTH).max(limits.inflated);
    readings.views.retain(|reading| match left.checked_sub(reading.view.text.len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    readings
}

/// True for what stands in readable text.
fn is_printable(c: char) -> bool {
    !c.is_control() || matches!(c, '\n' | '\t' | '\r')
}

#[cfg(test)]
mod tests;
