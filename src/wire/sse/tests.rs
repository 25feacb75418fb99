//! Handwritten transcripts, cut at every position. The reading of arbitrary bytes is checked in `fuzz/targets/sse.rs`.

use super::*;

const LIMIT: usize = 1_000;

fn frames_of(chunks: &[&[u8]], limit: usize) -> (Vec<Frame>, Result<(), FrameError>) {
    let mut framer = SseFramer::new(limit);
    let mut result = Ok(());
    for chunk in chunks {
        result = result.and(framer.push(Bytes::copy_from_slice(chunk)));
    }
    result = result.and(framer.finish());
    (std::iter::from_fn(|| framer.next_frame()).collect(), result)
}

/// One frame: raw bytes, event, document, complete.
type Row = (&'static str, Option<&'static str>, Option<&'static str>, bool);

const TRANSCRIPTS: &[(&str, &[Row])] = &[
    ("", &[]),
    (
        "data: {\"a\":1}\n\ndata: [DONE]\n\n",
        &[("data: {\"a\":1}\n\n", None, Some("{\"a\":1}"), true), ("data: [DONE]\n\n", None, Some("[DONE]"), true)],
    ),
    (
        "event: start\r\nid: 7\r\ndata: {}\r\n\r\n: ping\r\n\r\n",
        &[
            ("event: start\r\nid: 7\r\ndata: {}\r\n\r\n", Some("start"), Some("{}"), true),
            (": ping\r\n\r\n", None, None, true),
        ],
    ),
    ("data:1\r\rdata:2\r\r", &[("data:1\r\r", None, Some("1"), true), ("data:2\r\r", None, Some("2"), true)]),
    ("data:1\r\r\ndata:2\n\n", &[("data:1\r\r\n", None, Some("1"), true), ("data:2\n\n", None, Some("2"), true)]),
    ("data:1\n\r\n", &[("data:1\n\r\n", None, Some("1"), true)]),
    ("\u{feff}data: x\n\n", &[("\u{feff}data: x\n\n", None, Some("x"), true)]),
    ("\u{feff}\n\u{feff}data: x\n\n", &[("\u{feff}\n", None, None, true), ("\u{feff}data: x\n\n", None, None, true)]),
    ("data\n\n", &[("data\n\n", None, Some(""), true)]),
    ("data\ndata\n\n", &[("data\ndata\n\n", None, Some("\n"), true)]),
    ("data:  two\n\n", &[("data:  two\n\n", None, Some(" two"), true)]),
    (
        "data: [1,\nevent: a\n: c\ndata: 2]\nevent:b\n\n",
        &[("data: [1,\nevent: a\n: c\ndata: 2]\nevent:b\n\n", Some("b"), Some("[1,\n2]"), true)],
    ),
    ("Data: x\n data: y\ndata : z\n\n", &[("Data: x\n data: y\ndata : z\n\n", None, None, true)]),
    (
        "\n\r\n\r\r",
        &[("\n", None, None, true), ("\r\n", None, None, true), ("\r", None, None, true), ("\r", None, None, true)],
    ),
    ("retry: 5\n\n", &[("retry: 5\n\n", None, None, true)]),
    ("event\ndata: a:b\n\n", &[("event\ndata: a:b\n\n", Some(""), Some("a:b"), true)]),
    ("data: cut", &[("data: cut", None, Some("cut"), false)]),
    ("data: cut\n", &[("data: cut\n", None, Some("cut"), false)]),
    ("data: cut\r", &[("data: cut\r", None, Some("cut"), false)]),
    (
        "data: a\n\nevent: e\ndata: b\nda",
        &[("data: a\n\n", None, Some("a"), true), ("event: e\ndata: b\nda", Some("e"), Some("b"), false)],
    ),
    ("\u{feff}", &[("\u{feff}", None, None, false)]),
];

#[test]
fn transcripts_cut_at_every_position() {
    for (transcript, rows) in TRANSCRIPTS {
        let bytes = transcript.as_bytes();
        let check = |chunks: &[&[u8]]| {
            let (frames, result) = frames_of(chunks, LIMIT);
            assert_eq!(result, Ok(()));
            let got: Vec<_> = frames
                .iter()
                .map(|frame| {
                    let text = |bytes| std::str::from_utf8(bytes).unwrap();
                    (text(&frame.raw), frame.event_name().map(text), frame.document().map(text), frame.complete)
                })
                .collect();
            assert_eq!(got, *rows, "{transcript:?} as {chunks:?}");
        };
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                check(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
            }
        }
        check(&bytes.chunks(1).collect::<Vec<_>>());
    }
}

#[test]
fn an_event_leaves_as_soon_as_it_ends() {
    let mut framer = SseFramer::new(LIMIT);
    framer.push(Bytes::from_static(b"data: 1\n\ndata")).unwrap();
    assert_eq!(framer.next_frame().unwrap().document(), Some(&b"1"[..]));
    assert_eq!(framer.next_frame(), None);
    framer.push(Bytes::from_static(b": 2\r\n\r\n")).unwrap();
    assert_eq!(framer.next_frame().unwrap().document(), Some(&b"2"[..]));
}

#[test]
fn an_event_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from(b"data: 1\n\ndata: 2\n\n".to_vec());
    let mut framer = SseFramer::new(LIMIT);
    framer.push(chunk.clone()).unwrap();
    assert_eq!(framer.next_frame().unwrap().raw.as_ptr(), chunk.as_ptr());
    assert_eq!(framer.next_frame().unwrap().raw.as_ptr(), chunk[9..].as_ptr());
}

#[test]
fn the_limit_is_per_event_and_ends_the_stream() {
    let stream = b"data: 1\n\ndata: 2\n\ndata: 33\n\ndata: 4\n\n";
    for size in 1..=stream.len() {
        let (frames, result) = frames_of(&stream.chunks(size).collect::<Vec<_>>(), 9);
        assert_eq!(frames.len(), 2, "chunks of {size}");
        assert_eq!(result, Err(FrameError::TooLarge { limit: 9 }));
    }
    let (frames, result) = frames_of(&[b"data: 1234"], 9);
    assert_eq!((frames.len(), result), (0, Err(FrameError::TooLarge { limit: 9 })));
}

#[test]
fn too_many_data_lines_are_refused() {
    let fits = "data\n".repeat(MAX_DATA_LINES) + "\n";
    assert_eq!(frames_of(&[fits.as_bytes()], usize::MAX).0.len(), 1);
    let exceeds = "data\n".repeat(MAX_DATA_LINES + 1) + "\n";
    let expected = (Vec::new(), Err(FrameError::TooManyLines { limit: MAX_DATA_LINES }));
    assert_eq!(frames_of(&[exceeds.as_bytes()], usize::MAX), expected);
}

#[test]
fn nothing_after_the_end() {
    let mut framer = SseFramer::new(LIMIT);
    framer.finish().unwrap();
    assert_eq!(framer.finish(), Ok(()));
    assert_eq!(framer.push(Bytes::from_static(b"x")), Err(FrameError::Finished));
}
