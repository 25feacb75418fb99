//! The event stream framer against a plain reading of the standard, and against itself on other cuts.

use bytes::Bytes;
use sidewall::text::WireRange;
use sidewall::wire::{Frame, FrameError, Framer, Payload, SpliceError, SseFramer, WireEdit, splice};

pub(crate) const SEEDS: &[&[u8]] = &[
    b"\x03data: {\"a\":1}\n\ndata: [DONE]\n\n",
    b"\x01event: message_start\r\ndata: {}\r\n\r\n: ping\r\n\r\nevent:x\r\ndata:y\r\n\r\n",
    b"\x05\xef\xbb\xbfdata: 1\rdata: 2\rid\r\rretry: 5\r\r\n\n",
    b"\x02data\n\ndata\ndata\n\ndata:\n\n data: no\n\nData: no\n\ndata : no\n\n",
    b"\x07:\n\n\n\r\r\n\ndata: never ended",
    b"\x04data: [1,\ndata: \"a\"]\r",
];

/// Events over this are refused, so that small inputs reach the limit.
const LIMIT: usize = 200;

/// Panics if a property does not hold. The first byte of `data` says how to cut the rest.
pub(crate) fn sse(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else { return };
    let (frames, result) = frames_of([stream]);
    let joined: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
    match result {
        Ok(()) => assert_eq!(joined, stream),
        Err(_) => assert!(stream.starts_with(&joined)),
    }

    let size = usize::from(seed % 16) + 1;
    assert_eq!(frames_of(stream.chunks(size)), (frames.clone(), result));
    assert_eq!(frames_of(stream.chunks(1)), (frames.clone(), result));

    let expected = events_of(stream);
    let got: Vec<_> = frames
        .iter()
        .filter(|frame| frame.complete && frame.payload != Payload::None)
        .map(|frame| (frame.event_name().unwrap_or_default().to_vec(), frame.document().unwrap_or_default().to_vec()))
        .collect();
    match result {
        Ok(()) => assert_eq!(got, expected),
        Err(_) => assert!(expected.starts_with(&got)),
    }
    frames.iter().enumerate().for_each(|(index, frame)| edited(frame, index == 0, usize::from(seed)));
}

/// An edit of the document, read again, gives the edited document and changes nothing around it.
fn edited(frame: &Frame, is_first: bool, seed: usize) {
    let Some(document) = frame.document().filter(|_| frame.complete) else { return };
    let start = seed % (document.len() + 1);
    let range = WireRange::new(start, (start + seed / 16).min(document.len()));
    let edit = WireEdit { range, bytes: b"<new>".to_vec() };
    let spliced = frame.splice(std::slice::from_ref(&edit));
    let Some(in_raw) = frame.to_raw(range) else {
        let across = document.get(range.range()).is_some_and(|bytes| bytes.contains(&b'\n'));
        let colonless = range.is_empty() && frame.raw.split(|&byte| matches!(byte, b'\r' | b'\n')).any(is_bare);
        assert!(across || colonless, "an edit within a line has a place");
        assert_eq!(spliced, Err(SpliceError::NoPlace { index: 0 }));
        return;
    };
    assert_eq!(frame.raw.get(in_raw.range()), document.get(range.range()));
    let spliced = spliced.expect("an edit with a place");
    assert_eq!(spliced.len() + range.len(), frame.raw.len() + edit.bytes.len());
    let mut framer = SseFramer::new(2 * LIMIT);
    if !is_first {
        // A byte order mark means something at the start of a stream only.
        assert_eq!(framer.push(Bytes::from_static(b"\n")), Ok(()));
        assert_eq!(framer.next_frame().map(|blank| blank.payload), Some(Payload::None));
    }
    let pushed = framer.push(spliced);
    assert_eq!(pushed.and(framer.finish()), Ok(()));
    let again = framer.next_frame().expect("the edited event");
    let expected = splice(&Bytes::copy_from_slice(document), &[edit]);
    assert_eq!(again.document().map(Bytes::copy_from_slice), expected.ok());
    assert_eq!(again.event_name(), frame.event_name());
    assert_eq!(framer.next_frame(), None);
}

/// A data line that has no place for a value.
fn is_bare(line: &[u8]) -> bool {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) == b"data"
}

fn frames_of<'d>(chunks: impl IntoIterator<Item = &'d [u8]>) -> (Vec<Frame>, Result<(), FrameError>) {
    let mut framer = SseFramer::new(LIMIT);
    let mut result = Ok(());
    for chunk in chunks {
        result = result.and(framer.push(Bytes::copy_from_slice(chunk)));
    }
    result = result.and(framer.finish());
    (std::iter::from_fn(|| framer.next_frame()).collect(), result)
}

/// Type and data of each event that the standard dispatches.
fn events_of(stream: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = Vec::new();
    let (mut name, mut data, mut line) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\r' && byte != b'\n' {
            line.push(byte);
            continue;
        }
        if byte == b'\r' {
            let _ = bytes.next_if_eq(&b'\n');
        }
        if line.is_empty() {
            if data.pop().is_some() {
                events.push((std::mem::take(&mut name), std::mem::take(&mut data)));
            }
            name.clear();
            continue;
        }
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..])),
            None => (&line[..], &b""[..]),
        };
        match field {
            b"event" => name = value.to_vec(),
            b"data" => {
                data.extend_from_slice(value);
                data.push(b'\n');
            }
            _ => {}
        }
        line.clear();
    }
    events
}
