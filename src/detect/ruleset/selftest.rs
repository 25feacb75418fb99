//! Rules held against their own examples, each rule alone.

use super::{Rule, Ruleset, Scope};
use crate::detect::finding::Finding;
use crate::detect::scan::ScanState;
use crate::text::Phase;

/// An example that a rule does not live up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleFailure {
    /// The rule's id.
    pub rule: String,
    /// The example, as the ruleset has it (never text of a caller).
    pub example: String,
    /// True: an example in `matches` that is not found. False: one in `ignores` that is.
    pub missed: bool,
}

impl Ruleset {
    /// Runs every rule alone over its examples; returns those that fail.
    #[must_use]
    pub fn selftest(&self) -> Vec<ExampleFailure> {
        let mut failures = Vec::new();
        for (rule, number) in self.rules.iter().zip(0u32..) {
            let all = rule.spec.matches.iter().map(|m| (m, true)).chain(rule.spec.ignores.iter().map(|i| (i, false)));
            for (example, expected) in all {
                if self.finds_alone(number, rule, example) != expected {
                    let (rule, example) = (rule.spec.id.clone(), example.clone());
                    failures.push(ExampleFailure { rule, example, missed: expected });
                }
            }
        }
        failures
    }

    fn finds_alone(&self, number: u32, rule: &Rule, text: &str) -> bool {
        let scope = Scope { phase: Phase::Request, injection: rule.matcher.injection };
        self.engine.scan_alone(&self.rules, number, scope, text)
    }

    /// All findings of all rules in a whole text, as in a request.
    pub(super) fn find_all(&self, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        let scope = Scope { phase: Phase::Request, injection: true };
        self.scan(scope, text, true, &mut ScanState::default(), &mut found);
        found
    }
}
