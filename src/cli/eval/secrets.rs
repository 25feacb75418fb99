//! `eval secrets`: is a secret found in the text, whatever its kind?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data::Row;
use super::{Scanner, Sides, optional};

/// Findings of these kinds are secrets.
const SECRET: &str = "secret.";

/// Everything that the rows add up to.
pub(super) struct Secrets {
    threshold: u8,
    pub(super) per_source: BTreeMap<String, Sides>,
    /// Rows left out: neither `true` nor `false`, or `soft`, which says something of a format and not of a secret.
    pub(super) skipped: u64,
}

impl Secrets {
    pub(super) fn new(threshold: u8) -> Self {
        Self { threshold, per_source: BTreeMap::new(), skipped: 0 }
    }

    /// Scans and settles one row.
    pub(super) fn row(&mut self, row: &Row, scanner: &mut Scanner<'_>) -> Result<(), String> {
        if !row.has("is_secret") {
            return Err("has no `is_secret`".to_owned());
        }
        let Some(is_secret) = row.truth("is_secret")?.filter(|_| row.flag("soft") != Ok(true)) else {
            self.skipped += 1;
            return row.flag("soft").map(|_| ());
        };
        let secret = |f: &crate::detect::Finding| f.rule.kind.starts_with(SECRET) && f.confidence >= self.threshold;
        let flagged = scanner.scan(row).findings.iter().any(secret);
        self.per_source.entry(row.source.clone()).or_default().count(is_secret, flagged);
        Ok(())
    }

    /// All sources together.
    pub(super) fn total(&self) -> Sides {
        self.per_source.values().fold(Sides::default(), |sum, sides| sum.plus(*sides))
    }

    pub(super) fn json(&self, scanner: &Scanner<'_>) -> Value {
        let total = self.total();
        let per_source: serde_json::Map<_, _> =
            self.per_source.iter().map(|(s, sides)| (s.clone(), sides.json())).collect();
        json!({
            "task": "secrets", "ruleset": scanner.ruleset.hash(), "threshold": self.threshold,
            "positives": total.positives, "negatives": total.negatives, "skipped": self.skipped,
            "precision": optional(total.precision()), "recall": optional(total.recall()), "f1": optional(total.f1()),
            "false_positive_rate": optional(total.false_positive_rate()),
            "per_source": per_source, "mb_per_s": scanner.mb_per_s(),
        })
    }
}
