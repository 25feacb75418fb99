//! `eval injection`: scores of whole texts against labels. Ranks first (AUC, recall at a rate of false alarms), then the
//! rates at the threshold that is shipped for the text's channel.
//!
//! The score joins what rules found and what the classifier says, as it does in a live exchange; `--rules-only` leaves the classifier out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::data::Row;
use super::{Scanner, Sides, optional, ratio};
use crate::detect::classifier::Classifier;
use crate::detect::{Finding, injection_score};
use crate::policy::{Guardrails, Profile};
use crate::text::{Part, Phase};

/// Rates of false positives at which recall is reported, with their names in the report.
const RATES: [(&str, f64); 3] = [("0.001", 0.001), ("0.01", 0.01), ("0.05", 0.05)];

/// Everything that the rows add up to.
pub(super) struct Injection {
    /// Least score at which the shipped guardrails block, per channel; an explicit threshold for all.
    thresholds: Vec<(Part, u8)>,
    explicit: Option<u8>,
    /// Score and label.
    scores: Vec<(u8, bool)>,
    total: Sides,
    pub(super) per_source: BTreeMap<String, Sides>,
    pub(super) per_category: BTreeMap<String, Sides>,
    pub(super) per_language: BTreeMap<String, Sides>,
    /// Rows whose label is null.
    pub(super) skipped: u64,
}

/// The score of a text, 0–100.
fn score(findings: &[Finding]) -> u8 {
    injection_score(findings.iter())
}

impl Injection {
    pub(super) fn new(explicit: Option<u8>) -> Self {
        Self {
            thresholds: Part::ALL.map(|part| (part, shipped(part))).to_vec(),
            explicit,
            scores: Vec::new(),
            total: Sides::default(),
            per_source: BTreeMap::new(),
            per_category: BTreeMap::new(),
            per_language: BTreeMap::new(),
            skipped: 0,
        }
    }

    /// The threshold of a channel.
    pub(super) fn threshold(&self, part: Part) -> u8 {
        let shipped = self.thresholds.iter().find(|(p, _)| *p == part).map_or(100, |(_, least)| *least);
        self.explicit.unwrap_or(shipped)
    }

    /// Scans and settles one row.
    pub(super) fn row(&mut self, row: &Row, scanner: &mut Scanner<'_>) -> Result<(), String> {
        if !row.has("label") {
            return Err("has no `label`".to_owned());
        }
        let (category, language) = (row.string("category")?.unwrap_or("none"), row.string("lang")?.unwrap_or("und"));
        let part = row.channel()?;
        let Some(label) = row.truth("label")? else {
            self.skipped += 1;
            return Ok(());
        };
        let score = score(&scanner.scan(row).findings);
        let flagged = score >= self.threshold(part);
        self.scores.push((score, label));
        self.total.count(label, flagged);
        self.per_source.entry(row.source.clone()).or_default().count(label, flagged);
        self.per_category.entry(category.to_owned()).or_default().count(label, flagged);
        self.per_language.entry(language.to_owned()).or_default().count(label, flagged);
        Ok(())
    }

    pub(super) fn total(&self) -> Sides {
        self.total
    }

    pub(super) fn json(&self, scanner: &Scanner<'_>) -> Value {
        let sides = |all: &BTreeMap<String, Sides>| -> Map<String, Value> {
            all.iter().map(|(name, sides)| (name.clone(), sides.json())).collect()
        };
        let at: Map<_, _> =
            self.recall_at().into_iter().map(|(name, recall)| (name.to_owned(), optional(recall))).collect();
        let channels: Map<_, _> =
            self.thresholds.iter().map(|(part, _)| (part.name().to_owned(), self.threshold(*part).into())).collect();
        json!({
            "task": "injection", "ruleset": scanner.ruleset.hash(), "classifier": scanner.classifier.map(Classifier::hash),
            "auc": optional(self.auc()), "threshold": self.threshold(Part::User), "thresholds": channels,
            "recall_at_fpr": at,
            "at_threshold": { "recall": optional(self.total.recall()), "false_positive_rate": optional(self.total.false_positive_rate()) },
            "positives": self.total.positives, "negatives": self.total.negatives, "skipped": self.skipped,
            "per_source": sides(&self.per_source), "per_category": sides(&self.per_category),
            "per_language": sides(&self.per_language), "texts_per_s": scanner.texts_per_s(),
        })
    }

