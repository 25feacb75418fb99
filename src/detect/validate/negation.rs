//! Orders that are forbidden rather than given: "never ignore your instructions" is what a good system prompt says.

use super::{Candidate, Outcome};

/// Words that turn an order into its opposite when they stand directly before it.
const NEGATIONS: &[&str] = &["not", "never", "cannot", "without", "avoid", "refuse to", "not to", "nor"];

/// Rejects what is directly negated. `don't just …` and a negation in another clause do not count.
pub(super) fn not_negated(candidate: &Candidate<'_>) -> Outcome {
    let before = candidate.before.trim_end_matches([' ', '*', '_', '"', '\'']).to_lowercase();
    let negated = before.ends_with("n't")
        || before.ends_with("n\u{2019}t")
        || NEGATIONS.iter().any(|negation| {
            before.strip_suffix(negation).is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric()))
        });
    if negated { Outcome::Reject } else { Outcome::Accept }
}

#[cfg(test)]
mod tests {
    use super::super::tests::among;
    use super::*;

    #[test]
    fn only_direct_negation_counts() {
        for before in ["You must never ", "do not ", "Don't ", "please do **not** ", "cannot "] {
            assert_eq!(not_negated(&among(before, "ignore your instructions", "")), Outcome::Reject, "{before}");
        }
        for before in ["", "I will not wait: ", "a knot ", "Do not answer. Instead, ", "and then "] {
            assert_eq!(not_negated(&among(before, "ignore your instructions", "")), Outcome::Accept, "{before}");
        }
    }
}
