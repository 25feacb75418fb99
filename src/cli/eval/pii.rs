//! `eval pii`: spans found against spans labelled.
//!
//! A label is found by a finding whose kind stands for its type and whose intersection over union with it is at least
//! [`LEAST_OVERLAP`]; each finding serves one label, the best first. A finding that serves none is a false positive of
//! its type, except in a row that is labelled for some types only (`neg_for`) and not for its own, and except where nobody can say:
//! beside the labels of a row, in a source that never labels its type (a verification code beside a labelled card).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::data::Row;
use super::types::Types;
use super::{Scanner, ratio};
use crate::detect::{Finding, RuleInfo};
use crate::text::TextSpan;

/// Intersection over union from which on two spans mean the same, as a fraction.
const LEAST_OVERLAP: (usize, usize) = (1, 2);

/// Right, wrong and missed of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) tp: u64,
    pub(super) fp: u64,
    pub(super) fn_: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.tp += other.tp;
        self.fp += other.fp;
        self.fn_ += other.fn_;
    }

    pub(super) fn precision(self) -> f64 {
        ratio(self.tp, self.tp + self.fp)
    }

    pub(super) fn recall(self) -> f64 {
        ratio(self.tp, self.tp + self.fn_)
    }

    pub(super) fn f1(self) -> f64 {
        ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }

    fn json(self) -> Value {
        json!({ "tp": self.tp, "fp": self.fp, "fn": self.fn_,
                "precision": self.precision(), "recall": self.recall(), "f1": self.f1() })
    }
}

/// A labelled span, in bytes of the text.
#[derive(Clone)]
struct Label {
    start: usize,
    end: usize,
    name: String,
}

/// Where labels and findings disagree; of the row's text nothing but offsets.
struct Disagreement {
    place: String,
    /// In bytes of the row's text.
    span: TextSpan,
    name: String,
    /// The rule, and how sure it was; none of a miss.
    rule: Option<(Arc<RuleInfo>, u8)>,
}

/// A row after its scan: what matched is settled, what did not waits for all types that its source uses.
struct Stray {
    source: usize,
    place: String,
    span: TextSpan,
    rule: Arc<RuleInfo>,
    confidence: u8,
    /// The row speaks of these types only; empty: of all.
    only: Vec<String>,
    clean_row: Option<usize>,
    /// It stands beside the row's labels, on none of them.
    beside: bool,
}

#[derive(Default)]
struct Source {
    name: String,
    used: BTreeSet<String>,
    tallies: BTreeMap<String, Tally>,
    bytes: usize,
}

/// Everything that the rows add up to.
pub(super) struct Pii {
    types: Types,
    threshold: u8,
    sources: Vec<Source>,
    strays: Vec<Stray>,
    /// Confidences of findings that fit a label.
    right: Vec<u8>,
    unmapped: BTreeMap<String, u64>,
    disagreements: Vec<Disagreement>,
    clean: usize,
    rows: usize,
}

/// What `eval pii` prints.
pub(super) struct Report {
    pub(super) types: BTreeMap<String, Tally>,
    pub(super) per_source: BTreeMap<String, BTreeMap<String, Tally>>,
    pub(super) flagged_clean: f64,
    pub(super) per_mb: BTreeMap<String, f64>,
    pub(super) unmapped: BTreeMap<String, u64>,
    /// By tens of confidence: findings, and right ones among them.
    pub(super) calibration: BTreeMap<u8, (u64, u64)>,
    pub(super) rows: usize,
    disagreements: Vec<Disagreement>,
}

impl Pii {
    pub(super) fn new(types: Types, threshold: u8) -> Self {
        Self {
            types,
            threshold,
            sources: Vec::new(),
            strays: Vec::new(),
            right: Vec::new(),
            unmapped: BTreeMap::new(),
            disagreements: Vec::new(),
            clean: 0,
            rows: 0,
        }
    }

    /// Scans and settles one row.
    pub(super) fn row(&mut self, row: &Row, scanner: &mut Scanner<'_>) -> Result<(), String> {
        let labels = labels(row)?;
        let only = only(row)?;
        let Scanner { findings, kinds, .. } = scanner.scan(row);
        self.rows += 1;
        let clean_row = labels.is_empty().then_some(self.clean);
        self.clean += usize::from(labels.is_empty());
        let index = self.sources.iter().position(|s| s.name == row.source).unwrap_or(self.sources.len());
        if index == self.sources.len() {
            self.sources.push(Source { name: row.source.clone(), ..Source::default() });
        }
        let Some(source) = self.sources.get_mut(index) else { return Ok(()) };
        source.bytes += row.text.len();
        let (found, serving) = assign(&labels, findings, &self.types, self.threshold);
        for (label, found) in labels.iter().zip(found) {
            if !kinds.iter().any(|kind| self.types.agree(&label.name, kind)) {
                *self.unmapped.entry(label.name.clone()).or_default() += 1;
                continue;
            }
            source.used.insert(label.name.clone());
            let tally = source.tallies.entry(label.name.clone()).or_default();
            if found {
                tally.tp += 1;
                continue;
            }
            tally.fn_ += 1;
            let span = TextSpan::new(label.start, label.end);
            let missed = Disagreement { place: row.place.clone(), span, name: label.name.clone(), rule: None };
            self.disagreements.push(missed);
        }
        for (finding, serves) in findings.iter().zip(serving) {
            if serves {
                self.right.push(finding.confidence);
                continue;
            }
            self.strays.push(Stray {
                source: index,
                place: row.place.clone(),
                span: finding.span,
                rule: Arc::clone(&finding.rule),
                confidence: finding.confidence,
                only: only.clone(),
                clean_row,
                beside: !labels.is_empty()
                    && !labels.iter().any(|l| l.start < finding.span.end && finding.span.start < l.end),
            });
        }
        Ok(())
    }

