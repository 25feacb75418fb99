//! What another set of rules makes of the same text: finding by finding.

use std::collections::BTreeMap;

use crate::detect::finding::Finding;
use crate::text::TextSpan;

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only the second set has it.
    Gained,
    /// Only the first set has it.
    Lost,
    /// Both have it, with different confidence.
    Moved,
}

impl Change {
    /// As metrics and JSON have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Moved => "moved",
        }
    }
}

/// One difference. At least one side is there.
#[derive(Debug, Clone, Copy)]
pub struct Difference<'f> {
    /// What became of it.
    pub change: Change,
    /// The first set's finding.
    pub before: Option<&'f Finding>,
    /// The second set's finding.
    pub after: Option<&'f Finding>,
}

impl<'f> Difference<'f> {
    /// The finding: the second set's, if it has one.
    #[must_use]
    pub fn finding(&self) -> Option<&'f Finding> {
        self.after.or(self.before)
    }
}

/// Holds the findings of two sets in one text against each other: the same rule at the same place is the same finding.
#[must_use]
pub fn differences<'f>(before: &'f [Finding], after: &'f [Finding]) -> Vec<Difference<'f>> {
    let mut pairs: BTreeMap<(TextSpan, &str), [Option<&'f Finding>; 2]> = BTreeMap::new();
    for finding in before {
        let [before, _] = pairs.entry((finding.span, &*finding.rule.id)).or_default();
        *before = Some(finding);
    }
    for finding in after {
        let [_, after] = pairs.entry((finding.span, &*finding.rule.id)).or_default();
        *after = Some(finding);
    }
    let changed = pairs.into_values().filter_map(|[before, after]| {
        let change = match (before, after) {
            (Some(a), Some(b)) if a.confidence == b.confidence => return None,
            (Some(_), Some(_)) => Change::Moved,
            (Some(_), None) => Change::Lost,
            (None, _) => Change::Gained,
        };
        Some(Difference { change, before, after })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::detect::RuleInfo;

    fn finding(id: &str, start: usize, confidence: u8) -> Finding {
        let rule = Arc::new(RuleInfo { id: id.into(), kind: "pii.x".into(), word: "X".into(), weight: 0 });
        Finding { rule, span: TextSpan::new(start, start + 4), confidence }
    }

    #[test]
    fn the_same_rule_at_the_same_place_is_the_same_finding() {
        let before = [finding("a", 0, 50), finding("a", 10, 50), finding("b", 20, 50)];
        let after = [finding("a", 0, 50), finding("a", 10, 60), finding("c", 20, 50)];
        let found: Vec<_> = differences(&before, &after)
            .iter()
            .map(|d| (d.finding().unwrap().rule.id.to_string(), d.finding().unwrap().span.start, d.change))
            .collect();
        assert_eq!(
            found,
            [
                ("a".to_owned(), 10, Change::Moved),
                ("b".to_owned(), 20, Change::Lost),
                ("c".to_owned(), 20, Change::Gained)
            ]
        );
    }
}
