//! Where the rules stand: which are in force, and what came of the last attempt to load new ones. The admin listener shows it
//! (`/rulesets`), `sidewall rules status` prints it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::detect::Ruleset;
use crate::detect::ruleset::RulesetError;
use crate::proxy::shadow::{Report, Shadow};

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What is new is in force.
    Swapped,
    /// The files say what is in force already.
    Unchanged,
    /// They cannot be used; what was in force stays.
    KeptLastGood,
}

impl Outcome {
    /// As metrics and JSON have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Swapped => "swapped",
            Self::Unchanged => "unchanged",
            Self::KeptLastGood => "kept_last_good",
        }
    }
}

/// The last attempt to load something.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt<E = RulesetError> {
    /// When it ended.
    #[serde(serialize_with = "rfc3339")]
    pub time: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// Reading, compiling and testing, milliseconds.
    pub took_ms: u64,
    /// Everything that is wrong with the files.
    pub errors: Vec<E>,
}

impl<E> Attempt<E> {
    pub(super) fn new(outcome: Outcome, took: Duration, errors: Vec<E>) -> Self {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { time: Timestamp::now(), outcome, took_ms, errors }
    }
}

/// Where the rules stand.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Hash of the rules in force, before anything that a tenant changes.
    pub hash: Arc<str>,
    /// How many rules these are.
    pub rules: usize,
    /// Since when they are in force.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// Attempts to load rules since the start.
    pub attempts: u64,
    /// The last of them.
    pub last: Option<Attempt>,
    /// Everything that keeps the candidate from running in the shadow.
    pub shadow_errors: Vec<RulesetError>,
}

impl Status {
    /// At the start.
    #[must_use]
    pub fn new(rules: &Ruleset) -> Self {
        let (hash, count) = (Arc::clone(rules.hash()), rules.rules().len());
        Self { hash, rules: count, since: Timestamp::now(), attempts: 0, last: None, shadow_errors: Vec::new() }
    }

    pub(super) fn set_rules(&mut self, rules: &Ruleset) {
        self.hash = Arc::clone(rules.hash());
        self.rules = rules.rules().len();
        self.since = Timestamp::now();
    }
}

/// What the admin listener shows: the status, and in `shadow` what the candidate would do (null: there is none).
#[must_use]
pub fn json(status: &Status, shadow: Option<&Shadow>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Shown<'s> {
        #[serde(flatten)]
        status: &'s Status,
        shadow: Option<Report>,
    }
    // Plain strings and numbers always have a JSON form.
    serde_json::to_vec(&Shown { status, shadow: shadow.and_then(Shadow::report) }).unwrap_or_default()
}

pub(super) fn rfc3339<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}
