//! The inspection of a request's body: one frame.

use bytes::Bytes;

use crate::dialect::Endpoint;
use crate::inspect::assembly::{Assembly, Fault};
use crate::inspect::context::{Context, Guards};
use crate::inspect::{Cleared, Refusal, RefusalCode, Report};
use crate::redact::Vault;
use crate::text::Phase;
use crate::wire::splice::splice;

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
    endpoint: &'static Endpoint,
    body: Bytes,
) -> Result<InspectedRequest, Box<(Refusal, Report)>> {
    let vault = Vault::new(guards.key.clone());
    let mut context = Context { guards: guards.clone(), phase: Phase::Request, vault, report: Report::default() };
    match inspect(&mut context, endpoint, body) {
        Ok(body) => {
            context.vault.remember_sent(body.get().clone());
            Ok(InspectedRequest { body, vault: context.vault, report: context.report })
        }
        Err(refusal) => Err(Box::new((refusal, context.report))),
    }
}

fn inspect(context: &mut Context, endpoint: &'static Endpoint, body: Bytes) -> Result<Cleared<Bytes>, Refusal> {
    if body.is_empty() {
        return Ok(Cleared::new(body));
    }
    let mut assembly = Assembly::default();
    assembly.ingest(context, endpoint.request(), &body).map_err(|fault| match fault {
        Fault::Refused(refusal) => refusal,
        Fault::Malformed(error) => {
            let code = if error.kind.is_limit() { RefusalCode::LimitExceeded } else { RefusalCode::MalformedJson };
            Refusal::new(code, error.to_string())
        }
    })?;
    assembly.end(context)?;
    let edits = assembly.pop().ok_or_else(|| Refusal::new(RefusalCode::Internal, "the request was not decided"))?;
    let body = splice(&body, &edits).map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))?;
    Ok(Cleared::new(body))
}
