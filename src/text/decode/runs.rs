//! Runs of base64 and base32 (RFC 4648, either alphabet, padded or not, in MIME lines or not) and of hex.
//!
//! Something may be glued to a run, so it is read at every shift. A stretch of a run that decodes to readable text is a view; ids, hashes
//! and images have none that is long enough.

use super::{Reading, Readings, Task, is_printable};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin, View};

/// LIMIT: decoded bytes of the shortest view; fewer hold no finding worth the noise.
const SHORTEST: usize = 8;

/// The shortest run in code characters: eight bytes of base64 without padding.
const SHORTEST_RUN: usize = 11;

/// Lines of wrapped base64 are at least this long (PEM 64, MIME 76); a run goes on over the end of such a line.
const WRAPPED_LINE: usize = 60;

/// The longest padding: base32's.
const PADDING: [u8; 6] = [b'='; 6];

/// Decoded bytes that map to their code as one: small, so that an edit takes little beside it.
const GRAIN: usize = 6;

/// An alphabet of a power of two.
struct Radix {
    name: &'static str,
    /// Bits a character.
    bits: usize,
    value: fn(u8) -> Option<u8>,
    /// The most shifts that are tried.
    shifts: usize,
}

const BASE64: Radix = Radix { name: "base64", bits: 6, value: value64, shifts: 4 };
const BASE32: Radix = Radix { name: "base32", bits: 5, value: value32, shifts: 1 };
const HEX: Radix = Radix { name: "hex", bits: 4, value: value16, shifts: 2 };

/// See [`super::Codec`].
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    let bytes = task.bytes();
    for (start, end) in runs(bytes, from, SHORTEST_RUN, is_code, run_end) {
        if !task.ended && is_open(bytes, end) {
            return read_run(task, start, end, true, out);
        }
        if end - start >= SHORTEST_RUN {
            read_run(task, start, end, false, out);
        }
    }
    bytes.len()
}

/// The runs of bytes that are `of` a kind: all of at least `least` bytes, some shorter ones, and the one that the text ends with. `end`
/// says where the run ends that has the byte at an offset.
pub(super) fn runs(
    bytes: &[u8],
    from: usize,
    least: usize,
    of: fn(u8) -> bool,
    end: fn(&[u8], usize) -> usize,
) -> impl Iterator<Item = (usize, usize)> {
    let mut done = from;
    // Every run that is long enough has a byte at a multiple of its least length.
    let mut probe = from + least - 1;
    std::iter::from_fn(move || {
        while done < bytes.len() {
            let at = probe.min(bytes.len() - 1);
            let last = probe >= bytes.len();
            if at >= done && bytes.get(at).is_some_and(|b| of(*b)) {
                let back = bytes.get(done..at).unwrap_or_default().iter().rev().take_while(|b| of(**b)).count();
                done = end(bytes, at);
                probe = (at + least).max(done + least - 1);
                return Some((at - back, done));
            }
            if last {
                break;
            }
            probe += least;
        }
        done = bytes.len();
        None
    })
}

/// True if the run may go on: padding closes one, but a line end may not.
pub(super) fn is_open(bytes: &[u8], end: usize) -> bool {
    let (run, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    match rest {
        [] => !run.ends_with(&PADDING),
        b"\r" | b"\n" | b"\r\n" => is_wrapped(run),
        _ => false,
    }
}

/// True if what ends here is a line of wrapped base64.
fn is_wrapped(bytes: &[u8]) -> bool {
    bytes.iter().rev().take(WRAPPED_LINE).take_while(|b| is_code(**b)).count() == WRAPPED_LINE
}

/// Reads a run in pieces; returns where the piece begins that its end leaves open.
fn read_run(task: &Task<'_>, start: usize, end: usize, open: bool, out: &mut Readings) -> usize {
    let longest = task.limits.stretch;
    let mut at = start;
    loop {
        let last = end - at <= longest;
        let piece = TextSpan::new(at, if last { end } else { at + longest });
        read_piece(task, piece, open && last, out);
        if last {
            return at;
        }
        // In step with all alphabets.
        at += longest / 4 * 3;
    }
}

fn read_piece(task: &Task<'_>, piece: TextSpan, open: bool, out: &mut Readings) {
    let bytes = task.bytes().get(piece.range()).unwrap_or_default();
    let run = Run::new(bytes, piece.start);
    let first = out.views.len();
    if run.codes.iter().all(|b| value16(*b).is_some() || *b == b'x') {
        HEX.read(task, &run, open, out);
    }
    if run.codes.iter().all(|b| value32(*b).is_some()) {
        BASE32.read(task, &run, open, out);
    }
    if open {
        // A further character may be none of these alphabets', and then the run was never written in them.
        for reading in out.views.iter_mut().skip(first) {
            reading.open = true;
            out.hold = out.hold.min(reading.view.to_raw(TextSpan::new(0, 1)).start);
        }
    }
    BASE64.read(task, &run, open, out);
}

/// The code characters of a run, without line ends and padding, and where they stand.
struct Run {
    codes: Vec<u8>,
    start: usize,
    /// For each line end: the first code character after it, and how many bytes are left out so far.
    breaks: Vec<(usize, usize)>,
    /// End of the run with its padding.
    end: usize,
}

impl Run {
    fn new(bytes: &[u8], start: usize) -> Self {
        let mut run =
            Self { codes: Vec::with_capacity(bytes.len()), start, breaks: Vec::new(), end: start + bytes.len() };
        let mut left_out = 0;
        for byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    left_out += 1;
                    run.breaks.push((run.codes.len(), left_out));
                }
                b'=' => left_out += 1,
                code => run.codes.push(*code),
            }
        }
        run
    }

    fn place(&self, code: usize) -> usize {
        let before = self.breaks.partition_point(|(first, _)| *first <= code);
        let left_out = before.checked_sub(1).and_then(|at| self.breaks.get(at)).map_or(0, |(_, n)| *n);
        self.start + code + left_out
    }
}

