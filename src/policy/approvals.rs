//! Calls that policy permits only with another person's word (`@require("approval")`): who asked for what, who said yes, and once.
//!
//! A call that needs an approval leaves a request here and is withheld. An approver decides on the request; the same call of the same
//! principal then passes, once. Everything ends by itself, and nothing outlives the process: what is lost was not used, and can be asked for again.

mod request;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use jiff::{SignedDuration, Timestamp};

use request::{new_id, verified};

pub use request::{Asked, Ticket, Wanted};

/// One hour to decide: people are at lunch.
pub const DEFAULT_DECIDE_WITHIN: Duration = Duration::from_secs(3_600);
/// A quarter of an hour to use what was approved: an agent that waits asks again within seconds.
pub const DEFAULT_USE_WITHIN: Duration = Duration::from_secs(900);
/// LIMIT: 32 open requests of one principal: an agent gone astray must not fill the list that a person reads.
pub const DEFAULT_MAX_OPEN: usize = 32;
/// LIMIT: requests of all tenants, some 6 KiB each.
const MAX_ENTRIES: usize = 4_096;
/// LIMIT: of these a quarter for one tenant, whose principals may be many: the others' room is not its own.
const MAX_OF_TENANT: usize = MAX_ENTRIES / 4;

/// `[approvals]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApprovalSettings {
    /// From the request to the decision.
    pub decide_within: Duration,
    /// From the approval to its use.
    pub use_within: Duration,
    /// Most open requests of one principal.
    pub max_open: usize,
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        Self { decide_within: DEFAULT_DECIDE_WITHIN, use_within: DEFAULT_USE_WITHIN, max_open: DEFAULT_MAX_OPEN }
    }
}

/// The requests of all tenants.
#[derive(Debug)]
pub struct Approvals {
    settings: ApprovalSettings,
    /// For signatures and hashes; drawn at the start, so that nothing of an earlier process is good in this one.
    key: hmac::Key,
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
}

#[derive(Debug)]
struct Entry {
    asked: Arc<Asked>,
    state: State,
}

/// How far a request has come. A used one is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Open,
    /// Its decision is being recorded.
    Deciding,
    Approved {
        by: Arc<str>,
        until: Timestamp,
    },
    Denied,
}

/// Where one call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// An approval was used for it, given by this principal.
    Used {
        /// The request's id.
        id: Arc<str>,
        /// Who approved.
        by: Arc<str>,
    },
    /// Approved, and not used, because another call beside it is not.
    Spared(Arc<str>),
    /// Not decided yet.
    Open(Ticket),
    /// An approver said no.
    Denied(Arc<str>),
    /// There is no room for a request.
    Full,
}

/// Why a decision is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// No such request: never made, expired, used, or another tenant's.
    #[error("no request of this id waits for a decision")]
    Unknown,
    /// Somebody was quicker.
    #[error("the request has been decided already")]
    Decided,
}

impl Approvals {
    /// An empty store; `None` if the system gives no random key.
    #[must_use]
    pub fn new(settings: ApprovalSettings) -> Option<Self> {
        let mut key = [0_u8; 32];
        rand::fill(&mut key).ok()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Some(Self { settings, key, entries: Mutex::default() })
    }

    /// Uses the approvals of calls that stand beside each other: all of them, or, if one is missing, none. A call that nobody has asked an
    /// approval for is asked one for. The answers are in the order of the calls.
    #[must_use]
    pub fn settle(&self, wanted: &[Wanted], now: Timestamp) -> Vec<Standing> {
        let mut entries = self.live(now);
        let mut standings: Vec<Standing> = Vec::with_capacity(wanted.len());
        let mut taken: Vec<Arc<str>> = Vec::new();
        for wanted in wanted {
            let subject = wanted.subject(&self.key);
            let of_it = |(id, entry): &(&Arc<str>, &Entry)| entry.asked.subject == subject && !taken.contains(*id);
            // Of two equal calls, each needs a request of its own; what is decided comes first.
            let found = entries.iter().filter(of_it).min_by_key(|(_, entry)| entry.state.rank());
            let standing = match found {
                Some((id, entry)) => {
                    let standing = entry.standing(id);
                    taken.push(Arc::clone(id));
                    standing
                }
                None => match self.ask(&mut entries, wanted, subject, now) {
                    Some(ticket) => {
                        taken.push(Arc::clone(&ticket.id));
                        Standing::Open(ticket)
                    }
                    None => Standing::Full,
                },
            };
            standings.push(standing);
        }
        if standings.iter().all(|standing| matches!(standing, Standing::Used { .. })) {
            for id in &taken {
                entries.remove(id);
            }
        } else {
            for standing in &mut standings {
                if let Standing::Used { id, .. } = standing {
                    *standing = Standing::Spared(Arc::clone(id));
                }
            }
        }
        standings
    }

