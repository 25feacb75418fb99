//! Writings that are undone in place: escapes near one another, with some of the text around them, are one view.

use super::{Reading, Readings, Task};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin, View};

/// How much text around escapes goes into their view: enough for the longest finding that an escape may be a part of, and
/// its context words.
pub(super) const AROUND: usize = 128;

/// One escape.
#[derive(Debug, Clone)]
pub(super) struct Escape {
    pub(super) codec: &'static str,
    /// Bytes before its mark that belong to it.
    pub(super) lead: usize,
    /// Bytes from its mark on.
    pub(super) len: usize,
    pub(super) means: Means,
}

/// What an escape stands for.
#[derive(Debug, Clone)]
pub(super) enum Means {
    Byte(u8),
    Char(char),
    Text(String),
    Nothing,
}

/// What stands at a mark.
#[derive(Debug, Clone)]
pub(super) enum Parsed {
    Is(Escape),
    /// More text decides.
    MayBe,
    Not,
}

/// A writing that is undone in place.
pub(super) struct InPlace {
    /// The next byte at or after an offset at which an escape may stand.
    pub(super) mark: fn(&[u8], usize) -> Option<usize>,
    /// Reads the escape at a mark. `joined`: the codec of the escape that ends right before it.
    pub(super) parse: fn(text: &str, at: usize, joined: &str, ended: bool) -> Parsed,
    /// See [`Reading::sure`].
    pub(super) sure: bool,
}

impl InPlace {
    /// See [`super::Codec`].
    pub(super) fn read(&self, task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
        let (text, bytes) = (task.text(), task.bytes());
        let mut open: Option<Stretch<'_>> = None;
        let (mut after, mut cut) = (from, text.len());
        let mut joined = (from, "");
        while let Some(at) = (self.mark)(bytes, after) {
            if let Some(stretch) = open.take_if(|s| at - s.first > task.limits.stretch) {
                // INVARIANT: where the next stretch begins depends on this one's beginning alone.
                after = stretch.resume.min(at);
                joined = (after, "");
                stretch.finish(self.sure, false, at, out);
                continue;
            }
            let codec = if joined.0 == at { joined.1 } else { "" };
            match (self.parse)(text, at, codec, task.ended) {
                Parsed::Not => after = at + 1,
                Parsed::MayBe if task.ended => after = at + 1,
                Parsed::MayBe => {
                    cut = at;
                    break;
                }
                Parsed::Is(escape) => {
                    after = at + escape.len;
                    joined = (after, escape.codec);
                    if let Some(far) = open.take_if(|s| at - s.done > AROUND) {
                        far.finish(self.sure, false, text.len(), out);
                    }
                    open.get_or_insert_with(|| Stretch::begin(task, at, escape.codec)).add(
                        at,
                        escape,
                        task.limits.stretch,
                    );
                }
            }
        }
        match open {
            Some(stretch) if !task.ended && cut - stretch.done <= AROUND => {
                let first = stretch.first;
                stretch.finish(self.sure, true, cut, out);
                out.hold(task, cut);
                first
            }
            closed => {
                closed.into_iter().for_each(|s| s.finish(self.sure, false, text.len(), out));
                // What an escape ends may have begun before it.
                if cut < text.len() {
                    out.hold(task, text.floor_char_boundary(cut.saturating_sub(AROUND)));
                }
                cut
            }
        }
    }
}

/// Bytes of text that are searched for marks at a time.
const BLOCK: usize = 1 << 10;

/// The first place at or after `from` that `find` finds in a block of the text.
///
/// LIMIT: where one kind of mark stands everywhere and another nowhere, a search for both over all of the text, at each mark anew, would take
/// quadratic time.
pub(super) fn nearest(bytes: &[u8], from: usize, find: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let blocks = bytes.get(from..)?.chunks(BLOCK).zip((from..).step_by(BLOCK));
    blocks.into_iter().find_map(|(block, base)| find(block).map(|at| base + at))
}

/// Escapes near one another, with the text between and around them.
struct Stretch<'v> {
    view: &'v View<'v>,
    builder: Builder,
    codec: &'static str,
    /// Its first escape.
    first: usize,
    /// Where the next stretch begins if this one grows too long.
    resume: usize,
    /// Everything of the view before here is written.
    done: usize,
    /// Escaped bytes that may be parts of one character, and where each stands.
    bytes: Vec<(u8, TextSpan)>,
}

impl<'v> Stretch<'v> {
    fn begin(task: &Task<'v>, at: usize, codec: &'static str) -> Self {
        let view = task.view;
        let done = view.text.floor_char_boundary(at.saturating_sub(AROUND));
        Self { view, builder: Builder::default(), codec, first: at, resume: usize::MAX, done, bytes: Vec::new() }
    }

    fn add(&mut self, at: usize, escape: Escape, longest: usize) {
        if self.resume == usize::MAX && at - self.first >= longest / 4 * 3 {
            self.resume = at;
        }
        let start = at.saturating_sub(escape.lead).max(self.done);
        if start > self.done {
            self.flush();
            self.builder.inherit(self.view, TextSpan::new(self.done, start));
        }
        self.done = at + escape.len;
        let span = TextSpan::new(start, self.done);
        match escape.means {
            Means::Byte(byte) => self.bytes.push((byte, span)),
            Means::Char(c) => {
                self.flush();
                self.builder.replace(c.encode_utf8(&mut [0; 4]), self.view.to_raw(span));
            }
            Means::Text(text) => {
                self.flush();
                self.builder.replace(&text, self.view.to_raw(span));
            }
            Means::Nothing => self.flush(),
        }
    }

    /// Writes the bytes so far as characters; what is not UTF-8 as it stood.
    fn flush(&mut self) {
        let taken = std::mem::take(&mut self.bytes);
        let bytes: Vec<u8> = taken.iter().map(|&(byte, _)| byte).collect();
        let mut spans = taken.iter().map(|&(_, span)| span);
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                let mut of = spans.by_ref().take(c.len_utf8());
                if let Some(first) = of.next() {
                    let span = TextSpan::new(first.start, of.last().unwrap_or(first).end);
                    self.builder.replace(c.encode_utf8(&mut [0; 4]), self.view.to_raw(span));
                }
            }
            for span in spans.by_ref().take(chunk.invalid().len()) {
                self.builder.inherit(self.view, span);
            }
        }
    }

    fn finish(mut self, sure: bool, open: bool, mut cut: usize, out: &mut Readings) {
        // Bytes that may go on to a character.
        let pending: Vec<u8> = self.bytes.iter().map(|&(byte, _)| byte).collect();
        if let Some(error) = str::from_utf8(&pending).err().filter(|e| open && e.error_len().is_none()) {
            let whole = self.bytes.get(error.valid_up_to()).map_or(self.done, |&(_, span)| span.start);
            self.bytes.truncate(error.valid_up_to());
            (self.done, cut) = (whole, whole);
            out.hold = out.hold.min(self.view.to_raw(TextSpan::new(whole, whole + 1)).start);
        }
        self.flush();
        let end = self.view.text.floor_char_boundary((self.done + AROUND).min(cut));
        self.builder.inherit(self.view, TextSpan::new(self.done, end.max(self.done)));
        if self.builder.len() > 0 {
            out.views.push(Reading { view: self.builder.finish(Origin::Decoded(self.codec)), open, sure });
        }
    }
}
