//! Where approvers decide, on the admin listener: who waits for what, yes or no.
//!
//! | | |
//! |---|---|
//! | `GET /approvals` | the requests on which the caller may decide |
//! | `POST /approvals/REQUEST/approve`, `…/deny` | REQUEST is an id, or the signed form that the requester got |
//!
//! Approvers show a credential of their own, a token or a virtual key; the static caller is nobody here. A decision is an exchange of the
//! approver: it has an id and a record, and takes effect once the record is written.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dialect::DECISIONS;
use crate::identity::{IdentityError, Method as Identification, Principal};
use crate::inspect::{Guards, Refusal, RefusalCode, Report, ToolCallNote};
use crate::policy::DenialKind;
use crate::policy::approvals::{Approvals, Asked, DecisionError};
use crate::proxy::body::OutBody;
use crate::proxy::exchange::{Exchange, Facts, settle};
use crate::proxy::id::ExchangeId;
use crate::proxy::{Proxy, reply, stranger};
use crate::telemetry::events::Identified;

const PATH: &str = "/approvals";

/// What an approver wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish<'p> {
    List,
    Approve(&'p str),
    Deny(&'p str),
}

/// True if a path of the admin listener is answered here.
#[must_use]
pub fn is_about_approvals(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn wish<'p>(method: &Method, path: &'p str) -> Result<Wish<'p>, Refusal> {
    let bad = || Refusal::new(RefusalCode::BadRequest, "GET /approvals, POST /approvals/REQUEST/approve or …/deny");
    let rest = path.strip_prefix(PATH).ok_or_else(bad)?;
    let mut steps = rest.split('/').skip(1);
    match (method, steps.next(), steps.next(), steps.next()) {
        (&Method::GET, None, None, None) => Ok(Wish::List),
        (&Method::POST, Some(request), Some("approve"), None) if !request.is_empty() => Ok(Wish::Approve(request)),
        (&Method::POST, Some(request), Some("deny"), None) if !request.is_empty() => Ok(Wish::Deny(request)),
        _ => Err(bad()),
    }
}

/// An approver whose credential was good, and where requests of the tenant lie.
struct Approver {
    principal: Arc<Principal>,
    guards: Guards,
    ruleset: Arc<str>,
    approvals: Arc<Approvals>,
}

