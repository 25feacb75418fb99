//! `rules diff`: what another set of rules changes, rule by rule, in the files and on data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::labelled::rows;
use super::promote::changed_rules;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::detect::compare::{Change, differences};
use crate::detect::{Finding, Ruleset, Scope};
use crate::text::Phase;

/// The word for the rules that the program carries.
const BUILT_IN: &str = "builtin";

/// Say what set B changes against set A: which rules, and with --data which findings.
///
/// A and B are files, folders, or `builtin`. Data is JSON Lines as `sidewall eval` reads it, or plain text files. Of labelled texts, each
/// gained or lost finding counts as right or wrong; texts are never shown, only where they stand.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 no difference · 1 differences · 2 usage or input error\n\n\
                        Examples:\n  sidewall rules diff builtin my-rules/\n  \
                        sidewall rules diff rules/live my-rules/ --data tickets.jsonl --data src/main.py")]
pub(super) struct Diff {
    /// The rules as they are.
    a: PathBuf,
    /// The rules as they would be.
    b: PathBuf,
    /// Texts to run both over; may be repeated.
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// How many places to show for each rule and change.
    #[arg(long, value_name = "N", default_value_t = 3)]
    show: usize,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Findings by whether they are right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Counts {
    right: u64,
    wrong: u64,
    unlabelled: u64,
}

/// What differs for one rule.
#[derive(Debug, Default, Serialize)]
struct RuleDiff {
    gained: Counts,
    lost: Counts,
    moved: u64,
    /// Where: the change, then file and line.
    places: Vec<String>,
}

impl Diff {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let (a, b) = (set(&self.a)?, set(&self.b)?);
        let changed = changed_rules(&a, &b);
        let mut rules: BTreeMap<String, RuleDiff> = BTreeMap::new();
        let (mut texts, mut differ) = (0_u64, 0_u64);
        for file in &self.data {
            for row in rows(file)? {
                texts += 1;
                let (before, after) = (scan(&a, &row.text), scan(&b, &row.text));
                let found = differences(&before, &after);
                differ += u64::from(!found.is_empty());
                for difference in found {
                    let Some(finding) = difference.finding() else { continue };
                    let rule = rules.entry(finding.rule.id.to_string()).or_default();
                    let count = match difference.change {
                        Change::Gained => Some(&mut rule.gained),
                        Change::Lost => Some(&mut rule.lost),
                        Change::Moved => None,
                    };
                    match (count, row.truth.says(finding)) {
                        (None, _) => rule.moved += 1,
                        (Some(counts), Some(true)) => counts.right += 1,
                        (Some(counts), Some(false)) => counts.wrong += 1,
                        (Some(counts), None) => counts.unlabelled += 1,
                    }
                    let word = difference.change.word();
                    if rule.places.iter().filter(|place| place.starts_with(word)).count() < self.show {
                        rule.places.push(format!("{word} {}", row.place));
                    }
                }
            }
        }
        if self.json {
            let changed: Vec<_> = changed.iter().map(|(mark, rule)| json!({ "change": mark, "rule": rule })).collect();
            out.json(&json!({
                "a": a.hash(), "b": b.hash(), "changed": changed, "texts": texts, "differ": differ, "rules": rules,
            }));
        } else {
            out.line(format_args!(
                "{} ({} rules) → {} ({} rules)",
                a.hash(),
                a.rules().len(),
                b.hash(),
                b.rules().len()
            ));
            changed.iter().for_each(|(mark, rule)| out.line(format_args!("  {mark} {rule}")));
            if !self.data.is_empty() {
                table(texts, differ, &rules, out);
            }
        }
        Ok(if changed.is_empty() && differ == 0 { Exit::Clean } else { Exit::Found })
    }
}

fn set(path: &Path) -> Result<Ruleset, Failure> {
    let paths: Vec<PathBuf> = (path.as_os_str() != BUILT_IN).then(|| path.to_owned()).into_iter().collect();
    super::load(&paths)
}

fn scan(rules: &Ruleset, text: &str) -> Vec<Finding> {
    rules.scan_whole(Scope { phase: Phase::Request, injection: true }, text)
}

fn table(texts: u64, differ: u64, rules: &BTreeMap<String, RuleDiff>, out: &mut Output) {
    out.line(format_args!("{texts} texts, {differ} differ"));
    if rules.is_empty() {
        return;
    }
    let width = rules.keys().map(String::len).max().unwrap_or(0).max("RULE".len());
    let counts = |c: &Counts| {
        let all = [(c.right, "right"), (c.wrong, "wrong"), (c.unlabelled, "unlabelled")];
        let some: Vec<_> = all.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if some.is_empty() { "-".to_owned() } else { some.join(", ") }
    };
    out.line(format_args!("{:<width$}  {:<30}  {:<30}  MOVED", "RULE", "GAINED", "LOST"));
    for (id, rule) in rules {
        out.line(format_args!(
            "{id:<width$}  {:<30}  {:<30}  {}",
            counts(&rule.gained),
            counts(&rule.lost),
            rule.moved
        ));
        rule.places.iter().for_each(|place| out.line(format_args!("  {place}")));
    }
}
