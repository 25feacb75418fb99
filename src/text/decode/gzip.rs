//! Compressed text in base64: gzip (RFC 1952) and zlib (RFC 1950), whose first bytes show in the code.

use std::io::Read;

use super::runs::{base64, is_code, is_open, run_end, runs};
use super::{Reading, Readings, Task, is_printable};
use crate::text::TextSpan;
use crate::text::view::{Builder, Origin};

/// How base64 of gzip (`1f 8b 08`) and of zlib (`78 01`, `78 5e`, `78 9c`, `78 da`) begins.
const BEGINNINGS: [&[u8]; 17] = [
    b"H4sI", b"eAE", b"eAF", b"eAG", b"eAH", b"eF4", b"eF5", b"eF6", b"eF7", b"eJw", b"eJx", b"eJy", b"eJz", b"eNo",
    b"eNp", b"eNq", b"eNr",
];

/// The shortest run that may be one: an empty text has as many.
const SHORTEST: usize = 11;

/// See [`super::Codec`]. The whole run is held until its end: nothing in it can be edited in part.
pub(super) fn read(task: &Task<'_>, from: usize, out: &mut Readings) -> usize {
    let bytes = task.bytes();
    for (at, end) in runs(bytes, from, SHORTEST, is_code, run_end) {
        let closed = task.ended || !is_open(bytes, end);
        if closed && end - at < SHORTEST {
            continue;
        }
        // What is left of a run that has been looked at.
        if at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|b| is_code(*b)) {
            continue;
        }
        let run = bytes.get(at..end.min(at + task.limits.gzip)).unwrap_or_default();
        let open = !closed && end - at <= task.limits.gzip;
        let begins = BEGINNINGS.iter().any(|code| run.starts_with(code) || (open && code.starts_with(run)));
        if begins && open {
            out.hold(task, at);
            return at;
        }
        if begins && let Some(text) = base64(run).and_then(|packed| inflate(&packed, task.limits.inflated)) {
            let mut builder = Builder::with_capacity(text.len());
            builder.replace(&text, task.view.to_raw(TextSpan::new(at, end)));
            out.views.push(Reading { view: builder.finish(Origin::Decoded("gzip")), open: false, sure: true });
        }
    }
    bytes.len()
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
