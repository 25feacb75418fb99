//! How an answer travels: cut into pieces, with pauses, with the line ends that the script wants, and to which end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::memory::Memory;
use super::scenario::{Scenario, Script};

/// One server-sent event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// The `event:` line, if the API writes one.
    pub name: Option<&'static str>,
    /// The `data:` line.
    pub data: String,
}

/// What a stream is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Server-sent events.
    Events,
    /// One document a line.
    Lines,
    /// One array.
    Array,
}

/// A body as the script wants it.
#[derive(Debug)]
pub(super) struct ScriptedBody {
    pieces: VecDeque<Bytes>,
    delay: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    yielded: bool,
    broken: bool,
    started: bool,
    memory: Option<Arc<Memory>>,
}

/// The script breaks the connection here.
#[derive(Debug, thiserror::Error)]
#[error("the script breaks off this response")]
pub(super) struct Broken;

impl ScriptedBody {
    /// A body in one piece, delivered at once: for the provider's own endpoints.
    pub(super) fn plain(bytes: impl Into<Bytes>) -> Self {
        Self::new([bytes.into()].into(), &Script::default(), None)
    }

    /// One document, delivered by `script`.
    pub(super) fn document(bytes: Bytes, script: &Script, memory: Arc<Memory>) -> Self {
        Self::new(cut([bytes], script), script, Some(memory))
    }

    /// A stream of events, delivered by `script`.
    pub(super) fn stream(events: Vec<Event>, writing: Writing, script: &Script, memory: Arc<Memory>) -> Self {
        let pieces = match writing {
            Writing::Events => encode(events, script),
            Writing::Lines => events.into_iter().map(|event| Bytes::from(event.data + "\n")).collect(),
            Writing::Array => array(events),
        };
        Self::new(cut(pieces, script), script, Some(memory))
    }

    fn new(pieces: VecDeque<Bytes>, script: &Script, memory: Option<Arc<Memory>>) -> Self {
        Self {
            pieces,
            delay: Duration::from_millis(script.delay),
            pause: None,
            yielded: false,
            broken: script.scenario == Scenario::Cut,
            started: false,
            memory,
        }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        // A pause before every piece but the first. Without one, yield once: hyper flushes what it has when a body is
        // pending, so every piece becomes a write of its own.
        if this.started && !this.yielded {
            this.yielded = true;
            if this.delay.is_zero() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.pause = Some(Box::pin(sleep(this.delay)));
        }
        if let Some(pause) = &mut this.pause {
            std::task::ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        this.started = true;
        this.yielded = false;
        match this.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if std::mem::take(&mut this.broken) => Poll::Ready(Some(Err(Broken))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && !self.broken
    }

    fn size_hint(&self) -> SizeHint {
        // A whole document states its length; what is cut into pieces travels chunked.
        match (self.pieces.len(), self.broken) {
            (0, false) => SizeHint::with_exact(0),
            (1, false) => SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum()),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.delivered(self.pieces.is_empty());
        }
    }
}

/// Writes documents as one array.
fn array(events: Vec<Event>) -> Vec<Bytes> {
    let mut pieces = vec![Bytes::from_static(b"[")];
    for (at, event) in events.into_iter().enumerate() {
        pieces.push(Bytes::from(if at == 0 { event.data } else { format!(",\r\n{}", event.data) }));
    }
    pieces.push(Bytes::from_static(b"]"));
    pieces
}

/// Writes events as lines, by the HTML Living Standard, section 9.2.6.
fn encode(mut events: Vec<Event>, script: &Script) -> Vec<Bytes> {
    let end = if script.crlf { "\r\n" } else { "\n" };
    if script.unfinished {
        events.pop();
    }
    let count = events.len();
    let mut lines = Vec::with_capacity(count);
    for (at, event) in events.into_iter().enumerate() {
        let mut text = String::new();
        if at == 0 && script.bom {
            text.push('\u{feff}');
        }
        if script.comments {
            text.push_str(": keep-alive");
            text.push_str(end);
            text.push_str(end);
        }
        if let Some(name) = event.name {
            text.push_str("event: ");
            text.push_str(name);
            text.push_str(end);
        }
        for line in data_lines(&event.data, script.multiline) {
            text.push_str("data: ");
            text.push_str(line);
            text.push_str(end);
        }
        if !(script.unfinished && at + 1 == count) {
            text.push_str(end);
        }
        lines.push(Bytes::from(text));
    }
    lines
}

/// The lines of one event's data: one, or two broken after the document's first brace (whitespace to a JSON parser).
fn data_lines(data: &str, multiline: bool) -> impl Iterator<Item = &str> {
    let split = if multiline && data.starts_with('{') { data.split_at_checked(1) } else { None };
    let (first, second) = split.map_or((data, None), |(first, second)| (first, Some(second)));
    std::iter::once(first).chain(second)
}

/// Cuts at every `chunk` bytes (0: leaves the pieces as they are), and ends a `cut` where it says.
fn cut(pieces: impl IntoIterator<Item = Bytes>, script: &Script) -> VecDeque<Bytes> {
    let mut budget = if script.scenario == Scenario::Cut { script.after } else { usize::MAX };
    let mut out = VecDeque::new();
    for mut piece in pieces {
        piece.truncate(budget);
        budget -= piece.len();
        while !piece.is_empty() {
            let size = if script.chunk == 0 { piece.len() } else { script.chunk.min(piece.len()) };
            out.push_back(piece.split_to(size));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        vec![Event { name: Some("a"), data: "{\"x\":1}".into() }, Event { name: None, data: "[DONE]".into() }]
    }

    fn text(script: &Script) -> String {
        let pieces = cut(encode(events(), script), script);
        String::from_utf8(pieces.iter().flatten().copied().collect()).unwrap()
    }

    #[test]
    fn events_are_written_as_the_script_says() {
        let cases = [
            (Script::default(), "event: a\ndata: {\"x\":1}\n\ndata: [DONE]\n\n"),
            (Script { crlf: true, ..Script::default() }, "event: a\r\ndata: {\"x\":1}\r\n\r\ndata: [DONE]\r\n\r\n"),
            (Script { multiline: true, ..Script::default() }, "event: a\ndata: {\ndata: \"x\":1}\n\ndata: [DONE]\n\n"),
            (Script { unfinished: true, ..Script::default() }, "event: a\ndata: {\"x\":1}\n"),
            (
                Script { comments: true, bom: true, ..Script::default() },
                "\u{feff}: keep-alive\n\nevent: a\ndata: {\"x\":1}\n\n: keep-alive\n\ndata: [DONE]\n\n",
            ),
            (Script { scenario: Scenario::Cut, after: 12, ..Script::default() }, "event: a\ndat"),
        ];
        for (script, expected) in cases {
            assert_eq!(text(&script), expected, "{script:?}");
            assert_eq!(text(&Script { chunk: 1, ..script.clone() }), expected, "{script:?}");
        }
    }

    #[test]
    fn pieces_have_the_size_that_was_asked_for() {
        let script = Script { chunk: 5, ..Script::default() };
        let pieces = cut([Bytes::from_static("äöüäöü".as_bytes())], &script);
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [5, 5, 2]);
    }
}
