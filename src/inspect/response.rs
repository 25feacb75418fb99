//! The inspection of a response: a body is a stream with one frame.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::dialect::withdraw::withdraw_calls;
use crate::dialect::{Endpoint, Table};
use crate::inspect::assembly::{Assembly, Fault};
use crate::inspect::context::{Context, Guards};
use crate::inspect::told::Told;
use crate::inspect::{Cleared, Refusal, RefusalCode, Report};
use crate::redact::Vault;
use crate::text::Phase;
use crate::tools::Toolbox;
use crate::wire::frame::{Frame, Framer, WholeFramer};
use crate::wire::media::MediaFramer;
use crate::wire::pieces::PieceFramer;
use crate::wire::sse::SseFramer;
use crate::wire::tree;

/// LIMIT: a whole response body. Larger answers are no text that a person or an agent reads.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// LIMIT: one event of a stream. Final events that repeat a long answer reach some megabytes.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// How a response is cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One JSON document.
    Whole,
    /// Server-sent events.
    Sse,
    /// One JSON document a line.
    Lines,
    /// One JSON array, element by element.
    Elements,
    /// Media of a kind that the endpoint's table declares: not read.
    Media,
}

/// Inspects a response, chunk by chunk as it arrives. CPU-bound; no I/O.
pub struct ResponseInspector {
    framer: Box<dyn Framer + Send>,
    endpoint: &'static Endpoint,
    table: Table,
    terminators: &'static [&'static str],
    media: bool,
    context: Context,
    assembly: Assembly,
    /// Frames that have not left yet, in step with the assembly's.
    frames: VecDeque<Frame>,
    /// What may leave.
    ready: VecDeque<Cleared<Bytes>>,
}

impl ResponseInspector {
    /// An inspector for a response to a request whose redactions are in `vault` and whose tools are in `toolbox`.
    #[must_use]
    pub fn new(guards: Guards, endpoint: &'static Endpoint, framing: Framing, vault: Vault, toolbox: Toolbox) -> Self {
        let (framer, table): (Box<dyn Framer + Send>, Table) = match framing {
            Framing::Whole => (Box::new(WholeFramer::new(MAX_RESPONSE_BYTES)), endpoint.response()),
            Framing::Sse => (Box::new(SseFramer::new(MAX_EVENT_BYTES)), endpoint.stream()),
            Framing::Lines => (Box::new(PieceFramer::lines(MAX_EVENT_BYTES)), endpoint.stream()),
            Framing::Elements => (Box::new(PieceFramer::elements(MAX_EVENT_BYTES)), endpoint.stream()),
            Framing::Media => (Box::new(MediaFramer::default()), endpoint.response()),
        };
        let mut context = Context::new(guards, Phase::Response, endpoint, vault, toolbox);
        context.told = table.trie.has_copies().then(Told::default);
        let terminators = endpoint.dialect.terminators;
        Self {
            framer,
            endpoint,
            table,
            terminators,
            media: framing == Framing::Media,
            context,
            assembly: Assembly::default(),
            frames: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the upstream.
    ///
    /// # Errors
    /// A [`Refusal`]: what `pull` still gives was cleared before it and may be sent, then nothing but the dialect's own error.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        let pushed = self.framer.push(chunk);
        // What was whole before a fault is still inspected, so that the output does not depend on how the bytes were cut.
        self.take_frames()?;
        pushed.map_err(|error| garbage(error.to_string()))
    }

    /// Says that the upstream's body is complete (`push` nothing after it). Everything held is then decided.
    ///
    /// # Errors
    /// As `push`.
    pub fn finish(&mut self) -> Result<(), Refusal> {
        let ended = self.framer.finish();
        self.take_frames()?;
        ended.map_err(|error| garbage(error.to_string()))?;
        self.assembly.end(&mut self.context)?;
        self.release()
    }

    /// True if taking the next `bytes` bytes may take longer than a reactor should be kept: a call is about to be judged by a schema that is
    /// new or expensive.
    #[must_use]
    pub fn is_costly(&self, bytes: usize) -> bool {
        self.assembly.is_costly(&self.context.toolbox, bytes)
    }

    fn take_frames(&mut self) -> Result<(), Refusal> {
        while let Some(frame) = self.framer.next_frame() {
            self.take(frame)?;
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame) -> Result<(), Refusal> {
        let document = frame.document();
        if self.media {
            self.context.report.coverage.opaque += frame.raw.len() as u64;
        }
        match document {
            None | Some(b"") => self.assembly.pass(),
            Some(document) if self.terminators.iter().any(|t| t.as_bytes() == document.trim_ascii()) => {
                self.assembly.pass();
            }
            Some(document) => {
                let taken = self.assembly.ingest(&mut self.context, self.table, document);
                taken.map_err(|fault| match fault {
                    Fault::Refused(refusal) => refusal,
                    Fault::Malformed(_) if !frame.complete => {
                        Refusal::new(RefusalCode::UpstreamFailed, "the stream ended within an event")
                    }
                    Fault::Malformed(error) => garbage(error.to_string()),
                })?;
            }
        }
        self.frames.push_back(frame);
        self.release()
    }

    fn release(&mut self) -> Result<(), Refusal> {
        loop {
            let number = self.assembly.next();
            let Some(edits) = self.assembly.pop() else { break };
            let Some(frame) = self.frames.pop_front() else { break };
            let edits = match (self.assembly.withdrawals(), frame.document()) {
                (Some(calls), Some(doc)) => tree::join(edits, withdraw_calls(self.endpoint, doc, number, calls)),
                _ => edits,
            };
            let bytes = frame.splice(&edits).map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))?;
            self.ready.push_back(Cleared::new(bytes));
        }
        Ok(())
    }

    /// The next bytes that may leave, if any. After `finish` and a `None`, all is out.
    pub fn pull(&mut self) -> Option<Cleared<Bytes>> {
        self.ready.pop_front()
    }

    /// The report, complete after `finish` (or after an error).
    pub fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.context.report)
    }
}

fn garbage(detail: String) -> Refusal {
    Refusal::new(RefusalCode::UpstreamGarbage, detail)
}

impl std::fmt::Debug for ResponseInspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseInspector").field("held", &self.frames.len()).finish_non_exhaustive()
    }
}
