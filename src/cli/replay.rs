//! Judging recorded exchanges again by candidate rules and guardrails: what would change.
//!
//! A record holds the text after redaction. So what a candidate finds *more* is found by scanning that text; what was found then is
//! judged by the candidate's guardrails with the confidence it had, and is gone if the candidate has no such rule. (What a rule would find
//! otherwise in a value that was taken out nobody can say: the value is not on record.)

use serde_json::Value;

use crate::detect::{Finding, Ruleset, ScanState, Scope, injection_score};
use crate::policy::{Action, GuardrailSet, Guardrails};
use crate::text::{Part, Phase};

/// The prefix of injection kinds, which count by their sum over a text.
const INJECTION: &str = "injection.";

/// What to judge by.
pub(super) struct Candidate {
    rules: Ruleset,
    set: GuardrailSet,
}

/// What a candidate says of an exchange.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Judged {
    /// The verdict of the findings on record.
    pub(super) was: &'static str,
    /// The candidate's.
    pub(super) would: &'static str,
    /// Findings of the candidate in the recorded text: rule, part, action.
    pub(super) more: Vec<(String, &'static str, &'static str)>,
    /// Rules of recorded findings that the candidate does not have.
    pub(super) gone: Vec<String>,
}

impl Judged {
    /// True if the caller would have got another answer.
    pub(super) fn changes(&self) -> bool {
        self.was != self.would
    }
}

const WORDS: [&str; 3] = ["allow", "redact", "block"];

fn word(rank: usize) -> &'static str {
    WORDS.get(rank).copied().unwrap_or_default()
}

fn rank(action: Option<Action>) -> usize {
    match action {
        Some(Action::Block) => 2,
        Some(Action::Redact) => 1,
        Some(Action::Observe) | None => 0,
    }
}

fn action_word(action: Option<Action>) -> &'static str {
    match action {
        Some(Action::Block) => "block",
        Some(Action::Redact) => "redact",
        Some(Action::Observe) => "observe",
        None => "none",
    }
}

impl Candidate {
    pub(super) const fn new(rules: Ruleset, set: GuardrailSet) -> Self {
        Self { rules, set }
    }

    /// Judges an exchange by the reports of its phases, as records hold them.
    pub(super) fn judge(&self, tenant: &str, request: Option<&Value>, response: Option<&Value>) -> Judged {
        let guardrails = Guardrails::for_tenant(&self.set, tenant);
        let mut judged = Judged::default();
        let (mut was, mut would) = (0, 0);
        for (phase, report) in [(Phase::Request, request), (Phase::Response, response)] {
            let Some(report) = report else { continue };
            let said = report.get("verdict").and_then(Value::as_str).unwrap_or_default();
            was = was.max(WORDS.iter().position(|word| *word == said).unwrap_or_default());
            would = would.max(self.recorded(&guardrails, phase, report, &mut judged));
            would = would.max(self.texts(&guardrails, phase, report, &mut judged));
        }
        judged.gone.sort();
        judged.gone.dedup();
        (judged.was, judged.would) = (word(was), word(would));
        judged
    }

    /// The findings on record.
    fn recorded(&self, guardrails: &Guardrails, phase: Phase, report: &Value, judged: &mut Judged) -> usize {
        let mut highest = 0;
        for finding in items(report, "findings") {
            let (kind, rule) = (text(finding, "kind"), text(finding, "rule"));
            let Some(part) = part_of(finding) else { continue };
            if kind.starts_with(INJECTION) && items(report, "texts").any(|text| part_of(text) == Some(part)) {
                // Its text is on record as it was, so it is judged from that.
                continue;
            }
            if !self.rules.rules().iter().any(|known| &*known.info.id == rule) {
                judged.gone.push(rule.to_owned());
                continue;
            }
            let confidence = finding.get("confidence").and_then(Value::as_u64).unwrap_or_default();
            let confidence = u8::try_from(confidence).unwrap_or(u8::MAX);
            highest = highest.max(rank(guardrails.judge_rule(phase, part, kind, rule, confidence).action));
        }
        highest
    }

    /// What the candidate finds in the text on record.
    fn texts(&self, guardrails: &Guardrails, phase: Phase, report: &Value, judged: &mut Judged) -> usize {
        let mut highest = 0;
        for entry in items(report, "texts") {
            let Some(part) = part_of(entry) else { continue };
            let scope = Scope { phase, injection: phase == Phase::Request };
            let mut found = Vec::new();
            self.rules.scan(scope, text(entry, "text"), true, &mut ScanState::default(), &mut found);
            let (signals, values): (Vec<Finding>, Vec<Finding>) =
                found.into_iter().partition(|finding| finding.rule.kind.starts_with(INJECTION));
            let score = injection_score(signals.iter());
            let strongest = signals.iter().max_by_key(|signal| signal.rule.weight);
            let rows =
                values.iter().map(|value| (value, value.confidence)).chain(strongest.map(|signal| (signal, score)));
            for (finding, confidence) in rows {
                let (kind, rule) = (&finding.rule.kind, &finding.rule.id);
                let action = guardrails.judge_rule(phase, part, kind, rule, confidence).action;
                highest = highest.max(rank(action));
                judged.more.push((rule.to_string(), part.name(), action_word(action)));
            }
        }
        highest
    }
}

fn items<'v>(report: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    report.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn part_of(value: &Value) -> Option<Part> {
    let name = text(value, "part");
    Part::ALL.into_iter().find(|part| part.name() == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::Profile;

    fn candidate(profile: Profile) -> Candidate {
        Candidate::new(Ruleset::embedded().unwrap(), GuardrailSet { profile, configured: Vec::new() })
    }

    #[test]
    fn another_profile_and_a_missed_value_change_the_answer() {
        let redacted = json!({ "verdict": "redact", "findings": [{ "kind": "pii.email", "rule": "email", "part": "user", "confidence": 95 }],
            "texts": [{ "part": "user", "path": "messages[0].content", "text": "write to [EMAIL_7KQ2MX] please" }] });
        let same = candidate(Profile::Balanced).judge("acme", Some(&redacted), None);
        assert_eq!((same.was, same.would, same.changes()), ("redact", "redact", false), "{same:?}");
        let less = candidate(Profile::Observe).judge("acme", Some(&redacted), None);
        assert_eq!((less.was, less.would), ("redact", "allow"));
        let missed = json!({ "verdict": "allow", "findings": [{ "kind": "pii.email", "rule": "no-such-rule", "part": "user", "confidence": 95 }],
            "texts": [{ "part": "user", "path": "messages[0].content", "text": "write to jo.doe@example.com please" }] });
        let found = candidate(Profile::Balanced).judge("acme", Some(&missed), None);
        assert_eq!(
            (found.was, found.would, found.gone.as_slice()),
            ("allow", "redact", &["no-such-rule".to_owned()][..])
        );
        assert!(
            found.more.iter().any(|(rule, part, action)| rule == "email" && *part == "user" && *action == "redact")
        );
    }
}
