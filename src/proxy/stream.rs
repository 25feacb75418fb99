//! The async driver of the engine: feeds an upstream's stream in, gives cleared bytes out, as fast as the caller reads.
//!
//! Nothing is buffered here but the pieces of one upstream chunk. The stream's last piece waits until the exchange's
//! completion record is on disk; which piece is the last is known at the end of the upstream's body, or supposed when the
//! dialect's end mark is in it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;

use crate::dialect::{Separator, render_error_event};
use crate::inspect::{Framing, Refusal, RefusalCode, Report, ResponseInspector};
use crate::proxy::cpu::{aside, guarded};
use crate::proxy::exchange::Exchange;
use crate::proxy::idle::Idle;
use crate::proxy::ledger::Receipt;
use crate::telemetry::events::AuditWaited;

/// How long a piece that looks like the last one waits for the upstream to end its body: an upstream that keeps the
/// connection open behind its last event must not make the caller wait. After it the stream counts as ended.
const END_WAIT: Duration = Duration::from_millis(200);

/// A guarded stream of events.
pub struct GuardedStream {
    state: State,
    inspector: ResponseInspector,
    exchange: Exchange,
    idle: Idle,
    ends: &'static [&'static str],
    framing: Framing,
    /// True once a piece has left.
    begun: bool,
}

enum State {
    /// The upstream's body flows. `last`: a piece that looks like the last one, held for a moment.
    Flowing { upstream: Incoming, last: Option<(Bytes, Idle)> },
    /// All is decided; the completion record is on its way to the disk.
    Settling { receipt: Receipt, since: Instant, tail: VecDeque<Bytes> },
    /// The rest may leave.
    Ending(VecDeque<Bytes>),
}

impl GuardedStream {
    /// A stream whose exchange has been admitted. `idle`: the longest silence of the upstream.
    #[must_use]
    pub fn new(
        upstream: Incoming,
        inspector: ResponseInspector,
        exchange: Exchange,
        idle: Duration,
        framing: Framing,
    ) -> Self {
        let state = State::Flowing { upstream, last: None };
        let ends = exchange.facts().endpoint.dialect.stream_ends;
        Self { state, inspector, exchange, idle: Idle::new(idle), ends, framing, begun: false }
    }