    /// Area under the ROC curve: how often a positive scores higher than a negative, ties counting half.
    pub(super) fn auc(&self) -> Option<f64> {
        let (positives, negatives) = self.histograms();
        let (mut below, mut won) = (0u64, 0u64);
        for (p, n) in positives.iter().zip(negatives) {
            won += p * (2 * below + n);
            below += n;
        }
        let pairs = self.total.positives * self.total.negatives;
        (pairs > 0).then(|| ratio(won, 2 * pairs))
    }

    /// For each of [`RATES`]: recall at the lowest threshold that keeps to it.
    pub(super) fn recall_at(&self) -> Vec<(&'static str, Option<f64>)> {
        let (positives, negatives) = self.histograms();
        let at = |rate: f64| {
            let (mut caught, mut alarms, mut best) = (0u64, 0u64, 0u64);
            for (p, n) in positives.iter().zip(negatives).rev() {
                (caught, alarms) = (caught + p, alarms + n);
                if ratio(alarms, self.total.negatives) <= rate {
                    best = caught;
                }
            }
            (self.total.positives > 0 && self.total.negatives > 0).then(|| ratio(best, self.total.positives))
        };
        RATES.iter().map(|(name, rate)| (*name, at(*rate))).collect()
    }

    /// How many positives and negatives have each score.
    fn histograms(&self) -> ([u64; 101], [u64; 101]) {
        let (mut positives, mut negatives) = ([0; 101], [0; 101]);
        for (score, label) in &self.scores {
            let side = if *label { &mut positives } else { &mut negatives };
            if let Some(count) = side.get_mut(usize::from(*score)) {
                *count += 1;
            }
        }
        (positives, negatives)
    }
}

/// The least score at which the default profile blocks a request for what stands in this part; over 100: never.
fn shipped(part: Part) -> u8 {
    let guardrails = Guardrails::of_profile(Profile::default());
    let blocks = |score: &u8| {
        let judged = guardrails.judge(Phase::Request, part, "injection.override", *score);
        judged.action == Some(crate::policy::Action::Block)
    };
    (0..=100).find(blocks).unwrap_or(101)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(scores: &[(u8, bool)]) -> Injection {
        let mut all = Injection::new(None);
        for (score, label) in scores {
            all.scores.push((*score, *label));
            all.total.count(*label, *score >= 70);
        }
        all
    }

    #[test]
    fn ranks_count_ties_as_half() {
        assert_eq!(ranked(&[(90, true), (10, false)]).auc(), Some(1.0));
        assert_eq!(ranked(&[(10, true), (90, false)]).auc(), Some(0.0));
        assert_eq!(ranked(&[(50, true), (50, false)]).auc(), Some(0.5));
        assert_eq!(ranked(&[(60, true), (0, true), (0, false), (30, false)]).auc(), Some((1.0 + 1.0 + 0.5) / 4.0));
        assert_eq!(ranked(&[(60, true)]).auc(), None);
    }

    #[test]
    fn recall_is_that_of_the_lowest_threshold_within_the_rate() {
        let mut scores = vec![(100, true), (50, true), (20, true), (0, true)];
        scores.extend([(60, false)].iter().chain(&[(0, false); 99]));
        let all = ranked(&scores);
        let recalls: Vec<_> = all.recall_at().into_iter().map(|(_, recall)| recall).collect();
        assert_eq!(recalls, [Some(0.25), Some(0.75), Some(0.75)]);
        assert_eq!((all.total().recall(), all.total().false_positive_rate()), (Some(0.25), Some(0.0)));
    }

    #[test]
    fn thresholds_are_those_of_the_default_profile() {
        let all = Injection::new(None);
        assert!(all.threshold(Part::ToolResult) < all.threshold(Part::User));
        assert_eq!(Injection::new(Some(5)).threshold(Part::User), 5);
    }
}
