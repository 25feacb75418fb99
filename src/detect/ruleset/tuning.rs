//! What may differ from tenant to tenant without another set of automata: how sure a rule is, from when on it counts, and what it lets
//! pass. Resolved when a set is put in force for a tenant; a scan only looks a rule's row up.

use std::sync::Arc;

use jiff::Timestamp;

use super::allow::Allowed;
use super::{Rule, Ruleset, hash};
use crate::detect::scan::Fate;
use crate::text::Glob;

/// A least confidence that nothing reaches: the rule is off.
const OFF: u8 = 101;

/// A row of configuration that changes rules for tenants. Later rows win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Tenants that it is for; any of them.
    pub tenants: Vec<Glob>,
    /// Ids of rules that it changes; any of them.
    pub rules: Vec<Glob>,
    /// False: the rule finds nothing.
    pub enabled: Option<bool>,
    /// In place of the rule's own confidence, 0–100.
    pub confidence: Option<u8>,
    /// Findings below are not reported, 0–100.
    pub threshold: Option<u8>,
}

/// One rule's row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tuning {
    /// In place of the rule's own confidence.
    pub(crate) confidence: Option<u8>,
    /// Findings below are not reported.
    least: u8,
    /// Entries that speak of the rule.
    allow: Box<[Arc<Allowed>]>,
}

impl Tuning {
    /// True if the rule does not run.
    pub(crate) fn is_off(&self) -> bool {
        self.least == OFF
    }

    /// Whether a match that passed its rule's checks counts. `text`: of its span, in the folded view.
    pub(crate) fn admit(&self, confidence: u8, text: &str) -> Result<(), Fate> {
        if confidence < self.least {
            return Err(Fate::BelowThreshold(self.least));
        }
        match self.allow.iter().find(|entry| entry.covers(text)) {
            Some(entry) => Err(Fate::Allowed(Arc::clone(entry))),
            None => Ok(()),
        }
    }

    fn differs(&self) -> bool {
        self.confidence.is_some() || self.least > 0 || !self.allow.is_empty()
    }

    fn apply(&mut self, row: &Override) {
        match row.enabled {
            Some(false) => self.least = OFF,
            Some(true) if self.least == OFF => self.least = 0,
            Some(true) | None => {}
        }
        self.confidence = row.confidence.or(self.confidence);
        if let Some(threshold) = row.threshold.filter(|_| self.least != OFF) {
            self.least = threshold;
        }
    }
}

/// The rows of all rules: entries for everybody, or with those for one tenant and its overrides. Empty if nothing differs.
pub(super) fn rows(
    rules: &[Rule],
    allows: &[Arc<Allowed>],
    tenant: Option<&str>,
    overrides: &[Override],
) -> Box<[Tuning]> {
    let allows: Vec<_> = allows.iter().filter(|entry| entry.holds_for(tenant)).collect();
    let mine = |row: &&Override| tenant.is_some_and(|tenant| row.tenants.iter().any(|glob| glob.matches(tenant)));
    let overrides: Vec<_> = overrides.iter().filter(mine).collect();
    if allows.is_empty() && overrides.is_empty() {
        return Box::default();
    }
    let row = |rule: &Rule| {
        let allow = allows.iter().filter(|entry| entry.speaks_of(&rule.info)).map(|entry| Arc::clone(entry)).collect();
        let mut tuning = Tuning { allow, ..Tuning::default() };
        let of_rule = |row: &&&Override| row.rules.iter().any(|glob| glob.matches(&rule.info.id));
        overrides.iter().filter(of_rule).for_each(|row| tuning.apply(row));
        tuning
    };
    rules.iter().map(row).collect()
}

impl Ruleset {
    /// The set as it is for one tenant: with the allow-list entries for it, and `overrides` applied. Shares all automata with `self`;
    /// has a hash of its own where something differs.
    #[must_use]
    pub fn for_tenant(self: &Arc<Self>, tenant: &str, overrides: &[Override]) -> Arc<Self> {
        let tuning = rows(&self.rules, &self.in_force, Some(tenant), overrides);
        let same = |(at, row): (usize, &Tuning)| {
            let (confidence, least, entries) = self.tuning.get(at).map_or((None, 0, 0), Tuning::sizes);
            (confidence, least, entries) == row.sizes()
        };
        if tuning.iter().enumerate().all(same) {
            return Arc::clone(self);
        }
        let changed = self.rules.iter().zip(&tuning).filter(|(_, row)| row.differs());
        let lines = changed.map(|(rule, row)| {
            let entries: Vec<_> = row.allow.iter().map(|entry| entry.spec.id.as_str()).collect();
            format!("{} {:?} {} {}", rule.info.id, row.confidence, row.least, entries.join(","))
        });
        let hash = hash::tuned(&self.hash, lines);
        Arc::new(Self {
            rules: Arc::clone(&self.rules),
            engine: Arc::clone(&self.engine),
            allows: Arc::clone(&self.allows),
            in_force: Arc::clone(&self.in_force),
            tuning,
            hash,
        })
    }

    /// The rows of `overrides` that name no rule of this set, by their place.
    #[must_use]
    pub fn idle_overrides(&self, overrides: &[Override]) -> Vec<usize> {
        let idle =
            |row: &Override| !self.rules.iter().any(|rule| row.rules.iter().any(|glob| glob.matches(&rule.info.id)));
        overrides.iter().enumerate().filter(|(_, row)| idle(row)).map(|(at, _)| at).collect()
    }

    /// The allow-list entries of the files, expired ones too.
    #[must_use]
    pub fn allows(&self) -> &[Arc<Allowed>] {
        &self.allows
    }

    /// When the next allow-list entry in force ends: then [`Ruleset::at`] has to take its place.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.in_force.iter().map(|entry| entry.until).min()
    }
}

impl Tuning {
    /// What tells a tenant's row from everybody's: entries are only ever added to it.
    fn sizes(&self) -> (Option<u8>, u8, usize) {
        (self.confidence, self.least, self.allow.len())
    }
}
