//! `rules replay`: what other rules would have made of recorded exchanges, as far as records can tell.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use crate::audit::read::read;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::detect::compare::{Change, differences};
use crate::detect::{Ruleset, Scope};
use crate::keys::Keyring;
use crate::text::Phase;

/// LIMIT: ids of exchanges that are shown for a rule.
const MAX_EXCHANGES: usize = 3;

/// Say what other rules would have changed in recorded exchanges.
///
/// Records hold findings and the text after redaction, never the text before. So this tells for certain which recorded findings lose
/// their rule, and what would be found in what was left readable; findings of rules that changed cannot be made again, and are counted
/// as open: `rules diff --data` and the shadow answer for those.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing would change · 1 something would · 2 the key, the folder or the rules cannot be read\n\n\
                        Example:\n  sidewall rules replay audit --key keys/acme.key --rules my-rules/ --against rules/live"
)]
pub(super) struct Replay {
    /// Folder of the audit log.
    dir: PathBuf,
    /// The tenant's private key file, or a folder of them.
    #[arg(long)]
    key: PathBuf,
    /// The rules to try: files, or folders of them; may be repeated.
    #[arg(long, value_name = "PATH", required = true)]
    rules: Vec<PathBuf>,
    /// The rules that were in force; none: those that the program carries.
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// What differs for one rule.
#[derive(Debug, Default, Serialize)]
struct RuleReplay {
    /// Recorded findings whose rule is the same.
    kept: u64,
    /// Recorded findings whose rule is gone.
    gone: u64,
    /// Recorded findings whose rule has changed, or was not in `--against` either.
    open: u64,
    /// In the text after redaction: new, no longer, with another confidence.
    gained: u64,
    lost: u64,
    moved: u64,
    /// Some exchanges in which something differs.
    exchanges: Vec<String>,
}

#[derive(Debug, Default)]
struct Tally {
    records: u64,
    /// Records made under other rules than `--against`.
    elsewhere: u64,
    texts: u64,
    rules: BTreeMap<String, RuleReplay>,
}

impl Replay {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let mut keys = Keyring::default();
        keys.add_path(&self.key).map_err(|error| Failure::new(error.to_string()))?;
        let (before, after) = (super::load(&self.against)?, super::load(&self.rules)?);
        let mut tally = Tally::default();
        let summary = read(&self.dir, &keys, |_, json| {
            if let Ok(record) = serde_json::from_slice::<Value>(json) {
                tally.add(&record, &before, &after);
            }
            ControlFlow::Continue(())
        });
        let summary = summary.map_err(|error| Failure::from_error(&error))?;
        if self.json {
            out.json(&json!({
                "rules": after.hash(), "against": before.hash(), "records": tally.records, "elsewhere": tally.elsewhere,
                "texts": tally.texts, "unreadable": summary.unreadable, "by_rule": tally.rules,
            }));
        } else {
            tally.show(&before, out);
        }
        if summary.unreadable > 0 || !summary.damaged.is_empty() {
            return Err(Failure::new("some records could not be read; see `sidewall audit verify`"));
        }
        let changed = |rule: &RuleReplay| rule.gone + rule.open + rule.gained + rule.lost + rule.moved > 0;
        Ok(if tally.rules.values().any(changed) { Exit::Found } else { Exit::Clean })
    }
}

impl Tally {
    fn add(&mut self, record: &Value, before: &Ruleset, after: &Ruleset) {
        let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
        self.records += 1;
        self.elsewhere += u64::from(text("ruleset") != &**before.hash());
        let exchange = text("exchange");
        for (key, phase) in [("request", Phase::Request), ("response", Phase::Response)] {
            let list = |name: &str| {
                let list = record.get(key).and_then(|report| report.get(name)).and_then(Value::as_array);
                list.map(Vec::as_slice).unwrap_or_default()
            };
            for finding in list("findings") {
                let id = finding.get("rule").and_then(Value::as_str).unwrap_or_default();
                self.recorded(id, exchange, before, after);
            }
            for text in list("texts") {
                self.texts += 1;
                let text = text.get("text").and_then(Value::as_str).unwrap_or_default();
                let scope = Scope { phase, injection: phase == Phase::Request };
                let (old, new) = (before.scan_whole(scope, text), after.scan_whole(scope, text));
                for difference in differences(&old, &new) {
                    let Some(finding) = difference.finding() else { continue };
                    let rule = self.rule(&finding.rule.id, exchange);
                    *match difference.change {
                        Change::Gained => &mut rule.gained,
                        Change::Lost => &mut rule.lost,
                        Change::Moved => &mut rule.moved,
                    } += 1;
                }
            }
        }
    }

    /// Counts a recorded finding by what became of its rule.
    fn recorded(&mut self, id: &str, exchange: &str, before: &Ruleset, after: &Ruleset) {
        let of = |rules: &Ruleset| rules.rules().iter().find(|rule| rule.spec.id == id).map(|rule| rule.spec.clone());
        match (of(before), of(after)) {
            (Some(a), Some(b)) if a == b => self.rules.entry(id.to_owned()).or_default().kept += 1,
            (_, None) => self.rule(id, exchange).gone += 1,
            (_, Some(_)) => self.rule(id, exchange).open += 1,
        }
    }

    fn rule(&mut self, id: &str, exchange: &str) -> &mut RuleReplay {
        let rule = self.rules.entry(id.to_owned()).or_default();
        if rule.exchanges.len() < MAX_EXCHANGES && !rule.exchanges.iter().any(|known| known == exchange) {
            rule.exchanges.push(exchange.to_owned());
        }
        rule
    }

    fn show(&self, before: &Ruleset, out: &mut Output) {
        out.line(format_args!("{} records, {} texts", self.records, self.texts));
        if self.elsewhere > 0 {
            let what = "were made under other rules than --against; their findings are judged all the same";
            out.line(format_args!("{} of them {what} ({})", self.elsewhere, before.hash()));
        }
        if self.rules.is_empty() {
            return;
        }
        let width = self.rules.keys().map(String::len).max().unwrap_or(0).max("RULE".len());
        out.line(format_args!(
            "{:<width$}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  EXCHANGES",
            "RULE", "KEPT", "GONE", "OPEN", "GAINED", "LOST", "MOVED"
        ));
        for (id, rule) in &self.rules {
            out.line(format_args!(
                "{id:<width$}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {}",
                rule.kept,
                rule.gone,
                rule.open,
                rule.gained,
                rule.lost,
                rule.moved,
                rule.exchanges.join(" ")
            ));
        }
    }
}
