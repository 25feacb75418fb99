//! The injection signal of rules: one score for all that they found in one channel.

use crate::detect::finding::Finding;

/// The score (0–100) of a channel: `100 · (1 − Π(1 − w/100))` over the weights of the distinct injection rules that found
/// something in it. One phrase said often counts once; two different ones strengthen each other.
#[must_use]
pub fn injection_score<'a>(findings: impl Iterator<Item = &'a Finding>) -> u8 {
    let mut rules: Vec<(&str, u8)> =
        findings.filter(|f| f.rule.weight > 0).map(|f| (&*f.rule.id, f.rule.weight.min(100))).collect();
    rules.sort_unstable();
    rules.dedup_by_key(|(id, _)| *id);
    let innocent = rules.iter().fold(1.0, |left, (_, weight)| left * (1.0 - f64::from(*weight) / 100.0));
    let score = (100.0 * (1.0 - innocent)).round();
    // Between the integers 0 and 100 by construction; `as` has no other conversion from a float.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    {
        score as u8
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::detect::RuleInfo;
    use crate::text::TextSpan;

    fn finding(id: &str, weight: u8) -> Finding {
        let rule = Arc::new(RuleInfo { id: id.into(), kind: "injection.x".into(), word: "X".into(), weight });
        Finding { rule, span: TextSpan::new(0, 1), confidence: 50 }
    }

    #[test]
    fn weights_combine_and_repetition_does_not_count() {
        let (a, b, mail) = (finding("a", 60), finding("b", 50), finding("mail", 0));
        for (found, score) in [
            (vec![], 0),
            (vec![&mail], 0),
            (vec![&a], 60),
            (vec![&a, &a, &mail], 60),
            (vec![&a, &b], 80),
            (vec![&b, &a, &b], 80),
            (vec![&finding("c", 100), &a], 100),
        ] {
            assert_eq!(injection_score(found.into_iter()), score);
        }
    }
}
