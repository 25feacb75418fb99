//! What exchanges leave for those that go on from them, where the provider keeps the conversation and the caller does not send it again: the
//! values behind placeholders of earlier turns, the tools that may be called, the texts that arguments may come from.
//!
//! In memory, for a time and within a number of bytes; the oldest goes first. What is gone is unseen, and the configuration says what is done then.
//!
//! SECURITY: a name is minted by the provider and taken up by a caller. It belongs to the tenant whose exchange left it; for any other tenant it is
//! refused like one that nobody knows, whatever the configuration says of those.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::policy::Unseen;
use crate::redact::Keepsake;
use crate::tools::Toolbox;

/// LIMIT: bytes of a name; providers' are some 60 long.
const MAX_NAME: usize = 256;

/// Bytes of memory that an exchange takes beside what it leaves.
const ENTRY_BYTES: usize = 256;

/// Lines of the order that may say nothing before they are cleared away.
const SLACK: usize = 64;

/// What an exchange has left.
#[derive(Debug, Default)]
pub struct Past {
    /// The values that its caller sent, and those of the exchanges that it went on from itself.
    pub values: Vec<Keepsake>,
    /// The tools that it declared, and what it said.
    pub toolbox: Toolbox,
}

impl Past {
    /// LIMIT: counted as if nothing of it were shared with other exchanges, so the sum is never too small.
    fn bytes(&self, name: &str) -> usize {
        let values: usize = self.values.iter().map(Keepsake::bytes).sum();
        ENTRY_BYTES + 2 * name.len() + values + self.toolbox.bytes()
    }
}

struct Kept {
    tenant: Arc<str>,
    past: Arc<Past>,
    until: Instant,
    bytes: usize,
    /// Of the line of `order` that speaks of it.
    number: u64,
}

#[derive(Default)]
struct Shelf {
    kept: HashMap<Arc<str>, Kept>,
    /// Numbers and names in the order in which they came; a line whose number is not that of the name any more says nothing.
    order: VecDeque<(u64, Arc<str>)>,
    next: u64,
    bytes: usize,
}

impl Shelf {
    fn forget(&mut self, name: &str) {
        if let Some(gone) = self.kept.remove(name) {
            self.bytes -= gone.bytes;
        }
    }

    /// Forgets what is over and, if there is too much, the oldest.
    fn tidy(&mut self, now: Instant, budget: usize) {
        while let Some((number, name)) = self.order.front() {
            let kept = self.kept.get(name).filter(|kept| kept.number == *number);
            if kept.is_some_and(|kept| kept.until > now && self.bytes <= budget) {
                break;
            }
            let gone = kept.is_some().then(|| Arc::clone(name));
            self.order.pop_front();
            if let Some(name) = gone {
                self.forget(&name);
            }
        }
        // Of names that go on (a conversation), only the last line says something.
        if self.order.len() > 2 * self.kept.len() + SLACK {
            let kept = &self.kept;
            self.order.retain(|(number, name)| kept.get(name).is_some_and(|kept| kept.number == *number));
        }
    }
}

/// What is known of the exchange that a name names.
#[derive(Debug)]
pub enum Found {
    /// All that there is to know.
    Known(Arc<Past>),
    /// It is another tenant's.
    Foreign,
    /// Nothing.
    Unseen,
}

/// What all exchanges have left.
pub struct History {
    shelf: Mutex<Shelf>,
    ttl: Duration,
    budget: usize,
}

impl History {
    /// An empty one that keeps what it is given for `ttl`, within `budget` bytes.
    #[must_use]
    pub fn new(ttl: Duration, budget: usize) -> Self {
        Self { shelf: Mutex::default(), ttl, budget }
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        // No invariant of it spans a panic: at worst a name is forgotten.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, tenant: &str, name: &str) -> Found {
        let now = Instant::now();
        let shelf = self.shelf();
        match shelf.kept.get(name).filter(|kept| kept.until > now) {
            None => Found::Unseen,
            Some(kept) if *kept.tenant != *tenant => Found::Foreign,
            Some(kept) => Found::Known(Arc::clone(&kept.past)),
        }
    }

