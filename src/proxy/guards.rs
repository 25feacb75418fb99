//! Which guards stand over which tenant; swapped whole when the rules change, without a lock on the way of an exchange.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::detect::Ruleset;
use crate::inspect::Guards;

/// LIMIT: 10,000 tenants' guards are remembered; those beyond are made for each exchange. Tenants come from configuration
/// and from verified credentials, so this is no way in for strangers.
const MAX_REMEMBERED: usize = 10_000;

/// Makes a tenant's guards from the rules in force.
pub type Make = dyn Fn(&Arc<Ruleset>, &str) -> Guards + Send + Sync;

/// The guards of all tenants.
pub struct GuardBook {
    make: Box<Make>,
    current: ArcSwap<Edition>,
}

/// All that was made from one ruleset.
#[derive(Clone)]
struct Edition {
    ruleset: Arc<Ruleset>,
    // SECURITY: the tenant is the key, so one tenant's guards cannot be found for another.
    tenants: HashMap<Arc<str>, Guards>,
}

impl Edition {
    fn of(ruleset: Arc<Ruleset>) -> Self {
        Self { ruleset, tenants: HashMap::new() }
    }
}

/// SECURITY: the hash is taken from the very rules that inspect, so what the caller is told and what is recorded cannot be another set's.
fn with_hash(guards: Guards) -> (Guards, Arc<str>) {
    let hash = Arc::clone(guards.ruleset.hash());
    (guards, hash)
}

impl GuardBook {
    /// A book that starts with `ruleset`.
    #[must_use]
    pub fn new(ruleset: Arc<Ruleset>, make: Box<Make>) -> Self {
        Self { make, current: ArcSwap::from_pointee(Edition::of(ruleset)) }
    }

    /// The guards of `tenant` and the hash of their rules.
    #[must_use]
    pub fn guards(&self, tenant: &Arc<str>) -> (Guards, Arc<str>) {
        let edition = self.current.load();
        if let Some(guards) = edition.tenants.get(tenant) {
            return with_hash(guards.clone());
        }
        let guards = (self.make)(&edition.ruleset, tenant);
        if edition.tenants.len() < MAX_REMEMBERED {
            self.current.rcu(|now| {
                let mut next = Edition::clone(now);
                // The rules may have been swapped meanwhile; then the next exchange makes the new ones.
                if Arc::ptr_eq(&next.ruleset, &edition.ruleset) {
                    next.tenants.insert(Arc::clone(tenant), guards.clone());
                }
                next
            });
        }
        with_hash(guards)
    }

    /// The hash of the rules in force.
    #[must_use]
    pub fn hash(&self) -> Arc<str> {
        Arc::clone(self.current.load().ruleset.hash())
    }

    /// The rules in force, before anything that a tenant changes.
    #[must_use]
    pub fn ruleset(&self) -> Arc<Ruleset> {
        Arc::clone(&self.current.load().ruleset)
    }

    /// Puts new rules in force; exchanges under way keep theirs. Returns those that were in force.
    pub fn swap(&self, ruleset: Arc<Ruleset>) -> Arc<Ruleset> {
        Arc::clone(&self.current.swap(Arc::new(Edition::of(ruleset))).ruleset)
    }
}

impl fmt::Debug for GuardBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardBook").field("ruleset", &self.hash()).finish_non_exhaustive()
    }
}
