//! Guardrails: kinds + where + threshold → action.
//!
//! A guardrail is a row. Rows are asked in order and the *first that speaks of a finding decides*: its kind, phase, part and
//! tenant fit, and the finding's confidence is at or over its threshold. Configured rows come before the profile's, so a
//! configured row overrides the profile for exactly the findings that it speaks of, in either direction; a finding below its
//! threshold is left to the rows that follow. Hence to switch a profile's row off, configure the same kinds with
//! `action = "observe"` and `threshold = 0`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::policy::profile::Profile;
use crate::policy::verdict::Action;
use crate::redact::Strategy;
use crate::text::{Glob, Part, Phase};

/// What happens when the detectors behind a guardrail cannot answer (a deadline passed, a model is missing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailMode {
    /// The exchange is refused.
    #[default]
    Closed,
    /// The exchange passes; the gap is recorded.
    Open,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrail {
    /// Its name in audit records and `config print`; unique.
    pub name: Arc<str>,
    /// Kinds that it speaks of; any of them.
    pub kinds: Vec<Glob>,
    /// Ids of rules that it speaks of; any of them, or all if empty.
    pub rules: Vec<Glob>,
    /// The phase; `None`: both.
    pub phase: Option<Phase>,
    /// The parts; any of them.
    pub parts: Vec<Part>,
    /// The tenants; any of them.
    pub tenants: Vec<Glob>,
    /// Least confidence, 0–100. For `injection.*` kinds: least score of the channel.
    pub threshold: u8,
    /// What is done.
    pub action: Action,
    /// How to redact, if the action is `Redact`.
    pub strategy: Strategy,
    /// When detectors cannot answer.
    pub fail: FailMode,
    /// PANs and secrets too are restored into tool arguments: for tools that must have them, such as one that charges a card.
    pub restore_in_tools: bool,
}

/// Kinds that are judged by the score of a whole channel, not by a span.
const INJECTION: &str = "injection.";

/// Kinds whose values are never restored into tool arguments (threats.md, "placeholder forgery").
const SECRETS: [&str; 2] = ["secret.", "pci."];

impl Guardrail {
    /// True if it decides over a finding of `kind`, by the rule of this id, with `confidence` at this place (the tenant is left aside).
    ///
    /// A redacting row never speaks of `injection.*`: an injection is a property of a channel, and taking words out of it
    /// would neither disarm it nor leave an honest text.
    #[must_use]
    pub fn speaks_of(&self, phase: Phase, part: Part, kind: &str, rule: &str, confidence: u8) -> bool {
        confidence >= self.threshold
            && self.phase.is_none_or(|own| own == phase)
            && self.parts.contains(&part)
            && !(self.action == Action::Redact && kind.starts_with(INJECTION))
            && self.kinds.iter().any(|glob| glob.matches(kind))
            && (self.rules.is_empty() || self.rules.iter().any(|glob| glob.matches(rule)))
    }
}

/// What the guardrails say of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The action asked for; `None`: no guardrail speaks of it (it is still recorded).
    pub action: Option<Action>,
    /// How to redact, if the action is `Redact`.
    pub strategy: Strategy,
    /// Name of the guardrail that decided; empty if none.
    pub guardrail: Arc<str>,
    /// True for PANs and secrets: what stands for them is restored to the caller's text, and not into tool arguments unless the
    /// deciding row says so.
    pub secret: bool,
}

/// All guardrails of a configuration, for all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardrailSet {
    /// The named rows that apply where no configured row speaks.
    pub profile: Profile,
    /// Configured rows, in the file's order.
    pub configured: Vec<Guardrail>,
}

impl GuardrailSet {
    /// Every row in the order in which they are asked.
    #[must_use]
    pub fn rows(&self) -> Vec<Guardrail> {
        self.configured.iter().cloned().chain(self.profile.rows()).collect()
    }
}

/// The guardrails in force, resolved for one tenant.
#[derive(Debug, Clone)]
pub struct Guardrails {
    rows: Arc<[Guardrail]>,
}

impl Default for Guardrails {
    /// The default profile. SECURITY: never an empty set, which would let everything pass.
    fn default() -> Self {
        Self::of_profile(Profile::default())
    }
}

impl Guardrails {
    /// The rows of `set` that apply to `tenant`.
    #[must_use]
    pub fn for_tenant(set: &GuardrailSet, tenant: &str) -> Self {
        let applies = |row: &Guardrail| row.tenants.iter().any(|glob| glob.matches(tenant));
        Self { rows: set.rows().into_iter().filter(applies).collect() }
    }

