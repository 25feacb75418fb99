//! The seam to the audit log: what the proxy says of an exchange, and the wait until it is on disk.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::inspect::{Refusal, Report};
use crate::policy::Verdict;
use crate::proxy::exchange::Facts;

/// Which of an exchange's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Written before the first byte of the response leaves.
    Admission,
    /// Written before the last byte of the response leaves.
    Completion,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet.
    Open,
    /// Answered to its end.
    Completed,
    /// We refused it.
    Refused,
    /// The caller left.
    Aborted,
    /// The upstream, or we, broke off.
    Failed,
}

/// What one record says. Holds findings and filtered text only, by the types of [`Report`].
#[derive(Debug)]
pub struct Entry<'a> {
    /// What was known when the exchange began.
    pub facts: &'a Facts,
    /// Which record.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused.
    pub refusal: Option<&'a Refusal>,
    /// What was found in the request: in the admission, or in a completion without one.
    pub request: Option<Report>,
    /// What was found in the response: in the completion.
    pub response: Option<Report>,
    /// The verdict so far.
    pub verdict: &'a Verdict,
    /// The status that the caller gets, as soon as it is known.
    pub status: Option<u16>,
    /// Whether the response is a stream.
    pub stream: bool,
    /// Since the request came.
    pub took: Duration,
    /// Of that, CPU time of inspection.
    pub inspecting: Duration,
    /// Of that, waiting for the upstream.
    pub waiting: Duration,
}

/// The log takes no record, or could not write one in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is not available")]
pub struct LedgerDown;

/// Ends when the record is on disk.
pub struct Receipt(Pin<Box<dyn Future<Output = Result<(), LedgerDown>> + Send>>);

impl Receipt {
    /// Wraps the log's own wait.
    #[must_use]
    pub fn new(wait: impl Future<Output = Result<(), LedgerDown>> + Send + 'static) -> Self {
        Self(Box::pin(wait))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt(..)")
    }
}

impl Future for Receipt {
    type Output = Result<(), LedgerDown>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

/// Where records go.
pub trait Ledger: Send + Sync + fmt::Debug {
    /// Takes a record without waiting.
    ///
    /// # Errors
    /// [`LedgerDown`]: no record is taken now.
    fn submit(&self, entry: Entry<'_>) -> Result<Receipt, LedgerDown>;

    /// Writes what was submitted, then takes nothing more.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// Remembers nothing: for a configuration that has its audit switched off, in so many words.
#[derive(Debug, Clone, Copy)]
pub struct NoLedger;

impl Ledger for NoLedger {
    fn submit(&self, _entry: Entry<'_>) -> Result<Receipt, LedgerDown> {
        Ok(Receipt::new(std::future::ready(Ok(()))))
    }
}
