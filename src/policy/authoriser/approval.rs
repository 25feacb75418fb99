//! The other person's word: what becomes of calls that policy permits with an approval, and who may give one.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Authoriser, Permit, permitted};
use crate::identity::Principal;
use crate::policy::approvals::{Asked, Standing, Ticket, Wanted};
use crate::policy::cedar::ApprovalFacts;
use crate::policy::denial::{Denial, DenialKind, Sought};
use crate::tools::provenance::Taint;

/// What a judgement comes to, if it is no denial.
#[derive(Debug)]
pub enum Ruled {
    /// The call may leave.
    Permitted(Permit),
    /// It may once its approval has been used.
    Conditional(Conditional),
}

/// A call that policy permits with an approval. [`Authoriser::settle`] makes a permit of it, or a denial.
#[derive(Debug)]
pub struct Conditional {
    pub(super) wanted: Wanted,
    pub(super) policies: Vec<Arc<str>>,
    pub(super) taint: Option<Taint>,
}

impl Authoriser {
    /// Uses the approvals of calls that leave together: all, or none of them. What is missing is asked for.
    ///
    /// # Errors
    /// A denial for each call, in their order.
    pub fn settle(&self, calls: Vec<Conditional>, now: Timestamp) -> Result<Vec<Permit>, Vec<Denial>> {
        let wanted: Vec<Wanted> = calls.iter().map(|call| call.wanted.clone()).collect();
        let standings = self.approvals.as_ref().map_or_else(Vec::new, |approvals| approvals.settle(&wanted, now));
        let (mut permits, mut denials) = (Vec::new(), Vec::new());
        for (at, call) in calls.into_iter().enumerate() {
            let Conditional { policies, taint, .. } = call;
            match standings.get(at) {
                Some(Standing::Used { id, by }) => {
                    let approval = Some((Arc::clone(id), Arc::clone(by)));
                    permits.push(Permit { policies, taint, approval });
                }
                other => denials.push(unapproved(other).with(policies, taint)),
            }
        }
        if denials.is_empty() { Ok(permits) } else { Err(denials) }
    }

    /// As [`Authoriser::settle`], for one call by itself.
    ///
    /// # Errors
    /// The denial.
    pub fn settle_one(&self, call: Conditional, now: Timestamp) -> Result<Permit, Denial> {
        let lost = || Denial::new(DenialKind::Obligation, "required: approval");
        match self.settle(vec![call], now) {
            Ok(permits) => permits.into_iter().next().ok_or_else(lost),
            Err(denials) => Err(denials.into_iter().next().unwrap_or_else(lost)),
        }
    }

    /// Notes that approvals are not asked for where nothing is enforced.
    #[must_use]
    pub fn unasked(call: Conditional) -> Denial {
        Denial::new(DenialKind::Approval, "an approval is required").with(call.policies, call.taint)
    }

    /// May `approver` decide on this request?
    ///
    /// # Errors
    /// The denial. SECURITY: the requester never, whatever policy says.
    pub fn may_decide(&self, approver: &Principal, asked: &Asked, now: Timestamp) -> Result<Vec<Arc<str>>, Denial> {
        if approver.tenant != asked.tenant || approver.name == asked.principal {
            return Err(Denial::new(DenialKind::Forbidden, "who asks for an approval cannot decide on it"));
        }
        let Some(policies) = &self.settings.policies else {
            return Err(Denial::new(DenialKind::Forbidden, "no policy permits it"));
        };
        let facts = ApprovalFacts { tool: &asked.tool, tags: &asked.tags, requester: &asked.principal, now };
        permitted(policies.approve(approver, facts))
    }
}

/// Why a call without its approval does not leave.
fn unapproved(standing: Option<&Standing>) -> Denial {
    let about = |kind, detail: String, id: &Arc<str>, ticket: Option<&Ticket>| {
        let sought = Box::new(Sought { id: Arc::clone(id), ticket: ticket.cloned() });
        Denial { sought: Some(sought), ..Denial::new(kind, detail) }
    };
    match standing {
        Some(Standing::Open(ticket)) => {
            let detail =
                format!("approval {} is open until {}", ticket.id, ticket.expires.strftime("%Y-%m-%dT%H:%M:%SZ"));
            about(DenialKind::Approval, detail, &ticket.id, Some(ticket))
        }
        Some(Standing::Denied(id)) => about(DenialKind::Forbidden, format!("approval {id} was denied"), id, None),
        Some(Standing::Spared(id)) => {
            about(DenialKind::Approval, format!("approval {id} waits for that of another call"), id, None)
        }
        Some(Standing::Full) => {
            let detail = "too many approvals are open; have some decided, or wait until they expire";
            Denial::new(DenialKind::Obligation, detail)
        }
        Some(Standing::Used { .. }) | None => Denial::new(DenialKind::Obligation, "required: approval"),
    }
}