    /// A profile's rows alone.
    #[must_use]
    pub fn of_profile(profile: Profile) -> Self {
        Self { rows: profile.rows().into() }
    }

    /// Judges a finding of `kind` with `confidence` (0–100) in `part`, whatever rule found it: rows for some rules only say nothing.
    /// For `injection.*` kinds, `confidence` is the channel's score.
    #[must_use]
    pub fn judge(&self, phase: Phase, part: Part, kind: &str, confidence: u8) -> Judgement {
        self.judge_rule(phase, part, kind, "", confidence)
    }

    /// As [`Guardrails::judge`], for a finding by the rule of this id.
    #[must_use]
    pub fn judge_rule(&self, phase: Phase, part: Part, kind: &str, rule: &str, confidence: u8) -> Judgement {
        let secret = SECRETS.iter().any(|prefix| kind.starts_with(prefix));
        let row = self.rows.iter().find(|row| row.speaks_of(phase, part, kind, rule, confidence));
        let secret = secret && !row.is_some_and(|row| row.restore_in_tools);
        let Some(row) = row else {
            return Judgement { action: None, strategy: Strategy::Mask, guardrail: Arc::from(""), secret };
        };
        let strategy = applicable(row.strategy, phase);
        Judgement { action: Some(row.action), strategy, guardrail: Arc::clone(&row.name), secret }
    }

    /// What to do in `part` when the detectors of `kind` cannot answer: that which the first blocking or redacting row that
    /// could have spoken says; open if every such row only observes, so that no finding could have changed anything.
    #[must_use]
    pub fn fail_mode(&self, phase: Phase, part: Part, kind: &str) -> FailMode {
        let could_speak =
            |row: &&Guardrail| row.rules.is_empty() && row.speaks_of(phase, part, kind, "", row.threshold.max(100));
        let acting = self.rows.iter().filter(could_speak).find(|row| row.action > Action::Observe);
        acting.map_or(FailMode::Open, |row| row.fail)
    }

    /// The rows in force, in the order in which they are asked.
    #[must_use]
    pub fn rows(&self) -> &[Guardrail] {
        &self.rows
    }
}

