//! `sidewall eval`: how good the detectors are, on labelled data.
//!
//! One row at a time is read, checked (`data`) and scanned; a task (`pii`, `secrets`, `injection`) settles what was found
//! against its labels. `report` prints the sums for people; their JSON form is a contract (`--help`).

mod data;
mod injection;
mod pii;
mod report;
mod secrets;
mod types;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::Output;
use super::rules::{Source, load};
use super::{Exit, Failure};
use crate::detect::classifier::{Classifier, Runtime, rule_of};
use crate::detect::{Finding, Ruleset, Scope};
use crate::policy::{Guardrails, Profile};
use crate::text::{Part, Phase};
use data::Row;

/// The classifier that comes with the program, in its folder.
const MODEL: &str = "models/injection";

/// Measure the detectors on labelled data: precision, recall, F1 and speed.
///
/// Data is JSON Lines. Rows with `"ambiguous": true` are left out, unknown keys do not matter, a row without `source` belongs
/// to its file's name. Offsets count Unicode code points.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 measured · 2 usage or input error (a bad row is named as file:line)\n\n\
                        Example:\n  sidewall eval pii --data labelled.jsonl --json | jq .types")]
pub(super) struct Eval {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Spans of personal data: {"text","spans":[{"start","end","type"}]}
    ///
    /// A span is found if a finding of its type overlaps it by at least half (intersection over union). A row with
    /// `neg_for` is labelled for those types only. Beside a row's labels, types that its source never labels are not counted.
    #[command(after_help = "Example:\n  sidewall eval pii --data labelled.jsonl more.jsonl")]
    Pii(Pii),
    /// Texts with or without a secret: {"text","is_secret":true|false}
    #[command(after_help = "Example:\n  sidewall eval secrets --data labelled.jsonl --json")]
    Secrets(Common),
    /// Texts that are injections or not: {"text","label":0|1,"category","channel"}
    ///
    /// Rows whose label is null are left out. `channel` is user (default), system, tool_result, document, tool_definition or
    /// assistant, and picks the threshold.
    #[command(after_help = "Example:\n  sidewall eval injection --rules-only --data labelled.jsonl")]
    Injection(Common),
}

#[derive(Debug, Args)]
struct Pii {
    #[command(flatten)]
    common: Common,
    /// Write every miss and false positive to this file, as JSON Lines: row, offsets in bytes, type, rule; no text.
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Common {
    /// Labelled data, JSON Lines.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
    /// Leave the classifier out (injection).
    #[arg(long)]
    rules_only: bool,
    /// The classifier's folder (injection); else models/injection, if it is there and ONNX Runtime's library is too.
    #[arg(long, value_name = "FOLDER", conflicts_with = "rules_only")]
    model: Option<PathBuf>,
    /// Confidence (injection: score), 0 to 100, from which on something counts as found; else what the default profile acts at.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    threshold: Option<u8>,
    #[command(flatten)]
    source: Source,
}

impl Eval {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.task {
            Task::Pii(task) => pii(&task.common, task.list.as_deref(), out),
            Task::Secrets(common) => secrets(&common, out),
            Task::Injection(common) => injection(&common, out),
        }?;
        Ok(Exit::Clean)
    }
}

fn pii(common: &Common, list: Option<&Path>, out: &mut Output) -> Result<(), Failure> {
    let ruleset = load(&common.source.paths)?;
    let mut scanner = Scanner::new(&ruleset);
    let threshold = common.threshold.unwrap_or_else(|| acted_on("pii.email"));
    let mut task = pii::Pii::new(types::Types::embedded()?, threshold);
    data::for_each(&common.data, out, |row| task.row(&row, &mut scanner))?;
    let report = task.finish();
    if let Some(path) = list {
        let lines: String = report.disagreements().map(|d| format!("{d}\n")).collect();
        let unwritable = |e| Failure::new(format!("{}: cannot be written: {e}", path.display()));
        std::fs::write(path, lines).map_err(unwritable)?;
    }
    match common.json {
        true => out.json(&report.json(&scanner, threshold)),
        false => report::pii(&report, &scanner, threshold, out),
    }
    Ok(())
}

fn secrets(common: &Common, out: &mut Output) -> Result<(), Failure> {
    let ruleset = load(&common.source.paths)?;
    let mut scanner = Scanner::new(&ruleset);
    let mut task = secrets::Secrets::new(common.threshold.unwrap_or_else(|| acted_on("secret.credential")));
    data::for_each(&common.data, out, |row| task.row(&row, &mut scanner))?;
    match common.json {
        true => out.json(&task.json(&scanner)),
        false => report::secrets(&task, &scanner, out),
    }
    Ok(())
}

fn injection(common: &Common, out: &mut Output) -> Result<(), Failure> {
    let ruleset = load(&common.source.paths)?;
    let classifier = classifier(common, out)?;
    let mut scanner = Scanner { classifier: classifier.as_ref(), ..Scanner::new(&ruleset) };
    let mut task = injection::Injection::new(common.threshold);
    data::for_each(&common.data, out, |row| task.row(&row, &mut scanner))?;
    match common.json {
        true => out.json(&task.json(&scanner)),
        false => report::injection(&task, &scanner, out),
    }
    Ok(())
}

