//! What happens out of our sight: state that the provider keeps, addresses that it fetches, tools that it runs. Allowed use by use and tenant by
//! tenant, and denied otherwise: what is never sent through here cannot be inspected here.

use std::sync::Arc;
use std::time::Duration;

use crate::policy::Profile;
use crate::text::glob::Glob;

/// What is done about a use that no row allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StateCheck {
    /// It passes, and is recorded.
    Observe,
    /// The request is refused.
    #[default]
    Enforce,
}

impl StateCheck {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("observe", Self::Observe), ("enforce", Self::Enforce)];

    /// A profile's.
    #[must_use]
    pub const fn of(profile: Profile) -> Self {
        match profile {
            Profile::Observe => Self::Observe,
            Profile::Balanced | Profile::Strict => Self::Enforce,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

/// What is done about a request that goes on from an exchange of which nothing is known here: it was before a restart or at another replica,
/// or longer ago than is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unseen {
    /// It passes and is recorded: placeholders of earlier turns stay as they are.
    Allow,
    /// It is refused.
    #[default]
    Refuse,
}

impl Unseen {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("allow", Self::Allow), ("refuse", Self::Refuse)];

    /// What goes with a check.
    #[must_use]
    pub const fn of(check: StateCheck) -> Self {
        match check {
            StateCheck::Observe => Self::Allow,
            StateCheck::Enforce => Self::Refuse,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }
}

/// One `[[state.allow]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedState {
    /// Uses, as `sidewall coverage` names them: `previous_response`, `hosted_tool.web_search*` …
    pub uses: Vec<Glob>,
    /// Tenants.
    pub tenants: Vec<Glob>,
}

/// How long an exchange is remembered for those that go on from it, unless the configuration says otherwise: a working day.
pub const HISTORY_TTL: Duration = Duration::from_secs(8 * 3600);
/// How many bytes of them are remembered: some hundred thousand values.
pub const HISTORY_BYTES: usize = 64 << 20;

/// `[state]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSettings {
    /// What is done about everything else.
    pub check: StateCheck,
    /// What may pass.
    pub allow: Vec<AllowedState>,
    /// What is done about earlier exchanges of which nothing is known.
    pub unseen: Unseen,
    /// How long an exchange is remembered for those that go on from it.
    pub history_ttl: Duration,
    /// Bytes of all that is remembered, over all tenants.
    pub history_bytes: usize,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self {
            check: StateCheck::default(),
            allow: Vec::new(),
            unseen: Unseen::default(),
            history_ttl: HISTORY_TTL,
            history_bytes: HISTORY_BYTES,
        }
    }
}

/// What one tenant may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateGate {
    check: StateCheck,
    uses: Arc<[Glob]>,
}

/// What becomes of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateVerdict {
    /// The configuration allows it.
    Allowed,
    /// It does not, but the gate only observes.
    Observed,
    /// The request is refused.
    Denied,
}

impl StateGate {
    /// The gate of `tenant`.
    #[must_use]
    pub fn for_tenant(settings: &StateSettings, tenant: &str) -> Self {
        let rows = settings.allow.iter().filter(|row| row.tenants.iter().any(|glob| glob.matches(tenant)));
        Self { check: settings.check, uses: rows.flat_map(|row| row.uses.iter().cloned()).collect() }
    }

    /// A gate that only observes.
    #[must_use]
    pub fn observing() -> Self {
        Self { check: StateCheck::Observe, uses: Arc::default() }
    }

    /// May this be used?
    #[must_use]
    pub fn judge(&self, name: &str) -> StateVerdict {
        match self.check {
            _ if self.uses.iter().any(|glob| glob.matches(name)) => StateVerdict::Allowed,
            StateCheck::Observe => StateVerdict::Observed,
            StateCheck::Enforce => StateVerdict::Denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_row_allows_is_denied() {
        let glob = |text: &str| Glob::new(text).unwrap();
        let row = |uses: &[&str], tenant: &str| AllowedState {
            uses: uses.iter().map(|text| glob(text)).collect(),
            tenants: vec![glob(tenant)],
        };
        let allow = vec![row(&["previous_response", "hosted_tool.web_search*"], "acme"), row(&["file"], "*")];
        let settings = StateSettings { check: StateCheck::Enforce, allow, ..StateSettings::default() };
        for (tenant, name, expected) in [
            ("acme", "previous_response", StateVerdict::Allowed),
            ("acme", "hosted_tool.web_search_preview", StateVerdict::Allowed),
            ("acme", "hosted_tool.code_interpreter", StateVerdict::Denied),
            ("acme", "file", StateVerdict::Allowed),
            ("globex", "file", StateVerdict::Allowed),
            ("globex", "previous_response", StateVerdict::Denied),
        ] {
            assert_eq!(StateGate::for_tenant(&settings, tenant).judge(name), expected, "{tenant} {name}");
        }
        assert_eq!(StateGate::default().judge("file"), StateVerdict::Denied);
        assert_eq!(StateGate::observing().judge("file"), StateVerdict::Observed);
    }
}
