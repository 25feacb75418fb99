//! `rules explain`: a rule in words, or every match of every rule in a text.

use std::path::Path;

use serde_json::json;

use super::Source;
use crate::cli::check::read;
use crate::cli::output::Output;
use crate::cli::place::Lines;
use crate::cli::{Exit, Failure};
use crate::detect::explain::{End, Explained, Explanation};
use crate::detect::ruleset::{Fate, Rule, Ruleset};
use crate::detect::{Scope, validate};
use crate::text::{Glob, Origin, Phase};

/// How many context words a line repeats; `rules explain ID` lists all.
const SHOWN_WORDS: usize = 6;

/// Say what a rule finds and how it decides; or, of a text, which rules matched where, what their checks said, and why each match was
/// reported or not.
///
/// SUBJECT is the id of a rule, a file, `-` for standard input, or else a text. The text itself is not repeated.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 explained · 2 usage or input error\n\n\
                        Examples:\n  sidewall rules explain github-token\n  sidewall rules explain 'call 4111 1111 1111 1111'\n  \
                        sidewall rules explain prompt.txt --only 'phone-*' --rules rulesets/")]
pub(super) struct Explain {
    /// A rule's id, a file, `-`, or a text.
    subject: String,
    #[command(flatten)]
    source: Source,
    /// Only rules with such ids (`*` stands for any text).
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// As text of a response: rules look behind only, and nothing is decoded.
    #[arg(long)]
    response: bool,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let ruleset = super::load(&self.source.paths)?;
        if let Some(rule) = ruleset.rules().iter().find(|rule| rule.spec.id == self.subject) {
            match self.json {
                true => out.json(&rule.spec),
                false => in_words(rule, out),
            }
            return Ok(Exit::Clean);
        }
        let only = self.only.as_deref().map(|only| {
            Glob::new(only).ok_or_else(|| Failure::new("--only takes letters, digits, `.`, `_`, `-` and `*`"))
        });
        let only = only.transpose()?;
        let path = Path::new(&self.subject);
        let is_file = self.subject == "-" || path.exists();
        let text = if is_file {
            read(path).map_err(|problem| Failure::new(format!("{}: {problem}", path.display())))?
        } else {
            self.subject
        };
        let phase = if self.response { Phase::Response } else { Phase::Request };
        let mut explained = ruleset.explain(Scope { phase, injection: phase == Phase::Request }, &text);
        if let Some(only) = only {
            explained.matches.retain(|m| only.matches(&m.rule.spec.id));
            explained.silent.retain(|rule| only.matches(&rule.spec.id));
        }
        match self.json {
            true => as_json(&ruleset, &explained, &text, out),
            false => as_text(&explained, &text, out),
        }
        Ok(Exit::Clean)
    }
}

fn as_text(explained: &Explained<'_>, text: &str, out: &mut Output) {
    let mut lines = Lines::new(text);
    let mut place = None;
    for found in &explained.matches {
        if place != Some(found.span) {
            place = Some(found.span);
            let ((line, column), (end_line, end_column)) = (lines.place(found.span.start), lines.place(found.span.end));
            out.line(format_args!("{line}:{column}–{end_line}:{end_column}"));
        }
        let spec = &found.rule.spec;
        let inside = match found.inside {
            0 => String::new(),
            more => format!(" [and {more} shorter ones inside]"),
        };
        out.line(format_args!("  {} ({}){}: {}{inside}", spec.id, spec.kind, where_seen(found.origin), verdict(found)));
    }
    let reported = explained.matches.iter().filter(|m| m.end == Some(End::Reported)).count();
    out.line(format_args!("{} matches, {reported} reported", explained.matches.len()));
    if !explained.silent.is_empty() {
        let ids: Vec<_> = explained.silent.iter().map(|rule| rule.spec.id.as_str()).collect();
        out.line(format_args!("looked where their keywords or digits stand, and matched nothing: {}", ids.join(", ")));
    }
}

fn where_seen(origin: Origin) -> String {
    match origin {
        Origin::Raw | Origin::Folded => String::new(),
        Origin::Decoded(codec) => format!(", in what it says in {codec}"),
    }
}