    /// True if nothing more comes.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(&self.state, State::Ending(tail) if tail.is_empty())
    }

    /// The next bytes that may leave.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match &mut self.state {
                State::Flowing { .. } => {
                    if let Some(piece) = ready!(self.poll_flowing(cx)) {
                        return Poll::Ready(Some(piece));
                    }
                }
                State::Settling { receipt, since, tail } => {
                    let written = ready!(Pin::new(receipt).poll(cx));
                    AuditWaited { record: "completion", took: since.elapsed() }.emit();
                    let tail = match written {
                        Ok(()) => std::mem::take(tail),
                        // SECURITY: the end of the stream is withheld, for there is no record of it.
                        Err(_down) => VecDeque::from([self.error_event(&unrecorded())]),
                    };
                    self.state = State::Ending(tail);
                }
                State::Ending(tail) => return Poll::Ready(tail.pop_front()),
            }
        }
    }

    /// A piece, or `None` when the state has changed.
    fn poll_flowing(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let State::Flowing { upstream, last } = &mut self.state else { return Poll::Ready(None) };
        if let Some(piece) = pull(&mut self.inspector) {
            self.begun = true;
            let ends = contains(&piece, self.ends).then(|| (piece.clone(), Idle::new(END_WAIT)));
            let out = match (last.take(), ends) {
                (None, None) => Some(piece),
                (None, Some(held)) => {
                    *last = Some(held);
                    None
                }
                // What was held was not the last after all; both keep their order.
                (Some((earlier, _)), None) => Some(joined(&earlier, &piece)),
                (Some((earlier, _)), Some(held)) => {
                    *last = Some(held);
                    Some(earlier)
                }
            };
            return Poll::Ready(out);
        }
        match Pin::new(upstream).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.touch();
                // Trailers of an upstream carry nothing that passes.
                if let Ok(chunk) = frame.into_data() {
                    let inspector = &mut self.inspector;
                    let costly = inspector.is_costly(chunk.len());
                    if let Err(refusal) = guarded(|| aside(costly, || inspector.push(chunk))).and_then(|pushed| pushed)
                    {
                        self.fail(&refusal);
                    }
                }
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_broken))) => {
                self.fail(&Refusal::new(RefusalCode::UpstreamFailed, "the stream broke off"));
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                if self.idle.poll(cx).is_ready() {
                    self.fail(&Refusal::new(RefusalCode::UpstreamTimeout, "the stream fell silent"));
                    return Poll::Ready(None);
                }
                if last.as_mut().is_some_and(|(_, wait)| wait.poll(cx).is_ready()) {
                    // The dialect's stream is over, whatever the connection does. SECURITY: its last piece too waits for the record.
                    self.end();
                    return Poll::Ready(None);
                }
                Poll::Pending
            }
        }
    }

    /// The upstream's body is complete.
    fn end(&mut self) {
        let inspector = &mut self.inspector;
        let costly = inspector.is_costly(0);
        if let Err(refusal) = guarded(|| aside(costly, || inspector.finish())).and_then(|finished| finished) {
            return self.fail(&refusal);
        }
        let mut tail = self.take_held();
        while let Some(piece) = self.inspector.pull() {
            tail.push_back(piece.into_inner());
        }
        let report = self.report();
        self.settle(|exchange| exchange.complete(report, None), tail);
    }

    /// The stream ends with the dialect's error event.
    fn fail(&mut self, refusal: &Refusal) {
        // What the engine cleared before the refusal is still good, and leaves whatever the chunk was that it came in.
        let mut tail = self.take_held();
        while let Some(piece) = self.inspector.pull() {
            tail.push_back(piece.into_inner());
        }
        self.begun |= !tail.is_empty();
        tail.push_back(self.error_event(refusal));
        let report = self.report();
        self.settle(|exchange| exchange.refuse(refusal, report), tail);
    }

    fn settle(&mut self, record: impl FnOnce(&mut Exchange) -> Result<Receipt, Refusal>, tail: VecDeque<Bytes>) {
        // Leaving `Flowing` drops the upstream's body, and with it the upstream's work if it is not complete.
        self.state = match record(&mut self.exchange) {
            Ok(receipt) => State::Settling { receipt, since: Instant::now(), tail },
            Err(refusal) => State::Ending(VecDeque::from([self.error_event(&refusal)])),
        };
    }

    fn report(&mut self) -> Report {
        let inspector = &mut self.inspector;
        guarded(|| inspector.take_report()).unwrap_or_else(|_panicked| Report::default())
    }

    fn take_held(&mut self) -> VecDeque<Bytes> {
        match &mut self.state {
            State::Flowing { last, .. } => last.take().map(|(piece, _)| piece).into_iter().collect(),
            State::Settling { .. } | State::Ending(_) => VecDeque::new(),
        }
    }

    fn separator(&self) -> Separator {
        match self.framing {
            // Neither a whole body nor media comes here: both are read before they leave.
            Framing::Sse | Framing::Whole | Framing::Media => Separator::Event,
            Framing::Lines => Separator::Line,
            Framing::Elements if self.begun => Separator::Element,
            Framing::Elements => Separator::FirstElement,
        }
    }

    fn error_event(&self, refusal: &Refusal) -> Bytes {
        let facts = self.exchange.facts();
        render_error_event(facts.endpoint.dialect, refusal, facts.id.as_str(), self.separator())
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        // Only an unfinished exchange takes it: the caller left in the middle.
        if !self.exchange.is_finished() {
            let report = self.report();
            self.exchange.abort(report);
        }
    }
}

impl fmt::Debug for GuardedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedStream").field("exchange", &self.exchange.facts().id).finish_non_exhaustive()
    }
}

fn unrecorded() -> Refusal {
    Refusal::new(RefusalCode::AuditUnavailable, "")
}

/// All that may leave now, in one piece: events that came together leave in one write.
fn pull(inspector: &mut ResponseInspector) -> Option<Bytes> {
    let first = inspector.pull()?.into_inner();
    let Some(second) = inspector.pull() else { return Some(first) };
    let mut all = bytes::BytesMut::from(first);
    all.extend_from_slice(second.get());
    while let Some(piece) = inspector.pull() {
        all.extend_from_slice(piece.get());
    }
    Some(all.freeze())
}

fn contains(piece: &[u8], marks: &[&str]) -> bool {
    marks.iter().any(|mark| memchr::memmem::find(piece, mark.as_bytes()).is_some())
}

fn joined(first: &Bytes, second: &Bytes) -> Bytes {
    let mut both = bytes::BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}
