//! The event stream framer against a plain reading of the standard, and against itself on other cuts.

use bytes::Bytes;
use sidewall::wire::{Frame, FrameError, Framer, Payload, SseFramer};

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
