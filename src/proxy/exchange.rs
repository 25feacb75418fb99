//! The state of one exchange: owned, finished exactly once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::dialect::Endpoint;
use crate::identity::Principal;
use crate::inspect::{Refusal, RefusalCode, Report};
use crate::policy::Verdict;
use crate::proxy::budget::Held;
use crate::proxy::id::ExchangeId;
use crate::proxy::ledger::{Entry, Ledger, Outcome, Receipt, Stage};
use crate::telemetry::Metric;
use crate::telemetry::events::{Answered, AuditWaited, CallerLeft, Inspected, Live, Refused};
use crate::text::Phase;

/// What is known of an exchange when it begins.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its id.
    pub id: ExchangeId,
    /// Who calls.
    pub principal: Arc<Principal>,
    /// What is called.
    pub endpoint: &'static Endpoint,
    /// The upstream's name.
    pub upstream: Arc<str>,
    /// Hash of the rules in force.
    pub ruleset: Arc<str>,
    /// Hash of the policies in force, or empty.
    pub policies: Arc<str>,
    /// When the request came.
    pub began: Timestamp,
}

/// One request and its response.
///
/// INVARIANT: finished exactly once. Dropped unfinished (the caller left, or a panic), it is recorded as aborted.
#[derive(Debug)]
pub struct Exchange {
    facts: Facts,
    ledger: Arc<dyn Ledger>,
    since: Instant,
    /// Until a record has taken it.
    request: Option<Report>,
    verdict: Verdict,
    admission: Option<Receipt>,
    finished: bool,
    status: u16,
    stream: bool,
    inspecting: Duration,
    waiting: Duration,
    held: Vec<Held>,
    _live: Live,
}

impl Exchange {
    /// Begins an exchange, which keeps `held` until it ends.
    #[must_use]
    pub fn begin(facts: Facts, ledger: Arc<dyn Ledger>, since: Instant, held: Vec<Held>) -> Self {
        Self {
            facts,
            ledger,
            since,
            request: None,
            verdict: Verdict::Allow,
            admission: None,
            finished: false,
            status: 0,
            stream: false,
            inspecting: Duration::ZERO,
            waiting: Duration::ZERO,
            held,
            _live: Live::new(Metric::InFlight),
        }
    }

    /// What was known when it began.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The verdict so far.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// True once its end is recorded.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Notes the upstream.
    pub fn goes_to(&mut self, upstream: Arc<str>) {
        self.facts.upstream = upstream;
    }

    /// Keeps one more resource until the end.
    pub fn hold(&mut self, held: Held) {
        self.held.push(held);
    }

    /// Notes what was found in the request.
    pub fn inspected(&mut self, report: Report, took: Duration) {
        Inspected { phase: Phase::Request, report: &report, took: Some(took) }.emit();
        self.inspecting += took;
        self.verdict = report.verdict.clone();
        self.request = Some(report);
    }

    /// Hands the admission record to the log, without waiting.
    ///
    /// # Errors
    /// `AuditUnavailable`: the log takes none; then the upstream must not be called.
    pub fn admit(&mut self) -> Result<(), Refusal> {
        let request = self.request.take();
        let entry = self.entry(Stage::Admission, Outcome::Open, None, request, None);
        self.admission = Some(self.ledger.submit(entry).map_err(|_down| unavailable())?);
        Ok(())
    }

    /// Waits until the admission record is on disk. SECURITY: no byte of the response may leave before.
    ///
    /// # Errors
    /// `AuditUnavailable`.
    pub async fn admitted(&mut self) -> Result<(), Refusal> {
        match self.admission.take() {
            Some(receipt) => settle(receipt, "admission").await,
            None => Ok(()),
        }
    }

    /// The status that the caller gets, and whether a stream follows it.
    pub const fn answers(&mut self, status: u16, stream: bool) {
        self.status = status;
        self.stream = stream;
    }

    /// Time spent waiting for the upstream.
    pub fn waited(&mut self, took: Duration) {
        self.waiting += took;
    }

    /// Hands the completion record to the log. The returned wait must end before the response's last byte leaves.
    ///
    /// # Errors
    /// `AuditUnavailable`: the log takes none.
    pub fn complete(&mut self, response: Report, took: Option<Duration>) -> Result<Receipt, Refusal> {
        Inspected { phase: Phase::Response, report: &response, took }.emit();
        self.inspecting += took.unwrap_or_default();
        self.join(&response);
        self.finish(Outcome::Completed, None, response)
    }

    /// Records a refusal. The returned wait must end before the refusal is sent.
    ///
    /// # Errors
    /// `AuditUnavailable`: the log takes none.
    pub fn refuse(&mut self, refusal: &Refusal, response: Report) -> Result<Receipt, Refusal> {
        Refused {
            exchange: self.facts.id.as_str(),
            endpoint: self.facts.endpoint.name,
            code: refusal.code,
            rule: &refusal.rule,
        }
        .emit();
        if self.status == 0 {
            self.status = refusal.code.row().1;
        }
        self.join(&response);
        let outcome = match refusal.code {
            RefusalCode::UpstreamFailed | RefusalCode::UpstreamTimeout | RefusalCode::Internal => Outcome::Failed,
            _ => Outcome::Refused,
        };
        self.finish(outcome, Some(refusal), response)
    }

    /// Records that the caller left in the middle of the response.
    pub fn abort(&mut self, response: Report) {
        if !self.finished {
            CallerLeft { exchange: self.facts.id.as_str(), endpoint: self.facts.endpoint.name }.emit();
            self.join(&response);
            // Nobody is left to wait or to be told: the log declares what it could not take.
            let _ = self.finish(Outcome::Aborted, None, response);
        }
    }

    fn join(&mut self, response: &Report) {
        let verdict = std::mem::take(&mut self.verdict);
        self.verdict = verdict.join(response.verdict.clone());
    }

    fn finish(&mut self, outcome: Outcome, refusal: Option<&Refusal>, response: Report) -> Result<Receipt, Refusal> {
        self.finished = true;
        let verdict = if outcome == Outcome::Refused { "block" } else { self.verdict.word() };
        Answered {
            exchange: self.facts.id.as_str(),
            endpoint: self.facts.endpoint.name,
            status: self.status,
            verdict,
            took: self.since.elapsed(),
        }
        .emit();
        // An admission has taken the request's report; without one, this record holds both.
        let request = self.request.take();
        let entry = self.entry(Stage::Completion, outcome, refusal, request, Some(response));
        self.ledger.submit(entry).map_err(|_down| unavailable())
    }

    fn entry<'a>(
        &'a self,
        stage: Stage,
        outcome: Outcome,
        refusal: Option<&'a Refusal>,
        request: Option<Report>,
        response: Option<Report>,
    ) -> Entry<'a> {
        Entry {
            facts: &self.facts,
            stage,
            outcome,
            refusal,
            request,
            response,
            verdict: &self.verdict,
            status: (self.status != 0).then_some(self.status),
            stream: self.stream,
            took: self.since.elapsed(),
            inspecting: self.inspecting,
            waiting: self.waiting,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.abort(Report::default());
    }
}

/// Waits for a receipt.
///
/// # Errors
/// `AuditUnavailable`: the record could not be written in time.
pub async fn settle(receipt: Receipt, record: &'static str) -> Result<(), Refusal> {
    let since = Instant::now();
    let result = receipt.await.map_err(|_down| unavailable());
    AuditWaited { record, took: since.elapsed() }.emit();
    result
}

fn unavailable() -> Refusal {
    Refusal::new(RefusalCode::AuditUnavailable, "")
}
