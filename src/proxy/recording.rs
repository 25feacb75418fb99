//! The audit log as the proxy's ledger.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

use crate::audit::{self, AuditLog, Record, RefusalNote, Timings};
use crate::inspect::Refusal;
use crate::proxy::ledger::{Entry, Ledger, LedgerDown, Outcome, Receipt, Stage};

impl Ledger for AuditLog {
    fn submit(&self, entry: Entry<'_>) -> Result<Receipt, LedgerDown> {
        // Why the log is down is logged and counted where it happens.
        match AuditLog::submit(self, record(entry)).map_err(|_down| LedgerDown)? {
            Some(ticket) => {
                Ok(Receipt::new(async move { ticket.wait().await.map(|_where| ()).map_err(|_down| LedgerDown) }))
            }
            None => Ok(Receipt::new(std::future::ready(Ok(())))),
        }
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if let Err(error) = AuditLog::close(self).await {
                tracing::error!(%error, "the audit log did not close cleanly");
            }
        })
    }
}

fn record(entry: Entry<'_>) -> Record {
    let facts = entry.facts;
    Record {
        event: match entry.stage {
            Stage::Admission => audit::Event::Admission,
            Stage::Completion => audit::Event::Completion,
        },
        exchange: facts.id.as_str().to_owned(),
        time: if entry.stage == Stage::Admission { facts.began } else { Timestamp::now() },
        tenant: facts.principal.tenant.clone(),
        principal: facts.principal.name.clone(),
        roles: facts.principal.roles.clone(),
        scopes: facts.principal.scopes.clone(),
        dialect: facts.endpoint.dialect.name,
        endpoint: facts.endpoint.name,
        upstream: facts.upstream.clone(),
        stream: entry.stream,
        status: entry.status,
        outcome: match entry.outcome {
            Outcome::Open => None,
            Outcome::Completed => Some(audit::Outcome::Completed),
            Outcome::Refused => Some(audit::Outcome::Refused),
            Outcome::Aborted => Some(audit::Outcome::Aborted),
            Outcome::Failed => Some(audit::Outcome::Failed),
        },
        verdict: if entry.outcome == Outcome::Refused { "block" } else { entry.verdict.word() },
        refusal: entry.refusal.map(note),
        request: entry.request,
        response: entry.response,
        ruleset: facts.ruleset.clone(),
        policies: facts.policies.clone(),
        timings: Timings {
            total_us: micros(entry.took),
            inspect_us: micros(entry.inspecting),
            upstream_us: micros(entry.waiting),
        },
    }
}

fn note(refusal: &Refusal) -> RefusalNote {
    RefusalNote { code: refusal.code.row().0, path: refusal.path.clone(), rule: refusal.rule.clone() }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
