//! What a shadow has seen, counted: by rule, by what would have been done, and in how many texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::detect::compare::{Change, Difference, differences};
use crate::detect::{Finding, Ruleset, injection_score};
use crate::policy::Action;
use crate::telemetry::events::{ShadowFinding, ShadowText};

/// LIMIT: ids of exchanges that are remembered for each rule: enough to look some of them up in the audit log.
const MAX_EXCHANGES: usize = 5;
/// LIMIT: rules that are told apart; a set has a few hundred.
const MAX_RULES: usize = 8192;

/// What guardrails would do about a finding of a kind, by a rule, with a confidence (for injections: the text's score).
pub(super) type Judge<'a> = dyn Fn(&str, &str, u8) -> Option<Action> + 'a;

/// Findings by what is done about them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Actions {
    /// No guardrail speaks of them.
    pub none: u64,
    /// Recorded.
    pub observe: u64,
    /// Replaced.
    pub redact: u64,
    /// The exchange is refused.
    pub block: u64,
}

impl Actions {
    fn add(&mut self, action: Option<Action>) {
        let count = match action {
            None => &mut self.none,
            Some(Action::Observe) => &mut self.observe,
            Some(Action::Redact) => &mut self.redact,
            Some(Action::Block) => &mut self.block,
        };
        *count += 1;
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.none + self.observe + self.redact + self.block
    }
}

/// What differs for one rule.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RuleReport {
    /// The rule's id.
    pub rule: String,
    /// Its kind.
    pub kind: String,
    /// Only the candidate finds them; what would be done about them.
    pub gained: Actions,
    /// Only the rules in force find them; what is done about them.
    pub lost: Actions,
    /// Both find them, with another confidence; what would be done about them.
    pub moved: Actions,
    /// Some exchanges in which it differs (`x-sidewall-exchange`), for the audit log.
    pub exchanges: Vec<Arc<str>>,
}

/// Texts by what came of the comparison.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Texts {
    /// Both sets find the same.
    pub same: u64,
    /// They differ.
    pub differ: u64,
    /// Not looked at: too many waited.
    pub skipped: u64,
    /// The comparison panicked.
    pub failed: u64,
    /// Of `differ`: refused by the candidate only.
    pub newly_blocked: u64,
    /// Of `differ`: refused by the rules in force only.
    pub no_longer_blocked: u64,
    /// Bytes of all texts that were compared.
    pub bytes: u64,
}

/// What a shadow has seen.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Hash of the candidate.
    pub candidate: Arc<str>,
    /// Hash of the rules in force.
    pub live: Arc<str>,
    /// Since when they run side by side.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// How the texts compared.
    pub texts: Texts,
    /// Rules that differ, the most changed first.
    pub rules: Vec<RuleReport>,
}

/// The counts under way.
pub(super) struct Tally {
    report: Report,
    rules: BTreeMap<String, RuleReport>,
}

impl Tally {
    pub(super) fn new(candidate: &Ruleset, live: &Ruleset, since: Timestamp) -> Self {
        let (candidate, live) = (Arc::clone(candidate.hash()), Arc::clone(live.hash()));
        let report = Report { candidate, live, since, texts: Texts::default(), rules: Vec::new() };
        Self { report, rules: BTreeMap::new() }
    }

    pub(super) fn skip(&mut self) {
        self.report.texts.skipped += 1;
    }

    pub(super) fn fail(&mut self) {
        self.report.texts.failed += 1;
    }

    /// Counts one text of `bytes` bytes.
    pub(super) fn add(
        &mut self,
        bytes: usize,
        before: &[Finding],
        after: &[Finding],
        judge: &Judge<'_>,
        exchange: &Arc<str>,
    ) {
        let texts = &mut self.report.texts;
        texts.bytes = texts.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let changed = differences(before, after);
        if changed.is_empty() {
            texts.same += 1;
            ShadowText { result: "same" }.emit();
            return;
        }
        texts.differ += 1;
        ShadowText { result: "differs" }.emit();
        let (before, after) = (Side::of(before, judge), Side::of(after, judge));
        match (before.blocks(), after.blocks()) {
            (false, true) => texts.newly_blocked += 1,
            (true, false) => texts.no_longer_blocked += 1,
            _ => {}
        }
        for difference in &changed {
            self.note(difference, &before, &after, exchange);
        }
    }

    fn note(&mut self, difference: &Difference<'_>, before: &Side<'_>, after: &Side<'_>, exchange: &Arc<str>) {
        let Some(finding) = difference.finding() else { return };
        let side = if difference.change == Change::Lost { before } else { after };
        let action = side.action(finding);
        let id = &*finding.rule.id;
        ShadowFinding { rule: id, change: difference.change.word(), action: word(action) }.emit();
        if self.rules.len() >= MAX_RULES && !self.rules.contains_key(id) {
            return;
        }
        let rule = self.rules.entry(id.to_owned()).or_default();
        if rule.rule.is_empty() {
            rule.rule = id.to_owned();
            rule.kind = finding.rule.kind.to_string();
        }
        match difference.change {
            Change::Gained => rule.gained.add(action),
            Change::Lost => rule.lost.add(action),
            Change::Moved => rule.moved.add(action),
        }
        if rule.exchanges.len() < MAX_EXCHANGES && !exchange.is_empty() && !rule.exchanges.contains(exchange) {
            rule.exchanges.push(Arc::clone(exchange));
        }
    }

    pub(super) fn report(&self) -> Report {
        let mut rules: Vec<_> = self.rules.values().cloned().collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.gained.total() + rule.lost.total() + rule.moved.total()));
        Report { rules, ..self.report.clone() }
    }
}

/// One set's findings in a text and what is done about them.
struct Side<'a> {
    findings: &'a [Finding],
    /// The injection score of the text.
    score: u8,
    judge: &'a Judge<'a>,
}

impl<'a> Side<'a> {
    fn of(findings: &'a [Finding], judge: &'a Judge<'a>) -> Self {
        Self { findings, score: injection_score(findings.iter()), judge }
    }

    fn action(&self, finding: &Finding) -> Option<Action> {
        // Injections count by their sum over the text.
        let confidence = if finding.rule.weight > 0 { self.score } else { finding.confidence };
        (self.judge)(&finding.rule.kind, &finding.rule.id, confidence)
    }

    fn blocks(&self) -> bool {
        self.findings.iter().any(|finding| self.action(finding) == Some(Action::Block))
    }
}

fn word(action: Option<Action>) -> &'static str {
    match action {
        None => "none",
        Some(Action::Observe) => "observe",
        Some(Action::Redact) => "redact",
        Some(Action::Block) => "block",
    }
}

fn rfc3339<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}
