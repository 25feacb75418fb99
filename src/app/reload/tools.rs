//! Tools and policies that change under load, as rules do: look, load, swap; what is wrong leaves the last good ones in force. Approved tools
//! and policies are one set: a policy may speak of a tool that came with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::status::{Attempt, Outcome, rfc3339};
use super::{Fingerprint, fingerprint, off_the_reactor};
use crate::policy::ToolSettings;
use crate::policy::cedar::Policies;
use crate::proxy::Proxy;
use crate::telemetry::events::PolicyReload;
use crate::tools::{Mistake, Registry};

/// Where tools and policies stand; the admin listener shows it (`/policies`), `sidewall policy status` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Hash of the policies in force; empty: there are none.
    pub policies: String,
    /// How many these are.
    pub policy_count: usize,
    /// Hash of the approved tools in force; empty: there are none.
    pub tools: String,
    /// How many these are.
    pub tool_count: usize,
    /// Since when they are in force.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// Attempts to load them since the start.
    pub attempts: u64,
    /// The last of them.
    pub last: Option<Attempt<Mistake>>,
}

impl Status {
    /// At the start.
    #[must_use]
    pub fn new(settings: &ToolSettings) -> Self {
        let (policies, tools) = (settings.policies.as_ref(), settings.registry.as_ref());
        Self {
            policies: policies.map_or_else(String::new, |policies| policies.hash().to_owned()),
            policy_count: policies.map_or(0, |policies| policies.set().num_of_policies()),
            tools: tools.map_or_else(String::new, |tools| tools.hash().to_owned()),
            tool_count: tools.map_or(0, |tools| tools.iter().count()),
            since: Timestamp::now(),
            attempts: 0,
            last: None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.policies, &self.tools) == (&other.policies, &other.tools)
    }
}

/// The settings with tools and policies read anew.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn load(settings: &ToolSettings) -> Result<ToolSettings, Vec<Mistake>> {
    let (mut next, mut wrong) = (settings.clone(), Vec::new());
    if let Some(path) = &settings.registry_path {
        match Registry::load(path) {
            Ok(registry) => next.registry = Some(Arc::new(registry)),
            Err(mistakes) => wrong.extend(mistakes),
        }
    }
    if let Some(path) = &settings.policy_path {
        match Policies::load(path) {
            Ok(policies) => next.policies = Some(Arc::new(policies)),
            Err(mistakes) => wrong.extend(mistakes.0),
        }
    }
    if wrong.is_empty() { Ok(next) } else { Err(wrong) }
}

/// What the loop remembers of tools and policies.
pub(super) struct ToolKeeper {
    proxy: Arc<Proxy>,
    paths: Vec<PathBuf>,
    status: watch::Sender<Status>,
    seen: Fingerprint,
}

impl ToolKeeper {
    pub(super) fn new(proxy: Arc<Proxy>, status: watch::Sender<Status>) -> Self {
        let settings = proxy.guards.tools();
        let paths: Vec<PathBuf> = settings.registry_path.iter().chain(&settings.policy_path).cloned().collect();
        // The files were read with the configuration, and may have changed since: the first look finds out.
        Self { proxy, paths, status, seen: Fingerprint::new() }
    }

    pub(super) async fn look(&mut self, asked: bool) {
        let now = fingerprint(&self.paths);
        if self.paths.is_empty() || (!asked && now == self.seen) {
            return;
        }
        let since = Instant::now();
        let settings = self.proxy.guards.tools();
        let loaded = off_the_reactor(move || load(&settings)).await;
        // Files that were being written while they were read: what was loaded is none of their states.
        if fingerprint(&self.paths) != now {
            self.seen.clear();
            return;
        }
        let first = std::mem::replace(&mut self.seen, now).is_empty();
        let loaded = loaded.unwrap_or_else(|| Err(vec![Mistake::of("policies", "loading panicked; report this")]));
        let same = |settings: &ToolSettings| Status::new(settings).is_same(&self.status.borrow());
        if first && !asked && loaded.as_ref().is_ok_and(same) {
            return;
        }
        self.take(loaded, since.elapsed());
    }

    fn take(&self, loaded: Result<ToolSettings, Vec<Mistake>>, took: Duration) {
        let mut status = self.status.borrow().clone();
        let (outcome, errors) = match loaded {
            Ok(settings) => {
                let next = Status { attempts: status.attempts, ..Status::new(&settings) };
                if next.is_same(&status) {
                    (Outcome::Unchanged, Vec::new())
                } else {
                    self.proxy.guards.swap_tools(Arc::new(settings));
                    status = next;
                    (Outcome::Swapped, Vec::new())
                }
            }
            Err(mistakes) => (Outcome::KeptLastGood, mistakes),
        };
        let shown = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let error = (!errors.is_empty()).then_some(shown.as_str());
        PolicyReload { policies: &status.policies, tools: &status.tools, outcome: outcome.word(), error }.emit();
        status.attempts += 1;
        status.last = Some(Attempt::new(outcome, took, errors));
        self.status.send_replace(status);
    }
}
