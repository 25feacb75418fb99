//! `sidewall check`: findings in files, as a linter reports them. Says where and what kind, never the text.

mod files;
mod sarif;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::output::Output;
use super::rules::{Source, load};
use super::{Exit, Failure};
use crate::cli::place::Lines;
use crate::detect::{Ruleset, Scope};
use crate::text::Phase;
use files::Unscanned;

/// Scan text like a linter: where it holds personal data, card numbers, secrets or prompt injections.
///
/// Prints one line a finding, `file:line:column: kind rule confidence`. Lines and columns count from 1, columns in
/// characters (Unicode code points). The text that was found is never printed.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing at or over the threshold · 1 findings · 2 usage or input error\n\n\
                        Examples:\n  sidewall check --threshold 80 prompts/\n  \
                        git diff --cached | sidewall check\n  sidewall check --format sarif src.txt > findings.sarif")]
pub(super) struct Check {
    /// Files to scan, and folders with all that is in them; none or `-`: standard input. Binary files are skipped, with a message.
    files: Vec<PathBuf>,
    /// How to write findings.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Confidence (0 to 100) from which on a finding is reported and the exit code is 1.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u8).range(0..=100))]
    threshold: u8,
    /// Report findings below the threshold too; they do not change the exit code.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// `file:line:column: kind rule confidence`
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning services.
    Sarif,
}

/// A finding and its place.
#[derive(Debug, Serialize)]
struct Row {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    kind: String,
    rule: String,
    confidence: u8,
}

/// A file that was not scanned, and why.
#[derive(Debug)]
struct Note {
    file: String,
    what: String,
    /// Nothing was missed.
    skipped: bool,
}

impl Note {
    fn new(file: String, why: Unscanned) -> Self {
        match why {
            Unscanned::Binary => Self { file, what: "skipped: it is binary".to_owned(), skipped: true },
            Unscanned::Unread(what) => Self { file, what, skipped: false },
        }
    }
}

impl Check {
    pub(super) fn run(mut self, out: &mut Output) -> Result<Exit, Failure> {
        let ruleset = load(&self.source.paths)?;
        if self.files.is_empty() {
            self.files.push("-".into());
        }
        let floor = if self.all { 0 } else { self.threshold };
        let format = if self.json { Format::Json } else { self.format };
        let (mut rows, mut notes) = (Vec::new(), Vec::new());
        let inputs = files::expand(&self.files);
        for (file, known) in &inputs {
            let name = file.display().to_string();
            let text = match known {
                Some(why) => Err(why.clone()),
                None => files::read(file),
            };
            match text {
                Ok(text) => {
                    let found = scan(&ruleset, &name, &text, floor);
                    if format == Format::Text {
                        for row in &found {
                            out.line(format_args!(
                                "{}:{}:{}: {} {} {}",
                                row.file, row.line, row.column, row.kind, row.rule, row.confidence
                            ));
                        }
                    }
                    rows.extend(found);
                }
                Err(why) => {
                    let note = Note::new(name, why);
                    out.error(format_args!("sidewall: {}: {}", note.file, note.what));
                    notes.push(note);
                }
            }
        }
        let unread = notes.iter().filter(|note| !note.skipped).count();
        match format {
            Format::Text => {}
            Format::Json => out.json(&json!({
                "ruleset": ruleset.hash(), "threshold": self.threshold, "scanned": inputs.len() - notes.len(),
                "skipped": notes.len() - unread, "unread": unread, "findings": rows,
            })),
            Format::Sarif => out.json(&sarif::log(&ruleset, &rows, self.threshold, &notes)),
        }
        if unread > 0 {
            return Err(Failure::new(format!("{unread} of {} inputs were not scanned", inputs.len())));
        }
        let found = rows.iter().any(|row| row.confidence >= self.threshold);
        Ok(if found { Exit::Found } else { Exit::Clean })
    }
}

/// The text of one file, or of standard input (`-`).
pub(super) fn read(file: &Path) -> Result<String, String> {
    files::read(file).map_err(|why| match why {
        Unscanned::Binary => "is binary".to_owned(),
        Unscanned::Unread(problem) => problem,
    })
}

fn scan(ruleset: &Ruleset, file: &str, text: &str, floor: u8) -> Vec<Row> {
    let findings = ruleset.scan_whole(Scope { phase: Phase::Request, injection: true }, text);
    let mut lines = Lines::new(text);
    findings
        .iter()
        .filter(|finding| finding.confidence >= floor)
        .map(|finding| {
            let (line, column) = lines.place(finding.span.start);
            let (end_line, end_column) = lines.place(finding.span.end);
            Row {
                file: file.to_owned(),
                line,
                column,
                end_line,
                end_column,
                kind: finding.rule.kind.to_string(),
                rule: finding.rule.id.to_string(),
                confidence: finding.confidence,
            }
        })
        .collect()
}