/// A placeholder in a response would be restored by nobody: nothing was sent that it stands for. So a response is masked.
fn applicable(strategy: Strategy, phase: Phase) -> Strategy {
    match (strategy, phase) {
        (Strategy::Tokenize, Phase::Response) => Strategy::Mask,
        _ => strategy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, kinds: &[&str], threshold: u8, action: Action) -> Guardrail {
        Guardrail {
            restore_in_tools: false,
            name: name.into(),
            kinds: kinds.iter().map(|kind| Glob::new(kind).unwrap()).collect(),
            rules: Vec::new(),
            phase: None,
            parts: Part::ALL.to_vec(),
            tenants: vec![Glob::new("*").unwrap()],
            threshold,
            action,
            strategy: Strategy::Tokenize,
            fail: FailMode::Closed,
        }
    }

    fn decided_by(set: &GuardrailSet, tenant: &str, kind: &str, confidence: u8) -> (String, Option<Action>) {
        let judgement = Guardrails::for_tenant(set, tenant).judge(Phase::Request, Part::User, kind, confidence);
        (judgement.guardrail.to_string(), judgement.action)
    }

    #[test]
    fn the_first_configured_row_that_speaks_decides_then_the_profile() {
        let mut acme = row("acme", &["pii.email"], 0, Action::Block);
        acme.tenants = vec![Glob::new("acme*").unwrap()];
        let set = GuardrailSet {
            profile: Profile::Balanced,
            configured: vec![
                acme,
                row("sure cards", &["pci.*"], 90, Action::Block),
                row("any pii", &["pii.*"], 0, Action::Observe),
                row("never reached", &["pii.*"], 0, Action::Block),
            ],
        };
        for (tenant, kind, confidence, name, action) in [
            ("acme-eu", "pii.email", 0, "acme", Some(Action::Block)),
            ("other", "pii.email", 100, "any pii", Some(Action::Observe)),
            ("acme", "pii.phone", 100, "any pii", Some(Action::Observe)),
            ("other", "pci.pan", 90, "sure cards", Some(Action::Block)),
            ("other", "pci.pan", 89, "balanced: cards in requests", Some(Action::Redact)),
            ("other", "house.unknown", 100, "", None),
        ] {
            assert_eq!(
                decided_by(&set, tenant, kind, confidence),
                (name.to_owned(), action),
                "{tenant} {kind} {confidence}"
            );
        }
    }

    #[test]
    fn a_row_may_speak_of_some_rules_only() {
        let mut bare = row("bare phones", &["pii.*"], 0, Action::Block);
        bare.rules = vec![Glob::new("phone-*").unwrap()];
        let set = GuardrailSet { profile: Profile::Observe, configured: vec![bare] };
        let guardrails = Guardrails::for_tenant(&set, "acme");
        for (rule, action) in [
            ("phone-bare", Action::Block),
            ("email", Action::Observe),
            ("", Action::Observe),
            ("xphone-", Action::Observe),
        ] {
            let judgement = guardrails.judge_rule(Phase::Request, Part::User, "pii.x", rule, 50);
            assert_eq!(judgement.action, Some(action), "{rule}");
        }
    }

    #[test]
    fn phase_and_part_restrict_a_row() {
        let mut narrow = row("narrow", &["x.*"], 0, Action::Block);
        narrow.phase = Some(Phase::Response);
        narrow.parts = vec![Part::ToolArguments];
        let set = GuardrailSet { profile: Profile::Balanced, configured: vec![narrow] };
        let guardrails = Guardrails::for_tenant(&set, "acme");
        for phase in [Phase::Request, Phase::Response] {
            for part in Part::ALL {
                let speaks = guardrails.judge(phase, part, "x.y", 50).action.is_some();
                assert_eq!(speaks, phase == Phase::Response && part == Part::ToolArguments, "{phase:?} {part:?}");
            }
        }
    }

    #[test]
    fn redacting_rows_leave_injections_to_the_rows_that_follow() {
        let set =
            GuardrailSet { profile: Profile::Balanced, configured: vec![row("everything", &["*"], 0, Action::Redact)] };
        let (name, action) = decided_by(&set, "acme", "injection.override", 100);
        assert_eq!((name.as_str(), action), ("balanced: injection by user or system", Some(Action::Block)));
    }

    #[test]
    fn responses_are_masked_where_requests_are_tokenized() {
        let set = GuardrailSet { profile: Profile::Observe, configured: vec![row("r", &["x.*"], 0, Action::Redact)] };
        let guardrails = Guardrails::for_tenant(&set, "acme");
        assert_eq!(guardrails.judge(Phase::Request, Part::User, "x.y", 1).strategy, Strategy::Tokenize);
        assert_eq!(guardrails.judge(Phase::Response, Part::Assistant, "x.y", 1).strategy, Strategy::Mask);
    }

    #[test]
    fn a_row_may_let_cards_into_tool_arguments() {
        let mut rail = row("refunds", &["pci.*"], 50, Action::Redact);
        rail.restore_in_tools = true;
        let set = GuardrailSet { profile: Profile::Balanced, configured: vec![rail] };
        let guardrails = Guardrails::for_tenant(&set, "acme");
        assert!(!guardrails.judge(Phase::Request, Part::User, "pci.pan", 90).secret);
        assert!(guardrails.judge(Phase::Request, Part::User, "pci.pan", 49).secret, "the row does not speak of it");
        assert!(guardrails.judge(Phase::Request, Part::User, "secret.jwt", 90).secret);
    }

    #[test]
    fn cards_and_secrets_are_marked_whatever_row_decides() {
        let guardrails = Guardrails::default();
        for (kind, secret) in
            [("pci.pan", true), ("secret.aws_access_key", true), ("pii.email", false), ("secretive.x", false)]
        {
            assert_eq!(guardrails.judge(Phase::Request, Part::User, kind, 99).secret, secret, "{kind}");
        }
    }

    #[test]
    fn the_default_is_the_balanced_profile_not_an_empty_set() {
        let judgement = Guardrails::default().judge(Phase::Request, Part::User, "pci.pan", 99);
        assert_eq!(judgement.action, Some(Action::Redact));
    }

    #[test]
    fn failure_is_closed_unless_nothing_or_an_open_row_depends_on_it() {
        let mut open = row("open", &["x.*"], 80, Action::Block);
        open.fail = FailMode::Open;
        let set = GuardrailSet {
            profile: Profile::Balanced,
            configured: vec![row("watch", &["x.*"], 0, Action::Observe), open, row("late", &["x.*"], 0, Action::Block)],
        };
        let guardrails = Guardrails::for_tenant(&set, "acme");
        let mode = |kind| guardrails.fail_mode(Phase::Request, Part::User, kind);
        assert_eq!(mode("x.y"), FailMode::Open);
        assert_eq!(mode("injection.override"), FailMode::Closed);
        assert_eq!(mode("pci.pan"), FailMode::Closed);
        assert_eq!(mode("house.unknown"), FailMode::Open);
    }
}