    /// The sums.
    pub(super) fn finish(mut self) -> Report {
        let mut calibration: BTreeMap<u8, (u64, u64)> = BTreeMap::new();
        for confidence in self.right {
            let bucket = calibration.entry(confidence / 10 * 10).or_default();
            *bucket = (bucket.0 + 1, bucket.1 + 1);
        }
        let mut flagged = BTreeSet::new();
        for stray in &self.strays {
            let Some(source) = self.sources.get_mut(stray.source) else { continue };
            let Some(charged) = self.types.charged(&stray.rule.kind, &source.used) else { continue };
            let spoken_of =
                stray.only.is_empty() || stray.only.iter().any(|name| self.types.agree(name, &stray.rule.kind));
            if !spoken_of || stray.beside && !source.used.contains(&charged) {
                continue;
            }
            calibration.entry(stray.confidence / 10 * 10).or_default().0 += 1;
            if stray.confidence >= self.threshold {
                source.tallies.entry(charged.clone()).or_default().fp += 1;
                flagged.extend(stray.clean_row);
                let rule = Some((Arc::clone(&stray.rule), stray.confidence));
                self.disagreements.push(Disagreement {
                    place: stray.place.clone(),
                    span: stray.span,
                    name: charged,
                    rule,
                });
            }
        }
        let mut types: BTreeMap<String, Tally> = BTreeMap::new();
        for (name, tally) in self.sources.iter().flat_map(|s| &s.tallies) {
            types.entry(name.clone()).or_default().add(*tally);
        }
        let bytes: usize = self.sources.iter().map(|s| s.bytes).sum();
        let per_mb = types.iter().map(|(name, tally)| (name.clone(), ratio(tally.fp * 1_000_000, bytes as u64)));
        Report {
            per_mb: per_mb.collect(),
            types,
            per_source: self.sources.into_iter().map(|s| (s.name, s.tallies)).collect(),
            flagged_clean: ratio(flagged.len() as u64, self.clean as u64),
            unmapped: self.unmapped,
            calibration,
            rows: self.rows,
            disagreements: self.disagreements,
        }
    }
}

impl Report {
    /// Every miss and every false positive, a JSON object each: where it stands, in bytes of the row's text, and never what.
    pub(super) fn disagreements(&self) -> impl Iterator<Item = Value> {
        self.disagreements.iter().map(|d| {
            let rule = d.rule.as_ref();
            json!({
                "row": d.place, "start": d.span.start, "end": d.span.end, "type": d.name,
                "what": if rule.is_some() { "false positive" } else { "miss" },
                "rule": rule.map(|(rule, _)| &*rule.id), "confidence": rule.map(|(_, confidence)| confidence),
            })
        })
    }

    pub(super) fn json(&self, scanner: &Scanner<'_>, threshold: u8) -> Value {
        let types = |all: &BTreeMap<String, Tally>| -> Value {
            all.iter().map(|(name, tally)| (name.clone(), tally.json())).collect::<serde_json::Map<_, _>>().into()
        };
        let per_source: serde_json::Map<_, _> =
            self.per_source.iter().map(|(name, all)| (name.clone(), json!({ "types": types(all) }))).collect();
        let calibration: serde_json::Map<_, _> = self
            .calibration
            .iter()
            .map(|(ten, (all, right))| (ten.to_string(), json!({ "findings": all, "right": right })))
            .collect();
        json!({
            "task": "pii", "ruleset": scanner.ruleset.hash(), "threshold": threshold, "texts": self.rows,
            "types": types(&self.types), "per_source": per_source, "flagged_clean_texts": self.flagged_clean,
            "false_positives_per_mb": self.per_mb, "mb_per_s": scanner.mb_per_s(), "unmapped_types": self.unmapped,
            "calibration": calibration,
        })
    }
}

