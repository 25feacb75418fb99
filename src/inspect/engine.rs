//! (stub of the engine with its final signatures)

use std::sync::Arc;

use bytes::Bytes;

use crate::detect::Ruleset;
use crate::dialect::Endpoint;
use crate::inspect::{Cleared, Refusal, Report};
use crate::policy::Guardrails;
use crate::redact::{TenantKey, Vault};

/// What guards the exchanges of one tenant. Cheap to clone; swapped whole on reload.
#[derive(Debug, Clone)]
pub struct Guards {
    /// Detection rules.
    pub ruleset: Arc<Ruleset>,
    /// Guardrails, resolved for the tenant.
    pub guardrails: Arc<Guardrails>,
    /// The tenant's placeholder key.
    pub key: TenantKey,
}

/// How a response is cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One JSON document.
    Whole,
    /// Server-sent events.
    Sse,
}

/// A request that may go upstream.
#[derive(Debug)]
pub struct InspectedRequest {
    /// The body to send.
    pub body: Cleared<Bytes>,
    /// What was redacted, for the way back.
    pub vault: Vault,
    /// For audit and metrics.
    pub report: Report,
}

/// Inspects a request's body (empty: a bodiless call). CPU-bound; no I/O.
///
/// # Errors
/// A [`Refusal`] with the report of what was found until then.
pub fn inspect_request(
    guards: &Guards,
    _endpoint: &'static Endpoint,
    body: Bytes,
) -> Result<InspectedRequest, Box<(Refusal, Report)>> {
    Ok(InspectedRequest { body: Cleared::new(body), vault: Vault::new(guards.key.clone()), report: Report::default() })
}

/// Inspects a response, chunk by chunk as it arrives. CPU-bound; no I/O.
#[derive(Debug)]
pub struct ResponseInspector {
    ready: Vec<Bytes>,
}

impl ResponseInspector {
    /// An inspector for a response to a request whose redactions are in `vault`.
    #[must_use]
    pub fn new(_guards: Guards, _endpoint: &'static Endpoint, _framing: Framing, _vault: Vault) -> Self {
        Self { ready: Vec::new() }
    }
    /// Takes the next bytes of the upstream.
    ///
    /// # Errors
    /// A [`Refusal`]: nothing more may be sent but the dialect's own error.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        self.ready.push(chunk);
        Ok(())
    }
    /// Says that the upstream's body is complete (`push` nothing after it). Everything held is then decided.
    ///
    /// # Errors
    /// As `push`.
    pub fn finish(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
    /// The next bytes that may leave, if any. After `finish` and a `None`, all is out.
    pub fn pull(&mut self) -> Option<Cleared<Bytes>> {
        if self.ready.is_empty() { None } else { Some(Cleared::new(self.ready.remove(0))) }
    }
    /// The report, complete after `finish` (or after an error).
    pub fn take_report(&mut self) -> Report {
        Report::default()
    }
}