impl Radix {
    fn read(&self, task: &Task<'_>, run: &Run, open: bool, out: &mut Readings) {
        for shift in 0..self.shifts.min(run.codes.len()) {
            let bytes = self.bytes(run.codes.get(shift..).unwrap_or_default());
            let mut rest = bytes.as_slice();
            let mut at = 0;
            // Stretches of bytes that readable text is made of.
            while !rest.is_empty() {
                let len = rest.iter().take_while(|b| is_textual(**b)).count();
                let (stretch, others) = rest.split_at_checked(len).unwrap_or((rest, &[]));
                let reaches = others.is_empty();
                if len >= SHORTEST || (reaches && open) {
                    self.read_stretch(task, run, shift, at..at + len, (stretch, reaches && open), out);
                }
                let skip = others.iter().take_while(|b| !is_textual(**b)).count();
                at += len + skip;
                rest = others.get(skip..).unwrap_or_default();
            }
            if open {
                // Characters that are no whole byte yet.
                let whole = shift + (bytes.len() * 8).div_ceil(self.bits);
                if whole < run.codes.len() || bytes.is_empty() {
                    out.hold(task, run.place(whole.min(run.codes.len().saturating_sub(1))));
                }
            }
        }
    }

    fn read_stretch(
        &self,
        task: &Task<'_>,
        run: &Run,
        shift: usize,
        range: std::ops::Range<usize>,
        (stretch, open): (&[u8], bool),
        out: &mut Readings,
    ) {
        let mut at = range.start;
        let mut chunks = stretch.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            let ends = open && chunks.peek().is_none();
            // Control characters of two bytes part texts.
            let mut parts = chunk.valid().split_inclusive(|c| !is_printable(c)).peekable();
            while let Some(part) = parts.next() {
                let text = part.trim_end_matches(|c| !is_printable(c));
                let open = ends && parts.peek().is_none() && text.len() == part.len();
                if text.len() >= SHORTEST {
                    out.views.push(Reading { view: self.view(task, run, shift, at, text), open, sure: true });
                } else if open {
                    out.hold(task, self.places(run, shift, at, at + 1).start);
                }
                at += part.len();
            }
            // What may go on to a character is not there yet.
            if ends && !chunk.invalid().is_empty() {
                out.hold(task, self.places(run, shift, at, at + 1).start);
            }
            at += chunk.invalid().len();
        }
    }

    fn view(&self, task: &Task<'_>, run: &Run, shift: usize, at: usize, text: &str) -> View<'static> {
        let mut builder = Builder::with_capacity(text.len());
        let mut from = 0;
        while from < text.len() {
            let to = text.ceil_char_boundary(from + GRAIN).min(text.len());
            let span = self.places(run, shift, at + from, at + to);
            builder.replace(text.get(from..to).unwrap_or_default(), task.view.to_raw(span));
            from = to;
        }
        builder.finish(Origin::Decoded(self.name))
    }

    /// The code of decoded bytes `from..to`.
    fn places(&self, run: &Run, shift: usize, from: usize, to: usize) -> TextSpan {
        let first = shift + from * 8 / self.bits;
        let last = shift + ((to * 8).saturating_sub(1)) / self.bits;
        let end = if last + 1 >= run.codes.len() { run.end } else { run.place(last) + 1 };
        TextSpan::new(run.place(first.min(run.codes.len().saturating_sub(1))), end)
    }

    fn bytes(&self, codes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(codes.len() * self.bits / 8 + 1);
        let (mut bits, mut count) = (0u32, 0);
        for code in codes {
            // A sign of no value (the `x` of `0x`) gives a byte of no text.
            bits = bits << self.bits | (self.value)(*code).map_or(0, u32::from);
            count += self.bits;
            if count >= 8 {
                count -= 8;
                out.extend(u8::try_from(bits >> count & 0xff));
            }
        }
        out
    }
}

fn is_textual(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x80..)
}

/// The end of the run that begins at `start`, with its padding.
pub(super) fn run_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        at += bytes.get(at..).unwrap_or_default().iter().take_while(|&&b| is_code(b)).count();
        let next = match bytes.get(at..) {
            Some([b'\r', b'\n', next, ..]) if is_code(*next) => 2,
            Some([b'\n', next, ..]) if is_code(*next) => 1,
            rest => {
                return at + rest.unwrap_or_default().iter().take(PADDING.len()).take_while(|&&b| b == b'=').count();
            }
        };
        if !is_wrapped(bytes.get(..at).unwrap_or_default()) {
            return at;
        }
        at += next;
    }
}

pub(super) fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Decodes base64; line ends and padding are skipped, spare bits dropped.
pub(super) fn base64(run: &[u8]) -> Option<Vec<u8>> {
    let run = Run::new(run, 0);
    run.codes.iter().all(|b| value64(*b).is_some()).then(|| BASE64.bytes(&run.codes))
}

fn value64(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn value32(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    }
}

fn value16(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}