impl Proxy {
    /// Answers an approver.
    pub async fn approvals(&self, parts: &Parts) -> Response<OutBody> {
        let Some(id) = ExchangeId::new() else {
            return reply::refused(DECISIONS.dialect, &Refusal::new(RefusalCode::Internal, ""), "", "");
        };
        match self.answer_approver(&id, parts).await {
            Ok(shown) => {
                let mut response = Response::new(OutBody::ours(Bytes::from(shown.to_string())));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(refusal) => reply::refused(DECISIONS.dialect, &refusal, id.as_str(), &self.guards.hash()),
        }
    }

    async fn answer_approver(&self, id: &ExchangeId, parts: &Parts) -> Result<Value, Refusal> {
        let wish = wish(&parts.method, parts.uri.path())?;
        let approver = self.approver(parts).await?;
        match wish {
            Wish::List => Ok(list(&approver)),
            Wish::Approve(request) => self.decide(id, &approver, request, true).await,
            Wish::Deny(request) => self.decide(id, &approver, request, false).await,
        }
    }

    async fn approver(&self, parts: &Parts) -> Result<Approver, Refusal> {
        let identified = self.identifier.identify(&parts.headers, None).await;
        Identified { outcome: &identified }.emit();
        let identified = identified.map_err(|error| stranger(&error))?;
        // SECURITY: whoever reaches the listener would be the static caller.
        if identified.method == Identification::Static {
            return Err(stranger(&IdentityError::Missing));
        }
        let principal = identified.principal;
        let (guards, ruleset) = self.guards.guards(&principal.tenant);
        let approvals = guards.tools.approvals().cloned();
        let none = || Refusal::new(RefusalCode::ApprovalUnknown, "there is no [approvals] in the configuration");
        Ok(Approver { principal, guards, ruleset, approvals: approvals.ok_or_else(none)? })
    }

    async fn decide(
        &self,
        id: &ExchangeId,
        approver: &Approver,
        request: &str,
        approves: bool,
    ) -> Result<Value, Refusal> {
        let facts = Facts {
            id: id.clone(),
            principal: Arc::clone(&approver.principal),
            endpoint: &DECISIONS,
            upstream: Arc::from(""),
            ruleset: Arc::clone(&approver.ruleset),
            policies: Arc::from(approver.guards.tools.policy_hash()),
            began: Timestamp::now(),
        };
        let mut exchange = Exchange::begin(facts, Arc::clone(&self.ledger), Instant::now(), Vec::new());
        match decided(approver, request, approves) {
            Ok((asked, deciding, report)) => {
                exchange.answers(200, false);
                // SECURITY: nothing is approved of which there is no record.
                settle(exchange.complete(report, None)?, "completion").await?;
                Ok(if approves {
                    let until = deciding.approve(Arc::clone(&approver.principal.name), Timestamp::now());
                    json!({"id": asked.id, "decision": "approved", "use_before": seconds(until)})
                } else {
                    deciding.deny();
                    json!({"id": asked.id, "decision": "denied"})
                })
            }
            Err(refused) => {
                let (refusal, report) = *refused;
                settle(exchange.refuse(&refusal, report)?, "completion").await?;
                Err(refusal)
            }
        }
    }
}

type Decided = (Arc<Asked>, crate::policy::approvals::Deciding, Report);

/// Begins a decision, with what the record says of it.
fn decided(approver: &Approver, request: &str, approves: bool) -> Result<Decided, Box<(Refusal, Report)>> {
    let now = Timestamp::now();
    let unknown = |error: DecisionError, report: Report| {
        let code = match error {
            DecisionError::Unknown => RefusalCode::ApprovalUnknown,
            DecisionError::Decided => RefusalCode::ApprovalDecided,
        };
        Box::new((Refusal::new(code, ""), report))
    };
    let found = approver.approvals.find(request, &approver.principal.tenant, now);
    let asked = found.map_err(|error| unknown(error, Report::default()))?;
    let report = |decision: &str, rule: &str, reason: &str, policies: &[Arc<str>]| Report {
        tool_calls: vec![ToolCallNote {
            name: asked.tool.to_string(),
            decision: decision.to_owned(),
            rule: rule.to_owned(),
            reason: reason.to_owned(),
            policies: policies.to_vec(),
            source: None,
            approval: Some(Arc::clone(&asked.id)),
            counterpart: Some(Arc::clone(&asked.principal)),
        }],
        ..Report::default()
    };
    let permitted = approver.guards.tools.may_decide(&approver.principal, &asked, now);
    let policies = permitted.map_err(|denial| {
        let rule = DenialKind::Approval.rule();
        let mut refusal = Refusal::new(RefusalCode::Forbidden, denial.detail.as_str());
        refusal.rule = Arc::from(rule);
        Box::new((refusal, report("refused", rule, &denial.detail, &denial.policies)))
    })?;
    let word = if approves { "approved" } else { "denied" };
    let deciding = approver.approvals.decide(&asked.id, now);
    let deciding = deciding.map_err(|error| unknown(error, report("refused", "", &error.to_string(), &policies)))?;
    let report = report(word, "", "", &policies);
    Ok((asked, deciding, report))
}

/// What the approver may decide on. SECURITY: nobody else sees the arguments, redacted as they are.
fn list(approver: &Approver) -> Value {
    let now = Timestamp::now();
    let open = approver.approvals.open(&approver.principal.tenant, now);
    let mine = open.iter().filter(|asked| approver.guards.tools.may_decide(&approver.principal, asked, now).is_ok());
    let shown: Vec<Value> = mine
        .map(|asked| {
            json!({
                "id": asked.id, "tenant": asked.tenant, "principal": asked.principal, "tool": asked.tool,
                "arguments": asked.shown, "hash": asked.ticket.arguments,
                "asked": seconds(asked.asked), "expires": seconds(asked.expires), "request": asked.ticket.request,
            })
        })
        .collect();
    json!({ "approvals": shown })
}

fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes() {
        assert!(is_about_approvals("/approvals") && is_about_approvals("/approvals/x/deny"));
        assert!(!is_about_approvals("/approvalsx") && !is_about_approvals("/metrics"));
        for (method, path, expected) in [
            (Method::GET, "/approvals", Some(Wish::List)),
            (Method::POST, "/approvals/ap-1/approve", Some(Wish::Approve("ap-1"))),
            (Method::POST, "/approvals/ap-1.e30.xx/deny", Some(Wish::Deny("ap-1.e30.xx"))),
            (Method::POST, "/approvals", None),
            (Method::GET, "/approvals/ap-1/approve", None),
            (Method::POST, "/approvals//approve", None),
            (Method::POST, "/approvals/ap-1/approve/", None),
            (Method::POST, "/approvals/ap-1/Approve", None),
            (Method::DELETE, "/approvals", None),
        ] {
            assert_eq!(wish(&method, path).ok(), expected, "{method} {path}");
        }
    }
}
