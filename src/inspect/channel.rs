//! A channel: text that belongs together, and the map from it back to the literals it came from.

use std::borrow::Cow;

use crate::detect::{Finding, ViewState};
use crate::dialect::walk::{Form, Indices};
use crate::redact::{Filtered, Restoration};
use crate::text::{Part, TextSpan, WireRange};
use crate::wire::escape::{EscapeMap, as_text, escape_into, unescape_mapped};
use crate::wire::splice::WireEdit;

/// Which channel a slot continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Ended with the frame: requests, and what no row of a stream names.
    Run(Part),
    /// Continued by the deltas of later frames. `parted`: literals of one frame are texts of their own (title and address of a citation).
    Lane { label: &'static str, name: u32, indices: Indices, parted: bool },
    /// A literal of its own: a leaf of tool arguments, a number, a key.
    Single,
    /// A literal that repeats what was told before.
    Copy { indices: Indices },
}

/// How a channel is read and what may be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Text, decided as it grows.
    Text,
    /// Text that is read and never edited: the provider has signed it.
    Signed,
    /// A JSON document, decided at its end, leaf by leaf.
    Document,
    /// A leaf of a document: text, or again a document.
    Leaf,
}

/// One literal's share of a channel.
#[derive(Debug)]
pub(super) struct Piece {
    /// Its text, in channel coordinates.
    pub text: TextSpan,
    /// Sequence number of the frame it stands in.
    pub frame: u64,
    /// Index of its slot in that frame's outline.
    pub slot: usize,
    range: WireRange,
    /// How the literal is written.
    pub form: Form,
    map: EscapeMap,
}

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub key: Key,
    pub part: Part,
    pub mode: Mode,
    pub text: String,
    pub pieces: Vec<Piece>,
    /// Pieces before this one are decided.
    pub decided_pieces: usize,
    pub views: ViewState,
    pub restored_to: usize,
    pub findings: Vec<Finding>,
    pub restorations: Vec<Restoration>,
    /// End of the last span acted upon: what overlaps it is not acted upon again.
    pub acted_to: usize,
    /// What the audit shows instead of spans of the text.
    pub filtered: Vec<(TextSpan, String)>,
    /// Injection findings, for the score.
    pub signals: Vec<Finding>,
    /// What takes the place of spans of the text, if it is kept: arguments of a call are judged as they will leave, and copies are edited as
    /// what they repeat.
    pub replaced: Vec<(TextSpan, String)>,
    pub keeps_replaced: bool,
    /// Path of the first slot, for channels that outlive their frame.
    pub path: std::sync::Arc<str>,
}

impl Channel {
    pub(super) fn new(key: Key, part: Part, mode: Mode, path: std::sync::Arc<str>) -> Self {
        Self {
            key,
            part,
            mode,
            text: String::new(),
            pieces: Vec::new(),
            decided_pieces: 0,
            views: ViewState::default(),
            restored_to: 0,
            findings: Vec::new(),
            restorations: Vec::new(),
            acted_to: 0,
            filtered: Vec::new(),
            signals: Vec::new(),
            replaced: Vec::new(),
            keeps_replaced: part == Part::ToolArguments,
            path,
        }
    }

    /// The indices under which a lane stands.
    pub(super) fn indices(&self) -> Indices {
        match self.key {
            Key::Lane { indices, .. } | Key::Copy { indices } => indices,
            Key::Run(_) | Key::Single => Indices::default(),
        }
    }

    /// Appends a literal's text. In runs, and within one frame of a parted lane, literals are separated by a line feed that stands in no literal, so that the end of one
    /// and the start of the next do not become a word.
    pub(super) fn append(&mut self, doc: &[u8], range: WireRange, escaped: bool, form: Form, frame: u64, slot: usize) {
        let raw = doc.get(range.range()).unwrap_or_default();
        let separate = match self.key {
            Key::Run(_) => !self.pieces.is_empty(),
            Key::Lane { parted: true, .. } => {
                let beside = self.pieces.last().filter(|piece| piece.frame == frame && !piece.text.is_empty());
                beside.is_some() && !raw.is_empty()
            }
            Key::Lane { .. } | Key::Single | Key::Copy { .. } => false,
        };
        if separate {
            self.text.push('\n');
        }
        let start = self.text.len();
        let mut map = EscapeMap::new();
        if escaped || form != Form::String {
            unescape_mapped(raw, &mut self.text, &mut map);
        } else {
            self.text.push_str(&as_text(raw));
        }
        self.pieces.push(Piece { text: TextSpan::new(start, self.text.len()), frame, slot, range, form, map });
    }