/// What became of a match, in words.
fn verdict(found: &Explanation<'_>) -> String {
    let spec = &found.rule.spec;
    let validator = spec.validator.as_deref().unwrap_or_default();
    match &found.fate {
        Fate::Candidate { confidence, context } => {
            let mut reasons = Vec::new();
            if !validator.is_empty() {
                reasons.push(format!("`{validator}` accepts it"));
            }
            if *context {
                reasons.push("a context word stands near".to_owned());
            } else if !spec.context.is_empty() {
                reasons.push("no context word near".to_owned());
            }
            let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
            match &found.end {
                Some(End::Covered(other)) => {
                    format!("not reported: {} covers it; confidence {confidence}{reasons}", other.id)
                }
                _ => format!("REPORTED, confidence {confidence}{reasons}"),
            }
        }
        Fate::NoKeyword => "dropped: none of its keywords stands in it or shortly before it".to_owned(),
        Fate::FewDigits => format!("dropped: fewer than {} digits", spec.digits.unwrap_or_default()),
        Fate::LowEntropy(bits) => {
            format!("dropped: {bits:.2} bits of entropy a character, of {} needed", spec.entropy.unwrap_or_default())
        }
        Fate::Invalid => {
            format!("dropped: `{validator}` rejects it ({})", validate::describe(validator).unwrap_or_default())
        }
        Fate::NoContext => {
            let some: Vec<_> = spec.context.iter().take(SHOWN_WORDS).map(String::as_str).collect();
            let more = if spec.context.len() > SHOWN_WORDS { " …" } else { "" };
            format!("dropped: none of its context words near ({}{more})", some.join(", "))
        }
        Fate::BelowThreshold(least) => format!("dropped: below the threshold {least} that configuration sets"),
        Fate::Allowed(entry) => {
            let allow = &entry.spec;
            format!("allowed by `{}` ({}; {}; until {})", allow.id, allow.reason, allow.owner, allow.expires)
        }
    }
}

fn as_json(ruleset: &Ruleset, explained: &Explained<'_>, text: &str, out: &mut Output) {
    let mut lines = Lines::new(text);
    let rows: Vec<_> = explained
        .matches
        .iter()
        .map(|found| {
            let ((line, column), (end_line, end_column)) = (lines.place(found.span.start), lines.place(found.span.end));
            let view = match found.origin {
                Origin::Raw | Origin::Folded => "text",
                Origin::Decoded(codec) => codec,
            };
            let (fate, confidence, context) = match &found.fate {
                Fate::Candidate { confidence, context } => ("candidate", Some(*confidence), Some(*context)),
                Fate::NoKeyword => ("no_keyword", None, None),
                Fate::FewDigits => ("few_digits", None, None),
                Fate::LowEntropy(_) => ("low_entropy", None, None),
                Fate::Invalid => ("invalid", None, None),
                Fate::NoContext => ("no_context", None, None),
                Fate::BelowThreshold(_) => ("below_threshold", None, None),
                Fate::Allowed(_) => ("allowed", None, None),
            };
            let covered_by = match &found.end {
                Some(End::Covered(other)) => Some(&*other.id),
                _ => None,
            };
            json!({
                "rule": found.rule.spec.id, "kind": found.rule.spec.kind, "view": view,
                "line": line, "column": column, "end_line": end_line, "end_column": end_column,
                "fate": fate, "confidence": confidence, "context": context, "covered_by": covered_by,
                "inside": found.inside, "reported": found.end == Some(End::Reported), "why": verdict(found),
            })
        })
        .collect();
    let silent: Vec<_> = explained.silent.iter().map(|rule| &rule.spec.id).collect();
    out.json(&json!({ "ruleset": ruleset.hash(), "matches": rows, "silent": silent }));
}

/// Writes what the rule finds, how it decides, its examples and its sources.
fn in_words(rule: &Rule, out: &mut Output) {
    let spec = &rule.spec;
    out.line(format_args!("{} ({})", spec.id, spec.kind));
    out.line(format_args!("\n{}", spec.doc));
    out.line("\nHow it decides");
    if !spec.keywords.is_empty() {
        out.line(format_args!("  looks where one of these stands: {}", spec.keywords.join(", ")));
    }
    if let Some(digits) = spec.digits {
        out.line(format_args!("  looks where at least {digits} digits stand close together"));
    }
    if let Some(reason) = &spec.always {
        out.line(format_args!("  looks everywhere: {reason}"));
    }
    match spec.phrase.as_slice() {
        [] => out.line(format_args!("  pattern: {}", spec.regex)),
        classes => out.line(format_args!("  phrase:  {}", classes.join(" + "))),
    }
    if let Some(name) = &spec.validator {
        out.line(format_args!("  then checks `{name}`: {}", validate::describe(name).unwrap_or("")));
    }
    if let Some(entropy) = spec.entropy {
        out.line(format_args!("  needs at least {entropy} bits of entropy per character"));
    }
    out.line(format_args!(
        "  confidence {}{}",
        spec.confidence,
        if spec.validator.is_some() { ", unless the check says otherwise" } else { "" }
    ));
    if !spec.context.is_empty() {
        let effect = if spec.context_required { "only beside one of" } else { "more beside one of" };
        out.line(format_args!("  {effect}: {}", spec.context.join(", ")));
    }
    if spec.weight > 0 {
        out.line(format_args!("  adds weight {} of 100 to the injection score of its channel", spec.weight));
    } else {
        out.line(format_args!("  placeholders read [{}_…]", rule.info.word));
    }
    for (title, examples) in [("Finds", &spec.matches), ("Leaves alone", &spec.ignores)] {
        out.line(format_args!("\n{title}"));
        for example in examples {
            out.line(format_args!("  {example:?}"));
        }
    }
    if !spec.references.is_empty() {
        out.line("\nReferences");
        for reference in &spec.references {
            out.line(format_args!("  {reference}"));
        }
    }
    let line = rule.line.map(|line| format!(":{line}")).unwrap_or_default();
    out.line(format_args!("\nFrom {}{line}", rule.file));
}
