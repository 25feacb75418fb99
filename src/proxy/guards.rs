//! Which guards stand over which tenant; swapped whole when the rules change, without a lock on the way of an exchange.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::detect::Ruleset;
use crate::inspect::Guards;
use crate::policy::ToolSettings;

/// LIMIT: 10,000 tenants' guards are remembered; those beyond are made for each exchange. Tenants come from configuration
/// and from verified credentials, so this is no way in for strangers.
const MAX_REMEMBERED: usize = 10_000;

/// Makes a tenant's guards from the rules, and the tools and policies, in force.
pub type Make = dyn Fn(&Arc<Ruleset>, &ToolSettings, &str) -> Guards + Send + Sync;

/// The guards of all tenants.
pub struct GuardBook {
    make: Box<Make>,
    current: ArcSwap<Edition>,
}

/// All that was made from one ruleset and one set of tools and policies.
#[derive(Clone)]
struct Edition {
    ruleset: Arc<Ruleset>,
    tools: Arc<ToolSettings>,
    // SECURITY: the tenant is the key, so one tenant's guards cannot be found for another.
    tenants: HashMap<Arc<str>, Guards>,
}

impl Edition {
    fn of(ruleset: Arc<Ruleset>, tools: Arc<ToolSettings>) -> Self {
        Self { ruleset, tools, tenants: HashMap::new() }
    }

    fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ruleset, &other.ruleset) && Arc::ptr_eq(&self.tools, &other.tools)
    }
}

/// SECURITY: the hash is taken from the very rules that inspect, so what the caller is told and what is recorded cannot be another set's.
fn with_hash(guards: Guards) -> (Guards, Arc<str>) {
    let hash = Arc::clone(guards.ruleset.hash());
    (guards, hash)
}

impl GuardBook {
    /// A book that starts with `ruleset` and `tools`.
    #[must_use]
    pub fn new(ruleset: Arc<Ruleset>, tools: Arc<ToolSettings>, make: Box<Make>) -> Self {
        Self { make, current: ArcSwap::from_pointee(Edition::of(ruleset, tools)) }
    }

    /// The guards of `tenant` and the hash of their rules.
    #[must_use]
    pub fn guards(&self, tenant: &Arc<str>) -> (Guards, Arc<str>) {
        let edition = self.current.load();
        if let Some(guards) = edition.tenants.get(tenant) {
            return with_hash(guards.clone());
        }
        let guards = (self.make)(&edition.ruleset, &edition.tools, tenant);
        if edition.tenants.len() < MAX_REMEMBERED {
            self.current.rcu(|now| {
                let mut next = Edition::clone(now);
                // They may have been swapped meanwhile; then the next exchange makes the new ones.
                if next.is_of(&edition) {
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
    #[expect(clippy::needless_pass_by_value, reason = "what is put in force is given away")]
    pub fn swap(&self, ruleset: Arc<Ruleset>) -> Arc<Ruleset> {
        let before = self.current.rcu(|now| Edition::of(Arc::clone(&ruleset), Arc::clone(&now.tools)));
        Arc::clone(&before.ruleset)
    }

    /// The tools and policies in force.
    #[must_use]
    pub fn tools(&self) -> Arc<ToolSettings> {
        Arc::clone(&self.current.load().tools)
    }

    /// Puts new tools and policies in force; exchanges under way keep theirs.
    #[expect(clippy::needless_pass_by_value, reason = "what is put in force is given away")]
    pub fn swap_tools(&self, tools: Arc<ToolSettings>) {
        self.current.rcu(|now| Edition::of(Arc::clone(&now.ruleset), Arc::clone(&tools)));
    }
}

impl fmt::Debug for GuardBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardBook").field("ruleset", &self.hash()).finish_non_exhaustive()
    }
}