    /// What the literals say of `span`, without what separates them.
    pub(super) fn value(&self, span: TextSpan) -> Cow<'_, str> {
        let whole = self.text.get(span.range()).unwrap_or_default();
        let within = |piece: &&Piece| piece.text.start <= span.start && span.end <= piece.text.end;
        let separates = matches!(self.key, Key::Run(_) | Key::Lane { parted: true, .. });
        if !separates || self.piece_at(span.start).as_ref().is_some_and(within) {
            return Cow::Borrowed(whole);
        }
        let first = self.pieces.partition_point(|p| p.text.end <= span.start);
        let shares = self.pieces.iter().skip(first).take_while(|p| p.text.start < span.end);
        let share = |p: &Piece| p.text.start.max(span.start)..p.text.end.min(span.end);
        Cow::Owned(shares.filter_map(|p| self.text.get(share(p))).collect())
    }

    /// The piece in which the character at `offset` stands.
    pub(super) fn piece_at(&self, offset: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|p| p.text.end <= offset);
        self.pieces.get(after).or_else(|| self.pieces.last())
    }

    /// Puts `replacement` in the place of `span`: the first literal takes it all, others lose their share.
    pub(super) fn replace(&mut self, span: TextSpan, replacement: &str, mut each: impl FnMut(u64, usize, WireEdit)) {
        if self.keeps_replaced {
            self.replaced.push((span, replacement.to_owned()));
        }
        let first = self.pieces.partition_point(|p| p.text.end <= span.start);
        let mut replacement = replacement;
        for piece in self.pieces.iter().skip(first).take_while(|p| p.text.start < span.end) {
            each(piece.frame, piece.slot, piece.edit(span, replacement));
            replacement = "";
        }
    }
}

impl Channel {
    /// The text with everything in its place that takes the place of something.
    pub(super) fn replaced_text(&self) -> String {
        self.text_with(&self.replaced)
    }

    /// The text as a record may show it.
    pub(super) fn filtered_text(&self) -> Filtered {
        Filtered::from_redacted(self.text_with(&self.filtered))
    }

    fn text_with(&self, replacements: &[(TextSpan, String)]) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        for (span, replacement) in replacements {
            text.push_str(self.text.get(from..span.start).unwrap_or_default());
            text.push_str(replacement);
            from = span.end;
        }
        text.push_str(self.text.get(from..).unwrap_or_default());
        text
    }

    /// What a record shows in place of this channel's text, in the coordinates of its frame.
    pub(super) fn filters(&self) -> impl Iterator<Item = WireEdit> {
        self.filtered.iter().filter_map(|(span, shown)| Some(self.piece_at(span.start)?.edit(*span, shown)))
    }
}

impl Piece {
    fn edit(&self, span: TextSpan, replacement: &str) -> WireEdit {
        let local = TextSpan::new(
            span.start.saturating_sub(self.text.start),
            span.end.min(self.text.end).saturating_sub(self.text.start),
        );
        let mut bytes = Vec::with_capacity(replacement.len() + 2);
        match self.form {
            // A number that must not stand becomes a string: a placeholder is no number.
            Form::Number => {
                bytes.push(b'"');
                escape_into(replacement, &mut bytes);
                bytes.push(b'"');
                WireEdit { range: self.range, bytes }
            }
            Form::String | Form::Key | Form::True => {
                escape_into(replacement, &mut bytes);
                let raw = self.map.to_raw_range(local);
                let range = WireRange::new(self.range.start + raw.start, self.range.start + raw.end);
                WireEdit { range, bytes }
            }
        }
    }
}