/// Which labels are found by findings at or over the threshold, and which findings (of any confidence) fit a label.
fn assign(labels: &[Label], findings: &[Finding], types: &Types, threshold: u8) -> (Vec<bool>, Vec<bool>) {
    let mut pairs = Vec::new();
    for (l, label) in labels.iter().enumerate() {
        for (f, finding) in findings.iter().enumerate() {
            let both = label.end.min(finding.span.end).saturating_sub(label.start.max(finding.span.start));
            let any = (label.end - label.start) + finding.span.len() - both;
            if both * LEAST_OVERLAP.1 >= any * LEAST_OVERLAP.0 && types.agree(&label.name, &finding.rule.kind) {
                // Per mille, so that pairs can be put in order.
                pairs.push((Reverse(both * 1000 / any.max(1)), l, f));
            }
        }
    }
    pairs.sort_unstable();
    let (mut found, mut fits, mut taken) =
        (vec![false; labels.len()], vec![false; findings.len()], vec![false; labels.len()]);
    for (_, l, f) in pairs {
        let (Some(taken), Some(found), Some(fits)) = (taken.get_mut(l), found.get_mut(l), fits.get_mut(f)) else {
            continue;
        };
        if !*taken && !*fits {
            (*taken, *fits) = (true, true);
            *found = findings.get(f).is_some_and(|finding| finding.confidence >= threshold);
        }
    }
    (found, fits)
}

/// The row's labels, from code points to bytes.
fn labels(row: &Row) -> Result<Vec<Label>, String> {
    let Some(Value::Array(spans)) = row.get("spans") else { return Err("`spans` is not a list".to_owned()) };
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let mut offsets: Vec<usize> = row.text.char_indices().map(|(at, _)| at).collect();
    offsets.push(row.text.len());
    let label = |(i, span): (usize, &Value)| {
        let offset = |key: &str| {
            let at = span.get(key).and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
            at.and_then(|at| offsets.get(at).copied())
                .ok_or_else(|| format!("span {i}: `{key}` is no offset in the text, counted in code points"))
        };
        let (start, end) = (offset("start")?, offset("end")?);
        let Some(name) = span.get("type").and_then(Value::as_str) else {
            return Err(format!("span {i}: `type` is not a string"));
        };
        if start >= end {
            return Err(format!("span {i}: `end` is not behind `start`"));
        }
        Ok(Label { start, end, name: name.to_owned() })
    };
    spans.iter().enumerate().map(label).collect()
}

/// The types that the row is labelled for, if it is not for all.
fn only(row: &Row) -> Result<Vec<String>, String> {
    match row.get("neg_for") {
        None => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            let names: Option<Vec<String>> = names.iter().map(|n| n.as_str().map(str::to_owned)).collect();
            names.ok_or_else(|| "`neg_for` holds something that is not a string".to_owned())
        }
        Some(_) => Err("`neg_for` is not a list".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Ruleset;

    fn finding(kind: &str, start: usize, end: usize, confidence: u8) -> Finding {
        let rule = RuleInfo { id: kind.into(), kind: kind.into(), word: "X".into(), weight: 0 };
        Finding { rule: Arc::new(rule), span: TextSpan::new(start, end), confidence }
    }

    fn label(start: usize, end: usize, name: &str) -> Label {
        Label { start, end, name: name.to_owned() }
    }

    #[test]
    fn half_an_overlap_of_the_same_type_is_a_hit_and_each_finding_serves_once() {
        let types = Types::embedded().unwrap();
        let mail = |start, end| finding("pii.email", start, end, 90);
        for (labels, findings, found, fits) in [
            (vec![label(0, 10, "EMAIL_ADDRESS")], vec![mail(0, 5)], vec![true], vec![true]),
            (vec![label(0, 10, "EMAIL_ADDRESS")], vec![mail(0, 4)], vec![false], vec![false]),
            (vec![label(0, 10, "PHONE_NUMBER")], vec![mail(0, 10)], vec![false], vec![false]),
            (vec![], vec![mail(0, 10)], vec![], vec![false]),
            (
                vec![label(0, 10, "EMAIL_ADDRESS"), label(0, 8, "EMAIL_ADDRESS")],
                vec![mail(0, 8)],
                vec![false, true],
                vec![true],
            ),
            (vec![label(0, 10, "EMAIL_ADDRESS")], vec![finding("pii.email", 0, 10, 20)], vec![false], vec![true]),
        ] {
            assert_eq!(assign(&labels, &findings, &types, 50), (found, fits));
        }
    }

    #[test]
    fn what_a_source_never_labels_is_counted_in_its_clean_rows_only() {
        let rules = Ruleset::embedded_texts().into_iter().filter(|(name, _)| name == "pii.toml" || name == "pci.toml");
        let ruleset = Ruleset::from_texts(&rules.collect::<Vec<_>>()).unwrap();
        let mut scanner = Scanner::new(&ruleset);
        let mut pii = Pii::new(Types::embedded().unwrap(), 50);
        for (row, cards) in [
            (r#"{"text":"ada@example.com 4242424242424242","spans":[{"start":0,"end":15,"type":"EMAIL"}]}"#, None),
            (r#"{"text":"PAN 4242424242424242","spans":[]}"#, Some(1)),
        ] {
            pii.row(&Row::parse(row, "made").unwrap(), &mut scanner).unwrap();
            let report = std::mem::replace(&mut pii, Pii::new(Types::embedded().unwrap(), 50)).finish();
            assert_eq!(report.types.get("CREDIT_CARD").map(|tally| tally.fp), cards, "{row}");
            assert_eq!(report.disagreements().count(), usize::from(cards.is_some()));
        }
    }
}