    fn leave(&self, tenant: &Arc<str>, name: &str, past: Past) {
        let bytes = past.bytes(name);
        if name.is_empty() || name.len() > MAX_NAME || bytes > self.budget {
            return;
        }
        let now = Instant::now();
        let mut shelf = self.shelf();
        // SECURITY: a name never changes its tenant.
        if shelf.kept.get(name).is_some_and(|kept| kept.until > now && kept.tenant != *tenant) {
            return;
        }
        shelf.forget(name);
        let (name, number) = (Arc::<str>::from(name), shelf.next);
        shelf.next += 1;
        shelf.bytes += bytes;
        shelf.order.push_back((number, Arc::clone(&name)));
        let kept = Kept { tenant: Arc::clone(tenant), past: Arc::new(past), until: now + self.ttl, bytes, number };
        shelf.kept.insert(name, kept);
        shelf.tidy(now, self.budget);
    }
}

/// Shows no content.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

/// One tenant's part of it.
#[derive(Debug, Clone)]
pub struct TenantHistory {
    /// That of all tenants.
    pub all: Arc<History>,
    /// Whose.
    pub tenant: Arc<str>,
    /// What is done about exchanges of which nothing is known.
    pub unseen: Unseen,
}

impl TenantHistory {
    /// What is known of the exchange `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Found {
        self.all.find(&self.tenant, name)
    }

    /// Remembers what the exchange `name` has left.
    pub fn leave(&self, name: &str, past: Past) {
        self.all.leave(&self.tenant, name, past);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{TenantKey, Vault};

    fn history(ttl: Duration, budget: usize) -> Arc<History> {
        Arc::new(History::new(ttl, budget))
    }

    fn of(all: &Arc<History>, tenant: &str) -> TenantHistory {
        TenantHistory { all: Arc::clone(all), tenant: tenant.into(), unseen: Unseen::Refuse }
    }

    fn past(values: usize) -> Past {
        let mut vault = Vault::new(TenantKey::new([1; 32]));
        for n in 0..values {
            vault.issue("ID", &format!("a value of some length {n}"), false);
        }
        vault.outlive(true);
        Past { values: vault.keepsakes().unwrap(), toolbox: Toolbox::default() }
    }

    fn known(tenant: &TenantHistory, name: &str) -> Option<usize> {
        match tenant.find(name) {
            Found::Known(past) => Some(past.values.len()),
            Found::Foreign | Found::Unseen => None,
        }
    }

    #[test]
    fn a_name_belongs_to_its_tenant() {
        let all = history(Duration::from_secs(60), 1 << 20);
        let (acme, globex) = (of(&all, "acme"), of(&all, "globex"));
        acme.leave("resp_1", past(2));
        assert_eq!(known(&acme, "resp_1"), Some(2));
        assert!(matches!(globex.find("resp_1"), Found::Foreign));
        globex.leave("resp_1", past(9));
        assert_eq!(known(&acme, "resp_1"), Some(2), "nobody takes it over");
        acme.leave("resp_1", past(3));
        assert_eq!(known(&acme, "resp_1"), Some(3), "a conversation goes on under its name");
        assert!(matches!(acme.find("resp_2"), Found::Unseen));
        acme.leave("", past(1));
        acme.leave(&"x".repeat(MAX_NAME + 1), past(1));
        assert_eq!(all.shelf().kept.len(), 1);
    }

    #[test]
    fn it_is_forgotten_in_time() {
        let all = history(Duration::ZERO, 1 << 20);
        let acme = of(&all, "acme");
        acme.leave("resp_1", past(1));
        assert!(matches!(acme.find("resp_1"), Found::Unseen));
        assert!(all.shelf().kept.is_empty() && all.shelf().order.is_empty() && all.shelf().bytes == 0);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let one = past(10).bytes("resp_10");
        let all = history(Duration::from_secs(60), 5 * one);
        let acme = of(&all, "acme");
        for n in 10..40 {
            acme.leave(&format!("resp_{n}"), past(10));
            assert!(all.shelf().bytes <= 5 * one);
        }
        let left: Vec<_> = (10..40).filter(|n| known(&acme, &format!("resp_{n}")).is_some()).collect();
        assert_eq!(left, [35, 36, 37, 38, 39]);
        // One that goes on under its name is young again, and counted once.
        acme.leave("resp_35", past(10));
        acme.leave("resp_50", past(10));
        assert!(known(&acme, "resp_35").is_some() && known(&acme, "resp_36").is_none());
        acme.leave("resp_51", past(1_000));
        assert!(known(&acme, "resp_51").is_none() && known(&acme, "resp_50").is_some(), "more than fits is not kept");
        for _ in 0..1_000 {
            acme.leave("conv_1", past(1));
        }
        assert!(all.shelf().order.len() < 100 && all.shelf().kept.len() <= 6);
    }
}
