//! Lines and fields of an event stream.

use crate::text::WireRange;

/// What a line says, as far as it matters here.
pub(super) enum Field {
    /// `data`
    Data(WireRange),
    /// `event`
    Event(WireRange),
    /// A comment, `id`, `retry`, or a field that no reader knows.
    Other,
}

/// The first line end at or after `from`: where it begins, and where the next line does. A CR at the end of `bytes`
/// counts only if nothing can follow.
pub(super) fn find_end(bytes: &[u8], from: usize, finished: bool) -> Option<(usize, usize)> {
    let end = from + memchr::memchr2(b'\r', b'\n', bytes.get(from..)?)?;
    if bytes.get(end) == Some(&b'\n') {
        return Some((end, end + 1));
    }
    match bytes.get(end + 1) {
        Some(b'\n') => Some((end, end + 2)),
        None if !finished => None,
        _ => Some((end, end + 1)),
    }
}

/// Reads the line that stands at `line` (without its end). Names are compared byte for byte, as the standard says;
/// one space after the colon belongs to nobody.
pub(super) fn field(bytes: &[u8], line: WireRange) -> Field {
    let text = bytes.get(line.range()).unwrap_or_default();
    let colon = memchr::memchr(b':', text);
    let name = text.get(..colon.unwrap_or(text.len())).unwrap_or_default();
    let value = match colon {
        None => line.end,
        Some(colon) => line.start + colon + 1 + usize::from(text.get(colon + 1) == Some(&b' ')),
    };
    let value = WireRange::new(value, line.end);
    match name {
        b"data" => Field::Data(value),
        b"event" => Field::Event(value),
        _ => Field::Other,
    }
}
