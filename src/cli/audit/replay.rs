//! `sidewall audit replay`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::audit::read::read;
use crate::cli::audit::joined::{Joined, Joiner, text};
use crate::cli::audit::select::{Filter, Keys, told};
use crate::cli::output::Output;
use crate::cli::replay::Candidate;
use crate::cli::rules::{Source, load};
use crate::cli::{Exit, Failure};
use crate::config::Config;
use crate::policy::{GuardrailSet, Profile};

/// Judge recorded exchanges again by other rules or guardrails, and say what would change.
#[derive(Debug, Args)]
#[command(
    after_help = "Records hold the text after redaction: what a candidate finds more is found in that; what was found then is judged by the \
                        candidate's guardrails. Records with content = \"metadata\" have findings only.\n\n\
                        Exit codes: 0 nothing would change · 1 something would, or some records could not be read · 2 usage or input error\n\n\
                        Examples:\n  sidewall audit replay audit --key acme.key --profile strict --since 24h\n  \
                        sidewall audit replay audit --key acme.key --config new/sidewall.toml --sample 100 --json"
)]
pub(super) struct Replay {
    /// Folder of the log.
    dir: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    filter: Filter,
    /// Guardrails, and without --rules also the rules, of this configuration.
    #[arg(long, conflicts_with = "profile")]
    config: Option<PathBuf>,
    /// Guardrails of this profile: observe, balanced, strict.
    #[arg(long, default_value = "balanced")]
    profile: String,
    #[command(flatten)]
    source: Source,
    /// Only every Nth exchange.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// Print JSON Lines, one an exchange that would change.
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let candidate = self.candidate()?;
        let mut joiner = Joiner::new();
        let mut tally = Tally::default();
        let mut take = |out: &mut Output, joined: &Joined| {
            if self.filter.takes(joined) {
                tally.seen += 1;
                if tally.seen.is_multiple_of(self.sample) {
                    tally.judge(&candidate, joined, self.json, out);
                }
            }
        };
        let summary = read(&self.dir, &self.keys.open()?, |_, json| {
            if let Some(joined) = joiner.add(json) {
                take(out, &joined);
            }
            ControlFlow::Continue(())
        });
        let summary = summary.map_err(|error| Failure::from_error(&error))?;
        for joined in joiner.rest() {
            take(out, &joined);
        }
        if !self.json {
            let changed: u64 = tally.changes.values().sum();
            out.line(format_args!("{} exchange(s) judged, {changed} would change", tally.judged));
            for ((was, would), count) in &tally.changes {
                out.line(format_args!("  {was} → {would}: {count}"));
            }
        }
        let exit = told(&summary, out);
        Ok(if tally.changes.is_empty() { exit } else { Exit::Found })
    }

    fn candidate(&self) -> Result<Candidate, Failure> {
        if let Some(path) = &self.config {
            let config = Config::from_file(path).map_err(|errors| Failure::from_error(&errors))?;
            let paths = if self.source.paths.is_empty() { &config.rulesets.paths } else { &self.source.paths };
            return Ok(Candidate::new(load(paths)?, config.guardrails));
        }
        let named = Profile::ALL.into_iter().find(|profile| profile.name() == self.profile);
        let profile = named.ok_or_else(|| Failure::new("--profile: write observe, balanced or strict"))?;
        Ok(Candidate::new(load(&self.source.paths)?, GuardrailSet { profile, configured: Vec::new() }))
    }
}

#[derive(Default)]
struct Tally {
    seen: u64,
    judged: u64,
    /// By verdict then and now.
    changes: BTreeMap<(&'static str, &'static str), u64>,
}

impl Tally {
    fn judge(&mut self, candidate: &Candidate, joined: &Joined, as_json: bool, out: &mut Output) {
        let last = joined.last();
        let judged = candidate.judge(text(last, "tenant"), joined.report("request"), joined.report("response"));
        self.judged += 1;
        if !judged.changes() {
            return;
        }
        *self.changes.entry((judged.was, judged.would)).or_insert(0) += 1;
        if as_json {
            let mut row = serde_json::to_value(&judged).unwrap_or(Value::Null);
            if let Some(row) = row.as_object_mut() {
                row.insert("exchange".to_owned(), json!(joined.exchange));
                row.insert("ruleset".to_owned(), last.get("ruleset").cloned().unwrap_or(Value::Null));
            }
            out.line(row);
        } else {
            let why = judged.more.iter().map(|(rule, part, action)| format!("{rule} in {part}: {action}"));
            let gone = judged.gone.iter().map(|rule| format!("no rule {rule}"));
            let why: Vec<String> = why.chain(gone).collect();
            let why = if why.is_empty() { "guardrails differ".to_owned() } else { why.join(", ") };
            out.line(format_args!("{}  {} → {}  {why}", joined.exchange, judged.was, judged.would));
        }
    }
}
