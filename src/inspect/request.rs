//! The inspection of a request's body: one frame.

use std::sync::Arc;

use bytes::Bytes;

use crate::detect::classifier::pool::{Answers, Asked};
use crate::dialect::withdraw::withdraw_tools;
use crate::dialect::{Endpoint, Named};
use crate::inspect::assembly::{Assembly, Fault};
use crate::inspect::context::{Context, Guards};
use crate::inspect::{Cleared, Refusal, RefusalCode, Report};
use crate::redact::Vault;
use crate::text::Phase;
use crate::tools::Toolbox;
use crate::wire::splice::splice;
use crate::wire::tree;

/// A request that may go upstream.
#[derive(Debug)]
pub struct InspectedRequest {
    /// The body to send.
    pub body: Cleared<Bytes>,
    /// What was redacted, for the way back.
    pub vault: Vault,
    /// The tools that it declares, for the way back.
    pub toolbox: Toolbox,
    /// For audit and metrics.
    pub report: Report,
}

/// A request that has been inspected as far as rules go. INVARIANT: its body cannot be had before the classifier's questions are settled.
#[derive(Debug)]
pub struct PendingRequest {
    context: Context,
    body: Cleared<Bytes>,
}

impl PendingRequest {
    /// The texts that a classifier is to judge, in order; none if there is no classifier, or if it knows them all. Handed out once.
    pub fn questions(&mut self) -> Vec<Asked> {
        self.context.take_texts()
    }

    /// Ends the inspection with one answer for each question, in order.
    ///
    /// # Errors
    /// A [`Refusal`] with the report of what was found until then.
    pub fn settle(self, answers: Answers) -> Result<InspectedRequest, Box<(Refusal, Report)>> {
        let Self { mut context, body } = self;
        if let Err(refusal) = context.settle(answers) {
            return Err(Box::new((refusal, context.report)));
        }
        context.vault.remember_sent(body.get().clone());
        context.vault.outlive(!body.get().is_empty() && !context.unseen);
        let Context { vault, mut toolbox, report, .. } = context;
        report.findings.iter().for_each(|finding| toolbox.note_kind(&finding.rule.kind));
        Ok(InspectedRequest { body, vault, toolbox, report })
    }
}

/// Inspects a request's body (empty: a bodiless call) without a classifier: where one is configured, its questions are gaps. CPU-bound;
/// no I/O.
///
/// # Errors
/// A [`Refusal`] with the report of what was found until then.
pub fn inspect_request(
    guards: &Guards,
    endpoint: &'static Endpoint,
    body: Bytes,
) -> Result<InspectedRequest, Box<(Refusal, Report)>> {
    begin_request(guards, endpoint, &Named::default(), body)?.settle(Vec::new())
}

/// Inspects a request's body as far as rules go. CPU-bound; no I/O. `named`: what the path names; the path itself is
/// for the proxy to inspect.
///
/// # Errors
/// A [`Refusal`] with the report of what was found until then.
pub fn begin_request(
    guards: &Guards,
    endpoint: &'static Endpoint,
    named: &Named,
    body: Bytes,
) -> Result<PendingRequest, Box<(Refusal, Report)>> {
    let vault = Vault::new(guards.key.clone());
    let mut context = Context::new(guards.clone(), Phase::Request, endpoint, vault, Toolbox::default());
    context.report.model.clone_from(&named.model);
    context.models.extend(named.model.clone());
    match inspect(&mut context, endpoint, named, body) {
        Ok(body) => Ok(PendingRequest { context, body }),
        Err(refusal) => Err(Box::new((refusal, context.report))),
    }
}

fn inspect(
    context: &mut Context,
    endpoint: &'static Endpoint,
    named: &Named,
    body: Bytes,
) -> Result<Cleared<Bytes>, Refusal> {
    if let Some(used) = endpoint.state {
        context.use_state(used.name(), &Arc::from(""))?;
    }
    if let Some(earlier) = &named.earlier {
        context.go_on_from(earlier, true, &Arc::from("path"))?;
    }
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
    if endpoint.known {
        context.judge_model()?;
    }
    let edits = assembly.pop().ok_or_else(|| Refusal::new(RefusalCode::Internal, "the request was not decided"))?;
    let edits = if context.withheld.is_empty() {
        edits
    } else {
        tree::join(edits, withdraw_tools(endpoint, &body, &context.withheld))
    };
    let body = splice(&body, &edits).map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))?;
    Ok(Cleared::new(body))
}
