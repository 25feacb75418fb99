//! `sidewall rules`: what the rules are and whether they hold what their examples promise.

mod diff;
mod explain;
mod import;
mod labelled;
mod promote;
mod replay;
mod shadow;
mod store;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Output;
use super::{Exit, Failure};
use crate::detect::ruleset::{Rule, Ruleset};
use crate::detect::validate;

/// Look at detection rules, check them and run their examples.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 all well · 1 lint findings or failed examples · 2 usage or input error\n\n\
                        Examples:\n  sidewall rules list\n  sidewall rules explain pan\n  sidewall rules test rulesets/")]
pub(super) struct Rules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the rules: id, kind, confidence, one sentence.
    #[command(after_help = "Example:\n  sidewall rules list --json | jq -r '.rules[].kind' | sort -u")]
    List {
        #[command(flatten)]
        source: Source,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a rule as its file has it (TOML).
    #[command(after_help = "Example:\n  sidewall rules show email")]
    Show {
        /// The rule's id.
        id: String,
        #[command(flatten)]
        source: Source,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    Explain(explain::Explain),
    Import(import::Import),
    /// Find what is wrong with rules although they load: no examples, unbounded or shadowed patterns.
    #[command(after_help = "Example:\n  sidewall rules lint rulesets/")]
    Lint {
        /// Ruleset files, or folders of them; none: the rules that the program carries.
        paths: Vec<PathBuf>,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run every rule alone over its own examples.
    #[command(after_help = "Example:\n  sidewall rules test rulesets/pii.toml")]
    Test {
        /// Ruleset files, or folders of them; none: the rules that the program carries.
        paths: Vec<PathBuf>,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    Diff(diff::Diff),
    Replay(replay::Replay),
    Shadow(shadow::Shadow),
    Promote(promote::Promote),
    Rollback(promote::Rollback),
    Versions(promote::Versions),
    Status(shadow::Status),
    /// Write the rules that the program carries into a folder, as files to start from.
    #[command(after_help = "Example:\n  sidewall rules export my-rules")]
    Export {
        /// The folder; made if absent.
        dir: PathBuf,
    },
    /// List the validators that a rule may name.
    #[command(after_help = "Example:\n  sidewall rules validators")]
    Validators,
}

/// Where rules come from.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// Ruleset file, or folder of them, instead of the rules that the program carries; may be repeated.
    #[arg(long = "rules", value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
}

/// The rules of `paths`, or those that the program carries.
///
/// # Errors
/// All mistakes of the files.
pub(super) fn load(paths: &[PathBuf]) -> Result<Ruleset, Failure> {
    let loaded = if paths.is_empty() { Ruleset::embedded() } else { Ruleset::load(paths) };
    loaded.map_err(|errors| Failure::from_error(&errors))
}

impl Rules {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::List { source, json } => list(&load(&source.paths)?, json, out),
            Command::Show { id, source, json } => show(find(&load(&source.paths)?, &id)?, json, out)?,
            Command::Explain(explain) => return explain.run(out),
            Command::Import(import) => return import.run(out),
            Command::Lint { paths, json } => return Ok(lint(&load(&paths)?, json, out)),
            Command::Test { paths, json } => return Ok(test(&load(&paths)?, json, out)),
            Command::Diff(diff) => return diff.run(out),
            Command::Replay(replay) => return replay.run(out),
            Command::Shadow(shadow) => return shadow.run(out),
            Command::Promote(promote) => return promote.run(out),
            Command::Rollback(rollback) => return rollback.run(out),
            Command::Versions(versions) => return versions.run(out),
            Command::Status(status) => return status.run(out),
            Command::Export { dir } => return promote::export(&dir, out),
            Command::Validators => {
                for name in validate::names() {
                    out.line(format_args!("{name:<20} {}", validate::describe(name).unwrap_or("")));
                }
            }
        }
        Ok(Exit::Clean)
    }
}

fn find<'a>(ruleset: &'a Ruleset, id: &str) -> Result<&'a Rule, Failure> {
    let rules = ruleset.rules();
    rules.iter().find(|rule| rule.spec.id == id).ok_or_else(|| {
        Failure::new(format!("no rule has the id `{id}`; `sidewall rules list` names all {}", rules.len()))
    })
}

fn list(ruleset: &Ruleset, json: bool, out: &mut Output) {
    let rules = ruleset.rules();
    if json {
        let rows: Vec<_> = rules
            .iter()
            .map(|rule| {
                let spec = &rule.spec;
                json!({
                    "id": spec.id, "kind": spec.kind, "word": rule.info.word, "confidence": spec.confidence,
                    "weight": spec.weight, "doc": spec.doc, "references": spec.references, "file": rule.file,
                })
            })
            .collect();
        out.json(&json!({ "ruleset": ruleset.hash(), "rules": rows }));
        return;
    }
    let width = |of: fn(&Rule) -> usize| rules.iter().map(of).max().unwrap_or(0);
    let (ids, kinds) = (width(|rule| rule.spec.id.len()), width(|rule| rule.spec.kind.len()));
    for rule in rules {
        let spec = &rule.spec;
        out.line(format_args!("{:<ids$}  {:<kinds$}  {:>3}  {}", spec.id, spec.kind, spec.confidence, spec.doc));
    }
}

fn show(rule: &Rule, json: bool, out: &mut Output) -> Result<(), Failure> {
    if json {
        out.json(&rule.spec);
        return Ok(());
    }
    let text = toml::to_string_pretty(&rule.spec).map_err(|error| Failure::from_error(&error))?;
    out.line(format_args!("# {}\n[[rule]]", rule.file));
    out.text(text);
    Ok(())
}

fn lint(ruleset: &Ruleset, json: bool, out: &mut Output) -> Exit {
    let findings = ruleset.lint();
    if json {
        let rows: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "file": finding.file, "line": finding.line, "rule": finding.rule, "what": finding.what, "mend": finding.mend }))
            .collect();
        out.json(&json!({ "rules": ruleset.rules().len(), "findings": rows }));
    } else {
        for finding in &findings {
            out.line(finding);
        }
        out.line(format_args!("{} rules, {} lint findings", ruleset.rules().len(), findings.len()));
    }
    if findings.is_empty() { Exit::Clean } else { Exit::Found }
}

fn test(ruleset: &Ruleset, json: bool, out: &mut Output) -> Exit {
    let failures = ruleset.selftest();
    let examples: usize = ruleset.rules().iter().map(|rule| rule.spec.matches.len() + rule.spec.ignores.len()).sum();
    if json {
        let rows: Vec<_> = failures
            .iter()
            .map(|failure| json!({ "rule": failure.rule, "example": failure.example, "expected": expected(failure.missed) }))
            .collect();
        out.json(&json!({ "rules": ruleset.rules().len(), "examples": examples, "failures": rows }));
    } else {
        for failure in &failures {
            let verb = if failure.missed { "misses" } else { "finds something in" };
            out.line(format_args!("{}: {verb} {:?}", failure.rule, failure.example));
        }
        out.line(format_args!("{} rules, {examples} examples, {} failed", ruleset.rules().len(), failures.len()));
    }
    if failures.is_empty() { Exit::Clean } else { Exit::Found }
}

fn expected(missed: bool) -> &'static str {
    if missed { "match" } else { "ignore" }
}