/// The classifier to measure. One that was asked for must be there; the one that comes with the program is left out, with a message, where
/// it or the library is not.
fn classifier(common: &Common, out: &mut Output) -> Result<Option<Classifier>, Failure> {
    if common.rules_only {
        return Ok(None);
    }
    let folder = common.model.as_deref().unwrap_or(Path::new(MODEL));
    match Classifier::load(folder, &Runtime::default()) {
        Ok(classifier) => Ok(Some(classifier)),
        Err(error) if common.model.is_some() => Err(Failure::new(error.to_string())),
        Err(error) => {
            out.error(format_args!("sidewall: rules only are measured: {error}"));
            Ok(None)
        }
    }
}

/// The least confidence at which the default profile acts on findings of `kind` in a request.
fn acted_on(kind: &str) -> u8 {
    let guardrails = Guardrails::of_profile(Profile::default());
    let acts = |confidence: &u8| {
        let judged = guardrails.judge(Phase::Request, Part::User, kind, *confidence);
        judged.action.is_some_and(|action| action > crate::policy::Action::Observe)
    };
    (0..=100).find(acts).unwrap_or(100)
}

/// The detectors, and a clock that runs while they do.
struct Scanner<'a> {
    ruleset: &'a Ruleset,
    classifier: Option<&'a Classifier>,
    /// Kinds that some rule finds.
    kinds: Vec<&'a str>,
    findings: Vec<Finding>,
    texts: u64,
    bytes: usize,
    busy: Duration,
}

impl<'a> Scanner<'a> {
    fn new(ruleset: &'a Ruleset) -> Self {
        let mut kinds: Vec<&str> = ruleset.rules().iter().map(|rule| &*rule.info.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Self { ruleset, classifier: None, kinds, findings: Vec::new(), texts: 0, bytes: 0, busy: Duration::ZERO }
    }

    /// Finds everything in the row's text, as in a whole request text: `findings`, until the next row.
    fn scan(&mut self, row: &Row) -> &Self {
        let scope = Scope { phase: Phase::Request, injection: true };
        let begun = Instant::now();
        self.findings = self.ruleset.scan_whole(scope, &row.text);
        self.findings.extend(self.judge(row));
        self.busy += begun.elapsed();
        self.texts += 1;
        self.bytes += row.text.len();
        self
    }

    /// What the classifier finds in the row's text; no deadline, so that there is an answer.
    fn judge(&self, row: &Row) -> Option<Finding> {
        let part = row.channel().ok()?;
        let score = self.classifier?.judge(0, part, &row.text, None).ok()?;
        let rule = rule_of(score.value).filter(|rule| rule.weight > 0)?;
        Some(Finding { rule, span: score.span, confidence: score.value })
    }

    /// Megabytes (10⁶ bytes) scanned per second, on one thread.
    fn mb_per_s(&self) -> f64 {
        ratio(self.bytes as u64, 1_000_000) / self.busy.as_secs_f64().max(f64::EPSILON)
    }

    /// Texts scanned per second, on one thread.
    fn texts_per_s(&self) -> f64 {
        ratio(self.texts, 1) / self.busy.as_secs_f64().max(f64::EPSILON)
    }
}

/// Texts that are something or not, and which of them were flagged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sides {
    positives: u64,
    negatives: u64,
    caught: u64,
    alarms: u64,
}

impl Sides {
    fn count(&mut self, positive: bool, flagged: bool) {
        let (all, hit) = match positive {
            true => (&mut self.positives, &mut self.caught),
            false => (&mut self.negatives, &mut self.alarms),
        };
        *all += 1;
        *hit += u64::from(flagged);
    }

    fn plus(self, other: Self) -> Self {
        Self {
            positives: self.positives + other.positives,
            negatives: self.negatives + other.negatives,
            caught: self.caught + other.caught,
            alarms: self.alarms + other.alarms,
        }
    }

    fn precision(self) -> Option<f64> {
        let flagged = self.caught + self.alarms;
        (flagged > 0).then(|| ratio(self.caught, flagged))
    }

    fn recall(self) -> Option<f64> {
        (self.positives > 0).then(|| ratio(self.caught, self.positives))
    }

    fn false_positive_rate(self) -> Option<f64> {
        (self.negatives > 0).then(|| ratio(self.alarms, self.negatives))
    }

    fn f1(self) -> Option<f64> {
        let sum = self.positives + self.caught + self.alarms;
        (sum > 0).then(|| ratio(2 * self.caught, sum))
    }

    fn json(self) -> Value {
        json!({ "positives": self.positives, "negatives": self.negatives, "recall": optional(self.recall()),
                "false_positive_rate": optional(self.false_positive_rate()) })
    }
}

/// A share; 0 of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "counts of texts and bytes are far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A figure that may not exist (the recall of nothing): null then.
fn optional(figure: Option<f64>) -> Value {
    figure.map_or(Value::Null, Value::from)
}
