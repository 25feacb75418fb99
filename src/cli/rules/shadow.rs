//! `rules shadow`: a candidate beside the rules in force; `rules status`: where a sidecar's rules stand.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::promote::{Where, admit};
use super::store::{Deed, Store};
use crate::cli::output::Output;
use crate::cli::sidecar::Sidecar;
use crate::cli::{Exit, Failure};

/// Let a candidate run beside the rules in force, on live traffic, without a say in it; see what it would change.
#[derive(Debug, Args)]
pub(super) struct Shadow {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(Start),
    Stop(Stop),
    Report(Report),
}

/// Put rules into the shadow; running sidecars pick them up within seconds.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 in the shadow · 1 examples fail; nothing changed · 2 usage or input error\n\n\
                        Example:\n  sidewall rules shadow start my-rules/")]
struct Start {
    /// Ruleset files, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    /// Why; kept in the store's history.
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
}

/// Take the candidate out of the shadow.
#[derive(Debug, Args)]
struct Stop {
    #[command(flatten)]
    place: Where,
}

/// What the candidate would have changed so far, by rule: counts, and ids of exchanges for the audit log; never a text.
///
/// gained: only the candidate finds it. lost: only the rules in force find it. moved: another confidence. Counts are of this sidecar
/// since the candidate began to run; they start anew when either set changes.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing differs · 1 something does · 2 there is no candidate, or no sidecar answers\n\n\
                        Example:\n  sidewall rules shadow report --json | jq '.rules[] | select(.lost.redact > 0)'"
)]
struct Report {
    #[command(flatten)]
    sidecar: Sidecar,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Ask a running sidecar which rules are in force, what came of the last attempt to load new ones, and what is in the shadow.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all well · 1 the files cannot be used, the last good set stays · 2 no sidecar answers\n\n\
                        Example:\n  sidewall rules status --admin 127.0.0.1:8788"
)]
pub(super) struct Status {
    #[command(flatten)]
    sidecar: Sidecar,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Shadow {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::Start(start) => start.run(out),
            Command::Stop(stop) => {
                Store::open(&stop.place.dir()?)?.point(Deed::ShadowStop, None, "")?;
                out.line("nothing is in the shadow");
                Ok(Exit::Clean)
            }
            Command::Report(report) => report.run(out),
        }
    }
}

impl Start {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let store = Store::open(&self.place.dir()?)?;
        // What lint says is no reason not to look: the shadow decides nothing.
        let Some((rules, version)) = admit(&store, &self.paths, true, out)? else { return Ok(Exit::Found) };
        store.point(Deed::ShadowStart, Some(&version), &self.note)?;
        out.line(format_args!("in the shadow: {version} ({} rules)", rules.rules().len()));
        Ok(Exit::Clean)
    }
}

impl Report {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let answer = self.sidecar.rulesets()?;
        let report = answer.get("shadow").filter(|report| report.is_object()).ok_or_else(|| no_candidate(&answer))?;
        let differ = number(report, "/texts/differ");
        if self.json {
            out.json(report);
        } else {
            let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            out.line(format_args!(
                "candidate {} beside {} since {}",
                text("/candidate"),
                text("/live"),
                text("/since")
            ));
            out.line(format_args!(
                "{} texts: {} same, {differ} differ ({} newly blocked, {} no longer), {} skipped",
                number(report, "/texts/same") + differ,
                number(report, "/texts/same"),
                number(report, "/texts/newly_blocked"),
                number(report, "/texts/no_longer_blocked"),
                number(report, "/texts/skipped") + number(report, "/texts/failed"),
            ));
            table(report, out);
        }
        Ok(if differ == 0 { Exit::Clean } else { Exit::Found })
    }
}

fn no_candidate(answer: &Value) -> Failure {
    let errors = errors(answer, "/shadow_errors");
    match errors.is_empty() {
        true => Failure::new("nothing is in the shadow (a sidecar needs some seconds to pick a candidate up)"),
        false => Failure::new(format!("the candidate cannot be used:\n{}", errors.join("\n"))),
    }
}

fn table(report: &Value, out: &mut Output) {
    let rules = report.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rules.is_empty() {
        return;
    }
    let id = |rule: &Value| rule.get("rule").and_then(Value::as_str).unwrap_or_default().to_owned();
    let width = rules.iter().map(|rule| id(rule).len()).max().unwrap_or(0).max("RULE".len());
    out.line(format_args!("{:<width$}  {:<24}  {:<24}  {:<24}  EXCHANGES", "RULE", "GAINED", "LOST", "MOVED"));
    for rule in rules {
        let exchanges = rule.get("exchanges").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let exchanges: Vec<_> = exchanges.iter().filter_map(Value::as_str).take(2).collect();
        out.line(format_args!(
            "{:<width$}  {:<24}  {:<24}  {:<24}  {}",
            id(rule),
            actions(rule, "gained"),
            actions(rule, "lost"),
            actions(rule, "moved"),
            exchanges.join(" ")
        ));
    }
}

/// Counts by action, like `3 redact, 1 none`.
fn actions(rule: &Value, change: &str) -> String {
    let of = |action: &&str| number(rule, &format!("/{change}/{action}"));
    let shown = ["block", "redact", "observe", "none"];
    let shown: Vec<_> = shown.iter().filter(|a| of(a) > 0).map(|a| format!("{} {a}", of(a))).collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(", ") }
}

impl Status {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let answer = self.sidecar.rulesets()?;
        let wrong = errors(&answer, "/last/errors");
        let stale = answer.pointer("/last/outcome").and_then(Value::as_str) == Some("kept_last_good");
        if self.json {
            out.json(&answer);
        } else {
            let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            out.line(format_args!(
                "in force: {} ({} rules) since {}",
                text("/hash"),
                number(&answer, "/rules"),
                text("/since")
            ));
            if !text("/last/time").is_empty() {
                let (time, outcome, took) =
                    (text("/last/time"), text("/last/outcome"), number(&answer, "/last/took_ms"));
                out.line(format_args!("last attempt: {time} {outcome}, {took} ms"));
            }
            wrong.iter().for_each(|error| out.line(format_args!("  {error}")));
            if !text("/shadow/candidate").is_empty() {
                out.line(format_args!("in the shadow: {} since {}", text("/shadow/candidate"), text("/shadow/since")));
            }
            errors(&answer, "/shadow_errors").iter().for_each(|error| out.line(format_args!("  shadow: {error}")));
        }
        Ok(if stale { Exit::Found } else { Exit::Clean })
    }
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// Errors of rulesets as lines.
fn errors(answer: &Value, pointer: &str) -> Vec<String> {
    let errors = answer.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let line = |error: &Value| {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let line = error.get("line").and_then(Value::as_u64).map(|line| format!(":{line}")).unwrap_or_default();
        let rule = if text("rule").is_empty() { String::new() } else { format!("rule {}: ", text("rule")) };
        format!("{}{line}: {rule}{} ({})", text("file"), text("what"), text("mend"))
    };
    errors.iter().map(line).collect()
}
