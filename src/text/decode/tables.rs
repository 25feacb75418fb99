//! Tables: rows of values below a line of names, as CSV, TSV, Markdown and consoles write them. They are read as records, each value
//! behind the name of its column (`ssn: 078-05-1120`): so the name is context for every row, and not for the first one alone.
//!
//! What a value is read as depends on what stands before it only, since a row may still grow: every line below the names is a row, up to
//! an empty line or one with more or fewer values than names, which is still read.

use std::ops::Range;

use super::{MOST_GROWTH, Reading, Readings, Task};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin};

/// The name of this writing.
pub(super) const NAME: &str = "table";

/// LIMIT: bytes of a line of names.
const HEADER: usize = 1 << 10;
/// LIMIT: bytes of one name, and words in it: `taxpayer identification number`, and no sentence.
const LONGEST_NAME: usize = 40;
const WORDS: usize = 4;
/// No finding is shorter, and so no value that is read: names longer than values are what makes a view long.
const SHORTEST_VALUE: usize = 3;

/// Where the reading of a growing text stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State {
    /// The next line to read.
    next: usize,
    /// Where the names of the table begin that goes on there.
    names: Option<usize>,
}

/// The names of a table.
struct Table {
    delimiter: u8,
    /// In the text, without quotes and spaces.
    names: Vec<Range<usize>>,
}

/// Reads from `state` on, and leaves there from where to read when there is more text.
pub(super) fn read(task: &Task<'_>, state: &mut State, out: &mut Readings) {
    let (text, bytes) = (task.text(), task.bytes());
    let most = text.len().saturating_mul(MOST_GROWTH).max(task.limits.inflated);
    let mut written = 0;
    let mut table = state.names.and_then(|at| Table::at(text, at..line_end(bytes, at, HEADER)?));
    loop {
        let Some(rows) = &table else {
            let Some(line) = next_line(bytes, &mut state.next) else { return };
            table = Table::at(text, line.clone());
            state.names = table.as_ref().map(|_| line.start);
            continue;
        };
        let piece = rows.records(task, state.next);
        let open = piece.open && !task.ended;
        written += piece.builder.len();
        // Views beyond that would be dropped all the same.
        if piece.builder.len() > 0 && written <= most {
            out.views.push(Reading { view: piece.builder.finish(Origin::Decoded(NAME)), open, sure: false });
        }
        if piece.open {
            return;
        }
        state.next = piece.next;
        if let Some(line) = piece.last {
            // It may hold the names of the next table.
            table = Table::at(text, line.clone());
            state.names = table.as_ref().map(|_| line.start);
        }
    }
}

/// The line at `next`, which is then after it, if it is no longer than names may be; what is left of longer lines is skipped.
fn next_line(bytes: &[u8], next: &mut usize) -> Option<Range<usize>> {
    loop {
        let start = *next;
        let whole = start == 0 || bytes.get(start - 1) == Some(&b'\n');
        match line_end(bytes, start, HEADER) {
            Some(end) => {
                *next = end + 1;
                if whole {
                    return Some(start..end);
                }
            }
            None if whole && bytes.len() - start.min(bytes.len()) <= HEADER => return None,
            None => {
                *next = line_end(bytes, start, usize::MAX).map_or(bytes.len(), |end| end + 1);
                if *next == bytes.len() {
                    return None;
                }
            }
        }
    }
}

/// Some rows of a table.
struct Piece {
    builder: Builder,
    /// The last of the rows has not ended.
    open: bool,
    /// The line with which the table ends.
    last: Option<Range<usize>>,
    /// From where to go on.
    next: usize,
}

impl Table {
    /// The names in a line, if it is a line of names.
    fn at(text: &str, line: Range<usize>) -> Option<Self> {
        let whole = text.get(line.clone())?;
        let piped = whole.trim_start().starts_with('|');
        let start = line.start + if piped { whole.find('|')? + 1 } else { 0 };
        let whole = text.get(start..line.end)?;
        let whole = if piped { whole.trim_end().strip_suffix('|')? } else { whole.trim_end_matches('\r') };
        let (mut delimiter, mut names) = (piped.then_some('|'), Vec::new());
        let (mut from, mut words, mut spaced) = (0, 0, false);
        for (at, c) in whole.char_indices().chain([(whole.len(), '\n')]) {
            match c {
                ',' | ';' | '\t' | '|' | '\n' => {
                    if c != '\n' && *delimiter.get_or_insert(c) != c {
                        return None;
                    }
                    let name = name(whole, from..at)?;
                    names.push(start + name.start..start + name.end);
                    spaced |= c == ',' && whole.get(at + 1..).is_some_and(|rest| rest.starts_with(' '));
                    (from, words) = (at + 1, 0);
                }
                ' ' => words += 1,
                '_' | '-' | '.' | '/' | '(' | ')' | '#' | '\'' | '"' => {}
                c if c.is_ascii() && !c.is_ascii_alphanumeric() => return None,
                _ => {}
            }
            // Most lines are prose or code, and seen to be no names within a few words.
            if at - from.min(at) > LONGEST_NAME + 2 || (words > WORDS + 1 && delimiter != Some('|')) {
                return None;
            }
        }
        let delimiter = u8::try_from(delimiter?).ok()?;
        // `Sure, here` is prose and `first,` a list; `name,ssn` and `id, name, ssn` are names.
        let named = names.iter().filter(|name| !name.is_empty()).count();
        let listed = delimiter == b',' && names.last().is_some_and(Range::is_empty);
        (named >= if spaced { 3 } else { 2 } && !listed).then_some(Self { delimiter, names })
    }