    fn ask(
        &self,
        entries: &mut BTreeMap<Arc<str>, Entry>,
        wanted: &Wanted,
        subject: [u8; 32],
        now: Timestamp,
    ) -> Option<Ticket> {
        let of_tenant = || entries.values().filter(|entry| entry.asked.tenant == wanted.tenant);
        let own = of_tenant().filter(|entry| entry.asked.principal == wanted.principal).count();
        if own >= self.settings.max_open || of_tenant().count() >= MAX_OF_TENANT || entries.len() >= MAX_ENTRIES {
            return None;
        }
        let expires = after(now, self.settings.decide_within);
        let asked = Asked::new(new_id()?, wanted, &self.key, subject, (now, expires));
        let ticket = asked.ticket.clone();
        entries.insert(Arc::clone(&asked.id), Entry { asked: Arc::new(asked), state: State::Open });
        Some(ticket)
    }

    /// The requests of a tenant that nobody has decided, the oldest first.
    #[must_use]
    pub fn open(&self, tenant: &str, now: Timestamp) -> Vec<Arc<Asked>> {
        let entries = self.live(now);
        let open = entries.values().filter(|entry| entry.state == State::Open && *entry.asked.tenant == *tenant);
        let mut open: Vec<_> = open.map(|entry| Arc::clone(&entry.asked)).collect();
        open.sort_by(|a, b| (a.asked, &a.id).cmp(&(b.asked, &b.id)));
        open
    }

    /// The request of a tenant with this id or this signed form, whether decided or not.
    ///
    /// # Errors
    /// [`DecisionError::Unknown`].
    pub fn find(&self, reference: &str, tenant: &str, now: Timestamp) -> Result<Arc<Asked>, DecisionError> {
        let id = if reference.contains('.') {
            verified(&self.key, reference).ok_or(DecisionError::Unknown)?
        } else {
            reference
        };
        let entries = self.live(now);
        // SECURITY: another tenant's request is as if it were not there.
        let found = entries.get(id).filter(|entry| *entry.asked.tenant == *tenant);
        found.map(|entry| Arc::clone(&entry.asked)).ok_or(DecisionError::Unknown)
    }

    /// Begins a decision; nobody else can decide until the guard is done with it.
    ///
    /// # Errors
    /// [`DecisionError`].
    pub fn decide(self: &Arc<Self>, id: &Arc<str>, now: Timestamp) -> Result<Deciding, DecisionError> {
        let mut entries = self.live(now);
        let entry = entries.get_mut(id).ok_or(DecisionError::Unknown)?;
        if entry.state != State::Open {
            return Err(DecisionError::Decided);
        }
        entry.state = State::Deciding;
        Ok(Deciding { approvals: Arc::clone(self), id: Arc::clone(id) })
    }

    /// The entries without those whose time has passed.
    fn live(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| match &entry.state {
            State::Approved { until, .. } => *until > now,
            State::Open | State::Denied => entry.asked.expires > now,
            State::Deciding => true,
        });
        entries
    }

    fn set(&self, id: &str, state: State) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(id) {
            entry.state = state;
        }
    }
}

impl State {
    const fn rank(&self) -> u8 {
        match self {
            Self::Approved { .. } => 0,
            Self::Denied => 1,
            Self::Open | Self::Deciding => 2,
        }
    }
}

impl Entry {
    fn standing(&self, id: &Arc<str>) -> Standing {
        match &self.state {
            State::Approved { by, .. } => Standing::Used { id: Arc::clone(id), by: Arc::clone(by) },
            State::Denied => Standing::Denied(Arc::clone(id)),
            State::Open | State::Deciding => Standing::Open(self.asked.ticket.clone()),
        }
    }
}

/// A decision that has begun. Dropped before it is taken, the request is open again.
#[derive(Debug)]
pub struct Deciding {
    approvals: Arc<Approvals>,
    id: Arc<str>,
}

impl Deciding {
    /// Approves; returns until when the approval can be used.
    #[must_use]
    pub fn approve(self, by: Arc<str>, now: Timestamp) -> Timestamp {
        let until = after(now, self.approvals.settings.use_within);
        self.approvals.set(&self.id, State::Approved { by, until });
        until
    }

    /// Denies: the same call stays denied until the request expires.
    pub fn deny(self) {
        self.approvals.set(&self.id, State::Denied);
    }
}

impl Drop for Deciding {
    fn drop(&mut self) {
        let mut entries = self.approvals.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&self.id).filter(|entry| entry.state == State::Deciding) {
            entry.state = State::Open;
        }
    }
}

fn after(now: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::ZERO);
    now.checked_add(duration).unwrap_or(now)
}

#[cfg(test)]
mod tests;
