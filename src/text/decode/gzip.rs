//! Compressed text in base64: gzip (RFC 1952) and zlib (RFC 1950), whose first bytes show in the code.

use std::io::Read;

use super::runs::{base64, is_code, run_end};
use super::{Reading, Readings, Task, is_printable};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin};

/// How base64 of gzip (`1f 8b 08`) and of zlib (`78 01`, `78 5e`, `78 9c`, `78 da`) begins.
const BEGINNINGS: [&[u8]; 17] = [
    b"H4sI", b"eAE", b"eAF", b"eAG", b"eAH", b"eF4", b"eF5", b"eF6", b"eF7", b"eJw", b"eJx", b"eJy", b"eJz", b"eNo",
    b"eNp", b"eNq", b"eNr",
];

/// See [`super::Codec`]. The whole run is held until its end: nothing in it can be edited in part.
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    let bytes = task.bytes();
    let mut after = from;
    while let Some(at) = mark(bytes, after) {
        let end = run_end(bytes, at);
        after = end;
        let last = bytes.len() == end
            || (bytes.len() - end < 3 && bytes.get(end..).unwrap_or_default().iter().all(|b| b"\r\n=".contains(b)));
        if last && !task.ended && end - at <= task.limits.gzip {
            out.hold(task, at);
            return at;
        }
        let run = bytes.get(at..end.min(at + task.limits.gzip)).unwrap_or_default();
        if let Some(text) = base64(run).and_then(|packed| inflate(&packed, task.limits.inflated)) {
            let mut builder = Builder::with_capacity(text.len());
            builder.replace(&text, task.view.to_raw(TextSpan::new(at, end)));
            out.views.push(Reading { view: builder.finish(Origin::Decoded("gzip")), open: false, sure: true });
        }
    }
    // A beginning that the text's end has cut.
    let last = after.max(bytes.len().saturating_sub(3))..bytes.len();
    let mut cut = last.filter(|at| !is_glued(bytes, *at) && begins(bytes, *at, |code, rest| code.starts_with(rest)));
    match cut.next().filter(|_| !task.ended) {
        Some(cut) => {
            out.hold(task, cut);
            cut
        }
        None => bytes.len(),
    }
}

fn is_glued(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|b| is_code(*b))
}

fn begins(bytes: &[u8], at: usize, test: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    bytes.get(at..).is_some_and(|rest| BEGINNINGS.iter().any(|code| test(code, rest)))
}

fn mark(bytes: &[u8], from: usize) -> Option<usize> {
    let found = |at: &usize| begins(bytes, *at, |code, rest| rest.starts_with(code)) && !is_glued(bytes, *at);
    memchr::memchr2_iter(b'H', b'e', bytes.get(from..)?).map(|at| from + at).find(found)
}

/// What `packed` unpacks to, as far as it goes and up to `most` bytes, if it is text.
fn inflate(packed: &[u8], most: usize) -> Option<String> {
    let mut out = Vec::new();
    let most = u64::try_from(most).ok()?;
    // An error at the end (a cut run, a wrong checksum) leaves what came before it.
    let _ = match packed.first() {
        Some(0x1f) => flate2::read::GzDecoder::new(packed).take(most).read_to_end(&mut out),
        _ => flate2::read::ZlibDecoder::new(packed).take(most).read_to_end(&mut out),
    };
    let text = match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    let odd = text.chars().filter(|c| !is_printable(*c) || *c == char::REPLACEMENT_CHARACTER).count();
    (!text.is_empty() && odd * 8 < text.chars().count().max(8)).then_some(text)
}