    /// The rows from `from` on as records: all of them, or as many as make one stretch.
    fn records(&self, task: &Task<'_>, from: usize) -> Piece {
        let (bytes, most) = (task.bytes(), task.limits.stretch);
        let mut piece = Piece { builder: Builder::default(), open: false, last: None, next: from };
        while piece.builder.len().max(piece.next - from) < most && !piece.open && piece.last.is_none() {
            let start = piece.next;
            match line_end(bytes, start, most) {
                Some(end) => {
                    piece.next = end + 1;
                    piece.last = (!self.record(task, start..end, &mut piece.builder)).then_some(start..end);
                }
                // What is longer than a stretch is read no further, however it ends.
                None if bytes.len() - start > most => {
                    piece.next = task.text().floor_char_boundary(start + most).max(start + 1);
                    self.record(task, start..piece.next, &mut piece.builder);
                    piece.last = Some(0..0);
                }
                None => {
                    self.record(task, start..bytes.len(), &mut piece.builder);
                    piece.open = true;
                }
            }
        }
        piece
    }

    /// One row as a record; whether the table goes on after it.
    fn record(&self, task: &Task<'_>, line: Range<usize>, to: &mut Builder) -> bool {
        let (view, text) = (task.view, task.text());
        let row = task.bytes().get(line.clone()).unwrap_or_default();
        let blank = row.iter().all(u8::is_ascii_whitespace);
        if blank || row.iter().all(|b| b" \t\r|-:+=".contains(b)) {
            return !blank;
        }
        let piped = self.delimiter == b'|' && row.trim_ascii_start().first() == Some(&b'|');
        let (mut at, mut count) = (if piped { row.iter().position(|b| *b == b'|').unwrap_or(0) + 1 } else { 0 }, 0);
        while at <= row.len() {
            let len = value(row.get(at..).unwrap_or_default(), self.delimiter);
            if let Some(name) = self.names.get(count).filter(|name| !name.is_empty() && len >= SHORTEST_VALUE) {
                let (start, end) = (line.start + at, line.start + at + len);
                // The name takes the place of what ends before the value, which is never a part of it.
                let joint = view.to_raw(TextSpan::new(start.saturating_sub(1), start));
                to.replace(text.get(name.clone()).unwrap_or_default(), joint);
                to.replace(": ", joint);
                to.inherit(view, TextSpan::new(start, end));
                if at + len < row.len() || task.bytes().get(end) == Some(&b'\n') {
                    to.replace("\n", view.to_raw(TextSpan::new(end, end + 1)));
                }
            }
            count += 1;
            at += len + 1;
        }
        let closed = piped && row.trim_ascii_end().last() == Some(&b'|');
        count - usize::from(closed) == self.names.len()
    }
}

/// A name without spaces and quotes; nothing for a column without one.
fn name(line: &str, span: Range<usize>) -> Option<Range<usize>> {
    let whole = line.get(span.clone())?;
    let lead = whole.len() - whole.trim_start_matches([' ', '"', '\'']).len();
    let name = whole.get(lead..)?.trim_end_matches([' ', '"', '\'']);
    let name = if name == "#" { "" } else { name };
    let begins = name.is_empty() || name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let fits = name.len() <= LONGEST_NAME && begins && name.split(' ').count() <= WORDS;
    fits.then(|| span.start + lead..span.start + lead + name.len())
}

/// Bytes of the value that begins here, up to the next delimiter outside of quotes.
fn value(rest: &[u8], delimiter: u8) -> usize {
    let skipped = match rest {
        [quote @ (b'"' | b'\''), inside @ ..] => memchr::memchr(*quote, inside).map_or(rest.len(), |at| at + 2),
        _ => 0,
    };
    let found = memchr::memchr(delimiter, rest.get(skipped..).unwrap_or_default());
    found.map_or(rest.len(), |at| skipped + at)
}

/// Where the line that `from` stands in ends, if it does so within `most` bytes.
fn line_end(bytes: &[u8], from: usize, most: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memchr(b'\n', rest.get(..rest.len().min(most.saturating_add(1)))?).map(|at| from + at)
}
