//! The decision about an exchange: a small semilattice, so that joining is order-free.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a guardrail asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Record only.
    Observe,
    /// Edit the text.
    Redact,
    /// Refuse the exchange.
    Block,
}

/// Why an exchange is refused; holds no text of the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// Dotted kind of the finding that decided.
    pub kind: Arc<str>,
    /// Id of the rule that decided.
    pub rule: Arc<str>,
    /// Name of the guardrail that decided.
    pub guardrail: Arc<str>,
    /// Path of the field, such as `messages[2].content`.
    pub path: Arc<str>,
}

/// What happens to an exchange: `Allow < Redact < Block`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verdict {
    /// Passes unchanged.
    #[default]
    Allow,
    /// Passes with edits.
    Redact,
    /// Refused.
    Block(Reason),
}

impl Verdict {
    /// The stronger of the two. Between two blocks the lesser reason in `Ord` stands, so that the result
    /// does not depend on the order of joining.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Block(a), Self::Block(b)) => Self::Block(a.min(b)),
            (a, b) => a.max(b),
        }
    }

    /// The word of `x-sidewall-verdict`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Block(_) => "block",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Few distinct values, so that equal and differing reasons both occur often.
    fn verdicts() -> impl Strategy<Value = Verdict> {
        let word = || prop::sample::select(vec!["", "a", "b"]).prop_map(Arc::from);
        let reason = (word(), word(), word(), word()).prop_map(|(kind, rule, guardrail, path)| Reason {
            kind,
            rule,
            guardrail,
            path,
        });
        prop_oneof![Just(Verdict::Allow), Just(Verdict::Redact), reason.prop_map(Verdict::Block)]
    }

    fn rank(verdict: &Verdict) -> u8 {
        match verdict {
            Verdict::Allow => 0,
            Verdict::Redact => 1,
            Verdict::Block(_) => 2,
        }
    }

    proptest! {
        #[test]
        fn joining_is_a_semilattice(a in verdicts(), b in verdicts(), c in verdicts()) {
            prop_assert_eq!(a.clone().join(a.clone()), a.clone());
            prop_assert_eq!(a.clone().join(b.clone()), b.clone().join(a.clone()));
            prop_assert_eq!(a.clone().join(b.clone()).join(c.clone()), a.clone().join(b.clone().join(c)));
            prop_assert_eq!(Verdict::Allow.join(a.clone()), a);
        }

        #[test]
        fn joining_never_weakens(a in verdicts(), b in verdicts()) {
            let joined = a.clone().join(b.clone());
            prop_assert_eq!(rank(&joined), rank(&a).max(rank(&b)));
            prop_assert!(joined == a || joined == b);
        }

        #[test]
        fn joining_a_sequence_does_not_depend_on_its_order(list in prop::collection::vec(verdicts(), 0..8)) {
            let forward = list.iter().cloned().fold(Verdict::Allow, Verdict::join);
            let backward = list.into_iter().rev().fold(Verdict::Allow, Verdict::join);
            prop_assert_eq!(forward, backward);
        }
    }

    #[test]
    fn words() {
        let reason = Reason { kind: "".into(), rule: "".into(), guardrail: "".into(), path: "".into() };
        let words = [Verdict::Allow, Verdict::Redact, Verdict::Block(reason)].map(|verdict| verdict.word());
        assert_eq!(words, ["allow", "redact", "block"]);
    }
}
